// Translated regions in the run loop. A hot head becomes a region: one wasm function over the blocks that it
// reaches. The decoded record of each entry is replaced by one that leaves the inner loop (Op.REGION); from
// region to region the way goes through the jump cache, which remembers functions too.

import { isFlat32 } from "../cpu/mode";
import { Cpu, Status } from "../cpu/state";
import {
  icacheDecode, icacheDropAll, icacheEnter, icacheFind, icacheFresh, icacheLead, icacheLeave, slotIndex,
    slotOfRecord,
    slotPage, slotRecords, slotVersion,
} from "../decode/icache";
import { Op, REC_SHIFT, recHandler, recImm, recOff, recOp } from "../decode/record";
import { executeFlat } from "../gen/exec-flat";
import { execute } from "../gen/exec-hot";
import { executeSegmented } from "../gen/exec-segmented";
import { fuelLeft, refuel, stoppedAt } from "../interp/branch";
import { fetchPage, goOn } from "../interp/loop";
import { Control, Option, control32 } from "../lib/control";
import { hostInstall, hostNow } from "../lib/host";
import { Count, Profile, count, countIn, countMany, setFromRegion } from "../lib/profile";
import {
  jumpFn, jumpHit, jumpIndexOf, jumpIsGlobal, jumpKey, jumpLink, jumpRecordOf, jumpRecordsOf, jumpUnlink,
  jumpWord,
} from "../mmu/jump-cache";
import { overflowed, writeHints } from "./bytes";
import { emit } from "./emit";
import {
  discover, forgetOutside, outside, outsideOff, outsidePage, outsideVa, pages, reach, setEager, wide,
} from "./discover";
import { EXIT_FLAGS, EXIT_STATUS, EXIT_WHY, Exit } from "./exits";
import { checkNow, checkStart } from "./check";
import { settleFlags } from "./exit-flags";
import { solveFlags } from "./flags";
import { analyse, entries, entryAt } from "./flow";
import { forgetRegs } from "./locals";
import { forgetCrossings, noteMiss } from "./lookups";
import { Head, forgetCounts, headOf } from "./heads";
import { PAGE, PageField, block, codeMode, codeStart, pageAt, useWork } from "./map";
import {
  install, isGlobal, makeAnew, isInstalled, mayInstall, refused, regionCount, regionFor, resetRegions,
} from "./regions";
import {
  MAX_BATCH, NO_ENTRY, NO_PLACE, batchCount, batchFirst, closeBatch, findEntry, full, isLive, isWide,
  keepDeltas, killRegion, mapEntry, mayBeEntry, newDescriptor, openBatch, pageDelta, pagePhys,
  poolMark, poolRelease, reachAt, regionBytes, regionEntries, regionMode, regionPlace, setRegionPage,
  setRegionPlace, setWide, shareBegin, shareClosing, shareEnd, shareEpoch, shareReopen, shareSeen,
} from "./share";
import {
  Trace, beginTrace, dropTrace, traceHere, traceMode, traceOff, tracePage, traceTurn, traceVa, traceWide,
    tracing,
} from "./trace";
import { solveX87 } from "./x87-state";

/**
 * Taken branches interpreted between two samples of where time goes. A prime: of a loop of three branches,
 * one of which has many targets, 3000 would see these targets only, each too rarely.
 */
const SAMPLE_BRANCHES: i32 = 2999;
/** Samples of one head before it is translated; ways out of a region that find no other. */
const SAMPLE_WEIGHT: u32 = 128;
const THRESHOLD: u32 = 4096;
/** The same where there is a region that is not installed here: that costs a tenth of making one. */
const TAKE_UP: u32 = 256;
/** Ways from region to region between two samples of where they lead; the same for a wide region. */
const LINK_SAMPLE: i32 = 509;
const WIDEN: u32 = 40960;
/** Ways from regions to interpreted code, one of which is counted, for all. A prime: as SAMPLE_BRANCHES. */
const EXIT_SAMPLE: u32 = 17;
/** In forced translation: every way that is looked at. */
const FORCED_LINKS: i32 = 5;
/** Not to be tried again. */
const REFUSED: u32 = 0xFFFF;
/** Ways from region to region or interpreter before the run loop polls. */
const TURNS: u32 = 20000;
/** Records from an entry's copy to its link. */
const LINK_BEHIND: u32 = 1;
const PAGE_MASK: u64 = ~(<u64>0xFFF);

