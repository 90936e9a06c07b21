// The public door over a platform without threads: what is checked before a machine is made, guests and their
// manifests, progress, abort, disposal, and rates.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONTROL, Control, CPU_BLOCKS, CpuField } from '../emu/generated-layout.ts';
import type { CoreThread, Platform, ThreadReply, ThreadRequest } from '../emu/platform.ts';
import { setHost, Skep } from './skep.ts';
import { imageSource, readSource, type FileSource } from './source.ts';

/** Answers every request but the running ones, which end when the machine is told to stop. */
class FakeThread implements CoreThread {
  private reply: (message: ThreadReply) => void = () => {};
  private memory: { buffer: SharedArrayBuffer } | undefined;
  terminated = false;

  post(message: ThreadRequest): void {
    if (message.kind === 'init') this.memory = message.memory;
    if (!message.kind.startsWith('run')) queueMicrotask(() => this.reply({ kind: 'done', result: 0 }));
  }
  onMessage(handler: (message: ThreadReply) => void): void {
    this.reply = handler;
  }
  onDeath(): void {}
  async terminate(): Promise<void> {
    this.terminated = true;
  }
  words(): BigInt64Array {
    return new BigInt64Array(this.memory?.buffer ?? new SharedArrayBuffer(8));
  }
}

let threads: FakeThread[] = [];
const platform: Platform = {
  spawn: () => {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  },
  loadCore: async () => ({}) as WebAssembly.Module,
  hostCores: () => 4,
};

const kernel = (): Uint8Array => {
  const bytes = new Uint8Array(64);
  const words = [0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), 0x100000, 0x100000, 0, 0, 0x100000];
  words.forEach((word, n) => new DataView(bytes.buffer).setUint32(4 * n, word >>> 0, true));
  return bytes;
};
const files = new Map<string, Uint8Array | string>();

beforeEach(() => {
  threads = [];
  files.clear();
  setHost({ platform, image: imageSource, guestBase: () => new URL('http://host.test/guest/'),
    read: async (source: FileSource, options) => {
    const content = typeof source === 'string' || source instanceof URL ? files.get(String(source))
      : undefined;
    if (content === undefined) return readSource(source, options);
    return { name: String(source), bytes: typeof content === 'string' ? new TextEncoder().encode(content)
      : content };
  } });
});
let vm: Skep | undefined;
afterEach(async () => {
  await vm?.stop();
  vm = undefined;
});

describe('creation', () => {
  test.each([
    [{ smp: 0, kernel: kernel() }, 'bad-config', ' 0 CPUs'], [{ smp: 17, kernel: kernel() }, 'bad-config',
      '17 CPUs'],
    [{ smp: 1.5, kernel: kernel() }, 'bad-config', '1.5 CPUs'],
    [{ memory: 3585, kernel: kernel() }, 'bad-config', '3585 MiB'],
      [{ memory: 1, kernel: kernel() }, 'bad-config', '1 MiB'],
    [{ cpu: 'v9' as 'v1', kernel: kernel() }, 'bad-config', '"v9"'], [{}, 'bad-config', 'nothing to boot'],
    [{ guest: 'debian99' }, 'unknown-guest', '"debian99"'], [{ kernel: new Uint8Array(100) }, 'bad-kernel',
      'the given bytes'],
  ])('%j is refused before any thread is started', async (options, code, sentence) => {
    await expect(Skep.create(options)).rejects.toMatchObject({ code,
      message: expect.stringContaining(sentence) });
    expect(threads).toHaveLength(0);
  });

  test('a guest brings kernel, command line and RAM; append is added', async () => {
    files.set('http://host.test/guest/mini/manifest.json', JSON.stringify({ name: 'mini', title: 't',
      kernel: 'k',
      append: 'console=ttyS0', memory: 96 }));
    files.set('http://host.test/guest/mini/k', kernel());
    vm = await Skep.create({ guest: 'mini', smp: 2, append: 'quiet' });
    expect([vm.memory, vm.cpus, vm.state]).toEqual([96, 2, 'ready']);
    expect(threads).toHaveLength(3);
    const bytes = new Uint8Array(threads[0]?.words().buffer as SharedArrayBuffer);
    const ramBase = new DataView(bytes.buffer).getUint32(CONTROL + Control.RAM_BASE, true);
    expect(new TextDecoder().decode(bytes.slice(ramBase + 0xA000,
      ramBase + 0xA080))).toContain('console=ttyS0 quiet\0');
  });

  test('a guest that has not been prepared, or a page in place of its manifest, says what to run',
    async () => {
    files.set('http://host.test/guest/mini/manifest.json', '<!doctype html>');
    await expect(Skep.create({ guest: 'mini' })).rejects.toMatchObject({ code: 'guest-missing',
      message: expect.stringContaining('npm run guest') });
  });

  test('an aborted creation rejects', async () => {
    await expect(Skep.create({ kernel: kernel(),
      signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('downloads', () => {
  const original = globalThis.fetch;
  afterEach(() => { globalThis.fetch = original; });

  test('progress counts bytes', async () => {
    globalThis.fetch = async () => new Response(new Uint8Array(10), { headers: { 'content-length': '10' } });
    const seen: number[] = [];
    const file = await readSource('http://host.test/a/vm%20linuz?x=1',
      { onProgress: ({ loaded, total }) => seen.push(loaded, total) });
    expect([file.name, file.bytes.length, seen.slice(0, 2), seen.slice(-2)]).toEqual(['vm linuz', 10, [0, 10],
      [10, 10]]);
  });

  test.each([
    [async () => new Response('', { status: 404 }), 'file-missing', '404'],
    [async () => { throw new TypeError('failed'); }, 'download-failed', 'could not be loaded'],
    [async () => new Response('abc', { headers: { 'content-length': '10' } }), 'download-failed',
      '3 of 10 bytes'],
  ])('failure %#', async (answer, code, sentence) => {
    globalThis.fetch = answer as typeof fetch;
    await expect(readSource('http://host.test/k', {})).rejects.toMatchObject({ code,
      message: expect.stringContaining(sentence) });
  });
});

describe('a machine', () => {
  test('aborting its signal stops it; disposal ends all threads', async () => {
    const abort = new AbortController();
    vm = await Skep.create({ kernel: kernel(), signal: abort.signal });
    vm.start();
    abort.abort();
    expect(await vm.ended).toEqual({ reason: 'stopped', value: 0 });
    await vm[Symbol.asyncDispose]();
    expect(vm.state).toBe('stopped');
    expect(threads.every((thread) => thread.terminated)).toBe(true);
  });

  test('rates are over the time since the previous look', async () => {
    vm = await Skep.create({ kernel: kernel() });
    vm.start();
    const before = vm.stats;
    const words = threads[0]?.words() as BigInt64Array;
    Atomics.store(words, (CPU_BLOCKS + CpuField.instructions) >> 3, 50_000_000n);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    const { mips, cpus, timeMs, instructions } = vm.stats;
    expect(instructions).toBe(50_000_000);
    expect(mips).toBeCloseTo(50_000 / (timeMs - before.timeMs), 3);
    expect(cpus[0]?.load).toBe(1);
  });

  test('starting twice is a typed error', async () => {
    vm = await Skep.create({ kernel: kernel() });
    vm.start();
    expect(() => vm?.start()).toThrow('Cannot start a machine that is running');
  });
});
