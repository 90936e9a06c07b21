// What all CPUs share of translated code: the emitted functions, descriptors of regions with their pages and
// versions, the records of their helpers, and the map from guest-physical place and mode to entry. Regions
// made one after the other form a batch, which the host makes one module of when one of them is wanted. A CPU
// that becomes hot where another has been instantiates the same bytes, and the engine gives it the code that
// it has optimised already.
//
// One CPU at a time writes, under a try-lock: nobody waits, a CPU that finds it taken goes on interpreting.
// Readers take no lock: an entry of the map is published by one atomic store of (region, word) behind
// everything that it leads to, and nothing that has been published changes but a region's LIVE, from 1 to 0,
// or 2, its BATCH, from 0, and the region of an entry, to a wide one or from one that is not live.
//
// When something is full the share closes: a new epoch begins, in which nothing is made or taken up until
// every CPU has dropped its regions between two slices, or does not run; a CPU that wakes drops before it
// executes (pairs with smp.ts publishState). The last one empties the share.

import { RunState } from "../cpu/state";
import { Inbox, inboxOf, request } from "../cpu/inbox";
import { fullFence } from "../lib/atomics";
import { Control, control32 } from "../lib/control";
import { CODE_SHARE, CODE_SHARE_BYTES, RECORD_BYTES } from "../lib/layout";
import { PageField, REGION_ROOM, pageAt } from "./map";

/**
 * Words of the header: others' polls in one line, the writer's in another, then one line per CPU with the
 * last epoch whose end it has seen.
 */
const enum Header {
  EPOCH = 0, CLOSING = 4,
  LOCK = 64, REGIONS = 68, POOL_USED = 72, CODE_USED = 76, MAP_USED = 80,
  /** The first region of the batch that is open. */
  OPEN = 84,
  SEEN = 1024, SEEN_BYTES = 64,
}
/** Offsets of the parts. */
const enum Part { BLOOM = 0x1000, MAP = 0x10000, REGIONS = 0x90000, POOL = 0x490000, CODE = 0xA90000 }
const POOL_BYTES: u32 = Part.CODE - Part.POOL;
const CODE_BYTES: u32 = CODE_SHARE_BYTES - Part.CODE;
/** A bit per place, by the upper bits of a product; most places have a bit that no entry has set. */
const BLOOM_BITS: u32 = 18;
const BLOOM_BYTES: u32 = (1 << BLOOM_BITS) / 8;
const BLOOM_FACTOR: u32 = 0x9E3779B1;
/** {u64 key, u64 region | word << 32}; key 0 = free. */
const enum MapEntry { KEY = 0, VALUE = 8, BYTES = 16 }
const MAP_ENTRIES: u32 = (Part.REGIONS - Part.MAP) / MapEntry.BYTES;

/**
 * A region, then up to 16 x {u32 page, i32 delta, u32 version}. LIVE: Life. REACH: Reach. CODE: its
 * function, BYTES long, and HINTS bytes of hints behind it. BATCH: first region | count << 16, 0 = open.
 * PLACES: u32 per entry.
 */
const enum Descriptor {
  LIVE = 0, PAGES = 4, WIDE = 5, MODE = 6, REACH = 7, CODE = 8, BYTES = 12, HINTS = 16, BATCH = 20,
    ENTRIES = 24, PLACES = 28,
}
/** DEAD: its code has changed. REFUSED: its pages were mapped as they were found too seldom. */
const enum Life { DEAD = 0, LIVE = 1, REFUSED = 2 }
/**
 * Which pages a region may have. OBJECT: those that direct branches lead to, which lie at the same distance
 * in all address spaces; what RET and indirect branches lead to need not.
 */
export const enum Reach { ALL = 0, OBJECT = 1, PAGE = 2 }
const COUNT_SHIFT: u32 = 16;
/** Regions of a batch. */
export const MAX_BATCH: u32 = 16;
const enum DescriptorPage { AT = 32, BYTES = 12, PHYS = 0, DELTA = 4, VERSION = 8 }
const DESCRIPTOR_BYTES: u32 = 256;
/** 16384: as many as a CPU has room for. */
export const MAX_REGIONS: u32 = REGION_ROOM;
/** An entry that is none. */
export const NO_PLACE: u32 = 0xFFFFFFFF;

/** The writer has found no room: what it makes is not to be published. */
export let full: bool = false;

// @ts-ignore: decorator
@inline
function header(word: Header): u32 { return atomic.load<u32>(CODE_SHARE + <usize>word); }
// @ts-ignore: decorator
@inline
function setHeader(word: Header, value: u32): void { atomic.store<u32>(CODE_SHARE + <usize>word, value); }

