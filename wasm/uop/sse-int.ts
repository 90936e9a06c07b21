// Integer SIMD operations (SDM vol. 2) that are more than one instruction of WebAssembly SIMD: values in,
// value out. `a` is the first operand (destination), `b` the second. Functions whose name ends in M are the
// 64-bit (MMX) variant of an operation that mixes lanes; the high half of their operands is ignored and of
// their result is unspecified.

/** High halves of signed and unsigned products. */
// @ts-ignore: decorator
@inline
export function pmulhw(a: v128, b: v128): v128 {
  return i8x16.shuffle(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b),
    2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}
// @ts-ignore: decorator
@inline
export function pmulhuw(a: v128, b: v128): v128 {
  return i8x16.shuffle(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b),
    2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}

/** Products of the even doublewords. */
// @ts-ignore: decorator
@inline
export function pmuludq(a: v128, b: v128): v128 {
  const low = i64x2.splat(0xFFFFFFFF);
  return i64x2.mul(v128.and(a, low), v128.and(b, low));
}
// @ts-ignore: decorator
@inline
export function pmuldq(a: v128, b: v128): v128 {
  return i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32));
}

/** Sum of absolute differences of the bytes of each quadword. */
export function psadbw(a: v128, b: v128): v128 {
  const difference = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(difference));
  return i64x2.add(v128.and(sums, i64x2.splat(0xFFFFFFFF)), i64x2.shr_u(sums, 32));
}

/** Unsigned bytes of a times signed bytes of b, adjacent products added with saturation. */
export function pmaddubsw(a: v128, b: v128): v128 {
  const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_s(b));
  const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_s(b));
  return i16x8.narrow_i32x4_s(low, high);
}

/** Rounded high product; 8000h * 8000h gives 8000h, where WebAssembly's q15mulr saturates. */
// @ts-ignore: decorator
@inline
export function pmulhrsw(a: v128, b: v128): v128 {
  const q = i16x8.q15mulr_sat_s(a, b);
  const min = i16x8.splat(-32768);
  return v128.xor(q, v128.and(i16x8.eq(a, min), i16x8.eq(b, min)));
}

/** a with the sign of b, 0 where b is 0. */
// @ts-ignore: decorator
@inline
export function psign8(a: v128, b: v128): v128 {
  const zero = i8x16.splat(0), negative = i8x16.lt_s(b, zero);
  return v128.andnot(i8x16.sub(v128.xor(a, negative), negative), i8x16.eq(b, zero));
}
// @ts-ignore: decorator
@inline
export function psign16(a: v128, b: v128): v128 {
  const zero = i16x8.splat(0), negative = i16x8.lt_s(b, zero);
  return v128.andnot(i16x8.sub(v128.xor(a, negative), negative), i16x8.eq(b, zero));
}
// @ts-ignore: decorator
@inline
export function psign32(a: v128, b: v128): v128 {
  const zero = i32x4.splat(0), negative = i32x4.lt_s(b, zero);
  return v128.andnot(i32x4.sub(v128.xor(a, negative), negative), i32x4.eq(b, zero));
}

/**
 * Two quadwords side by side: the form in which 64-bit operations that pair operands are done as 128-bit
 * ones.
 */
// @ts-ignore: decorator
@inline
export function join(low: v128, high: v128): v128 {
  return i64x2.replace_lane(low, 1, i64x2.extract_lane(high, 0));
}

