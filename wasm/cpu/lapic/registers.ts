// Register access of the local APIC: the xAPIC page, the x2APIC MSRs, the effects of IA32_APIC_BASE (whose
// legality is cpu/msr.ts's), reset. SDM 3A 10.4 (xAPIC), 10.12 (x2APIC). Called by the owning CPU's worker
// only; lapicPowerOn and lapicPresetVirtualWire by the host while the CPUs are parked.

import { BOARD, PAGE_SHIFT } from "../../lib/layout";
import { Log, logOnce } from "../../lib/log";
import { NEVER } from "../../lib/time";
import { Cpu, Status } from "../state";
import { Vector, raiseError } from "../exceptions";
import { Inbox, Request, inboxOf, request, stateOf } from "../inbox";
import { Board } from "../../bus/device";
import {
  APIC_BASE_BSP, APIC_BASE_DEFAULT, APIC_BASE_ENABLE, APIC_BASE_X2APIC, APIC_VERSION, ApicBit, ApicFlag,
    ApicReg, Delivery,
  Esr, Lapic, NO_PAGE, SVR_ENABLE, SVR_RESET, apicFlags, isrWord, lapicState,
} from "./state";
import { lapicEoi, lapicRecheck, lapicSetTpr, lapicUpdatePpr } from "./accept";
import { lapicCommand } from "./icr";
import { lapicPost } from "./deliver";
import {
  lapicTimerCurrent, lapicTimerModeChanged, lapicTimerSetDivide, lapicTimerSetInitial, lapicTimerStop,
} from "./timer";

const MSR_X2APIC: u32 = 0x800;
const MSR_X2APIC_COUNT: u32 = 0x100;
const ADDRESS_MASK: u64 = 0x000FFFFFFFFFF000;

/** Writable bits of each LVT (SDM figure 10-8). */
const LVT_TIMER_BITS: u32 = 0x700FF;
const LVT_LINT_BITS: u32 = 0x1A7FF;
const LVT_ERROR_BITS: u32 = 0x100FF;
const LVT_OTHER_BITS: u32 = 0x107FF;
const LVT_RESET: u32 = 0x10000;
const DFR_RESET: u32 = 0xFFFFFFFF;
const DFR_FIXED_BITS: u32 = 0x0FFFFFFF;
const LDR_BITS: u32 = 0xFF000000;
const SVR_BITS: u32 = 0x1FF;
const ICR_LOW_BITS: u32 = 0xCCFFF;
const INVALID: u32 = 0xFFFFFFFF;
/** Bit of Board.LOGGED. */
const LOGGED_RESERVED: u32 = 1;

/** Page number of CPU `id`'s MMIO registers. */
// @ts-ignore: decorator
@inline
export function lapicPage(id: u32): u64 {
  return lapicState(id).mmioPage;
}

/** IA32_APIC_BASE of CPU `id`. */
// @ts-ignore: decorator
@inline
function baseOf(id: u32): u64 {
  return changetype<Cpu>(stateOf(id)).apicBase;
}

/** Recompute what other threads read after APIC_BASE, SVR or LINT0 changed. */
function publish(id: u32): void {
  const l = lapicState(id);
  const base = baseOf(id);
  const enabled = (base & APIC_BASE_ENABLE) != 0;
  let flags: u32 = 0;
  if (enabled) flags |= ApicFlag.GLOBAL_ENABLED;
  if (enabled && (l.svr & SVR_ENABLE) != 0) flags |= ApicFlag.SOFTWARE_ENABLED;
  if ((base & APIC_BASE_X2APIC) != 0) flags |= ApicFlag.X2APIC;
  // SDM 3A 10.4.3: with the APIC globally off, LINT0 is the INTR pin. Only the boot CPU has the wire then.
  const lint0 = l.lvtLint0 & (ApicBit.MODE | ApicBit.MASKED);
  if (enabled ? lint0 == <u32>Delivery.EXTINT << 8
    : (base & APIC_BASE_BSP) != 0) flags |= ApicFlag.TAKES_EXTINT;
  l.mmioPage = enabled && (flags & ApicFlag.X2APIC) == 0 ? (base & ADDRESS_MASK) >> PAGE_SHIFT : NO_PAGE;
  atomic.store<u32>(inboxOf(id), flags, Inbox.APIC_FLAGS);
  lapicRecheck(id);
}

