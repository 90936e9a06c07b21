// Arithmetic flags in a region. At each point the producer of the flags is known statically (a descriptor:
// FlagKind and width, operands in FA, FB, FR), or dynamic: the lazy fields of cpu/flags.ts in Cpu, but RFLAGS
// in FE. A consumer is fused with a static producer. Producers whose flags nobody can see
// are dropped; a side exit counts as somebody, because an exception there would push RFLAGS.

import { ARITHMETIC_FLAGS } from "../cpu/flags";
import { Cpu, FlagKind } from "../cpu/state";
import { RecFlag, recFlags, recImm, recLen, recOpSize } from "../decode/record";
import { Import, W, access, const32, const64, constant, get, number, op, set, sized } from "./bytes";
import {
  Block, Fpu, Insn, Kind, Lower, Place, Term, Vec, block, insnOf, isHelper, isPure, isSystem, lowerForm,
  lowerOp, lowerPlace, predsOf, queueAt, succOf, usesStringRegs, x87Argument, x87Form,
} from "./map";
import { NODES, firstOf, nextOf } from "./sets";
import { blocks } from "./discover";
import { isBack, orderAt, ordered } from "./flow";
import { isCompare } from "./float-lower";
import { pushBelow, settleCompare } from "./float-flags";
import { isRotated, keptAfter, rotatedAfter, settleRotated } from "./kept-flags";
import { L, Size, extend, getFe, setFe, spillFe } from "./locals";
import { mixedToDynamic } from "./mixed-flags";
import { isShifted, pushShiftCarry, settleShift, shiftKind } from "./shift-flags";

/** Beside FlagKind | size << 4. */
export const enum Desc {
  DYNAMIC = 0,
  /** COMISx (float-flags.ts). */
  COMPARE = 7,
  /** FCOMI (7 for 32 bits): CF, PF and ZF are in FR at their places in RFLAGS, the others are 0. */
  COMPARED = 0x27,
  /** Of ZF SF PF the result is in FR, 32 or 64 bits, AF in FE; of CF and OF see kept-flags.ts. */
  ROTATED32 = 0x17,
  ROTATED64 = 0x37,
  /** All in FE; FlagKind in Cpu is EXPLICIT. */
  EXPLICIT = 0x10,
  /** One of several producers, known at run time (mixed-flags.ts). */
  MIXED = 0x20,
  DEAD = 0xFF,
}
const SIZE_SHIFT: u32 = 4;
const KIND_MASK: u32 = 15;

const CF: i64 = 1;
/** CF, AF, OF. */
export const CARRIES: i64 = 0x811;
const CC_CARRY: u32 = 2;
const OF_SHIFT: i64 = 11;
const PF_SHIFT: i32 = 2;
const ZF_SHIFT: i32 = 6;
const SF_SHIFT: i32 = 7;

/** Descriptor at the point being emitted. */
export let flagsNow: u32 = Desc.DYNAMIC;
export function setFlagsNow(d: u32): void { flagsNow = d; }
export function describe(kind: u32, size: u32): u32 { return kind | (size << SIZE_SHIFT); }
// @ts-ignore: decorator
@inline
export function kindOf(d: u32): u32 { return d & KIND_MASK; }
// @ts-ignore: decorator
@inline
export function sizeOf(d: u32): u32 { return d >> SIZE_SHIFT; }

// Liveness -----------------------------------------------------------------------------------------------

/** Count of a shift that is known, masked; -1 = in CL. */
export function shiftCount(i: Insn): i32 {
  const r = changetype<usize>(i);
  if (lowerPlace(i) == Place.E_CL || lowerPlace(i) == Place.EG_CL) return -1;
  const n = lowerPlace(i) == Place.E_ONE ? 1 : <i32>recImm(r);
  return n & (recOpSize(r) == Size.QWORD ? 63 : 31);
}

export function isCarried(o: Lower): bool { return o == Lower.ADC || o == Lower.SBB; }

function isShift(o: Lower): bool { return o >= Lower.SHL && o <= Lower.SAR; }

function isPtest(i: Insn): bool { return lowerOp(i) == Lower.VECTOR && lowerForm(i) == Vec.PTEST; }

export function isRotate(o: Lower): bool { return o == Lower.ROL || o == Lower.ROR; }
export function isDoubleShift(o: Lower): bool { return o == Lower.SHLD || o == Lower.SHRD; }
export function isBitTest(o: Lower): bool { return o >= Lower.BT && o <= Lower.BTC; }

/** Argument of an x87 comparison that writes RFLAGS (interp/x87-arith.ts). */
const X87_EFLAGS: u32 = 8;

