// x87 instructions as WebAssembly, over the stack of x87-state.ts: moves and conversions to 80 bits in line,
// and the arithmetic of wasm/fpu by direct calls (imports X_ADD ...), so that there is one meaning of it.
// Denormals, infinities and NaNs in memory operands are the interpreter's.

import { Cpu } from "../cpu/state";
import { recRm } from "../decode/record";
import { Control87, Status87, TOP_SHIFT } from "../interp/x87-core";
import { Global, Import, W, access, const32, const64, get, op, openVoid, set } from "./bytes";
import { Exit, deeper, leaveAt, shallower } from "./exits";
import {
  beginOperation, callCore, compare, finishCompare, finishComparison, pushRegister, pushTemporary,
} from "./x87-compare";
import { pushCond } from "./conditions";
import { L, Size, popReg } from "./locals";
import { Fpu, Insn, x87Argument, x87Form } from "./map";
import { placeOfInsn, pushAddress, translateAlone, translateBytes } from "./operands";
import {
  X, addExceptions, checkExceptions, clearC1, getM, getPair, getS, getX, markFull, markVacant, needFull,
  needReady, needRoom, noteCode, noteData, popStack, pushStack, pushTop, replaceStatus, getGlobal,
  setM, setPair, setS, setX, st, takeControl, teeX, turn,
} from "./x87-state";

const TOP_BIT: i64 = -0x8000000000000000;
const SIGN: i32 = 0x8000;
const BIAS: i32 = 16383;
const EXTENDED_BYTES: i64 = 10;
const EXTENDED_HIGH: u32 = 8;
/** ModRM.reg of the arithmetic groups. */
const enum Digit { ADD = 0, MUL = 1, COM = 2, COMP = 3, SUB = 4, SUBR = 5, DIV = 6, DIVR = 7 }
const enum Fist { POP = 1, TRUNCATE = 2 }
/** FLD1 among the constants; the other here is FLDZ. */
const ONE: u32 = 0;
const AX: u32 = 0;

function isMemory(f: Fpu): bool {
  return f != Fpu.LD_STI && f != Fpu.LD_CONSTANT && f != Fpu.ST_STI && f != Fpu.XCH && f != Fpu.NSTSW_AX
    && (f < Fpu.ARITH_ST0 || (f >= Fpu.NSTSW && f <= Fpu.NSTCW));
}

// Operands -----------------------------------------------------------------------------------------------

/** Fields of a format: bits of the fraction, largest exponent, bias. */
function fractionBits(single: bool): i32 { return single ? 23 : 52; }

/** The single or double at HOST in TM and TS; zero and normal numbers only. */
function widen(i: Insn, single: bool): void {
  const bits = fractionBits(single);
  const ones: i32 = single ? 0xFF : 0x7FF;
  const bias: i32 = single ? 127 : 1023;
  get(L.HOST);
  access(single ? W.I64_LOAD32_U : W.I64_LOAD, 0, 0);
  setX(X.UM);
  getX(X.UM);
  const64(bits);
  op(W.I64_SHR_U);
  op(W.I32_WRAP);
  const32(ones);
  op(W.I32_AND);
  teeX(X.TS);
  const32(1);
  op(W.I32_SUB);
  const32(ones - 1);
  op(W.I32_LT_U);
  openVoid(W.IF);
  deeper();
  getX(X.TS);
  const32(BIAS - bias);
  op(W.I32_ADD);
  setX(X.TS);
  getX(X.UM);
  const64(63 - bits);
  op(W.I64_SHL);
  const64(TOP_BIT);
  op(W.I64_OR);
  setX(X.TM);
  op(W.ELSE);
  getX(X.UM);
  const64(single ? 33 : 1);
  op(W.I64_SHL);
  const64(0);
  op(W.I64_NE);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  const64(0);
  setX(X.TM);
  op(W.END);
  shallower();
  getX(X.TS);
  getX(X.UM);
  const64(single ? 16 : 48);
  op(W.I64_SHR_U);
  op(W.I32_WRAP);
  const32(SIGN);
  op(W.I32_AND);
  op(W.I32_OR);
  setX(X.TS);
}

