// Decoded pages of one CPU (engine design section 2): ICACHE_SLOTS slots, each with a u16 index per byte
// offset and up to RECORDS_PER_SLOT packed records. Keyed by guest page number and code mode, so aliases and
// mode switches are covered. Whole pages are evicted in turn, those last that are in use. Slot 0 is never
// used: its index is all zero and serves single-stepped records.

import { Cpu, RegOffset } from "../cpu/state";
import {
  CPU_CROSSINGS, CPU_CROSSINGS_BYTES, CPU_INDEX, CPU_INDEX_BYTES, CPU_RECORDS, CPU_SCRATCH, CPU_SLOTS,
    CPU_SLOT_OF_PAGE, CPU_SLOT_OF_PAGE_BYTES, ICACHE_SLOTS, SLOT_BYTES, SLOT_COLD, SLOT_INDEX_BYTES,
  CROSSINGS, CROSSING_BYTES, NO_PAGE, RECORDS_PER_SLOT, RECORD_BYTES,
} from "../lib/layout";
import { fullFence } from "../lib/atomics";
import { Count, countMany } from "../lib/profile";
import { holdPage, isCodeOf, markLines, pageVersion, releasePage } from "../mmu/code-pages";
import { farDrop, farHandler, farReset } from "../mmu/far-ways";
import { jumpFlush, jumpForget, jumpReset } from "../mmu/jump-cache";
import { isRam, physReadBytes, ramHost } from "../mmu/physmem";
import { decodeInsn, decodedEndsBlock } from "./decoder";
import { Op, RecFlag, RecOffset } from "./record";

const SLOT_RECORDS: u32 = RECORDS_PER_SLOT * RECORD_BYTES;
/** Records decoded in one go before the run is cut with a link. */
const RUN_LIMIT: u32 = 48;
/** Of the table of slots. Where PAGE is NO_PAGE, MODE is the next free slot, 0 = none. */
const enum Slot { PAGE = 0, MODE = 4, USED = 8, VERSION = 12 }
/** Set in MODE: a region that may be entered in this generation has code of the page. */
const PINNED: u32 = 1 << 8;
/** Slots looked at for some that are not pinned and stayed cold; then for some that are not pinned. */
const SEARCH: u32 = 256;
/** Slots before the next to be evicted that are cold unless looked up since. */
const AHEAD: u32 = 256;
/** Pages evicted in one go: one scan of the jump cache (1 MiB) serves them all. */
const EVICT_BATCH: u32 = 64;
/** Scratch record pair in the CPU's scratch page, and its instruction bytes. */
const enum Scratch { RECORD = 0x100, BYTES = 0x200, STEADY = 0x240 }
const MAX_INSN: u32 = 15;
/** An entry of the crossing instructions' cache; PLACE = page offset, code mode, valid bit. */
const enum Crossing { PLACE = 0, PAGE = 4, NEXT = 8, VERSION = 12, NEXT_VERSION = 16, BYTES = 32, RECORD =
  64 }
const MODE_SHIFT: u32 = 12;
const PLACE_VALID: u32 = 1 << 31;

/** Next slot to evict; next one to become cold; first free one. */
let hand: u32 = 1;
let coldHand: u32 = 1;
let free: u32 = 0;

// @ts-ignore: decorator
@inline
function slotAt(c: Cpu, slot: u32): usize {
  return changetype<usize>(c) + CPU_SLOTS + slot * SLOT_BYTES;
}
// @ts-ignore: decorator
@inline
export function slotIndex(c: Cpu, slot: u32): usize {
  return changetype<usize>(c) + CPU_INDEX + slot * SLOT_INDEX_BYTES;
}
/** Base so that record n (from 1) is at base + n * 32. */
// @ts-ignore: decorator
@inline
export function slotRecords(c: Cpu, slot: u32): usize {
  return changetype<usize>(c) + CPU_RECORDS + slot * SLOT_RECORDS;
}
// @ts-ignore: decorator
@inline
function slotOfPage(c: Cpu, page: u32): usize {
  return changetype<usize>(c) + CPU_SLOT_OF_PAGE + (page << 1);
}

