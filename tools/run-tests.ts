// npm test [-- FILTER...]: everything that needs no browser. With a filter only the matching unit tests run.

import { buildCore, ROOT, run, runSteps } from './steps.ts';
import { readdirSync } from 'node:fs';

const filters = process.argv.slice(2);
await runSteps(() => {
  buildCore();
  if (filters.length === 0) {
    run('the check of generated files', 'tsx', ['tools/gen.ts', '--check']);
    run('tidy', 'tsx', ['tools/tidy.ts']);
    const layers = readdirSync(ROOT).filter((name) => /^tsconfig\.(?!base).*\.json$/.test(name)).sort();
    for (const layer of layers) run(`type check of ${layer}`, 'tsc', ['-p', layer]);
    console.log(`type check: ${layers.length} layers`);
  }
  run('unit tests', 'vitest', ['run', ...filters]);
});
