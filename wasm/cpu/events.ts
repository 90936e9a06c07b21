// Delivery of exceptions and interrupts (SDM vol. 3A ch. 6, vol. 2 "INT n/INTO/INT3/INT1": the pseudo-code;
// ch. 21 for real-address and virtual-8086 mode). A fault during delivery is combined with the first by table
// 6-5 (serial, double fault, shutdown). Left out: FRED, user interrupts, shadow stacks.

import { ErrorCode, Vector, raiseError, raiseSelector } from "./exceptions";
import { readEflags, settleRf } from "./flags";
import { ATTR_DPL_SHIFT, Attr, Cr0, Rflags, isV86, updateMode } from "./mode";
import { Cpu, RunState, Seg, Status, segment } from "./state";
import { sysRead } from "../mmu/access";
import {
  Size, frameAbort, frameAlign16, frameBegin, frameCommit, frameFromTss, frameFromTss64, frameHere, framePush,
} from "../mmu/frame";
import {
  SystemType, attrOf, checkDescriptorTarget, descriptor, descriptorAt, dplOf, isCode, isConforming,
  isNull, markAccessed,
  readDescriptor, setFromDescriptor, setNull, setReal,
} from "../mmu/segment";
import { TaskReason, takeTaskFault, taskSwitch } from "../interp/task";

/** What is being delivered. */
export const enum EventKind { EXTERNAL = 0, EXCEPTION = 1, NMI = 2, INT_N = 3, INT3 = 4, INTO = 5, INT1 = 6 }

/** Classes of table 6-4; DOUBLE is the double fault itself. */
const enum FaultClass { BENIGN = 0, CONTRIBUTORY = 1, PAGE = 2, DOUBLE = 3 }

const MASK16: u64 = 0xFFFF;
const MASK32: u64 = 0xFFFFFFFF;
const RPL_MASK: u32 = 3;
const REAL_VECTOR_BYTES: u32 = 4;
const DR6_BD: u64 = 0x2000;
const DR7_GD: u64 = 0x2000;
const IST_MASK: u32 = 7;
const GATE_TYPE: u32 = 0x1F;
/** Gate type bit that tells a trap gate from an interrupt gate. */
const GATE_TRAP: u32 = 1;

/** The event now being delivered (this thread). */
let eventKind: EventKind = EventKind.EXTERNAL;
let eventHasError: bool = false;
let eventError: u32 = 0;
let eventIp: u64 = 0;
/** EXT bit of error codes raised during delivery (SDM 3A 6.13). */
let ext: u32 = 0;
/** RFLAGS image to be pushed. */
let image: u64 = 0;

// ---- Entry points ----

/**
 * Deliver the pending exception; c.rip is the RIP to push. Ends with c.rip at the handler, or in shutdown.
 */
export function deliverException(c: Cpu): void {
  serve(c, FaultClass.BENIGN);
  settleRf(c);
}

/** Deliver an interrupt between instructions; c.rip is the next instruction. */
export function deliverInterrupt(c: Cpu, vector: u32, kind: EventKind): void {
  if (kind == EventKind.NMI) c.nmiBlocked = 1;
  if (enterVector(c, vector, kind, c.rip, false, 0) == Status.FAULT) {
    takeTaskFault();
    serve(c, FaultClass.BENIGN);
  }
  settleRf(c);
}

/** INT n, INT3, INTO, INT1: `next` is the RIP after the instruction. JUMP or FAULT. */
export function softwareInterrupt(c: Cpu, vector: u32, kind: EventKind, next: u64): i32 {
  if (enterVector(c, vector, kind, next, false, 0) != Status.FAULT) return Status.JUMP;
  return finishTaskFault(c);
}

/**
 * A fault of an instruction: FAULT, or, when a task switch had already committed, its delivery in the new
 * task: JUMP.
 */
export function finishTaskFault(c: Cpu): i32 {
  if (!takeTaskFault()) return Status.FAULT;
  serve(c, FaultClass.BENIGN);
  return Status.JUMP;
}

