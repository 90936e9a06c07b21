// npm run build: the core and the page, into dist/. `--core` compiles only the core; `--force` compiles it
// even if fresh.

import { buildCore, buildPage, runSteps } from './steps.ts';

await runSteps(() => {
  buildCore(process.argv.includes('--force'));
  if (!process.argv.includes('--core')) buildPage();
});
