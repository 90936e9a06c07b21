// The run loop of one CPU: polls requests, delivers events, finds the records of the next instruction and
// executes them (engine design sections 2, 6). The inner loop is gen/exec-hot.ts `execute`; it comes back at
// page changes, faults, mode changes and when attention is set. There is no on-stack replacement in wasm, so
// a slice returns now and then.

import { CodeMode, Cpu, RunState, Seg, Status, segment } from "../cpu/state";
import { Inbox, Request, inboxOf, request } from "../cpu/inbox";
import { DR6_BS, raiseDebug, raiseError, Vector } from "../cpu/exceptions";
import { DR7_ENABLES, breakpointsOn, instructionBreakpoint, takeHits } from "../cpu/breakpoints";
import { settleRf } from "../cpu/flags";
import { EventKind, deliverException, deliverInterrupt } from "../cpu/events";
import { resetCpu, startupIpi } from "../cpu/reset";
import { pvKick } from "../cpu/paravirt";
import { clearRequests, park, splitLockWait, takeRequests } from "../cpu/smp";
import { lapicAccept, lapicPending } from "../cpu/lapic/accept";
import { lapicReset } from "../cpu/lapic/registers";
import { lapicTimerCheck, lapicTimerUnpark } from "../cpu/lapic/timer";
import { Board } from "../bus/device";
import { machineEnd, machineInit } from "../bus/machine";
import {
  fetchBytes, icacheCross, icacheCrosses, icacheCrossing, icacheDecode, icacheDrop, icacheDropAll, icacheSlot,
    icacheStep, slotIndex, slotRecords, stepBytes,
} from "../decode/icache";
import { RecFlag, recFlags, recLen, recOff, recSeg, REC_SHIFT } from "../decode/record";
import { executeFlat } from "../gen/exec-flat";
import { execute } from "../gen/exec-hot";
import { executeSegmented } from "../gen/exec-segmented";
import { Control, MachineEnd, Option, control32 } from "../lib/control";
import { BOARD } from "../lib/layout";
import { hostLog, hostNow } from "../lib/host";
import { Log } from "../lib/log";
import { Count, Profile, count, countIn, fromRegion } from "../lib/profile";
import { rmwCancel, takeNoncanonical } from "../mmu/access";
import { dropEveryWrite, dropPageWrites, requestCode, takePage } from "../mmu/code-pages";
import { Access, walk, walkBytes, walkGlobal, walkPhys } from "../mmu/paging";
import { isRam, ramPages } from "../mmu/physmem";
import { isFlat32 } from "../cpu/mode";
import { fuelLeft, pageWithinCode, refuel, stoppedAt } from "./branch";
import { jumpFind, jumpIndex, jumpRecords, jumpRemember } from "../mmu/jump-cache";
import { countInstruction, takeSample, windowLeft } from "./sampler";
import { tlbEntry, tlbFetchGlobal, tlbFillFetch, tlbFlushAll } from "../mmu/tlb";

const FLAG_TF: u64 = 1 << 8;
/** Cpu.shadow after a load of SS. */
const SHADOW_SS: u32 = 2;
const FLAG_IF: u64 = 1 << 9;
const FLAG_RF: u64 = 1 << 16;
/** DR6 bits that a load of SS has hit: the trap waits for the next instruction (SDM vol. 3A 6.8.3). */
let heldHits: u64 = 0;
const MAX_INSN: u32 = 15;
/** Taken branches per call of the inner loop. */
const FUEL: i32 = 50000;
const PAGE_BYTES: u32 = 4096;
/** Turns of the outer loop per call, so that the engine can swap in optimised code. */
const SLICE_TURNS: u32 = 20000;
/** The same while translating: a turn is longer, and what is full is dropped between slices only. */
const TRANSLATING_TURNS: u32 = 2000;
/** Of this slice. */
let translating: bool = false;

/** What the translator does in the run loop (main.ts sets it: it lies above this layer). */
type RunFunction = (c: Cpu, r: usize, index: usize, records: usize, attention: usize) => i32;
type HeadFunction = (c: Cpu, slot: u32, page: u32, off: u32, va: u64) => void;
type SliceFunction = (c: Cpu) => void;
let runTranslated: RunFunction = execute;
let noteHead: HeadFunction = (c: Cpu, slot: u32, page: u32, off: u32, va: u64): void => {};
let beginSlice: SliceFunction = (c: Cpu): void => {};

