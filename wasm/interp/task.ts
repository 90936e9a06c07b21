// Hardware task switches (SDM vol. 3A 8.2-8.3; vol. 2 "CALL", "JMP", "IRET", "INT n": task parts), 16- and
// 32-bit TSS. All of the new TSS is read and the old one probed for write before anything is committed. A
// fault after the commit belongs to the new task: takeTaskFault() tells the caller so. The caller has checked
// privilege; long mode has no tasks.

import { Vector, raiseDebug, raiseError, raiseSelector } from "../cpu/exceptions";
import { readEflags, writeEflags } from "../cpu/flags";
import { Attr, Cr0, Cr4, Rflags, updateMode } from "../cpu/mode";
import { Cpu, Seg, Status, segment } from "../cpu/state";
import { CPU_SCRATCH } from "../lib/layout";
import { rmwCancel, sysRead, sysRmw, sysWrite } from "../mmu/access";
import { Size, frameAbort, frameBegin, frameCommit, frameHere, framePush } from "../mmu/frame";
import { loadPdptes } from "../mmu/paging";
import {
  SystemType, attrOf, baseOf, checkDataSegment, checkStackSegment, descriptor, descriptorAt, dplOf,
  isCode, isConforming,
  isNull, limitOf, markAccessed, readDescriptor, rplOf, setFromDescriptor, setNull, setSegment, setV86,
} from "../mmu/segment";
import { tlbFlushNonGlobal } from "../mmu/tlb";

/** What switches. */
export const enum TaskReason { JUMP = 0, CALL = 1, EVENT = 2, RETURN = 3 }

/** 32-bit TSS (SDM 3A figure 8-2). */
const enum Tss32 {
  LINK = 0, CR3 = 0x1C, EIP = 0x20, EFLAGS = 0x24, EAX = 0x28, ES = 0x48, LDT = 0x60, TRAP = 0x64,
  LAST = 0x67,
}
/** 16-bit TSS (figure 8-10). */
const enum Tss16 { IP = 0x0E, FLAGS = 0x10, AX = 0x12, ES = 0x22, LDT = 0x2A, LAST = 0x2B }

const GENERAL: u32 = 8;
const TYPE_MASK: u32 = 0x1F;
const BUSY: u32 = 2;
const WIDE: u32 = 8;
const ACCESS_BYTE: u64 = 5;
const TI: u32 = 4;
const MASK32: u64 = 0xFFFFFFFF;
/** Every defined bit of EFLAGS. */
const ALL_FLAGS: u64 = 0x3F7FD7;
/** DR7.L0-L3 and LE (SDM 3A 8.2.1: cleared by a task switch). */
const DR7_LOCAL: u64 = 0x155;
const DR6_BT: u64 = 0x8000;
/** The new TSS is copied here in the CPU's scratch page. */
const COPY: u32 = CPU_SCRATCH + 0xC00;

/** A fault after the commit is pending: it belongs to the new task. */
let faulted: bool = false;
/** Linear address and width of the new TSS. */
let newBase: u64 = 0;
let newWide: bool = false;

/** True once after a fault in a new task. */
export function takeTaskFault(): bool {
  const was = faulted;
  faulted = false;
  return was;
}

/**
 * Switch to the task of `selector`. `returnIp` is what the old task resumes at; an event's error code is
 * pushed on the new stack. NEXT: c.rip is set. FAULT: see takeTaskFault.
 */
export function taskSwitch(
  c: Cpu, selector: u32, reason: TaskReason, returnIp: u64, hasError: bool, error: u32, ext: u32,
): i32 {
  const vector: u32 = reason == TaskReason.RETURN ? Vector.TS : Vector.GP;
  if (isNull(selector) || (selector & TI) != 0) return raiseSelector(c, vector, selector, ext);
  if (readDescriptor(c, selector, vector, ext) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  const at = descriptorAt;
  const attr = attrOf(d);
  const type = attr & TYPE_MASK;
  if ((type & ~(WIDE | BUSY)) != SystemType.TSS16) return raiseSelector(c, vector, selector, ext);
  if (((type & BUSY) != 0) != (reason == TaskReason.RETURN)) return raiseSelector(c, vector, selector, ext);
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, ext);
  newWide = (type & WIDE) != 0;
  newBase = baseOf(d);
  if (limitOf(d) < <u32>(newWide ? Tss32.LAST : Tss16.LAST)) {
    return raiseSelector(c, Vector.TS, selector, ext);
  }
  if (copyNewTss(c) != Status.NEXT || probeOldTss(c) != Status.NEXT) return Status.FAULT;
  const nested = reason == TaskReason.CALL || reason == TaskReason.EVENT;
  if (!nested && setBusy(c, false) != Status.NEXT) return Status.FAULT;
  if (saveOldTask(c, returnIp, reason == TaskReason.RETURN) != Status.NEXT) return Status.FAULT;
  const oldSelector = segment(c, Seg.TR).selector;
  if (nested && sysWrite<u16>(c, newBase, oldSelector) == Status.FAULT) return Status.FAULT;
  if (reason != TaskReason.RETURN && sysWrite<u8>(c, at + ACCESS_BYTE, <u8>(attr | BUSY)) == Status.FAULT) {
    return Status.FAULT;
  }
  setSegment(c, Seg.TR, selector, newBase, limitOf(d), attr | BUSY);
  c.cr0 |= Cr0.TS;
  const status = loadNewTask(c, nested, hasError, error, ext);
  if (status == Status.FAULT) faulted = true;
  return status;
}