/** The integer at HOST in TM and TS. */
function widenInteger(code: W): void {
  get(L.HOST);
  access(code, 0, 0);
  setX(X.UM);
  getX(X.UM);
  const64(63);
  op(W.I64_SHR_S);
  setX(X.TM);
  // |v|; the sign in TM.
  getX(X.UM);
  getX(X.TM);
  op(W.I64_XOR);
  getX(X.TM);
  op(W.I64_SUB);
  setX(X.UM);
  getX(X.TM);
  op(W.I32_WRAP);
  const32(SIGN);
  op(W.I32_AND);
  const32(BIAS + 63);
  getX(X.UM);
  op(W.I64_CLZ);
  op(W.I32_WRAP);
  op(W.I32_SUB);
  op(W.I32_OR);
  // Zero has exponent 0.
  getX(X.UM);
  const64(0);
  op(W.I64_NE);
  op(W.I32_MUL);
  setX(X.TS);
  getX(X.UM);
  getX(X.UM);
  op(W.I64_CLZ);
  op(W.I64_SHL);
  setX(X.TM);
}

/** Look the memory operand up and put it into TM and TS. */
function loadOperand(i: Insn): void {
  switch (x87Form(i)) {
    case Fpu.LD_M32: case Fpu.ARITH_M32: translateAlone(i, Size.DWORD, false); widen(i, true); break;
    case Fpu.LD_M64: case Fpu.ARITH_M64: translateAlone(i, Size.QWORD, false); widen(i, false); break;
    case Fpu.ILD_M16: case Fpu.ARITH_I16: translateAlone(i, Size.WORD, false); widenInteger(W.I64_LOAD16_S);
      break;
    case Fpu.ILD_M32: case Fpu.ARITH_I32: translateAlone(i, Size.DWORD, false); widenInteger(W.I64_LOAD32_S);
      break;
    case Fpu.ILD_M64: translateAlone(i, Size.QWORD, false); widenInteger(W.I64_LOAD); break;
    default: loadExtended(i);
  }
}

function translateExtended(i: Insn, write: bool): void {
  pushAddress(i);
  set(L.VA);
  translateBytes(i, EXTENDED_BYTES, write);
}

function loadExtended(i: Insn): void {
  translateExtended(i, false);
  get(L.HOST);
  access(W.I64_LOAD, 0, 0);
  setX(X.TM);
  get(L.HOST);
  access(W.I32_LOAD16_U, 0, EXTENDED_HIGH);
  setX(X.TS);
}

// Loads and stores ---------------------------------------------------------------------------------------

function lowerLoad(i: Insn): void {
  needRoom(i);
  loadOperand(i);
  pushStack();
  getX(X.TM);
  getX(X.TS);
  setPair(st(0));
  clearC1();
  noteCode(i);
  noteData(i);
}

function lowerLoadRegister(i: Insn, from: u32): void {
  needFull(i, 1 << from);
  needRoom(i);
  getPair(from);
  pushStack();
  setPair(st(0));
  clearC1();
  noteCode(i);
}

function lowerConstant(i: Insn, which: u32): void {
  needRoom(i);
  pushStack();
  const64(which == ONE ? TOP_BIT : 0);
  const32(which == ONE ? BIAS : 0);
  setPair(st(0));
  clearC1();
  noteCode(i);
}

/** Push ST(0) and two unused arguments of a function of the core. */
function pushOne(first: i32): void {
  getS(st(0));
  getM(st(0));
  const32(first);
  const64(0);
}

/** ST(0), converted, to memory. */
function lowerStore(i: Insn, size: u32, which: Import, how: i32, pop: bool): void {
  translateAlone(i, size, true);
  needFull(i, 1 << st(0));
  beginOperation();
  pushOne(how);
  callCore(which);
  setX(X.TM);
  checkExceptions(i);
  get(L.HOST);
  getX(X.TM);
  if (size == Size.QWORD) access(W.I64_STORE, 0, 0);
  else {
    op(W.I32_WRAP);
    access(size == Size.WORD ? W.I32_STORE16 : W.I32_STORE, 0, 0);
  }
  addExceptions();
  noteCode(i);
  noteData(i);
  if (pop) popStack();
}

function lowerStoreInteger(i: Insn, size: u32): void {
  const how = x87Argument(i);
  const truncate = (how & Fist.TRUNCATE) != 0;
  lowerStore(i, size, Import.X_TO_INT, (8 << size) | (truncate ? 0x100 : 0), (how & Fist.POP) != 0);
}

