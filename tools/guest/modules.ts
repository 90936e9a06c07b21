// Modules of Debian's stock kernel for tests that boot it with drivers of its own: from the kernel's package,
// unpacked once into a cache, in the order in which insmod takes them (modinfo field `depends`).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, type Log, openSuite, requireDebianTools, unpack } from './apt.ts';
import { type CpioEntry } from './cpio.ts';
import { SUITE } from './mini.ts';

export interface KernelModule { name: string; data: Uint8Array }

function decompress(file: string): Buffer {
  const done = spawnSync('xz', ['-dc', file], { maxBuffer: 1 << 28 });
  if (done.error !== undefined) throw new GuestError('xz is not there: apt-get install xz-utils.');
  if (done.status !== 0) throw new GuestError(`xz failed: ${done.stderr.toString()}`);
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

/** The kernel package's module tree, unpacked once into .cache/guest/modules. */
export async function moduleTree(root: string, kernelVersion: string, log: Log): Promise<string> {
  const cache = join(root, '.cache/guest/modules');
  const tree = join(cache, 'root/usr/lib/modules', kernelVersion);
  if (existsSync(tree)) return tree;
  requireDebianTools();
  mkdirSync(cache, { recursive: true });
  const apt = await openSuite(join(cache, '../apt'), SUITE, log);
  const name = `linux-image-${kernelVersion}`;
  const files = await apt.download([name], join(cache, 'packages'));
  unpack(files.get(name) ?? '', join(cache, 'root'));
  rmSync(join(cache, 'packages'), { recursive: true, force: true });
  if (!existsSync(tree)) throw new GuestError(`The package ${name} holds no modules of ${kernelVersion}.`);
  return tree;
}

/** The wanted modules and what they depend on, in loading order; what the kernel has built in is left out. */
export function loadOrder(tree: string, wanted: readonly string[]): KernelModule[] {
  const files = moduleFiles(tree);
  const order = new Map<string, Uint8Array>();
  const visit = (name: string): void => {
    if (order.has(name)) return;
    const file = files.get(name);
    if (file === undefined) return;
    const data = decompress(file);
    const depends = /\0?depends=([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
    depends.split(',').filter((part) => part !== '').forEach(visit);
    order.set(name, data);
  };
  wanted.forEach(visit);
  return [...order].map(([name, data]) => ({ name, data }));
}

/** The same as files NN-NAME.ko in a folder of an initramfs. */
export function moduleEntries(folder: string, modules: readonly KernelModule[]): CpioEntry[] {
  return [{ path: folder, type: 'directory' }, ...modules.map(({ name, data }, n): CpioEntry =>
    ({ path: `${folder}/${String(n).padStart(2, '0')}-${name}.ko`, type: 'file', data }))];
}
