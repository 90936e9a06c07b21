// Guest `debian13`: Debian 13 with systemd on a disk, made from Debian packages by mmdebstrap (itself a
// package, unpacked, not installed) into public/guest/debian13: a chunked disk image that SeaBIOS and GRUB
// boot, and its kernel and initramfs for direct boot. As root in a chroot, otherwise in a user namespace; no
// loop device. debian13-setup.sh is what happens inside, debian13-init.sh the initramfs's /init. Equal
// packages give equal files as far as the packages' own scripts and mke2fs do.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync,
  rmSync, statfsSync, statSync, writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestError, type Log, openSuite, type PrivateApt, requireDebianTools, unpack } from './apt.ts';
import { DEBIAN13_FILES, GRUB_CFG } from './debian13-files.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { recordBoot } from './image-boot.ts';
import { CHUNK_BYTES, writeChunks } from './image-chunks.ts';
import { firstMegabyte } from './image-mbr.ts';
import { type GuestFile, type GuestManifest, SUITE } from './mini.ts';

/** The size of the disk; what the system does not fill is free, and costs no download. */
const SIZE_MIB = 2048;
const UUID = '5ce91300-d13a-4d13-8d13-5ce91300d13a';
const DISK_ID = 0x5ce91300;
const CONSOLES = 'console=tty0 console=ttyS0,115200';
export const DEBIAN13_APPEND = `root=UUID=${UUID} ro ${CONSOLES} cryptomgr.notests`;
/** Raised when the result changes otherwise than by what is hashed below. */
const FORMAT = 2;

const PACKAGES = ['systemd', 'systemd-sysv', 'udev', 'dbus', 'iproute2', 'ifupdown', 'dhcpcd-base', 'kmod',
  'initramfs-tools', 'zstd', 'linux-image-amd64', 'login', 'passwd', 'util-linux', 'python3', 'gcc',
  'libc6-dev', 'make', 'less', 'nano', 'procps', 'pciutils', 'iputils-ping', 'netbase', 'ca-certificates'];
/**
 * Drivers of hardware that no PC of ours will have, and the second compiler for -flto: a quarter of the
 * download.
 */
const NOT_WANTED = ['/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*', '/usr/share/lintian/*',
  ...['media', 'infiniband', 'iio', 'net/wireless', 'gpu/drm/amd', 'gpu/drm/i915', 'gpu/drm/nouveau',
    'gpu/drm/radeon', 'gpu/drm/xe'].map((path) => `*/lib/modules/*/kernel/drivers/${path}/*`),
  '/usr/libexec/gcc/*/lto1'];
const HOST_PACKAGES = ['mmdebstrap', 'grub-common', 'grub-pc-bin', 'libdevmapper1.02.1', 'busybox-static'];
const HOST_TOOLS = { perl: 'perl', xz: 'xz-utils', mke2fs: 'e2fsprogs', tar: 'tar' };

/** What the initramfs loads, in an order in which each finds what it needs. */
const MODULES = ['lib/crc16', 'crypto/crc32c_generic', 'fs/mbcache', 'fs/jbd2/jbd2', 'fs/ext4/ext4',
  'drivers/scsi/scsi_common', 'drivers/scsi/scsi_mod', 'drivers/scsi/sd_mod', 'drivers/ata/libata',
  'drivers/ata/ata_piix', 'drivers/ata/libahci', 'drivers/ata/ahci', 'drivers/block/virtio_blk'];

export interface Debian13Manifest extends GuestManifest {
  /** The index of the disk image, for hda. */
  disk: string;
  /** Of `bytes`, what a direct boot loads until the login prompt. */
  bootBytes?: number;
}

export interface Debian13Options {
  root: string;
  log: Log;
  refresh?: boolean;
}

interface Fetched {
  kernelVersion: string;
  /** Folder of what is unpacked from the packages of HOST_PACKAGES and the kernel's. */
  unpacked: string;
  sources: string;
  /** Seconds of 1970 of the package lists. */
  epoch: number;
}

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const ours = (name: string): string => readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');