// Epochs -------------------------------------------------------------------------------------------------

/** Regions of other epochs must be dropped. */
// @ts-ignore: decorator
@inline
export function shareEpoch(): u32 { return header(Header.EPOCH); }

// @ts-ignore: decorator
@inline
export function shareClosing(): bool { return header(Header.CLOSING) != 0; }

function seenAt(id: u32): usize { return CODE_SHARE + Header.SEEN + id * Header.SEEN_BYTES; }

function empty(): void {
  memory.fill(CODE_SHARE + <usize>Part.BLOOM, 0, BLOOM_BYTES);
  memory.fill(CODE_SHARE + <usize>Part.MAP, 0, MAP_ENTRIES * MapEntry.BYTES);
  setHeader(Header.REGIONS, 0);
  setHeader(Header.OPEN, 0);
  setHeader(Header.POOL_USED, 0);
  setHeader(Header.CODE_USED, 0);
  setHeader(Header.MAP_USED, 0);
}

/** Before any CPU runs. */
export function shareInit(): void {
  empty();
  setHeader(Header.LOCK, 0);
  setHeader(Header.CLOSING, 0);
  // From 1: a CPU that has seen none has seen 0.
  setHeader(Header.EPOCH, header(Header.EPOCH) + 1);
}

/** Everything is to be dropped; the share is open again when all CPUs have done so. By the writer. */
function close(): void {
  setHeader(Header.CLOSING, 1);
  setHeader(Header.EPOCH, header(Header.EPOCH) + 1);
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) request(id, 0);
}

/** CPU `id` uses nothing of the epochs before `epoch`. */
export function shareSeen(id: u32, epoch: u32): void { atomic.store<u32>(seenAt(id), epoch); }

/** Open a closing share when every CPU has dropped its regions or does not run. */
export function shareReopen(id: u32): void {
  if (!shareClosing() || !tryLock(id)) return;
  const epoch = shareEpoch();
  const cpus = control32(Control.CPUS);
  fullFence();
  let all = shareClosing();
  for (let n: u32 = 0; n < cpus; n++) {
    if (atomic.load<u32>(inboxOf(n), Inbox.RUN_STATE) == RunState.RUNNING
      && atomic.load<u32>(seenAt(n)) != epoch) all = false;
  }
  if (all) {
    empty();
    setHeader(Header.CLOSING, 0);
  }
  unlock();
}

// Writing ------------------------------------------------------------------------------------------------

function tryLock(id: u32): bool {
  return atomic.cmpxchg<u32>(CODE_SHARE + <usize>Header.LOCK, 0, id + 1) == 0;
}
function unlock(): void { setHeader(Header.LOCK, 0); }

/** Become the writer, in the epoch `epoch`; false = not now. */
export function shareBegin(id: u32, epoch: u32): bool {
  if (shareClosing() || !tryLock(id)) return false;
  if (shareClosing() || shareEpoch() != epoch) {
    unlock();
    return false;
  }
  full = false;
  return true;
}

/** No longer the writer. */
export function shareEnd(): void {
  if (full) close();
  unlock();
}

/** `bytes` of the pool; 0 = no room. */
function take(bytes: u32): u32 {
  const used = header(Header.POOL_USED);
  if (used + bytes > POOL_BYTES) {
    full = true;
    return 0;
  }
  setHeader(Header.POOL_USED, used + bytes);
  return CODE_SHARE + Part.POOL + used;
}
export function poolMark(): u32 { return header(Header.POOL_USED); }
export function poolRelease(mark: u32): void { setHeader(Header.POOL_USED, mark); }

/** A lasting copy of a record; 0 = no room. */
export function keepRecord(r: usize): u32 {
  const at = take(RECORD_BYTES);
  if (at) memory.copy(at, r, RECORD_BYTES);
  return at;
}

/** A lasting table of the distances of the pages that discovery holds; 0 = no room. */
export function keepDeltas(pages: u32): u32 {
  const at = take(pages * 8);
  for (let k: u32 = 0; at != 0 && k < pages; k++) store<i64>(at + (k << 3),
    <i64>load<i32>(pageAt(k), PageField.DELTA) << 12);
  return at;
}

// @ts-ignore: decorator
@inline
function descriptor(id: u32): usize { return CODE_SHARE + Part.REGIONS + id * DESCRIPTOR_BYTES; }

/**
 * A region whose function is the `bytes` at `code` and the `hints` behind it, with this many pages and
 * entries; its number, NO_PLACE when there is no room. Nobody else knows it before mapEntry.
 */
