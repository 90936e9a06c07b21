// One SSE floating-point instruction in the float mode (float-mode.ts): operands are looked up and fetched,
// checked where nothing is known of them, the host computes, the result is checked, and only then a register
// changes. Otherwise the interpreter's handler does all of it (float-exact.ts).

import { recImm, recReg, recRm } from "../decode/record";
import { F, V, W, access, get, lane, set, simd } from "./bytes";
import { close } from "./exits";
import { lowerCompare, lowerConversion } from "./float-convert";
import { emitExact } from "./float-exact";
import {
  Flt, Lane, beginFloat, checkMode, checkNaN, checkNumber, checkOperand, checkResult, checkVector,
  checkVectorResult, closeExact, copyLanes, forgetLane, isPacked, isPlainAll, isPlainLow, isSingle,
  markPlainAll, markPlainLow, noteLow, openExact, pushLow, scalarOp, setLow, takeLow, vectorOp,
} from "./float-mode";
import { L, Size } from "./locals";
import { Insn, Vec, lowerForm, lowerSimd } from "./map";
import { translate } from "./operands";
import {
  getXmm, inMemory, loadXmm, pushSource, setVector, setXmm, shuffle,
} from "./vectors";

/** Rounding of the immediate of ROUNDSD: 2 = take MXCSR's, which is to nearest in the mode. */
const TAKE_MXCSR: u32 = 4;
/** CMPPS looks at three bits of its immediate. */
const PREDICATE: u32 = 7;
const XMM_COUNT: u32 = 16;
/** The mask's low lane, the rest of the second vector (bytes of a shuffle). */
const LOW4: u64 = 0x1716151403020100;
const LOW8: u64 = 0x0706050403020100;
const REST: u64 = 0x1F1E1D1C1B1A1918;

/** Does it write flags? */
export function isCompare(i: Insn): bool { return operationOf(i) == Flt.COMI; }
/** A move to r/m. */
function isStore(form: Vec): bool {
  return form == Vec.MOVA_STORE || (form <= Vec.MOVHP_STORE && form >= Vec.MOVU_STORE && (form & 1) == 0);
}
/** The destination is r/m. */
function writesRm(form: Vec): bool {
  return isStore(form) || form == Vec.SHIFT_IMM || form == Vec.PSLLDQ || form == Vec.PSRLDQ;
}
/** Take note of a vector instruction without arithmetic. */
export function noteVector(i: Insn): void {
  const r = changetype<usize>(i);
  const form = lowerForm(i);
  const to = writesRm(form) ? recRm(r) : recReg(r);
  if (inMemory(i)) {
    if (!isStore(form)) forgetLane(recReg(r));
    return;
  }
  if (form <= Vec.MOVU_STORE) {
    copyLanes(to, isStore(form) ? recReg(r) : recRm(r));
    return;
  }
  // A general register, given as an offset, has no lanes; to forget some others' costs little.
  forgetLane(to & (XMM_COUNT - 1));
  if (form == Vec.BINARY && lowerSimd(i) == <u32>V.XOR && recReg(r) == recRm(r)) {
    markPlainAll(to, true);
    markPlainAll(to, false);
  }
}

export function operationOf(i: Insn): Flt { return lowerForm(i) as u32 as Flt; }
export function laneOf(i: Insn): Lane { return lowerSimd(i) as Lane; }

export function localA(single: bool): u32 { return single ? <u32>L.SA : <u32>L.DA; }
export function localB(single: bool): u32 { return single ? <u32>L.SB : <u32>L.DB; }
export function localR(single: bool): u32 { return single ? <u32>L.SR : <u32>L.DR; }

/** Put the scalar r/m operand, whose look-up is done, into its local. */
export function fetchSource(i: Insn, single: bool): void {
  if (inMemory(i)) {
    get(L.HOST);
    access(single ? W.F32_LOAD : W.F64_LOAD, 0, 0);
  } else pushLow(recRm(changetype<usize>(i)), single);
  set(localB(single));
}

/** Check the source that fetchSource has got, unless it is known. */
export function checkSource(i: Insn, single: bool): void {
  const m = recRm(changetype<usize>(i));
  if (!inMemory(i) && isPlainLow(m, single)) return;
  checkOperand(localB(single), single);
  if (!inMemory(i)) markPlainLow(m, single);
}

/** Put r/m and the first operand into B and A; both must be numbers. */
export function fetchNumbers(i: Insn, single: bool): void {
  openExact();
  fetchSource(i, single);
  pushLow(recReg(changetype<usize>(i)), single);
  set(localA(single));
  checkNumber(localA(single), single);
  checkNumber(localB(single), single);
}

