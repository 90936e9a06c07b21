// Add, subtract, multiply, divide, square root, minimum, maximum and comparison of single and double numbers
// given as bits (T = u32, u64), one lane at a time: SDM Vol. 2 ADDSD, SUBSD, MULSD, DIVSD, SQRTSD, MINSD,
// MAXSD, CMPSD, COMISD, UCOMISD and their single twins. Contract: sse-state.ts. The host's arithmetic is used
// where MXCSR and the values make it the same; otherwise core.ts.
import { Kind, RC, coreAdd, coreDiv, coreMul, coreSqrt, xHi } from "./core";
import {
  MX, daz, giveInf, giveInvalid, giveNaN, giveZero, hostMode, isNaNBits, isPlain, isSafe, kindOf, normE,
  normM, pack, quietBit, raise, rounding, signBit, signOf,
} from "./sse-state";

// @ts-ignore: decorator
@inline
function hostAdd<T>(a: T, b: T): T {
  if (sizeof<T>() == 4) return <T>reinterpret<u32>(reinterpret<f32>(<u32>a) + reinterpret<f32>(<u32>b));
  return <T>reinterpret<u64>(reinterpret<f64>(<u64>a) + reinterpret<f64>(<u64>b));
}

// @ts-ignore: decorator
@inline
function hostSub<T>(a: T, b: T): T {
  if (sizeof<T>() == 4) return <T>reinterpret<u32>(reinterpret<f32>(<u32>a) - reinterpret<f32>(<u32>b));
  return <T>reinterpret<u64>(reinterpret<f64>(<u64>a) - reinterpret<f64>(<u64>b));
}

// @ts-ignore: decorator
@inline
function hostMul<T>(a: T, b: T): T {
  if (sizeof<T>() == 4) return <T>reinterpret<u32>(reinterpret<f32>(<u32>a) * reinterpret<f32>(<u32>b));
  return <T>reinterpret<u64>(reinterpret<f64>(<u64>a) * reinterpret<f64>(<u64>b));
}

// @ts-ignore: decorator
@inline
function hostDiv<T>(a: T, b: T): T {
  if (sizeof<T>() == 4) return <T>reinterpret<u32>(reinterpret<f32>(<u32>a) / reinterpret<f32>(<u32>b));
  return <T>reinterpret<u64>(reinterpret<f64>(<u64>a) / reinterpret<f64>(<u64>b));
}

// @ts-ignore: decorator
@inline
function hostSqrt<T>(a: T): T {
  if (sizeof<T>() == 4) return <T>reinterpret<u32>(sqrt<f32>(reinterpret<f32>(<u32>a)));
  return <T>reinterpret<u64>(sqrt<f64>(reinterpret<f64>(<u64>a)));
}

// @ts-ignore: decorator
@inline
function hostLess<T>(a: T, b: T): bool {
  if (sizeof<T>() == 4) return reinterpret<f32>(<u32>a) < reinterpret<f32>(<u32>b);
  return reinterpret<f64>(<u64>a) < reinterpret<f64>(<u64>b);
}

// @ts-ignore: decorator
@inline
function hostEqual<T>(a: T, b: T): bool {
  if (sizeof<T>() == 4) return reinterpret<f32>(<u32>a) == reinterpret<f32>(<u32>b);
  return reinterpret<f64>(<u64>a) == reinterpret<f64>(<u64>b);
}

export function sseAdd<T>(a: T, b: T): T {
  if (hostMode() && isPlain<T>(a) && isPlain<T>(b)) {
    // A tiny sum is exact: a normal or zero sum of ordinary numbers raises nothing but PE.
    const r = hostAdd<T>(a, b);
    if (isPlain<T>(r)) return r;
  }
  return softAdd<T>(daz<T>(a), daz<T>(b));
}