export function setTranslator(run: RunFunction, head: HeadFunction, slice: SliceFunction): void {
  runTranslated = run;
  noteHead = head;
  beginSlice = slice;
}

/** Why runSlice came back. */
export const enum Exit { SLICE = 0, STOP = 1, RESET = 2, END = 3 }

/** Translate a fetch; guest page number, or -1 with a pending fault. */
export function fetchPage(c: Cpu, va: u64): i64 {
  const e = tlbEntry(c.tlbFetch, va);
  if ((load<u64>(e) ^ va) < 4096) return <i64>load<u32>(e, 12);
  count(changetype<usize>(c), Count.MISS_FETCH);
  if (walk(c, va, Access.FETCH | (c.cpl == 3 ? <u32>Access.USER : 0), false)) return -1;
  const page = walkPhys >> 12;
  if (isRam(page)) tlbFillFetch(c, va, <u32>page, walkGlobal, walkBytes);
  return <i64>page;
}

/** Execute from c.rip with decoded records until something happens. Returns a Status. */
function runCached(c: Cpu): i32 {
  const base = segment(c, Seg.CS).base;
  const va = c.mode64 ? c.rip : (base + c.rip) & 0xffffffff;
  const off = <u32>va & 0xfff;
  if (!translating && c.mode64) {
    // The look-up below has been done for this target, and nothing has changed since.
    const known = jumpFind(c, va);
    if (known) {
      if (fuelLeft <= 0) refuel(FUEL);
      c.ipBase = va - off;
      return execute(c, known, jumpIndex, jumpRecords, inboxOf(c.id) + <usize>Inbox.ATTENTION);
    }
  }
  const page = fetchPage(c, va);
  if (page < 0) return faultAtRip(c);
  if (!isRam(<u64>page) || !requestCode(c, <u32>page) || !pageWithinCode(c, c.rip - off)) return runStep(c);
  const slot = icacheSlot(c, <u32>page, c.codeMode);
  const index = slotIndex(c, slot);
  if (translating && (c.mode64 != 0 || isFlat32(c))) noteHead(c, slot, <u32>page, off, va);
  else if (fuelLeft <= 0) refuel(FUEL);
  let n = <u32>load<u16>(index + (off << 1));
  if (n == 0) {
    if (off + MAX_INSN > PAGE_BYTES && icacheCrosses(c, <u32>page, off, c.codeMode)
      && pageWithinCode(c, c.rip - off + PAGE_BYTES)) {
      return runCrossing(c, va, <u32>page, off);
    }
    count(changetype<usize>(c), Count.DECODES);
    n = icacheDecode(c, slot, off);
    if (n == 0) return runStep(c);
  }
  c.ipBase = c.rip - off;
  const records = slotRecords(c, slot);
  const r = records + (n << REC_SHIFT);
  jumpRemember(c, va, index, r, records, tlbFetchGlobal(c, va));
  // In 32-bit code that is not flat it passes over entries of regions.
  if (translating && c.codeMode != CodeMode.M16) {
    return runTranslated(c, r, index, records, inboxOf(c.id) + <usize>Inbox.ATTENTION);
  }
  return executeIn(c, r, index, records);
}

/** An instruction over the end of its page, decoded before. Its rest is where the second page is now. */
function runCrossing(c: Cpu, va: u64, page: u32, off: u32): i32 {
  const second = fetchPage(c, (va - off + PAGE_BYTES) & (c.mode64 ? u64.MAX_VALUE : 0xffffffff));
  if (second < 0) return faultAtRip(c);
  const r = isRam(<u64>second) ? icacheCrossing(c, page, <u32>second, off) : 0;
  if (!r) return runStep(c);
  c.ipBase = c.rip - off;
  return executeIn(c, r, slotIndex(c, 0), slotRecords(c, 0));
}

/** The inner loop of the code mode and segments of now. */
export function executeIn(c: Cpu, r: usize, index: usize, records: usize): i32 {
  const attention = inboxOf(c.id) + <usize>Inbox.ATTENTION;
  if (c.mode64) return execute(c, r, index, records, attention);
  if (isFlat32(c)) return executeFlat(c, r, index, records, attention);
  return executeSegmented(c, r, index, records, attention);
}

/** A fault of the fetch itself: RIP is right already. */
function faultAtRip(c: Cpu): i32 {
  countIn(changetype<usize>(c), Profile.EXCEPTIONS, c.excVector & 31);
  deliverException(c);
  return Status.JUMP;
}

