// Compares one case's changes in the core with a witness's. Everything must be equal, but the results of
// transcendental functions, which may be one unit in the last place from silicon's (SDM vol. 1 8.3.10
// promises less than one of the exact value to both sides), and of the approximations RCP and RSQRT (1.5 *
// 2^-12 relative, SDM vol. 2).

import type { Decoded } from '../isa-gen/encoding.ts';
import { loadRows } from '../../isa/index.ts';
import { decodeRow } from '../isa-gen/encoding.ts';
import { Field, differences, type Change } from './delta.ts';
import { modesOf } from './generate.ts';
import { TRANSCENDENTAL } from './undefined.ts';
import { DATA, type Case, type Mode } from './state.ts';

const APPROXIMATE = /^(RCP|RSQRT)[PS]S$/;
const MAX_ULP = 1n, APPROXIMATION = 1.5 * 2 ** -12;

/** Greatest difference seen, in units of the last place, by function. */
export const ulps = new Map<string, number>();

const isR = (field: number): boolean => field >= Field.R0 && field < Field.R0 + 8;

/** Position of an 80-bit number among its neighbours. */
const rank = (v: bigint): bigint => {
  const magnitude = ((v >> 64n) & 0x7fffn) << 63n | (v & 0x7fffffffffffffffn);
  return (v >> 79n) & 1n ? -magnitude : magnitude;
};

/** Theirs with what is near enough replaced by ours. */
function forgiving(d: Decoded, c: Case, ours: readonly Change[], theirs: readonly Change[]): Change[] {
  const mine = new Map(ours.map((change) => [change.field, change.value]));
  // A field that only the witness changed still has its value from before.
  theirs.forEach(({ field }) => { if (isR(field) && !mine.has(field)) mine.set(field,
    register(c, field - Field.R0)); });
  const fields = new Set(theirs.map((change) => change.field));
  const unchanged = ours.filter(({ field }) => isR(field) && !fields.has(field))
    .map(({ field }): Change => ({ field, value: register(c, field - Field.R0) }));
  const out = [...theirs, ...unchanged].map(({ field, value }): Change => {
    const own = mine.get(field);
    if (own === undefined) return { field, value };
    if (TRANSCENDENTAL.test(d.row.name)) {
      if (isR(field)) {
        const away = rank(own) > rank(value) ? rank(own) - rank(value) : rank(value) - rank(own);
        if (away < 1000n) ulps.set(d.row.name, Math.max(ulps.get(d.row.name) ?? 0, Number(away)));
        if (away <= MAX_ULP) return { field, value: own };
      }
    }
    if (APPROXIMATE.test(d.row.name) && field >= Field.XMM && field < Field.XMM + 16) return { field,
      value: nearFloats(own, value) };
    return { field, value };
  });
  const listed = new Set(ours.map((change) => change.field));
  return out.filter((x) => !isR(x.field) || listed.has(x.field)
    || x.value !== register(c, x.field - Field.R0));
}

const floats = new DataView(new ArrayBuffer(4));
const floatOf = (bits: number): number => { floats.setUint32(0, bits); return floats.getFloat32(0); };

/** `theirs` with each lane that is near enough replaced by that of `own`. */
function nearFloats(own: bigint, theirs: bigint): bigint {
  let out = 0n;
  for (let lane = 0n; lane < 128n; lane += 32n) {
    const a = Number((own >> lane) & 0xffffffffn), b = Number((theirs >> lane) & 0xffffffffn);
    const x = floatOf(a), y = floatOf(b);
    out |= BigInt(Math.abs(x - y) <= Math.abs(y) * 2 * APPROXIMATION ? a : b) << lane;
  }
  return out;
}

/** Physical x87 register n before the case. */
function register(c: Case, n: number): bigint {
  const v = new DataView(c.fx.buffer, c.fx.byteOffset, 512), at = 32
    + ((n - (v.getUint16(2, true) >> 11)) & 7) * 16;
  return v.getBigUint64(at, true) | BigInt(v.getUint16(at + 8, true)) << 64n;
}

const valueOf = (list: readonly Change[], field: number): bigint | undefined =>
  list.find((x) => x.field === field)?.value;

/**
 * An access that wraps at 4 GiB in a segment with that limit may fault or not (SDM vol. 3A 5.3). `cr2`: of
 * the page fault, where the changes leave it out.
 */
export function wraps(c: Case, ours: readonly Change[], theirs: readonly Change[],
  cr2 = 1000n): boolean {
  const vectors = [valueOf(ours, Field.VECTOR), valueOf(theirs, Field.VECTOR)];
  const segment = vectors.some((v) => v === 12n || v === 13n), page = vectors.includes(14n);
  const at = valueOf(ours, Field.CR2) ?? valueOf(theirs, Field.CR2) ?? cr2;
  return c.mode !== 2 && segment && page
    && (at > 0xffffff00n || at < 0x20n || at >= BigInt(DATA - 32) && at < BigInt(DATA));
}

export function compare(d: Decoded, c: Case, ours: readonly Change[], theirs: readonly Change[]): string[] {
  if (wraps(c, ours, theirs)) return [];
  const near = TRANSCENDENTAL.test(d.row.name) || APPROXIMATE.test(d.row.name);
  return differences(ours, near ? forgiving(d, c, ours, theirs) : theirs, 'silicon');
}

/** Cases per row and mode: 16, 32, 64. */
const COUNTS = [60, 80, 200] as const;

export function countsOf(d: Decoded): [number, number, number] {
  const modes = modesOf(d);
  // Rows of one mode get the others' share.
  const scale = modes.length === 3 ? 1 : modes.length === 2 ? 2 : 1.5;
  const of = (mode: Mode): number => (modes.includes(mode) ? Math.round(COUNTS[mode] * scale) : 0);
  return [of(0), of(1), of(2)];
}

export async function decodedRows(): Promise<Decoded[]> {
  return (await loadRows()).map(decodeRow);
}
