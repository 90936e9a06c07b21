// XXH64 with seed 0 (xxHash specification 0.8, "XXH64 algorithm description"): the checksum of a zstd frame
// is the low half of it. Output lies in one piece, so only whole stripes are taken until the end.

const PRIME1: u64 = 0x9E3779B185EBCA87;
const PRIME2: u64 = 0xC2B2AE3D27D4EB4F;
const PRIME3: u64 = 0x165667B19E3779F9;
const PRIME4: u64 = 0x85EBCA77C2B2AE63;
const PRIME5: u64 = 0x27D4EB2F165667C5;
const STRIPE: usize = 32;

let acc1: u64 = 0;
let acc2: u64 = 0;
let acc3: u64 = 0;
let acc4: u64 = 0;

export function hashBegin(): void {
  acc1 = PRIME1 + PRIME2;
  acc2 = PRIME2;
  acc3 = 0;
  acc4 = -PRIME1;
}

// @ts-ignore: decorator
@inline
function round(acc: u64, lane: u64): u64 {
  return rotl<u64>(acc + lane * PRIME2, 31) * PRIME1;
}

/** Takes the whole stripes of the bytes from `at` to `end`; returns where they end. */
export function hashStripes(at: usize, end: usize): usize {
  let a = acc1, b = acc2, c = acc3, d = acc4;
  for (; at + STRIPE <= end; at += STRIPE) {
    a = round(a, load<u64>(at));
    b = round(b, load<u64>(at, 8));
    c = round(c, load<u64>(at, 16));
    d = round(d, load<u64>(at, 24));
  }
  acc1 = a;
  acc2 = b;
  acc3 = c;
  acc4 = d;
  return at;
}

// @ts-ignore: decorator
@inline
function merge(hash: u64, acc: u64): u64 {
  return (hash ^ round(0, acc)) * PRIME1 + PRIME4;
}

/** The hash of `total` bytes, of which those from `at` to `end` are no whole stripe. */
export function hashEnd(at: usize, end: usize, total: u64): u64 {
  let hash = PRIME5;
  if (total >= <u64>STRIPE) {
    hash = rotl<u64>(acc1, 1) + rotl<u64>(acc2, 7) + rotl<u64>(acc3, 12) + rotl<u64>(acc4, 18);
    hash = merge(merge(merge(merge(hash, acc1), acc2), acc3), acc4);
  }
  hash += total;
  for (; at + 8 <= end; at += 8) hash = rotl<u64>(hash ^ round(0, load<u64>(at)), 27) * PRIME1 + PRIME4;
  if (at + 4 <= end) {
    hash = rotl<u64>(hash ^ (<u64>load<u32>(at) * PRIME1), 23) * PRIME2 + PRIME3;
    at += 4;
  }
  for (; at < end; at++) hash = rotl<u64>(hash ^ (<u64>load<u8>(at) * PRIME5), 11) * PRIME1;
  hash = (hash ^ (hash >> 33)) * PRIME2;
  hash = (hash ^ (hash >> 29)) * PRIME3;
  return hash ^ (hash >> 32);
}
