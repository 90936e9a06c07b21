// Regions against the interpreter while the machine runs (docs/testing.md, docs/adr/0048). Of the entries
// into regions one now and then is executed on a shadow CPU first, three times from the same state: by the
// interpreter, to find out which pages it touches; by the region; and by the interpreter again, exactly as
// many instructions as the region did. All state of the CPU and every byte of the pages must agree. The
// shadow CPU has a block of its own behind the last CPU's, whose attention word is set, so a region leaves
// it at its first poll, and a TLB that leads to copies of pages only (mmu/shadow.ts): nothing that happens
// there is seen by the machine, which then goes on as if nothing had been. Left out: instructions that must
// not be executed twice (isa/row.ts `once`), and what the TLB does not have when the region is entered.

import { takeNoncanonical, rmwCancel } from "../mmu/access";
import { readEflags } from "../cpu/flags";
import { Inbox, Request, inboxOf, stateOf } from "../cpu/inbox";
import { Cpu, Status } from "../cpu/state";
import { fetchBytes, icacheStep, slotIndex, slotRecords, stepBytes } from "../decode/icache";
import { Op, recHandler, recLen, recOff, recOp } from "../decode/record";
import { ONCE, ONCE_COUNT, handlerIndex } from "../gen/handler-index";
import { fuelLeft, refuel, stopAt, stoppedAt } from "../interp/branch";
import { executeIn, fetchPage } from "../interp/loop";
import { waitWord } from "../lib/atomics";
import {
  Difference, PANIC_REGION_DIFFERS, REPORT_STEPS, REPORT_STEP_BYTES, Report,
} from "../lib/check-report";
import { Control, control32 } from "../lib/control";
import { hostPanic } from "../lib/host";
import { CPU_STATE_BYTES, PAGE_BYTES, SHADOW_LISTS, SHADOW_REPORT } from "../lib/layout";
import { Count, FORM_TABLE, count, countMany } from "../lib/profile";
import { jumpReset } from "../mmu/jump-cache";
import { isRam } from "../mmu/physmem";
import {
  Area, Lists, allow, refuse, refused, shadowAddress, shadowBegin, shadowCopy, shadowEnd, shadowFreeze,
  shadowLinks, shadowPages, shadowUse, shadowing,
} from "../mmu/shadow";
import { tlbFlushAll } from "../mmu/tlb";
import { Core, jitCore, jitHelp } from "./core";
import { EXIT_FLAGS, EXIT_STATUS, EXIT_WHY, Exit } from "./exits";
import { settleFlags } from "./exit-flags";
import { mayBeWindow } from "./lookups";

const MAX_INSN: u32 = 15;
/** Instructions looked at for the pages that they touch. */
const SURVEY: u32 = 256;
/** Instructions of a region that the interpreter repeats at most. */
const MOST: u64 = 4096;
/** Steps that may be needed beside them: repeated instructions take several. */
const SLACK: u32 = 20000;
/** One of so many entries does not find attention set: the region goes on over its backward edges. */
const PATIENT: u32 = 2;
/** A taken branch ends a step. */
const FUEL: i32 = 1;
/** How long a store to code may take to become known, in turns of a millisecond. */
const CHANGE_TURNS: u32 = 20;
const TURN_NS: i64 = 1000000;
/** Of Cpu: what executing leaves behind in it, which no instruction can see. */
const FLAGS_FROM: usize = offsetof<Cpu>("flagA");
const EXCEPTION_FROM: usize = offsetof<Cpu>("excVector");
const EXCEPTION_END: usize = offsetof<Cpu>("codeMode");

/** About one of so many entries is checked, 0 = none; entries until the next. */
let every: u32 = 0;
let untilNext: u32 = 0;
let random: u32 = 0;
/** The CPU that is checked, the shadow CPU, instructions that its steps have tried. */
let real: Cpu = changetype<Cpu>(0);
let shadow: Cpu = changetype<Cpu>(0);
let steps: u32 = 0;

// Sampling -----------------------------------------------------------------------------------------------

/** Is the check on? Asked between slices. */
export function checkStart(c: Cpu): bool {
  every = control32(Control.CHECK_REGIONS);
  if (random == 0) random = 0x9E3779B9 * (c.id + 1);
  untilNext = distance();
  return every != 0;
}

function nextRandom(below: u32): u32 {
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  return random % below;
}

/** Entries to the next check: `every` on average, at random, so that no loop is in step with it. */
function distance(): u32 { return every == 0 ? 0 : 1 + nextRandom(2 * every - 1); }

