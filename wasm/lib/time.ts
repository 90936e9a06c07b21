// Machine time as integer nanoseconds, its conversion to and from a chip's own ticks, and the doorbell of the
// clock worker. A deadline is an absolute machine time; NEVER = none. Nothing here takes a lock.

import { CONTROL } from "./layout";
import { Control } from "./control";
import { hostNow } from "./host";

export const NEVER: i64 = i64.MAX_VALUE;
export const NS_PER_SECOND: i64 = 1000000000;
export const NS_PER_MS: i64 = 1000000;

/** Machine time. About 100 ns to call. */
export function nowNs(): i64 {
  return <i64>hostNow();
}

/** Whole ticks of a clock of `hz` in `ns` (rounded down), without overflow for centuries. */
export function nsToTicks(ns: i64, hz: u64): u64 {
  const t = <u64>ns;
  const second = <u64>NS_PER_SECOND;
  return (t / second) * hz + ((t % second) * hz) / second;
}

/** The first nanosecond at which `ticks` ticks of a clock of `hz` are complete (rounded up). */
export function ticksToNs(ticks: u64, hz: u64): i64 {
  const second = <u64>NS_PER_SECOND;
  return <i64>((ticks / hz) * second + ((ticks % hz) * second + hz - 1) / hz);
}

/** Ring the clock worker's doorbell. Pairs with bus/clock.ts clockRun. */
export function clockKick(): void {
  atomic.add<u32>(CONTROL + <usize>Control.CLOCK_WAKE, 1);
  atomic.notify(CONTROL + <usize>Control.CLOCK_WAKE, 1);
}

/**
 * Call after storing a deadline: wakes the clock worker when it sleeps for longer than that. The worker
 * publishes NEVER before it scans the deadlines and its own target after, so either it sees the new deadline
 * or it is woken.
 */
export function clockArm(deadlineNs: i64): void {
  if (deadlineNs < atomic.load<i64>(CONTROL + <usize>Control.CLOCK_DEADLINE)) clockKick();
}
