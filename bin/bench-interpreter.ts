// Guest instructions per second of the interpreter on the integer mix of bench/vmbench.

import type { BenchOptions, BenchResult } from './bench.ts';
import { runPayload } from './bench-payload.ts';

const PAYLOAD = 'build/bench/vmbench.elf';
const DEFAULT_SECONDS = 10;

export async function benchInterpreter(options: BenchOptions): Promise<BenchResult> {
  const seconds = options.seconds ?? DEFAULT_SECONDS;
  const run = await runPayload(PAYLOAD, { smp: 1, memory: 64, append: `integer seconds=${seconds}` });
  const mips = run.stats.instructions / 1e3 / run.wallMs;
  return {
    passed: run.ending.reason === 'debug-exit' && run.ending.value === 0,
    lines: [`${mips.toFixed(0)} million guest instructions per second (${(run.stats.instructions / 1e9).toFixed(2)} G in ${
      (run.wallMs / 1000).toFixed(1)} s)`],
    data: { mips, instructions: run.stats.instructions, wallMs: run.wallMs, programs: run.results },
  };
}
