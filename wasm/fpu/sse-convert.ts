// Conversions of the SSE formats, one lane at a time: SDM Vol. 2 CVTSI2SD, CVTSD2SI, CVTTSD2SI, CVTSS2SD,
// CVTSD2SS, CVTDQ2PS, ROUNDSD and kin; RCPSS and RSQRTSS. Contract: sse-state.ts. Conversion to an integer
// and rounding are exact in the host's arithmetic for every rounding mode, so they have no soft path.
import { Kind, RC, setX } from "./core";
import {
  MX, daz, expOf, giveInf, giveNaN, giveZero, hostMode, infBits, isNaNBits, isPlain, isSafe, kindOf, normE,
  normM, pack, quietBit, raise, rounding, signBit, signOf,
} from "./sse-state";

/** Signed integer to T; an i32 is given widened. */
export function sseFromInt<T>(v: i64): T {
  if (v == 0) return <T>0;
  if (sizeof<T>() == 8) {
    const exact = v <= 0x20000000000000 && v >= -0x20000000000000;
    if (exact || hostMode()) return <T>reinterpret<u64>(<f64>v);
  } else if (hostMode() || (v <= 0x1000000 && v >= -0x1000000)) return <T>reinterpret<u32>(<f32>v);
  const a = <u64>(v < 0 ? -v : v);
  const n = <i32>clz(a);
  setX(u32(v < 0), 63 - n, a << n, 0);
  return pack<T>();
}

// @ts-ignore: decorator
@inline
function roundHost<F>(x: F, rc: u32): F {
  if (rc == RC.NEAREST) return nearest<F>(x);
  if (rc == RC.DOWN) return floor<F>(x);
  return rc == RC.UP ? ceil<F>(x) : trunc<F>(x);
}

/** T to a signed integer I (i32 or i64) under rc; IE gives the indefinite integer 1 << (bits - 1). */
function toInt<T, I>(bits: T, rc: u32): I {
  // A single is exact as a double. NaN fails the range test.
  const d = daz<T>(bits);
  let x: f64;
  if (sizeof<T>() == 4) x = <f64>reinterpret<f32>(<u32>d);
  else x = reinterpret<f64>(<u64>d);
  const r = roundHost<f64>(x, rc);
  const limit: f64 = sizeof<I>() == 4 ? 2147483648.0 : 9223372036854775808.0;
  if (!(r >= -limit && r < limit)) {
    raise(MX.IE);
    return sizeof<I>() == 4 ? <I>i32.MIN_VALUE : <I>i64.MIN_VALUE;
  }
  if (r != x) raise(MX.PE);
  return <I>r;
}

/** CVTSx2SI, CVTPx2DQ. */
export function sseToInt<T, I>(x: T): I {
  return toInt<T, I>(x, rounding());
}

/** CVTTSx2SI, CVTTPx2DQ. */
export function sseToIntTruncate<T, I>(x: T): I {
  return toInt<T, I>(x, RC.ZERO);
}

/** CVTSS2SD. */
export function sseToDouble(a: u32): u64 {
  const x = daz<u32>(a);
  if (isNaNBits<u32>(x)) {
    if ((x & quietBit<u32>()) == 0) raise(MX.IE);
    return giveInf<u64>(signOf<u32>(x)) | quietBit<u64>() | (<u64>(x & 0x3fffff) << 29);
  }
  if (expOf<u32>(x) == 0 && x << 1 != 0) raise(MX.DE);
  return reinterpret<u64>(<f64>reinterpret<f32>(x));
}

/** CVTSD2SS. */
export function sseToSingle(a: u64): u32 {
  if (hostMode() && isPlain<u64>(a)) {
    const r = reinterpret<u32>(<f32>reinterpret<f64>(a));
    if (isSafe<u32>(r)) return r;
  }
  const x = daz<u64>(a);
  const k = kindOf<u64>(x);
  const s = signOf<u64>(x);
  if (k == Kind.ZERO) return giveZero<u32>(s);
  if (k == Kind.INF) return giveInf<u32>(s);
  if (k > Kind.INF) {
    if (k == Kind.SNAN) raise(MX.IE);
    return giveInf<u32>(s) | quietBit<u32>() | (<u32>(x >> 29) & 0x3fffff);
  }
  if (k == Kind.DENORMAL) raise(MX.DE);
  setX(s, normE<u64>(x), normM<u64>(x), 0);
  return pack<u32>();
}

/** ROUNDSS, ROUNDSD: imm bits 1:0 = rounding unless bit 2 (take MXCSR); bit 3 = no PE. */
export function sseRound<T>(a: T, imm: u32): T {
  const x = daz<T>(a);
  if (isNaNBits<T>(x)) return giveNaN<T>(x, x);
  const rc = (imm & 4) != 0 ? rounding() : imm & 3;
  let r: T;
  if (sizeof<T>() == 4) r = <T>reinterpret<u32>(roundHost<f32>(reinterpret<f32>(<u32>x), rc));
  else r = <T>reinterpret<u64>(roundHost<f64>(reinterpret<f64>(<u64>x), rc));
  if (r != x && (imm & 8) == 0) raise(MX.PE);
  return r;
}

// RCPSS and RSQRTSS promise a relative error below 1.5 * 2^-12 and leave the rest to the implementation (SDM
// Vol. 2): here the quotient cut to 12 bits, round to nearest. No exceptions, denormals count as zero always.
// @ts-ignore: decorator
@inline
function cut(x: f32): u32 {
  const r = reinterpret<u32>(x) + 0x400 & 0xfffff800;
  return expOf<u32>(r) == 0 ? r & signBit<u32>() : r;
}

/** 2^126. */
const RCP_TINY: u32 = 0x7e800000;

export function sseRcp(a: u32): u32 {
  if (isNaNBits<u32>(a)) return a | quietBit<u32>();
  if (expOf<u32>(a) == 0) return giveInf<u32>(signOf<u32>(a));
  // Tiny results are 0 (SDM vol. 2 RCPPS), before they are rounded.
  if ((a & ~signBit<u32>()) >= RCP_TINY) return a & signBit<u32>();
  return cut(<f32>1.0 / reinterpret<f32>(a));
}

export function sseRsqrt(a: u32): u32 {
  if (isNaNBits<u32>(a)) return a | quietBit<u32>();
  if (expOf<u32>(a) == 0) return giveInf<u32>(signOf<u32>(a));
  if (signOf<u32>(a) != 0) return signBit<u32>() | infBits<u32>() | quietBit<u32>();
  return cut(<f32>(1.0 / sqrt<f64>(<f64>reinterpret<f32>(a))));
}
