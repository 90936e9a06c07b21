// Runs QEMU so that it logs every instruction, and gives its log as a stream of bytes. The log goes through a
// named pipe: QEMU opens its log file by name, and a file would grow by gigabytes a minute.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync, constants, createReadStream, mkdtempSync, openSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadProgram, type Program, UsageError } from './program.ts';
import { buildRom, ROM_BASE, ROM_END, type StartState, type Table } from './rom.ts';

export interface QemuOptions {
  program: Program;
  qemu: string;
  cpu: string;
  memoryMiB: number;
  /** Only instructions in this range of addresses are logged. */
  range?: string | undefined;
  /** Addresses that are not logged, ascending. */
  skip: readonly bigint[];
  extra: string[];
}

const PAGE = 4096;
const MIB = 1 << 20;
/** Runs of pages with content closer than this become one file. */
const JOIN_BYTES = 1 << 16;
/** Where adapters, not RAM, answer; QEMU cannot be given bytes there. */
const VGA_BASE = 0xa0000;

/** Ranges of memory that are not all zero, by page. */
export function usedRanges(ram: Uint8Array): Array<readonly [start: number, end: number]> {
  const longs = new BigUint64Array(ram.buffer, ram.byteOffset, ram.length >> 3);
  const ranges: Array<[number, number]> = [];
  for (let page = 0; page < ram.length; page += PAGE) {
    const from = page >> 3;
    let used = false;
    for (let index = from; index < from + (PAGE >> 3) && !used; index++) used = longs[index] !== 0n;
    if (!used) continue;
    const last = ranges.at(-1);
    // The firmware's window must begin a range of its own.
    const joins = last !== undefined && page - last[1] < JOIN_BYTES
      && (page < VGA_BASE || last[0] >= ROM_END);
    if (joins) last[1] = page + PAGE;
    else ranges.push([page, page + PAGE]);
  }
  return ranges;
}

/** Files and firmware that give QEMU this memory and start state. */
function memoryArgs(start: StartState, ram: Uint8Array, scratch: string): string[] {
  const tables: Table[] = [];
  const args: string[] = [];
  for (const [from, to] of usedRanges(ram)) {
    const bytes = ram.subarray(from, to);
    if (from >= ROM_BASE && from < ROM_END) {
      tables.push([from, bytes]);
      continue;
    }
    if (from >= VGA_BASE && from < ROM_BASE) {
      throw new UsageError(`The program has bytes at 0x${from.toString(16)}, where a PC has adapters.`);
    }
    const file = join(scratch, `${from.toString(16)}.bin`);
    writeFileSync(file, bytes);
    args.push('-device', `loader,file=${file},addr=${from},force-raw=on`);
  }
  const rom = join(scratch, 'rom.bin');
  writeFileSync(rom, buildRom(start, tables));
  return ['-bios', rom, ...args];
}

interface ProgramArgs {
  args: string[];
  entry?: bigint;
}

async function programArgs(options: QemuOptions, scratch: string): Promise<ProgramArgs> {
  const { program } = options;
  if (program.kind === 'kernel' || program.kind === 'multiboot') {
    const append = program.append === undefined ? [] : ['-append', program.append];
    if (program.kind === 'multiboot') return { args: ['-kernel', program.file, ...append] };
    const initrd = program.initrd === undefined ? [] : ['-initrd', program.initrd];
    return { args: ['-kernel', program.kernel, ...append, ...initrd] };
  }
  const ram = new Uint8Array(options.memoryMiB * MIB);
  const start = await loadProgram(program, ram);
  return { args: memoryArgs(start, ram, scratch), entry: start.entry };
}

/** QEMU 8.1 renamed -singlestep. */
function singleStepArgs(qemu: string): string[] {
  const help = spawnSync(qemu, ['--help'], { encoding: 'utf8' });
  if (help.error !== undefined) {
    throw new UsageError(`${qemu} is not there: install it (apt-get install qemu-system-x86).`);
  }
  return help.stdout.includes('one-insn-per-tb') ? ['-accel', 'tcg,thread=single,one-insn-per-tb=on']
    : ['-accel', 'tcg,thread=single', '-singlestep'];
}

const LAST_ADDRESS = (1n << 64n) - 1n;

/** First and last address of START..END, START+SIZE or START (to the end). */
export function parseRange(range: string | undefined): readonly [bigint, bigint] {
  if (range === undefined) return [0n, LAST_ADDRESS];
  const match = /^(0x[0-9a-f]+)(?:(\.\.|\+)(0x[0-9a-f]+))?$/i.exec(range);
  if (match === null) {
    throw new UsageError(`--range ${range}: expected 0xSTART, 0xSTART..0xEND or 0xSTART+0xSIZE.`);
  }
  const start = BigInt(match[1] ?? 0);
  if (match[3] === undefined) return [start, LAST_ADDRESS];
  return [start, match[2] === '+' ? start + BigInt(match[3]) - 1n : BigInt(match[3])];
}

/** QEMU's -dfilter takes ranges to log: the wanted one, cut at the addresses to skip. */
export function rangeArgs(range: string | undefined, skip: readonly bigint[]): string[] {
  if (range === undefined && skip.length === 0) return [];
  const [first, last] = parseRange(range);
  const parts: string[] = [];
  let start = first;
  for (const address of [...skip, last + 1n]) {
    if (address > start) parts.push(`0x${start.toString(16)}..0x${(address - 1n).toString(16)}`);
    start = address + 1n;
  }
  return ['-dfilter', parts.join(',')];
}

export interface RunningQemu {
  /** First instruction of the program, where it does not begin with SeaBIOS. */
  entry?: bigint | undefined;
  log: AsyncIterable<Uint8Array>;
  stop(): void;
  /** What QEMU said that is no trace. */
  messages(): string;
}

/** Starts QEMU. `stop` ends it and removes the pipe. */
export async function startQemu(options: QemuOptions): Promise<RunningQemu> {
  const step = singleStepArgs(options.qemu);
  const scratch = mkdtempSync(join(tmpdir(), 'trace-diff-'));
  const pipe = join(scratch, 'log');
  execFileSync('mkfifo', [pipe]);
  const program = await programArgs(options, scratch);
  const args = [...step, '-d', 'cpu,nochain,in_asm', '-D', pipe, ...rangeArgs(options.range, options.skip),
    '-cpu', options.cpu, '-m', String(options.memoryMiB), '-smp', '1', '-display', 'none', '-serial', 'null', '-monitor', 'none',
    '-no-reboot', '-nodefaults', ...program.args, ...options.extra];
  const child: ChildProcess = spawn(options.qemu, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4096); });
  child.on('exit', () => {
    // Should QEMU never have opened the pipe, its reader would wait for ever.
    try {
      closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
    } catch { /* nobody reads: nothing waits */ }
  });
  const log = createReadStream(pipe, { highWaterMark: 1 << 20 });
  return {
    entry: program.entry,
    log,
    messages: () => said,
    stop: () => {
      child.kill('SIGKILL');
      log.destroy();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

