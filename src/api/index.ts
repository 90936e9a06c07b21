// The package's entry in a page.

import { browserPlatform } from '../emu/platform-browser.ts';
import { setHost } from './skep.ts';
import { imageSource, readSource } from './source.ts';

declare const location: { href: string };

setHost({ platform: browserPlatform, read: (source, options) => readSource(absolute(source), options),
  image: (source) => imageSource(absolute(source)), guestBase: () => new URL('guest/', location.href) });

function absolute<Source>(source: Source): Source | URL {
  return typeof source === 'string' ? new URL(source, location.href) : source;
}

export { keptDisks, type KeptDisk } from './kept.ts';
export { checkBrowser } from '../emu/platform-browser.ts';
export * from './public.ts';
