// How hot places are: a counter for each that samples, ways out of regions and ways between them have found
// (region.ts says what they count and when it is enough). A table of 64 KiB per CPU; there are more places.

import { HEADS, HEAD_BYTES, heads } from "./map";

export const enum Head { KEY = 0, COUNT = 4 }
const HEAD_WAYS: u32 = 4;

/** Count all places anew. */
export function forgetCounts(): void {
  memory.fill(heads(), 0, HEADS * HEAD_BYTES);
}

/** The counter of a place; one of four may be its own, and who has none takes the coldest. */
export function headOf(page: u32, off: u32): usize {
  const key = (page << 12 | off) + 1;
  const first = heads() + ((key ^ (key >> 11)) & (HEADS / HEAD_WAYS - 1)) * (HEAD_WAYS * HEAD_BYTES);
  let coldest = first;
  for (let h = first; h < first + HEAD_WAYS * HEAD_BYTES; h += HEAD_BYTES) {
    if (load<u32>(h, Head.KEY) == key) return h;
    if (load<u32>(h, Head.COUNT) < load<u32>(coldest, Head.COUNT)) coldest = h;
  }
  store<u32>(coldest, key, Head.KEY);
  store<u32>(coldest, 0, Head.COUNT);
  return coldest;
}
