// The arithmetic of AES-NI (FIPS 197), SHA extensions (FIPS 180-4) and PCLMULQDQ (SDM vol. 1 12.13, vol. 2).
// Values in, values out. An AES state is a v128 whose byte r + 4c is row r, column c.

const SBOX = memory.data<u8>([
  0x63, 0x7C, 0x77, 0x7B, 0xF2, 0x6B, 0x6F, 0xC5, 0x30, 0x01, 0x67, 0x2B, 0xFE, 0xD7, 0xAB, 0x76,
  0xCA, 0x82, 0xC9, 0x7D, 0xFA, 0x59, 0x47, 0xF0, 0xAD, 0xD4, 0xA2, 0xAF, 0x9C, 0xA4, 0x72, 0xC0,
  0xB7, 0xFD, 0x93, 0x26, 0x36, 0x3F, 0xF7, 0xCC, 0x34, 0xA5, 0xE5, 0xF1, 0x71, 0xD8, 0x31, 0x15,
  0x04, 0xC7, 0x23, 0xC3, 0x18, 0x96, 0x05, 0x9A, 0x07, 0x12, 0x80, 0xE2, 0xEB, 0x27, 0xB2, 0x75,
  0x09, 0x83, 0x2C, 0x1A, 0x1B, 0x6E, 0x5A, 0xA0, 0x52, 0x3B, 0xD6, 0xB3, 0x29, 0xE3, 0x2F, 0x84,
  0x53, 0xD1, 0x00, 0xED, 0x20, 0xFC, 0xB1, 0x5B, 0x6A, 0xCB, 0xBE, 0x39, 0x4A, 0x4C, 0x58, 0xCF,
  0xD0, 0xEF, 0xAA, 0xFB, 0x43, 0x4D, 0x33, 0x85, 0x45, 0xF9, 0x02, 0x7F, 0x50, 0x3C, 0x9F, 0xA8,
  0x51, 0xA3, 0x40, 0x8F, 0x92, 0x9D, 0x38, 0xF5, 0xBC, 0xB6, 0xDA, 0x21, 0x10, 0xFF, 0xF3, 0xD2,
  0xCD, 0x0C, 0x13, 0xEC, 0x5F, 0x97, 0x44, 0x17, 0xC4, 0xA7, 0x7E, 0x3D, 0x64, 0x5D, 0x19, 0x73,
  0x60, 0x81, 0x4F, 0xDC, 0x22, 0x2A, 0x90, 0x88, 0x46, 0xEE, 0xB8, 0x14, 0xDE, 0x5E, 0x0B, 0xDB,
  0xE0, 0x32, 0x3A, 0x0A, 0x49, 0x06, 0x24, 0x5C, 0xC2, 0xD3, 0xAC, 0x62, 0x91, 0x95, 0xE4, 0x79,
  0xE7, 0xC8, 0x37, 0x6D, 0x8D, 0xD5, 0x4E, 0xA9, 0x6C, 0x56, 0xF4, 0xEA, 0x65, 0x7A, 0xAE, 0x08,
  0xBA, 0x78, 0x25, 0x2E, 0x1C, 0xA6, 0xB4, 0xC6, 0xE8, 0xDD, 0x74, 0x1F, 0x4B, 0xBD, 0x8B, 0x8A,
  0x70, 0x3E, 0xB5, 0x66, 0x48, 0x03, 0xF6, 0x0E, 0x61, 0x35, 0x57, 0xB9, 0x86, 0xC1, 0x1D, 0x9E,
  0xE1, 0xF8, 0x98, 0x11, 0x69, 0xD9, 0x8E, 0x94, 0x9B, 0x1E, 0x87, 0xE9, 0xCE, 0x55, 0x28, 0xDF,
  0x8C, 0xA1, 0x89, 0x0D, 0xBF, 0xE6, 0x42, 0x68, 0x41, 0x99, 0x2D, 0x0F, 0xB0, 0x54, 0xBB, 0x16,
]);
const INVERSE_SBOX = memory.data<u8>([
  0x52, 0x09, 0x6A, 0xD5, 0x30, 0x36, 0xA5, 0x38, 0xBF, 0x40, 0xA3, 0x9E, 0x81, 0xF3, 0xD7, 0xFB,
  0x7C, 0xE3, 0x39, 0x82, 0x9B, 0x2F, 0xFF, 0x87, 0x34, 0x8E, 0x43, 0x44, 0xC4, 0xDE, 0xE9, 0xCB,
  0x54, 0x7B, 0x94, 0x32, 0xA6, 0xC2, 0x23, 0x3D, 0xEE, 0x4C, 0x95, 0x0B, 0x42, 0xFA, 0xC3, 0x4E,
  0x08, 0x2E, 0xA1, 0x66, 0x28, 0xD9, 0x24, 0xB2, 0x76, 0x5B, 0xA2, 0x49, 0x6D, 0x8B, 0xD1, 0x25,
  0x72, 0xF8, 0xF6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xD4, 0xA4, 0x5C, 0xCC, 0x5D, 0x65, 0xB6, 0x92,
  0x6C, 0x70, 0x48, 0x50, 0xFD, 0xED, 0xB9, 0xDA, 0x5E, 0x15, 0x46, 0x57, 0xA7, 0x8D, 0x9D, 0x84,
  0x90, 0xD8, 0xAB, 0x00, 0x8C, 0xBC, 0xD3, 0x0A, 0xF7, 0xE4, 0x58, 0x05, 0xB8, 0xB3, 0x45, 0x06,
  0xD0, 0x2C, 0x1E, 0x8F, 0xCA, 0x3F, 0x0F, 0x02, 0xC1, 0xAF, 0xBD, 0x03, 0x01, 0x13, 0x8A, 0x6B,
  0x3A, 0x91, 0x11, 0x41, 0x4F, 0x67, 0xDC, 0xEA, 0x97, 0xF2, 0xCF, 0xCE, 0xF0, 0xB4, 0xE6, 0x73,
  0x96, 0xAC, 0x74, 0x22, 0xE7, 0xAD, 0x35, 0x85, 0xE2, 0xF9, 0x37, 0xE8, 0x1C, 0x75, 0xDF, 0x6E,
  0x47, 0xF1, 0x1A, 0x71, 0x1D, 0x29, 0xC5, 0x89, 0x6F, 0xB7, 0x62, 0x0E, 0xAA, 0x18, 0xBE, 0x1B,
  0xFC, 0x56, 0x3E, 0x4B, 0xC6, 0xD2, 0x79, 0x20, 0x9A, 0xDB, 0xC0, 0xFE, 0x78, 0xCD, 0x5A, 0xF4,
  0x1F, 0xDD, 0xA8, 0x33, 0x88, 0x07, 0xC7, 0x31, 0xB1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xEC, 0x5F,
  0x60, 0x51, 0x7F, 0xA9, 0x19, 0xB5, 0x4A, 0x0D, 0x2D, 0xE5, 0x7A, 0x9F, 0x93, 0xC9, 0x9C, 0xEF,
  0xA0, 0xE0, 0x3B, 0x4D, 0xAE, 0x2A, 0xF5, 0xB0, 0xC8, 0xEB, 0xBB, 0x3C, 0x83, 0x53, 0x99, 0x61,
  0x17, 0x2B, 0x04, 0x7E, 0xBA, 0x77, 0xD6, 0x26, 0xE1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0C, 0x7D,
]);

