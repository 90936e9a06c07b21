// Backend: a disk image cut into compressed chunks on any static server or in a folder (docs/guests.md,
// written by tools/guest/image-chunks.ts). Chunks are named by a hash of their stored bytes, which is
// checked: a damaged or changed chunk is a DiskError, never wrong data. A sequential reader gets chunks ahead
// of its need, and so does a boot that goes the way which the index has recorded. Read-only.

import { DiskError, failedBehind, type BlockDevice, type Download } from './block-device.ts';
import { again, fetchAttempt, type Fetching, PassingError, retrying } from './fetching.ts';
import { sha256 } from './identity.ts';

/** The index file. `chunks` has one entry per chunk of the image: '' = zeros, else a name under `folder`. */
export interface ChunkIndex {
  format: 'skep-chunks-1';
  /** Size of the disk; a multiple of 512. */
  bytes: number;
  chunkBytes: number;
  /** RFC 1951: every browser, and Node, unpack it by themselves. */
  codec: 'deflate-raw';
  folder: string;
  /** The first 128 bits of the SHA-256 of the stored bytes, hexadecimal. */
  chunks: string[];
  /** Stored size of each chunk, in the same order; 0 for zeros. */
  sizes: number[];
  /** Numbers of the chunks that a boot reads, in its order. */
  boot?: number[];
}

/** Fetches a file by its path relative to the index; a PassingError is tried again, by higher numbers. */
export type LoadFile = (path: string, attempt: number) => Promise<Uint8Array>;

/** 64 MiB of unpacked chunks of 256 KiB are kept, and 32 MiB that have come ahead of their need. */
const KEPT_BYTES = 64 << 20;
const AHEAD_BYTES = 32 << 20;
/** Chunks that are fetched at once ahead of a sequential reader, and of a boot. */
const AHEAD = 4;
const BOOT_PARALLEL = 4;
/** Damaged bytes are asked for again once: the next copy may come from another cache. */
const DAMAGED_ATTEMPTS = 2;
const MAX_CHUNK_BYTES = 16 << 20;
const NAME = /^[0-9a-f]{32}$/;

/** Opens the image whose index is at `indexPath`; `load` gets paths relative to the index's folder. */
export async function openChunked(indexPath: string, load: LoadFile,
  options: Fetching = {}): Promise<ChunkedDevice> {
  const bytes = await load(indexPath, 0).catch((cause: unknown) => {
    const why = (cause as Error).message;
    throw new DiskError(`${indexPath}, the index of a disk image, could not be loaded: ${why}`, { cause });
  });
  return new ChunkedDevice(parseIndex(new TextDecoder().decode(bytes), indexPath), load, options);
}

/** Opens an index by its address. */
export function openChunkedUrl(url: string, options: Fetching = {}): Promise<ChunkedDevice> {
  const check = (response: Response): void => {
    if (!response.ok) throw new DiskError(`the server answered ${response.status}`);
  };
  return openChunked(url, async (path, attempt) =>
    (await fetchAttempt(new URL(path, url).href, again({}, attempt), options, check)).bytes, options);
}

export function parseIndex(text: string, name: string): ChunkIndex {
  let index: ChunkIndex;
  try {
    index = JSON.parse(text) as ChunkIndex;
  } catch (cause) {
    throw new DiskError(`${name} is not the index of a disk image`, { cause });
  }
  if (index?.format !== 'skep-chunks-1' || index.codec !== 'deflate-raw') {
    throw new DiskError(`${name} is not the index of a disk image that this version reads`);
  }
  const { bytes, chunkBytes, chunks, sizes } = index;
  const whole = Number.isSafeInteger(bytes) && bytes > 0 && bytes % 512 === 0
    && Number.isInteger(chunkBytes) && chunkBytes >= 512 && chunkBytes <= MAX_CHUNK_BYTES
    && typeof index.folder === 'string' && Array.isArray(chunks) && Array.isArray(sizes)
    && chunks.length === Math.ceil(bytes / chunkBytes) && sizes.length === chunks.length
    && chunks.every((chunk) => chunk === '' || NAME.test(chunk));
  if (!whole) throw new DiskError(`${name}, the index of a disk image, is damaged`);
  return index;
}

async function inflateRaw(stored: Uint8Array, size: number): Promise<Uint8Array> {
  const stream = new Blob([stored as Uint8Array<ArrayBuffer>]).stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  const out = new Uint8Array(await new Response(stream).arrayBuffer());
  if (out.length !== size) throw new Error(`${out.length} bytes instead of ${size}`);
  return out;
}

async function hashName(stored: Uint8Array): Promise<string> {
  return (await sha256(stored)).slice(0, 32);
}

export class ChunkedDevice implements BlockDevice {
  readonly readOnly = true;
  readonly sizeBytes: number;
  readonly download: Download;
  /** Stored bytes of the chunks that were really read, out of those that were fetched. */
  usedBytes = 0;
  /** Numbers of the chunks read so far, in order of their first use: what `boot` of an index is made from. */
  readonly used = new Set<number>();

  /** Unpacked; insertion order is order of use. */
  private readonly kept = new Map<number, Uint8Array>();
  /** Stored bytes on their way, or here before their need. */
  private readonly ahead = new Map<number, Promise<Uint8Array>>();
  private aheadBytes = 0;
  private nextExpected = -1;
  private bootPosition = 0;
  private bootRunning = 0;
  private closed = false;

