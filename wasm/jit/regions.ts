// What this CPU knows of the regions that all CPUs share (share.ts): the function of each that it has
// installed, and where it may be entered. A region may be entered while each of its pages is mapped where it
// was found and holds the bytes that were translated; that is checked once per generation of the jump cache,
// because everything that changes a mapping or drops decoded pages starts a new one.

import { CodeMode, Cpu } from "../cpu/state";
import { icacheFind, icacheHold, icachePin } from "../decode/icache";
import { fetchPage } from "../interp/loop";
import { hostInstall } from "../lib/host";
import { Count, count } from "../lib/profile";
import { pageVersion } from "../mmu/code-pages";
import { jumpFlush, jumpMark } from "../mmu/jump-cache";
import { tlbFetchGlobal } from "../mmu/tlb";
import { REGION_BYTES, installList, regionTable } from "./map";
import {
  MAX_REGIONS, isLive, killRegion, pageDelta, pagePhys, pageVersionOf, refuseRegion, regionBytes, regionCode,
  regionHints, regionMode, regionPages,
} from "./share";

@unmanaged
class Region {
  /** 0 = not installed. */
  fn: u32;
  /** Valid in this generation, with page 0 at `anchor`, for code fetched through this table. */
  generation: u32;
  anchor: u64;
  fetch: u32;
  /** Entries to be refused without a look at its pages, because one was not mapped just now. */
  skip: u32;
  /** Times that a page was not mapped, less those that all were. */
  unmapped: u32;
  pad1: u32;
}
/**
 * Canonical addresses end here; regions beside the hole are not entered, so that no direct branch leads into
 * it.
 */
const HOLE_LOW: u64 = 0x00007FFF80000000;
const HOLE_HIGH: u64 = 0xFFFF800080000000;
/** Region.skip after a page that was not mapped: a page walk costs more than some refusals. */
const SKIP: u32 = 15;
/** Region.unmapped of a region that is given up: 4096 entries were refused, as many as make a place hot. */
const UNMAPPED: u32 = 256;
const LINEAR32: u64 = 0xFFFFFFFF;

/** Regions installed since the last reset. */
export let regionCount: u32 = 0;
/** The region that was asked for last has been given up because of where its pages lie. */
export let refused: bool = false;

function regionOf(id: u32): Region { return changetype<Region>(regionTable() + id * REGION_BYTES); }

/** Forget all; the caller has the host forget its functions. */
export function resetRegions(): void {
  memory.fill(regionTable(), 0, MAX_REGIONS * REGION_BYTES);
  regionCount = 0;
}

/** What the host is told of a function: its code, bytes, bytes of hints; it answers with the index. */
const enum Listed { CODE = 0, BYTES = 4, HINTS = 8, FUNCTION = 12, SIZE = 16 }
function listed(n: u32): usize { return installList() + n * Listed.SIZE; }

/** Make the regions of a closed batch functions of this CPU; false = the host refuses. */
export function install(first: u32, count: u32): bool {
  for (let n: u32 = 0; n < count; n++) {
    store<u32>(listed(n), regionCode(first + n), Listed.CODE);
    store<u32>(listed(n), regionBytes(first + n), Listed.BYTES);
    store<u32>(listed(n), regionHints(first + n), Listed.HINTS);
  }
  if (hostInstall(<u32>installList(), count) == 0) return false;
  for (let n: u32 = 0; n < count; n++) {
    const g = regionOf(first + n);
    g.fn = load<u32>(listed(n), Listed.FUNCTION);
    g.generation = 0;
    g.unmapped = 0;
  }
  regionCount += count;
  return true;
}
export function isInstalled(id: u32): bool { return regionOf(id).fn != 0; }

/**
 * The code of a region has changed: nobody enters it again, and the host may free the function. The jump
 * cache may know it still, when this CPU has not been told of the store yet.
 */
function discard(c: Cpu, id: u32, g: Region): void {
  killRegion(id);
  if (g.fn) {
    jumpFlush(c);
    hostInstall(g.fn, 0);
  }
  g.fn = 0;
  g.generation = 0;
}

/**
 * A page is not mapped as it was found, again: another address space has it elsewhere, or has not touched it
 * yet. One region serves all that map its pages alike; where this one serves too few it gives way to one with
 * less reach, which is made where it is wanted.
 */
