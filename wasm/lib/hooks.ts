// Calls against the direction of the imports: words at the start of BOARD that hold function indices, written
// once by board.ts. The LAPIC reaches the 8259 and the IOAPIC, and the bus reaches the MMU, only through
// these.

import { BOARD } from "./layout";

/** Byte offsets from BOARD. 0 = not wired. */
export const enum Hook {
  /** (): i32, the 8259 pair's answer to INTA. */
  PIC_ACKNOWLEDGE = 0,
  /** (vector: u32): a level-triggered vector was ended. */
  IOAPIC_EOI = 4,
  /** (line: u32, level: u32): input of the 8259 pair, of the IOAPIC. */
  PIC_INPUT = 8,
  IOAPIC_INPUT = 12,
  /** (pa: u64, bytes: u32): a device wrote guest RAM (code pages must be told). */
  RAM_WRITTEN = 16,
  /** (): look at the rings that the host fills. */
  POLL = 20,
}

// @ts-ignore: decorator
@inline
export function hook(which: Hook): u32 {
  return load<u32>(BOARD + <usize>which);
}

export function setHook(which: Hook, functionIndex: u32): void {
  store<u32>(BOARD + <usize>which, functionIndex);
}
