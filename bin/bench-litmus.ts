// Memory ordering between CPUs (x86-TSO): the payload counts outcomes of the classic litmus tests; a
// forbidden outcome fails, and the allowed one of SB must have been seen, or the test has no teeth.

import type { BenchOptions, BenchResult } from './bench.ts';
import { runPayload } from './bench-payload.ts';

const PAYLOAD = 'build/bench/litmus.elf';
const CPU_COUNTS = [2, 4] as const;
const ROUNDS = 10_000_000;

export async function benchLitmus(_options: BenchOptions): Promise<BenchResult> {
  const result: BenchResult = { passed: true, lines: [], data: { rounds: ROUNDS } };
  for (const smp of CPU_COUNTS) {
    const run = await runPayload(PAYLOAD, { smp, memory: 64, append: `rounds=${ROUNDS}` });
    const sum = (key: string, tests = run.results): number =>
      tests.reduce((total, test) => total + Number(test[key] ?? 0), 0);
    const forbidden = sum('forbidden');
    const allowed = sum('allowed', run.results.filter((test) => test.name === 'SB'));
    const passed = run.ending.reason === 'debug-exit' && run.ending.value === 0 && forbidden === 0
      && allowed > 0;
    result.passed &&= passed;
    result.lines.push(`${smp} CPUs: ${forbidden} forbidden outcomes, SB's allowed outcome seen ${allowed} times`);
    result.data[`cpus${smp}`] = { passed, forbidden, sbAllowed: allowed, tests: run.results };
  }
  return result;
}