/** Clear IRR (counted), ISR, TMR and every register but APIC_BASE and the id: SDM 3A 10.4.7.1, .3. */
export function lapicInit(id: u32): void {
  const l = lapicState(id);
  const box = inboxOf(id);
  let cleared: u64 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    cleared += <u64>popcnt(atomic.xchg<u32>(box + (n << 2), 0, Inbox.IRR));
    atomic.store<u32>(box + (n << 2), 0, Inbox.TMR);
    store<u32>(isrWord(l, n), 0);
  }
  store<u64>(box, load<u64>(box, Inbox.STAT_CLEARED_BY_RESET) + cleared, Inbox.STAT_CLEARED_BY_RESET);
  l.tpr = 0;
  l.svr = SVR_RESET;
  l.errors = 0;
  l.esr = 0;
  l.icrLow = 0;
  l.icrHigh = 0;
  l.lvtTimer = LVT_RESET;
  l.lvtThermal = LVT_RESET;
  l.lvtPerf = LVT_RESET;
  atomic.store<u32>(changetype<usize>(l) + offsetof<Lapic>("lvtLint0"), LVT_RESET);
  l.lvtLint1 = LVT_RESET;
  l.lvtError = LVT_RESET;
  l.timerDivide = 0;
  lapicTimerStop(id);
  atomic.store<u32>(box, DFR_RESET, Inbox.DFR);
  if ((baseOf(id) & APIC_BASE_X2APIC) == 0) atomic.store<u32>(box, 0, Inbox.LDR);
  lapicUpdatePpr(id);
  publish(id);
}

/** RESET of CPU `id`'s APIC with the base register already in its reset state, and INIT (which keeps the base). */
export function lapicReset(id: u32): void {
  lapicInit(id);
}

/** Power-on or machine reset, before the CPU's own reset has run. */
export function lapicPowerOn(id: u32): void {
  const box = inboxOf(id);
  changetype<Cpu>(stateOf(id)).apicBase = APIC_BASE_DEFAULT | APIC_BASE_ENABLE
    | (id == 0 ? APIC_BASE_BSP : 0);
  atomic.store<u32>(box, id, Inbox.APIC_ID);
  atomic.store<i64>(box, NEVER, Inbox.TIMER_DEADLINE);
  lapicInit(id);
  if (id == 0 && atomic.load<u32>(BOARD + <usize>Board.DIRECT_BOOT) != 0) lapicPresetVirtualWire(id);
}

/** What firmware leaves on the boot CPU: enabled, LINT0 = ExtINT (virtual wire), LINT1 = NMI. */
export function lapicPresetVirtualWire(id: u32): void {
  const l = lapicState(id);
  l.svr = SVR_ENABLE | SVR_RESET;
  l.lvtLint0 = <u32>Delivery.EXTINT << 8;
  l.lvtLint1 = <u32>Delivery.NMI << 8;
  publish(id);
}

