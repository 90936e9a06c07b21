// State, encodings and packing of the 80-bit format: SDM Vol. 1 §4.2.2 (encodings), §8.1 (x87 state),
// §8.5 (exceptions). A value travels as (se, m): se = sign and exponent in bits 15:0, m = the explicit
// 64-bit significand. A function that yields a value returns m and leaves se in f80SE.
//
// Contract with the caller (the x87 handlers):
//   before: f80CW = the control word; f80Exc = 0.
//   after:  f80Exc holds the exceptions of this operation at their status-word places, with C1 in bit 9
//           (set: the last rounding increased the magnitude). The caller ORs them into the status word.
//           If f80Exc & ~f80CW & (IE|DE|ZE) is not 0, an exception that is seen before the operation is
//           unmasked: nothing may be written or popped (f80Stopped()). For OE and UE unmasked, a register
//           destination gets the value returned, whose exponent is already biased by -24576 or +24576; a
//           memory destination is not written (f80StoreStopped()). Condition codes C0, C2, C3 are returned
//           by the functions that have them, at their status-word places.
import { Kind, RC, TOP, denormalise, rndInexact, rndUp, roundSig, xE, xHi, xLo, xS } from "./core";
export { Kind } from "./core";

/** Status-word bits (SDM Vol. 1 fig. 8-4). */
export const enum SW {
  IE = 0x01,
  DE = 0x02,
  ZE = 0x04,
  OE = 0x08,
  UE = 0x10,
  PE = 0x20,
  C0 = 0x0100,
  C1 = 0x0200,
  C2 = 0x0400,
  C3 = 0x4000,
}

export const BIAS: i32 = 16383;
export const EXP_MAX: u32 = 0x7fff;
export const QUIET: u64 = 0x4000000000000000;
export const DEFAULT_NAN_SE: u32 = 0xffff;
export const DEFAULT_NAN_M: u64 = 0xc000000000000000;
/** Exponent adjustment of the unmasked overflow and underflow responses (SDM Vol. 1 §8.5.4). */
export const WRAP: i32 = 24576;
const PRE = SW.IE | SW.DE | SW.ZE;

/** Control word in force. */
export let f80CW: u32 = 0x37f;
/** Exceptions and C1 of the operation; sticky until the caller clears it. */
export let f80Exc: u32 = 0;
/** Sign and exponent of the value returned last. */
export let f80SE: u32 = 0;
/** Second value of operations with two results (FXTRACT, FSINCOS, FPTAN): the one that is pushed. */
export let f80SE2: u32 = 0;
export let f80M2: u64 = 0;

/** A memory operand of the operation was a denormal single or double: f80Widen has made it normal. */
export let f80NarrowDenormal: bool = false;

export function noteNarrowDenormal(): void {
  f80NarrowDenormal = true;
}

/** Sets up an operation: control word in force, no exceptions yet. */
export function f80Begin(cw: u32): void {
  f80CW = cw;
  f80Exc = 0;
  f80NarrowDenormal = false;
}

/** Adds bits of the caller's own (stack faults) to f80Exc. */
export function f80Raise(bits: u32): void {
  f80Exc |= bits;
}

/** True if an unmasked IE, DE or ZE forbids any write of the operation. */
export function f80Stopped(): bool {
  return (f80Exc & ~f80CW & PRE) != 0;
}

/** True if a store to memory (and its pop) must not happen: also unmasked OE or UE. */
export function f80StoreStopped(): bool {
  return (f80Exc & ~f80CW & (PRE | SW.OE | SW.UE)) != 0;
}

// @ts-ignore: decorator
@inline
export function raise(bits: u32): void {
  f80Exc |= bits;
}

// @ts-ignore: decorator
@inline
export function masked(bit: u32): bool {
  return (f80CW & bit) != 0;
}

// @ts-ignore: decorator
@inline
export function rounding(): u32 {
  return (f80CW >> 10) & 3;
}

/** Bits of significand that precision control keeps; the reserved setting 1 behaves as 64. */
// @ts-ignore: decorator
@inline
export function precision(): u32 {
  const pc = (f80CW >> 8) & 3;
  return pc == 0 ? 24 : pc == 2 ? 53 : 64;
}

export function kindOf(se: u32, m: u64): Kind {
  const e = se & EXP_MAX;
  if (e == 0) return m == 0 ? Kind.ZERO : Kind.DENORMAL;
  if (m >> 63 == 0) return Kind.UNSUPPORTED;
  if (e != EXP_MAX) return Kind.NORMAL;
  if (m == TOP) return Kind.INF;
  return (m & QUIET) != 0 ? Kind.QNAN : Kind.SNAN;
}

// @ts-ignore: decorator
@inline
export function signOf(se: u32): u32 {
  return (se >> 15) & 1;
}

/** Unbiased exponent of a normal or denormal whose significand normM has brought up. */
export function normE(se: u32, m: u64): i32 {
  const e = <i32>(se & EXP_MAX);
  return (e == 0 ? 1 : e) - BIAS - <i32>clz(m);
}

