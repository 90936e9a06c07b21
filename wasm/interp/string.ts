// MOVS STOS LODS CMPS SCAS with REP, REPE, REPNE (SDM vol. 1 7.3.9; vol. 2). Every element commits by itself:
// a fault leaves the registers at the faulting element, an interrupt between two elements (Status.RETRY).
// Runs inside a page are done in bulk; a forward copy whose source and destination overlap replicates, as
// silicon does.

import { Cpu, RAX, Seg, Status } from "../cpu/state";
import { setSub } from "../cpu/flags";
import { RecFlag, readReg, recAddrMask, recFlags, recSeg, writeReg } from "../decode/record";
import { linearAt, readHost, writeValue } from "../mmu/access";
import {
  addSource, addTarget, findRun, isRepeated, runHost, setCount, shouldPause, step, wanted,
} from "./string-run";

/** So many bytes are done before the host's bulk operation has begun. */
const SHORT: u32 = 64;

/** log2 of sizeof<T>(). */
// @ts-ignore: decorator
@inline
function shiftOf<T>(): u64 {
  return sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3;
}

/** Status of a repeated instruction that stops with `count` elements left. */
// @ts-ignore: decorator
@inline
function stopped(count: u64, status: i32): i32 {
  return count != 0 ? Status.RETRY : status;
}

// MOVS ---------------------------------------------------------------------------------------------

/** One element; the registers advance only when it is stored. */
function moveOne<T>(c: Cpu, r: usize, mask: u64): i32 {
  const from = readHost<T>(c, linearAt<T>(c, recSeg(r), c.rsi & mask, false));
  if (!from) return Status.FAULT;
  const status = writeValue<T>(c, linearAt<T>(c, Seg.ES, c.rdi & mask, true), load<T>(from));
  if (status == Status.FAULT) return status;
  const by = step(c, sizeof<T>());
  addSource(c, r, by);
  addTarget(c, r, by);
  return status;
}

/** Elements copied in bulk, 0 = not here. */
function moveRun<T>(c: Cpu, r: usize, mask: u64, count: u64): u64 {
  const want = wanted(c, count, shiftOf<T>());
  if (want == 0) return 0;
  let n = findRun(c, c.tlbRead, recSeg(r), c.rsi & mask, mask, want, sizeof<T>(), false);
  if (n == 0) return 0;
  const from = runHost;
  n = findRun(c, c.tlbWrite, Seg.ES, c.rdi & mask, mask, n, sizeof<T>(), true);
  if (n == 0) return 0;
  const to = runHost;
  if (to - from < <usize>n || n <= SHORT) {
    for (let i: u32 = 0; i < n; i += sizeof<T>()) store<T>(to + i, load<T>(from + i));
  } else {
    memory.copy(to, from, n);
  }
  addSource(c, r, n);
  addTarget(c, r, n);
  return <u64>n >> shiftOf<T>();
}

export function hMovs<T>(c: Cpu, r: usize): i32 {
  const mask = recAddrMask(r);
  if (!isRepeated(r)) return moveOne<T>(c, r, mask);
  let count = c.rcx & mask;
  while (count != 0) {
    let n = moveRun<T>(c, r, mask, count);
    let status: i32 = Status.NEXT;
    if (n == 0) {
      status = moveOne<T>(c, r, mask);
      if (status == Status.FAULT) return status;
      n = 1;
    }
    count -= n;
    setCount(c, r, count);
    if (status != Status.NEXT || shouldPause(c)) return stopped(count, status);
  }
  return Status.NEXT;
}

// STOS ---------------------------------------------------------------------------------------------

function storeOne<T>(c: Cpu, r: usize, mask: u64): i32 {
  const status = writeValue<T>(c, linearAt<T>(c, Seg.ES, c.rdi & mask, true), readReg<T>(c, RAX));
  if (status == Status.FAULT) return status;
  addTarget(c, r, step(c, sizeof<T>()));
  return status;
}

/** Fill n bytes at `to` with the value; memory.fill when all its bytes agree. */
function fill<T>(to: usize, value: T, n: u32): void {
  const low = <u8>value;
  if (n > SHORT && (sizeof<T>() == 1 || <u64>value == (0x0101010101010101 * <u64>low
    & (<u64>(-1) >> (64 - (sizeof<T>() << 3)))))) {
    memory.fill(to, low, n);
    return;
  }
  for (let i: u32 = 0; i < n; i += sizeof<T>()) store<T>(to + i, value);
}

function storeRun<T>(c: Cpu, r: usize, mask: u64, count: u64): u64 {
  const want = wanted(c, count, shiftOf<T>());
  if (want == 0) return 0;
  const n = findRun(c, c.tlbWrite, Seg.ES, c.rdi & mask, mask, want, sizeof<T>(), true);
  if (n == 0) return 0;
  fill<T>(runHost, readReg<T>(c, RAX), n);
  addTarget(c, r, n);
  return <u64>n >> shiftOf<T>();
}

export function hStos<T>(c: Cpu, r: usize): i32 {
  const mask = recAddrMask(r);
  if (!isRepeated(r)) return storeOne<T>(c, r, mask);
  let count = c.rcx & mask;
  while (count != 0) {
    let n = storeRun<T>(c, r, mask, count);
    let status: i32 = Status.NEXT;
    if (n == 0) {
      status = storeOne<T>(c, r, mask);
      if (status == Status.FAULT) return status;
      n = 1;
    }
    count -= n;
    setCount(c, r, count);
    if (status != Status.NEXT || shouldPause(c)) return stopped(count, status);
  }
  return Status.NEXT;
}

// LODS ---------------------------------------------------------------------------------------------