export function newDescriptor(mode: u32, code: usize, bytes: u32, hints: u32, pages: u32,
  entries: u32, wide: bool, reach: Reach): u32 {
  const id = header(Header.REGIONS);
  const used = header(Header.CODE_USED);
  const places = take((entries * 4 + 7) & ~7);
  if (id + 1 >= MAX_REGIONS || used + bytes + hints > CODE_BYTES) full = true;
  if (full) return NO_PLACE;
  const kept = CODE_SHARE + Part.CODE + used;
  memory.copy(kept, code, bytes + hints);
  setHeader(Header.CODE_USED, used + ((bytes + hints + 7) & ~7));
  setHeader(Header.REGIONS, id + 1);
  const d = descriptor(id);
  store<u8>(d, <u8>pages, Descriptor.PAGES);
  store<u8>(d, wide ? 1 : 0, Descriptor.WIDE);
  store<u8>(d, <u8>mode, Descriptor.MODE);
  store<u8>(d, <u8>reach, Descriptor.REACH);
  store<u32>(d, <u32>kept, Descriptor.CODE);
  store<u32>(d, bytes, Descriptor.BYTES);
  store<u32>(d, hints, Descriptor.HINTS);
  store<u32>(d, 0, Descriptor.BATCH);
  store<u32>(d, entries, Descriptor.ENTRIES);
  store<u32>(d, places, Descriptor.PLACES);
  atomic.store<u32>(d, Life.LIVE, Descriptor.LIVE);
  return id;
}

/** Page k of a region: as discovery has it, with the version of the bytes that were translated. */
export function setRegionPage(id: u32, k: u32, version: u32): void {
  const p = regionPage(id, k);
  store<u32>(p, load<u32>(pageAt(k), PageField.PHYS), DescriptorPage.PHYS);
  store<i32>(p, load<i32>(pageAt(k), PageField.DELTA), DescriptorPage.DELTA);
  store<u32>(p, version, DescriptorPage.VERSION);
}
/** Entry k of a region is at this place (page number << 12 | offset). */
export function setRegionPlace(id: u32, k: u32, place: u32): void {
  store<u32>(load<u32>(descriptor(id), Descriptor.PLACES) + (k << 2), place);
}

/** Regions of the open batch. */
export function openBatch(): u32 { return header(Header.REGIONS) - header(Header.OPEN); }
/** The open batch is complete. By the writer. */
export function closeBatch(): void {
  const first = header(Header.OPEN);
  const batch = first | openBatch() << COUNT_SHIFT;
  for (let id = first; id < header(Header.REGIONS); id++) {
    atomic.store<u32>(descriptor(id), batch, Descriptor.BATCH);
  }
  setHeader(Header.OPEN, header(Header.REGIONS));
}

// Reading ------------------------------------------------------------------------------------------------

function lifeOf(id: u32): Life {
  return atomic.load<u32>(descriptor(id), Descriptor.LIVE) as Life;
}
export function isLive(id: u32): bool { return lifeOf(id) == Life.LIVE; }
/** Its code has changed. */
export function killRegion(id: u32): void {
  atomic.cmpxchg<u32>(descriptor(id), Life.LIVE, Life.DEAD, Descriptor.LIVE);
}
/** Its pages are elsewhere, or not all mapped, where it is wanted: one with less reach is to take over. */
export function refuseRegion(id: u32): void {
  atomic.cmpxchg<u32>(descriptor(id), Life.LIVE, Life.REFUSED, Descriptor.LIVE);
}
export function regionPages(id: u32): u32 { return load<u8>(descriptor(id), Descriptor.PAGES); }
/** A region is as large as it can be: it was meant to be, or nothing larger was possible. */
export function setWide(id: u32): void { store<u8>(descriptor(id), 1, Descriptor.WIDE); }
export function isWide(id: u32): bool { return load<u8>(descriptor(id), Descriptor.WIDE) != 0; }
export function regionMode(id: u32): u32 { return load<u8>(descriptor(id), Descriptor.MODE); }
export function regionCode(id: u32): u32 { return load<u32>(descriptor(id), Descriptor.CODE); }
export function regionBytes(id: u32): u32 { return load<u32>(descriptor(id), Descriptor.BYTES); }
export function regionHints(id: u32): u32 { return load<u32>(descriptor(id), Descriptor.HINTS); }
/** Regions of its batch, 0 = the batch is open; the first of them. */
export function batchCount(id: u32): u32 {
  return atomic.load<u32>(descriptor(id), Descriptor.BATCH) >> COUNT_SHIFT;
}
export function batchFirst(id: u32): u32 {
  return atomic.load<u32>(descriptor(id), Descriptor.BATCH) & ((1 << COUNT_SHIFT) - 1);
}
export function regionEntries(id: u32): u32 { return load<u32>(descriptor(id), Descriptor.ENTRIES); }
export function regionPlace(id: u32, k: u32): u32 {
  return load<u32>(load<u32>(descriptor(id), Descriptor.PLACES) + (k << 2));
}
function regionPage(id: u32, k: u32): usize {
  return descriptor(id) + DescriptorPage.AT + k * DescriptorPage.BYTES;
}
export function pagePhys(id: u32, k: u32): u32 { return load<u32>(regionPage(id, k), DescriptorPage.PHYS); }
export function pageDelta(id: u32, k: u32): i32 { return load<i32>(regionPage(id, k), DescriptorPage.DELTA); }
export function pageVersionOf(id: u32, k: u32): u32 {
  return load<u32>(regionPage(id, k), DescriptorPage.VERSION);
}

