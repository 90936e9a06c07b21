// The software TLB of one CPU (engine.md section 3 of the design; docs/memory-map.md). Four data banks by
// privilege, each a read and a write table; two fetch tables. An entry is {i64 tag, i32 addend, i32 page}:
// hit test `(va ^ tag) <u 4097 - size`, which rejects miss and page crossing at once; host address = addend +
// (u32)va. Tables are filled with byte 0x7F when empty: that tag could only match one non-canonical page,
// whose slot gets tag 0. A table logs the slots filled with non-global pages so that a CR3 load clears by the
// log. Who looks for a guest page in all write tables knows where it may be (CPU_WRITABLE): a page whose code
// is written and executed in turn leaves them each time.

import { breakpointsOn } from "../cpu/breakpoints";
import { Cpu } from "../cpu/state";
import { CPU_TLB, CPU_WRITABLE, MAX_RAM_PAGES, TLB_ENTRIES, TLB_TABLE_BYTES } from "../lib/layout";
import { Count, count } from "../lib/profile";
import { jumpFlush, jumpFlushNonGlobal, jumpFlushPage, jumpSelect } from "./jump-cache";

/** Data banks. CHECKED is never filled: alignment checks and data breakpoints need the slow path. */
export const enum Bank { USER = 0, SUPERVISOR = 1, SUPERVISOR_AC = 2, CHECKED = 3 }

const ENTRY_SHIFT: u32 = 4;
const BANKS: u32 = 4;
const BANK_BYTES: u32 = TLB_TABLE_BYTES * 2;
const FETCH_TABLES: u32 = BANKS * BANK_BYTES;
const TABLES: u32 = BANKS * 2 + 2;
/** Log of table t: u32 count, then u16 slots. */
const LOGS: u32 = TABLES * TLB_TABLE_BYTES;
const LOG_CAPACITY: u32 = 1020;
const LOG_BYTES: u32 = 2048;
/** Spans filled from large pages, {lo, hi} for user, kernel, top 4 GiB. */
const SPANS: u32 = LOGS + TABLES * LOG_BYTES;
const EMPTY_BYTE: u8 = 0x7f;
const EMPTY_BYTE_SLOT: u32 = 0x7f7;
const CR0_AM: u64 = 1 << 18;
const CR4_SMAP: u64 = 1 << 21;
const FLAG_AC: u64 = 1 << 18;
const SLOT_MASK: u32 = TLB_ENTRIES - 1;
/** Of a guest page: it is in no write table, or in slots of several numbers; else 1 + the slot's number. */
const NOWHERE: u32 = 0;
const ANYWHERE: u32 = 0xffff;

// @ts-ignore: decorator
@inline
function tableOf(c: Cpu, t: u32): usize {
  return changetype<usize>(c) + CPU_TLB + t * TLB_TABLE_BYTES;
}
// @ts-ignore: decorator
@inline
function logOf(c: Cpu, t: u32): usize {
  return changetype<usize>(c) + CPU_TLB + LOGS + t * LOG_BYTES;
}
// @ts-ignore: decorator
@inline
function spanOf(c: Cpu, va: u64): usize {
  const which: u32 = va >= 0xffffffff00000000 ? 2 : va >> 63 ? 1 : 0;
  return changetype<usize>(c) + CPU_TLB + SPANS + which * 16;
}

function emptyTable(c: Cpu, t: u32): void {
  const table = tableOf(c, t);
  memory.fill(table, EMPTY_BYTE, TLB_TABLE_BYTES);
  store<u64>(table + (EMPTY_BYTE_SLOT << ENTRY_SHIFT), 0);
  store<u32>(logOf(c, t), 0);
}

/** Everything, global pages too. */
export function tlbFlushAll(c: Cpu): void {
  count(changetype<usize>(c), Count.FLUSH_ALL);
  jumpFlush(c);
  for (let t: u32 = 0; t < TABLES; t++) emptyTable(c, t);
  for (let s: u32 = 0; s < 3; s++) {
    const span = changetype<usize>(c) + CPU_TLB + SPANS + s * 16;
    store<u64>(span, u64.MAX_VALUE);
    store<u64>(span, 0, 8);
  }
}

