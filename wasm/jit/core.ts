// What regions ask the core for beside conditions and handlers: one function with a number.

import { ARITHMETIC_FLAGS, readEflags, setExplicit } from "../cpu/flags";
import { Cpu } from "../cpu/state";
import { tlbSelectBank } from "../mmu/tlb";

export const enum Core {
  /** All arithmetic flags to `eflags`. */
  EXPLICIT = 0,
  /** The low half of RFLAGS. */
  IMAGE = 1,
  /** AC has changed: choose the bank of the TLB. */
  SELECT_BANK = 2,
}

/** Called by regions, with RFLAGS in Cpu. */
export function jitCore(c: Cpu, which: usize): i32 {
  switch (<u32>which) {
    case Core.EXPLICIT: setExplicit(c, readEflags(c) & ARITHMETIC_FLAGS); break;
    case Core.SELECT_BANK: tlbSelectBank(c); break;
    default: return <i32>readEflags(c);
  }
  return 0;
}