/** Sixteen bytes through a table; WebAssembly has no gather, so through two words. */
function substitute(v: v128, table: usize): v128 {
  return i64x2.replace_lane(i64x2.splat(substitute8(i64x2.extract_lane(v, 0), table)), 1,
    substitute8(i64x2.extract_lane(v, 1), table));
}

// @ts-ignore: decorator
@inline
function at(v: u64, shift: u64, table: usize): u64 {
  return <u64>load<u8>(table + <usize>((v >> shift) & 0xFF)) << shift;
}

// @ts-ignore: decorator
@inline
function substitute8(v: u64, table: usize): u64 {
  return at(v, 0, table) | at(v, 8, table) | at(v, 16, table) | at(v, 24, table) | at(v, 32, table)
    | at(v, 40, table) | at(v, 48, table) | at(v, 56, table);
}

// @ts-ignore: decorator
@inline
function shiftRows(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}
// @ts-ignore: decorator
@inline
function inverseShiftRows(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);
}

/** Every byte times x in GF(2^8). */
// @ts-ignore: decorator
@inline
function xtime(v: v128): v128 {
  return v128.xor(i8x16.shl(v, 1), v128.and(i8x16.shr_s(v, 7), i8x16.splat(0x1B)));
}

function mixColumns(v: v128): v128 {
  const one = i8x16.shuffle(v, v, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
  const two = i8x16.shuffle(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  const three = i8x16.shuffle(v, v, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
  // 2 b0 + 3 b1 + b2 + b3.
  return v128.xor(v128.xor(xtime(v128.xor(v, one)), one), v128.xor(two, three));
}

/** InvMixColumns = MixColumns of (1 + 4 (1 + x^2)) times the column. */
export function aesimc(v: v128): v128 {
  const two = i8x16.shuffle(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  return mixColumns(v128.xor(v, xtime(xtime(v128.xor(v, two)))));
}

export function aesenc(state: v128, key: v128): v128 {
  return v128.xor(mixColumns(substitute(shiftRows(state), SBOX)), key);
}
export function aesenclast(state: v128, key: v128): v128 {
  return v128.xor(substitute(shiftRows(state), SBOX), key);
}
export function aesdec(state: v128, key: v128): v128 {
  return v128.xor(aesimc(substitute(inverseShiftRows(state), INVERSE_SBOX)), key);
}
export function aesdeclast(state: v128, key: v128): v128 {
  return v128.xor(substitute(inverseShiftRows(state), INVERSE_SBOX), key);
}

/** SubWord of words 1 and 3, and their rotations with the round constant. */
export function aeskeygenassist(v: v128, rcon: u32): v128 {
  const s = substitute(v, SBOX);
  const x1 = <u32>i32x4.extract_lane(s, 1), x3 = <u32>i32x4.extract_lane(s, 3);
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(x1), 1,
    rotr<u32>(x1, 8) ^ rcon), 2, x3),
    3, rotr<u32>(x3, 8) ^ rcon);
}

/** Carry-less product of two quadwords. */
export function clmul(a: u64, b: u64): v128 {
  let low: u64 = 0, high: u64 = 0;
  while (b != 0) {
    const n = ctz<u64>(b);
    b &= b - 1;
    low ^= a << n;
    // Two shifts: n may be 0.
    high ^= (a >> 1) >> (63 - n);
  }
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

// SHA: word 3 of a vector is bits 127:96.
// @ts-ignore: decorator
@inline
function words(w0: u32, w1: u32, w2: u32, w3: u32): v128 {
  return i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(w0), 1, w1), 2, w2), 3, w3);
}

