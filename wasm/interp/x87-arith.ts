// x87 arithmetic and comparison (SDM vol. 2 FADD .. FYL2XP1). `digit` is ModRM.reg of the opcode groups D8,
// DA, DC, DE:
// 0 ADD 1 MUL 2 COM 3 COMP 4 SUB 5 SUBR 6 DIV 7 DIVR.

import { setExplicit } from "../cpu/flags";
import { Cpu, Status } from "../cpu/state";
import { recRm } from "../decode/record";
import {
  Const, DEFAULT_NAN_M, DEFAULT_NAN_SE, SW, f80Add, f80Atan, f80Compare, f80Constant, f80Cos, f80Div,
  f80Examine, f80Exp2M1, f80Extract, f80Widen, f80FromInt, f80M2, f80Mul, f80Rem, f80RemCC, f80RemHasQuotient,
  f80RoundInt, f80SE, f80SE2, f80Scale, f80Sin, f80SinCos, f80Sqrt, f80Stopped, f80Sub, f80Tan, f80TrigCC,
  f80YLog2, f80YLog2P1,
} from "../fpu/f80";
import { ea, linear, readHost } from "../mmu/access";
import {
  Status87, keepC1, isEmpty, noteOperand, overflow, popSt, pushResult, pushSt, setResult, setSt, stM, stSE,
  underflow, underflowTo, x87Begin, x87Done, x87End,
} from "./x87-core";

const enum Digit { ADD = 0, MUL = 1, COM = 2, COMP = 3, SUB = 4, SUBR = 5, DIV = 6, DIVR = 7 }

const UNORDERED: u32 = SW.C0 | SW.C2 | SW.C3;
const ONE_SE: u32 = 0x3FFF;
const ONE_M: u64 = 0x8000000000000000;
const SIGN: u32 = 0x8000;

function compute(digit: u32, aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  switch (digit) {
    case Digit.ADD: return f80Add(aSE, aM, bSE, bM);
    case Digit.MUL: return f80Mul(aSE, aM, bSE, bM);
    case Digit.SUB: return f80Sub(aSE, aM, bSE, bM);
    case Digit.SUBR: return f80Sub(bSE, bM, aSE, aM);
    case Digit.DIV: return f80Div(aSE, aM, bSE, bM);
    default: return f80Div(bSE, bM, aSE, aM);
  }
}

// ST(0) with the operand (se, m): result to ST(0), or condition codes. `bad`: exceptions of the operand's own
// conversion are in f80Exc already.
function withST0(c: Cpu, r: usize, digit: u32, se: u32, m: u64): i32 {
  const pops: i32 = digit == Digit.COMP ? 1 : 0;
  if (digit == Digit.COM || digit == Digit.COMP) return compareST0(c, r, se, m, false, pops);
  if (!f80Stopped()) setResult(c, 0, compute(digit, stSE(c, 0), stM(c, 0), se, m));
  return x87Done(c, r);
}

function emptyST0(c: Cpu, r: usize, digit: u32): i32 {
  if (digit == Digit.COM || digit == Digit.COMP) return compareEmpty(c, r, digit == Digit.COMP ? 1 : 0);
  underflowTo(c, 0);
  return x87Done(c, r);
}

// Compares ST(0) with (se, m), then pops.
function compareST0(c: Cpu, r: usize, se: u32, m: u64, quiet: bool, pops: i32): i32 {
  const cc = f80Compare(stSE(c, 0), stM(c, 0), se, m, quiet);
  if (!f80Stopped()) popTimes(c, pops);
  return x87End(c, r, cc, Status87.CC);
}

function compareEmpty(c: Cpu, r: usize, pops: i32): i32 {
  if (underflow(c)) popTimes(c, pops);
  return x87End(c, r, UNORDERED, Status87.CC);
}

function popTimes(c: Cpu, pops: i32): void {
  for (; pops > 0; pops--) popSt(c);
}

/** D8 (m32fp) and DC (m64fp). */
// @ts-ignore: decorator
@inline
function arithFloat<T>(c: Cpu, r: usize, digit: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = readHost<T>(c, linear<T>(c, r, false));
  if (host == 0) return Status.FAULT;
  const value = load<T>(host);
  noteOperand(c, r, ea(c, r));
  if (isEmpty(c, 0)) return emptyST0(c, r, digit);
  const m = f80Widen<T>(value);
  return withST0(c, r, digit, f80SE, m);
}

export function hX87ArithM32(c: Cpu, r: usize, digit: u32): i32 { return arithFloat<u32>(c, r, digit); }
export function hX87ArithM64(c: Cpu, r: usize, digit: u32): i32 { return arithFloat<u64>(c, r, digit); }

