// Targets of branches that leave their page: linear address, code mode -> decoded record, so that the inner
// loop goes on without the run loop's look-up (the kernel calls every 20 to 30 instructions, mostly into
// other pages). A target has its place or, when another has taken that, one of the three beside it: a system
// call has hundreds of hot ones, and what finds no place goes through the run loop each time. An entry is
// {u64 target, u32 index, u32 record, u32 records, u32 generation, u32 function and u32 entry of a translated
// region} and holds while no TLB flush could change what its page maps to and no decoded page has been
// dropped. Entries of global pages have a generation of their own (odd numbers), which survives CR3 loads.
// There is a table per privilege.

import { CodeMode, Cpu } from "../cpu/state";
import {
  CPU_INDEX, CPU_JUMPS, CPU_JUMP_PAGES, CPU_JUMP_PAGES_BYTES, CPU_JUMPS_BYTES, CPU_SLOTS, JUMP_ENTRIES,
    JUMP_TABLE_BYTES, NO_PAGE, SLOT_BYTES, SLOT_COLD, SLOT_INDEX_BYTES, TLB_ENTRIES,
} from "../lib/layout";
import { returnForget, returnReset, returnSelect } from "./return-cache";
import { tlbEntry } from "./tlb";

const enum Entry { TARGET = 0, INDEX = 8, RECORD = 12, RECORDS = 16, GENERATION = 20, FUNCTION = 24, WORD =
  28 }
const enum Table { SUPERVISOR = 0, USER = 1 }
const ENTRY_SHIFT: u32 = 5;
/** Entries that a target may have. */
const WAYS: usize = 4;
/** Set in every page's tag. */
const PAGE_PRESENT: u32 = 1 << 31;
/** More than one page of this slot: any of them may be meant. */
const SEVERAL_PAGES: u32 = 0xFFFFFFFF;

/** A target outside 64-bit mode is marked by a bit that no canonical address has alone, and by its mode. */
const LEGACY_TAG: u64 = 1 << 62;
const MODE_SHIFT: u64 = 61;
/** Of a target in flat 32-bit code. */
export const JUMP_TAG_32: u64 = LEGACY_TAG | (<u64>CodeMode.M32 << MODE_SHIFT);

/** Results of a hit. */
export let jumpIndex: usize = 0;
export let jumpRecords: usize = 0;

export function jumpReset(c: Cpu): void {
  memory.fill(changetype<usize>(c) + CPU_JUMPS, 0, CPU_JUMPS_BYTES);
  memory.fill(changetype<usize>(c) + CPU_JUMP_PAGES, 0, CPU_JUMP_PAGES_BYTES);
  c.jumpGeneration = 2;
  c.jumpBase = 2;
  c.jumpGlobalGeneration = 3;
  returnReset(c);
}

/** After a change of CPL. */
export function jumpSelect(c: Cpu): void {
  const table: u32 = c.cpl == 3 ? Table.USER : Table.SUPERVISOR;
  c.jumpTable = <u32>changetype<usize>(c) + CPU_JUMPS + table * JUMP_TABLE_BYTES;
  returnSelect(c);
}

/** What stands for the linear address `va` in the code mode of now. */
// @ts-ignore: decorator
@inline
export function jumpKey(c: Cpu, va: u64): u64 {
  return c.mode64 ? va : va | LEGACY_TAG | (<u64>c.codeMode << MODE_SHIFT);
}

/** Pages that are not global may be mapped elsewhere now: their targets are looked at again (revive). */
export function jumpFlushNonGlobal(c: Cpu): void {
  c.jumpGeneration += 2;
  returnForget(c);
}

/** Forget everything. */
export function jumpFlush(c: Cpu): void {
  returnForget(c);
  c.jumpGeneration += 2;
  c.jumpBase = c.jumpGeneration;
  c.jumpGlobalGeneration += 2;
  memory.fill(changetype<usize>(c) + CPU_JUMP_PAGES, 0, CPU_JUMP_PAGES_BYTES);
}

