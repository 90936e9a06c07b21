// The page that an access in a loop found last. Most accesses of a loop stay in one page for many turns, so
// each look-up in a loop first compares its address with the page of its last time: two words of the CPU's
// scratch page instead of a slot of the TLB that has to be computed, and a host address that does not wait
// for a load from there. A place is {i64 page address, i64 limit, i32 addend}; limit 0 = nothing found yet,
// else as of the look-up (operands.ts).
//
// What was found holds until the region is left, and is forgotten where it is entered: only this CPU changes
// its TLB, in the run loop or in handlers. Regions with a handler that may do so, or with STAC and CLAC,
// which choose other tables, do without; so do wide ones, which are rarely loops.

import { recLen } from "../decode/record";
import { CPU_SCRATCH } from "../lib/layout";
import { W, access, const64, get } from "./bytes";
import { blocks, wide } from "./discover";
import { L } from "./locals";
import { Block, Kind, Lower, block, insnOf, isPlain, isPure, lowerOp, reachesOf } from "./map";
import { has } from "./sets";

/** In the scratch page. */
const PLACES: u32 = CPU_SCRATCH + 0x400;
export const enum Recent { PAGE = 0, LIMIT = 8, ADDEND = 16, BYTES = 24 }
/** Each costs a store when the region is entered. */
const MAX_PLACES: u32 = 16;
export const NO_RECENT: u32 = 0;

let allowed: bool = false;
let inLoop: bool = false;
let places: u32 = 0;

/** May the block change what addresses mean? */
function changesMappings(b: Block): bool {
  let at = b.at;
  for (let n: u32 = 0; n < b.count; n++) {
    const i = insnOf(at);
    const op = lowerOp(i);
    if (op == Lower.STAC || op == Lower.CLAC) return true;
    if (i.kind == Kind.HELPER && !isPlain(i) && !isPure(i)) return true;
    at += recLen(changetype<usize>(i));
  }
  return false;
}

/** A pass begins; `first`: the one that finds out how many places there are at most. */
export function beginRecent(first: bool): void {
  if (first) {
    places = 0;
    allowed = !wide;
    for (let n: u32 = 1; n <= blocks && allowed; n++) allowed = !changesMappings(block(n));
  }
  inLoop = false;
}

/** Emit at the region's start: nothing has been found. */
export function forgetRecent(): void {
  for (let n: u32 = 0; n < places; n++) {
    get(L.C);
    const64(0);
    access(W.I64_STORE, 3, PLACES + n * Recent.BYTES + Recent.LIMIT);
  }
  places = 0;
}

/** The code of node x follows. */
export function recentInBlock(x: u32): void { inLoop = has(reachesOf(block(x)), x); }

/** Offset in Cpu of a place for the look-up that follows, or NO_RECENT. */
export function recentPlace(): u32 {
  if (!allowed || !inLoop || places == MAX_PLACES) return NO_RECENT;
  return PLACES + places++ * Recent.BYTES;
}
