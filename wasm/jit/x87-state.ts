// The x87 register stack in a region. Registers are locals, numbered from BASE, the top of the stack when the
// region was entered (or its handler came back); at each point of the code the top is a known distance from
// there, so FXCH and the moves between registers become nothing, and any top will do at run time. An edge
// whose ends disagree stores the stack and loads it again. Around handlers that use x87 registers, and when
// the region is left, the stack goes to Cpu.
//
// Empty registers, exceptions that are not masked, EM, TS and a pending #MF lead out of the region before
// anything is committed, and the interpreter does the instruction. The pointers FIP and FDP are what the last
// instruction has put into locals, stored with the rest (SDM vol. 1 8.1.8).

import { Cr0 } from "../cpu/mode";
import { Cpu, CpuBlock, SEG_BYTES, Seg, Segment } from "../cpu/state";
import { recLen, recSeg } from "../decode/record";
import { SW } from "../fpu/f80-state";
import { Status87 } from "../interp/x87-core";
import { Global, W, access, const32, const64, get, number, op, openVoid, set, tee } from "./bytes";
import { blocks } from "./discover";
import { Exit, leaveAt } from "./exits";
import { entries, entryAt } from "./flow";
import { L, storeField } from "./locals";
import { Block, Insn, Kind, Lower, block, insnOf, lowerOp, relOf, succOf, touchesX87 } from "./map";
import { NODES, firstOf, nextOf } from "./sets";
import { placeOfInsn } from "./operands";

/** Locals, from `first`. */
export const enum X {
  /** Significands; sign and exponent (always 16 bits). */
  M = 0, S = 11,
  /** Data pointer; temporaries. */
  DP = 8, TM = 9, UM = 10,
  TS = 19, US = 20,
  /** Physical number of register 0; top of the stack from there. */
  BASE = 21, TOP = 22,
  /** Bit n = register n is empty. */
  EMPTY = 23,
  /** Status word without TOP. */
  STATUS = 24,
  /** Place of the last instruction from the start of page 0, and its segment: as nothing for none. */
  FIP = 25, SEGMENT = 26,
  /** Not 0: EM, TS or ES. Exceptions that are not masked. */
  BAD = 27, UNMASKED = 28,
  /** Exceptions of an operation; address of a register. */
  EXC = 29, AT = 30,
}
const WIDES: u32 = 11;
const NARROWS: u32 = 20;
const NOTHING: i32 = -0x80000000;
const REG_SHIFT: i32 = 4;
const ALL: u32 = 0xFF;
/** Entries whose tops fit a word of 64 bits. */
const MAX_ENTRIES: u32 = 21;
const UNKNOWN: u32 = 0xFF;

let first: u32 = 0;
/** Has the region instructions that x87-lower.ts does? */
let active: bool = false;
let used: u32 = 0;
let dirty: u32 = 0;

/**
 * What is known at the point being emitted: the top, full and empty registers, no exception pending, C1 = 0.
 */
let top: u32 = 0;
let full: u32 = 0;
let vacant: u32 = 0;
let ready: bool = false;
let c1Clear: bool = false;
/** The next loadX87 is at the start of the function. */
let atEntry: bool = false;

export function x87Wides(): u32 { return active ? WIDES : 0; }
export function x87Narrows(): u32 { return active ? NARROWS : 0; }
export function forgetX87(): void {
  used = 0;
  dirty = 0;
}
export function getX(n: u32): void { get(first + n); }
export function setX(n: u32): void { set(first + n); }
export function teeX(n: u32): void { tee(first + n); }
export function getGlobal(n: Global): void { op(W.GLOBAL_GET); number(n); }
export function setGlobal(n: Global): void { op(W.GLOBAL_SET); number(n); }

// Analysis -----------------------------------------------------------------------------------------------

/** By how much the top moves: the row's movement (tools/isa-gen/x87-rows.ts). */
function movement(i: Insn): u32 {
  const n = (i.lowering >> 27) & 3;
  return n == 1 ? 7 : n == 0 ? 0 : n - 1;
}

/** Top behind a block; marks that the region has x87 code. */
function transfer(b: Block): u32 {
  let at = b.at;
  let t = b.x87In;
  for (let n: u32 = 0; n < b.count; n++) {
    const i = insnOf(at);
    if (touchesX87(i)) t += movement(i);
    if (lowerOp(i) == Lower.X87) active = true;
    at += recLen(changetype<usize>(i));
  }
  return t & 7;
}

