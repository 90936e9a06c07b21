// Programs of others that need no disk: Memtest86+ for 64 and 32 bits, started directly and from its CD
// through SeaBIOS and GRUB, finds all processors and tests memory with them; in the long form a whole pass of
// all its tests.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadApi, ROOT, type Shell } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';

type Machine = Shell['vm'];

const FILES = join(ROOT, '.cache/guest/guests-test');
const CPUS = 4;
const MEMORY_MIB = 32;
const START_MS = 120_000;
const PASS_MS = 3_600_000;

const text = (vm: Machine): string => vm.screen.text().join('\n');

/** Waits until the screen matches; a report of errors ends it at once. */
async function until(vm: Machine, pattern: RegExp, limitMs: number): Promise<void> {
  const start = performance.now();
  while (!pattern.test(text(vm))) {
    check(!/Errors:\s*[1-9]/.test(text(vm)), `errors were found:\n${text(vm)}`);
    check(performance.now() - start < limitMs, `not seen: ${pattern}\n${text(vm)}`);
    await sleep(100);
  }
}

/** It runs its second test on all processors; `pass`: until it has done them all. */
async function memtest(options: Parameters<Awaited<ReturnType<typeof loadApi>>['Skep']['create']>[0],
  pass: boolean): Promise<string> {
  const { Skep } = await loadApi();
  const vm = await Skep.create({ smp: CPUS, memory: MEMORY_MIB,
    guestBase: pathToFileURL(join(ROOT, 'public/guest/')), ...options });
  try {
    vm.start();
    await until(vm, new RegExp(`${CPUS} Cores\\s+${CPUS} Threads`), START_MS);
    await until(vm, /Test #[2-9]/, START_MS);
    await until(vm, new RegExp(`SMP:\\s*${CPUS}T`), START_MS);
    if (!pass) return 'testing';
    await until(vm, /Pass:\s+[1-9]/, PASS_MS);
    check(/Errors:\s*0/.test(text(vm)), text(vm));
    return `a pass after ${/Time:\s+(\S+)/.exec(text(vm))?.[1]}`;
  } finally {
    await vm.stop();
  }
}

export async function guests(suite: Suite): Promise<void> {
  const file = (name: string): string => join(FILES, name);
  check(existsSync(file('manifest.json')), 'Run npm run guest -- guests-test first.');
  await suite.test(`Memtest86+, 64 bits, ${CPUS} CPUs`, () =>
    memtest({ kernel: file('memtest64.bin'), append: '' }, suite.options.long));
  await suite.test(`Memtest86+, 32 bits, ${CPUS} CPUs`, () =>
    memtest({ kernel: file('memtest32.bin'), append: '' }, suite.options.long));
  await suite.test('Memtest86+ from its CD by SeaBIOS and GRUB', () =>
    memtest({ cdrom: file('memtest64.iso'), bootOrder: 'd', memory: 64 }, false));
}