// ---- Combination (SDM 3A table 6-5) ----

function classOf(vector: u32): FaultClass {
  switch (vector) {
    case Vector.DE: case Vector.TS: case Vector.NP: case Vector.SS: case Vector.GP:
      return FaultClass.CONTRIBUTORY;
    case Vector.PF: return FaultClass.PAGE;
    case Vector.DF: return FaultClass.DOUBLE;
    default: return FaultClass.BENIGN;
  }
}

function serve(c: Cpu, first: FaultClass): void {
  let previous = first;
  for (;;) {
    let vector = c.excVector;
    let error = c.excError;
    let hasError = c.excHasError != 0;
    let now = classOf(vector);
    if (vector == Vector.PF) c.cr2 = c.excAddress;
    if (previous == FaultClass.DOUBLE) {
      c.runState = RunState.SHUTDOWN;
      return;
    }
    const doubled = previous == FaultClass.CONTRIBUTORY ? now == FaultClass.CONTRIBUTORY
      : previous == FaultClass.PAGE && now != FaultClass.BENIGN;
    if (doubled) {
      vector = Vector.DF;
      error = 0;
      hasError = true;
      now = FaultClass.DOUBLE;
    } else if (vector == Vector.DB) {
      c.dr6 |= c.excAddress;
      c.dr7 &= ~DR7_GD;
    }
    previous = now;
    if (enterVector(c, vector, EventKind.EXCEPTION, c.rip, hasError, error) != Status.FAULT) return;
    // A task switch that had committed: its fault belongs to the new task alone.
    if (takeTaskFault()) previous = FaultClass.BENIGN;
  }
}

/** Fault-class exceptions push RF = 1 (SDM 3B 17.3.1.1), save #DB of an instruction breakpoint. */
function pushesRf(c: Cpu, vector: u32): bool {
  switch (vector) {
    case Vector.DB: return (c.excAddress & DR6_BD) != 0;
    case Vector.NMI: case Vector.BP: case Vector.OF: case Vector.DF: case Vector.MC: return false;
    default: return true;
  }
}

/** One attempt. NEXT: c.rip is at the handler. FAULT: a new exception is pending. */
function enterVector(c: Cpu, vector: u32, kind: EventKind, ip: u64, hasError: bool, error: u32): i32 {
  eventKind = kind;
  eventHasError = hasError;
  eventError = error;
  eventIp = ip;
  const soft = kind == EventKind.INT_N || kind == EventKind.INT3 || kind == EventKind.INTO;
  ext = soft ? 0 : ErrorCode.EXT;
  image = readEflags(c);
  if (kind == EventKind.EXCEPTION) {
    if (pushesRf(c, vector)) image |= Rflags.RF;
  } else if (kind >= EventKind.INT_N) {
    image &= ~(<u64>Rflags.RF);
  }
  let status: i32;
  if ((c.cr0 & Cr0.PE) == 0) status = enterReal(c, vector);
  else if (c.longMode) status = enterLong(c, vector, soft);
  else status = enterProtected(c, vector, soft);
  if (status != Status.FAULT) c.shadow = 0;
  return status;
}

// ---- Real-address mode (SDM 3A 21.1.4) ----

function enterReal(c: Cpu, vector: u32): i32 {
  const at = vector * REAL_VECTOR_BYTES;
  if (at + (REAL_VECTOR_BYTES - 1) > c.idtrLimit) {
    return raiseError(c, Vector.GP, (vector << 3) | ErrorCode.IDT | ext);
  }
  const host = sysRead<u32>(c, (c.idtrBase + at) & MASK32);
  if (host == 0) return Status.FAULT;
  const pointer = load<u32>(host);
  frameHere(c, false, 0);
  if (framePush(c, Size.WORD, image) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.WORD, segment(c, Seg.CS).selector) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.WORD, eventIp) != Status.NEXT) return Status.FAULT;
  frameCommit(c);
  setReal(c, Seg.CS, pointer >> 16);
  c.eflags &= ~(<u64>(Rflags.IF | Rflags.TF | Rflags.AC | Rflags.RF));
  c.rip = <u64>pointer & MASK16;
  updateMode(c);
  return Status.NEXT;
}

