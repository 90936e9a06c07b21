// One guest instruction as WebAssembly. Operands go through typed temporaries (i32 sign-extended below 64
// bits), which the engine's register allocation dissolves.

import { Cpu, FlagKind, RAX, RDX, RegOffset } from "../cpu/state";
import { recBase, recDisp, recImm, recIndex, recOpSize, recReg, recRm } from "../decode/record";
import { W, const32, const64, constant, get, op, set, sized } from "./bytes";
import { isBits, lowerBits } from "./bits";
import { pushCond } from "./conditions";
import { lowerHelper, lowerLeave, lowerPop, lowerPush } from "./control";
import {
  canLeave, flagsAfter, flagsNow, isBitTest, localA, localB, localResult, pushCarry, pushWithoutCarries,
    saveCarry,
  setFlagsNow, usesMemory,
} from "./flags";
import {
  L, Size, extend, loadSized, popReg, pushHost, pushReg, regLocal, saveRegs, setFe, storeField, tempA,
  tempB,
} from "./locals";
import { beginAccesses, forgetGroups, moveReg, nameOf } from "./lookups";
import {
  Insn, Lower, Place, code32, isHelper, isSystem, lowerCond, lowerOp, lowerPlace, lowerSource,
} from "./map";
import { forgetLanes } from "./float-mode";
import { lowerFloat, noteVector } from "./float-lower";
import { isLocked, lowerLocked } from "./locked";
import { lowerDiv, lowerImul, lowerMul } from "./muldiv";
import { lowerDoubleShift, lowerRotate, lowerShift } from "./shifts";
import { lowerVector } from "./vector-lower";
import { lowerX87 } from "./x87-lower";
import {
  arithmetic, destIsMemory, popDest, pushAddress, pushDest, pushRm, pushSource, translateBit, translateHere,
} from "./operands";
import { lowerSystem } from "./system";

const OF_SHIFT: i64 = 11;
const AF: i64 = 0x10;

// Families -----------------------------------------------------------------------------------------------

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

/** ADC SBB. Behind them CF and OF are in FE: SZP. */
function lowerCarried(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const wide = size == Size.QWORD;
  const isAdd = lowerOp(i) == Lower.ADC;
  const live = i.flagsLive != 0;
  const a = tempA(size);
  const b = tempB(size);
  // The flags are looked at before anything of them changes.
  pushCarry(flagsNow);
  set(L.EXIT);
  pushDest(i, size);
  pushSource(i, size);
  set(b);
  set(a);
  get(a);
  get(b);
  sized(isAdd ? W.I32_ADD : W.I32_SUB, wide);
  get(L.EXIT);
  if (wide) op(W.I64_EXTEND_U);
  sized(isAdd ? W.I32_ADD : W.I32_SUB, wide);
  if (live) {
    const result = localResult(size);
    extend(size);
    set(result);
    carriedFlags(isAdd, wide, a, b, result);
    get(result);
  }
  popDest(i, size);
}

/** CF, OF and AF of a + b + carry or a - b - borrow into FE, from the signs (cpu/flags.ts, uop/arith.ts). */
function carriedFlags(isAdd: bool, wide: bool, a: u32, b: u32, result: u32): void {
  pushWithoutCarries();
  pushNot(a, !isAdd, wide);
  get(b);
  sized(W.I32_AND, wide);
  pushNot(a, !isAdd, wide);
  get(b);
  sized(W.I32_OR, wide);
  pushNot(result, isAdd, wide);
  sized(W.I32_AND, wide);
  sized(W.I32_OR, wide);
  pushSignBit(wide);
  op(W.I64_OR);
  get(a);
  get(result);
  sized(W.I32_XOR, wide);
  get(b);
  get(isAdd ? result : a);
  sized(W.I32_XOR, wide);
  sized(W.I32_AND, wide);
  pushSignBit(wide);
  const64(OF_SHIFT);
  op(W.I64_SHL);
  op(W.I64_OR);
  get(a);
  get(b);
  sized(W.I32_XOR, wide);
  get(result);
  sized(W.I32_XOR, wide);
  if (!wide) op(W.I64_EXTEND_U);
  const64(AF);
  op(W.I64_AND);
  op(W.I64_OR);
  setFe();
}

