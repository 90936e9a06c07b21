// FSIN, FCOS, FSINCOS, FPTAN, FPATAN (SDM Vol. 1 §8.3.8-8.3.10, the tables of Vol. 2). Arguments are reduced
// by the 66-bit pi that the processors keep, exactly; then 128-bit series, one rounding. Contract:
// f80-state.ts.
import { TOP, normalise, setX, xE, xHi, xLo, xS } from "./core";
import {
  BIAS, Kind, SW, f80M2, f80SE, f80SE2, give, giveInvalid, giveNaN1, giveNaN2, giveZero, kindOf, masked,
  normE, normM, raise, roundPack, signOf,
} from "./f80-state";
import { ATAN_16THS, COS, COS_TERMS, ODD, PI_E, PI_HI, PI_LO, SIN, SIN_TERMS } from "./f80-tables";
import { fixedLo, series, toFraction, wideAdd, wideDiv, wideMul } from "./f80-wide";

// The processors' pi, 66 bits: PI66_HI:PI66_LO * 2^-64. In the reduction the unit is 2^-65, so that the same
// integer is half of it.
const PI66_HI: u64 = 3;
const PI66_LO: u64 = 0x243f6a8885a308d3;
const REDUCED_UNIT: i32 = -65;
/** Arguments from 2^63 are out of range: C2, nothing changed. */
const MAX_EXP: i32 = 63;
/** Above an eighth every reduction is done; below no quarter can be reached. */
const REDUCE_FROM: i32 = -1;

/** Below 2^TAN_IS_X the series sees 1 for both sine / x and cosine. */
const TAN_IS_X: i32 = -62;

/** C2 after FSIN, FCOS, FSINCOS, FPTAN: 0, or SW.C2 for an argument out of range. */
export let f80TrigCC: u32 = 0;

// Reduced argument: sign, exponent, 128 bits (hi 0 = exact zero), and the quadrant.
let rS: u32 = 0;
let rE: i32 = 0;
let rHi: u64 = 0;
let rLo: u64 = 0;
let quadrant: u32 = 0;

// x = k * (pi66 / 2) + r with |r| <= pi66 / 4.
function reduce(s: u32, e: i32, m: u64): void {
  rS = s;
  rE = e;
  rHi = m;
  rLo = 0;
  quadrant = 0;
  if (e < REDUCE_FROM) return;
  let h: u64 = 0;
  let l = m;
  let k: u32 = 0;
  for (let n = e - 63 - REDUCED_UNIT; n > 0; n--) {
    h = (h << 1) | (l >> 63);
    l <<= 1;
    k <<= 1;
    if (h > PI66_HI || (h == PI66_HI && l >= PI66_LO)) {
      h = h - PI66_HI - u64(l < PI66_LO);
      l -= PI66_LO;
      k |= 1;
    }
  }
  // Nearer to the next multiple: come from above.
  const dH = PI66_HI - h - u64(PI66_LO < l);
  const dL = PI66_LO - l;
  if (h > dH || (h == dH && l > dL)) {
    h = dH;
    l = dL;
    rS ^= 1;
    k++;
  }
  // A negative x mirrors the whole: quadrants count downwards.
  quadrant = s != 0 ? (0 - k) & 3 : k & 3;
  setX(rS, 127 + REDUCED_UNIT, h, l);
  normalise();
  rE = xE;
  rHi = xHi;
  rLo = xLo;
}

// Sine of the reduced argument into x*.
function sinReduced(): void {
  if (rHi == 0) return setX(rS, 0, 0, 0);
  square();
  const p = series(SIN, SIN_TERMS, toFraction(xE, xHi, xLo), fixedLo, true);
  finishOdd(rS, rE, rHi, rLo, p, fixedLo);
}