/** Empty all slots: before the CPU first runs and after a machine reset. */
export function icacheReset(c: Cpu): void {
  memory.fill(changetype<usize>(c) + CPU_INDEX, 0, CPU_INDEX_BYTES);
  memory.fill(changetype<usize>(c) + CPU_CROSSINGS, 0, CPU_CROSSINGS_BYTES);
  memory.fill(changetype<usize>(c) + CPU_SLOT_OF_PAGE, 0, CPU_SLOT_OF_PAGE_BYTES);
  for (let s: u32 = 0; s < ICACHE_SLOTS; s++) {
    store<u32>(slotAt(c, s), NO_PAGE, Slot.PAGE);
    store<u32>(slotAt(c, s), s == 0 || s + 1 == ICACHE_SLOTS ? 0 : s + 1, Slot.MODE);
  }
  hand = 1;
  coldHand = 1;
  free = 1;
  jumpReset(c);
  farReset(c);
}

function emptySlot(c: Cpu, slot: u32): void {
  if (load<u32>(slotAt(c, slot), Slot.PAGE) == NO_PAGE) return;
  jumpFlush(c);
  releaseSlot(c, slot);
}

function releaseSlot(c: Cpu, slot: u32): void {
  const at = slotAt(c, slot);
  const page = load<u32>(at, Slot.PAGE);
  store<u16>(slotOfPage(c, page), 0);
  farDrop(c, slot);
  releasePage(c, page);
  memory.fill(slotIndex(c, slot), 0, SLOT_INDEX_BYTES);
  store<u32>(at, NO_PAGE, Slot.PAGE);
  store<u32>(at, free, Slot.MODE);
  free = slot;
}

// @ts-ignore: decorator
@inline
function modeOf(at: usize): u32 { return load<u32>(at, Slot.MODE) & ~(PINNED | SLOT_COLD); }

/** The page in the slot has code of a region that is valid in this generation of the jump cache. */
export function icachePin(c: Cpu, slot: u32): void {
  const at = slotAt(c, slot);
  store<u32>(at, (load<u32>(at, Slot.MODE) & ~SLOT_COLD) | PINNED, Slot.MODE);
}

// @ts-ignore: decorator
@inline
function behind(slot: u32): u32 { return slot + 1 == ICACHE_SLOTS ? 1 : slot + 1; }

/** Slots from the next to be evicted to the next to become cold. */
// @ts-ignore: decorator
@inline
function ahead(): u32 { return (coldHand + ICACHE_SLOTS - 1 - hand) % (ICACHE_SLOTS - 1); }

/**
 * The next slots become cold: the jump cache forgets what leads there (below), so that a page in use is
 * looked up again before its turn comes.
 */
function chill(c: Cpu): void {
  if (ahead() > AHEAD) coldHand = hand;
  while (ahead() < AHEAD) {
    const at = slotAt(c, coldHand);
    const mode = load<u32>(at, Slot.MODE);
    if ((mode & PINNED) == 0) {
      store<u32>(at, mode | SLOT_COLD, Slot.MODE);
      farDrop(c, coldHand);
    }
    coldHand = behind(coldHand);
  }
}

/**
 * Make slots other than `keep` free. Regions and the jump cache trust that their pages stay, so the next
 * slots go that no region needs and nobody has looked up since they became cold, and the entries that lead
 * there; where no slot can go, everything starts a new generation.
 */
function evict(c: Cpu, keep: u32): void {
  let evicted: u32 = 0;
  chill(c);
  for (let n: u32 = 0; n < 2 * SEARCH && evicted < EVICT_BATCH; n++) {
    const slot = hand;
    hand = behind(hand);
    const mode = load<u32>(slotAt(c, slot), Slot.MODE);
    if (slot == keep || (mode & PINNED) != 0 || ((mode & SLOT_COLD) == 0 && n < SEARCH)) continue;
    releaseSlot(c, slot);
    evicted++;
  }
  if (evicted != 0) {
    countMany(changetype<usize>(c), Count.EVICTED, evicted);
    jumpForget(c);
    return;
  }
  for (let s: u32 = 1; s < ICACHE_SLOTS; s++) store<u32>(slotAt(c, s), modeOf(slotAt(c, s)), Slot.MODE);
  if (hand == keep) hand = behind(hand);
  emptySlot(c, hand);
}

/** Forget the records of a page whose code was written (or all of them). Dispatcher only. */
export function icacheDrop(c: Cpu, page: u32): void {
  const slot = <u32>load<u16>(slotOfPage(c, page));
  if (slot != 0 && load<u32>(slotAt(c, slot), Slot.VERSION) != pageVersion(page)) emptySlot(c, slot);
}

