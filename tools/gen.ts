// npm run gen [-- --check]: every generator, in order of dependence. With --check they compare instead of
// writing: a difference means that a generated file was edited by hand or that somebody forgot to run this.

import { run, runSteps } from './steps.ts';

const GENERATORS: readonly (readonly [name: string, script: string])[] = [
  ['memory layout', 'tools/layout/main.ts'],
  ['instruction table', 'tools/isa-gen/main.ts'],
  ['conformance table', 'tools/isa-judge/conformance.ts'],
];

await runSteps(() => {
  const check = process.argv.includes('--check');
  for (const [name, script] of GENERATORS) {
    run(`${check ? 'the check' : 'generation'} of the ${name}`, 'tsx', [script, ...(check ? ['--check'] : [])]);
  }
});
