// One run of one payload by one of the runners: Skep's shipped command line, QEMU's TCG, the host itself. All
// guests get the same kernel, initramfs, RAM and number of CPUs; QEMU gets the disk as a raw file of its own.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, ftruncateSync, readFileSync, renameSync, statSync,
  writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openChunked } from '../../src/emu/disk/chunked.ts';
import { runQemu } from '../qemu-run.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const GUESTS = join(ROOT, 'public/guest');

export interface Payload {
  kernel: string;
  initrd: string;
  append: string;
  memoryMiB: number;
  smp: number;
  /** Prepared guest with a disk. */
  guest?: string;
  until: string;
  timeoutS: number;
}

export interface RunResult {
  /** By the host's clock, from the start of the process. */
  seconds: number;
  output: string;
}

export class RunError extends Error {
  override name = 'RunError';
}

const MAX_OUTPUT = 1 << 26;

/** A program's output; its failure is a RunError with the last lines. */
function run(command: string, args: readonly string[], timeoutS: number): Promise<RunResult> {
  const start = performance.now();
  return new Promise((done, fail) => {
    execFile(command, [...args], { encoding: 'latin1', cwd: ROOT, maxBuffer: MAX_OUTPUT,
      timeout: 1000 * (timeoutS + 30) }, (error, stdout, stderr) => {
      const seconds = (performance.now() - start) / 1000;
      if (error === null) {
        done({ seconds, output: stdout });
        return;
      }
      const tail = (stderr + stdout).trim().split('\n').slice(-5).join('\n');
      fail(new RunError(`${command} ${args.slice(0, 3).join(' ')} failed: ${error.message.split('\n')[0]}\n${tail}`));
    });
  });
}

export function runSkep(payload: Payload, command: string, engine: string | undefined): Promise<RunResult> {
  const [program = '', ...first] = command.split(' ');
  const what = payload.guest === undefined
    ? ['--kernel', payload.kernel, '--initrd', payload.initrd, '--append', payload.append]
    : ['--guest', payload.guest];
  return run(program, [...first, 'boot', ...what, '--smp', String(payload.smp),
    '--ram', String(payload.memoryMiB), '--until', payload.until, '--timeout', String(payload.timeoutS),
    ...(engine === undefined ? [] : ['--engine', engine])], payload.timeoutS);
}

export async function runQemuPeer(payload: Payload): Promise<RunResult> {
  const disk = payload.guest === undefined ? undefined : await rawDisk(payload.guest);
  const extra = disk === undefined ? [] : ['-drive', `file=${disk},format=raw,if=ide,snapshot=on`];
  const result = await runQemu({ kernel: payload.kernel, initrd: payload.initrd, append: payload.append,
    smp: payload.smp, memoryMiB: payload.memoryMiB, cpu: 'qemu64', until: new RegExp(payload.until, 'm'),
    timeoutMs: 1000 * payload.timeoutS, extra });
  if (!result.ok) throw new RunError(result.error);
  return result;
}

export function runNative(program: string, names: readonly string[], scale: number): Promise<RunResult> {
  return run(program, ['-s', String(scale), ...names], 600);
}

/** The disk of a prepared guest as a sparse file, made once from its chunks; undefined: it has none. */
async function rawDisk(guest: string): Promise<string | undefined> {
  const folder = join(GUESTS, guest);
  const { disk } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { disk?: string };
  if (disk === undefined) return undefined;
  const index = join(folder, disk);
  const raw = join(ROOT, '.cache/bench', `${guest}.raw`);
  if (existsSync(raw) && statSync(raw).mtimeMs >= statSync(index).mtimeMs) return raw;
  mkdirSync(dirname(raw), { recursive: true });
  const device = await openChunked(basename(index), (file) => readFile(join(dirname(index), file)));
  const piece = new Uint8Array(1 << 20);
  const file = openSync(`${raw}.part`, 'w');
  try {
    ftruncateSync(file, device.sizeBytes);
    for (let at = 0; at < device.sizeBytes; at += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, device.sizeBytes - at));
      await device.read(at, bytes);
      if (bytes.some((byte) => byte !== 0)) writeSync(file, bytes, 0, bytes.length, at);
    }
  } finally {
    closeSync(file);
  }
  renameSync(`${raw}.part`, raw);
  return raw;
}
