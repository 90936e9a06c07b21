// Multiplication and division (SDM vol. 2 "MUL", "IMUL", "MULX", "DIV", "IDIV"). Flags that are undefined are
// as in interp/muldiv.ts: SF ZF PF by the low half of a product, AF = 0; a division changes none. WebAssembly
// has no product of 128 bits: its high half is put together from four of 32 x 32 bits. Divisions whose
// dividend needs more than the divisor's width, or that fault, call the handler.

import { Cpu, RAX, RDX } from "../cpu/state";
import { recImm, recOpSize, recReg, recRm, recVex } from "../decode/record";
import { Import, W, const32, const64, constant, get, op, openVoid, set, sized } from "./bytes";
import { pushHandler, reloadGpr, storeAddress } from "./control";
import { close, leaveStatus, open } from "./exits";
import { localResult, pushWithoutCarries, usesMemory } from "./flags";
import { L, Size, cut32, extend, popReg, pushReg, setFe, storeGpr, tempA, tempB } from "./locals";
import { Insn, Lower, Place, lowerOp, lowerPlace } from "./map";
import { popDest, pushDest, pushRm, pushSource } from "./operands";

/** OF beside CF. */
const CF_OF: i64 = 0x801;

/** Push the upper or the lower 32 bits of a local. */
function pushHalf(local: u32, high: bool): void {
  get(local);
  if (high) {
    const64(32);
    op(W.I64_SHR_U);
  } else cut32();
}
function pushProduct(a: u32, highA: bool, b: u32, highB: bool): void {
  pushHalf(a, highA);
  pushHalf(b, highB);
  op(W.I64_MUL);
}

/** Push bits 64 to 127 of the product of TA64 and TB64 (as mulHigh in uop/arith.ts). TR64 and VA change. */
function pushHigh(signed: bool): void {
  pushProduct(L.TA64, true, L.TB64, false);
  pushProduct(L.TA64, false, L.TB64, false);
  const64(32);
  op(W.I64_SHR_U);
  op(W.I64_ADD);
  set(L.TR64);
  pushProduct(L.TA64, false, L.TB64, true);
  pushHalf(L.TR64, false);
  op(W.I64_ADD);
  set(L.VA);
  pushProduct(L.TA64, true, L.TB64, true);
  pushHalf(L.TR64, true);
  op(W.I64_ADD);
  pushHalf(L.VA, true);
  op(W.I64_ADD);
  if (!signed) return;
  subtractWhenNegative(L.TA64, L.TB64);
  subtractWhenNegative(L.TB64, L.TA64);
}
function subtractWhenNegative(sign: u32, other: u32): void {
  get(sign);
  const64(63);
  op(W.I64_SHR_S);
  get(other);
  op(W.I64_AND);
  op(W.I64_SUB);
}

/** CF and OF from the i32 on the stack, the low half of the product in FR. */
function productFlags(): void {
  set(L.EXIT);
  pushWithoutCarries();
  get(L.EXIT);
  op(W.I64_EXTEND_U);
  const64(CF_OF);
  op(W.I64_MUL);
  op(W.I64_OR);
  setFe();
}

/** IMUL of two or three operands. */
export function lowerImul(i: Insn): void {
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
    productFlags();
    get(localResult(size));
  }
  if (three) popReg(recReg(r), size);
  else popDest(i, size);
}

