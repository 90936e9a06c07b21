// What lasts of a region: its descriptor (function, pages, their versions), the map from guest-physical place
// to entry, and the records of its helpers. All in this CPU's share of the arena, dropped together when one
// of them is full. A region may be entered while each of its pages is mapped where it was found and holds the
// bytes that were translated; that is checked once per generation of the jump cache, because everything that
// changes a mapping or drops decoded pages starts a new one.

import { CodeMode, Cpu } from "../cpu/state";
import { icacheFind } from "../decode/icache";
import { RECORD_BYTES } from "../lib/layout";
import { pageVersion } from "../mmu/code-pages";
import { jumpMark } from "../mmu/jump-cache";
import { tlbEntry, tlbFetchGlobal } from "../mmu/tlb";
import {
  PageField, POOL_BYTES, bloom, entryMap, pageAt, pool, regionTable,
} from "./map";

@unmanaged
class Region {
  fn: u32;
  /** 0 = its code has changed. */
  live: u32;
  pages: u32;
  /** Valid in this generation, with page 0 at `anchor`, for code fetched through this table. */
  generation: u32;
  anchor: u64;
  fetch: u32;
  pad: u32;
  // MAX_PAGES x {u32 page, i32 delta, u32 version} follow.
}
const enum RegionPage { AT = 32, BYTES = 12, PHYS = 0, DELTA = 4, VERSION = 8 }
const REGION_BYTES: u32 = 128;
export const MAX_REGIONS: u32 = 4096;

/** {u32 key, u32 region, u32 entry word, u32 unused}; key 0 = free. */
const enum MapEntry { KEY = 0, REGION = 4, WORD = 8, BYTES = 16 }
const MAP_ENTRIES: u32 = 8192;
const BLOOM_BYTES: u32 = 4096;
/**
 * Canonical addresses end here; regions beside the hole are not entered, so that no direct branch leads into
 * it.
 */
const HOLE_LOW: u64 = 0x00007FFF80000000;
const HOLE_HIGH: u64 = 0xFFFF800080000000;

/** Regions made since the last reset. */
export let regionCount: u32 = 0;
let mapUsed: u32 = 0;
let poolUsed: u32 = 0;
/** Something is full: drop everything when no record is in use. */
export let full: bool = false;

function regionOf(id: u32): Region { return changetype<Region>(regionTable() + id * REGION_BYTES); }

export function resetRegions(): void {
  memory.fill(entryMap(), 0, MAP_ENTRIES * MapEntry.BYTES);
  memory.fill(bloom(), 0, BLOOM_BYTES);
  regionCount = 0;
  mapUsed = 0;
  poolUsed = 0;
  full = false;
}

/** A lasting copy of a record; 0 = no room. */
export function keepRecord(r: usize): u32 {
  if (poolUsed + RECORD_BYTES > POOL_BYTES) {
    full = true;
    return 0;
  }
  const at = pool() + poolUsed;
  memory.copy(at, r, RECORD_BYTES);
  poolUsed += RECORD_BYTES;
  return <u32>at;
}
/** A lasting table of the distances of the pages that discovery holds; 0 = no room. */
export function keepDeltas(pages: u32): u32 {
  if (poolUsed + pages * 8 > POOL_BYTES) {
    full = true;
    return 0;
  }
  const at = pool() + poolUsed;
  for (let k: u32 = 0; k < pages; k++) store<i64>(at + (k << 3),
    <i64>load<i32>(pageAt(k), PageField.DELTA) << 12);
  poolUsed += pages * 8;
  return <u32>at;
}
export function poolMark(): u32 { return poolUsed; }
export function poolRelease(mark: u32): void { poolUsed = mark; }

/** Descriptor of the region that discovery holds; its number. */
export function newRegion(c: Cpu, fn: u32, pages: u32): u32 {
  const id = regionCount++;
  if (regionCount == MAX_REGIONS) full = true;
  const g = regionOf(id);
  g.fn = fn;
  g.live = 1;
  g.pages = pages;
  g.generation = 0;
  for (let k: u32 = 0; k < pages; k++) {
    const p = changetype<usize>(g) + RegionPage.AT + k * RegionPage.BYTES;
    const phys = load<u32>(pageAt(k), PageField.PHYS);
    store<u32>(p, phys, RegionPage.PHYS);
    store<i32>(p, load<i32>(pageAt(k), PageField.DELTA), RegionPage.DELTA);
    store<u32>(p, pageVersion(phys), RegionPage.VERSION);
  }
  return id;
}

