// Segmentation: descriptor loads and the slow path of linear addresses (SDM vol. 3A ch. 3 and 5, vol. 2
// "MOV", "POP"). Descriptors are read as supervisor data whatever CPL is. Left out: the busy race of two CPUs
// that set an accessed bit of one descriptor at the same time (both write the same bit with a byte store).

import { raiseError, raiseSelector, ErrorCode, Vector } from "../cpu/exceptions";
import {
  Attr, ATTR_DPL_SHIFT, isCanonical, isRealOrV86, isV86, refreshSegment, updateMode,
} from "../cpu/mode";
import { Cpu, Seg, SegFlag, Segment, Status, segment } from "../cpu/state";
import { sysRead, sysWrite } from "./access";

/** Not a linear address: the exception is already pending (segmentLinear). */
export const POISON: u64 = 0x8000000000000000;

const NULL_MASK: u32 = 0xFFFC;
const RPL_MASK: u32 = 3;
const DESCRIPTOR_BYTES: u32 = 8;
const ACCESS_BYTE: u64 = 5;
const REAL_LIMIT: u32 = 0xFFFF;
const FLAT_LIMIT: u32 = 0xFFFFFFFF;
const REAL_SHIFT: u64 = 4;
const MASK32: u64 = 0xFFFFFFFF;
const V86_DPL: u32 = 0x60;

// ---- Descriptors ----

/** System descriptor types (SDM 3A table 3-2). */
export const enum SystemType {
  TSS16 = 1, LDT = 2, TSS16_BUSY = 3, CALL16 = 4, TASK_GATE = 5, INT16 = 6, TRAP16 = 7,
  TSS32 = 9, TSS32_BUSY = 11, CALL32 = 12, INT32 = 14, TRAP32 = 15,
}

/** Low half of the descriptor last read by readDescriptor. */
export let descriptor: u64 = 0;
/** Its linear address. */
export let descriptorAt: u64 = 0;
/** High half, after readDescriptorHigh. */
export let descriptorHigh: u64 = 0;

// @ts-ignore: decorator
@inline
export function isNull(selector: u32): bool { return (selector & NULL_MASK) == 0; }
// @ts-ignore: decorator
@inline
export function rplOf(selector: u32): u32 { return selector & RPL_MASK; }
// @ts-ignore: decorator
@inline
export function attrOf(d: u64): u32 { return <u32>(d >> 40) & Attr.KEPT; }
// @ts-ignore: decorator
@inline
export function dplOf(attr: u32): u32 { return (attr & Attr.DPL) >> ATTR_DPL_SHIFT; }
// @ts-ignore: decorator
@inline
export function baseOf(d: u64): u64 { return ((d >> 16) & 0xFFFFFF) | ((d >> 32) & 0xFF000000); }
/** Limit in bytes. */
// @ts-ignore: decorator
@inline
export function limitOf(d: u64): u32 {
  const limit = (<u32>d & 0xFFFF) | (<u32>(d >> 32) & 0xF0000);
  return (attrOf(d) & Attr.G) != 0 ? (limit << 12) | 0xFFF : limit;
}
// @ts-ignore: decorator
@inline
export function isCode(attr: u32): bool { return (attr & (Attr.S | Attr.CODE)) == (Attr.S | Attr.CODE); }
// @ts-ignore: decorator
@inline
export function isWritableData(attr: u32): bool {
  return (attr & (Attr.S | Attr.CODE | Attr.WRITABLE)) == (Attr.S | Attr.WRITABLE);
}
// @ts-ignore: decorator
@inline
export function isConforming(attr: u32): bool { return (attr & Attr.CONFORMING) != 0; }