/** Regions made by this CPU. */
export let regions: u32 = 0;
/** The epoch of the share whose regions are known here; 0 = none. */
let epoch: u32 = 0;
let forced: bool = false;
/** The next look-up is of a head that has become hot. */
let wanted: bool = false;
/** The same of one that many ways lead to. */
let widening: bool = false;
let linksLeft: i32 = LINK_SAMPLE;
let exitsLeft: u32 = EXIT_SAMPLE;
/** The entry that comes next is what its region could not do. */
let skipEntry: bool = false;
/** Some entries are checked against the interpreter. */
let checking: bool = false;

/** Does every page still hold what was decoded? Pairs with codeWritten: lines, then bytes, then this. */
function allFresh(c: Cpu): bool {
  for (let k: u32 = 0; k < pages;
    k++) if (!icacheFresh(c, load<u32>(pageAt(k), PageField.SLOT))) return false;
  return true;
}

function deltaOf(k: u32): u32 { return load<u32>(pageAt(k), PageField.DELTA); }

/** What translate has done. */
const enum Made { REFUSED = 0, REGION = 1, NOT_NOW = 2 }

/** Keep what discovery and emission have made; its number, NO_PLACE when there is no room. */
function keep(c: Cpu, bytes: u32): u32 {
  const hints = writeHints();
  if (overflowed) return NO_PLACE;
  const id = newDescriptor(codeMode(), codeStart(), bytes, hints, pages, entries, wide, reach);
  if (id == NO_PLACE) return id;
  for (let k: u32 = 0; k < pages; k++) {
    setRegionPage(id, k, slotVersion(c, load<u32>(pageAt(k), PageField.SLOT)));
  }
  for (let k: u32 = 0; k < entries; k++) {
    // A place that had no room would lead back to itself.
    setRegionPlace(id, k, block(entryAt(k)).count == 0 ? NO_PLACE : block(entryAt(k)).at);
  }
  return id;
}

/** Make every entry of the new region known to all. */
function publish(id: u32): void {
  for (let k: u32 = 0; k < entries; k++) {
    const at = regionPlace(id, k);
    if (at == NO_PLACE) continue;
    mapEntry(load<u32>(pageAt(at >> 12), PageField.PHYS), at & (PAGE - 1), codeMode(), id,
      (deltaOf(at >> 12) << 16) | k);
  }
}

/** Install the regions of a closed batch and let the interpreter find their entries. */
function takeUp(c: Cpu, first: u32, members: u32): bool {
  const begin = hostNow();
  const done = install(first, members);
  countMany(changetype<usize>(c), Count.COMPILE_NS, <u64>(hostNow() - begin));
  for (let id = first; id < first + members; id++) if (done) findable(c, id); else killRegion(id);
  if (done) count(changetype<usize>(c), Count.MODULES);
  return done;
}

/** Let the interpreter find the entries of a region in the pages that are decoded now. */
function findable(c: Cpu, id: u32): void {
  countMany(changetype<usize>(c), Count.MODULE_BYTES, regionBytes(id));
  if (!isLive(id)) return;
  for (let k: u32 = 0; k < regionEntries(id); k++) {
    const at = regionPlace(id, k);
    if (at == NO_PLACE) continue;
    const slot = icacheFind(c, pagePhys(id, at >> 12), regionMode(id));
    if (slot) patch(c, slot, at & (PAGE - 1), id, (<u32>pageDelta(id, at >> 12) << 16) | k);
  }
}

