// Finds the instructions and blocks that a head reaches: inside its page, and in the pages of direct jumps
// and calls that are decoded and mapped now. Decoding again (instead of reading the records) gives the row of
// each instruction, which a record does not hold. Edges to places that the recording (trace.ts) has not seen
// leave the region; where RET and indirect branches went while it ran are nodes too.

import { Cpu, Seg } from "../cpu/state";
import { decodeInsn, decodedRow } from "../decode/decoder";
import { fetchBytes, icacheFind, steadyBytes } from "../decode/icache";
import {
  RecFlag, recAddrSize, recDisp, recFlags, recImm, recLen, recOpSize, recReg, recSeg,
} from "../decode/record";
import { LOWERING } from "../gen/lowering";
import { fullFence } from "../lib/atomics";
import { markLines } from "../mmu/code-pages";
import { isRam, ramHost } from "../mmu/physmem";
import { NODES, add, empty, firstOf, has, unite } from "./sets";
import { NO_ENTRY, Reach, findEntry, isWide } from "./share";
import { edgeTarget, nextEdge, traceSeen, traceSeenAgain, walkEdges } from "./trace";
import { tlbEntry } from "../mmu/tlb";
import { isAtomic } from "./locked";
import {
  Block, Insn, Kind, Lower, MAX_BLOCKS, MAX_INSNS, MAX_PAGES, PAGE, PageField, Place, Term, block, blockAt,
  clearBlock, clearPage, code32, codeMode, gathered, insn, insnAt, insnOf, lowerClass, lowerOp, outsideList,
  pageAt, queueAt, relOf, setCode32, siteSet, succOf,
} from "./map";

const MAX_INSN: u32 = 15;
/** A RET or indirect branch may go to this many places that were recorded. */
const MAX_TARGETS: u32 = 32;
/** The near return without operand. */
const RET: u8 = 0xC3;
const NOWHERE: u32 = 0xFFFFFFFF;
/** Limits of regions that are not wide. */
const SMALL_BLOCKS: u32 = 62;
const SMALL_INSNS: u32 = 300;
const SMALL_PAGES: u32 = 8;
/** Instructions of one block: an exit can take this many back (exits.ts). */
const MAX_RUN: u32 = 400;
/** Of a function that regions hold although another begins with it. */
const LEAF_INSNS: u32 = 24;
/** log2 of the bytes of an operand. */
const DWORD: u32 = 2;
const QWORD: u32 = 3;
/** Address sizes. */
const ADDRESS32: u32 = 1;
const ADDRESS64: u32 = 2;
const LINEAR32: u64 = 0xFFFFFFFF;

/** Blocks are nodes 1 to blocks. */
export let blocks: u32 = 0;
/** Pages of the region. */
export let pages: u32 = 0;
/** The region may be large: others, which are not, do not end it, and stay for who is led there. */
export let wide: bool = false;
/** Follow edges to places that have not been executed yet. */
export let eager: bool = false;
export function setEager(on: bool): void { eager = on; }
/** Pages that the region may have. */
export let reach: Reach = Reach.ALL;
let anchor: u64 = 0;
let insns: u32 = 0;
let leaders: u32 = 0;
let queued: u32 = 0;

function record(i: Insn): usize { return changetype<usize>(i); }

/** Do address size and segment of the memory operand have inline code? */
function knowsAddress(r: usize, op: u32): bool {
  // CS can be unreadable.
  if (code32) return recAddrSize(r) == ADDRESS32 && (op == Lower.LEA || recSeg(r) != <u32>Seg.CS);
  if (!(recFlags(r) & RecFlag.COMPLEX)) return true;
  return op != Lower.LEA && recAddrSize(r) == ADDRESS64 && recSeg(r) >= <u32>Seg.FS;
}

/** Its narrow forms are their handlers': SHLD SHRD, MUL IMUL DIV IDIV of one operand. */
function isWideOnly(op: u32): bool {
  return op == Lower.SHLD || op == Lower.SHRD || op == Lower.MUL || op == Lower.IMUL_ONE || op == Lower.DIV
    || op == Lower.IDIV;
}

