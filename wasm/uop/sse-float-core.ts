// What the SSE floating-point handlers share: the availability check, operands with their alignment rule, MXCSR flags and
// #XM (SDM vol. 1 11.4, 11.5; vol. 2 table 2-18 ff. "Exception conditions": types 2, 3, 4 and 5). Nothing is written before
// every lane is known to raise no unmasked exception.

import { Vector, raise, raiseError } from "../cpu/exceptions";
import { Cr0, Cr4 } from "../cpu/mode";
import { Cpu, CpuBlock, Status } from "../cpu/state";
import { recIsMem, recReg, recRm } from "../decode/record";
import { sseExc, sseFinish, sseMxcsr } from "../fpu/sse";
import { CPU_SCRATCH } from "../lib/layout";
import { linear, readBytes, readHost } from "../mmu/access";

/** Results of the lanes before they are committed (16 bytes of the scratch page). */
const LANES: u32 = CPU_SCRATCH + 0xBC0;
const XMM_SHIFT: u32 = 4;
const ALIGNMENT: u64 = 15;

/** Host address of XMM register n. */
// @ts-ignore: decorator
@inline
export function xmm(c: Cpu, n: u32): usize {
  return changetype<usize>(c) + <usize>CpuBlock.XMM + (n << XMM_SHIFT);
}

// @ts-ignore: decorator
@inline
export function lanes(c: Cpu): usize { return changetype<usize>(c) + LANES; }

/** True (with #UD or #NM pending) when SSE cannot be used now: CR0.EM, CR4.OSFXSR, CR0.TS. */
// @ts-ignore: decorator
@inline
export function sseBlocked(c: Cpu): bool {
  return ((c.cr0 & (Cr0.EM | Cr0.TS)) | (~c.cr4 & Cr4.OSFXSR)) != 0 && raiseBlocked(c);
}

function raiseBlocked(c: Cpu): bool {
  const missing = (c.cr0 & Cr0.EM) != 0 || (c.cr4 & Cr4.OSFXSR) == 0;
  raise(c, missing ? Vector.UD : Vector.NM);
  return true;
}

/** Host address of the r/m operand of sizeof<T>() bytes without an alignment rule; 0 = fault. */
// @ts-ignore: decorator
@inline
export function source<T>(c: Cpu, r: usize): usize {
  if (recIsMem(r)) return readHost<T>(c, linear<T>(c, r, false));
  return xmm(c, recRm(r));
}

/** Host address of a 16-byte r/m operand; memory must be aligned, else #GP(0). 0 = fault. */
// @ts-ignore: decorator
@inline
export function source16(c: Cpu, r: usize): usize {
  return recIsMem(r) ? alignedSource(c, r) : xmm(c, recRm(r));
}

function alignedSource(c: Cpu, r: usize): usize {
  const va = linear<v128>(c, r, false);
  if ((va & ALIGNMENT) != 0) {
    raiseError(c, Vector.GP, 0);
    return 0;
  }
  return readBytes(c, va, 16);
}

/** Destination register of the record. */
// @ts-ignore: decorator
@inline
export function target(c: Cpu, r: usize): usize { return xmm(c, recReg(r)); }

/** MXCSR takes the flags of the instruction; true (with #XM or #UD pending) if one is unmasked. */
// @ts-ignore: decorator
@inline
export function sseFaults(c: Cpu): bool {
  return sseExc != 0 && commitFlags(c);
}

function commitFlags(c: Cpu): bool {
  const unmasked = sseFinish();
  c.mxcsr = sseMxcsr;
  if (unmasked) raise(c, (c.cr4 & Cr4.OSXMMEXCPT) != 0 ? Vector.XM : Vector.UD);
  return unmasked;
}

/** Copies the lanes to the destination unless an exception forbids it. */
export function commitLanes(c: Cpu, to: usize): i32 {
  if (sseFaults(c)) return Status.FAULT;
  v128.store(to, v128.load(lanes(c)));
  return Status.NEXT;
}
