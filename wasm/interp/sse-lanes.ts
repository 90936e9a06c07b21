// Lanewise integer MMX and SSE instructions (SDM vol. 2): dst = op(dst, src). The 66 prefix chooses XMM, its
// absence MMX (sse-operand.ts). Arithmetic that WebAssembly SIMD lacks is in uop/sse-int.ts.

import { Cpu, Status } from "../cpu/state";
import {
  pmaddubsw, pmulhrsw, pmulhuw, pmulhw, pmuludq, psadbw, psign16, psign32, psign8,
} from "../uop/sse-int";
import { eitherFirst, eitherSource, putEither } from "./sse-operand";

export function hPaddb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.add(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.add(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.add(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i64x2.add(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.sub(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.sub(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.sub(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i64x2.sub(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddsb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.add_sat_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.add_sat_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddusb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.add_sat_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPaddusw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.add_sat_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubsb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.sub_sat_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.sub_sat_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubusb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.sub_sat_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsubusw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.sub_sat_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpeqb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.eq(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpeqw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.eq(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpeqd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.eq(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpgtb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.gt_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpgtw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.gt_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPcmpgtd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.gt_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPminub(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.min_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxub(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.max_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPminsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.min_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaxsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.max_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPavgb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.avgr_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPavgw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.avgr_u(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmullw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.mul(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmulhw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pmulhw(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmulhuw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pmulhuw(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmuludq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pmuludq(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaddwd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.dot_i16x8_s(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsadbw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psadbw(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPand(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, v128.and(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPor(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, v128.or(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPxor(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, v128.xor(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmaddubsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pmaddubsw(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPmulhrsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pmulhrsw(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsignb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psign8(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsignw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psign16(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
export function hPsignd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psign32(eitherFirst(c, r), v128.load(s))) : Status.FAULT;
}
/** PANDN: (not dst) and src. */
export function hPandn(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, v128.andnot(v128.load(s), eitherFirst(c, r))) : Status.FAULT;
}
export function hPabsb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i8x16.abs(v128.load(s))) : Status.FAULT;
}
export function hPabsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i16x8.abs(v128.load(s))) : Status.FAULT;
}
export function hPabsd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, i32x4.abs(v128.load(s))) : Status.FAULT;
}
