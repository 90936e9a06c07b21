// Loads and stores of segment and system segment registers, and the instructions that ask about descriptors
// (SDM vol. 2 MOV POP LDS LES LFS LGS LSS LLDT LTR SLDT STR LAR LSL VERR VERW ARPL; vol. 3A 5.10).

import { Vector, raise, raiseError, raiseSelector } from "../cpu/exceptions";
import { setZf } from "../cpu/flags";
import { Attr, Cr4, isFlat32, isRealOrV86 } from "../cpu/mode";
import { Cpu, Seg, Status, segment } from "../cpu/state";
import { readReg, recIsMem, recOpSize, recReg, recRm, writeReg } from "../decode/record";
import { linear, readHost, rmwDone, rmwHost, sysWrite, writeValue } from "../mmu/access";
import { Size, peek, peeked, setStackPointer } from "../mmu/frame";
import {
  POISON, SystemType, attrOf, baseOf, clearDescriptorHigh, descriptor, descriptorAddress, descriptorAt,
  descriptorHigh, dplOf, isConforming,
  isNull, limitOf, loadSegment, readDescriptor, readDescriptorHigh, rplOf, setNull, setSegment,
} from "../mmu/segment";
import { farOffset, farSelector, readFarPointer } from "./far";

const SHADOW_SS: u32 = 2;
const TYPE_MASK: u32 = 0x1F;
const RPL_MASK: u32 = 3;
const BUSY: u32 = 2;
const ACCESS_BYTE: u64 = 5;
const DESCRIPTOR_BYTES: u32 = 8;
const TI: u32 = 4;
/** LAR shows descriptor bits 40-47 and 52-55 in place. */
const LAR_MASK: u32 = 0x00F0FF00;

/** 16-bit r/m operand, after readSelectorOperand. */
let operand: u32 = 0;

function readSelectorOperand(c: Cpu, r: usize): i32 {
  if (!recIsMem(r)) {
    operand = <u32>readReg<u16>(c, recRm(r));
    return Status.NEXT;
  }
  const host = readHost<u16>(c, linear<u16>(c, r, false));
  if (host == 0) return Status.FAULT;
  operand = load<u16>(host);
  return Status.NEXT;
}

/** Store a selector: 16 bits to memory, zero-extended to the operand size in a register. */
function storeSelector(c: Cpu, r: usize, selector: u32): i32 {
  if (recIsMem(r)) return writeValue<u16>(c, linear<u16>(c, r, true), <u16>selector);
  const size = recOpSize(r);
  if (size == Size.QWORD) writeReg<u64>(c, recRm(r), selector);
  else if (size == Size.DWORD) writeReg<u32>(c, recRm(r), selector);
  else writeReg<u16>(c, recRm(r), <u16>selector);
  return Status.NEXT;
}

// ---- Segment registers ----

/**
 * Which inner loop and which translated code go on depends on CS, DS, ES and SS of 32-bit code (isFlat32):
 * the run loop looks anew unless they are flat now. SS holds events off for one instruction.
 */
function afterLoad(c: Cpu, seg: u32): i32 {
  if (seg == Seg.SS) {
    c.shadow = SHADOW_SS;
    return Status.END;
  }
  return c.mode64 != 0 || isFlat32(c) ? Status.NEXT : Status.END;
}

/** MOV r/m, Sreg. */
export function hMovFromSeg(c: Cpu, r: usize): i32 {
  if (recReg(r) > <u32>Seg.GS) return raise(c, Vector.UD);
  return storeSelector(c, r, segment(c, recReg(r)).selector);
}

/** MOV Sreg, r/m. A load of SS holds events off for one instruction (SDM 3A 6.8.3). */
export function hMovToSreg(c: Cpu, r: usize): i32 {
  const seg = recReg(r);
  if (seg == <u32>Seg.CS || seg > <u32>Seg.GS) return raise(c, Vector.UD);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  if (loadSegment(c, seg, operand) != Status.NEXT) return Status.FAULT;
  return afterLoad(c, seg);
}

/** POP Sreg: the operand size is read, 16 bits of it are used. */
function popSegment(c: Cpu, r: usize, seg: u32): i32 {
  if (peek(c, 0, recOpSize(r)) != Status.NEXT) return Status.FAULT;
  const sp = c.rsp + (<u64>1 << recOpSize(r));
  const old = c.rsp;
  // The pointer moves in the old stack segment's width; a fault must leave it.
  setStackPointer(c, sp);
  if (loadSegment(c, seg, <u32>peeked & 0xFFFF) != Status.NEXT) {
    c.rsp = old;
    return Status.FAULT;
  }
  return afterLoad(c, seg);
}

