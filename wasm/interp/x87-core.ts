// x87 environment and register stack (SDM vol. 1 chapter 8; exceptions 8.5, 8.6): what every x87 handler
// begins and ends with. The arithmetic is wasm/fpu. Masked answers of the library are committed here unless
// an unmasked exception forbids it; #MF comes with the next waiting instruction. Register i of the stack is
// physical register (TOP + i) & 7. Left out: FERR# and IGNNE# (CR0.NE = 0 keeps the exception pending and
// goes on); FOP is kept for instructions that raise an unmasked exception only (as processors with the
// "fopcode compatibility mode" off do, SDM vol. 1 8.1.9.1).

import { Vector, raise } from "../cpu/exceptions";
import { Cr0 } from "../cpu/mode";
import { Cpu, CpuBlock, Seg, Status, segment } from "../cpu/state";
import { recLen, recSeg, thisIp } from "../decode/record";
import { DEFAULT_NAN_M, DEFAULT_NAN_SE, SW, f80Begin, f80Exc, f80Raise, f80SE, f80Stopped } from "../fpu/f80";
import { linearBytes, readHost } from "../mmu/access";

/** Status-word bits beside those of fpu/f80-state.ts (SDM vol. 1 figure 8-4). */
export const enum Status87 {
  EXCEPTIONS = 0x3F, SF = 0x40, ES = 0x80, CC = 0x4700, TOP = 0x3800, BUSY = 0x8000,
  /** Bits of fpuStatus (TOP lives in fpuTop). */
  KEPT = 0xC7FF,
}
export const TOP_SHIFT: u32 = 11;
/** Control word after FNINIT, the bits that can be written, and the one that reads as 1. */
export const enum Control87 { INIT = 0x037F, WRITABLE = 0x1F3F, FIXED = 0x40 }

const REG_BYTES: u32 = 16;
const OPCODE_MASK: u32 = 0x7FF;
const ESC_FIRST: u32 = 0xD8;

/** Host address of ST(i): u64 significand, u16 sign and exponent. */
// @ts-ignore: decorator
@inline
export function stAddress(c: Cpu, i: u32): usize {
  return changetype<usize>(c) + <usize>CpuBlock.X87 + ((c.fpuTop + i) & 7) * REG_BYTES;
}

// @ts-ignore: decorator
@inline
export function stM(c: Cpu, i: u32): u64 { return load<u64>(stAddress(c, i)); }

// @ts-ignore: decorator
@inline
export function stSE(c: Cpu, i: u32): u32 { return load<u16>(stAddress(c, i), 8); }

// @ts-ignore: decorator
@inline
export function isEmpty(c: Cpu, i: u32): bool { return ((c.fpuEmpty >> ((c.fpuTop + i) & 7)) & 1) != 0; }

/** Writes ST(i) and marks it in use. */
export function setSt(c: Cpu, i: u32, se: u32, m: u64): void {
  const at = stAddress(c, i);
  store<u64>(at, m);
  store<u64>(at, <u64>(se & 0xFFFF), 8);
  c.fpuEmpty &= ~(<u32>1 << ((c.fpuTop + i) & 7));
}

export function freeSt(c: Cpu, i: u32): void {
  c.fpuEmpty |= <u32>1 << ((c.fpuTop + i) & 7);
}

export function popSt(c: Cpu): void {
  freeSt(c, 0);
  c.fpuTop = (c.fpuTop + 1) & 7;
}

export function pushSt(c: Cpu, se: u32, m: u64): void {
  c.fpuTop = (c.fpuTop - 1) & 7;
  setSt(c, 0, se, m);
}

/** #NM when EM or TS is set. */
// @ts-ignore: decorator
@inline
export function x87Available(c: Cpu): i32 {
  return (c.cr0 & (Cr0.EM | Cr0.TS)) != 0 ? raise(c, Vector.NM) : Status.NEXT;
}

/** Beginning of a waiting instruction: #NM, #MF, then a clean slate for the library. Nonzero: return it. */
export function x87Begin(c: Cpu, r: usize): i32 {
  if ((c.cr0 & (Cr0.EM | Cr0.TS)) != 0) return raise(c, Vector.NM);
  if ((c.fpuStatus & Status87.ES) != 0 && (c.cr0 & Cr0.NE) != 0) return raise(c, Vector.MF);
  f80Begin(c.fpuControl);
  return Status.NEXT;
}

