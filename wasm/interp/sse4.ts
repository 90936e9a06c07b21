// SSE4.1 and SSE4.2 integer instructions (SDM vol. 2), XMM only, but for the string compares
// (sse-strings.ts), CRC32 and POPCNT (general registers) and the floating-point members (sse-float).

import { Cpu, Status } from "../cpu/state";
import { setExplicit } from "../cpu/flags";
import { pmuldq } from "../uop/sse-int";
import { RecFlag, recFlags, recImm, recOpSize, recReg, recRm, writeReg, readReg } from "../decode/record";
import { linear, readHost, writeValue } from "../mmu/access";
import { alignedMemory, first, looseSource, put, source, sseReady, xmm } from "./sse-operand";

const CF: u64 = 1, ZF: u64 = 0x40;

export function hPminsb(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i8x16.min_s(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxsb(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i8x16.max_s(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPminuw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i16x8.min_u(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxuw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i16x8.max_u(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPminsd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.min_s(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxsd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.max_s(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPminud(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.min_u(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxud(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.max_u(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmulld(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.mul(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmuldq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, pmuldq(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpeqq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i64x2.eq(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpgtq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i64x2.gt_s(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hPackusdw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i16x8.narrow_i32x4_u(first(c, r), v128.load(s))) : Status.FAULT;
}

// PMOVSX and PMOVZX: memory operands are as narrow as the elements need, and need no alignment.
export function hPmovsxbw(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i16x8.extend_low_i8x16_s(narrowLoad<u64>(s))) : Status.FAULT;
}
export function hPmovsxbd(c: Cpu, r: usize): i32 {
  const s = looseSource<u32>(c, r);
  return s ? put(c, r, i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(narrowLoad<u32>(s)))) : Status.FAULT;
}
export function hPmovsxbq(c: Cpu, r: usize): i32 {
  const s = looseSource<u16>(c, r);
  return s
    ? put(c, r,
    i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(narrowLoad<u16>(s)))))
    : Status.FAULT;
}
export function hPmovsxwd(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i32x4.extend_low_i16x8_s(narrowLoad<u64>(s))) : Status.FAULT;
}
export function hPmovsxwq(c: Cpu, r: usize): i32 {
  const s = looseSource<u32>(c, r);
  return s ? put(c, r, i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(narrowLoad<u32>(s)))) : Status.FAULT;
}
export function hPmovsxdq(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i64x2.extend_low_i32x4_s(narrowLoad<u64>(s))) : Status.FAULT;
}
export function hPmovzxbw(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i16x8.extend_low_i8x16_u(narrowLoad<u64>(s))) : Status.FAULT;
}
export function hPmovzxbd(c: Cpu, r: usize): i32 {
  const s = looseSource<u32>(c, r);
  return s ? put(c, r, i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(narrowLoad<u32>(s)))) : Status.FAULT;
}
export function hPmovzxbq(c: Cpu, r: usize): i32 {
  const s = looseSource<u16>(c, r);
  return s
    ? put(c, r,
    i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(narrowLoad<u16>(s)))))
    : Status.FAULT;
}
export function hPmovzxwd(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i32x4.extend_low_i16x8_u(narrowLoad<u64>(s))) : Status.FAULT;
}
export function hPmovzxwq(c: Cpu, r: usize): i32 {
  const s = looseSource<u32>(c, r);
  return s ? put(c, r, i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(narrowLoad<u32>(s)))) : Status.FAULT;
}
export function hPmovzxdq(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i64x2.extend_low_i32x4_u(narrowLoad<u64>(s))) : Status.FAULT;
}

/** The low sizeof<T>() bytes as a vector. */
// @ts-ignore: decorator
@inline
function narrowLoad<T>(at: usize): v128 {
  return i64x2.splat(<u64>load<T>(at));
}

/** PTEST: ZF = no common bit, CF = no bit of src outside dst. */
export function hPtest(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  const a = first(c, r), b = v128.load(s);
  setExplicit(c, (v128.any_true(v128.and(a, b)) ? 0 : ZF) | (v128.any_true(v128.andnot(b, a)) ? 0 : CF));
  return Status.NEXT;
}

// Blends by XMM0 and by immediate ------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function blend(c: Cpu, r: usize, mask: v128, b: v128): i32 {
  return put(c, r, v128.bitselect(b, first(c, r), mask));
}
export function hPblendvb(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? blend(c, r, i8x16.shr_s(v128.load(xmm(c, 0)), 7), v128.load(s)) : Status.FAULT;
}
export function hBlendvps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? blend(c, r, i32x4.shr_s(v128.load(xmm(c, 0)), 31), v128.load(s)) : Status.FAULT;
}
export function hBlendvpd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? blend(c, r, i64x2.shr_s(v128.load(xmm(c, 0)), 63), v128.load(s)) : Status.FAULT;
}
/** A lane is all ones where its bit of `imm` is set; `bits` holds each lane's own bit. */
// @ts-ignore: decorator
@inline
function mask16(imm: u32): v128 {
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return i16x8.eq(v128.and(i16x8.splat(<i16>imm), bits), bits);
}
export function hPblendw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? blend(c, r, mask16(<u32>recImm(r)), v128.load(s)) : Status.FAULT;
}
export function hBlendps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  const bits = i32x4(1, 2, 4, 8);
  return s ? blend(c, r, i32x4.eq(v128.and(i32x4.splat(<i32>recImm(r)), bits), bits), v128.load(s))
    : Status.FAULT;
}
export function hBlendpd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  const bits = i64x2(1, 2);
  return s ? blend(c, r, i64x2.eq(v128.and(i64x2.splat(recImm(r)), bits), bits), v128.load(s)) : Status.FAULT;
}

