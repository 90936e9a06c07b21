// The local APIC's registers (Intel SDM volume 3A chapter 10, "APIC"; version 14h, 6 LVT entries, x2APIC
// capable). `Lapic` is private to its CPU's worker except where noted; what other threads read or write is in
// the inbox (IRR, TMR, identity for destination matching, ExtINT wire, timer deadline), so delivery never
// takes a lock or waits. Left out: CMCI and thermal sensors (their LVTs hold values only), SMI delivery,
// EOI-broadcast suppression, APR and RRR.

import { Inbox, inboxOf, lapicOf } from "../inbox";

/** Offsets of the xAPIC page; x2APIC MSR = 0x800 + (offset >> 4). SDM table 10-1. */
export const enum ApicReg {
  ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xA0, EOI = 0xB0, RRD = 0xC0, LDR = 0xD0, DFR =
    0xE0,
  SVR = 0xF0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, LVT_CMCI = 0x2F0, ICR_LOW = 0x300,
    ICR_HIGH = 0x310,
  LVT_TIMER = 0x320, LVT_THERMAL = 0x330, LVT_PERF = 0x340, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR =
    0x370,
  TIMER_INITIAL = 0x380, TIMER_CURRENT = 0x390, TIMER_DIVIDE = 0x3E0, SELF_IPI = 0x3F0,
}

/** Bits of an LVT entry and of the ICR. */
export const enum ApicBit {
  VECTOR = 0xFF, MODE = 0x700, LOGICAL = 0x800, STATUS = 0x1000, REMOTE_IRR = 0x4000, ASSERT = 0x4000,
    LEVEL = 0x8000,
  MASKED = 0x10000, TIMER_MODE = 0x60000, TIMER_PERIODIC = 0x20000, TIMER_TSC_DEADLINE = 0x40000, SHORTHAND =
    0xC0000,
  POLARITY = 0x2000,
}

/** Delivery modes (bits 8..10). */
export const enum Delivery { FIXED = 0, LOWEST = 1, SMI = 2, NMI = 4, INIT = 5, STARTUP = 6, EXTINT = 7 }

/** Inbox.APIC_FLAGS, published by the owner. */
export const enum ApicFlag {
  /** SVR bit 8. */
  SOFTWARE_ENABLED = 1,
  /** IA32_APIC_BASE EN. */
  GLOBAL_ENABLED = 2,
  X2APIC = 4,
  /**
   * INTR of the 8259 pair is taken by this CPU: LINT0 is unmasked ExtINT, or the APIC is globally off on the
   * BSP.
   */
  TAKES_EXTINT = 8,
}

export const enum Esr { SEND_ACCEPT = 4, SEND_VECTOR = 0x20, RECEIVE_VECTOR = 0x40, REGISTER = 0x80 }

export const APIC_BASE_DEFAULT: u64 = 0xFEE00000;
export const APIC_BASE_BSP: u64 = 0x100;
export const APIC_BASE_X2APIC: u64 = 0x400;
export const APIC_BASE_ENABLE: u64 = 0x800;

/** Version 14h, max LVT entry 5. */
export const APIC_VERSION: u32 = 0x00050014;
/** The timer's input clock before the divider; CPUID 15h must announce it as the crystal. */
export const LAPIC_TIMER_HZ: u64 = 1000000000;

export const SVR_ENABLE: u32 = 0x100;
export const SVR_RESET: u32 = 0xFF;
export const NO_PAGE: u64 = 0xFFFFFFFFFFFFFFFF;

@unmanaged
export class Lapic {
  tpr: u32;
  svr: u32;
  /** Accumulated errors; other CPUs may OR (atomic). */
  errors: u32;
  /** ESR as latched by the last write. */
  esr: u32;
  icrLow: u32;
  icrHigh: u32;
  lvtTimer: u32;
  lvtThermal: u32;
  lvtPerf: u32;
  /** Read by the 8259's holder (atomic). */
  lvtLint0: u32;
  lvtLint1: u32;
  lvtError: u32;
  timerInitial: u32;
  timerDivide: u32;
  /** Machine time at which the running count was loaded. */
  timerStartNs: i64;
  /** IA32_TSC_DEADLINE, 0 = disarmed. */
  tscDeadline: u64;
  /** Page number of the MMIO registers, NO_PAGE when they do not answer. */
  mmioPage: u64;
  isr0: u32; isr1: u32; isr2: u32; isr3: u32; isr4: u32; isr5: u32; isr6: u32; isr7: u32;
}

// @ts-ignore: decorator
@inline
export function lapicState(id: u32): Lapic {
  return changetype<Lapic>(lapicOf(id));
}

// @ts-ignore: decorator
@inline
export function isrWord(l: Lapic, n: u32): usize {
  return changetype<usize>(l) + offsetof<Lapic>("isr0") + (n << 2);
}

// @ts-ignore: decorator
@inline
export function apicFlags(id: u32): u32 {
  return atomic.load<u32>(inboxOf(id), Inbox.APIC_FLAGS);
}

/** Highest set bit of 8 words, -1 = none. */
export function highestVector(words: usize): i32 {
  for (let n: i32 = 7; n >= 0; n--) {
    const w = atomic.load<u32>(words + (n << 2));
    if (w != 0) return (n << 5) + 31 - clz(w);
  }
  return -1;
}