/** Behind both ways of an instruction whose result is the low lane of its first operand. */
export function finishLow(i: Insn, single: bool): void {
  const n = recReg(changetype<usize>(i));
  closeExact();
  emitExact(i);
  loadXmm(n);
  getXmm(n);
  takeLow(n, single);
  close();
  noteLow(n, single);
}

function arithmetic(o: Flt): W {
  switch (o) {
    case Flt.ADD: return W.F32_ADD;
    case Flt.SUB: return W.F32_SUB;
    case Flt.MUL: return W.F32_MUL;
    case Flt.DIV: return W.F32_DIV;
    default: return W.F32_SQRT;
  }
}
function vectorArithmetic(o: Flt): F {
  switch (o) {
    case Flt.ADD: return F.F32X4_ADD;
    case Flt.SUB: return F.F32X4_SUB;
    case Flt.MUL: return F.F32X4_MUL;
    case Flt.DIV: return F.F32X4_DIV;
    case Flt.MIN: return F.F32X4_PMIN;
    case Flt.MAX: return F.F32X4_PMAX;
    default: return F.F32X4_SQRT;
  }
}

// Scalars ------------------------------------------------------------------------------------------------

/** ADD SUB MUL DIV SQRT. */
function lowerArithmetic(i: Insn, o: Flt, single: bool): void {
  const n = recReg(changetype<usize>(i));
  const a = localA(single);
  const b = localB(single);
  const r = localR(single);
  openExact();
  fetchSource(i, single);
  if (o != Flt.SQRT) {
    pushLow(n, single);
    set(a);
    if (!isPlainLow(n, single)) checkOperand(a, single);
    markPlainLow(n, single);
    get(a);
  }
  checkSource(i, single);
  get(b);
  scalarOp(arithmetic(o), single);
  set(r);
  checkResult(r, single, o == Flt.MUL || o == Flt.DIV ? a : 0, single, o == Flt.MUL ? b : 0);
  setLow(n, single, r);
  finishLow(i, single);
}

/** MIN MAX: the second operand when both are zero; a NaN raises IE. */
function lowerExtreme(i: Insn, o: Flt, single: bool): void {
  const n = recReg(changetype<usize>(i));
  fetchNumbers(i, single);
  // pmin(b, a) is a < b ? a : b (core specification 4.3.3).
  get(localB(single));
  simd(single ? F.SPLAT_F32 : F.SPLAT_F64);
  getXmm(n);
  vectorOp(vectorArithmetic(o), single);
  takeInto(localR(single), single);
  setLow(n, single, localR(single));
  finishLow(i, single);
}
function takeInto(local: u32, single: bool): void {
  simd(single ? F.EXTRACT_F32 : F.EXTRACT_F64);
  lane(0);
  set(local);
}

function roundingOf(i: Insn): u32 {
  const imm = <u32>recImm(changetype<usize>(i));
  return (imm & TAKE_MXCSR) != 0 ? 0 : imm & 3;
}
/** ROUNDSS ROUNDSD. */
function lowerRound(i: Insn, single: bool): void {
  const n = recReg(changetype<usize>(i));
  openExact();
  fetchSource(i, single);
  checkNaN(localB(single), single);
  get(localB(single));
  const rc = roundingOf(i);
  scalarOp(rc == 0 ? W.F32_NEAREST : rc == 1 ? W.F32_FLOOR : rc == 2 ? W.F32_CEIL : W.F32_TRUNC, single);
  set(localR(single));
  setLow(n, single, localR(single));
  finishLow(i, single);
}

// Vectors ------------------------------------------------------------------------------------------------

/** The local of the packed r/m operand. */
function fetchVector(i: Insn): u32 {
  if (!inMemory(i)) {
    getXmm(recRm(changetype<usize>(i)));
    setVector(L.V1);
  }
  return L.V1;
}
function checkLanes(n: u32, local: u32, single: bool): void {
  if (isPlainAll(n, single)) return;
  checkVector(local, single);
  markPlainAll(n, single);
}
function finishVector(i: Insn, single: bool, plain: bool): void {
  const n = recReg(changetype<usize>(i));
  closeExact();
  emitExact(i);
  loadXmm(n);
  close();
  forgetLane(n);
  if (plain) markPlainAll(n, single);
}