/** Push a local or, when `not`, its complement. */
function pushNot(local: u32, not: bool, wide: bool): void {
  get(local);
  if (!not) return;
  constant(-1, wide);
  sized(W.I32_XOR, wide);
}

/** The sign of the value on the stack as an i64, 0 or 1. */
function pushSignBit(wide: bool): void {
  constant(wide ? 63 : 31, wide);
  sized(W.I32_SHR_U, wide);
  if (!wide) op(W.I64_EXTEND_U);
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
    if (live) {
      constant(1, wide);
      set(b);
    }
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
    pushHost();
    loadSized(source);
  } else pushReg(recReg(r), source);
  if (lowerOp(i) == Lower.MOVZX) {
    const32(source == Size.BYTE ? 0xFF : 0xFFFF);
    op(W.I32_AND);
  }
  if (size == Size.QWORD) op(W.I64_EXTEND_S);
  popReg(usesMemory(i) ? recReg(r) : recRm(r), size);
}

/** Swap the fields of `bits` bits that the mask picks with their neighbours: value in TA64. */
function swapFields(bits: i64, mask: i64): void {
  get(L.TA64);
  const64(mask);
  op(W.I64_AND);
  const64(bits);
  op(W.I64_SHL);
  get(L.TA64);
  const64(bits);
  op(W.I64_SHR_U);
  const64(mask);
  op(W.I64_AND);
  op(W.I64_OR);
  set(L.TA64);
}

function lowerBswap(i: Insn): void {
  const r = changetype<usize>(i);
  get(regLocal(recRm(r)));
  set(L.TA64);
  swapFields(8, 0x00FF00FF00FF00FF);
  swapFields(16, 0x0000FFFF0000FFFF);
  get(L.TA64);
  if (recOpSize(r) == Size.QWORD) {
    const64(32);
    op(W.I64_ROTL);
  } else op(W.I32_WRAP);
  popReg(recRm(r), recOpSize(r));
}

/** CBW CWDE CDQE; CWD CDQ CQO. */
function lowerWiden(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const wide = size == Size.QWORD;
  if (lowerOp(i) == Lower.CBW) {
    pushReg(RAX, size - 1);
    if (wide) op(W.I64_EXTEND_S);
    popReg(RAX, size);
    return;
  }
  pushReg(RAX, size);
  constant(wide ? 63 : 31, wide);
  sized(W.I32_SHR_S, wide);
  popReg(RDX, size);
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
  pushAddress(i);
  if (recOpSize(r) != Size.QWORD) op(W.I32_WRAP);
  popReg(recReg(r), recOpSize(r));
}

/** A memory operand in the destination's place is a source. */
function onlyReads(o: Lower): bool {
  switch (o) {
    case Lower.CMP: case Lower.TEST: case Lower.BT: case Lower.MUL: case Lower.IMUL_ONE: case Lower.DIV:
    case Lower.IDIV: case Lower.MULX: return true;
    default: return false;
  }
}

/** Emit one instruction that is not a branch. */
export function lower(i: Insn): void {
  if (canLeave(i)) saveRegs();
  beginAccesses(i);
  if (isHelper(i)) {
    lowerHelper(i);
    forgetLanes();
    forgetGroups();
    return;
  }
  const o = lowerOp(i);
  const moved = movedFrom(i);
  const name = moved < 0 ? 0 : nameOf(moved);
  lowerNative(i, o);
  if (moved >= 0) moveReg(movedTo(i), name, movedBy(i));
}

