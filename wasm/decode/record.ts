// The 32-byte record of one decoded instruction (layout: docs/core.md) and its accessors. A record is private
// to its CPU, is written by decode/decoder.ts only, and holds page offsets, never virtual addresses.
//
//  0 u16 op | 2 u16 off | 4 u8 len | 5 u8 flags | 6 u8 reg | 7 u8 rm | 8 u8 base | 9 u8 index | 10 u8 segScale | 11 u8 size
// 12 u32 handler | 16 i64 disp | 24 i64 imm
// A direct branch has no base and index: there is its way (setWay).

import { CodeMode, Cpu } from "../cpu/state";

/** Byte offsets of the fields. */
export const enum RecOffset {
  OP = 0, OFF = 2, LEN = 4, FLAGS = 5, REG = 6, RM = 7, BASE = 8, INDEX = 9, SEG_SCALE = 10, SIZE = 11,
  HANDLER = 12, DISP = 16, IMM = 24,
}

export const enum RecFlag {
  /** The r/m operand is memory. */
  MEM = 1,
  /** The effective address needs eaSlow: segment with a base or checks, 16- or 32-bit address. */
  COMPLEX = 2,
  LOCK = 4,
  /** F3. */
  REP = 8,
  /** F2. */
  REPNE = 16,
  REX = 32,
  /** 66 seen. */
  OPSIZE = 64,
  /** Scratch record, not part of a decoded page. */
  PRIVATE = 128,
}

/** Hot-switch numbers with a fixed meaning. Forms follow from FIRST. */
export const enum Op {
  /** call_indirect(handler). */
  GENERIC = 0,
  /** Sentinel: continue at page offset `off` (4096 = next page). */
  LINK = 1,
  /** Sentinel after a scratch record: leave with RIP = ipBase + off. */
  STOP = 2,
  /** Entry of a translated region: leaves execute with RETRY (jit/region.ts). */
  REGION = 3,
  RESERVED4 = 4,
  FIRST = 5,
}

export const REC_SHIFT: u32 = 5;

// @ts-ignore: decorator
@inline
export function recOp(r: usize): u32 { return load<u16>(r, RecOffset.OP); }
/** Page offset of the instruction's first byte. */
// @ts-ignore: decorator
@inline
export function recOff(r: usize): u32 { return load<u16>(r, RecOffset.OFF); }
// @ts-ignore: decorator
@inline
export function recLen(r: usize): u32 { return load<u8>(r, RecOffset.LEN); }
// @ts-ignore: decorator
@inline
export function recFlags(r: usize): u32 { return load<u8>(r, RecOffset.FLAGS); }
// @ts-ignore: decorator
@inline
export function recIsMem(r: usize): bool { return (load<u8>(r, RecOffset.FLAGS) & RecFlag.MEM) != 0; }
// @ts-ignore: decorator
@inline
export function recIsLocked(r: usize): bool { return (load<u8>(r, RecOffset.FLAGS) & RecFlag.LOCK) != 0; }
/** GPR: byte offset in Cpu; other register files: the plain number. */
// @ts-ignore: decorator
@inline
export function recReg(r: usize): u32 { return load<u8>(r, RecOffset.REG); }
// @ts-ignore: decorator
@inline
export function recRm(r: usize): u32 { return load<u8>(r, RecOffset.RM); }
// @ts-ignore: decorator
@inline
export function recBase(r: usize): u32 { return load<u8>(r, RecOffset.BASE); }
// @ts-ignore: decorator
@inline
export function recIndex(r: usize): u32 { return load<u8>(r, RecOffset.INDEX); }
/** Segment of the memory operand (Seg), default or override. */
// @ts-ignore: decorator
@inline
export function recSeg(r: usize): u32 { return load<u8>(r, RecOffset.SEG_SCALE) & 7; }
/** Shift of the index register, 0..3. */
// @ts-ignore: decorator
@inline
export function recScale(r: usize): u32 { return (<u32>load<u8>(r, RecOffset.SEG_SCALE) >> 4) & 3; }
/** An explicit segment override was seen. */
// @ts-ignore: decorator
@inline
export function recHasSegOverride(r: usize): bool { return (load<u8>(r, RecOffset.SEG_SCALE) & 0x80) != 0; }
/** Operand size, log2 of bytes. */
// @ts-ignore: decorator
@inline
export function recOpSize(r: usize): u32 { return load<u8>(r, RecOffset.SIZE) & 3; }
/** Address size: 0 = 16, 1 = 32, 2 = 64 bits. */
// @ts-ignore: decorator
@inline
export function recAddrSize(r: usize): u32 { return (<u32>load<u8>(r, RecOffset.SIZE) >> 2) & 3; }
// @ts-ignore: decorator
@inline
export function recMode(r: usize): CodeMode { return ((<u32>load<u8>(r, RecOffset.SIZE) >> 4)
  & 3) as CodeMode; }