/** `fn` is about to be called at `word`, RIP being the entry's. */
// @ts-ignore: decorator
@inline
export function checkNow(c: Cpu, fn: u32, word: u32): void {
  if (--untilNext == 0) checkEntry(c, fn, word);
}

/** The block of the shadow CPU of a machine, once per start. */
export function shadowInit(): void {
  if (control32(Control.CHECK_REGIONS) == 0) return;
  const block = stateOf(control32(Control.CPUS));
  const s = changetype<Cpu>(block);
  jumpReset(s);
  tlbFlushAll(s);
  const table = block + SHADOW_LISTS + Lists.ONCE;
  for (let n: u32 = 0; n < ONCE_COUNT; n++) {
    const index = handlerIndex(load<u16>(ONCE + (<usize>n << 1)));
    if (index < FORM_TABLE) store<u8>(table + index, 1);
  }
  store<u32>(block + SHADOW_LISTS, 0, Lists.LOCK);
}

// What regions call on the shadow CPU --------------------------------------------------------------------

function mustNotRepeat(c: Cpu, handler: u32): bool {
  return load<u8>(changetype<usize>(c) + SHADOW_LISTS + Lists.ONCE + (handler & (FORM_TABLE - 1))) != 0;
}

/** As jitHelp, which regions call in machines that check none. */
export function jitHelpChecked(c: Cpu, r: usize): i32 {
  if (!shadowing || !mustNotRepeat(c, recHandler(r))) return jitHelp(c, r);
  refuse();
  stopAt(r);
  // The region has counted it.
  c.instructions--;
  return Status.FAULT;
}
export function jitCoreChecked(c: Cpu, which: usize): i32 {
  if (!shadowing || which != Core.TSC) return jitCore(c, which);
  refuse();
  return 1;
}

// Running ------------------------------------------------------------------------------------------------

/** The shadow CPU is where the real one is. */
function beginAgain(attention: u32): void {
  const s = shadow;
  const d = <u32>(changetype<usize>(shadow) - changetype<usize>(real));
  memory.copy(changetype<usize>(s), changetype<usize>(real), CPU_STATE_BYTES);
  s.id = control32(Control.CPUS);
  s.tlbRead += d;
  s.tlbWrite += d;
  s.tlbFetch += d;
  s.jumpTable += d;
  atomic.store<u32>(inboxOf(s.id), attention, Inbox.ATTENTION);
  rmwCancel();
  allow();
}

/** The bytes of the instruction at RIP as a record in the shadow's scratch page, 0 = it cannot be fetched. */
function fetch(s: Cpu): usize {
  const mask: u64 = s.mode64 ? u64.MAX_VALUE : 0xFFFFFFFF;
  const va = s.rip & mask;
  const off = <u32>va & (PAGE_BYTES - 1);
  const room = PAGE_BYTES - off;
  const avail = room < MAX_INSN ? room : MAX_INSN;
  const page = fetchPage(real, va);
  if (page < 0 || !isRam(<u64>page)) return 0;
  fetchBytes(s, <u64>page, off, avail, stepBytes(s));
  const r = icacheStep(s, avail, off, s.codeMode);
  if (r != 0 || avail == MAX_INSN) return r;
  const next = fetchPage(real, (va + avail) & mask);
  if (next < 0 || !isRam(<u64>next)) return 0;
  fetchBytes(s, <u64>next, 0, MAX_INSN - avail, stepBytes(s) + avail);
  return icacheStep(s, MAX_INSN, off, s.codeMode);
}

/** One instruction by the interpreter. A Status; with `refused` set it has not been executed. */
function step(s: Cpu): i32 {
  const r = s.cpl == real.cpl && s.codeMode == real.codeMode ? fetch(s) : 0;
  if (r == 0 || (recOp(r) == Op.GENERIC && mustNotRepeat(s, recHandler(r)))) {
    refuse();
    return Status.FAULT;
  }
  note(s, recLen(r));
  s.shadow = 0;
  s.ipBase = s.rip - recOff(r);
  refuel(FUEL);
  const status = executeIn(s, r, slotIndex(s, 0), slotRecords(s, 0));
  arrive(s, status);
  return status;
}

/** RIP as the run loop puts it. */
function arrive(s: Cpu, status: i32): void {
  if (status == Status.JUMP) return;
  const off = recOff(stoppedAt) + (status == Status.END ? recLen(stoppedAt) : 0);
  s.rip = (s.ipBase + off) & s.ipMask;
}

