// Stack instructions (SDM vol. 2: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE). Operand size T is the size of
// the item; the stack's address size is c.stackMask. rSP changes after the last access that can fault.

import { Cpu, Seg, Status, segment } from "../cpu/state";
import { Vector, raiseError } from "../cpu/exceptions";
import { noRequests } from "../cpu/inbox";
import { readEflags, writeEflags } from "../cpu/flags";
import { Cr4, Rflags, iopl, isV86 } from "../cpu/mode";
import { readReg, recImm, recIsMem, recRm, writeReg } from "../decode/record";
import { checkWrite, linear, linearAt, readHost, writeValue } from "../mmu/access";

const MASK16: u64 = 0xFFFF;
const MASK32: u64 = 0xFFFFFFFF;

/** Set rSP at the width of the stack. */
// @ts-ignore: decorator
@inline
export function setStackPointer(c: Cpu, value: u64): void {
  if (c.stackMask == MASK16) c.rsp = (c.rsp & ~MASK16) | (value & MASK16);
  else c.rsp = value & c.stackMask;
}

/** Push one item. A Status; rSP moves unless it is FAULT. */
export function push<T>(c: Cpu, value: T): i32 {
  const sp = (c.rsp - sizeof<T>()) & c.stackMask;
  const s = writeValue<T>(c, linearAt<T>(c, Seg.SS, sp, true), value);
  if (s != Status.FAULT) setStackPointer(c, sp);
  return s;
}

/** Host address of the item `skip` bytes above the top of the stack, 0 = fault. */
// @ts-ignore: decorator
@inline
function peek<T>(c: Cpu, skip: u64): usize {
  return readHost<T>(c, linearAt<T>(c, Seg.SS, (c.rsp + skip) & c.stackMask, false));
}

export function hPushR<T>(c: Cpu, r: usize): i32 {
  return push<T>(c, readReg<T>(c, recRm(r)));
}

export function hPushI<T>(c: Cpu, r: usize): i32 {
  return push<T>(c, <T>recImm(r));
}

export function hPushE<T>(c: Cpu, r: usize): i32 {
  if (!recIsMem(r)) return push<T>(c, readReg<T>(c, recRm(r)));
  const h = readHost<T>(c, linear<T>(c, r, false));
  if (!h) return Status.FAULT;
  return push<T>(c, load<T>(h));
}

/** The selector is zero-extended to the operand size. */
export function hPushSeg<T>(c: Cpu, r: usize, seg: u32): i32 {
  return push<T>(c, <T>segment(c, seg).selector);
}

export function hPopR<T>(c: Cpu, r: usize): i32 {
  const h = peek<T>(c, 0);
  if (!h) return Status.FAULT;
  const value = load<T>(h);
  setStackPointer(c, c.rsp + sizeof<T>());
  // POP rSP: the popped value wins.
  writeReg<T>(c, recRm(r), value);
  return Status.NEXT;
}

/** An rSP base in the destination's address is taken after the increment (SDM vol. 2 "POP"). */
export function hPopE<T>(c: Cpu, r: usize): i32 {
  if (!recIsMem(r)) return hPopR<T>(c, r);
  const h = peek<T>(c, 0);
  if (!h) return Status.FAULT;
  const value = load<T>(h);
  const old = c.rsp;
  setStackPointer(c, old + sizeof<T>());
  const s = writeValue<T>(c, linear<T>(c, r, true), value);
  if (s == Status.FAULT) c.rsp = old;
  return s;
}

/** Store one item at the given stack offset. */
function storeAt<T>(c: Cpu, sp: u64, value: T): i32 {
  return writeValue<T>(c, linearAt<T>(c, Seg.SS, sp & c.stackMask, true), value);
}

export function hPusha<T>(c: Cpu, r: usize): i32 {
  const sp = c.rsp;
  for (let n: u32 = 0; n < 8; n++) {
    const va = linearAt<T>(c, Seg.SS, (sp - (n + 1) * sizeof<T>()) & c.stackMask, true);
    if (checkWrite(c, va, sizeof<T>()) != Status.NEXT) return Status.FAULT;
  }
  let end: i32 = Status.NEXT;
  for (let n: u32 = 0; n < 8; n++) {
    const s = storeAt<T>(c, sp - (n + 1) * sizeof<T>(), readReg<T>(c, n << 3));
    if (s == Status.FAULT) return s;
    end |= s;
  }
  setStackPointer(c, sp - 8 * sizeof<T>());
  return end;
}

export function hPopa<T>(c: Cpu, r: usize): i32 {
  for (let n: u32 = 0; n < 8; n++) if (!peek<T>(c, n * sizeof<T>())) return Status.FAULT;
  const sp = c.rsp;
  for (let n: u32 = 0; n < 8; n++) {
    // The stored SP is skipped.
    if (n == 3) continue;
    const h = readHost<T>(c, linearAt<T>(c, Seg.SS, (sp + n * sizeof<T>()) & c.stackMask, false));
    if (!h) return Status.FAULT;
    writeReg<T>(c, (7 - n) << 3, load<T>(h));
  }
  setStackPointer(c, sp + 8 * sizeof<T>());
  return Status.NEXT;
}

