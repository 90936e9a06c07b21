// The built Skep that suites drive: the library and the command line of dist/node (SKEP_DIST names another
// folder of that kind, for instance a copy that a rebuild does not disturb), and the console of a guest.

import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Api from '../../src/api/node.ts';
import { Option } from '../../src/emu/generated-layout.ts';
import { check, sleep } from './suite.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const DIST = resolve(process.env.SKEP_DIST ?? join(ROOT, 'dist/node'));
export const KERNELS = join(ROOT, 'build/kernels');

/** How guests are executed; `forced` translates all code before its first execution. */
export const ENGINES = ['interpreter', 'translator', 'forced'] as const;
export type Engine = typeof ENGINES[number];
const ENGINE_OPTIONS: Record<Engine, number> = { interpreter: 0, translator: Option.TRANSLATOR,
  forced: Option.TRANSLATOR | Option.FORCED };
let engine: Engine = 'translator';
export function setEngine(name: Engine): void { engine = name; }
/** For `Skep.create` and `Machine.create`: of the suite's engine, or of this one. */
export const engineOptions = (name: Engine = engine): number => ENGINE_OPTIONS[name];

export async function loadApi(): Promise<typeof Api> {
  return await import(pathToFileURL(join(DIST, 'api.js')).href) as typeof Api;
}

export interface CommandResult { status: number | null; stdout: string; stderr: string; ms: number }

/** Runs `skep ARGS`, with `nodeArgs` for Node itself; killed (status null) after `timeoutMs`. */
export function skep(args: readonly string[], timeoutMs: number,
  nodeArgs: readonly string[] = []): Promise<CommandResult> {
  const start = performance.now();
  check(engine !== 'forced' || args[0] !== 'boot', 'the command line has no engine "forced"');
  const more = args[0] === 'boot' && engine !== 'translator' ? ['--engine', engine] : [];
  const child = spawn(process.execPath, [...nodeArgs, join(DIST, 'skep.js'), ...args, ...more],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => { stdout += data.toString('latin1'); });
  child.stderr.on('data', (data: Buffer) => { stderr += data.toString(); });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((done, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      done({ status, stdout, stderr, ms: performance.now() - start });
    });
  });
}

/** Marks around a command's output: the shell's echo of the input line holds them unexpanded. */
const BEGIN = 'BEGIN$((40+2))';
const END = 'END$((40+2))';
/** A command line that prints its output between marks. */
export const marked = (command: string): string => `echo ${BEGIN}; ${command}; echo ${END}`;
/** Expression for the end, with its line end: what is typed before is echoed into the same line. */
export const MARKED_END = '^END42\\r?\\n';

/** What `marked` commands printed, in order; line ends are \n. */
export function markedOutputs(text: string): string[] {
  const found = text.replace(/\r/g, '').matchAll(/^BEGIN42\n([\s\S]*?)^END42$/gm);
  return [...found].map((match) => match[1] ?? '');
}

/** The shell of a guest on its first serial port. */
export class Shell {
  text = '';
  private seen = 0;

  constructor(readonly vm: Api.Skep) {
    vm.serial.onData((bytes) => { this.text += Buffer.from(bytes).toString('latin1'); });
  }

  type(text: string): void {
    this.vm.serial.write(text);
  }

  /** Output up to and with the first match behind the previous one. */
  async expect(pattern: RegExp, timeoutMs: number): Promise<string> {
    const start = performance.now();
    for (;;) {
      const rest = this.text.slice(this.seen);
      const match = pattern.exec(rest);
      if (match !== null) {
        this.seen += match.index + match[0].length;
        return rest.slice(0, match.index + match[0].length);
      }
      check(this.vm.state === 'running', `the machine is ${this.vm.state}; console: …${rest.slice(-300)}`);
      check(performance.now() - start < timeoutMs,
        `${pattern} was not seen within ${timeoutMs / 1000} s; console: …${rest.slice(-300)}`);
      await sleep(5);
    }
  }

  /** Runs a command in the guest's shell and returns what it printed. */
  async run(command: string, timeoutMs = 60_000): Promise<string> {
    this.type(`${marked(command)}\n`);
    const output = await this.expect(new RegExp(MARKED_END, 'm'), timeoutMs);
    return markedOutputs(output)[0] ?? '';
  }
}

/** Boots `mini` to its shell; `more` options replace its own. */
export async function bootMini(smp: number, append = '', more: Partial<Api.SkepOptions> = {}): Promise<Shell> {
  const { Skep } = await loadApi();
  const guestBase = pathToFileURL(join(ROOT, 'public/guest/'));
  const vm = await Skep.create({ guest: 'mini', smp, append, guestBase, options: engineOptions(), ...more });
  const shell = new Shell(vm);
  try {
    vm.start();
    await shell.expect(/skep mini ready, \d+ CPUs?/, 180_000);
    await shell.expect(/^mini:.*# /m, 60_000);
  } catch (error) {
    await vm.stop();
    throw error;
  }
  return shell;
}

export interface InterruptRow { name: string; counts: number[]; label: string }

/** /proc/interrupts as a table. */
export function parseInterrupts(text: string, cpus: number): InterruptRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\w+):\s+((?:\d+\s+)+)(.*)$/.exec(line);
    if (match === null) return [];
    const counts = (match[2] ?? '').trim().split(/\s+/).map(Number);
    return counts.length < cpus ? [] : [{ name: match[1] ?? '', counts: counts.slice(0, cpus),
      label: (match[3] ?? '').trim() }];
  });
}
