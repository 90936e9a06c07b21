// Far control transfers through selectors: code segments, call gates, tasks, and returns (SDM vol. 3A 5.8,
// 5.8.3-5.8.6; vol. 2 "CALL", "JMP", "RET", "IRET": the pseudo-code). Nothing is committed before every check
// has passed, save words below the stack pointer.

import { Vector, raiseError, raiseSelector } from "../cpu/exceptions";
import { writeEflags } from "../cpu/flags";
import { Attr, Cr4, Rflags, iopl, isRealOrV86, isV86, updateMode } from "../cpu/mode";
import { Cpu, Seg, SegFlag, Status, segment } from "../cpu/state";
import { finishTaskFault } from "../cpu/events";
import { CPU_SCRATCH } from "../lib/layout";
import { sysRead } from "../mmu/access";
import {
  Size, frameAbort, frameBegin, frameCommit, frameFromTss, frameFromTss64, frameHere, framePush, peek, peeked,
  setStackPointer,
} from "../mmu/frame";
import {
  SystemType, attrOf, checkCodeTarget, checkDescriptorTarget, checkStackSegment, descriptor, descriptorAt,
  descriptorHigh,
  dplOf, isCode, isConforming, isNull, markAccessed, readDescriptor, readDescriptorHigh, rplOf,
  setFromDescriptor, setNull,
  setReal, setV86,
} from "../mmu/segment";
import { TaskReason, taskSwitch } from "./task";

const MASK16: u64 = 0xFFFF;
const RPL_MASK: u32 = 3;
const SELECTOR_MASK: u32 = 0xFFFF;
const PARAMETER_MASK: u32 = 31;
const TYPE_MASK: u32 = 0x1F;
/** Parameters of a call gate on their way between stacks, in the CPU's scratch page. */
const PARAMETERS: u32 = CPU_SCRATCH + 0xD00;

/** IRET in real-address mode (SDM vol. 2: 257FD5H); virtual-8086 mode keeps IOPL as well. */
const REAL_FLAGS: u64 = 0x257FD5;
const V86_FLAGS: u64 = 0x254FD5;
const WORD_FLAGS: u64 = 0xFFFF;
/** Every defined flag. */
const ALL_FLAGS: u64 = 0x3F7FD7;
const USER_FLAGS: u64 = Rflags.CF | Rflags.PF | Rflags.AF | Rflags.ZF | Rflags.SF | Rflags.TF |
  Rflags.DF | Rflags.OF |
  Rflags.NT;

// ---- JMP and CALL ----

/**
 * Far JMP or CALL to selector:offset; `size` is the operand size, `next` the return address. JUMP or FAULT.
 */
