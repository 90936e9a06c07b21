// F2XM1, FYL2X, FYL2XP1 (SDM Vol. 1 §8.3.9, §8.3.10, the tables of Vol. 2): 128-bit series, one rounding.
// Contract: f80-state.ts.
import { TOP, coreMul, normalise, setX, xE, xHi, xLo, xS } from "./core";
import {
  BIAS, Kind, SW, f80SE, give, giveInf, giveInvalid, giveNaN1, giveNaN2, giveZero, kindOf, masked, normE,
  normM, raise, roundPack, signOf,
} from "./f80-state";
import {
  EXPM1, EXPM1_TERMS, LN2_E, LN2_HI, LN2_LO, ODD, ODD_TERMS, TWO_LOG2E_E, TWO_LOG2E_HI, TWO_LOG2E_LO,
} from "./f80-tables";
import { fixedLo, series, toFraction, wideAdd, wideDiv, wideMul } from "./f80-wide";

/** F2XM1: 2^x - 1 for |x| <= 1; silicon leaves a number outside alone. */
export function f80Exp2M1(se: u32, m: u64): u64 {
  const k = kindOf(se, m);
  if (k >= Kind.UNSUPPORTED) return giveNaN1(se, m, k);
  const s = signOf(se);
  if (k == Kind.ZERO) return give(se, m);
  if (k == Kind.INF) return s != 0 ? give(0x8000 | <u32>BIAS, TOP) : give(se, m);
  const e = normE(se, m);
  if (k == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return give(se, m);
  }
  if (e >= 0) {
    raise(SW.PE);
    if (e == 0 && m == TOP && s != 0) return give(0x8000 | <u32>(BIAS - 1), TOP);
    return give(se, m);
  }
  wideMul(e, normM(m), 0, LN2_E, LN2_HI, LN2_LO);
  const tE = xE;
  const tH = xHi;
  const tL = xLo;
  const z = toFraction(tE, tH, tL);
  const p = series(EXPM1, EXPM1_TERMS, z, fixedLo, s != 0);
  setX(s, 0, p, fixedLo);
  normalise();
  wideMul(tE, tH, tL, xE, xHi, xLo);
  xLo |= 1;
  return roundPack(64);
}

/**
 * Square root of one half as a significand: above it a number is taken as the lower half of the next octave.
 */
const SQRT2_M: u64 = 0xb504f333f9de6484;

// log2 of a positive number of 128 bits, not 1, into x*.
function log2Wide(e: i32, hi: u64, lo: u64): void {
  const upper = hi > SQRT2_M;
  const k = upper ? e + 1 : e;
  const mE = upper ? -1 : 0;
  // With m in [sqrt(1/2), sqrt(2)]: log2(m) = 2/ln2 * artanh((m - 1) / (m + 1)).
  wideAdd(0, mE, hi, lo, 0, 0, TOP, 0);
  const denE = xE;
  const denH = xHi;
  const denL = xLo;
  wideAdd(0, mE, hi, lo, 1, 0, TOP, 0);
  if (xHi == 0) setX(0, 0, 0, 0);
  else log2Ratio(xS, xE, xHi, xLo, denE, denH, denL);
  if (k == 0) return;
  const a = <u64>abs(k);
  const n = <i32>clz(a);
  if (xHi == 0) setX(u32(k < 0), 63 - n, a << n, 0);
  else wideAdd(u32(k < 0), 63 - n, a << n, 0, xS, xE, xHi, xLo);
}

// 2/ln2 * artanh(num / den) into x*.
function log2Ratio(s: u32, numE: i32, numH: u64, numL: u64, denE: i32, denH: u64, denL: u64): void {
  wideDiv(numE, numH, numL, denE, denH, denL);
  const tE = xE;
  const tH = xHi;
  const tL = xLo;
  wideMul(tE, tH, tL, tE, tH, tL);
  const z = toFraction(xE, xHi, xLo);
  const p = series(ODD, ODD_TERMS, z, fixedLo, false);
  setX(s, 0, p, fixedLo);
  normalise();
  wideMul(tE, tH, tL, xE, xHi, xLo);
  wideMul(xE, xHi, xLo, TWO_LOG2E_E, TWO_LOG2E_HI, TWO_LOG2E_LO);
}

