// Bit tests, scans and counts, BMI1 and BMI2 (SDM vol. 2). What the manual leaves undefined is as in
// uop/bit.ts: the flags but CF stay behind a bit test; a scan of 0 keeps the destination, its flags are those
// of a logical operation.

import { recImm, recOpSize, recReg, recVex } from "../decode/record";
import { W, const32, const64, constant, get, op, set, sized } from "./bytes";
import { localResult } from "./flags";
import { keepFlags, setCarry, setOnlyCarry } from "./kept-flags";
import { L, Size, extend, popReg, pushReg, tempA, tempB } from "./locals";
import { Insn, Lower, Place, lowerOp, lowerPlace } from "./map";
import { popDest, pushDest, pushRm, pushSource } from "./operands";

const ZF_SHIFT: i32 = 6;
const BYTE_MASK: i32 = 0xFF;
const WORD_MASK: i32 = 0xFFFF;

/** Lowered here. */
// @ts-ignore: decorator
@inline
export function isBits(o: Lower): bool {
  return (o >= Lower.BT && o <= Lower.POPCNT) || (o >= Lower.BLSR && o <= Lower.RORX);
}

function tempResult(size: u32): u32 { return size == Size.QWORD ? <u32>L.TR64 : <u32>L.TR32; }

/** Push the number of the bit, modulo the operand's width. */
export function pushBitNumber(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  const wide = size == Size.QWORD;
  const mask: i64 = (8 << size) - 1;
  if (lowerPlace(i) == Place.EI) {
    constant(recImm(r) & mask, wide);
    return;
  }
  pushReg(recReg(r), size);
  // Shifts take their count modulo the width.
  if (size != Size.WORD) return;
  const32(<i32>mask);
  op(W.I32_AND);
}

/** CF = the bit of local `a` whose number is in local `n`. */
export function bitToCarry(a: u32, n: u32, size: u32): void {
  const wide = size == Size.QWORD;
  keepFlags();
  get(a);
  get(n);
  sized(W.I32_SHR_U, wide);
  if (wide) op(W.I32_WRAP);
  const32(1);
  op(W.I32_AND);
  setCarry();
}

/** Push what BTS BTR BTC combine the operand with; local `n` is the number of the bit. */
export function pushBitMask(o: Lower, n: u32, size: u32): void {
  const wide = size == Size.QWORD;
  constant(1, wide);
  get(n);
  sized(W.I32_SHL, wide);
  if (o != Lower.BTR) return;
  constant(-1, wide);
  sized(W.I32_XOR, wide);
}

/** BT BTS BTR BTC with a register, or with an immediate. */
function lowerBitTest(i: Insn, size: u32): void {
  const wide = size == Size.QWORD;
  const o = lowerOp(i);
  const a = tempA(size);
  const n = tempB(size);
  pushRm(i, size);
  set(a);
  pushBitNumber(i, size);
  set(n);
  if (i.flagsLive) bitToCarry(a, n, size);
  if (o == Lower.BT) return;
  get(a);
  pushBitMask(o, n, size);
  sized(o == Lower.BTS ? W.I32_OR : o == Lower.BTR ? W.I32_AND : W.I32_XOR, wide);
  popDest(i, size);
}

/** Push the source of a scan or count, in local `b`, as an unsigned number. */
function pushUnsigned(b: u32, size: u32): void {
  get(b);
  if (size != Size.WORD) return;
  const32(WORD_MASK);
  op(W.I32_AND);
}

/** BSF BSR. */
function lowerScan(i: Insn, size: u32): void {
  const wide = size == Size.QWORD;
  const b = i.flagsLive ? localResult(size) : tempB(size);
  pushSource(i, size);
  set(b);
  if (lowerOp(i) == Lower.BSF) {
    get(b);
    sized(W.I32_CTZ, wide);
  } else {
    constant(wide ? 63 : 31, wide);
    pushUnsigned(b, size);
    sized(W.I32_CLZ, wide);
    sized(W.I32_SUB, wide);
  }
  pushDest(i, size);
  get(b);
  constant(0, wide);
  sized(W.I32_NE, wide);
  op(W.SELECT);
  popDest(i, size);
}

