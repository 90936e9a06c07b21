// DPPS and DPPD (SDM vol. 2): products chosen by imm8 7:4, summed in pairs, the sum written to the elements
// of imm8 3:0 and zero to the others. Rounding and flags of every step are those of fpu/sse-arith.ts.

import { Cpu, Status } from "../cpu/state";
import { recImm } from "../decode/record";
import { sseAdd, sseBegin, sseMul } from "../fpu/sse";
import { sseFaults, target } from "./sse-float-core";
import { source } from "./sse-operand";

// @ts-ignore: decorator
@inline
function product<T>(a: usize, b: usize, i: u32, imm: u32): T {
  return (imm >> (4 + i)) & 1 ? sseMul<T>(load<T>(a + i * sizeof<T>()), load<T>(b + i * sizeof<T>())) : 0;
}

export function hDpps(c: Cpu, r: usize): i32 {
  const b = source(c, r);
  if (!b) return Status.FAULT;
  const a = target(c, r), imm = <u32>recImm(r);
  sseBegin(c.mxcsr);
  const p0 = product<u32>(a, b, 0, imm), p1 = product<u32>(a, b, 1, imm);
  const p2 = product<u32>(a, b, 2, imm), p3 = product<u32>(a, b, 3, imm);
  const low = sseAdd<u32>(p0, p1), high = sseAdd<u32>(p2, p3);
  const sum = sseAdd<u32>(low, high);
  if (sseFaults(c)) return Status.FAULT;
  for (let i: u32 = 0; i < 4; i++) store<u32>(a + (i << 2), (imm >> i) & 1 ? sum : 0);
  return Status.NEXT;
}

export function hDppd(c: Cpu, r: usize): i32 {
  const b = source(c, r);
  if (!b) return Status.FAULT;
  const a = target(c, r), imm = <u32>recImm(r);
  sseBegin(c.mxcsr);
  const p0 = product<u64>(a, b, 0, imm), p1 = product<u64>(a, b, 1, imm);
  const sum = sseAdd<u64>(p0, p1);
  if (sseFaults(c)) return Status.FAULT;
  for (let i: u32 = 0; i < 2; i++) store<u64>(a + (i << 3), (imm >> i) & 1 ? sum : 0);
  return Status.NEXT;
}
