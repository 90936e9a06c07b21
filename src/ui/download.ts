// Loads kernel and initrd: from an address with progress in bytes, or from a file that the user chose.

import { isWebPage, notFetched, notReached } from './messages.ts';

/** loaded and total in bytes; total is 0 while unknown. */
export type OnProgress = (loaded: number, total: number) => void;

export interface DownloadOptions {
  /** What it is, for messages: "kernel". */
  what: string;
  /** Size if known beforehand: servers that compress do not tell the real one. */
  expectedBytes?: number;
  onProgress?: OnProgress;
  signal?: AbortSignal;
  fetch?: typeof fetch;
}

async function open(address: string, options: DownloadOptions): Promise<Response> {
  const { what, signal } = options;
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(address, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw notReached(what, address);
  }
  if (!response.ok) throw notFetched(what, address, response.status);
  // Servers of single-page applications answer every address with their page.
  if ((response.headers.get('content-type') ?? '').startsWith('text/html')) throw isWebPage(what, address);
  return response;
}

function totalOf(response: Response, expected: number | undefined): number {
  if (expected !== undefined) return expected;
  if (response.headers.has('content-encoding')) return 0;
  return Number(response.headers.get('content-length') ?? 0);
}

/** Throws PageError with the address and the reason. */
export async function download(address: string, options: DownloadOptions): Promise<Uint8Array> {
  const response = await open(address, options);
  const total = totalOf(response, options.expectedBytes);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  options.onProgress?.(0, total);
  try {
    if (response.body === null) throw new TypeError('empty answer');
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      options.onProgress?.(loaded, Math.max(total, loaded));
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw notReached(options.what, address);
  }
  options.onProgress?.(loaded, loaded);
  const whole = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
