// 8254 programmable interval timer (Intel order 231164) and port 0x61 (system control port B). Nothing
// counts: every value is computed from `now`. OUT0 drives the timer line, OUT2 is read at port 0x61. A new
// count takes effect at once (silicon waits for the end of a running period in modes 2 and 3). A periodic
// timer that the host served late fires once.

import { NEVER, nowNs, nsToTicks, ticksToNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { IrqLine, irqSetReplaceable } from "../bus/irq";

export const PIT_HZ: u64 = 1193182;

const enum Port { COUNTER0 = 0x40, COUNTER2 = 0x42, CONTROL = 0x43, PORT_B = 0x61 }
const enum Access { LATCH = 0, LOW = 1, HIGH = 2, BOTH = 3 }
/** Port 0x61 bits. */
const enum PortB { GATE2 = 1, SPEAKER = 2, WRITABLE = 15, REFRESH = 0x10, OUT2 = 0x20 }
const READ_BACK: u32 = 3;
const NOT_COUNT: u32 = 0x20;
const NOT_STATUS: u32 = 0x10;
const STATUS_OUT: u32 = 0x80;
const STATUS_NULL: u32 = 0x40;
/** The refresh detect bit toggles with each DRAM refresh, every 15.085 us. */
const REFRESH_NS: i64 = 15085;
const COUNTERS: u32 = 3;

@unmanaged
export class Counter {
  /** 1..0x10000 (0x10000 = written 0); 0 = never loaded. */
  count: u32;
  mode: u32;
  bcd: u32;
  access: u32;
  gate: u32;
  /** 1 while the count is running (modes 1 and 5: after the trigger). */
  started: u32;
  /** 1 = the high byte is next. */
  writeHigh: u32;
  readHigh: u32;
  writeLow: u32;
  /** Latched count + 1, 0 = not latched. Latched status + 1. */
  latch: u32;
  statusLatch: u32;
  pad: u32;
  /**
   * Tick (of PIT_HZ, machine time) at which the count was loaded, and ticks counted while a low gate stopped
   * it.
   */
  start: u64;
  frozen: u64;
}
const COUNTER_BYTES: u32 = offsetof<Counter>();

@unmanaged
export class Pit {
  lock: u32;
  portB: u32;
}
const HEADER_BYTES: u32 = 8;

// @ts-ignore: decorator
@inline
function counter(dev: Pit, n: u32): Counter {
  return changetype<Counter>(changetype<usize>(dev) + HEADER_BYTES + n * COUNTER_BYTES);
}

export function pitReset(dev: Pit): void {
  memory.fill(changetype<usize>(dev) + offsetof<Pit>("portB"), 0, HEADER_BYTES - 4 + COUNTERS * COUNTER_BYTES);
  for (let n: u32 = 0; n < COUNTERS; n++) {
    const k = counter(dev, n);
    k.access = Access.BOTH;
    k.mode = 3;
    k.gate = n < 2 ? 1 : 0;
  }
  timerSet(Timer.PIT, NEVER);
}

// @ts-ignore: decorator
@inline
function ticksNow(now: i64): u64 {
  return nsToTicks(now, PIT_HZ);
}

/** Clocks since the load, without those that a low gate suppressed. */
function elapsed(k: Counter, now: i64): u64 {
  if (k.started == 0) return 0;
  if (k.gate == 0 && k.mode != 1 && k.mode != 5) return k.frozen;
  return ticksNow(now) - k.start;
}

/** Counting element as the data sheet's mode definitions give it. */
function value(k: Counter, now: i64): u32 {
  if (k.count == 0) return 0;
  const d = elapsed(k, now);
  const n = <u64>k.count;
  switch (k.mode) {
    case 2: return <u32>(n - d % n);
    // Decrements by two; odd counts spend one clock more high than low.
    case 3: return <u32>(n - (d * 2) % n) & ~1;
    default: return <u32>(n - d) & (k.bcd != 0 ? 0x3FFF : 0xFFFF);
  }
}

function out(k: Counter, now: i64): bool {
  if (k.count == 0) return k.mode != 0;
  const d = elapsed(k, now);
  const n = <u64>k.count;
  switch (k.mode) {
    case 0: return d >= n;
    case 1: return k.started == 0 || d >= n;
    case 2: return k.gate == 0 || d % n != n - 1;
    case 3: return k.gate == 0 || d % n < (n + 1) >> 1;
    default: return k.started == 0 || d != n;
  }
}

/** Binary to four BCD digits and back, for counters in BCD mode. */
function toBcd(v: u32): u32 {
  return v % 10 | (v / 10 % 10) << 4 | (v / 100 % 10) << 8 | (v / 1000 % 10) << 12;
}
function fromBcd(v: u32): u32 {
  return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}

/** Machine time of the next rising edge of OUT0 after `now`, NEVER = none. */
function nextEdge(k: Counter, now: i64): i64 {
  if (k.count == 0 || k.started == 0) return NEVER;
  const n = <u64>k.count;
  const d = elapsed(k, now);
  switch (k.mode) {
    case 2:
    case 3: return ticksToNs(k.start + (d / n + 1) * n, PIT_HZ);
    case 0:
    case 1: return d < n ? ticksToNs(k.start + n, PIT_HZ) : NEVER;
    default: return d <= n ? ticksToNs(k.start + n + 1, PIT_HZ) : NEVER;
  }
}

/** Counter 0 was (re)programmed: its output now, and the next edge. */
function update0(dev: Pit, now: i64): void {
  const k = counter(dev, 0);
  // The low phases of the periodic modes and of modes 4 and 5 are shorter than anybody looks; the edge is
  // made at the tick.
  const level = k.mode < 2 ? out(k, now) : k.started != 0;
  irqSetReplaceable(IrqLine.TIMER, level);
  timerSet(Timer.PIT, nextEdge(k, now));
}

export function pitTick(dev: Pit, now: i64): i64 {
  const k = counter(dev, 0);
  irqSetReplaceable(IrqLine.TIMER, false);
  irqSetReplaceable(IrqLine.TIMER, true);
  return nextEdge(k, now);
}

function loadCount(dev: Pit, n: u32, written: u32): void {
  const k = counter(dev, n);
  const now = nowNs();
  if (k.bcd != 0) k.count = written == 0 ? 10000 : fromBcd(written);
  else k.count = written == 0 ? 0x10000 : written;
  // Modes 1 and 5 wait for the gate's rising edge.
  k.started = k.mode == 1 || k.mode == 5 ? k.started : 1;
  k.start = ticksNow(now);
  k.frozen = 0;
  if (n == 0) update0(dev, now);
}

function writeCounter(dev: Pit, n: u32, byte: u32): void {
  const k = counter(dev, n);
  switch (k.access) {
    case Access.LOW: loadCount(dev, n, byte); break;
    case Access.HIGH: loadCount(dev, n, byte << 8); break;
    default:
      if (k.writeHigh == 0) {
        k.writeLow = byte;
        k.writeHigh = 1;
        // Mode 0: the first byte stops the count (data sheet, mode 0).
        if (k.mode == 0) {
          k.started = 0;
          if (n == 0) update0(dev, nowNs());
        }
      } else {
        k.writeHigh = 0;
        loadCount(dev, n, k.writeLow | byte << 8);
      }
      break;
  }
}

function latchCount(k: Counter, now: i64): void {
  if (k.latch != 0) return;
  const v = value(k, now) & 0xFFFF;
  k.latch = (k.bcd != 0 ? toBcd(v % 10000) : v) + 1;
}

function latchStatus(k: Counter, now: i64): void {
  if (k.statusLatch != 0) return;
  const o: u32 = out(k, now) ? STATUS_OUT : 0;
  const empty: u32 = k.count == 0 ? STATUS_NULL : 0;
  k.statusLatch = (o | empty | k.access << 4 | k.mode << 1 | k.bcd) + 1;
}

function writeControl(dev: Pit, v: u32): void {
  const now = nowNs();
  const select = v >> 6;
  if (select == READ_BACK) {
    for (let n: u32 = 0; n < COUNTERS; n++) {
      if ((v >> (n + 1) & 1) == 0) continue;
      if ((v & NOT_COUNT) == 0) latchCount(counter(dev, n), now);
      if ((v & NOT_STATUS) == 0) latchStatus(counter(dev, n), now);
    }
    return;
  }
  const k = counter(dev, select);
  const access = v >> 4 & 3;
  if (access == Access.LATCH) {
    latchCount(k, now);
    return;
  }
  const mode = v >> 1 & 7;
  k.access = access;
  // Modes 6 and 7 are 2 and 3.
  k.mode = mode > 5 ? mode - 4 : mode;
  k.bcd = v & 1;
  k.count = 0;
  k.started = 0;
  k.writeHigh = 0;
  k.readHigh = 0;
  k.latch = 0;
  k.statusLatch = 0;
  if (select == 0) update0(dev, now);
}

function readCounter(k: Counter, now: i64): u32 {
  if (k.statusLatch != 0) {
    const status = k.statusLatch - 1;
    k.statusLatch = 0;
    return status;
  }
  const latched = k.latch != 0;
  let v = latched ? k.latch - 1 : value(k, now) & 0xFFFF;
  if (!latched && k.bcd != 0) v = toBcd(v % 10000);
  switch (k.access) {
    case Access.LOW:
      k.latch = 0;
      return v & 0xFF;
    case Access.HIGH:
      k.latch = 0;
      return v >> 8;
    default:
      if (k.readHigh == 0) {
        k.readHigh = 1;
        return v & 0xFF;
      }
      k.readHigh = 0;
      k.latch = 0;
      return v >> 8;
  }
}

/** Gate of counter 2 (data sheet, "Gate" table): stops modes 0 and 4, resets 2 and 3, triggers 1 and 5. */
function setGate2(dev: Pit, gate: u32): void {
  const k = counter(dev, 2);
  if (gate == k.gate) return;
  const now = nowNs();
  if (gate == 0) {
    k.frozen = k.mode == 2 || k.mode == 3 ? 0 : elapsed(k, now);
    k.gate = 0;
    return;
  }
  k.gate = 1;
  if (k.mode == 0 || k.mode == 4) {
    k.start = ticksNow(now) - k.frozen;
    return;
  }
  if (k.count == 0) return;
  k.started = 1;
  k.start = ticksNow(now);
}

export function pitRead(dev: Pit, port: u32, size: u32): u32 {
  const now = nowNs();
  if (port == Port.PORT_B) {
    let v = dev.portB;
    if ((now / REFRESH_NS & 1) != 0) v |= PortB.REFRESH;
    if (out(counter(dev, 2), now)) v |= PortB.OUT2;
    return v;
  }
  // The control word cannot be read back.
  if (port == Port.CONTROL) return 0;
  return readCounter(counter(dev, port - Port.COUNTER0), now);
}

export function pitWrite(dev: Pit, port: u32, size: u32, v: u32): void {
  switch (port) {
    case Port.PORT_B:
      dev.portB = v & PortB.WRITABLE;
      setGate2(dev, v & PortB.GATE2);
      break;
    case Port.CONTROL: writeControl(dev, v); break;
    default: writeCounter(dev, port - Port.COUNTER0, v); break;
  }
}

/** After a snapshot was loaded. */
export function pitResume(dev: Pit): void {
  timerSet(Timer.PIT, nextEdge(counter(dev, 0), nowNs()));
}

export function pitSerialize(dev: Pit, s: Serializer): void {
  // "PIT ", version 1
  serializeSection(s, 0x20544950, 1, changetype<usize>(dev) + offsetof<Pit>("portB"), HEADER_BYTES - 4 + COUNTERS * COUNTER_BYTES);
}
