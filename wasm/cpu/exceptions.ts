// Raising of exceptions (SDM vol. 3A ch. 6, table 6-1). A raised exception is a value in the CPU's exc*
// fields; the handler returns Status.FAULT at once and cpu/events.ts delivers it. Nothing here touches guest
// state.

import { Cpu, Status } from "./state";

/** Exception and interrupt vectors 0..19 (SDM 3A table 6-1). */
export const enum Vector {
  DE = 0, DB = 1, NMI = 2, BP = 3, OF = 4, BR = 5, UD = 6, NM = 7, DF = 8,
  TS = 10, NP = 11, SS = 12, GP = 13, PF = 14, MF = 16, AC = 17, MC = 18, XM = 19,
}

/** Bits of a selector error code (SDM 3A 6.13). */
export const enum ErrorCode {
  /** The event came from outside the program. */
  EXT = 1,
  /** The index names an IDT gate. */
  IDT = 2,
  /** The index names an LDT entry. */
  TI = 4,
}

/** Bits of a page-fault error code (SDM 3A 4.7). */
export const enum PageFault { PRESENT = 1, WRITE = 2, USER = 4, RESERVED = 8, FETCH = 16 }

/** Raise an exception without an error code. */
export function raise(c: Cpu, vector: u32): i32 {
  c.excVector = vector;
  c.excError = 0;
  c.excHasError = 0;
  c.excAddress = 0;
  return Status.FAULT;
}

/** Raise an exception that pushes an error code. */
export function raiseError(c: Cpu, vector: u32, error: u32): i32 {
  c.excVector = vector;
  c.excError = error;
  c.excHasError = 1;
  c.excAddress = 0;
  return Status.FAULT;
}

/** Raise #PF; `va` becomes CR2 when it is delivered. */
export function raisePageFault(c: Cpu, va: u64, error: u32): i32 {
  c.excVector = Vector.PF;
  c.excError = error;
  c.excHasError = 1;
  c.excAddress = va;
  return Status.FAULT;
}

/** DR6.BS: a single-step trap. */
export const DR6_BS: u64 = 1 << 14;

/** Raise #DB as a fault or trap; `dr6` holds the DR6 bits that delivery will set (B0-B3, BD, BS, BT). */
export function raiseDebug(c: Cpu, dr6: u64): i32 {
  c.excVector = Vector.DB;
  c.excError = 0;
  c.excHasError = 0;
  c.excAddress = dr6;
  return Status.FAULT;
}

/**
 * Raise an exception whose error code names a selector: index and TI of it, RPL replaced by `ext` (SDM 3A
 * 6.13).
 */
export function raiseSelector(c: Cpu, vector: u32, selector: u32, ext: u32): i32 {
  return raiseError(c, vector, (selector & 0xFFFC) | ext);
}
