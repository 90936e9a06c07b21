// Backend: an image on a server that answers Range requests (RFC 9110 section 14). Pieces of 128 KiB are
// kept, the least recently used go first; a sequential reader gets larger requests ahead of its need. A
// server that ignores Range is downloaded whole. Read-only.

import { DiskError, type BlockDevice } from './block-device.ts';
import { MemoryDevice } from './memory.ts';

const PIECE = 128 * 1024;
/** 64 MiB are kept. */
const MAX_PIECES = 512;
/** Pieces in one request: at first, and for a reader that goes straight on. */
const MAX_AHEAD = 16;
const ATTEMPTS = 3;
const RETRY_MS = 500;
/** Largest image that is downloaded whole. */
const MAX_WHOLE = 512 * 1024 * 1024;

type Fetch = (url: string, init: { headers: Record<string, string> }) => Promise<Response>;

async function cancel(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}

/** Opens the image at `url`; rejects with a DiskError that says what the server did. */
export async function openHttp(url: string, fetcher: Fetch = fetch): Promise<BlockDevice> {
  let response: Response;
  try {
    response = await fetcher(url, { headers: { Range: 'bytes=0-0' } });
  } catch (cause) {
    throw new DiskError(`${url} could not be reached`, { cause });
  }
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (response.status === 206 && total !== undefined) {
    await cancel(response);
    return new HttpRangeDevice(url, Number(total), response.headers.get('etag'), fetcher);
  }
  if (response.status !== 200) {
    await cancel(response);
    throw new DiskError(`${url} could not be loaded: the server answered ${response.status}`);
  }
  if (Number(response.headers.get('content-length') ?? 0) > MAX_WHOLE) {
    await cancel(response);
    throw new DiskError(`the server of ${url} does not answer range requests, and the image is too large to load whole`);
  }
  return new MemoryDevice(new Uint8Array(await response.arrayBuffer()));
}

export class HttpRangeDevice implements BlockDevice {
  readonly readOnly = true;
  /** Insertion order is order of use. */
  private readonly pieces = new Map<number, Uint8Array>();
  private readonly loading = new Map<number, Promise<void>>();
  private nextExpected = -1;
  private ahead = 1;
  /** Bytes fetched so far. */
  fetchedBytes = 0;

  constructor(private readonly url: string, readonly sizeBytes: number, private readonly etag: string | null,
    private readonly fetcher: Fetch = fetch) {}

  async read(offset: number, into: Uint8Array): Promise<void> {
    const first = Math.floor(offset / PIECE);
    const last = Math.floor((offset + into.length - 1) / PIECE);
    this.ahead = offset === this.nextExpected ? Math.min(MAX_AHEAD, this.ahead * 2) : 1;
    this.nextExpected = offset + into.length;
    for (let piece = first; piece <= last; piece++) {
      const data = await this.piece(piece, Math.max(this.ahead, last - piece + 1));
      const from = Math.max(offset, piece * PIECE);
      const to = Math.min(offset + into.length, piece * PIECE + data.length);
      into.set(data.subarray(from - piece * PIECE, to - piece * PIECE), from - offset);
    }
    // The next stretch comes while the guest works on this one; its failure shows when it is wanted.
    if (this.ahead > 1 && !this.has(last + 1)) this.load(last + 1, this.ahead).catch(() => {});
  }

  private has(piece: number): boolean {
    return this.pieces.has(piece) || this.loading.has(piece) || piece * PIECE >= this.sizeBytes;
  }

  private async piece(piece: number, wanted: number): Promise<Uint8Array> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const data = this.pieces.get(piece);
      if (data !== undefined) {
        this.pieces.delete(piece);
        this.pieces.set(piece, data);
        return data;
      }
      await (this.loading.get(piece) ?? this.load(piece, wanted));
    }
    throw new DiskError(`${this.url} could not be read`);
  }

  /** Fetches up to `wanted` pieces from `first` on that are not here. */
  private load(first: number, wanted: number): Promise<void> {
    let count = 1;
    while (count < Math.min(wanted, MAX_AHEAD) && !this.has(first + count)) count++;
    const start = first * PIECE;
    const end = Math.min(this.sizeBytes, start + count * PIECE);
    const done = this.fetchRange(start, end).then((bytes) => {
      for (let n = 0; n < count; n++) this.keep(first + n, bytes.slice(n * PIECE, (n + 1) * PIECE));
    }).finally(() => {
      for (let n = 0; n < count; n++) this.loading.delete(first + n);
    });
    for (let n = 0; n < count; n++) this.loading.set(first + n, done);
    return done;
  }

  private keep(piece: number, data: Uint8Array): void {
    this.pieces.set(piece, data);
    for (const oldest of this.pieces.keys()) {
      if (this.pieces.size <= MAX_PIECES) break;
      this.pieces.delete(oldest);
    }
  }

  private async fetchRange(start: number, end: number): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.fetchOnce(start, end);
      } catch (cause) {
        if (cause instanceof DiskError || attempt === ATTEMPTS) {
          throw cause instanceof DiskError ? cause
            : new DiskError(`${this.url} could not be read (${(cause as Error).message})`, { cause });
        }
        await new Promise((resolve) => { setTimeout(resolve, RETRY_MS * attempt); });
      }
    }
  }

  private async fetchOnce(start: number, end: number): Promise<Uint8Array> {
    // Not called as a method: a page's fetch wants its global as `this`.
    const { fetcher } = this;
    const response = await fetcher(this.url, { headers: { Range: `bytes=${start}-${end - 1}` } });
    if (response.status !== 206) {
      await cancel(response);
      // Servers under load answer 5xx for a while; other answers do not change.
      const say = `the server of ${this.url} answered ${response.status}`;
      throw response.status >= 500 ? new Error(say) : new DiskError(say);
    }
    if (this.etag !== null && response.headers.get('etag') !== this.etag) {
      await cancel(response);
      throw new DiskError(`${this.url} has changed on the server`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    this.fetchedBytes += bytes.length;
    if (bytes.length !== end - start) throw new Error(`${bytes.length} of ${end - start} bytes arrived`);
    return bytes;
  }

  async write(): Promise<void> {
    throw new DiskError('an image on a server cannot be written');
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {
    this.pieces.clear();
  }
}