// ---- Before the commit ----

function copyNewTss(c: Cpu): i32 {
  const to = changetype<usize>(c) + COPY;
  const last: u32 = newWide ? Tss32.LAST : Tss16.LAST;
  for (let i: u32 = 0; i < last; i += 4) {
    const host = sysRead<u32>(c, (newBase + i) & MASK32);
    if (host == 0) return Status.FAULT;
    store<u32>(to + i, load<u32>(host));
  }
  return probe(c, newBase);
}

/** Would a write to the byte at `va` fault? */
function probe(c: Cpu, va: u64): i32 {
  const host = sysRmw<u8>(c, va & MASK32);
  rmwCancel();
  return host != 0 ? Status.NEXT : Status.FAULT;
}

function probeOldTss(c: Cpu): i32 {
  const tr = segment(c, Seg.TR);
  if (probe(c, tr.base) != Status.NEXT) return Status.FAULT;
  return probe(c, tr.base + ((tr.attr & WIDE) != 0 ? Tss32.LAST : Tss16.LAST));
}

/** Busy bit of the descriptor of the present task. */
function setBusy(c: Cpu, busy: bool): i32 {
  const at = (c.gdtrBase + (segment(c, Seg.TR).selector & 0xFFF8) + ACCESS_BYTE) & MASK32;
  const host = sysRead<u8>(c, at);
  if (host == 0) return Status.FAULT;
  const access: u32 = load<u8>(host);
  return sysWrite<u8>(c, at, <u8>(busy ? access | BUSY : access & ~BUSY)) == Status.FAULT ? Status.FAULT
    : Status.NEXT;
}

/** Store a field of the old TSS. */
function put(c: Cpu, wide: bool, at: u64, value: u64): i32 {
  const status = wide ? sysWrite<u32>(c, at & MASK32, <u32>value) : sysWrite<u16>(c, at & MASK32, <u16>value);
  return status == Status.FAULT ? Status.FAULT : Status.NEXT;
}

function saveOldTask(c: Cpu, returnIp: u64, clearNt: bool): i32 {
  const tr = segment(c, Seg.TR);
  const wide = (tr.attr & WIDE) != 0;
  let flags = readEflags(c);
  if (clearNt) flags &= ~(<u64>Rflags.NT);
  const step: u32 = wide ? 4 : 2;
  if (put(c, wide, tr.base + (wide ? Tss32.EIP : Tss16.IP), returnIp) != Status.NEXT) return Status.FAULT;
  if (put(c, wide, tr.base + (wide ? Tss32.EFLAGS : Tss16.FLAGS), flags) != Status.NEXT) return Status.FAULT;
  const general = tr.base + (wide ? Tss32.EAX : Tss16.AX);
  for (let n: u32 = 0; n < GENERAL; n++) {
    if (put(c, wide, general + n * step, load<u64>(changetype<usize>(c) + (n << 3))) != Status.NEXT) {
      return Status.FAULT;
    }
  }
  const selectors = tr.base + (wide ? Tss32.ES : Tss16.ES);
  const count: u32 = wide ? Seg.GS + 1 : Seg.DS + 1;
  for (let n: u32 = 0; n < count; n++) {
    if (put(c, false, selectors + n * step, segment(c, n).selector) != Status.NEXT) return Status.FAULT;
  }
  return Status.NEXT;
}

// ---- The new task ----

/** Field of the copy. */
function get(c: Cpu, wideAt: u32, narrowAt: u32): u32 {
  const from = changetype<usize>(c) + COPY;
  return newWide ? load<u32>(from + wideAt) : <u32>load<u16>(from + narrowAt);
}

function selectorOf(c: Cpu, n: u32): u32 {
  if (!newWide && n > <u32>Seg.DS) return 0;
  return get(c, Tss32.ES + n * 4, Tss16.ES + n * 2) & 0xFFFF;
}

