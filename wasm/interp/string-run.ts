// What the string instructions share: the index and count registers at their address size, and runs:
// stretches of elements that lie in one page of each operand and in its TLB, so that they can be done in
// bulk. Everything else (first touch of a page, chips, code pages, elements across pages, DF = 1) goes one
// element at a time through mmu/access.

import { hasHits } from "../cpu/breakpoints";
import { Cpu } from "../cpu/state";
import { Inbox, inboxOf } from "../cpu/inbox";
import { Rflags } from "../cpu/mode";
import { RecFlag, recAddrSize, recFlags } from "../decode/record";
import { linearBytes } from "../mmu/access";
import { POISON } from "../mmu/segment";
import { tlbLookup } from "../mmu/tlb";

const PAGE: u64 = 4096;
const CPU_RCX: usize = 8, CPU_RSI: usize = 48, CPU_RDI: usize = 56;

/** Host address of the run that `findRun` found. */
export let runHost: usize = 0;

// @ts-ignore: decorator
@inline
export function isRepeated(r: usize): bool {
  return (recFlags(r) & (RecFlag.REP | RecFlag.REPNE)) != 0;
}

/** Write an index or count register at the record's address size (SDM vol. 1 3.6.1). */
// @ts-ignore: decorator
@inline
function writeSized(c: Cpu, r: usize, at: usize, value: u64): void {
  const p = changetype<usize>(c) + at;
  const a = recAddrSize(r);
  if (a == 0) store<u16>(p, <u16>value);
  else if (a == 1) store<u64>(p, <u64><u32>value);
  else store<u64>(p, value);
}
// @ts-ignore: decorator
@inline
export function setCount(c: Cpu, r: usize, value: u64): void { writeSized(c, r, CPU_RCX, value); }
// @ts-ignore: decorator
@inline
export function addSource(c: Cpu, r: usize, delta: i64): void { writeSized(c, r, CPU_RSI, c.rsi + delta); }
// @ts-ignore: decorator
@inline
export function addTarget(c: Cpu, r: usize, delta: i64): void { writeSized(c, r, CPU_RDI, c.rdi + delta); }

/** Step of one element: negative while DF = 1. */
// @ts-ignore: decorator
@inline
export function step(c: Cpu, bytes: i64): i64 {
  return (c.eflags & Rflags.DF) != 0 ? -bytes : bytes;
}

/**
 * Leave a repeated instruction between two elements? Something wants the CPU's attention, TF makes each
 * iteration an instruction of its own (SDM vol. 2 REP), or the last one has hit a data breakpoint.
 */
// @ts-ignore: decorator
@inline
export function shouldPause(c: Cpu): bool {
  return atomic.load<u32>(inboxOf(c.id), Inbox.ATTENTION) != 0 || (c.eflags & Rflags.TF) != 0 || hasHits();
}

/**
 * Bytes, a multiple of `unit`, that can be accessed directly from seg:offset upwards, at most `want`; 0 =
 * none. `table` is c.tlbRead or c.tlbWrite. Raises nothing (a segment check that fails leaves an exception
 * value that nobody delivers).
 */
export function findRun(c: Cpu, table: u32, seg: u32, offset: u64, mask: u64, want: u64, unit: u32,
  write: bool): u32 {
  const va = linearBytes(c, seg, offset, unit, write);
  const h = tlbLookup(table, va, unit);
  if (!h) return 0;
  let n = PAGE - (va & (PAGE - 1));
  if (n > want) n = want;
  if (n > mask - offset) n = mask - offset + (mask - offset < n ? 1 : 0);
  n &= ~(<u64>unit - 1);
  if (!c.mode64 && linearBytes(c, seg, offset, <u32>n, write) == POISON) return 0;
  runHost = h;
  return <u32>n;
}

/** Elements worth asking for at once: the rest of a page is the most that a run can be. */
// @ts-ignore: decorator
@inline
export function wanted(c: Cpu, count: u64, shift: u64): u64 {
  if ((c.eflags & (Rflags.DF | Rflags.TF)) != 0) return 0;
  return (count < PAGE ? count : PAGE) << shift;
}