// x* (a logarithm) times y, rounded.
function timesY(ySE: u32, yM: u64): u64 {
  xS ^= signOf(ySE);
  wideMul(xE, xHi, xLo, normE(ySE, yM), normM(yM), 0);
  xLo |= 1;
  return roundPack(64);
}

/** FYL2X: y * log2(x); x = ST(0), y = ST(1). */
export function f80YLog2(ySE: u32, yM: u64, xSE: u32, xM: u64): u64 {
  const yK = kindOf(ySE, yM);
  const xK = kindOf(xSE, xM);
  if (yK >= Kind.UNSUPPORTED || xK >= Kind.UNSUPPORTED) return giveNaN2(ySE, yM, yK, xSE, xM, xK);
  if (signOf(xSE) != 0 && xK != Kind.ZERO) return giveInvalid();
  const yS = signOf(ySE);
  const one = xK == Kind.NORMAL && (xSE & 0x7fff) == <u32>BIAS && xM == TOP;
  if (yK == Kind.ZERO && (xK == Kind.ZERO || xK == Kind.INF)) return giveInvalid();
  if (yK == Kind.INF && one) return giveInvalid();
  if (xK == Kind.ZERO) {
    if (yK != Kind.INF) raise(SW.ZE);
    return giveInf(yS ^ 1);
  }
  if (yK == Kind.DENORMAL || xK == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return give(ySE, yM);
  }
  if (xK == Kind.INF) return giveInf(yS);
  if (one) return giveZero(yS);
  const e = normE(xSE, xM);
  const m = normM(xM);
  if (yK == Kind.INF) return giveInf(yS ^ u32(e < 0));
  if (yK == Kind.ZERO) return giveZero(yS ^ u32(e < 0));
  if (m == TOP) {
    const a = <u64>abs(e);
    const n = <i32>clz(a);
    coreMul(yS ^ u32(e < 0), 63 - n, a << n, normE(ySE, yM), normM(yM));
    // Silicon takes even this for inexact.
    const r = roundPack(64);
    raise((f80SE & 0x7fff) == 0 ? SW.UE | SW.PE : SW.PE);
    return r;
  }
  log2Wide(e, m, 0);
  return timesY(ySE, yM);
}

/** FYL2XP1: y * log2(x + 1); x = ST(0), y = ST(1). */
export function f80YLog2P1(ySE: u32, yM: u64, xSE: u32, xM: u64): u64 {
  const yK = kindOf(ySE, yM);
  const xK = kindOf(xSE, xM);
  if (yK >= Kind.UNSUPPORTED || xK >= Kind.UNSUPPORTED) return giveNaN2(ySE, yM, yK, xSE, xM, xK);
  const xS_ = signOf(xSE);
  const yS = signOf(ySE);
  if (xK == Kind.ZERO && yK == Kind.INF) return giveInvalid();
  if (xK == Kind.INF && (xS_ != 0 || yK == Kind.ZERO)) return giveInvalid();
  if (yK == Kind.DENORMAL || xK == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return give(ySE, yM);
  }
  if (xK == Kind.INF) return giveInf(yS);
  if (xK == Kind.ZERO || yK == Kind.ZERO) return giveZero(yS ^ xS_);
  const e = normE(xSE, xM);
  const m = normM(xM);
  if (yK == Kind.INF) return giveInf(yS ^ xS_);
  if (xS_ != 0 && e >= 0) {
    // No such logarithm; silicon gives x back.
    raise(SW.PE);
    return give(xSE, xM);
  }
  if (e < -2) {
    // log2(1 + x) = 2/ln2 * artanh(x / (2 + x)).
    wideAdd(0, 1, TOP, 0, xS_, e, m, 0);
    log2Ratio(xS_, e, m, 0, xE, xHi, xLo);
  } else {
    wideAdd(0, 0, TOP, 0, xS_, e, m, 0);
    log2Wide(xE, xHi, xLo);
  }
  return timesY(ySE, yM);
}
