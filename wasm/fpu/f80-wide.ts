// 128-bit arithmetic under the transcendental functions: numbers of 128 significant bits (value =
// (-1)^s * hi:lo * 2^(e-127), bit 127 set) and fixed-point series. Results go where the exact operations of
// core.ts put theirs (xS, xE, xHi, xLo), so roundPack takes them. Errors are a few units of 2^-127, relative.
import { mulHi, normalise, setX, xHi, xS } from "./core";

/** Low half of the last mul128. */
export let mul128Lo: u64 = 0;

/** Upper 128 bits of the product of two 128-bit numbers (up to 3 units too small); low half in mul128Lo. */
export function mul128(aH: u64, aL: u64, bH: u64, bL: u64): u64 {
  let h = mulHi(aH, bH);
  let l = aH * bH;
  const c1 = mulHi(aH, bL);
  const c2 = mulHi(aL, bH);
  l += c1;
  if (l < c1) h++;
  l += c2;
  if (l < c2) h++;
  mul128Lo = l;
  return h;
}

/** a * b; leaves xS alone. */
export function wideMul(aE: i32, aH: u64, aL: u64, bE: i32, bH: u64, bL: u64): void {
  const h = mul128(aH, aL, bH, bL);
  setX(xS, aE + bE + 1, h, mul128Lo);
  normalise();
}

/** a / b by long division; leaves xS alone. */
export function wideDiv(aE: i32, aH: u64, aL: u64, bE: i32, bH: u64, bL: u64): void {
  let qH: u64 = 0;
  let qL: u64 = 0;
  for (let i = 0; i < 128; i++) {
    qH = (qH << 1) | (qL >> 63);
    qL <<= 1;
    const carry = i > 0 && aH >> 63 != 0;
    if (i > 0) {
      aH = (aH << 1) | (aL >> 63);
      aL <<= 1;
    }
    if (carry || aH > bH || (aH == bH && aL >= bL)) {
      aH = aH - bH - u64(aL < bL);
      aL -= bL;
      qL |= 1;
    }
  }
  setX(xS, aE - bE, qH, qL);
  normalise();
}

/** a + b with signs; an exact zero leaves xHi = 0. */
export function wideAdd(aS: u32, aE: i32, aH: u64, aL: u64, bS: u32, bE: i32, bH: u64, bL: u64): void {
  const less = aE < bE || (aE == bE && (aH < bH || (aH == bH && aL < bL)));
  if (less) return addOrdered(bS, bE, bH, bL, aS, aE, aH, aL);
  addOrdered(aS, aE, aH, aL, bS, bE, bH, bL);
}

// |a| >= |b|. What the alignment shifts out of b is dropped.
function addOrdered(aS: u32, aE: i32, aH: u64, aL: u64, bS: u32, bE: i32, bH: u64, bL: u64): void {
  const d = aE - bE;
  const l = shiftLo(bH, bL, d);
  const h = d < 64 ? bH >> d : 0;
  if (aS != bS) {
    setX(aS, aE, aH - h - u64(aL < l), aL - l);
    return normalise();
  }
  const sumL = aL + l;
  const half = aH + h;
  const sumH = half + u64(sumL < l);
  const carry = half < aH || sumH < half;
  if (carry) setX(aS, aE + 1, (sumH >> 1) | 0x8000000000000000, (sumH << 63) | (sumL >> 1));
  else setX(aS, aE, sumH, sumL);
}

/** Low half of hi:lo >> d. */
function shiftLo(hi: u64, lo: u64, d: i32): u64 {
  if (d == 0) return lo;
  if (d < 64) return (hi << (64 - d)) | (lo >> d);
  return d < 128 ? hi >> (d - 64) : 0;
}

/** Low half of the last toFraction and series. */
export let fixedLo: u64 = 0;

/** A number below 1 as a 128-bit fraction; low half in fixedLo. */
export function toFraction(e: i32, hi: u64, lo: u64): u64 {
  const d = -1 - e;
  fixedLo = shiftLo(hi, lo, d);
  return d < 64 ? hi >> d : 0;
}

/**
 * Sum of c[k] * z^k (or with alternating signs) for a fraction z; the n coefficients at `table` are pairs
 * (high, low) scaled by 2^127, falling, c[0] = 1. Low half in fixedLo, same scale.
 */
export function series(table: usize, n: i32, zH: u64, zL: u64, alternate: bool): u64 {
  let p = table + (<usize>(n - 1) << 4);
  let h = load<u64>(p);
  let l = load<u64>(p, 8);
  while (p > table) {
    p -= 16;
    const qH = mul128(h, l, zH, zL);
    const qL = mul128Lo;
    const cH = load<u64>(p);
    const cL = load<u64>(p, 8);
    if (alternate) {
      h = cH - qH - u64(cL < qL);
      l = cL - qL;
    } else {
      l = cL + qL;
      h = cH + qH + u64(l < cL);
    }
  }
  // A truncated alternating series lies above, and 1 for a vanishing z is above too: directed rounding must
  // see it.
  if (alternate && h == 0x8000000000000000 && l == 0) {
    h--;
    l--;
  }
  fixedLo = l;
  return h;
}
