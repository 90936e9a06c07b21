// Sequences of a compressed block (RFC 8878 sections 3.1.1.3.2 and 3.1.1.4): reads their tables, then turns
// literals and earlier output into output. Bits are read backwards from a word at `at`, of which `used` bits,
// counted from the highest, are taken.

import {
  ENTRY_SHIFT, Codes, accuracy, buildSingle, buildTable, mostSymbols, readCounts, useDefaults,
} from "./fse";
import { DAMAGED, LL_TABLE, ML_TABLE, OF_TABLE, PATTERNS } from "./work";

const enum Mode { PREDEFINED, RLE, COMPRESSED, REPEAT }

/** log2 of the tables' sizes; NO_TABLE before the first. */
const NO_TABLE: u32 = 255;
let llBits: u32 = NO_TABLE;
let ofBits: u32 = NO_TABLE;
let mlBits: u32 = NO_TABLE;
/** Section 3.1.1.5: the last three offsets. */
let recent1: u32 = 1;
let recent2: u32 = 4;
let recent3: u32 = 8;

/** Section 3.1.1.3.2.2.1: bits that a table may have at most. */
const LL_MOST: u32 = 9;
const OF_MOST: u32 = 8;
const ML_MOST: u32 = 9;
/** Extra bits that fit into a word together with three new states. */
const EXTRA_WITH_STATES: u32 = 57 - LL_MOST - OF_MOST - ML_MOST;

/** At the start of a frame. */
export function beginSequences(): void {
  for (let distance: u32 = 1; distance < 16; distance++) {
    for (let n: u32 = 0; n < 16; n++) store<u8>(PATTERNS + (distance << 4) + n, <u8>(n % distance));
  }
  llBits = ofBits = mlBits = NO_TABLE;
  recent1 = 1;
  recent2 = 4;
  recent3 = 8;
}

/** Bits of the table just read (`readTable`). */
let tableBits: u32 = 0;

function readTable(mode: Mode, codes: Codes, table: usize, most: u32, present: u32, from: usize,
  end: usize): usize {
  tableBits = present;
  switch (mode) {
    case Mode.REPEAT: return present == NO_TABLE ? DAMAGED : from;
    case Mode.RLE: {
      if (from >= end || <u32>load<u8>(from) >= mostSymbols(codes)) return DAMAGED;
      buildSingle(table, codes, load<u8>(from));
      tableBits = 0;
      return from + 1;
    }
    case Mode.PREDEFINED: {
      useDefaults(codes);
      buildTable(table, codes);
      tableBits = accuracy;
      return from;
    }
    default: {
      const after = readCounts(from, end, mostSymbols(codes), most);
      if (after == DAMAGED || !buildTable(table, codes)) return DAMAGED;
      tableBits = accuracy;
      return after;
    }
  }
}

/** The three tables that the byte in front of `from` describes; the end of their descriptions, or DAMAGED. */
function readTables(modes: u32, from: usize, end: usize): usize {
  if ((modes & 3) != 0) return DAMAGED;
  let at = readTable(modes >> 6, Codes.LITERAL_LENGTHS, LL_TABLE, LL_MOST, llBits, from, end);
  if (at == DAMAGED) return DAMAGED;
  llBits = tableBits;
  at = readTable((modes >> 4) & 3, Codes.OFFSETS, OF_TABLE, OF_MOST, ofBits, at, end);
  if (at == DAMAGED) return DAMAGED;
  ofBits = tableBits;
  at = readTable((modes >> 2) & 3, Codes.MATCH_LENGTHS, ML_TABLE, ML_MOST, mlBits, at, end);
  mlBits = tableBits;
  return at;
}

/** The distance of a match, from the value that the stream has and the recent ones. */
// @ts-ignore: decorator
@inline
function resolveOffset(value: u32, noLiterals: bool): u32 {
  if (value > 3) {
    recent3 = recent2;
    recent2 = recent1;
    recent1 = value - 3;
    return recent1;
  }
  const which = value + <u32>noLiterals;
  if (which == 1) return recent1;
  const offset = which == 2 ? recent2 : which == 3 ? recent3 : recent1 - 1;
  if (which != 2) recent3 = recent2;
  recent2 = recent1;
  recent1 = offset;
  return offset;
}

/** Copies at least `to` up to `end` from `from`, 16 bytes at a time. */
// @ts-ignore: decorator
@inline
function copyWide(to: usize, from: usize, end: usize): void {
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}