/** Read of the register at `reg` (a multiple of 16); reserved ones read 0 and set ESR bit 7. */
export function lapicRead(id: u32, reg: u32): u32 {
  const l = lapicState(id);
  const box = inboxOf(id);
  const x2 = (baseOf(id) & APIC_BASE_X2APIC) != 0;
  // 8 words of ISR, TMR and IRR.
  const word: u32 = (reg & 0x70) >> 2;
  switch (reg & 0xF80) {
    case ApicReg.ISR: return load<u32>(isrWord(l, 0) + word);
    case ApicReg.TMR: return atomic.load<u32>(box + word, Inbox.TMR);
    case ApicReg.IRR: return atomic.load<u32>(box + word, Inbox.IRR);
    default: break;
  }
  switch (reg) {
    case ApicReg.ID: {
      const apicId = atomic.load<u32>(box, Inbox.APIC_ID);
      return x2 ? apicId : apicId << 24;
    }
    case ApicReg.VERSION: return APIC_VERSION;
    case ApicReg.TPR: return l.tpr;
    case ApicReg.PPR: return atomic.load<u32>(box, Inbox.PPR);
    case ApicReg.LDR: return atomic.load<u32>(box, Inbox.LDR);
    case ApicReg.DFR: return atomic.load<u32>(box, Inbox.DFR);
    case ApicReg.SVR: return l.svr;
    case ApicReg.ESR: return l.esr;
    case ApicReg.ICR_LOW: return l.icrLow;
    case ApicReg.ICR_HIGH: return l.icrHigh;
    case ApicReg.LVT_TIMER: return l.lvtTimer;
    case ApicReg.LVT_THERMAL: return l.lvtThermal;
    case ApicReg.LVT_PERF: return l.lvtPerf;
    case ApicReg.LVT_LINT0: return l.lvtLint0;
    case ApicReg.LVT_LINT1: return l.lvtLint1;
    case ApicReg.LVT_ERROR: return l.lvtError;
    case ApicReg.TIMER_INITIAL: return l.timerInitial;
    case ApicReg.TIMER_CURRENT: return lapicTimerCurrent(id);
    case ApicReg.TIMER_DIVIDE: return l.timerDivide;
    case ApicReg.EOI: case ApicReg.APR: case ApicReg.RRD: return 0;
    default:
      reserved(id, reg);
      return 0;
  }
}

/** An access to a register that does not exist. */
function reserved(id: u32, reg: u32): void {
  logOnce(BOARD + <usize>Board.LOGGED, LOGGED_RESERVED, Log.LAPIC_RESERVED, id, reg);
  lapicError(id, Esr.REGISTER);
}

/** Note an error and raise the error LVT (SDM 3A 10.5.3). */
export function lapicError(id: u32, bits: u32): void {
  const l = lapicState(id);
  const old = atomic.or<u32>(changetype<usize>(l) + offsetof<Lapic>("errors"), bits);
  if ((old & bits) != bits && (l.lvtError & ApicBit.MASKED) == 0) lapicPost(id, l.lvtError & ApicBit.VECTOR,
    false);
}

/** Value of an LVT after a write: a software-disabled APIC keeps the mask set (SDM 3A 10.4.7.2). */
function lvtValue(l: Lapic, value: u32, bits: u32): u32 {
  const masked: u32 = (l.svr & SVR_ENABLE) == 0 ? ApicBit.MASKED : 0;
  return (value & bits) | masked;
}

