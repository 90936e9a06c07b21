// Basic arithmetic of the 80-bit format: add, subtract, multiply, divide, square root, compare, examine,
// round to integer, scale, extract (SDM Vol. 1 §8.3, the tables of Vol. 2 FADD, FSUB, FMUL, FDIV, FSQRT,
// FCOM, FUCOM, FXAM, FRNDINT, FSCALE, FXTRACT). Contract and exception rules: f80-state.ts.
import { TOP, RC, coreAdd, coreDiv, coreMul, coreSqrt, rndInexact, rndUp, roundSig, setX, xHi } from "./core";
import {
  f80NarrowDenormal, BIAS, EXP_MAX, Kind, SW, f80M2, f80SE, f80SE2, give, giveInf, giveInvalid, giveNaN1,
  giveNaN2, giveZero, kindOf, masked, normE, normM, precision, raise, roundPack, rounding, signOf,
} from "./f80-state";
import { addNormal, bothNormal, compareNormal, divNormal, isNormal, mulNormal, sqrtNormal } from "./f80-fast";

// DE if either operand is denormal; true if that stops the operation.
// @ts-ignore: decorator
@inline
function denormals(aK: Kind, bK: Kind): bool {
  if (aK != Kind.DENORMAL && bK != Kind.DENORMAL && !f80NarrowDenormal) return false;
  raise(SW.DE);
  return !masked(SW.DE);
}

/** a + b. */
export function f80Add(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  return bothNormal(aSE, aM, bSE, bM) ? addNormal(aSE, aM, bSE, bM) : addAny(aSE, aM, bSE, bM);
}

function addAny(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) return giveNaN2(aSE, aM, aK, bSE, bM, bK);
  const aS = signOf(aSE);
  const bS = signOf(bSE);
  if (aK == Kind.INF && bK == Kind.INF && aS != bS) return giveInvalid();
  if (denormals(aK, bK)) return give(aSE, aM);
  if (aK == Kind.INF) return give(aSE, aM);
  if (bK == Kind.INF) return give(bSE, bM);
  if (aK == Kind.ZERO && bK == Kind.ZERO) return giveZero(aS == bS ? aS : u32(rounding() == RC.DOWN));
  if (aK == Kind.ZERO) setX(bS, normE(bSE, bM), normM(bM), 0);
  else if (bK == Kind.ZERO) setX(aS, normE(aSE, aM), normM(aM), 0);
  else coreAdd(aS, normE(aSE, aM), normM(aM), bS, normE(bSE, bM), normM(bM));
  if (xHi == 0) return giveZero(u32(rounding() == RC.DOWN));
  return roundPack(precision());
}

/** a - b. */
export function f80Sub(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  if (bothNormal(aSE, aM, bSE, bM)) return addNormal(aSE, aM, bSE ^ 0x8000, bM);
  // A NaN keeps its sign: only numbers are turned round.
  return addAny(aSE, aM, kindOf(bSE, bM) >= Kind.UNSUPPORTED ? bSE : bSE ^ 0x8000, bM);
}

/** a * b. */
export function f80Mul(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  return bothNormal(aSE, aM, bSE, bM) ? mulNormal(aSE, aM, bSE, bM) : mulAny(aSE, aM, bSE, bM);
}

function mulAny(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) return giveNaN2(aSE, aM, aK, bSE, bM, bK);
  const s = signOf(aSE ^ bSE);
  if (aK == Kind.INF || bK == Kind.INF) {
    if (aK == Kind.ZERO || bK == Kind.ZERO) return giveInvalid();
    return denormals(aK, bK) ? give(aSE, aM) : giveInf(s);
  }
  if (denormals(aK, bK)) return give(aSE, aM);
  if (aK == Kind.ZERO || bK == Kind.ZERO) return giveZero(s);
  coreMul(s, normE(aSE, aM), normM(aM), normE(bSE, bM), normM(bM));
  return roundPack(precision());
}

/** a / b. */
export function f80Div(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  return bothNormal(aSE, aM, bSE, bM) ? divNormal(aSE, aM, bSE, bM) : divAny(aSE, aM, bSE, bM);
}

function divAny(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) return giveNaN2(aSE, aM, aK, bSE, bM, bK);
  const s = signOf(aSE ^ bSE);
  if (aK == bK && (aK == Kind.INF || aK == Kind.ZERO)) return giveInvalid();
  if (bK == Kind.ZERO && aK != Kind.INF) {
    // Silicon does not report a denormal dividend here.
    raise(SW.ZE);
    return giveInf(s);
  }
  if (denormals(aK, bK)) return give(aSE, aM);
  if (aK == Kind.INF) return giveInf(s);
  if (bK == Kind.INF || aK == Kind.ZERO) return giveZero(s);
  coreDiv(s, normE(aSE, aM), normM(aM), normE(bSE, bM), normM(bM));
  return roundPack(precision());
}

export function f80Sqrt(se: u32, m: u64): u64 {
  if (se >> 15 == 0 && isNormal(se, m)) return sqrtNormal(se, m);
  const k = kindOf(se, m);
  if (k >= Kind.UNSUPPORTED) return giveNaN1(se, m, k);
  if (k == Kind.ZERO) return give(se, m);
  if (signOf(se) != 0) return giveInvalid();
  if (k == Kind.INF) return give(se, m);
  if (denormals(k, k)) return give(se, m);
  coreSqrt(normE(se, m), normM(m));
  return roundPack(precision());
}

