// Arithmetic flags, computed late (SDM vol. 1 section 3.4.3.1; engine design section 5). A uop leaves its
// operands and result, sign-extended from the operation's width to 64 bits, in flagA flagB flagRes and a
// FlagKind; so no rule here depends on a width. RFLAGS as a whole is put together by readEflags. FlagKind.SUB
// holds a - b exactly (SBB with its borrow in uses SZP).

import { Cpu, FlagKind } from "./state";
import { tlbSelectBank } from "../mmu/tlb";

const CF: u64 = 0x001;
const PF: u64 = 0x004;
const AF: u64 = 0x010;
const ZF: u64 = 0x040;
const SF: u64 = 0x080;
const OF: u64 = 0x800;
const RF: u64 = 0x10000;
const AC: u64 = 0x40000;
export const ARITHMETIC_FLAGS: u64 = CF | PF | AF | ZF | SF | OF;
const CARRIES: u64 = CF | AF | OF;

/** Sign-extend from the width of T. */
// @ts-ignore: decorator
@inline
export function signExtend<T>(v: T): u64 {
  if (sizeof<T>() == 1) return <u64><i64><i8>v;
  if (sizeof<T>() == 2) return <u64><i64><i16>v;
  if (sizeof<T>() == 4) return <u64><i64><i32>v;
  return <u64>v;
}

// @ts-ignore: decorator
@inline
export function setAdd<T>(c: Cpu, a: T, b: T, res: T): void {
  c.flagA = signExtend<T>(a);
  c.flagB = signExtend<T>(b);
  c.flagRes = signExtend<T>(res);
  c.flagKind = FlagKind.ADD;
}

/** res must be a - b. */
// @ts-ignore: decorator
@inline
export function setSub<T>(c: Cpu, a: T, b: T, res: T): void {
  c.flagA = signExtend<T>(a);
  c.flagB = signExtend<T>(b);
  c.flagRes = signExtend<T>(res);
  c.flagKind = FlagKind.SUB;
}

// @ts-ignore: decorator
@inline
export function setLogic<T>(c: Cpu, res: T): void {
  c.flagRes = signExtend<T>(res);
  c.flagKind = FlagKind.LOGIC;
}

/** res = a + 1; CF keeps its value. */
// @ts-ignore: decorator
@inline
export function setInc<T>(c: Cpu, a: T, res: T): void {
  saveCarry(c);
  c.flagA = signExtend<T>(a);
  c.flagRes = signExtend<T>(res);
  c.flagKind = FlagKind.INC;
}

/** res = a - 1; CF keeps its value. */
// @ts-ignore: decorator
@inline
export function setDec<T>(c: Cpu, a: T, res: T): void {
  saveCarry(c);
  c.flagA = signExtend<T>(a);
  c.flagRes = signExtend<T>(res);
  c.flagKind = FlagKind.DEC;
}

function saveCarry(c: Cpu): void {
  // INC, DEC, SZP and EXPLICIT have CF in eflags already.
  if (c.flagKind - 1 < 3) c.eflags = (c.eflags & ~CF) | <u64>getCF(c);
}

/** SF ZF PF from res; CF and OF (0 or 1) given; AF = 0. */
// @ts-ignore: decorator
@inline
export function setSzp<T>(c: Cpu, res: T, cf: u64, overflow: u64): void {
  c.flagRes = signExtend<T>(res);
  c.eflags = (c.eflags & ~CARRIES) | cf | (overflow << 11);
  c.flagKind = FlagKind.SZP;
}

/** SF ZF PF from res and all three carries (0 or 1) given. */
export function setSzpCarries<T>(c: Cpu, res: T, cf: u64, overflow: u64, auxiliary: u64): void {
  c.flagRes = signExtend<T>(res);
  c.eflags = (c.eflags & ~CARRIES) | cf | (overflow << 11) | (auxiliary << 4);
  c.flagKind = FlagKind.SZP;
}

/** Change CF and OF only. */
export function setCfOf(c: Cpu, cf: u64, overflow: u64): void {
  const af = <u64>getAF(c) << 4;
  c.eflags = (c.eflags & ~CARRIES) | cf | (overflow << 11) | af;
  if (c.flagKind) c.flagKind = FlagKind.SZP;
}

/** Change CF only. */
export function setCf(c: Cpu, cf: u64): void {
  setCfOf(c, cf, <u64>getOF(c));
}

/** Change ZF only. */
export function setZf(c: Cpu, zf: u64): void {
  c.eflags = (readEflags(c) & ~ZF) | (zf << 6);
  c.flagKind = FlagKind.EXPLICIT;
}

/** All six arithmetic flags from a mask of RFLAGS bits. */
export function setExplicit(c: Cpu, arithmetic: u64): void {
  c.eflags = (c.eflags & ~ARITHMETIC_FLAGS) | (arithmetic & ARITHMETIC_FLAGS);
  c.flagKind = FlagKind.EXPLICIT;
}

export function getCF(c: Cpu): u32 {
  const a = c.flagA;
  const b = c.flagB;
  switch (c.flagKind) {
    case FlagKind.ADD: return <u32>(((a & b) | ((a | b) & ~c.flagRes)) >> 63);
    case FlagKind.SUB: return <u32>(a < b);
    case FlagKind.LOGIC: return 0;
    default: return <u32>(c.eflags & CF);
  }
}

