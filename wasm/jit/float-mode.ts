// The float mode of a region (engine design section 5): when the host's arithmetic is the guest's. MXCSR must
// mask every exception, round to nearest, take denormals as they are, and PE must be set already (SDM vol. 1
// 10.2.3, 11.5); operands must not be denormal, results must be normal and away from both ends of the range,
// or an exact zero. Everything else goes to the interpreter's handler (float-exact.ts).
//
// One comparison tells the mode and a good result: |x| as an integer, less the smallest good one, must be
// below the local LIMIT, which is 0 outside of the mode. A handler's operands and result are not known to be
// good, so LIMIT is 0 from there to the end of the block; each block begins with MODE, the limit for the
// MXCSR in force.
//
// What is known of XMM registers inside a block: a copy of the low lane in a scalar local, so that chains of
// scalar instructions do not pass through the vector, and that lanes are not denormal.

import { Cpu } from "../cpu/state";
import { FAST_BITS, FAST_VALUE } from "../fpu/sse-state";
import { F, W, access, br, const32, const64, constF64, get, lane, op, set, simd, tee } from "./bytes";
import { close, depth, open } from "./exits";
import { L } from "./locals";
import { constVector, getXmm, setXmm, useVectors } from "./vectors";

/** Operations of tools/isa-gen/float-rows.ts. */
export const enum Flt {
  ADD = 1, MUL = 2, SUB = 3, DIV = 4, MIN = 5, MAX = 6, SQRT = 7, CMP = 8, ROUND = 9, COMI = 10,
  FROM_INT = 11, TO_INT = 12, TO_INT_TRUNC = 13, TO_DOUBLE = 14, TO_SINGLE = 15,
}
/** Type of lanes: bit 0 = double, bit 1 = packed. */
export const enum Lane { SS = 0, SD = 1, PS = 2, PD = 3 }

/** LIMIT in the mode, for |x| << 1 in its upper 32 bits: single exponents 2 to 253, double 2 to 2017. */
export const FAST_LIMIT: u32 = 0xFC000000;
/** One in the exponent of such a value. */
const UNIT_SINGLE: u32 = 1 << 24;
const UNIT_DOUBLE: u32 = 1 << 21;
/** Exponents of normal numbers from the lowest. */
const NORMALS_SINGLE: u32 = 0xFE * UNIT_SINGLE;
const NORMALS_DOUBLE: u32 = 0x7FE * UNIT_DOUBLE;
export const INFINITE: u64 = 0x7FF0000000000000;
/** Smallest normal numbers, smallest good results and infinity, in each lane. */
const SINGLES: u64 = 0x0000000100000001;
const NORMAL_SINGLES: u64 = SINGLES * 0x00800000;
const GOOD_SINGLES: u64 = SINGLES * 0x01000000;
const INFINITE_SINGLES: u64 = SINGLES * 0x7F800000;
const NORMAL_DOUBLES: u64 = 0x0010000000000000;
const GOOD_DOUBLES: u64 = 0x0020000000000000;

/** Distances from an operation on singles to its sister on doubles. */
const SCALAR_ARITHMETIC: u32 = W.F64_ABS - W.F32_ABS;
const SCALAR_COMPARE: u32 = W.F64_EQ - W.F32_EQ;
const VECTOR_ARITHMETIC: u32 = F.F64X2_ABS - F.F32X4_ABS;
const VECTOR_COMPARE: u32 = F.F64X2_EQ - F.F32X4_EQ;

export function isSingle(t: Lane): bool { return (t & 1) == 0; }
export function isPacked(t: Lane): bool { return (t & 2) != 0; }

/** A scalar operation on singles, or its sister. */
export function scalarOp(code: W, single: bool): void {
  const n = <u32>code;
  op((single ? n : n + (n < <u32>W.F32_ABS ? SCALAR_COMPARE : SCALAR_ARITHMETIC)) as W);
}
/** A vector operation on four singles, or its sister on two doubles. */
export function vectorOp(code: F, single: bool): void {
  const n = <u32>code;
  simd(single ? n : n + (n < <u32>F.F32X4_ABS ? VECTOR_COMPARE : VECTOR_ARITHMETIC));
}

// Known registers ----------------------------------------------------------------------------------------

/** The region has native floating-point code. */
let used: bool = false;

/** LIMIT has been set in this block. */
let limited: bool = false;
/**
 * Bit n for singles, 16 + n for doubles of XMM register n: its low lane has a copy in a scalar local; its low
 * lane is not denormal; no lane is.
 */
let copied: u32 = 0;
let plainLow: u32 = 0;
let plainAll: u32 = 0;

