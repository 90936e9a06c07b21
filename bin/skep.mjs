#!/usr/bin/env -S node --v8-pool-size=2
// `npx skep`: the bundled command line. In a source checkout the bundle is built first when it is missing or
// older than its sources; an installed package has it. Two threads compile for the engine: with its four they
// take the processors from the machine's CPUs while much is translated (docs/adr/0059).

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const bundle = new URL('dist/node/skep.js', root);
const SOURCES = ['src', 'bin', 'wasm'];

/** Modification time of the newest source, ms. */
function newestSource() {
  let newest = 0;
  for (const folder of SOURCES) {
    const url = new URL(`${folder}/`, root);
    if (!existsSync(url)) continue;
    for (const entry of readdirSync(url, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/(?<!\.test)\.ts$/.test(entry.name)) continue;
      newest = Math.max(newest, statSync(`${entry.parentPath ?? entry.path}/${entry.name}`).mtimeMs);
    }
  }
  return newest;
}

function run(args) {
  const done = spawnSync(process.execPath, args, { cwd: fileURLToPath(root),
    stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.status !== 0) {
    process.stderr.write('skep: the command line could not be built.\n');
    process.exit(done.status ?? 1);
  }
}

const inCheckout = existsSync(new URL('tools/build.ts', root));
if (inCheckout && (!existsSync(bundle) || statSync(bundle).mtimeMs < newestSource())) {
  run(['tools/ensure.mjs']);
  run(['node_modules/tsx/dist/cli.mjs', 'tools/build.ts', '--core']);
  run(['node_modules/tsx/dist/cli.mjs', 'bin/build.ts']);
}
if (!existsSync(bundle)) {
  process.stderr.write('skep: dist/node/skep.js is missing. Run npm run build.\n');
  process.exit(1);
}
await import(bundle.href);