function writesFlags(i: Insn): bool {
  const o = lowerOp(i);
  if (o == Lower.X87) return x87Form(i) == Fpu.COMPARE && (x87Argument(i) & X87_EFLAGS) != 0;
  if (isPtest(i) || isCarried(o)) return true;
  if (isShift(o) || isRotate(o) || isDoubleShift(o)) return shiftCount(i) != 0;
  if (o == Lower.FLOAT) return isCompare(i);
  return (o >= Lower.ADD && o <= Lower.NEG) || o == Lower.IMUL || o == Lower.CMP || o == Lower.TEST
    || o == Lower.XADD || o == Lower.CMPXCHG || (o >= Lower.BT && o <= Lower.BZHI);
}
/** Keeps a flag, or all of them sometimes: reads them only when they are live behind it. */
function isPartial(i: Insn): bool {
  const o = lowerOp(i);
  return o == Lower.INC || o == Lower.DEC || isRotate(o) || isBitTest(o)
    || ((isShift(o) || isDoubleShift(o)) && shiftCount(i) < 0);
}
function readsFlags(i: Insn): bool {
  const o = lowerOp(i);
  return o == Lower.CMOV || o == Lower.SETCC || o == Lower.JCC || isCarried(o)
    || (o == Lower.X87 && x87Form(i) == Fpu.CMOV);
}
export function usesMemory(i: Insn): bool {
  const o = lowerOp(i);
  return i.kind == Kind.NATIVE && (recFlags(changetype<usize>(i)) & RecFlag.MEM) != 0 && o != Lower.LEA
    && o != Lower.NOP;
}

/** Can the region be left at this instruction, with the flags as they are before it? */
export function canLeave(i: Insn): bool {
  const o = lowerOp(i);
  return usesMemory(i) || isHelper(i) || (o >= Lower.PUSH && o <= Lower.JMP_E)
    || o == Lower.FLOAT || o == Lower.X87
    || isSystem(o) || o == Lower.DIV || o == Lower.IDIV || (isDoubleShift(o) && shiftCount(i) < 0);
}
/** A handler that may read and write flags: they are those of Cpu around it. */
function usesCoreFlags(i: Insn): bool { return isHelper(i) && !isPure(i) && !usesStringRegs(i); }

/** May the flags be seen when block b ends? */
function liveOut(b: Block): bool {
  if (b.term == Term.EXIT || b.term >= Term.RET || b.taken == 0
    || (b.term == Term.JCC && b.fall == 0)) return true;
  for (let y = firstOf(succOf(b)); y < NODES; y = nextOf(succOf(b), y + 1)) {
    const to = block(y);
    if (isBack(b, to) || to.liveIn) return true;
  }
  return false;
}

function liveIn(b: Block): bool {
  let at = b.at;
  for (let n: u32 = 0; n < b.count; n++) {
    const i = insnOf(at);
    if (readsFlags(i) || canLeave(i)) return true;
    if (writesFlags(i) && !isPartial(i)) return false;
    at += recLen(changetype<usize>(i));
  }
  return liveOut(b);
}

function markLive(b: Block): void {
  let at = b.at;
  for (let n: u32 = 0; n < b.count; n++) {
    store<u16>(queueAt(n), <u16>at);
    at += recLen(changetype<usize>(insnOf(at)));
  }
  let live = liveOut(b);
  for (let n = b.count; n > 0; n--) {
    const i = insnOf(load<u16>(queueAt(n - 1)));
    i.flagsLive = live ? 1 : 0;
    if (writesFlags(i) && !isPartial(i)) live = false;
    if (readsFlags(i) || canLeave(i)) live = true;
  }
}

// Producers ----------------------------------------------------------------------------------------------

function produced(i: Insn, before: u32): u32 {
  if (!i.flagsLive) return Desc.DEAD;
  const size = recOpSize(changetype<usize>(i));
  const o = lowerOp(i);
  if (o == Lower.FLOAT) return Desc.COMPARE;
  if (o == Lower.X87) return Desc.COMPARED;
  if (o == Lower.ADD || o == Lower.XADD) return describe(FlagKind.ADD, size);
  if (o == Lower.SUB || o == Lower.CMP || o == Lower.NEG || o == Lower.CMPXCHG) {
    return describe(FlagKind.SUB, size);
  }
  if (o == Lower.INC) return describe(FlagKind.INC, size);
  if (o == Lower.DEC) return describe(FlagKind.DEC, size);
  if (isRotate(o)) return shiftCount(i) < 0 ? keptAfter(before) : rotatedAfter(before);
  if (isBitTest(o)) return keptAfter(before);
  if (o == Lower.POPCNT) return Desc.COMPARED;
  // The handler of a double shift by CL whose flags are live is called.
  if (isPtest(i) || (isDoubleShift(o) && shiftCount(i) < 0)) return Desc.DYNAMIC;
  if (isShift(o) && size >= <u32>Size.DWORD) {
    return shiftCount(i) < 0 ? <u32>Desc.MIXED : describe(shiftKind(o), size);
  }
  if (isShift(o) && shiftCount(i) < 0) return Desc.DYNAMIC;
  return describe(isShift(o) || isCarried(o) || o == Lower.IMUL || (o >= Lower.TZCNT && o <= Lower.BZHI)
    ? FlagKind.SZP : FlagKind.LOGIC, size);
}

