// The unpacker's work area in shared memory (layout.ts UNPACK), and what its parts tell each other. One
// instance of the core unpacks at a time: the host's, before the machine starts.

import { UNPACK, UNPACK_INPUT } from "../lib/layout";

/** Decoding tables: literal lengths, offsets, match lengths (fse.ts), Huffman (huffman.ts). */
export const LL_TABLE: usize = UNPACK;
export const OF_TABLE: usize = LL_TABLE + 0x1000;
export const ML_TABLE: usize = OF_TABLE + 0x1000;
export const HUFFMAN_TABLE: usize = ML_TABLE + 0x1000;
/** FSE table of the Huffman weights; the weights. */
export const WEIGHT_TABLE: usize = HUFFMAN_TABLE + 0x1000;
export const WEIGHTS: usize = WEIGHT_TABLE + 0x1000;
/** Counts of an FSE description, i16 each; next state per symbol, u16 each. */
export const COUNTS: usize = WEIGHTS + 0x200;
export const NEXT_STATES: usize = COUNTS + 0x200;
/** For match distances below 16: which of the bytes in front the next 16 repeat, 16 bytes each. */
export const PATTERNS: usize = NEXT_STATES + 0x200;
/** Literals of one block, and room for copies that go over the end. */
export const LITERALS: usize = UNPACK + 0x8000;
export const BLOCK_BYTES: u32 = 0x20000;
/** What the host feeds. Readers of bit streams may look in front of it. */
export const INPUT: usize = UNPACK_INPUT;
/** Copies write up to so many bytes more than they should. */
export const SLACK: usize = 32;

/** The input is damaged: parts return this instead of a size or an address. */
export const DAMAGED: usize = <usize>-1;
