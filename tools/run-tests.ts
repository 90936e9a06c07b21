// npm test [-- FILTER...]: everything that needs no browser. With a filter only the matching unit tests run.
// A step that fails does not keep the later ones from running; the exit status tells of any.

import { readdirSync } from 'node:fs';
import { buildCore, ROOT, run, runSteps, StepError } from './steps.ts';

const failed: string[] = [];

function attempt(step: string, program: string, args: readonly string[]): void {
  try {
    run(step, program, args);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    failed.push(step);
  }
}

const filters = process.argv.slice(2);
await runSteps(() => {
  buildCore();
  if (filters.length === 0) {
    attempt('the check of generated files', 'tsx', ['tools/gen.ts', '--check']);
    attempt('tidy', 'tsx', ['tools/tidy.ts']);
    const layers = readdirSync(ROOT).filter((name) => /^tsconfig\.(?!base).*\.json$/.test(name)).sort();
    for (const layer of layers) attempt(`type check of ${layer}`, 'tsc', ['-p', layer]);
    console.log(`type check: ${layers.length} layers`);
  }
  attempt('unit tests', 'vitest', ['run', ...filters]);
  if (failed.length > 0) throw new StepError(failed.join(', '), 1);
});