/** Linear address of a selector's descriptor of `bytes` bytes, or POISON when it is outside its table. */
export function descriptorAddress(c: Cpu, selector: u32, bytes: u32): u64 {
  const index = selector & 0xFFF8;
  let base = c.gdtrBase;
  let limit = c.gdtrLimit;
  if ((selector & ErrorCode.TI) != 0) {
    const ldt = segment(c, Seg.LDTR);
    if ((ldt.flags & SegFlag.NULL) != 0) return POISON;
    base = ldt.base;
    limit = ldt.limit;
  }
  if (index + (bytes - 1) > limit) return POISON;
  const at = base + index;
  return c.longMode ? at : at & MASK32;
}

/** Read the descriptor of `selector` into `descriptor`; outside its table: `vector`(selector + ext). */
export function readDescriptor(c: Cpu, selector: u32, vector: u32, ext: u32): i32 {
  const at = descriptorAddress(c, selector, DESCRIPTOR_BYTES);
  if (at == POISON) return raiseSelector(c, vector, selector, ext);
  const host = sysRead<u64>(c, at);
  if (host == 0) return Status.FAULT;
  descriptor = load<u64>(host);
  descriptorAt = at;
  return Status.NEXT;
}

/**
 * Long mode: the upper 8 bytes of the system descriptor just read (SDM 3A 3.5.2); its type bits must be 0.
 */
export function readDescriptorHigh(c: Cpu, selector: u32, vector: u32, ext: u32): i32 {
  if (descriptorAddress(c, selector, DESCRIPTOR_BYTES * 2) == POISON) {
    return raiseSelector(c, vector, selector, ext);
  }
  const host = sysRead<u64>(c, descriptorAt + DESCRIPTOR_BYTES);
  if (host == 0) return Status.FAULT;
  descriptorHigh = load<u64>(host);
  if ((descriptorHigh & 0x1F0000000000) != 0) return raiseSelector(c, vector, selector, ext);
  return Status.NEXT;
}

/** Outside long mode a system descriptor has no high half. */
export function clearDescriptorHigh(): void {
  descriptorHigh = 0;
}

/** Set the accessed bit in memory of the code or data descriptor `d` at `at` (SDM 3A 3.4.5.1). */
export function markAccessed(c: Cpu, d: u64, at: u64): i32 {
  const access = <u32>(d >> 40) & 0xFF;
  if ((access & Attr.ACCESSED) != 0) return Status.NEXT;
  return sysWrite<u8>(c, at + ACCESS_BYTE, <u8>(access | Attr.ACCESSED)) == Status.FAULT ? Status.FAULT
    : Status.NEXT;
}

// ---- Hidden parts ----

/** Fill the hidden part of segment register n. */
export function setSegment(c: Cpu, n: u32, selector: u32, base: u64, limit: u32, attr: u32): void {
  const s = segment(c, n);
  s.selector = <u16>selector;
  s.base = base;
  s.limit = limit;
  s.attr = <u16>(attr & Attr.KEPT);
  s.flags = 0;
  refreshSegment(c, n);
}

/** From a code or data descriptor; the accessed bit reads as set. */
export function setFromDescriptor(c: Cpu, n: u32, selector: u32, d: u64): void {
  setSegment(c, n, selector, baseOf(d), limitOf(d), attrOf(d) | Attr.ACCESSED);
}

/**
 * Base 0, limit 4 GiB - 1, readable code or writable data (SYSCALL and friends): what refreshSegment finds is
 * known.
 */
export function setFlat(c: Cpu, n: u32, selector: u32, attr: u32): void {
  const s = segment(c, n);
  const code = (attr & Attr.CODE) != 0;
  s.selector = <u16>selector;
  s.base = 0;
  s.limit = FLAT_LIMIT;
  s.attr = <u16>attr;
  s.readEnd = FLAT_LIMIT;
  s.writeEnd = code ? 0 : FLAT_LIMIT;
  s.flags = code ? SegFlag.FLAT_READ : SegFlag.FLAT_READ | SegFlag.FLAT_WRITE;
}

