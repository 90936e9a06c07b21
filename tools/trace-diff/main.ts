// npx tsx tools/trace-diff/main.ts compare|run|record|skep ...
// The judge: finds the first instruction that Skep and QEMU execute differently. Options and examples:
// docs/testing/trace-diff.md. Exit status: 0 no difference, 1 a difference, 2 bad usage or nothing compared.

import { spawn } from 'node:child_process';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { checkCpuModel } from '../../src/emu/config.ts';
import { SkepError } from '../../src/emu/errors.ts';
import { type CompareOptions, compareTraces, DEFAULTS } from './compare.ts';
import { QemuLogParser } from './qemu-log.ts';
import { type Program, UsageError } from './program.ts';
import { parseRange, type RunningQemu, startQemu } from './qemu.ts';
import { formatLine, REGISTERS, RIP, SkepTraceParser, type TraceRecord } from './record.ts';
import { traceSkep } from './skep-core.ts';
import { type CodeFile, Reporter } from './report.ts';
import { openBytes, TraceSource } from './source.ts';

const OPTIONS = {
  qemu: { type: 'string' }, skep: { type: 'string' }, kernel: { type: 'string' }, initrd: { type: 'string' },
  append: { type: 'string' }, multiboot: { type: 'string' }, raw: { type: 'string' }, at: { type: 'string' },
  mode: { type: 'string' }, start: { type: 'string' }, 'qemu-bin': { type: 'string' },
  'qemu-arg': { type: 'string', multiple: true }, model: { type: 'string' }, ram: { type: 'string' },
  range: { type: 'string' }, skip: { type: 'string' }, from: { type: 'string' }, limit: { type: 'string' },
    mask: { type: 'string' },
  flags: { type: 'string' }, ignore: { type: 'string' }, 'ignore-at': { type: 'string' },
  'strict-start': { type: 'boolean' }, window: { type: 'string' }, taint: { type: 'string' },
  differences: { type: 'string' }, context: { type: 'string' }, cpu: { type: 'string' },
  code: { type: 'string' }, out: { type: 'string' }, direct: { type: 'boolean' },
  'skep-model': { type: 'string' }, serial: { type: 'boolean' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>['values'];

const BOOT_SECTOR = 0x7c00;
const RAM_MIB = 512;
const PROGRESS_MS = 10_000;
/** As a shell reports a program that was interrupted. */
const INTERRUPTED = 130;

function number(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isNaN(value)) throw new UsageError(`--${name} ${text}: not a number.`);
  return value;
}

/** Addresses are hexadecimal, with or without prefix. */
function address(text: string): bigint {
  return BigInt(text.startsWith('0x') ? text : `0x${text}`);
}

function halves(value: bigint): readonly [number, number] {
  return [Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn)];
}

function list(text: string | undefined): string[] {
  return (text ?? '').split(',').map((word) => word.trim().toLowerCase()).filter((word) => word !== '');
}

function compareOptions(values: Values): Partial<CompareOptions> {
  const mask = list(values.mask).map((name) => {
    const register = REGISTERS.findIndex((known) => known === name);
    if (register < 0) throw new UsageError(`--mask ${name}: no register; known are ${REGISTERS.join(' ')}.`);
    return register;
  });
  const ignore = values.ignore?.startsWith('+') === true
    ? [...DEFAULTS.ignore, ...list(values.ignore.slice(1))] : list(values.ignore);
  return {
    ...(values.from === undefined ? {} : { from: halves(address(values.from)) }),
    limit: number('limit', values.limit, Infinity),
    mask: new Set(mask),
    flags: number('flags', values.flags, DEFAULTS.flags),
    ignore: values.ignore === undefined ? DEFAULTS.ignore : new Set(ignore),
    ignoreAt: new Set(list(values['ignore-at']).map((text) => address(text).toString(16))),
    holdStart: values['strict-start'] !== true,
    window: number('window', values.window, DEFAULTS.window),
    taint: number('taint', values.taint, DEFAULTS.taint),
    differences: number('differences', values.differences, DEFAULTS.differences),
    context: number('context', values.context, DEFAULTS.context),
  };
}

