// The harness as a flat image at IMAGE. It is assembled only to record (a C compiler and binutils for
// x86-64); the bytes are kept beside the vectors, so that checking them needs neither.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ROOT, StepError } from '../../steps.ts';
import { FOLDER } from '../vectors.ts';
import { assemblerDefinitions, IMAGE } from './layout.ts';

const SOURCE = join(ROOT, 'tools/isa-judge/privileged/harness.S'), KEPT = join(FOLDER, 'privileged.image');
const BUILD = join(ROOT, 'build/privileged');

export function assemble(): Buffer {
  mkdirSync(BUILD, { recursive: true });
  const file = (name: string): string => join(BUILD, name);
  writeFileSync(file('layout.h'), assemblerDefinitions());
  execFileSync('gcc', ['-c', '-m64', '-include', file('layout.h'), '-o', file('harness.o'), SOURCE]);
  execFileSync('ld', ['-nostdlib', '-e', '_start', '-Ttext', `0x${IMAGE.toString(16)}`, '-o', file('harness.elf'), file('harness.o')]);
  execFileSync('objcopy', ['-O', 'binary', '-j', '.text', file('harness.elf'), file('harness.bin')]);
  return readFileSync(file('harness.bin'));
}

export function keepImage(image: Buffer): void {
  writeFileSync(KEPT, deflateRawSync(image, { level: 9 }));
}

export function keptImage(): Buffer {
  if (!existsSync(KEPT)) throw new StepError('isa/vectors/privileged.image is missing: npm run isa:record -- --privileged --seed S; it', 1);
  return inflateRawSync(readFileSync(KEPT));
}

/** Where execution begins. */
export const ENTRY = IMAGE;