/** Empty one slot of a table. */
// @ts-ignore: decorator
@inline
export function clearSlot(table: usize, slot: u32): void {
  const e = table + (slot << ENTRY_SHIFT);
  store<u64>(e, 0x7f7f7f7f7f7f7f7f);
  if (slot == EMPTY_BYTE_SLOT) store<u64>(e, 0);
}

/** What a CR3 load drops: every entry that is not global. */
export function tlbFlushNonGlobal(c: Cpu): void {
  count(changetype<usize>(c), Count.FLUSH_CR3);
  jumpFlushNonGlobal(c);
  for (let t: u32 = 0; t < TABLES; t++) {
    const log = logOf(c, t);
    const n = load<u32>(log);
    if (n > LOG_CAPACITY) {
      emptyTable(c, t);
      continue;
    }
    const table = tableOf(c, t);
    for (let i: u32 = 0; i < n; i++) clearSlot(table, load<u16>(log + (i << 1), 4));
    store<u32>(log, 0);
  }
}

/**
 * INVLPG. An address inside the span filled from large pages flushes everything (one INVLPG must drop all 512
 * pieces).
 */
export function tlbFlushPage(c: Cpu, va: u64): void {
  count(changetype<usize>(c), Count.FLUSH_PAGE);
  const span = spanOf(c, va);
  if (va >= load<u64>(span) && va < load<u64>(span, 8)) {
    count(changetype<usize>(c), Count.FLUSH_SPAN);
    tlbFlushAll(c);
    return;
  }
  jumpFlushPage(c, va);
  const slot = <u32>(va >> 12) & SLOT_MASK;
  for (let t: u32 = 0; t < TABLES; t++) {
    const table = tableOf(c, t);
    if ((load<u64>(table + (slot << ENTRY_SHIFT)) ^ va) < 4096) clearSlot(table, slot);
  }
}

/** After a change of CR0.PG/WP, CR4.PSE/PAE/PGE/SMEP/SMAP, EFER.NXE: flush all and choose the bank anew. */
export function tlbResetMode(c: Cpu): void {
  tlbFlushAll(c);
  tlbSelectBank(c);
}

/** Choose the bank for the present CPL, AC, SMAP and breakpoint state. */
export function tlbSelectBank(c: Cpu): void {
  const user = c.cpl == 3;
  let bank: u32 = user ? Bank.USER : Bank.SUPERVISOR;
  const ac = (c.eflags & FLAG_AC) != 0;
  if (ac) {
    if (user && (c.cr0 & CR0_AM) != 0) bank = Bank.CHECKED;
    else if (!user && (c.cr4 & CR4_SMAP) != 0) bank = Bank.SUPERVISOR_AC;
  }
  if (breakpointsOn(c)) bank = Bank.CHECKED;
  const base = <u32>changetype<usize>(c) + CPU_TLB;
  c.tlbRead = base + bank * BANK_BYTES;
  c.tlbWrite = c.tlbRead + TLB_TABLE_BYTES;
  c.tlbFetch = base + FETCH_TABLES + (user ? TLB_TABLE_BYTES : 0);
  jumpSelect(c);
}

/** Offset of a bank's tables from the CPU's state: reads, then writes. */
// @ts-ignore: decorator
@inline
export function bankOffset(bank: Bank): u32 { return CPU_TLB + bank * BANK_BYTES; }

/** Read table of the supervisor bank: implicit supervisor accesses (descriptor tables, TSS). */
// @ts-ignore: decorator
@inline
export function supervisorRead(c: Cpu): u32 {
  return <u32>changetype<usize>(c) + CPU_TLB + Bank.SUPERVISOR * BANK_BYTES;
}

// @ts-ignore: decorator
@inline
export function tlbEntry(table: u32, va: u64): usize {
  return <usize>table + ((<u32>(va >> 12) & SLOT_MASK) << ENTRY_SHIFT);
}

/** Is va in the page of its entry, `size` bytes from the page's end or more? */
// @ts-ignore: decorator
@inline
export function tlbHit(e: usize, va: u64, size: u32): bool {
  return (load<u64>(e) ^ va) < <u64>(4097 - size);
}

