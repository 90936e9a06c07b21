// npm run isa:check [-- --rows R] [--json FILE]: every recorded vector (isa/vectors) in the core as it ships,
// first in single steps, which the interpreter does, then without, all code translated before its first
// execution. Prints per group `rows, vectors, failed` of both, and how many of 64- and 32-bit code were
// executed in regions: a row of which few were fails too. Groups are shared out among processes. Needs no
// particular processor. A failure names row, mode, case, code and fields.

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Decoded } from '../isa-gen/encoding.ts';
import { buildCore, option, reportCounted, runSteps, StepError } from '../steps.ts';
import { changesOf, differences } from './delta.ts';
import { groupOf, makeCase, rowKey } from './generate.ts';
import { compare, decodedRows } from './judge.ts';
import { MODE_NAMES, MODES, type Mode, type Outcome } from './state.ts';
import { TranslatingCore } from './translated.ts';
import { checkPrivileged } from './privileged/check.ts';
import { PRIVILEGED } from './privileged/known.ts';
import { readGroup, type RecordedRow } from './vectors.ts';

const SUMS = ['rows', 'vectors', 'interpreted', 'translated', 'flat', 'inFlat', 'long', 'inLong'] as const;
const MAX_SHOWN = 30, WANTED_VECTORS = 25, WORKERS = 4;
/**
 * Of a row's vectors at least this part must have been executed in a region, in 32- and in 64-bit code; the
 * translator leaves out 16-bit code.
 */
const WANTED_PART = 0.25, TRANSLATED: readonly Mode[] = [1, 2];

/**
 * A pending #MF or a fault of the register stack, now or before, in x87 code: regions leave these to the
 * interpreter (docs/adr/0036-x87.md), so they count as done. Bit 6 of FSW is SF.
 */
const ofInterpreter = (d: Decoded, o: Outcome): boolean =>
  d.row.file === 'x87.isa.ts' && (o.vector === 16 || (o.fx[2]! & 0x40) !== 0);

export interface GroupResult {
  group: string; rows: number; vectors: number; interpreted: number; translated: number;
  /** Vectors by mode, and those of them that were executed in regions. */
  flat: number; inFlat: number; long: number; inLong: number;
  /** Failures, and rows with too few vectors. */
  lines: string[]; missing: string[];
}

class Checker {
  private readonly core = new TranslatingCore();
  constructor(private readonly all: readonly Decoded[]) {}

  group(group: string, wanted: RegExp): GroupResult {
    const result: GroupResult = { group, rows: 0, vectors: 0, interpreted: 0, translated: 0, flat: 0,
      inFlat: 0, long: 0, inLong: 0, lines: [], missing: [] };
    const recorded = new Map(readGroup(group).map((row) => [row.key, row]));
    for (const d of this.all) {
      const key = rowKey(d);
      if (groupOf(d) !== group || !wanted.test(`${group}: ${key}`)) continue;
      const row = recorded.get(key);
      if (row === undefined || row.cases.length < WANTED_VECTORS) {
        result.missing.push(`${key} has no ${WANTED_VECTORS} vectors: npm run isa:record`);
      }
      if (row !== undefined) this.row(d, row, result);
    }
    return result;
  }

  private row(d: Decoded, row: RecordedRow, result: GroupResult): void {
    let at = 0;
    result.rows++;
    for (const mode of MODES) {
      let inRegions = 0;
      for (let n = 0; n < row.counts[mode]; n++, at++) {
        if (this.vector(d, row, mode, n, at, result)) inRegions++;
      }
      if (mode === 1) { result.flat += row.counts[mode]; result.inFlat += inRegions; }
      if (mode === 2) { result.long += row.counts[mode]; result.inLong += inRegions; }
      if (!TRANSLATED.includes(mode) || inRegions >= row.counts[mode] * WANTED_PART) continue;
      result.missing.push(`${row.key}: ${inRegions} of ${row.counts[mode]} vectors of ${
        MODE_NAMES[mode]}-bit code were executed in regions`);
    }
  }

