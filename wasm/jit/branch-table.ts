// Indirect branches with several known targets: a table instead of one comparison after the other. The
// target's distance from page 0, times a constant that keeps them apart, gives the slot of a br_table in its
// upper bits; the comparison with the one target there says whether it is that one. The constant is found by
// trial when the region is written. Left out: targets that no constant of the few that are tried keeps apart
// in a table of reasonable size, which are compared one by one.

import { W, const32, get, op } from "./bytes";
import { L } from "./locals";
import { block, branchSlots, relOf } from "./map";
import { NODES, firstOf, nextOf } from "./sets";

/**
 * With fewer, comparisons cost less: where the order is random as many branches are mispredicted, and a table
 * finds that out later.
 */
const MIN_TARGETS: u32 = 9;
/** log2 of the slots of the largest table. */
const MAX_BITS: u32 = 7;
/**
 * Constants that are tried for each size: the golden ratio, then what a linear congruential generator makes
 * of it, odd (D. Knuth, TAOCP, 6.4 and 3.3.4 table 1 line 16).
 */
const TRIES: u32 = 128;
const GOLDEN: u32 = 0x9E3779B1;
const STEP: u32 = 1664525;
const INCREMENT: u32 = 1013904223;
export const NO_TARGET: u32 = 0xFF;

/** Of the table found last: targets and slots; the constant, and log2 of the slots. */
export let tableTargets: u32 = 0;
export let tableSlots: u32 = 0;
let factor: u32 = 0;
let bits: u32 = 0;

/** Which target, in the order of the set, a slot is for; NO_TARGET = none. */
export function targetInSlot(slot: u32): u32 { return load<u8>(branchSlots() + slot); }

function countTargets(targets: usize): u32 {
  let n: u32 = 0;
  for (let y = firstOf(targets); y < NODES; y = nextOf(targets, y + 1)) n++;
  return n;
}

/** Give each target its slot; false when two want the same. */
function fill(targets: usize): bool {
  memory.fill(branchSlots(), <u8>NO_TARGET, tableSlots);
  let n: u32 = 0;
  for (let y = firstOf(targets); y < NODES; y = nextOf(targets, y + 1)) {
    const product = (relOf(block(y).at) as u32) * factor;
    const slot = branchSlots() + (product >> (32 - bits));
    if (load<u8>(slot) != <u8>NO_TARGET) return false;
    store<u8>(slot, n as u8);
    n++;
  }
  return true;
}

/** Find a table for a set of nodes; false when comparisons must do. */
export function findTable(targets: usize): bool {
  tableTargets = countTargets(targets);
  if (tableTargets < MIN_TARGETS) return false;
  for (bits = 4; bits <= MAX_BITS; bits++) {
    tableSlots = 1 << bits;
    factor = GOLDEN;
    for (let n: u32 = 0; n < TRIES && tableTargets <= tableSlots; n++) {
      if (fill(targets)) return true;
      factor = (factor * STEP + INCREMENT) | 1;
    }
  }
  return false;
}

/** Push the slot of the address in RIP. */
export function pushTableIndex(): void {
  get(L.RIP);
  op(W.I32_WRAP);
  get(L.IP);
  op(W.I32_WRAP);
  op(W.I32_SUB);
  const32(<i32>factor);
  op(W.I32_MUL);
  const32(<i32>(32 - bits));
  op(W.I32_SHR_U);
}
