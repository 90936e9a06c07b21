// The stack, near branches, and the interpreter's handlers in line. RSP changes after the last look-up that
// can leave. A handler's exit with a status has its registers in Cpu already.

import { Cpu, RAX, RBX, RCX, RDI, RDX, RSI, RegOffset } from "../cpu/state";
import { RecFlag, recBase, recFlags, recImm, recIndex, recReg, recRm } from "../decode/record";
import { Import, W, access, const32, const64, constant, get, op, set } from "./bytes";
import { Core } from "./core";
import { Exit, leaveAt, leaveBehind, leaveStatus, leaveThere, pushIp, setUncounted } from "./exits";
import { Desc, call, setFlagsNow, toDynamic, usesMemory } from "./flags";
import {
  L, Size, cut32, getGpr, loadField, loadSized, loadState, noteWritten, popReg, pushHost, pushReg, regLocal,
  reloadFe, setGpr, spillFe, spillState, storeField, storeGpr, storeSized,
} from "./locals";
import {
  Insn, Kind, Lower, code32, isPlain, isPure, lowerOp, relOf, touchesX87, usesPairs, usesStringRegs,
} from "./map";
import {
  addressIs, beginAccesses, findLookup, moveReg, nameOf, windowBefore, windowBytes,
} from "./lookups";
import { placeOfInsn, relBehind, translateHere, translateWindow } from "./operands";
import { keepRecord } from "./share";
import { reloadHelperXmm, storeHelperXmm } from "./vectors";
import { loadX87, movedByHandler, spillX87 } from "./x87-state";

const RSP: u32 = 4;
const RBP: u32 = 5;
const VM_RF: i32 = 0x30000;

// Stack and control
// ------------------------------------------------------------------------------------------

/** Size of an item: 32-bit code has a 32-bit stack here. */
function itemSize(): u32 { return code32 ? Size.DWORD : Size.QWORD; }
function itemBytes(): i64 { return <i64>1 << itemSize(); }

/** Push register + n at the width of the stack, zero-extended. */
function pushStackAddress(reg: u32, n: i64): void {
  getGpr(reg);
  if (n) {
    const64(n);
    op(W.I64_ADD);
  }
  if (code32) cut32();
}
/** Look up the item `n` bytes behind the register's address. */
function translateItem(i: Insn, reg: u32, n: i64, write: bool): void {
  addressIs(reg << 3, RegOffset.ZERO, 0, 0, n);
  if (findLookup(i, <i32>itemBytes(), write)) return;
  pushStackAddress(reg, windowBytes ? n - windowBefore : n);
  set(L.VA);
  translateWindow(i, itemSize(), write);
}
/** Look up what a push writes. */
function translatePush(i: Insn): void { translateItem(i, RSP, -itemBytes(), true); }
/** Look up the item at the register's address. */
function translateTop(i: Insn, reg: u32): void { translateItem(i, reg, 0, false); }
/** RSP or RBP + n -> RSP. */
function moveStack(from: u32, n: i64): void {
  const name = nameOf(from);
  pushStackAddress(from, n);
  setGpr(RSP);
  moveReg(RSP, name, n);
}
/** Push the branch target at HOST, zero-extended. */
function loadTarget(): void {
  pushHost();
  loadSized(itemSize());
  if (code32) op(W.I64_EXTEND_U);
}

export function lowerPush(i: Insn): void {
  const r = changetype<usize>(i);
  translatePush(i);
  if (lowerOp(i) == Lower.PUSH) pushReg(recRm(r), itemSize());
  else constant(recImm(r), !code32);
  storeSized(itemSize());
  moveStack(RSP, -itemBytes());
}

/** PUSH through modrm: both look-ups come before the store. */
export function lowerPushE(i: Insn): void {
  const value: u32 = code32 ? <u32>L.TA32 : <u32>L.TA64;
  if (usesMemory(i)) {
    translateHere(i, itemSize(), false);
    pushHost();
    loadSized(itemSize());
  } else pushReg(recRm(changetype<usize>(i)), itemSize());
  set(value);
  translatePush(i);
  get(value);
  storeSized(itemSize());
  moveStack(RSP, -itemBytes());
}

/** PUSHF, never of a virtual-8086 task (SDM vol. 2: VM and RF are pushed as 0). */
export function lowerPushFlags(i: Insn): void {
  translatePush(i);
  toDynamic();
  spillFe();
  call(Import.CORE, Core.IMAGE);
  const32(~VM_RF);
  op(W.I32_AND);
  if (!code32) op(W.I64_EXTEND_U);
  storeSized(itemSize());
  moveStack(RSP, -itemBytes());
}

export function lowerPop(i: Insn): void {
  translateTop(i, RSP);
  moveStack(RSP, itemBytes());
  pushHost();
  loadSized(itemSize());
  popReg(recRm(changetype<usize>(i)), itemSize());
}

export function lowerLeave(i: Insn): void {
  translateTop(i, RBP);
  moveStack(RBP, itemBytes());
  pushHost();
  loadSized(itemSize());
  popReg(RBP << 3, itemSize());
}

function storeReturn(i: Insn): void {
  pushIp(relBehind(i));
  if (code32) op(W.I32_WRAP);
  storeSized(itemSize());
  moveStack(RSP, -itemBytes());
}
/** Push the return address of a CALL. */
export function lowerCall(i: Insn): void {
  beginAccesses(i);
  translatePush(i);
  storeReturn(i);
}