// @ts-ignore: decorator
@inline
function bitOf(n: u32, single: bool): u32 { return 1 << (single ? n : n + 16); }
// @ts-ignore: decorator
@inline
function copyOf(n: u32, single: bool): u32 { return (single ? <u32>L.XS : <u32>L.XD) + n; }

export function forgetFloats(): void {
  used = false;

}
/** Has the function the locals of this file? */
export function usesFloats(): bool { return used; }


/** At the start of a block, and where anything may have been written. */
export function forgetLanes(): void {
  limited = false;
  copied = 0;
  plainLow = 0;
  plainAll = 0;
}
/** XMM register n has been written. */
export function forgetLane(n: u32): void {
  const keep = ~(bitOf(n, true) | bitOf(n, false));
  copied &= keep;
  plainLow &= keep;
  plainAll &= keep;
}
/** XMM register `from` has been copied to `to`. */
export function copyLanes(to: u32, from: u32): void {
  forgetLane(to);
  for (let k = 0; k < 2; k++) {
    const single = k == 0;
    const b = bitOf(from, single);
    if (copied & b) {
      get(copyOf(from, single));
      set(copyOf(to, single));
      copied |= bitOf(to, single);
    }
    if (plainLow & b) plainLow |= bitOf(to, single);
    if (plainAll & b) plainAll |= bitOf(to, single);
  }
}

export function isPlainLow(n: u32, single: bool): bool {
  return ((plainLow | plainAll) & bitOf(n, single)) != 0;
}
export function isPlainAll(n: u32, single: bool): bool { return (plainAll & bitOf(n, single)) != 0; }
export function markPlainLow(n: u32, single: bool): void { plainLow |= bitOf(n, single); }
export function markPlainAll(n: u32, single: bool): void { plainAll |= bitOf(n, single); }

/** Push the low lane of XMM register n. */
export function pushLow(n: u32, single: bool): void {
  if (copied & bitOf(n, single)) {
    get(copyOf(n, single));
    return;
  }
  copied |= bitOf(n, single);
  getXmm(n);
  takeLow(n, single);
  get(copyOf(n, single));
}
/** Pop a vector whose low lane is that of register n. */
export function takeLow(n: u32, single: bool): void {
  used = true;
  simd(single ? F.EXTRACT_F32 : F.EXTRACT_F64);
  lane(0);
  set(copyOf(n, single));
}
/** The scalar in a local becomes the low lane of XMM register n. */
export function setLow(n: u32, single: bool, local: u32): void {
  getXmm(n);
  get(local);
  simd(single ? F.REPLACE_F32 : F.REPLACE_F64);
  lane(0);
  setXmm(n);
  get(local);
  set(copyOf(n, single));
}
/** What is known of register n behind setLow and takeLow. */
export function noteLow(n: u32, single: bool): void {
  const b = bitOf(n, single);
  const all = plainAll & b;
  forgetLane(n);
  copied |= b;
  plainLow |= b;
  plainAll |= all;
}

// The mode -----------------------------------------------------------------------------------------------

/** MODE from MXCSR. */
export function loadMode(): void {
  if (!used) return;
  get(L.C);
  access(W.I32_LOAD, 2, <u32>offsetof<Cpu>("mxcsr"));
  const32(FAST_BITS);
  op(W.I32_AND);
  const32(FAST_VALUE);
  op(W.I32_EQ);
  const32(FAST_LIMIT);
  op(W.I32_MUL);
  set(L.MODE);
}
/** Before an instruction that looks at LIMIT, or has a handler. */
export function beginFloat(): void {
  used = true;
  useVectors();
  if (limited) return;
  limited = true;
  get(L.MODE);
  set(L.LIMIT);
}

// Checks: each leaves for the block `exact` when the handler must do it -----------------------------------

let exact: u32 = 0;
/** Two blocks: behind the inner one stands the handler, behind the outer one what follows. */
export function openExact(): void {
  open(W.BLOCK);
  open(W.BLOCK);
  exact = depth;
}
function toExact(): void { br(W.BR_IF, depth - exact); }
/** The fast way is done. */
export function closeExact(): void {
  br(W.BR, 1);
  close();
}

/** Push |x| << 1, of a double the upper 32 bits. */
function pushMagnitude(local: u32, single: bool): void {
  get(local);
  if (single) op(W.I32_REINTERPRET);
  else {
    op(W.I64_REINTERPRET);
    const64(32);
    op(W.I64_SHR_U);
    op(W.I32_WRAP);
  }
  const32(1);
  op(W.I32_SHL);
}
function unit(single: bool): u32 { return single ? UNIT_SINGLE : UNIT_DOUBLE; }

