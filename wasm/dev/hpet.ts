// High precision event timer (IA-PC HPET specification 1.0a): one block, three 64-bit comparators, 100 MHz,
// all periodic capable, legacy replacement. The counter is computed from `now`. Left out: FSB (message)
// delivery.

import { BOARD } from "../lib/layout";
import { NEVER, nowNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { Board } from "../bus/device";
import { IrqLine, irqPulse, irqSet } from "../bus/irq";

const TIMERS: u32 = 3;
const NS_PER_TICK: i64 = 10;
/**
 * Vendor 8086h, legacy capable, 64 bits, three timers, revision 1; period in femtoseconds in the high half.
 */
const CAPABILITIES: u64 = 0x00989680_8086A201;

const enum Reg { CAPABILITIES = 0x00, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xF0, TIMER0 = 0x100 }
const enum TimerReg { CONFIG = 0x00, COMPARATOR = 0x08, ROUTE = 0x10 }
const TIMER_STRIDE: u32 = 0x20;
const enum Config { ENABLE = 1, LEGACY = 2, WRITABLE = 3 }
/** Timer configuration bits (section 2.3.8). */
const enum Tn {
  LEVEL = 0x2, INT_ENABLE = 0x4, PERIODIC = 0x8, PERIODIC_CAP = 0x10, SIZE_CAP = 0x20, SET_ACCUMULATOR = 0x40,
  MODE32 = 0x100, ROUTE = 0x3E00, WRITABLE = 0x3F4E,
}
const ROUTE_SHIFT: u32 = 9;
/** Pins 20..23 of the IOAPIC may be chosen. */
const ROUTE_CAP: u64 = 0x00F00000;
const LOW32: u64 = 0xFFFFFFFF;

@unmanaged
export class HpetTimer {
  config: u32;
  /** Level of the interrupt line while level-triggered. */
  asserted: u32;
  comparator: u64;
  period: u64;
  /** Machine time of the next match, NEVER = none. */
  deadlineNs: i64;
}
const TIMER_BYTES: u32 = offsetof<HpetTimer>();

@unmanaged
export class Hpet {
  lock: u32;
  config: u32;
  status: u32;
  pad: u32;
  /** Counter value at machine time `baseNs` (while disabled: the value). */
  counter: u64;
  baseNs: i64;
}
const HEADER_BYTES: u32 = offsetof<Hpet>();

// @ts-ignore: decorator
@inline
function timer(dev: Hpet, n: u32): HpetTimer {
  return changetype<HpetTimer>(changetype<usize>(dev) + HEADER_BYTES + n * TIMER_BYTES);
}

export function hpetReset(dev: Hpet): void {
  memory.fill(changetype<usize>(dev) + offsetof<Hpet>("config"), 0, HEADER_BYTES - 4 + TIMERS * TIMER_BYTES);
  for (let n: u32 = 0; n < TIMERS; n++) {
    timer(dev, n).comparator = ~<u64>0;
    timer(dev, n).deadlineNs = NEVER;
  }
  atomic.store<u32>(BOARD + <usize>Board.HPET_LEGACY, 0);
  timerSet(Timer.HPET, NEVER);
}

function counterAt(dev: Hpet, now: i64): u64 {
  if ((dev.config & Config.ENABLE) == 0) return dev.counter;
  return dev.counter + <u64>((now - dev.baseNs) / NS_PER_TICK);
}

/** IOAPIC pin or ISA line of timer n (section 2.3.5: legacy replacement takes timers 0 and 1). */
function lineOf(dev: Hpet, n: u32): u32 {
  if ((dev.config & Config.LEGACY) != 0 && n < 2) return n == 0 ? IrqLine.TIMER : IrqLine.RTC;
  return (timer(dev, n).config & Tn.ROUTE) >> ROUTE_SHIFT;
}

function lineUsable(dev: Hpet, n: u32): bool {
  if ((dev.config & Config.LEGACY) != 0 && n < 2) return true;
  return (ROUTE_CAP >> <u64>lineOf(dev, n) & 1) != 0;
}

/** Ticks from `now`'s counter value to the match: at least 1; the whole wrap when they are equal. */
function ticksToMatch(t: HpetTimer, count: u64): u64 {
  if ((t.config & Tn.MODE32) != 0) {
    const d = (t.comparator - count) & LOW32;
    return d == 0 ? LOW32 + 1 : d;
  }
  return t.comparator - count;
}

/** Recompute the match time of timer n. */
function arm(dev: Hpet, n: u32, now: i64): void {
  const t = timer(dev, n);
  t.deadlineNs = NEVER;
  if ((dev.config & Config.ENABLE) == 0) return;
  const d = ticksToMatch(t, counterAt(dev, now));
  // A 64-bit comparator behind the counter matches after the wrap: never.
  if (<i64>d <= 0 || d > <u64>(i64.MAX_VALUE / NS_PER_TICK / 2)) return;
  t.deadlineNs = now - (now - dev.baseNs) % NS_PER_TICK + <i64>d * NS_PER_TICK;
}

function earliest(dev: Hpet): i64 {
  let next = NEVER;
  for (let n: u32 = 0; n < TIMERS; n++) {
    const t = timer(dev, n);
    // A match without the interrupt enabled sets nothing that anybody can see, except the level status below.
    if ((t.config & Tn.INT_ENABLE) == 0) continue;
    if (t.deadlineNs < next) next = t.deadlineNs;
  }
  return next;
}

function rearm(dev: Hpet, now: i64): void {
  for (let n: u32 = 0; n < TIMERS; n++) arm(dev, n, now);
  timerSet(Timer.HPET, earliest(dev));
}

/** Level lines follow status and enable. */
function updateLevel(dev: Hpet, n: u32): void {
  const t = timer(dev, n);
  const want = (t.config & (Tn.LEVEL | Tn.INT_ENABLE)) == (Tn.LEVEL | Tn.INT_ENABLE)
    && (dev.status >> n & 1) != 0 &&
    (dev.config & Config.ENABLE) != 0 && lineUsable(dev, n);
  if ((t.asserted != 0) == want) return;
  t.asserted = want ? 1 : 0;
  irqSet(lineOf(dev, n), want);
}

function fire(dev: Hpet, n: u32): void {
  const t = timer(dev, n);
  if ((t.config & Tn.INT_ENABLE) == 0 || !lineUsable(dev, n)) return;
  if ((t.config & Tn.LEVEL) != 0) {
    dev.status |= <u32>1 << n;
    updateLevel(dev, n);
  } else {
    irqPulse(lineOf(dev, n));
  }
}

export function hpetTick(dev: Hpet, now: i64): i64 {
  for (let n: u32 = 0; n < TIMERS; n++) {
    const t = timer(dev, n);
    if (t.deadlineNs > now) continue;
    fire(dev, n);
    if ((t.config & Tn.PERIODIC) != 0 && t.period != 0) {
      // The accumulator moves past the counter in one step: late means one interrupt.
      const behind = counterAt(dev, now) - t.comparator;
      t.comparator += (behind / t.period + 1) * t.period;
      if ((t.config & Tn.MODE32) != 0) t.comparator &= LOW32;
    }
    arm(dev, n, now);
  }
  return earliest(dev);
}

function readTimer(dev: Hpet, n: u32, reg: u32): u64 {
  const t = timer(dev, n);
  switch (reg) {
    case TimerReg.CONFIG: return <u64>(t.config | Tn.PERIODIC_CAP | Tn.SIZE_CAP) | ROUTE_CAP << 32;
    case TimerReg.COMPARATOR: return t.comparator;
    default: return 0;
  }
}

function readRegister(dev: Hpet, reg: u32): u64 {
  if (reg >= <u32>Reg.TIMER0) {
    const n = (reg - Reg.TIMER0) / TIMER_STRIDE;
    return n < TIMERS ? readTimer(dev, n, (reg - Reg.TIMER0) % TIMER_STRIDE) : 0;
  }
  switch (reg) {
    case Reg.CAPABILITIES: return CAPABILITIES;
    case Reg.CONFIG: return <u64>dev.config;
    case Reg.STATUS: return <u64>dev.status;
    case Reg.COUNTER: return counterAt(dev, nowNs());
    default: return 0;
  }
}

function writeConfig(dev: Hpet, v: u32, now: i64): void {
  const old = dev.config;
  const next = v & Config.WRITABLE;
  if ((old & Config.ENABLE) != 0) {
    // Freeze, so that a later enable continues from here.
    dev.counter = counterAt(dev, now);
  }
  dev.baseNs = now;
  // Lines of the old routing are released before it changes.
  if (((old ^ next) & Config.LEGACY) != 0) {
    for (let n: u32 = 0; n < 2; n++) {
      if (timer(dev, n).asserted == 0) continue;
      irqSet(lineOf(dev, n), false);
      timer(dev, n).asserted = 0;
    }
    if ((next & Config.LEGACY) != 0) {
      irqSet(IrqLine.TIMER, false);
      irqSet(IrqLine.RTC, false);
    }
    atomic.store<u32>(BOARD + <usize>Board.HPET_LEGACY, next & Config.LEGACY);
  }
  dev.config = next;
  for (let n: u32 = 0; n < TIMERS; n++) updateLevel(dev, n);
}

/** `mask` = the bytes being written. */
function writeTimer(dev: Hpet, n: u32, reg: u32, v: u64, mask: u64): void {
  const t = timer(dev, n);
  if (reg == TimerReg.CONFIG) {
    const old = t.config;
    const merged = (old & ~<u32>mask) | (<u32>v & <u32>mask);
    if (t.asserted != 0 && ((old ^ merged) & (Tn.ROUTE | Tn.LEVEL)) != 0) {
      irqSet(lineOf(dev, n), false);
      t.asserted = 0;
    }
    t.config = merged & Tn.WRITABLE;
    if ((t.config & Tn.MODE32) != 0) {
      t.comparator &= LOW32;
      t.period &= LOW32;
    }
    updateLevel(dev, n);
    return;
  }
  if (reg != TimerReg.COMPARATOR) return;
  const periodic = (t.config & Tn.PERIODIC) != 0;
  const limit: u64 = (t.config & Tn.MODE32) != 0 ? LOW32 : ~<u64>0;
  // Section 2.3.9.2.2: in periodic mode a write gives the period; with SET_ACCUMULATOR also the comparator.
  if (!periodic || (t.config & Tn.SET_ACCUMULATOR) != 0) {
    t.comparator = ((t.comparator & ~mask) | (v & mask)) & limit;
  }
  if (periodic) t.period = ((t.period & ~mask) | (v & mask)) & limit;
  // The bit stays for the second half of a 64-bit value written in two.
  if ((mask & LOW32) == 0 || mask == ~<u64>0 || (t.config & Tn.MODE32) != 0
    || periodic) t.config &= ~Tn.SET_ACCUMULATOR;
}

function writeRegister(dev: Hpet, reg: u32, v: u64, mask: u64): void {
  const now = nowNs();
  if (reg >= <u32>Reg.TIMER0) {
    const n = (reg - Reg.TIMER0) / TIMER_STRIDE;
    if (n < TIMERS) writeTimer(dev, n, (reg - Reg.TIMER0) % TIMER_STRIDE, v, mask);
  } else if (reg == Reg.CONFIG) {
    writeConfig(dev, (dev.config & ~<u32>mask) | <u32>(v & mask), now);
  } else if (reg == Reg.STATUS) {
    dev.status &= ~<u32>(v & mask);
    for (let n: u32 = 0; n < TIMERS; n++) updateLevel(dev, n);
  } else if (reg == Reg.COUNTER && (dev.config & Config.ENABLE) == 0) {
    dev.counter = (dev.counter & ~mask) | (v & mask);
  }
  rearm(dev, now);
}

/** The bus gives aligned accesses of 4 or 8 bytes; smaller ones come as such and are merged. */
export function hpetRead(dev: Hpet, offset: u32, size: u32): u64 {
  return readRegister(dev, offset & ~7) >> (<u64>(offset & 7) << 3);
}

export function hpetWrite(dev: Hpet, offset: u32, size: u32, value: u64): void {
  const shift = <u64>(offset & 7) << 3;
  const mask = (~<u64>0 >> (64 - (<u64>size << 3))) << shift;
  writeRegister(dev, offset & ~7, value << shift, mask);
}

export function hpetSerialize(dev: Hpet, s: Serializer): void {
  // "HPET", version 1
  serializeSection(s, 0x54455048, 1, changetype<usize>(dev) + offsetof<Hpet>("config"), HEADER_BYTES - 4 + TIMERS * TIMER_BYTES);
}
