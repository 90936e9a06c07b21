// One look-up in the software TLB for several accesses. Along a path without joins each general register has
// a name for its value and a distance from it: PUSH, POP, ADD of a constant, LEA and MOV only change the
// distance. Accesses through the same values that lie within SPAN bytes form a group. Its first access looks
// all of them up, as a window that must not cross a page's end; the others add a constant to the host
// address.
//
// Nothing else changes: between two polls only this CPU changes its TLB, and it does so in handlers and in
// the few instructions behind which groups are forgotten; a store that would change code is not in the write
// table, so it leaves at the group's first access. An access of a group cannot fault when its window is
// mapped, because the whole page is.
//
// The first of the two emission passes finds the windows, the second one emits by them. A window that crosses
// a page's end leaves the region although each access would not. Where that happens often the place is
// marked, and the region is made anew without a group there (noteMiss).

import { Cpu, CpuBlock, RegOffset, SEG_BYTES, Seg } from "../cpu/state";
import { RecFlag, recFlags, recOff, recSeg } from "../decode/record";
import { PAGE_BYTES } from "../lib/layout";
import { ea } from "../mmu/access";
import { tlbLookup } from "../mmu/tlb";
import { L } from "./locals";
import { Insn, PageField, lookupRoom, pageAt } from "./map";

/** Bytes of a window: the larger, the more often it crosses a page's end. */
const SPAN: i32 = 256;
/** Groups that are alive at the same time, each with a local for its host address. */
export const GROUPS: u32 = 6;
const REGS: u32 = 16;
const RSP: u32 = 4;

/** Insn.window: who leads a group, where it begins (bytes before the access) and ends (behind its start). */
const enum Window { LEADS = 1, SHARED = 2, WRITES = 4, BEFORE_SHIFT = 8, AFTER_SHIFT = 20, MASK = 0xFFF }

/** What a register holds: distance (i32) from the value with this name (u32). */
const enum Known { NAME = 0, DISTANCE = 4, BYTES = 8 }
/** A group: names of base and index, scale and segment, distance of its leader, the leader, its block. */
const enum Group { BASE = 0, INDEX = 4, FORM = 8, DISTANCE = 12, LEADER = 16, BLOCK = 20, BYTES = 24 }
const NO_BASE: u32 = 0;
const IP_BASE: u32 = 1;
const FIRST_NAME: u32 = 2;
/** The room: registers, groups; copies of both at branches; places of windows that cross. */
const STATE_BYTES: u32 = REGS * Known.BYTES + GROUPS * Group.BYTES;
const COPIES: u32 = 24;
const CROSSINGS_AT: u32 = STATE_BYTES * (COPIES + 1);
const CROSSINGS: u32 = 512;
const enum Crossing { KEY = 0, COUNT = 4, BYTES = 8 }
/** Weight of a window that crossed, and of one that may have; a region is made anew at this sum. */
const SURE: u32 = 8;
const LIKELY: u32 = 1;
const CROSSED: u32 = 4096;
export const LOOKUP_BYTES: u32 = CROSSINGS_AT + CROSSINGS * Crossing.BYTES;

let recording: bool = false;
let lastName: u32 = FIRST_NAME;
let nextGroup: u32 = 0;
let copies: u32 = 0;
let blockNow: u32 = 0;
/** Where the access is that was looked up last: a local with a host address, and bytes behind it. */
export let hostLocal: u32 = L.HOST;
export let hostOffset: u32 = 0;
/** Of the window that the access leads: bytes before it, and its length; 0 = it leads none. */
export let windowBefore: i32 = 0;
export let windowBytes: i32 = 0;
export let windowWrites: bool = false;

// @ts-ignore: decorator
@inline
function known(n: u32): usize { return lookupRoom() + n * Known.BYTES; }
// @ts-ignore: decorator
@inline
function group(n: u32): usize { return lookupRoom() + REGS * Known.BYTES + n * Group.BYTES; }

export function hostIs(local: u32, offset: u32): void {
  hostLocal = local;
  hostOffset = offset;
}

/** Forget where windows crossed a page's end. */
export function forgetCrossings(): void {
  memory.fill(lookupRoom() + CROSSINGS_AT, 0, CROSSINGS * Crossing.BYTES);
}

/** A pass begins. */
export function beginLookups(first: bool): void {
  recording = first;
  lastName = FIRST_NAME;
  nextGroup = 0;
  copies = 0;
  forgetLookups();
}

/** Nothing is known: at joins and loops. */
export function forgetLookups(): void {
  for (let n: u32 = 0; n < REGS; n++) touchReg(n);
  forgetGroups();
}
/** Mappings may be others. */
export function forgetGroups(): void {
  for (let n: u32 = 0; n < GROUPS; n++) store<u32>(group(n), 0, Group.LEADER);
}
export function lookupsInBlock(x: u32): void { blockNow = x; }

