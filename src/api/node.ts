// The package's entry in Node: files by path, threads by worker_threads.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodePlatform } from '../emu/platform-node.ts';
import { abortError, SkepError } from './../emu/errors.ts';
import type { NamedBytes } from '../emu/config.ts';
import { setHost } from './skep.ts';
import { imageSource, readSource, type FileSource, type ImageOpener, type ReadOptions } from './source.ts';

async function readPath(path: string, options: ReadOptions): Promise<NamedBytes> {
  if (options.signal?.aborted === true) throw abortError(options.signal);
  try {
    const bytes = await readFile(path, { signal: options.signal });
    return { name: basename(path), bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof Error && cause.name === 'AbortError'
      && options.signal) throw abortError(options.signal);
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder'
      : `cannot be read (${code})`;
    throw new SkepError('file-missing', `The file ${path} ${why}.`, 'Check the path.', { cause });
  }
}

/** The path that a source names, undefined when it is something else. */
function pathOf(source: FileSource): string | undefined {
  if (typeof source === 'string' && !/^(https?|data|blob):/.test(source)) {
    return source.startsWith('file:') ? fileURLToPath(source) : source;
  }
  return source instanceof URL && source.protocol === 'file:' ? fileURLToPath(source) : undefined;
}

function read(source: FileSource, options: ReadOptions): Promise<NamedBytes> {
  const path = pathOf(source);
  return path === undefined ? readSource(source, options) : readPath(path, options);
}

const image: ImageOpener = (source) => {
  const path = pathOf(source);
  return path === undefined ? imageSource(source)
    : { name: path, source: { kind: 'path', path: resolve(path) } };
};

/** The package's root: the nearest folder above this module with a package.json. */
export function packageRoot(): URL {
  let folder = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) {
    const parent = new URL('../', folder);
    if (parent.href === folder.href) return pathToFileURL(`${process.cwd()}/`);
    folder = parent;
  }
  return folder;
}

setHost({ platform: nodePlatform, read, image, keepInFiles: true, guestBase: () =>
  new URL('public/guest/', packageRoot()) });

export * from './public.ts';