/** A null selector; `dpl` matters for SS alone, where it is the CPL. */
export function setNull(c: Cpu, n: u32, selector: u32, dpl: u32): void {
  const s = segment(c, n);
  s.selector = <u16>selector;
  s.base = 0;
  s.limit = 0;
  s.attr = <u16>(dpl << ATTR_DPL_SHIFT);
  s.flags = SegFlag.NULL;
  s.readEnd = 0;
  s.writeEnd = 0;
}

/**
 * Real-address mode: only selector and base change (SDM 3A 21.1.1); limit and attributes stay ("big real
 * mode").
 */
export function setReal(c: Cpu, n: u32, selector: u32): void {
  const s = segment(c, n);
  if ((s.flags & SegFlag.NULL) != 0) {
    s.limit = REAL_LIMIT;
    s.attr = <u16>Attr.DATA;
  }
  s.selector = <u16>selector;
  s.base = <u64>(selector & 0xFFFF) << REAL_SHIFT;
  s.flags = 0;
  refreshSegment(c, n);
}

/** Virtual-8086 mode (SDM 3A 21.2.1): 64 KiB, DPL 3. */
export function setV86(c: Cpu, n: u32, selector: u32): void {
  setSegment(c, n, selector, <u64>(selector & 0xFFFF) << REAL_SHIFT, REAL_LIMIT, Attr.DATA | V86_DPL);
}

// ---- Loads of data segment registers ----