/** Which addresses belong to the comparison. */
function wantedRecords(values: Values): (record: TraceRecord) => boolean {
  if (values.range === undefined && values.skip === undefined) return () => true;
  const [start, end] = parseRange(values.range);
  const skip = new Set(skipped(values));
  return (record) => {
    const high = record.wide ? BigInt(record.values[2 * RIP + 1] ?? 0) << 32n : 0n;
    const rip = high | BigInt(record.values[2 * RIP] ?? 0);
    return rip >= start && rip <= end && !skip.has(rip);
  };
}

function skipped(values: Values): bigint[] {
  return list(values.skip).map(address).sort((a, b) => (a < b ? -1 : 1));
}

function startMode(values: Values, at: number): 'real' | 'protected' | 'long' {
  const mode = values.mode ?? (at === BOOT_SECTOR ? 'real' : 'protected');
  if (mode === '16' || mode === 'real') return 'real';
  if (mode === '32' || mode === 'protected') return 'protected';
  if (mode === '64' || mode === 'long') return 'long';
  throw new UsageError(`--mode ${mode}: expected 16, 32 or 64.`);
}

function programOf(values: Values): Program {
  const { append, kernel, initrd } = values;
  if (values.start !== undefined) return { kind: 'start', file: values.start };
  if (values.direct === true) {
    const file = kernel ?? values.multiboot;
    if (file === undefined) throw new UsageError('--direct needs --kernel or --multiboot.');
    return { kind: 'direct', kernel: file, initrd, append };
  }
  if (values.multiboot !== undefined) return { kind: 'multiboot', file: values.multiboot, append };
  if (kernel !== undefined) return { kind: 'kernel', kernel, initrd, append };
  if (values.raw === undefined) throw new UsageError('No program: --kernel, --multiboot, --raw or --start.');
  const at = number('at', values.at, BOOT_SECTOR);
  return { kind: 'raw', file: values.raw, address: at, mode: startMode(values, at) };
}

function codeFile(values: Values): CodeFile | undefined {
  if (values.code !== undefined) {
    const [file = '', base] = values.code.split('@');
    const at = base === undefined ? undefined : Number(base);
    return { file, address: at, mode: startMode(values, at ?? 0) };
  }
  if (values.multiboot !== undefined) return { file: values.multiboot, mode: 'protected' };
  if (values.raw === undefined) return undefined;
  const at = number('at', values.at, BOOT_SECTOR);
  return { file: values.raw, address: at, mode: startMode(values, at) };
}

function start(values: Values): Promise<RunningQemu> {
  return startQemu({ program: programOf(values), qemu: values['qemu-bin'] ?? 'qemu-system-x86_64',
    cpu: values.model ?? 'qemu64', memoryMiB: number('ram', values.ram, RAM_MIB), range: values.range,
    skip: skipped(values),
    extra: values['qemu-arg'] ?? [] });
}

/** Tells every now and then how far it is: a start that never comes looks like work. */
function showProgress(...sources: TraceSource[]): NodeJS.Timeout {
  return setInterval(() => {
    console.error(sources.map(({ name, seen }) => `${name}: ${seen} instructions read`).join(', '));
  }, PROGRESS_MS);
}