/** Give the top `t` to a node that has none; true if so. */
function assign(n: u32, t: u32): bool {
  if (n == 0 || block(n).x87In != UNKNOWN) return false;
  block(n).x87In = t;
  return true;
}

function propagate(): void {
  for (let changed = true; changed;) {
    changed = false;
    for (let n: u32 = 1; n <= blocks; n++) {
      const b = block(n);
      if (b.x87In == UNKNOWN) continue;
      const t = transfer(b);
      for (let y = firstOf(succOf(b)); y < NODES; y = nextOf(succOf(b), y + 1)) changed = assign(y, t)
        || changed;
    }
  }
}

/** A node without known predecessor: the return site of a call elsewhere has the top of the call. */
function assignSite(): bool {
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    if (b.x87In != UNKNOWN && assign(b.site, transfer(b))) return true;
  }
  for (let n: u32 = 1; n <= blocks; n++) if (assign(n, 0)) return true;
  return false;
}

/** All handlers after all: the region has too many entries. */
function useHandlers(): void {
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    let at = b.at;
    for (let k: u32 = 0; k < b.count; k++) {
      const i = insnOf(at);
      if (lowerOp(i) == Lower.X87) i.kind = Kind.HELPER;
      at += recLen(changetype<usize>(i));
    }
  }
  active = false;
}

/** The top of the stack at the start of every block, from the head's. */
export function solveX87(): void {
  active = false;
  for (let n: u32 = 1; n <= blocks; n++) block(n).x87In = UNKNOWN;
  assign(entryAt(0), 0);
  do {
    propagate();
  } while (assignSite());
  if (active && entries > MAX_ENTRIES) useHandlers();
}

// The point being emitted --------------------------------------------------------------------------------

function know(t: u32): void {
  top = t;
  full = 0;
  vacant = 0;
  ready = false;
  c1Clear = false;
}
export function keepX87(): u32 {
  return top | full << 8 | vacant << 16 | u32(ready) << 24 | u32(c1Clear) << 25;
}
export function restoreX87(kept: u32): void {
  top = kept & 7;
  full = (kept >> 8) & ALL;
  vacant = (kept >> 16) & ALL;
  ready = ((kept >> 24) & 1) != 0;
  c1Clear = ((kept >> 25) & 1) != 0;
}
/** At the start of the function, whose locals from `local` on are ours. */
export function beginX87(local: u32): void {
  first = local;
  atEntry = true;
  know(block(entryAt(0)).x87In);
}
/** At the start of a block that several edges lead to. */
export function enterX87(b: Block): void { know(b.x87In); }
/** On an edge. */
export function moveX87(to: Block): void {
  if (!active || to.x87In == top) return;
  spillX87();
  know(to.x87In);
  loadX87();
}
/** Behind the call of a handler that may use the stack. */
export function movedByHandler(i: Insn): void {
  know((top + (touchesX87(i) ? movement(i) : 0)) & 7);
}

// To Cpu and back ----------------------------------------------------------------------------------------

/** Push the address of register n less CpuBlock.X87. */
function pushRegister(n: u32): void {
  getX(X.BASE);
  const32(n);
  op(W.I32_ADD);
  const32(7);
  op(W.I32_AND);
  const32(REG_SHIFT);
  op(W.I32_SHL);
  get(L.C);
  op(W.I32_ADD);
}

function loadWord(field: usize): void {
  get(L.C);
  access(W.I32_LOAD, 2, <u32>field);
}

/** Push EMPTY turned by BASE: right when it comes from Cpu, left when it goes there. */
function pushTurned(left: bool): void {
  if (left) getX(X.EMPTY);
  else loadWord(offsetof<Cpu>("fpuEmpty"));
  const32(0x101);
  op(W.I32_MUL);
  if (left) const32(8);
  getX(X.BASE);
  if (left) op(W.I32_SUB);
  op(W.I32_SHR_U);
  const32(ALL);
  op(W.I32_AND);
}