/** Let the interpreter find the entry. */
function patch(c: Cpu, slot: u32, off: u32, id: u32, word: u32): void {
  if (load<u16>(slotIndex(c, slot) + (<usize>off << 1)) == 0) icacheDecode(c, slot, off);
  if (!icacheEnter(c, slot, off, id, word) && isWide(id)) icacheLead(c, slot, off, id, word);
}

/** Ways to the entries of a wide region, page 0 of which lies at `base`, are to be found anew. */
function unlink(c: Cpu, id: u32, base: u64): void {
  for (let k: u32 = 0; k < regionEntries(id); k++) {
    const at = regionPlace(id, k);
    if (at == NO_PLACE) continue;
    jumpUnlink(c, base + <u64>(<i64>pageDelta(id, at >> 12) << 12) + (at & (PAGE - 1)));
  }
}

/** Discover and emit as the share's writer; the region's number, NO_PLACE when it is not for us. */
function make(c: Cpu, slot: u32, page: u32, off: u32, va: u64, large: bool): u32 {
  const far = reachAt(page, off, c.codeMode);
  if (!discover(c, va & PAGE_MASK, page, slot, off, large, far)) return NO_PLACE;
  analyse(large);
  const head = block(entryAt(0)).at;
  if (!large && head != off && findEntry(load<u32>(pageAt(head >> 12), PageField.PHYS), head & (PAGE - 1),
    codeMode()) != NO_ENTRY) analyse(true);
  solveX87();
  solveFlags();
  forgetRegs();
  const mark = poolMark();
  const deltas = pages > 1 ? keepDeltas(pages) : 0;
  emit(deltas, true);
  const bytes = emit(deltas, false);
  const id = overflowed || full ? NO_PLACE : keep(c, bytes);
  // Last of all: what is published holds for the versions that it names.
  if (id != NO_PLACE && allFresh(c)) {
    publish(id);
    return id;
  }
  if (id == NO_PLACE) poolRelease(mark);
  else killRegion(id);
  return NO_PLACE;
}

/** Make a region of what page offset `off` reaches; it is installed with its batch. */
function translate(c: Cpu, slot: u32, page: u32, off: u32, va: u64, large: bool): Made {
  // Pairs with allFresh; discovery adds no other page that is not.
  if (!icacheFresh(c, slot) || !shareBegin(c.id, epoch)) return Made.NOT_NOW;
  const id = make(c, slot, page, off, va, large);
  if (forced || large || openBatch() >= MAX_BATCH) closeBatch();
  shareEnd();
  if (id == NO_PLACE) return full ? Made.NOT_NOW : Made.REFUSED;
  regions++;
  count(changetype<usize>(c), Count.REGIONS);
  const members = batchCount(id);
  if (members != 0 && !takeUp(c, batchFirst(id), members)) return Made.REFUSED;
  if (large) unlink(c, id, va & PAGE_MASK);
  return Made.REGION;
}

/** Count all heads anew. */
export function forgetHeads(): void {
  epoch = 0;
}

function startWork(c: Cpu): void {
  useWork(c.id);
  forgetCounts();
  forgetCrossings();
  countMany(changetype<usize>(c), Count.REGIONS_DROPPED, <u64>regionCount);
  hostInstall(0, 0);
  resetRegions();
  icacheDropAll(c);
  epoch = shareEpoch();
  shareSeen(c.id, epoch);
  wanted = false;
  widening = false;
  skipEntry = false;
  dropTrace();
  forced = (control32(Control.OPTIONS) & Option.FORCED) != 0;
  setEager(forced);
  checking = checkStart(c);
}

/** Between two stretches of the run loop, and when the CPU wakes: no record is in use. */
export function beginSlice(c: Cpu): void {
  if (epoch != shareEpoch()) startWork(c);
  if (shareClosing()) shareReopen(c.id);
}

/**
 * The region at this place is not installed here: its batch is open, or another CPU's. Now it is hot enough.
 */
