// x87 control instructions (SDM vol. 2 FNINIT FNCLEX FLDCW FNSTCW FNSTSW FLDENV FNSTENV FRSTOR FNSAVE FFREE
// FINCSTP FWAIT; images: vol. 1 figures 8-9 to 8-12). The FN forms do not look at pending exceptions.

import { Vector, raise } from "../cpu/exceptions";
import { Cr0, isRealOrV86 } from "../cpu/mode";
import { Cpu, CpuBlock, Status } from "../cpu/state";
import { recOpSize, recRm, recSeg } from "../decode/record";
import { Kind, SW, kindOf } from "../fpu/f80";
import {
  ea, linear, linearBytes, misaligned, readBytes, readHost, writeBytes, writeValue,
} from "../mmu/access";
import { POISON } from "../mmu/segment";
import {
  Control87, Status87, TOP_SHIFT, freeSt, popSt, updateSummary, x87Available, x87Begin, x87Reset,
} from "./x87-core";
import { X87_SCRATCH } from "./x87-load";

const REGISTERS: u32 = 8;
const REG_BYTES: u32 = 16;
const EXTENDED_BYTES: u32 = 10;
/** Seven fields of an environment image; each is 2 or 4 bytes. */
const ENV_FIELDS: u32 = 7;
const OPCODE_MASK: u32 = 0x7FF;
const enum Tag { VALID = 0, ZERO = 1, SPECIAL = 2, EMPTY = 3 }

/** Status word as software sees it. */
export function statusWord(c: Cpu): u32 {
  return (c.fpuStatus & Status87.KEPT) | (c.fpuTop << TOP_SHIFT);
}

export function setStatusWord(c: Cpu, sw: u32): void {
  c.fpuStatus = sw & Status87.KEPT;
  c.fpuTop = (sw >> TOP_SHIFT) & 7;
  updateSummary(c);
}

export function setControlWord(c: Cpu, cw: u32): void {
  c.fpuControl = (cw & Control87.WRITABLE) | Control87.FIXED;
  updateSummary(c);
}

/** Tag word: what is not empty is classified from its value. */
export function tagWord(c: Cpu): u32 {
  let tags: u32 = 0;
  for (let n: u32 = 0; n < REGISTERS; n++) {
    const at = changetype<usize>(c) + <usize>CpuBlock.X87 + n * REG_BYTES;
    let tag: u32 = Tag.EMPTY;
    if (((c.fpuEmpty >> n) & 1) == 0) {
      const kind = kindOf(load<u16>(at, 8), load<u64>(at));
      tag = kind == Kind.ZERO ? Tag.ZERO : kind == Kind.NORMAL ? Tag.VALID : Tag.SPECIAL;
    }
    tags |= tag << (n << 1);
  }
  return tags;
}

export function setTagWord(c: Cpu, tags: u32): void {
  let empty: u32 = 0;
  for (let n: u32 = 0; n < REGISTERS; n++) if (((tags >> (n << 1)) & 3) == Tag.EMPTY) empty |= <u32>1 << n;
  c.fpuEmpty = empty;
}

// ---- Control and status word
// ---------------------------------------------------------------------------------------

export function hFninit(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  x87Reset(c);
  return Status.NEXT;
}

export function hFnclex(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  c.fpuStatus &= ~(Status87.EXCEPTIONS | Status87.SF | Status87.ES | Status87.BUSY);
  return Status.NEXT;
}

/** FNENI, FNDISI, FNSETPM: nothing since the 80387. */
export function hX87Nop(c: Cpu, r: usize): i32 {
  return x87Available(c);
}

/** FNOP waits. */
export function hFnop(c: Cpu, r: usize): i32 {
  return x87Begin(c, r);
}

/** FWAIT: #NM needs MP with TS (SDM vol. 3A 2.5). */
export function hFwait(c: Cpu, r: usize): i32 {
  if ((c.cr0 & (Cr0.MP | Cr0.TS)) == (Cr0.MP | Cr0.TS)) return raise(c, Vector.NM);
  if ((c.fpuStatus & Status87.ES) != 0 && (c.cr0 & Cr0.NE) != 0) return raise(c, Vector.MF);
  return Status.NEXT;
}

export function hFldcw(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = readHost<u16>(c, linear<u16>(c, r, false));
  if (host == 0) return Status.FAULT;
  setControlWord(c, load<u16>(host));
  return Status.NEXT;
}

export function hFnstcw(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  return writeValue<u16>(c, linear<u16>(c, r, true), <u16>c.fpuControl);
}

export function hFnstsw(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  return writeValue<u16>(c, linear<u16>(c, r, true), <u16>statusWord(c));
}

export function hFnstswAx(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  c.rax = (c.rax & ~(<u64>0xFFFF)) | <u64>statusWord(c);
  return Status.NEXT;
}

// ---- Stack pointer and tags
// ----------------------------------------------------------------------------------------

/** FFREE (0) and FFREEP (1, undocumented, everywhere). */
export function hFfree(c: Cpu, r: usize, pop: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  freeSt(c, recRm(r));
  if (pop != 0) popSt(c);
  c.fpuStatus &= ~SW.C1;
  return Status.NEXT;
}

/** FINCSTP (1) and FDECSTP (7): tags stay. */
export function hX87Rotate(c: Cpu, r: usize, by: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  c.fpuTop = (c.fpuTop + by) & 7;
  c.fpuStatus &= ~SW.C1;
  return Status.NEXT;
}

// ---- Environment
// ---------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function wideImage(r: usize): bool { return recOpSize(r) != 1; }

// #AC: images want 2 or 4 by their operand size (SDM vol. 3A table 6-7). A segment fault is pending already.
function imageMisaligned(c: Cpu, r: usize, va: u64): bool {
  return (va != POISON || c.mode64 != 0) && misaligned(c, va, wideImage(r) ? 3 : 1);
}