/** Push: the scalar is not zero. */
function pushNotZero(local: u32, single: bool): void {
  get(local);
  get(single ? <u32>L.ZERO_S : <u32>L.ZERO_D);
  scalarOp(W.F32_NE, single);
}

/** Outside of the mode. */
export function checkMode(): void {
  get(L.LIMIT);
  op(W.I32_EQZ);
  toExact();
}

/** A denormal operand. Infinities and NaNs show in the result. */
export function checkOperand(local: u32, single: bool): void {
  pushMagnitude(local, single);
  const32(unit(single));
  op(W.I32_LT_U);
  open(W.IF);
  pushNotZero(local, single);
  toExact();
  close();
}

/** A denormal or a NaN. */
export function checkNumber(local: u32, single: bool): void {
  pushMagnitude(local, single);
  const32(unit(single));
  op(W.I32_SUB);
  const32(single ? NORMALS_SINGLE : NORMALS_DOUBLE);
  op(W.I32_GE_U);
  open(W.IF);
  pushNotZero(local, single);
  get(local);
  scalarOp(W.F32_ABS, single);
  if (single) op(W.F64_PROMOTE);
  constF64(INFINITE);
  op(W.F64_NE);
  op(W.I32_AND);
  toExact();
  close();
}

/** A NaN, or any operand outside of the mode. */
export function checkNaN(local: u32, single: bool): void {
  get(local);
  get(local);
  scalarOp(W.F32_NE, single);
  toExact();
  checkMode();
}

/** A NaN, or a magnitude of a double from 2^n on. */
export function checkBelow(local: u32, power: u64): void {
  get(local);
  op(W.F64_ABS);
  constF64(power);
  op(W.F64_LT);
  op(W.I32_EQZ);
  toExact();
}

/**
 * The result of an operation in `local`: good, or zero where that is exact. A zero product has a zero factor,
 * a zero quotient a zero dividend: a and b are their locals, 0 = not looked at.
 */
export function checkResult(local: u32, single: bool, a: u32, aSingle: bool, b: u32): void {
  pushMagnitude(local, single);
  const32(2 * unit(single));
  op(W.I32_SUB);
  get(L.LIMIT);
  op(W.I32_GE_U);
  open(W.IF);
  pushNotZero(local, single);
  if (a) {
    pushNotZero(a, aSingle);
    if (b) {
      pushNotZero(b, aSingle);
      op(W.I32_AND);
    }
    op(W.I32_OR);
  }
  get(L.LIMIT);
  op(W.I32_EQZ);
  op(W.I32_OR);
  toExact();
  close();
}

/** Push |lanes| >= the constant. */
function pushAtLeast(local: u32, single: bool, least: u64): void {
  get(local);
  vectorOp(F.F32X4_ABS, single);
  constVector(least, least);
  vectorOp(F.F32X4_GE, single);
}
function pushZeros(local: u32, single: bool): void {
  get(local);
  constVector(0, 0);
  vectorOp(F.F32X4_EQ, single);
}
/** Push: not all lanes of the mask are true. */
function pushNotAll(): void {
  simd(F.I32X4_ALL_TRUE);
  op(W.I32_EQZ);
}

/** A denormal lane or a NaN. */
export function checkVector(local: u32, single: bool): void {
  pushAtLeast(local, single, single ? NORMAL_SINGLES : NORMAL_DOUBLES);
  pushZeros(local, single);
  simd(F.OR);
  pushNotAll();
  toExact();
}

/** As checkResult. */
export function checkVectorResult(local: u32, single: bool, a: u32, b: u32): void {
  pushAtLeast(local, single, single ? GOOD_SINGLES : GOOD_DOUBLES);
  get(local);
  vectorOp(F.F32X4_ABS, single);
  constVector(single ? INFINITE_SINGLES : INFINITE, single ? INFINITE_SINGLES : INFINITE);
  vectorOp(F.F32X4_LT, single);
  simd(F.AND);
  tee(L.V3);
  pushNotAll();
  get(L.LIMIT);
  op(W.I32_EQZ);
  op(W.I32_OR);
  open(W.IF);
  pushZeros(local, single);
  if (a) {
    pushZeros(a, single);
    if (b) {
      pushZeros(b, single);
      simd(F.OR);
    }
    simd(F.AND);
  }
  get(L.V3);
  simd(F.OR);
  pushNotAll();
  get(L.LIMIT);
  op(W.I32_EQZ);
  op(W.I32_OR);
  toExact();
  close();
}