// Even and odd words or doublewords of a:b, for the horizontal operations.
// @ts-ignore: decorator
@inline
function even16(a: v128, b: v128): v128 { return i16x8.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
// @ts-ignore: decorator
@inline
function odd16(a: v128, b: v128): v128 { return i16x8.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
// @ts-ignore: decorator
@inline
function even32(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 0, 2, 4, 6); }
// @ts-ignore: decorator
@inline
function odd32(a: v128, b: v128): v128 { return i32x4.shuffle(a, b, 1, 3, 5, 7); }

export function phaddw(a: v128, b: v128): v128 { return i16x8.add(even16(a, b), odd16(a, b)); }
export function phaddd(a: v128, b: v128): v128 { return i32x4.add(even32(a, b), odd32(a, b)); }
export function phaddsw(a: v128, b: v128): v128 { return i16x8.add_sat_s(even16(a, b), odd16(a, b)); }
export function phsubw(a: v128, b: v128): v128 { return i16x8.sub(even16(a, b), odd16(a, b)); }
export function phsubd(a: v128, b: v128): v128 { return i32x4.sub(even32(a, b), odd32(a, b)); }
export function phsubsw(a: v128, b: v128): v128 { return i16x8.sub_sat_s(even16(a, b), odd16(a, b)); }

/** Shuffle control: WebAssembly's swizzle gives 0 for an index above 15, PSHUFB for bit 7. */
// @ts-ignore: decorator
@inline
export function pshufb(a: v128, control: v128): v128 {
  return i8x16.swizzle(a, v128.and(control, i8x16.splat(<i8>0x8F)));
}
// @ts-ignore: decorator
@inline
export function pshufbM(a: v128, control: v128): v128 {
  return i8x16.swizzle(a, v128.and(control, i8x16.splat(<i8>0x87)));
}

/** Byte shifts of the whole register by n, 0..16 and more. */
export function byteShiftRight(v: v128, n: u32): v128 {
  const index = v128.load(IOTA);
  return n > 15 ? i64x2.splat(0) : i8x16.swizzle(v, i8x16.add(index, i8x16.splat(<i8>n)));
}
export function byteShiftLeft(v: v128, n: u32): v128 {
  const index = v128.load(IOTA);
  return n > 15 ? i64x2.splat(0) : i8x16.swizzle(v, i8x16.sub(index, i8x16.splat(<i8>n)));
}
const IOTA = memory.data<u8>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

/** Bytes n..n+15 of b (low) : a (high). */
export function palignr(a: v128, b: v128, n: u32): v128 {
  if (n < 16) return v128.or(byteShiftRight(b, n), byteShiftLeft(a, 16 - n));
  return byteShiftRight(a, n - 16);
}
/** The same with 8-byte operands; result in the low half. */
export function palignrM(a: v128, b: v128, n: u32): v128 {
  return n > 15 ? i64x2.splat(0) : byteShiftRight(join(b, a), n);
}

// Shifts: counts at or above the width give 0, or the sign.
// @ts-ignore: decorator
@inline
export function psllw(a: v128, n: u64): v128 { return n > 15 ? i64x2.splat(0) : i16x8.shl(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function pslld(a: v128, n: u64): v128 { return n > 31 ? i64x2.splat(0) : i32x4.shl(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function psllq(a: v128, n: u64): v128 { return n > 63 ? i64x2.splat(0) : i64x2.shl(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function psrlw(a: v128, n: u64): v128 { return n > 15 ? i64x2.splat(0) : i16x8.shr_u(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function psrld(a: v128, n: u64): v128 { return n > 31 ? i64x2.splat(0) : i32x4.shr_u(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function psrlq(a: v128, n: u64): v128 { return n > 63 ? i64x2.splat(0) : i64x2.shr_u(a, <i32>n); }
// @ts-ignore: decorator
@inline
export function psraw(a: v128, n: u64): v128 { return i16x8.shr_s(a, n > 15 ? 15 : <i32>n); }
// @ts-ignore: decorator
@inline
export function psrad(a: v128, n: u64): v128 { return i32x4.shr_s(a, n > 31 ? 31 : <i32>n); }

/** Swizzle control of four doublewords chosen by two bits of `imm` each. */
function control32(imm: u32): v128 {
  const low = <u64>(imm & 3) | (<u64>((imm >> 2) & 3) << 32);
  const high = <u64>((imm >> 4) & 3) | (<u64>((imm >> 6) & 3) << 32);
  const first = i64x2.splat(low * 0x04040404 + 0x0302010003020100);
  return i64x2.replace_lane(first, 1, high * 0x04040404 + 0x0302010003020100);
}

/** Swizzle control of four words of the low half chosen by `imm`, in a u64. */
function control16(imm: u32): u64 {
  const w = <u64>(imm & 3) | (<u64>((imm >> 2) & 3) << 16) | (<u64>((imm >> 4) & 3) << 32)
    | (<u64>((imm >> 6) & 3) << 48);
  return w * 0x0202 + 0x0100010001000100;
}
const IDENTITY_LOW: u64 = 0x0706050403020100;
const IDENTITY_HIGH: u64 = 0x0F0E0D0C0B0A0908;
const HIGH_WORDS: u64 = 0x0808080808080808;

export function pshufd(b: v128, imm: u32): v128 {
  return i8x16.swizzle(b, control32(imm));
}
/** Lanes 0 and 1 from a, 2 and 3 from b. */
export function shufps(a: v128, b: v128, imm: u32): v128 {
  const control = control32(imm);
  return i64x2.shuffle(i8x16.swizzle(a, control), i8x16.swizzle(b, control), 0, 3);
}
export function shufpd(a: v128, b: v128, imm: u32): v128 {
  const low: u64 = imm & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0);
  const high: u64 = imm & 2 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0);
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}
/** PSHUFLW and PSHUFW: the low four words. */
export function pshuflw(b: v128, imm: u32): v128 {
  return i8x16.swizzle(b, i64x2.replace_lane(i64x2.splat(control16(imm)), 1, IDENTITY_HIGH));
}
export function pshufhw(b: v128, imm: u32): v128 {
  return i8x16.swizzle(b, i64x2.replace_lane(i64x2.splat(IDENTITY_LOW), 1, control16(imm) + HIGH_WORDS));
}