function refuse(c: Cpu, id: u32, g: Region): void {
  count(changetype<usize>(c), Count.REGION_UNMAPPED);
  g.skip = SKIP;
  // One page is always mapped where it is executed.
  if (++g.unmapped < UNMAPPED || regionPages(id) == 1) return;
  count(changetype<usize>(c), Count.REGIONS_REFUSED);
  refuseRegion(id);
  discard(c, id, g);
  refused = true;
}

/** The region with this function is to be made anew, when its head is hot again. */
export function makeAnew(c: Cpu, fn: u32): void {
  for (let id: u32 = 0; id < MAX_REGIONS; id++) {
    if (regionOf(id).fn == fn) discard(c, id, regionOf(id));
  }
}

/**
 * Function of a region for an entry whose word says how many pages behind page 0 the target lies; 0 = not
 * now. Slot `keep` of the decoded-page cache is in use.
 */
export function regionFor(c: Cpu, id: u32, target: u64, word: u32, keep: u32): u32 {
  const g = regionOf(id);
  const base = (target & ~(<u64>0xFFF)) - <u64>(<i64>(<i32>word >> 16) << 12);
  if (g.anchor == base && g.fetch == c.tlbFetch &&
    (g.generation == c.jumpGeneration || g.generation == c.jumpGlobalGeneration)) return g.fn;
  refused = false;
  if (g.skip) {
    g.skip--;
    return 0;
  }
  return validate(c, id, g, base, keep) ? g.fn : 0;
}

function validate(c: Cpu, id: u32, g: Region, base: u64, keep: u32): bool {
  if (!isLive(id)) {
    discard(c, id, g);
    return false;
  }
  if (g.fn == 0 || (base >= HOLE_LOW && base < HOLE_HIGH)) return false;
  const mode = regionMode(id);
  let global = true;
  for (let k: u32 = 0; k < regionPages(id); k++) {
    const phys = pagePhys(id, k);
    if (pageVersion(phys) != pageVersionOf(id, k)) {
      discard(c, id, g);
      return false;
    }
    const va = base + <u64>(<i64>pageDelta(id, k) << 12);
    if (!isMapped(c, mode, va, phys)) {
      refuse(c, id, g);
      return false;
    }
    // Without decoded records this CPU would not be told of stores to the page.
    const slot = icacheFind(c, phys, mode);
    if (slot == 0) {
      count(changetype<usize>(c), Count.REGION_UNDECODED);
      icacheHold(c, phys, mode, keep);
      return false;
    }
    icachePin(c, slot);
    if (!tlbFetchGlobal(c, va)) global = false;
    jumpMark(c, va);
  }
  if (g.unmapped) g.unmapped--;
  g.anchor = base;
  g.fetch = c.tlbFetch;
  g.generation = global ? c.jumpGlobalGeneration : c.jumpGeneration;
  return true;
}

function isMapped(c: Cpu, mode: u32, va: u64, phys: u32): bool {
  // Addresses of 32-bit code wrap, those of a region do not.
  if (mode == CodeMode.M32 && va > LINEAR32) return false;
  // No exception is pending here: one that this raises is forgotten, as it should be.
  return fetchPage(c, va) == <i64>phys;
}

/**
 * May this CPU install a region that another has made, page 0 of which lies at `base`? Its pages must be
 * mapped as they were found; those that this CPU has not executed get a slot of the decoded-page cache, but
 * not that of slot `keep`, which is in use.
 */
export function mayInstall(c: Cpu, id: u32, base: u64, keep: u32): bool {
  const mode = regionMode(id);
  for (let k: u32 = 0; k < regionPages(id); k++) {
    const phys = pagePhys(id, k);
    if (pageVersion(phys) != pageVersionOf(id, k)) {
      killRegion(id);
      return false;
    }
    if (!isMapped(c, mode, base + <u64>(<i64>pageDelta(id, k) << 12), phys)) return false;
  }
  // A page of this version is CODE: whoever changes it tells every holder, then us.
  for (let k: u32 = 0; k < regionPages(id); k++) icacheHold(c, pagePhys(id, k), mode, keep);
  for (let k: u32 = 0; k < regionPages(id); k++) {
    if (icacheFind(c, pagePhys(id, k), mode) == 0 || pageVersion(pagePhys(id, k)) != pageVersionOf(id, k)) {
      return false;
    }
  }
  return true;
}

/** Valid for all address spaces. */
export function isGlobal(c: Cpu, id: u32): bool { return regionOf(id).generation == c.jumpGlobalGeneration; }
