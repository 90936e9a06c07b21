// The arithmetic under both floating-point units: exact results on unpacked finite numbers, and the one
// place where a significand is rounded. Knows nothing of encodings, flags or NaNs: f80-*.ts and sse-*.ts
// unpack, call here, round and pack. An unpacked number is a sign (0 or 1), an unbiased exponent and a
// 64-bit significand with bit 63 set: (-1)^s * m * 2^(e-63). An unrounded result is left in xS, xE and
// xHi:xLo (128 bits, bit 127 set, its lowest bit sticky; xHi = 0 means an exact zero).
// Truth: IEEE 754-2008 §5, SDM Vol. 1 §4.8.4 (rounding). All state is per instance, thus per virtual CPU.

/** Rounding control as in x87 CW bits 11:10 and MXCSR bits 14:13. */
export const enum RC {
  NEAREST = 0,
  DOWN = 1,
  UP = 2,
  ZERO = 3,
}

/** Kinds of value; the order matters: everything from UNSUPPORTED up needs the NaN rules. */
export const enum Kind {
  ZERO,
  NORMAL,
  DENORMAL,
  INF,
  UNSUPPORTED,
  SNAN,
  QNAN,
}

export const TOP: u64 = 0x8000000000000000;

/** Unrounded result of the last exact operation. */
export let xS: u32 = 0;
export let xE: i32 = 0;
export let xHi: u64 = 0;
export let xLo: u64 = 0;

/** What the last roundSig did: it changed the value; it increased the magnitude. */
export let rndInexact: bool = false;
export let rndUp: bool = false;

/** Second result of the helpers below: remainder of div128, low half of a 128-bit square root's rest. */
export let div128Rest: u64 = 0;

/** High half of the 128-bit product. */
// @ts-ignore: decorator
@inline
export function mulHi(a: u64, b: u64): u64 {
  const aL: u64 = a & 0xffffffff;
  const aH: u64 = a >> 32;
  const bL: u64 = b & 0xffffffff;
  const bH: u64 = b >> 32;
  const ll = aL * bL;
  const hl = aH * bL + (ll >> 32);
  const lh = aL * bH + (hl & 0xffffffff);
  return aH * bH + (hl >> 32) + (lh >> 32);
}

// One 32-bit digit of the quotient of (hi:next32) / d, d normalised, hi < d (Knuth 4.3.1 D).
// @ts-ignore: decorator
@inline
function quotientDigit(hi: u64, next: u64, d: u64): u64 {
  const dH = d >> 32;
  const dL = d & 0xffffffff;
  let q = hi / dH;
  let r = hi - q * dH;
  while (q >> 32 != 0 || q * dL > ((r << 32) | next)) {
    q--;
    r += dH;
    if (r >> 32 != 0) break;
  }
  return q;
}

/** (hi:lo) / d for d with bit 63 set and hi < d; the remainder is left in div128Rest. */
export function div128(hi: u64, lo: u64, d: u64): u64 {
  const q1 = quotientDigit(hi, lo >> 32, d);
  const mid = ((hi << 32) | (lo >> 32)) - q1 * d;
  const q0 = quotientDigit(mid, lo & 0xffffffff, d);
  div128Rest = ((mid << 32) | (lo & 0xffffffff)) - q0 * d;
  return (q1 << 32) | q0;
}

// Right shift of (m:0) by d, sticky; the halves of the result.
// @ts-ignore: decorator
@inline
function alignHi(m: u64, d: i32): u64 {
  return d < 64 ? m >> d : 0;
}

function alignLo(m: u64, d: i32): u64 {
  if (d == 0) return 0;
  if (d < 64) return m << (64 - d);
  if (d == 64) return m;
  if (d < 128) return (m >> (d - 64)) | u64(m << (128 - d) != 0);
  return 1;
}

/** a + b; give b's sign flipped for a subtraction. Both finite and not zero. */
export function coreAdd(aS: u32, aE: i32, aM: u64, bS: u32, bE: i32, bM: u64): void {
  if (aE < bE || (aE == bE && aM < bM)) {
    const s = aS;
    const e = aE;
    const m = aM;
    aS = bS;
    aE = bE;
    aM = bM;
    bS = s;
    bE = e;
    bM = m;
  }
  const d = aE - bE;
  const bHi = alignHi(bM, d);
  const bLo = alignLo(bM, d);
  xS = aS;
  if (aS == bS) {
    const sum = aM + bHi;
    if (sum < aM) {
      xHi = TOP | (sum >> 1);
      xLo = (sum << 63) | (bLo >> 1) | (bLo & 1);
      xE = aE + 1;
    } else {
      xHi = sum;
      xLo = bLo;
      xE = aE;
    }
    return;
  }
  xE = aE;
  xHi = aM - bHi - u64(bLo != 0);
  xLo = 0 - bLo;
  normalise();
}

/** Brings bit 127 of xHi:xLo up; leaves an exact zero alone. */
export function normalise(): void {
  if (xHi == 0) {
    xHi = xLo;
    xLo = 0;
    xE -= 64;
    if (xHi == 0) return;
  }
  const n = <i32>clz(xHi);
  if (n == 0) return;
  xHi = (xHi << n) | (xLo >> (64 - n));
  xLo <<= n;
  xE -= n;
}