/** -1, 0, 1 for numbers that are not NaN. */
function order(aSE: u32, aM: u64, bSE: u32, bM: u64): i32 {
  if (aM == 0 && (aSE & EXP_MAX) == 0 && bM == 0 && (bSE & EXP_MAX) == 0) return 0;
  const aS = signOf(aSE);
  if (aS != signOf(bSE)) return aS != 0 ? -1 : 1;
  // A pseudo-denormal has the exponent of the smallest normal.
  const aE = max(aSE & EXP_MAX, u32(aM >> 63));
  const bE = max(bSE & EXP_MAX, u32(bM >> 63));
  if (aE == bE && aM == bM) return 0;
  const less = aE < bE || (aE == bE && aM < bM);
  return less == (aS == 0) ? -1 : 1;
}

/** FCOM (quiet false: IE on any NaN) and FUCOM (quiet true: IE on SNaN only): C3, C2, C0. */
export function f80Compare(aSE: u32, aM: u64, bSE: u32, bM: u64, quiet: bool): u32 {
  return bothNormal(aSE, aM, bSE, bM) ? compareNormal(aSE, aM, bSE, bM) : compareAny(aSE, aM, bSE, bM, quiet);
}

function compareAny(aSE: u32, aM: u64, bSE: u32, bM: u64, quiet: bool): u32 {
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) {
    const bad = aK == Kind.SNAN || bK == Kind.SNAN || aK == Kind.UNSUPPORTED || bK == Kind.UNSUPPORTED;
    if (!quiet || bad) raise(SW.IE);
    return SW.C3 | SW.C2 | SW.C0;
  }
  denormals(aK, bK);
  const o = order(aSE, aM, bSE, bM);
  return o == 0 ? SW.C3 : o < 0 ? SW.C0 : 0;
}

/** FXAM for a register that is not empty: C3, C2, C0 and C1 = sign. */
export function f80Examine(se: u32, m: u64): u32 {
  const sign: u32 = signOf(se) != 0 ? SW.C1 : 0;
  switch (kindOf(se, m)) {
    case Kind.ZERO:
      return sign | SW.C3;
    case Kind.NORMAL:
      return sign | SW.C2;
    case Kind.DENORMAL:
      return sign | SW.C3 | SW.C2;
    case Kind.INF:
      return sign | SW.C2 | SW.C0;
    case Kind.UNSUPPORTED:
      return sign;
    default:
      return sign | SW.C0;
  }
}

export function f80RoundInt(se: u32, m: u64): u64 {
  const k = kindOf(se, m);
  if (k >= Kind.UNSUPPORTED) return giveNaN1(se, m, k);
  if (k == Kind.ZERO || k == Kind.INF) return give(se, m);
  if (denormals(k, k)) return give(se, m);
  return roundToInt(se, m, rounding());
}

/** The integral value under rc, for a finite number that is not zero; raises PE and C1. */
export function roundToInt(se: u32, m: u64, rc: u32): u64 {
  const s = signOf(se);
  const e = normE(se, m);
  if (e >= 63) return give(se, m);
  if (e >= 0) {
    const r = roundSig(s, m, 0, <u32>e + 1, rc);
    if (rndInexact) raise(rndUp ? SW.PE | SW.C1 : SW.PE);
    f80SE = r == 0 ? se + 1 : se;
    return r == 0 ? TOP : r;
  }
  // Below one: the result is 0 or 1. A half is a tie, and goes to the even 0.
  let up = false;
  if (rc == RC.NEAREST) up = e == -1 && normM(m) > TOP;
  else if (rc == RC.DOWN) up = s != 0;
  else if (rc == RC.UP) up = s == 0;
  raise(up ? SW.PE | SW.C1 : SW.PE);
  if (!up) return giveZero(s);
  f80SE = (s << 15) | <u32>BIAS;
  return TOP;
}

/** FSCALE: a * 2^trunc(b). */
export function f80Scale(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) return giveNaN2(aSE, aM, aK, bSE, bM, bK);
  const s = signOf(aSE);
  if (bK == Kind.INF) {
    const down = signOf(bSE) != 0;
    if (aK == (down ? Kind.INF : Kind.ZERO)) return giveInvalid();
    if (denormals(aK, bK)) return give(aSE, aM);
    return down ? giveZero(s) : giveInf(s);
  }
  if (denormals(aK, bK)) return give(aSE, aM);
  if (aK == Kind.INF || aK == Kind.ZERO) return give(aSE, aM);
  let n: i32 = 0;
  if (bK == Kind.NORMAL) {
    const e = normE(bSE, bM);
    // 2^17 steps leave the range from anywhere in it.
    if (e > 16) n = 1 << 17;
    else if (e >= 0) n = <i32>(bM >> (63 - e));
    if (signOf(bSE) != 0) n = -n;
  }
  setX(s, normE(aSE, aM) + n, normM(aM), 0);
  return roundPack(64);
}

/**
 * FXTRACT: returns the significand (what is pushed) and leaves the exponent, as a number, in f80SE2, f80M2.
 */
export function f80Extract(se: u32, m: u64): u64 {
  const k = kindOf(se, m);
  if (k >= Kind.UNSUPPORTED) {
    const r = giveNaN1(se, m, k);
    f80SE2 = f80SE;
    f80M2 = r;
    return r;
  }
  if (k == Kind.INF) {
    f80SE2 = EXP_MAX;
    f80M2 = TOP;
    return give(se, m);
  }
  if (k == Kind.ZERO) {
    raise(SW.ZE);
    f80SE2 = 0x8000 | EXP_MAX;
    f80M2 = TOP;
    return give(se, m);
  }
  denormals(k, k);
  const e = normE(se, m);
  if (e == 0) {
    f80SE2 = 0;
    f80M2 = 0;
  } else {
    const a = <u64>abs(e);
    const n = <u32>clz(a);
    f80SE2 = (e < 0 ? 0x8000 : 0) | (<u32>BIAS + 63 - n);
    f80M2 = a << n;
  }
  return give((se & 0x8000) | <u32>BIAS, normM(m));
}