export function lapicWrite(id: u32, reg: u32, value: u32): void {
  const l = lapicState(id);
  const box = inboxOf(id);
  switch (reg) {
    case ApicReg.TPR: lapicSetTpr(id, value); break;
    case ApicReg.EOI: lapicEoi(id); break;
    case ApicReg.LDR: atomic.store<u32>(box, value & LDR_BITS, Inbox.LDR); break;
    case ApicReg.DFR: atomic.store<u32>(box, value | DFR_FIXED_BITS, Inbox.DFR); break;
    case ApicReg.SVR: writeSvr(id, value & SVR_BITS); break;
    case ApicReg.ESR: l.esr = atomic.xchg<u32>(changetype<usize>(l) + offsetof<Lapic>("errors"), 0); break;
    case ApicReg.ICR_HIGH: l.icrHigh = value & LDR_BITS; break;
    case ApicReg.ICR_LOW:
      l.icrLow = value & ICR_LOW_BITS;
      lapicCommand(id, l.icrLow, l.icrHigh >> 24, false);
      break;
    case ApicReg.LVT_TIMER: {
      const old = l.lvtTimer;
      l.lvtTimer = lvtValue(l, value, LVT_TIMER_BITS);
      lapicTimerModeChanged(id, old, l.lvtTimer);
      break;
    }
    case ApicReg.LVT_THERMAL: l.lvtThermal = lvtValue(l, value, LVT_OTHER_BITS); break;
    case ApicReg.LVT_PERF: l.lvtPerf = lvtValue(l, value, LVT_OTHER_BITS); break;
    case ApicReg.LVT_LINT0:
      atomic.store<u32>(changetype<usize>(l) + offsetof<Lapic>("lvtLint0"),
        lvtValue(l, value, LVT_LINT_BITS));
      publish(id);
      break;
    case ApicReg.LVT_LINT1: l.lvtLint1 = lvtValue(l, value, LVT_LINT_BITS); break;
    case ApicReg.LVT_ERROR: l.lvtError = lvtValue(l, value, LVT_ERROR_BITS); break;
    case ApicReg.TIMER_INITIAL: lapicTimerSetInitial(id, value); break;
    case ApicReg.TIMER_DIVIDE: lapicTimerSetDivide(id, value); break;
    // Read-only registers, among them ID (fixed here) and the arrays: ignored.
    case ApicReg.ID: case ApicReg.VERSION: case ApicReg.APR: case ApicReg.PPR: case ApicReg.RRD:
    case ApicReg.TIMER_CURRENT: break;
    default: reserved(id, reg); break;
  }
}

function writeSvr(id: u32, value: u32): void {
  const l = lapicState(id);
  l.svr = value;
  if ((value & SVR_ENABLE) == 0) {
    l.lvtTimer |= ApicBit.MASKED;
    l.lvtThermal |= ApicBit.MASKED;
    l.lvtPerf |= ApicBit.MASKED;
    l.lvtLint0 |= ApicBit.MASKED;
    l.lvtLint1 |= ApicBit.MASKED;
    l.lvtError |= ApicBit.MASKED;
  }
  publish(id);
}

/** IA32_APIC_BASE has just become `value` (legal, and already in the CPU's state). */
export function lapicSetBase(c: Cpu, value: u64): void {
  const id = c.id;
  const old = apicFlags(id);
  c.apicBase = value;
  if ((value & APIC_BASE_ENABLE) == 0 && (old & ApicFlag.GLOBAL_ENABLED) != 0) {
    // Turning it off is a reset of the rest (SDM 3A 10.4.3).
    lapicInit(id);
  } else if ((value & APIC_BASE_X2APIC) != 0 && (old & ApicFlag.X2APIC) == 0) {
    // SDM 3A 10.12.10.2: LDR follows from the id.
    const apicId = atomic.load<u32>(inboxOf(id), Inbox.APIC_ID);
    atomic.store<u32>(inboxOf(id), (apicId >> 4) << 16 | <u32>1 << (apicId & 15), Inbox.LDR);
  }
  publish(id);
}

/** RDMSR of 0x800..0x8FF into c.second: Status.NEXT, or FAULT with #GP. */
export function lapicReadMsr(c: Cpu, msr: u32): i32 {
  if (!readX2(c, msr)) return raiseError(c, Vector.GP, 0);
  return Status.NEXT;
}

/** WRMSR of 0x800..0x8FF: Status.END (an interrupt may have become deliverable), or FAULT with #GP. */
export function lapicWriteMsr(c: Cpu, msr: u32, value: u64): i32 {
  if (!writeX2(c, msr, value)) return raiseError(c, Vector.GP, 0);
  return Status.END;
}

