// The guest of the disk suites and the disk benchmark: `mini` with the disk and file system modules of the
// kernel's own package, the program disktool (tools/guest/disktool, built here with gcc) and its scripts, all
// in /disk. Into build/disk-guest; the unpacked modules stay in .cache/guest.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, type Log, openSuite, requireDebianTools, unpack } from './apt.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { prepareMini, sha256, SUITE, writeWhole } from './mini.ts';

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

/** All module files below a folder, by name. */
function moduleFiles(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const name = /([^/]+)\.ko\.xz$/.exec(path)?.[1];
    if (name !== undefined) found.set(name.replaceAll('-', '_'), join(folder, path));
  }
  return found;
}

/** The kernel package's module tree, unpacked once. */
async function moduleTree(cache: string, kernelVersion: string, log: Log): Promise<string> {
  const tree = join(cache, 'root/usr/lib/modules', kernelVersion);
  if (existsSync(tree)) return tree;
  requireDebianTools();
  const apt = await openSuite(join(cache, '../apt'), SUITE, log);
  const name = `linux-image-${kernelVersion}`;
  const files = await apt.download([name], join(cache, 'packages'));
  unpack(files.get(name) ?? '', join(cache, 'root'));
  rmSync(join(cache, 'packages'), { recursive: true, force: true });
  if (!existsSync(tree)) throw new GuestError(`The package ${name} holds no modules of ${kernelVersion}.`);
  return tree;
}

/** The wanted modules and what they depend on (modinfo field `depends`), in loading order. */
function loadOrder(tree: string): { name: string; data: Uint8Array }[] {
  const files = moduleFiles(tree);
  const order = new Map<string, Uint8Array>();
  const visit = (name: string): void => {
    if (order.has(name)) return;
    const file = files.get(name);
    if (file === undefined) return;
    const data = tool('xz', ['-dc', file], 'apt-get install xz-utils');
    const depends = /\0?depends=([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
    depends.split(',').filter((part) => part !== '').forEach(visit);
    order.set(name, data);
  };
  WANTED.forEach(visit);
  return [...order].map(([name, data]) => ({ name, data }));
}

function buildDisktool(folder: string): Uint8Array {
  const source = new URL('./disktool/', import.meta.url).pathname;
  const files = readdirSync(source).filter((name) => name.endsWith('.c')).map((name) => join(source, name));
  const program = join(folder, 'disktool');
  tool('gcc', [...FLAGS, '-o', program, ...files], 'apt-get install gcc libc6-dev');
  return readFileSync(program);
}

function overlayTree(disktool: Uint8Array, modules: { name: string; data: Uint8Array }[]): CpioEntry[] {
  return [
    ...['disk', 'disk/modules', 'usr', 'usr/bin'].map((path): CpioEntry => ({ path, type: 'directory' })),
    ...modules.map(({ name, data }, n): CpioEntry =>
      ({ path: `disk/modules/${String(n).padStart(2, '0')}-${name}.ko`, type: 'file', data })),
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
  const cache = join(root, '.cache/guest/disk-test');
  mkdirSync(folder, { recursive: true });
  mkdirSync(cache, { recursive: true });
  const modules = loadOrder(await moduleTree(cache, mini.kernelVersion, log));
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