function lowerStoreExtended(i: Insn): void {
  translateExtended(i, true);
  needFull(i, 1 << st(0));
  get(L.HOST);
  getM(st(0));
  access(W.I64_STORE, 0, 0);
  get(L.HOST);
  getS(st(0));
  access(W.I32_STORE16, 0, EXTENDED_HIGH);
  clearC1();
  noteCode(i);
  noteData(i);
  popStack();
}

function lowerStoreRegister(i: Insn, to: u32): void {
  needFull(i, 1 << st(0));
  if (to != st(0)) {
    getPair(st(0));
    setPair(to);
    markFull(to);
  }
  clearC1();
  noteCode(i);
  if (x87Argument(i)) popStack();
}

function lowerExchange(i: Insn, other: u32): void {
  needFull(i, 1 << st(0) | 1 << other);
  getPair(st(0));
  getPair(other);
  setPair(st(0));
  setPair(other);
  clearC1();
  noteCode(i);
}

function lowerMove(i: Insn, from: u32): void {
  needFull(i, 1 << st(0) | 1 << from);
  pushCond(x87Argument(i));
  setX(X.US);
  getM(from);
  getM(st(0));
  getX(X.US);
  op(W.SELECT);
  setM(st(0));
  getS(from);
  getS(st(0));
  getX(X.US);
  op(W.SELECT);
  setS(st(0));
  noteCode(i);
}

// Arithmetic ---------------------------------------------------------------------------------------------

function functionOf(digit: u32): Import {
  switch (digit) {
    case Digit.ADD: return Import.X_ADD;
    case Digit.MUL: return Import.X_MUL;
    case Digit.SUB: case Digit.SUBR: return Import.X_SUB;
    default: return Import.X_DIV;
  }
}

/** The result in UM, its sign and exponent in the core's global: to register n. */
function takeResult(i: Insn, n: u32): void {
  setX(X.UM);
  checkExceptions(i);
  addExceptions();
  getX(X.UM);
  getGlobal(Global.SE);
  setPair(n);
  noteCode(i);
}

/** ST(0) with ST(i), or with TM and TS. */
function arithmetic(i: Insn, digit: u32, other: u32, temporary: bool, to: u32): void {
  const reversed = digit == Digit.SUBR || digit == Digit.DIVR;
  beginOperation();
  if (!reversed) pushRegister(st(0));
  if (temporary) pushTemporary();
  else pushRegister(other);
  if (reversed) pushRegister(st(0));
  callCore(functionOf(digit));
  takeResult(i, to);
}

function isComparison(digit: u32): bool { return digit == Digit.COM || digit == Digit.COMP; }

function lowerArithmeticMemory(i: Insn): void {
  const digit = x87Argument(i);
  needFull(i, 1 << st(0));
  loadOperand(i);
  if (isComparison(digit)) compare(i, 0, true, digit - Digit.COM);
  else arithmetic(i, digit, 0, true, st(0));
  noteData(i);
}

function lowerArithmetic(i: Insn): void {
  const digit = x87Argument(i);
  const other = st(recRm(changetype<usize>(i)));
  if (x87Form(i) == Fpu.ARITH_ST0 && isComparison(digit)) {
    lowerComparison(i, other, digit - Digit.COM);
    return;
  }
  needFull(i, 1 << st(0) | 1 << other);
  arithmetic(i, digit, other, false, x87Form(i) == Fpu.ARITH_ST0 ? st(0) : other);
  if (x87Form(i) == Fpu.ARITH_STI_POP) popStack();
}

function lowerComparison(i: Insn, other: u32, how: u32): void {
  needFull(i, 1 << st(0) | 1 << other);
  compare(i, other, false, how);
}

function lowerTest(i: Insn): void {
  needFull(i, 1 << st(0));
  beginOperation();
  pushOne(0);
  finishCompare(i, 0);
  finishComparison(i, 0);
}

function lowerUnary(i: Insn): void {
  needFull(i, 1 << st(0));
  beginOperation();
  pushOne(0);
  callCore(x87Argument(i) ? Import.X_ROUND : Import.X_SQRT);
  takeResult(i, st(0));
}

function lowerSign(i: Insn, code: W, bits: i32): void {
  needFull(i, 1 << st(0));
  getS(st(0));
  const32(bits);
  op(code);
  setS(st(0));
  clearC1();
  noteCode(i);
}

