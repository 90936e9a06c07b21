// Shifts and rotates (SDM vol. 2 "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD"). What the manual
// leaves undefined is as in uop/shift.ts. A double shift by CL whose flags are seen calls its handler.

import { Cpu, FlagKind, RCX } from "../cpu/state";
import { recImm, recOpSize, recReg } from "../decode/record";
import { W, access, const32, const64, constant, get, op, openVoid, set, sized, tee } from "./bytes";
import { lowerHelper } from "./control";
import { exitCode } from "./exit-flags";
import {
  describe, flagsNow, localA, localResult, pushWithoutCarries, shiftCount, storeKind, toDynamic,
} from "./flags";
import { becomeRotated, isRotated, keepFlags, pushRotated } from "./kept-flags";
import { L, Size, extend, getFe, pushReg, regLocal, setFe, tempA, tempB } from "./locals";
import { toMixed } from "./mixed-flags";
import { setShiftOperand, shiftKind, shiftOperand } from "./shift-flags";
import { Insn, Lower, lowerOp } from "./map";
import { popDest, pushDest } from "./operands";

const OF_SHIFT: i64 = 11;

function shiftCode(o: Lower): W {
  return o == Lower.SHL ? W.I32_SHL : o == Lower.SHR ? W.I32_SHR_U : W.I32_SHR_S;
}

/** 32 and 64 bits, by a constant. */
function shiftConstant(i: Insn, o: Lower, size: u32, count: i32): void {
  const wide = size == Size.QWORD;
  const live = i.flagsLive != 0;
  pushDest(i, size);
  if (live) tee(localA(size));
  constant(count, wide);
  sized(shiftCode(o), wide);
  if (live) {
    setShiftOperand(count, size, wide);
    tee(localResult(size));
  }
  popDest(i, size);
}