// Cosine of the reduced argument into x*.
function cosReduced(): void {
  if (rHi == 0) return setX(0, 0, TOP, 0);
  square();
  const z = toFraction(xE, xHi, xLo);
  const p = series(COS, COS_TERMS, z, fixedLo, true);
  setX(0, 0, p, fixedLo);
  normalise();
}

// @ts-ignore: decorator
@inline
function square(): void {
  wideMul(rE, rHi, rLo, rE, rHi, rLo);
}

// t * p for a series value p scaled by 2^127.
function finishOdd(s: u32, e: i32, hi: u64, lo: u64, pH: u64, pL: u64): void {
  setX(s, 0, pH, pL);
  normalise();
  wideMul(e, hi, lo, xE, xHi, xLo);
}

/** Sine (which 0) or cosine (which 1) of the number that reduce() left, rounded. */
function sinCos(which: u32): u64 {
  const q = (quadrant + which) & 3;
  if ((q & 1) != 0) cosReduced();
  else sinReduced();
  if (xHi == 0) return giveZero(xS);
  xS ^= q >> 1;
  // Transcendental: exact only for what the callers sorted out.
  xLo |= 1;
  return roundPack(64);
}

// What all four have in common; true if the result is ready in trivialM (and f80SE).
let trivialM: u64 = 0;
function trivial(se: u32, m: u64): bool {
  f80TrigCC = 0;
  trivialM = m;
  f80SE = se;
  const k = kindOf(se, m);
  if (k >= Kind.UNSUPPORTED) {
    trivialM = giveNaN1(se, m, k);
    return true;
  }
  if (k == Kind.INF) {
    trivialM = giveInvalid();
    return true;
  }
  if (k == Kind.ZERO) return true;
  const e = normE(se, m);
  if (e >= MAX_EXP) {
    f80TrigCC = SW.C2;
    return true;
  }
  if (k == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return true;
  }
  reduce(signOf(se), e, normM(m));
  return false;
}

export function f80Sin(se: u32, m: u64): u64 {
  return trivial(se, m) ? trivialM : sinCos(0);
}

export function f80Cos(se: u32, m: u64): u64 {
  if (!trivial(se, m)) return sinCos(1);
  return kindOf(se, m) == Kind.ZERO ? give(<u32>BIAS, TOP) : trivialM;
}

/** FSINCOS: returns the cosine (what is pushed) and leaves the sine in f80SE2, f80M2. */
export function f80SinCos(se: u32, m: u64): u64 {
  if (trivial(se, m)) {
    f80SE2 = f80SE;
    f80M2 = trivialM;
    return kindOf(se, m) == Kind.ZERO ? give(<u32>BIAS, TOP) : trivialM;
  }
  f80M2 = sinCos(0);
  f80SE2 = f80SE;
  return sinCos(1);
}

/** FPTAN: returns the tangent; the handler pushes 1.0 (a NaN result is pushed twice). */
export function f80Tan(se: u32, m: u64): u64 {
  if (trivial(se, m)) return trivialM;
  if (rHi == 0) return giveZero(rS);
  if (rE < TAN_IS_X && (quadrant & 1) == 0) {
    // Just above x.
    setX(rS, rE, rHi, rLo | 1);
    return roundPack(64);
  }
  sinReduced();
  const e = xE;
  const hi = xHi;
  const lo = xLo;
  const s = xS;
  cosReduced();
  if ((quadrant & 1) != 0) {
    wideDiv(xE, xHi, xLo, e, hi, lo);
    xS = s ^ 1;
  } else {
    wideDiv(e, hi, lo, xE, xHi, xLo);
    xS = s;
  }
  xLo |= 1;
  return roundPack(64);
}

// Angle of a special pair: quarters of pi, 0 (none) to 4.
function quarters(s: u32, n: i32): u64 {
  if (n == 0) return giveZero(s);
  if (n == 3) {
    wideAdd(0, PI_E, PI_HI, PI_LO, 1, PI_E - 2, PI_HI, PI_LO);
    xS = s;
  } else setX(s, PI_E - (n == 1 ? 2 : n == 2 ? 1 : 0), PI_HI, PI_LO);
  xLo |= 1;
  return roundPack(64);
}

