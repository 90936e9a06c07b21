// npm run build: the core, the page and the command line, into dist/. `--core` compiles only the core;
// `--force` compiles it even if fresh.

import { buildCore, buildNode, buildPage, runSteps } from './steps.ts';

await runSteps(() => {
  buildCore(process.argv.includes('--force'));
  if (process.argv.includes('--core')) return;
  buildPage();
  buildNode();
});
