// npx tsx bench/payloads.ts: builds what the benchmarks and the tests of whole machines run: the test kernels
// and the vmbench initramfs. Needs gcc and make; says so in one sentence where they are missing. Only what is
// stale is built.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function run(program: string, args: readonly string[]): boolean {
  const done = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  return done.status === 0;
}

/** True when all are there. */
export function buildPayloads(): boolean {
  const kernels = run('make', ['-s', '-C', 'tests/kernels', `OUT=${join(ROOT, 'build/kernels')}`]);
  const vmbench = run('npx', ['tsx', 'bench/vmbench/build.ts']);
  if (!kernels || !vmbench) {
    console.error('The benchmark payloads cannot be built here: they need gcc, make and libc6-dev.');
  }
  return kernels && vmbench;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = buildPayloads() ? 0 : 1;
}
