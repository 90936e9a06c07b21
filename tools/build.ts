// npm run build: the core, the page and the command line, into dist/. `--core` compiles only the core;
// `--force` compiles it even if fresh; `--guests` puts all prepared guests into dist/, also the large ones.

import { buildCore, buildNode, buildPage, runSteps } from './steps.ts';

await runSteps(() => {
  buildCore(process.argv.includes('--force'));
  if (process.argv.includes('--core')) return;
  buildPage(process.argv.includes('--guests'));
  buildNode();
});
