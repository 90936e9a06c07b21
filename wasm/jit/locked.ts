// LOCKed read-modify-writes, XCHG, XADD and CMPXCHG on memory (SDM vol. 2; vol. 3A 9.1) as WebAssembly
// atomics (threads proposal: 0xFE, sub-opcode, memory argument). What the write table of the TLB has is plain
// RAM. The atomics demand natural alignment: an operand without it is left to the interpreter, which knows
// how to lock it. NEG, ADC and SBB have no atomic of their own and call their handlers.

import { RAX } from "../cpu/state";
import { RecFlag, recFlags, recOpSize, recReg, recRm } from "../decode/record";
import { W, atomicAccess, const32, constant, get, op, set, sized } from "./bytes";
import { bitToCarry, pushBitMask, pushBitNumber } from "./bits";
import { Exit, leaveAt } from "./exits";
import { isBitTest, localA, localB, localResult, saveCarry, usesMemory } from "./flags";
import { L, Size, extend, popReg, pushReg, tempA, tempB } from "./locals";
import { Insn, Kind, Lower, Place, lowerOp, lowerPlace } from "./map";
import { arithmetic, placeOfInsn, pushSource, translate, translateBit } from "./operands";

/** Sub-opcodes of the 32-bit form; 64 bits, 8 and 16 bits of 32 follow. */
const enum Atomic { ADD = 0x1E, SUB = 0x25, AND = 0x2C, OR = 0x33, XOR = 0x3A, XCHG = 0x41, CMPXCHG = 0x48 }

/** Can wasm atomics do it? `o`: its Lower. */
export function isAtomic(r: usize, o: u32, place: u32): bool {
  const memory = (recFlags(r) & RecFlag.MEM) != 0;
  if (o == Lower.XCHG) return true;
  if (o == Lower.XADD || o == Lower.CMPXCHG) return memory;
  return memory && (place == Place.EG || place == Place.EI || place == Place.E)
    && ((o >= <u32>Lower.ADD && o <= <u32>Lower.DEC) || o == Lower.NOT
      || (o >= <u32>Lower.BTS && o <= <u32>Lower.BTC));
}

/** It is lowered here. */
export function isLocked(i: Insn): bool {
  const o = lowerOp(i);
  return i.kind == Kind.NATIVE && ((recFlags(changetype<usize>(i)) & RecFlag.LOCK) != 0
    || (o >= Lower.XCHG && o <= Lower.CMPXCHG));
}

/** The operation at HOST; operands are on the stack, the old value comes, sign-extended. */
function atomic_(code: Atomic, size: u32): void {
  const form: u32 = size == Size.QWORD ? 1 : size == Size.DWORD ? 0 : size + 2;
  atomicAccess(<u32>code + form, size);
  extend(size);
}

/** The host address, or leave: when it is not in the write table, and when it is not aligned. */
function translateAligned(i: Insn, size: u32): void {
  if (isBitTest(lowerOp(i)) && lowerPlace(i) == Place.EG) translateBit(i, size, true);
  else translate(i, size, true);
  if (size == Size.BYTE) return;
  get(L.HOST);
  const32((1 << size) - 1);
  op(W.I32_AND);
  leaveAt(placeOfInsn(i), Exit.OTHER);
}

function lowerXchg(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  if (usesMemory(i)) {
    get(L.HOST);
    pushReg(recReg(r), size);
    atomic_(Atomic.XCHG, size);
  } else {
    const a = tempA(size);
    pushReg(recRm(r), size);
    set(a);
    pushReg(recReg(r), size);
    popReg(recRm(r), size);
    get(a);
  }
  popReg(recReg(r), size);
}

/** old = m, m += reg, reg = old; the flags are those of the addition. */
function lowerXadd(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  pushReg(recReg(r), size);
  set(localB(size));
  get(L.HOST);
  get(localB(size));
  atomic_(Atomic.ADD, size);
  set(localA(size));
  get(localA(size));
  popReg(recReg(r), size);
}

/** As an unsigned number of its size: what an atomic of 8 or 16 bits compares with. */
function maskNarrow(size: u32): void {
  if (size > <u32>Size.WORD) return;
  const32(size == Size.BYTE ? 0xFF : 0xFFFF);
  op(W.I32_AND);
}

/** The flags are those of accumulator - old; the accumulator changes only when they differ. */
function lowerCmpxchg(i: Insn, size: u32): void {
  const r = changetype<usize>(i);
  const wide = size == Size.QWORD;
  pushReg(RAX, size);
  set(localA(size));
  get(L.HOST);
  get(localA(size));
  maskNarrow(size);
  pushReg(recReg(r), size);
  atomic_(Atomic.CMPXCHG, size);
  set(localB(size));
  if (size != Size.DWORD) {
    get(localB(size));
    popReg(RAX, size);
    return;
  }
  // A success keeps the upper half of RAX.
  get(localB(size));
  op(W.I64_EXTEND_U);
  pushReg(RAX, Size.QWORD);
  get(localA(size));
  get(localB(size));
  sized(W.I32_NE, wide);
  op(W.SELECT);
  popReg(RAX, Size.QWORD);
}

/** BTS BTR BTC; CF is the old bit. */
function lowerBitUpdate(i: Insn, size: u32): void {
  const o = lowerOp(i);
  const a = tempA(size);
  const n = tempB(size);
  pushBitNumber(i, size);
  set(n);
  get(L.HOST);
  pushBitMask(o, n, size);
  atomic_(o == Lower.BTS ? Atomic.OR : o == Lower.BTR ? Atomic.AND : Atomic.XOR, size);
  set(a);
  if (i.flagsLive) bitToCarry(a, n, size);
}

function atomicOf(o: Lower): Atomic {
  switch (o) {
    case Lower.ADD: case Lower.INC: return Atomic.ADD;
    case Lower.SUB: case Lower.DEC: return Atomic.SUB;
    case Lower.AND: return Atomic.AND;
    case Lower.OR: return Atomic.OR;
    default: return Atomic.XOR;
  }
}

/** ADD OR AND SUB XOR with a register or an immediate, INC DEC NOT. */
function lowerUpdate(i: Insn, size: u32): void {
  const o = lowerOp(i);
  const wide = size == Size.QWORD;
  const live = i.flagsLive != 0 && o != Lower.NOT;
  const one = lowerPlace(i) == Place.E;
  const a = localA(size);
  const b = localB(size);
  if (live && (o == Lower.INC || o == Lower.DEC)) saveCarry();
  if (!one) {
    pushSource(i, size);
    set(b);
  }
  get(L.HOST);
  if (one) constant(o == Lower.NOT ? -1 : 1, wide);
  else get(b);
  atomic_(atomicOf(o), size);
  if (!live) {
    op(W.DROP);
    return;
  }
  set(a);
  if (o == Lower.ADD || o == Lower.SUB || one) return;
  get(a);
  get(b);
  sized(arithmetic(o), wide);
  set(localResult(size));
}

/** Emit one of them; registers and flags change behind the look-up that can leave. */
export function lowerLocked(i: Insn): void {
  const size = recOpSize(changetype<usize>(i));
  if (usesMemory(i)) translateAligned(i, size);
  switch (lowerOp(i)) {
    case Lower.XCHG: lowerXchg(i, size); break;
    case Lower.XADD: lowerXadd(i, size); break;
    case Lower.CMPXCHG: lowerCmpxchg(i, size); break;
    case Lower.BTS: case Lower.BTR: case Lower.BTC: lowerBitUpdate(i, size); break;
    default: lowerUpdate(i, size);
  }
}
