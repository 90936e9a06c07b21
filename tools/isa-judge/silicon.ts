// Runs cases on this host's processor (tools/silicon/judge.c). Linux on x86-64 with a C compiler only.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, StepError } from '../steps.ts';
import { type Case, type Outcome, packCase, unpackResult } from './state.ts';

const SOURCE = join(ROOT, 'tools/silicon/judge.c');
const PROGRAM = join(ROOT, 'build/silicon-judge');
const MAX_OUTPUT = 2 ** 30, TIMEOUT = 60_000;

/** Why this host cannot be a witness, or ''. */
function unusable(): string {
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'not Linux on x86-64';
  return spawnSync('cc', ['--version']).status === 0 ? '' : 'no C compiler (cc)';
}

/** Ends the step `who` when this host cannot be a witness. */
export function needSilicon(who: string): void {
  const why = unusable();
  if (why !== '') throw new StepError(`${who} needs an x86-64 processor under Linux and a C compiler (${why}); it`, 2);
}

/** Model name and microcode of this host's processor. */
export function witnessName(): string {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string): string => info.match(new RegExp(`^${name}\\s*: (.*)$`, 'm'))?.[1]?.trim()
    ?? '?';
  return `${field('model name')} (family ${field('cpu family')}, model ${field('model')}, stepping ${field('stepping')})`;
}

function build(): void {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return;
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  execFileSync('cc', ['-O1', '-fno-stack-protector', '-o', PROGRAM, SOURCE]);
}

export function runOnSilicon(cases: readonly Case[]): Outcome[] {
  build();
  const watching = cases.some((c) => c.watch !== undefined);
  const done = spawnSync(PROGRAM, watching ? ['watch'] : [],
    { input: Buffer.concat(cases.map(packCase)), maxBuffer: MAX_OUTPUT, timeout: TIMEOUT });
  const out: Outcome[] = [];
  for (let at = 0; at < done.stdout.length;) {
    const [outcome, next] = unpackResult(done.stdout, at);
    out.push(outcome);
    at = next;
  }
  if (done.status !== 0 || out.length !== cases.length) {
    const last = cases[out.length];
    const code = last === undefined ? '' : Buffer.from(last.code).toString('hex');
    throw new Error(`tools/silicon/judge.c ended with status ${done.status} (${done.signal ?? 'no signal'}) after ${
      out.length} of ${cases.length} cases, at code ${code}: ${done.stderr.toString().trim()}`);
  }
  return out;
}
