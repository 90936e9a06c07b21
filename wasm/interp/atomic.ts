// XCHG CMPXCHG XADD CMPXCHG8B/16B and the bit tests whose offset reaches outside of the operand (SDM vol. 2).
// Memory forms are always atomic here, LOCK or not: a guest cannot tell. Only CMPXCHG16B, whose atomic form
// costs a lock, is not without LOCK.

import { Cpu, Status } from "../cpu/state";
import { Vector, raiseError } from "../cpu/exceptions";
import { setAdd, setCf, setSub, setZf } from "../cpu/flags";
import {
  RecFlag, readReg, recAddrMask, recFlags, recIsMem, recReg, recRm, recSeg, writeReg,
} from "../decode/record";
import { lock, unlock } from "../lib/atomics";
import { Control } from "../lib/control";
import { CONTROL } from "../lib/layout";
import { ea, linear, linearAt, linearBytes, readHost, rmwBytes, rmwDone } from "../mmu/access";
import { Update, lockedUpdate } from "./lock";

export function hXchg<T>(c: Cpu, r: usize): i32 {
  const b = readReg<T>(c, recReg(r));
  if (!recIsMem(r)) {
    const a = readReg<T>(c, recRm(r));
    writeReg<T>(c, recRm(r), b);
    writeReg<T>(c, recReg(r), a);
    return Status.NEXT;
  }
  const s = lockedUpdate<T>(c, linear<T>(c, r, true), Update.XCHG, b, 0);
  if (s == Status.FAULT || s == Status.RETRY) return s;
  writeReg<T>(c, recReg(r), <T>c.second);
  return s;
}

export function hXadd<T>(c: Cpu, r: usize): i32 {
  const b = readReg<T>(c, recReg(r));
  let old: T;
  let s: i32 = Status.NEXT;
  if (recIsMem(r)) {
    s = lockedUpdate<T>(c, linear<T>(c, r, true), Update.ADD, b, 0);
    if (s == Status.FAULT || s == Status.RETRY) return s;
    old = <T>c.second;
    writeReg<T>(c, recReg(r), old);
  } else {
    old = readReg<T>(c, recRm(r));
    writeReg<T>(c, recReg(r), old);
    writeReg<T>(c, recRm(r), <T>(old + b));
  }
  setAdd<T>(c, old, b, <T>(old + b));
  return s;
}

/** The accumulator is written only on failure, the destination only on success (in registers). */
export function hCmpxchg<T>(c: Cpu, r: usize): i32 {
  const expected = readReg<T>(c, 0);
  const b = readReg<T>(c, recReg(r));
  let old: T;
  let s: i32 = Status.NEXT;
  if (recIsMem(r)) {
    s = lockedUpdate<T>(c, linear<T>(c, r, true), Update.CMPXCHG, b, expected);
    if (s == Status.FAULT || s == Status.RETRY) return s;
    old = <T>c.second;
  } else {
    old = readReg<T>(c, recRm(r));
    if (old == expected) writeReg<T>(c, recRm(r), b);
  }
  if (old != expected) writeReg<T>(c, 0, old);
  setSub<T>(c, expected, old, <T>(expected - old));
  return s;
}

export function hCmpxchg8b(c: Cpu, r: usize): i32 {
  const expected = (c.rdx << 32) | (c.rax & 0xFFFFFFFF);
  const b = (c.rcx << 32) | (c.rbx & 0xFFFFFFFF);
  const s = lockedUpdate<u64>(c, linear<u64>(c, r, true), Update.CMPXCHG, b, expected);
  if (s == Status.FAULT || s == Status.RETRY) return s;
  const old = c.second;
  if (old != expected) {
    c.rax = old & 0xFFFFFFFF;
    c.rdx = old >> 32;
  }
  setZf(c, <u64>(old == expected));
  return s;
}

