// Cases of npm run isa:faults in which something stops a repeated string instruction between two elements: a
// page fault at the source, the destination or both, once as the fault and once gone on with after the page
// is there; a segment's end; TF; debug registers that watch an element. They run from the state that `c` has
// to the first exception that is not repaired, mostly without TF, to INT3 behind the instruction. What each
// has committed by then is the judge's: rCX, rSI, rDI as of the element, memory up to it, flags (SDM vol. 2
// REP, vol. 3A 6.6, vol. 3B 17.2.4, 17.3.1.1).

import type { Decoded } from '../isa-gen/encoding.ts';
import { groupOf, makeCase, offsetOf, rowKey } from './generate.ts';
import { hash32, Random } from './random.ts';
import { DATA, DATA_BYTES, DS16, DS32, PAGE, READ_ONLY_PAGE, type Case, type Mode } from './state.ts';

const REP = 0xf3, REPNE = 0xf2, OPSIZE = 0x66, ADDRSIZE = 0x67, REX_W = 0x48, FS_PREFIX = 0x64;
const INT3 = 0xcc, NOP = 0x90, DIRECTION = 0x400, MANY = 40, ES = 0, DS = 3, FS = 4;
/** LDT entry 2: base DATA, limit 0xfff. */
const LIMITED = 0x17;
/** Where an operand is that nothing happens to: the last page. */
const HARMLESS = 3 * PAGE + 0x800;
/** DR7: enabled, and in the upper half what is watched (SDM vol. 3B 17.2.4). */
const ENABLE = 1, ON_WRITE = 1, ON_ACCESS = 3, LENGTHS = [0, 1, 0, 3, 0, 0, 0, 2];
/** Cases of a row and mode. */
export const INTERRUPTED = 160;

const KINDS = ['source', 'target', 'both', 'limit', 'read-only', 'watched'] as const;
type Kind = (typeof KINDS)[number];

export const isString = (d: Decoded): boolean => groupOf(d) === 'string';
const reads = (d: Decoded): boolean => /^(MOVS|LODS|CMPS)$/.test(d.row.name);
const writes = (d: Decoded): boolean => /^(MOVS|STOS)$/.test(d.row.name);
const compares = (d: Decoded): boolean => /^(CMPS|SCAS)$/.test(d.row.name);
const hasTarget = (d: Decoded): boolean => d.row.name !== 'LODS';

const possible = (d: Decoded, mode: Mode, kind: Kind): boolean => ({
  source: reads(d), target: hasTarget(d), both: reads(d) && hasTarget(d), limit: mode !== 2,
  'read-only': writes(d), watched: true,
}[kind]);

interface Draft {
  c: Case; d: Decoded; random: Random;
  down: boolean;
  /** Bytes of an element and of an address. */
  element: number; address: number;
  /** Elements in front of the one that something happens to. */
  whole: number;
  /** Segment of the source. */
  segment: number;
}

/** Where an operand begins whose element number `whole` is the first one beyond `edge`, at least in part. */
function crossing({ random, down, element, whole }: Draft, edge: number): number {
  const part = random.one(2) ? 0 : random.below(element);
  return down ? edge - element + part + whole * element : edge - part - whole * element;
}

function encode(d: Decoded, mode: Mode, random: Random): Pick<Draft, 'element' | 'address' | 'segment'>
  & { code: number[] } {
  const wide = !/\bAL\b|b/.test(d.row.ops), rexW = wide && mode === 2 && random.one(3);
  const has66 = wide && random.one(3), has67 = random.one(4), hasFs = mode === 2 && random.one(6);
  const code = [random.one(3) ? REPNE : REP];
  if (has66) code.push(OPSIZE);
  if (has67) code.push(ADDRSIZE);
  if (hasFs) code.push(FS_PREFIX);
  if (rexW) code.push(REX_W);
  code.push(d.encoding.opcodes[0]!);
  return { code, element: !wide ? 1 : rexW ? 8 : has66 !== (mode === 0) ? 2 : 4,
    address: has67 ? (mode === 1 ? 2 : 4) : ([2, 4, 8] as const)[mode], segment: hasFs ? FS : DS };
}

/** What comparisons go on over, with a byte now and then that ends them. */
function fillData({ c, d, random }: Draft): void {
  const data = new Uint8Array(DATA_BYTES), unequal = c.code.includes(REPNE);
  for (let n = 0; n < DATA_BYTES; n++) data[n] = random.next();
  if (compares(d)) {
    const value = random.below(256), other = unequal ? value ^ 1 + random.below(255) : value;
    data.fill(value).fill(other, READ_ONLY_PAGE * PAGE);
    const scanned = unequal ? value ^ other ^ 0x55 : value;
    c.regs[0] = BigInt(scanned) * 0x0101010101010101n;
    if (random.one(2)) data[PAGE - 24 + random.below(48)] = unequal ? scanned : value ^ 1;
  }
  c.window = data;
  c.windowAt = 0;
}

