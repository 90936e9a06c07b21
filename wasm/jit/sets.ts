// Sets of nodes of the flow graph (map.ts): one bit per node, in memory.

/** Nodes are numbered below this. */
export const NODES: u32 = 256;
export const SET_BYTES: u32 = NODES / 8;

// @ts-ignore: decorator
@inline
function wordOf(set: usize, node: u32): usize { return set + (<usize>(node >> 6) << 3); }

// @ts-ignore: decorator
@inline
export function has(set: usize, node: u32): bool {
  return (load<u64>(wordOf(set, node)) >> (<u64>node & 63) & 1) != 0;
}
export function add(set: usize, node: u32): void {
  const word = wordOf(set, node);
  store<u64>(word, load<u64>(word) | (<u64>1 << (<u64>node & 63)));
}
export function empty(set: usize): void { memory.fill(set, 0, SET_BYTES); }
export function copyTo(set: usize, from: usize): void { memory.copy(set, from, SET_BYTES); }
export function unite(set: usize, other: usize): void {
  for (let at: usize = 0; at < SET_BYTES; at += 8) {
    store<u64>(set + at, load<u64>(set + at) | load<u64>(other + at));
  }
}

/** The first member from `node` on, NODES = none. */
export function nextOf(set: usize, node: u32): u32 {
  if (node >= NODES) return NODES;
  let base = node & ~63;
  let bits = load<u64>(wordOf(set, node)) & (~(<u64>0) << (<u64>node & 63));
  while (bits == 0) {
    base += 64;
    if (base == NODES) return NODES;
    bits = load<u64>(wordOf(set, base));
  }
  return base + <u32>ctz(bits);
}
// @ts-ignore: decorator
@inline
export function firstOf(set: usize): u32 { return nextOf(set, 0); }