function envBytes(r: usize): u32 { return ENV_FIELDS << (wideImage(r) ? 2 : 1); }

// Field n of an image; the reserved half of a wide field is all ones.
function putField(at: usize, wide: bool, n: u32, value: u32): void {
  if (wide) store<u32>(at + (n << 2), value);
  else store<u16>(at + (n << 1), <u16>value);
}

function getField(at: usize, wide: bool, n: u32): u32 {
  return wide ? load<u32>(at + (n << 2)) : <u32>load<u16>(at + (n << 1));
}

function putEnvironment(c: Cpu, r: usize, at: usize): void {
  const wide = wideImage(r);
  const reserved: u32 = 0xFFFF0000;
  putField(at, wide, 0, c.fpuControl | reserved);
  putField(at, wide, 1, statusWord(c) | reserved);
  putField(at, wide, 2, tagWord(c) | reserved);
  const ip = <u32>c.fpuIp;
  const dp = <u32>c.fpuDp;
  if (!isRealOrV86(c)) {
    putField(at, wide, 3, ip);
    putField(at, wide, 4, (c.fpuCs & 0xFFFF) | (c.fpuOpcode << 16));
    putField(at, wide, 5, dp);
    putField(at, wide, 6, (c.fpuDs & 0xFFFF) | reserved);
    return;
  }
  // Real-address images hold linear addresses.
  const ipLinear = ip + (c.fpuCs << 4);
  const dpLinear = dp + (c.fpuDs << 4);
  putField(at, wide, 3, (ipLinear & 0xFFFF) | reserved);
  putField(at, wide, 4, (ipLinear >> 16 << 12) | c.fpuOpcode);
  putField(at, wide, 5, (dpLinear & 0xFFFF) | reserved);
  putField(at, wide, 6, dpLinear >> 16 << 12);
}

function getEnvironment(c: Cpu, r: usize, at: usize): void {
  const wide = wideImage(r);
  setTagWord(c, getField(at, wide, 2));
  const ip = getField(at, wide, 3);
  const cs = getField(at, wide, 4);
  const dp = getField(at, wide, 5);
  const ds = getField(at, wide, 6);
  if (!isRealOrV86(c)) {
    c.fpuIp = ip;
    c.fpuCs = cs & 0xFFFF;
    if (wide) c.fpuOpcode = (cs >> 16) & OPCODE_MASK;
    c.fpuDp = dp;
    c.fpuDs = ds & 0xFFFF;
  } else {
    c.fpuIp = (ip & 0xFFFF) | (cs >> 12 << 16);
    c.fpuCs = 0;
    c.fpuOpcode = cs & OPCODE_MASK;
    c.fpuDp = (dp & 0xFFFF) | (ds >> 12 << 16);
    c.fpuDs = 0;
  }
  c.fpuControl = (getField(at, wide, 0) & Control87.WRITABLE) | Control87.FIXED;
  setStatusWord(c, getField(at, wide, 1));
}

export function hFnstenv(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  const at = changetype<usize>(c) + X87_SCRATCH;
  const n = envBytes(r);
  putEnvironment(c, r, at);
  const va = linearBytes(c, recSeg(r), ea(c, r), n, true);
  if (imageMisaligned(c, r, va)) return Status.FAULT;
  const status = writeBytes(c, va, n, at);
  if (status == Status.FAULT) return status;
  // All exceptions are masked afterwards.
  setControlWord(c, c.fpuControl | Status87.EXCEPTIONS);
  return status;
}

export function hFldenv(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const n = envBytes(r);
  const va = linearBytes(c, recSeg(r), ea(c, r), n, false);
  if (imageMisaligned(c, r, va)) return Status.FAULT;
  const host = readBytes(c, va, n);
  if (host == 0) return Status.FAULT;
  getEnvironment(c, r, host);
  return Status.NEXT;
}

/** FNSAVE: the environment, ST(0) to ST(7), then FNINIT. */
export function hFnsave(c: Cpu, r: usize): i32 {
  if (x87Available(c)) return Status.FAULT;
  const at = changetype<usize>(c) + X87_SCRATCH;
  const env = envBytes(r);
  const n = env + REGISTERS * EXTENDED_BYTES;
  putEnvironment(c, r, at);
  for (let i: u32 = 0; i < REGISTERS; i++) {
    const from = changetype<usize>(c) + <usize>CpuBlock.X87 + ((c.fpuTop + i) & 7) * REG_BYTES;
    memory.copy(at + env + i * EXTENDED_BYTES, from, EXTENDED_BYTES);
  }
  const va = linearBytes(c, recSeg(r), ea(c, r), n, true);
  if (imageMisaligned(c, r, va)) return Status.FAULT;
  const status = writeBytes(c, va, n, at);
  if (status == Status.FAULT) return status;
  x87Reset(c);
  return status;
}

export function hFrstor(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const env = envBytes(r);
  const n = env + REGISTERS * EXTENDED_BYTES;
  const va = linearBytes(c, recSeg(r), ea(c, r), n, false);
  if (imageMisaligned(c, r, va)) return Status.FAULT;
  const host = readBytes(c, va, n);
  if (host == 0) return Status.FAULT;
  getEnvironment(c, r, host);
  for (let i: u32 = 0; i < REGISTERS; i++) {
    const to = changetype<usize>(c) + <usize>CpuBlock.X87 + ((c.fpuTop + i) & 7) * REG_BYTES;
    memory.copy(to, host + env + i * EXTENDED_BYTES, EXTENDED_BYTES);
    store<u16>(to, 0, EXTENDED_BYTES);
    store<u32>(to, 0, EXTENDED_BYTES + 2);
  }
  return Status.NEXT;
}