/** The register from which the instruction computes one by adding a constant; -1 = it does not. */
function movedFrom(i: Insn): i32 {
  const r = changetype<usize>(i);
  if (recOpSize(r) != (code32 ? <u32>Size.DWORD : <u32>Size.QWORD)) return -1;
  switch (lowerOp(i)) {
    case Lower.LEA: {
      const plain = recIndex(r) == RegOffset.ZERO && recBase(r) < <u32>RegOffset.ZERO;
      return plain ? recBase(r) >> 3 : -1;
    }
    case Lower.MOV: return usesMemory(i) || lowerPlace(i) == Place.EI ? -1 : recReg(r) >> 3;
    case Lower.ADD: case Lower.SUB:
      return usesMemory(i) || lowerPlace(i) != Place.EI ? -1 : recRm(r) >> 3;
    case Lower.INC: case Lower.DEC: return usesMemory(i) ? -1 : recRm(r) >> 3;
    default: return -1;
  }
}
function movedTo(i: Insn): u32 {
  const r = changetype<usize>(i);
  return (lowerOp(i) == Lower.LEA ? recReg(r) : recRm(r)) >> 3;
}
function movedBy(i: Insn): i64 {
  const r = changetype<usize>(i);
  switch (lowerOp(i)) {
    case Lower.LEA: return recDisp(r);
    case Lower.ADD: return recImm(r);
    case Lower.SUB: return -recImm(r);
    case Lower.INC: return 1;
    case Lower.DEC: return -1;
    default: return 0;
  }
}

function lowerNative(i: Insn, o: Lower): void {
  if (o == Lower.VECTOR) {
    lowerVector(i);
    noteVector(i);
    setFlagsNow(flagsAfter(i, flagsNow));
    return;
  }
  if (o == Lower.FLOAT) {
    lowerFloat(i);
    setFlagsNow(flagsAfter(i, flagsNow));
    return;
  }
  if (o == Lower.X87) {
    lowerX87(i);
    setFlagsNow(flagsAfter(i, flagsNow));
    return;
  }
  if (isLocked(i)) {
    lowerLocked(i);
    setFlagsNow(flagsAfter(i, flagsNow));
    return;
  }
  const size = recOpSize(changetype<usize>(i));
  if (isSystem(o)) {
    lowerSystem(i);
    return;
  }
  if (usesMemory(i) && (o < Lower.PUSH || o > Lower.JMP_E)) {
    const own = o == Lower.MOVZX || o == Lower.MOVSX;
    if (isBitTest(o) && lowerPlace(i) == Place.EG) translateBit(i, size, o != Lower.BT);
    else translateHere(i, own ? lowerSource(i) : size, destIsMemory(i) && !onlyReads(o));
  }
  if (isBits(o)) {
    lowerBits(i);
    setFlagsNow(flagsAfter(i, flagsNow));
    return;
  }
  switch (o) {
    case Lower.MOV: lowerMove(i); break;
    case Lower.MOVZX: case Lower.MOVSX: lowerExtend(i); break;
    case Lower.INC: case Lower.DEC: case Lower.NEG: case Lower.NOT: lowerOne(i); break;
    case Lower.ADC: case Lower.SBB: lowerCarried(i); break;
    case Lower.IMUL: lowerImul(i); break;
    case Lower.MUL: case Lower.IMUL_ONE: case Lower.MULX: lowerMul(i); break;
    case Lower.DIV: case Lower.IDIV: lowerDiv(i); break;
    case Lower.SHLD: case Lower.SHRD: lowerDoubleShift(i); break;
    case Lower.SHL: case Lower.SHR: case Lower.SAR: lowerShift(i); break;
    case Lower.ROL: case Lower.ROR: lowerRotate(i); break;
    case Lower.BSWAP: lowerBswap(i); break;
    case Lower.CBW: case Lower.CWD: lowerWiden(i); break;
    case Lower.CMOV: lowerCmov(i); break;
    case Lower.SETCC: pushCond(lowerCond(i)); popDest(i, size); break;
    case Lower.LEA: lowerLea(i); break;
    case Lower.NOP: break;
    case Lower.PUSH: case Lower.PUSH_IMM: lowerPush(i); break;
    case Lower.POP: lowerPop(i); break;
    case Lower.LEAVE: lowerLeave(i); break;
    default: lowerTwo(i);
  }
  setFlagsNow(flagsAfter(i, flagsNow));
}