export function icacheDropAll(c: Cpu): void {
  for (let s: u32 = 1; s < ICACHE_SLOTS; s++) emptySlot(c, s);
}

/** Slot that holds up-to-date records of the page in this mode, 0 = none. */
export function icacheFind(c: Cpu, page: u32, mode: u32): u32 {
  const slot = <u32>load<u16>(slotOfPage(c, page));
  if (slot == 0 || modeOf(slotAt(c, slot)) != mode) return 0;
  return icacheFresh(c, slot) ? slot : 0;
}

/** Slot with the records of a CODE page, made when missing. */
export function icacheSlot(c: Cpu, page: u32, mode: u32): u32 {
  return slotFor(c, page, mode, 0);
}

function slotFor(c: Cpu, page: u32, mode: u32, keep: u32): u32 {
  let slot = <u32>load<u16>(slotOfPage(c, page));
  if (slot != 0) {
    const at = slotAt(c, slot);
    if (modeOf(at) == mode) {
      store<u32>(at, load<u32>(at, Slot.MODE) & ~SLOT_COLD, Slot.MODE);
      return slot;
    }
    emptySlot(c, slot);
  }
  if (free == 0) evict(c, keep);
  slot = free;
  const at = slotAt(c, slot);
  free = load<u32>(at, Slot.MODE);
  store<u32>(at, page, Slot.PAGE);
  store<u32>(at, mode, Slot.MODE);
  store<u32>(at, 1, Slot.USED);
  holdPage(c, page);
  store<u32>(at, pageVersion(page), Slot.VERSION);
  store<u16>(slotOfPage(c, page), <u16>slot);
  return slot;
}

/** As icacheSlot, for a page that is not to be executed now: the slot `keep` is in use and stays. */
export function icacheHold(c: Cpu, page: u32, mode: u32, keep: u32): void {
  if (icacheFind(c, page, mode) != 0) return;
  const there = <u32>load<u16>(slotOfPage(c, page));
  if (there != 0 && there == keep) return;
  slotFor(c, page, mode, keep);
}

/**
 * The bytes of one instruction as they were at one moment: other CPUs may patch it by one aligned store of up
 * to 8 bytes (SDM vol. 3A 9.1.1), of which the decoder's single bytes could be half old and half new.
 */
export function steadyBytes(c: Cpu, from: usize, avail: u32): usize {
  const to = changetype<usize>(c) + CPU_SCRATCH + Scratch.STEADY;
  const first = from & ~(<usize>7);
  const end = from + (avail < MAX_INSN ? avail : MAX_INSN);
  for (let w = first; w < end; w += 8) store<u64>(to + (w - first), atomic.load<u64>(w));
  return to + (from & 7);
}

/** Gather bytes of an instruction at `off` of a page, RAM or not, as steadyBytes does. */
export function fetchBytes(c: Cpu, page: u64, off: u32, n: u32, to: usize): void {
  const pa = (page << 12) + off;
  if (isRam(page)) memory.copy(to, steadyBytes(c, ramHost(pa), n), n);
  else physReadBytes(pa, n, to);
}

/** Write a sentinel record: disp as of a branch, and its ways not known (NO_TAG of mmu/far-ways.ts). */
export function sentinel(r: usize, op: u32, off: u32): void {
  store<u64>(r, 0);
  store<u16>(r, <u16>op, RecOffset.OP);
  store<u16>(r, <u16>off, RecOffset.OFF);
  store<u16>(r, RegOffset.ZERO | (RegOffset.ZERO << 8), RecOffset.BASE);
  store<u32>(r, 0, RecOffset.HANDLER);
  store<i64>(r, off, RecOffset.DISP);
}

/**
 * Decode a straight run of the slot's page from offset `off`. Returns the number of the record at `off`, 0
 * when the instruction there crosses the page or the page changed meanwhile (the caller then steps it).
 */
