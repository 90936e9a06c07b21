// Bytes from a server, for images by address: what may pass (a broken network, 5xx, 429, a stalled transfer)
// is tried again with growing pauses for a while, and told each time; everything else is a DiskError at once.
// The time is shorter than the 30 s after which Linux's ATA driver gives a command up, so that the guest sees
// the device's error and not a dead drive.

import { DiskError } from './block-device.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** Told before each new attempt. */
export type OnRetry = (message: string) => void;

export interface Fetching {
  fetcher?: Fetch | undefined;
  onRetry?: OnRetry | undefined;
  /** Pauses between attempts, ms; tests shorten them. */
  pausesMs?: readonly number[] | undefined;
  /** A transfer that brings nothing for so long is given up. */
  stallMs?: number | undefined;
}

const PAUSES_MS = [250, 500, 1000, 2000, 4000, 6000] as const;
const STALL_MS = 8000;
/** No new attempt after this time. */
const GIVE_UP_MS = 20_000;

/** A failure that may pass. */
export class PassingError extends Error {}

declare const location: { origin?: string } | undefined;
declare const navigator: { onLine?: boolean } | undefined;

/** Why a request brought no answer at all, as far as a page is told. */
function unreachable(url: string): string {
  if (typeof navigator !== 'undefined' && navigator.onLine === false) return 'this computer is offline';
  const ours = typeof location === 'undefined' ? undefined : location.origin;
  const foreign = ours !== undefined && new URL(url).origin !== ours;
  return foreign ? 'its server cannot be reached, or does not allow this page to read it (CORS)'
    : 'its server cannot be reached';
}

/** The answer's body. A transfer that stalls or breaks off is a PassingError. */
async function bodyOf(response: Response, alive: () => void): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    parts.push(part.value);
    bytes += part.value.length;
    alive();
  }
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export interface Answer { response: Response; bytes: Uint8Array }

/** One attempt at a URL. `check` refuses an answer before its body is read, by throwing. */
export async function fetchAttempt(url: string, init: RequestInit, { fetcher, stallMs = STALL_MS }: Fetching,
  check: (response: Response) => void): Promise<Answer> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), stallMs);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), stallMs);
  };
  try {
    // Not called as a method: a page's fetch wants its global as `this`.
    const get = fetcher ?? fetch;
    const response = await get(url, { ...init, signal: abort.signal });
    alive();
    try {
      if (response.status >= 500 || response.status === 429 || response.status === 408) {
        throw new PassingError(`the server answered ${response.status}`);
      }
      check(response);
    } catch (error) {
      await response.body?.cancel().catch(() => {});
      throw error;
    }
    return { response, bytes: await bodyOf(response, alive) };
  } catch (cause) {
    if (cause instanceof DiskError || cause instanceof PassingError) throw cause;
    throw new PassingError(abort.signal.aborted ? 'the transfer stalled' : unreachable(url), { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Repeats what fails with a PassingError; `what` names it in the DiskError at the end. */
export async function retrying<T>(what: string, options: Fetching, closed: () => boolean,
  action: (attempt: number) => Promise<T>): Promise<T> {
  const pauses = options.pausesMs ?? PAUSES_MS;
  const start = performance.now();
  for (let n = 0; ; n++) {
    try {
      return await action(n);
    } catch (cause) {
      if (!(cause instanceof PassingError)) throw cause;
      const pause = pauses[n];
      const over = pause === undefined || closed() || performance.now() - start + pause > GIVE_UP_MS;
      if (over) throw new DiskError(`${what} could not be loaded: ${cause.message}`, { cause });
      options.onRetry?.(`${what} is tried again: ${cause.message}`);
      await new Promise((resolve) => { setTimeout(resolve, pause); });
    }
  }
}

/** Fetches with all attempts. */
export function fetchBytes(what: string, url: string, init: RequestInit, options: Fetching,
  check: (response: Response) => void, closed: () => boolean = () => false): Promise<Answer> {
  return retrying(what, options, closed, (n) => fetchAttempt(url, again(init, n), options, check));
}

/** The first attempt only: for the opening of an image, whose failure the user sees at once. */
export async function fetchOnce(what: string, url: string, init: RequestInit, options: Fetching,
  check: (response: Response) => void): Promise<Answer> {
  try {
    return await fetchAttempt(url, init, options, check);
  } catch (cause) {
    if (cause instanceof PassingError) throw new DiskError(`${what} could not be loaded: ${cause.message}`, { cause });
    throw cause;
  }
}

/** A repeated request passes by the browser's cache, which may hold what was damaged. */
export function again(init: RequestInit, attemptNumber: number): RequestInit {
  // Node's types do not know it.
  const fresh: RequestInit & { cache: 'reload' } = { ...init, cache: 'reload' };
  return attemptNumber === 0 || 'cache' in init ? init : fresh;
}
