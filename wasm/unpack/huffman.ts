// Huffman-coded literals (RFC 8878 sections 3.1.1.3.1 and 4.2): tree description to decoding table, one or
// four streams to bytes. A table entry has 2 bytes: bits of the code, symbol. A stream is read backwards
// through 64 bits whose next bit is the highest; a 1 below the unread ones says how many have been used.

import { ENTRY_SHIFT, Codes, accuracy, buildTable, readCounts } from "./fse";
import { DAMAGED, HUFFMAN_TABLE, WEIGHTS, WEIGHT_TABLE } from "./work";

const MOST_BITS: u32 = 11;
const MOST_WEIGHT_ACCURACY: u32 = 6;
/** Codes that fit into the bits between two refills. */
const BATCH: u32 = 5;

/** Longest code of the present table; 0 = there is none. */
let codeBits: u32 = 0;

/** A new frame has no tree yet. */
export function forgetTree(): void {
  codeBits = 0;
}

/** Weights from an FSE stream with two states; their number, or DAMAGED. */
function readPackedWeights(from: usize, end: usize): usize {
  const stream = readCounts(from, end, 12 + 1, MOST_WEIGHT_ACCURACY);
  if (stream == DAMAGED || stream >= end || load<u8>(end - 1) == 0) return DAMAGED;
  if (!buildTable(WEIGHT_TABLE, Codes.SYMBOLS)) return DAMAGED;
  // Bits that are left, as a position from the start of the stream.
  let left: i32 = <i32>((end - stream) << 3) - (<i32>clz<u32>(load<u8>(end - 1)) - 23);
  left -= accuracy;
  let first = takeBits(stream, left, accuracy);
  left -= accuracy;
  let second = takeBits(stream, left, accuracy);
  if (left < 0) return DAMAGED;
  for (let count: u32 = 0; count < 254;) {
    const entry = WEIGHT_TABLE + (first << ENTRY_SHIFT);
    store<u8>(WEIGHTS + count++, load<u8>(entry));
    const bits: u32 = load<u8>(entry, 7);
    left -= bits;
    // The stream is over: the other state has the last symbol.
    if (left < 0) {
      store<u8>(WEIGHTS + count++, load<u8>(WEIGHT_TABLE + (second << ENTRY_SHIFT)));
      return count;
    }
    first = second;
    second = load<u16>(entry, 4) + takeBits(stream, left, bits);
  }
  return DAMAGED;
}

/** `count` bits from the bit position `at` of the bytes from `start` on. */
function takeBits(start: usize, at: i32, count: u32): u32 {
  if (at < 0) return 0;
  return (load<u32>(start + (at >> 3)) >> (at & 7)) & ((1 << count) - 1);
}

/** Reads a tree description and makes its table; returns the description's end, or DAMAGED. */
export function readTree(from: usize, end: usize): usize {
  if (from >= end) return DAMAGED;
  const head: u32 = load<u8>(from);
  let count: usize;
  let after: usize;
  if (head < 128) {
    after = from + 1 + head;
    if (after > end) return DAMAGED;
    count = readPackedWeights(from + 1, after);
    if (count == DAMAGED) return DAMAGED;
  } else {
    count = head - 127;
    after = from + 1 + ((count + 1) >> 1);
    if (after > end) return DAMAGED;
    for (let n: usize = 0; n < count; n++) {
      const pair: u32 = load<u8>(from + 1 + (n >> 1));
      store<u8>(WEIGHTS + n, <u8>((n & 1) != 0 ? pair & 15 : pair >> 4));
    }
  }
  return buildTree(<u32>count) ? after : DAMAGED;
}

/** The last weight is what is missing to a power of two (section 4.2.1.3). */
function buildTree(given: u32): bool {
  let sum: u32 = 0;
  for (let n: u32 = 0; n < given; n++) {
    const weight: u32 = load<u8>(WEIGHTS + n);
    if (weight > MOST_BITS) return false;
    if (weight != 0) sum += 1 << (weight - 1);
  }
  if (sum == 0) return false;
  codeBits = 32 - clz(sum);
  const rest = (1 << codeBits) - sum;
  if (codeBits > MOST_BITS || popcnt(rest) != 1) {
    codeBits = 0;
    return false;
  }
  store<u8>(WEIGHTS + given, <u8>(32 - clz(rest)));
  let at: usize = HUFFMAN_TABLE;
  // Codes of low weight are the long ones and come first.
  for (let weight: u32 = 1; weight <= codeBits; weight++) {
    const entries: u32 = 1 << (weight - 1);
    for (let n: u32 = 0; n <= given; n++) {
      if (load<u8>(WEIGHTS + n) != weight) continue;
      const entry = <u16>(n << 8 | (codeBits + 1 - weight));
      for (let k: u32 = 0; k < entries; k++, at += 2) store<u16>(at, entry);
    }
  }
  return true;
}

