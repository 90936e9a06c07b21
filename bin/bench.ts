// `skep bench`: the benchmarks of bench/suite.ts in Node; bench/chromium.ts runs the same in a browser.
// Results go to standard output and, as JSON, to a file. Exit status 0 = every goal was met.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConfigError, packageRoot, Skep, SkepError } from '../src/api/node.ts';
import { BENCHES, capture, type BenchRun, type Captured } from '../bench/suite.ts';

export interface BenchCommand { names: string[]; json: string | undefined }

function fileOf(name: string): string {
  const path = fileURLToPath(new URL(name, packageRoot()));
  if (existsSync(path)) return path;
  throw new SkepError('file-missing', `The benchmark payload ${name} is not there.`, name.startsWith('public/guest')
    ? 'Run npm run guest.' : 'Run npx tsx bench/payloads.ts in a source checkout (it needs gcc and make).');
}

async function runOnce({ smp, memory, append, kernel, initrd, options = 0 }: BenchRun): Promise<Captured> {
  const modules = initrd === undefined ? {} : { initrd: fileOf(initrd) };
  return capture(await Skep.create({ smp, memory, append, kernel: fileOf(kernel), options, ...modules }));
}

/** What needs the sources and more runs from the checkout. */
export function checkoutCommand(path: string, argv: readonly string[]): number {
  const root = packageRoot();
  const script = new URL(path, root);
  const tsx = new URL('node_modules/tsx/dist/cli.mjs', root);
  if (!existsSync(script) || !existsSync(tsx)) {
    throw new ConfigError('This runs only in a source checkout with its packages installed.',
      'Clone the repository and run npm install there.');
  }
  const done = spawnSync(process.execPath, [fileURLToPath(tsx), fileURLToPath(script), ...argv],
    { stdio: 'inherit' });
  return done.status ?? 1;
}

export async function benchCommand(command: BenchCommand): Promise<number> {
  const names = command.names.length === 0 ? Object.keys(BENCHES) : command.names;
  const results: Record<string, unknown> = {};
  let passed = true;
  for (const name of names) {
    const spec = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
    if (spec === undefined) {
      throw new ConfigError(`There is no benchmark "${name}".`, `Choose ${Object.keys(BENCHES).join(', ')}.`);
    }
    const captured: Captured[] = [];
    for (const run of spec.runs) captured.push(await runOnce(run));
    const result = spec.evaluate(captured);
    result.lines.forEach((line) => process.stdout.write(`${name}: ${line}\n`));
    results[name] = { passed: result.passed, ...result.data };
    passed &&= result.passed;
  }
  if (command.json !== undefined) await writeFile(command.json, `${JSON.stringify(results, null, 2)}\n`);
  return passed ? 0 : 1;
}