function inputsHash(root: string): string {
  const bench = BENCH_SOURCES.map((name) => sha256(readFileSync(join(root, 'bench/vmbench', name))));
  return sha256(JSON.stringify([FORMAT, SIZE_MIB, UUID, DEBIAN13_APPEND, PACKAGES, NOT_WANTED, MODULES,
    CHUNK_BYTES,
    ours('debian13-setup.sh'), ours('debian13-write.sh'), ours('debian13-init.sh'), DEBIAN13_FILES, GRUB_CFG,
      bench]));
}

const BENCH_SOURCES = ['vmbench.c', 'kern.c', 'sys.c', 'vmbench.h'];
const BENCH_BUILD = `#!/bin/sh
# Builds the benchmarks; ./vmbench list, ./vmbench NAME
gcc -std=gnu11 -O2 -fno-math-errno -ffp-contract=off -s -o vmbench *.c -static -pthread -lm
`;

/** The manifest of what is there, if every file has its size and it was made from the same inputs. */
function readCurrent(folder: string, inputs: string): Debian13Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Debian13Manifest;
    const whole = Object.entries(manifest.files).every(([name, file]) =>
      statSync(join(folder, name)).size === file.bytes);
    const index = JSON.parse(readFileSync(join(folder, manifest.disk), 'utf8')) as { chunks: string[] };
    const there = new Set(readdirSync(join(folder, 'chunks')));
    const chunks = index.chunks.every((name) => name === '' || there.has(name));
    return whole && chunks && manifest.inputs === inputs ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function requireTools(): void {
  requireDebianTools();
  for (const [tool, name] of Object.entries(HOST_TOOLS)) {
    const flag = tool === 'mke2fs' ? '-V' : '--version';
    if (spawnSync(tool, [flag], { stdio: 'ignore', env: environment() }).error === undefined) continue;
    throw new GuestError(`${tool} is not on this machine, and guest debian13 needs it: `
      + `apt-get install ${name}.`);
  }
}

/** Free space that is needed where the system is made, and where its results stay. */
const STAGE_BYTES = 2.5e9;
const RESULT_BYTES = 1.2e9;

export function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  const remedy = folder === tmpdir() ? 'Make room, or set TMPDIR to another folder.' : 'Make room there.';
  throw new GuestError(`Guest debian13 needs ${gigabytes(bytes)} of free space in ${folder}, which has ${
    gigabytes(bavail * bsize)}. ${remedy}`);
}

/** A user's PATH has no sbin. */
function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return { ...process.env, PATH: path, LC_ALL: 'C.UTF-8', ...extra };
}

/** Date of the newest of the package lists. */
function listsEpoch(lists: string): number {
  const dates = readdirSync(lists).filter((name) => /(InRelease|_Release)$/.test(name)).map((name) => {
    const date = /^Date: (.*)$/m.exec(readFileSync(join(lists, name), 'utf8'))?.[1] ?? '';
    return Math.floor(Date.parse(date) / 1000);
  });
  const valid = dates.filter((date) => Number.isFinite(date));
  if (valid.length === 0) throw new GuestError('The package lists of the Debian archive have no date.');
  return Math.max(...valid);
}

function kernelPackage(apt: PrivateApt): string {
  const depends = apt.show('linux-image-amd64')?.get('Depends') ?? '';
  const image = /linux-image-\S+-amd64/.exec(depends)?.[0];
  if (image !== undefined) return image;
  throw new GuestError(`There is no linux-image-amd64 of Debian ${SUITE} in the archives of this machine.`);
}

