// One CPU among several: taking requests, parking and waking, start-up by INIT and SIPI, yielding of spin
// loops (SDM vol. 3A 9.4, 11.12; machine rules in docs/ordering.md). Only the owner calls these.

import { Cpu, RunState, Status } from "./state";
import { Inbox, Request, inboxOf } from "./inbox";
import { Control, control32 } from "../lib/control";
import { fullFence, waitWord } from "../lib/atomics";
import { CONTROL } from "../lib/layout";
import { hostNow } from "../lib/host";
import { pvPark, pvResume } from "./paravirt";

/** A parked CPU looks around at least this often: a dead owner elsewhere must not keep it asleep. */
const PARK_NS: i64 = 100000000;
const SPIN_YIELD_NS: i64 = 50000;

/** Take all request bits. Attention is cleared first: a request that comes later sets it again. */
export function takeRequests(id: u32): u32 {
  const box = inboxOf(id);
  if (atomic.load<u32>(box, Inbox.ATTENTION) == 0) return atomic.load<u32>(box, Inbox.REQUESTS);
  atomic.store<u32>(box, 0, Inbox.ATTENTION);
  fullFence();
  return atomic.load<u32>(box, Inbox.REQUESTS);
}

/** Requests that have been dealt with; those of them that waited. */
export function clearRequests(id: u32, bits: u32): u32 {
  return atomic.and<u32>(inboxOf(id), ~bits, Inbox.REQUESTS) & bits;
}

/** Publish what the CPU is doing and keep the machine's count of running CPUs. */
export function publishState(c: Cpu, state: u32): void {
  const old = atomic.xchg<u32>(inboxOf(c.id), state, Inbox.RUN_STATE);
  if (old == RunState.RUNNING && state != RunState.RUNNING) {
    atomic.sub<u32>(CONTROL + <usize>Control.RUNNING_CPUS, 1);
    if (control32(Control.SPLIT_OWNER) != 0) {
      atomic.add<u32>(CONTROL + <usize>Control.SPLIT_PARKED, 1);
      atomic.notify(CONTROL + <usize>Control.SPLIT_PARKED, -1);
    }
  } else if (old != RunState.RUNNING && state == RunState.RUNNING) {
    atomic.add<u32>(CONTROL + <usize>Control.RUNNING_CPUS, 1);
  }
}

/**
 * Sleep until attention is set or `untilNs` of machine time (i64.MAX = no deadline), at most PARK_NS.
 * PARKED is published before the wait, RUNNING before the return; the caller then drains its inboxes. Pairs
 * with code-pages.ts requestCode.
 */
export function park(c: Cpu, state: u32, untilNs: i64): void {
  const now = <i64>hostNow();
  let wait = PARK_NS;
  if (untilNs != i64.MAX_VALUE) wait = untilNs <= now ? 0 : untilNs - now < PARK_NS ? untilNs - now : PARK_NS;
  pvPark(c);
  publishState(c, state);
  if (wait > 0) waitWord(inboxOf(c.id) + <usize>Inbox.ATTENTION, 0, wait);
  c.haltedNs += <u64>(<i64>hostNow() - now);
  atomic.store<u64>(inboxOf(c.id), c.haltedNs, Inbox.STAT_HALTED_NS);
  publishState(c, RunState.RUNNING);
  fullFence();
  pvResume(c);
  if (control32(Control.SPLIT_OWNER) != 0) splitLockWait(c);
}

/** Another CPU holds the split lock: stay out of guest memory until it is done. */
export function splitLockWait(c: Cpu): void {
  clearRequests(c.id, Request.SPLIT_LOCK);
  const word = CONTROL + <usize>Control.SPLIT_OWNER;
  for (;;) {
    const owner = atomic.load<u32>(word);
    if (owner == 0 || owner == c.id + 1 || control32(Control.FAILED) != 0) return;
    publishState(c, RunState.PAUSED);
    waitWord(word, owner, 1000000);
    publishState(c, RunState.RUNNING);
    fullFence();
  }
}

/**
 * PAUSE: give the host core away for a moment, only while more CPUs run than the host has cores to spare.
 * Handlers return this status.
 */
export function pauseHint(c: Cpu): i32 {
  const spare = control32(Control.HOST_CORES);
  if (control32(Control.RUNNING_CPUS) + 1 <= spare) return Status.NEXT;
  if (control32(Control.CPUS) == 1) return Status.NEXT;
  pauses++;
  if (pauses & SPIN_PAUSES) return Status.NEXT;
  waitWord(inboxOf(c.id) + <usize>Inbox.ATTENTION, 0, SPIN_YIELD_NS);
  return Status.END;
}

/** A short spin is cheaper than a sleep: only every 32nd PAUSE yields. */
const SPIN_PAUSES: u32 = 31;
let pauses: u32 = 0;
