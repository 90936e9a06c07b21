// One guest instruction as WebAssembly. Operands go through typed temporaries (i32 sign-extended below 64
// bits), which the engine's register allocation dissolves. A memory operand is translated first, by a look-up
// in the software TLB inline; a miss leaves the region at this instruction with nothing committed, and the
// interpreter does the rest: fill, fault, chip, code page.

import { Cpu, FlagKind, RegOffset } from "../cpu/state";
import {
  RecFlag, recBase, recDisp, recFlags, recImm, recIndex, recOff, recOpSize, recReg, recRm, recScale,
} from "../decode/record";
import { TLB_ENTRIES } from "../lib/layout";
import { Import, W, access, const32, const64, constant, get, op, openVoid, set, sized, tee } from "./bytes";
import {
  call, describe, flagsAfter, flagsNow, localA, localB, localResult, pushCond, pushWithoutCarries,
    saveCarry, setFlagsNow,
  shiftCount, toDynamic, usesMemory,
} from "./flags";
import { L, Size, extend, loadSized, popReg, pushReg, regLocal, storeField, storeSized } from "./locals";
import { Insn, Lower, Place, lowerCond, lowerOp, lowerPlace, lowerSource } from "./map";
import { Exit, leaveRegion } from "./exits";

/** Shift from an address to 16 times its page number. */
const SLOT_SHIFT: i32 = 8;
const SLOT_MASK: i32 = (TLB_ENTRIES - 1) << 4;
const ADDEND: u32 = 8;
const PAGE_LIMIT: i64 = 4097;
/** OF beside CF. */
const CF_OF: i64 = 0x801;
const OF_SHIFT: i64 = 11;
const CL: u32 = 8;

/** The region reads RIP-relative operands. */
export let usesIp: bool = false;
export function forgetIp(): void { usesIp = false; }

function tempA(size: u32): u32 { return size == Size.QWORD ? <u32>L.TA64 : <u32>L.TA32; }
function tempB(size: u32): u32 { return size == Size.QWORD ? <u32>L.TB64 : <u32>L.TB32; }

// Addresses ----------------------------------------------------------------------------------------------

function pushBase(at: u32): bool {
  if (at == RegOffset.ZERO) return false;
  if (at == RegOffset.IP_BASE) {
    usesIp = true;
    get(L.IP);
  } else get(regLocal(at));
  return true;
}

/** Push the effective address. */
function pushAddress(r: usize): void {
  let some = pushBase(recBase(r));
  if (recIndex(r) != RegOffset.ZERO) {
    get(regLocal(recIndex(r)));
    if (recScale(r)) {
      const64(recScale(r));
      op(W.I64_SHL);
    }
    if (some) op(W.I64_ADD);
    some = true;
  }
  if (recDisp(r) != 0 || !some) {
    const64(recDisp(r));
    if (some) op(W.I64_ADD);
  }
}

/** Put the host address of the memory operand into HOST, or leave the region. */
function translate(i: Insn, size: u32, write: bool): void {
  const r = changetype<usize>(i);
  pushAddress(r);
  set(L.VA);
  get(write ? <u32>L.TLB_WRITE : <u32>L.TLB_READ);
  get(L.VA);
  op(W.I32_WRAP);
  const32(SLOT_SHIFT);
  op(W.I32_SHR_U);
  const32(SLOT_MASK);
  op(W.I32_AND);
  op(W.I32_ADD);
  tee(L.SLOT);
  access(W.I64_LOAD, 3, 0);
  get(L.VA);
  op(W.I64_XOR);
  const64(PAGE_LIMIT - (<i64>1 << size));
  op(W.I64_GE_U);
  leaveRegion(recOff(r), Exit.MISS, true);
  get(L.SLOT);
  access(W.I32_LOAD, 2, ADDEND);
  get(L.VA);
  op(W.I32_WRAP);
  op(W.I32_ADD);
  set(L.HOST);
}

// Operands -----------------------------------------------------------------------------------------------

/** The destination is memory (the look-up must be for writing). */
function destIsMemory(i: Insn): bool {
  const p = lowerPlace(i);
  return usesMemory(i) && p != Place.GE && p != Place.GEI;
}

/** Push the r/m operand that HOST or recRm holds. */
function pushRm(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (recFlags(r) & RecFlag.MEM) {
    get(L.HOST);
    loadSized(size);
  } else pushReg(recRm(r), size);
}

/** Push the destination's old value. */
function pushDest(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (lowerPlace(i) == Place.GE && usesMemory(i)) pushReg(recReg(r), size);
  else pushRm(i, size);
}

/** Push the source of a two-operand form. */
function pushSource(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  switch (lowerPlace(i)) {
    case Place.EI: constant(size == Size.QWORD ? recImm(r) : <i64><i32>recImm(r), size == Size.QWORD); break;
    case Place.GE:
      if (usesMemory(i)) pushRm(i, size);
      else pushReg(recReg(r), size);
      break;
    default: pushReg(recReg(r), size);
  }
}