/** The last 8 bytes of a stream without the padding above its last 1; 0 = there is none. */
// @ts-ignore: decorator
@inline
function firstBits(end: usize): u64 {
  const last: u32 = load<u8>(end - 1);
  return last == 0 ? 0 : (load<u64>(end - 8) | 1) << (clz(last) - 23);
}

/** The rest of a stream: `count` symbols to `to`; true if they use it up. */
function readRest(start: usize, at: usize, first: u64, to: usize, count: u32): bool {
  const shift: u64 = 64 - codeBits;
  let bits = first;
  for (const end = to + count; to < end;) {
    const stop = min(to + BATCH, end);
    for (; to < stop; to++) {
      const entry = load<u16>(HUFFMAN_TABLE + (<usize>(bits >> shift) << 1));
      store<u8>(to, <u8>(entry >> 8));
      bits <<= <u64>(entry & 63);
    }
    const used = <u32>ctz(bits);
    at -= used >> 3;
    if (at + 8 < start) return false;
    bits = (load<u64>(at) | 1) << (used & 7);
  }
  return ((at + 8 - start) << 3) == <usize>ctz(bits);
}

/** One stream of `count` symbols. */
export function readStream(start: usize, end: usize, to: usize, count: u32): bool {
  if (codeBits == 0 || start >= end) return false;
  const bits = firstBits(end);
  return bits != 0 && readRest(start, end - 8, bits, to, count);
}

/** Four streams at once, behind the sizes of the first three. */
export function readStreams(start: usize, end: usize, to: usize, count: u32): bool {
  if (codeBits == 0 || start + 6 > end) return false;
  const s0 = start + 6;
  const s1 = s0 + load<u16>(start);
  const s2 = s1 + load<u16>(start, 2);
  const s3 = s2 + load<u16>(start, 4);
  const quarter = (count + 3) >> 2;
  if (s3 >= end || quarter * 3 > count) return false;
  const last = count - 3 * quarter;
  let b0 = firstBits(s1), b1 = firstBits(s2), b2 = firstBits(s3), b3 = firstBits(end);
  if (s1 == s0 || s2 == s1 || s3 == s2 || b0 == 0 || b1 == 0 || b2 == 0 || b3 == 0) return false;
  let a0 = s1 - 8, a1 = s2 - 8, a2 = s3 - 8, a3 = end - 8;
  const shift: u64 = 64 - codeBits;
  const t0 = to, t1 = t0 + quarter, t2 = t1 + quarter, t3 = t2 + quarter;
  let done: usize = 0;
  // A damaged stream may run over its start: what lies in front can be read, and the end tells.
  for (const whole = last - last % BATCH; done < whole;) {
    for (const stop = done + BATCH; done < stop; done++) {
      const e0 = load<u16>(HUFFMAN_TABLE + (<usize>(b0 >> shift) << 1));
      const e1 = load<u16>(HUFFMAN_TABLE + (<usize>(b1 >> shift) << 1));
      const e2 = load<u16>(HUFFMAN_TABLE + (<usize>(b2 >> shift) << 1));
      const e3 = load<u16>(HUFFMAN_TABLE + (<usize>(b3 >> shift) << 1));
      store<u8>(t0 + done, <u8>(e0 >> 8));
      store<u8>(t1 + done, <u8>(e1 >> 8));
      store<u8>(t2 + done, <u8>(e2 >> 8));
      store<u8>(t3 + done, <u8>(e3 >> 8));
      b0 <<= <u64>(e0 & 63);
      b1 <<= <u64>(e1 & 63);
      b2 <<= <u64>(e2 & 63);
      b3 <<= <u64>(e3 & 63);
    }
    const u0 = <u32>ctz(b0), u1 = <u32>ctz(b1), u2 = <u32>ctz(b2), u3 = <u32>ctz(b3);
    a0 -= u0 >> 3;
    a1 -= u1 >> 3;
    a2 -= u2 >> 3;
    a3 -= u3 >> 3;
    b0 = (load<u64>(a0) | 1) << (u0 & 7);
    b1 = (load<u64>(a1) | 1) << (u1 & 7);
    b2 = (load<u64>(a2) | 1) << (u2 & 7);
    b3 = (load<u64>(a3) | 1) << (u3 & 7);
  }
  const long = <u32>(quarter - done);
  return readRest(s0, a0, b0, t0 + done, long) && readRest(s1, a1, b1, t1 + done, long)
    && readRest(s2, a2, b2, t2 + done, long) && readRest(s3, a3, b3, t3 + done, <u32>(last - done));
}
