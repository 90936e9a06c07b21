// The lines of a CPU block that other threads write (machine.md: wait-free delivery). Every word is accessed
// with atomics only. `requests` and `attention` are two words: others OR a bit into requests, then set
// attention, then notify; the owner clears attention *before* it reads requests. A pending interrupt with
// IF=0 therefore costs nothing.

import { Cpu } from "./state";
import { CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_INBOX, CPU_STATE, CPU_LAPIC } from "../lib/layout";

/** Bits of `requests`. */
export const enum Request {
  /** IRR may hold a deliverable vector, or INTR (ExtINT through LINT0) may be up. */
  INTR = 1,
  NMI = 2,
  INIT = 4,
  SIPI = 8,
  /** Wakes a HLT whatever IF says (paravirtual kick). */
  KICK = 16,
  /** The code-page inbox has entries. */
  CODE_PAGE = 32,
  PAUSE = 64,
  STOP = 128,
  /** Flush the TLB (paravirtual flush, machine-wide events). */
  TLB_FLUSH = 256,
  /** A line-crossing LOCKed access wants all CPUs at their polls. */
  SPLIT_LOCK = 512,
  /** The LAPIC timer's deadline has passed (set by the clock worker). */
  TIMER = 1024,
  /** SMI, reserved; RESET of the whole machine. */
  RESET = 2048,
  /** The profile wants a sample of where this CPU is (interp/sampler.ts). */
  SAMPLE = 4096,
}

/** Byte offsets from inboxOf(cpu). Each group has a 64-byte line of its own. */
export const enum Inbox {
  /** u32: nonzero = leave the inner loop at the next poll; also the wait word of a parked CPU. */
  ATTENTION = 0x00,
  /** u32: Request bits. */
  REQUESTS = 0x40,
  /** u32: start-up vector of the last SIPI. */
  SIPI_VECTOR = 0x44,
  /** u32: RunState published by the owner (acknowledgement protocol of code pages). */
  RUN_STATE = 0x48,
  /** u32: level of the 8259 INTR wire at LINT0 (written under the PIC's lock). */
  EXTINT = 0x4C,
  /** 8 x u32: LAPIC interrupt request register (others OR, owner clears at acceptance). */
  IRR = 0x80,
  /** 8 x u32: trigger mode, 1 = level (set before the IRR bit). */
  TMR = 0xA0,
  /** u32 counters of vectors raised into / found already set in IRR. */
  RAISED = 0xC0,
  COALESCED = 0xC4,
  /**
   * u32s read by senders for destination matching; written by the owner: APIC id, LDR, DFR, enabled and
   * x2APIC bits, TPR class.
   */
  APIC_ID = 0x100,
  LDR = 0x104,
  DFR = 0x108,
  APIC_FLAGS = 0x10C,
  PPR = 0x110,
  /** i64 nanoseconds of machine time: deadline of the LAPIC timer, i64.MAX = none. */
  TIMER_DEADLINE = 0x140,
  /** Counters for the panel, u64 written by the owner: instructions, halted ns, accepted. */
  STAT_INSTRUCTIONS = 0x180,
  STAT_HALTED_NS = 0x188,
  STAT_ACCEPTED = 0x190,
  STAT_CLEARED_BY_RESET = 0x198,
  /** 256 x u32: interrupts accepted by vector. */
  ACCEPTED_BY_VECTOR = 0x200,
  /** u32: scratch of the owner's fences. */
  FENCE = 0x1C0,
  /** Code-page inbox: u32 count, then entries (page numbers). */
  PAGES = 0x600,
}

/** Code-page inbox capacity; overflow means "drop the whole write table". */
export const PAGE_INBOX_ENTRIES: u32 = 32;

// @ts-ignore: decorator
@inline
export function cpuBlock(id: u32): usize {
  return CPU_BLOCKS + id * CPU_BLOCK_BYTES;
}
// @ts-ignore: decorator
@inline
export function inboxOf(id: u32): usize {
  return cpuBlock(id) + CPU_INBOX;
}
// @ts-ignore: decorator
@inline
export function stateOf(id: u32): usize {
  return cpuBlock(id) + CPU_STATE;
}
// @ts-ignore: decorator
@inline
export function lapicOf(id: u32): usize {
  return cpuBlock(id) + CPU_LAPIC;
}

/** No request waits: IF may be set without a poll. One that comes later sets `attention`. */
export function noRequests(c: Cpu): bool {
  return atomic.load<u32>(inboxOf(c.id), Inbox.REQUESTS) == 0;
}

/** Ask CPU `id` for something, from any thread. Pairs with smp.ts takeRequests. */
export function request(id: u32, bits: u32): void {
  const box = inboxOf(id);
  atomic.or<u32>(box, bits, Inbox.REQUESTS);
  atomic.store<u32>(box, 1, Inbox.ATTENTION);
  atomic.notify(box + Inbox.ATTENTION, 1);
}
