// The part of bench/chromium.ts that runs in the page.

import { Skep } from '../src/api/index.ts';
import { capture, type BenchRun, type Captured } from './suite.ts';

/** Files of the run are addresses below the server's root, which is the project. */
export async function runBench({ smp, memory, append, kernel, initrd, options =
  0 }: BenchRun): Promise<Captured> {
  const address = (file: string): URL => new URL(`/${file.replace(/^public\//, '')}`, location.href);
  const modules = initrd === undefined ? {} : { initrd: address(initrd) };
  return capture(await Skep.create({ smp, memory, append, kernel: address(kernel), options, ...modules }));
}