/** Push 1 when the signed product of TA and TB does not fit; its low half is in FR. */
function pushLost(size: u32): void {
  if (size == Size.QWORD) {
    pushHigh(true);
    get(L.FR64);
    const64(63);
    op(W.I64_SHR_S);
    op(W.I64_NE);
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

/** MUL and IMUL of one operand, MULX; 32 and 64 bits. The operand is read before RAX and RDX change. */
export function lowerMul(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const wide = size == Size.QWORD;
  const signed = lowerOp(i) == Lower.IMUL_ONE;
  const mulx = lowerOp(i) == Lower.MULX;
  pushReg(mulx ? RDX : RAX, size);
  if (!wide) op(signed ? W.I64_EXTEND_S : W.I64_EXTEND_U);
  set(L.TA64);
  pushRm(i, size);
  if (!wide) op(signed ? W.I64_EXTEND_S : W.I64_EXTEND_U);
  set(L.TB64);
  if (wide) {
    pushHigh(signed);
    set(L.VA);
  }
  get(L.TA64);
  get(L.TB64);
  op(W.I64_MUL);
  set(L.TR64);
  if (!wide) {
    get(L.TR64);
    const64(32);
    op(signed ? W.I64_SHR_S : W.I64_SHR_U);
    set(L.VA);
  }
  if (i.flagsLive && !mulx) wideFlags(size, signed);
  popHalf(mulx ? recVex(r) : RAX, L.TR64, size);
  // The high half is written last: it wins when both are one register.
  popHalf(mulx ? recReg(r) : RDX, L.VA, size);
}
function popHalf(at: u32, local: u32, size: u32): void {
  get(local);
  if (size != Size.QWORD) op(W.I32_WRAP);
  popReg(at, size);
}

/** VA holds the high half (of 32 bits: extended as the product is), TR64 the low one. */
function wideFlags(size: u32, signed: bool): void {
  get(L.TR64);
  if (size != Size.QWORD) op(W.I32_WRAP);
  set(localResult(size));
  get(L.VA);
  if (signed) {
    get(localResult(size));
    if (size != Size.QWORD) op(W.I64_EXTEND_S);
    const64(63);
    op(W.I64_SHR_S);
    op(W.I64_NE);
  } else {
    op(W.I64_EQZ);
    op(W.I32_EQZ);
  }
  productFlags();
}

/**
 * DIV and IDIV of 32 and 64 bits. In line when RDX only extends RAX (DIV of 32 bits: when the quotient fits)
 * and the divisor is neither 0 nor, of IDIV, -1.
 */
export function lowerDiv(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const wide = size == Size.QWORD;
  const signed = lowerOp(i) == Lower.IDIV;
  const a = tempA(size);
  const b = tempB(size);
  pushReg(RAX, size);
  set(a);
  pushRm(i, size);
  set(b);
  pushUnfit(wide, signed, a, b);
  open(W.IF);
  callDivision(i);
  op(W.ELSE);
  if (!signed && !wide) divideJoined();
  else {
    get(a);
    get(b);
    sized(signed ? W.I32_DIV_S : W.I32_DIV_U, wide);
    popReg(RAX, size);
    get(a);
    get(b);
    sized(signed ? W.I32_REM_S : W.I32_REM_U, wide);
    popReg(RDX, size);
  }
  close();
}

/** Push 1 when the handler must do it. */
function pushUnfit(wide: bool, signed: bool, a: u32, b: u32): void {
  const size: u32 = wide ? Size.QWORD : Size.DWORD;
  pushReg(RDX, size);
  if (!signed && !wide) {
    // Also true for a divisor of 0.
    get(b);
    op(W.I32_GE_U);
    return;
  }
  if (signed) {
    get(a);
    constant(wide ? 63 : 31, wide);
    sized(W.I32_SHR_S, wide);
  } else constant(0, wide);
  sized(W.I32_NE, wide);
  get(b);
  if (signed) {
    constant(1, wide);
    sized(W.I32_ADD, wide);
    constant(2, wide);
    sized(W.I32_LT_U, wide);
  } else sized(W.I32_EQZ, wide);
  op(W.I32_OR);
}

/** EDX:EAX by TB32. */
function divideJoined(): void {
  pushReg(RDX, Size.DWORD);
  op(W.I64_EXTEND_U);
  const64(32);
  op(W.I64_SHL);
  get(L.TA32);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  set(L.TA64);
  get(L.TB32);
  op(W.I64_EXTEND_U);
  set(L.TB64);
  get(L.TA64);
  get(L.TB64);
  op(W.I64_DIV_U);
  set(L.TR64);
  get(L.TA64);
  get(L.TR64);
  get(L.TB64);
  op(W.I64_MUL);
  op(W.I64_SUB);
  popReg(RDX, Size.QWORD);
  get(L.TR64);
  popReg(RAX, Size.QWORD);
}

/** The handler, in the middle of a block: it changes RAX and RDX, no flags. */
function callDivision(i: Insn): void {
  const r = changetype<usize>(i);
  storeAddress(r);
  storeGpr(RAX);
  storeGpr(RDX);
  if (!usesMemory(i)) storeGpr(recRm(r));
  pushHandler(i, Import.HELP);
  set(L.EXIT);
  reloadGpr(RAX);
  reloadGpr(RDX);
  leaveStatus(true);
}