export function icacheDecode(c: Cpu, slot: u32, off: u32): u32 {
  const at = slotAt(c, slot);
  const page = load<u32>(at, Slot.PAGE);
  const mode = modeOf(at);
  const index = slotIndex(c, slot);
  if (!icacheFresh(c, slot)) return 0;
  let used = load<u32>(at, Slot.USED);
  if (used + RUN_LIMIT + 2 > RECORDS_PER_SLOT) {
    memory.fill(index, 0, SLOT_INDEX_BYTES);
    jumpFlush(c);
    farDrop(c, slot);
    used = 1;
  }
  const records = slotRecords(c, slot);
  const bytes = ramHost(<u64>page << 12);
  const first = used;
  const start = off;
  let ends = false;
  for (let n: u32 = 0; n < RUN_LIMIT && off < 4096; n++) {
    if (load<u16>(index + (off << 1)) != 0) break;
    const avail: u32 = 4096 - off;
    markLines(page, off, avail < MAX_INSN ? avail : MAX_INSN);
    fullFence();
    const r = records + used * RECORD_BYTES;
    const len = decodeInsn(c, steadyBytes(c, bytes + off, avail), avail, off, mode, r);
    if (len == 0) break;
    used++;
    off += len;
    if (decodedEndsBlock) {
      ends = true;
      break;
    }
  }
  if (off == start) return 0;
  // Pairs with codeWritten: lines first, then bytes, then the version again.
  if (!icacheFresh(c, slot)) return 0;
  sentinel(records + used * RECORD_BYTES, Op.LINK, off);
  publish(index, records, first, used);
  store<u32>(at, used + 1, Slot.USED);
  return first;
}

/** Enter records [first, end) in the index. */
function publish(index: usize, records: usize, first: u32, end: u32): void {
  for (let n = first; n < end; n++) {
    const off = <u32>load<u16>(records + n * RECORD_BYTES, RecOffset.OFF);
    store<u16>(index + (off << 1), <u16>n);
  }
}

/** Number of the slot that holds record r. */
export function slotOfRecord(c: Cpu, r: usize): u32 {
  return <u32>(r - changetype<usize>(c) - CPU_RECORDS) / SLOT_RECORDS;
}

/** Guest page of a slot. */
export function slotPage(c: Cpu, slot: u32): u32 { return load<u32>(slotAt(c, slot), Slot.PAGE); }

/** Version of the bytes that the slot's records were decoded from. */
export function slotVersion(c: Cpu, slot: u32): u32 { return load<u32>(slotAt(c, slot), Slot.VERSION); }

/** Is what was decoded from the slot's page still what the page holds? */
export function icacheFresh(c: Cpu, slot: u32): bool {
  const at = slotAt(c, slot);
  return isCodeOf(load<u32>(at, Slot.PAGE), load<u32>(at, Slot.VERSION));
}

/**
 * Record r, which had become an entry of a region, is again what it was. A branch has no way to another page
 * then: that of its copy is the copy's, the rest of which is not copied.
 */
export function icacheLeave(r: usize, records: usize): void {
  const copy = records + <usize>load<u32>(r, RecOffset.HANDLER) * RECORD_BYTES;
  store<u16>(r, load<u16>(copy), RecOffset.OP);
  store<u32>(r, farHandler(copy), RecOffset.HANDLER);
}

/**
 * Make the record at page offset `off` the entry of a region. Only its op and handler change, because a fused
 * record before it may read the rest: handler = number of the instruction decoded anew (not fused), which a
 * link follows that also holds the region's function (handler) and the number of the entry (imm). False when
 * there is no record or no room.
 */
export function icacheEnter(c: Cpu, slot: u32, off: u32, region: u32, entry: u32): bool {
  const at = slotAt(c, slot);
  const n = <u32>load<u16>(slotIndex(c, slot) + (off << 1));
  const used = load<u32>(at, Slot.USED);
  if (n == 0 || used + 2 > RECORDS_PER_SLOT) return false;
  const r = slotRecords(c, slot) + n * RECORD_BYTES;
  if (load<u16>(r, RecOffset.OP) == Op.REGION) return false;
  const copy = slotRecords(c, slot) + used * RECORD_BYTES;
  const bytes = ramHost(<u64>load<u32>(at, Slot.PAGE) << 12) + off;
  const avail: u32 = 4096 - off;
  const len = decodeInsn(c, steadyBytes(c, bytes, avail), avail, off, modeOf(at), copy);
  if (len == 0) return false;
  const link = copy + RECORD_BYTES;
  sentinel(link, Op.LINK, off + len);
  store<u32>(link, region, RecOffset.HANDLER);
  store<i64>(link, entry, RecOffset.IMM);
  store<u32>(at, used + 2, Slot.USED);
  store<u16>(r, Op.REGION, RecOffset.OP);
  store<u32>(r, used, RecOffset.HANDLER);
  return true;
}

