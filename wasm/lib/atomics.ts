// The only fence of the core, and the word locks. `atomic.fence()` is silently deleted by the compiler's
// optimiser, so the fence is a sequentially consistent read-modify-write on a scratch word (memory.test.ts
// reads the shipped bytes).

import { CONTROL } from "./layout";
import { Control } from "./control";

/** The scratch word: a CPU has one of its own, so that fences do not contend. Its value is never used. */
let fenceWord: usize = CONTROL + <usize>Control.FENCE;
export function useFenceWord(address: usize): void { fenceWord = address; }

/** Sequentially consistent fence. */
// @ts-ignore: decorator
@inline
export function fullFence(): void {
  atomic.or<u32>(fenceWord, 0);
}

/**
 * The core's only wait. V8 11.3 (Node 20) loses locals that its baseline tier keeps in registers across
 * memory.atomic.wait32, so nothing may be live behind it in the same function, and the function must not be
 * inlined: it is reached through a table index that the optimiser does not see through. Returns 0 woken, 1
 * not equal, 2 timed out.
 */
function waitAlone(address: usize, expected: u32, timeoutNs: i64): i32 {
  return atomic.wait<u32>(address, expected, timeoutNs);
}
const waiter: (address: usize, expected: u32, timeoutNs: i64) => i32 = waitAlone;

/** Sleep while the word at `address` is `expected`, at most `timeoutNs`. */
export function waitWord(address: usize, expected: u32, timeoutNs: i64): void {
  waiter(address, expected, timeoutNs);
}

/** Take the lock word at `address` (0 = free). Waits at most 1 ms at a time so that a dead owner is noticed. */
export function lock(address: usize): void {
  while (atomic.cmpxchg<u32>(address, 0, 1) != 0) {
    // 2 = contended: the owner must notify.
    if (atomic.xchg<u32>(address, 2) == 0) return;
    waitWord(address, 2, 1000000);
    if (atomic.load<u32>(CONTROL + <usize>Control.FAILED) != 0) return;
  }
}

/** Release; pairs with lock(). */
export function unlock(address: usize): void {
  if (atomic.xchg<u32>(address, 0) == 2) atomic.notify(address, 1);
}