export function sseSub<T>(a: T, b: T): T {
  if (hostMode() && isPlain<T>(a) && isPlain<T>(b)) {
    const r = hostSub<T>(a, b);
    if (isPlain<T>(r)) return r;
  }
  const y = daz<T>(b);
  return softAdd<T>(daz<T>(a), isNaNBits<T>(y) ? y : y ^ signBit<T>());
}

export function sseMul<T>(a: T, b: T): T {
  if (hostMode() && isPlain<T>(a) && isPlain<T>(b)) {
    const r = hostMul<T>(a, b);
    if (isSafe<T>(r)) return r;
  }
  return softMul<T>(daz<T>(a), daz<T>(b));
}

/** a / b. */
export function sseDiv<T>(a: T, b: T): T {
  if (hostMode() && isPlain<T>(a) && isPlain<T>(b)) {
    const r = hostDiv<T>(a, b);
    if (isSafe<T>(r)) return r;
  }
  return softDiv<T>(daz<T>(a), daz<T>(b));
}

export function sseSqrt<T>(a: T): T {
  if (hostMode() && isPlain<T>(a)) {
    const r = hostSqrt<T>(a);
    if (isPlain<T>(r)) return r;
  }
  return softSqrt<T>(daz<T>(a));
}

// @ts-ignore: decorator
@inline
function denormals(aK: Kind, bK: Kind): void {
  if (aK == Kind.DENORMAL || bK == Kind.DENORMAL) raise(MX.DE);
}

function softAdd<T>(a: T, b: T): T {
  const aK = kindOf<T>(a);
  const bK = kindOf<T>(b);
  if (aK > Kind.INF || bK > Kind.INF) return giveNaN<T>(a, b);
  const aS = signOf<T>(a);
  const bS = signOf<T>(b);
  if (aK == Kind.INF && bK == Kind.INF && aS != bS) return giveInvalid<T>();
  denormals(aK, bK);
  if (aK == Kind.INF) return a;
  if (bK == Kind.INF) return b;
  if (aK == Kind.ZERO && bK == Kind.ZERO) return giveZero<T>(aS == bS ? aS : u32(rounding() == RC.DOWN));
  // A sum with zero is exact, but may be tiny.
  if (bK == Kind.ZERO) coreMul(aS, normE<T>(a), normM<T>(a), 0, 0x8000000000000000);
  else if (aK == Kind.ZERO) coreMul(bS, normE<T>(b), normM<T>(b), 0, 0x8000000000000000);
  else coreAdd(aS, normE<T>(a), normM<T>(a), bS, normE<T>(b), normM<T>(b));
  if (xHi == 0) return giveZero<T>(u32(rounding() == RC.DOWN));
  return pack<T>();
}

function softMul<T>(a: T, b: T): T {
  const aK = kindOf<T>(a);
  const bK = kindOf<T>(b);
  if (aK > Kind.INF || bK > Kind.INF) return giveNaN<T>(a, b);
  const s = signOf<T>(a ^ b);
  if (aK == Kind.INF || bK == Kind.INF) {
    if (aK == Kind.ZERO || bK == Kind.ZERO) return giveInvalid<T>();
    denormals(aK, bK);
    return giveInf<T>(s);
  }
  denormals(aK, bK);
  if (aK == Kind.ZERO || bK == Kind.ZERO) return giveZero<T>(s);
  coreMul(s, normE<T>(a), normM<T>(a), normE<T>(b), normM<T>(b));
  return pack<T>();
}

function softDiv<T>(a: T, b: T): T {
  const aK = kindOf<T>(a);
  const bK = kindOf<T>(b);
  if (aK > Kind.INF || bK > Kind.INF) return giveNaN<T>(a, b);
  const s = signOf<T>(a ^ b);
  if (aK == bK && (aK == Kind.INF || aK == Kind.ZERO)) return giveInvalid<T>();
  if (bK == Kind.ZERO && aK != Kind.INF) {
    // Silicon does not report a denormal dividend here.
    raise(MX.ZE);
    return giveInf<T>(s);
  }
  denormals(aK, bK);
  if (aK == Kind.INF) return giveInf<T>(s);
  if (bK == Kind.INF || aK == Kind.ZERO) return giveZero<T>(s);
  coreDiv(s, normE<T>(a), normM<T>(a), normE<T>(b), normM<T>(b));
  return pack<T>();
}

