// Finite state entropy tables (RFC 8878 section 4.1): description to counts, counts to decoding table. An
// entry has 8 bytes: baseline u32, first next state u16, extra bits u8, bits of the next state u8; for plain
// symbols (Huffman weights) the baseline is the symbol.

import { COUNTS, DAMAGED, NEXT_STATES } from "./work";

export const ENTRY_SHIFT: u32 = 3;

/** What a table's symbols stand for. */
export const enum Codes { SYMBOLS, LITERAL_LENGTHS, OFFSETS, MATCH_LENGTHS }

/** Of the last description: log2 of the table's size, number of symbols. */
export let accuracy: u32 = 0;
export let symbols: u32 = 0;

// Section 3.1.1.3.2.1.1: baselines and extra bits of the codes from 16 (literals) and 32 (matches) on.
const LL_BITS: usize = memory.data<u8>([1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const LL_BASES: usize = memory.data<u32>([16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048,
  4096,
  8192, 16384, 32768, 65536]);
const ML_BITS: usize = memory.data<u8>([1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  16]);
const ML_BASES: usize = memory.data<u32>([35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027,
  2051,
  4099, 8195, 16387, 32771, 65539]);

// Section 3.1.1.3.2.2: default distributions.
const LL_DEFAULT: usize = memory.data<i8>([4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2,
  2, 2, 2,
  3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1]);
const OF_DEFAULT: usize = memory.data<i8>([1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, -1,
  -1, -1, -1, -1]);
const ML_DEFAULT: usize = memory.data<i8>([1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1]);

/** Number of symbols that a kind of code has; offsets beyond 2^31 are none. */
export function mostSymbols(codes: Codes): u32 {
  switch (codes) {
    case Codes.LITERAL_LENGTHS: return 36;
    case Codes.OFFSETS: return 32;
    case Codes.MATCH_LENGTHS: return 53;
    default: return 256;
  }
}

/** The counts of a kind of code that brings no description. */
export function useDefaults(codes: Codes): void {
  const from = codes == Codes.LITERAL_LENGTHS ? LL_DEFAULT : codes == Codes.OFFSETS ? OF_DEFAULT : ML_DEFAULT;
  symbols = codes == Codes.LITERAL_LENGTHS ? 36 : codes == Codes.OFFSETS ? 29 : 53;
  accuracy = codes == Codes.OFFSETS ? 5 : 6;
  for (let n: u32 = 0; n < symbols; n++) store<i16>(COUNTS + (n << 1), <i16>load<i8>(from + n));
}

/** Reads a description (section 4.1.1) of at most `most` symbols; returns its end, or DAMAGED. */
export function readCounts(from: usize, end: usize, most: u32, mostAccuracy: u32): usize {
  accuracy = (load<u8>(from) & 15) + 5;
  if (from >= end || accuracy > mostAccuracy) return DAMAGED;
  let at: u32 = 4;
  let left: i32 = 1 << accuracy;
  symbols = 0;
  while (left > 0) {
    if (symbols >= most || from + (at >> 3) >= end) return DAMAGED;
    const bits: u32 = 32 - clz(left + 1);
    const word = load<u32>(from + (at >> 3)) >> (at & 7);
    const low: u32 = (1 << (bits - 1)) - 1;
    const short: u32 = (1 << bits) - 2 - left;
    let value: u32 = word & low;
    if (value < short) at += bits - 1;
    else {
      value = word & ((1 << bits) - 1);
      if (value > low) value -= short;
      at += bits;
    }
    const count = <i32>value - 1;
    left -= count < 0 ? 1 : count;
    store<i16>(COUNTS + (symbols++ << 1), <i16>count);
    if (count != 0) continue;
    // Two bits say how many more have none; 3 says that two more bits follow.
    for (let more: u32 = 3; more == 3;) {
      more = (load<u16>(from + (at >> 3)) >> (at & 7)) & 3;
      at += 2;
      if (symbols + more > most || from + (at >> 3) > end) return DAMAGED;
      for (let n: u32 = 0; n < more; n++) store<i16>(COUNTS + (symbols++ << 1), 0);
    }
  }
  const after = from + ((at + 7) >> 3);
  return left != 0 || after > end ? DAMAGED : after;
}

function storeEntry(entry: usize, codes: Codes, symbol: u32): void {
  let base = symbol;
  let bits: u32 = 0;
  if (codes == Codes.OFFSETS) {
    base = 1 << symbol;
    bits = symbol;
  } else if (codes == Codes.LITERAL_LENGTHS && symbol >= 16) {
    base = load<u32>(LL_BASES + ((symbol - 16) << 2));
    bits = load<u8>(LL_BITS + symbol - 16);
  } else if (codes == Codes.MATCH_LENGTHS) {
    base = symbol + 3;
    if (symbol >= 32) {
      base = load<u32>(ML_BASES + ((symbol - 32) << 2));
      bits = load<u8>(ML_BITS + symbol - 32);
    }
  }
  store<u32>(entry, base);
  store<u8>(entry, <u8>bits, 6);
}

/** A table whose only state is a symbol. */
export function buildSingle(table: usize, codes: Codes, symbol: u32): void {
  storeEntry(table, codes, symbol);
  store<u16>(table, 0, 4);
  store<u8>(table, 0, 7);
}

/** Makes the decoding table of the counts (section 4.1.1); false if they make none. */
export function buildTable(table: usize, codes: Codes): bool {
  const size: u32 = 1 << accuracy;
  const mask = size - 1;
  let high = size;
  for (let n: u32 = 0; n < symbols; n++) {
    const count = load<i16>(COUNTS + (n << 1));
    // "Less than 1": one state at the table's end.
    if (count < 0) store<u32>(table + (--high << ENTRY_SHIFT), n);
    store<u16>(NEXT_STATES + (n << 1), <u16>(count < 0 ? 1 : count));
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at: u32 = 0;
  for (let n: u32 = 0; n < symbols; n++) {
    const count: i32 = load<i16>(COUNTS + (n << 1));
    for (let k = 0; k < count; k++) {
      store<u32>(table + (at << ENTRY_SHIFT), n);
      do at = (at + step) & mask; while (at >= high);
    }
  }
  if (at != 0) return false;
  for (let n: u32 = 0; n < size; n++) {
    const entry = table + (n << ENTRY_SHIFT);
    const symbol = load<u32>(entry);
    const next: u32 = load<u16>(NEXT_STATES + (symbol << 1));
    store<u16>(NEXT_STATES + (symbol << 1), <u16>(next + 1));
    const bits = accuracy - (31 - clz(next));
    storeEntry(entry, codes, symbol);
    store<u16>(entry, <u16>((next << bits) - size), 4);
    store<u8>(entry, <u8>bits, 7);
  }
  return true;
}
