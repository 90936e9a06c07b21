// x87 loads, stores, exchanges and conditional moves (SDM vol. 2 FLD FST FILD FIST FISTTP FBLD FBSTP FXCH
// FCMOVcc FFREE). A store writes memory before it changes anything else, so a page fault leaves the state as
// it was.

import { testCond } from "../cpu/flags";
import { Cpu, Status } from "../cpu/state";
import { recRm, recSeg } from "../decode/record";
import {
  DEFAULT_NAN_M, DEFAULT_NAN_SE, SW, f80BCDHi, f80Exc, f80FromBCD, f80FromFloat, f80FromInt, f80StoreStopped,
  f80ToBCD, f80ToFloat, f80ToInt,
} from "../fpu/f80";
import { CPU_SCRATCH } from "../lib/layout";
import {
  checkWrite, ea, linear, linearBytes, readBytes, readHost, writeBytes, writeValue,
} from "../mmu/access";
import {
  isEmpty, keepC1, noteOperand, popSt, pushOverflow, pushResult, pushSt, setSt, stM, stSE, underflow,
  underflowTo, x87Begin, x87Done,
} from "./x87-core";

/** Scratch for 10-byte operands and environment images (0xB00 .. 0xBFF of the scratch page). */
export const X87_SCRATCH: u32 = CPU_SCRATCH + 0xB00;
const EXTENDED_BYTES: u32 = 10;
/** BCD indefinite (SDM vol. 1 4.7). */
const BCD_INDEFINITE: u64 = 0xC000000000000000;

// An unmasked IE stops a load; an unmasked DE does not.
// @ts-ignore: decorator
@inline
function loadStopped(c: Cpu): bool { return (f80Exc & ~c.fpuControl & SW.IE) != 0; }

// ---- Loads
// ---------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function loadFloat<T>(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = readHost<T>(c, linear<T>(c, r, false));
  if (host == 0) return Status.FAULT;
  const value = load<T>(host);
  noteOperand(c, r, ea(c, r));
  if (!isEmpty(c, 7)) pushOverflow(c);
  else {
    const m = f80FromFloat<T>(value);
    pushResult(c, m, loadStopped(c));
  }
  return x87Done(c, r);
}

export function hFldM32(c: Cpu, r: usize): i32 { return loadFloat<u32>(c, r); }
export function hFldM64(c: Cpu, r: usize): i32 { return loadFloat<u64>(c, r); }

// @ts-ignore: decorator
@inline
function loadInt<T>(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = readHost<T>(c, linear<T>(c, r, false));
  if (host == 0) return Status.FAULT;
  const m = f80FromInt(<i64>load<T>(host));
  noteOperand(c, r, ea(c, r));
  pushResult(c, m, false);
  return x87Done(c, r);
}

export function hFildM16(c: Cpu, r: usize): i32 { return loadInt<i16>(c, r); }
export function hFildM32(c: Cpu, r: usize): i32 { return loadInt<i32>(c, r); }
export function hFildM64(c: Cpu, r: usize): i32 { return loadInt<i64>(c, r); }

// Ten bytes at the operand; 0 = fault.
function tenBytes(c: Cpu, r: usize): usize {
  const offset = ea(c, r);
  const host = readBytes(c, linearBytes(c, recSeg(r), offset, EXTENDED_BYTES, false), EXTENDED_BYTES);
  if (host != 0) noteOperand(c, r, offset);
  return host;
}

export function hFldM80(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = tenBytes(c, r);
  if (host == 0) return Status.FAULT;
  if (!isEmpty(c, 7)) pushOverflow(c);
  else pushSt(c, load<u16>(host, 8), load<u64>(host));
  return x87Done(c, r);
}

export function hFbld(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const host = tenBytes(c, r);
  if (host == 0) return Status.FAULT;
  pushResult(c, f80FromBCD(load<u64>(host), load<u16>(host, 8)), false);
  return x87Done(c, r);
}

/** FLD ST(i). */
export function hFldSTi(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  if (isEmpty(c, i)) {
    if (underflow(c)) pushSt(c, DEFAULT_NAN_SE, DEFAULT_NAN_M);
  } else if (!isEmpty(c, 7)) pushOverflow(c);
  else pushSt(c, stSE(c, i), stM(c, i));
  return x87Done(c, r);
}

// ---- Stores
// --------------------------------------------------------------------------------------------------------

// Writes `value` and finishes; `may`: nothing unmasked forbids it.
// @ts-ignore: decorator
@inline
function finishStore<T>(c: Cpu, r: usize, value: T, may: bool, pop: u32): i32 {
  let status: i32 = Status.NEXT;
  if (may) {
    status = writeValue<T>(c, linear<T>(c, r, true), value);
    if (status == Status.FAULT) return status;
    noteOperand(c, r, ea(c, r));
    if (pop != 0) popSt(c);
  } else if (checkWrite(c, linear<T>(c, r, true), sizeof<T>())) return Status.FAULT;
  x87Done(c, r);
  return status;
}

