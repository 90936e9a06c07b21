// The flow graph of a region: which head it is entered at, reverse postorder, dominators, loops, entries.
// Nodes are bits of a u64. Edges that would make the graph irreducible go through the dispatcher (node 0), so
// every graph can be written as structured control flow.

import { MAX_BLOCKS, Block, block, entryList, orderList } from "./map";
import { blocks } from "./discover";

export let entries: u32 = 0;
export let ordered: u32 = 0;
let visited: u64 = 0;

// @ts-ignore: decorator
@inline
function bit(n: u32): u64 { return <u64>1 << n; }
// @ts-ignore: decorator
@inline
export function entryAt(k: u32): u32 { return load<u8>(entryList() + k); }
// @ts-ignore: decorator
@inline
export function orderAt(k: u32): u32 { return load<u8>(orderList() + k); }

function addEntry(n: u32): void {
  if (block(n).entry) return;
  store<u8>(entryList() + entries, n);
  block(n).entry = ++entries;
}

function edges(n: u32): u64 {
  if (n) return block(n).succ;
  let mask: u64 = 0;
  for (let k: u32 = 0; k < entries; k++) mask |= bit(entryAt(k));
  return mask;
}

/** Which nodes reach which. */
function findReach(): void {
  for (let n: u32 = 1; n <= blocks; n++) block(n).reaches = block(n).succ;
  for (let changed = true; changed;) {
    changed = false;
    for (let n: u32 = 1; n <= blocks; n++) {
      let mask = block(n).reaches;
      for (let rest = mask; rest; rest &= rest - 1) mask |= block(<u32>ctz(rest)).reaches;
      if (mask != block(n).reaches) {
        block(n).reaches = mask;
        changed = true;
      }
    }
  }
}

/**
 * The lowest address of the cycle that block 1 is in: compilers put the outermost loop's head there. 0 = no
 * cycle.
 */
function chooseHead(): u32 {
  const around = block(1).reaches;
  if (!(around & bit(1))) return 0;
  let best: u32 = 1;
  for (let n: u32 = 2; n <= blocks; n++) {
    if ((around & bit(n)) != 0 && (block(n).reaches & bit(1)) != 0 && block(n).at < block(best).at) best =
      n;
  }
  return best;
}

function visit(n: u32): void {
  visited |= bit(n);
  // The branch's fall-through is visited last, so it comes first in the order: near its block.
  const taken = n ? block(n).taken : 0;
  if (taken && !(visited & bit(taken))) visit(taken);
  for (let rest = edges(n); rest; rest &= rest - 1) {
    const to = <u32>ctz(rest);
    if (!(visited & bit(to))) visit(to);
  }
  // Filled from the end; moved to the front by findOrder.
  store<u8>(orderList() + --ordered, n);
}

function findOrder(): void {
  visited = 0;
  ordered = 64;
  visit(0);
  const count = 64 - ordered;
  memory.copy(orderList(), orderList() + ordered, count);
  ordered = count;
  for (let n: u32 = 0; n <= blocks; n++) block(n).preds = 0;
  for (let k: u32 = 0; k < ordered; k++) {
    const n = orderAt(k);
    block(n).order = k;
    for (let rest = edges(n); rest; rest &= rest - 1) {
      const to = block(<u32>ctz(rest));
      to.preds |= bit(n);
    }
  }
}

function findDominators(): void {
  const all = ~(<u64>0) >> <u64>(63 - blocks);
  for (let k: u32 = 0; k < ordered; k++) block(orderAt(k)).dominators = all;
  block(0).dominators = 1;
  for (let changed = true; changed;) {
    changed = false;
    for (let k: u32 = 1; k < ordered; k++) {
      const b = block(orderAt(k));
      let mask = all;
      for (let rest = b.preds; rest; rest &= rest - 1) mask &= block(<u32>ctz(rest)).dominators;
      mask |= bit(orderAt(k));
      if (mask != b.dominators) {
        b.dominators = mask;
        changed = true;
      }
    }
  }
  for (let k: u32 = 1; k < ordered; k++) {
    const b = block(orderAt(k));
    let best: u32 = 0;
    for (let rest = b.dominators & ~bit(orderAt(k)); rest; rest &= rest - 1) {
      const d = <u32>ctz(rest);
      if (block(d).order > block(best).order) best = d;
    }
    b.dominator = best;
  }
}

/** Does an edge from b to `to` go back? */
// @ts-ignore: decorator
@inline
export function isBack(b: Block, to: Block): bool { return to.order <= b.order; }

/** Is that edge a loop of its own, or one for the dispatcher? */
// @ts-ignore: decorator
@inline
export function isLoop(b: Block, to: u32): bool { return (b.dominators & bit(to)) != 0; }

/** Make every target of a backward edge an entry: polls leave there. True when there was a new one. */
function addBackTargets(): bool {
  const before = entries;
  for (let k: u32 = 1; k < ordered; k++) {
    const b = block(orderAt(k));
    for (let rest = edges(orderAt(k)); rest; rest &= rest - 1) {
      const to = <u32>ctz(rest);
      if (isBack(b, block(to))) addEntry(to);
    }
  }
  return entries != before;
}

function markMerges(): void {
  for (let n: u32 = 1; n <= blocks; n++) {
    block(n).loop = 0;
    block(n).merge = entries > 1 && block(n).entry ? 1 : 0;
  }
  for (let k: u32 = 0; k < ordered; k++) {
    const n = orderAt(k);
    let forward: u32 = 0;
    for (let rest = block(n).preds; rest; rest &= rest - 1) {
      const from = block(<u32>ctz(rest));
      if (!isBack(from, block(n))) forward++;
      else if (isLoop(from, n)) block(n).loop = 1;
    }
    // Both arms of one branch count as two edges.
    for (let rest = block(n).preds & ~(<u64>1); rest; rest &= rest - 1) {
      const from = block(<u32>ctz(rest));
      if (from.taken == n && from.fall == n) forward++;
    }
    if (forward > 1) block(n).merge = 1;
  }
}

/** Where a CALL returns to whose RET is outside. */
function addSites(): void {
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    if (b.site == 0) continue;
    let back = false;
    for (let rest = b.succ; rest; rest &= rest - 1) {
      if (block(<u32>ctz(rest)).reaches & bit(b.site)) back = true;
    }
    if (!back) addEntry(b.site);
  }
}

/**
 * Analyse the discovered blocks. `own`: the head itself must be an entry, also when its loop has another.
 */
export function analyse(own: bool): void {
  assert(blocks <= MAX_BLOCKS);
  entries = 0;
  for (let n: u32 = 0; n <= blocks; n++) block(n).entry = 0;
  findReach();
  const head = own ? 0 : chooseHead();
  addEntry(head ? head : 1);
  addSites();
  for (;;) {
    findOrder();
    findDominators();
    if (!addBackTargets()) break;
  }
  markMerges();
}