/** Gather and execute exactly one instruction through the scratch record. Returns a Status. */
function runStep(c: Cpu): i32 {
  count(changetype<usize>(c), Count.STEPS);
  const base = c.mode64 ? 0 : segment(c, Seg.CS).base;
  const mask: u64 = c.mode64 ? u64.MAX_VALUE : 0xffffffff;
  const va = (base + c.rip) & mask;
  const off = <u32>va & 0xfff;
  const room: u32 = 4096 - off;
  let avail: u32 = room < MAX_INSN ? room : MAX_INSN;
  if (!c.mode64) {
    const limit = <u64>segment(c, Seg.CS).limit;
    if (c.rip > limit) {
      raiseError(c, Vector.GP, 0);
      return faultAtRip(c);
    }
    if (c.rip + avail - 1 > limit) avail = <u32>(limit - c.rip) + 1;
  }
  const first = fetchPage(c, va);
  if (first < 0) return faultAtRip(c);
  fetchBytes(c, <u64>first, off, avail, stepBytes(c));
  let r = icacheStep(c, avail, off, c.codeMode);
  if (!r) {
    // The rest is on the next page (or past the limit).
    if (avail + off == 4096 && (c.mode64 || c.rip + avail <= <u64>segment(c, Seg.CS).limit)) {
      const second = fetchPage(c, (va + avail) & mask);
      if (second < 0) return faultAtRip(c);
      if (isRam(<u64>first) && isRam(<u64>second) && requestCode(c, <u32>first)
        && requestCode(c, <u32>second)) icacheCross(c, <u32>first, <u32>second, off, c.codeMode);
      fetchBytes(c, <u64>second, 0, MAX_INSN - avail, stepBytes(c) + avail);
      r = icacheStep(c, MAX_INSN, off, c.codeMode);
    }
    if (!r) {
      raiseError(c, Vector.GP, 0);
      return faultAtRip(c);
    }
  }
  c.ipBase = c.rip - off;
  // No branch of it is followed.
  const fuel = fuelLeft;
  refuel(1);
  const status = executeIn(c, r, slotIndex(c, 0), slotRecords(c, 0));
  refuel(fuel);
  return status;
}

/** The last instruction stopped half-way (REP): an interrupt taken now pushes RF = 1 (SDM 3B 17.3.1.1). */
let interrupted: bool = false;

// @ts-ignore: decorator
@inline
function leftBy(status: i32): Count {
  return (status == Status.JUMP ? Count.LEFT_JUMP : status == Status.END ? Count.LEFT_END
    : status == Status.FAULT ? Count.LEFT_FAULT : Count.LEFT_RETRY) as Count;
}

function settle(c: Cpu, status: i32): void {
  interrupted = status == Status.RETRY;
  arrive(c, status);
}

/** Put RIP where the status of the record that execute stopped at says, and deliver its fault. */
function arrive(c: Cpu, status: i32): void {
  count(changetype<usize>(c), leftBy(status));
  settleRf(c);
  if (status == Status.JUMP) return;
  const r = stoppedAt;
  const off = recOff(r);
  if (status == Status.END) {
    c.rip = (c.ipBase + off + recLen(r)) & c.ipMask;
    return;
  }
  c.rip = (c.ipBase + off) & c.ipMask;
  if (status != Status.FAULT) return;
  c.shadow = 0;
  countIn(changetype<usize>(c), Profile.EXCEPTIONS, c.excVector & 31);
  rmwCancel();
  // SDM vol. 1 3.3.7.1: a non-canonical reference through the stack segment is #SS(0).
  if (takeNoncanonical() && ((recFlags(r) & RecFlag.MEM) == 0 || recSeg(r) == Seg.SS)) c.excVector =
    Vector.SS;
  deliverException(c);
  takeNoncanonical();
}

/**
 * One instruction with all the checks that cached execution leaves out: shadows, TF, breakpoints (and with
 * them RF), tracing.
 */
