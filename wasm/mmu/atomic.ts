// LOCKed read-modify-writes (SDM vol. 3A 9.1). Inside an aligned 8-byte word they are wasm atomics on guest
// RAM. An access that crosses such a word (a "split lock") stops all other CPUs at their polls for its
// duration; CMPXCHG16B has striped locks of its own (interp/atomic.ts). On chips the lock is the chip's own.

import { Cpu, RunState } from "../cpu/state";
import { Inbox, Request, inboxOf, request } from "../cpu/inbox";
import { waitWord } from "../lib/atomics";
import { Control, control32 } from "../lib/control";
import { CONTROL } from "../lib/layout";
import { shadowing } from "./shadow";

/** True when an access of `bytes` at host address h lies inside one aligned 8-byte word. */
// @ts-ignore: decorator
@inline
export function withinWord(h: usize, bytes: u32): bool {
  return (<u32>h & 7) + bytes <= 8;
}

/**
 * Stop all other CPUs. False = another CPU is doing the same: the caller must return Status.RETRY and poll.
 */
export function splitLockBegin(c: Cpu): bool {
  const cpus = control32(Control.CPUS);
  // What a shadow CPU writes to is its own.
  if (cpus == 1 || shadowing) return true;
  if (atomic.cmpxchg<u32>(CONTROL + <usize>Control.SPLIT_OWNER, 0, c.id + 1) != 0) return false;
  for (let id: u32 = 0; id < cpus; id++) if (id != c.id) request(id, Request.SPLIT_LOCK);
  for (let id: u32 = 0; id < cpus; id++) {
    if (id == c.id) continue;
    // Waits until that CPU is parked in smp.ts splitLockWait or not executing at all.
    while (atomic.load<u32>(inboxOf(id), Inbox.RUN_STATE) == RunState.RUNNING) {
      if (control32(Control.FAILED) | control32(Control.END)) break;
      waitWord(CONTROL + <usize>Control.SPLIT_PARKED, control32(Control.SPLIT_PARKED), 50000);
    }
  }
  return true;
}

export function splitLockEnd(c: Cpu): void {
  if (control32(Control.CPUS) == 1 || shadowing) return;
  atomic.store<u32>(CONTROL + <usize>Control.SPLIT_OWNER, 0);
  atomic.notify(CONTROL + <usize>Control.SPLIT_OWNER, -1);
}