export function hPopEs(c: Cpu, r: usize): i32 { return popSegment(c, r, Seg.ES); }
export function hPopSs(c: Cpu, r: usize): i32 { return popSegment(c, r, Seg.SS); }
export function hPopDs(c: Cpu, r: usize): i32 { return popSegment(c, r, Seg.DS); }
export function hPopFs(c: Cpu, r: usize): i32 { return popSegment(c, r, Seg.FS); }
export function hPopGs(c: Cpu, r: usize): i32 { return popSegment(c, r, Seg.GS); }

function loadFarPointer(c: Cpu, r: usize, seg: u32): i32 {
  if (readFarPointer(c, r) != Status.NEXT) return Status.FAULT;
  const offset = farOffset;
  if (loadSegment(c, seg, farSelector) != Status.NEXT) return Status.FAULT;
  const size = recOpSize(r);
  if (size == Size.QWORD) writeReg<u64>(c, recReg(r), offset);
  else if (size == Size.DWORD) writeReg<u32>(c, recReg(r), <u32>offset);
  else writeReg<u16>(c, recReg(r), <u16>offset);
  return Status.END;
}

export function hLes(c: Cpu, r: usize): i32 { return loadFarPointer(c, r, Seg.ES); }
export function hLds(c: Cpu, r: usize): i32 { return loadFarPointer(c, r, Seg.DS); }
export function hLss(c: Cpu, r: usize): i32 { return loadFarPointer(c, r, Seg.SS); }
export function hLfs(c: Cpu, r: usize): i32 { return loadFarPointer(c, r, Seg.FS); }
export function hLgs(c: Cpu, r: usize): i32 { return loadFarPointer(c, r, Seg.GS); }

// ---- LDTR and TR ----

function storeSystem(c: Cpu, r: usize, seg: u32): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if ((c.cr4 & Cr4.UMIP) != 0 && c.cpl != 0) return raiseError(c, Vector.GP, 0);
  return storeSelector(c, r, segment(c, seg).selector);
}

export function hSldt(c: Cpu, r: usize): i32 { return storeSystem(c, r, Seg.LDTR); }
export function hStr(c: Cpu, r: usize): i32 { return storeSystem(c, r, Seg.TR); }

export function hLldt(c: Cpu, r: usize): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if (c.cpl != 0) return raiseError(c, Vector.GP, 0);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  const selector = operand;
  if (isNull(selector)) {
    setNull(c, Seg.LDTR, selector, 0);
    return Status.END;
  }
  if ((selector & TI) != 0) return raiseSelector(c, Vector.GP, selector, 0);
  if (readDescriptor(c, selector, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  if ((attrOf(d) & TYPE_MASK) != SystemType.LDT) return raiseSelector(c, Vector.GP, selector, 0);
  if (readSystemHigh(c, selector) != Status.NEXT) return Status.FAULT;
  if ((attrOf(d) & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, 0);
  setSegment(c, Seg.LDTR, selector, baseOf(d) | (descriptorHigh << 32), limitOf(d), attrOf(d));
  return Status.END;
}

/** High half of a 16-byte descriptor in long mode, else 0. */
function readSystemHigh(c: Cpu, selector: u32): i32 {
  if (c.longMode) return readDescriptorHigh(c, selector, Vector.GP, 0);
  clearDescriptorHigh();
  return Status.NEXT;
}

export function hLtr(c: Cpu, r: usize): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if (c.cpl != 0) return raiseError(c, Vector.GP, 0);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  const selector = operand;
  if (isNull(selector)) return raiseError(c, Vector.GP, 0);
  if ((selector & TI) != 0) return raiseSelector(c, Vector.GP, selector, 0);
  if (readDescriptor(c, selector, Vector.GP, 0) != Status.NEXT) return Status.FAULT;
  const d = descriptor;
  const type = attrOf(d) & TYPE_MASK;
  const available = type == SystemType.TSS32 || (type == SystemType.TSS16 && c.longMode == 0);
  if (!available) return raiseSelector(c, Vector.GP, selector, 0);
  if (readSystemHigh(c, selector) != Status.NEXT) return Status.FAULT;
  if ((attrOf(d) & Attr.P) == 0) return raiseSelector(c, Vector.NP, selector, 0);
  const busy = attrOf(d) | BUSY;
  if (sysWrite<u8>(c, descriptorAt + ACCESS_BYTE, <u8>busy) == Status.FAULT) return Status.FAULT;
  setSegment(c, Seg.TR, selector, baseOf(d) | (descriptorHigh << 32), limitOf(d), busy);
  return Status.END;
}

// ---- Questions about descriptors ----

/** What `visible` found out. */
const enum Answer { NO = 0, YES = 1, FAULT = 2 }

/** System types that LAR and LSL accept, one bit per type (SDM vol. 2 tables 3-51 and 3-59). */
const enum Types { LAR = 0x1A3E, LAR_LONG = 0x1A04, LSL = 0x0A0E, LSL_LONG = 0x0A04 }

/** Read the descriptor of `selector` if it exists, has one of the types and is visible at CPL and RPL. */
function visible(c: Cpu, selector: u32, types: u32): Answer {
  if (isNull(selector) || descriptorAddress(c, selector, DESCRIPTOR_BYTES) == POISON) return Answer.NO;
  if (readDescriptor(c, selector, Vector.GP, 0) != Status.NEXT) return Answer.FAULT;
  const attr = attrOf(descriptor);
  if ((attr & Attr.S) == 0) {
    if (((types >> (attr & Attr.TYPE)) & 1) == 0) return Answer.NO;
  } else if ((attr & Attr.CODE) != 0 && isConforming(attr)) {
    return Answer.YES;
  }
  const dpl = dplOf(attr);
  return c.cpl <= dpl && rplOf(selector) <= dpl ? Answer.YES : Answer.NO;
}

function writeResult(c: Cpu, r: usize, value: u32): i32 {
  const size = recOpSize(r);
  if (size == Size.WORD) writeReg<u16>(c, recReg(r), <u16>value);
  else if (size == Size.DWORD) writeReg<u32>(c, recReg(r), value);
  else writeReg<u64>(c, recReg(r), <u64>value);
  setZf(c, 1);
  return Status.NEXT;
}

export function hLar(c: Cpu, r: usize): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  const answer = visible(c, operand, c.longMode ? Types.LAR_LONG : Types.LAR);
  if (answer == Answer.FAULT) return Status.FAULT;
  if (answer == Answer.YES) return writeResult(c, r, <u32>(descriptor >> 32) & LAR_MASK);
  setZf(c, 0);
  return Status.NEXT;
}