function takeUpAt(c: Cpu, slot: u32, off: u32, va: u64, e: u64): bool {
  const id = <u32>e;
  const word = <u32>(e >> 32);
  const base = (va & PAGE_MASK) - <u64>(<i64>(<i32>word >> 16) << 12);
  if (!mayInstall(c, id, base, slot)) return false;
  if (batchCount(id) == 0) {
    if (!shareBegin(c.id, epoch)) return false;
    closeBatch();
    shareEnd();
  }
  if (!takeUp(c, batchFirst(id), batchCount(id))) return false;
  count(changetype<usize>(c), Count.REGIONS_TAKEN);
  if (isWide(id)) unlink(c, id, base);
  return true;
}

/** Something is to be done at the next head, whatever it is. */
// @ts-ignore: decorator
@inline
function eventful(): bool { return tracing || widening || wanted || forced; }

/** Is the place an entry already? What is installed later leads to its region by itself (findable). */
function isEntered(c: Cpu, slot: u32, off: u32): bool {
  const n = <u32>load<u16>(slotIndex(c, slot) + (<usize>off << 1));
  return n != 0 && recOp(slotRecords(c, slot) + (<usize>n << REC_SHIFT)) == Op.REGION;
}

/** The run loop is about to execute at `off` of a decoded page, at virtual address `va`. */
export function noteHead(c: Cpu, slot: u32, page: u32, off: u32, va: u64): void {
  const sampled = fuelLeft <= 0;
  if (!sampled && !eventful() && (isEntered(c, slot, off) || !mayBeEntry(page, off))) return;
  // Asked before the map is read: entries of a share that closes may be emptied under this CPU's hands.
  const e = !shareClosing() ? findEntry(page, off, c.codeMode) : NO_ENTRY;
  if (sampled) refuel(SAMPLE_BRANCHES);
  if (tracing) {
    const here = traceHere(c);
    endTrace(c, traceTurn(c, slot, page, off, va));
    if (here) return;
  }
  if (widening) {
    widening = false;
    if (!tracing && e != NO_ENTRY) widen(c, slot, page, off, va, e);
    return;
  }
  if (e != NO_ENTRY && isInstalled(<u32>e)) {
    patch(c, slot, off, <u32>e, <u32>(e >> 32));
    return;
  }
  if (!sampled && !wanted && !forced) return;
  const h = headOf(page, off);
  const n = load<u32>(h, Head.COUNT);
  wanted = false;
  if (n >= REFUSED) return;
  const more = n + (sampled ? SAMPLE_WEIGHT : 0);
  store<u32>(h, more, Head.COUNT);
  if (e != NO_ENTRY && (more >= TAKE_UP || forced) && takeUpAt(c, slot, off, va, e)) return;
  if ((more < THRESHOLD || tracing) && !forced) return;
  if (forced) {
    makeRegion(c, h, slot, page, off, va, false);
    return;
  }
  beginTrace(c, page, off, va, false);
}

/** Many ways lead to the region of this entry: take up or begin to make a wide one. */
function widen(c: Cpu, slot: u32, page: u32, off: u32, va: u64, e: u64): void {
  const id = <u32>e;
  if (!isWide(id)) {
    if (forced) makeRegion(c, headOf(page, off), slot, page, off, va, true);
    else beginTrace(c, page, off, va, true);
  } else if (isInstalled(id)) {
    patch(c, slot, off, id, <u32>(e >> 32));
    jumpUnlink(c, va);
  } else takeUpAt(c, slot, off, va, e);
}

function makeRegion(c: Cpu, h: usize, slot: u32, page: u32, off: u32, va: u64, large: bool): void {
  const begin = hostNow();
  const made = translate(c, slot, page, off, va, large);
  if (made != Made.NOT_NOW) store<u32>(h, made == Made.REGION || large ? 0 : REFUSED, Head.COUNT);
  if (made == Made.REFUSED && large) {
    const e = findEntry(page, off, c.codeMode);
    if (e != NO_ENTRY) setWide(<u32>e);
  }
  countMany(changetype<usize>(c), Count.TRANSLATE_NS, <u64>(hostNow() - begin));
}