/** Mask of addresses of the record's address size. */
// @ts-ignore: decorator
@inline
export function recAddrMask(r: usize): u64 {
  const a = recAddrSize(r);
  return a == 2 ? ~(<u64>0) : a == 1 ? 0xFFFFFFFF : 0xFFFF;
}
// @ts-ignore: decorator
@inline
export function recHandler(r: usize): u32 { return load<u32>(r, RecOffset.HANDLER); }
/** Displacement, sign-extended; relative branches: page-relative target (off + len + displacement). */
// @ts-ignore: decorator
@inline
export function recDisp(r: usize): i64 { return load<i64>(r, RecOffset.DISP); }
// @ts-ignore: decorator
@inline
export function recImm(r: usize): i64 { return load<i64>(r, RecOffset.IMM); }

/** Ways are at least this; what the decoder leaves in a branch (no base, no index) is less. */
export const NEAR: i32 = -0x7000;
/**
 * Records from a direct branch or LINK to its target in the same page, less than NEAR while the branch has
 * not been taken: the records of a page stay where they are until all of them go.
 */
// @ts-ignore: decorator
@inline
export function recWay(r: usize): i32 { return <i32>load<i16>(r, RecOffset.BASE); }
// @ts-ignore: decorator
@inline
export function setWay(r: usize,
  to: usize): void { store<u16>(r, <u16>(<i32>(to - r) >> REC_SHIFT), RecOffset.BASE); }

/** VEX.vvvv: GPR byte offset, or the plain number for vector registers. Shares the top byte of imm. */
// @ts-ignore: decorator
@inline
export function recVex(r: usize): u32 { return load<u8>(r, RecOffset.IMM + 7); }

/** RIP of the instruction. */
// @ts-ignore: decorator
@inline
export function thisIp(c: Cpu, r: usize): u64 { return (c.ipBase + recOff(r)) & c.ipMask; }
/** RIP of the next instruction. */
// @ts-ignore: decorator
@inline
export function nextIp(c: Cpu, r: usize): u64 { return (c.ipBase + recOff(r) + recLen(r)) & c.ipMask; }

/** Read the general register at byte offset `at` of Cpu. */
// @ts-ignore: decorator
@inline
export function readReg<T>(c: Cpu, at: u32): T { return load<T>(changetype<usize>(c) + at); }
/** Write it: 8 and 16 bits merge, 32 bits zero-extend (SDM vol. 1 section 3.4.1.1). */
// @ts-ignore: decorator
@inline
export function writeReg<T>(c: Cpu, at: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(changetype<usize>(c) + at, <u64><u32>value);
  else store<T>(changetype<usize>(c) + at, value);
}
/** Read / write general register number n (0..15) at its full 64 bits. */
// @ts-ignore: decorator
@inline
export function readGpr(c: Cpu, n: u32): u64 { return load<u64>(changetype<usize>(c) + (n << 3)); }
// @ts-ignore: decorator
@inline
export function writeGpr(c: Cpu, n: u32,
  value: u64): void { store<u64>(changetype<usize>(c) + (n << 3), value); }
