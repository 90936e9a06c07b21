// The four breakpoints of DR0 to DR3 (SDM vol. 3B 17.2.4, 17.2.5): what DR7 says of each, and which of them
// an instruction's address, its data accesses and its ports have hit. Instruction breakpoints are faults
// before the instruction; the others traps behind it, or behind an iteration of REP, so hits are gathered
// here until the run loop asks. Left out: accesses of event delivery and of descriptor tables do not count.

import { Cpu, Seg, segment } from "./state";

/** Local and global enables of the four. */
export const DR7_ENABLES: u64 = 0xff;
const COUNT: u64 = 4;
/** R/W fields of DR7: what is watched. */
const enum Watch { EXECUTE = 0, WRITE = 1, PORT = 2, ACCESS = 3 }
const WATCH_MASK: u64 = 3, LENGTH_SHIFT: u64 = 2, TYPES_SHIFT: u64 = 16, BITS_OF_TYPE: u64 = 4;
/** Length field 10b is 8 bytes (SDM vol. 3B 17.2.4); the others are one less than their bytes. */
const LENGTH_8: u64 = 2;
const CR4_DE: u64 = 1 << 3;

/** DR6 bits of what the present instruction has hit (this thread). */
let hits: u64 = 0;

// @ts-ignore: decorator
@inline
export function breakpointsOn(c: Cpu): bool { return (c.dr7 & DR7_ENABLES) != 0; }

// @ts-ignore: decorator
@inline
export function hasHits(): bool { return hits != 0; }

/** The hits since the last call. */
export function takeHits(): u64 {
  const was = hits;
  hits = 0;
  return was;
}

function addressOf(c: Cpu, n: u64): u64 {
  return n == 0 ? c.dr0 : n == 1 ? c.dr1 : n == 2 ? c.dr2 : c.dr3;
}

/** DR6 bits of the enabled breakpoints of these types (a bit for each) that [at, at + bytes) touches. */
function matches(c: Cpu, at: u64, bytes: u64, types: u64): u64 {
  let found: u64 = 0;
  for (let n: u64 = 0; n < COUNT; n++) {
    if (!((c.dr7 >> (n << 1)) & 3)) continue;
    const kind = c.dr7 >> (TYPES_SHIFT + n * BITS_OF_TYPE);
    if (!((types >> (kind & WATCH_MASK)) & 1)) continue;
    const field = (kind >> LENGTH_SHIFT) & WATCH_MASK;
    const length: u64 = field == LENGTH_8 ? 8 : field + 1;
    const from = addressOf(c, n) & ~(length - 1);
    if (from - at < bytes || at - from < length) found |= <u64>1 << n;
  }
  return found;
}

/** DR6 bits of enabled instruction breakpoints at RIP. */
export function instructionBreakpoint(c: Cpu): u64 {
  const va = c.mode64 ? c.rip : (segment(c, Seg.CS).base + c.rip) & 0xffffffff;
  return matches(c, va, 1, 1 << Watch.EXECUTE);
}

/** Notes a data access; `va` as it goes to paging. */
export function watchData(c: Cpu, va: u64, n: u32, write: bool): void {
  hits |= matches(c, va, n, write ? 1 << Watch.WRITE | 1 << Watch.ACCESS : 1 << Watch.ACCESS);
}

/** Notes an access to a port, if CR4.DE has given the type a meaning. */
export function watchPort(c: Cpu, port: u32, n: u32): void {
  if (breakpointsOn(c) && (c.cr4 & CR4_DE) != 0) hits |= matches(c, port, n, 1 << Watch.PORT);
}