/** The slot of decoded records that an entry leads to: {u32 page, u32 mode}. */
// @ts-ignore: decorator
@inline
function slotOf(c: Cpu, e: usize): usize {
  const slot = (load<u32>(e, Entry.INDEX) - <u32>changetype<usize>(c) - CPU_INDEX) / SLOT_INDEX_BYTES;
  return changetype<usize>(c) + CPU_SLOTS + slot * SLOT_BYTES;
}

/** Forget the targets in slots that hold no page any more, or are cold (decode/icache.ts). */
export function jumpForget(c: Cpu): void {
  returnForget(c);
  const first = changetype<usize>(c) + CPU_JUMPS;
  for (let e = first; e < first + 2 * JUMP_TABLE_BYTES; e += 1 << ENTRY_SHIFT) {
    if (load<u32>(e, Entry.GENERATION) == 0) continue;
    const at = slotOf(c, e);
    if (load<u32>(at) == NO_PAGE || (load<u32>(at, 4) & SLOT_COLD) != 0) store<u32>(e, 0, Entry.GENERATION);
  }
}

/** Word of the page's slot; user and kernel addresses have halves of their own. */
// @ts-ignore: decorator
@inline
function pageWord(c: Cpu, va: u64): usize {
  const slot = (<u32>(va >> 12) & (TLB_ENTRIES - 1)) | (<u32>(va >> 63) * TLB_ENTRIES);
  return changetype<usize>(c) + CPU_JUMP_PAGES + (<usize>slot << 2);
}

/** What stands for a page in its slot's word; 0 = no page. */
// @ts-ignore: decorator
@inline
function pageTag(va: u64): u32 {
  return <u32>(va >> 12) | PAGE_PRESENT;
}

/**
 * INVLPG. Most pages that are flushed hold data: the cache stays, unless it has targets in this very page.
 */
export function jumpFlushPage(c: Cpu, va: u64): void {
  const there = load<u32>(pageWord(c, va));
  if (there == pageTag(va) || there == SEVERAL_PAGES) jumpFlush(c);
}

// @ts-ignore: decorator
@inline
function jumpEntry(c: Cpu, target: u64): usize {
  return <usize>c.jumpTable + ((<u32>(target ^ (target >> 12)) & (JUMP_ENTRIES - 1)) << ENTRY_SHIFT);
}
/** The entries beside it, n from 1 to 3, hold what it and they held before. */
// @ts-ignore: decorator
@inline
function besides(e: usize, n: usize): usize { return e ^ (n << ENTRY_SHIFT); }
/** Where a target is, if anywhere. */
// @ts-ignore: decorator
@inline
function jumpPlace(c: Cpu, target: u64): usize {
  const e = jumpEntry(c, target);
  if (load<u64>(e, Entry.TARGET) == target) return e;
  const beside = besides(e, 1);
  return load<u64>(beside, Entry.TARGET) == target ? beside : jumpFar(e, target);
}
/** It is in neither of the two nearest entries to its place `e`. */
function jumpFar(e: usize, target: u64): usize {
  const third = besides(e, 2);
  return load<u64>(third, Entry.TARGET) == target ? third : besides(e, 3);
}
/** Make room at place `e`: what is there moves on, up to the first entry that holds nothing more. */
function moveOn(c: Cpu, e: usize): void {
  let last: usize = 0;
  while (last < WAYS - 1 && isAlive(c, load<u32>(besides(e, last), Entry.GENERATION))) last++;
  for (; last > 0; last--) memory.copy(besides(e, last), besides(e, last - 1), 1 << ENTRY_SHIFT);
}

/** Does an entry of this generation hold, or may it hold again (revive)? */
// @ts-ignore: decorator
@inline
function isAlive(c: Cpu, generation: u32): bool {
  return (generation & 1) != 0 ? generation == c.jumpGlobalGeneration
    : generation - c.jumpBase <= c.jumpGeneration - c.jumpBase;
}

/**
 * An entry of an older generation, but younger than the last jumpFlush: decoded pages are where they were.
 * It holds again when its page is mapped to the guest page that its slot is for; true then.
 */
