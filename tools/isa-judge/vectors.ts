// Recorded vectors: isa/vectors/GROUP.vec, one file per file of the instruction table, raw deflate of a JSON
// line (seed, witness, rows and how many cases of each mode) and the changes of every case in that order.
// Inputs are not stored: they follow from row, mode, number and seed. A change is its field, then length and
// bytes, little endian; changed bytes of memory are stored as runs.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ROOT } from '../steps.ts';
import { Field, type Change } from './delta.ts';

export const FOLDER = join(ROOT, 'isa/vectors');
const VERSION = 1;

export interface RecordedRow {
  key: string;
  seed: number;
  witness: string;
  /** Cases in 16-, 32- and 64-bit code. */
  counts: [number, number, number];
  /** Changes of each case, modes descending (64 first). */
  cases: Change[][];
}

class Writer {
  private bytes = Buffer.alloc(1 << 20);
  private at = 0;
  byte(b: number): void {
    if (this.at === this.bytes.length) this.bytes =
      Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length)]);
    this.bytes[this.at++] = b;
  }
  varint(v: number): void {
    for (; v >= 128; v = Math.floor(v / 128)) this.byte(v % 128 | 128);
    this.byte(v);
  }
  value(v: bigint): void {
    const start = this.at;
    this.byte(0);
    for (; v !== 0n; v >>= 8n) this.byte(Number(v & 255n));
    this.bytes[start] = this.at - start - 1;
  }
  done(): Buffer { return this.bytes.subarray(0, this.at); }
}

class Reader {
  constructor(private readonly bytes: Buffer, private at: number) {}
  byte(): number {
    if (this.at >= this.bytes.length) throw new Error('a vector file ends too early');
    return this.bytes[this.at++]!;
  }
  varint(): number {
    for (let v = 0, unit = 1; ; unit *= 128) {
      const b = this.byte();
      v += (b & 127) * unit;
      if (b < 128) return v;
    }
  }
  value(): bigint {
    let v = 0n;
    const n = this.byte();
    for (let k = 0; k < n; k++) v |= BigInt(this.byte()) << BigInt(8 * k);
    return v;
  }
}

/** Consecutive changed bytes of memory from `changes[n]` on. */
function runLength(changes: readonly Change[], n: number): number {
  let k = 1;
  while (changes[n + k]?.field === Field.MEMORY && changes[n + k]!.value >> 8n === (changes[n]!.value >> 8n)
    + BigInt(k)) k++;
  return k;
}

function writeCase(w: Writer, changes: readonly Change[]): void {
  const pieces: (() => void)[] = [];
  for (let n = 0; n < changes.length;) {
    const { field, value } = changes[n]!;
    if (field !== Field.MEMORY) {
      pieces.push(() => { w.byte(field); w.value(value); });
      n++;
      continue;
    }
    const length = runLength(changes, n), first = n;
    pieces.push(() => {
      w.byte(Field.MEMORY);
      w.varint(Number(value >> 8n));
      w.varint(length);
      for (let k = 0; k < length; k++) w.byte(Number(changes[first + k]!.value & 255n));
    });
    n += length;
  }
  w.varint(pieces.length);
  for (const piece of pieces) piece();
}

function readCase(r: Reader): Change[] {
  const out: Change[] = [];
  for (let n = r.varint(); n > 0; n--) {
    const field = r.byte();
    if (field !== Field.MEMORY) { out.push({ field, value: r.value() }); continue; }
    const at = r.varint(), length = r.varint();
    for (let k = 0; k < length; k++) out.push({ field, value: BigInt((at + k) * 256 + r.byte()) });
  }
  return out;
}

const path = (group: string): string => join(FOLDER, `${group}.vec`);

export function writeGroup(group: string, rows: readonly RecordedRow[]): number {
  const w = new Writer();
  const head = { version: VERSION,
    rows: rows.map(({ key, seed, witness, counts }) => ({ key, seed, witness, counts })) };
  for (const row of rows) for (const each of row.cases) writeCase(w, each);
  const packed = deflateRawSync(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), w.done()]),
    { level: 9 });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path(group), packed);
  return packed.length;
}

export function readGroup(group: string): RecordedRow[] {
  if (!existsSync(path(group))) return [];
  const bytes = inflateRawSync(readFileSync(path(group)));
  const end = bytes.indexOf(10);
  const head = JSON.parse(bytes.subarray(0, end).toString()) as { version: number; rows: Omit<RecordedRow,
    'cases'>[] };
  if (head.version !== VERSION) throw new Error(`isa/vectors/${group}.vec has format ${head.version}, not ${VERSION}: npm run isa:record`);
  const r = new Reader(bytes, end + 1);
  return head.rows.map((row) => ({
    ...row, cases: Array.from({ length: row.counts[0] + row.counts[1] + row.counts[2] }, () => readCase(r)),
  }));
}

export function recordedGroups(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER).filter((name) => name.endsWith('.vec')).map((name) => name.slice(0, -4)).sort();
}
