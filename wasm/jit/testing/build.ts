// Compiles the core with testing/entry.ts for the tests of the translator, once for all test files: they run
// in processes of their own at the same time, so one compiles and the others wait for it.

import { execFileSync } from 'node:child_process';
import {
  closeSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const OUT = `${ROOT}build/jit-test.wasm`;
const LOCK = `${OUT}.lock`;
const WAIT_MS = 200;

/** Time of the newest file that the core is made of. */
function newestSource(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (!entry.name.endsWith('.test.ts')) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

function isFresh(): boolean {
  const made = statSync(OUT, { throwIfNoEntry: false });
  return made !== undefined && made.mtimeMs > newestSource(`${ROOT}wasm`);
}

function compile(): void {
  const fresh = `${OUT}.new`;
  execFileSync(process.execPath, [`${ROOT}node_modules/assemblyscript/bin/asc.js`, 'wasm/jit/testing/entry.ts',
    '--config', 'none', '-o', fresh, '--importMemory', '--sharedMemory', '--initialMemory', '1024',
    '--maximumMemory', '65536', '--memoryBase', '1024', '--runtime', 'stub', '--noAssert', '--exportTable',
    '--stackSize', '0', '-O2', '--disableWarning',
    '--enable', 'simd,threads,bulk-memory,nontrapping-f2i,sign-extension,mutable-globals',
    '--use', 'abort=wasm/lib/host/abort'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(fresh, OUT);
}

/** Takes the lock, or waits until its owner has gone. */
function lock(): boolean {
  try {
    const file = openSync(LOCK, 'wx');
    writeSync(file, `${process.pid}`);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
  try {
    process.kill(Number(readFileSync(LOCK, 'utf8')), 0);
  } catch (error) {
    // The owner has died, or has just removed it.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') rmSync(LOCK, { force: true });
  }
  return false;
}

export function buildCore(): WebAssembly.Module {
  mkdirSync(`${ROOT}build`, { recursive: true });
  while (!isFresh()) {
    if (!lock()) continue;
    try {
      if (!isFresh()) compile();
    } finally {
      rmSync(LOCK);
    }
  }
  return new WebAssembly.Module(readFileSync(OUT));
}
