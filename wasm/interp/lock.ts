// LOCKed read-modify-writes (SDM vol. 3A 9.1): compare-and-swap on guest memory inside an aligned 8-byte
// word; everything else stops the other CPUs (mmu/atomic.ts). Generated LOCK forms and interp/atomic.ts use
// these.

import { Cpu, Status } from "../cpu/state";
import { rmwCancel, rmwDone, rmwHost, rmwIsRam } from "../mmu/access";
import { splitLockBegin, splitLockEnd, withinWord } from "../mmu/atomic";

/** The access at host address h (from rmwHost) cannot be one wasm atomic. */
// @ts-ignore: decorator
@inline
export function needsSplit(h: usize, bytes: u32): bool {
  return !withinWord(h, bytes) || !rmwIsRam();
}

// Flags before a LOCKed uop: a lost race executes it again (this thread).
let savedA: u64 = 0;
let savedB: u64 = 0;
let savedRes: u64 = 0;
let savedFlags: u64 = 0;
let savedKind: u32 = 0;

export function saveFlags(c: Cpu): void {
  savedA = c.flagA;
  savedB = c.flagB;
  savedRes = c.flagRes;
  savedFlags = c.eflags;
  savedKind = c.flagKind;
}

export function restoreFlags(c: Cpu): void {
  c.flagA = savedA;
  c.flagB = savedB;
  c.flagRes = savedRes;
  c.eflags = savedFlags;
  c.flagKind = savedKind;
}

/** Atomic load of a T inside an aligned 8-byte word. */
// @ts-ignore: decorator
@inline
export function atomicRead<T>(h: usize): T {
  if ((h & (sizeof<T>() - 1)) == 0) return atomic.load<T>(h);
  return <T>(atomic.load<u64>(h & ~7) >> <u64>((h & 7) << 3));
}

/** Atomic compare-and-swap of a T inside an aligned 8-byte word: true = replaced. */
// @ts-ignore: decorator
@inline
export function atomicReplace<T>(h: usize, old: T, now: T): bool {
  if ((h & (sizeof<T>() - 1)) == 0) return atomic.cmpxchg<T>(h, old, now) == old;
  return replaceInWord(h, sizeof<T>(), <u64>old, <u64>now);
}

function replaceInWord(h: usize, bytes: u32, old: u64, now: u64): bool {
  const at = h & ~7;
  const shift = <u64>((h & 7) << 3);
  const mask = ((<u64>1 << <u64>(bytes << 3)) - 1) << shift;
  let word = atomic.load<u64>(at);
  while ((word & mask) == old << shift) {
    const seen = atomic.cmpxchg<u64>(at, word, (word & ~mask) | (now << shift));
    if (seen == word) return true;
    word = seen;
  }
  return false;
}

/** What lockedUpdate does with the old value. */
export const enum Update { XCHG = 0, ADD = 1, OR = 2, AND = 3, XOR = 4, CMPXCHG = 5 }

// @ts-ignore: decorator
@inline
function combine<T>(op: Update, old: T, b: T, expected: T): T {
  switch (op) {
    case Update.XCHG: return b;
    case Update.ADD: return <T>(old + b);
    case Update.OR: return <T>(old | b);
    case Update.AND: return <T>(old & b);
    case Update.XOR: return <T>(old ^ b);
    default: return old == expected ? b : old;
  }
}

/**
 * Atomically replace the T at va. c.second = old value; returns a Status (FAULT and RETRY: nothing was done).
 */
// @ts-ignore: decorator
@inline
export function lockedUpdate<T>(c: Cpu, va: u64, op: Update, b: T, expected: T): i32 {
  const h = rmwHost<T>(c, va);
  if (!h) return Status.FAULT;
  if (needsSplit(h, sizeof<T>())) {
    rmwCancel();
    if (!splitLockBegin(c)) return Status.RETRY;
    const again = rmwHost<T>(c, va);
    if (!again) {
      splitLockEnd(c);
      return Status.FAULT;
    }
    const old = load<T>(again);
    c.second = <u64>old;
    store<T>(again, combine<T>(op, old, b, expected));
    const s = rmwDone(c, again);
    splitLockEnd(c);
    return s;
  }
  let old = atomicRead<T>(h);
  while (!atomicReplace<T>(h, old, combine<T>(op, old, b, expected))) old = atomicRead<T>(h);
  c.second = <u64>old;
  return rmwDone(c, h);
}
