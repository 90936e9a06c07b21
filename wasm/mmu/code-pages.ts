// Code pages with several CPUs (docs/ordering.md, "code pages"). Each guest page has a record in shared
// memory: state, version, bitmap of 64-byte lines that hold decoded code, `writers` (CPUs that may hold it in
// a write table) and `holders` (CPUs with records from it). A page becomes CODE only when no write table can
// reach it; every store outside the fast tables then tests the bitmap. Nobody waits: until the last writer
// has acknowledged, the requester executes the page uncached.

import { Cpu, RunState } from "../cpu/state";
import { Inbox, PAGE_INBOX_ENTRIES, Request, inboxOf, request } from "../cpu/inbox";
import { Control, control32 } from "../lib/control";
import { fullFence, lock, unlock } from "../lib/atomics";
import { PAGE_RECORD_BYTES, PAGE_TABLE } from "../lib/layout";
import { tlbDropAllWrites, tlbDropWrites } from "./tlb";

/** DROPPING: not CODE any more, and some who hold records of it may not have been told yet. */
export const enum PageState { NONE = 0, PENDING = 1, CODE = 2, DROPPING = 3 }

/** Byte offsets in a page record. */
const enum PageField { STATE = 0, VERSION = 4, LINES = 8, WRITERS = 16, HOLDERS = 20 }

/** Inbox of pages: lock, count, entries. */
const enum Pages { LOCK = 0, COUNT = 4, ENTRIES = 8 }

// @ts-ignore: decorator
@inline
function pageRecord(page: u32): usize {
  return PAGE_TABLE + page * PAGE_RECORD_BYTES;
}

export function pageVersion(page: u32): u32 {
  return atomic.load<u32>(pageRecord(page), PageField.VERSION);
}

/**
 * May this CPU put the page into its write table? Pairs with requestCode: writers first, then state. One that
 * was refused does not stay among the writers: a requester that has posted already would wait for it.
 */
export function claimWrite(c: Cpu, page: u32): bool {
  const p = pageRecord(page);
  const me: u32 = 1 << c.id;
  if (atomic.load<u32>(p, PageField.STATE) != PageState.NONE) return false;
  if (atomic.load<u32>(p, PageField.WRITERS) & me) return true;
  atomic.or<u32>(p, me, PageField.WRITERS);
  if (atomic.load<u32>(p, PageField.STATE) == PageState.NONE) return true;
  acknowledge(p, c.id);
  return false;
}

/** Add a page number to an inbox whose lock is held. */
function append(box: usize, page: u32): void {
  const n = load<u32>(box, Pages.COUNT);
  if (n < PAGE_INBOX_ENTRIES) store<u32>(box + (n << 2), page, Pages.ENTRIES);
  store<u32>(box, n < PAGE_INBOX_ENTRIES ? n + 1 : PAGE_INBOX_ENTRIES + 1, Pages.COUNT);
}

/** Put a page number into CPU `id`'s inbox. */
function post(id: u32, page: u32): void {
  const box = inboxOf(id) + <usize>Inbox.PAGES;
  lock(box + Pages.LOCK);
  append(box, page);
  unlock(box + Pages.LOCK);
  request(id, Request.CODE_PAGE);
}

/**
 * Ask writer `id` to let go of a page. A parked CPU drains before it executes again, so its absence counts as
 * its word (pairs with smp.ts park). All of it under the inbox's lock: a CPU that wakes meanwhile waits in
 * takePage until its word has been given, and cannot become a writer of the page again before.
 */
function postToWriter(p: usize, id: u32, page: u32): void {
  const box = inboxOf(id) + <usize>Inbox.PAGES;
  lock(box + Pages.LOCK);
  append(box, page);
  request(id, Request.CODE_PAGE);
  fullFence();
  if (atomic.load<u32>(inboxOf(id), Inbox.RUN_STATE) != RunState.RUNNING) acknowledge(p, id);
  unlock(box + Pages.LOCK);
}

