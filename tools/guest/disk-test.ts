// npx tsx tools/guest/disk-test.ts [--smp N] [--mib N] [--rounds N] [--append S] [--verbose]
// Boots Debian's stock kernel with its own ata_piix, sd_mod, sr_mod and ext4 modules on an ext4 image and a
// CD image, and lets it read, write, sync, remount and compare (disk-init.sh). The modules come from the
// kernel's package, as for the guests. Exit status: 0 all well and e2fsck clean, 1 not.

import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Skep } from '../../src/api/node.ts';
import { openSuite, requireDebianTools, unpack } from './apt.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { prepareMini, SUITE } from './mini.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = join(ROOT, '.cache/guest/disk-test');
/** What is loaded, with what these need first. */
const WANTED = ['crc32c_generic', 'ata_piix', 'sd_mod', 'sr_mod', 'ext4'];
const DISK_MIB = 256;
const TIMEOUT_MS = 600_000;

function tool(command: string, args: readonly string[], input?: Uint8Array): Buffer {
  const done = spawnSync(command, args, { maxBuffer: 1 << 28, ...(input === undefined ? {} : { input }) });
  if (done.error !== undefined || done.status !== 0) {
    throw new Error(`${command} failed: ${done.error?.message ?? done.stderr.toString()}`);
  }
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
async function moduleTree(kernelVersion: string): Promise<string> {
  const tree = join(CACHE, 'root/usr/lib/modules', kernelVersion);
  if (existsSync(tree)) return tree;
  requireDebianTools();
  const log = (line: string): void => console.log(line);
  const apt = await openSuite(join(CACHE, '../apt'), SUITE, log);
  const name = `linux-image-${kernelVersion}`;
  const files = await apt.download([name], join(CACHE, 'packages'));
  unpack(files.get(name) ?? '', join(CACHE, 'root'));
  rmSync(join(CACHE, 'packages'), { recursive: true, force: true });
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
    const data = tool('xz', ['-dc', file]);
    const depends = /\0?depends=([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
    depends.split(',').filter((part) => part !== '').forEach(visit);
    order.set(name, data);
  };
  WANTED.forEach(visit);
  return [...order].map(([name, data]) => ({ name, data }));
}

function initramfs(busybox: Uint8Array, modules: { name: string; data: Uint8Array }[]): Uint8Array {
  const directories = ['bin', 'dev', 'etc', 'modules', 'proc', 'sbin', 'sys', 'tmp', 'usr', 'usr/bin',
    'usr/sbin'];
  const entries: CpioEntry[] = [
    ...directories.map((path): CpioEntry => ({ path, type: 'directory' })),
    { path: 'dev/console', type: 'char', mode: 0o600, major: 5, minor: 1 },
    { path: 'bin/busybox', type: 'file', mode: 0o755, data: busybox },
    ...modules.map(({ name, data }, n): CpioEntry =>
      ({ path: `modules/${String(n).padStart(2, '0')}-${name}.ko`, type: 'file', data })),
    { path: 'init', type: 'file', mode: 0o755, data: readFileSync(new URL('./disk-init.sh', import.meta.url)) },
  ];
  return writeCpio(entries);
}

/** An ext4 image with files of random bytes and their sums. */
function makeImage(path: string, mib: number, files: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'skep-disk-'));
  let sums = '';
  for (let n = 0; n < files; n++) {
    const data = randomBytes(1 << (12 + n));
    writeFileSync(join(folder, `file${n}`), data);
    sums += `${createHash('md5').update(data).digest('hex')}  file${n}\n`;
  }
  writeFileSync(join(folder, 'sums'), sums);
  rmSync(path, { force: true });
  tool('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-d', folder, '-F', path, `${mib}M`]);
  rmSync(folder, { recursive: true });
}

/** Runs the machine and returns what it said on the console. */
async function boot(options: { smp: number; initrd: Uint8Array; hda: string; cdrom: string; append: string;
  verbose: boolean }): Promise<{ text: string; vm: Skep }> {
  const guest = join(ROOT, 'public/guest/mini');
  let text = '';
  const decoder = new TextDecoder();
  const vm = await Skep.create({ smp: options.smp, memory: 512, kernel: join(guest, 'vmlinuz'),
    initrd: options.initrd,
    append: options.append, hda: options.hda, cdrom: options.cdrom,
    serial: (bytes) => {
      const part = decoder.decode(bytes, { stream: true });
      text += part;
      if (options.verbose) process.stdout.write(part);
    } });
  vm.on('disk', (event) => console.log('disk event', event));
  vm.start();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, TIMEOUT_MS); });
  await Promise.race([vm.ended, late]);
  clearTimeout(timer);
  await vm.stop();
  return { text, vm };
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { smp: { type: 'string', default: '1' },
    mib: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '2' },
    append: { type: 'string', default: '' }, verbose: { type: 'boolean', default: false } } });
  const mini = await prepareMini({ root: ROOT, log: (line) => console.log(line) });
  mkdirSync(CACHE, { recursive: true });
  const busybox = readFileSync(join(ROOT, '.cache/guest/mini/root/usr/bin/busybox'));
  const modules = loadOrder(await moduleTree(mini.kernelVersion));
  const work = mkdtempSync(join(tmpdir(), 'skep-disk-test-'));
  const hda = join(work, 'disk.img');
  const cdrom = join(work, 'cd.img');
  makeImage(hda, DISK_MIB, 12);
  makeImage(cdrom, 24, 10);
  const sum = createHash('md5').update(readFileSync(cdrom)).digest('hex');
  const { text, vm } = await boot({ smp: Number(values.smp), initrd: initramfs(busybox, modules), hda, cdrom,
    append: `console=ttyS0 cryptomgr.notests skep.sums=${sum} skep.mib=${values.mib} skep.rounds=${values.rounds} ${values.append}`,
    verbose: values.verbose });
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith('disk-test '));
  const failed = lines.filter((line) => line.includes('FAILED'));
  const ended = lines.includes('disk-test end');
  const fsck = spawnSync('e2fsck', ['-fn', hda], { encoding: 'utf8' });
  const { drives, interrupts } = vm.stats;
  for (const line of failed.length === 0 ? lines.filter((one) => / rate |irq/.test(one))
    : lines) console.log(line);
  console.log(`${basename(work)}: ${values.smp} CPUs, ${lines.length} lines, ${failed.length} failed, ${
    ended ? 'ended' : 'NOT ended'}, interrupts lost ${interrupts.lost}, e2fsck ${fsck.status === 0 ? 'clean' : fsck.stdout}`);
  console.log(JSON.stringify(drives));
  const ok = failed.length === 0 && ended && fsck.status === 0 && interrupts.lost === 0;
  if (ok) rmSync(work, { recursive: true });
  else if (!values.verbose) console.log(text.slice(-6000));
  return ok ? 0 : 1;
}

process.exitCode = await main();