/** The target in RIP must be canonical, or the branch itself faults: the interpreter sees to it. */
function checkTarget(i: Insn): void {
  // CS of 32-bit code ends at 4 GiB.
  if (code32) return;
  get(L.RIP);
  const64(16);
  op(W.I64_SHL);
  const64(16);
  op(W.I64_SHR_S);
  get(L.RIP);
  op(W.I64_NE);
  leaveAt(placeOfInsn(i), Exit.OTHER);
}

/** RET: its target in RIP. */
export function lowerRetTarget(i: Insn): void {
  beginAccesses(i);
  translateTop(i, RSP);
  loadTarget();
  set(L.RIP);
}
export function lowerRetRelease(i: Insn): void {
  moveStack(RSP, i.through ? itemBytes() : itemBytes() + (recImm(changetype<usize>(i)) & 0xFFFF));
}
/** RET to a place outside. */
export function lowerRetAway(i: Insn): void {
  checkTarget(i);
  lowerRetRelease(i);
  setUncounted(0);
  leaveThere(Exit.JUMP);
}

/** JMP and CALL through a register or memory: its target in RIP, and nothing is committed yet. */
export function lowerIndirect(i: Insn): void {
  const r = changetype<usize>(i);
  beginAccesses(i);
  if (usesMemory(i)) {
    translateHere(i, itemSize(), false);
    loadTarget();
  } else pushStackAddress(recRm(r) >> 3, 0);
  set(L.TA64);
  if (lowerOp(i) == Lower.CALL_E) translatePush(i);
  get(L.TA64);
  set(L.RIP);
}
/** It goes to a place of the region. */
export function lowerIndirectThere(i: Insn): void {
  if (lowerOp(i) == Lower.CALL_E) storeReturn(i);
}
/** It goes to a place outside. */
export function lowerIndirectAway(i: Insn): void {
  checkTarget(i);
  lowerIndirectThere(i);
}

// Handlers
// ---------------------------------------------------------------------------------------------------

/** Take up what a handler may have written. */
export function reloadGpr(at: u32): void {
  loadField(at & ~7, regLocal(at), true);
  noteWritten(at >> 3);
}
export function storeAddress(r: usize): void {
  if (!(recFlags(r) & RecFlag.MEM)) return;
  storeGpr(recBase(r));
  storeGpr(recIndex(r));
}
/** Push what a function of the core gives that is called for the instruction. */
export function pushHandler(i: Insn, which: Import): void {
  get(L.C);
  pushIp(relOf(i.page << 12));
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("ipBase"));
  if (i.record == 0) i.record = keepRecord(changetype<usize>(i));
  call(which, i.record);
}
function callHandler(i: Insn): void {
  pushHandler(i, Import.HELP);
  set(L.EXIT);
}

/**
 * A handler that uses the registers of its operands only: just these go to Cpu and come back, before its
 * status is looked at, because the epilogue stores the locals.
 */
function lowerPlain(i: Insn): void {
  const r = changetype<usize>(i);
  storeAddress(r);
  storeGpr(recReg(r));
  storeGpr(recRm(r));
  storeGpr(RCX);
  toDynamic();
  spillFe();
  setFlagsNow(Desc.DYNAMIC);
  callHandler(i);
  if (recReg(r) < <u32>RegOffset.ZERO) reloadGpr(recReg(r));
  if (recRm(r) < <u32>RegOffset.ZERO && !(recFlags(r) & RecFlag.MEM)) reloadGpr(recRm(r));
  reloadFe();
  leaveStatus(true);
}

/** MOVS and STOS: the flags stay where they are. */
function lowerString(i: Insn): void {
  storeGpr(RAX);
  storeGpr(RCX);
  storeGpr(RSI);
  storeGpr(RDI);
  spillFe();
  callHandler(i);
  reloadGpr(RCX);
  reloadGpr(RSI);
  reloadGpr(RDI);
  leaveStatus(true);
}

function lowerPair(i: Insn): void {
  storeAddress(changetype<usize>(i));
  for (let at = RAX; at <= RBX; at += 8) storeGpr(at);
  toDynamic();
  spillFe();
  setFlagsNow(Desc.DYNAMIC);
  callHandler(i);
  reloadGpr(RAX);
  reloadGpr(RDX);
  reloadFe();
  leaveStatus(true);
}

/** Call the interpreter's handler. Its record lies in the arena, at one address for all CPUs. */
export function lowerHelper(i: Insn): void {
  const r = changetype<usize>(i);
  if (isPlain(i) && i.kind != Kind.ENDS) {
    lowerPlain(i);
    return;
  }
  if (usesStringRegs(i)) {
    lowerString(i);
    return;
  }
  if (usesPairs(i)) {
    lowerPair(i);
    return;
  }
  const pure = isPure(i) && i.kind == Kind.HELPER;
  const stack = pure && touchesX87(i);
  if (pure) {
    storeAddress(r);
    storeHelperXmm(i);
    if (stack) spillX87();
  } else {
    toDynamic();
    spillState();
  }
  callHandler(i);
  if (touchesX87(i) || !pure) movedByHandler(i);
  if (pure) reloadHelperXmm(i);
  if (stack) loadX87();
  leaveStatus(pure);
  if (pure) return;
  if (i.kind == Kind.ENDS) {
    leaveBehind(relBehind(i));
    return;
  }
  loadState();
  setFlagsNow(Desc.DYNAMIC);
}
