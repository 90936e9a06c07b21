// The stack on which an event or a call gate builds its frame before anything is committed, and reads of the
// present stack for returns (SDM vol. 3A 5.8.5, 6.12.1, 6.14.2, 8.2). Writes below the stack pointer are
// harmless, so a frame is written as it is made and only frameCommit() changes SS and RSP. One frame is open
// at a time per CPU.

import { Vector, raiseError, raiseSelector } from "../cpu/exceptions";
import { Attr, isCanonical, setCpl } from "../cpu/mode";
import { Cpu, Seg, SegFlag, Status, segment } from "../cpu/state";
import { linearBytes, readHost, sysRead, writeValue } from "./access";
import {
  POISON, SystemType, attrOf, baseOf, checkStackSegment, descriptor, descriptorAt, isNull, limitOf,
  markAccessed,
  setFromDescriptor, setNull, withinLimit,
} from "./segment";

const MASK16: u64 = 0xFFFF;
const MASK32: u64 = 0xFFFFFFFF;
const MASK64: u64 = 0xFFFFFFFFFFFFFFFF;
const ERROR_SELECTOR: u32 = 0xFFFC;

/** Task-state segment offsets of inner stacks (SDM 3A figures 8-2, 8-10, 8-11). */
const enum TssStack { STACK16 = 2, STACK16_BYTES = 4, STACK32 = 4, STACK_BYTES = 8, RSP0 = 4, IST = 28 }

/** Bit of a TSS descriptor type: 32-bit. */
export const TSS_WIDE: u32 = 8;
/** Operand sizes, log2 of bytes. */
export const enum Size { WORD = 1, DWORD = 2, QWORD = 3 }

let base: u64 = 0;
let limit: u32 = 0;
let attr: u32 = 0;
let mask: u64 = 0;
let sp: u64 = 0;
let selector: u32 = 0;
let segmentDescriptor: u64 = 0;
let cpl: u32 = 0;
let savedCpl: u32 = 0;
let overflowError: u32 = 0;
/** SS is replaced at commit. */
let switched: bool = false;
/** 64-bit addressing: no base, no limit. */
let flat: bool = false;
let unusable: bool = false;

/** Value read by peek. */
export let peeked: u64 = 0;

/** Open a frame on the present stack. `wide64` = a long-mode event, whatever the interrupted code's mode. */
export function frameHere(c: Cpu, wide64: bool, ext: u32): void {
  const s = segment(c, Seg.SS);
  base = s.base;
  limit = s.limit;
  attr = s.attr;
  flat = wide64 || c.mode64 != 0;
  mask = flat ? MASK64 : c.stackMask;
  sp = c.rsp & mask;
  cpl = c.cpl;
  savedCpl = c.cpl;
  overflowError = ext;
  switched = false;
  unusable = !flat && (s.flags & SegFlag.NULL) != 0;
}

/** Long mode: open a frame at `rsp`, with a null SS of privilege `newCpl` when it changes. */
function frameLong(c: Cpu, rsp: u64, newCpl: u32, ext: u32): void {
  flat = true;
  unusable = false;
  mask = MASK64;
  sp = rsp;
  cpl = newCpl;
  savedCpl = c.cpl;
  switched = newCpl != c.cpl;
  selector = newCpl;
  overflowError = ext;
}

/**
 * Long mode: the stack of the TSS for `newCpl`, or of interrupt-stack-table entry `ist` (SDM 3A 6.14.4,
 * 6.14.5).
 */
export function frameFromTss64(c: Cpu, newCpl: u32, ist: u32, ext: u32): i32 {
  const tr = segment(c, Seg.TR);
  const at: u32 = ist != 0 ? TssStack.IST + (ist << 3) : TssStack.RSP0 + (newCpl << 3);
  if (at + 7 > tr.limit) return raiseSelector(c, Vector.TS, tr.selector, ext);
  const host = sysRead<u64>(c, tr.base + at);
  if (host == 0) return Status.FAULT;
  frameLong(c, load<u64>(host), newCpl, ext);
  return Status.NEXT;
}

/**
 * Protected mode: the stack of the TSS for the inner privilege `newCpl` (SDM vol. 2 "INT n":
 * INTER-PRIVILEGE-LEVEL).
 */
