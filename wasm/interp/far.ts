// Far jumps, calls and returns, software interrupts and IRET (SDM vol. 2). The transfers themselves are in
// gates.ts and cpu/events.ts; here operands are fetched and the rules that hold before a transfer are
// checked.

import { EventKind, softwareInterrupt } from "../cpu/events";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { getOF, readEflags } from "../cpu/flags";
import { Cr4, Rflags, iopl, isV86, updateMode } from "../cpu/mode";
import { Cpu, Seg, Status, segment } from "../cpu/state";
import { nextIp, recImm, recIsMem, recOpSize, recSeg } from "../decode/record";
import { ea, linearBytes, readBytes, readHost, sysRead } from "../mmu/access";
import { Size, frameCommit, frameHere, framePush } from "../mmu/frame";
import { setV86 } from "../mmu/segment";
import { farReturn, farTransfer, interruptReturn } from "./gates";

const SELECTOR_SHIFT: i64 = 32;
const SELECTOR_MASK: u32 = 0xFFFF;
const MASK32: u64 = 0xFFFFFFFF;
const MASK16: u64 = 0xFFFF;
/** Interrupt redirection bitmap of a 32-bit TSS: 32 bytes below the I/O permission bitmap (SDM 3A 21.3.3). */
const TSS_IO_MAP: u64 = 0x66;
const REDIRECTION_BYTES: u32 = 32;

/** Offset of the far pointer last read by readFarPointer. */
export let farOffset: u64 = 0;
/** Its selector. */
export let farSelector: u32 = 0;

/** m16:16, m16:32, m16:64 by operand size (Intel: REX.W gives a 64-bit offset). */
export function readFarPointer(c: Cpu, r: usize): i32 {
  if (!recIsMem(r)) return raise(c, Vector.UD);
  const size = recOpSize(r);
  const bytes: u32 = 1 << size;
  const va = linearBytes(c, recSeg(r), ea(c, r), bytes + 2, false);
  // Two accesses, each aligned by itself (SDM vol. 3A table 6-7: 32-bit far pointers want 2, 48-bit ones 4).
  const host = readBytes(c, va, bytes);
  if (host == 0) return Status.FAULT;
  farOffset = size == Size.QWORD ? load<u64>(host) : size == Size.DWORD ? <u64>load<u32>(host)
    : <u64>load<u16>(host);
  const second = readHost<u16>(c, va + bytes);
  if (second == 0) return Status.FAULT;
  farSelector = load<u16>(second);
  return Status.NEXT;
}

function direct(c: Cpu, r: usize, call: bool): i32 {
  const pointer = recImm(r);
  const mask = recOpSize(r) == Size.WORD ? MASK16 : MASK32;
  return farTransfer(c, <u32>(pointer >> SELECTOR_SHIFT) & SELECTOR_MASK, <u64>pointer & mask, call,
    recOpSize(r), nextIp(c, r));
}

function indirect(c: Cpu, r: usize, call: bool): i32 {
  if (readFarPointer(c, r) != Status.NEXT) return Status.FAULT;
  return farTransfer(c, farSelector, farOffset, call, recOpSize(r), nextIp(c, r));
}

export function hJmpFar(c: Cpu, r: usize): i32 { return direct(c, r, false); }
export function hCallFar(c: Cpu, r: usize): i32 { return direct(c, r, true); }
export function hJmpFarMem(c: Cpu, r: usize): i32 { return indirect(c, r, false); }
export function hCallFarMem(c: Cpu, r: usize): i32 { return indirect(c, r, true); }
export function hRetFar(c: Cpu, r: usize): i32 { return farReturn(c, recOpSize(r), 0); }
export function hRetFarImm(c: Cpu, r: usize): i32 {
  return farReturn(c, recOpSize(r), <u64>recImm(r) & MASK16);
}
export function hIret(c: Cpu, r: usize): i32 { return interruptReturn(c, recOpSize(r), nextIp(c, r)); }

/** INT n. In virtual-8086 mode CR4.VME's redirection bitmap, then IOPL, decide (SDM 3A table 21-2). */
export function hInt(c: Cpu, r: usize): i32 {
  const vector = <u32>recImm(r) & 0xFF;
  if (isV86(c)) {
    if ((c.cr4 & Cr4.VME) != 0) {
      const bit = redirection(c, vector);
      if (bit < 0) return Status.FAULT;
      if (bit == 0) return virtualInterrupt(c, vector, nextIp(c, r));
    }
    if (iopl(c) != 3) return raiseError(c, Vector.GP, 0);
  }
  return softwareInterrupt(c, vector, EventKind.INT_N, nextIp(c, r));
}

export function hInt3(c: Cpu, r: usize): i32 {
  return softwareInterrupt(c, Vector.BP, EventKind.INT3, nextIp(c, r));
}
export function hInt1(c: Cpu, r: usize): i32 {
  return softwareInterrupt(c, Vector.DB, EventKind.INT1, nextIp(c, r));
}

export function hInto(c: Cpu, r: usize): i32 {
  if (getOF(c) == 0) return Status.NEXT;
  return softwareInterrupt(c, Vector.OF, EventKind.INTO, nextIp(c, r));
}

/** Bit `vector` of the redirection bitmap; 1 when it lies outside the TSS, -1 with a pending fault. */
function redirection(c: Cpu, vector: u32): i32 {
  const tr = segment(c, Seg.TR);
  if (<u32>TSS_IO_MAP + 1 > tr.limit) return 1;
  let host = sysRead<u16>(c, (tr.base + TSS_IO_MAP) & MASK32);
  if (host == 0) return -1;
  const at = <u32>load<u16>(host) - REDIRECTION_BYTES + (vector >> 3);
  if (at > tr.limit) return 1;
  host = sysRead<u8>(c, (tr.base + at) & MASK32);
  if (host == 0) return -1;
  return (load<u8>(host) >> <u8>(vector & 7)) & 1;
}

/** A redirected INT n: through the virtual-8086 program's own vector table (SDM 3A 21.3.3.2). */
function virtualInterrupt(c: Cpu, vector: u32, next: u64): i32 {
  const host = readHost<u32>(c, <u64>(vector << 2));
  if (host == 0) return Status.FAULT;
  const pointer = load<u32>(host);
  let image = readEflags(c) & ~(<u64>Rflags.RF);
  const virtual = iopl(c) != 3;
  if (virtual) {
    image = (image | Rflags.IOPL) & ~(<u64>Rflags.IF);
    if ((c.eflags & Rflags.VIF) != 0) image |= Rflags.IF;
  }
  frameHere(c, false, 0);
  if (framePush(c, Size.WORD, image) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.WORD, segment(c, Seg.CS).selector) != Status.NEXT) return Status.FAULT;
  if (framePush(c, Size.WORD, next) != Status.NEXT) return Status.FAULT;
  frameCommit(c);
  c.eflags &= ~(<u64>(Rflags.TF | Rflags.NT | Rflags.RF | (virtual ? Rflags.VIF : Rflags.IF)));
  setV86(c, Seg.CS, pointer >> 16);
  c.rip = <u64>pointer & MASK16;
  updateMode(c);
  return Status.JUMP;
}
