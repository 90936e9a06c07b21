// What the 32-bit comparison needs and a checkout has not: Debian's 32-bit C library and compiler run-time
// (where gcc -m32 does not work by itself), bookworm's kernel for the 686, and the peer v86 from npm. All of
// it is fetched into .cache/bench by the tools' ordinary clients and stays out of the repository.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, openSuite, unpack, type Log } from '../../tools/guest/apt.ts';
import { buildVmbench } from '../vmbench/build.ts';
import { ROOT } from './runners.ts';

export const V86_VERSION = '0.5.462';
const CACHE = join(ROOT, '.cache/bench');
const KERNEL_SUITE = 'bookworm';
const BIOS = ['public/guest/firmware/bios-256k.bin', 'public/guest/firmware/vgabios-stdvga.bin'];

export interface I386Parts {
  /** Paths below the project's root. The program of the initramfs runs on the host too. */
  program: string;
  kernel: string;
  initrd: string;
  v86: string;
  bios: string;
  vgaBios: string;
}

function gccDirectory(): string {
  const done = spawnSync('gcc', ['-print-file-name=crtbegin.o'], { encoding: 'utf8' });
  return done.status === 0 ? done.stdout.trim().replace(/\/crtbegin\.o$/, '') : '';
}

function compiles32(flags: readonly string[]): boolean {
  const done = spawnSync('gcc', ['-m32', ...flags, '-static', '-pthread', '-x', 'c', '-o', '/dev/null', '-',
    '-lm'],
    { input: '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' });
  return done.status === 0;
}

/** The release that the machine's gcc is from. */
function machineSuite(): string {
  return /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
}

/** What gcc -m32 must be told; fetches the two packages where it cannot link by itself. */
export async function gcc32Flags(log: Log): Promise<string[]> {
  if (compiles32([])) return [];
  const directory = gccDirectory();
  const major = directory.split('/').at(-1) ?? '';
  const root = join(CACHE, 'gcc32');
  const flags = [`-B${root}${directory}/32/`, `-B${root}/usr/lib32/`, `-L${root}${directory}/32`,
    `-L${root}/usr/lib32`, '-idirafter', `${root}/usr/include/x86_64-linux-gnu`,
    '-idirafter', '/usr/include/x86_64-linux-gnu'];
  if (!compiles32(flags)) {
    const names = ['libc6-dev-i386', `lib32gcc-${major}-dev`];
    log(`gcc -m32 does not link here: fetching ${names.join(', ')} …`);
    const apt = await openSuite(join(CACHE, 'apt-amd64'), machineSuite(), log);
    for (const file of (await apt.download(names, join(CACHE, 'gcc32-packages'))).values()) {
      unpack(file, root);
    }
    rmSync(join(CACHE, 'gcc32-packages'), { recursive: true, force: true });
  }
  if (!compiles32(flags)) {
    throw new GuestError('32-bit programs cannot be built here: install gcc-multilib, or leave i386 out.');
  }
  return flags;
}

async function kernel686(log: Log): Promise<string> {
  const folder = join(CACHE, 'kernel-686');
  const path = (): string | undefined => (existsSync(folder) ? readdirSync(folder) : [])
    .find((name) => name.startsWith('vmlinuz-'));
  if (path() === undefined) {
    const apt = await openSuite(join(CACHE, 'apt-i386'), KERNEL_SUITE, log, 'i386');
    const image = /linux-image-[^ ,]+-686\b/.exec(apt.show('linux-image-686')?.get('Depends') ?? '')?.[0];
    if (image === undefined) throw new GuestError(`There is no linux-image-686 of Debian ${KERNEL_SUITE}.`);
    log(`${image} …`);
    const files = await apt.download([image], join(CACHE, 'kernel-packages'));
    const root = join(CACHE, 'kernel-root');
    unpack(files.get(image) ?? '', root, [`./boot/vmlinuz-${image.replace('linux-image-', '')}`]);
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(join(root, 'boot'))) {
      writeFileSync(join(folder, name), readFileSync(join(root, 'boot', name)));
    }
    rmSync(root, { recursive: true, force: true });
    rmSync(join(CACHE, 'kernel-packages'), { recursive: true, force: true });
  }
  return `.cache/bench/kernel-686/${path() ?? ''}`;
}

function fetchV86(log: Log): string {
  const folder = join(CACHE, 'v86');
  const build = '.cache/bench/v86/node_modules/v86/build';
  if (!existsSync(join(ROOT, build, 'v86.wasm'))) {
    log(`v86 ${V86_VERSION} from npm …`);
    mkdirSync(folder, { recursive: true });
    const done = spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund',
      `v86@${V86_VERSION}`], { encoding: 'utf8', cwd: folder });
    if (done.status !== 0) {
      throw new GuestError(`v86 could not be fetched from npm, so there is nothing to compare i386 with: ${
        (done.stderr ?? '').trim().split('\n')[0] ?? ''}`);
    }
  }
  return build;
}

export async function i386Parts(log: Log): Promise<I386Parts> {
  const [bios = '', vgaBios = ''] = BIOS;
  if (!existsSync(join(ROOT, bios))) {
    throw new GuestError('v86 needs a BIOS: run npm run guest -- firmware.');
  }
  buildVmbench('i386', await gcc32Flags(log));
  return { kernel: await kernel686(log), program: 'build/vmbench/vmbench-i386',
    initrd: 'build/vmbench/vmbench-i386.cpio', v86: fetchV86(log),
    bios, vgaBios };
}
