// The flow graph of a region: which head it is entered at, reverse postorder, dominators, loops, entries.
// Edges that would make the graph irreducible go through the dispatcher (node 0), so every graph can be
// written as structured control flow.

import { MAX_BLOCKS, Block, block, entryList, orderList, predsOf, reachesOf, succOf } from "./map";
import { blocks } from "./discover";
import { NODES, add, copyTo, empty, firstOf, has, nextOf, unite } from "./sets";

export let entries: u32 = 0;
export let ordered: u32 = 0;
/** Block.dominator of a node that has none yet. */
const NO_NODE: u32 = NODES;

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
  add(succOf(block(0)), n);
}

/** Which nodes reach which (S. Warshall, "A Theorem on Boolean Matrices", 1962). */
function findReach(): void {
  for (let n: u32 = 1; n <= blocks; n++) copyTo(reachesOf(block(n)), succOf(block(n)));
  for (let k: u32 = 1; k <= blocks; k++) {
    const beyond = reachesOf(block(k));
    for (let n: u32 = 1; n <= blocks; n++) {
      const known = reachesOf(block(n));
      if (has(known, k)) unite(known, beyond);
    }
  }
}

/**
 * The lowest address of the cycle that block 1 is in: compilers put the outermost loop's head there. 0 = no
 * cycle.
 */
function chooseHead(): u32 {
  const around = reachesOf(block(1));
  if (!has(around, 1)) return 0;
  let best: u32 = 1;
  for (let n: u32 = 2; n <= blocks; n++) {
    if (has(around, n) && has(reachesOf(block(n)), 1) && block(n).at < block(best).at) best = n;
  }
  return best;
}

/** Depth first; `order` is a mark until findOrder numbers the nodes. */
function visit(n: u32): void {
  block(n).order = 1;
  // The branch's fall-through is visited last, so it comes first in the order: near its block.
  const taken = n ? block(n).taken : 0;
  if (taken && !block(taken).order) visit(taken);
  const to = succOf(block(n));
  for (let y = firstOf(to); y < NODES; y = nextOf(to, y + 1)) if (!block(y).order) visit(y);
  // Filled from the end; moved to the front by findOrder.
  store<u8>(orderList() + --ordered, n);
}

function findOrder(): void {
  for (let n: u32 = 0; n <= blocks; n++) {
    block(n).order = 0;
    empty(predsOf(block(n)));
  }
  ordered = NODES;
  visit(0);
  const count = NODES - ordered;
  memory.copy(orderList(), orderList() + ordered, count);
  ordered = count;
  for (let k: u32 = 0; k < ordered; k++) {
    const n = orderAt(k);
    block(n).order = k;
    const to = succOf(block(n));
    for (let y = firstOf(to); y < NODES; y = nextOf(to, y + 1)) add(predsOf(block(y)), n);
  }
}

/** The nearest node that dominates both. */
function common(a: u32, b: u32): u32 {
  while (a != b) {
    while (block(a).order > block(b).order) a = block(a).dominator;
    while (block(b).order > block(a).order) b = block(b).dominator;
  }
  return a;
}

/** Immediate dominators (K. Cooper, T. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm", 2001). */
function findDominators(): void {
  for (let k: u32 = 1; k < ordered; k++) block(orderAt(k)).dominator = NO_NODE;
  block(0).dominator = 0;
  for (let changed = true; changed;) {
    changed = false;
    for (let k: u32 = 1; k < ordered; k++) {
      const b = block(orderAt(k));
      let best = NO_NODE;
      for (let x = firstOf(predsOf(b)); x < NODES; x = nextOf(predsOf(b), x + 1)) {
        if (block(x).dominator != NO_NODE) best = best == NO_NODE ? x : common(x, best);
      }
      if (best != b.dominator) {
        b.dominator = best;
        changed = true;
      }
    }
  }
}

/** Does an edge from b to `to` go back? */
// @ts-ignore: decorator
@inline
export function isBack(b: Block, to: Block): bool { return to.order <= b.order; }

/** Is that edge, from node x back to node y, a loop of its own, or one for the dispatcher? */
export function isLoop(x: u32, y: u32): bool {
  while (block(x).order > block(y).order) x = block(x).dominator;
  return x == y;
}

/** Make every target of a backward edge an entry: polls leave there. True when there was a new one. */
function addBackTargets(): bool {
  const before = entries;
  for (let k: u32 = 1; k < ordered; k++) {
    const b = block(orderAt(k));
    for (let y = firstOf(succOf(b)); y < NODES; y =
      nextOf(succOf(b), y + 1)) if (isBack(b, block(y))) addEntry(y);
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
    const b = block(n);
    let forward: u32 = 0;
    for (let x = firstOf(predsOf(b)); x < NODES; x = nextOf(predsOf(b), x + 1)) {
      const from = block(x);
      if (isBack(from, b)) {
        if (isLoop(x, n)) b.loop = 1;
        continue;
      }
      forward++;
      // Both arms of one branch count as two edges.
      if (x != 0 && from.taken == n && from.fall == n) forward++;
    }
    if (forward > 1) b.merge = 1;
  }
}

/** Where a CALL returns to whose RET is outside. */
function addSites(): void {
  for (let n: u32 = 1; n <= blocks; n++) {
    const b = block(n);
    if (b.site == 0) continue;
    let back = false;
    for (let y = firstOf(succOf(b)); y < NODES && !back; y = nextOf(succOf(b), y + 1)) {
      back = has(reachesOf(block(y)), b.site);
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
  empty(succOf(block(0)));
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