/** The tops at the entries, three bits each: push that of ENTRY. */
function pushEntryTop(): void {
  let all: u64 = 0;
  let same = true;
  for (let k: u32 = 0; k < entries; k++) {
    const t = block(entryAt(k)).x87In;
    all |= <u64>t << (k * 3);
    if (t != block(entryAt(0)).x87In) same = false;
  }
  if (same) {
    const32(block(entryAt(0)).x87In);
    return;
  }
  const64(<i64>all);
  get(L.ENTRY);
  const32(3);
  op(W.I32_MUL);
  op(W.I64_EXTEND_U);
  op(W.I64_SHR_U);
  op(W.I32_WRAP);
  const32(7);
  op(W.I32_AND);
}

/** The stack from Cpu; its top is what is known of it here. */
export function loadX87(): void {
  if (!active) return;
  if (atEntry) pushEntryTop();
  else const32(top);
  atEntry = false;
  setX(X.TOP);
  loadWord(offsetof<Cpu>("fpuTop"));
  getX(X.TOP);
  op(W.I32_SUB);
  const32(7);
  op(W.I32_AND);
  setX(X.BASE);
  pushTurned(false);
  setX(X.EMPTY);
  for (let n: u32 = 0; n < 8; n++) {
    if (!(used & (1 << n))) continue;
    pushRegister(n);
    teeX(X.AT);
    access(W.I64_LOAD, 3, CpuBlock.X87);
    setX(X.M + n);
    getX(X.AT);
    access(W.I32_LOAD16_U, 1, CpuBlock.X87 + 8);
    setX(X.S + n);
  }
  loadControl();
}

function loadControl(): void {
  const32(NOTHING);
  setX(X.FIP);
  const32(NOTHING);
  setX(X.SEGMENT);
  loadWord(offsetof<Cpu>("fpuStatus"));
  teeX(X.STATUS);
  const32(Status87.ES);
  op(W.I32_AND);
  loadWord(offsetof<Cpu>("cr0"));
  const32(<i32>(Cr0.EM | Cr0.TS));
  op(W.I32_AND);
  op(W.I32_OR);
  setX(X.BAD);
  loadWord(offsetof<Cpu>("fpuControl"));
  takeControl();
  const32(0);
  setGlobal(Global.NARROW);
}

/** Pop the control word in force. */
export function takeControl(): void {
  teeX(X.AT);
  setGlobal(Global.CONTROL);
  getX(X.AT);
  const32(-1);
  op(W.I32_XOR);
  const32(Status87.EXCEPTIONS);
  op(W.I32_AND);
  setX(X.UNMASKED);
}

/** Push the physical number of the top. */
export function pushTop(): void {
  getX(X.BASE);
  getX(X.TOP);
  op(W.I32_ADD);
  const32(7);
  op(W.I32_AND);
}

/** The stack to Cpu. */
export function spillX87(): void {
  if (!active) return;
  for (let n: u32 = 0; n < 8; n++) {
    if (!(dirty & (1 << n))) continue;
    pushRegister(n);
    teeX(X.AT);
    getX(X.M + n);
    access(W.I64_STORE, 3, CpuBlock.X87);
    getX(X.AT);
    getX(X.S + n);
    op(W.I64_EXTEND_U);
    access(W.I64_STORE, 3, CpuBlock.X87 + 8);
  }
  get(L.C);
  pushTop();
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("fpuTop"));
  get(L.C);
  pushTurned(true);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("fpuEmpty"));
  storeField(offsetof<Cpu>("fpuStatus"), first + X.STATUS, false);
  spillPointers();
}

function spillPointers(): void {
  getX(X.FIP);
  const32(NOTHING);
  op(W.I32_NE);
  openVoid(W.IF);
  get(L.C);
  get(L.IP);
  getX(X.FIP);
  op(W.I64_EXTEND_S);
  op(W.I64_ADD);
  get(L.C);
  access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("ipMask"));
  op(W.I64_AND);
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("fpuIp"));
  get(L.C);
  get(L.C);
  access(W.I32_LOAD16_U, 1, <u32>(CpuBlock.SEGMENTS + Seg.CS * SEG_BYTES + offsetof<Segment>("selector")));
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("fpuCs"));
  op(W.END);
  getX(X.SEGMENT);
  const32(NOTHING);
  op(W.I32_NE);
  openVoid(W.IF);
  storeField(offsetof<Cpu>("fpuDp"), first + X.DP, true);
  get(L.C);
  get(L.C);
  getX(X.SEGMENT);
  op(W.I32_ADD);
  access(W.I32_LOAD16_U, 1, <u32>(CpuBlock.SEGMENTS + offsetof<Segment>("selector")));
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("fpuDs"));
  op(W.END);
}

