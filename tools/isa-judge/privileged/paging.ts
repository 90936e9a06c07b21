// Page faults in long mode: an access over the end of a page whose two pages, and the tables above them, have
// random bits; loads, stores, read-modify-write, stack and instruction fetch at CPL 0 and 3 under WP, SMEP,
// SMAP and RFLAGS.AC. Vector, error code, CR2, accessed and dirty bits. SDM vol. 3A 4.5 to 4.8.

import { Random, hash32 } from '../random.ts';
import { draft, Flag, patch, type Draft } from './draft.ts';
import { Cr0, Cr4, DATA, linear, NO_EXECUTE, PAGE, PD, PDPT } from './world.ts';

/** Linear: through a page table of its own, as a page of 2 MiB, and as one of 1 GiB. */
const SMALL = 0x200000n, LARGE = 0x400000n, HUGE = 0x40000000n, TABLE = NO_EXECUTE;
const INT3 = 0xcc, EDGE = 0x1000n;

/** Present, writable, user mostly; accessed and dirty now and then; seldom NX or what is reserved. */
function entry(random: Random, reserved: readonly number[]): bigint {
  let bits = 0n;
  for (const [bit, odds] of [[0, 10], [1, 4],
    [2, 3]] as const) if (!random.one(odds)) bits |= 1n << BigInt(bit);
  for (const bit of [5, 6]) if (random.one(2)) bits |= 1n << BigInt(bit);
  if (random.one(6)) bits |= 1n << 63n;
  if (random.one(10)) bits |= 1n << BigInt(random.pick(reserved));
  if (random.one(12)) bits |= 1n << BigInt(random.pick([9, 10, 11, 52, 58, 62]));
  return bits;
}
const ABOVE = [40, 45, 51], PAGES = [0, 1];

function tables(d: Draft): void {
  const { random } = d;
  for (const n of PAGES) patch(d, TABLE + n * 8, linear(DATA + n * PAGE) | entry(random, ABOVE), 8);
  patch(d, PD + 8, linear(TABLE) | entry(random, [...ABOVE, 51]), 8);
  patch(d, PD + 16, 0x80n | entry(random, [...ABOVE, 13, 20]), 8);
  patch(d, PDPT + 8, 0x80n | entry(random, [...ABOVE, 13, 29]), 8);
}

/** Instructions with the operand at RBX, and what it is used for. */
const CODES: readonly (readonly number[])[] = [
  [0x8a, 0x03], [0x66, 0x8b, 0x03], [0x8b, 0x03], [0x48, 0x8b, 0x03], [0x88, 0x03], [0x66, 0x89, 0x03], [0x89, 0x03],
  [0x48, 0x89, 0x03], [0x01, 0x03], [0x48, 0x01, 0x03], [0x48, 0x39, 0x03], [0xff, 0x03], [0x48, 0x87, 0x03],
  [0xf0, 0x48, 0x0f, 0xc1, 0x03], [0xff, 0x33], [0x8f, 0x03], [0xff, 0x23], [0x48, 0xff, 0x13], [0x48, 0xf7, 0x23],
  [0x0f, 0xba, 0x2b, 0x01], [0x48, 0x0f, 0xb0, 0x03], [0x0f, 0x90, 0x03], [0x0f, 0xa0, 0x58], [0xa4], [0x48, 0xa5], [0xa6], [0xaa],
  [0xac], [0x0f, 0x11, 0x03], [0x0f, 0x10, 0x03], [0xdd, 0x03], [0xdd, 0x1b], [0x0f, 0x01, 0x3b], [0x0f, 0x18, 0x0b],
];

function controls(d: Draft): void {
  const { random, registers: r } = d;
  for (const bit of [Cr4.SMEP, Cr4.SMAP]) if (random.one(2)) r.cr4 |= BigInt(bit);
  r.cr4 |= BigInt(Cr4.OSFXSR);
  r.cr0 = 0x80000033n | (random.one(2) ? BigInt(Cr0.WP) : 0n);
  r.rflags &= ~BigInt(Flag.TF | Flag.NT | Flag.DF);
  if (random.one(5)) r.efer &= ~0x800n;
}

/** An access of one of CODES, or the fetch of an instruction there. */
export function pagingCase(n: number, seed: number): Draft {
  const random = new Random(seed ^ hash32('privileged paging'), n);
  const d = draft(random, 2, n % 2 === 0 ? 0 : 3), { registers: r } = d;
  controls(d);
  tables(d);
  const edge = random.below(4) ? SMALL + EDGE : random.one(2) ? LARGE + linear(DATA) + EDGE : HUGE
    + linear(DATA) + EDGE;
  const at = edge - BigInt(random.below(10)) + (random.one(6) ? 2n : 0n);
  r.rbx = at;
  r.rsi = at;
  r.rdi = random.one(2) ? at : linear(DATA + 0x300);
  if (random.one(4)) {
    // The last bytes of the first page and the first of the second: NOPs, with an instruction over the edge.
    const back = Number(edge - at);
    patch(d, DATA + PAGE - 16, 0x9090909090909090n, 8);
    patch(d, DATA + PAGE - 8, 0x9090909090909090n, 8);
    patch(d, DATA + PAGE - back, 0x12345678b948n, 8);
    d.code = [0x48, 0xb9];
    r.rip = at;
    return d;
  }
  d.code = [...random.pick(CODES), INT3];
  patchCode(d);
  return d;
}

function patchCode(d: Draft): void {
  const page = d.cpl === 3 ? 0x2000 : 0x3000;
  d.patches.push({ at: page + 0x800, bytes: d.code });
}
