// Entry of the test build of x87 and SSE floating point: a bare CPU (system-check.ts) that decodes and
// executes one instruction given as bytes.

import { Cpu } from "../cpu/state";
import { Inbox, inboxOf } from "../cpu/inbox";
import { icacheStep, slotIndex, slotRecords, stepBytes } from "../decode/icache";
import { execute } from "../gen/exec-hot";
import { executeSegmented } from "../gen/exec-segmented";

export * from "./system-check";
export { stepBytes };

const MAX_INSN: u32 = 15;

/** Offsets in the order of FIELDS in fpu.test.ts. */
export function fpuOffset(n: i32): u32 {
  switch (n) {
    case 0: return offsetof<Cpu>("fpuControl");
    case 1: return offsetof<Cpu>("fpuStatus");
    case 2: return offsetof<Cpu>("fpuTop");
    case 3: return offsetof<Cpu>("fpuEmpty");
    case 4: return offsetof<Cpu>("flagKind");
    default: return offsetof<Cpu>("mxcsr");
  }
}

/** Executes the instruction at stepBytes; 1 = fault, -1 = not decoded. */
export function fpuStep(c: Cpu): i32 {
  const r = icacheStep(c, MAX_INSN, 0, c.codeMode);
  if (r == 0) return -1;
  c.ipBase = 0;
  const attention = inboxOf(c.id) + <usize>Inbox.ATTENTION;
  if (c.mode64) return execute(c, r, slotIndex(c, 0), slotRecords(c, 0), attention);
  return executeSegmented(c, r, slotIndex(c, 0), slotRecords(c, 0), attention);
}
