// Zstandard decompression (RFC 8878) of one frame into one piece of memory, which is the window, too. The
// host feeds INPUT piece by piece and calls zstdRun; the rest of a piece, an incomplete block, it feeds again
// with what follows. Checks the frame's checksum. Left out: dictionaries, skippable frames, frames behind the
// first.

import { forgetTree, readStream, readStreams, readTree } from "./huffman";
import { beginSequences, readSequences, setLiterals } from "./sequences";
import { BLOCK_BYTES, DAMAGED, INPUT, LITERALS, SLACK } from "./work";
import { hashBegin, hashEnd, hashStripes } from "./xxh64";

const MAGIC: u32 = 0xFD2FB528;

const enum Stage { HEADER, BLOCKS, CHECKSUM, DONE }
/** Of zstdRun, instead of the bytes taken. */
const RUN_DAMAGED: i32 = -1;

const enum Descriptor { SIZE_SHIFT = 6, SINGLE_SEGMENT = 0x20, RESERVED = 0x08, CHECKSUM = 0x04, DICTIONARY =
  0x03 }
const enum Block { RAW, RLE, COMPRESSED }
const enum Literals { RAW, RLE, COMPRESSED, TREELESS }

let stage: Stage = Stage.DONE;
let hasChecksum: bool = false;
/** The output: its start, its end so far, where it must end at the latest. */
let start: usize = 0;
let to: usize = 0;
let limit: usize = 0;
/** So far is the checksum. */
let hashed: usize = 0;

/** Output goes to `at`; `bytes` may be written there, a few more are overwritten. */
export function zstdBegin(at: usize, bytes: usize): void {
  start = to = hashed = at;
  limit = bytes > SLACK ? at + bytes - SLACK : at;
  stage = Stage.HEADER;
  forgetTree();
  beginSequences();
  hashBegin();
}

/** Takes whole parts of the `available` bytes at INPUT; returns how many bytes they have, or RUN_DAMAGED. */
export function zstdRun(available: usize): i32 {
  const end = INPUT + available;
  let at = INPUT;
  for (let next = step(at, end); next != at; next = step(at, end)) {
    if (next == DAMAGED) return RUN_DAMAGED;
    at = next;
  }
  return <i32>(at - INPUT);
}

/** The frame is complete. */
export function zstdDone(): bool {
  return stage == Stage.DONE;
}

/** Bytes of output so far. */
export function zstdBytes(): usize {
  return to - start;
}

/** One part of the frame; returns its end, `at` if not all of it is there, or DAMAGED. */
function step(at: usize, end: usize): usize {
  switch (stage) {
    case Stage.HEADER: return readHeader(at, end);
    case Stage.BLOCKS: return readBlock(at, end);
    case Stage.CHECKSUM: {
      if (at + 4 > end) return at;
      stage = Stage.DONE;
      return load<u32>(at) == <u32>hashEnd(hashed, to, to - start) ? at + 4 : DAMAGED;
    }
    default: return at;
  }
}

/** Section 3.1.1.1. The sizes are not needed: the host knows how much room there is. */
function readHeader(at: usize, end: usize): usize {
  if (at + 5 > end) return at;
  if (load<u32>(at) != MAGIC) return DAMAGED;
  const descriptor: u32 = load<u8>(at, 4);
  if ((descriptor & (Descriptor.RESERVED | Descriptor.DICTIONARY)) != 0) return DAMAGED;
  const single = (descriptor & Descriptor.SINGLE_SEGMENT) != 0;
  const sizeCode = descriptor >> Descriptor.SIZE_SHIFT;
  const sizeBytes: usize = sizeCode != 0 ? 1 << sizeCode : single ? 1 : 0;
  const after = at + 5 + (single ? 0 : 1) + sizeBytes;
  if (after > end) return at;
  hasChecksum = (descriptor & Descriptor.CHECKSUM) != 0;
  stage = Stage.BLOCKS;
  return after;
}

/** Section 3.1.1.2. */
function readBlock(at: usize, end: usize): usize {
  if (at + 3 > end) return at;
  const header: u32 = load<u16>(at) | <u32>load<u8>(at, 2) << 16;
  const kind = (header >> 1) & 3;
  const size: usize = header >> 3;
  const body = at + 3;
  const after = body + (kind == Block.RLE ? 1 : size);
  if (size > <usize>BLOCK_BYTES) return DAMAGED;
  if (after > end) return at;
  switch (kind) {
    case Block.RAW: {
      if (size > limit - to) return DAMAGED;
      memory.copy(to, body, size);
      to += size;
      break;
    }
    case Block.RLE: {
      if (size > limit - to) return DAMAGED;
      memory.fill(to, load<u8>(body), size);
      to += size;
      break;
    }
    case Block.COMPRESSED: {
      const sequences = readLiterals(body, after);
      if (sequences == DAMAGED) return DAMAGED;
      const reached = readSequences(sequences, after, start, to, min(limit, to + BLOCK_BYTES));
      if (reached == DAMAGED) return DAMAGED;
      to = reached;
      break;
    }
    default: return DAMAGED;
  }
  if (hasChecksum) hashed = hashStripes(hashed, to);
  if ((header & 1) != 0) stage = hasChecksum ? Stage.CHECKSUM : Stage.DONE;
  return after;
}

/** Section 3.1.1.3.1: the literals of a block; returns where its sequences begin, or DAMAGED. */
function readLiterals(from: usize, end: usize): usize {
  if (from + 2 > end) return DAMAGED;
  const kind: u32 = load<u8>(from) & 3;
  const format: u32 = (load<u8>(from) >> 2) & 3;
  if (kind >= <u32>Literals.COMPRESSED) return readPacked(from, end, kind == Literals.COMPRESSED, format);
  const head: usize = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
  const word = load<u32>(from);
  const count: usize = head == 1 ? (word >> 3) & 31 : head == 2 ? (word >> 4) & 0xFFF : (word >> 4) & 0xFFFFF;
  const body = from + head;
  const after = body + (kind == Literals.RLE ? 1 : count);
  if (count > <usize>BLOCK_BYTES || after > end) return DAMAGED;
  if (kind == Literals.RLE) {
    memory.fill(LITERALS, load<u8>(body), count);
    setLiterals(LITERALS, count);
  } else setLiterals(body, count);
  return after;
}

/** Huffman-coded literals, with a tree of their own or the last one. */
function readPacked(from: usize, end: usize, hasTree: bool, format: u32): usize {
  const head: usize = format < 2 ? 3 : format + 2;
  if (from + head > end) return DAMAGED;
  const bits: u64 = format < 2 ? 10 : format == 2 ? 14 : 18;
  const word = load<u64>(from) >> 4;
  const mask: u64 = (1 << bits) - 1;
  const count = <u32>(word & mask);
  const after = from + head + <usize>((word >> bits) & mask);
  if (count > BLOCK_BYTES || after > end) return DAMAGED;
  let stream = from + head;
  if (hasTree) {
    stream = readTree(stream, after);
    if (stream == DAMAGED) return DAMAGED;
  }
  const good = format == 0 ? readStream(stream, after, LITERALS, count)
    : readStreams(stream, after, LITERALS, count);
  setLiterals(LITERALS, count);
  return good ? after : DAMAGED;
}