/** TZCNT LZCNT POPCNT. */
function lowerCount(i: Insn, size: u32): void {
  const wide = size == Size.QWORD;
  const o = lowerOp(i);
  const b = tempB(size);
  pushSource(i, size);
  set(b);
  pushUnsigned(b, size);
  if (o == Lower.TZCNT && size == Size.WORD) {
    const32(WORD_MASK + 1);
    op(W.I32_OR);
  }
  sized(o == Lower.TZCNT ? W.I32_CTZ : o == Lower.LZCNT ? W.I32_CLZ : W.I32_POPCNT, wide);
  if (o == Lower.LZCNT && size == Size.WORD) {
    const32(16);
    op(W.I32_SUB);
  }
  if (i.flagsLive) countFlags(o, b, size);
  popDest(i, size);
}
/** The count is on the stack, and stays there. */
function countFlags(o: Lower, b: u32, size: u32): void {
  if (o == Lower.POPCNT) {
    get(b);
    sized(W.I32_EQZ, size == Size.QWORD);
    const32(ZF_SHIFT);
    op(W.I32_SHL);
    set(L.FR32);
    return;
  }
  set(localResult(size));
  get(b);
  sized(W.I32_EQZ, size == Size.QWORD);
  setOnlyCarry();
  get(localResult(size));
}

/** BLSR BLSMSK BLSI: CF tells a source of 0, of BLSI any other. */
function lowerLowest(i: Insn, size: u32): void {
  const wide = size == Size.QWORD;
  const o = lowerOp(i);
  const a = tempA(size);
  pushRm(i, size);
  set(a);
  get(a);
  if (o == Lower.BLSI) {
    constant(0, wide);
    get(a);
  } else {
    get(a);
    constant(1, wide);
  }
  sized(W.I32_SUB, wide);
  sized(o == Lower.BLSMSK ? W.I32_XOR : W.I32_AND, wide);
  if (i.flagsLive) {
    set(localResult(size));
    get(a);
    sized(W.I32_EQZ, wide);
    if (o == Lower.BLSI) op(W.I32_EQZ);
    setOnlyCarry();
    get(localResult(size));
  }
  popReg(recVex(changetype<usize>(i)), size);
}

/** BZHI: an index from the width on keeps all bits and sets CF. */
function lowerBzhi(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  const wide = size == Size.QWORD;
  const a = tempA(size);
  const n = tempB(size);
  pushRm(i, size);
  set(a);
  pushReg(recVex(r), size);
  constant(BYTE_MASK, wide);
  sized(W.I32_AND, wide);
  set(n);
  get(a);
  get(a);
  constant(1, wide);
  get(n);
  sized(W.I32_SHL, wide);
  constant(1, wide);
  sized(W.I32_SUB, wide);
  sized(W.I32_AND, wide);
  pushBeyond(n, size);
  op(W.SELECT);
  if (i.flagsLive) {
    set(localResult(size));
    pushBeyond(n, size);
    setOnlyCarry();
    get(localResult(size));
  }
  popReg(recReg(r), size);
}
function pushBeyond(n: u32, size: u32): void {
  get(n);
  constant(8 << size, size == Size.QWORD);
  sized(W.I32_GE_U, size == Size.QWORD);
}

/** ANDN: the complement of the first source and the second. */
function lowerAndn(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  const wide = size == Size.QWORD;
  const result = i.flagsLive ? localResult(size) : tempResult(size);
  pushReg(recVex(r), size);
  constant(-1, wide);
  sized(W.I32_XOR, wide);
  pushRm(i, size);
  sized(W.I32_AND, wide);
  set(result);
  get(result);
  popReg(recReg(r), size);
}

/** SHLX SHRX SARX RORX: no flags. */
function lowerFlagless(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  const wide = size == Size.QWORD;
  const o = lowerOp(i);
  pushRm(i, size);
  if (o == Lower.RORX) constant(recImm(r) & 0xFF, wide);
  else pushReg(recVex(r), size);
  sized(o == Lower.SHLX ? W.I32_SHL : o == Lower.SHRX ? W.I32_SHR_U
    : o == Lower.SARX ? W.I32_SHR_S : W.I32_ROTR, wide);
  popReg(recReg(r), size);
}

/** Emit one of them; HOST is the memory operand. */
export function lowerBits(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  switch (lowerOp(i)) {
    case Lower.BSF: case Lower.BSR: lowerScan(i, size); break;
    case Lower.TZCNT: case Lower.LZCNT: case Lower.POPCNT: lowerCount(i, size); break;
    case Lower.ANDN: lowerAndn(i, size); break;
    case Lower.BLSR: case Lower.BLSMSK: case Lower.BLSI: lowerLowest(i, size); break;
    case Lower.BZHI: lowerBzhi(i, size); break;
    case Lower.SHLX: case Lower.SHRX: case Lower.SARX: case Lower.RORX: lowerFlagless(i, size); break;
    default: lowerBitTest(i, size);
  }
}