export function frameFromTss(c: Cpu, newCpl: u32, ext: u32): i32 {
  const tr = segment(c, Seg.TR);
  const wide = (tr.attr & TSS_WIDE) != 0;
  const at: u32 = wide ? TssStack.STACK32 + newCpl * TssStack.STACK_BYTES
    : TssStack.STACK16 + newCpl * TssStack.STACK16_BYTES;
  if (at + (wide ? 5 : 3) > tr.limit) return raiseSelector(c, Vector.TS, tr.selector, ext);
  let newSp: u64 = 0;
  if (wide) {
    const host = sysRead<u32>(c, (tr.base + at) & MASK32);
    if (host == 0) return Status.FAULT;
    newSp = load<u32>(host);
  } else {
    const host = sysRead<u16>(c, (tr.base + at) & MASK32);
    if (host == 0) return Status.FAULT;
    newSp = load<u16>(host);
  }
  const ssHost = sysRead<u16>(c, (tr.base + at + (wide ? 4 : 2)) & MASK32);
  if (ssHost == 0) return Status.FAULT;
  const ss: u32 = load<u16>(ssHost);
  if (isNull(ss)) return raiseError(c, Vector.TS, ext);
  if (checkStackSegment(c, ss, newCpl, Vector.TS, ext) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  base = baseOf(d);
  limit = limitOf(d);
  attr = attrOf(d);
  flat = false;
  unusable = false;
  mask = (attr & Attr.DB) != 0 ? MASK32 : MASK16;
  sp = newSp & mask;
  cpl = newCpl;
  savedCpl = c.cpl;
  switched = true;
  selector = ss;
  segmentDescriptor = d;
  overflowError = (ss & ERROR_SELECTOR) | ext;
  return Status.NEXT;
}

/** Long mode aligns the stack of every event to 16 bytes (SDM 3A 6.14.2). */
export function frameAlign16(): void {
  sp &= ~(<u64>15);
}

/** From here on stack accesses have the frame's privilege; frameCommit or frameAbort ends that. */
export function frameBegin(c: Cpu): void {
  if (cpl != savedCpl) setCpl(c, cpl);
}

/** Give the old privilege back; returns FAULT. */
export function frameAbort(c: Cpu): i32 {
  if (cpl != savedCpl) setCpl(c, savedCpl);
  return Status.FAULT;
}

function frameAddress(c: Cpu, at: u64, bytes: u32): u64 {
  if (flat) {
    if (isCanonical(at) && isCanonical(at + (bytes - 1))) return at;
  } else if (!unusable && withinLimit(limit, attr, at, bytes)) {
    return (base + at) & MASK32;
  }
  raiseError(c, Vector.SS, overflowError);
  return POISON;
}

/** Push `value` as 2, 4 or 8 bytes; NEXT or FAULT. */
export function framePush(c: Cpu, size: u32, value: u64): i32 {
  const bytes: u32 = 1 << size;
  const at = (sp - bytes) & mask;
  const va = frameAddress(c, at, bytes);
  if (va == POISON) return Status.FAULT;
  let status: i32;
  if (size == Size.QWORD) status = writeValue<u64>(c, va, value);
  else if (size == Size.DWORD) status = writeValue<u32>(c, va, <u32>value);
  else status = writeValue<u16>(c, va, <u16>value);
  if (status == Status.FAULT) return Status.FAULT;
  sp = at;
  return Status.NEXT;
}

/** Make the frame's stack the CPU's. The caller sets CS and calls updateMode(). */
export function frameCommit(c: Cpu): void {
  if (switched) {
    if (flat) setNull(c, Seg.SS, selector, cpl);
    else setFromDescriptor(c, Seg.SS, selector, segmentDescriptor);
  }
  c.rsp = mask == MASK16 ? (c.rsp & ~MASK16) | sp : sp;
}

/** Privilege of the open frame. */
export function frameCpl(): u32 {
  return cpl;
}

// ---- Reads of the present stack ----

/** Read 2, 4 or 8 bytes at stack pointer + offset into `peeked`; NEXT or FAULT. */
export function peek(c: Cpu, offset: u64, size: u32): i32 {
  const bytes: u32 = 1 << size;
  const at = (c.rsp + offset) & c.stackMask;
  if (c.mode64 && !(isCanonical(at) && isCanonical(at + (bytes - 1)))) return raiseError(c, Vector.SS, 0);
  const va = linearBytes(c, Seg.SS, at, bytes, false);
  let host: usize;
  if (size == Size.QWORD) {
    host = readHost<u64>(c, va);
    if (host != 0) peeked = load<u64>(host);
  } else if (size == Size.DWORD) {
    host = readHost<u32>(c, va);
    if (host != 0) peeked = load<u32>(host);
  } else {
    host = readHost<u16>(c, va);
    if (host != 0) peeked = load<u16>(host);
  }
  return host != 0 ? Status.NEXT : Status.FAULT;
}

/** Set the stack pointer, `wanted` under the present stack's mask: 16-bit stacks keep the upper bits. */
export function setStackPointer(c: Cpu, wanted: u64): void {
  c.rsp = c.stackMask == MASK16 ? (c.rsp & ~MASK16) | (wanted & MASK16) : wanted & c.stackMask;
}

/** True for a TSS register that holds a 32-bit (or 64-bit) TSS. */
export function isWideTss(type: u32): bool {
  return type == SystemType.TSS32 || type == SystemType.TSS32_BUSY;
}
