// The group `privileged` of isa:check, and its recording: every case in the core as it ships, interpreted
// and with everything translated before its first execution, against what QEMU's TCG did when it was
// recorded.

import type { Decoded } from '../../isa-gen/encoding.ts';
import type { Change } from '../delta.ts';
import { readGroup, writeGroup, type RecordedRow } from '../vectors.ts';
import { INTERPRETED, PrivilegedCore, TRANSLATED } from './core.ts';
import type { Draft } from './draft.ts';
import { families, TEMPLATE, type Family } from './families.ts';
import { assemble, keepImage, keptImage } from './image.ts';
import { arenaBefore, changesOf, differences, differing, differingPlaces, seen } from './judge.ts';
import { KNOWN, PRIVILEGED as GROUP, type KnownDifference } from './known.ts';
import type { PrivilegedOutcome } from './layout.ts';
import { qemuName, runOnQemu } from './qemu.ts';

const WANTED_VECTORS = 25;

export interface PrivilegedResult {
  rows: number; vectors: number; interpreted: number; translated: number;
  /** Vectors that entries of the table of known differences explain. */
  known: number;
  lines: string[]; missing: string[];
}

interface Judged { family: Family; n: number; seed: number; d: Draft; before: Uint8Array }

const judged = (family: Family, seed: number): Judged[] => Array.from({ length: family.count }, (_, n) => {
  const d = family.make(n, seed);
  return { family, n, seed, d, before: arenaBefore(d, TEMPLATE) };
});

/** Sentences about what differs and is not known. */
class Judge {
  readonly used = new Map<KnownDifference, number>();
  known = 0;
  differences(j: Judged, ours: readonly Change[], theirs: readonly Change[], how: string): string[] {
    const found = differences(ours, theirs, 'QEMU');
    if (found.length === 0) return [];
    const difference = { name: j.family.key.replace(/^[^:]*: /, ''), d: j.d, ours: seen(j.d, ours, j.before),
      theirs: seen(j.d, theirs, j.before), fields: differing(ours, theirs),
        places: differingPlaces(ours, theirs) };
    const entry = KNOWN.find((k) => k.explains(difference));
    if (entry !== undefined) {
      this.used.set(entry, (this.used.get(entry) ?? 0) + 1);
      this.known++;
      return [];
    }
    return [`${GROUP}: ${j.family.key}, ${['16', '32', '64'][j.d.mode]!} bit at CPL ${j.d.cpl}, case ${j.n} of seed ${j.seed}, ${
      Buffer.from(j.d.code).toString('hex')}, ${how}: event ${difference.ours.vector} (${difference.ours.error.toString(16)}), QEMU ${
      difference.theirs.vector} (${difference.theirs.error.toString(16)}); ${found.join('; ')}`];
  }
  unused(): string[] {
    return KNOWN.filter((k) => !this.used.has(k)).map((k) => `known difference explains nothing: ${k.what}`);
  }
}

async function outcomes(options: number, image: Buffer,
  all: readonly Judged[]): Promise<PrivilegedOutcome[]> {
  const core = new PrivilegedCore(image, options);
  const out = core.run(TEMPLATE, all.map((j) => j.d));
  await core.stop();
  return out;
}

/** `whole`: all rows are there, so that every known difference must be. */
async function against(all: readonly Judged[], theirs: readonly (readonly Change[])[], image: Buffer,
  whole: boolean,
  result: PrivilegedResult): Promise<void> {
  const judge = new Judge();
  const stepped = await outcomes(INTERPRETED, image, all), translated = await outcomes(TRANSLATED, image,
    all);
  all.forEach((j, k) => {
    const ours = changesOf(j.d, stepped[k]!, j.before), found = judge.differences(j, ours, theirs[k]!,
      'interpreted');
    if (found.length > 0) result.interpreted++;
    const again = differences(changesOf(j.d, translated[k]!, j.before), ours, 'interpreted');
    if (again.length > 0) {
      result.translated++;
      found.push(`${GROUP}: ${j.family.key}, case ${j.n} of seed ${j.seed}, ${
        Buffer.from(j.d.code).toString('hex')}, translated: ${again.join('; ')}`);
    }
    result.lines.push(...found);
  });
  result.vectors += all.length;
  result.known += judge.known;
  if (whole) result.missing.push(...judge.unused());
}

const empty = (): PrivilegedResult => ({ rows: 0, vectors: 0, interpreted: 0, translated: 0, known: 0,
  lines: [], missing: [] });

/** Every recorded vector of the families whose name matches. */
export async function checkPrivileged(rows: readonly Decoded[], wanted: RegExp): Promise<PrivilegedResult> {
  const result = empty(), recorded = new Map(readGroup(GROUP).map((row) => [row.key, row]));
  const all: Judged[] = [], theirs: Change[][] = [];
  const list = families(rows), mine = list.filter((f) => wanted.test(`${GROUP}: ${f.key}`));
  for (const family of mine) {
    const row = recorded.get(family.key);
    result.rows++;
    if (row === undefined || row.cases.length < Math.min(WANTED_VECTORS, family.count)
      || row.cases.length !== family.count) {
      result.missing.push(`${family.key} has not its ${family.count} vectors: npm run isa:record -- --privileged --seed S`);
      continue;
    }
    all.push(...judged(family, row.seed));
    theirs.push(...row.cases);
  }
  if (all.length > 0) await against(all, theirs, keptImage(), mine.length === list.length, result);
  return result;
}

/** Runs a seed under QEMU; compares the core at once, or records. */
export async function recordPrivileged(rows: readonly Decoded[], wanted: RegExp, seed: number,
  compare: boolean): Promise<PrivilegedResult> {
  const result = empty(), image = assemble(), witness = qemuName(), list = families(rows);
  const mine = list.filter((f) => wanted.test(`${GROUP}: ${f.key}`)), all = mine.flatMap((family) => judged(family, seed));
  const theirs = (await runOnQemu(image, TEMPLATE, all.map((j) => j.d))).map((o, k) => changesOf(all[k]!.d,
    o, all[k]!.before));
  result.rows = mine.length;
  if (compare) {
    await against(all, theirs, image, false, result);
    return result;
  }
  const kept = new Map(readGroup(GROUP).map((row) => [row.key, row]));
  let from = 0;
  for (const family of mine) {
    const counts: RecordedRow['counts'] = [0, 0, family.count];
    kept.set(family.key, { key: family.key, seed, witness, counts, cases: theirs.slice(from,
      from + family.count) });
    from += family.count;
  }
  result.vectors = all.length;
  const size = writeGroup(GROUP, list.flatMap((f) => kept.get(f.key) ?? []));
  keepImage(image);
  result.lines.push(`isa/vectors/${GROUP}.vec: ${mine.length} rows, ${all.length} cases, ${
    (size / 1024).toFixed(0)} KiB, witness ${witness}`);
  return result;
}