/** Pop the result into the destination. */
function popDest(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (destIsMemory(i)) storeSized(size);
  else popReg(lowerPlace(i) == Place.GE && usesMemory(i) ? recReg(r) : recRm(r), size);
}

// Families -----------------------------------------------------------------------------------------------

function arithmetic(o: Lower): W {
  switch (o) {
    case Lower.ADD: return W.I32_ADD;
    case Lower.SUB: case Lower.CMP: return W.I32_SUB;
    case Lower.AND: case Lower.TEST: return W.I32_AND;
    case Lower.OR: return W.I32_OR;
    default: return W.I32_XOR;
  }
}

/** ADD OR AND SUB XOR CMP TEST. */
function lowerTwo(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const o = lowerOp(i);
  const wide = size == Size.QWORD;
  const live = i.flagsLive != 0;
  const carries = o == Lower.ADD || o == Lower.SUB || o == Lower.CMP;
  const compares = o == Lower.CMP || o == Lower.TEST;
  if (compares && !live) return;
  const a = live && carries ? localA(size) : tempA(size);
  const b = live && carries ? localB(size) : tempB(size);
  pushDest(i, size);
  pushSource(i, size);
  set(b);
  set(a);
  if (o == Lower.CMP) return;
  get(a);
  get(b);
  sized(arithmetic(o), wide);
  if (live && !carries) {
    const result = localResult(size);
    set(result);
    if (compares) return;
    get(result);
  }
  popDest(i, size);
}

/** INC DEC NEG NOT. */
function lowerOne(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const o = lowerOp(i);
  const wide = size == Size.QWORD;
  const live = i.flagsLive != 0 && o != Lower.NOT;
  if (live && (o == Lower.INC || o == Lower.DEC)) saveCarry();
  const a = live ? localA(size) : tempA(size);
  const b = live ? localB(size) : tempB(size);
  if (o == Lower.NEG) {
    pushDest(i, size);
    set(b);
    constant(0, wide);
    set(a);
    get(a);
    get(b);
  } else {
    pushDest(i, size);
    set(a);
    get(a);
    constant(o == Lower.NOT ? -1 : 1, wide);
  }
  sized(o == Lower.INC ? W.I32_ADD : o == Lower.NOT ? W.I32_XOR : W.I32_SUB, wide);
  popDest(i, size);
}

function lowerExtend(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const source = lowerSource(i);
  if (usesMemory(i)) {
    get(L.HOST);
    loadSized(source);
  } else pushReg(recReg(r), source);
  if (lowerOp(i) == Lower.MOVZX) {
    const32(source == Size.BYTE ? 0xFF : 0xFFFF);
    op(W.I32_AND);
  }
  if (size == Size.QWORD) op(W.I64_EXTEND_S);
  popReg(usesMemory(i) ? recReg(r) : recRm(r), size);
}

/** IMUL of two or three operands. */
function lowerImul(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const wide = size == Size.QWORD;
  const three = lowerPlace(i) == Place.GEI;
  const a = tempA(size);
  const b = tempB(size);
  if (three) {
    pushRm(i, size);
    constant(wide ? recImm(r) : <i64><i32>recImm(r), wide);
  } else {
    pushDest(i, size);
    pushSource(i, size);
  }
  set(b);
  set(a);
  get(a);
  get(b);
  sized(W.I32_MUL, wide);
  if (i.flagsLive) {
    extend(size);
    set(localResult(size));
    pushLost(size);
    set(L.EXIT);
    pushWithoutCarries();
    get(L.EXIT);
    op(W.I64_EXTEND_U);
    const64(CF_OF);
    op(W.I64_MUL);
    op(W.I64_OR);
    set(L.FE);
    get(localResult(size));
  }
  if (three) popReg(recReg(r), size);
  else popDest(i, size);
}

/** Push 1 when the product of TA and TB does not fit. */
function pushLost(size: u32): void {
  if (size == Size.QWORD) {
    storeField(offsetof<Cpu>("flagA"), L.TA64, true);
    storeField(offsetof<Cpu>("flagB"), L.TB64, true);
    call(Import.LOST, 0);
    return;
  }
  get(L.TA32);
  op(W.I64_EXTEND_S);
  get(L.TB32);
  op(W.I64_EXTEND_S);
  op(W.I64_MUL);
  get(localResult(size));
  op(W.I64_EXTEND_S);
  op(W.I64_NE);
}

/** Push the shift of the i64 in TA64 by a constant or by TB64 less `less`. */
function shiftWide(code: W, count: i32, less: i32): void {
  get(L.TA64);
  if (count >= 0) const64(count - less);
  else {
    get(L.TB64);
    if (less) {
      const64(less);
      op(W.I64_SUB);
    }
  }
  op(code);
}