/** DA (m32int) and DE (m16int). */
// @ts-ignore: decorator
@inline
function arithInt<T>(c: Cpu, r: usize, digit: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = readHost<T>(c, linear<T>(c, r, false));
  if (host == 0) return Status.FAULT;
  const value = load<T>(host);
  noteOperand(c, r, ea(c, r));
  if (isEmpty(c, 0)) return emptyST0(c, r, digit);
  const m = f80FromInt(<i64>value);
  return withST0(c, r, digit, f80SE, m);
}

export function hX87ArithI32(c: Cpu, r: usize, digit: u32): i32 { return arithInt<i32>(c, r, digit); }
export function hX87ArithI16(c: Cpu, r: usize, digit: u32): i32 { return arithInt<i16>(c, r, digit); }

/** D8 C0+i: ST(0) with ST(i), result to ST(0). */
export function hX87ArithST0(c: Cpu, r: usize, digit: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  if (isEmpty(c, 0) || isEmpty(c, i)) return emptyST0(c, r, digit);
  return withST0(c, r, digit, stSE(c, i), stM(c, i));
}

// DC C0+i and DE C0+i: ST(i) with ST(0), result to ST(i). Here the encodings of SUB and SUBR, DIV and DIVR
// are exchanged: digit 4 is SUBR in the opcode map, so ST(0) is the first operand of what `compute` calls by
// the digit.
function arithSTi(c: Cpu, r: usize, digit: u32, pop: bool): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  let done: bool;
  if (isEmpty(c, 0) || isEmpty(c, i)) done = underflowTo(c, i);
  else done = setResult(c, i, compute(digit, stSE(c, 0), stM(c, 0), stSE(c, i), stM(c, i)));
  if (pop && done) popSt(c);
  return x87Done(c, r);
}

export function hX87ArithSTi(c: Cpu, r: usize, digit: u32): i32 { return arithSTi(c, r, digit, false); }
export function hX87ArithSTiPop(c: Cpu, r: usize, digit: u32): i32 { return arithSTi(c, r, digit, true); }

// ---- Comparison
// ----------------------------------------------------------------------------------------------------

/** How a comparison is done: pops in bits 1:0, UNORDERED (QNaN is no error), to EFLAGS. */
const enum Compare { POPS = 3, QUIET = 4, EFLAGS = 8 }

/** FCOM FCOMP FCOMPP FUCOM FUCOMP FUCOMPP FCOMI FCOMIP FUCOMI FUCOMIP with ST(i). */
export function hX87Compare(c: Cpu, r: usize, how: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  const pops = <i32>(how & Compare.POPS);
  const quiet = (how & Compare.QUIET) != 0;
  if ((how & Compare.EFLAGS) != 0) return compareFlags(c, r, i, quiet, pops);
  if (isEmpty(c, 0) || isEmpty(c, i)) return compareEmpty(c, r, pops);
  return compareST0(c, r, stSE(c, i), stM(c, i), quiet, pops);
}

// C0, C2, C3 are CF, PF, ZF (SDM vol. 1 table 8-4).
function compareFlags(c: Cpu, r: usize, i: u32, quiet: bool, pops: i32): i32 {
  let cc: u32 = UNORDERED;
  let done: bool;
  if (isEmpty(c, 0) || isEmpty(c, i)) done = underflow(c);
  else {
    cc = f80Compare(stSE(c, 0), stM(c, 0), stSE(c, i), stM(c, i), quiet);
    done = !f80Stopped();
  }
  setExplicit(c, <u64>(cc >> 8 & 0x45));
  if (done) popTimes(c, pops);
  return keepC1(c, r);
}

export function hFtst(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) return compareEmpty(c, r, 0);
  return compareST0(c, r, 0, 0, false, 0);
}

/** FXAM: no exceptions; an empty register is C3 and C0. */
export function hFxam(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  let cc = f80Examine(stSE(c, 0), stM(c, 0));
  if (isEmpty(c, 0)) cc = (cc & SW.C1) | SW.C3 | SW.C0;
  return x87End(c, r, cc, Status87.CC);
}

// ---- One operand
// ---------------------------------------------------------------------------------------------------

export function hFchs(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) underflowTo(c, 0);
  else setSt(c, 0, stSE(c, 0) ^ SIGN, stM(c, 0));
  return x87Done(c, r);
}

export function hFabs(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) underflowTo(c, 0);
  else setSt(c, 0, stSE(c, 0) & ~SIGN, stM(c, 0));
  return x87Done(c, r);
}

const enum Unary { SQRT = 0, RNDINT = 1, F2XM1 = 2, SIN = 3, COS = 4 }

