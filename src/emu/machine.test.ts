// The machine's host side with a toy core (wasm/toy-core.ts): creation, output and input, every way to end,
// pause, reset, and failures of core and workers. Real worker threads, real shared memory; no processor.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Machine, type MachineOptions } from './machine.ts';
import { nodePlatform } from './platform-node.ts';
import type { Platform } from './platform.ts';
import { Watchdog } from './watchdog.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let platform: Platform;
const machines: Machine[] = [];

/** A multiboot kernel of 64 bytes by address fields, loaded at 1 MiB. */
function kernel(): Uint8Array {
  const bytes = new Uint8Array(64);
  const words = [0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), 0x100000, 0x100000, 0, 0, 0x100000];
  words.forEach((word, n) => new DataView(bytes.buffer).setUint32(4 * n, word >>> 0, true));
  return bytes;
}

async function make(cpus: number, more: Partial<MachineOptions> = {}): Promise<{ machine: Machine;
  output: () => string }> {
  const machine = await Machine.create({ cpus, memoryMiB: 16, cpuModel: 'v1', tscHz: 1e9, hostCores: 2,
    options: 0,
    boot: { kernel: { name: 'toy', bytes: kernel() }, initrd: [], append: '' }, ...more }, platform);
  machines.push(machine);
  let text = '';
  machine.events.on('serial', ({ bytes }) => { text += new TextDecoder().decode(bytes); });
  return { machine, output: () => text };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  // Long enough for a loaded host: only a hang fails by time.
  const end = performance.now() + 45_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

beforeAll(async () => {
  mkdirSync(`${root}/build`, { recursive: true });
  const file = `${root}/build/toy-core-${process.pid}.wasm`;
  const done = spawnSync(`${root}/node_modules/.bin/asc`, ['--config', 'src/emu/test-core/asconfig.json', '-o', file],
    { cwd: root, encoding: 'utf8' });
  expect(done.status, done.stderr).toBe(0);
  const module = await WebAssembly.compile(readFileSync(file));
  rmSync(file);
  platform = { ...nodePlatform, loadCore: async () => module };
});
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.stop()));
});

describe('life of a machine', () => {
  test('boots the payload, echoes, and powers off', async () => {
    const { machine, output } = await make(3);
    machine.start();
    await until(() => output() === '!', 'the first output');
    machine.serial[0]?.write('abcw');
    await until(() => output() === '!abc3', 'the echo');
    machine.serial[0]?.write('p');
    expect(await machine.ended).toEqual({ reason: 'power-off', value: 0 });
    expect(machine.state).toBe('ended');
    expect(machine.stats().cpus).toHaveLength(3);
    expect(machine.stats().instructions).toBeGreaterThan(0);
  });

  test.each([['d', { reason: 'debug-exit', value: 42 }], ['t', { reason: 'triple-fault', value: 0 }]])(
    'ends with %s', async (letter, ending) => {
      const { machine } = await make(2);
      machine.start();
      machine.serial[0]?.write(letter);
      expect(await machine.ended).toEqual(ending);
    });

  test('more input than the ring holds arrives in order', async () => {
    const { machine, output } = await make(1);
    machine.start();
    const text = Array.from({ length: 100_000 }, (_, n) => 'ABCDEFGHIJK'[n % 11]).join('');
    machine.serial[0]?.write(text);
    await until(() => output().length === text.length + 1, 'all of the echo');
    expect(output().slice(1)).toBe(text);
  });

  test('a reset loads the payload again', async () => {
    const { machine, output } = await make(2);
    let resets = 0;
    machine.events.on('reset', (count) => { resets = count; });
    machine.start();
    await until(() => output() === '!', 'start');
    machine.shared.ram.fill(0xCC, 0x100000, 0x100040);
    machine.serial[0]?.write('r');
    await until(() => output() === '!!' && resets === 1, 'second start');
    expect(machine.shared.ram[0x100000]).toBe(0x02);
    machine.reset();
    await until(() => output() === '!!!' && resets === 2, 'third start');
  });

  test('a paused machine stands, and its clock with it', async () => {
    const { machine, output } = await make(2);
    machine.start();
    await until(() => output() === '!', 'start');
    await machine.pause();
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    const before = machine.stats();
    machine.serial[0]?.write('q');
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    expect(machine.stats().timeMs).toBe(before.timeMs);
    expect(machine.stats().instructions).toBe(before.instructions);
    expect(output()).toBe('!');
    machine.resume();
    await until(() => output() === '!q', 'output after the pause');
    expect(machine.stats().timeMs - before.timeMs).toBeLessThan(150);
  });

  test('log messages become sentences', async () => {
    const { machine } = await make(1);
    const lines: string[] = [];
    machine.events.on('log', (line) => lines.push(line));
    machine.start();
    machine.serial[0]?.write('l');
    await until(() => lines.length > 0, 'the log');
    expect(lines).toEqual(['POST code 0x55']);
  });
});

describe('failures', () => {
  test('a trap of the core rejects with its place', async () => {
    const { machine } = await make(2);
    machine.start();
    machine.serial[0]?.write('x');
    await expect(machine.ended).rejects.toMatchObject({ code: 'core-panic',
      message: expect.stringContaining('CPU 0') });
    expect(machine.state).toBe('failed');
  });

  test('a panic of the core names its code', async () => {
    const { machine } = await make(2);
    machine.start();
    machine.serial[0]?.write('P');
    await expect(machine.ended).rejects.toMatchObject({ message: expect.stringContaining('code 7') });
  });

  test('a killed worker is reported within 2 s', async () => {
    const { machine } = await make(2);
    machine.start();
    const start = performance.now();
    machine.killCpu(1);
    await expect(machine.ended).rejects.toMatchObject({ code: 'worker-died',
      message: expect.stringContaining('CPU 1') });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('a CPU that polls no more is found by the watchdog', async () => {
    const { patience } = Watchdog;
    Watchdog.patience = 10;
    onTestFinished(() => { Watchdog.patience = patience; });
    const { machine } = await make(2);
    machine.start();
    machine.serial[0]?.write('s');
    await expect(machine.ended).rejects.toMatchObject({ code: 'worker-died',
      message: expect.stringContaining('CPU 0') });
  });

  test('a kernel that does not fit leaves no worker behind', async () => {
    const initrd = [{ name: 'big', bytes: new Uint8Array(20 << 20) }];
    await expect(make(1, { boot: { kernel: { name: 'toy', bytes: kernel() }, initrd, append: '' } }))
      .rejects.toMatchObject({ code: 'kernel-too-big', message: expect.stringContaining('22 MiB') });
  });
});
