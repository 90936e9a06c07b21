// The board's timers: one deadline per timer, stored by its chip under the chip's lock, fired by the clock
// worker, which sleeps until the earliest. LAPIC timers belong to their CPUs: the worker only sets
// Request.TIMER when one has passed (a parked CPU also sleeps no longer than its own deadline, so for it the
// worker is a late reserve). machine.md section 4. A late worker fires a timer once; the chip computes its
// next deadline from `now`.

import { BOARD, CONTROL } from "../lib/layout";
import { Control, control32 } from "../lib/control";
import { lock, unlock, waitWord } from "../lib/atomics";
import { Hook, hook } from "../lib/hooks";
import { NEVER, NS_PER_MS, clockArm, nowNs } from "../lib/time";
import { Inbox, Request, inboxOf, request } from "../cpu/inbox";
import { RunState } from "../cpu/state";
import { Board } from "./device";

export const enum Timer {
  PIT = 0, RTC = 1, HPET = 2, ACPI = 3, UART0 = 4, UART1 = 5, UART2 = 6, UART3 = 7, I8042 = 8,
  /** First free number. */
  NEXT = 9,
}
export const MAX_TIMERS: u32 = 16;
const TIMER_BYTES: u32 = 16;

/** Byte offsets inside a timer's entry. */
const enum Entry { DEADLINE = 0, TICK = 8, CHIP = 12 }

/** How long after a parked CPU's own deadline the worker steps in. */
const PARKED_GRACE_NS: i64 = 2 * NS_PER_MS;
/** Sleep while the machine is paused or nothing is armed; the doorbell ends it. */
const IDLE_SLEEP_NS: i64 = 1000 * NS_PER_MS;

// @ts-ignore: decorator
@inline
function entry(timer: u32): usize {
  return BOARD + <usize>Board.TIMERS + timer * TIMER_BYTES;
}

/** Wire a timer: tick(chip, now): i64 next deadline. */
export function timerWire(timer: u32, chip: usize, tick: u32): void {
  const e = entry(timer);
  atomic.store<i64>(e, NEVER, Entry.DEADLINE);
  store<u32>(e, <u32>chip, Entry.CHIP);
  store<u32>(e, tick, Entry.TICK);
}

/** Set a timer's deadline; the caller holds the chip's lock. */
export function timerSet(timer: u32, deadlineNs: i64): void {
  const e = entry(timer);
  if (atomic.load<i64>(e, Entry.DEADLINE) == deadlineNs) return;
  atomic.store<i64>(e, deadlineNs, Entry.DEADLINE);
  clockArm(deadlineNs);
}

export function timerDeadline(timer: u32): i64 {
  return atomic.load<i64>(entry(timer), Entry.DEADLINE);
}

/** Call the chip's tick now, under its lock; also how chips look at their input rings. */
function tick(e: usize, now: i64): void {
  const chip = load<u32>(e, Entry.CHIP);
  lock(chip);
  // Claimed under the lock: somebody may have moved it meanwhile.
  if (atomic.load<i64>(e, Entry.DEADLINE) <= now) {
    atomic.store<i64>(e, NEVER, Entry.DEADLINE);
    const next = call_indirect<i64>(load<u32>(e, Entry.TICK), <usize>chip, now);
    atomic.store<i64>(e, next, Entry.DEADLINE);
  }
  unlock(chip);
}

/** Fire every timer that is due; returns the earliest deadline that remains. */
export function clockFire(now: i64): i64 {
  let earliest: i64 = NEVER;
  for (let t: u32 = 0; t < MAX_TIMERS; t++) {
    const e = entry(t);
    if (load<u32>(e, Entry.TICK) == 0) continue;
    if (atomic.load<i64>(e, Entry.DEADLINE) <= now) tick(e, now);
    const deadline = atomic.load<i64>(e, Entry.DEADLINE);
    if (deadline < earliest) earliest = deadline;
  }
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) {
    const deadline = reportLapicTimer(id, now);
    if (deadline < earliest) earliest = deadline;
  }
  return earliest;
}

/** Tell CPU `id` that its timer has passed, once per deadline; returns when to look again. */
function reportLapicTimer(id: u32, now: i64): i64 {
  const box = inboxOf(id);
  const deadline = atomic.load<i64>(box, Inbox.TIMER_DEADLINE);
  if (deadline == NEVER || deadline == 0) return NEVER;
  const reported = BOARD + <usize>Board.LAPIC_REPORTED + (id << 3);
  if (load<i64>(reported) == deadline) return NEVER;
  const halted = atomic.load<u32>(box, Inbox.RUN_STATE) == <u32>RunState.HALTED;
  const due = halted ? deadline + PARKED_GRACE_NS : deadline;
  if (due > now) return due;
  store<i64>(reported, deadline);
  request(id, Request.TIMER);
  return NEVER;
}

/**
 * Let the chips with input rings, and the power button, look at what the host has sent (board.ts boardPoll).
 */
export function clockPoll(): void {
  const poll = hook(Hook.POLL);
  if (poll != 0) call_indirect<void>(poll);
}

/** The clock worker's life. Returns when the machine has failed or ended. */
export function clockRun(): void {
  while (control32(Control.FAILED) == 0 && control32(Control.END) == 0) {
    const generation = control32(Control.CLOCK_WAKE);
    // From here to the store below whoever arms a timer rings the doorbell (lib/time.ts clockArm).
    atomic.store<i64>(CONTROL + <usize>Control.CLOCK_DEADLINE, NEVER);
    let sleep: i64 = IDLE_SLEEP_NS;
    if (control32(Control.RUNNING) != 0) {
      clockPoll();
      const earliest = clockFire(nowNs());
      atomic.store<i64>(CONTROL + <usize>Control.CLOCK_DEADLINE, earliest);
      if (earliest != NEVER) {
        sleep = earliest - nowNs();
        if (sleep > IDLE_SLEEP_NS) sleep = IDLE_SLEEP_NS;
      }
    }
    if (sleep > 0) waitWord(CONTROL + <usize>Control.CLOCK_WAKE, generation, sleep);
  }
}