function loadNewTask(c: Cpu, nested: bool, hasError: bool, error: u32, ext: u32): i32 {
  const pdptes = loadPageTables(c);
  let flags = <u64>get(c, Tss32.EFLAGS, Tss16.FLAGS);
  if (nested) flags |= Rflags.NT;
  writeEflags(c, flags, ALL_FLAGS);
  for (let n: u32 = 0; n < GENERAL; n++) {
    store<u64>(changetype<usize>(c) + (n << 3), <u64>get(c, Tss32.EAX + n * 4, Tss16.AX + n * 2));
  }
  c.rip = <u64>get(c, Tss32.EIP, Tss16.IP);
  c.dr7 &= ~DR7_LOCAL;
  c.shadow = 0;
  const status = pdptes != Status.NEXT ? pdptes : loadSegments(c, (flags & Rflags.VM) != 0, ext);
  updateMode(c);
  if (status != Status.NEXT) return Status.FAULT;
  if (hasError && pushError(c, error, ext) != Status.NEXT) return Status.FAULT;
  if (c.rip > <u64>segment(c, Seg.CS).limit) return raiseError(c, Vector.GP, ext);
  if (newWide && (get(c, Tss32.TRAP, 0) & 1) != 0) return raiseDebug(c, DR6_BT);
  return Status.NEXT;
}

function loadPageTables(c: Cpu): i32 {
  if (!newWide || (c.cr0 & Cr0.PG) == 0) return Status.NEXT;
  c.cr3 = <u64>get(c, Tss32.CR3, 0);
  tlbFlushNonGlobal(c);
  return (c.cr4 & Cr4.PAE) != 0 ? loadPdptes(c) : Status.NEXT;
}

function pushError(c: Cpu, error: u32, ext: u32): i32 {
  frameHere(c, false, ext);
  frameBegin(c);
  if (framePush(c, newWide ? Size.DWORD : Size.WORD, error) != Status.NEXT) return frameAbort(c);
  frameCommit(c);
  return Status.NEXT;
}

function loadSegments(c: Cpu, v86: bool, ext: u32): i32 {
  const cs = selectorOf(c, Seg.CS);
  const cpl: u32 = v86 ? 3 : rplOf(cs);
  // The visible parts come first: a fault handler finds them (SDM 3A 8.2, step 12).
  for (let n: u32 = 0; n <= <u32>Seg.GS; n++) {
    if (v86) setV86(c, n, selectorOf(c, n));
    else setNull(c, n, selectorOf(c, n), n == Seg.SS ? cpl : 0);
  }
  const ldt = get(c, Tss32.LDT, Tss16.LDT) & 0xFFFF;
  setNull(c, Seg.LDTR, ldt, 0);
  updateMode(c);
  if (loadLdt(c, ldt, ext) != Status.NEXT) return Status.FAULT;
  if (v86) return Status.NEXT;
  if (loadCode(c, cs, cpl, ext) != Status.NEXT) return Status.FAULT;
  const ss = selectorOf(c, Seg.SS);
  if (isNull(ss)) return raiseSelector(c, Vector.TS, ss, ext);
  if (checkStackSegment(c, ss, cpl, Vector.TS, ext) != Status.NEXT) return Status.FAULT;
  if (take(c, Seg.SS, ss) != Status.NEXT) return Status.FAULT;
  for (let n: u32 = 0; n <= <u32>Seg.GS; n++) {
    const selector = selectorOf(c, n);
    if (n == Seg.CS || n == Seg.SS || isNull(selector)) continue;
    if (checkDataSegment(c, selector, Vector.TS, ext) != Status.NEXT) return Status.FAULT;
    if (take(c, n, selector) != Status.NEXT) return Status.FAULT;
  }
  return Status.NEXT;
}

/** Load the descriptor just checked. */
function take(c: Cpu, n: u32, selector: u32): i32 {
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  setFromDescriptor(c, n, selector, d);
  return Status.NEXT;
}

function loadLdt(c: Cpu, selector: u32, ext: u32): i32 {
  if (isNull(selector)) return Status.NEXT;
  if ((selector & TI) != 0) return raiseSelector(c, Vector.TS, selector, ext);
  if (readDescriptor(c, selector, Vector.TS, ext) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  if ((attr & TYPE_MASK) != SystemType.LDT || (attr & Attr.P) == 0) {
    return raiseSelector(c, Vector.TS, selector, ext);
  }
  setSegment(c, Seg.LDTR, selector, baseOf(descriptor), limitOf(descriptor), attr);
  return Status.NEXT;
}

function loadCode(c: Cpu, selector: u32, cpl: u32, ext: u32): i32 {
  if (isNull(selector)) return raiseSelector(c, Vector.TS, selector, ext);
  if (readDescriptor(c, selector, Vector.TS, ext) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  const dpl = dplOf(attr);
  if (!isCode(attr) || (isConforming(attr) ? dpl > cpl : dpl != cpl)) {
    return raiseSelector(c, Vector.TS, selector, ext);
  }
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, ext);
  return take(c, Seg.CS, selector);
}