/** a * b, both finite and not zero. */
export function coreMul(s: u32, aE: i32, aM: u64, bE: i32, bM: u64): void {
  const hi = mulHi(aM, bM);
  const lo = aM * bM;
  const carry = hi >> 63 != 0;
  xS = s;
  xE = aE + bE + i32(carry);
  xHi = carry ? hi : (hi << 1) | (lo >> 63);
  xLo = carry ? lo : lo << 1;
}

/** What coreDivide and coreRoot leave below the last place: zero, below, at, above one half. */
export let belowLast: u64 = 0;

// From a rest r > 0 and half a unit: r is below, at or above d / 2.
// @ts-ignore: decorator
@inline
function halves(r: u64, d: u64): u64 {
  const other = d - r;
  return (u64(r >= other) << 63) | (u64(r != 0) & u64(r != other));
}

/** (hi:lo) / d for d with bit 63 set and hi < d; belowLast as above. */
export function coreDivide(hi: u64, lo: u64, d: u64): u64 {
  const q = div128(hi, lo, d);
  belowLast = halves(div128Rest, d);
  return q;
}

/** a / b, both finite and not zero. */
export function coreDiv(s: u32, aE: i32, aM: u64, bE: i32, bM: u64): void {
  const high = u64(aM >= bM);
  xS = s;
  xE = aE - bE - 1 + <i32>high;
  xHi = coreDivide(aM >> high, (aM & high) << 63, bM);
  xLo = belowLast;
}

/**
 * Square root of hi:lo, hi >= 2^62; belowLast as above. Upper half by the host, lower half by division of the
 * rest (P. Zimmermann, "Karatsuba Square Root", 1999).
 */
export function coreRoot(hi: u64, lo: u64): u64 {
  let upper = <u64>sqrt<f64>(<f64>hi);
  // The host rounds hi to 53 bits.
  if (upper > 0xffffffff || upper * upper > hi) upper--;
  const rest = hi - upper * upper;
  // rest <= 2 * upper: 33 bits.
  const dividend = (rest << 31) | (lo >> 33);
  const digit = dividend / upper;
  const over = dividend - digit * upper;
  let root = (upper << 32) + digit;
  const sq = digit * digit;
  const low = (over << 33) | (lo & 0x1ffffffff);
  // The rest in 65 bits and a sign.
  let rHi = <i64>(over >> 31) - <i64>(digit >> 32) - <i64>u64(low < sq);
  let rLo = low - sq;
  while (rHi < 0) {
    root--;
    const add = (root << 1) | 1;
    rLo += add;
    rHi += <i64>(root >> 63) + <i64>u64(rLo < add);
  }
  // (root + 1/2)^2 = root^2 + root + 1/4: above one half exactly if rest > root; never a tie.
  belowLast = rHi != 0 || rLo > root ? TOP | 1 : u64(rLo != 0);
  return root;
}

/** Square root of a positive finite number. */
export function coreSqrt(e: i32, m: u64): void {
  const even = <u64>(~e & 1);
  xS = 0;
  xE = e >> 1;
  xHi = coreRoot(m >> even, (m & even) << 63);
  xLo = belowLast;
}

/** Keeps the top `bits` (1..64) of hi:lo under rounding control rc; 0 means a carry out (significand 1.0). */
export function roundSig(sign: u32, hi: u64, lo: u64, bits: u32, rc: u32): u64 {
  let frac: u64;
  let ulp: u64;
  if (bits == 64) {
    frac = lo;
    ulp = 1;
  } else {
    frac = (hi << bits) | u64(lo != 0);
    ulp = TOP >> (bits - 1);
  }
  const kept = hi & (0 - ulp);
  rndInexact = frac != 0;
  let up = false;
  if (rc == RC.NEAREST) up = frac > TOP || (frac == TOP && (kept & ulp) != 0);
  else if (rc == RC.DOWN) up = frac != 0 && sign != 0;
  else if (rc == RC.UP) up = frac != 0 && sign == 0;
  rndUp = up;
  return up ? kept + ulp : kept;
}

/** Right shift of xHi:xLo by n > 0, sticky. */
export function denormalise(n: i32): void {
  if (n < 64) {
    const lost = xLo << (64 - n);
    xLo = (xHi << (64 - n)) | (xLo >> n) | u64(lost != 0);
    xHi >>= n;
  } else if (n == 64) {
    xLo = xHi | u64(xLo != 0);
    xHi = 0;
  } else if (n < 128) {
    const lost = (xHi << (128 - n)) | xLo;
    xLo = (xHi >> (n - 64)) | u64(lost != 0);
    xHi = 0;
  } else {
    xLo = 1;
    xHi = 0;
  }
}

/** Puts an unrounded result there from outside (used by the conversions). */
// @ts-ignore: decorator
@inline
export function setX(s: u32, e: i32, hi: u64, lo: u64): void {
  xS = s;
  xE = e;
  xHi = hi;
  xLo = lo;
}
