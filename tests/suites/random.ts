// Random bytes in ring 0 with 1 and 2 CPUs: whatever the guest does, the machine ends as one of the known
// endings, every thread leaves its loop when told to, and the process lives. A failure names its seed, which
// `npm run suite -- random --seed N --count 1` repeats. Long form: 10 000 seeds, half an hour.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type RandomRun, variantOf } from '../random/variant.ts';
import { engineOptions, ROOT } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const BATCH = 50;
/** Silence after which a batch counts as hung: filling and budget take well under a second. */
const SILENCE_MS = 120_000;
const KNOWN = new Set(['loop', 'halt', 'reset', 'triple-fault', 'debug-exit', 'power-off']);

/** One process; the runs that it reported, and why it stopped if not by itself. */
function batch(first: number, count: number): Promise<{
  runs: RandomRun[]; trouble: string | undefined;
}> {
  const child = spawn(join(ROOT, 'node_modules/.bin/tsx'), [join(ROOT, 'tests/random/child.ts'),
    String(first), String(count), String(engineOptions())], { stdio: ['ignore', 'pipe', 'pipe'] });
  const runs: RandomRun[] = [];
  let begun = '';
  let stderr = '';
  let rest = '';
  let trouble: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      trouble = `hung at ${begun}`;
      child.kill('SIGKILL');
    }, SILENCE_MS);
  };
  watch();
  child.stderr.on('data', (data: Buffer) => { stderr += data.toString(); });
  child.stdout.on('data', (data: Buffer) => {
    watch();
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('{"begin"')) begun = line;
      else runs.push(JSON.parse(line) as RandomRun);
    }
  });
  return new Promise((resolve) => child.on('close', (status, signal) => {
    clearTimeout(timer);
    if (status !== 0 || runs.length !== 2 * count) {
      trouble ??= `process ended with ${status ?? signal} at ${begun}: ${stderr.slice(-2000)}`;
    }
    resolve({ runs, trouble });
  }));
}

function describe(run: RandomRun): string {
  const { bits, table } = variantOf(run.seed);
  return `seed ${run.seed}, ${run.cpus} CPUs, ${bits} bits, table ${table}: ${run.end}${
    run.error === undefined ? '' : `, ${run.error}`}`;
}

export async function random(suite: Suite): Promise<void> {
  const first = suite.options.seed ?? 1;
  const count = suite.options.count ?? (suite.options.long ? 10_000 : 200);
  const ends = new Map<string, number>();
  for (let from = first; from < first + count; from += BATCH) {
    const size = Math.min(BATCH, first + count - from);
    await suite.test(`seeds ${from} to ${from + size - 1}, 1 and 2 CPUs`, async () => {
      const { runs, trouble } = await batch(from, size);
      const bad = runs.filter((run) => !KNOWN.has(run.end) || run.error !== undefined).map(describe);
      if (trouble !== undefined) bad.push(trouble);
      check(bad.length === 0, bad.join('\n'));
      const here = new Map<string, number>();
      for (const { end } of runs) {
        here.set(end, (here.get(end) ?? 0) + 1);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }
      return [...here].map(([end, times]) => `${end} ${times}`).join(', ');
    });
  }
  if (suite.options.only !== undefined || count < 50) return;
  await suite.test('the seeds reach several kinds of end', () => {
    check(ends.size >= 3, `only ${[...ends.keys()].join(', ')}`);
    return [...ends].map(([end, times]) => `${end} ${times}`).join(', ');
  });
}