/** Clear CPU `id` from the writers of a page; the last one makes a pending page CODE. */
function acknowledge(p: usize, id: u32): void {
  const left = atomic.and<u32>(p, ~(<u32>1 << id), PageField.WRITERS) & ~(<u32>1 << id);
  if (left == 0) atomic.cmpxchg<u32>(p, PageState.PENDING, PageState.CODE, PageField.STATE);
}

/** Ask that the page become CODE. True when it is now. Called in the dispatcher only. */
export function requestCode(c: Cpu, page: u32): bool {
  const p = pageRecord(page);
  const state = atomic.load<u32>(p, PageField.STATE);
  if (state == PageState.CODE) return true;
  if (state == PageState.NONE) {
    if (atomic.cmpxchg<u32>(p, PageState.NONE, PageState.PENDING,
      PageField.STATE) != PageState.NONE) return false;
    if (atomic.load<u32>(p, PageField.WRITERS) & (1 << c.id)) tlbDropWrites(c, page);
    const others = atomic.load<u32>(p, PageField.WRITERS) & ~(<u32>1 << c.id);
    const cpus = control32(Control.CPUS);
    for (let id: u32 = 0; id < cpus; id++) {
      if (others & (1 << id)) postToWriter(p, id, page);
    }
    acknowledge(p, c.id);
  } else if (atomic.load<u32>(p, PageField.WRITERS) & (1 << c.id)) {
    tlbDropWrites(c, page);
    acknowledge(p, c.id);
  } else if (atomic.load<u32>(p, PageField.WRITERS) == 0) {
    atomic.cmpxchg<u32>(p, PageState.PENDING, PageState.CODE, PageField.STATE);
  }
  return atomic.load<u32>(p, PageField.STATE) == PageState.CODE;
}

/** This CPU keeps records of the page from now on. */
export function holdPage(c: Cpu, page: u32): void {
  atomic.or<u32>(pageRecord(page), 1 << c.id, PageField.HOLDERS);
}

export function releasePage(c: Cpu, page: u32): void {
  atomic.and<u32>(pageRecord(page), ~(<u32>1 << c.id), PageField.HOLDERS);
}

/** Bits of the lines of [offset, offset + bytes) of a page. */
function linesOf(offset: u32, bytes: u32): u64 {
  const first = <u64>(offset >> 6);
  const last = <u64>((offset + bytes - 1) >> 6) & 63;
  return ((<u64>2 << last) - 1) & ~((<u64>1 << first) - 1);
}

/**
 * Mark the lines of [offset, offset + bytes) as holding code. The caller fences before it reads the bytes.
 */
export function markLines(page: u32, offset: u32, bytes: u32): void {
  const p = pageRecord(page);
  const mask = linesOf(offset, bytes);
  if ((atomic.load<u64>(p, PageField.LINES) & mask) != mask) atomic.or<u64>(p, mask, PageField.LINES);
}

/**
 * May records of this version of the page be used? The version is looked at before the state. Who decodes
 * asks before the bytes are read and once more before the records are used: true twice means that the page
 * was CODE all the time, because every way from CODE and back goes through another version.
 */
export function isCodeOf(page: u32, version: u32): bool {
  const p = pageRecord(page);
  return atomic.load<u32>(p, PageField.VERSION) == version
    && atomic.load<u32>(p, PageField.STATE) == PageState.CODE;
}

/** The code of a page is no longer what was decoded: tell all who hold some of it. The holders. */
function outdate(p: usize, page: u32): u32 {
  atomic.add<u32>(p, 1, PageField.VERSION);
  const holders = atomic.load<u32>(p, PageField.HOLDERS);
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) if (holders & (1 << id)) post(id, page);
  return holders;
}

/**
 * Forget the code in [offset, offset + bytes) of a page, on every CPU that holds some of it; the holders, 0 =
 * there was none. The page leaves CODE by DROPPING and is NONE when all have been told: so whoever finds it
 * NONE knows that, and one that stores meanwhile tells them itself.
 */
