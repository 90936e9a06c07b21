// npm run suite -- NAME... [--long] [--count N] [--seed N] [--only TEXT] [--json FILE]
// [--engine interpreter|translator|forced]: named suites over the built command line (docs/testing.md).
// Without a name: all but `debian`, `debian-checked` and `guests`, in the short form. Exit status 1 if a case
// failed.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DIST, type Engine, ENGINES, KERNELS, ROOT, setEngine } from './lib/skep.ts';
import { type CaseResult, Suite, type SuiteOptions } from './lib/suite.ts';
import { boot } from './suites/boot.ts';
import { checked, debianChecked } from './suites/checked.ts';
import { debian } from './suites/debian.ts';
import { diskFaults } from './suites/disk-faults.ts';
import { diskKill } from './suites/disk-kill.ts';
import { diskLoad } from './suites/disk-load.ts';
import { echo } from './suites/echo.ts';
import { faults } from './suites/faults.ts';
import { firmware } from './suites/firmware.ts';
import { garbage } from './suites/garbage.ts';
import { guests } from './suites/guests.ts';
import { idle } from './suites/idle.ts';
import { irq } from './suites/irq.ts';
import { kernels } from './suites/kernels.ts';
import { pause } from './suites/pause.ts';
import { random } from './suites/random.ts';
import { screen } from './suites/screen.ts';

const SUITES = { boot, kernels, random, faults, echo, irq, pause, idle, firmware, screen, guests, debian,
  checked, 'debian-checked': debianChecked, garbage,
  'disk-load': diskLoad, 'disk-kill': diskKill, 'disk-faults': diskFaults };
type SuiteName = keyof typeof SUITES;
/**
 * Not among those that run without a name: a guest of 200 MB and a quarter of an hour; a package that is not
 * prepared.
 */
const ONLY_BY_NAME: ReadonlySet<string> = new Set(['debian', 'debian-checked', 'guests']);
const NEED_MINI: ReadonlySet<string> = new Set(['boot', 'faults', 'echo', 'irq', 'idle', 'screen', 'garbage',
  'disk-load', 'disk-kill', 'disk-faults', 'checked']);

function usage(sentence: string): never {
  console.error(`${sentence}\nsuites: ${Object.keys(SUITES).join(' ')}`);
  process.exit(2);
}

function parse(): { names: SuiteName[]; options: SuiteOptions; json: string | undefined } {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: {
    long: { type: 'boolean' }, count: { type: 'string' }, seed: { type: 'string' },
    only: { type: 'string' }, json: { type: 'string' }, engine: { type: 'string' },
  } });
  const number = (name: 'count' | 'seed'): number | undefined => {
    const text = values[name];
    if (text !== undefined && !/^\d+$/.test(text)) usage(`--${name} "${text}" is not a number.`);
    return text === undefined ? undefined : Number(text);
  };
  const engine = values.engine as Engine | undefined;
  if (engine !== undefined) {
    if (!ENGINES.includes(engine)) usage(`There is no engine "${engine}": ${ENGINES.join(', ')}.`);
    setEngine(engine);
  }
  for (const name of positionals) if (!(name in SUITES)) usage(`There is no suite "${name}".`);
  const names = (positionals.length > 0 ? positionals
    : Object.keys(SUITES).filter((name) => !ONLY_BY_NAME.has(name))) as SuiteName[];
  return { names, json: values.json, options: { long: values.long ?? false, count: number('count'),
    seed: number('seed'), only: values.only, engine } };
}

function prepare(names: readonly SuiteName[]): void {
  if (!existsSync(join(DIST, 'api.js'))) usage(`${DIST} is not built: npm run build.`);
  const mini = join(ROOT, 'public/guest/mini/manifest.json');
  if (names.some((name) => NEED_MINI.has(name)) && !existsSync(mini)) {
    usage('The guest mini is not prepared: npm run guest.');
  }
  const args = ['-s', '-C', join(ROOT, 'tests/kernels'), `OUT=${KERNELS}`];
  const needFirmware = names.includes('firmware') || names.includes('debian');
  if (needFirmware && !existsSync(join(ROOT, 'public/guest/firmware/manifest.json'))) {
    usage('The firmware is not prepared: npm run guest -- firmware.');
  }
  const needDebian = names.includes('debian') || names.includes('debian-checked');
  if (needDebian && !existsSync(join(ROOT, 'public/guest/debian13/manifest.json'))) {
    usage('The guest debian13 is not prepared: npm run guest -- debian13.');
  }
  const made = spawnSync('make', args, { stdio: 'inherit' });
  if (made.status !== 0) usage('The test kernels could not be built; gcc, make and binutils are needed.');
}

const { names, options, json } = parse();
prepare(names);
const results: CaseResult[] = [];
for (const name of names) {
  const suite = new Suite(name, options);
  const start = performance.now();
  await SUITES[name](suite);
  results.push(...suite.results);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${name}: ${suite.results.length - suite.failed} passed, ${suite.failed} failed, ${seconds} s\n`);
}
const failed = results.filter((result) => result.error !== undefined).length;
if (json !== undefined) {
  writeFileSync(json, `${JSON.stringify({ passed: results.length - failed, failed, cases: results }, null, 1)}\n`);
}
if (names.length > 1) console.log(`suites: ${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && results.length > 0 ? 0 : 1);
