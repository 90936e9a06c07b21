// Guest memory as the shadow CPU of the region check has it (jit/check.ts). Its TLB starts empty; the slow
// paths of access.ts come here instead of walking page tables. What the TLB of the CPU that is being checked
// maps is copied, page by page and at the first touch, and the copy is entered into the shadow's TLB at the
// same place of the same table. Whatever that TLB does not map (a page to walk, a chip, a code page, an
// access across pages) is refused, as a region would leave for it. So nothing that runs on the shadow CPU
// reaches memory that anybody else sees.

import { Cpu } from "../cpu/state";
import {
  PAGE_BYTES, SHADOW_AREA_BYTES, SHADOW_COPIES, SHADOW_LISTS, SHADOW_PAGES, TLB_ENTRIES,
  TLB_TABLE_BYTES,
} from "../lib/layout";
import { clearSlot, tlbEntry } from "./tlb";

/** The copies of a page: as it was, the interpreter's, the region's. */
export const enum Area { ORIGINAL = 0, INTERPRETED = 1, REGION = 2 }

/** SHADOW_LISTS: lock of the block; u8 by function index (jit/once.ts); host pages; links {table, slot}. */
export const enum Lists { LOCK = 0, ONCE = 0x1000, PAGES = 0x2000, LINKS = 0x2400, END = 0x4000 }
const LINK_BYTES: u32 = 8;
const LINKS: u32 = (Lists.END - Lists.LINKS) / LINK_BYTES;
const PAGE_MASK: usize = ~(<usize>PAGE_BYTES - 1);
/** Of a TLB entry. */
const enum Field { ADDEND = 8, PAGE = 12 }

/** A shadow CPU executes on this thread. */
export let shadowing: bool = false;
/** It has been denied something since `allow`. */
export let refused: bool = false;
/** Pages copied, entries made in the shadow's TLB. */
export let shadowPages: u32 = 0;
export let shadowLinks: u32 = 0;

let block: usize = 0;
/** From the block of the CPU that is checked to the shadow's. */
let distance: usize = 0;
let area: Area = Area.ORIGINAL;
/** Pages may be added. */
let growing: bool = false;

/** What runs from here on, on `shadow`, stands for `c`. */
export function shadowBegin(c: Cpu, shadow: Cpu): void {
  block = changetype<usize>(shadow);
  distance = block - changetype<usize>(c);
  shadowing = true;
  refused = false;
  shadowPages = 0;
  shadowLinks = 0;
}

/** Forget all copies. */
export function shadowEnd(): void {
  for (let n: u32 = 0; n < shadowLinks; n++) clearSlot(load<u32>(linkAt(n)), load<u32>(linkAt(n), 4));
  shadowing = false;
}

// @ts-ignore: decorator
@inline
function linkAt(n: u32): usize { return block + SHADOW_LISTS + Lists.LINKS + n * LINK_BYTES; }
// @ts-ignore: decorator
@inline
function pageWord(k: u32): usize { return block + SHADOW_LISTS + Lists.PAGES + (<usize>k << 2); }
/** A copy of page number k. */
export function shadowCopy(k: u32, which: Area): usize {
  return block + SHADOW_PAGES + <usize>which * SHADOW_AREA_BYTES + <usize>k * PAGE_BYTES;
}

export function refuse(): void { refused = true; }
export function allow(): void { refused = false; }

/** Give area `which` the original contents and use it; `more`: pages may be added. */
export function shadowUse(which: Area, more: bool): void {
  area = which;
  growing = more;
  for (let k: u32 = 0; k < shadowPages; k++) {
    memory.copy(shadowCopy(k, which), shadowCopy(k, Area.ORIGINAL), PAGE_BYTES);
  }
  for (let n: u32 = 0; n < shadowLinks; n++) {
    const e = entryOf(n);
    point(e, load<u32>(e, Field.PAGE));
  }
}

/** No more pages. */
export function shadowFreeze(): void { growing = false; }

// @ts-ignore: decorator
@inline
function entryOf(n: u32): usize { return load<u32>(linkAt(n)) + (load<u32>(linkAt(n), 4) << 4); }

/** Let a TLB entry lead to page number k. */
function point(e: usize, k: u32): void {
  store<u32>(e, <u32>shadowCopy(k, area) - load<u32>(e), Field.ADDEND);
  store<u32>(e, k, Field.PAGE);
}

/** Linear address at which page number k was touched. */
export function shadowAddress(k: u32): u64 {
  for (let n: u32 = 0; n < shadowLinks; n++) {
    if (load<u32>(entryOf(n), Field.PAGE) == k) return load<u64>(entryOf(n));
  }
  return 0;
}

/** Number of the copies of a host page, SHADOW_COPIES = no room. */
function copyOf(host: usize): u32 {
  for (let k: u32 = 0; k < shadowPages; k++) if (load<u32>(pageWord(k)) == <u32>host) return k;
  if (shadowPages == SHADOW_COPIES) return SHADOW_COPIES;
  const k = shadowPages++;
  store<u32>(pageWord(k), <u32>host);
  memory.copy(shadowCopy(k, Area.ORIGINAL), host, PAGE_BYTES);
  memory.copy(shadowCopy(k, area), shadowCopy(k, Area.ORIGINAL), PAGE_BYTES);
  return k;
}

/** Host address of n bytes at va for the shadow, whose table does not have it; 0 = refused. */
export function shadowHost(table: u32, va: u64, n: u32): usize {
  let from = tlbEntry(table - <u32>distance, va);
  // What may be written may be read: regions read it through the write table at times (jit/lookups.ts).
  if (table == changetype<Cpu>(block).tlbRead && (load<u64>(from) ^ va) >= <u64>PAGE_BYTES) {
    from = tlbEntry(table + TLB_TABLE_BYTES - <u32>distance, va);
  }
  if (growing && shadowLinks < LINKS && (load<u64>(from) ^ va) < <u64>(PAGE_BYTES + 1 - n)) {
    const host = <usize>(load<u32>(from, Field.ADDEND) + <u32>va);
    const k = copyOf(host & PAGE_MASK);
    if (k != SHADOW_COPIES) {
      const e = tlbEntry(table, va);
      store<u64>(e, va & ~(<u64>PAGE_BYTES - 1));
      point(e, k);
      store<u32>(linkAt(shadowLinks), table);
      store<u32>(linkAt(shadowLinks), <u32>(va / PAGE_BYTES) & (TLB_ENTRIES - 1), 4);
      shadowLinks++;
      return shadowCopy(k, area) + (host & ~PAGE_MASK);
    }
  }
  refused = true;
  return 0;
}
