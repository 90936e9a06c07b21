// Writes the flow graph as structured control flow (N. Ramsey, "Beyond Relooper", 2022): a node is followed
// by the nodes that it dominates; one with several forward edges stands behind the end of a block that they
// leave; one with backward edges opens a loop. Node 0 opens a loop too and branches to the entries by table.

import { recLen } from "../decode/record";
import { CPU_INBOX } from "../lib/layout";
import { Inbox } from "../cpu/inbox";
import { W, access, br, const32, get, number, op, set } from "./bytes";
import {
  Exit, close, depth, leaveAt, leaveRegion, leaveThere, open, pushIp, setUncounted,
} from "./exits";
import { pushCond } from "./conditions";
import { flagsNow, setFlagsNow } from "./flags";
import { flagsTo } from "./mixed-flags";
import { forgetLanes } from "./float-mode";
import { entries, entryAt, isBack, isLoop, orderAt, ordered } from "./flow";
import { L, saveRegs } from "./locals";
import { NO_TARGET, findTable, pushTableIndex, tableSlots, tableTargets, targetInSlot } from "./branch-table";
import {
  lowerCall, lowerIndirect, lowerIndirectAway, lowerIndirectThere, lowerRetAway, lowerRetRelease,
  lowerRetTarget,
} from "./control";
import {
  forgetLookups, hostIs, hostLocal, hostOffset, lookupsInBlock, restoreLookups, saveLookups,
} from "./lookups";
import { lower } from "./lower";
import { Insn, Lower, Term, block, extraOf, insnOf, lowerCond, lowerOp, relOf, succOf } from "./map";
import { recentInBlock } from "./recent";
import { NODES, firstOf, nextOf } from "./sets";
import { endShadow } from "./system";
import { enterX87, keepX87, moveX87, restoreX87 } from "./x87-state";

// @ts-ignore: decorator
@inline
function labelDepth(opened: u32): u32 { return depth - opened; }


/** Leave when the CPU is wanted or the budget is used up. */
function poll(at: u32): void {
  get(L.C);
  access(W.I32_LOAD, 2, CPU_INBOX + <u32>Inbox.ATTENTION);
  get(L.FUEL);
  const32(31);
  op(W.I32_SHR_U);
  op(W.I32_OR);
  leaveAt(at, Exit.POLL);
}