// Control ------------------------------------------------------------------------------------------------

function pushStatusWord(): void {
  getX(X.STATUS);
  const32(Status87.KEPT);
  op(W.I32_AND);
  pushTop();
  const32(TOP_SHIFT);
  op(W.I32_SHL);
  op(W.I32_OR);
}

function lowerStoreStatus(i: Insn): void {
  translateAlone(i, Size.WORD, true);
  get(L.HOST);
  pushStatusWord();
  access(W.I32_STORE16, 0, 0);
}

function lowerStoreControl(i: Insn): void {
  translateAlone(i, Size.WORD, true);
  get(L.HOST);
  get(L.C);
  access(W.I32_LOAD, 2, <u32>offsetof<Cpu>("fpuControl"));
  access(W.I32_STORE16, 0, 0);
}

/** A flag that the new control word does not mask would have to be reported. */
function lowerLoadControl(i: Insn): void {
  translateAlone(i, Size.WORD, false);
  get(L.HOST);
  access(W.I32_LOAD16_U, 0, 0);
  const32(Control87.WRITABLE);
  op(W.I32_AND);
  const32(Control87.FIXED);
  op(W.I32_OR);
  setX(X.US);
  getX(X.US);
  const32(-1);
  op(W.I32_XOR);
  getX(X.STATUS);
  op(W.I32_AND);
  const32(Status87.EXCEPTIONS);
  op(W.I32_AND);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  get(L.C);
  getX(X.US);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("fpuControl"));
  getX(X.US);
  takeControl();
  replaceStatus(Status87.ES | Status87.BUSY, false);
}

function lowerFree(i: Insn, n: u32): void {
  markVacant(n);
  if (x87Argument(i)) popStack();
  clearC1();
}

function lowerRegisterForm(i: Insn): void {
  const other = st(recRm(changetype<usize>(i)));
  switch (x87Form(i)) {
    case Fpu.LD_STI: lowerLoadRegister(i, other); break;
    case Fpu.LD_CONSTANT: lowerConstant(i, x87Argument(i)); break;
    case Fpu.ST_STI: lowerStoreRegister(i, other); break;
    case Fpu.XCH: lowerExchange(i, other); break;
    case Fpu.COMPARE: lowerComparison(i, other, x87Argument(i)); break;
    case Fpu.TST: lowerTest(i); break;
    case Fpu.CHS: lowerSign(i, W.I32_XOR, SIGN); break;
    case Fpu.ABS: lowerSign(i, W.I32_AND, ~SIGN); break;
    case Fpu.UNARY: lowerUnary(i); break;
    case Fpu.NSTSW_AX:
      pushStatusWord();
      popReg(AX, Size.WORD);
      break;
    case Fpu.FREE: lowerFree(i, other); break;
    case Fpu.ROTATE:
      turn(x87Argument(i));
      clearC1();
      break;
    case Fpu.CMOV: lowerMove(i, other); break;
    case Fpu.WAIT: case Fpu.NOP: break;
    default: lowerArithmetic(i);
  }
}

/** Emit one x87 instruction. */
export function lowerX87(i: Insn): void {
  const form = x87Form(i);
  const pop = x87Argument(i) != 0;
  needReady(i);
  if (!isMemory(form)) {
    lowerRegisterForm(i);
    return;
  }
  switch (form) {
    case Fpu.ST_M32: lowerStore(i, Size.DWORD, Import.X_TO_SINGLE, 0, pop); break;
    case Fpu.ST_M64: lowerStore(i, Size.QWORD, Import.X_TO_DOUBLE, 0, pop); break;
    case Fpu.STP_M80: lowerStoreExtended(i); break;
    case Fpu.IST_M16: lowerStoreInteger(i, Size.WORD); break;
    case Fpu.IST_M32: lowerStoreInteger(i, Size.DWORD); break;
    case Fpu.IST_M64: lowerStoreInteger(i, Size.QWORD); break;
    case Fpu.NSTSW: lowerStoreStatus(i); break;
    case Fpu.LDCW: lowerLoadControl(i); break;
    case Fpu.NSTCW: lowerStoreControl(i); break;
    case Fpu.ARITH_M32: case Fpu.ARITH_M64: case Fpu.ARITH_I32: case Fpu.ARITH_I16:
      lowerArithmeticMemory(i);
      break;
    default: lowerLoad(i);
  }
}
