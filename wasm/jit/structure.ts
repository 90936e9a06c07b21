// Writes the flow graph as structured control flow (N. Ramsey, "Beyond Relooper", 2022): a node is followed
// by the nodes that it dominates; one with several forward edges stands behind the end of a block that they
// leave; one with backward edges opens a loop. Node 0 opens a loop too and branches to the entries by table.

import { recLen } from "../decode/record";
import { CPU_INBOX } from "../lib/layout";
import { Inbox } from "../cpu/inbox";
import { W, access, br, const32, get, number, op, openVoid, set } from "./bytes";
import { Exit, deeper, depth, leaveRegion, setUncounted, shallower } from "./exits";
import { Desc, flagsNow, pushCond, setFlagsNow, toDynamic } from "./flags";
import { entries, entryAt, isBack, isLoop, orderAt, ordered } from "./flow";
import { L } from "./locals";
import { lower } from "./lower";
import { Term, block, insnOf, lowerCond } from "./map";

// @ts-ignore: decorator
@inline
function labelDepth(opened: u32): u32 { return depth - opened; }

function open(code: W): void {
  openVoid(code);
  deeper();
}
function close(): void {
  op(W.END);
  shallower();
}

/** Leave when the CPU is wanted or the budget is used up. */
function poll(off: u32): void {
  get(L.C);
  access(W.I32_LOAD, 2, CPU_INBOX + <u32>Inbox.ATTENTION);
  get(L.FUEL);
  const32(31);
  op(W.I32_SHR_U);
  op(W.I32_OR);
  leaveRegion(off, Exit.POLL, true);
}

/** Go from node x to node y. */
function edge(x: u32, y: u32): void {
  const from = block(x);
  const to = block(y);
  const back = isBack(from, to);
  if (back) poll(to.off);
  const saved = flagsNow;
  if (to.flagsIn == Desc.DYNAMIC) toDynamic();
  if (back) {
    if (isLoop(from, y)) br(W.BR, labelDepth(to.loopLabel));
    else {
      const32(to.entry - 1);
      set(L.ENTRY);
      br(W.BR, labelDepth(block(0).loopLabel));
    }
  } else if (to.merge) br(W.BR, labelDepth(to.blockLabel));
  else tree(y);
  setFlagsNow(saved);
}

function dispatch(): void {
  if (entries == 1) {
    edge(0, entryAt(0));
    return;
  }
  get(L.ENTRY);
  op(W.BR_TABLE);
  number(entries - 1);
  for (let k: u32 = 0; k < entries; k++) number(labelDepth(block(entryAt(k)).blockLabel));
}

/** The instructions of node x and the way on. */
function body(x: u32): void {
  if (x == 0) {
    dispatch();
    return;
  }
  const b = block(x);
  setFlagsNow(b.flagsIn);
  if (b.count) {
    get(L.FUEL);
    const32(b.count);
    op(W.I32_SUB);
    set(L.FUEL);
  }
  const branches: u32 = b.term == Term.JCC || b.term == Term.JMP ? 1 : 0;
  let off = b.off;
  for (let n: u32 = 0; n < b.count - branches; n++) {
    const i = insnOf(off);
    setUncounted(b.count - n);
    lower(i);
    off += recLen(changetype<usize>(i));
  }
  setUncounted(0);
  if (b.term == Term.EXIT) leaveRegion(b.last, Exit.OTHER, false);
  else if (b.term == Term.JCC && b.taken != b.fall) {
    pushCond(lowerCond(insnOf(b.last)));
    open(W.IF);
    edge(x, b.taken);
    op(W.ELSE);
    edge(x, b.fall);
    close();
    op(W.UNREACHABLE);
  } else edge(x, b.taken);
}

/** Node x with all that it dominates. */
export function tree(x: u32): void {
  const isHead = x == 0 || block(x).loop != 0;
  if (isHead) {
    open(W.LOOP);
    block(x).loopLabel = depth;
  }
  for (let k = ordered; k > 0; k--) {
    const y = orderAt(k - 1);
    if (y == 0 || !block(y).merge || block(y).dominator != x) continue;
    open(W.BLOCK);
    block(y).blockLabel = depth;
  }
  body(x);
  for (let k: u32 = 0; k < ordered; k++) {
    const y = orderAt(k);
    if (y == 0 || !block(y).merge || block(y).dominator != x) continue;
    close();
    tree(y);
  }
  if (isHead) {
    op(W.UNREACHABLE);
    close();
  }
}