/** Can wasm code do it without a handler? */
function isNative(i: Insn, op: u32): bool {
  const r = record(i);
  const flags = recFlags(r);
  const locked = (flags & RecFlag.LOCK) != 0;
  if (op == 0) return false;
  if (op == Lower.NOP) return !locked;
  if (op == Lower.MOV_FROM_SEG) return !locked && (flags & RecFlag.MEM) == 0 && recReg(r) <= <u32>Seg.GS;
  if ((flags & RecFlag.MEM) != 0 && !knowsAddress(r, op)) return false;
  if (locked || (op >= <u32>Lower.XCHG && op <= <u32>Lower.CMPXCHG)) {
    return isAtomic(r, op, (i.lowering >> 12) & 15);
  }
  // Another operand size of a branch or of the stack: the handler cuts or merges.
  if ((op >= <u32>Lower.PUSH && op <= <u32>Lower.JMP_E) || op == Lower.JCC || op == Lower.JMP
    || op == Lower.PUSH_E || op == Lower.PUSHF) {
    return recOpSize(r) == (code32 ? DWORD : QWORD);
  }
  if (op == Lower.VECTOR || op == Lower.FLOAT) return true;
  // The data pointer is the offset, which is the linear address but for FS and GS.
  if (op == Lower.X87) return (flags & RecFlag.MEM) == 0 || recSeg(r) < <u32>Seg.FS;
  if (op == Lower.BSWAP || isWideOnly(op)) return recOpSize(r) >= DWORD;
  return op == Lower.ROL || op == Lower.ROR || ((i.lowering >> 12) & 15) != Place.E_CL
    || recOpSize(r) >= DWORD;
}

function classify(i: Insn, len: u32): Kind {
  if (len == 0 || decodedRow < 0) return Kind.NONE;
  i.lowering = load<u32>(LOWERING + (<usize>decodedRow << 2));
  if (isNative(i, i.lowering & 0xFF)) return Kind.NATIVE;
  return lowerClass(i.lowering) == 2 ? Kind.ENDS : Kind.HELPER;
}

/** Number of the page `delta` pages from page 0, NOWHERE when it is none of the region's. */
function pageOf(delta: i64): u32 {
  for (let k: u32 = 0; k < pages; k++) if (<i64>load<i32>(pageAt(k), PageField.DELTA) == delta) return k;
  return NOWHERE;
}

/** The same, but it becomes one if it may; not when it is not mapped, not decoded, or too much. */
function pageFor(c: Cpu, delta: i64): u32 {
  const known = pageOf(delta);
  if (known != NOWHERE || reach == Reach.PAGE || delta < -0x7000 || delta > 0x7000) return known;
  if (pages == (wide ? MAX_PAGES : SMALL_PAGES)) return NOWHERE;
  const va = anchor + <u64>(delta << 12);
  if (code32 && va > LINEAR32) return NOWHERE;
  const e = tlbEntry(c.tlbFetch, va);
  if ((load<u64>(e) ^ va) >= 4096) return NOWHERE;
  const phys = load<u32>(e, 12);
  if (!isRam(phys)) return NOWHERE;
  const slot = icacheFind(c, phys, codeMode());
  if (slot == 0) return NOWHERE;
  addPage(phys, <i32>delta, slot);
  return pages - 1;
}

function addPage(phys: u32, delta: i32, slot: u32): void {
  const p = pageAt(pages);
  store<u32>(p, phys, PageField.PHYS);
  store<i32>(p, delta, PageField.DELTA);
  store<u32>(p, slot, PageField.SLOT);
  clearPage(pages);
  pages++;
}

/** Does another region begin here, which is as large as this one? Of small ones, at any of its entries. */
function isOthers(page: u32, off: u32): bool {
  const e = findEntry(page, off, codeMode());
  return e != NO_ENTRY && (!wide || (isWide(<u32>e) && (<u32>(e >> 32) & 0xFFFF) == 0));
}

/**
 * Is this a function so short that its code once more costs less than the way to its region and back? It
 * calls nothing, and jumps forward only.
 */
function isLeaf(c: Cpu, k: u32, start: u32): bool {
  const bytes = ramHost(<u64>load<u32>(pageAt(k), PageField.PHYS) << 12);
  // Behind the region's own: it is not one of them.
  const i = insn(insns);
  i.page = k;
  let off = start;
  for (let n: u32 = 0; n < LEAF_INSNS && off < PAGE; n++) {
    const room = PAGE - off;
    const len = decodeInsn(c, steadyBytes(c, bytes + off, room), room, off, codeMode(), record(i));
    i.kind = classify(i, len);
    if (lowerOp(i) == Lower.JMP) throughThunk(c, i);
    const op = lowerOp(i);
    if (op == Lower.RET) return true;
    if (op == Lower.JCC ? recImm(record(i)) < 0 : i.kind != Kind.NATIVE || endsBlock(i)) return false;
    off += len;
  }
  return false;
}