/** FSQRT, FRNDINT, F2XM1, FSIN, FCOS: ST(0) to ST(0). */
export function hX87Unary(c: Cpu, r: usize, op: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const trig = op >= <u32>Unary.SIN;
  if (isEmpty(c, 0)) {
    underflowTo(c, 0);
    // C2 says that the operand was out of range: not when there is none.
    return trig ? x87End(c, r, 0, SW.C2) : x87Done(c, r);
  }
  const se = stSE(c, 0);
  const m = stM(c, 0);
  let v: u64;
  switch (op) {
    case Unary.SQRT: v = f80Sqrt(se, m); break;
    case Unary.RNDINT: v = f80RoundInt(se, m); break;
    case Unary.F2XM1: v = f80Exp2M1(se, m); break;
    case Unary.SIN: v = f80Sin(se, m); break;
    default: v = f80Cos(se, m); break;
  }
  setResult(c, 0, v);
  return x87End(c, r, trig ? f80TrigCC : 0, trig ? SW.C2 : 0);
}

const enum Binary { YLOG2 = 0, YLOG2P1 = 1, ATAN = 2 }

/** FYL2X, FYL2XP1, FPATAN: ST(1) and ST(0) to ST(1), pop. */
export function hX87BinaryPop(c: Cpu, r: usize, op: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  let done: bool;
  if (isEmpty(c, 0) || isEmpty(c, 1)) done = underflowTo(c, 1);
  else {
    const ySE = stSE(c, 1);
    const yM = stM(c, 1);
    const xSE = stSE(c, 0);
    const xM = stM(c, 0);
    const v = op == Binary.YLOG2 ? f80YLog2(ySE, yM, xSE, xM)
      : op == Binary.YLOG2P1 ? f80YLog2P1(ySE, yM, xSE, xM) : f80Atan(ySE, yM, xSE, xM);
    done = setResult(c, 1, v);
  }
  if (done) popSt(c);
  return x87Done(c, r);
}

/** FPREM (0) and FPREM1 (1). */
export function hX87Rem(c: Cpu, r: usize, nearest: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0) || isEmpty(c, 1)) {
    underflowTo(c, 0);
    return x87End(c, r, 0, SW.C2);
  }
  setResult(c, 0, f80Rem(stSE(c, 0), stM(c, 0), stSE(c, 1), stM(c, 1), nearest != 0));
  return x87End(c, r, f80RemCC, f80RemHasQuotient ? Status87.CC : <u32>SW.C2);
}

export function hFscale(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0) || isEmpty(c, 1)) underflowTo(c, 0);
  else setResult(c, 0, f80Scale(stSE(c, 0), stM(c, 0), stSE(c, 1), stM(c, 1)));
  return x87Done(c, r);
}

// ---- Two results
// ---------------------------------------------------------------------------------------------------

// ST(0) := (se, m); push the library's value. False when a stack fault took its place.
function twoIndefinite(c: Cpu): void {
  setSt(c, 0, DEFAULT_NAN_SE, DEFAULT_NAN_M);
  pushSt(c, DEFAULT_NAN_SE, DEFAULT_NAN_M);
}

// Stack faults of FXTRACT, FSINCOS, FPTAN: true if one was found (and answered).
function faultOfTwo(c: Cpu): bool {
  if (isEmpty(c, 0)) {
    if (underflow(c)) twoIndefinite(c);
    return true;
  }
  if (isEmpty(c, 7)) return false;
  if (overflow(c)) twoIndefinite(c);
  return true;
}

export function hFxtract(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (faultOfTwo(c)) return x87Done(c, r);
  const m = f80Extract(stSE(c, 0), stM(c, 0));
  const se = f80SE;
  if (!f80Stopped()) {
    setSt(c, 0, f80SE2, f80M2);
    pushSt(c, se, m);
  }
  return x87Done(c, r);
}

export function hFsincos(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (faultOfTwo(c)) return x87End(c, r, 0, SW.C2);
  const m = f80SinCos(stSE(c, 0), stM(c, 0));
  const se = f80SE;
  if (!f80Stopped() && f80TrigCC == 0) {
    setSt(c, 0, f80SE2, f80M2);
    pushSt(c, se, m);
  }
  return x87End(c, r, f80TrigCC, SW.C2);
}

/** FPTAN: the tangent, then 1.0; a NaN is there twice. */
export function hFptan(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (faultOfTwo(c)) return x87End(c, r, 0, SW.C2);
  const m = f80Tan(stSE(c, 0), stM(c, 0));
  const se = f80SE;
  if (!f80Stopped() && f80TrigCC == 0) {
    setSt(c, 0, se, m);
    const nan = (se & 0x7FFF) == 0x7FFF && m != ONE_M;
    pushSt(c, nan ? se : ONE_SE, nan ? m : ONE_M);
  }
  return x87End(c, r, f80TrigCC, SW.C2);
}

/** FLD1 .. FLDZ. */
export function hX87Constant(c: Cpu, r: usize, which: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  pushResult(c, f80Constant(which as Const), false);
  return x87Done(c, r);
}