/** Translate the head whose recording is complete, where it is mapped and decoded as it was. */
function endTrace(c: Cpu, how: Trace): void {
  if (how == Trace.GOING) return;
  const h = headOf(tracePage, traceOff);
  store<u32>(h, 0, Head.COUNT);
  if (how == Trace.LOST) return;
  const slot = icacheFind(c, tracePage, traceMode);
  if (slot == 0 || fetchPage(c, traceVa) != <i64>tracePage) return;
  forgetOutside();
  makeRegion(c, h, slot, tracePage, traceOff, traceVa, traceWide);
  if (!traceWide) makeChain(c);
}

/** What the recording shows to be as hot as its head: where regions of it lead. */
function makeChain(c: Cpu): void {
  for (let n: u32 = 0; n < outside; n++) {
    const page = outsidePage(n);
    const off = outsideOff(n);
    const slot = icacheFind(c, page, traceMode);
    if (slot == 0 || findEntry(page, off, traceMode) != NO_ENTRY) continue;
    makeRegion(c, headOf(page, off), slot, page, off, outsideVa(n), false);
  }
}

/** A way from region to region, by record r of the entry. True when many have led there. */
function noteLink(c: Cpu, r: usize): bool {
  linksLeft = forced ? FORCED_LINKS : LINK_SAMPLE;
  const slot = slotOfRecord(c, r);
  if (recOp(r) != Op.REGION || isWide(recHandler(linkOf(r, slotRecords(c, slot))))) return false;
  const h = headOf(slotPage(c, slot), recOff(r));
  const n = load<u32>(h, Head.COUNT) + SAMPLE_WEIGHT;
  store<u32>(h, n < WIDEN ? n : WIDEN - SAMPLE_WEIGHT, Head.COUNT);
  return n >= WIDEN || forced;
}

/** One of EXIT_SAMPLE ways out of a region that led to interpreted code. True when it has become hot. */
function noteExit(c: Cpu, r: usize): bool {
  exitsLeft = EXIT_SAMPLE;
  const page = slotPage(c, slotOfRecord(c, r));
  const h = headOf(page, recOff(r));
  const before = load<u32>(h, Head.COUNT);
  if (before >= REFUSED) return false;
  const n = before + EXIT_SAMPLE;
  store<u32>(h, n < REFUSED ? n : REFUSED - 1, Head.COUNT);
  return n >= THRESHOLD || ((before ^ n) >= TAKE_UP && findEntry(page, recOff(r), c.codeMode) != NO_ENTRY);
}

// Running ------------------------------------------------------------------------------------------------

/** Decoded copy of the instruction at an entry. */
// @ts-ignore: decorator
@inline
function copyOf(r: usize, records: usize): usize { return records + (<usize>recHandler(r) << REC_SHIFT); }
// @ts-ignore: decorator
@inline
function linkOf(r: usize, records: usize): usize {
  return records + (<usize>(recHandler(r) + LINK_BEHIND) << REC_SHIFT);
}

/** Where the interpreter goes on: the inner loop's page and record. */
let nextRecord: usize = 0;
let nextIndex: usize = 0;
let nextRecords: usize = 0;
/** Offsets are linear addresses. */
let flat: bool = false;

/** The region here was refused as often as a place is left to before it is recorded: the next time counts. */
function hotNow(c: Cpu, r: usize): void {
  const h = headOf(slotPage(c, slotOfRecord(c, r)), recOff(r));
  if (load<u32>(h, Head.COUNT) < THRESHOLD) store<u32>(h, THRESHOLD, Head.COUNT);
}

