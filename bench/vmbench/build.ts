// npx tsx bench/vmbench/build.ts [amd64] [i386]
// Builds the benchmark guest into build/vmbench: the static program vmbench-ARCH and the initramfs
// vmbench-ARCH.cpio in which it is /init. Needs gcc and the static C library (libc6-dev; gcc-multilib for
// i386), no root. Rebuilds only what is older than its sources.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { writeCpio } from '../../tools/guest/cpio.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['vmbench.c', 'kern.c', 'sys.c', 'vmbench.h'].map((name) => join(HERE, name));
// Arithmetic must be bit-exact on every machine: no contraction into FMA.
const FLAGS = ['-std=gnu11', '-O2', '-fno-math-errno', '-ffp-contract=off', '-Wall', '-Wextra'];
const ARCH_FLAGS = { amd64: ['-m64'], i386: ['-m32', '-march=i686', '-msse2', '-mfpmath=sse'] };

export type VmbenchArch = keyof typeof ARCH_FLAGS;

export interface VmbenchFiles {
  program: string;
  initrd: string;
}

export class BuildError extends Error {
  override name = 'BuildError';
}

function isFresh(file: string, sources: readonly string[]): boolean {
  return existsSync(file) && sources.every((source) => statSync(source).mtimeMs <= statSync(file).mtimeMs);
}

function compile(arch: VmbenchArch, program: string, more: readonly string[]): void {
  const sources = SOURCES.filter((file) => file.endsWith('.c'));
  const args = [...FLAGS, ...ARCH_FLAGS[arch], ...more, '-s', '-o', program, ...sources, '-static',
    '-pthread', '-lm'];
  const done = spawnSync('gcc', args, { encoding: 'utf8' });
  if (done.error !== undefined) throw new BuildError('gcc is not there: apt-get install gcc libc6-dev.');
  if (done.status === 0) return;
  const remedy = arch === 'i386' ? ' (32-bit programs need gcc-multilib)' : '';
  throw new BuildError(`vmbench for ${arch} does not compile${remedy}:\n${done.stderr}`);
}

function initramfs(program: Uint8Array): Uint8Array {
  return writeCpio([
    { path: 'dev', type: 'directory' },
    { path: 'dev/console', type: 'char', mode: 0o600, major: 5, minor: 1 },
    { path: 'dev/null', type: 'char', mode: 0o666, major: 1, minor: 3 },
    { path: 'proc', type: 'directory' },
    { path: 'sys', type: 'directory' },
    { path: 'init', type: 'file', mode: 0o755, data: program },
  ]);
}

/**
 * Builds the guest for one architecture where it is out of date, and says where it is. `more`: what gcc needs
 * to be told besides.
 */
export function buildVmbench(arch: VmbenchArch = 'amd64', more: readonly string[] = []): VmbenchFiles {
  const folder = join(ROOT, 'build/vmbench');
  mkdirSync(folder, { recursive: true });
  const files = { program: join(folder, `vmbench-${arch}`), initrd: join(folder, `vmbench-${arch}.cpio`) };
  if (!isFresh(files.program, SOURCES)) compile(arch, files.program, more);
  if (!isFresh(files.initrd, [files.program])) {
    writeFileSync(files.initrd, initramfs(readFileSync(files.program)));
  }
  return files;
}

function main(names: readonly string[]): number {
  for (const name of names.length === 0 ? ['amd64'] : names) {
    if (!Object.keys(ARCH_FLAGS).includes(name)) {
      console.error(`There is no architecture "${name}"; known: ${Object.keys(ARCH_FLAGS).join(', ')}.`);
      return 2;
    }
    try {
      const { program, initrd } = buildVmbench(name as VmbenchArch);
      console.log(`${program}\n${initrd}`);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      console.error(error.message);
      return 1;
    }
  }
  return 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(process.argv.slice(2));
}
