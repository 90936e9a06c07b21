// Operands of guest instructions in WebAssembly: addresses, the inline look-up in the software TLB, registers
// and immediates. A miss leaves the region at this instruction with nothing committed, and the interpreter
// does the rest: fill, fault, chip, code page.

import { CpuBlock, RegOffset, SEG_BYTES, Seg, Segment } from "../cpu/state";
import {
  RecFlag, recBase, recDisp, recFlags, recImm, recIndex, recLen, recOff, recReg, recRm, recScale, recSeg,
} from "../decode/record";
import { PAGE_BYTES, TLB_ENTRIES } from "../lib/layout";
import { W, access, const32, const64, constant, get, op, set, tee, unlikely } from "./bytes";
import { Exit, close, leaveAt, open } from "./exits";
import { usesMemory } from "./flags";
import { L, Size, cut32, getTlb, loadSized, popReg, pushHost, pushReg, regLocal, storeSized } from "./locals";
import {
  addressIs, findLookup, groupLocal, hostIs, hostLocal, hostOffset, windowBefore, windowBytes, windowWrites,
} from "./lookups";
import { NO_RECENT, Recent, recentPlace } from "./recent";
import { Insn, Lower, Place, code32, lowerPlace, relOf } from "./map";

/** Shift from an address to 16 times its page number. */
const SLOT_SHIFT: i32 = 8;
const SLOT_MASK: i32 = (TLB_ENTRIES - 1) << 4;
const ADDEND: u32 = 8;
const PAGE_LIMIT: i64 = 4097;
/** log2 of the 16 bytes of an aligned operand. */
const ALIGNED_SIZE: u32 = 4;
const ALIGNED_SHIFT: i64 = ALIGNED_SIZE;
const SEG_READ_END: u32 = <u32>offsetof<Segment>("readEnd");
const SEG_WRITE_END: u32 = <u32>offsetof<Segment>("writeEnd");

// Addresses ----------------------------------------------------------------------------------------------

function pushBase(at: u32): bool {
  if (at == RegOffset.ZERO) return false;
  if (at == RegOffset.IP_BASE) {
    get(L.IP);
  } else get(regLocal(at));
  return true;
}

/** Base address of FS or GS; outside of them bases are 0 in 64-bit mode. */
function addSegment(r: usize): void {
  if (!(recFlags(r) & RecFlag.COMPLEX)) return;
  get(L.C);
  access(W.I64_LOAD, 3, <u32>CpuBlock.SEGMENTS + recSeg(r) * SEG_BYTES);
  op(W.I64_ADD);
}

/**
 * FS or GS of 32-bit code, as mmu/access.ts linearBytes: the offset in VA becomes linear, or the region is
 * left when the operand is not below the segment's end. The other segments span 4 GiB from 0.
 */
function addSegment32(i: Insn, size: u32, write: bool): void {
  const r = changetype<usize>(i);
  if (recSeg(r) < <u32>Seg.FS) return;
  const at = <u32>CpuBlock.SEGMENTS + recSeg(r) * SEG_BYTES;
  get(L.C);
  access(W.I64_LOAD32_U, 2, at + (write ? SEG_WRITE_END : SEG_READ_END));
  get(L.VA);
  const64(<i64>1 << size);
  op(W.I64_ADD);
  op(W.I64_LT_U);
  leaveAt(placeOfInsn(i), Exit.MISS);
  get(L.C);
  access(W.I64_LOAD, 3, at);
  get(L.VA);
  op(W.I64_ADD);
  cut32();
  set(L.VA);
}

/** Push the effective address of 32-bit code less some bytes. */
function pushAddress32(r: usize, less: i64): void {
  let some = false;
  if (recBase(r) != RegOffset.ZERO) {
    pushReg(recBase(r), Size.DWORD);
    some = true;
  }
  if (recIndex(r) != RegOffset.ZERO) {
    pushReg(recIndex(r), Size.DWORD);
    if (recScale(r)) {
      const32(recScale(r));
      op(W.I32_SHL);
    }
    if (some) op(W.I32_ADD);
    some = true;
  }
  const disp = <i32>(recDisp(r) - less);
  if (disp != 0 || !some) {
    const32(disp);
    if (some) op(W.I32_ADD);
  }
  op(W.I64_EXTEND_U);
}

/** Put the linear address of the memory operand into VA. */
function linearAddress(i: Insn, size: u32, write: bool): void {
  pushAddress(i);
  toLinear(i, size, write);
}