// @ts-ignore: decorator
@inline
export function normM(m: u64): u64 {
  return m << clz(m);
}

// @ts-ignore: decorator
@inline
export function setSE(se: u32): void {
  f80SE = se;
}

// @ts-ignore: decorator
@inline
export function give(se: u32, m: u64): u64 {
  f80SE = se;
  return m;
}

export function giveZero(sign: u32): u64 {
  f80SE = sign << 15;
  return 0;
}

export function giveInf(sign: u32): u64 {
  f80SE = (sign << 15) | EXP_MAX;
  return TOP;
}

/** Invalid operation: the default NaN ("real indefinite"). */
export function giveInvalid(): u64 {
  f80Exc |= SW.IE;
  f80SE = DEFAULT_NAN_SE;
  return DEFAULT_NAN_M;
}

/** NaN rule for one operand that is SNaN, QNaN or unsupported. */
export function giveNaN1(se: u32, m: u64, kind: Kind): u64 {
  if (kind == Kind.UNSUPPORTED) return giveInvalid();
  if (kind == Kind.SNAN) f80Exc |= SW.IE;
  f80SE = se;
  return m | QUIET;
}

/**
 * NaN rule for two operands (SDM Vol. 1 table 4-7, x87 column): the larger significand, then the positive.
 */
export function giveNaN2(aSE: u32, aM: u64, aK: Kind, bSE: u32, bM: u64, bK: Kind): u64 {
  if (aK == Kind.UNSUPPORTED || bK == Kind.UNSUPPORTED) return giveInvalid();
  if (aK == Kind.SNAN || bK == Kind.SNAN) f80Exc |= SW.IE;
  let takeA: bool;
  if (aK < Kind.UNSUPPORTED) takeA = false;
  else if (bK < Kind.UNSUPPORTED) takeA = true;
  else if (aK != bK) takeA = aK == Kind.QNAN;
  else if (aM != bM) takeA = aM > bM;
  else takeA = aSE < bSE;
  f80SE = takeA ? aSE : bSE;
  return (takeA ? aM : bM) | QUIET;
}

/** Rounds xHi:xLo to `bits`, raises OE, UE, PE and C1, packs. An exact zero must not come here. */
export function roundPack(bits: u32): u64 {
  const rc = rounding();
  if (xE < 1 - BIAS) return packTiny(bits, rc);
  let m = roundSig(xS, xHi, xLo, bits, rc);
  let e = xE + BIAS;
  if (m == 0) {
    m = TOP;
    e++;
  }
  if (rndInexact) f80Exc |= rndUp ? SW.PE | SW.C1 : SW.PE;
  if (e >= <i32>EXP_MAX) return packHuge(bits, rc, e, m);
  f80SE = (xS << 15) | <u32>e;
  return m;
}

// Overflow (SDM Vol. 1 §8.5.4): e is the biased exponent, m the rounded significand. Only FSCALE gets so far
// that the adjusted exponent is out of range too (Vol. 2 FSCALE).
function packHuge(bits: u32, rc: u32, e: i32, m: u64): u64 {
  f80Exc |= SW.OE;
  if (!masked(SW.OE)) {
    if (e - WRAP >= <i32>EXP_MAX) {
      f80Exc |= SW.PE | SW.C1;
      return giveInf(xS);
    }
    f80SE = (xS << 15) | <u32>(e - WRAP);
    return m;
  }
  const toInf = rc == RC.NEAREST || (rc == RC.UP && xS == 0) || (rc == RC.DOWN && xS != 0);
  f80Exc |= SW.PE;
  if (toInf) {
    f80Exc |= SW.C1;
    return giveInf(xS);
  }
  f80Exc &= ~SW.C1;
  f80SE = (xS << 15) | (EXP_MAX - 1);
  return bits == 64 ? <u64>-1 : <u64>-1 << (64 - bits);
}

// Result below the normal range. Tininess is seen after rounding (SDM Vol. 1 §4.9.1.5).
function packTiny(bits: u32, rc: u32): u64 {
  const e = xE + BIAS;
  let m = roundSig(xS, xHi, xLo, bits, rc);
  const tiny = !(e == 0 && m == 0);
  if (tiny && !masked(SW.UE)) {
    f80Exc |= SW.UE;
    if (rndInexact) f80Exc |= rndUp ? SW.PE | SW.C1 : SW.PE;
    const wrapped = e + WRAP + i32(m == 0);
    if (wrapped < 1) {
      f80Exc = (f80Exc & ~SW.C1) | SW.PE;
      return giveZero(xS);
    }
    f80SE = (xS << 15) | <u32>wrapped;
    return m == 0 ? TOP : m;
  }
  denormalise(1 - e);
  m = roundSig(xS, xHi, xLo, bits, rc);
  if (rndInexact) {
    f80Exc |= rndUp ? SW.PE | SW.C1 : SW.PE;
    if (tiny) f80Exc |= SW.UE;
  }
  f80SE = (xS << 15) | u32(m >> 63);
  return m;
}