/**
 * The place `rel` bytes from the start of page 0. `warm`: only when the recording has seen it; `called`: it
 * is a function.
 */
function placeOf(c: Cpu, rel: i64, warm: bool, called: bool = false): u32 {
  const k = pageFor(c, rel >> 12);
  if (k == NOWHERE) return NOWHERE;
  const off = <u32>rel & (PAGE - 1);
  // Another region's: the way there costs less than its code once more.
  const phys = load<u32>(pageAt(k), PageField.PHYS);
  if (warm && rel != 0 && isOthers(phys, off) && !(called && isLeaf(c, k, off))) return NOWHERE;
  if (warm && !eager && !traceSeen(phys, off)) return NOWHERE;
  return k << 12 | off;
}

/**
 * What the recording has executed again and again behind a way out of the region: {u64 address, u32 guest
 * page, u32 offset}. It is as hot as the region's head.
 */
const enum Outside { VA = 0, PAGE = 8, OFF = 12, BYTES = 16 }
const MAX_OUTSIDE: u32 = 64;
export let outside: u32 = 0;
export function forgetOutside(): void { outside = 0; }
export function outsideVa(n: u32): u64 { return load<u64>(outsideList() + n * Outside.BYTES); }
export function outsidePage(n: u32): u32 {
  return load<u32>(outsideList() + n * Outside.BYTES, Outside.PAGE);
}
export function outsideOff(n: u32): u32 { return load<u32>(outsideList() + n * Outside.BYTES, Outside.OFF); }

function noteOutside(c: Cpu, rel: i64): void {
  if (eager || outside == MAX_OUTSIDE) return;
  const va = anchor + <u64>rel;
  const e = tlbEntry(c.tlbFetch, va);
  if ((load<u64>(e) ^ va) >= 4096) return;
  const page = load<u32>(e, 12);
  const off = <u32>va & (PAGE - 1);
  if (!isRam(page) || !traceSeenAgain(page, off) || findEntry(page, off, codeMode()) != NO_ENTRY) return;
  for (let n: u32 = 0; n < outside; n++) if (outsidePage(n) == page && outsideOff(n) == off) return;
  const at = outsideList() + outside++ * Outside.BYTES;
  store<u64>(at, va);
  store<u32>(at, page, Outside.PAGE);
  store<u32>(at, off, Outside.OFF);
}

/** Take up the place `rel` bytes from the start of page 0; its node, 0 = it stays outside. */
function leadTo(c: Cpu, rel: i64, warm: bool, called: bool = false): u32 {
  const n = lead(placeOf(c, rel, warm, called));
  if (n == 0) noteOutside(c, rel);
  return n;
}

/** The node that begins at a place, made when there is room; 0 = none. */
function lead(at: u32): u32 {
  if (at == NOWHERE) return 0;
  const known = <u32>load<u8>(blockAt(at));
  if (known) return known;
  if (leaders == (wide ? MAX_BLOCKS : SMALL_BLOCKS)) return 0;
  store<u8>(blockAt(at), ++leaders);
  clearBlock(leaders);
  block(leaders).at = at;
  store<u16>(queueAt(queued++), <u16>at);
  return leaders;
}

function targetRel(i: Insn): i64 {
  return (<i64>load<i32>(pageAt(i.page), PageField.DELTA) << 12) + recDisp(record(i));
}

/**
 * A JMP to a lone RET is a RET: functions of the kernel return through a thunk, and as a region of its own it
 * would cost two transitions each time.
 */
function throughThunk(c: Cpu, i: Insn): void {
  const rel = targetRel(i);
  const k = pageFor(c, rel >> 12);
  if (k == NOWHERE) return;
  const page = load<u32>(pageAt(k), PageField.PHYS);
  const off = <u32>rel & (PAGE - 1);
  markLines(page, off, 1);
  fullFence();
  if (load<u8>(ramHost(<u64>page << 12) + off) != RET) return;
  i.lowering = (i.lowering & ~0xFF) | Lower.RET;
  i.through = 1;
}