async function fetchPackages(cache: string, log: Log): Promise<Fetched> {
  const aptFolder = join(cache, '../apt');
  const apt = await openSuite(aptFolder, SUITE, log);
  const image = kernelPackage(apt);
  log(`${image}, ${HOST_PACKAGES.join(', ')} …`);
  const packages = join(cache, 'packages');
  const files = await apt.download([image, ...HOST_PACKAGES], packages);
  const unpacked = join(cache, 'root');
  rmSync(unpacked, { recursive: true, force: true });
  for (const file of files.values()) unpack(file, unpacked);
  // mmdebstrap takes the kernel, the largest package, from there.
  mkdirSync(join(cache, 'archives'), { recursive: true });
  for (const name of readdirSync(packages)) copyFileSync(join(packages, name), join(cache, 'archives', name));
  return {
    kernelVersion: image.replace('linux-image-', ''),
    unpacked,
    sources: join(aptFolder, 'sources/debian.sources'),
    epoch: listsEpoch(join(aptFolder, 'state/lists')),
  };
}

/** Modules go in unpacked: the guest's CPU unpacks them slowest of all. The signatures stay. */
function moduleEntries(tree: string): CpioEntry[] {
  return MODULES.map((path): CpioEntry => {
    const file = join(tree, `${path}.ko.xz`);
    const done = spawnSync('xz', ['-dc', file], { maxBuffer: 1 << 28 });
    if (done.status !== 0) throw new GuestError(`The kernel package has no usable module ${path}.ko.xz.`);
    return { path: `lib/modules/${path.replace(/.*\//, '')}.ko`, type: 'file', data: done.stdout };
  });
}

/** Packages put things below /usr; older ones below /. */
function findUnpacked(fetched: Fetched, path: string): string {
  const places = [join(fetched.unpacked, 'usr', path), join(fetched.unpacked, path)];
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new GuestError(`The packages for debian13 hold no ${path}.`);
  return found;
}

function initramfs(fetched: Fetched): Uint8Array {
  const modules = findUnpacked(fetched, `lib/modules/${fetched.kernelVersion}/kernel`);
  const busybox = findUnpacked(fetched, 'bin/busybox');
  return writeCpio([
    ...['bin', 'dev', 'lib', 'lib/modules'].map((path): CpioEntry => ({ path, type: 'directory' })),
    { path: 'dev/console', type: 'char', mode: 0o600, major: 5, minor: 1 },
    { path: 'dev/null', type: 'char', mode: 0o666, major: 1, minor: 3 },
    { path: 'bin/busybox', type: 'file', mode: 0o755, data: readFileSync(busybox) },
    { path: 'init', type: 'file', mode: 0o755, data: new TextEncoder().encode(ours('debian13-init.sh')) },
    ...moduleEntries(modules),
  ]);
}

/** The folder that debian13-setup.sh works from: readable for the root of a user namespace, too. */
function fillStage(stage: string, fetched: Fetched, root: string): void {
  chmodSync(stage, 0o777);
  writeFileSync(join(stage, 'initrd.cpio'), initramfs(fetched));
  writeFileSync(join(stage, 'setup.sh'), ours('debian13-setup.sh'));
  writeFileSync(join(stage, 'write.sh'), ours('debian13-write.sh'));
  writeFileSync(join(stage, 'grub.cfg'),
    GRUB_CFG.replaceAll('@UUID@', UUID).replaceAll('@APPEND@', DEBIAN13_APPEND));
  for (const path of ['usr/bin', 'usr/lib/grub', 'usr/lib/x86_64-linux-gnu']) {
    mkdirSync(join(stage, 'grub', path), { recursive: true });
  }
  const take = (path: string): void =>
    cpSync(join(fetched.unpacked, path), join(stage, 'grub', path), { recursive: true });
  take('usr/bin/grub-mkimage');
  take('usr/lib/grub/i386-pc');
  const libraries = findUnpacked(fetched, 'lib/x86_64-linux-gnu');
  for (const name of readdirSync(libraries).filter((entry) => entry.startsWith('libdevmapper'))) {
    copyFileSync(join(libraries, name), join(stage, 'grub/usr/lib/x86_64-linux-gnu', name));
  }
  mkdirSync(join(stage, 'bench'));
  for (const name of BENCH_SOURCES) copyFileSync(join(root, 'bench/vmbench', name),
    join(stage, 'bench', name));
  writeFileSync(join(stage, 'bench/build.sh'), BENCH_BUILD, { mode: 0o755 });
  for (const [path, text] of Object.entries(DEBIAN13_FILES)) {
    mkdirSync(join(stage, 'files', path, '..'), { recursive: true });
    writeFileSync(join(stage, 'files', path), text.replaceAll('@UUID@', UUID));
  }
  writeFileSync(join(stage, 'excludes'), NOT_WANTED.map((path) => `path-exclude=${path}\n`).join(''));
}