function loadOne<T>(c: Cpu, r: usize, mask: u64): i32 {
  const from = readHost<T>(c, linearAt<T>(c, recSeg(r), c.rsi & mask, false));
  if (!from) return Status.FAULT;
  writeReg<T>(c, RAX, load<T>(from));
  addSource(c, r, step(c, sizeof<T>()));
  return Status.NEXT;
}

export function hLods<T>(c: Cpu, r: usize): i32 {
  const mask = recAddrMask(r);
  if (!isRepeated(r)) return loadOne<T>(c, r, mask);
  let count = c.rcx & mask;
  while (count != 0) {
    const status = loadOne<T>(c, r, mask);
    if (status == Status.FAULT) return status;
    setCount(c, r, --count);
    if (shouldPause(c)) return stopped(count, status);
  }
  return Status.NEXT;
}

// CMPS and SCAS ------------------------------------------------------------------------------------

// The pair compared last (this thread): flags are set when the instruction stops, not per element. A fault
// leaves the flags alone (SDM vol. 2 REP).
let lastA: u64 = 0;
let lastB: u64 = 0;

// @ts-ignore: decorator
@inline
function setCompared<T>(c: Cpu): void {
  const a = <T>lastA, b = <T>lastB;
  setSub<T>(c, a, b, <T>(a - b));
}

/** REPE goes on while equal, REPNE while not. */
// @ts-ignore: decorator
@inline
function goesOn(r: usize): bool {
  return (recFlags(r) & RecFlag.REPNE) == 0;
}

function compareOne<T>(c: Cpu, r: usize, mask: u64): i32 {
  const x = readHost<T>(c, linearAt<T>(c, recSeg(r), c.rsi & mask, false));
  if (!x) return Status.FAULT;
  const a = <u64>load<T>(x);
  const y = readHost<T>(c, linearAt<T>(c, Seg.ES, c.rdi & mask, false));
  if (!y) return Status.FAULT;
  lastA = a;
  lastB = <u64>load<T>(y);
  const by = step(c, sizeof<T>());
  addSource(c, r, by);
  addTarget(c, r, by);
  return Status.NEXT;
}

/** Elements compared in bulk, the one that ends the loop included. */
function compareRun<T>(c: Cpu, r: usize, mask: u64, count: u64): u64 {
  const want = wanted(c, count, shiftOf<T>());
  if (want == 0) return 0;
  let n = findRun(c, c.tlbRead, recSeg(r), c.rsi & mask, mask, want, sizeof<T>(), false);
  if (n == 0) return 0;
  const x = runHost;
  n = findRun(c, c.tlbRead, Seg.ES, c.rdi & mask, mask, n, sizeof<T>(), false);
  if (n == 0) return 0;
  const y = runHost;
  const equal = goesOn(r);
  let a: T = 0, b: T = 0;
  let i: u32 = 0;
  while (i < n) {
    a = load<T>(x + i);
    b = load<T>(y + i);
    i += sizeof<T>();
    if ((a == b) != equal) break;
  }
  lastA = <u64>a;
  lastB = <u64>b;
  addSource(c, r, i);
  addTarget(c, r, i);
  return <u64>i >> shiftOf<T>();
}

function scanOne<T>(c: Cpu, r: usize, mask: u64): i32 {
  const y = readHost<T>(c, linearAt<T>(c, Seg.ES, c.rdi & mask, false));
  if (!y) return Status.FAULT;
  lastA = <u64>readReg<T>(c, RAX);
  lastB = <u64>load<T>(y);
  addTarget(c, r, step(c, sizeof<T>()));
  return Status.NEXT;
}

function scanRun<T>(c: Cpu, r: usize, mask: u64, count: u64): u64 {
  const want = wanted(c, count, shiftOf<T>());
  if (want == 0) return 0;
  const n = findRun(c, c.tlbRead, Seg.ES, c.rdi & mask, mask, want, sizeof<T>(), false);
  if (n == 0) return 0;
  const y = runHost;
  const equal = goesOn(r);
  const a = readReg<T>(c, RAX);
  let b: T = 0;
  let i: u32 = 0;
  while (i < n) {
    b = load<T>(y + i);
    i += sizeof<T>();
    if ((a == b) != equal) break;
  }
  lastA = <u64>a;
  lastB = <u64>b;
  addTarget(c, r, i);
  return <u64>i >> shiftOf<T>();
}

/** CMPS, or SCAS when `scan`: one comparison, or repeated while REPE or REPNE and the count allow. */
// @ts-ignore: decorator
@inline
function compareWhile<T>(c: Cpu, r: usize, scan: bool): i32 {
  const mask = recAddrMask(r);
  if (!isRepeated(r)) {
    const status = scan ? scanOne<T>(c, r, mask) : compareOne<T>(c, r, mask);
    if (status == Status.NEXT) setCompared<T>(c);
    return status;
  }
  let count = c.rcx & mask;
  if (count == 0) return Status.NEXT;
  const equal = goesOn(r);
  while (count != 0) {
    let n = scan ? scanRun<T>(c, r, mask, count) : compareRun<T>(c, r, mask, count);
    if (n == 0) {
      if (scan ? scanOne<T>(c, r, mask) : compareOne<T>(c, r, mask)) return Status.FAULT;
      n = 1;
    }
    count -= n;
    setCount(c, r, count);
    if ((lastA == lastB) != equal) break;
    if (count != 0 && shouldPause(c)) {
      setCompared<T>(c);
      return Status.RETRY;
    }
  }
  setCompared<T>(c);
  return Status.NEXT;
}

export function hCmps<T>(c: Cpu, r: usize): i32 {
  return compareWhile<T>(c, r, false);
}

export function hScas<T>(c: Cpu, r: usize): i32 {
  return compareWhile<T>(c, r, true);
}