// ---- Protected mode ----

function enterProtected(c: Cpu, vector: u32, soft: bool): i32 {
  const code = (vector << 3) | ErrorCode.IDT | ext;
  const at = vector << 3;
  if (at + 7 > c.idtrLimit) return raiseError(c, Vector.GP, code);
  const host = sysRead<u64>(c, (c.idtrBase + at) & MASK32);
  if (host == 0) return Status.FAULT;
  const gate = load<u64>(host);
  const attr = attrOf(gate);
  const type = attr & GATE_TYPE;
  const known = type == SystemType.TASK_GATE || type == SystemType.INT16 || type == SystemType.TRAP16 ||
    type == SystemType.INT32 || type == SystemType.TRAP32;
  if (!known || (soft && dplOf(attr) < c.cpl)) return raiseError(c, Vector.GP, code);
  if ((attr & Attr.P) == 0) return raiseError(c, Vector.NP, code);
  const selector = <u32>(gate >> 16) & 0xFFFF;
  if (type == SystemType.TASK_GATE) {
    c.eflags = (c.eflags & ~(<u64>Rflags.RF)) | (image & Rflags.RF);
    return taskSwitch(c, selector, TaskReason.EVENT, eventIp, eventHasError, eventError, ext);
  }
  const size: u32 = type >= <u32>SystemType.INT32 ? Size.DWORD : Size.WORD;
  const offset = size == Size.DWORD ? (gate & MASK16) | ((gate >> 32) & 0xFFFF0000) : gate & MASK16;
  const newCpl = checkTarget(c, selector, false);
  if (newCpl < 0) return Status.FAULT;
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  const v86 = isV86(c);
  // SDM: an event leaves virtual-8086 mode to privilege 0 only.
  if (v86 && newCpl != 0) return raiseSelector(c, Vector.GP, selector, ext);
  if (<u32>newCpl != c.cpl) {
    if (frameFromTss(c, <u32>newCpl, ext) != Status.NEXT) return Status.FAULT;
  } else {
    frameHere(c, false, ext);
  }
  if (!checkDescriptorTarget(c, d, offset, ext)) return Status.FAULT;
  frameBegin(c);
  if (pushLegacyFrame(c, size, v86, <u32>newCpl) != Status.NEXT) return frameAbort(c);
  commitGate(c, selector, <u32>newCpl, d, offset, (type & GATE_TRAP) != 0, v86);
  return Status.NEXT;
}

function pushLegacyFrame(c: Cpu, size: u32, v86: bool, newCpl: u32): i32 {
  if (v86) {
    for (let seg: i32 = Seg.GS; seg >= Seg.DS; seg--) {
      if (framePush(c, size, segment(c, seg).selector) != Status.NEXT) return Status.FAULT;
    }
    if (framePush(c, size, segment(c, Seg.ES).selector) != Status.NEXT) return Status.FAULT;
  }
  if (v86 || newCpl != oldCpl(c)) {
    if (framePush(c, size, segment(c, Seg.SS).selector) != Status.NEXT) return Status.FAULT;
    if (framePush(c, size, c.rsp) != Status.NEXT) return Status.FAULT;
  }
  if (framePush(c, size, image) != Status.NEXT) return Status.FAULT;
  if (framePush(c, size, segment(c, Seg.CS).selector) != Status.NEXT) return Status.FAULT;
  if (framePush(c, size, eventIp) != Status.NEXT) return Status.FAULT;
  return eventHasError ? framePush(c, size, eventError) : Status.NEXT;
}

/** CPL of the interrupted code while c.cpl already is that of the frame. */
function oldCpl(c: Cpu): u32 {
  return (<u32>segment(c, Seg.SS).attr & Attr.DPL) >> ATTR_DPL_SHIFT;
}