export function getOF(c: Cpu): u32 {
  const a = c.flagA;
  const res = c.flagRes;
  switch (c.flagKind) {
    case FlagKind.ADD: return <u32>(((a ^ res) & (c.flagB ^ res)) >> 63);
    case FlagKind.SUB: return <u32>(((a ^ c.flagB) & (a ^ res)) >> 63);
    case FlagKind.LOGIC: return 0;
    case FlagKind.INC: return <u32>((~a & res) >> 63);
    case FlagKind.DEC: return <u32>((a & ~res) >> 63);
    default: return <u32>(c.eflags >> 11) & 1;
  }
}

export function getAF(c: Cpu): u32 {
  switch (c.flagKind) {
    case FlagKind.ADD:
    case FlagKind.SUB: return <u32>((c.flagA ^ c.flagB ^ c.flagRes) >> 4) & 1;
    case FlagKind.LOGIC: return 0;
    case FlagKind.INC: return <u32>((c.flagRes & 15) == 0);
    case FlagKind.DEC: return <u32>((c.flagA & 15) == 0);
    default: return <u32>(c.eflags >> 4) & 1;
  }
}

// @ts-ignore: decorator
@inline
export function getZF(c: Cpu): u32 {
  return c.flagKind ? <u32>(c.flagRes == 0) : <u32>(c.eflags >> 6) & 1;
}

// @ts-ignore: decorator
@inline
export function getSF(c: Cpu): u32 {
  return c.flagKind ? <u32>(c.flagRes >> 63) : <u32>(c.eflags >> 7) & 1;
}

export function getPF(c: Cpu): u32 {
  return c.flagKind ? parity(c.flagRes) : <u32>(c.eflags >> 2) & 1;
}

/** 1 when the low byte has an even number of ones. */
// @ts-ignore: decorator
@inline
export function parity(v: u64): u32 {
  return (<u32>popcnt<u32>(<u32>v & 0xFF) & 1) ^ 1;
}

function testB(c: Cpu): bool {
  return getCF(c) != 0;
}
function testBE(c: Cpu): bool {
  return (getCF(c) | getZF(c)) != 0;
}
function testL(c: Cpu): bool {
  return getSF(c) != getOF(c);
}
function testLE(c: Cpu): bool {
  return getZF(c) != 0 || getSF(c) != getOF(c);
}

/**
 * Truth of condition code 0..15 (SDM vol. 1 appendix B). With a constant `cc` only one arm is left after
 * inlining. The direct comparisons serve CMP and SUB, which precede most conditional branches.
 */
// @ts-ignore: decorator
@inline
export function testCond(c: Cpu, cc: u32): bool {
  switch (cc) {
    case 0: return getOF(c) != 0;
    case 1: return getOF(c) == 0;
    case 2: return c.flagKind == FlagKind.SUB ? c.flagA < c.flagB : testB(c);
    case 3: return !(c.flagKind == FlagKind.SUB ? c.flagA < c.flagB : testB(c));
    case 4: return c.flagKind ? c.flagRes == 0 : (c.eflags & ZF) != 0;
    case 5: return c.flagKind ? c.flagRes != 0 : (c.eflags & ZF) == 0;
    case 6: return c.flagKind == FlagKind.SUB ? c.flagA <= c.flagB : testBE(c);
    case 7: return !(c.flagKind == FlagKind.SUB ? c.flagA <= c.flagB : testBE(c));
    case 8: return getSF(c) != 0;
    case 9: return getSF(c) == 0;
    case 10: return getPF(c) != 0;
    case 11: return getPF(c) == 0;
    case 12: return c.flagKind == FlagKind.SUB ? <i64>c.flagA < <i64>c.flagB : testL(c);
    case 13: return !(c.flagKind == FlagKind.SUB ? <i64>c.flagA < <i64>c.flagB : testL(c));
    case 14: return c.flagKind == FlagKind.SUB ? <i64>c.flagA <= <i64>c.flagB : testLE(c);
    default: return !(c.flagKind == FlagKind.SUB ? <i64>c.flagA <= <i64>c.flagB : testLE(c));
  }
}

/** The full RFLAGS image. */
export function readEflags(c: Cpu): u64 {
  if (c.flagKind == FlagKind.EXPLICIT) return c.eflags;
  return (c.eflags & ~ARITHMETIC_FLAGS) | <u64>getCF(c) | (<u64>getPF(c) << 2) | (<u64>getAF(c) << 4) |
    (<u64>getZF(c) << 6) | (<u64>getSF(c) << 7) | (<u64>getOF(c) << 11);
}

/** RF has been loaded (IRET, a task switch) since settleRf; instructions executed when it was. */
let rfLoaded: bool = false;
let rfAt: u64 = 0;

/**
 * RF holds for one instruction (SDM 3B 17.3.1.1): between instructions, `c.instructions` exact, forget it
 * when one has been executed since it was loaded. Until then it may stand in eflags longer: instructions do
 * not see it, and what does, asks here before.
 */
export function settleRf(c: Cpu): void {
  if (rfLoaded) rfAt = c.instructions;
  else if ((c.eflags & RF) != 0 && c.instructions != rfAt) c.eflags &= ~RF;
  rfLoaded = false;
}

/** Set the RFLAGS bits under mask. What RF, VM and VIF may become is the caller's rule. */
export function writeEflags(c: Cpu, value: u64, mask: u64): void {
  const old = readEflags(c);
  const now = (old & ~mask) | (value & mask) | 2;
  c.eflags = now;
  c.flagKind = FlagKind.EXPLICIT;
  if ((mask & now & RF) != 0) rfLoaded = true;
  if (((old ^ now) & AC) != 0) tlbSelectBank(c);
}