export function farTransfer(c: Cpu, selector: u32, offset: u64, call: bool, size: u32, next: u64): i32 {
  if (isRealOrV86(c)) return realTransfer(c, selector, offset, call, size, next);
  if (isNull(selector)) return raiseError(c, Vector.GP, 0);
  if (readDescriptor(c, selector, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  if ((attr & Attr.S) != 0) return codeTransfer(c, selector, offset, call, size, next);
  const type = attr & TYPE_MASK;
  if (type == SystemType.CALL32 || (type == SystemType.CALL16 && !c.longMode)) {
    return gateTransfer(c, selector, call, next);
  }
  const task = type == SystemType.TASK_GATE || type == SystemType.TSS16 || type == SystemType.TSS32;
  if (!task || c.longMode) return raiseSelector(c, Vector.GP, selector, 0);
  const dpl = dplOf(attr);
  if (dpl < c.cpl || dpl < rplOf(selector)) return raiseSelector(c, Vector.GP, selector, 0);
  let tss = selector;
  if (type == SystemType.TASK_GATE) {
    if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, 0);
    tss = <u32>(descriptor >> 16) & SELECTOR_MASK;
  }
  if (taskSwitch(c, tss, call ? TaskReason.CALL : TaskReason.JUMP, next, false, 0, 0) == Status.FAULT) {
    return finishTaskFault(c);
  }
  return Status.JUMP;
}

function pushReturn(c: Cpu, size: u32, next: u64): i32 {
  if (framePush(c, size, segment(c, Seg.CS).selector) != Status.NEXT) return Status.FAULT;
  return framePush(c, size, next);
}

function realTransfer(c: Cpu, selector: u32, offset: u64, call: bool, size: u32, next: u64): i32 {
  if (!checkCodeTarget(c, offset)) return Status.FAULT;
  if (call) {
    frameHere(c, false, 0);
    if (pushReturn(c, size, next) != Status.NEXT) return Status.FAULT;
    frameCommit(c);
  }
  return enterReal(c, selector, offset);
}

function enterReal(c: Cpu, selector: u32, offset: u64): i32 {
  if (isV86(c)) setV86(c, Seg.CS, selector);
  else setReal(c, Seg.CS, selector);
  c.rip = offset;
  updateMode(c);
  return Status.JUMP;
}

/** Make `d` the code segment at privilege `cpl`; RIP and derived modes with it. */
function enterCode(c: Cpu, selector: u32, cpl: u32, d: u64, offset: u64): i32 {
  setFromDescriptor(c, Seg.CS, (selector & ~RPL_MASK) | cpl, d);
  c.rip = offset;
  updateMode(c);
  return Status.JUMP;
}

function codeTransfer(c: Cpu, selector: u32, offset: u64, call: bool, size: u32, next: u64): i32 {
  const d = descriptor;
  const at = descriptorAt;
  const attr = attrOf(d);
  const dpl = dplOf(attr);
  const allowed = isConforming(attr) ? dpl <= c.cpl : rplOf(selector) <= c.cpl && dpl == c.cpl;
  if (!isCode(attr) || badLong(c, attr) || !allowed) return raiseSelector(c, Vector.GP, selector, 0);
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, 0);
  if (!checkDescriptorTarget(c, d, offset, 0)) return Status.FAULT;
  if (markAccessed(c, d, at) != Status.NEXT) return Status.FAULT;
  if (call) {
    frameHere(c, false, 0);
    if (pushReturn(c, size, next) != Status.NEXT) return Status.FAULT;
    frameCommit(c);
  }
  return enterCode(c, selector, c.cpl, d, offset);
}

/** In long mode a code descriptor with L = D = 1 is reserved (SDM 3A 5.2.1). */
function badLong(c: Cpu, attr: u32): bool {
  return c.longMode != 0 && (attr & (Attr.L | Attr.DB)) == (Attr.L | Attr.DB);
}