/**
 * Where the RET or indirect branch i went while the recording ran: nodes, added to a set; 0 = take them up
 * first.
 */
function recorded(c: Cpu, i: Insn, set: usize): void {
  if (eager) return;
  let count: u32 = 0;
  walkEdges(i.from);
  while (count < MAX_TARGETS && nextEdge()) {
    const rel = <i64>(edgeTarget - anchor);
    const far = set == 0 && reach != Reach.ALL && pageOf(rel >> 12) == NOWHERE;
    if (far) noteOutside(c, rel);
    const n = far ? 0 : set ? nodeAt(rel) : leadTo(c, rel, true, lowerOp(i) == Lower.CALL_E);
    if (n == 0) continue;
    if (set) add(set, n);
    count++;
  }
}

/** Take up what follows the branch at place `at`. */
function leadOn(c: Cpu, i: Insn, at: u32, len: u32): void {
  const op = lowerOp(i);
  const next = relOf(at) + <i64>len;
  if (op == Lower.JCC) leadTo(c, next, true);
  else if (op == Lower.CALL || op == Lower.CALL_E) leadTo(c, next, false);
  if (op == Lower.JCC || op == Lower.JMP || op == Lower.CALL) {
    leadTo(c, targetRel(i), true, op == Lower.CALL);
  } else recorded(c, i, 0);
}

function endsBlock(i: Insn): bool {
  const op = lowerOp(i);
  return i.kind == Kind.NONE || i.kind == Kind.ENDS || op == Lower.JCC || op == Lower.JMP ||
    (op >= Lower.CALL && op <= Lower.JMP_E);
}

/** Decode the instruction at `off` of page k whose last bytes are in the next page; its length, 0 = not now. */
function decodeAcross(c: Cpu, k: u32, off: u32, i: Insn): u32 {
  const next = pageFor(c, (relOf(k << 12) >> 12) + 1);
  if (next == NOWHERE) return 0;
  const room = PAGE - off;
  const second = load<u32>(pageAt(next), PageField.PHYS);
  markLines(second, 0, MAX_INSN - room);
  fullFence();
  fetchBytes(c, load<u32>(pageAt(k), PageField.PHYS), off, room, gathered());
  fetchBytes(c, second, 0, MAX_INSN - room, gathered() + room);
  return decodeInsn(c, gathered(), MAX_INSN, off, codeMode(), record(i));
}

/** Decode from a leader to the next instruction that is known, or that ends a block. */
function decodeRun(c: Cpu, start: u32): void {
  const k = start >> 12;
  const page = load<u32>(pageAt(k), PageField.PHYS);
  const bytes = ramHost(<u64>page << 12);
  let off = start & (PAGE - 1);
  for (let n: u32 = 0; load<u16>(insnAt(k << 12 | off)) == 0; n++) {
    const at = k << 12 | off;
    if (n == MAX_RUN && lead(at)) return;
    if (n == MAX_RUN || insns == (wide ? MAX_INSNS : SMALL_INSNS)) {
      // Instruction 0 stands for all that had no room.
      store<u16>(insnAt(at), 1);
      noteOutside(c, relOf(at));
      return;
    }
    const i = insn(insns++);
    store<u16>(insnAt(at), <u16>insns);
    const avail = PAGE - off;
    markLines(page, off, avail < MAX_INSN ? avail : MAX_INSN);
    fullFence();
    let len = decodeInsn(c, steadyBytes(c, bytes + off, avail), avail, off, codeMode(), record(i));
    if (len == 0) len = decodeAcross(c, k, off, i);
    i.page = k;
    i.record = 0;
    i.kind = classify(i, len);
    i.through = 0;
    i.from = page << 12 | off;
    if (lowerOp(i) == Lower.JMP) throughThunk(c, i);
    if (endsBlock(i)) {
      if (i.kind == Kind.NATIVE) leadOn(c, i, at, len);
      else if (i.kind == Kind.ENDS) noteOutside(c, relOf(at) + <i64>len);
      return;
    }
    off += len;
    if (off >= PAGE) {
      leadTo(c, relOf(at) + <i64>len, false);
      return;
    }
  }
}