function runCareful(c: Cpu): void {
  c.shadow = 0;
  count(changetype<usize>(c), Count.CAREFUL);
  const single = (c.eflags & FLAG_TF) != 0;
  const held = heldHits;
  heldHits = 0;
  if (breakpointsOn(c) && (c.eflags & FLAG_RF) == 0) {
    const hit = instructionBreakpoint(c);
    if (hit) {
      raiseDebug(c, hit | held);
      deliverException(c);
      return;
    }
  }
  if (control32(Control.OPTIONS) & Option.TRACE) hostLog(Log.TRACE, <u64>changetype<usize>(c),
    c.instructions);
  // RF is cleared by every completed instruction but IRET and task switches, which load it (SDM 3B 17.3.1.1).
  const rfBefore = c.eflags & FLAG_RF;
  c.eflags &= ~FLAG_RF;
  takeHits();
  const status = runStep(c);
  settle(c, status);
  if (windowLeft != 0) countInstruction(c, stoppedAt);
  if (status == Status.FAULT) return;
  let debug = held | takeHits();
  if (status == Status.RETRY) {
    c.eflags |= rfBefore;
    // SDM vol. 2 REP: every iteration may trap, RIP still at the instruction.
    if ((recFlags(stoppedAt) & (RecFlag.REP | RecFlag.REPNE)) == 0) heldHits = held;
    else debugTrap(c, single ? debug | DR6_BS : debug);
    return;
  }
  // A load of SS holds traps off (SDM 3A 6.8.3).
  if (c.shadow == SHADOW_SS) {
    heldHits = debug;
    return;
  }
  // INT n, SYSCALL and gates clear TF: no single-step trap then.
  if (single && ((c.eflags & FLAG_TF) != 0 || status == Status.END)) debug |= DR6_BS;
  debugTrap(c, debug);
}

/** #DB behind an instruction for these bits of DR6, if there are any. */
function debugTrap(c: Cpu, bits: u64): void {
  if (bits == 0) return;
  raiseDebug(c, bits);
  deliverException(c);
}

/**
 * Drain the code-page inbox. Only here: no host address or record is live. Behind every wait: who asked while
 * this CPU did not run has taken its word for given (postToWriter), so its write tables must not be used
 * before.
 */
function drainPages(c: Cpu): void {
  if (!(atomic.load<u32>(inboxOf(c.id), Inbox.REQUESTS) & Request.CODE_PAGE)) return;
  clearRequests(c.id, Request.CODE_PAGE);
  for (;;) {
    const page = takePage(c);
    if (page == -1) return;
    if (page == -2) {
      dropEveryWrite(c, ramPages);
      icacheDropAll(c);
      continue;
    }
    dropPageWrites(c, <u32>page);
    icacheDrop(c, <u32>page);
  }
}

/**
 * INIT and start-up IPIs (SDM 3A 11.4, 9.4.2), as they are at one moment: with an older look at them, a SIPI
 * behind a new INIT would be taken for one that comes too late.
 */
function takeStartup(c: Cpu): void {
  const req = clearRequests(c.id, Request.INIT | Request.SIPI);
  if (req & Request.INIT) {
    resetCpu(c, true);
    lapicReset(c.id);
    tlbFlushAll(c);
    c.runState = c.id == 0 ? RunState.RUNNING : RunState.WAIT_FOR_SIPI;
  }
  // A SIPI outside WAIT-FOR-SIPI is dropped.
  if ((req & Request.SIPI) != 0 && c.runState == RunState.WAIT_FOR_SIPI) {
    startupIpi(c, atomic.load<u32>(inboxOf(c.id), Inbox.SIPI_VECTOR));
  }
}

/** Deliver an interrupt when one may be delivered now. */
function takeInterrupt(c: Cpu, req: u32): void {
  if (c.runState == RunState.WAIT_FOR_SIPI || c.runState == RunState.SHUTDOWN) return;
  if ((req & Request.NMI) != 0 && !c.nmiBlocked) {
    clearRequests(c.id, Request.NMI);
    c.runState = RunState.RUNNING;
    deliverInterrupt(c, Vector.NMI, EventKind.NMI);
    return;
  }
  if (!(req & Request.INTR) || !(c.eflags & FLAG_IF)) return;
  if (lapicPending(c.id) < 0) {
    clearRequests(c.id, Request.INTR);
    if (lapicPending(c.id) >= 0) request(c.id, Request.INTR);
    return;
  }
  const vector = lapicAccept(c.id);
  if (vector < 0) return;
  c.runState = RunState.RUNNING;
  if (interrupted) c.eflags |= FLAG_RF;
  deliverInterrupt(c, <u32>vector, EventKind.EXTERNAL);
}

