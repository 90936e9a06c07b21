// Where direct branches of 64-bit code to other pages go: as a branch inside its page keeps its way, one that
// leaves it keeps the record of its target, so that the inner loop needs no look-up in the jump cache
// (docs/adr/0058). An entry per slot of decoded records, {u64 linear address of its page, bit 0: CPL 3; u32
// tag, u32 generation, u32 index, u32 records}, says where that holds: the tag is new each time that the
// records in the slot are others or the slot grows cold (farDrop), the generation is the jump cache's, with
// all that makes it forget.

import { Cpu } from "../cpu/state";
import { Op, RecFlag, recFlags, recOp } from "../decode/record";
import { CPU_FAR, CPU_FAR_BYTES, CPU_INDEX, FAR_BYTES, SLOT_INDEX_BYTES } from "../lib/layout";
import { jumpGenerationOf, jumpHit, jumpIndexOf, jumpRecordOf, jumpRecordsOf } from "./jump-cache";

const enum Entry { PAGE = 0, TAG = 8, GENERATION = 12, INDEX = 16, RECORDS = 20 }
/** Of a branch: its tag in place of its handler, the rest in place of its immediate, which disp holds too. */
const enum Way { TAG = 12, RECORD = 24, ENTRY = 28 }
/** Below are the numbers of functions and regions. */
const FIRST_TAG: u32 = 1 << 24;
const NO_TAG: u32 = 0;
const PAGE_MASK: u64 = ~(<u64>0xFFF);

/** Of this thread's CPU. */
let lastTag: u32 = FIRST_TAG;

// @ts-ignore: decorator
@inline
function pageOf(c: Cpu, target: u64): u64 { return (target & PAGE_MASK) | <u64>(c.returnTag & 1); }

export function farReset(c: Cpu): void {
  memory.fill(changetype<usize>(c) + CPU_FAR, 0, CPU_FAR_BYTES);
}

/** The ways to the records in this slot are no more. */
export function farDrop(c: Cpu, slot: u32): void {
  store<u32>(changetype<usize>(c) + CPU_FAR + slot * FAR_BYTES, NO_TAG, Entry.TAG);
}

/** The jump cache knows the target of the direct branch at r. */
export function farRemember(c: Cpu, r: usize, target: u64): void {
  const there = jumpHit(c, target);
  // The link of a region's entry has another use for these fields; a scratch record has no tag to rely on.
  if (there == 0 || recOp(r) == Op.LINK || (recFlags(r) & RecFlag.PRIVATE) != 0) return;
  const index = jumpIndexOf(there);
  const slot = (<u32>index - <u32>changetype<usize>(c) - CPU_INDEX) / SLOT_INDEX_BYTES;
  const e = changetype<usize>(c) + CPU_FAR + slot * FAR_BYTES;
  if (load<u32>(e, Entry.TAG) == NO_TAG) {
    if (lastTag == u32.MAX_VALUE) return;
    store<u32>(e, ++lastTag, Entry.TAG);
  }
  store<u64>(e, pageOf(c, target), Entry.PAGE);
  store<u32>(e, jumpGenerationOf(there), Entry.GENERATION);
  store<u32>(e, <u32>index, Entry.INDEX);
  store<u32>(e, <u32>jumpRecordsOf(there), Entry.RECORDS);
  store<u32>(r, load<u32>(e, Entry.TAG), Way.TAG);
  store<u32>(r, <u32>jumpRecordOf(there), Way.RECORD);
  store<u32>(r, <u32>e, Way.ENTRY);
}

/** The entry of the slot that the direct branch at r leads to, 0 = it has no way there. */
// @ts-ignore: decorator
@inline
export function farFind(c: Cpu, r: usize, target: u64): usize {
  const tag = load<u32>(r, Way.TAG);
  if (tag < FIRST_TAG) return 0;
  const e = <usize>load<u32>(r, Way.ENTRY);
  if (load<u32>(e, Entry.TAG) != tag || load<u64>(e, Entry.PAGE) != pageOf(c, target)) return 0;
  const generation = load<u32>(e, Entry.GENERATION);
  return generation == c.jumpGeneration || generation == c.jumpGlobalGeneration ? e : 0;
}

/** The handler of a direct branch's record, without the way that may stand in its place. */
export function farHandler(r: usize): u32 {
  const handler = load<u32>(r, Way.TAG);
  return handler < FIRST_TAG ? handler : NO_TAG;
}

// @ts-ignore: decorator
@inline
export function farRecord(r: usize): usize { return load<u32>(r, Way.RECORD); }
// @ts-ignore: decorator
@inline
export function farIndex(e: usize): usize { return load<u32>(e, Entry.INDEX); }
// @ts-ignore: decorator
@inline
export function farRecords(e: usize): usize { return load<u32>(e, Entry.RECORDS); }
