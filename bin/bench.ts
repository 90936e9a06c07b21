// `skep bench`: named benchmarks, each a module with one function; results go to standard output and, as
// JSON, to a file.

import { writeFile } from 'node:fs/promises';
import { ConfigError } from '../src/api/errors.ts';
import { benchInterpreter } from './bench-interpreter.ts';
import { benchLitmus } from './bench-litmus.ts';

export interface BenchOptions { seconds: number | undefined }
/** `passed` decides the exit status; `lines` is for people, `data` for the JSON. */
export interface BenchResult { passed: boolean; lines: string[]; data: Record<string, unknown> }
export type Bench = (options: BenchOptions) => Promise<BenchResult>;

const BENCHES: Record<string, Bench> = { interpreter: benchInterpreter, litmus: benchLitmus };

export interface BenchCommand { names: string[]; json: string | undefined; seconds: number | undefined }

export async function benchCommand(command: BenchCommand): Promise<number> {
  const names = command.names.length === 0 ? Object.keys(BENCHES) : command.names;
  const results: Record<string, unknown> = {};
  let passed = true;
  for (const name of names) {
    const bench = BENCHES[name];
    if (bench === undefined) {
      throw new ConfigError(`There is no benchmark "${name}".`, `Choose ${Object.keys(BENCHES).join(', ')}.`);
    }
    const result = await bench({ seconds: command.seconds });
    result.lines.forEach((line) => process.stdout.write(`${name}: ${line}\n`));
    results[name] = { passed: result.passed, ...result.data };
    passed &&= result.passed;
  }
  if (command.json !== undefined) await writeFile(command.json, `${JSON.stringify(results, null, 2)}\n`);
  return passed ? 0 : 1;
}