  constructor(private readonly index: ChunkIndex, private readonly load: LoadFile,
    private readonly options: Fetching = {}) {
    this.sizeBytes = index.bytes;
    const stored = new Map(index.chunks.map((name, number) => [name, index.sizes[number] ?? 0]));
    this.download = { bytes: 0, total: [...stored.values()].reduce((sum, bytes) => sum + bytes, 0) };
  }

  /** The chunks' names are hashes of their contents. */
  async identity(): Promise<string> {
    return `chunks ${await sha256(new TextEncoder().encode(this.index.chunks.join()))}`;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const { chunkBytes } = this.index;
    this.followBoot();
    const sequential = offset === this.nextExpected;
    this.nextExpected = offset + into.length;
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const number = Math.floor(at / chunkBytes);
      const within = at - number * chunkBytes;
      const length = Math.min(chunkBytes - within, into.length - done);
      const part = into.subarray(done, done + length);
      let data: Uint8Array | undefined;
      try {
        data = await this.chunk(number);
      } catch (error) {
        throw failedBehind(done, error);
      }
      if (data === undefined) part.fill(0);
      else part.set(data.subarray(within, within + length));
      done += length;
    }
    if (sequential) this.followReader(Math.floor(this.nextExpected / chunkBytes));
  }

  /** The unpacked chunk; undefined = zeros. */
  private async chunk(number: number): Promise<Uint8Array | undefined> {
    const { chunks, sizes, chunkBytes, bytes } = this.index;
    const name = chunks[number] ?? '';
    if (name === '') return undefined;
    let data = this.kept.get(number);
    if (data === undefined) {
      const stored = await this.take(number);
      if (!this.used.has(number)) {
        this.used.add(number);
        this.usedBytes += sizes[number] ?? 0;
      }
      try {
        data = await inflateRaw(stored, Math.min(chunkBytes, bytes - number * chunkBytes));
      } catch (cause) {
        throw new DiskError(`chunk ${name} of the disk image cannot be unpacked`, { cause });
      }
    }
    this.keep(number, data);
    return data;
  }

  private keep(number: number, data: Uint8Array): void {
    this.kept.delete(number);
    this.kept.set(number, data);
    const most = Math.max(2, Math.floor(KEPT_BYTES / this.index.chunkBytes));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= most) break;
      this.kept.delete(oldest);
    }
  }

  /** The stored bytes of a chunk that is needed now. */
  private async take(number: number): Promise<Uint8Array> {
    const early = this.ahead.get(number);
    if (early !== undefined) {
      this.forget(number);
      // What failed ahead of its need gets its attempts again.
      const stored = await early.catch(() => undefined);
      if (stored !== undefined) return stored;
    }
    return this.fetchChunk(number);
  }

  private forget(number: number): void {
    if (this.ahead.delete(number)) this.aheadBytes -= this.index.sizes[number] ?? 0;
  }

  /** Fetches ahead; undefined where there is nothing to fetch. Never rejects. */
  private fetchAhead(number: number): Promise<unknown> | undefined {
    const name = this.index.chunks[number] ?? '';
    const known = this.kept.has(number) || this.ahead.has(number) || this.used.has(number);
    if (name === '' || known) return undefined;
    const fetching = this.fetchChunk(number);
    this.ahead.set(number, fetching);
    this.aheadBytes += this.index.sizes[number] ?? 0;
    return fetching.catch(() => this.forget(number));
  }

  private followReader(next: number): void {
    for (let number = next; number < next + AHEAD && this.aheadBytes < AHEAD_BYTES; number++) {
      void this.fetchAhead(number);
    }
  }

  /** Keeps some chunks of the recorded boot on their way. */
  private followBoot(): void {
    const boot = this.index.boot ?? [];
    while (!this.closed && this.bootRunning < BOOT_PARALLEL && this.bootPosition < boot.length
      && this.aheadBytes < AHEAD_BYTES) {
      const fetching = this.fetchAhead(boot[this.bootPosition++] ?? -1);
      if (fetching === undefined) continue;
      this.bootRunning++;
      void fetching.then(() => {
        this.bootRunning--;
        this.followBoot();
      });
    }
  }

  private fetchChunk(number: number): Promise<Uint8Array> {
    const name = this.index.chunks[number] ?? '';
    const path = `${this.index.folder}/${name}`;
    return retrying(`chunk ${name} of the disk image`, this.options, () => this.closed, async (attempt) => {
      const stored = await this.load(path, attempt).catch((cause: unknown) => {
        if (cause instanceof PassingError) throw cause;
        const why = (cause as Error).message;
        throw new DiskError(`chunk ${name} of the disk image could not be loaded: ${why}`, { cause });
      });
      this.download.bytes += stored.length;
      if (await hashName(stored) === name) return stored;
      const damaged = 'its bytes do not match its name, so it is damaged';
      if (attempt + 1 < DAMAGED_ATTEMPTS) throw new PassingError(damaged);
      throw new DiskError(`chunk ${name} of the disk image could not be used: ${damaged}`);
    });
  }

  async write(): Promise<void> {
    throw new DiskError('a chunked image cannot be written');
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {
    this.closed = true;
    this.kept.clear();
    this.ahead.clear();
  }
}