/** MOV/POP/LxS into ES SS DS FS GS. Nothing is committed on FAULT. */
export function loadSegment(c: Cpu, seg: u32, selector: u32): i32 {
  if (isRealOrV86(c)) {
    if (isV86(c)) setV86(c, seg, selector);
    else setReal(c, seg, selector);
    return Status.NEXT;
  }
  if (seg == Seg.SS) return loadStackSegment(c, selector);
  if (isNull(selector)) {
    setNull(c, seg, selector, 0);
    return Status.NEXT;
  }
  if (checkDataSegment(c, selector, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  setFromDescriptor(c, seg, selector, d);
  return Status.NEXT;
}

/** Read and check a descriptor for DS ES FS GS; `vector` is #GP, or #TS in a task switch. */
export function checkDataSegment(c: Cpu, selector: u32, vector: u32, ext: u32): i32 {
  if (readDescriptor(c, selector, vector, ext) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  if ((attr & Attr.S) == 0) return raiseSelector(c, vector, selector, ext);
  const code = (attr & Attr.CODE) != 0;
  if (code && (attr & Attr.READABLE) == 0) return raiseSelector(c, vector, selector, ext);
  if (!code || !isConforming(attr)) {
    const dpl = dplOf(attr);
    if (rplOf(selector) > dpl || c.cpl > dpl) return raiseSelector(c, vector, selector, ext);
  }
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, ext);
  return Status.NEXT;
}

function loadStackSegment(c: Cpu, selector: u32): i32 {
  if (isNull(selector)) {
    // SDM vol. 2 MOV: a null SS exists in 64-bit mode below CPL 3 only.
    if (c.mode64 == 0 || c.cpl == 3 || rplOf(selector) != c.cpl) return raiseError(c, Vector.GP, 0);
    setNull(c, Seg.SS, selector, c.cpl);
    updateMode(c);
    return Status.NEXT;
  }
  if (checkStackSegment(c, selector, c.cpl, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  if (markAccessed(c, d, descriptorAt) != Status.NEXT) return Status.FAULT;
  setFromDescriptor(c, Seg.SS, selector, d);
  updateMode(c);
  return Status.NEXT;
}

/**
 * Read and check the descriptor of a stack for privilege `cpl`. Wrong selector, type or privilege:
 * `vector`(selector + ext) (#GP for loads and returns, #TS for stack switches); not present: #SS(selector +
 * ext).
 */
export function checkStackSegment(c: Cpu, selector: u32, cpl: u32, vector: u32, ext: u32): i32 {
  if (readDescriptor(c, selector, vector, ext) != Status.NEXT) return Status.FAULT;
  const attr = attrOf(descriptor);
  if (rplOf(selector) != cpl || !isWritableData(attr) || dplOf(attr) != cpl) {
    return raiseSelector(c, vector, selector, ext);
  }
  if ((attr & Attr.P) == 0) return raiseSelector(c, Vector.SS, selector, ext);
  return Status.NEXT;
}

// ---- Linear addresses ----

/**
 * True when [offset, offset + bytes) lies within a segment of this limit and these attributes (SDM 3A 5.3).
 */
export function withinLimit(limit: u32, attr: u32, offset: u64, bytes: u32): bool {
  const last = offset + (bytes - 1);
  if ((attr & (Attr.CODE | Attr.EXPAND_DOWN)) == Attr.EXPAND_DOWN) {
    return offset > <u64>limit && last <= ((attr & Attr.DB) != 0 ? <u64>FLAT_LIMIT : <u64>REAL_LIMIT);
  }
  // A 4 GiB segment wraps without a fault.
  return limit == FLAT_LIMIT || last <= <u64>limit;
}

function typeAllows(s: Segment, write: bool): bool {
  if ((s.flags & SegFlag.NULL) != 0) return false;
  const code = (s.attr & Attr.CODE) != 0;
  if (write) return !code && (s.attr & Attr.WRITABLE) != 0;
  return !code || (s.attr & Attr.READABLE) != 0;
}

/** Limit and type check without an address: false = #GP(0) or #SS(0) is pending. Not for 64-bit mode. */
export function checkLimit(c: Cpu, seg: u32, offset: u64, bytes: u32, write: bool): bool {
  const s = segment(c, seg);
  // SDM 3A 21.1: types are not checked in real-address and virtual-8086 mode, limits are.
  const allowed = isRealOrV86(c) ? withinLimit(s.limit, s.attr, offset, bytes)
    : typeAllows(s, write) && withinLimit(s.limit, s.attr, offset, bytes);
  if (!allowed) raiseError(c, seg == Seg.SS ? Vector.SS : Vector.GP, 0);
  return allowed;
}

/**
 * Linear address of `bytes` bytes at `offset` (already masked to the address size) of segment `seg`, or
 * POISON with the exception pending. Whether the address is canonical is the MMU's question, save for the
 * stack, whose vector differs.
 */
export function segmentLinear(c: Cpu, seg: u32, offset: u64, bytes: u32, write: bool): u64 {
  if (c.mode64) {
    if (seg == Seg.SS && !(isCanonical(offset) && isCanonical(offset + (bytes - 1)))) {
      raiseError(c, Vector.SS, 0);
      return POISON;
    }
    const at = seg >= <u32>Seg.FS ? segment(c, seg).base + offset : offset;
    // A true sum may equal the marker; its neighbour is as little canonical.
    return at == POISON ? POISON + 1 : at;
  }
  if (!checkLimit(c, seg, offset, bytes, write)) return POISON;
  return (segment(c, seg).base + offset) & MASK32;
}

/**
 * True when RIP may become `target` in the present code segment; else #GP(0) is pending (near and far
 * transfers).
 */
export function checkCodeTarget(c: Cpu, target: u64): bool {
  const ok = c.mode64 ? isCanonical(target) : target <= <u64>segment(c, Seg.CS).limit;
  if (!ok) raiseError(c, Vector.GP, 0);
  return ok;
}

/** The same for a code descriptor that is not loaded yet; `error` is the error code. */
export function checkDescriptorTarget(c: Cpu, d: u64, target: u64, error: u32): bool {
  const long64 = c.longMode != 0 && (attrOf(d) & Attr.L) != 0;
  const ok = long64 ? isCanonical(target) : target <= <u64>limitOf(d);
  if (!ok) raiseError(c, Vector.GP, error);
  return ok;
}

