// `skep bench compare`: Skep beside QEMU's TCG and beside the host itself, on one machine, in turn (a shared
// host drifts: ratios of medians of alternating runs are what can be quoted). docs/benchmarks.md says what is
// compared and what the figures mean. Exit status 1: a run failed or a result was wrong; 3: the host was
// busy.

import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { buildVmbench } from '../vmbench/build.ts';
import { parseVmbench } from '../vmbench/results.ts';
import { describeHost } from './host-load.ts';
import { compareI386 } from './i386.ts';
import { GROUPS, addRound, groupResult, medians, speed, table, type Group, type Rounds } from './results.ts';
import { OptionError, groupOf, parseArguments, type Boot, type CompareOptions } from './options.ts';
import { GUESTS, ROOT, RunError, runNative, runQemuPeer, runSkep, type Payload } from './runners.ts';
import { takeResults, watched, type State } from './state.ts';

const EXIT = { OK: 0, FAILED: 1, USAGE: 2, BUSY: 3 } as const;
/** CPUs of the guest for a group of programs. */
const GROUP_SMP: Record<Group, number> = { cpu: 1, system: 1, parallel: 2 };
const BOOT_UNTIL: Record<string, string> = { mini: 'skep mini ready', debian13: 'login:' };
const VMBENCH_TIMEOUT_S = 1800;
const BOOT_TIMEOUT_S = 900;

const note = (line: string): void => { process.stderr.write(`${line}\n`); };

function skepCommand({ skep }: CompareOptions): string {
  return skep ?? join(ROOT, 'bin/skep.mjs');
}

function vmbenchPayload(initrd: string, smp: number, names: readonly string[], scale: number): Payload {
  return { kernel: join(GUESTS, 'mini/vmlinuz'), initrd, smp, memoryMiB: 512,
    append: `console=ttyS0 quiet cryptomgr.notests vmbench.run=${names.join(',')} vmbench.scale=${scale}`,
    until: '^VMBENCH-DONE', timeoutS: VMBENCH_TIMEOUT_S };
}

/** One round of the programs that want the same number of CPUs. */
async function programRound(state: State, smp: number, names: readonly string[]): Promise<void> {
  const { options } = state;
  const { program, initrd } = buildVmbench('amd64');
  const payload = vmbenchPayload(initrd, smp, names, options.scale);
  const native = parseVmbench((await watched(state, () =>
    runNative(program, names, options.scale))).output);
  const expected = new Map(native.map(({ name, check }) => [name, check]));
  if (options.peers.includes('native')) takeResults(state, state.rounds, 'native', native, expected, names);
  const skep = await watched(state, () => runSkep(payload, skepCommand(options), options.engine));
  takeResults(state, state.rounds, 'skep', parseVmbench(skep.output), expected, names);
  if (!options.peers.includes('qemu')) return;
  const qemu = await watched(state, () => runQemuPeer(payload));
  takeResults(state, state.rounds, 'qemu', parseVmbench(qemu.output), expected, names);
}

interface Manifest { kernel: string; initrd: string; append: string; memory: number }

function bootPayload(boot: Boot): Payload {
  const [guest = '', cpusWanted] = boot.split('-smp');
  const folder = join(GUESTS, guest);
  if (!existsSync(join(folder, 'manifest.json'))) {
    throw new RunError(`The guest ${guest} is not prepared: run npm run guest -- ${guest}, or leave ${boot
    } out with --only.`);
  }
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  return { kernel: join(folder, manifest.kernel), initrd: join(folder, manifest.initrd), guest,
    append: manifest.append, memoryMiB: manifest.memory, smp: Number(cpusWanted ?? 1),
    until: BOOT_UNTIL[guest] ?? 'login:', timeoutS: BOOT_TIMEOUT_S };
}

async function bootRound(state: State, boot: Boot): Promise<void> {
  const payload = bootPayload(boot);
  const { options, rounds } = state;
  const skep = await watched(state, () => runSkep(payload, skepCommand(options), options.engine));
  addRound(rounds, boot, 'skep', skep.seconds);
  // Eight CPUs are compared with one of our own.
  if (!options.peers.includes('qemu') || payload.smp > 1) return;
  const qemu = await watched(state, () => runQemuPeer(payload));
  addRound(rounds, boot, 'qemu', qemu.seconds);
}

