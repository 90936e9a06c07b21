// npm run isa:check [-- --rows R] [--json FILE]: every recorded vector (isa/vectors) in the core as it ships;
// prints per group `rows, vectors, failed`. Needs no particular processor. A failure names row, mode, case,
// code and fields.

import { writeFileSync } from 'node:fs';
import { buildCore, runSteps, StepError } from '../steps.ts';
import { JudgedCore } from './core.ts';
import { changesOf } from './delta.ts';
import { groupOf, isJudged, makeCase, rowKey } from './generate.ts';
import { compare, decodedRows } from './judge.ts';
import { MODE_NAMES, MODES } from './state.ts';
import { readGroup } from './vectors.ts';

const MAX_SHOWN = 30, WANTED_VECTORS = 25;

export interface GroupResult { group: string; rows: number; vectors: number; failed: number;
  missing: string[] }

/** Runs the vectors of the rows that `wanted` accepts; `report` gets one line per failure. */
export async function checkVectors(wanted: RegExp, report: (line: string) => void): Promise<GroupResult[]> {
  const core = new JudgedCore(), all = await decodedRows(), out: GroupResult[] = [];
  for (const group of new Set(all.map(groupOf))) {
    const result: GroupResult = { group, rows: 0, vectors: 0, failed: 0, missing: [] };
    const recorded = new Map(readGroup(group).map((row) => [row.key, row]));
    for (const d of all) {
      const key = rowKey(d);
      if (groupOf(d) !== group || !isJudged(d) || !wanted.test(`${group}: ${key}`)) continue;
      const row = recorded.get(key);
      if (row === undefined || row.cases.length < WANTED_VECTORS) result.missing.push(key);
      if (row === undefined) continue;
      result.rows++;
      let at = 0;
      for (const mode of MODES) {
        for (let n = 0; n < row.counts[mode]; n++, at++) {
          const c = makeCase(d, mode, n, row.seed);
          const found = compare(d, c, changesOf(c, d, core.run(c)), row.cases[at]!);
          result.vectors++;
          if (found.length === 0) continue;
          result.failed++;
          report(`${group}: ${key}, ${MODE_NAMES[mode]} bit, case ${n} of seed ${row.seed}, ${
            Buffer.from(c.code).toString('hex')}: ${found.join('; ')}`);
        }
      }
    }
    if (result.rows > 0 || result.missing.length > 0) out.push(result);
  }
  return out;
}

async function main(): Promise<void> {
  const at = process.argv.indexOf('--rows');
  buildCore();
  let shown = 0;
  const results = await checkVectors(new RegExp(at < 0 ? '.' : process.argv[at + 1] ?? '.'), (line) => {
    if (++shown <= MAX_SHOWN) console.log(line);
  });
  const sum = { rows: 0, vectors: 0, failed: 0, missing: 0 };
  for (const r of results) {
    console.log(`${r.group.padEnd(10)} ${r.rows} rows, ${r.vectors} vectors, ${r.failed} failed`);
    for (const key of r.missing) console.log(`${r.group}: ${key} has no ${WANTED_VECTORS} vectors: npm run isa:record`);
    sum.rows += r.rows; sum.vectors += r.vectors; sum.failed += r.failed; sum.missing += r.missing.length;
  }
  console.log(`all        ${sum.rows} rows, ${sum.vectors} vectors, ${sum.failed} failed`);
  const json = process.argv.indexOf('--json');
  if (json >= 0) writeFileSync(process.argv[json + 1]!,
    JSON.stringify({ passed: sum.vectors - sum.failed, failed: sum.failed + sum.missing }));
  if (sum.vectors === 0) throw new StepError('isa:check (no vectors matched) ', 2);
  if (sum.failed + sum.missing > 0) throw new StepError('isa:check', 1);
}

if (process.argv[1]?.endsWith('check.ts')) await runSteps(main);
