// A recording of what runs behind a head that has become hot: which instructions were executed and where
// taken branches led, for 1,600 of them. A region holds only what was seen then, because most code
// that has ever been executed is not hot; and the edges say where RET and indirect branches go ("next
// executing tail", E. Duesterwald and V. Bala, "Software Profiling for Hot Path Prediction: Less is More",
// ASPLOS 2000, widened to the union of several paths).
//
// While a recording runs, the inner loop gets fuel for no taken branch, so that each comes back to the run
// loop, which calls noteHead for its target.

import { Cpu } from "../cpu/state";
import { slotOfRecord } from "../decode/icache";
import { recOff } from "../decode/record";
import { stoppedAt } from "../interp/branch";
import { PAGE, traceEdges, tracePages } from "./map";

/** Taken branches of a recording; those outside its address space and privilege that it waits for. */
const TURNS: u32 = 1600;
const PATIENCE: u32 = 4096;

/** {u32 guest page, u32 unused x 3, a bit per byte that was executed, one if it was executed again}. */
const enum TracePage { PHYS = 0, BITS = 16, AGAIN = 512, BYTES = 16 + 1024 }
const MAX_TRACE_PAGES: u32 = 64;
/** {u32 from, u32 unused, u64 target}; open addressing by `from`. */
const enum Edge { FROM = 0, TARGET = 8, BYTES = 16 }
const MAX_EDGES: u32 = 4096;
const NONE: u32 = 0xFFFFFFFF;

/** What traceTurn says. */
export const enum Trace { GOING = 0, DONE = 1, LOST = 2 }

/** A recording is going on. */
export let tracing: bool = false;
/** Its head. */
export let tracePage: u32 = 0;
export let traceOff: u32 = 0;
export let traceVa: u64 = 0;
export let traceMode: u32 = 0;
/** It is for a wide region. */
export let traceWide: bool = false;
let cpl: u32 = 0;
let cr3: u64 = 0;
let pages: u32 = 0;
let edges: u32 = 0;
let turns: u32 = 0;
let foreign: u32 = 0;
/** The segment being executed; the branch that led to it. */
let slotNow: u32 = 0;
let pageNow: u32 = NONE;
let offNow: u32 = 0;
let from: u32 = NONE;

/** Forget what was recorded. */
export function dropTrace(): void {
  tracing = false;
}

export function beginTrace(c: Cpu, page: u32, off: u32, va: u64, wide: bool): void {
  tracing = true;
  traceWide = wide;
  tracePage = page;
  traceOff = off;
  traceVa = va;
  traceMode = c.codeMode;
  cpl = c.cpl;
  cr3 = c.cr3;
  pages = 0;
  edges = 0;
  turns = 0;
  foreign = 0;
  pageNow = NONE;
  from = NONE;
  memory.fill(traceEdges(), 0, MAX_EDGES * Edge.BYTES);
}

// @ts-ignore: decorator
@inline
function pageAt(n: u32): usize { return tracePages() + n * TracePage.BYTES; }

/** The bits of a guest page, 0 = none. */
function bitsOf(page: u32, make: bool): usize {
  for (let n: u32 = 0; n < pages; n++) if (load<u32>(pageAt(n), TracePage.PHYS) == page) {
    return pageAt(n) + TracePage.BITS;
  }
  if (!make || pages == MAX_TRACE_PAGES) return 0;
  const at = pageAt(pages++);
  memory.fill(at, 0, TracePage.BYTES);
  store<u32>(at, page, TracePage.PHYS);
  return at + TracePage.BITS;
}

/** Offsets `first` to `last` were executed. */
function markSeen(page: u32, first: u32, last: u32): void {
  const bits = bitsOf(page, true);
  if (bits == 0) return;
  for (let off = first; off <= last; off++) {
    const at = bits + (off >> 3);
    const bit = <u8>1 << <u8>(off & 7);
    const seen = load<u8>(at);
    store<u8>(at, seen | bit);
    store<u8>(at, load<u8>(at, TracePage.AGAIN) | (seen & bit), TracePage.AGAIN);
  }
}

/** Was the instruction at a place executed while the last recording ran? */
export function traceSeen(page: u32, off: u32): bool {
  const bits = bitsOf(page, false);
  return bits != 0 && (load<u8>(bits + (off >> 3)) & (1 << (off & 7))) != 0;
}

// @ts-ignore: decorator
@inline
function edgeAt(n: u32): usize { return traceEdges() + (n & (MAX_EDGES - 1)) * Edge.BYTES; }
// @ts-ignore: decorator
@inline
function slotOf(place: u32): u32 { return place ^ (place >> 12); }

/** Was it executed more than once? */
export function traceSeenAgain(page: u32, off: u32): bool {
  const bits = bitsOf(page, false);
  return bits != 0 && (load<u8>(bits + (off >> 3), TracePage.AGAIN) & (1 << (off & 7))) != 0;
}

function addEdge(place: u32, target: u64): void {
  if (place == NONE) return;
  const key = place + 1;
  let n = slotOf(place);
  for (;; n++) {
    const e = edgeAt(n);
    const found = load<u32>(e, Edge.FROM);
    if (found == 0) break;
    if (found == key && load<u64>(e, Edge.TARGET) == target) return;
  }
  // Half stays free: probing must end.
  if (edges == MAX_EDGES / 2) return;
  edges++;
  store<u32>(edgeAt(n), key, Edge.FROM);
  store<u64>(edgeAt(n), target, Edge.TARGET);
}

/** Results of the walk over the edges of a place. */
export let edgeTarget: u64 = 0;
let walkKey: u32 = 0;
let walkNext: u32 = 0;

/** Begin to walk over the targets of the branch at a place (guest page << 12 | offset). */
export function walkEdges(place: u32): void {
  walkKey = place + 1;
  walkNext = slotOf(place);
}
/** The next target, in edgeTarget; false = no more. */
export function nextEdge(): bool {
  for (;; walkNext++) {
    const e = edgeAt(walkNext);
    const found = load<u32>(e, Edge.FROM);
    if (found == 0) return false;
    if (found != walkKey) continue;
    edgeTarget = load<u64>(e, Edge.TARGET);
    walkNext++;
    return true;
  }
}

/** The segment that ran until now, and the edge from it to `va`. */
function closeSegment(c: Cpu, va: u64): void {
  const r = stoppedAt;
  if (pageNow == NONE || slotOfRecord(c, r) != slotNow || recOff(r) < offNow) {
    from = NONE;
    return;
  }
  const last = recOff(r) & (PAGE - 1);
  markSeen(pageNow, offNow, last);
  // A lone RET that functions jump to has the targets of all of them: they are its callers' too.
  if (last == offNow) addEdge(from, va);
  from = pageNow << 12 | last;
  addEdge(from, va);
}

/** A recording that goes on is about the code of now; elsewhere it waits, and regions run as ever. */
export function traceHere(c: Cpu): bool {
  return tracing && c.cpl == cpl && c.cr3 == cr3 && c.codeMode == traceMode;
}

/** The run loop is about to execute at `off` of a decoded page, at virtual address `va`. */
export function traceTurn(c: Cpu, slot: u32, page: u32, off: u32, va: u64): Trace {
  if (!traceHere(c)) {
    pageNow = NONE;
    if (++foreign < PATIENCE) return Trace.GOING;
    tracing = false;
    return Trace.LOST;
  }
  closeSegment(c, va);
  slotNow = slot;
  pageNow = page;
  offNow = off;
  if (++turns < TURNS) return Trace.GOING;
  markSeen(page, off, off);
  tracing = false;
  return Trace.DONE;
}
