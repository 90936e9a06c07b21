// npm run isa:record -- --seed S [--all | --rows R] [--compare] [--cases N]: executes the cases of the rows
// whose group and name match R on this host's processor and writes isa/vectors. With --compare nothing is
// written: the core is compared with silicon at once, on a seed of your choice. Linux on x86-64 with a C
// compiler. --privileged: what only a kernel may do (privileged/), executed by QEMU's TCG; needs qemu-
// system-x86_64 and gcc.

import { buildCore, option, runSteps, StepError } from '../steps.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { JudgedCore } from './core.ts';
import { changesOf, type Change } from './delta.ts';
import { DOCUMENTS, documented, isDocumented } from './documents.ts';
import { groupOf, makeCase, rowKey } from './generate.ts';
import { compare, countsOf, decodedRows, ulps } from './judge.ts';
import { recordPrivileged } from './privileged/check.ts';
import { needSilicon, runOnSilicon, witnessName } from './silicon.ts';
import { MODE_NAMES, MODES, type Case, type Mode, type Outcome } from './state.ts';
import { readGroup, writeGroup, type RecordedRow } from './vectors.ts';

const MAX_SHOWN = 40;

interface Options { seed: number; rows: RegExp; compare: boolean; scale: number; privileged: boolean }

function parse(argv: readonly string[]): Options {
  const known = new Set(['--seed', '--rows', '--all', '--compare', '--scale', '--privileged']);
  const bad = argv.find((arg) => arg.startsWith('--') && !known.has(arg));
  if (bad !== undefined) throw new StepError(`isa:record does not know ${bad}; it knows ${[...known].join(' ')}; it`, 2);
  const seed = Number(option('--seed') ?? NaN);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new StepError('isa:record needs --seed with a number; it', 2);
  const privileged = argv.includes('--privileged');
  if (!privileged && !argv.includes('--all')
    && option('--rows') === undefined) throw new StepError('isa:record needs --all or --rows REGEXP; it', 2);
  return { seed: seed >>> 0, rows: new RegExp(option('--rows') ?? '.'), compare: argv.includes('--compare'),
    scale: Number(option('--scale') ?? 1), privileged };
}

interface Named { d: Decoded; mode: Mode; n: number; c: Case }

function casesOf(d: Decoded, o: Options): Named[] {
  const counts = countsOf(d);
  return MODES.flatMap((mode) =>
    Array.from({ length: Math.round(counts[mode] * o.scale) }, (_, n) =>
    ({ d, mode, n, c: makeCase(d, mode, n, o.seed) })));
}

/** By the witness of the row. */
const outcomesOf = (d: Decoded, cases: readonly Named[]): Outcome[] =>
  (isDocumented(d) ? cases.map(({ c }) => documented(d, c)) : runOnSilicon(cases.map(({ c }) => c)));

function compareAll(rows: readonly Decoded[], o: Options): number {
  const core = new JudgedCore();
  let total = 0, failed = 0;
  for (const d of rows) {
    const cases = casesOf(d, o), silicon = outcomesOf(d, cases);
    cases.forEach(({ mode, n, c }, k) => {
      total++;
      const found = compare(d, c, changesOf(c, d, core.run(c)), changesOf(c, d, silicon[k]!));
      if (found.length === 0) return;
      if (++failed <= MAX_SHOWN) console.log(`${groupOf(d)}: ${rowKey(d)}, ${MODE_NAMES[mode]} bit, case ${n} of seed ${o.seed}, ${
        Buffer.from(c.code).toString('hex')}: ${found.join('; ')}`);
    });
  }
  for (const [name, ulp] of ulps) console.log(`${name}: at most ${ulp} ulp from silicon`);
  console.log(`${rows.length} rows, ${total} cases of seed ${o.seed}, ${failed} differ`);
  return failed;
}

function record(rows: readonly Decoded[], all: readonly Decoded[], o: Options): void {
  const witness = witnessName();
  let bytes = 0, total = 0;
  for (const group of new Set(all.map(groupOf))) {
    const mine = rows.filter((d) => groupOf(d) === group);
    if (mine.length === 0) continue;
    const kept = new Map(readGroup(group).map((row) => [row.key, row]));
    for (const d of mine) {
      const named = casesOf(d, o), outcomes = outcomesOf(d, named);
      const cases: Change[][] = named.map(({ c }, k) => changesOf(c, d, outcomes[k]!));
      const counts = [0, 1, 2].map((mode) =>
        named.filter((each) => each.mode === mode).length) as RecordedRow['counts'];
      kept.set(rowKey(d), { key: rowKey(d), seed: o.seed, witness: isDocumented(d) ? DOCUMENTS : witness,
        counts,
        cases });
      total += cases.length;
    }
    const present = all.filter((d) => groupOf(d) === group).map(rowKey);
    const size = writeGroup(group, [...new Set(present)].flatMap((key) => kept.get(key) ?? []));
    bytes += size;
    console.log(`isa/vectors/${group}.vec: ${mine.length} rows, ${(size / 1024).toFixed(0)} KiB`);
  }
  console.log(`${total} cases recorded, ${(bytes / 2 ** 20).toFixed(2)} MiB written, witness ${witness}`);
}

/** What only the kernel may do, by QEMU. */
async function recordOfKernel(all: readonly Decoded[], o: Options): Promise<void> {
  buildCore();
  const r = await recordPrivileged(all, o.rows, o.seed, o.compare);
  for (const text of [...r.lines.slice(0, MAX_SHOWN), ...r.missing]) console.log(text);
  if (!o.compare) return;
  console.log(`${r.rows} rows, ${r.vectors} cases of seed ${o.seed}, ${r.known} known differences, ${
    r.interpreted} differ; translated ${r.translated} differ`);
  const failed = r.interpreted + r.translated + r.missing.length;
  if (failed > 0) throw new StepError('isa:record --privileged --compare', 1);
}

await runSteps(async () => {
  const o = parse(process.argv.slice(2));
  const all = await decodedRows();
  if (o.privileged) return recordOfKernel(all, o);
  needSilicon('isa:record');
  buildCore();
  const rows = all.filter((d) => o.rows.test(`${groupOf(d)}: ${rowKey(d)}`));
  if (rows.length === 0) throw new StepError(`no row matches ${o.rows.source}; isa:record`, 2);
  if (!o.compare) record(rows, all, o);
  else if (compareAll(rows, o) > 0) throw new StepError('isa:record --compare', 1);
});
