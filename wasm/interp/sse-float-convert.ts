// Conversions of the SSE floating-point formats (SDM vol. 2 CVTSI2SD .. CVTTPD2PI, ROUNDPS). One lane's
// meaning is fpu/sse-convert.ts. The forms with an MMX register put the x87 into MMX mode (SDM vol. 1
// 11.6.6).

import { Cpu, Status } from "../cpu/state";
import { readReg, recImm, recIsMem, recReg, recRm, writeReg } from "../decode/record";
import {
  sseBegin, sseFromInt, sseRound, sseToDouble, sseToInt, sseToIntTruncate, sseToSingle,
} from "../fpu/sse";
import { linear, readHost } from "../mmu/access";
import { commitLanes, lanes, sseFaults, target } from "./sse-float-core";
import { enterMmx, looseSource, mmxReady, mmxSource, setMmx, source, sseReady } from "./sse-operand";

const ROUND_IMM: u32 = 15;

// ---- Between general registers and scalars
// ---------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function fromGpr<T, F>(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  let v: i64;
  if (recIsMem(r)) {
    const host = readHost<T>(c, linear<T>(c, r, false));
    if (host == 0) return Status.FAULT;
    v = sizeof<T>() == 4 ? <i64>load<i32>(host) : load<i64>(host);
  } else v = sizeof<T>() == 4 ? <i64>readReg<i32>(c, recRm(r)) : readReg<i64>(c, recRm(r));
  sseBegin(c.mxcsr);
  const x = sseFromInt<F>(v);
  if (sseFaults(c)) return Status.FAULT;
  store<F>(target(c, r), x);
  return Status.NEXT;
}

export function hCvtsi2ss<T>(c: Cpu, r: usize): i32 { return fromGpr<T, u32>(c, r); }
export function hCvtsi2sd<T>(c: Cpu, r: usize): i32 { return fromGpr<T, u64>(c, r); }

// @ts-ignore: decorator
@inline
function convertToInt<F, I>(x: F, truncate: bool): I {
  return truncate ? sseToIntTruncate<F, I>(x) : sseToInt<F, I>(x);
}

// @ts-ignore: decorator
@inline
function toGpr<T, F>(c: Cpu, r: usize, truncate: bool): i32 {
  const from = looseSource<F>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const x = load<F>(from);
  let v: u64;
  if (sizeof<T>() == 4) v = <u64>(<u32>convertToInt<F, i32>(x, truncate));
  else v = <u64>convertToInt<F, i64>(x, truncate);
  if (sseFaults(c)) return Status.FAULT;
  writeReg<u64>(c, recReg(r), v);
  return Status.NEXT;
}

export function hCvtss2si<T>(c: Cpu, r: usize): i32 { return toGpr<T, u32>(c, r, false); }
export function hCvtsd2si<T>(c: Cpu, r: usize): i32 { return toGpr<T, u64>(c, r, false); }
export function hCvttss2si<T>(c: Cpu, r: usize): i32 { return toGpr<T, u32>(c, r, true); }
export function hCvttsd2si<T>(c: Cpu, r: usize): i32 { return toGpr<T, u64>(c, r, true); }

// ---- Between formats
// -------------------------------------------------------------------------------------------------

export function hCvtss2sd(c: Cpu, r: usize): i32 {
  const from = looseSource<u32>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const x = sseToDouble(load<u32>(from));
  if (sseFaults(c)) return Status.FAULT;
  store<u64>(target(c, r), x);
  return Status.NEXT;
}

export function hCvtsd2ss(c: Cpu, r: usize): i32 {
  const from = looseSource<u64>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const x = sseToSingle(load<u64>(from));
  if (sseFaults(c)) return Status.FAULT;
  store<u32>(target(c, r), x);
  return Status.NEXT;
}

/** CVTPS2PD reads 8 bytes without an alignment rule. */
export function hCvtps2pd(c: Cpu, r: usize): i32 {
  const from = looseSource<u64>(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  store<u64>(out, sseToDouble(load<u32>(from)));
  store<u64>(out, sseToDouble(load<u32>(from, 4)), 8);
  return commitLanes(c, target(c, r));
}

export function hCvtpd2ps(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  store<u32>(out, sseToSingle(load<u64>(from)));
  store<u32>(out, sseToSingle(load<u64>(from, 8)), 4);
  store<u64>(out, 0, 8);
  return commitLanes(c, target(c, r));
}

// ---- Packed integers
// ---------------------------------------------------------------------------------------------------

export function hCvtdq2ps(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 16; i += 4) store<u32>(out + i, sseFromInt<u32>(<i64>load<i32>(from + i)));
  return commitLanes(c, target(c, r));
}

/** CVTDQ2PD reads 8 bytes without an alignment rule; always exact. */
export function hCvtdq2pd(c: Cpu, r: usize): i32 {
  const from = looseSource<u64>(c, r);
  if (from == 0) return Status.FAULT;
  const v = load<u64>(from);
  const to = target(c, r);
  sseBegin(c.mxcsr);
  store<u64>(to, sseFromInt<u64>(<i64>(<i32>v)));
  store<u64>(to, sseFromInt<u64>(<i64>v >> 32), 8);
  return Status.NEXT;
}