/** Through the call gate just read (SDM 3A 5.8.3, 5.8.3.1). */
function gateTransfer(c: Cpu, selector: u32, call: bool, next: u64): i32 {
  const gate = descriptor;
  const gateAttr = attrOf(gate);
  const gateDpl = dplOf(gateAttr);
  const long = c.longMode != 0;
  if (gateDpl < c.cpl || gateDpl < rplOf(selector)) return raiseSelector(c, Vector.GP, selector, 0);
  if (long && readDescriptorHigh(c, selector, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  if ((gateAttr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, 0);
  const size: u32 = long ? Size.QWORD : (gateAttr & TYPE_MASK) == SystemType.CALL32 ? Size.DWORD : Size.WORD;
  let offset = gate & MASK16;
  if (size != Size.WORD) offset |= (gate >> 32) & 0xFFFF0000;
  if (long) offset |= descriptorHigh << 32;
  const target = <u32>(gate >> 16) & SELECTOR_MASK;
  if (isNull(target)) return raiseError(c, Vector.GP, 0);
  if (readDescriptor(c, target, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  const at = descriptorAt;
  const attr = attrOf(d);
  const dpl = dplOf(attr);
  const same = isConforming(attr) || dpl == c.cpl;
  if (!isCode(attr) || dpl > c.cpl || (!call && !same)) return raiseSelector(c, Vector.GP, target, 0);
  if (long && (attr & (Attr.L | Attr.DB)) != Attr.L) return raiseSelector(c, Vector.GP, target, 0);
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, target, 0);
  if (!checkDescriptorTarget(c, d, offset, 0)) return Status.FAULT;
  if (!call) {
    return markAccessed(c, d, at) != Status.NEXT ? Status.FAULT : enterCode(c, target, c.cpl, d, offset);
  }
  const cpl = same ? c.cpl : dpl;
  const parameters: u32 = same || long ? 0 : <u32>(gate >> 32) & PARAMETER_MASK;
  if (openGateFrame(c, same, cpl, parameters, size) != Status.NEXT) return Status.FAULT;
  if (markAccessed(c, d, at) != Status.NEXT) return Status.FAULT;
  frameBegin(c);
  if (pushGateFrame(c, same, parameters, size, next) != Status.NEXT) return frameAbort(c);
  frameCommit(c);
  return enterCode(c, target, cpl, d, offset);
}

function openGateFrame(c: Cpu, same: bool, cpl: u32, parameters: u32, size: u32): i32 {
  if (same) {
    frameHere(c, c.longMode != 0, 0);
    return Status.NEXT;
  }
  for (let i: u32 = 0; i < parameters; i++) {
    if (peek(c, <u64>(i << size), size) != Status.NEXT) return Status.FAULT;
    store<u32>(changetype<usize>(c) + PARAMETERS + (i << 2), <u32>peeked);
  }
  return c.longMode ? frameFromTss64(c, cpl, 0, 0) : frameFromTss(c, cpl, 0);
}

function pushGateFrame(c: Cpu, same: bool, parameters: u32, size: u32, next: u64): i32 {
  if (!same) {
    if (framePush(c, size, segment(c, Seg.SS).selector) != Status.NEXT) return Status.FAULT;
    if (framePush(c, size, c.rsp) != Status.NEXT) return Status.FAULT;
    for (let i = parameters; i > 0; i--) {
      const value = load<u32>(changetype<usize>(c) + PARAMETERS + ((i - 1) << 2));
      if (framePush(c, size, value) != Status.NEXT) return Status.FAULT;
    }
  }
  return pushReturn(c, size, next);
}

// ---- RETF ----

/** RETF imm16 (SDM vol. 2 "RET"). */
export function farReturn(c: Cpu, size: u32, release: u64): i32 {
  const bytes = <u64>1 << size;
  if (peek(c, 0, size) != Status.NEXT) return Status.FAULT;
  const ip = peeked;
  if (peek(c, bytes, size) != Status.NEXT) return Status.FAULT;
  const cs = <u32>peeked & SELECTOR_MASK;
  const used = bytes * 2 + release;
  if (isRealOrV86(c)) {
    if (!checkCodeTarget(c, ip)) return Status.FAULT;
    setStackPointer(c, c.rsp + used);
    return enterReal(c, cs, ip);
  }
  if (checkReturnCode(c, cs) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  const at = descriptorAt;
  if (rplOf(cs) == c.cpl) {
    if (!checkDescriptorTarget(c, d, ip, 0) || markAccessed(c, d, at) != Status.NEXT) return Status.FAULT;
    setStackPointer(c, c.rsp + used);
    return enterCode(c, cs, c.cpl, d, ip);
  }
  if (peek(c, used, size) != Status.NEXT) return Status.FAULT;
  const sp = peeked;
  if (peek(c, used + bytes, size) != Status.NEXT) return Status.FAULT;
  return returnWithStack(c, cs, d, at, ip, <u32>peeked & SELECTOR_MASK, sp + release);
}

/** The code segment of a return: null, outside, wrong type or privilege #GP; not present #NP. */
function checkReturnCode(c: Cpu, cs: u32): i32 {
  if (isNull(cs)) return raiseError(c, Vector.GP, 0);
  if (readDescriptor(c, cs, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  const dpl = dplOf(attr);
  const rpl = rplOf(cs);
  const allowed = rpl >= c.cpl && (isConforming(attr) ? dpl <= rpl : dpl == rpl);
  if (!isCode(attr) || badLong(c, attr) || !allowed) return raiseSelector(c, Vector.GP, cs, 0);
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, cs, 0);
  return Status.NEXT;
}

/** Load CS:RIP and SS:RSP of a return; nothing is committed on FAULT. */
function returnWithStack(c: Cpu, cs: u32, d: u64, at: u64, ip: u64, ss: u32, sp: u64): i32 {
  const cpl = rplOf(cs);
  const outer = cpl != c.cpl;
  const noStack = isNull(ss);
  let stack: u64 = 0;
  if (noStack) {
    // A null SS exists for 64-bit code below privilege 3 only.
    const allowed = c.longMode != 0 && (attrOf(d) & Attr.L) != 0 && cpl != 3 && rplOf(ss) == cpl;
    if (!allowed) return raiseError(c, Vector.GP, 0);
  } else {
    if (checkStackSegment(c, ss, cpl, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
    stack = descriptor;
  }
  const stackAt = descriptorAt;
  if (!checkDescriptorTarget(c, d, ip, 0) || markAccessed(c, d, at) != Status.NEXT) return Status.FAULT;
  if (noStack) {
    setNull(c, Seg.SS, ss, cpl);
  } else {
    if (markAccessed(c, stack, stackAt) != Status.NEXT) return Status.FAULT;
    setFromDescriptor(c, Seg.SS, ss, stack);
  }
  enterCode(c, cs, cpl, d, ip);
  setStackPointer(c, sp);
  if (outer) dropPrivileged(c);
  return Status.JUMP;
}

/**
 * SDM 3A 5.8.6: data segments more privileged than the new CPL become null (their base stays, as on silicon).
 */
function dropPrivileged(c: Cpu): void {
  for (let n: u32 = 0; n <= <u32>Seg.GS; n++) {
    if (n == Seg.CS || n == Seg.SS) continue;
    const s = segment(c, n);
    if ((s.flags & SegFlag.NULL) != 0 || dplOf(s.attr) >= c.cpl) continue;
    if (isCode(s.attr) && isConforming(s.attr)) continue;
    const base = s.base;
    setNull(c, n, 0, 0);
    s.base = base;
  }
}

// ---- IRET ----

/** IRET, IRETD, IRETQ (SDM vol. 2 "IRET"); `next` is saved by a nested task that returns. */
export function interruptReturn(c: Cpu, size: u32, next: u64): i32 {
  const status = isRealOrV86(c) ? returnReal(c, size) : returnProtected(c, size, next);
  if (status == Status.FAULT) return Status.FAULT;
  c.nmiBlocked = 0;
  return status;
}


function returnReal(c: Cpu, size: u32): i32 {
  const v86 = isV86(c);
  const virtual = v86 && iopl(c) != 3;
  if (virtual && (size != Size.WORD || (c.cr4 & Cr4.VME) == 0)) return raiseError(c, Vector.GP, 0);
  const bytes = <u64>1 << size;
  if (peek(c, 0, size) != Status.NEXT) return Status.FAULT;
  const ip = peeked;
  if (peek(c, bytes, size) != Status.NEXT) return Status.FAULT;
  const cs = <u32>peeked & SELECTOR_MASK;
  if (peek(c, bytes * 2, size) != Status.NEXT) return Status.FAULT;
  const flags = peeked;
  if (!checkCodeTarget(c, ip)) return Status.FAULT;
  if (virtual) {
    // SDM 3A 21.3.3.3: IF of the image is VIF; what would need the monitor's attention faults.
    const wantsIf = (flags & Rflags.IF) != 0;
    const traps = (flags & Rflags.TF) != 0 || (wantsIf && (c.eflags & Rflags.VIP) != 0);
    if (traps) return raiseError(c, Vector.GP, 0);
    writeEflags(c, flags, V86_FLAGS & WORD_FLAGS & ~(<u64>Rflags.IF));
    c.eflags = wantsIf ? c.eflags | Rflags.VIF : c.eflags & ~(<u64>Rflags.VIF);
  } else {
    const mask = v86 ? V86_FLAGS : REAL_FLAGS;
    writeEflags(c, flags, size == Size.WORD ? mask & WORD_FLAGS : mask);
  }
  setStackPointer(c, c.rsp + bytes * 3);
  return enterReal(c, cs, ip);
}

function returnProtected(c: Cpu, size: u32, next: u64): i32 {
  if ((c.eflags & Rflags.NT) != 0) return c.longMode ? raiseError(c, Vector.GP, 0) : returnTask(c, next);
  const bytes = <u64>1 << size;
  if (peek(c, 0, size) != Status.NEXT) return Status.FAULT;
  const ip = peeked;
  if (peek(c, bytes, size) != Status.NEXT) return Status.FAULT;
  const cs = <u32>peeked & SELECTOR_MASK;
  if (peek(c, bytes * 2, size) != Status.NEXT) return Status.FAULT;
  const flags = peeked;
  if (size == Size.DWORD && (flags & Rflags.VM) != 0 && c.cpl == 0 && !c.longMode) {
    return returnV86(c, ip, cs, flags);
  }
  if (checkReturnCode(c, cs) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  const at = descriptorAt;
  const mask = returnFlagsMask(c, size);
  let status: i32;
  if (c.mode64 || rplOf(cs) != c.cpl) {
    if (peek(c, bytes * 3, size) != Status.NEXT) return Status.FAULT;
    const sp = peeked;
    if (peek(c, bytes * 4, size) != Status.NEXT) return Status.FAULT;
    status = returnWithStack(c, cs, d, at, ip, <u32>peeked & SELECTOR_MASK, sp);
    if (status == Status.FAULT) return Status.FAULT;
  } else {
    if (!checkDescriptorTarget(c, d, ip, 0) || markAccessed(c, d, at) != Status.NEXT) return Status.FAULT;
    setStackPointer(c, c.rsp + bytes * 3);
    status = enterCode(c, cs, c.cpl, d, ip);
  }
  writeEflags(c, flags, mask);
  return status;
}

/** Flags that IRET may change at the present privilege. */
function returnFlagsMask(c: Cpu, size: u32): u64 {
  let mask: u64 = USER_FLAGS;
  if (size != Size.WORD) mask |= Rflags.RF | Rflags.AC | Rflags.ID;
  if (c.cpl <= iopl(c)) mask |= Rflags.IF;
  if (c.cpl == 0) {
    mask |= Rflags.IOPL;
    if (size != Size.WORD) mask |= Rflags.VIF | Rflags.VIP;
  }
  return mask;
}

function returnTask(c: Cpu, next: u64): i32 {
  const host = sysRead<u16>(c, segment(c, Seg.TR).base);
  if (host == 0) return Status.FAULT;
  const link: u32 = load<u16>(host);
  if (taskSwitch(c, link, TaskReason.RETURN, next, false, 0, 0) == Status.FAULT) return finishTaskFault(c);
  return Status.JUMP;
}

/** To virtual-8086 mode: EIP CS EFLAGS ESP SS ES DS FS GS (SDM 3A 21.2.5). */
function returnV86(c: Cpu, ip: u64, cs: u32, flags: u64): i32 {
  const selectors = changetype<usize>(c) + PARAMETERS;
  for (let i: u32 = 3; i < 9; i++) {
    if (peek(c, <u64>(i << 2), Size.DWORD) != Status.NEXT) return Status.FAULT;
    store<u32>(selectors + (i << 2), <u32>peeked);
  }
  if (ip > MASK16) return raiseError(c, Vector.GP, 0);
  writeEflags(c, flags, ALL_FLAGS);
  setV86(c, Seg.CS, cs);
  setV86(c, Seg.SS, load<u32>(selectors + (4 << 2)) & SELECTOR_MASK);
  setV86(c, Seg.ES, load<u32>(selectors + (5 << 2)) & SELECTOR_MASK);
  setV86(c, Seg.DS, load<u32>(selectors + (6 << 2)) & SELECTOR_MASK);
  setV86(c, Seg.FS, load<u32>(selectors + (7 << 2)) & SELECTOR_MASK);
  setV86(c, Seg.GS, load<u32>(selectors + (8 << 2)) & SELECTOR_MASK);
  c.rsp = <u64>load<u32>(selectors + (3 << 2));
  c.rip = ip;
  updateMode(c);
  return Status.JUMP;
}