// Inserts and extracts -----------------------------------------------------------------------------

/** Element sizeof<T>() * n of XMM (reg) to r/m: memory at its width, a general register zero-extended. */
// @ts-ignore: decorator
@inline
function extract<T>(c: Cpu, r: usize, n: u32): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const v = load<T>(xmm(c, recReg(r)) + n * sizeof<T>());
  if (recFlags(r) & RecFlag.MEM) return writeValue<T>(c, linear<T>(c, r, true), v);
  writeReg<u64>(c, recRm(r), <u64>v);
  return Status.NEXT;
}
export function hPextrb(c: Cpu, r: usize): i32 { return extract<u8>(c, r, <u32>recImm(r) & 15); }
export function hPextrwMem(c: Cpu, r: usize): i32 { return extract<u16>(c, r, <u32>recImm(r) & 7); }
export function hPextrd(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 3 ? extract<u64>(c, r, <u32>recImm(r) & 1) : extract<u32>(c, r, <u32>recImm(r) & 3);
}
export function hExtractps(c: Cpu, r: usize): i32 { return extract<u32>(c, r, <u32>recImm(r) & 3); }

// @ts-ignore: decorator
@inline
function insert<T>(c: Cpu, r: usize, n: u32): i32 {
  if (!sseReady(c)) return Status.FAULT;
  let v: T;
  if (recFlags(r) & RecFlag.MEM) {
    const h = readHost<T>(c, linear<T>(c, r, false));
    if (!h) return Status.FAULT;
    v = load<T>(h);
  } else {
    v = readReg<T>(c, recRm(r));
  }
  store<T>(xmm(c, recReg(r)) + n * sizeof<T>(), v);
  return Status.NEXT;
}
export function hPinsrb(c: Cpu, r: usize): i32 { return insert<u8>(c, r, <u32>recImm(r) & 15); }
export function hPinsrd(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 3 ? insert<u64>(c, r, <u32>recImm(r) & 1) : insert<u32>(c, r, <u32>recImm(r) & 3);
}

/**
 * INSERTPS: source element 7:6 (memory: the operand itself) into element 5:4, then zero the elements of 3:0.
 */
export function hInsertps(c: Cpu, r: usize): i32 {
  const imm = <u32>recImm(r);
  const s = looseSource<u32>(c, r);
  if (!s) return Status.FAULT;
  const from: u32 = recFlags(r) & RecFlag.MEM ? 0 : imm >> 6;
  const to = xmm(c, recReg(r));
  store<u32>(to + (((imm >> 4) & 3) << 2), load<u32>(s + (from << 2)));
  for (let i: u32 = 0; i < 4; i++) if ((imm >> i) & 1) store<u32>(to + (i << 2), 0);
  return Status.NEXT;
}

/** MOVNTDQA: an aligned load. */
export function hMovntdqa(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const h = alignedMemory(c, r);
  return h ? put(c, r, v128.load(h)) : Status.FAULT;
}

/** PHMINPOSUW: the least word and its index. */
export function hPhminposuw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  let least: u32 = 0xFFFFF, at: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const v = <u32>load<u16>(s + (i << 1));
    if (v < least) {
      least = v;
      at = i;
    }
  }
  return put(c, r, i64x2.replace_lane(i64x2.splat(0), 0, <i64>(least | (at << 16))));
}

/** MPSADBW: eight sums of absolute differences of four bytes; the window of dst slides. */
export function hMpsadbw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  const imm = <u32>recImm(r);
  const a = xmm(c, recReg(r)) + (imm & 4), b = s + ((imm & 3) << 2);
  let v = i64x2.splat(0);
  for (let i: u32 = 0; i < 8; i++) {
    let sum: u32 = 0;
    for (let k: u32 = 0; k < 4; k++) sum += abs<i32>(<i32>load<u8>(a + i + k) - <i32>load<u8>(b + k));
    v = v128.or(i16x8.shuffle(v, i16x8.splat(<i16>sum), 1, 2, 3, 4, 5, 6, 7, 8), i64x2.splat(0));
  }
  return put(c, r, v);
}