export function hLsl(c: Cpu, r: usize): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  const answer = visible(c, operand, c.longMode ? Types.LSL_LONG : Types.LSL);
  if (answer == Answer.FAULT) return Status.FAULT;
  if (answer == Answer.YES) return writeResult(c, r, limitOf(descriptor));
  setZf(c, 0);
  return Status.NEXT;
}

function verify(c: Cpu, r: usize, write: bool): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  if (readSelectorOperand(c, r) != Status.NEXT) return Status.FAULT;
  const answer = visible(c, operand, 0);
  if (answer == Answer.FAULT) return Status.FAULT;
  let ok = answer == Answer.YES;
  if (ok) {
    const attr = attrOf(descriptor);
    const code = (attr & Attr.CODE) != 0;
    ok = write ? !code && (attr & Attr.WRITABLE) != 0 : !code || (attr & Attr.READABLE) != 0;
  }
  setZf(c, ok ? 1 : 0);
  return Status.NEXT;
}

export function hVerr(c: Cpu, r: usize): i32 { return verify(c, r, false); }
export function hVerw(c: Cpu, r: usize): i32 { return verify(c, r, true); }

/** ARPL: raise the RPL of the destination to that of the source. */
export function hArpl(c: Cpu, r: usize): i32 {
  if (isRealOrV86(c)) return raise(c, Vector.UD);
  const rpl = <u32>readReg<u16>(c, recReg(r)) & RPL_MASK;
  if (!recIsMem(r)) {
    const old = <u32>readReg<u16>(c, recRm(r));
    const raised = (old & RPL_MASK) < rpl;
    if (raised) writeReg<u16>(c, recRm(r), <u16>((old & ~RPL_MASK) | rpl));
    setZf(c, raised ? 1 : 0);
    return Status.NEXT;
  }
  // The operand is written, and must be writable, only if it changes.
  const from = readHost<u16>(c, linear<u16>(c, r, false));
  if (from == 0) return Status.FAULT;
  if (<u32>(load<u16>(from) & RPL_MASK) >= rpl) {
    setZf(c, 0);
    return Status.NEXT;
  }
  const host = rmwHost<u16>(c, linear<u16>(c, r, true));
  if (host == 0) return Status.FAULT;
  store<u16>(host, <u16>((<u32>load<u16>(host) & ~RPL_MASK) | rpl));
  setZf(c, 1);
  return rmwDone(c, host);
}