function softSqrt<T>(a: T): T {
  const k = kindOf<T>(a);
  if (k > Kind.INF) return giveNaN<T>(a, a);
  if (k == Kind.ZERO) return a;
  if (signOf<T>(a) != 0) return giveInvalid<T>();
  if (k == Kind.INF) return a;
  denormals(k, k);
  coreSqrt(normE<T>(a), normM<T>(a));
  return pack<T>();
}

// Minimum and maximum share: NaNs and equal zeros give the second operand; IE for any NaN.
// @ts-ignore: decorator
@inline
function pickSecond<T>(a: T, b: T): bool {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    raise(MX.IE);
    return true;
  }
  denormals(kindOf<T>(a), kindOf<T>(b));
  return false;
}

export function sseMin<T>(a: T, b: T): T {
  const x = daz<T>(a);
  const y = daz<T>(b);
  if (pickSecond<T>(x, y)) return y;
  return hostLess<T>(x, y) ? x : y;
}

export function sseMax<T>(a: T, b: T): T {
  const x = daz<T>(a);
  const y = daz<T>(b);
  if (pickSecond<T>(x, y)) return y;
  return hostLess<T>(y, x) ? x : y;
}

/** Relations as bits. */
const enum Rel {
  EQ = 1,
  LT = 2,
  GT = 4,
  UN = 8,
}

function relate<T>(a: T, b: T, quiet: bool): Rel {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    const q = quietBit<T>();
    if (!quiet || (isNaNBits<T>(a) && (a & q) == 0) || (isNaNBits<T>(b) && (b & q) == 0)) raise(MX.IE);
    return Rel.UN;
  }
  denormals(kindOf<T>(a), kindOf<T>(b));
  if (hostLess<T>(a, b)) return Rel.LT;
  return hostEqual<T>(a, b) ? Rel.EQ : Rel.GT;
}

// Which relations make each of the 32 predicates true, four bits each, predicate 0 lowest; the second half
// repeats the first with quiet and signalling exchanged (SDM Vol. 2 CMPPD table 3-1). 0-7 are those of SSE.
//   0 EQ 1 LT 2 LE 3 UNORD 4 NEQ 5 NLT 6 NLE 7 ORD, 8 EQ_UQ 9 NGE A NGT B FALSE C NEQ_OQ D GE E GT F TRUE
const HOLDS: u64 = 0xf4560ba97cde8321;
// Bit set: the predicate signals IE for a QNaN.
const SIGNALS: u32 = 0b0110_0110_0110_0110;

export function sseHolds<T>(a: T, b: T, predicate: u32): bool {
  const p = predicate & 15;
  const quiet = ((SIGNALS >> p) & 1) == (predicate >> 4 & 1);
  const r = relate<T>(daz<T>(a), daz<T>(b), quiet);
  return ((HOLDS >> (p << 2)) & <u64>r) != 0;
}

/** CMPSS, CMPSD and one lane of CMPPS, CMPPD: all ones or zero. */
// @ts-ignore: decorator
@inline
export function sseCmp<T>(a: T, b: T, predicate: u32): T {
  return <T>0 - <T>sseHolds<T>(a, b, predicate);
}

/** COMISx (quiet false) and UCOMISx (quiet true): ZF, PF, CF at their places in EFLAGS; OF, SF, AF are 0. */
export function sseComi<T>(a: T, b: T, quiet: bool): u32 {
  const r = relate<T>(daz<T>(a), daz<T>(b), quiet);
  return r == Rel.UN ? 0x45 : r == Rel.LT ? 0x01 : r == Rel.EQ ? 0x40 : 0;
}