function readX2(c: Cpu, msr: u32): bool {
  const l = lapicState(c.id);
  if (msr - MSR_X2APIC >= MSR_X2APIC_COUNT || (apicFlags(c.id) & ApicFlag.X2APIC) == 0) return false;
  const reg = (msr - MSR_X2APIC) << 4;
  if (reg == ApicReg.ICR_LOW) {
    c.second = <u64>l.icrHigh << 32 | <u64>l.icrLow;
    return true;
  }
  if (!x2Readable(reg)) return false;
  c.second = <u64>lapicRead(c.id, reg);
  return true;
}

/** SDM table 10-6. */
function x2Readable(reg: u32): bool {
  if (reg >= <u32>ApicReg.ISR && reg < <u32>ApicReg.ESR) return true;
  switch (reg) {
    case ApicReg.ID: case ApicReg.VERSION: case ApicReg.TPR: case ApicReg.PPR: case ApicReg.LDR:
      case ApicReg.SVR:
    case ApicReg.ESR: case ApicReg.LVT_TIMER: case ApicReg.LVT_THERMAL: case ApicReg.LVT_PERF:
      case ApicReg.LVT_LINT0:
    case ApicReg.LVT_LINT1: case ApicReg.LVT_ERROR: case ApicReg.TIMER_INITIAL: case ApicReg.TIMER_CURRENT:
    case ApicReg.TIMER_DIVIDE:
      return true;
    default: return false;
  }
}

/** Bits that may be written in x2APIC mode; INVALID = not writable. */
function x2Writable(reg: u32): u32 {
  switch (reg) {
    case ApicReg.TPR: return 0xFF;
    case ApicReg.EOI: case ApicReg.ESR: return 0;
    case ApicReg.SVR: return SVR_BITS;
    case ApicReg.LVT_TIMER: return LVT_TIMER_BITS;
    case ApicReg.LVT_THERMAL: case ApicReg.LVT_PERF: return LVT_OTHER_BITS;
    // Status bits may be written back as they were read.
    case ApicReg.LVT_LINT0: case ApicReg.LVT_LINT1: return LVT_LINT_BITS | ApicBit.STATUS
      | ApicBit.REMOTE_IRR;
    case ApicReg.LVT_ERROR: return LVT_ERROR_BITS;
    case ApicReg.TIMER_DIVIDE: return 11;
    default: return INVALID;
  }
}

function writeX2(c: Cpu, msr: u32, value: u64): bool {
  if (msr - MSR_X2APIC >= MSR_X2APIC_COUNT || (apicFlags(c.id) & ApicFlag.X2APIC) == 0) return false;
  const reg = (msr - MSR_X2APIC) << 4;
  const low = <u32>value;
  const high = <u32>(value >> 32);
  if (reg == ApicReg.ICR_LOW) {
    if ((low & ~ICR_LOW_BITS) != 0) return false;
    const l = lapicState(c.id);
    l.icrLow = low;
    l.icrHigh = high;
    lapicCommand(c.id, low, high, true);
    return true;
  }
  if (high != 0) return false;
  if (reg == ApicReg.TIMER_INITIAL) {
    lapicTimerSetInitial(c.id, low);
    return true;
  }
  if (reg == ApicReg.SELF_IPI) {
    if ((low & ~<u32>ApicBit.VECTOR) != 0) return false;
    if (low < 16) lapicError(c.id, Esr.SEND_VECTOR);
    else lapicPost(c.id, low, false);
    return true;
  }
  const bits = x2Writable(reg);
  if (bits == INVALID || (low & ~bits) != 0) return false;
  lapicWrite(c.id, reg, low);
  return true;
}

/** LINT1 of CPU `id` is asserted: NMI button, or whatever the guest made of it. */
export function lapicLint1(id: u32): void {
  const lvt = lapicState(id).lvtLint1;
  if ((lvt & ApicBit.MASKED) != 0) return;
  const mode = (lvt & ApicBit.MODE) >> 8;
  if (mode == Delivery.NMI) request(id, Request.NMI);
  else if (mode == Delivery.FIXED) lapicPost(id, lvt & ApicBit.VECTOR, false);
}