/** Go from node x to node y. */
function edge(x: u32, y: u32): void {
  const from = block(x);
  const to = block(y);
  const back = isBack(from, to);
  saveRegs();
  if (back) poll(to.at);
  const saved = flagsNow;
  saveLookups();
  const stack = keepX87();
  moveX87(to);
  flagsTo(to.flagsIn);
  if (back) {
    if (isLoop(x, y)) br(W.BR, labelDepth(to.loopLabel));
    else {
      const32(to.entry - 1);
      set(L.ENTRY);
      br(W.BR, labelDepth(block(0).loopLabel));
    }
  } else if (to.merge) br(W.BR, labelDepth(to.blockLabel));
  else tree(y);
  setFlagsNow(saved);
  restoreX87(stack);
  restoreLookups();
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

/** Go from node x to node y, or outside to `rel`. */
function follow(x: u32, y: u32, rel: i64): void {
  if (y) edge(x, y);
  else leaveRegion(rel, Exit.JUMP);
}

/** RET: to one of the region's return sites, or away. */
function returns(x: u32, i: Insn): void {
  const b = block(x);
  lowerRetTarget(i);
  for (let y = firstOf(succOf(b)); y < NODES; y = nextOf(succOf(b), y + 1)) {
    get(L.RIP);
    pushIp(relOf(block(y).at));
    op(W.I64_EQ);
    open(W.IF);
    saveLookups();
    lowerRetRelease(i);
    setUncounted(0);
    edge(x, y);
    close();
    restoreLookups();
    setUncounted(1 + i.through);
  }
  lowerRetAway(i);
}

/** Does the branch of instruction i lead to node y? If so, go there from x. */
function goesIfTo(x: u32, y: u32, i: Insn): void {
  get(L.RIP);
  pushIp(relOf(block(y).at));
  op(W.I64_EQ);
  open(W.IF);
  saveLookups();
  const host = hostLocal;
  const offset = hostOffset;
  lowerIndirectThere(i);
  setUncounted(0);
  edge(x, y);
  close();
  restoreLookups();
  hostIs(host, offset);
  setUncounted(1);
}

/** Branch by table to a place for each of the targets (branch-table.ts), where it is compared. */
function goesByTable(x: u32, i: Insn, targets: usize): void {
  // In the order of the table's places: the first is opened last. Behind all of them it goes away.
  open(W.BLOCK);
  const away = depth;
  for (let k = tableTargets; k > 0; k--) open(W.BLOCK);
  pushTableIndex();
  op(W.BR_TABLE);
  number(tableSlots - 1);
  for (let k: u32 = 0; k < tableSlots; k++) {
    const n = targetInSlot(k);
    number(n == NO_TARGET ? labelDepth(away) : n);
  }
  for (let y = firstOf(targets); y < NODES; y = nextOf(targets, y + 1)) {
    close();
    goesIfTo(x, y, i);
    br(W.BR, labelDepth(away));
  }
  close();
}

/** JMP or CALL through a register or memory: to a target that was recorded, or away. */
function goesIndirect(x: u32, i: Insn): void {
  lowerIndirect(i);
  const targets = succOf(block(x));
  if (findTable(targets)) goesByTable(x, i, targets);
  else for (let y = firstOf(targets); y < NODES; y = nextOf(targets, y + 1)) goesIfTo(x, y, i);
  lowerIndirectAway(i);
  setUncounted(0);
  leaveThere(Exit.JUMP);
}

/** How node x goes on behind its plain instructions. */
function finish(x: u32): void {
  const b = block(x);
  const last = insnOf(b.last);
  saveRegs();
  switch (b.term) {
    case Term.EXIT: leaveRegion(relOf(b.last), Exit.OTHER); break;
    case Term.CUT: leaveRegion(relOf(b.last), Exit.JUMP); break;
    case Term.OWN: break;
    case Term.RET: returns(x, last); break;
    case Term.INDIRECT: goesIndirect(x, last); break;
    case Term.JCC: {
      setUncounted(0);
      pushCond(lowerCond(last));
      open(W.IF);
      follow(x, b.taken, b.takenRel);
      op(W.ELSE);
      follow(x, b.fall, b.fallRel);
      close();
      op(W.UNREACHABLE);
      break;
    }
    default: {
      if (b.term == Term.CALL) lowerCall(last);
      setUncounted(0);
      follow(x, b.taken, b.takenRel);
    }
  }
}

/** The instructions of node x and the way on. */
function body(x: u32): void {
  if (x == 0) {
    dispatch();
    return;
  }
  const b = block(x);
  setFlagsNow(b.flagsIn);
  forgetLanes();
  if (b.merge || b.loop) {
    enterX87(b);
    forgetLookups();
  }
  lookupsInBlock(x);
  recentInBlock(x);
  const extra = extraOf(b);
  if (b.count) {
    get(L.FUEL);
    const32(b.count + extra);
    op(W.I32_SUB);
    set(L.FUEL);
  }
  const branches: u32 = b.term == Term.JCC || b.term == Term.JMP || b.term == Term.CALL || b.term == Term.RET
    || b.term == Term.INDIRECT ? 1 : 0;
  let at = b.at;
  let shadow = false;
  for (let n: u32 = 0; n < b.count - branches; n++) {
    const i = insnOf(at);
    setUncounted(b.count + extra - n);
    lower(i);
    if (shadow) endShadow();
    shadow = lowerOp(i) == Lower.STI;
    at += recLen(changetype<usize>(i));
  }
  setUncounted(branches + extra);
  finish(x);
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
