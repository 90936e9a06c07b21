// Comparisons of x87 registers as WebAssembly (FCOM and its kin; SDM vol. 1 8.1.5, table 8-1): normal numbers
// in line, because half of a call's time was the call; all others by the functions of wasm/fpu. Also how any
// of these is called.

import { SW } from "../fpu/f80-state";
import { Global, Import, W, const32, const64, number, op, set } from "./bytes";
import { close, open } from "./exits";
import { localResult } from "./flags";
import { Size } from "./locals";
import { Insn } from "./map";
import {
  X, checkExceptions, getM, getS, getX, noteCode, popStack, replaceStatus, setConditions, setGlobal, setX, st,
} from "./x87-state";

/** Argument of comparisons (interp/x87-arith.ts). */
const enum Compare { POPS = 3, QUIET = 4, EFLAGS = 8 }
/** CF, PF, ZF of C0, C2, C3. */
const FLAG_SHIFT: i32 = 8;
const FLAGS: i32 = 0x45;
const SIGN_SHIFT: i32 = 15;
const EXPONENT: i32 = 0x7FFF;
const C0_SHIFT: i32 = 8;

export function beginOperation(): void {
  const32(0);
  setGlobal(Global.EXCEPTIONS);
}
export function callCore(which: Import): void {
  op(W.CALL);
  number(which);
}
export function pushTemporary(): void {
  getX(X.TS);
  getX(X.TM);
}
export function pushRegister(n: u32): void {
  getS(n);
  getM(n);
}

function pushOtherS(other: u32, temporary: bool): void {
  if (temporary) getX(X.TS);
  else getS(other);
}
function pushOtherM(other: u32, temporary: bool): void {
  if (temporary) getX(X.TM);
  else getM(other);
}

/** Of the sign and exponent on the stack: the exponent is neither 0 nor all ones. */
function hasNormalExponent(): void {
  const32(1);
  op(W.I32_ADD);
  const32(EXPONENT - 1);
  op(W.I32_AND);
  const32(0);
  op(W.I32_NE);
}
/** Of the same: a number that grows with sign and exponent. */
function orderOf(se: u32): void {
  getX(se);
  const32(EXPONENT);
  op(W.I32_AND);
  getX(se);
  const32(16);
  op(W.I32_SHL);
  const32(31);
  op(W.I32_SHR_S);
  op(W.I32_XOR);
  setX(se);
}

/** Push the i32 on the stack, 0 or 1, as C0. */
function toC0(): void {
  const32(C0_SHIFT);
  op(W.I32_SHL);
}

/** ST(0) with ST(i), or with TM and TS, both normal numbers: C3, C0 in US (fpu/f80-fast.ts compareNormal). */
function compareNormal(other: u32, temporary: bool): void {
  getS(st(0));
  setX(X.AT);
  pushOtherS(other, temporary);
  setX(X.EXC);
  orderOf(X.AT);
  orderOf(X.EXC);
  const32(SW.C3);
  getM(st(0));
  pushOtherM(other, temporary);
  op(W.I64_LT_U);
  getS(st(0));
  const32(SIGN_SHIFT);
  op(W.I32_SHR_U);
  op(W.I32_XOR);
  toC0();
  getM(st(0));
  pushOtherM(other, temporary);
  op(W.I64_EQ);
  op(W.SELECT);
  getX(X.AT);
  getX(X.EXC);
  op(W.I32_LT_S);
  toC0();
  getX(X.AT);
  getX(X.EXC);
  op(W.I32_EQ);
  op(W.SELECT);
  setX(X.US);
  const32(0);
  setX(X.EXC);
}

/** ST(0) with ST(i), or with TM and TS. */
export function compare(i: Insn, other: u32, temporary: bool, how: u32): void {
  getS(st(0));
  hasNormalExponent();
  pushOtherS(other, temporary);
  hasNormalExponent();
  op(W.I32_AND);
  getM(st(0));
  pushOtherM(other, temporary);
  op(W.I64_AND);
  const64(0);
  op(W.I64_LT_S);
  op(W.I32_AND);
  open(W.IF);
  compareNormal(other, temporary);
  op(W.ELSE);
  beginOperation();
  pushRegister(st(0));
  if (temporary) pushTemporary();
  else pushRegister(other);
  finishCompare(i, how);
  close();
  finishComparison(i, how);
}

/** The operands are on the stack: the condition codes in US, exceptions in EXC. */
export function finishCompare(i: Insn, how: u32): void {
  callCore(how & Compare.QUIET ? Import.X_UNORDERED : Import.X_COMPARE);
  op(W.I32_WRAP);
  setX(X.US);
  checkExceptions(i);
}

/** The condition codes are in US, exceptions in EXC. */
export function finishComparison(i: Insn, how: u32): void {
  if (how & Compare.EFLAGS) {
    getX(X.EXC);
    replaceStatus(0, true);
    if (i.flagsLive) {
      getX(X.US);
      const32(FLAG_SHIFT);
      op(W.I32_SHR_U);
      const32(FLAGS);
      op(W.I32_AND);
      set(localResult(Size.DWORD));
    }
  } else setConditions();
  noteCode(i);
  for (let pops = how & Compare.POPS; pops > 0; pops--) popStack();
}