function lowerPacked(i: Insn, o: Flt, single: bool): void {
  const n = recReg(changetype<usize>(i));
  const limited = o == Flt.MIN || o == Flt.MAX;
  const b = fetchVector(i);
  openExact();
  getXmm(n);
  setVector(L.V0);
  // MIN and MAX must see each NaN themselves.
  if (limited || (o != Flt.SQRT && !isPlainAll(n, single))) checkVector(L.V0, single);
  if (o != Flt.SQRT) markPlainAll(n, single);
  if (inMemory(i) || limited) checkVector(b, single);
  else checkLanes(recRm(changetype<usize>(i)), b, single);
  if (limited) {
    get(b);
    get(L.V0);
  } else {
    if (o != Flt.SQRT) get(L.V0);
    get(b);
  }
  vectorOp(vectorArithmetic(o), single);
  setVector(L.V2);
  if (!limited) {
    checkVectorResult(L.V2, single, o == Flt.MUL || o == Flt.DIV ? <u32>L.V0 : 0, o == Flt.MUL ? b : 0);
  }
  get(L.V2);
  setXmm(n);
  finishVector(i, single, true);
}

function relation(p: u32): F {
  switch (p) {
    case 0: return F.F32X4_EQ;
    case 1: return F.F32X4_LT;
    case 2: return F.F32X4_LE;
    case 4: return F.F32X4_NE;
    case 5: return F.F32X4_GE;
    default: return F.F32X4_GT;
  }
}
/** Push the mask of a predicate over numbers in V0 and the local b: nothing is unordered. */
function pushMask(p: u32, b: u32, single: bool): void {
  get(L.V0);
  get(p == 3 || p == 7 ? <u32>L.V0 : b);
  vectorOp(p == 3 ? F.F32X4_NE : p == 7 ? F.F32X4_EQ : relation(p), single);
}

/** CMPPS CMPPD. */
function lowerCmpPacked(i: Insn, single: bool): void {
  const n = recReg(changetype<usize>(i));
  const b = fetchVector(i);
  openExact();
  getXmm(n);
  setVector(L.V0);
  checkVector(L.V0, single);
  checkVector(b, single);
  pushMask(<u32>recImm(changetype<usize>(i)) & PREDICATE, b, single);
  setXmm(n);
  finishVector(i, single, false);
}

/** CMPSS CMPSD. */
function lowerCmp(i: Insn, single: bool): void {
  const n = recReg(changetype<usize>(i));
  fetchNumbers(i, single);
  get(localA(single));
  simd(single ? F.SPLAT_F32 : F.SPLAT_F64);
  setVector(L.V0);
  get(localB(single));
  simd(single ? F.SPLAT_F32 : F.SPLAT_F64);
  setVector(L.V1);
  pushMask(<u32>recImm(changetype<usize>(i)) & PREDICATE, L.V1, single);
  getXmm(n);
  shuffle(single ? LOW4 : LOW8, REST);
  setXmm(n);
  finishVector(i, single, false);
}

function lowerRoundPacked(i: Insn, single: bool): void {
  const n = recReg(changetype<usize>(i));
  const b = fetchVector(i);
  openExact();
  checkVector(b, single);
  checkMode();
  get(b);
  simd(roundVector(roundingOf(i), single));
  setXmm(n);
  finishVector(i, single, true);
}
function roundVector(rc: u32, single: bool): u32 {
  if (single) {
    return rc == 0 ? F.F32X4_NEAREST : rc == 1 ? F.F32X4_FLOOR : rc == 2 ? F.F32X4_CEIL : F.F32X4_TRUNC;
  }
  return rc == 0 ? F.F64X2_NEAREST : rc == 1 ? F.F64X2_FLOOR : rc == 2 ? F.F64X2_CEIL : F.F64X2_TRUNC;
}

/** Emit one floating-point instruction. */
export function lowerFloat(i: Insn): void {
  const o = operationOf(i);
  const t = laneOf(i);
  const single = isSingle(t);
  if (isPacked(t)) {
    if (inMemory(i)) {
      pushSource(i);
      setVector(L.V1);
    }
    beginFloat();
    if (o == Flt.CMP) lowerCmpPacked(i, single);
    else if (o == Flt.ROUND) lowerRoundPacked(i, single);
    else lowerPacked(i, o, single);
    return;
  }
  if (o != Flt.FROM_INT && inMemory(i)) translate(i, single ? Size.DWORD : Size.QWORD, false);
  beginFloat();
  switch (o) {
    case Flt.MIN: case Flt.MAX: lowerExtreme(i, o, single); break;
    case Flt.CMP: lowerCmp(i, single); break;
    case Flt.ROUND: lowerRound(i, single); break;
    case Flt.COMI: lowerCompare(i, single); break;
    default:
      if (o >= Flt.FROM_INT) lowerConversion(i, o, single);
      else lowerArithmetic(i, o, single);
  }
}
