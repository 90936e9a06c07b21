// The functions of the core that regions call, but those of floating point.

import { ARITHMETIC_FLAGS, readEflags, setExplicit, testCond } from "../cpu/flags";
import { Cpu, Status } from "../cpu/state";
import { recHandler } from "../decode/record";
import { stopAt } from "../interp/branch";
import { loadTsc } from "../interp/system";
import { countHelper } from "../lib/profile";
import { settleMixed } from "./exit-flags";

export const enum Core {
  /** All arithmetic flags to `eflags`. */
  EXPLICIT = 0,
  /** The low half of RFLAGS. */
  IMAGE = 1,
  /** RDTSC into RAX and RDX of Cpu; 1 = it is not allowed. */
  TSC = 2,
  /** Flags of a MIXED descriptor (mixed-flags.ts), whose parts are where an exit leaves them. */
  SETTLE = 3,
}

/** Called with RFLAGS in Cpu: one function for what is asked for by number. */
export function jitCore(c: Cpu, which: usize): i32 {
  switch (<u32>which) {
    case Core.EXPLICIT: setExplicit(c, readEflags(c) & ARITHMETIC_FLAGS); break;
    case Core.SETTLE: settleMixed(c); break;
    case Core.TSC: return loadTsc(c) ? 0 : 1;
    default: return <i32>readEflags(c);
  }
  return 0;
}

/** Truth of a condition code. */
export function jitCond(c: Cpu, cc: usize): i32 {
  return testCond(c, <u32>cc) ? 1 : 0;
}

/** The interpreter's handler of record r. A Status. */
export function jitHelp(c: Cpu, r: usize): i32 {
  countHelper(changetype<usize>(c), recHandler(r));
  const s = call_indirect<i32>(recHandler(r), c, r);
  if (s == Status.NEXT) return s;
  stopAt(r);
  // The region has counted it.
  if (s == Status.FAULT || s == Status.RETRY) c.instructions--;
  return s;
}