async function allRounds(state: State): Promise<void> {
  const { options } = state;
  const bySmp = new Map<number, string[]>();
  for (const name of options.programs) {
    const smp = GROUP_SMP[groupOf(name) ?? 'cpu'];
    bySmp.set(smp, [...(bySmp.get(smp) ?? []), name]);
  }
  for (let round = 1; round <= options.rounds; round++) {
    const start = performance.now();
    for (const [smp, names] of bySmp) await programRound(state, smp, names);
    for (const boot of options.boots) await bootRound(state, boot);
    note(`round ${round} of ${options.rounds}: ${((performance.now() - start) / 1000).toFixed(0)} s; ${
      describeHost(state.loads)}`);
  }
}

function bootSection(state: State): Record<string, object> {
  return Object.fromEntries(state.options.boots.map((boot) => {
    const result = medians(state.rounds, boot);
    return [boot, { ...result, speed: { qemu: speed(result, 'qemu') } }];
  }));
}

/** Throughput of two threads over one thread's: the same work twice in the time of par2. */
function parallelSpeed(rounds: Rounds): number | undefined {
  const [one, two] = [medians(rounds, 'par1').skep, medians(rounds, 'par2').skep];
  return one === undefined || two === undefined ? undefined : one / two;
}

function hostSection(state: State): object {
  const qemu = state.options.peers.includes('qemu')
    ? execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split('\n')[0] : undefined;
  return { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, qemu,
    sound: state.loads.every(({ sound }) => sound),
      others: Math.max(...state.loads.map(({ others }) => others)),
    steal: Math.max(...state.loads.map(({ steal }) => steal)) };
}

function makeReport(state: State, i386: object | undefined): Record<string, unknown> {
  const groups = Object.fromEntries(Object.entries(GROUPS).flatMap(([group, names]) => {
    const result = groupResult(state.rounds, names);
    return Object.keys(result.programs).length === 0 ? [] : [[group, result]];
  }));
  const twoCpus = parallelSpeed(state.rounds);
  return { ...groups, ...(twoCpus === undefined ? {} : { twoCpus }), boot: bootSection(state),
    ...(i386 === undefined ? {} : { i386 }), engine: state.options.engine ?? 'default',
    rounds: state.options.rounds, scale: state.options.scale, wrong: [...state.wrong],
      host: hostSection(state),
    runs: Object.fromEntries([...state.rounds].map(([name, runs]) => [name, Object.fromEntries(runs)])) };
}

function print(state: State): void {
  const lines: string[] = [];
  for (const [group, names] of Object.entries(GROUPS)) {
    const result = groupResult(state.rounds, names);
    if (Object.keys(result.programs).length > 0) lines.push(...table(group, result), '');
  }
  const twoCpus = parallelSpeed(state.rounds);
  if (twoCpus !== undefined) lines.push(`two CPUs do ${twoCpus.toFixed(2)} times the work of one (par2, par1)`, '');
  if (state.options.boots.length > 0) lines.push(...table('boot', groupResult(state.rounds, state.options.boots)), '');
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Whether the figures above can be believed. */
function printVerdict(state: State): void {
  const lines = [describeHost(state.loads)];
  if (state.wrong.size > 0) lines.push(`WRONG RESULTS: ${[...state.wrong].join(', ')}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function record(report: Record<string, unknown>): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'],
    { cwd: ROOT, encoding: 'utf8' }).trim();
  const { runs: _, ...rest } = report;
  const line = { date: new Date().toISOString().slice(0, 10), commit, ...rest };
  appendFileSync(join(ROOT, 'bench/results.ndjson'), `${JSON.stringify(line)}\n`);
}

async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2));
  const state: State = { options, rounds: new Map(), loads: [], wrong: new Set() };
  await allRounds(state);
  if (state.rounds.size > 0) print(state);
  const i386 = options.i386 ? await compareI386(state, note) : undefined;
  printVerdict(state);
  const report = makeReport(state, i386);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.record) record(report);
  if (state.wrong.size > 0) return EXIT.FAILED;
  return state.loads.every(({ sound }) => sound) ? EXIT.OK : EXIT.BUSY;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const expected = error instanceof OptionError || error instanceof RunError || error.name === 'BuildError'
    || error.name === 'GuestError';
  if (!expected) throw error;
  note(error.message);
  process.exitCode = error instanceof OptionError ? EXIT.USAGE : EXIT.FAILED;
}