/**
 * Function of a region for an entry whose word says how many pages behind page 0 the target lies; 0 = not
 * now.
 */
export function regionFor(c: Cpu, id: u32, target: u64, word: u32): u32 {
  const g = regionOf(id);
  const base = (target & ~(<u64>0xFFF)) - <u64>(<i64>(<i32>word >> 16) << 12);
  if (g.anchor == base && g.fetch == c.tlbFetch &&
    (g.generation == c.jumpGeneration || g.generation == c.jumpGlobalGeneration)) return g.fn;
  return validate(c, g, base);
}

function validate(c: Cpu, g: Region, base: u64): u32 {
  if (!g.live || (base >= HOLE_LOW && base < HOLE_HIGH)) return 0;
  let global = true;
  for (let k: u32 = 0; k < g.pages; k++) {
    const p = changetype<usize>(g) + RegionPage.AT + k * RegionPage.BYTES;
    const phys = load<u32>(p, RegionPage.PHYS);
    if (pageVersion(phys) != load<u32>(p, RegionPage.VERSION)) {
      g.live = 0;
      return 0;
    }
    const va = base + <u64>(<i64>load<i32>(p, RegionPage.DELTA) << 12);
    const e = tlbEntry(c.tlbFetch, va);
    if ((load<u64>(e) ^ va) >= 4096 || load<u32>(e, 12) != phys) return 0;
    // Without decoded records this CPU would not be told of stores to the page.
    if (icacheFind(c, phys, CodeMode.M64) == 0) return 0;
    if (!tlbFetchGlobal(c, va)) global = false;
    jumpMark(c, va);
  }
  g.anchor = base;
  g.fetch = c.tlbFetch;
  g.generation = global ? c.jumpGlobalGeneration : c.jumpGeneration;
  return g.fn;
}

export function isLive(id: u32): bool { return regionOf(id).live != 0; }
/** Valid for all address spaces. */
export function isGlobal(c: Cpu, id: u32): bool { return regionOf(id).generation == c.jumpGlobalGeneration; }

// Map of entries -----------------------------------------------------------------------------------------

function slotOfKey(key: u32): usize {
  let n = (key ^ (key >> 11)) & (MAP_ENTRIES - 1);
  for (;;) {
    const e = entryMap() + n * MapEntry.BYTES;
    const found = load<u32>(e, MapEntry.KEY);
    if (found == key || found == 0) return e;
    n = (n + 1) & (MAP_ENTRIES - 1);
  }
  return 0;
}
function keyOf(page: u32, off: u32): u32 { return (page << 12 | off) + 1; }

/** A page may have entries. */
// @ts-ignore: decorator
@inline
export function mayHaveEntries(page: u32): bool { return load<u8>(bloom() + (page & (BLOOM_BYTES - 1))) != 0;
  }

/** Address of the live entry at a place, 0 = none. */
export function findEntry(page: u32, off: u32): usize {
  const e = slotOfKey(keyOf(page, off));
  return load<u32>(e, MapEntry.KEY) != 0 && isLive(load<u32>(e, MapEntry.REGION)) ? e : 0;
}
export function entryRegion(e: usize): u32 { return load<u32>(e, MapEntry.REGION); }
export function entryWord(e: usize): u32 { return load<u32>(e, MapEntry.WORD); }

export function mapEntry(page: u32, off: u32, region: u32, word: u32): void {
  const e = slotOfKey(keyOf(page, off));
  if (load<u32>(e, MapEntry.KEY) == 0) {
    // A quarter stays free: probing must end.
    if (++mapUsed > MAP_ENTRIES - MAP_ENTRIES / 4) full = true;
    if (mapUsed >= MAP_ENTRIES - 1) return;
  } else if (isLive(load<u32>(e, MapEntry.REGION))) return;
  store<u32>(e, keyOf(page, off), MapEntry.KEY);
  store<u32>(e, region, MapEntry.REGION);
  store<u32>(e, word, MapEntry.WORD);
  store<u8>(bloom() + (page & (BLOOM_BYTES - 1)), 1);
}