/** Function behind a REGION record whose page is at c.ipBase, 0 = the copy of the instruction must do. */
function functionAt(c: Cpu, r: usize, records: usize): u32 {
  const link = linkOf(r, records);
  const fn = regionFor(c, recHandler(link), c.ipBase + recOff(r), <u32>recImm(link), slotOfRecord(c, r));
  if (fn == 0 && !isLive(recHandler(link))) {
    icacheLeave(r, records);
    if (refused) hotNow(c, r);
  }
  return fn;
}

/** The jump cache's entry of RIP, whose page is then at ipBase; 0 = the run loop must look it up. */
// @ts-ignore: decorator
@inline
function entryOfRip(c: Cpu): usize {
  const e = jumpHit(c, jumpKey(c, c.rip));
  if (e != 0) c.ipBase = c.rip & PAGE_MASK;
  return e;
}
/** The interpreter goes on at an entry of the jump cache. */
// @ts-ignore: decorator
@inline
function takeNext(e: usize): void {
  nextIndex = jumpIndexOf(e);
  nextRecords = jumpRecordsOf(e);
  nextRecord = jumpRecordOf(e);
}

/** Take up RIP in the interpreter; false when the run loop must look it up. */
function interpretAtRip(c: Cpu): bool {
  const e = entryOfRip(c);
  if (e == 0) return false;
  takeNext(e);
  if (recOp(nextRecord) == Op.REGION) nextRecord = copyOf(nextRecord, nextRecords);
  return true;
}

/**
 * Run from region to region, beginning with function `fn` at entry `word`. Returns -1 when the interpreter
 * goes on at nextRecord, else a Status. T is bool where entries may be checked, void where not.
 */
function runRegions<T>(c: Cpu, fn: u32, word: u32, attention: usize): i32 {
  for (let turn: u32 = 0; turn < TURNS; turn++) {
    if (!isVoid<T>()) checkNow(c, fn, word);
    const left = call_indirect<i32>(fn, c, <usize>word);
    if (left >= EXIT_STATUS) {
      countIn(changetype<usize>(c), Profile.EXITS, Exit.HANDLER);
      if (left == EXIT_STATUS + Status.RETRY) return Status.RETRY;
      if (!goesOn(c, left - EXIT_STATUS)) return Status.JUMP;
    } else {
      const why = left & EXIT_WHY;
      if (left != Exit.JUMP) settleFlags(c, <u32>left >> EXIT_FLAGS);
      if (why != Exit.JUMP) {
        countIn(changetype<usize>(c), Profile.EXITS, why);
        if (why == Exit.POLL || atomic.load<u32>(attention) != 0 || c.shadow != 0) return Status.JUMP;
        if (interpretAtRip(c)) {
          if (why == Exit.MISS && noteMiss(c, nextRecord, slotPage(c, slotOfRecord(c, nextRecord)))) {
            makeAnew(c, fn);
          }
          return -1;
        }
        skipEntry = true;
        return Status.JUMP;
      }
      if (atomic.load<u32>(attention) != 0) return Status.JUMP;
    }
    const e = entryOfRip(c);
    if (e == 0) {
      countIn(changetype<usize>(c), Profile.EXITS, Exit.UNKNOWN);
      return Status.JUMP;
    }
    fn = jumpFn(e);
    if (fn) {
      count(changetype<usize>(c), Count.REGION_LINKS);
      if (--linksLeft < 0 && noteLink(c, jumpRecordOf(e))) {
        widening = true;
        return Status.JUMP;
      }
      word = jumpWord(e);
      continue;
    }
    takeNext(e);
    const r = nextRecord;
    if (recOp(r) != Op.REGION) {
      countIn(changetype<usize>(c), Profile.EXITS, Exit.COLD);
      if ((--exitsLeft == 0 && noteExit(c, r)) || forced) {
        wanted = true;
        return Status.JUMP;
      }
      return -1;
    }
    const link = linkOf(r, nextRecords);
    fn = functionAt(c, r, nextRecords);
    if (fn == 0) {
      if (recOp(r) == Op.REGION) nextRecord = copyOf(r, nextRecords);
      return -1;
    }
    word = <u32>recImm(link);
    if (isGlobal(c, recHandler(link)) || !jumpIsGlobal(c, e)) jumpLink(e, fn, word);
  }
  return Status.JUMP;
}

