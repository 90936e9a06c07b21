// State, encodings and packing of the SSE formats (T = u32: single, T = u64: double; values travel as bits):
// SDM Vol. 1 §10.2.3 (MXCSR), §11.5 (exceptions), table 4-7 (NaNs).
//
// Contract with the caller (the SSE uops):
//   before an instruction: sseBegin(mxcsr);
//   then one call for each lane;
//   after: sseFinish() puts the flags into sseMxcsr, which the caller stores. If it returns true an exception
//   is unmasked: #XM, and no destination may be written.
import { Kind, RC, TOP, denormalise, rndInexact, roundSig, xE, xHi, xLo, xS } from "./core";
export { Kind } from "./core";

/** MXCSR bits (SDM Vol. 1 fig. 10-3). The mask of an exception is its flag shifted left by 7. */
export const enum MX {
  IE = 0x01,
  DE = 0x02,
  ZE = 0x04,
  OE = 0x08,
  UE = 0x10,
  PE = 0x20,
  FLAGS = 0x3f,
  DAZ = 0x40,
  MASKS = 0x1f80,
  RC = 0x6000,
  FTZ = 0x8000,
}
const MASK_SHIFT: u32 = 7;
const RC_SHIFT: u32 = 13;
const PRE: u32 = MX.IE | MX.DE | MX.ZE;
/**
 * Everything that decides whether the host's own arithmetic shows the same: all masked, nearest, PE there.
 */
export const FAST_BITS: u32 = MX.PE | MX.DAZ | MX.MASKS | MX.RC | MX.FTZ;
export const FAST_VALUE: u32 = MX.PE | MX.MASKS;

/** MXCSR in force. */
export let sseMxcsr: u32 = 0x1f80;
/** Exceptions of the instruction so far. */
export let sseExc: u32 = 0;

// @ts-ignore: decorator
@inline
export function sseBegin(mxcsr: u32): void {
  sseMxcsr = mxcsr;
  sseExc = 0;
}

/** Adds the flags of the instruction to sseMxcsr; true if one of them is unmasked. */
// @ts-ignore: decorator
@inline
export function sseFinish(): bool {
  return sseExc == 0 ? false : finishFlags();
}

function finishFlags(): bool {
  const open = ~(sseMxcsr >> MASK_SHIFT) & MX.FLAGS;
  // SDM Vol. 1 §11.5.2: an unmasked IE, DE or ZE comes before the operation, so nothing after it is seen.
  if ((sseExc & open & PRE) != 0) sseExc &= PRE;
  sseMxcsr |= sseExc;
  return (sseExc & open) != 0;
}

/** Does this MXCSR make the host's arithmetic the same, given ordinary operands and an ordinary result? */
// @ts-ignore: decorator
@inline
export function isFastFloat(mxcsr: u32): bool {
  return (mxcsr & FAST_BITS) == FAST_VALUE;
}

/** True if the host's arithmetic may be used, given ordinary operands and an ordinary result. */
// @ts-ignore: decorator
@inline
export function hostMode(): bool {
  return isFastFloat(sseMxcsr);
}

// @ts-ignore: decorator
@inline
export function raise(bits: u32): void {
  sseExc |= bits;
}

// @ts-ignore: decorator
@inline
export function rounding(): u32 {
  return (sseMxcsr & MX.RC) >> RC_SHIFT;
}

// @ts-ignore: decorator
@inline
export function unmasked(bit: u32): bool {
  return (sseMxcsr & (bit << MASK_SHIFT)) == 0;
}

// Formats. All of these fold to constants.
// @ts-ignore: decorator
@inline
export function fracBits<T>(): u32 {
  return sizeof<T>() == 4 ? 23 : 52;
}

// @ts-ignore: decorator
@inline
export function expMax<T>(): u32 {
  return sizeof<T>() == 4 ? 0xff : 0x7ff;
}

// @ts-ignore: decorator
@inline
export function bias<T>(): i32 {
  return sizeof<T>() == 4 ? 127 : 1023;
}

// @ts-ignore: decorator
@inline
export function signBit<T>(): T {
  return sizeof<T>() == 4 ? <T>0x80000000 : <T>0x8000000000000000;
}

// @ts-ignore: decorator
@inline
export function infBits<T>(): T {
  return sizeof<T>() == 4 ? <T>0x7f800000 : <T>0x7ff0000000000000;
}

// @ts-ignore: decorator
@inline
export function quietBit<T>(): T {
  return <T>1 << <T>(sizeof<T>() == 4 ? 22 : 51);
}

/** The default NaN ("QNaN floating-point indefinite"). */
// @ts-ignore: decorator
@inline
export function defaultNaN<T>(): T {
  return signBit<T>() | infBits<T>() | quietBit<T>();
}

// @ts-ignore: decorator
@inline
export function signOf<T>(x: T): u32 {
  return <u32>(x >> <T>(sizeof<T>() * 8 - 1));
}