/** The same by CL. A count of zero changes no flag: they are MIXED with those before it. */
function shiftByCl(i: Insn, o: Lower, size: u32): void {
  const wide = size == Size.QWORD;
  const a = tempA(size);
  const n = tempB(size);
  pushDest(i, size);
  set(a);
  get(regLocal(RCX));
  if (!wide) op(W.I32_WRAP);
  constant(wide ? 63 : 31, wide);
  sized(W.I32_AND, wide);
  set(n);
  if (i.flagsLive) {
    toMixed();
    mixShift(o, size, a, n);
  }
  get(a);
  get(n);
  sized(shiftCode(o), wide);
  popDest(i, size);
}
function mixShift(o: Lower, size: u32, a: u32, n: u32): void {
  const wide = size == Size.QWORD;
  get(a);
  if (!wide) op(W.I64_EXTEND_U);
  get(L.MA);
  pushIsSet(n, wide);
  op(W.SELECT);
  set(L.MA);
  get(n);
  if (!wide) op(W.I64_EXTEND_U);
  const64(<i64>shiftOperand(0, wide));
  op(W.I64_OR);
  get(L.MB);
  pushIsSet(n, wide);
  op(W.SELECT);
  set(L.MB);
  const32(<i32>exitCode(describe(shiftKind(o), size)));
  get(L.MK);
  pushIsSet(n, wide);
  op(W.SELECT);
  set(L.MK);
}
/** Push whether the count is not 0. */
function pushIsSet(n: u32, wide: bool): void {
  constant(0, wide);
  get(n);
  sized(W.I32_NE, wide);
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

/** Flags of a shift of 8 or 16 bits by 1 or more of TA64 (extended from `size`): FR and FE. */
function narrowFlags(o: Lower, size: u32, count: i32, result: u32): void {
  const bits: i64 = 8 << size;
  if (o == Lower.SHL) {
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
  setFe();
}

function pushTop(result: u32, shift: i64): void {
  get(result);
  const64(shift);
  op(W.I64_SHR_U);
  const64(1);
  op(W.I64_AND);
}

export function lowerShift(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const count = shiftCount(i);
  const o = lowerOp(i);
  if (count == 0) {
    // A 32-bit destination is written all the same: its upper half becomes 0.
    pushDest(i, size);
    popDest(i, size);
  } else if (size < <u32>Size.DWORD) shiftNarrow(i, o, size, count);
  else if (count > 0) shiftConstant(i, o, size, count);
  else shiftByCl(i, o, size);
}

/** 8 and 16 bits: a count may be larger than these. */
function shiftNarrow(i: Insn, o: Lower, size: u32, count: i32): void {
  pushDest(i, size);
  op(W.I64_EXTEND_S);
  if (o != Lower.SAR) {
    const64(<i64>(<u64>(-1) >> <u64>(64 - (8 << size))));
    op(W.I64_AND);
  }
  set(L.TA64);
  if (count < 0) {
    get(regLocal(RCX));
    const64(31);
    op(W.I64_AND);
    set(L.TB64);
  }
  shiftWide(o == Lower.SHL ? W.I64_SHL : o == Lower.SHR ? W.I64_SHR_U : W.I64_SHR_S, count, 0);
  set(L.TR64);
  if (i.flagsLive) {
    if (count < 0) narrowByCl(o, size);
    else {
      narrowFlags(o, size, count, L.TR64);
      get(L.TR64);
      op(W.I32_WRAP);
      extend(size);
      set(localResult(size));
    }
  }
  get(L.TR64);
  op(W.I32_WRAP);
  popDest(i, size);
}

/** A count of zero changes no flag: the flags become dynamic. */
function narrowByCl(o: Lower, size: u32): void {
  toDynamic();
  get(L.TB64);
  op(W.I64_EQZ);
  op(W.I32_EQZ);
  openVoid(W.IF);
  narrowFlags(o, size, -1, L.TR64);
  get(L.C);
  get(L.TR64);
  op(W.I32_WRAP);
  op(W.I64_EXTEND_S);
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("flagRes"));
  storeKind(FlagKind.SZP);
  op(W.END);
}

/**
 * ROL ROR. A narrow operand is repeated in all 32 bits: rotating these rotates it.
 */
export function lowerRotate(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  const wide = size == Size.QWORD;
  const left = lowerOp(i) == Lower.ROL;
  const count = shiftCount(i);
  const result: u32 = wide ? L.TR64 : L.TR32;
  pushDest(i, size);
  if (size < <u32>Size.DWORD) {
    const32(size == Size.BYTE ? 0xFF : 0xFFFF);
    op(W.I32_AND);
    const32(size == Size.BYTE ? 0x01010101 : 0x00010001);
    op(W.I32_MUL);
  }
  if (count < 0) {
    get(regLocal(RCX));
    if (!wide) op(W.I32_WRAP);
  } else constant(count, wide);
  sized(left ? W.I32_ROTL : W.I32_ROTR, wide);
  if (i.flagsLive != 0 && count != 0) {
    set(result);
    rotateFlags(left, wide, count < 0);
    get(result);
  }
  popDest(i, size);
}

/** CF and OF of the rotated value in TR. */
function rotateFlags(left: bool, wide: bool, byCl: bool): void {
  if (byCl || !isRotated(flagsNow)) keepFlags();
  get(wide ? <u32>L.TR64 : <u32>L.TR32);
  if (wide) {
    const64(left ? 31 : 32);
    op(W.I64_ROTL);
    op(W.I32_WRAP);
  } else if (left) {
    const32(1);
    op(W.I32_ROTR);
  }
  if (!byCl) {
    becomeRotated();
    return;
  }
  // A count of zero changes no flag.
  set(L.TA32);
  pushRotated(L.TA32);
  getFe();
  get(regLocal(RCX));
  op(W.I32_WRAP);
  const32(wide ? 63 : 31);
  op(W.I32_AND);
  op(W.SELECT);
  setFe();
}

/** SHLD SHRD of 32 and 64 bits: TA64 is the destination, TB64 the source, TR64 the result. */
export function lowerDoubleShift(i: Insn): void {
  const r = changetype<usize>(i);
  const size = recOpSize(r);
  const wide = size == Size.QWORD;
  const count = shiftCount(i);
  if (count < 0 && i.flagsLive != 0) {
    lowerHelper(i);
    return;
  }
  const live = i.flagsLive != 0 && count != 0;
  const left = lowerOp(i) == Lower.SHLD;
  pushDest(i, size);
  if (!wide) op(W.I64_EXTEND_U);
  set(L.TA64);
  pushReg(recReg(r), size);
  if (!wide) op(W.I64_EXTEND_U);
  set(L.TB64);
  if (wide) shiftTwo(left, count);
  else shiftJoined(left, count);
  set(L.TR64);
  if (live) doubleFlags(left, size, count);
  get(L.TR64);
  if (!wide) op(W.I32_WRAP);
  popDest(i, size);
}

/** Push the count, or 64 less it modulo 64. */
function pushCount(count: i32, mask: i64, rest: bool): void {
  if (count >= 0) {
    const64(rest ? (64 - count) & 63 : count);
    return;
  }
  if (rest) const64(0);
  get(regLocal(RCX));
  const64(mask);
  op(W.I64_AND);
  if (rest) op(W.I64_SUB);
}

/** 64 bits: what comes in from the source is nothing when the count is 0. */
function shiftTwo(left: bool, count: i32): void {
  get(L.TA64);
  pushCount(count, 63, false);
  op(left ? W.I64_SHL : W.I64_SHR_U);
  if (count == 0) return;
  get(L.TB64);
  pushCount(count, 63, true);
  op(left ? W.I64_SHR_U : W.I64_SHL);
  if (count < 0) {
    const64(0);
    pushCount(count, 63, false);
    op(W.I64_EQZ);
    op(W.I32_EQZ);
    op(W.SELECT);
  }
  op(W.I64_OR);
}

/** 32 bits: both operands fit one i64. */
function shiftJoined(left: bool, count: i32): void {
  get(left ? <u32>L.TA64 : <u32>L.TB64);
  const64(32);
  op(W.I64_SHL);
  get(left ? <u32>L.TB64 : <u32>L.TA64);
  op(W.I64_OR);
  pushCount(count, 31, false);
  op(left ? W.I64_SHL : W.I64_SHR_U);
  if (!left) return;
  const64(32);
  op(W.I64_SHR_U);
}

/** CF is the last bit that went out, OF a change of the sign. */
function doubleFlags(left: bool, size: u32, count: i32): void {
  const bits: i64 = 8 << size;
  pushWithoutCarries();
  get(L.TA64);
  const64(left ? bits - count : <i64>count - 1);
  op(W.I64_SHR_U);
  const64(1);
  op(W.I64_AND);
  op(W.I64_OR);
  get(L.TA64);
  get(L.TR64);
  op(W.I64_XOR);
  const64(bits - 1);
  op(W.I64_SHR_U);
  const64(1);
  op(W.I64_AND);
  const64(OF_SHIFT);
  op(W.I64_SHL);
  op(W.I64_OR);
  setFe();
  get(L.TR64);
  if (size != Size.QWORD) op(W.I32_WRAP);
  set(localResult(size));
}
