// The LAPIC timer (SDM 3A 10.5.4): one-shot, periodic, TSC-deadline. The deadline lives in the inbox as
// machine time; the owner fires it (at a poll, on Request.TIMER from the clock worker, or when its parking
// wait ends), after claiming it by compare-and-swap.

import { NEVER, clockArm, nowNs, nsToTicks, ticksToNs } from "../../lib/time";
import { Cpu } from "../state";
import { Inbox, inboxOf } from "../inbox";
import { ApicBit, LAPIC_TIMER_HZ, Lapic, lapicState } from "./state";
import { lapicPost } from "./deliver";

/** SDM figure 10-10: bits 0, 1 and 3 select 2, 4, .. 128, 1. */
function dividerShift(l: Lapic): u32 {
  const code = (l.timerDivide & 3) | ((l.timerDivide & 8) >> 1);
  return (code + 1) & 7;
}

function setDeadline(id: u32, deadlineNs: i64): void {
  atomic.store<i64>(inboxOf(id), deadlineNs, Inbox.TIMER_DEADLINE);
  if (deadlineNs != NEVER) clockArm(deadlineNs);
}

export function lapicTimerStop(id: u32): void {
  const l = lapicState(id);
  l.timerInitial = 0;
  l.tscDeadline = 0;
  setDeadline(id, NEVER);
}

/** Length of the whole count in ns. */
function countNs(l: Lapic): i64 {
  return ticksToNs(<u64>l.timerInitial << dividerShift(l), LAPIC_TIMER_HZ);
}

/** Write of the initial count: starts, or with 0 stops. Ignored in TSC-deadline mode. */
export function lapicTimerSetInitial(id: u32, value: u32): void {
  const l = lapicState(id);
  if ((l.lvtTimer & ApicBit.TIMER_MODE) == ApicBit.TIMER_TSC_DEADLINE) return;
  l.timerInitial = value;
  if (value == 0) {
    setDeadline(id, NEVER);
    return;
  }
  l.timerStartNs = nowNs();
  setDeadline(id, l.timerStartNs + countNs(l));
}

export function lapicTimerCurrent(id: u32): u32 {
  const l = lapicState(id);
  if (l.timerInitial == 0 || (l.lvtTimer & ApicBit.TIMER_MODE) == ApicBit.TIMER_TSC_DEADLINE) return 0;
  const elapsed = nsToTicks(nowNs() - l.timerStartNs, LAPIC_TIMER_HZ) >> dividerShift(l);
  if (elapsed < <u64>l.timerInitial) return l.timerInitial - <u32>elapsed;
  if ((l.lvtTimer & ApicBit.TIMER_PERIODIC) == 0) return 0;
  return l.timerInitial - <u32>(elapsed % <u64>l.timerInitial);
}

/** A new divider applies to the running count at once. */
export function lapicTimerSetDivide(id: u32, value: u32): void {
  const l = lapicState(id);
  const left = lapicTimerCurrent(id);
  l.timerDivide = value & 11;
  if (l.timerInitial == 0 || (l.lvtTimer & ApicBit.TIMER_MODE) == ApicBit.TIMER_TSC_DEADLINE) return;
  // Keep the count that is left; the start moves so that the same formula holds.
  const done = <u64>(l.timerInitial - left) << dividerShift(l);
  l.timerStartNs = nowNs() - ticksToNs(done, LAPIC_TIMER_HZ);
  if (left != 0) setDeadline(id, l.timerStartNs + countNs(l));
}

/** SDM 3A 10.5.4.1: a change between TSC-deadline and the others disarms. */
export function lapicTimerModeChanged(id: u32, oldLvt: u32, newLvt: u32): void {
  if (((oldLvt ^ newLvt) & ApicBit.TIMER_TSC_DEADLINE) != 0) lapicTimerStop(id);
}

/** IA32_TSC_DEADLINE := `tsc`, which is machine time `ns`: 0 disarms, the past fires at once. Ignored in other modes. */
export function lapicWriteTscDeadline(c: Cpu, tsc: u64, ns: i64): void {
  const id = c.id;
  const l = lapicState(id);
  if ((l.lvtTimer & ApicBit.TIMER_MODE) != ApicBit.TIMER_TSC_DEADLINE) return;
  l.tscDeadline = tsc;
  if (tsc == 0) {
    setDeadline(id, NEVER);
    return;
  }
  const now = nowNs();
  if (ns > now) {
    setDeadline(id, ns);
    return;
  }
  atomic.store<i64>(inboxOf(id), now, Inbox.TIMER_DEADLINE);
  lapicTimerCheck(id, now);
}

/** Reads 0 once it has fired. */
export function lapicReadTscDeadline(c: Cpu): u64 {
  return lapicState(c.id).tscDeadline;
}

/** Fire the timer if its deadline has passed. True when it fired. */
export function lapicTimerCheck(id: u32, now: i64): bool {
  const box = inboxOf(id);
  const deadline = atomic.load<i64>(box, Inbox.TIMER_DEADLINE);
  if (deadline > now) return false;
  const l = lapicState(id);
  const mode = l.lvtTimer & ApicBit.TIMER_MODE;
  let next: i64 = NEVER;
  if (mode == ApicBit.TIMER_PERIODIC && l.timerInitial != 0) {
    // The next period after now: a late poll fires once, not once per missed period (machine.md section 4).
    const period = countNs(l);
    next = deadline + period;
    if (next <= now) next += (now - next) / period * period + period;
  }
  if (atomic.cmpxchg<i64>(box, deadline, next, Inbox.TIMER_DEADLINE) != deadline) return false;
  if (mode == ApicBit.TIMER_TSC_DEADLINE) l.tscDeadline = 0;
  if (next != NEVER) clockArm(next);
  if ((l.lvtTimer & ApicBit.MASKED) == 0) lapicPost(id, l.lvtTimer & ApicBit.VECTOR, false);
  return true;
}

/** The owner's deadline, NEVER = none: how long a parked CPU may sleep. */
export function lapicTimerDeadline(id: u32): i64 {
  return atomic.load<i64>(inboxOf(id), Inbox.TIMER_DEADLINE);
}

/** After leaving HLT: the clock worker gave a parked CPU's timer some grace; now it is the worker's again. */
export function lapicTimerUnpark(id: u32): void {
  const deadline = lapicTimerDeadline(id);
  if (deadline != NEVER) clockArm(deadline);
}
