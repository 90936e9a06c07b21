// The random number generator behind RDRAND and RDSEED (SDM vol. 1 7.3.17): ChaCha20 (RFC 8439) with fast key
// erasure, one per CPU, keyed from the host's seed (control word RANDOM_SEED) with the CPU's number and the
// time of seeding as nonce. Half of every block becomes the next key, so a state seen later tells nothing
// about earlier output. Without a seed there is no generator, and CPUID does not announce one.

import { Cpu, CpuBlock } from "./state";
import { CONTROL } from "../lib/layout";
import { Control } from "../lib/control";
import { hostNow } from "../lib/host";

/** Private state from CpuBlock.PARAVIRT on: u32 seeded, u32 bytes left, key, then the working block. */
const enum Random { SEEDED = 0x200, LEFT = 0x204, KEY = 0x220, BLOCK = 0x240, WORK = 0x280 }
const KEY_BYTES: usize = 32;
const BLOCK_BYTES: u32 = 64;

/** "expand 32-byte k" */
const SIGMA = memory.data<u32>([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]);

// @ts-ignore: decorator
@inline
function state(c: Cpu): usize {
  return changetype<usize>(c) + <usize>CpuBlock.PARAVIRT;
}

/** Has the host given a seed? */
export function randomIsSeeded(): bool {
  let any: u64 = 0;
  for (let i: usize = 0; i < KEY_BYTES; i += 8) any |= atomic.load<u64>(CONTROL + <usize>Control.RANDOM_SEED
    + i);
  return any != 0;
}

// @ts-ignore: decorator
@inline
function quarterRound(p: usize, ia: u32, ib: u32, ic: u32, id: u32): void {
  let a = load<u32>(p + (ia << 2)), b = load<u32>(p + (ib << 2));
  let c = load<u32>(p + (ic << 2)), d = load<u32>(p + (id << 2));
  a += b; d = rotl<u32>(d ^ a, 16);
  c += d; b = rotl<u32>(b ^ c, 12);
  a += b; d = rotl<u32>(d ^ a, 8);
  c += d; b = rotl<u32>(b ^ c, 7);
  store<u32>(p + (ia << 2), a);
  store<u32>(p + (ib << 2), b);
  store<u32>(p + (ic << 2), c);
  store<u32>(p + (id << 2), d);
}

/**
 * RFC 8439 2.3: the block of `key`, counter and 96-bit nonce at `tail` (4 words) to `out`; `work` is scratch.
 */
export function chachaBlock(key: usize, tail: usize, work: usize, out: usize): void {
  memory.copy(out, SIGMA, 16);
  memory.copy(out + 16, key, KEY_BYTES);
  memory.copy(out + 48, tail, 16);
  memory.copy(work, out, BLOCK_BYTES);
  for (let i = 0; i < 10; i++) {
    quarterRound(work, 0, 4, 8, 12);
    quarterRound(work, 1, 5, 9, 13);
    quarterRound(work, 2, 6, 10, 14);
    quarterRound(work, 3, 7, 11, 15);
    quarterRound(work, 0, 5, 10, 15);
    quarterRound(work, 1, 6, 11, 12);
    quarterRound(work, 2, 7, 8, 13);
    quarterRound(work, 3, 4, 9, 14);
  }
  for (let i: usize = 0; i < BLOCK_BYTES; i += 4) store<u32>(out + i, load<u32>(out + i)
    + load<u32>(work + i));
}

/** New block: its first half is the next key, the second half is handed out. */
function refill(c: Cpu): void {
  const s = state(c);
  const tail = s + Random.SEEDED;
  if (load<u32>(s, Random.SEEDED) == 0) {
    for (let i: usize = 0; i < KEY_BYTES; i += 8) {
      store<u64>(s + Random.KEY + i, atomic.load<u64>(CONTROL + <usize>Control.RANDOM_SEED + i));
    }
    // A machine that is reset starts from the same seed again: the time makes the stream another one.
    store<u32>(tail, 1);
    store<u32>(tail, c.id, 4);
    store<f64>(tail, hostNow(), 8);
  }
  chachaBlock(s + Random.KEY, tail, s + Random.WORK, s + Random.BLOCK);
  memory.copy(s + Random.KEY, s + Random.BLOCK, KEY_BYTES);
  memory.fill(s + Random.BLOCK, 0, KEY_BYTES);
  store<u32>(s, 1, Random.SEEDED);
  store<u32>(s, <u32>KEY_BYTES, Random.LEFT);
}

/** 64 random bits. */
export function random64(c: Cpu): u64 {
  const s = state(c);
  if (load<u32>(s, Random.LEFT) == 0) refill(c);
  const left = load<u32>(s, Random.LEFT) - 8;
  const at = s + Random.BLOCK + KEY_BYTES + left;
  const v = load<u64>(at);
  store<u64>(at, 0);
  store<u32>(s, left, Random.LEFT);
  return v;
}
