// The common case of 80-bit arithmetic: operands that are normal numbers. Exact 128-bit results with few
// branches, rounded here when rounding is to nearest at 64 bits and the result is normal, by roundPack
// otherwise. What is not a normal number goes the general way (f80-arith.ts), whose results these equal to
// the bit, flags and C1 included. Truth: SDM Vol. 1 §4.8.4, §8.5. Contract with the caller: f80-state.ts.
import { RC, belowLast, coreDivide, coreRoot, mulHi, setX } from "./core";
import {
  BIAS, EXP_MAX, SW, f80CW, f80NarrowDenormal, precision, raise, rounding, roundPack, setSE,
} from "./f80-state";

/** Precision and rounding control (CW bits 11:8): 64 bits, to nearest. */
const CONTROL: u32 = 0xf00;
const NEAREST64: u32 = 0x300;
const SIGN: u32 = 0x8000;
const PE_SHIFT: u32 = 5;
const C1_SHIFT: u32 = 9;

/** Exponent neither 0 nor all ones. */
// @ts-ignore: decorator
@inline
function hasNormalExponent(se: u32): bool {
  return ((se + 1) & (EXP_MAX - 1)) != 0;
}

/** Both operands are, and neither was a denormal in memory: that would have to be reported. */
// @ts-ignore: decorator
@inline
export function bothNormal(aSE: u32, aM: u64, bSE: u32, bM: u64): bool {
  return hasNormalExponent(aSE) && hasNormalExponent(bSE) && <i64>(aM & bM) < 0 && !f80NarrowDenormal;
}

// @ts-ignore: decorator
@inline
export function isNormal(se: u32, m: u64): bool {
  return hasNormalExponent(se) && <i64>m < 0;
}

/** Does hi:lo round up to nearest even? */
// @ts-ignore: decorator
@inline
function roundsUp(hi: u64, lo: u64): u64 {
  return (lo >> 63) & u64(((lo << 1) | (hi & 1)) != 0);
}

// @ts-ignore: decorator
@inline
function raiseRounding(inexact: bool, up: u64): void {
  raise((u32(inexact) << PE_SHIFT) | (<u32>up << C1_SHIFT));
}

function finishSlow(sign: u32, e: i32, hi: u64, lo: u64): u64 {
  setX(sign >> 15, e - BIAS, hi, lo);
  return roundPack(precision());
}

/** Rounds and packs a result of biased exponent e; the sign is bit 15. */
// @ts-ignore: decorator
@inline
function finish(sign: u32, e: i32, hi: u64, lo: u64): u64 {
  if ((f80CW & CONTROL) != NEAREST64 || <u32>(e - 1) >= EXP_MAX - 2) return finishSlow(sign, e, hi, lo);
  const up = roundsUp(hi, lo);
  raiseRounding(lo != 0, up);
  const m = hi + up;
  const carry = m < up;
  setSE(sign | (<u32>e + u32(carry)));
  return m | (u64(carry) << 63);
}

/** What the alignment by d >= 64 leaves of m below the last place, sticky. */
function farBelow(m: u64, d: i32): u64 {
  if (d == 64) return m;
  return d < 128 ? (m >> (d - 64)) | u64(m << (128 - d) != 0) : 1;
}

// |a| - |b| for equal exponents.
function subtractLevel(aSE: u32, aM: u64, bM: u64): u64 {
  if (aM == bM) {
    setSE(rounding() == RC.DOWN ? SIGN : 0);
    return 0;
  }
  const less = aM < bM;
  const m = less ? bM - aM : aM - bM;
  const n = <u32>clz(m);
  const sign = (aSE & SIGN) ^ (u32(less) << 15);
  return finish(sign, <i32>(aSE & EXP_MAX) - <i32>n, m << n, 0);
}

// One of the differences that lose all of the upper half: a power of two less its neighbour.
function subtractLast(sign: u32, e: i32, lo: u64): u64 {
  const n = <u32>clz(lo);
  return finish(sign, e - 64 - <i32>n, lo << n, 0);
}

/** a + b. */
// @ts-ignore: decorator
@inline
export function addNormal(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  let d = <i32>(aSE & EXP_MAX) - <i32>(bSE & EXP_MAX);
  const swap = d >> 31;
  const m = (aM ^ bM) & <u64><i64>swap;
  aM ^= m;
  bM ^= m;
  const se = (aSE ^ bSE) & <u32>swap;
  aSE ^= se;
  bSE ^= se;
  d = (d ^ swap) - swap;
  let hi: u64 = 0;
  let lo: u64;
  if (d < 64) {
    hi = bM >> d;
    lo = (bM << 1) << (63 - d);
  } else lo = farBelow(bM, d);
  const sign = aSE & SIGN;
  const e = <i32>(aSE & EXP_MAX);
  if (((aSE ^ bSE) & SIGN) == 0) {
    const sum = aM + hi;
    const carry = u64(sum < aM);
    lo = (lo >> carry) | (lo & carry) | ((sum & carry) << 63);
    return finish(sign, e + <i32>carry, (sum >> carry) | (carry << 63), lo);
  }
  if (d == 0) return subtractLevel(aSE, aM, bM);
  hi = aM - hi - u64(lo != 0);
  lo = 0 - lo;
  if (hi == 0) return subtractLast(sign, e, lo);
  const n = <u32>clz(hi);
  return finish(sign, e - <i32>n, (hi << n) | ((lo >> 1) >> (63 - n)), lo << n);
}