function dropCode(page: u32, offset: u32, bytes: u32): u32 {
  const p = pageRecord(page);
  // Lines before the state: when another CPU has cleared them, the state shows that it has.
  const lines = atomic.load<u64>(p, PageField.LINES);
  let state = atomic.load<u32>(p, PageField.STATE);
  if (state == PageState.CODE) {
    if (!(lines & linesOf(offset, bytes))) return 0;
    state = atomic.cmpxchg<u32>(p, PageState.CODE, PageState.DROPPING, PageField.STATE);
    if (state == PageState.CODE) {
      atomic.store<u64>(p, 0, PageField.LINES);
      const holders = outdate(p, page);
      atomic.store<u32>(p, PageState.NONE, PageField.STATE);
      return holders;
    }
  }
  return state == PageState.DROPPING ? outdate(p, page) : 0;
}

/** Has this CPU been told something that it has not looked at? Its records may be older than the page. */
export function isTold(c: Cpu): bool {
  return atomic.load<u32>(inboxOf(c.id), Inbox.ATTENTION) != 0;
}

/**
 * After a store to RAM outside the fast write tables (n bytes inside one page). True = this CPU's own records
 * were hit, now or by another CPU: it must look its next instruction up again. Pairs with markLines and the
 * decoder's version check.
 */
export function codeWritten(c: Cpu, pa: u64, n: u32): bool {
  fullFence();
  const holders = dropCode(<u32>(pa >> 12), <u32>pa & 0xfff, n);
  return (holders & (1 << c.id)) != 0 || isTold(c);
}

/**
 * After a device stored to guest RAM (Hook.RAM_WRITTEN), on any thread: as codeWritten, for every CPU alike.
 */
export function deviceWrote(pa: u64, bytes: u32): void {
  let at = pa;
  const end = pa + bytes;
  fullFence();
  while (at < end) {
    const next = (at | 0xfff) + 1;
    const stop = next < end ? next : end;
    dropCode(<u32>(at >> 12), <u32>at & 0xfff, <u32>(stop - at));
    at = stop;
  }
}

/** Next page of this CPU's inbox, -1 when empty, -2 after an overflow (drop everything). Owner only, in the dispatcher. */
export function takePage(c: Cpu): i32 {
  const box = inboxOf(c.id) + <usize>Inbox.PAGES;
  lock(box + Pages.LOCK);
  const n = load<u32>(box, Pages.COUNT);
  let page: i32 = -1;
  if (n > PAGE_INBOX_ENTRIES) {
    store<u32>(box, 0, Pages.COUNT);
    page = -2;
  } else if (n > 0) {
    page = load<i32>(box + ((n - 1) << 2), Pages.ENTRIES);
    store<u32>(box, n - 1, Pages.COUNT);
  }
  unlock(box + Pages.LOCK);
  return page;
}

/** The page may no longer be in this CPU's write tables. */
export function dropPageWrites(c: Cpu, page: u32): void {
  const p = pageRecord(page);
  const isWriter = (atomic.load<u32>(p, PageField.WRITERS) & (1 << c.id)) != 0;
  if (isWriter && atomic.load<u32>(p, PageField.STATE) == PageState.NONE) return;
  // Not a writer any more: a requester has acknowledged for this CPU while it was parked, and the entry is
  // still there.
  tlbDropWrites(c, page);
  if (isWriter) acknowledge(p, c.id);
}

/** After an inbox overflow: leave every write table, then acknowledge every page that waits for this CPU. */
export function dropEveryWrite(c: Cpu, pages: u32): void {
  tlbDropAllWrites(c);
  const me: u32 = 1 << c.id;
  for (let page: u32 = 0; page < pages; page++) {
    const p = pageRecord(page);
    if (atomic.load<u32>(p, PageField.WRITERS) & me) acknowledge(p, c.id);
  }
}
