// What the translator knows of an instruction (gen/lowering.ts, written by tools/isa-gen/emit-lowering.ts),
// and its work area: one region at a time, in this CPU's share of the arena. Nothing here outlives one
// translation but the heads.

import { ARENA, ARENA_BYTES, MAX_CPUS } from "../lib/layout";

/** What a row does. CMP and TEST are SUB and AND without a result. */
export const enum Lower {
  NONE = 0, MOV = 1, MOVZX = 2, MOVSX = 3, ADD = 4, OR = 5, AND = 6, SUB = 7, XOR = 8, INC = 9, DEC = 10,
    NEG = 11, NOT = 12,
  IMUL = 13, SHL = 14, SHR = 15, SAR = 16, CMOV = 17, SETCC = 18, CMP = 19, TEST = 20, LEA = 21, JCC = 22,
    JMP = 23, NOP = 24,
}

/**
 * Where its operands are. GE: with two registers the decoder has swapped them, so the destination is always
 * recRm.
 */
export const enum Place { EG = 1, GE = 2, EI = 3, E = 4, E_CL = 5, E_ONE = 6, GEI = 7, LEA = 8, NONE = 9 }

/** One decoded instruction: the record, then what the translator adds. */
@unmanaged
export class Insn {
  rec0: u64; rec1: u64; rec2: u64; rec3: u64;
  /** Word of gen/lowering.ts; 0 = the region ends before it. */
  lowering: u32;
  /** 1 = somebody may see the flags that it writes. */
  flagsLive: u32;
  pad0: u64;
}
export const INSN_BYTES: u32 = 48;

/** How a block ends. */
export const enum Term { EXIT = 0, JMP = 1, JCC = 2, FALL = 3 }

/** A node of the flow graph. Node 0 is the dispatcher: it branches to the entries. */
@unmanaged
export class Block {
  /** Page offset of the first instruction. */
  off: u32;
  /** Instructions that are counted, the branch included. */
  count: u32;
  term: Term;
  /** Nodes; 0 = none. */
  taken: u32;
  fall: u32;
  /** Page offset at which an EXIT leaves; page offset of the branch. */
  last: u32;
  /** Flags at the start and at the end (flags.ts, Desc). */
  flagsIn: u32;
  flagsOut: u32;
  /** 1 = the flags at the start may be seen. */
  liveIn: u32;
  /** Number in reverse postorder, from 0; the immediate dominator. */
  order: u32;
  dominator: u32;
  /** More than one forward edge leads here. */
  merge: u32;
  /** An edge leads back here from a node that it dominates. */
  loop: u32;
  /** 1 + place in the dispatcher's table, 0 = no entry. */
  entry: u32;
  /** Depth at which its label was opened: as a loop, and as the end of a block. */
  loopLabel: u32;
  blockLabel: u32;
  preds: u64;
  dominators: u64;
  reaches: u64;
}
export const BLOCK_BYTES: u32 = 128;

export const MAX_BLOCKS: u32 = 60;
export const MAX_INSNS: u32 = 320;

/** Offsets in the work area. */
const enum Work {
  HEADS = 0, INSN_AT = 0x4000, BLOCK_AT = 0x6000, QUEUE = 0x7000, ENTRIES = 0x7800, ORDER = 0x7880,
  INSNS = 0x8000, BLOCKS = 0xC000, CODE = 0x10000,
}
const WORK_BYTES: u32 = ARENA_BYTES / MAX_CPUS;
export const CODE_BYTES: u32 = WORK_BYTES - Work.CODE;
export const PAGE: u32 = 4096;

let work: usize = 0;

export function useWork(cpu: u32): void {
  work = ARENA + cpu * WORK_BYTES;
}
/** Hot-head counters. */
export function heads(): usize { return work + Work.HEADS; }
export function codeStart(): usize { return work + Work.CODE; }
/** u16 per page offset: 1 + number of the instruction there. */
export function insnAt(off: u32): usize { return work + Work.INSN_AT + (<usize>off << 1); }
/** u8 per page offset: the block that begins there, 0 = none. */
export function blockAt(off: u32): usize { return work + Work.BLOCK_AT + off; }
export function queueAt(n: u32): usize { return work + Work.QUEUE + (<usize>n << 1); }
/** u8 each: entries in the order of the dispatcher's table; nodes in reverse postorder. */
export function entryList(): usize { return work + Work.ENTRIES; }
export function orderList(): usize { return work + Work.ORDER; }
export function insn(n: u32): Insn { return changetype<Insn>(work + Work.INSNS + n * INSN_BYTES); }
export function block(n: u32): Block { return changetype<Block>(work + Work.BLOCKS + n * BLOCK_BYTES); }

/** The instruction at a page offset that discovery has decoded. */
export function insnOf(off: u32): Insn { return insn(<u32>load<u16>(insnAt(off)) - 1); }

export function clearWork(): void {
  memory.fill(work + Work.INSN_AT, 0, Work.CODE - Work.INSN_AT);
}

// @ts-ignore: decorator
@inline
export function lowerOp(i: Insn): Lower { return (i.lowering & 0xFF) as Lower; }
// @ts-ignore: decorator
@inline
export function lowerCond(i: Insn): u32 { return (i.lowering >> 8) & 15; }
// @ts-ignore: decorator
@inline
export function lowerPlace(i: Insn): Place { return ((i.lowering >> 12) & 15) as Place; }
/** log2 of the bytes of a source with a width of its own. */
// @ts-ignore: decorator
@inline
export function lowerSource(i: Insn): u32 { return ((i.lowering >> 16) & 3) - 1; }