/** a * b. */
// @ts-ignore: decorator
@inline
export function mulNormal(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const hi = mulHi(aM, bM);
  const lo = aM * bM;
  const low = (hi >> 63) ^ 1;
  const e = <i32>(aSE & EXP_MAX) + <i32>(bSE & EXP_MAX) - (BIAS - 1) - <i32>low;
  return finish((aSE ^ bSE) & SIGN, e, (hi << low) | ((lo >> 63) & low), lo << low);
}

/** a / b. */
// @ts-ignore: decorator
@inline
export function divNormal(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const high = u64(aM >= bM);
  const e = <i32>(aSE & EXP_MAX) - <i32>(bSE & EXP_MAX) + (BIAS - 1) + <i32>high;
  const q = coreDivide(aM >> high, (aM & high) << 63, bM);
  return finish((aSE ^ bSE) & SIGN, e, q, belowLast);
}

/** Square root of a positive number. */
// @ts-ignore: decorator
@inline
export function sqrtNormal(se: u32, m: u64): u64 {
  const even = <u64>(se & 1);
  const e = (<i32>(se & EXP_MAX) + BIAS) >> 1;
  const root = coreRoot(m >> even, (m & even) << 63);
  return finish(0, e, root, belowLast);
}

/** C3, C2, C0 of a comparison of a with b. */
// @ts-ignore: decorator
@inline
export function compareNormal(aSE: u32, aM: u64, bSE: u32, bM: u64): u32 {
  // Sign and magnitude as two's complement: the exponents decide, then the significands.
  const aS = <i32>(aSE << 16) >> 31;
  const aE = <i32>((aSE & EXP_MAX) ^ <u32>aS);
  const bE = <i32>((bSE & EXP_MAX) ^ <u32>(<i32>(bSE << 16) >> 31));
  if (aE != bE) return aE < bE ? SW.C0 : 0;
  if (aM == bM) return SW.C3;
  return (aM < bM) == (aS == 0) ? SW.C0 : 0;
}

/**
 * Bits of the double or single (T = u64, u32) nearest to a number; narrowDone: that is normal.
 */
export let narrowDone: bool = false;
// @ts-ignore: decorator
@inline
export function narrowNormal<T>(se: u32, m: u64): T {
  const fracBits: u32 = sizeof<T>() == 4 ? 23 : 52;
  const expMax: u32 = sizeof<T>() == 4 ? 0xff : 0x7ff;
  const bias: u32 = sizeof<T>() == 4 ? 127 : 1023;
  const e = (se & EXP_MAX) - (<u32>BIAS - bias);
  // The largest exponent may round up to infinity.
  narrowDone = e - 1 < expMax - 2 && rounding() == RC.NEAREST;
  if (!narrowDone) return 0;
  const kept = m >> (63 - fracBits);
  const lost = m << (fracBits + 1);
  const up = roundsUp(kept, lost);
  raiseRounding(lost != 0, up);
  // The leading bit of the significand adds 1 to the exponent.
  const sign = <u64>(se >> 15) << (sizeof<T>() * 8 - 1);
  return <T>(sign + (<u64>(e - 1) << fracBits) + kept + up);
}

/** A number of magnitude below 2^62 as an integer; rounded to nearest, or truncated. */
// @ts-ignore: decorator
@inline
export function integerNormal(se: u32, m: u64, truncate: bool): i64 {
  const e = (se & EXP_MAX) - <u32>BIAS;
  const sign = <i64><i32>(se << 16) >> 31;
  let kept: u64 = 0;
  let lost = m;
  if (<i32>e >= 0) {
    kept = m >> (63 - e);
    lost = (m << 1) << e;
  } else lost = e == -1 ? m : 1;
  const up = truncate ? 0 : roundsUp(kept, lost);
  raiseRounding(lost != 0, up);
  return (<i64>(kept + up) ^ sign) - sign;
}

/** Can integerNormal do it, and does it fit `bits` bits whatever the rounding? */
// @ts-ignore: decorator
@inline
export function fitsInteger(se: u32, bits: u32): bool {
  const e = (se & EXP_MAX) - <u32>BIAS;
  return <i32>e < <i32>bits - 2;
}
