// Near branches (SDM vol. 2: CALL JMP RET Jcc LOOPcc JCXZ). The hot switch has snippets of its own for 64-bit
// code and direct branches (gen/exec-hot.ts); these functions serve the other modes. The target is checked
// before anything is committed.

import { Cpu, Seg, Status, segment } from "../cpu/state";
import { getZF } from "../cpu/flags";
import {
  REC_SHIFT, readReg, recAddrSize, recDisp, recImm, recIsMem, recOpSize, recRm, nextIp,
} from "../decode/record";
import { linear, linearAt, readHost } from "../mmu/access";
import { checkCodeTarget } from "../mmu/segment";
import { push, setStackPointer } from "./stack";

const PAGE_BYTES: u64 = 4096;
const RECORD: i64 = 32;

/** Record at which the inner loop stopped. */
export let stoppedAt: usize = 0;
/** For translated code that has called a handler (jit/flags.ts). */
export function stopAt(r: usize): void {
  stoppedAt = r;
}

/**
 * Taken branches until the inner loop comes back: there is no on-stack replacement in wasm, so the engine
 * must see fresh calls; and for the translator a sample of where time goes.
 */
export let fuelLeft: i32 = 0;
export function refuel(n: i32): void {
  fuelLeft = n;
}

/** Account for the records up to r, the first of which was at `bias`, and note where the inner loop stopped. */
export function leave(c: Cpu, r: usize, bias: i64, s: i32, fuel: i32): i32 {
  // Faults and retries are not counted.
  const done = <i64>r - bias + (s == Status.FAULT || s == Status.RETRY ? 0 : RECORD);
  c.instructions += <u64>(done >> REC_SHIFT);
  stoppedAt = r;
  fuelLeft = fuel;
  return s;
}

/**
 * Legacy code: does the page whose byte 0 has this IP (negative when the segment starts inside it) end at or
 * before the limit of CS? Such a page executes without a check of each fetch, any other is stepped.
 */
// @ts-ignore: decorator
@inline
export function pageWithinCode(c: Cpu, ipBase: u64): bool {
  return c.mode64 != 0 || <i64>(ipBase + PAGE_BYTES) <= <i64>segment(c, Seg.CS).limit + 1;
}

/** Go to page-relative target t, outside the page or not decoded: JUMP, or #GP. */
export function leaveTo(c: Cpu, t: u64): i32 {
  // 16-bit code reaches beyond 64 KiB with an operand size of 32 bits: #GP, not a wrap (SDM vol. 2 JMP).
  const target = (c.ipBase + t) & (c.ipMask | 0xFFFFFFFF);
  if (!checkCodeTarget(c, target)) return Status.FAULT;
  c.rip = target;
  return Status.JUMP;
}

/** Would leaveTo succeed? Targets in the same page are always good. */
// @ts-ignore: decorator
@inline
export function canLeaveTo(c: Cpu, t: u64): bool {
  return t < PAGE_BYTES || checkCodeTarget(c, (c.ipBase + t) & c.ipMask);
}

/** Operand size of a branch masks the target (SDM vol. 2 "JMP"). */
// @ts-ignore: decorator
@inline
function branchMask(r: usize): u64 {
  const size = recOpSize(r);
  return size == 3 ? ~(<u64>0) : size == 2 ? 0xFFFFFFFF : 0xFFFF;
}

/** Page-relative target of a relative branch of segmented code, wrapped at its operand size. */
// @ts-ignore: decorator
@inline
export function wrapTarget(c: Cpu, r: usize): u64 {
  return ((c.ipBase + <u64>recDisp(r)) & branchMask(r)) - c.ipBase;
}

/** Would a branch to page-relative target t of segmented code stay within CS? Else #GP(0) is pending. */
// @ts-ignore: decorator
@inline
export function canBranchTo(c: Cpu, t: u64): bool {
  return checkCodeTarget(c, c.ipBase + t);
}

function relative(c: Cpu, r: usize): u64 {
  return (nextIp(c, r) + <u64>recImm(r)) & branchMask(r);
}

/** Check and go. */
function jump(c: Cpu, target: u64): i32 {
  if (!checkCodeTarget(c, target)) return Status.FAULT;
  c.rip = target;
  return Status.JUMP;
}

export function hJcc(c: Cpu, r: usize, taken: bool): i32 {
  return taken ? jump(c, relative(c, r)) : Status.NEXT;
}

export function hJmp(c: Cpu, r: usize): i32 {
  return jump(c, relative(c, r));
}

/** Target operand of an indirect branch; false = fault. */
let indirectTarget: u64 = 0;
function readTarget<T>(c: Cpu, r: usize): bool {
  if (recIsMem(r)) {
    const h = readHost<T>(c, linear<T>(c, r, false));
    if (!h) return false;
    indirectTarget = <u64>load<T>(h);
  } else indirectTarget = <u64>readReg<T>(c, recRm(r));
  return true;
}

export function hJmpE<T>(c: Cpu, r: usize): i32 {
  if (!readTarget<T>(c, r)) return Status.FAULT;
  return jump(c, indirectTarget);
}

function call<T>(c: Cpu, r: usize, target: u64): i32 {
  if (!checkCodeTarget(c, target)) return Status.FAULT;
  if (push<T>(c, <T>nextIp(c, r)) == Status.FAULT) return Status.FAULT;
  c.rip = target;
  return Status.JUMP;
}

export function hCall<T>(c: Cpu, r: usize): i32 {
  return call<T>(c, r, relative(c, r));
}

export function hCallE<T>(c: Cpu, r: usize): i32 {
  if (!readTarget<T>(c, r)) return Status.FAULT;
  return call<T>(c, r, indirectTarget);
}

function ret<T>(c: Cpu, release: u64): i32 {
  const h = readHost<T>(c, linearAt<T>(c, Seg.SS, c.rsp & c.stackMask, false));
  if (!h) return Status.FAULT;
  const target = <u64>load<T>(h);
  if (!checkCodeTarget(c, target)) return Status.FAULT;
  setStackPointer(c, c.rsp + sizeof<T>() + release);
  c.rip = target;
  return Status.JUMP;
}

export function hRet<T>(c: Cpu, r: usize): i32 {
  return ret<T>(c, 0);
}

export function hRetI<T>(c: Cpu, r: usize): i32 {
  return ret<T>(c, <u64>recImm(r));
}

/** The count register at the address size. */
function readCount(c: Cpu, r: usize): u64 {
  const size = recAddrSize(r);
  return size == 2 ? c.rcx : size == 1 ? c.rcx & 0xFFFFFFFF : c.rcx & 0xFFFF;
}

function loop(c: Cpu, r: usize, condition: bool): i32 {
  const count = readCount(c, r) - 1;
  const size = recAddrSize(r);
  const left = size == 2 ? count : size == 1 ? count & 0xFFFFFFFF : count & 0xFFFF;
  const taken = left != 0 && condition;
  const s = taken ? jump(c, relative(c, r)) : <i32>Status.NEXT;
  if (s == Status.FAULT) return s;
  c.rcx = size == 0 ? (c.rcx & ~(<u64>0xFFFF)) | left : left;
  return s;
}

export function hLoop(c: Cpu, r: usize): i32 {
  return loop(c, r, true);
}
export function hLoope(c: Cpu, r: usize): i32 {
  return loop(c, r, getZF(c) != 0);
}
export function hLoopne(c: Cpu, r: usize): i32 {
  return loop(c, r, getZF(c) == 0);
}
export function hJcxz(c: Cpu, r: usize): i32 {
  return readCount(c, r) == 0 ? jump(c, relative(c, r)) : Status.NEXT;
}