/** The state at a branch, of which each way begins with a copy. */
export function saveLookups(): void {
  if (copies < COPIES) memory.copy(lookupRoom() + (copies + 1) * STATE_BYTES, lookupRoom(), STATE_BYTES);
  copies++;
}
export function restoreLookups(): void {
  copies--;
  if (copies < COPIES) memory.copy(lookupRoom(), lookupRoom() + (copies + 1) * STATE_BYTES, STATE_BYTES);
  else forgetLookups();
}

// Registers ----------------------------------------------------------------------------------------------

/** Register n has a new value. */
export function touchReg(n: u32): void {
  store<u32>(known(n), ++lastName, Known.NAME);
  store<i32>(known(n), 0, Known.DISTANCE);
}
/** What register n holds, for moveReg. */
export function nameOf(n: u32): u64 { return load<u64>(known(n)); }
/** Register n is `more` bytes behind what nameOf gave. */
export function moveReg(n: u32, name: u64, more: i64): void {
  const distance = <i64><i32>(name >> 32) + more;
  if (<i64><i32>distance != distance) return;
  store<u32>(known(n), <u32>name, Known.NAME);
  store<i32>(known(n), <i32>distance, Known.DISTANCE);
}

// Accesses -----------------------------------------------------------------------------------------------

/** An address: names of base and index, scale | segment << 2, distance. */
let base: u32 = 0;
let index: u32 = 0;
let form: u32 = 0;
let distance: i64 = 0;

function nameAt(at: u32): u32 {
  if (at == RegOffset.ZERO) return NO_BASE;
  return at == RegOffset.IP_BASE ? IP_BASE : load<u32>(known(at >> 3), Known.NAME);
}
function distanceAt(at: u32): i64 {
  return at == RegOffset.ZERO || at == RegOffset.IP_BASE ? 0 : <i64>load<i32>(known(at >> 3), Known.DISTANCE);
}
/** The address of the access: base, index << scale, `more`, in a segment. */
export function addressIs(baseAt: u32, indexAt: u32, scale: u32, segment: u32, more: i64): void {
  base = nameAt(baseAt);
  index = nameAt(indexAt);
  form = scale | segment << 2;
  distance = distanceAt(baseAt) + (distanceAt(indexAt) << <i64>scale) + more;
}

function windowOf(i: Insn, bits: Window): i32 { return <i32>(i.window >> <u32>bits & Window.MASK); }
function setWindow(i: Insn, before: i32, after: i32, bits: u32): void {
  i.window = bits | <u32>before << Window.BEFORE_SHIFT | <u32>after << Window.AFTER_SHIFT;
}
function bitsOf(i: Insn): u32 { return i.window & ((1 << Window.BEFORE_SHIFT) - 1); }

/** May group g take the access up? In the first pass its window grows for it. */
function takes(g: usize, bytes: i32, write: bool): bool {
  if (load<u32>(g, Group.BASE) != base || load<u32>(g, Group.INDEX) != index
    || load<u32>(g, Group.FORM) != form) return false;
  const leader = changetype<Insn>(load<u32>(g, Group.LEADER));
  const here = distance - <i64>load<i32>(g, Group.DISTANCE);
  if (here < -SPAN || here > SPAN) return false;
  const writes = (bitsOf(leader) & Window.WRITES) != 0;
  const from = max(windowOf(leader, Window.BEFORE_SHIFT), <i32>-here);
  const to = max(windowOf(leader, Window.AFTER_SHIFT), <i32>here + bytes);
  if (!recording) {
    return (writes || !write) && from == windowOf(leader, Window.BEFORE_SHIFT)
      && to == windowOf(leader, Window.AFTER_SHIFT);
  }
  // A look-up for writing may miss where one for reading does not: only when the write is sure to come.
  if ((write && !writes && load<u32>(g, Group.BLOCK) != blockNow) || from + to > SPAN) return false;
  setWindow(leader, from, to, bitsOf(leader) | Window.SHARED | (write ? <u32>Window.WRITES : 0));
  return true;
}

/**
 * An access of instruction i at addressIs. True: hostLocal and hostOffset say where it is, nothing is to be
 * looked up. False: it must be, as the window when windowBytes is not 0, into groupLocal.
 */
export function findLookup(i: Insn, bytes: i32, write: bool): bool {
  windowBytes = 0;
  for (let n: u32 = 0; n < GROUPS; n++) {
    const g = group(n);
    const leader = load<u32>(g, Group.LEADER);
    if (leader == 0 || !takes(g, bytes, write)) continue;
    if (recording) return false;
    const first = changetype<Insn>(leader);
    hostIs(L.GROUP + n,
      <u32>(<i32>(distance - <i64>load<i32>(g, Group.DISTANCE)) + windowOf(first, Window.BEFORE_SHIFT)));
    return true;
  }
  lead(i, bytes, write);
  return false;
}