/** The machine's own proxies and the like, which mmdebstrap does not look at. */
function aptOptions(): string {
  const dump = spawnSync('apt-config', ['dump', 'Acquire'], { encoding: 'utf8' }).stdout ?? '';
  const option = /^Acquire::(https?|ftp|Retries)\b/i;
  const set = (line: string): boolean => option.test(line) && !/ "";$/.test(line);
  return dump.split('\n').filter(set).join('\n');
}

function mmdebstrapArguments(fetched: Fetched, stage: string, archives: string): string[] {
  return ['--variant=minbase', '--format=null', '--aptopt=APT::Install-Recommends "false"',
    ...(aptOptions() === '' ? [] : [`--aptopt=${aptOptions()}`]),
    `--include=${PACKAGES.join(',')}`,
    `--setup-hook=mkdir -p "$1/var/cache/apt/archives" "$1/etc/dpkg/dpkg.cfg.d"`,
    `--setup-hook=cp ${stage}/excludes "$1/etc/dpkg/dpkg.cfg.d/skep"`,
    `--setup-hook=sync-in ${archives} /var/cache/apt/archives/`,
    '--skip=essential/unlink',
    `--customize-hook=sh ${stage}/setup.sh "$1" ${stage}`,
    '', '/dev/null', fetched.sources];
}

