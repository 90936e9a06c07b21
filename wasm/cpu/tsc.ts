// The time-stamp counter (SDM vol. 3B section 18.17): invariant, one frequency for the machine (control word
// TSC_HZ), merged through one shared word so that it is monotonic across CPUs and two reads never agree. A
// CPU's own view is the machine's counter plus its offset, which WRMSR IA32_TIME_STAMP_COUNTER and
// IA32_TSC_ADJUST move. Frequencies up to 2^53 ns of uptime (104 days) are exact to the nanosecond; no
// scaling and no VMX offsetting.

import { Cpu } from "./state";
import { CONTROL } from "../lib/layout";
import { Control } from "../lib/control";
import { hostNow } from "../lib/host";

/** Used while the host has not set TSC_HZ. */
const DEFAULT_HZ: u64 = 1000000000;

/** Announced frequency in Hz. */
export function tscHz(): u64 {
  const hz = atomic.load<u64>(CONTROL + <usize>Control.TSC_HZ);
  return hz != 0 ? hz : DEFAULT_HZ;
}

/** Ticks in `ns` nanoseconds of machine time. */
export function nsToTsc(ns: f64): u64 {
  return <u64>(ns * (<f64>tscHz() / 1e9));
}

/** Machine time in ns at which the machine's counter (no CPU offset) reaches `ticks`. */
export function tscToNs(ticks: u64): f64 {
  return <f64>ticks * (1e9 / <f64>tscHz());
}

/** The machine's counter: never behind the host clock, never the same value twice. */
export function machineTsc(): u64 {
  const host = nsToTsc(hostNow());
  const word = CONTROL + <usize>Control.TSC_LAST;
  let last = atomic.load<u64>(word);
  while (true) {
    const t: u64 = host > last ? host : last + 1;
    const seen = atomic.cmpxchg<u64>(word, last, t);
    if (seen == last) return t;
    last = seen;
  }
}

/** What RDTSC returns on this CPU. */
export function readTsc(c: Cpu): u64 {
  return machineTsc() + c.tscOffset;
}

/** WRMSR IA32_TIME_STAMP_COUNTER: the same amount goes to IA32_TSC_ADJUST (SDM 3B 18.17.3). */
export function writeTsc(c: Cpu, value: u64): void {
  const offset = value - machineTsc();
  c.tscAdjust += offset - c.tscOffset;
  c.tscOffset = offset;
}

/** WRMSR IA32_TSC_ADJUST moves the counter by the difference. */
export function writeTscAdjust(c: Cpu, value: u64): void {
  c.tscOffset += value - c.tscAdjust;
  c.tscAdjust = value;
}

/** Machine time in ns, rounded up, of a value of this CPU's counter (IA32_TSC_DEADLINE). */
export function deadlineNs(c: Cpu, tsc: u64): i64 {
  const ticks = tsc - c.tscOffset;
  // A counter value far ahead wraps to "never" rather than to the past.
  if (<i64>ticks < 0) return c.tscOffset > tsc ? 0 : i64.MAX_VALUE;
  return <i64>ceil(tscToNs(ticks));
}