/** Virtual-8086 mode with IOPL below 3 (SDM 3A 20.2.7): only the VME extension lets 16-bit forms through. */
// @ts-ignore: decorator
@inline
function isRestrictedV86(c: Cpu): bool {
  return isV86(c) && iopl(c) < 3;
}

export function hPushf<T>(c: Cpu, r: usize): i32 {
  let image = readEflags(c) & ~(<u64>Rflags.VM | Rflags.RF);
  if (isRestrictedV86(c)) {
    if (sizeof<T>() != 2 || !(c.cr4 & Cr4.VME)) return raiseError(c, Vector.GP, 0);
    image = (image & ~(<u64>Rflags.IF)) | Rflags.IOPL | ((image & Rflags.VIF) >> 10);
  }
  return push<T>(c, <T>image);
}

/** What POPF may change at any privilege. */
const POPF_MASK: u64 = Rflags.CF | Rflags.PF | Rflags.AF | Rflags.ZF | Rflags.SF | Rflags.TF | Rflags.DF
  | Rflags.OF |
  Rflags.NT | Rflags.RF | Rflags.AC | Rflags.ID;

export function hPopf<T>(c: Cpu, r: usize): i32 {
  const h = peek<T>(c, 0);
  if (!h) return Status.FAULT;
  let value = <u64>load<T>(h) & ~(<u64>Rflags.RF);
  let mask = POPF_MASK;
  if (isRestrictedV86(c)) {
    if (sizeof<T>() != 2 || !(c.cr4 & Cr4.VME)) return raiseError(c, Vector.GP, 0);
    // SDM vol. 2 "POPF": IF goes to VIF.
    if ((value & Rflags.TF) != 0 || ((value & Rflags.IF) != 0 && (c.eflags & Rflags.VIP) != 0)) {
      return raiseError(c, Vector.GP, 0);
    }
    value = (value & ~(<u64>Rflags.VIF)) | ((value & Rflags.IF) << 10);
    setStackPointer(c, c.rsp + sizeof<T>());
    writeEflags(c, value, (mask & MASK16) | Rflags.VIF);
    return Status.END;
  }
  if (c.cpl == 0) mask |= Rflags.IOPL;
  if (c.cpl <= iopl(c)) mask |= Rflags.IF;
  if (sizeof<T>() == 2) mask &= MASK16;
  setStackPointer(c, c.rsp + sizeof<T>());
  const before = c.eflags;
  writeEflags(c, value, mask);
  // TF traps behind the next instruction; an interrupt that waits is taken now that IF is set.
  const poll = ((c.eflags | before) & Rflags.TF) != 0
    || ((c.eflags & ~before & Rflags.IF) != 0 && !noRequests(c));
  return poll ? Status.END : Status.NEXT;
}

export function hLeave<T>(c: Cpu, r: usize): i32 {
  const bp = c.rbp & c.stackMask;
  const h = readHost<T>(c, linearAt<T>(c, Seg.SS, bp, false));
  if (!h) return Status.FAULT;
  const value = load<T>(h);
  setStackPointer(c, bp + sizeof<T>());
  writeReg<T>(c, 5 << 3, value);
  return Status.NEXT;
}

/**
 * ENTER size, level (SDM vol. 2). Memory below rSP may have been written when a later access faults;
 * registers have not.
 */
export function hEnter<T>(c: Cpu, r: usize): i32 {
  const size = <u64>recImm(r) & MASK16;
  const level = <u32>(recImm(r) >> 16) & 31;
  let sp = c.rsp - sizeof<T>();
  let end = storeAt<T>(c, sp, <T>c.rbp);
  if (end == Status.FAULT) return end;
  const frame = sp;
  if (level > 0) {
    for (let n: u32 = 1; n < level; n++) {
      const from = (c.rbp - n * sizeof<T>()) & c.stackMask;
      const h = readHost<T>(c, linearAt<T>(c, Seg.SS, from, false));
      if (!h) return Status.FAULT;
      sp -= sizeof<T>();
      const s = storeAt<T>(c, sp, load<T>(h));
      if (s == Status.FAULT) return s;
      end |= s;
    }
    sp -= sizeof<T>();
    const s = storeAt<T>(c, sp, <T>frame);
    if (s == Status.FAULT) return s;
    end |= s;
  }
  sp -= size;
  // The new top must be writable.
  if (checkWrite(c, linearAt<T>(c, Seg.SS, sp & c.stackMask, true),
    sizeof<T>()) != Status.NEXT) return Status.FAULT;
  writeReg<T>(c, 5 << 3, c.stackMask == MASK32 && sizeof<T>() == 8 ? <T>(frame & MASK32) : <T>frame);
  setStackPointer(c, sp);
  return end;
}