  /** True when it was executed in a region, or need not be. */
  private vector(d: Decoded, row: RecordedRow, mode: Mode, n: number, at: number,
    result: GroupResult): boolean {
    const c = makeCase(d, mode, n, row.seed), recorded = row.cases[at]!;
    const report = (how: string, found: readonly string[]): number => {
      if (found.length === 0) return 0;
      if (result.lines.length < MAX_SHOWN) result.lines.push(`${result.group}: ${row.key}, ${MODE_NAMES[mode]} bit, case ${
        n} of seed ${row.seed}, ${Buffer.from(c.code).toString('hex')}, ${how}: ${found.join('; ')}`);
      return 1;
    };
    const stepped = this.core.run(c);
    result.vectors++;
    result.interpreted += report('interpreted', compare(d, c, changesOf(c, d, stepped), recorded));
    const { outcome, expected, inRegion } = this.core.translate(c, d, stepped);
    const ours = changesOf(c, d, outcome);
    result.translated += report('translated', expected === stepped ? compare(d, c, ours, recorded)
      : differences(ours, changesOf(c, d, expected), 'interpreted'));
    return inRegion || ofInterpreter(d, stepped);
  }
}

/** Checks all groups in processes of their own; `show` gets each result. */
async function checkGroups(groups: readonly string[], rows: string,
  show: (r: GroupResult) => void): Promise<void> {
  const waiting = [...groups];
  await Promise.all(Array.from({ length: Math.min(WORKERS, availableParallelism(), groups.length) }, () =>
    new Promise<void>((resolve, reject) => {
      const worker = fork(process.argv[1]!, ['--worker', '--rows', rows]);
      const next = (): void => {
        const group = waiting.shift();
        if (group === undefined) { worker.disconnect(); resolve(); } else worker.send(group);
      };
      worker.on('message', (r: GroupResult) => { show(r); next(); });
      worker.on('exit', (status) => reject(new Error(`a worker ended with status ${status}`)));
      next();
    })));
}

/** Privileged cases are not counted by regions. */
const OUTSIDE = { flat: 0, inFlat: 0, long: 0, inLong: 0 };

async function work(): Promise<void> {
  const rows = await decodedRows(), wanted = new RegExp(option('--rows') ?? '.');
  let checker: Checker | undefined;
  process.on('message', (group: string) => {
    if (group !== PRIVILEGED) process.send!((checker ??= new Checker(rows)).group(group, wanted));
    else void checkPrivileged(rows, wanted).then((r) => process.send!({ ...OUTSIDE, ...r, group }));
  });
}

async function main(): Promise<void> {
  buildCore();
  const sum = { rows: 0, vectors: 0, interpreted: 0, translated: 0, flat: 0, inFlat: 0, long: 0, inLong: 0,
    missing: 0 };
  let shown = 0;
  const line = (name: string, r: Omit<typeof sum, 'missing'>): void => console.log([
    `${name.padEnd(10)} ${r.rows} rows, ${r.vectors} vectors, ${r.interpreted} failed`,
    `translated ${r.vectors} vectors, ${r.translated} failed`,
    `in regions ${r.inLong} of ${r.long} of 64-bit and ${r.inFlat} of ${r.flat} of 32-bit code`,
  ].join('; '));
  // The largest first, so that no process is left with one of them at the end.
  const names = [...new Set((await decodedRows()).map(groupOf)), PRIVILEGED];
  const vectorsOf = (name: string): number => readGroup(name).reduce((n, row) => n + row.cases.length, 0);
  const size = new Map(names.map((name) => [name, vectorsOf(name)]));
  names.sort((a, b) => size.get(b)! - size.get(a)!);
  await checkGroups(names, option('--rows') ?? '.', (r) => {
    for (const text of r.lines) if (++shown <= MAX_SHOWN) console.log(text);
    for (const text of r.missing) console.log(`${r.group}: ${text}`);
    if (r.rows > 0) line(r.group, r);
    for (const key of SUMS) sum[key] += r[key];
    sum.missing += r.missing.length;
  });
  line('all', sum);
  const failed = sum.interpreted + sum.translated + sum.missing;
  reportCounted('vectors, interpreted and translated', 2 * sum.vectors - sum.interpreted - sum.translated, failed);
  if (sum.vectors === 0) throw new StepError('isa:check (no vectors matched) ', 2);
  if (failed > 0) throw new StepError('isa:check', 1);
}

if (process.argv.includes('--worker')) await work();
else if (process.argv[1]?.endsWith('check.ts')) await runSteps(main);
