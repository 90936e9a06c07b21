// Guest `mini`: the stock kernel of Debian 13 (linux-image-amd64) and an initramfs with its static busybox.
// Made from Debian packages without root, into public/guest/mini; the unpacked parts stay in
// .cache/guest/mini, so that a change of ours needs no network. Left out: kernel modules (init loads none).

import { createHash } from 'node:crypto';
import {
  existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { GuestError, type Log, openSuite, requireDebianTools, unpack } from './apt.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';

export const SUITE = 'trixie';
/** Default kernel command line. The self-tests of the crypto drivers are half of the boot's work. */
export const MINI_APPEND = 'console=tty0 console=ttyS0 cryptomgr.notests';
/** Raised when the manifest or the images change their meaning otherwise than by the files hashed below. */
const FORMAT = 2;

export interface GuestFile {
  bytes: number;
  sha256: string;
}

export interface GuestManifest {
  name: string;
  title: string;
  /** File names, relative to the manifest. */
  kernel: string;
  initrd: string;
  append: string;
  /** RAM that it gets where nobody says otherwise, and the least that it boots in, MiB. */
  memory: number;
  minimumMemory: number;
  /** What a page downloads for it. */
  bytes: number;
  kernelVersion: string;
  packages: Record<string, string>;
  files: Record<string, GuestFile>;
  /** Hash of everything of ours that the files depend on. */
  inputs: string;
}

interface Parts {
  packages: Record<string, string>;
  kernelVersion: string;
  kernel: string;
  busybox: string;
}

export interface MiniOptions {
  /** Folder of the project: holds public/ and .cache/. */
  root: string;
  log: Log;
  /** Asks the archive for newer packages even if there are some. */
  refresh?: boolean;
}

export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

function initScript(): string {
  return readFileSync(new URL('./mini-init.sh', import.meta.url), 'utf8');
}

/** What /init of mini and busybox's init read. */
const INITTAB = `ttyS0::respawn:-/bin/sh
tty1::respawn:-/bin/sh
::ctrlaltdel:/bin/busybox reboot -f
::restart:/sbin/init
`;
// There is nothing to save: -f spares the two seconds in which init ends processes that nobody misses.
// A serial line has no size: the shell would ask the terminal for its cursor before every prompt.
const PROFILE = `export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux ENV=/etc/shrc
cd /root
case $(tty) in /dev/ttyS*) TERM=xterm; stty rows 24 cols 80 ;; esac
. /etc/shrc
`;
const SHRC = `PS1='mini:\\w# '
alias poweroff='poweroff -f' reboot='reboot -f' halt='halt -f'
`;

function miniTree(busybox: Uint8Array): CpioEntry[] {
  const text = (path: string, content: string, mode = 0o644): CpioEntry =>
    ({ path, type: 'file', mode, data: new TextEncoder().encode(content) });
  const directories = ['bin', 'dev', 'etc', 'proc', 'root', 'sbin', 'sys', 'tmp', 'usr', 'usr/bin',
    'usr/sbin', 'var'];
  return [
    ...directories.map((path): CpioEntry => ({ path, type: 'directory' })),
    { path: 'dev/console', type: 'char', mode: 0o600, major: 5, minor: 1 },
    { path: 'dev/null', type: 'char', mode: 0o666, major: 1, minor: 3 },
    { path: 'dev/ttyS0', type: 'char', mode: 0o600, major: 4, minor: 64 },
    { path: 'bin/busybox', type: 'file', mode: 0o755, data: busybox },
    text('etc/inittab', INITTAB),
    text('etc/profile', PROFILE),
    text('etc/shrc', SHRC),
    text('etc/passwd', 'root::0:0:root:/root:/bin/sh\n'),
    text('etc/group', 'root:x:0:\n'),
    text('init', initScript(), 0o755),
  ];
}

function inputsHash(): string {
  return sha256(JSON.stringify([FORMAT, MINI_APPEND, sha256(writeCpio(miniTree(new Uint8Array(0))))]));
}

/** The manifest of what is there, if it is whole and made from the same inputs. */
export function readCurrent(folder: string): GuestManifest | undefined {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return undefined;
  let manifest: GuestManifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as GuestManifest;
  } catch {
    return undefined;
  }
  if (manifest.inputs !== inputsHash()) return undefined;
  const whole = Object.entries(manifest.files ?? {}).every(([name, file]) => {
    const at = join(folder, name);
    return existsSync(at) && statSync(at).size === file.bytes && sha256(readFileSync(at)) === file.sha256;
  });
  return whole ? manifest : undefined;
}

