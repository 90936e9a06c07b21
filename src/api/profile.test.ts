// The profile of a real machine whose kernel is one loop of two instructions: where samples fall, what the
// windows count, what is off before start and after stop.

import { afterEach, expect, test } from 'vitest';
import { Skep } from './node.ts';

const LOAD = 0x100000;
const HEADER_BYTES = 32;
/** inc eax; jmp to the inc. */
const LOOP = [0x40, 0xEB, 0xFD];
/** cli; hlt; jmp to the hlt. */
const HALT = [0xFA, 0xF4, 0xEB, 0xFD];
const SAMPLES = 50;

/** A multiboot 1 kernel by address fields (Multiboot 0.6.96, 3.1.3). */
function kernel(code: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + code.length);
  const end = LOAD + bytes.length;
  const words = [0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), LOAD, LOAD, end, end, LOAD + HEADER_BYTES];
  words.forEach((word, n) => new DataView(bytes.buffer).setUint32(4 * n, word >>> 0, true));
  bytes.set(code, HEADER_BYTES);
  return bytes;
}

let vm: Skep | undefined;
afterEach(async () => { await vm?.stop(); });

const sleep = (ms: number): Promise<void> => new Promise((done) => { setTimeout(done, ms); });

test('samples fall on the loop, windows count its two instructions', async () => {
  vm = await Skep.create({ kernel: kernel(LOOP), memory: 16, engine: 'interpreter' });
  vm.start();
  await sleep(50);
  expect((await vm.profile.read()).samples).toBe(0);
  vm.profile.start(0.5);
  expect(vm.profile.running).toBe(true);
  // Only a hang fails by time: the test's own limit.
  while ((await vm.profile.read()).samples < SAMPLES) await sleep(20);
  vm.profile.stop();
  const report = await vm.profile.read();
  expect(report.time.idle).toBe(0);
  expect(report.time.kernel).toBeCloseTo(1, 6);
  expect(report.pages.map(({ page, ring }) => [page, ring])).toEqual([['0000000000100000', 'kernel']]);
  expect(report.functions[0]?.name).toBe('kernel page 0000000000100000');
  expect(report.instructions.map(({ name }) => name).sort()).toEqual(['hJmp', 'x_inc_a4']);
  expect(report.instructions[0]?.share).toBeCloseTo(0.5, 1);
  expect(report.executed.interpretedShare).toBe(1);
  expect(report.executed.instructions).toBeGreaterThan(1000);
  expect(report.counts['CAREFUL']).toBeGreaterThanOrEqual(32 * (SAMPLES - 1));
  expect(await vm.profile.text(3)).toMatch(/100\.0 %\s+kernel page 0000000000100000/);
  const { samples } = report;
  await sleep(30);
  expect((await vm.profile.read()).samples).toBe(samples);
});

test('a halted CPU is idle and is not woken', async () => {
  vm = await Skep.create({ kernel: kernel(HALT), memory: 16 });
  vm.start();
  while (vm.stats.cpus[0]?.runState !== 1) await sleep(5);
  vm.profile.start(1);
  await sleep(100);
  vm.profile.stop();
  const report = await vm.profile.read();
  expect(report.samples).toBe(0);
  expect(report.time.idle).toBe(1);
});
