// Files of a machine, wherever they come from: bytes, a Blob or File, or an address. Node also takes paths
// (node.ts).

import type { NamedBytes } from '../emu/config.ts';
import type { DiskSource } from '../emu/disk/block-device.ts';
import { abortError, SkepError } from '../emu/errors.ts';

/** A file: its bytes, a File or Blob, or a URL (in Node also a path). */
export type FileSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** Download progress of one file; `total` is 0 while the size is unknown. */
export interface Progress { name: string; loaded: number; total: number }

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

export type Reader = (source: FileSource, options: ReadOptions) => Promise<NamedBytes>;

/** An image for a drive, opened later and piece by piece; everything that needs no file system. */
export function imageSource(source: FileSource): { name: string; source: DiskSource } {
  if (source instanceof Uint8Array) return { name: 'of the given bytes',
    source: { kind: 'bytes', bytes: source } };
  if (source instanceof ArrayBuffer) return imageSource(new Uint8Array(source));
  if (source instanceof Blob) {
    const name = (source as { name?: unknown }).name;
    return { name: typeof name === 'string' ? name : 'of the given file',
      source: { kind: 'blob', blob: source } };
  }
  return { name: imageName(String(source)), source: { kind: 'url', url: String(source) } };
}
export type ImageOpener = typeof imageSource;

/** An index is called like its folder, too: most are called the same. */
function imageName(address: string): string {
  const name = lastSegment(address);
  const parent = decodeURIComponent(address.split(/[?#]/)[0]?.split('/').at(-2) ?? '');
  return /\.json$/.test(name) && parent !== '' ? `${parent}/${name}` : name;
}

function lastSegment(address: string): string {
  return decodeURIComponent(address.split(/[?#]/)[0]?.split('/').pop() ?? '') || address;
}

/** Reads everything that needs no file system. */
export async function readSource(source: FileSource, options: ReadOptions): Promise<NamedBytes> {
  if (options.signal?.aborted === true) throw abortError(options.signal);
  if (source instanceof Uint8Array) return { name: 'the given bytes', bytes: source };
  if (source instanceof ArrayBuffer) return { name: 'the given bytes', bytes: new Uint8Array(source) };
  if (source instanceof Blob) {
    const name = (source as { name?: unknown }).name;
    return { name: typeof name === 'string' ? name : 'the given file',
      bytes: new Uint8Array(await source.arrayBuffer()) };
  }
  return download(String(source), options);
}

/** Room for a file whose size is not known. */
const LEAST_ROOM = 1 << 20;

/** The same bytes with room for at least `least`. */
function grown(bytes: Uint8Array<ArrayBuffer>, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(least, 2 * bytes.length));
  larger.set(bytes);
  return larger;
}

async function download(address: string, { signal, onProgress }: ReadOptions): Promise<NamedBytes> {
  const name = lastSegment(address);
  const check = 'Check the address, and that its server allows other sites to read it (CORS).';
  let response: Response;
  try {
    response = await fetch(address, { signal: signal ?? null });
  } catch (cause) {
    if (signal?.aborted === true) throw abortError(signal);
    throw new SkepError('download-failed', `${address} could not be loaded.`, check, { cause });
  }
  if (!response.ok) {
    throw new SkepError(response.status === 404 ? 'file-missing' : 'download-failed',
      `${address} could not be loaded: the server answered ${response.status}.`, check);
  }
  // A compressed transfer counts other bytes than those that arrive here.
  const coded = response.headers.get('content-encoding') !== null;
  const total = coded ? 0 : Number(response.headers.get('content-length') ?? 0);
  let bytes = new Uint8Array(total === 0 ? LEAST_ROOM : total);
  let loaded = 0;
  onProgress?.({ name, loaded, total });
  try {
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
      if (loaded + part.value.length > bytes.length) bytes = grown(bytes, loaded + part.value.length);
      bytes.set(part.value, loaded);
      loaded += part.value.length;
      onProgress?.({ name, loaded, total });
    }
  } catch (cause) {
    if (signal?.aborted === true) throw abortError(signal);
    throw new SkepError('download-failed', `The download of ${name} broke off after ${loaded} bytes.`,
      'Try again.', { cause });
  }
  if (total !== 0 && loaded < total) {
    throw new SkepError('download-failed', `Only ${loaded} of ${total} bytes of ${name} arrived.`,
      'Try again.');
  }
  return { name, bytes: bytes.subarray(0, loaded) };
}