/** Flags of a shift by 1 or more of TA64 (extended from `size`): FR and FE. SDM vol. 2 "SAL/SAR/SHL/SHR". */
function shiftFlags(o: Lower, size: u32, count: i32, result: u32): void {
  const bits: i64 = 8 << size;
  if (o == Lower.SHL && size == Size.QWORD) {
    get(L.TA64);
    const64(64);
    if (count >= 0) const64(count);
    else get(L.TB64);
    op(W.I64_SUB);
    op(W.I64_SHR_U);
  } else if (o == Lower.SHL) {
    shiftWide(W.I64_SHL, count, 0);
    const64(bits);
    op(W.I64_SHR_U);
  } else shiftWide(o == Lower.SAR ? W.I64_SHR_S : W.I64_SHR_U, count, 1);
  const64(1);
  op(W.I64_AND);
  set(L.VA);
  pushWithoutCarries();
  get(L.VA);
  op(W.I64_OR);
  if (o != Lower.SAR) {
    pushTop(result, bits - 1);
    if (o == Lower.SHL) get(L.VA);
    else pushTop(result, bits - 2);
    op(W.I64_XOR);
    const64(OF_SHIFT);
    op(W.I64_SHL);
    op(W.I64_OR);
  }
  set(L.FE);
}

function pushTop(result: u32, shift: i64): void {
  get(result);
  const64(shift);
  op(W.I64_SHR_U);
  const64(1);
  op(W.I64_AND);
}

function lowerShift(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const wide = size == Size.QWORD;
  const count = shiftCount(i);
  if (count == 0) {
    // A 32-bit destination is written all the same: its upper half becomes 0.
    pushDest(i, size);
    popDest(i, size);
    return;
  }
  const o = lowerOp(i);
  pushDest(i, size);
  if (!wide) op(W.I64_EXTEND_S);
  if (o != Lower.SAR && !wide) {
    const64(<i64>(<u64>(-1) >> <u64>(64 - (8 << size))));
    op(W.I64_AND);
  }
  set(L.TA64);
  if (count < 0) {
    get(regLocal(CL));
    const64(wide ? 63 : 31);
    op(W.I64_AND);
    set(L.TB64);
  }
  shiftWide(o == Lower.SHL ? W.I64_SHL : o == Lower.SHR ? W.I64_SHR_U : W.I64_SHR_S, count, 0);
  set(L.TR64);
  if (i.flagsLive) {
    if (count < 0) shiftByCl(o, size);
    else {
      shiftFlags(o, size, count, L.TR64);
      get(L.TR64);
      if (!wide) {
        op(W.I32_WRAP);
        extend(size);
      }
      set(localResult(size));
    }
  }
  get(L.TR64);
  if (!wide) op(W.I32_WRAP);
  popDest(i, size);
}

/** A count of zero changes no flag: the flags become dynamic. */
function shiftByCl(o: Lower, size: u32): void {
  toDynamic();
  get(L.TB64);
  op(W.I64_EQZ);
  op(W.I32_EQZ);
  openVoid(W.IF);
  shiftFlags(o, size, -1, L.TR64);
  get(L.TR64);
  if (size != Size.QWORD) {
    op(W.I32_WRAP);
    op(W.I64_EXTEND_S);
  }
  set(L.DR);
  const32(FlagKind.SZP);
  set(L.DK);
  op(W.END);
}

function lowerMove(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  pushSource(i, size);
  popDest(i, size);
}

function lowerCmov(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  pushSource(i, size);
  pushDest(i, size);
  pushCond(lowerCond(i));
  op(W.SELECT);
  popDest(i, size);
}

function lowerLea(i: Insn): void {
  const r = changetype<usize>(i);
  pushAddress(r);
  if (recOpSize(r) != Size.QWORD) op(W.I32_WRAP);
  popReg(recReg(r), recOpSize(r));
}

/** Emit one instruction that is not a branch. */
export function lower(i: Insn): void {
  const o = lowerOp(i);
  const size = recOpSize(changetype<usize>(i));
  if (usesMemory(i)) {
    const own = o == Lower.MOVZX || o == Lower.MOVSX;
    translate(i, own ? lowerSource(i) : size, destIsMemory(i) && o != Lower.CMP && o != Lower.TEST);
  }
  switch (o) {
    case Lower.MOV: lowerMove(i); break;
    case Lower.MOVZX: case Lower.MOVSX: lowerExtend(i); break;
    case Lower.INC: case Lower.DEC: case Lower.NEG: case Lower.NOT: lowerOne(i); break;
    case Lower.IMUL: lowerImul(i); break;
    case Lower.SHL: case Lower.SHR: case Lower.SAR: lowerShift(i); break;
    case Lower.CMOV: lowerCmov(i); break;
    case Lower.SETCC: pushCond(lowerCond(i)); popDest(i, size); break;
    case Lower.LEA: lowerLea(i); break;
    case Lower.NOP: break;
    default: lowerTwo(i);
  }
  setFlagsNow(flagsAfter(i, flagsNow));
}