// Registers ----------------------------------------------------------------------------------------------

/** Number of ST(i). */
export function st(i: u32): u32 { return (top + i) & 7; }

export function getM(n: u32): void {
  used |= 1 << n;
  getX(X.M + n);
}
export function getS(n: u32): void {
  used |= 1 << n;
  getX(X.S + n);
}
/** Pop the significand, or sign and exponent. */
export function setM(n: u32): void {
  used |= 1 << n;
  dirty |= 1 << n;
  setX(X.M + n);
}
export function setS(n: u32): void {
  used |= 1 << n;
  dirty |= 1 << n;
  setX(X.S + n);
}
/** Pop sign and exponent, then the significand. */
export function setPair(n: u32): void {
  setS(n);
  setM(n);
}
export function getPair(n: u32): void {
  getM(n);
  getS(n);
}

/** An x87 instruction may begin: no #NM, no #MF. */
export function needReady(i: Insn): void {
  if (ready) return;
  getX(X.BAD);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  ready = true;
}
/** The registers of `mask` must be in use. */
export function needFull(i: Insn, mask: u32): void {
  const ask = mask & ~full;
  if (ask == 0) return;
  getX(X.EMPTY);
  const32(ask);
  op(W.I32_AND);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  full |= mask;
}
/** Room for a push. */
export function needRoom(i: Insn): void {
  const bit: u32 = 1 << st(7);
  if (vacant & bit) return;
  getX(X.EMPTY);
  const32(bit);
  op(W.I32_AND);
  op(W.I32_EQZ);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  vacant |= bit;
}

/** Register n is in use now. */
export function markFull(n: u32): void {
  const bit: u32 = 1 << n;
  vacant &= ~bit;
  if (full & bit) return;
  full |= bit;
  getX(X.EMPTY);
  const32(~bit);
  op(W.I32_AND);
  setX(X.EMPTY);
}
export function markVacant(n: u32): void {
  const bit: u32 = 1 << n;
  full &= ~bit;
  if (vacant & bit) return;
  vacant |= bit;
  getX(X.EMPTY);
  const32(bit);
  op(W.I32_OR);
  setX(X.EMPTY);
}

/** Move the top by n. */
export function turn(n: u32): void {
  top = (top + n) & 7;
  const32(top);
  setX(X.TOP);
}
export function pushStack(): void {
  turn(7);
  markFull(st(0));
}
export function popStack(): void {
  markVacant(st(0));
  turn(1);
}

// Status and pointers ------------------------------------------------------------------------------------

/** The bits of `mask` in STATUS become those of the i32 on the stack, if `some`, else 0. */
export function replaceStatus(mask: u32, some: bool): void {
  if (some) setX(X.EXC);
  getX(X.STATUS);
  const32(~mask);
  op(W.I32_AND);
  if (some) {
    getX(X.EXC);
    op(W.I32_OR);
  }
  setX(X.STATUS);
}

/** The exceptions in EXC, with C1 instead of the old one. */
export function addExceptions(): void {
  getX(X.EXC);
  replaceStatus(SW.C1, true);
  c1Clear = false;
}
export function clearC1(): void {
  if (!c1Clear) replaceStatus(SW.C1, false);
  c1Clear = true;
}

/** The condition codes in US beside the exceptions in EXC; C1 = 0. */
export function setConditions(): void {
  getX(X.US);
  getX(X.EXC);
  op(W.I32_OR);
  replaceStatus(Status87.CC, true);
  c1Clear = true;
}

/** Leave when an operation had exceptions that are not masked: EXC. */
export function checkExceptions(i: Insn): void {
  getGlobal(Global.EXCEPTIONS);
  teeX(X.EXC);
  getX(X.UNMASKED);
  op(W.I32_AND);
  leaveAt(placeOfInsn(i), Exit.OTHER);
}

/** The instruction pointer of an instruction that keeps it. */
export function noteCode(i: Insn): void {
  const32(<i32>relOf(placeOfInsn(i)));
  setX(X.FIP);
}
/** The data pointer: the operand's address is in VA. */
export function noteData(i: Insn): void {
  get(L.VA);
  setX(X.DP);
  const32(recSeg(changetype<usize>(i)) * SEG_BYTES);
  setX(X.SEGMENT);
}