// @ts-ignore: decorator
@inline
function singlesToInts(c: Cpu, r: usize, truncate: bool): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 16; i += 4) {
    store<i32>(out + i, convertToInt<u32, i32>(load<u32>(from + i), truncate));
  }
  return commitLanes(c, target(c, r));
}

export function hCvtps2dq(c: Cpu, r: usize): i32 { return singlesToInts(c, r, false); }
export function hCvttps2dq(c: Cpu, r: usize): i32 { return singlesToInts(c, r, true); }

// @ts-ignore: decorator
@inline
function doublesToInts(c: Cpu, r: usize, truncate: bool): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  store<i32>(out, convertToInt<u64, i32>(load<u64>(from), truncate));
  store<i32>(out, convertToInt<u64, i32>(load<u64>(from, 8), truncate), 4);
  store<u64>(out, 0, 8);
  return commitLanes(c, target(c, r));
}

export function hCvtpd2dq(c: Cpu, r: usize): i32 { return doublesToInts(c, r, false); }
export function hCvttpd2dq(c: Cpu, r: usize): i32 { return doublesToInts(c, r, true); }

// ---- MMX registers
// -----------------------------------------------------------------------------------------------------

// The source of a conversion from MMX, 0 = fault. SSE must be available as well. A memory operand leaves the
// x87 alone (SDM vol. 2 CVTPI2PD; processors do so for CVTPI2PS, too), so that a pending exception waits on.
function integers(c: Cpu, r: usize): usize {
  if (recIsMem(r)) return looseSource<u64>(c, r);
  return sseReady(c) ? mmxSource(c, r) : 0;
}

/** CVTPI2PS: the upper half of the destination stays. */
export function hCvtpi2ps(c: Cpu, r: usize): i32 {
  const from = integers(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const lo = sseFromInt<u32>(<i64>load<i32>(from));
  const hi = sseFromInt<u32>(<i64>load<i32>(from, 4));
  if (sseFaults(c)) return Status.FAULT;
  if (!recIsMem(r)) enterMmx(c);
  store<u32>(target(c, r), lo);
  store<u32>(target(c, r), hi, 4);
  return Status.NEXT;
}

/** CVTPI2PD. */
export function hCvtpi2pd(c: Cpu, r: usize): i32 {
  const from = integers(c, r);
  if (from == 0) return Status.FAULT;
  const v = load<u64>(from);
  sseBegin(c.mxcsr);
  if (!recIsMem(r)) enterMmx(c);
  store<u64>(target(c, r), sseFromInt<u64>(<i64>(<i32>v)));
  store<u64>(target(c, r), sseFromInt<u64>(<i64>v >> 32), 8);
  return Status.NEXT;
}

function toMmx(c: Cpu, r: usize, lo: i32, hi: i32): i32 {
  if (sseFaults(c)) return Status.FAULT;
  enterMmx(c);
  setMmx(c, recReg(r), <u64>(<u32>lo) | (<u64>hi << 32));
  return Status.NEXT;
}

/** CVTPS2PI (0) and CVTTPS2PI (1). */
export function hCvtps2pi(c: Cpu, r: usize, truncate: u32): i32 {
  if (!sseReady(c) || !mmxReady(c)) return Status.FAULT;
  const from = looseSource<u64>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const lo = convertToInt<u32, i32>(load<u32>(from), truncate != 0);
  return toMmx(c, r, lo, convertToInt<u32, i32>(load<u32>(from, 4), truncate != 0));
}

/** CVTPD2PI (0) and CVTTPD2PI (1). */
export function hCvtpd2pi(c: Cpu, r: usize, truncate: u32): i32 {
  if (!sseReady(c) || !mmxReady(c)) return Status.FAULT;
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const lo = convertToInt<u64, i32>(load<u64>(from), truncate != 0);
  return toMmx(c, r, lo, convertToInt<u64, i32>(load<u64>(from, 8), truncate != 0));
}

// ---- SSE4.1 rounding
// ---------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function roundScalar<T>(c: Cpu, r: usize): i32 {
  const from = looseSource<T>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const v = sseRound<T>(load<T>(from), <u32>recImm(r) & ROUND_IMM);
  if (sseFaults(c)) return Status.FAULT;
  store<T>(target(c, r), v);
  return Status.NEXT;
}

// @ts-ignore: decorator
@inline
function roundPacked<T>(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const out = lanes(c);
  const imm = <u32>recImm(r) & ROUND_IMM;
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 16; i += sizeof<T>()) store<T>(out + i, sseRound<T>(load<T>(from + i), imm));
  return commitLanes(c, target(c, r));
}

export function hRoundss(c: Cpu, r: usize): i32 { return roundScalar<u32>(c, r); }
export function hRoundsd(c: Cpu, r: usize): i32 { return roundScalar<u64>(c, r); }
export function hRoundps(c: Cpu, r: usize): i32 { return roundPacked<u32>(c, r); }
export function hRoundpd(c: Cpu, r: usize): i32 { return roundPacked<u64>(c, r); }