function revive(c: Cpu, e: usize, target: u64): bool {
  const generation = load<u32>(e, Entry.GENERATION);
  if ((generation & 1) != 0 || !isAlive(c, generation)) return false;
  const va = target >> 62 == 1 ? target & 0xFFFFFFFF : target;
  const t = tlbEntry(c.tlbFetch, va);
  if ((load<u64>(t) ^ va) >= 4096 || load<u32>(t, 12) != load<u32>(slotOf(c, e))) return false;
  store<u32>(e, c.jumpGeneration, Entry.GENERATION);
  store<u32>(e, 0, Entry.FUNCTION);
  return true;
}

/** Entry of a target, 0 = unknown. */
// @ts-ignore: decorator
@inline
export function jumpHit(c: Cpu, target: u64): usize {
  const e = jumpPlace(c, target);
  if (load<u64>(e, Entry.TARGET) != target) return 0;
  const generation = load<u32>(e, Entry.GENERATION);
  return generation == c.jumpGeneration || generation == c.jumpGlobalGeneration || revive(c, e, target) ? e
    : 0;
}

/** Record of a target (jumpKey), 0 = unknown; jumpIndex and jumpRecords are those of its page. */
// @ts-ignore: decorator
@inline
export function jumpFind(c: Cpu, target: u64): usize {
  const e = jumpHit(c, target);
  if (e == 0) return 0;
  jumpIndex = load<u32>(e, Entry.INDEX);
  jumpRecords = load<u32>(e, Entry.RECORDS);
  return load<u32>(e, Entry.RECORD);
}

/** Remember where the run loop found linear address `va`. */
export function jumpRemember(c: Cpu, va: u64, index: usize, record: usize, records: usize,
  global: bool): void {
  const target = jumpKey(c, va);
  let e = jumpPlace(c, target);
  if (load<u64>(e, Entry.TARGET) != target) {
    e = jumpEntry(c, target);
    moveOn(c, e);
  }
  store<u64>(e, target, Entry.TARGET);
  store<u32>(e, <u32>index, Entry.INDEX);
  store<u32>(e, <u32>record, Entry.RECORD);
  store<u32>(e, <u32>records, Entry.RECORDS);
  store<u32>(e, global ? c.jumpGlobalGeneration : c.jumpGeneration, Entry.GENERATION);
  store<u32>(e, 0, Entry.FUNCTION);
  jumpMark(c, va);
}

/** INVLPG of this page must flush. */
export function jumpMark(c: Cpu, va: u64): void {
  const word = pageWord(c, va);
  const tag = pageTag(va);
  const there = load<u32>(word);
  if (there != tag) store<u32>(word, there == 0 ? tag : SEVERAL_PAGES);
}

// For translated regions (jit/region.ts) and far-ways.ts: the entry itself (jumpHit).

// @ts-ignore: decorator
@inline
export function jumpFn(e: usize): u32 { return load<u32>(e, Entry.FUNCTION); }
// @ts-ignore: decorator
@inline
export function jumpWord(e: usize): u32 { return load<u32>(e, Entry.WORD); }
export function jumpRecordOf(e: usize): usize { return load<u32>(e, Entry.RECORD); }
export function jumpRecordsOf(e: usize): usize { return load<u32>(e, Entry.RECORDS); }
export function jumpIndexOf(e: usize): usize { return load<u32>(e, Entry.INDEX); }
export function jumpGenerationOf(e: usize): u32 { return load<u32>(e, Entry.GENERATION); }
export function jumpIsGlobal(c: Cpu, e: usize): bool {
  return load<u32>(e, Entry.GENERATION) == c.jumpGlobalGeneration;
}
/** The entry of linear address `va` forgets its function. */
export function jumpUnlink(c: Cpu, va: u64): void {
  const e = jumpHit(c, jumpKey(c, va));
  if (e) store<u32>(e, 0, Entry.FUNCTION);
}
/** The target is entry `word` of function `fn`. */
export function jumpLink(e: usize, fn: u32, word: u32): void {
  store<u32>(e, fn, Entry.FUNCTION);
  store<u32>(e, word, Entry.WORD);
}