function reportAt(): usize { return changetype<usize>(shadow) + SHADOW_REPORT; }

/** For the report. */
function note(s: Cpu, length: u32): void {
  const at = reportAt() + Report.STEP_RING + (steps++ % REPORT_STEPS) * REPORT_STEP_BYTES;
  store<u64>(at, s.rip);
  memory.copy(at + 8, stepBytes(s), MAX_INSN);
  store<u8>(at + 8, <u8>length, MAX_INSN);
}

/** Interpret ahead, so that all pages are there that a region may touch. */
function survey(attention: u32): void {
  beginAgain(attention);
  shadowUse(Area.INTERPRETED, true);
  for (let n: u32 = 0; n < SURVEY; n++) {
    const status = step(shadow);
    if (refused || status == Status.FAULT) return;
  }
}

/** The region, once; its exit word. */
function runRegion(fn: u32, word: u32, attention: u32): i32 {
  beginAgain(attention);
  shadowUse(Area.REGION, false);
  const left = call_indirect<i32>(fn, shadow, <usize>word);
  if (left >= EXIT_STATUS) arrive(shadow, left - EXIT_STATUS);
  else if (left != Exit.JUMP) settleFlags(shadow, <u32>left >> EXIT_FLAGS);
  const report = reportAt();
  memory.copy(report + Report.REGION_STATE, changetype<usize>(shadow), CPU_STATE_BYTES);
  store<u64>(report, readEflags(shadow), Report.FLAGS_REGION);
  return left;
}

/** The interpreter does what the region has done: `executed` instructions, and how the last one ended. */
function follow(executed: u64, left: i32, incomplete: bool, attention: u32): Difference {
  beginAgain(attention);
  shadowUse(Area.INTERPRETED, true);
  steps = 0;
  if (executed > MOST) return Difference.ENDLESS;
  const end = real.instructions + executed;
  while (shadow.instructions != end) {
    if (steps > <u32>executed + SLACK) return Difference.ENDLESS;
    if (step(shadow) == Status.FAULT || refused) return Difference.CANNOT_FOLLOW;
  }
  // A fault is not counted, nor is a repeated instruction that is not complete: its elements so far are done.
  const status = left - EXIT_STATUS;
  if (status != Status.FAULT && status != Status.RETRY) return Difference.NONE;
  shadowFreeze();
  const same = step(shadow) == status;
  return refused == incomplete && (refused || same) ? Difference.NONE : Difference.STATUS;
}

// Comparing ----------------------------------------------------------------------------------------------

/** Is the state at `at` compared by itself, or the leavings of how it came to be? */
function isPrivate(at: usize, faulted: bool): bool {
  if (at == offsetof<Cpu>("ipBase")) return true;
  if (at >= FLAGS_FROM && at < EXCEPTION_FROM) return true;
  return !faulted && at >= EXCEPTION_FROM && at < EXCEPTION_END;
}

function compare(faulted: bool): Difference {
  const report = reportAt();
  const a = report + Report.REGION_STATE;
  const b = changetype<usize>(shadow);
  store<u64>(report, readEflags(shadow), Report.FLAGS_INTERPRETED);
  store<u32>(report, <u32>FLAGS_FROM, Report.STATE_AT);
  if (load<u64>(report, Report.FLAGS_REGION) != load<u64>(report, Report.FLAGS_INTERPRETED)) {
    return Difference.STATE;
  }
  for (let at: usize = 0; at < CPU_STATE_BYTES; at += 8) {
    if (load<u64>(a + at) == load<u64>(b + at) || isPrivate(at, faulted)) continue;
    store<u32>(report, <u32>at, Report.STATE_AT);
    return Difference.STATE;
  }
  for (let k: u32 = 0; k < shadowPages; k++) {
    if (samePage(shadowCopy(k, Area.REGION), shadowCopy(k, Area.INTERPRETED))) continue;
    store<u32>(report, k, Report.COPY);
    store<u64>(report, shadowAddress(k), Report.PAGE_VA);
    return Difference.MEMORY;
  }
  return Difference.NONE;
}

function samePage(a: usize, b: usize): bool {
  for (let at: usize = 0; at < PAGE_BYTES; at += 32) {
    const d = v128.or(v128.xor(v128.load(a + at), v128.load(b + at)),
      v128.xor(v128.load(a + at, 16), v128.load(b + at, 16)));
    if (v128.any_true(d)) return false;
  }
  return true;
}

/**
 * Is code being changed? The interpreter reads new bytes at once, a region may go on with the old ones until
 * the store is known to the CPU.
 */