/** The same where the distance is below 16: the bytes in between repeat. */
function copyPattern(to: usize, distance: usize, end: usize): void {
  const bytes = v128.swizzle(v128.load(to - distance), v128.load(PATTERNS + (distance << 4)));
  const step = 16 - 16 % distance;
  do {
    v128.store(to, bytes);
    to += step;
  } while (to < end);
}

/** What readSequences needs to know of the block. */
export let literals: usize = 0;
export let literalsEnd: usize = 0;
export function setLiterals(from: usize, count: usize): void {
  literals = from;
  literalsEnd = from + count;
}

/**
 * Executes the sequences that lie from `from` to `end`: output to `to`, at most to `limit`; nothing in front
 * of `start` is copied. Returns the output's end, or DAMAGED. Literals that are left are copied, too.
 */
export function readSequences(from: usize, end: usize, start: usize, to: usize, limit: usize): usize {
  if (from >= end) return DAMAGED;
  let count: u32 = load<u8>(from++);
  if (count >= 128) {
    if (count == 255) {
      count = load<u16>(from) + 0x7F00;
      from += 2;
    } else count = ((count - 128) << 8) + load<u8>(from++);
  }
  if (count == 0) return from == end ? copyRest(to, limit) : DAMAGED;
  if (from >= end) return DAMAGED;
  const stream = readTables(load<u8>(from), from + 1, end);
  if (stream == DAMAGED || stream >= end || load<u8>(end - 1) == 0) return DAMAGED;
  const after = execute(count, stream, end, start, to, limit);
  return after == DAMAGED ? DAMAGED : copyRest(after, limit);
}

function copyRest(to: usize, limit: usize): usize {
  const count = literalsEnd - literals;
  if (count > limit - to) return DAMAGED;
  memory.copy(to, literals, count);
  return to + count;
}

function execute(count: u32, stream: usize, end: usize, start: usize, to: usize, limit: usize): usize {
  let at = end - 8;
  let used: u64 = <u64>clz<u32>(load<u8>(end - 1)) - 23;
  let word = load<u64>(at);
  let llState: usize = <usize>((word << used) >> 1 >> (63 - llBits));
  used += llBits;
  let ofState: usize = <usize>((word << used) >> 1 >> (63 - ofBits));
  used += ofBits;
  let mlState: usize = <usize>((word << used) >> 1 >> (63 - mlBits));
  used += mlBits;
  let literal = literals;
  for (;;) {
    at -= <usize>(used >> 3);
    used &= 7;
    word = load<u64>(at);
    const llEntry = load<u64>(LL_TABLE + (llState << ENTRY_SHIFT));
    const ofEntry = load<u64>(OF_TABLE + (ofState << ENTRY_SHIFT));
    const mlEntry = load<u64>(ML_TABLE + (mlState << ENTRY_SHIFT));
    const llExtra = (llEntry >> 48) & 255, ofExtra = (ofEntry >> 48) & 255, mlExtra = (mlEntry >> 48) & 255;
    const offsetValue = <u32>ofEntry + <u32>((word << used) >> 1 >> (63 - ofExtra));
    used += ofExtra;
    const length: usize = <u32>mlEntry + <u32>((word << used) >> 1 >> (63 - mlExtra));
    used += mlExtra;
    if (ofExtra + mlExtra + llExtra > EXTRA_WITH_STATES) {
      at -= <usize>(used >> 3);
      used &= 7;
      word = load<u64>(at);
    }
    const literalLength: usize = <u32>llEntry + <u32>((word << used) >> 1 >> (63 - llExtra));
    used += llExtra;
    const distance: usize = resolveOffset(offsetValue, literalLength == 0);
    const match = to + literalLength;
    const next = match + length;
    if (literalLength > literalsEnd - literal || next > limit
      || distance - 1 >= match - start) return DAMAGED;
    copyWide(to, literal, match);
    literal += literalLength;
    if (distance >= 16) copyWide(match, match - distance, next);
    else copyPattern(match, distance, next);
    to = next;
    if (--count == 0) break;
    llState = (<usize>(llEntry >> 32) & 0xFFFF) + <usize>((word << used) >> 1 >> (63 - (llEntry >> 56)));
    used += llEntry >> 56;
    mlState = (<usize>(mlEntry >> 32) & 0xFFFF) + <usize>((word << used) >> 1 >> (63 - (mlEntry >> 56)));
    used += mlEntry >> 56;
    ofState = (<usize>(ofEntry >> 32) & 0xFFFF) + <usize>((word << used) >> 1 >> (63 - (ofEntry >> 56)));
    used += ofEntry >> 56;
  }
  literals = literal;
  // Exactly the stream's bits have been used.
  return ((at + 8 - stream) << 3) == <usize>used ? to : DAMAGED;
}
