// The unpacker against frames that the reference packer has made (testing/samples.ts): whole, in small pieces, and
// damaged. Damage is found, or it ends as damage by the checksum, and nothing outside of the room is touched.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { UNPACK, UNPACK_BYTES, UNPACK_INPUT, UNPACK_INPUT_BYTES } from '../../src/emu/generated-layout.ts';
import { SAMPLES } from './testing/samples.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUTPUT = UNPACK + UNPACK_BYTES + 0x10000;
const GUARD = 4096;
/** What zstdBegin is told beyond the content's size. */
const SLACK = 64;

interface Core {
  zstdBegin(at: number, bytes: number): void;
  zstdRun(available: number): number;
  zstdDone(): number;
  zstdBytes(): number;
}
let core: Core;
let bytes: Uint8Array;

beforeAll(() => {
  const file = `${ROOT}build/test/unpack-${process.pid}.wasm`;
  mkdirSync(`${ROOT}build/test`, { recursive: true });
  execFileSync(process.execPath, [`${ROOT}node_modules/assemblyscript/bin/asc.js`, 'wasm/unpack/zstd.ts',
    '--config', 'none', '--importMemory', '--sharedMemory', '--initialMemory', '16', '--maximumMemory', '65536',
    '--memoryBase', '1024', '--runtime', 'stub', '--stackSize', '0', '--noAssert', '-O2', '--disableWarning',
    '--enable', 'simd,threads,bulk-memory,nontrapping-f2i,sign-extension,mutable-globals', '-o', file], { cwd: ROOT });
  const pages = Math.ceil((OUTPUT + (1 << 20)) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  const module = new WebAssembly.Module(readFileSync(file));
  rmSync(file);
  core = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Core;
  bytes = new Uint8Array(memory.buffer);
});

const frame = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`./testing/samples/${name}.zst`, import.meta.url)));

/** Unpacks into `room` bytes, fed in pieces; the content, undefined if it was damaged or incomplete. */
function unpack(packed: Uint8Array, room: number, piece = UNPACK_INPUT_BYTES): Uint8Array | undefined {
  core.zstdBegin(OUTPUT, room);
  // What has come and is not taken yet begins at `at`.
  let at = 0;
  for (let end = Math.min(piece, packed.length); ; end = Math.min(end + piece, packed.length)) {
    bytes.set(packed.subarray(at, end), UNPACK_INPUT);
    const taken = core.zstdRun(end - at);
    if (taken < 0) return undefined;
    at += taken;
    if (core.zstdDone() !== 0) return bytes.slice(OUTPUT, OUTPUT + core.zstdBytes());
    if (end === packed.length) return undefined;
  }
}

describe('frames of the reference packer', () => {
  test.each(SAMPLES)('%s (%s)', (name, _options, content) => {
    const wanted = content();
    const packed = frame(name);
    expect(Buffer.from(unpack(packed, wanted.length + SLACK) ?? []).equals(wanted)).toBe(true);
    expect(core.zstdDone()).toBe(1);
    for (const piece of [1, 1000]) {
      if (packed.length / piece > 5000) continue;
      expect(Buffer.from(unpack(packed, wanted.length + SLACK, piece) ?? []).equals(wanted), `pieces of ${piece}`).toBe(true);
    }
  });

  it('is not done before the last byte', () => {
    const packed = frame('short-text');
    for (let end = 0; end < packed.length; end++) expect(unpack(packed.subarray(0, end), 1 << 16), `${end}`).toBeUndefined();
  });

  it('refuses what has no room, and a dictionary', () => {
    const packed = frame('text-fast');
    expect(unpack(packed, 40_000 - 1)).toBeUndefined();
    expect(unpack(packed, 0)).toBeUndefined();
    packed[4] = (packed[4] ?? 0) | 1;
    expect(unpack(packed, 1 << 20)).toBeUndefined();
  });
});

test('damaged frames are found, and nothing outside of the room is written', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  let state = seed | 1;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const names = ['short-text', 'text-fast', 'records-fast', 'periods', 'few-values', 'mixed'];
  let refused = 0;
  for (let round = 0; round < 1500; round++) {
    const name = names[below(names.length)] ?? '';
    const wanted = (SAMPLES.find(([n]) => n === name)?.[2] ?? (() => new Uint8Array(0)))();
    const packed = frame(name);
    // The checksum's flag stays: without it damage of literals is no damage.
    for (let n = below(4) + 1; n > 0; n--) packed[5 + below(packed.length - 5)] = below(256);
    const room = wanted.length + SLACK;
    bytes.fill(0xA5, OUTPUT - GUARD, OUTPUT);
    bytes.fill(0xA5, OUTPUT + room, OUTPUT + room + GUARD);
    const got = unpack(packed, room);
    if (got === undefined) refused++;
    else expect(Buffer.from(got).equals(wanted), `seed ${seed}, round ${round}, ${name}`).toBe(true);
    expect(bytes.subarray(OUTPUT - GUARD, OUTPUT).every((byte) => byte === 0xA5), `seed ${seed}, round ${round}`).toBe(true);
    expect(bytes.subarray(OUTPUT + room, OUTPUT + room + GUARD).every((byte) => byte === 0xA5),
      `seed ${seed}, round ${round}`).toBe(true);
  }
  // A byte that is replaced by itself, or that nobody reads, is rare.
  expect(refused).toBeGreaterThan(1200);
});
