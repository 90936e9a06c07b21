// SSE, SSE2, SSE3 floating-point arithmetic, comparison and logic (SDM vol. 2 ADDPS .. XORPD, CMPPS, COMISS,
// HADDPS, ADDSUBPS). One lane's meaning is fpu/sse-arith.ts; packed operations of ordinary numbers use the
// host's SIMD where MXCSR makes it the same (fpu/sse-state.ts hostMode). Handlers are named after their
// mnemonics.

import { setExplicit } from "../cpu/flags";
import { Cpu, Status } from "../cpu/state";
import { recImm } from "../decode/record";
import {
  sseAdd, sseBegin, sseCmp, sseComi, sseDiv, sseHostMode, sseMax, sseMin, sseMul, sseRcp, sseRsqrt, sseSqrt,
  sseSub,
} from "../fpu/sse";
import { commitLanes, lanes, sseFaults, target } from "./sse-float-core";
import { looseSource, source } from "./sse-operand";

const enum Arith { ADD = 0, MUL = 1, SUB = 2, MIN = 3, DIV = 4, MAX = 5, SQRT = 6 }

/** Smallest normal numbers and the lowest magnitude that cannot have come from an underflow. */
const MIN_NORMAL32: f32 = 1.1754943508222875e-38;
const SAFE32: f32 = 2.350988701644575e-38;
const MIN_NORMAL64: f64 = 2.2250738585072014e-308;
const SAFE64: f64 = 4.450147717014403e-308;
/** CMPPS looks at three bits of its immediate. */
const PREDICATE: u32 = 7;

// @ts-ignore: decorator
@inline
function lane<T>(op: Arith, a: T, b: T): T {
  if (op == Arith.ADD) return sseAdd<T>(a, b);
  if (op == Arith.MUL) return sseMul<T>(a, b);
  if (op == Arith.SUB) return sseSub<T>(a, b);
  if (op == Arith.MIN) return sseMin<T>(a, b);
  if (op == Arith.DIV) return sseDiv<T>(a, b);
  if (op == Arith.MAX) return sseMax<T>(a, b);
  return sseSqrt<T>(b);
}

// ---- Scalar
// --------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function scalar<T>(c: Cpu, r: usize, op: Arith): i32 {
  const from = looseSource<T>(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  sseBegin(c.mxcsr);
  const v = lane<T>(op, load<T>(to), load<T>(from));
  if (sseFaults(c)) return Status.FAULT;
  store<T>(to, v);
  return Status.NEXT;
}

// ---- Packed
// --------------------------------------------------------------------------------------------------------

// Lanes that are normal or zero, as a mask.
// @ts-ignore: decorator
@inline
function plain<F>(v: v128): v128 {
  if (sizeof<F>() == 4) {
    const a = f32x4.abs(v);
    const normal = f32x4.ge(a, f32x4.splat(MIN_NORMAL32));
    const zero = f32x4.eq(v, f32x4.splat(0));
    return v128.and(f32x4.lt(a, f32x4.splat(f32.POSITIVE_INFINITY)), v128.or(normal, zero));
  }
  const a = f64x2.abs(v);
  const normal = f64x2.ge(a, f64x2.splat(MIN_NORMAL64));
  const zero = f64x2.eq(v, f64x2.splat(0));
  return v128.and(f64x2.lt(a, f64x2.splat(f64.POSITIVE_INFINITY)), v128.or(normal, zero));
}

// Lanes of a product or quotient that saw neither overflow nor underflow.
// @ts-ignore: decorator
@inline
function safe<F>(v: v128): v128 {
  if (sizeof<F>() == 4) {
    const a = f32x4.abs(v);
    return v128.and(f32x4.lt(a, f32x4.splat(f32.POSITIVE_INFINITY)), f32x4.ge(a, f32x4.splat(SAFE32)));
  }
  const a = f64x2.abs(v);
  return v128.and(f64x2.lt(a, f64x2.splat(f64.POSITIVE_INFINITY)), f64x2.ge(a, f64x2.splat(SAFE64)));
}