/** The interpreter's inner loop of the code mode and segments of now. */
function interpret(c: Cpu, r: usize, index: usize, records: usize, attention: usize): i32 {
  if (c.mode64) return execute(c, r, index, records, attention);
  return flat ? executeFlat(c, r, index, records, attention)
    : executeSegmented(c, r, index, records, attention);
}

/** Behind an instruction that ended its run, or a fault: may translated code go on at once? */
function goesOn(c: Cpu, status: i32): bool {
  if (!goOn(c, status) || traceHere(c)) return false;
  flat = c.mode64 != 0 || isFlat32(c);
  return flat;
}

/** Take up what follows an interpreted stretch that ended with `status`; false when the run loop must. */
function followOn(c: Cpu, status: i32): bool {
  if (!goesOn(c, status)) return false;
  const e = entryOfRip(c);
  if (e == 0) return false;
  takeNext(e);
  return !forced || recOp(nextRecord) == Op.REGION;
}

/** Until the next taken branch, for the recording; entries of regions by their copies. */
function executeTraced(c: Cpu, r: usize, index: usize, records: usize, attention: usize): i32 {
  skipEntry = false;
  if (recOp(r) == Op.REGION) r = copyOf(r, records);
  const fuel = fuelLeft;
  refuel(1);
  const s = interpret(c, r, index, records, attention);
  refuel(fuel);
  if (s != Status.RETRY || recOp(stoppedAt) != Op.REGION) return s;
  c.rip = (c.ipBase + recOff(stoppedAt)) & c.ipMask;
  return Status.JUMP;
}

/**
 * As execute, but goes on through regions, events and system calls. 32-bit code has no regions while its
 * segments are not flat; what changes them comes back with END.
 */
export function executeRegions(c: Cpu, r: usize, index: usize, records: usize, attention: usize): i32 {
  setFromRegion(false);
  flat = c.mode64 != 0 || isFlat32(c);
  if (traceHere(c)) return executeTraced(c, r, index, records, attention);
  if (skipEntry) {
    skipEntry = false;
    if (recOp(r) == Op.REGION) r = copyOf(r, records);
  }
  for (let turn: u32 = 0; turn < TURNS; turn++) {
    const s = interpret(c, r, index, records, attention);
    if (s != Status.RETRY) {
      if (fuelLeft <= 0) return s;
      if (!followOn(c, s)) return Status.JUMP;
      r = nextRecord;
      index = nextIndex;
      records = nextRecords;
      continue;
    }
    if (recOp(stoppedAt) != Op.REGION) return s;
    const at = stoppedAt;
    const slot = slotOfRecord(c, at);
    index = slotIndex(c, slot);
    records = slotRecords(c, slot);
    const word = <u32>recImm(linkOf(at, records));
    const fn = flat ? functionAt(c, at, records) : 0;
    if (fn == 0) {
      r = recOp(at) == Op.REGION ? copyOf(at, records) : at;
      continue;
    }
    const before = c.instructions;
    // A region may return at once (vectors.ts); runRegions sees to the others that it calls.
    c.rip = c.ipBase + recOff(at);
    const left = checking ? runRegions<bool>(c, fn, word, attention)
      : runRegions<void>(c, fn, word, attention);
    setFromRegion(true);
    count(changetype<usize>(c), Count.REGION_CALLS);
    countMany(changetype<usize>(c), Count.TRANSLATED, c.instructions - before);
    if (left >= 0) return left;
    r = nextRecord;
    index = nextIndex;
    records = nextRecords;
  }
  c.rip = c.ipBase + recOff(r);
  return Status.JUMP;
}
