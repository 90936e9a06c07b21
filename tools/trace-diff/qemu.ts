// Runs QEMU so that it logs every instruction, and gives its log as a stream of bytes. The log goes through a
// named pipe: QEMU opens its log file by name, and a file would grow by gigabytes a minute.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { buildRom, identityTables, ROM_BASE, type StartMode, type StartState } from './rom.ts';

export class UsageError extends Error {
  override name = 'UsageError';
}

/** What QEMU executes. */
export type Program =
  | { kind: 'kernel'; kernel: string; initrd?: string | undefined; append?: string | undefined }
  | { kind: 'multiboot'; file: string; append?: string | undefined }
  | { kind: 'raw'; file: string; address: number; mode: StartMode }
  | { kind: 'start'; file: string };

export interface QemuOptions {
  program: Program;
  qemu: string;
  cpu: string;
  memoryMiB: number;
  /** Only instructions in this range of addresses are logged. */
  range?: string | undefined;
  extra: string[];
}

/** Page tables for a flat 64-bit image; conventional memory that neither BIOS data nor a boot sector uses. */
const TABLES_AT = 0x10000;
/** PIIX4: IDE timing (00:01.1 0x40, both channels decoded), power management base and enable (00:01.3). */
const PCI_IDE_TIMING = [0x80000940, 0x80008000] as const;
const PCI_PM_BASE = 0x80000b40;
const PCI_PM_ENABLE = [0x80000b80, 0x00000001] as const;

interface StartFile {
  mode?: StartMode;
  entry: string | number;
  registers?: Record<string, string | number>;
  cr0?: string | number;
  cr3?: string | number;
  cr4?: string | number;
  efer?: string | number;
  pmBase?: string | number;
  memory?: Array<{ file: string; address: string | number }>;
}

interface Loaded {
  start: StartState;
  blobs: Array<{ file: string; address: number }>;
  tables: Array<readonly [number, Uint8Array]>;
}

function readStartFile(path: string): Loaded {
  const text = JSON.parse(readFileSync(path, 'utf8')) as StartFile;
  const pm = Number(text.pmBase ?? 0);
  const start: StartState = {
    mode: text.mode ?? 'long',
    entry: BigInt(text.entry),
    registers: new Map(Object.entries(text.registers ?? {}).map(([name, value]) => [name, BigInt(value)])),
    cr0: BigInt(text.cr0 ?? 0),
    cr3: BigInt(text.cr3 ?? TABLES_AT),
    cr4: BigInt(text.cr4 ?? 0),
    efer: BigInt(text.efer ?? 0),
    pci: pm === 0 ? [PCI_IDE_TIMING] : [PCI_IDE_TIMING, [PCI_PM_BASE, pm | 1], PCI_PM_ENABLE],
  };
  const loaded: Loaded = { start, blobs: [], tables: [] };
  for (const part of text.memory ?? []) {
    const file = resolve(dirname(path), part.file);
    const address = Number(part.address);
    if (address >= ROM_BASE && address < 0x100000) loaded.tables.push([address, readFileSync(file)]);
    else loaded.blobs.push({ file, address });
  }
  return loaded;
}

function rawProgram(file: string, address: number, mode: StartMode): Loaded {
  const registers = new Map([['rsp', BigInt(address)]]);
  const start: StartState = { mode, entry: BigInt(address), registers, cr0: 0n, cr3: BigInt(TABLES_AT),
    cr4: 0n, efer: 0n, pci: [] };
  return { start, blobs: [{ file, address }], tables: [] };
}

function programArgs(program: Program, scratch: string): string[] {
  if (program.kind === 'kernel' || program.kind === 'multiboot') {
    const append = program.append === undefined ? [] : ['-append', program.append];
    if (program.kind === 'multiboot') return ['-kernel', program.file, ...append];
    const initrd = program.initrd === undefined ? [] : ['-initrd', program.initrd];
    return ['-kernel', program.kernel, ...append, ...initrd];
  }
  const loaded = program.kind === 'raw' ? rawProgram(program.file, program.address, program.mode)
    : readStartFile(program.file);
  if (loaded.start.mode === 'long' && loaded.start.cr3 === BigInt(TABLES_AT)
    && !loaded.blobs.some((blob) => blob.address === TABLES_AT)) {
    const file = join(scratch, 'tables.bin');
    writeFileSync(file, identityTables(TABLES_AT));
    loaded.blobs.push({ file, address: TABLES_AT });
  }
  const rom = join(scratch, 'rom.bin');
  writeFileSync(rom, buildRom(loaded.start, loaded.tables));
  const loaders = loaded.blobs.flatMap(({ file, address }) =>
    ['-device', `loader,file=${file.replaceAll(',', ',,')},addr=${address},force-raw=on`]);
  return ['-bios', rom, ...loaders];
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

/** QEMU's -dfilter knows START..END, START+SIZE and START-SIZE; START alone means: from there on. */
function rangeArgs(range: string | undefined): string[] {
  if (range === undefined) return [];
  return ['-dfilter', /\.\.|[+-]/.test(range) ? range : `${range}..0xffffffffffffffff`];
}

export interface RunningQemu {
  log: AsyncIterable<Uint8Array>;
  stop(): void;
  /** What QEMU said that is no trace. */
  messages(): string;
}

/** Starts QEMU. `stop` ends it and removes the pipe. */
export function startQemu(options: QemuOptions): RunningQemu {
  const step = singleStepArgs(options.qemu);
  const scratch = mkdtempSync(join(tmpdir(), 'trace-diff-'));
  const pipe = join(scratch, 'log');
  execFileSync('mkfifo', [pipe]);
  const args = [...step, '-d', 'cpu,nochain,in_asm', '-D', pipe, ...rangeArgs(options.range),
    '-cpu', options.cpu, '-m', String(options.memoryMiB), '-smp', '1', '-display', 'none', '-serial', 'null', '-monitor', 'none',
    '-no-reboot', '-nodefaults', ...programArgs(options.program, scratch), ...options.extra];
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
    log,
    messages: () => said,
    stop: () => {
      child.kill('SIGKILL');
      log.destroy();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