// @ts-ignore: decorator
@inline
function hostPacked<F>(op: Arith, a: v128, b: v128): v128 {
  if (op == Arith.ADD) return v128.add<F>(a, b);
  if (op == Arith.SUB) return v128.sub<F>(a, b);
  if (op == Arith.MUL) return v128.mul<F>(a, b);
  if (op == Arith.DIV) return v128.div<F>(a, b);
  return v128.sqrt<F>(b);
}

// F is the host's type of a lane, T its bits.
// @ts-ignore: decorator
@inline
function packed<T, F>(c: Cpu, r: usize, op: Arith): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  sseBegin(c.mxcsr);
  if (op != Arith.MIN && op != Arith.MAX && sseHostMode()) {
    const a = v128.load(to);
    const b = v128.load(from);
    const v = hostPacked<F>(op, a, b);
    const operands = op == Arith.SQRT ? plain<F>(b) : v128.and(plain<F>(a), plain<F>(b));
    const good = v128.and(operands, op == Arith.MUL || op == Arith.DIV ? safe<F>(v) : plain<F>(v));
    if (v128.all_true<i32>(good)) {
      v128.store(to, v);
      return Status.NEXT;
    }
  }
  return packedLanes<T>(c, op, to, from);
}

function packedLanes<T>(c: Cpu, op: Arith, to: usize, from: usize): i32 {
  const out = lanes(c);
  for (let i: usize = 0; i < 16; i += sizeof<T>()) {
    store<T>(out + i, lane<T>(op, load<T>(to + i), load<T>(from + i)));
  }
  return commitLanes(c, to);
}

export function hAddps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.ADD); }
export function hAddpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.ADD); }
export function hAddss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.ADD); }
export function hAddsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.ADD); }
export function hMulps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.MUL); }
export function hMulpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.MUL); }
export function hMulss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.MUL); }
export function hMulsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.MUL); }
export function hSubps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.SUB); }
export function hSubpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.SUB); }
export function hSubss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.SUB); }
export function hSubsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.SUB); }
export function hMinps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.MIN); }
export function hMinpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.MIN); }
export function hMinss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.MIN); }
export function hMinsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.MIN); }
export function hDivps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.DIV); }
export function hDivpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.DIV); }
export function hDivss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.DIV); }
export function hDivsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.DIV); }
export function hMaxps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.MAX); }
export function hMaxpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.MAX); }
export function hMaxss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.MAX); }
export function hMaxsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.MAX); }
export function hSqrtps(c: Cpu, r: usize): i32 { return packed<u32, f32>(c, r, Arith.SQRT); }
export function hSqrtpd(c: Cpu, r: usize): i32 { return packed<u64, f64>(c, r, Arith.SQRT); }
export function hSqrtss(c: Cpu, r: usize): i32 { return scalar<u32>(c, r, Arith.SQRT); }
export function hSqrtsd(c: Cpu, r: usize): i32 { return scalar<u64>(c, r, Arith.SQRT); }

// ---- Approximations
// ------------------------------------------------------------------------------------------------

/** RCPSS (0) and RSQRTSS (1): no exceptions. */
export function hApproxss(c: Cpu, r: usize, root: u32): i32 {
  const from = looseSource<u32>(c, r);
  if (from == 0) return Status.FAULT;
  const x = load<u32>(from);
  store<u32>(target(c, r), root != 0 ? sseRsqrt(x) : sseRcp(x));
  return Status.NEXT;
}

/** RCPPS (0) and RSQRTPS (1). */
export function hApproxps(c: Cpu, r: usize, root: u32): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  for (let i: usize = 0; i < 16; i += 4) {
    const x = load<u32>(from + i);
    store<u32>(to + i, root != 0 ? sseRsqrt(x) : sseRcp(x));
  }
  return Status.NEXT;
}

// ---- Logic
// ---------------------------------------------------------------------------------------------------------

/** ANDPS, ANDPD. */
export function hAndp(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  v128.store(to, v128.and(v128.load(to), v128.load(from)));
  return Status.NEXT;
}

/** ANDNPS, ANDNPD: the destination is inverted. */
export function hAndnp(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  v128.store(to, v128.andnot(v128.load(from), v128.load(to)));
  return Status.NEXT;
}

/** ORPS, ORPD. */
export function hOrp(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  v128.store(to, v128.or(v128.load(to), v128.load(from)));
  return Status.NEXT;
}