async function compare(values: Values, running: RunningQemu | undefined): Promise<number> {
  const log = running?.log ?? (values.qemu === undefined ? undefined : openBytes(values.qemu));
  if (log === undefined || (running === undefined && values.skep === undefined)) {
    throw new UsageError('compare needs --qemu LOG and --skep TRACE.');
  }
  const wanted = wantedRecords(values);
  const parser = new SkepTraceParser(number('cpu', values.cpu, 0));
  const qemu = new TraceSource('QEMU', log, new QemuLogParser(), wanted);
  const own = values.skep === undefined ? spawnSkep() : undefined;
  const skep = new TraceSource('Skep', own?.bytes ?? openBytes(values.skep ?? ''), parser, wanted);
  const entry = running?.entry;
  const progress = showProgress(qemu, skep);
  const result = await compareTraces(qemu, skep, { ...(entry === undefined ? {} : { from: halves(entry) }),
    ...compareOptions(values) });
  clearInterval(progress);
  console.log(new Reporter(codeFile(values)).summary(result));
  if (result.compared === 0 && running !== undefined && running.messages() !== '') {
    console.error(`QEMU said: ${running.messages().trim()}`);
  }
  own?.stop();
  await skep.close();
  if (running === undefined) await qemu.close();
  if (result.differences.length > 0) return 1;
  return result.compared === 0 ? 2 : 0;
}

/** Skep's own trace of the program, to a file or to standard output. */
async function runSkep(values: Values): Promise<number> {
  const program = programOf(values);
  if (program.kind === 'kernel' || program.kind === 'multiboot') {
    throw new UsageError('Skep has its own loader: add --direct to --kernel or --multiboot.');
  }
  const model = values['skep-model'] ?? 'v2';
  checkCpuModel(model);
  const out = values.out === undefined ? process.stdout.fd : openSync(values.out, 'w');
  try {
    const count = await traceSkep({ program, memoryMiB: number('ram', values.ram, RAM_MIB), model, out,
      limit: number('limit', values.limit, Infinity),
      onSerial: values.serial === true ? (text) => process.stderr.write(text) : undefined });
    return count > 0 ? 0 : 2;
  } finally {
    if (values.out !== undefined) closeSync(out);
  }
}

/** The same command line as ours, as a process that traces Skep. */
function spawnSkep(): { bytes: AsyncIterable<Uint8Array>; stop(): void } {
  const args = process.argv.slice(2).map((arg, index) => (index === 0 ? 'skep' : arg));
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  return { bytes: child.stdout, stop: () => child.kill('SIGKILL') };
}

/** Writes QEMU's trace in the text form, to be kept or to be compared later. */
async function record(values: Values, running: RunningQemu): Promise<number> {
  const source = new TraceSource('QEMU', running.log, new QemuLogParser(), wantedRecords(values));
  const out = values.out === undefined ? process.stdout : createWriteStream(values.out);
  const first = values.from === undefined ? running.entry : address(values.from);
  const from = first === undefined ? undefined : halves(first);
  const limit = number('limit', values.limit, Infinity);
  const progress = showProgress(source);
  let begun = from === undefined;
  let written = 0;
  for (; written < limit; source.drop(1)) {
    if (source.available === 0) await source.fill(1);
    const next = source.at(0);
    if (next === undefined) break;
    begun ||= next.values[2 * RIP] === from?.[0] && (!next.wide || next.values[2 * RIP + 1] === from?.[1]);
    if (!begun) continue;
    written++;
    if (!out.write(`${formatLine(next)}\n`)) await once(out, 'drain');
  }
  clearInterval(progress);
  if (out !== process.stdout) await new Promise<void>((done) => out.end(done));
  console.error(`${written} instructions written`);
  return written > 0 ? 0 : 2;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (positionals[0] === 'compare') return compare(values, undefined);
  if (positionals[0] === 'skep') return runSkep(values);
  if (positionals[0] !== 'run' && positionals[0] !== 'record') {
    throw new UsageError('usage: trace-diff compare|run|record|skep OPTIONS; see docs/testing/trace-diff.md.');
  }
  const running = await start(values);
  const leave = (): void => {
    running.stop();
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  try {
    return await (positionals[0] === 'run' ? compare(values, running) : record(values, running));
  } finally {
    running.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = (error as { code?: string }).code ?? '';
  const known = error instanceof UsageError || error instanceof SkepError;
  const badUsage = known || code.startsWith('ERR_PARSE_ARGS') || code === 'ENOENT';
  if (!badUsage) throw error;
  console.error((error as Error).message);
  process.exitCode = 2;
}