/** The node at `rel` if discovery made one, else 0. */
function nodeAt(rel: i64): u32 {
  const k = pageOf(rel >> 12);
  return k == NOWHERE ? 0 : load<u8>(blockAt(k << 12 | (<u32>rel & (PAGE - 1))));
}

function finishBranch(c: Cpu, n: u32, i: Insn, next: i64): void {
  const b = block(n);
  const op = lowerOp(i);
  b.term = op == Lower.JMP ? Term.JMP : op == Lower.JCC ? Term.JCC : op == Lower.CALL ? Term.CALL
    : op == Lower.RET ? Term.RET : Term.INDIRECT;
  if (op == Lower.JCC || op == Lower.JMP || op == Lower.CALL) {
    b.takenRel = targetRel(i);
    b.taken = nodeAt(b.takenRel);
  }
  else {
    recorded(c, i, succOf(b));
  }
  if (op == Lower.CALL || op == Lower.CALL_E) b.site = nodeAt(next);
  if (op == Lower.JCC) {
    b.fallRel = next;
    b.fall = nodeAt(next);
  }
}

/** Walk block n and say how it ends. */
function shape(c: Cpu, n: u32): void {
  const b = block(n);
  let at = b.at;
  b.count = 0;
  for (;;) {
    const i = insnOf(at);
    b.last = at;
    if (i.kind == Kind.NONE || i.kind == Kind.CUT) {
      b.term = i.kind == Kind.CUT ? Term.CUT : Term.EXIT;
      return;
    }
    b.count++;
    const next = relOf(at) + <i64>recLen(record(i));
    if (endsBlock(i)) {
      if (i.kind == Kind.NATIVE) finishBranch(c, n, i, next);
      else b.term = Term.OWN;
      return;
    }
    const inPage = (at & (PAGE - 1)) + recLen(record(i)) < PAGE;
    const to = nodeAt(next);
    if (to != 0 || !inPage) {
      b.term = Term.FALL;
      b.taken = to;
      b.takenRel = next;
      return;
    }
    at += recLen(record(i));
  }
}

/**
 * STI whose shadow would last over a branch or the end of the region is its handler's: the run loop executes
 * what follows alone.
 */
function guardShadow(b: Block): void {
  let at = b.at;
  for (let n: u32 = 0; n < b.count; n++) {
    const i = insnOf(at);
    at += recLen(record(i));
    if (lowerOp(i) == Lower.STI && (n + 1 == b.count || endsBlock(insnOf(at)))) i.kind = Kind.HELPER;
  }
}

/** A RET may go to any return site of the region; two comparisons cost less than leaving. */
const MAX_SITES: u32 = 4;
function findSites(): void {
  const sites = siteSet();
  empty(sites);
  let count: u32 = 0;
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    if (b.term != Term.CALL && b.term != Term.INDIRECT) continue;
    if (b.term == Term.CALL ? b.taken == 0 : firstOf(succOf(b)) == NODES) continue;
    const site = b.site;
    if (site == 0 || has(sites, site) || count == MAX_SITES) continue;
    add(sites, site);
    count++;
  }
}

/** Successors of every node. */
function connect(): void {
  findSites();
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    if (b.term == Term.RET) {
      // A long recording has seen where it goes.
      if (!wide || firstOf(succOf(b)) == NODES) unite(succOf(b), siteSet());
    } else if (b.term != Term.INDIRECT) {
      if (b.taken) add(succOf(b), b.taken);
      if (b.fall) add(succOf(b), b.fall);
    }
  }
}

/**
 * Fill the blocks that `off` of a decoded page reaches; `va` is the page's address now; `large`: the region
 * may be; `pagesOf`: those it may have. False when it is not for us.
 */
export function discover(c: Cpu, va: u64, page: u32, slot: u32, off: u32, large: bool, pagesOf: Reach): bool {
  wide = large;
  reach = pagesOf;
  clearBlock(0);
  setCode32(!c.mode64);
  anchor = va;
  blocks = 0;
  pages = 0;
  insns = 1;
  insn(0).kind = Kind.CUT;
  leaders = 0;
  queued = 0;
  addPage(page, 0, slot);
  lead(off);
  for (let q: u32 = 0; q < queued; q++) decodeRun(c, load<u16>(queueAt(q)));
  blocks = leaders;
  for (let n: u32 = 1; n <= blocks; n++) {
    shape(c, n);
    guardShadow(block(n));
  }
  connect();
  return block(1).count > 0;
}