/** CMPXCHG16B without LOCK is atomic for this CPU alone (SDM vol. 2): per-CPU lists of Linux's allocator. */
function exchangeHere(c: Cpu, h: usize): i32 {
  const low = load<u64>(h);
  const high = load<u64>(h, 8);
  const equal = low == c.rax && high == c.rdx;
  if (equal) {
    store<u64>(h, c.rbx);
    store<u64>(h, c.rcx, 8);
  } else {
    c.rax = low;
    c.rdx = high;
  }
  setZf(c, <u64>equal);
  return rmwDone(c, h);
}

const STRIPES: usize = 64;

/**
 * Under a striped lock the low half is swapped first and put back if the high half has changed: a CPU that
 * reads the pair without CMPXCHG16B may see the halves of two values, as it may on silicon with two loads.
 */
export function hCmpxchg16b(c: Cpu, r: usize): i32 {
  const va = linearBytes(c, recSeg(r), ea(c, r), 16, true);
  if (va & 15) return raiseError(c, Vector.GP, 0);
  const h = rmwBytes(c, va, 16);
  if (!h) return Status.FAULT;
  if ((recFlags(r) & RecFlag.LOCK) == 0) return exchangeHere(c, h);
  const stripe = CONTROL + <usize>Control.STRIPES + (((h >> 4) % STRIPES) << 2);
  lock(stripe);
  let low: u64 = 0;
  let high: u64 = 0;
  let equal = false;
  for (;;) {
    low = atomic.load<u64>(h);
    high = atomic.load<u64>(h, 8);
    equal = low == c.rax && high == c.rdx;
    if (!equal) break;
    if (atomic.cmpxchg<u64>(h, low, c.rbx) != low) continue;
    if (atomic.cmpxchg<u64>(h, high, c.rcx, 8) == high) break;
    atomic.cmpxchg<u64>(h, c.rbx, low);
  }
  unlock(stripe);
  if (!equal) {
    c.rax = low;
    c.rdx = high;
  }
  setZf(c, <u64>equal);
  return rmwDone(c, h);
}

// Bit tests on memory
// --------------------------------------------------------------------------------------------------

/** Linear address of the T that holds the bit: the signed bit offset moves the operand (SDM vol. 2 "BT"). */
// @ts-ignore: decorator
@inline
function bitOperand<T>(c: Cpu, r: usize, write: bool): u64 {
  const raw = readReg<T>(c, recReg(r));
  const offset: i64 = sizeof<T>() == 2 ? <i64><i16>raw : sizeof<T>() == 4 ? <i64><i32>raw : <i64>raw;
  const log: i64 = sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3;
  const at = (ea(c, r) + <u64>((offset >> (log + 3)) << log)) & recAddrMask(r);
  return linearAt<T>(c, recSeg(r), at, write);
}

// @ts-ignore: decorator
@inline
function bitMask<T>(c: Cpu, r: usize): T {
  return <T>(<T>1 << <T>(readReg<T>(c, recReg(r)) & <T>((sizeof<T>() << 3) - 1)));
}

export function hBt<T>(c: Cpu, r: usize): i32 {
  const h = readHost<T>(c, bitOperand<T>(c, r, false));
  if (!h) return Status.FAULT;
  setCf(c, <u64>((load<T>(h) & bitMask<T>(c, r)) != 0));
  return Status.NEXT;
}

// @ts-ignore: decorator
@inline
function bitUpdate<T>(c: Cpu, r: usize, op: Update): i32 {
  const mask = bitMask<T>(c, r);
  const s = lockedUpdate<T>(c, bitOperand<T>(c, r, true), op, op == Update.AND ? <T>~mask : mask, 0);
  if (s == Status.FAULT || s == Status.RETRY) return s;
  setCf(c, <u64>((<T>c.second & mask) != 0));
  return s;
}

export function hBts<T>(c: Cpu, r: usize): i32 {
  return bitUpdate<T>(c, r, Update.OR);
}
export function hBtr<T>(c: Cpu, r: usize): i32 {
  return bitUpdate<T>(c, r, Update.AND);
}
export function hBtc<T>(c: Cpu, r: usize): i32 {
  return bitUpdate<T>(c, r, Update.XOR);
}
