// Lanes and exceptions of the SSE floating-point handlers (SDM vol. 1 11.4, 11.5): nothing is written before
// every lane is known to raise no unmasked exception. Operands: sse-operand.ts.

import { Vector, raise } from "../cpu/exceptions";
import { Cr4 } from "../cpu/mode";
import { Cpu, Status } from "../cpu/state";
import { recReg } from "../decode/record";
import { sseExc, sseFinish, sseMxcsr } from "../fpu/sse";
import { CPU_SCRATCH } from "../lib/layout";
import { xmm } from "./sse-operand";

/** Results of the lanes before they are committed (16 bytes of the scratch page). */
const LANES: u32 = CPU_SCRATCH + 0xBC0;

// @ts-ignore: decorator
@inline
export function lanes(c: Cpu): usize { return changetype<usize>(c) + LANES; }

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