/** Deal with requests. Returns an Exit when the worker must leave. */
function poll(c: Cpu): i32 {
  const req = takeRequests(c.id);
  count(changetype<usize>(c), Count.POLLS);
  publishStats(c);
  if (control32(Control.FAILED) | control32(Control.END)) return Exit.END;
  if (req & Request.STOP) return Exit.STOP;
  if (req & Request.RESET) return Exit.RESET;
  if (req & Request.SPLIT_LOCK) splitLockWait(c);
  drainPages(c);
  if (req & Request.TLB_FLUSH) {
    clearRequests(c.id, Request.TLB_FLUSH);
    tlbFlushAll(c);
  }
  if (req & Request.SAMPLE) {
    clearRequests(c.id, Request.SAMPLE);
    takeSample(c, fromRegion);
  }
  if (req & Request.PAUSE) {
    park(c, RunState.PAUSED, i64.MAX_VALUE);
    drainPages(c);
    if (control32(Control.RUNNING)) clearRequests(c.id, Request.PAUSE);
    return Exit.SLICE;
  }
  if (req & Request.TIMER) {
    clearRequests(c.id, Request.TIMER);
    lapicTimerCheck(c.id, <i64>hostNow());
  }
  if (req & (Request.INIT | Request.SIPI)) takeStartup(c);
  if (req & Request.KICK) {
    clearRequests(c.id, Request.KICK);
    pvKick(c);
  }
  takeInterrupt(c, atomic.load<u32>(inboxOf(c.id), Inbox.REQUESTS));
  return Exit.SLICE;
}

/** The CPU cannot execute: sleep until something asks for it. */
function idle(c: Cpu): i32 {
  const box = inboxOf(c.id);
  if (c.runState == RunState.SHUTDOWN) {
    // A direct boot has no firmware to start again; its crash is for the user to see.
    if (atomic.load<u32>(BOARD + <usize>Board.DIRECT_BOOT) != 0) {
      machineEnd(MachineEnd.TRIPLE_FAULT, c.id);
      return Exit.END;
    }
    machineInit();
    return poll(c);
  }
  publishStats(c);
  count(changetype<usize>(c), Count.HALTS);
  const deadline = c.runState == RunState.HALTED ? atomic.load<i64>(box, Inbox.TIMER_DEADLINE)
    : i64.MAX_VALUE;
  park(c, c.runState, deadline);
  if (deadline != i64.MAX_VALUE && !lapicTimerCheck(c.id, <i64>hostNow())) lapicTimerUnpark(c.id);
  // Requests that cannot wake it stay set; attention alone decides how long it sleeps.
  return poll(c);
}

/** Counters for the panel and the JSON. */
export function publishStats(c: Cpu): void {
  atomic.store<u64>(inboxOf(c.id), c.instructions, Inbox.STAT_INSTRUCTIONS);
}

// @ts-ignore: decorator
@inline
function careful(c: Cpu): bool {
  return (<u64>(c.shadow | windowLeft) | (c.eflags & FLAG_TF) | (c.dr7 & DR7_ENABLES)) != 0 ||
    (control32(Control.OPTIONS) & Option.TRACE) != 0;
}

/**
 * For translated code: what the run loop does between a stop with `status` (not RETRY) and the next
 * instruction. False when that needs the run loop itself; RIP is right then.
 */
export function goOn(c: Cpu, status: i32): bool {
  arrive(c, status);
  const box = inboxOf(c.id);
  return c.runState == RunState.RUNNING && !careful(c) &&
    (atomic.load<u32>(box, Inbox.ATTENTION) | atomic.load<u32>(box, Inbox.REQUESTS)) == 0;
}

/** What is between two polls: one careful instruction, or a run of records. */
// @ts-ignore: decorator
@inline
export function runTurn(c: Cpu): void {
  if (careful(c)) runCareful(c);
  else settle(c, runCached(c));
}

/** No record is in use: before turns. */
export function beginTurns(c: Cpu): void {
  translating = (control32(Control.OPTIONS) & Option.TRANSLATOR) != 0;
  if (translating) beginSlice(c);
}

/** Run for a while; an Exit. */
export function runSlice(c: Cpu): i32 {
  const box = inboxOf(c.id);
  beginTurns(c);
  const turns = translating ? TRANSLATING_TURNS : SLICE_TURNS;
  for (let turn: u32 = 0; turn < turns; turn++) {
    if ((atomic.load<u32>(box, Inbox.ATTENTION) | atomic.load<u32>(box, Inbox.REQUESTS)) != 0 && !c.shadow) {
      const exit = poll(c);
      if (exit) return exit;
      if (translating) beginSlice(c);
    }
    if (c.runState != RunState.RUNNING) {
      const exit = idle(c);
      if (exit) return exit;
      if (translating) beginSlice(c);
      continue;
    }
    runTurn(c);
  }
  publishStats(c);
  return Exit.SLICE;
}