/** The access may be the first of a group. */
function lead(i: Insn, bytes: i32, write: bool): void {
  if (<i64><i32>distance != distance) return;
  if (recording ? (i.window & Window.LEADS) != 0 || isMarked(i) : (i.window & Window.LEADS) == 0) return;
  if (!recording && i == ledBy) return;
  ledBy = i;
  if (recording) setWindow(i, 0, bytes, Window.LEADS | (write ? <u32>Window.WRITES : 0));
  const n = nextGroup;
  nextGroup = n + 1 < GROUPS ? n + 1 : 0;
  const g = group(n);
  store<u32>(g, base, Group.BASE);
  store<u32>(g, index, Group.INDEX);
  store<u32>(g, form, Group.FORM);
  store<i32>(g, <i32>distance, Group.DISTANCE);
  store<u32>(g, <u32>changetype<usize>(i), Group.LEADER);
  store<u32>(g, blockNow, Group.BLOCK);
  groupLocal = L.GROUP + n;
  if (recording || !(i.window & Window.SHARED)) return;
  windowBefore = windowOf(i, Window.BEFORE_SHIFT);
  windowBytes = windowBefore + windowOf(i, Window.AFTER_SHIFT);
  windowWrites = (i.window & Window.WRITES) != 0;
}
/** The instruction whose first access leads; that of its second one does not. */
let ledBy: Insn = changetype<Insn>(0);
export let groupLocal: u32 = 0;

/** Instruction i is emitted anew. */
export function beginAccesses(i: Insn): void {
  ledBy = changetype<Insn>(0);
  if (recording) i.window = 0;
}

// Windows that cross a page's end ------------------------------------------------------------------------

function crossingOf(key: u32): usize {
  return lookupRoom() + CROSSINGS_AT + ((key ^ (key >> 9)) & (CROSSINGS - 1)) * Crossing.BYTES;
}
function isMarked(i: Insn): bool {
  const key = (load<u32>(pageAt(i.page), PageField.PHYS) << 12 | recOff(changetype<usize>(i))) + 1;
  const at = crossingOf(key);
  return load<u32>(at, Crossing.KEY) == key && load<u32>(at, Crossing.COUNT) >= CROSSED;
}

function stackTop(c: Cpu): u64 { return load<u64>(changetype<usize>(c) + RSP * 8); }
/** Linear address of a record's memory operand, or the top of the stack. */
function operandOf(c: Cpu, r: usize): u64 {
  if (!(recFlags(r) & RecFlag.MEM)) return stackTop(c);
  const far = (recFlags(r) & RecFlag.COMPLEX) != 0 && recSeg(r) >= <u32>Seg.FS;
  return ea(c, r) + (far ? load<u64>(changetype<usize>(c) + CpuBlock.SEGMENTS + recSeg(r) * SEG_BYTES) : 0);
}

/** Is the operand's page in a table, so that a look-up of it alone would not have missed? */
function hits(c: Cpu, r: usize, table: u32): bool {
  const va = operandOf(c, r);
  if (tlbLookup(table, va, 1) == 0) return false;
  return (recFlags(r) & RecFlag.MEM) != 0 || tlbLookup(table, va - 1, 1) != 0;
}

function isNearEnd(va: u64): bool {
  const low = <i32>(va & (PAGE_BYTES - 1));
  return low < SPAN || low > <i32>PAGE_BYTES - SPAN;
}
/**
 * May a region leave at record r because of a window, where its access alone would not miss? PUSH and CALL
 * through memory access the stack too, as others may for all that a record says.
 */
export function mayBeWindow(c: Cpu, r: usize): bool {
  return isNearEnd(operandOf(c, r)) || isNearEnd(stackTop(c)) || !hits(c, r, c.tlbWrite);
}

/**
 * A look-up of record r in guest page `page` has missed. True when its windows have crossed a page's end so
 * often that the region should be made anew.
 */
export function noteMiss(c: Cpu, r: usize, page: u32): bool {
  const sure = hits(c, r, c.tlbWrite);
  if (!sure && !hits(c, r, c.tlbRead)) return false;
  const key = (page << 12 | recOff(r)) + 1;
  const at = crossingOf(key);
  const n = load<u32>(at, Crossing.COUNT);
  if (load<u32>(at, Crossing.KEY) != key) {
    // A mark stays.
    if (n >= CROSSED) return false;
    store<u32>(at, key, Crossing.KEY);
    store<u32>(at, 0, Crossing.COUNT);
    return false;
  }
  if (n >= CROSSED) return false;
  store<u32>(at, n + (sure ? SURE : LIKELY), Crossing.COUNT);
  return load<u32>(at, Crossing.COUNT) >= CROSSED;
}
