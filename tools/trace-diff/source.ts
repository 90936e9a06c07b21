// A trace as a queue of records with look-ahead, fed by a stream of bytes (file, pipe, gzip). It drops what
// the two sides repeat differently: an instruction that was announced twice (QEMU logs a block that it leaves
// again before it begins, for an interrupt), and the further iterations of a string instruction with REP.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RAX, RCX, RDI, RFLAGS, RIP, RSI, type TraceParser, type TraceRecord } from './record.ts';

const COMPACT_AT = 1 << 16;

/**
 * True where `next` is the instruction of `previous` once more: nothing happened, or one iteration of REP.
 */
export function isRepetition(previous: TraceRecord, next: TraceRecord): boolean {
  const [a, b] = [previous.values, next.values];
  if (a[2 * RIP] !== b[2 * RIP] || a[2 * RIP + 1] !== b[2 * RIP + 1]) return false;
  let counted = false;
  let same = true;
  for (let half = 2; half < a.length; half++) {
    if (a[half] === b[half]) continue;
    same = false;
    const register = half >> 1;
    if (register === RCX) counted = true;
    else if (register !== RSI && register !== RDI && register !== RAX && register !== RFLAGS) return false;
  }
  return same || counted;
}

export class TraceSource {
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #parser: TraceParser;
  readonly #wanted: (record: TraceRecord) => boolean;
  #records: TraceRecord[] = [];
  #head = 0;
  #last: TraceRecord | undefined;
  #ended = false;
  /** Records read so far, for progress. */
  seen = 0;

  /** `wanted`: which records belong to the comparison at all (a range of addresses). */
  constructor(name: string, chunks: AsyncIterable<Uint8Array>, parser: TraceParser,
    wanted: (record: TraceRecord) => boolean = () => true) {
    this.name = name;
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#parser = parser;
    this.#wanted = wanted;
  }

  /** Waits until `count` records are at hand or the trace is at its end. */
  async fill(count: number): Promise<void> {
    while (!this.#ended && this.available < count) {
      const { value, done } = await this.#chunks.next();
      this.#ended = done === true;
      for (const record of done === true ? this.#parser.end() : this.#parser.push(value)) this.#take(record);
    }
  }

  #take(record: TraceRecord): void {
    this.seen++;
    if (!this.#wanted(record)) return;
    const repeated = this.#last !== undefined && isRepetition(this.#last, record);
    this.#last = record;
    if (!repeated) this.#records.push(record);
  }

  get available(): number {
    return this.#records.length - this.#head;
  }

  /** Record `ahead` places after the next one, if it was filled. */
  at(ahead: number): TraceRecord | undefined {
    return this.#records[this.#head + ahead];
  }

  drop(count: number): void {
    this.#head += count;
    if (this.#head < COMPACT_AT) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** A file's bytes, unpacked where its name ends in .gz; `-` is standard input. */
export function openBytes(path: string): AsyncIterable<Uint8Array> {
  const stream: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
  if (!path.endsWith('.gz')) return stream;
  const unpacked = createGunzip();
  stream.on('error', (error: Error) => unpacked.destroy(error));
  return stream.pipe(unpacked);
}