// Map of entries -----------------------------------------------------------------------------------------

function keyOf(page: u32, off: u32, mode: u32): u64 {
  return (<u64>mode << 33) + (<u64>page << 12 | off) + 1;
}

function slotOfKey(key: u64): usize {
  let n = (<u32>key ^ <u32>(key >> 11) ^ <u32>(key >> 29)) & (MAP_ENTRIES - 1);
  for (;;) {
    const e = CODE_SHARE + Part.MAP + n * MapEntry.BYTES;
    const found = atomic.load<u64>(e, MapEntry.KEY);
    if (found == key || found == 0) return e;
    n = (n + 1) & (MAP_ENTRIES - 1);
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function bloomBit(page: u32, off: u32): u32 { return (page << 12 | off) * BLOOM_FACTOR >> 32 - BLOOM_BITS; }
// @ts-ignore: decorator
@inline
function bloomOf(bit: u32): usize { return CODE_SHARE + Part.BLOOM + (bit >> 3); }
/** A place may be an entry. */
// @ts-ignore: decorator
@inline
export function mayBeEntry(page: u32, off: u32): bool {
  const bit = bloomBit(page, off);
  return (atomic.load<u8>(bloomOf(bit)) & <u8>1 << <u8>(bit & 7)) != 0;
}

/** Entry of a live region at a place: region | word << 32, NO_ENTRY = none. */
export const NO_ENTRY: u64 = 0xFFFFFFFFFFFFFFFF;
export function findEntry(page: u32, off: u32, mode: u32): u64 {
  if (!mayBeEntry(page, off)) return NO_ENTRY;
  const e = slotOfKey(keyOf(page, off, mode));
  if (atomic.load<u64>(e, MapEntry.KEY) == 0) return NO_ENTRY;
  const value = atomic.load<u64>(e, MapEntry.VALUE);
  return isLive(<u32>value) ? value : NO_ENTRY;
}

/** How far a region may reach that is made of this place. */
export function reachAt(page: u32, off: u32, mode: u32): Reach {
  const e = slotOfKey(keyOf(page, off, mode));
  if (atomic.load<u64>(e, MapEntry.KEY) == 0) return Reach.ALL;
  const id = <u32>atomic.load<u64>(e, MapEntry.VALUE);
  const reach = load<u8>(descriptor(id), Descriptor.REACH) as Reach;
  return (lifeOf(id) == Life.REFUSED && reach != Reach.PAGE ? reach + 1 : reach) as Reach;
}

/** Publish an entry of a region. By the writer. */
export function mapEntry(page: u32, off: u32, mode: u32, region: u32, word: u32): void {
  const e = slotOfKey(keyOf(page, off, mode));
  const known = atomic.load<u64>(e, MapEntry.KEY) != 0;
  if (known) {
    const there = <u32>atomic.load<u64>(e, MapEntry.VALUE);
    if (isLive(there) && (!isWide(region) || isWide(there))) return;
  }
  if (!known) {
    const used = header(Header.MAP_USED) + 1;
    // A quarter stays free: probing must end.
    if (used > MAP_ENTRIES - MAP_ENTRIES / 4) full = true;
    if (used >= MAP_ENTRIES - 1) return;
    setHeader(Header.MAP_USED, used);
  }
  atomic.store<u64>(e, <u64>region | <u64>word << 32, MapEntry.VALUE);
  atomic.store<u64>(e, keyOf(page, off, mode), MapEntry.KEY);
  const bit = bloomBit(page, off);
  atomic.or<u8>(bloomOf(bit), <u8>1 << <u8>(bit & 7));
}