/** Offsets of source and target in the data area. */
function places(draft: Draft, kind: Kind): [source: number, target: number] {
  const { c, d, random, down } = draft, away = HARMLESS + random.below(16);
  const missing = (edge: number): number => {
    c.absent! |= 1 << edge / PAGE - (down ? 1 : 0);
    return crossing(draft, edge);
  };
  if (kind === 'source') return [missing(PAGE), away];
  if (kind === 'target') return [away, missing(PAGE)];
  if (kind === 'both') {
    const source = missing(PAGE), first = draft.whole;
    // Not at the same element: which operand is told of first is the processor's affair.
    draft.whole = random.below(MANY);
    if (draft.whole === first) draft.whole++;
    return [source, missing(3 * PAGE)];
  }
  if (kind === 'read-only') return [0x800, crossing(draft, (READ_ONLY_PAGE + (down ? 1 : 0)) * PAGE)];
  if (kind === 'limit') {
    const at = crossing(draft, down ? 0 : PAGE), good = 0x600 + random.below(16);
    return reads(d) && (!hasTarget(d) || random.one(2)) ? [at, good] : [good, at];
  }
  watchElement(draft);
  return [WATCHED_SOURCE, away];
}
const WATCHED_SOURCE = PAGE + 0x800;

/** Some of DR0 to DR3 watch one to eight bytes, each at an address that `near` makes. */
function watchNear(random: Random, near: () => number): Case['watch'] {
  const at: bigint[] = [];
  let control = 0;
  for (let n = 0; n < 4; n++) {
    const length = random.pick([1, 2, 4, 8]);
    at.push(BigInt(DATA + near() & -length));
    if (n > 0 && random.one(2)) continue;
    const type = random.one(2) ? ON_WRITE : ON_ACCESS;
    control |= ENABLE << 2 * n | (type | LENGTHS[length - 1]! << 2) << 16 + 4 * n;
  }
  return { at, control: control >>> 0 };
}

/** Bytes of the source or the target, some of them near element `whole`. */
function watchElement({ c, d, random, down, element, whole }: Draft): void {
  c.watch = watchNear(random, () => {
    const source = reads(d) && (!hasTarget(d) || random.one(2));
    return (source ? WATCHED_SOURCE : HARMLESS) + (down ? -1 : 1) * (whole + random.below(8)) * element;
  });
}

/** Bytes in and around the operand of case number `n` of a row. */
export function watchOperand(c: Case, d: Decoded, n: number, seed: number): void {
  const random = new Random(seed ^ hash32(`watched ${rowKey(d)}`), n * 4 + c.mode);
  c.watch = watchNear(random, () => c.operandAt + random.below(AROUND) - AROUND / 2);
}
const AROUND = 24;

/** rCX, rSI and rDI; above the address size something that must not matter. */
function setRegisters(draft: Draft, [source, target]: readonly [number, number]): void {
  const { c, random, whole, address } = draft, bits = address * 8;
  const sized = (value: bigint): bigint => BigInt.asUintN(bits, value)
    | (random.one(2) ? BigInt.asUintN(64, random.bits64() << BigInt(bits)) : 0n);
  c.regs[1] = sized(BigInt(random.one(8) ? random.below(whole + 1) : whole + 1 + random.below(MANY)));
  c.regs[6] = sized(offsetOf(c, draft.segment, source));
  c.regs[7] = sized(offsetOf(c, ES, target));
  if (c.mode !== 2) c.regs.forEach((value, n) => { c.regs[n] = BigInt.asUintN(32, value); });
}

/** Case number `n` of a row, and what it is about. */
export function interruptedCase(d: Decoded, mode: Mode, n: number, seed: number): Case {
  const random = new Random(seed ^ hash32(`interrupted ${rowKey(d)}`), n * 4 + mode);
  const c = makeCase(d, mode, n, seed, { at: 0x400 }), down = random.one(3);
  const { code, ...widths } = encode(d, mode, random);
  const kind = random.pick(KINDS.filter((each) => possible(d, mode, each)));
  const traced = kind !== 'watched' && random.one(4);
  Object.assign(c, { code, filler: traced ? NOP : INT3, untraced: !traced, absent: 0,
    repairs: kind === 'limit' || kind === 'watched' ? 0 : random.pick([0, 0, 1, 2, 4]) });
  c.flags = c.flags & ~DIRECTION | (down ? DIRECTION : 0);
  const data = kind === 'limit' ? LIMITED : mode === 0 || widths.address === 2 || random.one(3) ? DS16 : DS32;
  if (mode !== 2) c.segments = Uint16Array.of(data, c.segments[1]!, c.segments[2]!, data, 0, 0);
  else if (widths.segment === FS) c.fsBase = BigInt(DATA - random.below(4096));
  const draft: Draft = { c, d, random, down, ...widths, whole: random.one(6) ? 0 : random.below(MANY) };
  if (traced) c.steps = draft.whole + random.below(4);
  fillData(draft);
  setRegisters(draft, places(draft, kind));
  if (c.steps === 0) c.steps = 1;
  return c;
}