/** Descriptor after an instruction. */
export function flagsAfter(i: Insn, before: u32): u32 {
  if (usesCoreFlags(i)) return Desc.DYNAMIC;
  return writesFlags(i) ? produced(i, before) : before;
}

function isInCpu(d: u32): bool { return d == Desc.DYNAMIC || d == Desc.EXPLICIT; }

function meet(a: u32, b: u32): u32 {
  if (a == Desc.DEAD) return b;
  if (b == Desc.DEAD || a == b) return a;
  return isInCpu(a) && isInCpu(b) ? <u32>Desc.DYNAMIC : <u32>Desc.MIXED;
}

function transfer(b: Block): u32 {
  let d = b.flagsIn;
  let at = b.at;
  for (let n: u32 = 0; n < b.count; n++) {
    const i = insnOf(at);
    d = flagsAfter(i, d);
    at += recLen(changetype<usize>(i));
  }
  return d;
}

/** Liveness, then the descriptor at each block's start. */
export function solveFlags(): void {
  for (let n: u32 = 0; n <= blocks; n++) {
    block(n).liveIn = 0;
    block(n).flagsIn = Desc.DEAD;
    block(n).flagsOut = Desc.DEAD;
  }
  for (let changed = true; changed;) {
    changed = false;
    for (let k = ordered - 1; k > 0; k--) {
      const b = block(orderAt(k));
      if (b.liveIn || !liveIn(b)) continue;
      b.liveIn = 1;
      changed = true;
    }
  }
  for (let k: u32 = 1; k < ordered; k++) markLive(block(orderAt(k)));
  block(0).flagsOut = Desc.DYNAMIC;
  for (let changed = true; changed;) {
    changed = false;
    for (let k: u32 = 1; k < ordered; k++) {
      const b = block(orderAt(k));
      let d: u32 = Desc.DEAD;
      for (let x = b.liveIn ? firstOf(predsOf(b)) : NODES; x < NODES; x = nextOf(predsOf(b), x + 1)) {
        d = meet(d, block(x).flagsOut);
      }
      // What is mixed stays so: the search must end.
      if (b.flagsIn != Desc.MIXED) b.flagsIn = d;
      d = transfer(b);
      if (d != b.flagsOut) {
        b.flagsOut = d;
        changed = true;
      }
    }
  }
}

// Consumers ----------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isWide(d: u32): bool { return sizeOf(d) == Size.QWORD; }
export function localA(size: u32): u32 { return size == Size.QWORD ? <u32>L.FA64 : <u32>L.FA32; }
export function localB(size: u32): u32 { return size == Size.QWORD ? <u32>L.FB64 : <u32>L.FB32; }
export function localResult(size: u32): u32 { return size == Size.QWORD ? <u32>L.FR64 : <u32>L.FR32; }
// @ts-ignore: decorator
@inline
export function getA(d: u32): void { get(localA(sizeOf(d))); }
// @ts-ignore: decorator
@inline
export function getB(d: u32): void { get(localB(sizeOf(d))); }

/** Push the result, sign-extended. */
export function pushResult(d: u32): void {
  const wide = isWide(d);
  switch (kindOf(d)) {
    case FlagKind.ADD: getA(d); getB(d); sized(W.I32_ADD, wide); break;
    case FlagKind.SUB: getA(d); getB(d); sized(W.I32_SUB, wide); break;
    case FlagKind.INC: getA(d); constant(1, wide); sized(W.I32_ADD, wide); break;
    case FlagKind.DEC: getA(d); constant(1, wide); sized(W.I32_SUB, wide); break;
    default: get(localResult(sizeOf(d)));
  }
  extend(sizeOf(d));
}

export function pushNegative(wide: bool): void {
  constant(0, wide);
  sized(W.I32_LT_S, wide);
}

/** Push OF of ADD or SUB: ((a ^ x) & (y ^ r)) < 0; of INC and DEC by the result. */
export function pushOverflow(d: u32): void {
  const wide = isWide(d);
  const isAdd = kindOf(d) == FlagKind.ADD;
  if (kindOf(d) == FlagKind.INC || kindOf(d) == FlagKind.DEC) {
    const least = <i64>(-1) << <i64>((8 << sizeOf(d)) - 1);
    pushResult(d);
    constant(kindOf(d) == FlagKind.INC ? least : ~least, wide);
    sized(W.I32_EQ, wide);
    return;
  }
  getA(d);
  pushResult(d);
  sized(W.I32_XOR, wide);
  if (isAdd) {
    getB(d);
    pushResult(d);
  } else {
    getA(d);
    getB(d);
  }
  sized(W.I32_XOR, wide);
  sized(W.I32_AND, wide);
  pushNegative(wide);
}