/**
 * End of an arithmetic instruction: pointers, exception flags, C1, and the condition codes `cc` under
 * `ccMask`.
 */
export function x87End(c: Cpu, r: usize, cc: u32, ccMask: u32): i32 {
  c.fpuIp = thisIp(c, r);
  c.fpuCs = segment(c, Seg.CS).selector;
  c.fpuStatus = (c.fpuStatus & ~(ccMask | SW.C1)) | cc | f80Exc;
  if ((c.fpuStatus & ~c.fpuControl & Status87.EXCEPTIONS) != 0) summarise(c, r);
  return Status.NEXT;
}

/** The same for instructions that leave C1 alone unless the stack faults (FCOMI, FCMOV). */
export function keepC1(c: Cpu, r: usize): i32 {
  const faulted = (f80Exc & Status87.SF) != 0;
  return x87End(c, r, faulted ? 0 : c.fpuStatus & SW.C1, 0);
}

/** The same without condition codes. */
// @ts-ignore: decorator
@inline
export function x87Done(c: Cpu, r: usize): i32 { return x87End(c, r, 0, 0); }

/** Data pointer of an instruction with a memory operand. */
export function noteOperand(c: Cpu, r: usize, offset: u64): void {
  c.fpuDp = offset;
  c.fpuDs = segment(c, recSeg(r)).selector;
}

/** ES and B follow from the flags and the masks. */
export function updateSummary(c: Cpu): void {
  if ((c.fpuStatus & ~c.fpuControl & Status87.EXCEPTIONS) != 0) c.fpuStatus |= Status87.ES | Status87.BUSY;
  else c.fpuStatus &= ~(Status87.ES | Status87.BUSY);
}

// An unmasked exception: ES, B and the opcode, read again from the code.
function summarise(c: Cpu, r: usize): void {
  c.fpuStatus |= Status87.ES | Status87.BUSY;
  const n = recLen(r);
  for (let i: u32 = 0; i + 1 < n; i++) {
    const byte = codeByte(c, c.fpuIp + i);
    if ((byte & 0xF8) != ESC_FIRST) continue;
    c.fpuOpcode = ((byte & 7) << 8 | codeByte(c, c.fpuIp + i + 1)) & OPCODE_MASK;
    return;
  }
}

function codeByte(c: Cpu, ip: u64): u32 {
  const host = readHost<u8>(c, linearBytes(c, Seg.CS, ip, 1, false));
  return host != 0 ? load<u8>(host) : 0;
}

/** Stack underflow: IE, SF, C1 = 0. True if masked: the indefinite takes the place of the result. */
export function underflow(c: Cpu): bool {
  f80Raise(SW.IE | Status87.SF);
  return (c.fpuControl & SW.IE) != 0;
}

/** Stack overflow: IE, SF, C1 = 1. True if masked. */
export function overflow(c: Cpu): bool {
  f80Raise(SW.IE | Status87.SF | SW.C1);
  return (c.fpuControl & SW.IE) != 0;
}

/** Pushes the library's value (significand m, f80SE) unless the stack is full or `stopped`. */
export function pushResult(c: Cpu, m: u64, stopped: bool): void {
  if (!isEmpty(c, 7)) return pushOverflow(c);
  if (!stopped) pushSt(c, f80SE, m);
}

/** Overflow of a push: masked, the indefinite is pushed over what is there. */
export function pushOverflow(c: Cpu): void {
  if (overflow(c)) pushSt(c, DEFAULT_NAN_SE, DEFAULT_NAN_M);
}

/** Puts the library's value into ST(i) unless an unmasked IE, DE or ZE forbids it. False if so. */
export function setResult(c: Cpu, i: u32, m: u64): bool {
  if (f80Stopped()) return false;
  setSt(c, i, f80SE, m);
  return true;
}

/** Underflow of an instruction whose result goes to ST(i). */
export function underflowTo(c: Cpu, i: u32): bool {
  if (!underflow(c)) return false;
  setSt(c, i, DEFAULT_NAN_SE, DEFAULT_NAN_M);
  return true;
}

export function x87Reset(c: Cpu): void {
  c.fpuControl = Control87.INIT;
  c.fpuStatus = 0;
  c.fpuTop = 0;
  c.fpuEmpty = 0xFF;
  c.fpuOpcode = 0;
  c.fpuIp = 0;
  c.fpuDp = 0;
  c.fpuCs = 0;
  c.fpuDs = 0;
}