/** Lead the entry of a region at page offset `off` to another region. */
export function icacheLead(c: Cpu, slot: u32, off: u32, region: u32, entry: u32): void {
  const records = slotRecords(c, slot);
  const r = records + <usize>load<u16>(slotIndex(c, slot) + (off << 1)) * RECORD_BYTES;
  if (load<u16>(r, RecOffset.OP) != Op.REGION) return;
  const link = records + <usize>(load<u32>(r, RecOffset.HANDLER) + 1) * RECORD_BYTES;
  store<u32>(link, region, RecOffset.HANDLER);
  store<i64>(link, entry, RecOffset.IMM);
}

/** Slot of the crossing instructions' cache: records of instructions that go on in the next page. */
// @ts-ignore: decorator
@inline
function crossingAt(c: Cpu, page: u32, off: u32): usize {
  const slot = (page ^ (off << 4)) & (CROSSINGS - 1);
  return changetype<usize>(c) + CPU_CROSSINGS + slot * CROSSING_BYTES;
}

/** Is the instruction at `off` of the page known to cross its end? */
export function icacheCrosses(c: Cpu, page: u32, off: u32, mode: u32): bool {
  const e = crossingAt(c, page, off);
  return load<u32>(e, Crossing.PLACE) == (off | mode << MODE_SHIFT | PLACE_VALID)
    && load<u32>(e, Crossing.PAGE) == page;
}

/** Its record, which STOP follows, while both pages are what they were; else 0. */
export function icacheCrossing(c: Cpu, page: u32, next: u32, off: u32): usize {
  const e = crossingAt(c, page, off);
  if (load<u32>(e, Crossing.NEXT) != next || !isCodeOf(page, load<u32>(e, Crossing.VERSION))
    || !isCodeOf(next, load<u32>(e, Crossing.NEXT_VERSION))) return 0;
  return e + Crossing.RECORD;
}

/** Remember the instruction at `off` of `page` that goes on at the start of `next`; both are CODE pages. */
export function icacheCross(c: Cpu, page: u32, next: u32, off: u32, mode: u32): void {
  const e = crossingAt(c, page, off);
  store<u32>(e, 0, Crossing.PLACE);
  const version = pageVersion(page);
  const nextVersion = pageVersion(next);
  if (!isCodeOf(page, version) || !isCodeOf(next, nextVersion)) return;
  const avail: u32 = 4096 - off;
  markLines(page, off, avail);
  markLines(next, 0, MAX_INSN - avail);
  fullFence();
  const bytes = e + Crossing.BYTES;
  fetchBytes(c, page, off, avail, bytes);
  fetchBytes(c, next, 0, MAX_INSN - avail, bytes + avail);
  const r = e + Crossing.RECORD;
  const len = decodeInsn(c, bytes, MAX_INSN, off, mode, r);
  if (len <= avail) return;
  store<u8>(r, load<u8>(r, RecOffset.FLAGS) | RecFlag.PRIVATE, RecOffset.FLAGS);
  sentinel(r + RECORD_BYTES, Op.STOP, off + len);
  // Pairs with codeWritten: lines first, then bytes, then the version again.
  if (!isCodeOf(page, version) || !isCodeOf(next, nextVersion)) return;
  store<u32>(e, page, Crossing.PAGE);
  store<u32>(e, next, Crossing.NEXT);
  store<u32>(e, version, Crossing.VERSION);
  store<u32>(e, nextVersion, Crossing.NEXT_VERSION);
  store<u32>(e, off | mode << MODE_SHIFT | PLACE_VALID, Crossing.PLACE);
}

/** Where the bytes of a single-stepped instruction are gathered. */
// @ts-ignore: decorator
@inline
export function stepBytes(c: Cpu): usize {
  return changetype<usize>(c) + CPU_SCRATCH + Scratch.BYTES;
}

/**
 * Decode one instruction from stepBytes into the scratch record, followed by STOP; 0 = more bytes are needed.
 */
export function icacheStep(c: Cpu, avail: u32, off: u32, mode: u32): usize {
  const r = changetype<usize>(c) + CPU_SCRATCH + Scratch.RECORD;
  const len = decodeInsn(c, stepBytes(c), avail, off, mode, r);
  if (len == 0) return 0;
  store<u8>(r, load<u8>(r, RecOffset.FLAGS) | RecFlag.PRIVATE, RecOffset.FLAGS);
  sentinel(r + RECORD_BYTES, Op.STOP, off + len);
  return r;
}
