// Where RET goes in 64-bit code: by the stack address of the return address, what CALL has put there and
// the record behind the CALL, so that the inner loop needs no look-up in the jump cache, whose megabyte is
// seldom in the host's caches (docs/adr/0054). An entry is {u64 return address, u32 tag, u32 record, u32
// index, u32 records} and holds while its tag is the CPU's: whatever makes the jump cache forget changes it
// (jumpFlush, jumpFlushNonGlobal, jumpForget), and so does the privilege. The return address lies in the
// page of the CALL, so it needs no other check.

import { Cpu } from "../cpu/state";
import { RecFlag, recFlags } from "../decode/record";
import { CPU_RETURNS, CPU_RETURNS_BYTES, RECORD_BYTES, RETURNS, RETURN_BYTES } from "../lib/layout";

const enum Entry { TARGET = 0, TAG = 8, RECORD = 12, INDEX = 16, RECORDS = 20 }
/** Bit 0 of a tag. */
const USER: u32 = 1;
const STEP: u32 = 2;

// @ts-ignore: decorator
@inline
function userBit(c: Cpu): u32 { return c.cpl == 3 ? USER : 0; }

export function returnReset(c: Cpu): void {
  memory.fill(changetype<usize>(c) + CPU_RETURNS, 0, CPU_RETURNS_BYTES);
  c.returnTag = STEP | userBit(c);
}

/** After a change of CPL. */
// @ts-ignore: decorator
@inline
export function returnSelect(c: Cpu): void { c.returnTag = (c.returnTag & ~USER) | userBit(c); }

export function returnForget(c: Cpu): void {
  c.returnTag += STEP;
  if (c.returnTag < STEP) returnReset(c);
}

/** Entry of a stack address. */
// @ts-ignore: decorator
@inline
function returnEntry(c: Cpu, sp: u64): usize {
  return changetype<usize>(c) + CPU_RETURNS + <usize>(<u32>(sp >> 3) & (RETURNS - 1)) * RETURN_BYTES;
}

/** The CALL of record r has put `target` at stack address `sp`; `index` and `records` are its page's. */
// @ts-ignore: decorator
@inline
export function returnRemember(c: Cpu, r: usize, sp: u64, target: u64, index: usize, records: usize): void {
  // A scratch record has nothing behind it; byte 0 of a page is not in the page of the CALL.
  if ((recFlags(r) & RecFlag.PRIVATE) != 0 || (<u32>target & 0xFFF) == 0) return;
  const e = returnEntry(c, sp);
  store<u64>(e, target, Entry.TARGET);
  store<u32>(e, c.returnTag, Entry.TAG);
  store<u32>(e, <u32>r + RECORD_BYTES, Entry.RECORD);
  store<u32>(e, <u32>index, Entry.INDEX);
  store<u32>(e, <u32>records, Entry.RECORDS);
}

/** Entry for a RET that finds `target` at stack address `sp`, 0 = none. */
// @ts-ignore: decorator
@inline
export function returnFind(c: Cpu, sp: u64, target: u64): usize {
  const e = returnEntry(c, sp);
  return load<u64>(e, Entry.TARGET) == target && load<u32>(e, Entry.TAG) == c.returnTag ? e : 0;
}

// @ts-ignore: decorator
@inline
export function returnRecord(e: usize): usize { return load<u32>(e, Entry.RECORD); }
// @ts-ignore: decorator
@inline
export function returnIndex(e: usize): usize { return load<u32>(e, Entry.INDEX); }
// @ts-ignore: decorator
@inline
export function returnRecords(e: usize): usize { return load<u32>(e, Entry.RECORDS); }