/** The effective address on the stack becomes linear, in VA. */
function toLinear(i: Insn, size: u32, write: bool): void {
  if (!code32) addSegment(changetype<usize>(i));
  set(L.VA);
  if (code32) addSegment32(i, size, write);
}

/** What 64-bit code adds to base and index; to IP, the distance of the instruction's page too. */
function displacement(i: Insn): i64 {
  const r = changetype<usize>(i);
  return recDisp(r) + (recBase(r) == RegOffset.IP_BASE ? relOf(i.page << 12) : 0);
}

/** Push the effective address less some bytes. */
export function pushAddress(i: Insn, less: i64 = 0): void {
  const r = changetype<usize>(i);
  if (code32) {
    pushAddress32(r, less);
    return;
  }
  const disp = displacement(i) - less;
  let some = pushBase(recBase(r));
  if (recIndex(r) != RegOffset.ZERO) {
    get(regLocal(recIndex(r)));
    if (recScale(r)) {
      const64(recScale(r));
      op(W.I64_SHL);
    }
    if (some) op(W.I64_ADD);
    some = true;
  }
  if (disp != 0 || !some) {
    const64(disp);
    if (some) op(W.I64_ADD);
  }
}

/** Where an instruction is; the place behind it in bytes from the start of page 0. */
export function placeOfInsn(i: Insn): u32 { return i.page << 12 | recOff(changetype<usize>(i)); }
export function relBehind(i: Insn): i64 { return relOf(placeOfInsn(i)) + <i64>recLen(changetype<usize>(i)); }

/** Put the host address of the memory operand into HOST, or leave the region. */
export function translate(i: Insn, size: u32, write: bool): void {
  translateHere(i, size, write);
  if (hostLocal == L.HOST) return;
  get(hostLocal);
  const32(hostOffset);
  op(W.I32_ADD);
  set(L.HOST);
  hostIs(L.HOST, 0);
}

/** The same, and VA is its linear address. */
export function translateAlone(i: Insn, size: u32, write: bool): void {
  linearAddress(i, size, write);
  translateVa(i, size, write);
}

/** As translate, but the operand is then where pushHost, loadSized and storeSized expect it. */
export function translateHere(i: Insn, size: u32, write: bool): void {
  const r = changetype<usize>(i);
  const far = (recFlags(r) & RecFlag.COMPLEX) != 0;
  if (code32 && recSeg(r) >= <u32>Seg.FS) {
    translateAlone(i, size, write);
    return;
  }
  addressIs(recBase(r), recIndex(r), recScale(r), far && !code32 ? recSeg(r) + 1 : 0,
    displacement(i));
  if (findLookup(i, 1 << size, write)) return;
  pushAddress(i, windowBytes ? windowBefore : 0);
  toLinear(i, size, write);
  translateWindow(i, size, write);
}

/** Look up what VA leads to: the start of a window, or the operand alone. */
export function translateWindow(i: Insn, size: u32, write: bool): void {
  if (windowBytes == 0) {
    translateVa(i, size, write);
    return;
  }
  lookUp(i, PAGE_LIMIT - windowBytes, windowWrites, groupLocal);
  hostIs(groupLocal, windowBefore);
}

/** The same for the linear address in VA. */
export function translateVa(i: Insn, size: u32, write: bool): void {
  translateBytes(i, <i64>1 << size, write);
}

/** The same for the part of a bit string that holds the bit of a register's number (SDM vol. 2 "BT"). */
export function translateBit(i: Insn, size: u32, write: bool): void {
  pushAddress(i);
  pushReg(recReg(changetype<usize>(i)), size);
  if (size != Size.QWORD) op(W.I64_EXTEND_S);
  const64(<i64>size + 3);
  op(W.I64_SHR_S);
  const64(size);
  op(W.I64_SHL);
  op(W.I64_ADD);
  if (code32) cut32();
  toLinear(i, size, write);
  translateVa(i, size, write);
}

export function translateBytes(i: Insn, bytes: i64, write: bool): void {
  lookUp(i, PAGE_LIMIT - bytes, write, L.HOST);
  hostIs(L.HOST, 0);
}