/** FPATAN: the angle of the point (x, y); x = ST(0), y = ST(1). */
export function f80Atan(ySE: u32, yM: u64, xSE: u32, xM: u64): u64 {
  const yK = kindOf(ySE, yM);
  const xK = kindOf(xSE, xM);
  if (yK >= Kind.UNSUPPORTED || xK >= Kind.UNSUPPORTED) return giveNaN2(ySE, yM, yK, xSE, xM, xK);
  const s = signOf(ySE);
  const left = signOf(xSE) != 0;
  if (yK == Kind.DENORMAL || xK == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return give(ySE, yM);
  }
  if (yK == Kind.INF) return quarters(s, xK == Kind.INF ? (left ? 3 : 1) : 2);
  if (xK == Kind.INF || yK == Kind.ZERO) return quarters(s, left ? 4 : 0);
  if (xK == Kind.ZERO) return quarters(s, 2);
  atanPositive(normE(ySE, yM), normM(yM), normE(xSE, xM), normM(xM));
  if (left) wideAdd(0, PI_E, PI_HI, PI_LO, 1, xE, xHi, xLo);
  xS = s;
  xLo |= 1;
  return roundPack(64);
}

// atan(y / x) of positive numbers into x*: the smaller over the larger, then the complement.
function atanPositive(yE: i32, yM: u64, xE_: i32, xM: u64): void {
  const steep = yE > xE_ || (yE == xE_ && yM > xM);
  if (!steep) return atanFlat(yE, yM, xE_, xM);
  atanFlat(xE_, xM, yE, yM);
  wideAdd(0, PI_E - 1, PI_HI, PI_LO, 1, xE, xHi, xLo);
}

// atan(a / b), a <= b: with c = k/16 near a/b, atan(c) + atan((a - c b) / (b + c a)).
function atanFlat(aE: i32, aM: u64, bE: i32, bM: u64): void {
  const d = bE - aE;
  let k: u32 = 0;
  if (d < 6) k = <u32>(<f64>(aM >> 11) / <f64>(bM >> 11) * <f64>(0x200 >> d) / 32.0 + 0.5);
  if (k == 0) {
    wideDiv(aE, aM, 0, bE, bM, 0);
    return atanSeries(0, xE, xHi, xLo);
  }
  wideMul(5, <u64>k << 58, 0, aE, aM, 0);
  wideAdd(0, bE + 4, bM, 0, 0, xE, xHi, xLo);
  const denE = xE;
  const denH = xHi;
  const denL = xLo;
  wideMul(5, <u64>k << 58, 0, bE, bM, 0);
  wideAdd(0, aE + 4, aM, 0, 1, xE, xHi, xLo);
  const s = xS;
  const p = ATAN_16THS + (<usize>k << 4);
  if (xHi == 0) {
    setX(0, 0, load<u64>(p), load<u64>(p, 8));
    return normalise();
  }
  wideDiv(xE, xHi, xLo, denE, denH, denL);
  atanSeries(s, xE, xHi, xLo);
  const e = xE;
  const hi = xHi;
  const lo = xLo;
  setX(0, 0, load<u64>(p), load<u64>(p, 8));
  normalise();
  wideAdd(0, xE, xHi, xLo, s, e, hi, lo);
}

/** Terms of the arc tangent's series that a fraction of at most 1/31 needs for 2^-124. */
const ATAN_TERMS: i32 = 14;

function atanSeries(s: u32, e: i32, hi: u64, lo: u64): void {
  wideMul(e, hi, lo, e, hi, lo);
  const z = toFraction(xE, xHi, xLo);
  const p = series(ODD, ATAN_TERMS, z, fixedLo, true);
  finishOdd(s, e, hi, lo, p, fixedLo);
}