function runMmdebstrap(fetched: Fetched, stage: string, archives: string, log: Log): Promise<void> {
  const program = join(fetched.unpacked, 'usr/bin/mmdebstrap');
  const env = environment({ SOURCE_DATE_EPOCH: String(fetched.epoch), VERSION: fetched.kernelVersion, UUID,
    SIZE_MIB: String(SIZE_MIB), INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' });
  return new Promise((done, fail) => {
    const child = spawn('perl', [program, ...mmdebstrapArguments(fetched, stage, archives)],
      { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      for (const line of chunk.toString().split('\n')) {
        if (line.startsWith('I: ') && line.endsWith('...')) log(`  ${line.slice(3)}`);
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', fail);
    child.on('close', (code) => {
      if (code === 0) return done();
      const lines = output.trim().split('\n').filter((line) => !/^I: /.test(line)).slice(-12).join('\n');
      const hint = process.getuid?.() === 0 ? ''
        : '; without root it needs the package uidmap (apt-get install uidmap) and user namespaces';
      fail(new GuestError(`mmdebstrap failed (status ${code})${hint}:\n${lines}`));
    });
  });
}

/** What the disk in the cache was made of; a run that failed after it need not make it again. */
function diskKey(fetched: Fetched, inputs: string): string {
  return sha256(JSON.stringify([inputs, fetched.kernelVersion, fetched.epoch]));
}

/** Makes the system and its disk; the answer is the folder of the results. */
async function buildDisk(fetched: Fetched, cache: string, root: string, key: string,
  log: Log): Promise<string> {
  const out = join(cache, 'out');
  const keyFile = join(out, 'key');
  if (existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return out;
  requireSpace(tmpdir(), STAGE_BYTES);
  const stage = mkdtempSync(join(tmpdir(), 'skep-debian13-'));
  try {
    fillStage(stage, fetched, root);
    await runMmdebstrap(fetched, stage, join(cache, 'archives'), log);
    const disk = await open(join(stage, 'disk.img'), 'r+').catch(() => undefined);
    if (disk === undefined) throw new GuestError('The disk image of debian13 was not written.');
    const images = { boot: readFileSync(join(stage, 'boot.img')),
      core: readFileSync(join(stage, 'core.img')) };
    const first = firstMegabyte(images, SIZE_MIB * 2 ** 20, DISK_ID);
    await disk.write(first, 0, first.length, 0);
    await disk.close();
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    // --sparse: most of the disk is free space.
    for (const name of ['disk.img', 'initrd', 'packages.txt']) {
      const done = spawnSync('cp', ['--sparse=always', join(stage, name), join(out, name)]);
      if (done.status !== 0) throw new GuestError(`${name} could not be copied to ${out}.`);
    }
    writeFileSync(keyFile, key);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return out;
}

function writeWhole(path: string, data: Uint8Array | string): GuestFile {
  writeFileSync(`${path}.part`, data);
  renameSync(`${path}.part`, path);
  return { bytes: statSync(path).size, sha256: sha256(data) };
}

async function publish(fetched: Fetched, out: string, folder: string, log: Log): Promise<Debian13Manifest> {
  log('compressing the disk image …');
  let told = 0;
  const { storedBytes, files: count } =
    await writeChunks(join(out, 'disk.img'), folder, CHUNK_BYTES, (share) => {
    if (share < told + 0.25) return;
    told = share;
    log(`  ${Math.round(share * 100)} %`);
  });
  log(`  ${count} chunks, ${(storedBytes / 1e6).toFixed(1)} MB`);
  const kernel = readFileSync(join(fetched.unpacked, 'boot', `vmlinuz-${fetched.kernelVersion}`));
  const index = readFileSync(join(folder, 'disk.json'));
  const files: Record<string, GuestFile> = {
    vmlinuz: writeWhole(join(folder, 'vmlinuz'), kernel),
    initrd: writeWhole(join(folder, 'initrd'), readFileSync(join(out, 'initrd'))),
    'disk.json': { bytes: index.length, sha256: sha256(index) },
  };
  const lines = readFileSync(join(out, 'packages.txt'), 'utf8').trim().split('\n');
  return {
    name: 'debian13',
    title: `Debian 13 with systemd, kernel ${fetched.kernelVersion}; root's password is skep`,
    kernel: 'vmlinuz',
    initrd: 'initrd',
    disk: 'disk.json',
    append: DEBIAN13_APPEND,
    memory: 1024,
    minimumMemory: 256,
    bytes: storedBytes + Object.values(files).reduce((sum, file) => sum + file.bytes, 0),
    kernelVersion: fetched.kernelVersion,
    packages: Object.fromEntries(lines.map((line) => line.split(' ') as [string, string])),
    files,
    inputs: '',
  };
}

function writeManifest(folder: string, manifest: Debian13Manifest): void {
  writeWhole(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Makes public/guest/debian13 where it is not there already. Throws GuestError where it cannot be made. */
export async function prepareDebian13(options: Debian13Options): Promise<Debian13Manifest> {
  const { root, log } = options;
  const folder = join(root, 'public/guest/debian13');
  const inputs = inputsHash(root);
  const current = options.refresh === true ? undefined : readCurrent(folder, inputs);
  if (current !== undefined) return current;
  requireTools();
  requireSpace(root, RESULT_BYTES);
  const cache = join(root, '.cache/guest/debian13');
  mkdirSync(folder, { recursive: true });
  const fetched = await fetchPackages(cache, log);
  const out = await buildDisk(fetched, cache, root, diskKey(fetched, inputs), log);
  const published = await publish(fetched, out, folder, log);
  // The boot reads the manifest; without its inputs an interrupted run is not taken for a whole one.
  writeManifest(folder, published);
  log('booting it once, to see which chunks a boot needs …');
  const manifest = { ...await recordBoot(folder, published), inputs };
  log(`  ${((manifest.bootBytes ?? 0) / 1e6).toFixed(1)} MB until the login prompt`);
  writeManifest(folder, manifest);
  return manifest;
}