/** XORPS, XORPD. */
export function hXorp(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  v128.store(to, v128.xor(v128.load(to), v128.load(from)));
  return Status.NEXT;
}

// ---- Comparison
// ----------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function compareScalar<T>(c: Cpu, r: usize): i32 {
  const from = looseSource<T>(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  sseBegin(c.mxcsr);
  const v = sseCmp<T>(load<T>(to), load<T>(from), <u32>recImm(r) & PREDICATE);
  if (sseFaults(c)) return Status.FAULT;
  store<T>(to, v);
  return Status.NEXT;
}

// @ts-ignore: decorator
@inline
function comparePacked<T>(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  const predicate = <u32>recImm(r) & PREDICATE;
  const out = lanes(c);
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 16; i += sizeof<T>()) {
    store<T>(out + i, sseCmp<T>(load<T>(to + i), load<T>(from + i), predicate));
  }
  return commitLanes(c, to);
}

export function hCmpss(c: Cpu, r: usize): i32 { return compareScalar<u32>(c, r); }
export function hCmpsdXmm(c: Cpu, r: usize): i32 { return compareScalar<u64>(c, r); }
export function hCmpps(c: Cpu, r: usize): i32 { return comparePacked<u32>(c, r); }
export function hCmppd(c: Cpu, r: usize): i32 { return comparePacked<u64>(c, r); }

// @ts-ignore: decorator
@inline
function compareFlags<T>(c: Cpu, r: usize, quiet: bool): i32 {
  const from = looseSource<T>(c, r);
  if (from == 0) return Status.FAULT;
  sseBegin(c.mxcsr);
  const flags = sseComi<T>(load<T>(target(c, r)), load<T>(from), quiet);
  if (sseFaults(c)) return Status.FAULT;
  setExplicit(c, <u64>flags);
  return Status.NEXT;
}

export function hComiss(c: Cpu, r: usize): i32 { return compareFlags<u32>(c, r, false); }
export function hComisd(c: Cpu, r: usize): i32 { return compareFlags<u64>(c, r, false); }
export function hUcomiss(c: Cpu, r: usize): i32 { return compareFlags<u32>(c, r, true); }
export function hUcomisd(c: Cpu, r: usize): i32 { return compareFlags<u64>(c, r, true); }

// ---- Horizontal (SSE3)
// ---------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function pair<T>(at: usize, subtract: bool): T {
  const a = load<T>(at);
  const b = load<T>(at + sizeof<T>());
  return subtract ? sseSub<T>(a, b) : sseAdd<T>(a, b);
}

// Sums or differences of neighbours: those of the destination below those of the source.
// @ts-ignore: decorator
@inline
function horizontal<T>(c: Cpu, r: usize, subtract: bool): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  const out = lanes(c);
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 8; i += sizeof<T>()) {
    store<T>(out + i, pair<T>(to + 2 * i, subtract));
    store<T>(out + 8 + i, pair<T>(from + 2 * i, subtract));
  }
  return commitLanes(c, to);
}

export function hHaddps(c: Cpu, r: usize): i32 { return horizontal<u32>(c, r, false); }
export function hHaddpd(c: Cpu, r: usize): i32 { return horizontal<u64>(c, r, false); }
export function hHsubps(c: Cpu, r: usize): i32 { return horizontal<u32>(c, r, true); }
export function hHsubpd(c: Cpu, r: usize): i32 { return horizontal<u64>(c, r, true); }

// Even lanes subtract, odd lanes add.
// @ts-ignore: decorator
@inline
function alternate<T>(c: Cpu, r: usize): i32 {
  const from = source(c, r);
  if (from == 0) return Status.FAULT;
  const to = target(c, r);
  const out = lanes(c);
  sseBegin(c.mxcsr);
  for (let i: usize = 0; i < 16; i += 2 * sizeof<T>()) {
    const odd = i + sizeof<T>();
    store<T>(out + i, sseSub<T>(load<T>(to + i), load<T>(from + i)));
    store<T>(out + odd, sseAdd<T>(load<T>(to + odd), load<T>(from + odd)));
  }
  return commitLanes(c, to);
}

export function hAddsubps(c: Cpu, r: usize): i32 { return alternate<u32>(c, r); }
export function hAddsubpd(c: Cpu, r: usize): i32 { return alternate<u64>(c, r); }