/** VA's host address into a local; leave when it is not less than `limit` behind a page of the TLB. */
function lookUp(i: Insn, limit: i64, write: bool, local: u32): void {
  const place = recentPlace();
  if (place == NO_RECENT) {
    pushDistance(write);
    const64(limit);
    op(W.I64_GE_U);
    finishTranslation(i, local);
    return;
  }
  get(L.VA);
  get(L.C);
  access(W.I64_LOAD, 3, place + Recent.PAGE);
  op(W.I64_XOR);
  get(L.C);
  access(W.I64_LOAD, 3, place + Recent.LIMIT);
  op(W.I64_GE_U);
  unlikely();
  open(W.IF);
  pushDistance(write);
  const64(limit);
  op(W.I64_GE_U);
  leaveAt(placeOfInsn(i), Exit.MISS);
  rememberPage(place, limit);
  close();
  get(L.C);
  access(W.I32_LOAD, 2, place + Recent.ADDEND);
  get(L.VA);
  op(W.I32_WRAP);
  op(W.I32_ADD);
  set(local);
}

/** VA's page, whose entry of the TLB is at SLOT, is the one found last. */
function rememberPage(place: u32, limit: i64): void {
  get(L.C);
  get(L.VA);
  const64(-<i64>PAGE_BYTES);
  op(W.I64_AND);
  access(W.I64_STORE, 3, place + Recent.PAGE);
  get(L.C);
  const64(limit);
  access(W.I64_STORE, 3, place + Recent.LIMIT);
  get(L.C);
  get(L.SLOT);
  access(W.I32_LOAD, 2, ADDEND);
  access(W.I32_STORE, 2, place + Recent.ADDEND);
}

/** As translate, for 16 bytes that must be aligned: rotated, the distance is small only when they are. */
export function translateAligned(i: Insn, write: bool): void {
  linearAddress(i, ALIGNED_SIZE, write);
  pushDistance(write);
  const64(ALIGNED_SHIFT);
  op(W.I64_ROTR);
  const64(<i64>PAGE_BYTES >> ALIGNED_SHIFT);
  op(W.I64_GE_U);
  finishTranslation(i, L.HOST);
  hostIs(L.HOST, 0);
}

/** Push how far VA lies behind the page that its slot of the TLB holds. */
function pushDistance(write: bool): void {
  getTlb(write);
  get(L.VA);
  op(W.I32_WRAP);
  const32(SLOT_SHIFT);
  op(W.I32_SHR_U);
  const32(SLOT_MASK);
  op(W.I32_AND);
  op(W.I32_ADD);
  tee(L.SLOT);
  access(W.I64_LOAD, 3, 0);
  get(L.VA);
  op(W.I64_XOR);
}

/** Leave when the i32 on the stack says so; else VA's host address into a local. */
function finishTranslation(i: Insn, local: u32): void {
  leaveAt(placeOfInsn(i), Exit.MISS);
  get(L.SLOT);
  access(W.I32_LOAD, 2, ADDEND);
  get(L.VA);
  op(W.I32_WRAP);
  op(W.I32_ADD);
  set(local);
}

// Operands -----------------------------------------------------------------------------------------------

/** The destination is memory (the look-up must be for writing). */
export function destIsMemory(i: Insn): bool {
  const p = lowerPlace(i);
  return usesMemory(i) && p != Place.GE && p != Place.GEI && p != Place.VEX;
}

/** Push the r/m operand that HOST or recRm holds. */
export function pushRm(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (recFlags(r) & RecFlag.MEM) {
    pushHost();
    loadSized(size);
  } else pushReg(recRm(r), size);
}

/** Push the destination's old value. */
export function pushDest(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (lowerPlace(i) == Place.GE && usesMemory(i)) pushReg(recReg(r), size);
  else pushRm(i, size);
}

/** Push the source of a two-operand form. */
export function pushSource(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  switch (lowerPlace(i)) {
    case Place.EI: constant(size == Size.QWORD ? recImm(r) : <i64><i32>recImm(r), size == Size.QWORD); break;
    case Place.GE:
      if (usesMemory(i)) pushRm(i, size);
      else pushReg(recReg(r), size);
      break;
    default: pushReg(recReg(r), size);
  }
}

/** Pop the result into the destination. */
export function popDest(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (destIsMemory(i)) storeSized(size);
  else popReg(lowerPlace(i) == Place.GE && usesMemory(i) ? recReg(r) : recRm(r), size);
}

/** ADD OR AND SUB XOR CMP TEST of 32 bits. */
export function arithmetic(o: Lower): W {
  switch (o) {
    case Lower.ADD: return W.I32_ADD;
    case Lower.SUB: case Lower.CMP: return W.I32_SUB;
    case Lower.AND: case Lower.TEST: return W.I32_AND;
    case Lower.OR: return W.I32_OR;
    default: return W.I32_XOR;
  }
}
