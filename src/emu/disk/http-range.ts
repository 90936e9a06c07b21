// Backend: an image on a server that answers Range requests (RFC 9110 section 14). Pieces of 128 KiB are
// kept, the least recently used go first; a sequential reader gets larger requests ahead of its need. A
// server that ignores Range is downloaded whole. Read-only.

import { DiskError, failedBehind, type BlockDevice, type Download } from './block-device.ts';
import { fetchBytes, fetchOnce, type Answer, type Fetching } from './fetching.ts';
import { digest } from './identity.ts';
import { MemoryDevice } from './memory.ts';

const PIECE = 128 * 1024;
/** 64 MiB are kept. */
const MAX_PIECES = 512;
/** Pieces in one request: at first, and for a reader that goes straight on. */
const MAX_AHEAD = 16;
/** Largest image that is downloaded whole. */
const MAX_WHOLE = 512 * 1024 * 1024;

/**
 * Past the browser's cache: what it has put together of parts of an older image it gives with that image's
 * version, and requests for one address wait for each other in it.
 */
function rangeRequest(first: number, last: number): RequestInit & { cache: 'no-store' } {
  return { headers: { Range: `bytes=${first}-${last}` }, cache: 'no-store' };
}

function totalOf(response: Response): number | undefined {
  const text = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  return text === undefined ? undefined : Number(text);
}

/** A page sees Content-Range of another site only where the site exposes it, but Content-Length always. */
async function sizeByHead(url: string, options: Fetching): Promise<number> {
  const { response } = await fetchOnce(url, url, { method: 'HEAD' }, options, () => {});
  const bytes = Number(response.headers.get('content-length') ?? NaN);
  if (response.ok && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new DiskError(`the server of ${url} does not tell how large the image is: it must send Content-Range, `
    + 'and to other sites Access-Control-Expose-Headers: Content-Range');
}

function refuse(url: string, response: Response): void {
  if (response.status === 206) return;
  if (response.status !== 200) throw new DiskError(`${url} could not be loaded: the server answered ${response.status}`);
  if (Number(response.headers.get('content-length') ?? 0) > MAX_WHOLE) {
    throw new DiskError(`the server of ${url} does not answer Range requests, and the image is too large to load whole`);
  }
}

/** Opens the image at `url`; rejects with a DiskError that says what the server did. */
export async function openHttp(url: string, options: Fetching = {}): Promise<BlockDevice> {
  const { response, bytes } = await fetchOnce(url, url, rangeRequest(0, 0), options,
    (answer) => refuse(url, answer));
  if (response.status === 200) return new MemoryDevice(bytes);
  const size = totalOf(response) ?? await sizeByHead(url, options);
  const version = response.headers.get('etag') ?? response.headers.get('last-modified');
  return new HttpRangeDevice(url, size, version, options);
}

export class HttpRangeDevice implements BlockDevice {
  readonly readOnly = true;
  /** Insertion order is order of use. */
  private readonly pieces = new Map<number, Uint8Array>();
  private readonly loading = new Map<number, Promise<void>>();
  private nextExpected = -1;
  private ahead = 1;
  readonly download: Download;
  private closed = false;

  /** `version`: ETag or Last-Modified. */
  constructor(private readonly url: string, readonly sizeBytes: number,
    private readonly version: string | null,
    private readonly options: Fetching = {}) {
    this.download = { bytes: 0, total: sizeBytes };
  }

  async identity(): Promise<string> {
    return this.version === null ? digest(this) : `version ${this.version}`;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const first = Math.floor(offset / PIECE);
    const last = Math.floor((offset + into.length - 1) / PIECE);
    this.ahead = offset === this.nextExpected ? Math.min(MAX_AHEAD, this.ahead * 2) : 1;
    this.nextExpected = offset + into.length;
    for (let piece = first; piece <= last; piece++) {
      const from = Math.max(offset, piece * PIECE);
      let data: Uint8Array;
      try {
        data = await this.piece(piece, Math.max(this.ahead, last - piece + 1));
      } catch (error) {
        throw failedBehind(from - offset, error);
      }
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
    const { url } = this;
    const { response, bytes } =
      await fetchBytes(url, url, rangeRequest(start, end - 1), this.options,
      (answer) => this.check(answer), () => this.closed);
    this.download.bytes += bytes.length;
    this.checkSize({ response, bytes }, end - start);
    return bytes;
  }

  private check(response: Response): void {
    const { url } = this;
    const version = response.headers.get('etag') ?? response.headers.get('last-modified');
    if (response.status === 416 || (response.ok && version !== this.version)) {
      throw new DiskError(`${url} has changed on the server since the machine started`);
    }
    if (response.status === 200) throw new DiskError(`the server of ${url} has stopped answering Range requests`);
    if (response.status !== 206) throw new DiskError(`${url} could not be read: the server answered ${response.status}`);
  }

  private checkSize({ response, bytes }: Answer, wanted: number): void {
    const total = totalOf(response);
    if (total !== undefined && total !== this.sizeBytes) {
      throw new DiskError(`${this.url} has changed on the server: ${total} bytes instead of ${this.sizeBytes}`);
    }
    if (bytes.length !== wanted) {
      throw new DiskError(`the server of ${this.url} sent ${bytes.length} bytes where ${wanted} were asked for`);
    }
  }

  async write(): Promise<void> {
    throw new DiskError('an image on a server cannot be written');
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {
    this.closed = true;
    this.pieces.clear();
  }
}