export function compare(d: u32, code: W): void {
  getA(d);
  getB(d);
  sized(code, isWide(d));
}

/** Push a flag of FR (COMPARED). */
export function pushFlag(shift: i32): void {
  get(L.FR32);
  const32(shift);
  op(W.I32_SHR_U);
  const32(1);
  op(W.I32_AND);
}
/** Push a flag of FE. */
export function pushStored(shift: i32): void {
  getFe();
  op(W.I32_WRAP);
  const32(shift);
  op(W.I32_SHR_U);
  const32(1);
  op(W.I32_AND);
}
/** Push CF, 0 or 1. */
export function pushCarry(d: u32): void {
  if (isRotated(d)) {
    get(L.FA32);
    const32(31);
    op(W.I32_SHR_U);
    return;
  }
  if (d == Desc.EXPLICIT) {
    pushStored(0);
    return;
  }
  if (isShifted(d)) {
    pushShiftCarry(d);
    return;
  }
  if (d == Desc.MIXED) toDynamic();
  switch (kindOf(d)) {
    case FlagKind.ADD:
      pushResult(d);
      getA(d);
      sized(W.I32_LT_U, isWide(d));
      break;
    case FlagKind.SUB: compare(d, W.I32_LT_U); break;
    case FlagKind.LOGIC: const32(0); break;
    case Desc.COMPARE: if (d == Desc.COMPARED) pushFlag(0); else pushBelow(); break;
    case Desc.DYNAMIC: pushCoreCond(CC_CARRY); break;
    default: getFe(); op(W.I32_WRAP); const32(<i32>CF); op(W.I32_AND);
  }
}

// Dynamic flags ------------------------------------------------------------------------------------------

function storeExtended(field: u32, wide: bool): void {
  if (!wide) op(W.I64_EXTEND_S);
  access(W.I64_STORE, 3, field);
}
/** Put a FlagKind into Cpu. */
export function storeKind(kind: u32): void {
  get(L.C);
  const32(kind);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("flagKind"));
}

/** Put the flags of the present descriptor into Cpu (but RFLAGS, which FE holds). */
export function toDynamic(): void {
  const d = flagsNow;
  if (d == Desc.MIXED) mixedToDynamic();
  if (kindOf(d) == Desc.DYNAMIC || d == Desc.DEAD) return;
  if (d == Desc.COMPARE) {
    settleCompare();
    storeKind(FlagKind.EXPLICIT);
    return;
  }
  const wide = isWide(d);
  const kind = kindOf(d);
  if (d == Desc.COMPARED) {
    getFe();
    const64(<i64>~ARITHMETIC_FLAGS);
    op(W.I64_AND);
    get(L.FR32);
    op(W.I64_EXTEND_U);
    op(W.I64_OR);
    setFe();
    storeKind(FlagKind.EXPLICIT);
    return;
  }
  if (isRotated(d)) {
    settleRotated();
    storeResult(keptAfter(d));
    return;
  }
  if (isShifted(d)) {
    settleShift(d);
    storeResult(keptAfter(d));
    return;
  }
  if (kind != FlagKind.LOGIC && kind != FlagKind.SZP) {
    get(L.C);
    getA(d);
    storeExtended(<u32>offsetof<Cpu>("flagA"), wide);
  }
  if (kind == FlagKind.ADD || kind == FlagKind.SUB) {
    get(L.C);
    getB(d);
    storeExtended(<u32>offsetof<Cpu>("flagB"), wide);
  }
  storeResult(d);
}
function storeResult(d: u32): void {
  get(L.C);
  pushResult(d);
  storeExtended(<u32>offsetof<Cpu>("flagRes"), isWide(d));
  storeKind(kindOf(d));
}

/** Keep CF in FE before INC or DEC. */
export function saveCarry(): void {
  const kind = kindOf(flagsNow);
  if (kind == FlagKind.INC || kind == FlagKind.DEC || kind == FlagKind.SZP) return;
  if (flagsNow == Desc.EXPLICIT) return;
  getFe();
  const64(~CF);
  op(W.I64_AND);
  pushCarry(flagsNow);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  setFe();
}

/** FE without CF, OF and AF, on the stack. */
export function pushWithoutCarries(): void {
  getFe();
  const64(~CARRIES);
  op(W.I64_AND);
}

/** Push the truth of a condition code over the dynamic flags. */
export function pushCoreCond(cc: u32): void {
  spillFe();
  call(Import.COND, cc);
}
/** Push the i32 that a function of the core gives for (cpu, argument). */
export function call(which: Import, argument: u32): void {
  get(L.C);
  const32(argument);
  op(W.CALL);
  number(which);
}