// @ts-ignore: decorator
@inline
function choose(x: u32, y: u32, z: u32): u32 { return (x & y) ^ (~x & z); }
// @ts-ignore: decorator
@inline
function majority(x: u32, y: u32, z: u32): u32 { return (x & y) ^ (x & z) ^ (y & z); }

const SHA1_K = memory.data<u32>([0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6]);

/** Four rounds of SHA-1; `which` chooses function and constant. E of the first round is added to W0 already. */
export function sha1rnds4(state: v128, message: v128, which: u32): v128 {
  let a = <u32>i32x4.extract_lane(state, 3), b = <u32>i32x4.extract_lane(state, 2);
  let c = <u32>i32x4.extract_lane(state, 1), d = <u32>i32x4.extract_lane(state, 0);
  let e: u32 = 0;
  const k = load<u32>(SHA1_K + (which << 2));
  let m = message;
  for (let i = 0; i < 4; i++) {
    const f = which == 0 ? choose(b, c, d) : which == 2 ? majority(b, c, d) : b ^ c ^ d;
    const next = f + rotl<u32>(a, 5) + <u32>i32x4.extract_lane(m, 3) + e + k;
    m = i32x4.shuffle(m, m, 0, 0, 1, 2);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  return words(d, c, b, a);
}

export function sha1nexte(a: v128, b: v128): v128 {
  return i32x4.replace_lane(b, 3, <u32>i32x4.extract_lane(b, 3)
    + rotl<u32>(<u32>i32x4.extract_lane(a, 3), 30));
}

export function sha1msg1(a: v128, b: v128): v128 {
  // W2 W3 W4 W5 from the top.
  return v128.xor(a, i32x4.shuffle(a, b, 6, 7, 0, 1));
}

export function sha1msg2(a: v128, b: v128): v128 {
  const w16 = rotl<u32>(<u32>i32x4.extract_lane(a, 3) ^ <u32>i32x4.extract_lane(b, 2), 1);
  const w17 = rotl<u32>(<u32>i32x4.extract_lane(a, 2) ^ <u32>i32x4.extract_lane(b, 1), 1);
  const w18 = rotl<u32>(<u32>i32x4.extract_lane(a, 1) ^ <u32>i32x4.extract_lane(b, 0), 1);
  return words(rotl<u32>(<u32>i32x4.extract_lane(a, 0) ^ w16, 1), w18, w17, w16);
}

/** Two rounds of SHA-256: `cdgh` is the destination, `abef` the source, `wk` XMM0. */
export function sha256rnds2(cdgh: v128, abef: v128, wk: v128): v128 {
  let a = <u32>i32x4.extract_lane(abef, 3), b = <u32>i32x4.extract_lane(abef, 2);
  let c = <u32>i32x4.extract_lane(cdgh, 3), d = <u32>i32x4.extract_lane(cdgh, 2);
  let e = <u32>i32x4.extract_lane(abef, 1), f = <u32>i32x4.extract_lane(abef, 0);
  let g = <u32>i32x4.extract_lane(cdgh, 1), h = <u32>i32x4.extract_lane(cdgh, 0);
  let w = <u32>i32x4.extract_lane(wk, 0);
  for (let i = 0; i < 2; i++) {
    const t = choose(e, f, g) + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + w + h;
    const u = majority(a, b, c) + (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22));
    w = <u32>i32x4.extract_lane(wk, 1);
    h = g;
    g = f;
    f = e;
    e = d + t;
    d = c;
    c = b;
    b = a;
    a = t + u;
  }
  return words(f, e, b, a);
}

// @ts-ignore: decorator
@inline
function sigma0(x: u32): u32 { return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3); }
// @ts-ignore: decorator
@inline
function sigma1(x: u32): u32 { return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10); }

export function sha256msg1(a: v128, b: v128): v128 {
  return i32x4.add(a, words(sigma0(<u32>i32x4.extract_lane(a, 1)), sigma0(<u32>i32x4.extract_lane(a, 2)),
    sigma0(<u32>i32x4.extract_lane(a, 3)), sigma0(<u32>i32x4.extract_lane(b, 0))));
}

export function sha256msg2(a: v128, b: v128): v128 {
  const w16 = <u32>i32x4.extract_lane(a, 0) + sigma1(<u32>i32x4.extract_lane(b, 2));
  const w17 = <u32>i32x4.extract_lane(a, 1) + sigma1(<u32>i32x4.extract_lane(b, 3));
  return words(w16, w17, <u32>i32x4.extract_lane(a, 2) + sigma1(w16), <u32>i32x4.extract_lane(a, 3)
    + sigma1(w17));
}
