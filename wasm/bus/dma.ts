// Bus mastering: a chip reads and writes guest RAM through these. Writes tell the code-page protocol
// (docs/ordering.md: store, fence, then test the page's state), which is the MMU's and is reached through a
// hook.

import { CONTROL } from "../lib/layout";
import { Control, control32 } from "../lib/control";
import { fullFence } from "../lib/atomics";
import { Hook, hook } from "../lib/hooks";

const PAGE_SHIFT: u64 = 12;

/** Host address of `bytes` bytes of guest RAM at `pa`, 0 when any of it is not RAM. */
export function dmaHost(pa: u64, bytes: u32): usize {
  const limit = <u64>control32(Control.RAM_PAGES) << PAGE_SHIFT;
  if (pa >= limit || <u64>bytes > limit - pa) return 0;
  return <usize>(control32(Control.RAM_BASE) + <u32>pa);
}

/** Copy into `to` (host address). What is not RAM reads as ones. */
export function dmaRead(pa: u64, to: usize, bytes: u32): void {
  const from = dmaHost(pa, bytes);
  if (from != 0) memory.copy(to, from, bytes);
  else memory.fill(to, 0xFF, bytes);
}

/** Copy from `from` (host address) into guest RAM; dropped when it is not RAM. */
export function dmaWrite(pa: u64, from: usize, bytes: u32): void {
  const to = dmaHost(pa, bytes);
  if (to == 0) return;
  memory.copy(to, from, bytes);
  dmaWritten(pa, bytes);
}

/** After storing to dmaHost(pa, bytes) directly. */
export function dmaWritten(pa: u64, bytes: u32): void {
  fullFence();
  const written = hook(Hook.RAM_WRITTEN);
  if (written != 0) call_indirect<void>(written, pa, bytes);
}
