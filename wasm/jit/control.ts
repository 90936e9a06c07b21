// The stack, near branches, and the interpreter's handlers in line. RSP changes after the last look-up that
// can leave. A handler's exit with a status has its registers in Cpu already.

import { Cpu, RegOffset } from "../cpu/state";
import { RecFlag, recBase, recFlags, recImm, recIndex, recReg, recRm } from "../decode/record";
import { Import, W, access, const64, get, op, set } from "./bytes";
import { Exit, leaveAt, leaveBehind, leaveStatus, leaveThere, pushIp, setUncounted } from "./exits";
import { Desc, call, setFlagsNow, toDynamic, usesMemory } from "./flags";
import {
  L, Size, dirtyRegs, getGpr, loadField, loadSized, loadState, popReg, pushReg, regLocal, reloadFe, setGpr,
  spillFe, spillRegs, storeField, storeSized,
} from "./locals";
import { Insn, Kind, Lower, isPlain, isPure, lowerOp, relOf } from "./map";
import { placeOfInsn, relBehind, translate, translateVa } from "./operands";
import { keepRecord } from "./share";
import { reloadHelperXmm, storeHelperXmm } from "./vectors";

const RSP: u32 = 4;
const RBP: u32 = 5;

// Stack and control
// ------------------------------------------------------------------------------------------

/** Look up the 8 bytes that a push writes. */
function translatePush(i: Insn): void {
  getGpr(RSP);
  const64(-8);
  op(W.I64_ADD);
  set(L.VA);
  translateVa(i, Size.QWORD, true);
}
/** Look up the 8 bytes at the register's address. */
function translateTop(i: Insn, reg: u32): void {
  getGpr(reg);
  set(L.VA);
  translateVa(i, Size.QWORD, false);
}
/** RSP or RBP + n -> RSP. */
function moveStack(from: u32, n: i64): void {
  getGpr(from);
  const64(n);
  op(W.I64_ADD);
  setGpr(RSP);
}

export function lowerPush(i: Insn): void {
  const r = changetype<usize>(i);
  translatePush(i);
  if (lowerOp(i) == Lower.PUSH) pushReg(recRm(r), Size.QWORD);
  else const64(recImm(r));
  storeSized(Size.QWORD);
  get(L.VA);
  setGpr(RSP);
}

export function lowerPop(i: Insn): void {
  translateTop(i, RSP);
  moveStack(RSP, 8);
  get(L.HOST);
  loadSized(Size.QWORD);
  popReg(recRm(changetype<usize>(i)), Size.QWORD);
}

export function lowerLeave(i: Insn): void {
  translateTop(i, RBP);
  moveStack(RBP, 8);
  get(L.HOST);
  loadSized(Size.QWORD);
  setGpr(RBP);
}

/** Push the return address of a CALL. */
export function lowerCall(i: Insn): void {
  translatePush(i);
  pushIp(relBehind(i));
  storeSized(Size.QWORD);
  get(L.VA);
  setGpr(RSP);
}

/** The target in RIP must be canonical, or the branch itself faults: the interpreter sees to it. */
function checkTarget(i: Insn): void {
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
  translateTop(i, RSP);
  get(L.HOST);
  loadSized(Size.QWORD);
  set(L.RIP);
}
export function lowerRetRelease(i: Insn): void {
  moveStack(RSP, i.through ? 8 : 8 + (recImm(changetype<usize>(i)) & 0xFFFF));
}
/** RET to a place outside. */
export function lowerRetAway(i: Insn): void {
  checkTarget(i);
  lowerRetRelease(i);
  setUncounted(0);
  leaveThere(Exit.JUMP);
}

/** JMP and CALL through a register or memory: leave for it. */
export function lowerIndirect(i: Insn): void {
  const r = changetype<usize>(i);
  if (usesMemory(i)) {
    translate(i, Size.QWORD, false);
    get(L.HOST);
    loadSized(Size.QWORD);
  } else pushReg(recRm(r), Size.QWORD);
  set(L.TA64);
  if (lowerOp(i) == Lower.CALL_E) translatePush(i);
  get(L.TA64);
  set(L.RIP);
  checkTarget(i);
  if (lowerOp(i) == Lower.CALL_E) {
    pushIp(relBehind(i));
    storeSized(Size.QWORD);
    get(L.VA);
    setGpr(RSP);
  }
  setUncounted(0);
  leaveThere(Exit.JUMP);
}
// Handlers
// ---------------------------------------------------------------------------------------------------

/** Byte offset of CL in Cpu. */
const CL: u32 = 8;

function storeGpr(at: u32): void {
  if (at >= <u32>RegOffset.ZERO || !(dirtyRegs & (1 << (at >> 3)))) return;
  storeField(at & ~7, L.GPR + (at >> 3), true);
}
/** Take up what a handler may have written. */
function reloadGpr(at: u32): void {
  loadField(at & ~7, regLocal(at), true);
  dirtyRegs |= 1 << (at >> 3);
}
function storeAddress(r: usize): void {
  if (!(recFlags(r) & RecFlag.MEM)) return;
  storeGpr(recBase(r));
  storeGpr(recIndex(r));
}

function callHandler(i: Insn): void {
  get(L.C);
  pushIp(relOf(i.page << 12));
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("ipBase"));
  if (i.record == 0) i.record = keepRecord(changetype<usize>(i));
  call(Import.HELP, i.record);
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
  storeGpr(CL);
  toDynamic();
  spillFe();
  setFlagsNow(Desc.DYNAMIC);
  callHandler(i);
  if (recReg(r) < <u32>RegOffset.ZERO) reloadGpr(recReg(r));
  if (recRm(r) < <u32>RegOffset.ZERO && !(recFlags(r) & RecFlag.MEM)) reloadGpr(recRm(r));
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
  const pure = isPure(i) && i.kind == Kind.HELPER;
  if (pure) {
    storeAddress(r);
    storeHelperXmm(i);
  } else {
    spillRegs();
    toDynamic();
  }
  callHandler(i);
  if (pure) reloadHelperXmm(i);
  leaveStatus(pure);
  if (pure) return;
  if (i.kind == Kind.ENDS) {
    leaveBehind(relBehind(i));
    return;
  }
  loadState();
  setFlagsNow(Desc.DYNAMIC);
}
