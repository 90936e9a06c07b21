// npm run isa:ulp -- --seed S [--cases N]: the transcendental functions of x87 on this host's processor and
// in the core, N random states of each (all roundings, precisions and kinds of numbers); how many results
// differ and by how much at most goes to isa/vectors/transcendental.json, which docs/conformance.md shows.
// Fails on a difference above 1 ulp and on any other difference. Linux on x86-64 with a C compiler.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCore, option, ROOT, runSteps, StepError } from '../steps.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { JudgedCore } from './core.ts';
import { changesOf, differences } from './delta.ts';
import { makeCase } from './generate.ts';
import { compare, decodedRows, ulps } from './judge.ts';
import { needSilicon, runOnSilicon, witnessName } from './silicon.ts';
import { TRANSCENDENTAL } from './undefined.ts';

export interface Transcendental {
  witness: string;
  seed: number;
  /** Results of each function, those that differ, and by how many units in the last place at most. */
  functions: Record<string, { results: number; differ: number; ulp: number }>;
}
export const TRANSCENDENTAL_FILE = join(ROOT, 'isa/vectors/transcendental.json');

const CASES = 20_000, BATCH = 2000, LONG_MODE = 2, MAX_SHOWN = 20;

/** Counts for one function; `report` gets a line for each difference that may not be. */
function measure(core: JudgedCore, d: Decoded, seed: number, cases: number,
  report: (line: string) => void): { results: number; differ: number; ulp: number } {
  let differ = 0;
  ulps.delete(d.row.name);
  for (let from = 0; from < cases; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, cases - from) }, (_, n) =>
      makeCase(d, LONG_MODE, from + n, seed));
    runOnSilicon(batch).forEach((outcome, n) => {
      const c = batch[n]!, theirs = changesOf(c, d, outcome), ours = changesOf(c, d, core.run(c));
      if (differences(ours, theirs, 'silicon').length > 0) differ++;
      const found = compare(d, c, ours, theirs);
      if (found.length > 0) report(`${d.row.name}, case ${from + n} of seed ${seed}: ${found.join('; ')}`);
    });
  }
  return { results: cases, differ, ulp: ulps.get(d.row.name) ?? 0 };
}

await runSteps(async () => {
  const seed = Number(option('--seed') ?? NaN), cases = Number(option('--cases') ?? CASES);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new StepError('isa:ulp needs --seed with a number; it',
    2);
  if (!Number.isSafeInteger(cases) || cases < 1) throw new StepError('isa:ulp needs --cases above 0; it', 2);
  needSilicon('isa:ulp');
  buildCore();
  const core = new JudgedCore(), out: Transcendental = { witness: witnessName(), seed, functions: {} };
  let failed = 0;
  for (const d of (await decodedRows()).filter((row) => TRANSCENDENTAL.test(row.row.name))) {
    const counts = measure(core, d, seed, cases, (line) => { if (++failed <= MAX_SHOWN) console.log(line); });
    out.functions[d.row.name] = counts;
    console.log(`${d.row.name.padEnd(8)} ${counts.results} results, ${counts.differ} differ, by at most ${counts.ulp} ulp`);
  }
  if (failed > 0) throw new StepError(`isa:ulp (${failed} differences above 1 ulp or elsewhere)`, 1);
  writeFileSync(TRANSCENDENTAL_FILE, `${JSON.stringify(out, null, 1)}\n`);
});
