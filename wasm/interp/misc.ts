// NOPs, flag operations, fences, undefined opcodes, and the moves that are not uops: LEA, CBW and CWD
// families, XLAT, BOUND (SDM vol. 2).

import { Cpu, Status } from "../cpu/state";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { getCF, readEflags, setCf, writeEflags } from "../cpu/flags";
import { pauseHint } from "../cpu/smp";
import { readReg, recAddrMask, recReg, recSeg, writeReg } from "../decode/record";
import { fullFence } from "../lib/atomics";
import { ea, linear, linearAt, linearBytes, readBytes, readHost } from "../mmu/access";

const DF: u64 = 0x400;
/** SF ZF AF PF CF: what LAHF and SAHF move. */
const LOW_FLAGS: u64 = 0xD5;

export function hNop(c: Cpu, r: usize): i32 {
  return Status.NEXT;
}
export function hPause(c: Cpu, r: usize): i32 {
  return pauseHint(c);
}
export function hMfence(c: Cpu, r: usize): i32 {
  fullFence();
  return Status.NEXT;
}

/** Caches are not modelled, but the operand is checked as a byte load (SDM vol. 2 "CLFLUSH"). */
export function hClflush(c: Cpu, r: usize): i32 {
  return readHost<u8>(c, linear<u8>(c, r, false)) ? Status.NEXT : Status.FAULT;
}

export function hUndefined(c: Cpu, r: usize): i32 {
  return raise(c, Vector.UD);
}
/** More than 15 bytes (SDM vol. 3A table 6-1, #GP). */
export function hTooLong(c: Cpu, r: usize): i32 {
  return raiseError(c, Vector.GP, 0);
}

export function hClc(c: Cpu, r: usize): i32 {
  setCf(c, 0);
  return Status.NEXT;
}
export function hStc(c: Cpu, r: usize): i32 {
  setCf(c, 1);
  return Status.NEXT;
}
export function hCmc(c: Cpu, r: usize): i32 {
  setCf(c, <u64>(getCF(c) ^ 1));
  return Status.NEXT;
}
export function hCld(c: Cpu, r: usize): i32 {
  c.eflags &= ~DF;
  return Status.NEXT;
}
export function hStd(c: Cpu, r: usize): i32 {
  c.eflags |= DF;
  return Status.NEXT;
}
export function hLahf(c: Cpu, r: usize): i32 {
  c.rax = (c.rax & ~(<u64>0xFF00)) | (((readEflags(c) & LOW_FLAGS) | 2) << 8);
  return Status.NEXT;
}
export function hSahf(c: Cpu, r: usize): i32 {
  writeEflags(c, c.rax >> 8, LOW_FLAGS);
  return Status.NEXT;
}

export function hLea<T>(c: Cpu, r: usize): i32 {
  writeReg<T>(c, recReg(r), <T>ea(c, r));
  return Status.NEXT;
}

/** CBW CWDE CDQE: T is the result. */
export function hCbw<T>(c: Cpu, r: usize): i32 {
  if (sizeof<T>() == 2) writeReg<T>(c, 0, <T><i16><i8>c.rax);
  else if (sizeof<T>() == 4) writeReg<T>(c, 0, <T><i32><i16>c.rax);
  else writeReg<T>(c, 0, <T><i64><i32>c.rax);
  return Status.NEXT;
}

/** CWD CDQ CQO: rDX = sign of rAX. */
export function hCwd<T>(c: Cpu, r: usize): i32 {
  const negative = (c.rax >> <u64>((sizeof<T>() << 3) - 1)) & 1;
  writeReg<T>(c, 2 << 3, <T>(0 - negative));
  return Status.NEXT;
}

export function hXlat(c: Cpu, r: usize): i32 {
  const at = (c.rbx + (c.rax & 0xFF)) & recAddrMask(r);
  const h = readHost<u8>(c, linearAt<u8>(c, recSeg(r), at, false));
  if (!h) return Status.FAULT;
  c.rax = (c.rax & ~(<u64>0xFF)) | <u64>load<u8>(h);
  return Status.NEXT;
}

/** #BR unless lower <= index <= upper, all signed. */
export function hBound<T>(c: Cpu, r: usize): i32 {
  // Two accesses, each aligned by itself.
  const va = linearBytes(c, recSeg(r), ea(c, r), 2 * sizeof<T>(), false);
  const first = readHost<T>(c, va);
  if (!first) return Status.FAULT;
  const low = load<T>(first);
  const second = readHost<T>(c, va + sizeof<T>());
  if (!second) return Status.FAULT;
  const raw = readReg<T>(c, recReg(r));
  const index: i32 = sizeof<T>() == 2 ? <i32><i16>raw : <i32>raw;
  const lower: i32 = sizeof<T>() == 2 ? <i32><i16>low : <i32>low;
  const upper: i32 = sizeof<T>() == 2 ? <i32>load<i16>(second) : load<i32>(second);
  return index < lower || index > upper ? raise(c, Vector.BR) : Status.NEXT;
}