export function writeWhole(path: string, data: Uint8Array | string): void {
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, data);
  renameSync(part, path);
}

function findBusybox(root: string): string {
  const places = ['usr/bin/busybox', 'bin/busybox'].map((path) => join(root, path));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new GuestError('The package busybox-static holds no /usr/bin/busybox.');
  return found;
}

/** Downloads and unpacks the packages into `cache`. */
async function fetchParts(cache: string, log: Log): Promise<Parts> {
  const apt = await openSuite(join(cache, '../apt'), SUITE, log);
  // The metapackage depends on the image of the day: linux-image-6.12.x+deb13-amd64 (= version).
  const image = /linux-image-\S+-amd64/.exec(apt.show('linux-image-amd64')?.get('Depends') ?? '')?.[0];
  if (image === undefined) {
    throw new GuestError(`There is no linux-image-amd64 of Debian ${SUITE} in the archives of this machine.`);
  }
  const names = [image, 'busybox-static'];
  const version = (name: string): string => apt.show(name)?.get('Version') ?? '';
  log(`${image} (${version(image)}), busybox-static (${version('busybox-static')}) …`);
  const files = await apt.download(names, join(cache, 'packages'));
  log('unpacking …');
  const kernelVersion = image.replace('linux-image-', '');
  const unpacked = join(cache, 'root');
  rmSync(unpacked, { recursive: true, force: true });
  // Debian keeps the real System.map in the debug package; /boot has a stub, taken for tools that look.
  const members = ['vmlinuz', 'config', 'System.map'].map((name) => `./boot/${name}-${kernelVersion}`);
  unpack(files.get(image) ?? '', unpacked, members);
  unpack(files.get('busybox-static') ?? '', unpacked);
  rmSync(join(cache, 'packages'), { recursive: true, force: true });
  const parts: Parts = {
    packages: Object.fromEntries(names.map((name) => [name, version(name)])),
    kernelVersion,
    kernel: join(unpacked, `boot/vmlinuz-${kernelVersion}`),
    busybox: findBusybox(unpacked),
  };
  writeWhole(join(cache, 'parts.json'), JSON.stringify({ ...parts, kernel: undefined, busybox: undefined }));
  return parts;
}

function cachedParts(cache: string): Parts | undefined {
  const path = join(cache, 'parts.json');
  if (!existsSync(path)) return undefined;
  const { packages, kernelVersion } = JSON.parse(readFileSync(path, 'utf8')) as Parts;
  const kernel = join(cache, `root/boot/vmlinuz-${kernelVersion}`);
  if (!existsSync(kernel)) return undefined;
  return { packages, kernelVersion, kernel, busybox: findBusybox(join(cache, 'root')) };
}

function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.part')) rmSync(join(folder, name), { force: true });
  }
}

/** Makes public/guest/mini where it is not there already. Throws GuestError where it cannot be made. */
export async function prepareMini(options: MiniOptions): Promise<GuestManifest> {
  const { root, log } = options;
  const folder = join(root, 'public/guest/mini');
  const current = options.refresh === true ? undefined : readCurrent(folder);
  if (current !== undefined) return current;
  const cache = join(root, '.cache/guest/mini');
  mkdirSync(cache, { recursive: true });
  mkdirSync(folder, { recursive: true });
  let parts = options.refresh === true ? undefined : cachedParts(cache);
  if (parts === undefined) {
    requireDebianTools();
    parts = await fetchParts(cache, log);
  }
  log('writing the kernel and the initramfs …');
  removeStale(folder);
  const contents: Record<string, Uint8Array> = {
    vmlinuz: readFileSync(parts.kernel),
    initrd: writeCpio(miniTree(readFileSync(parts.busybox))),
  };
  const files: Record<string, GuestFile> = {};
  for (const [name, data] of Object.entries(contents)) {
    writeWhole(join(folder, name), data);
    files[name] = { bytes: data.length, sha256: sha256(data) };
  }
  const manifest: GuestManifest = {
    name: 'mini',
    title: `Debian 13 kernel ${parts.kernelVersion} with busybox`,
    kernel: 'vmlinuz',
    initrd: 'initrd',
    append: MINI_APPEND,
    memory: 256,
    minimumMemory: 96,
    bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0),
    kernelVersion: parts.kernelVersion,
    packages: parts.packages,
    files,
    inputs: inputsHash(),
  };
  writeWhole(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}
