// Outcomes of privileged cases as lists of what they changed, compared and recorded like those of user mode
// (../delta.ts, ../vectors.ts). The frame that the final event has pushed is part of the memory.

import { FIELD_NAMES as USER_FIELDS, Field, type Change } from '../delta.ts';
import { ARENA, Ended, ENTRY_FRAME, FIELDS, type PrivilegedOutcome } from './layout.ts';
import type { Draft } from './draft.ts';
import { NONE, SHUTDOWN, type Seen } from './known.ts';
import { GDT } from './world.ts';

/** Numbers of fields in recorded vectors; those of user mode lie below. */
const FIRST = 64;
export const fieldNumber = (name: (typeof FIELDS)[number]): number => FIRST + FIELDS.indexOf(name);
/** Not the case's: bookkeeping of the harness, and what its own frame tells. */
const UNSEEN = new Set<string>(['size', 'pending', 'rip']);
const RF = 0x10000, TSS_BUSY = 2, ERROR_CODES = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Faults; traps and interrupts push RF as it was (SDM vol. 3B 18.3.1.1). */
const FAULTS = new Set([0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19]);

/** The arena before the case. */
export function arenaBefore(d: Draft, template: Uint8Array): Uint8Array {
  const out = template.slice();
  for (const { at, bytes } of d.patches) out.set(Uint8Array.from(bytes), at);
  const tr = Number(d.registers.tr);
  if (tr !== 0) out[GDT + tr + 5]! |= TSS_BUSY;
  const view = new DataView(out.buffer);
  (['rip', 'cs', 'rflags', 'rsp', 'ss'] as const).forEach((name, n) =>
    view.setBigUint64(ENTRY_FRAME + n * 8, d.registers[name], true));
  return out;
}

/** Words of a frame with its error code, and the vector. */
const FRAME_BYTES = 48;

export function changesOf(d: Draft, o: PrivilegedOutcome, before: Uint8Array): Change[] {
  if (o.ended !== Ended.EVENT) return [{ field: Field.END, value: BigInt(o.ended) }];
  const out: Change[] = [], after = before.slice(), view = new DataView(after.buffer);
  for (const [at, value] of o.memory) view.setBigUint64(at, value, true);
  const vector = Number(o.registers.vector & 0xffn), frame = Number(o.registers.rsp) - ARENA;
  // TCG does not set RF in the frame of a fault; user mode has it.
  const flags = frame + (ERROR_CODES.has(vector) ? 8 : 0) + 16;
  if (FAULTS.has(vector) && flags >= 0 && flags + 4 <= after.length) view.setUint32(flags,
    view.getUint32(flags, true) & ~RF, true);
  for (const [at] of [...o.memory].sort((a, b) => a[0] - b[0])) {
    for (let n = at; n < at + 8; n++) {
      if (d.frameOnly && (n < frame || n >= frame + FRAME_BYTES)) continue;
      if (after[n] !== before[n]) out.push({ field: Field.MEMORY, value: BigInt(n * 256 + after[n]!) });
    }
  }
  for (const name of FIELDS) {
    if (UNSEEN.has(name) || d.ignored.has(name)) continue;
    const keep = ~(d.masked.get(name) ?? 0n), is = o.registers[name] & keep;
    if (is !== (d.registers[name] & keep)) out.push({ field: fieldNumber(name), value: BigInt.asUintN(64,
      is) });
  }
  return out;
}

const nameOf = (x: Change): string => (x.field === Field.MEMORY ? `memory +0x${(x.value >> 8n).toString(16)}`
  : x.field >= FIRST ? FIELDS[x.field - FIRST]! : USER_FIELDS[x.field]!);

/** A sentence for each difference. */
export function differences(ours: readonly Change[], theirs: readonly Change[], name: string): string[] {
  const shown = (x: Change | undefined): string => (x === undefined ? 'unchanged'
    : (x.field === Field.MEMORY ? x.value & 255n : x.value).toString(16));
  const a = new Map(ours.map((x) => [nameOf(x), x])), b = new Map(theirs.map((x) => [nameOf(x), x]));
  return [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k)?.value !== b.get(k)?.value)
    .map((k) => `${k} ${shown(a.get(k))}, ${name} ${shown(b.get(k))}`);
}

const MEMORY = Field.MEMORY, END_FIELD = Field.END, VECTOR_FIELD = fieldNumber('vector'),
  RSP_FIELD = fieldNumber('rsp');

/** Final event of a list of changes: its vector and error code, from the frame in long mode. */
export function seen(d: Draft, list: readonly Change[], before: Uint8Array): Seen {
  const value = (field: number): bigint | undefined => list.find((x) => x.field === field)?.value;
  const end = value(END_FIELD);
  if (end !== undefined) return { vector: end === BigInt(Ended.RESET) ? SHUTDOWN : NONE, error: 0 };
  const vector = Number((value(VECTOR_FIELD) ?? 0n) & 0xffn),
    at = Number(value(RSP_FIELD) ?? d.registers.rsp) - ARENA;
  if (!ERROR_CODES.has(vector)) return { vector, error: 0 };
  const byte = (n: number): number => Number(list.find((x) => x.field === MEMORY
    && Number(x.value >> 8n) === n)?.value
    ?? BigInt(before[n] ?? 0)) & 255;
  return { vector, error: byte(at) | byte(at + 1) << 8 };
}

/** Fields that differ, memory without its place. */
export function differing(ours: readonly Change[], theirs: readonly Change[]): Set<string> {
  return new Set(differences(ours, theirs, '').map((text) => text.split(' ')[0]!));
}

/** Offsets of bytes of memory that differ. */
export function differingPlaces(ours: readonly Change[], theirs: readonly Change[]): number[] {
  return differences(ours, theirs, '').map((text) => /^memory \+0x([0-9a-f]+)/.exec(text)?.[1])
    .filter((at) => at !== undefined).map((at) => parseInt(at, 16));
}