/** Read and check the gate's code segment; the new CPL, or -1 with an exception pending. */
function checkTarget(c: Cpu, selector: u32, long: bool): i32 {
  if (isNull(selector)) {
    raiseError(c, Vector.GP, ext);
    return -1;
  }
  if (readDescriptor(c, selector, Vector.GP, ext) != Status.NEXT) return -1;
  const attr = attrOf(descriptor);
  if (!isCode(attr) || dplOf(attr) > c.cpl || (long && (attr & (Attr.L | Attr.DB)) != Attr.L)) {
    raiseSelector(c, Vector.GP, selector, ext);
    return -1;
  }
  if ((attr & Attr.P) == 0) {
    raiseSelector(c, Vector.NP, selector, ext);
    return -1;
  }
  return isConforming(attr) ? c.cpl : dplOf(attr);
}

function commitGate(c: Cpu, selector: u32, newCpl: u32, d: u64, offset: u64, trap: bool, v86: bool): void {
  frameCommit(c);
  setFromDescriptor(c, Seg.CS, (selector & ~RPL_MASK) | newCpl, d);
  if (v86) {
    for (let seg: u32 = Seg.DS; seg <= <u32>Seg.GS; seg++) setNull(c, seg, 0, 0);
    setNull(c, Seg.ES, 0, 0);
  }
  let clear: u64 = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM;
  if (!trap) clear |= Rflags.IF;
  c.eflags &= ~clear;
  c.rip = offset;
  updateMode(c);
}

// ---- Long mode (SDM 3A 6.14) ----

function enterLong(c: Cpu, vector: u32, soft: bool): i32 {
  const code = (vector << 3) | ErrorCode.IDT | ext;
  const at = vector << 4;
  if (at + 15 > c.idtrLimit) return raiseError(c, Vector.GP, code);
  let host = sysRead<u64>(c, c.idtrBase + at);
  if (host == 0) return Status.FAULT;
  const gate = load<u64>(host);
  host = sysRead<u64>(c, c.idtrBase + at + 8);
  if (host == 0) return Status.FAULT;
  const high = load<u64>(host);
  const attr = attrOf(gate);
  const type = attr & GATE_TYPE;
  const known = type == SystemType.INT32 || type == SystemType.TRAP32;
  if (!known || (soft && dplOf(attr) < c.cpl)) return raiseError(c, Vector.GP, code);
  if ((attr & Attr.P) == 0) return raiseError(c, Vector.NP, code);
  const selector = <u32>(gate >> 16) & 0xFFFF;
  const offset = (gate & MASK16) | ((gate >> 32) & 0xFFFF0000) | (high << 32);
  const ist = <u32>(gate >> 32) & IST_MASK;
  const newCpl = checkTarget(c, selector, true);
  if (newCpl < 0) return Status.FAULT;
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  if (ist != 0 || <u32>newCpl != c.cpl) {
    if (frameFromTss64(c, <u32>newCpl, ist, ext) != Status.NEXT) return Status.FAULT;
  } else {
    frameHere(c, true, ext);
  }
  if (!checkDescriptorTarget(c, d, offset, ext)) return Status.FAULT;
  frameAlign16();
  frameBegin(c);
  if (pushLongFrame(c) != Status.NEXT) return frameAbort(c);
  commitGate(c, selector, <u32>newCpl, d, offset, (type & GATE_TRAP) != 0, false);
  return Status.NEXT;
}

function pushLongFrame(c: Cpu): i32 {
  if (framePush(c, Size.QWORD, segment(c, Seg.SS).selector) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.QWORD, c.rsp) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.QWORD, image) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.QWORD, segment(c, Seg.CS).selector) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.QWORD, eventIp) != Status.NEXT) return Status.FAULT;
  return eventHasError ? framePush(c, Size.QWORD, eventError) : Status.NEXT;
}
