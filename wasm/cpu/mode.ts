// Modes of operation derived from CR0, EFER, EFLAGS.VM and the hidden parts of CS and SS (SDM vol. 3A 2.2,
// 3.4.5, 5.5). updateMode() is called after every change of one of these; everything else reads the derived
// fields of Cpu. CPL is SS.DPL, as in VT-x: a null SS of 64-bit mode keeps its privilege in its attributes.

import { CodeMode, Cpu, Seg, SegFlag, segment } from "./state";
import { tlbSelectBank } from "../mmu/tlb";

/** CR0 (SDM 3A 2.5). */
export const enum Cr0 {
  PE = 1, MP = 2, EM = 4, TS = 8, ET = 0x10, NE = 0x20, WP = 0x10000, AM = 0x40000, NW = 0x20000000,
  CD = 0x40000000,
  PG = 0x80000000,
}

/** CR4 (SDM 3A 2.5). */
export const enum Cr4 {
  VME = 1, PVI = 2, TSD = 4, DE = 8, PSE = 0x10, PAE = 0x20, MCE = 0x40, PGE = 0x80, PCE = 0x100,
  OSFXSR = 0x200,
  OSXMMEXCPT = 0x400, UMIP = 0x800, FSGSBASE = 0x10000, PCIDE = 0x20000, OSXSAVE = 0x40000, SMEP = 0x100000,
  SMAP = 0x200000,
}

/** IA32_EFER (SDM 3A 2.2.1). */
export const enum Efer { SCE = 1, LME = 0x100, LMA = 0x400, NXE = 0x800 }

/** RFLAGS (SDM vol. 1 3.4.3). */
export const enum Rflags {
  CF = 1, FIXED = 2, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, TF = 0x100, IF = 0x200, DF = 0x400, OF = 0x800,
  IOPL = 0x3000, NT = 0x4000, RF = 0x10000, VM = 0x20000, AC = 0x40000, VIF = 0x80000, VIP = 0x100000,
  ID = 0x200000,
}
export const IOPL_SHIFT: u32 = 12;

/** Segment attributes: descriptor bits 40..55 without limit 19:16 (SDM 3A 3.4.5). */
export const enum Attr {
  ACCESSED = 1, WRITABLE = 2, READABLE = 2, EXPAND_DOWN = 4, CONFORMING = 4, CODE = 8, TYPE = 0xF,
  S = 0x10, DPL = 0x60, P = 0x80, AVL = 0x1000, L = 0x2000, DB = 0x4000, G = 0x8000,
  /** Every bit that a Segment keeps. */
  KEPT = 0xF0FF,
  /** Present, writable, accessed data: what real mode uses for every segment. */
  DATA = 0x93,
  /** Present, readable, accessed code. */
  CODE_SEGMENT = 0x9B,
}
export const ATTR_DPL_SHIFT: u32 = 5;

const FLAT_LIMIT: u32 = 0xFFFFFFFF;
const MASK16: u64 = 0xFFFF;
const MASK32: u64 = 0xFFFFFFFF;
const MASK64: u64 = 0xFFFFFFFFFFFFFFFF;

/** Bits of a canonical address; bit 47 is the sign (no LA57). */
const CANONICAL_SHIFT: u64 = 16;

// @ts-ignore: decorator
@inline
export function isCanonical(va: u64): bool {
  return <u64>((<i64>va << CANONICAL_SHIFT) >> CANONICAL_SHIFT) == va;
}

// @ts-ignore: decorator
@inline
export function isProtected(c: Cpu): bool { return (c.cr0 & Cr0.PE) != 0; }
// @ts-ignore: decorator
@inline
export function isV86(c: Cpu): bool { return (c.eflags & Rflags.VM) != 0; }
/** Real-address or virtual-8086 mode: segments are loaded without descriptors. */
// @ts-ignore: decorator
@inline
export function isRealOrV86(c: Cpu): bool { return (c.cr0 & Cr0.PE) == 0 || (c.eflags & Rflags.VM) != 0; }
// @ts-ignore: decorator
@inline
export function iopl(c: Cpu): u32 { return <u32>(c.eflags & Rflags.IOPL) >> IOPL_SHIFT; }
/** DPL of segment register n. */
// @ts-ignore: decorator
@inline
export function segmentDpl(c: Cpu, n: u32): u32 {
  return (<u32>segment(c, n).attr & Attr.DPL) >> ATTR_DPL_SHIFT;
}

/** Recompute every derived mode field and choose the TLB bank. */
export function updateMode(c: Cpu): void {
  const cs: u32 = segment(c, Seg.CS).attr;
  const ss: u32 = segment(c, Seg.SS).attr;
  const lma: u32 = (c.efer & Efer.LMA) != 0 ? 1 : 0;
  const v86 = isV86(c);
  const pe = isProtected(c);
  const long64 = pe && lma != 0 && !v86 && (cs & Attr.L) != 0;
  c.longMode = lma;
  c.mode64 = long64 ? 1 : 0;
  if (long64) {
    c.codeMode = CodeMode.M64;
    c.ipMask = MASK64;
    c.stackMask = MASK64;
  } else {
    const wide = (cs & Attr.DB) != 0;
    c.codeMode = wide ? CodeMode.M32 : CodeMode.M16;
    c.ipMask = wide ? MASK32 : MASK16;
    c.stackMask = (ss & Attr.DB) != 0 ? MASK32 : MASK16;
  }
  c.cpl = !pe ? 0 : v86 ? 3 : (ss & Attr.DPL) >> ATTR_DPL_SHIFT;
  tlbSelectBank(c);
}

/**
 * Privilege of the accesses that follow: used while an event or a gate writes the stack of its target
 * privilege.
 */
export function setCpl(c: Cpu, cpl: u32): void {
  c.cpl = cpl;
  tlbSelectBank(c);
}

/** Recompute the cached answers of segment register n after a change of its hidden part. */
export function refreshSegment(c: Cpu, n: u32): void {
  const s = segment(c, n);
  let flags = s.flags & SegFlag.NULL;
  s.readEnd = 0;
  s.writeEnd = 0;
  const code = (s.attr & Attr.CODE) != 0;
  const down = !code && (s.attr & Attr.EXPAND_DOWN) != 0;
  if (flags == 0 && !down && (s.attr & Attr.P) != 0) {
    // The last byte of a 4 GiB segment is left to the full check, which knows that it wraps.
    const end = s.limit == FLAT_LIMIT ? FLAT_LIMIT : s.limit + 1;
    if (!code || (s.attr & Attr.READABLE) != 0) s.readEnd = end;
    if (!code && (s.attr & Attr.WRITABLE) != 0) s.writeEnd = end;
    if (s.base == 0 && s.limit == FLAT_LIMIT) {
      if (s.readEnd) flags |= SegFlag.FLAT_READ;
      if (s.writeEnd) flags |= SegFlag.FLAT_WRITE;
    }
  }
  s.flags = flags;
}

const FLAT: u32 = SegFlag.FLAT_READ | SegFlag.FLAT_WRITE;

/** 32-bit code in which CS, DS, ES and SS span all 4 GiB from 0: offsets are linear addresses. */
export function isFlat32(c: Cpu): bool {
  const cs = segment(c, Seg.CS);
  return c.codeMode == CodeMode.M32 && cs.base == 0 && cs.limit == FLAT_LIMIT && c.stackMask == MASK32 &&
    (segment(c, Seg.ES).flags & segment(c, Seg.SS).flags & segment(c, Seg.DS).flags & FLAT) == FLAT;
}
