// Steps that several npm scripts share: run a program in the project's folder, compile the core, bundle the
// page.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A step failed; the failing program has already printed why. */
export class StepError extends Error {
  constructor(readonly step: string, readonly status: number) {
    super(`${step} failed with status ${status}.`);
  }
}

/** What follows `name` on the command line; undefined without `name`. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(name), value = process.argv[at + 1];
  if (at < 0) return undefined;
  if (value === undefined) throw new StepError(`${name} needs a value; it`, 2);
  return value;
}

/** Runs a program of node_modules/.bin or of the system, output to ours. */
export function run(step: string, program: string, args: readonly string[],
  env: NodeJS.ProcessEnv = {}): void {
  const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`;
  const done = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH: path, ...env } });
  if (done.error !== undefined) console.error(`${program}: ${done.error.message}`);
  if (done.status !== 0) throw new StepError(step, done.status ?? 1);
}

/**
 * Modification time of the newest file below `folder` whose name `wanted` accepts, ms; 0 if there is none.
 */
export function newestIn(folder: string, wanted: (name: string) => boolean): number {
  if (!existsSync(folder)) return 0;
  let newest = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (wanted(name)) newest = Math.max(newest, statSync(join(folder, name)).mtimeMs);
  }
  return newest;
}

/** Compiles wasm/ to build/skep.wasm, unless that is newer than every source. */
export function buildCore(force = false): void {
  const output = join(ROOT, 'build/skep.wasm');
  const sources = newestIn(join(ROOT, 'wasm'), (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const newest = Math.max(sources, statSync(join(ROOT, 'asconfig.json')).mtimeMs);
  if (!force && existsSync(output) && statSync(output).mtimeMs >= newest) return;
  const start = Date.now();
  run('compiling the core', 'asc', ['--config', 'asconfig.json', '--target', 'release', '--disableWarning']);
  console.log(`core compiled in ${((Date.now() - start) / 1000).toFixed(1)} s: build/skep.wasm, ${
    (statSync(output).size / 1024).toFixed(0)} KiB`);
}

/** Bundles the page into dist/, beside the command line in dist/node; `allGuests`: with large guests. */
export function buildPage(allGuests = false): void {
  const dist = join(ROOT, 'dist');
  for (const name of existsSync(dist) ? readdirSync(dist) : []) {
    if (name !== 'node') rmSync(join(dist, name), { recursive: true });
  }
  run('bundling the page', 'vite', ['build', '--logLevel', 'warn'], allGuests ? { SKEP_GUESTS: 'all' } : {});
}

/** Bundles the command line and the Node entry of the package into dist/node. */
export function buildNode(): void {
  run('bundling the command line', 'tsx', ['bin/build.ts']);
}

/** For .ci/run, if `--json FILE` was given: checks that are no tests, and that it shows on a line of their own. */
export function reportCounted(what: string, passed: number, failed: number): void {
  const file = option('--json');
  if (file !== undefined) writeFileSync(file, JSON.stringify({ what, passed, failed }));
}

/** Runs a script's steps; a failed one ends the process with its status. */
export async function runSteps(steps: () => void | Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(error.message);
    process.exit(error.status);
  }
}