function isCodeChanging(c: Cpu): bool {
  const box = inboxOf(c.id);
  for (let n: u32 = 0; n < CHANGE_TURNS; n++) {
    if (atomic.load<u32>(box, Inbox.REQUESTS) & Request.CODE_PAGE) return true;
    waitWord(changetype<usize>(shadow) + SHADOW_LISTS + <usize>Lists.LOCK, c.id + 1, TURN_NS);
  }
  return false;
}

/** The machine ends here. */
function fail(c: Cpu, kind: Difference, left: i32, executed: u64): void {
  const report = reportAt();
  count(changetype<usize>(c), Count.CHECK_DIFFERENT);
  store<u32>(report, kind, Report.KIND);
  store<u32>(report, c.id, Report.CPU);
  store<u32>(report, <u32>executed, Report.INSTRUCTIONS);
  store<u32>(report, left, Report.LEFT);
  store<u64>(report, readEflags(c), Report.FLAGS_BEFORE);
  store<u32>(report, steps, Report.STEPPED);
  shadowEnd();
  hostPanic(PANIC_REGION_DIFFERS, c.rip);
}

/** Does the interpreter agree with a region that left with `left` after `executed` instructions? */
function judge(c: Cpu, left: i32, executed: u64, attention: u32): void {
  const block = changetype<usize>(c);
  const incomplete = refused;
  const links = shadowLinks;
  let kind = follow(executed, left, incomplete, attention);
  // Two pages have taken turns in one slot of the TLB: what was denied to the region depends on the order.
  if (incomplete && shadowLinks != links) {
    count(block, Count.CHECK_OUTSIDE);
    return;
  }
  if (kind == Difference.NONE) kind = compare(left == EXIT_STATUS + Status.FAULT && !incomplete);
  if (kind != Difference.NONE) {
    if (isCodeChanging(c)) count(block, Count.CHECK_CHANGING);
    else fail(c, kind, left, executed);
    return;
  }
  if (executed == 0 && (incomplete || left < EXIT_STATUS)) {
    count(block, incomplete ? Count.CHECK_ONCE : Count.CHECK_OUTSIDE);
    return;
  }
  count(block, Count.CHECKED);
  countMany(block, Count.CHECKED_INSTRUCTIONS, executed);
  if (left >= EXIT_STATUS || (left & EXIT_WHY) != Exit.MISS || shadowLinks != links) return;
  const r = fetch(shadow);
  const window = r != 0 && mayBeWindow(shadow, r);
  if (needs(links) || window) return;
  if (c.mode64) fail(c, Difference.NEEDLESS, left, executed);
  count(block, Count.CHECK_NEEDLESS);
}

/**
 * Does the interpreter miss the TLB too where the region left for a miss? Else the region's address was
 * wrong. (In 32-bit code it may have been beyond the plain part of a segment.) A JMP to a lone RET is one
 * instruction of a region.
 */
function needs(links: u32): bool {
  const from = shadow.rip;
  if (step(shadow) == Status.FAULT || shadowLinks != links) return true;
  return shadow.rip - from > MAX_INSN && (step(shadow) == Status.FAULT || shadowLinks != links);
}

/** False when the region executes more than the interpreter could repeat; with attention set none does. */
function checkWith(fn: u32, word: u32, attention: u32): bool {
  survey(attention);
  const left = runRegion(fn, word, attention);
  const executed = shadow.instructions - real.instructions;
  if (executed > MOST && attention == 0) {
    count(changetype<usize>(real), Count.CHECK_LONG);
    return false;
  }
  judge(real, left, executed, attention);
  return true;
}

function checkEntry(c: Cpu, fn: u32, word: u32): void {
  untilNext = distance();
  real = c;
  shadow = changetype<Cpu>(stateOf(control32(Control.CPUS)));
  const lock = changetype<usize>(shadow) + SHADOW_LISTS + <usize>Lists.LOCK;
  if (atomic.cmpxchg<u32>(lock, 0, c.id + 1) != 0) {
    count(changetype<usize>(c), Count.CHECK_BUSY);
    return;
  }
  const fuel = fuelLeft;
  shadowBegin(c, shadow);
  const patient = (every == 1 || nextRandom(PATIENT) == 0) && checkWith(fn, word, 0);
  if (!patient || every == 1) checkWith(fn, word, 1);
  shadowEnd();
  takeNoncanonical();
  rmwCancel();
  refuel(fuel);
  atomic.store<u32>(lock, 0);
}
