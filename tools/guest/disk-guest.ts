// The guest of the disk suites and the disk benchmark: `mini` with the disk and file system modules of the
// kernel's own package, the program disktool (tools/guest/disktool, built here with gcc) and its scripts, all
// in /disk. Into build/disk-guest; the unpacked modules stay in .cache/guest.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, type Log } from './apt.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { prepareMini, sha256, writeWhole } from './mini.ts';
import { type KernelModule, loadOrder, moduleEntries, moduleTree } from './modules.ts';

/** What is loaded, with what these need first. */
const WANTED = ['crc32c_generic', 'ata_piix', 'sd_mod', 'sr_mod', 'isofs', 'ext4'];
const SCRIPTS = { setup: 'disk-setup.sh', files: 'disk-files.sh', records: 'disk-records.sh' };
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-s', '-static', '-pthread'];

export interface DiskGuest {
  kernel: string;
  initrd: string;
}

function tool(command: string, args: readonly string[], remedy: string): Buffer {
  const done = spawnSync(command, args, { maxBuffer: 1 << 28 });
  if (done.error !== undefined) throw new GuestError(`${command} is not there: ${remedy}.`);
  if (done.status !== 0) throw new GuestError(`${command} failed: ${done.stderr.toString()}`);
  return done.stdout;
}

function buildDisktool(folder: string): Uint8Array {
  const source = new URL('./disktool/', import.meta.url).pathname;
  const files = readdirSync(source).filter((name) => name.endsWith('.c')).map((name) => join(source, name));
  const program = join(folder, 'disktool');
  tool('gcc', [...FLAGS, '-o', program, ...files], 'apt-get install gcc libc6-dev');
  return readFileSync(program);
}

function overlayTree(disktool: Uint8Array, modules: KernelModule[]): CpioEntry[] {
  return [
    ...['disk', 'usr', 'usr/bin'].map((path): CpioEntry => ({ path, type: 'directory' })),
    ...moduleEntries('disk/modules', modules),
    { path: 'usr/bin/disktool', type: 'file', mode: 0o755, data: disktool },
    ...Object.entries(SCRIPTS).map(([name, file]): CpioEntry =>
      ({ path: `disk/${name}`, type: 'file', mode: 0o755,
      data: readFileSync(new URL(file, import.meta.url)) })),
  ];
}

/** Makes the guest where it is not there already. Throws GuestError where it cannot be made. */
export async function prepareDiskGuest({ root, log }: { root: string; log: Log }): Promise<DiskGuest> {
  const mini = await prepareMini({ root, log });
  const folder = join(root, 'build/disk-guest');
  mkdirSync(folder, { recursive: true });
  const modules = loadOrder(await moduleTree(root, mini.kernelVersion, log), WANTED);
  const overlay = writeCpio(overlayTree(buildDisktool(folder), modules));
  const base = join(root, 'public/guest/mini');
  const whole = Buffer.concat([readFileSync(join(base, mini.initrd)), overlay]);
  // Machines that run at the same time read the same file.
  const initrd = join(folder, `initrd-${sha256(whole).slice(0, 12)}`);
  if (!existsSync(initrd)) {
    for (const old of readdirSync(folder)) if (old.startsWith('initrd-')) rmSync(join(folder, old));
    writeWhole(initrd, whole);
  }
  return { kernel: join(base, mini.kernel), initrd };
}
