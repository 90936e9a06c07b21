// Conversions and COMISx in the float mode. Exact conversions need no mode; those to integers raise neither
// DE nor UE, so that only PE and IE have to be thought of (SDM vol. 1 11.5.2, 4.9.1).

import { recOpSize, recReg, recRm } from "../decode/record";
import { W, get, op, set } from "./bytes";
import { reloadGpr } from "./control";
import { close } from "./exits";
import { emitExact } from "./float-exact";
import { setOperands, takeFlags } from "./float-flags";
import {
  Flt, checkBelow, checkMode, checkNumber, checkResult, closeExact, noteLow, openExact, setLow,
} from "./float-mode";
import { checkSource, fetchNumbers, fetchSource, finishLow, localA, localB, localR } from "./float-lower";
import { L, Size, loadSized, popReg, pushReg } from "./locals";
import { Insn } from "./map";
import { translate } from "./operands";
import { inMemory } from "./vectors";

/** 2^31 and 2^63: the lowest magnitudes that are not known to fit. */
const LIMIT32: u64 = 0x41E0000000000000;
const LIMIT64: u64 = 0x43E0000000000000;

// @ts-ignore: decorator
@inline
function sizeOf(i: Insn): u32 {
  return recOpSize(changetype<usize>(i)) == Size.QWORD ? Size.QWORD : Size.DWORD;
}

/** CVTSI2SS CVTSI2SD. */
function lowerFromInt(i: Insn, single: bool): void {
  const r = changetype<usize>(i);
  const size = sizeOf(i);
  const wide = size == Size.QWORD;
  const local = localR(single);
  const exact = !wide && !single;
  if (inMemory(i)) translate(i, size, false);
  if (!exact) {
    openExact();
    checkMode();
  }
  if (inMemory(i)) {
    get(L.HOST);
    loadSized(size);
  } else pushReg(recRm(r), size);
  if (single) op(wide ? W.F32_CONVERT_I64_S : W.F32_CONVERT_I32_S);
  else op(wide ? W.F64_CONVERT_I64_S : W.F64_CONVERT_I32_S);
  set(local);
  setLow(recReg(r), single, local);
  if (exact) noteLow(recReg(r), single);
  else finishLow(i, single);
}

/** CVTSx2SI CVTTSx2SI. */
function lowerToInt(i: Insn, single: bool, truncate: bool): void {
  const r = changetype<usize>(i);
  const size = sizeOf(i);
  openExact();
  fetchSource(i, single);
  get(localB(single));
  if (single) op(W.F64_PROMOTE);
  if (!truncate) op(W.F64_NEAREST);
  set(L.DA);
  checkBelow(L.DA, size == Size.QWORD ? LIMIT64 : LIMIT32);
  checkMode();
  get(L.DA);
  op(size == Size.QWORD ? W.I64_TRUNC_F64_S : W.I32_TRUNC_F64_S);
  popReg(recReg(r), size);
  closeExact();
  emitExact(i);
  reloadGpr(recReg(r));
  close();
}

/** CVTSS2SD. */
function lowerToDouble(i: Insn): void {
  openExact();
  fetchSource(i, true);
  checkNumber(L.SB, true);
  get(L.SB);
  op(W.F64_PROMOTE);
  set(L.DR);
  setLow(recReg(changetype<usize>(i)), false, L.DR);
  finishLow(i, false);
}

/** CVTSD2SS. */
function lowerToSingle(i: Insn): void {
  openExact();
  fetchSource(i, false);
  checkSource(i, false);
  get(L.DB);
  op(W.F32_DEMOTE);
  set(L.SR);
  checkResult(L.SR, true, L.DB, false, 0);
  setLow(recReg(changetype<usize>(i)), true, L.SR);
  finishLow(i, true);
}

export function lowerConversion(i: Insn, o: Flt, single: bool): void {
  switch (o) {
    case Flt.FROM_INT: lowerFromInt(i, single); break;
    case Flt.TO_DOUBLE: lowerToDouble(i); break;
    case Flt.TO_SINGLE: lowerToSingle(i); break;
    default: lowerToInt(i, single, o == Flt.TO_INT_TRUNC);
  }
}

/** COMISx UCOMISx: without NaNs they are the same. */
export function lowerCompare(i: Insn, single: bool): void {
  fetchNumbers(i, single);
  if (i.flagsLive) setOperands(localA(single), localB(single), single);
  closeExact();
  emitExact(i);
  if (i.flagsLive) takeFlags();
  close();
}