/** Host address of va, when it is in the page of its entry. */
// @ts-ignore: decorator
@inline
export function tlbHost(e: usize, va: u64): usize { return <usize>(load<u32>(e, 8) + <u32>va); }

/** Host address for `size` bytes at va, or 0 on a miss or page crossing. */
// @ts-ignore: decorator
@inline
export function tlbLookup(table: u32, va: u64, size: u32): usize {
  const e = tlbEntry(table, va);
  return tlbHit(e, va, size) ? tlbHost(e, va) : 0;
}

/** Fetch table: the addend is not used; it says whether the page is global. */
export function tlbFillFetch(c: Cpu, va: u64, page: u32, global: bool, large: u64): void {
  tlbFill(c, c.tlbFetch, va, 0, page, global, large);
  store<u32>(tlbEntry(c.tlbFetch, va), global ? 1 : 0, 8);
}

/** Was the page of the last fetch translation of va global? */
// @ts-ignore: decorator
@inline
export function tlbFetchGlobal(c: Cpu, va: u64): bool {
  return load<u32>(tlbEntry(c.tlbFetch, va), 8) != 0;
}

/** Install a translation. `host` is the host address of the page, `page` the guest page number. */
export function tlbFill(c: Cpu, table: u32, va: u64, host: u32, page: u32, global: bool, large: u64): void {
  const e = tlbEntry(table, va);
  const base = va & ~(<u64>0xfff);
  store<u64>(e, base);
  store<u32>(e, host - <u32>base, 8);
  store<u32>(e, page, 12);
  const t = (table - <u32>changetype<usize>(c) - CPU_TLB) / TLB_TABLE_BYTES;
  if (t < FETCH_TABLES / TLB_TABLE_BYTES && (t & 1) != 0 && page < MAX_RAM_PAGES) noteWritable(c, va, page);
  if (!global) {
    const log = logOf(c, t);
    const n = load<u32>(log);
    if (n < LOG_CAPACITY) store<u16>(log + (n << 1), <u16>(<u32>(va >> 12) & SLOT_MASK), 4);
    store<u32>(log, n < LOG_CAPACITY ? n + 1 : LOG_CAPACITY + 1);
  }
  if (large > 4096) {
    const span = spanOf(c, va);
    const lo = va & ~(large - 1);
    if (lo < load<u64>(span)) store<u64>(span, lo);
    if (lo + large > load<u64>(span, 8) || lo + large == 0) store<u64>(span, lo + large == 0 ? u64.MAX_VALUE
      : lo + large, 8);
  }
}

// @ts-ignore: decorator
@inline
function writableAt(c: Cpu, page: u32): usize {
  return changetype<usize>(c) + CPU_WRITABLE + (<usize>page << 1);
}

/** The guest page is in a write table, at the slot of va. */
function noteWritable(c: Cpu, va: u64, page: u32): void {
  const place = 1 + (<u32>(va >> 12) & SLOT_MASK);
  const there = <u32>load<u16>(writableAt(c, page));
  if (there != place) store<u16>(writableAt(c, page), <u16>(there == NOWHERE ? place : ANYWHERE));
}

function dropWrite(table: usize, slot: u32, page: u32): void {
  const e = table + (slot << ENTRY_SHIFT);
  if (load<u32>(e, 12) != page) return;
  clearSlot(table, slot);
  store<u32>(e, 0x7f7f7f7f, 12);
}

/** Drop every write-table entry that maps guest page `page` (code-page protocol). */
export function tlbDropWrites(c: Cpu, page: u32): void {
  const place = <u32>load<u16>(writableAt(c, page));
  if (place == NOWHERE) return;
  store<u16>(writableAt(c, page), <u16>NOWHERE);
  for (let bank: u32 = 0; bank < <u32>Bank.CHECKED; bank++) {
    const table = tableOf(c, bank * 2 + 1);
    if (place != ANYWHERE) dropWrite(table, place - 1, page);
    else for (let slot: u32 = 0; slot < TLB_ENTRIES; slot++) dropWrite(table, slot, page);
  }
}

/** Drop all write tables (code-page inbox overflow). */
export function tlbDropAllWrites(c: Cpu): void {
  for (let bank: u32 = 0; bank < <u32>Bank.CHECKED; bank++) emptyTable(c, bank * 2 + 1);
}