// @ts-ignore: decorator
@inline
function storeFloat<T>(c: Cpu, r: usize, pop: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) {
    const nan: T = sizeof<T>() == 4 ? <T>0xFFC00000 : <T>0xFFF8000000000000;
    return finishStore<T>(c, r, nan, underflow(c), pop);
  }
  const value = f80ToFloat<T>(stSE(c, 0), stM(c, 0));
  return finishStore<T>(c, r, value, !f80StoreStopped(), pop);
}

/** FST (0) and FSTP (1). */
export function hFstM32(c: Cpu, r: usize, pop: u32): i32 { return storeFloat<u32>(c, r, pop); }
export function hFstM64(c: Cpu, r: usize, pop: u32): i32 { return storeFloat<u64>(c, r, pop); }

/** How FIST stores: pop, truncate. */
const enum Fist { POP = 1, TRUNCATE = 2 }

// @ts-ignore: decorator
@inline
function storeInt<T>(c: Cpu, r: usize, how: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const bits: u32 = sizeof<T>() * 8;
  if (isEmpty(c, 0)) return finishStore<T>(c, r, <T>1 << <T>(bits - 1), underflow(c), how & Fist.POP);
  const value = f80ToInt(stSE(c, 0), stM(c, 0), bits, (how & Fist.TRUNCATE) != 0);
  return finishStore<T>(c, r, <T>value, !f80StoreStopped(), how & Fist.POP);
}

/** FIST (0), FISTP (1), FISTTP (3). */
export function hFistM16(c: Cpu, r: usize, how: u32): i32 { return storeInt<u16>(c, r, how); }
export function hFistM32(c: Cpu, r: usize, how: u32): i32 { return storeInt<u32>(c, r, how); }
export function hFistM64(c: Cpu, r: usize, how: u32): i32 { return storeInt<u64>(c, r, how); }

// Ten bytes to the operand, then pop.
function storeTen(c: Cpu, r: usize, lo: u64, hi: u32, may: bool): i32 {
  let status: i32 = Status.NEXT;
  const offset = ea(c, r);
  if (!may) {
    // Faults of memory come before those of numbers, though nothing would be written.
    if (checkWrite(c, linearBytes(c, recSeg(r), offset, EXTENDED_BYTES, true),
      EXTENDED_BYTES)) return Status.FAULT;
  } else {
    const from = changetype<usize>(c) + X87_SCRATCH;
    store<u64>(from, lo);
    store<u16>(from, <u16>hi, 8);
    status = writeBytes(c, linearBytes(c, recSeg(r), offset, EXTENDED_BYTES, true), EXTENDED_BYTES, from);
    if (status == Status.FAULT) return status;
    noteOperand(c, r, offset);
    popSt(c);
  }
  x87Done(c, r);
  return status;
}

export function hFstpM80(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) return storeTen(c, r, DEFAULT_NAN_M, DEFAULT_NAN_SE, underflow(c));
  return storeTen(c, r, stM(c, 0), stSE(c, 0), true);
}

export function hFbstp(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  if (isEmpty(c, 0)) return storeTen(c, r, BCD_INDEFINITE, 0xFFFF, underflow(c));
  const lo = f80ToBCD(stSE(c, 0), stM(c, 0));
  return storeTen(c, r, lo, f80BCDHi, !f80StoreStopped());
}

/** FST ST(i) (0) and FSTP ST(i) (1). */
export function hFstSTi(c: Cpu, r: usize, pop: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  let done = true;
  if (isEmpty(c, 0)) done = underflowTo(c, i);
  else setSt(c, i, stSE(c, 0), stM(c, 0));
  if (pop != 0 && done) popSt(c);
  return x87Done(c, r);
}

/** D9 D8+i, "FSTPNCE" (not in the SDM): FSTP ST(i), but an empty ST(0) is only popped, without a fault. */
export function hFstpNce(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  if (!isEmpty(c, 0)) setSt(c, i, stSE(c, 0), stM(c, 0));
  popSt(c);
  return x87Done(c, r);
}

// ---- Moves in the stack
// --------------------------------------------------------------------------------------------

export function hFxch(c: Cpu, r: usize): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  const noA = isEmpty(c, 0);
  const noB = isEmpty(c, i);
  if (noA || noB) {
    if (!underflow(c)) return x87Done(c, r);
    if (noA) setSt(c, 0, DEFAULT_NAN_SE, DEFAULT_NAN_M);
    if (noB) setSt(c, i, DEFAULT_NAN_SE, DEFAULT_NAN_M);
  }
  const se = stSE(c, 0);
  const m = stM(c, 0);
  setSt(c, 0, stSE(c, i), stM(c, i));
  setSt(c, i, se, m);
  return x87Done(c, r);
}

/** FCMOVB E BE U and their negations: cc is the condition code of Jcc. */
export function hFcmov(c: Cpu, r: usize, cc: u32): i32 {
  if (x87Begin(c, r)) return Status.FAULT;
  const i = recRm(r);
  if (isEmpty(c, 0) || isEmpty(c, i)) underflowTo(c, 0);
  else if (testCond(c, cc)) setSt(c, 0, stSE(c, i), stM(c, i));
  return keepC1(c, r);
}