// @ts-ignore: decorator
@inline
export function expOf<T>(x: T): u32 {
  return <u32>(x >> <T>fracBits<T>()) & expMax<T>();
}

// @ts-ignore: decorator
@inline
export function isNaNBits<T>(x: T): bool {
  return (x & ~signBit<T>()) > infBits<T>();
}

/** Normal, or zero. */
// @ts-ignore: decorator
@inline
export function isPlain<T>(x: T): bool {
  const e = expOf<T>(x);
  return e - 1 < expMax<T>() - 1 || x << <T>1 == 0;
}

/** Normal, above the lowest binade: neither overflow nor underflow can have been there. */
// @ts-ignore: decorator
@inline
export function isSafe<T>(x: T): bool {
  return expOf<T>(x) - 2 < expMax<T>() - 2;
}

/** Denormals-are-zeros. */
// @ts-ignore: decorator
@inline
export function daz<T>(x: T): T {
  return (sseMxcsr & MX.DAZ) != 0 && expOf<T>(x) == 0 ? x & signBit<T>() : x;
}

export function kindOf<T>(x: T): Kind {
  const e = expOf<T>(x);
  const a = x & ~signBit<T>();
  if (e == 0) return a == 0 ? Kind.ZERO : Kind.DENORMAL;
  if (e != expMax<T>()) return Kind.NORMAL;
  if (a == infBits<T>()) return Kind.INF;
  return (x & quietBit<T>()) != 0 ? Kind.QNAN : Kind.SNAN;
}

/** Unbiased exponent and significand (bit 63 set) of a normal or denormal. */
export function normE<T>(x: T): i32 {
  const e = <i32>expOf<T>(x);
  return e != 0 ? e - bias<T>() : -bias<T>() - <i32>clz(<u64>x << (64 - fracBits<T>()));
}

export function normM<T>(x: T): u64 {
  const f = <u64>x << (64 - fracBits<T>());
  return expOf<T>(x) != 0 ? TOP | (f >> 1) : f << clz(f);
}

/** NaN rule (SDM Vol. 1 table 4-7): the first operand that is a NaN, made quiet; IE for an SNaN. */
export function giveNaN<T>(a: T, b: T): T {
  const quiet = quietBit<T>();
  if ((isNaNBits<T>(a) && (a & quiet) == 0) || (isNaNBits<T>(b) && (b & quiet) == 0)) raise(MX.IE);
  return (isNaNBits<T>(a) ? a : b) | quiet;
}

export function giveInvalid<T>(): T {
  raise(MX.IE);
  return defaultNaN<T>();
}

// @ts-ignore: decorator
@inline
export function giveZero<T>(sign: u32): T {
  return <T>sign << <T>(sizeof<T>() * 8 - 1);
}

// @ts-ignore: decorator
@inline
export function giveInf<T>(sign: u32): T {
  return giveZero<T>(sign) | infBits<T>();
}

/** Rounds and packs xHi:xLo, which is not zero; raises OE, UE, PE. */
export function pack<T>(): T {
  const bits = fracBits<T>() + 1;
  const rc = rounding();
  let e = xE + bias<T>();
  let m = roundSig(xS, xHi, xLo, bits, rc);
  if (e < 1) {
    if (!(e == 0 && m == 0)) {
      // Tiny, seen after rounding (SDM Vol. 1 §4.9.1.5).
      if (unmasked(MX.UE)) {
        raise(rndInexact ? MX.UE | MX.PE : MX.UE);
        return <T>0;
      }
      if ((sseMxcsr & MX.FTZ) != 0) {
        raise(MX.UE | MX.PE);
        return giveZero<T>(xS);
      }
      denormalise(1 - e);
      m = roundSig(xS, xHi, xLo, bits, rc);
      if (rndInexact) raise(MX.UE | MX.PE);
      return giveZero<T>(xS) | <T>(m >> (64 - bits));
    }
    denormalise(1 - e);
    m = roundSig(xS, xHi, xLo, bits, rc);
    if (rndInexact) raise(MX.PE);
    return giveZero<T>(xS) | <T>(m >> (64 - bits));
  }
  if (m == 0) {
    m = TOP;
    e++;
  }
  if (e >= <i32>expMax<T>()) return overflow<T>(rc);
  if (rndInexact) raise(MX.PE);
  return giveZero<T>(xS) | (<T>e << <T>fracBits<T>()) | <T>((m & ~TOP) >> (64 - bits));
}

function overflow<T>(rc: u32): T {
  raise(unmasked(MX.OE) && !rndInexact ? MX.OE : MX.OE | MX.PE);
  const toInf = rc == RC.NEAREST || (rc == RC.UP && xS == 0) || (rc == RC.DOWN && xS != 0);
  return giveInf<T>(xS) - <T>(toInf ? 0 : 1);
}
