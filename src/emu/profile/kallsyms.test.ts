// Symbol tables as scripts/kallsyms.c of Linux lays them out, early (up to 6.1) and late (6.4 and later), with
// and without absolute per-CPU symbols, somewhere in a RAM full of other bytes.

import { describe, expect, test } from 'vitest';
import { Kallsyms } from './kallsyms.ts';

const BASE = 0xFFFFFFFF81000000n;
const SYMBOLS = 700;
const SPACING = 0x40;
/** One name is longer than 127 tokens. */
const LONG = 300;

const nameOf = (n: number): string => (n === LONG ? `long_${'x'.repeat(200)}` : `function_${n}.part.0`);

interface Shape { late: boolean; negative: boolean; percpu: number }

/** Every character is a token of its own but "function_". */
function build({ late, negative, percpu }: Shape): { bytes: Uint8Array; size: number } {
  const out: number[] = [];
  const align = (to: number): void => { while (out.length % to !== 0) out.push(0); };
  const u32 = (value: number): void => { for (let n = 0; n < 4; n++) out.push((value >>> (8 * n)) & 255); };
  const u64 = (value: bigint): void => { u32(Number(value & 0xFFFFFFFFn)); u32(Number(value >> 32n)); };
  const tokens = Array.from({ length: 256 }, (_, n) => (n === 1 ? 'function_' : n > 32 && n < 127
    ? String.fromCharCode(n) : '?'));
  const offsets = (): void => {
    for (let n = 0; n < SYMBOLS; n++) {
      const distance = (n - percpu) * SPACING;
      u32(n < percpu ? n * 8 : negative ? -1 - distance : distance);
    }
    align(8);
    u64(BASE);
  };
  if (!late) offsets();
  align(8);
  u32(SYMBOLS);
  u32(0);
  const namesStart = out.length;
  const markers: number[] = [];
  for (let n = 0; n < SYMBOLS; n++) {
    if (n % 256 === 0) markers.push(out.length - namesStart);
    const text = nameOf(n);
    const codes = text.startsWith('function_') ? [1, ...Buffer.from(text.slice(9))] : [...Buffer.from(text)];
    const length = codes.length + 1;
    if (length < 128) out.push(length);
    else out.push((length & 127) | 128, length >> 7);
    out.push('T'.charCodeAt(0), ...codes);
  }
  align(8);
  markers.forEach(u32);
  align(8);
  const index: number[] = [];
  const tokensStart = out.length;
  for (const token of tokens) {
    index.push(out.length - tokensStart);
    out.push(...Buffer.from(token), 0);
  }
  align(8);
  index.forEach((at) => out.push(at & 255, at >> 8));
  align(8);
  if (late) offsets();
  return { bytes: Uint8Array.from(out), size: out.length };
}

function ramWith(table: Uint8Array, at: number): Uint8Array {
  const ram = new Uint8Array(1 << 20);
  for (let n = 0; n < ram.length; n++) ram[n] = (n * 2654435761) >>> 24;
  // Digits that look like the token table and are none.
  ram.set(Buffer.from('0\x001\x002\x003\x004\x00'), 0x1234);
  ram.set(table, at);
  return ram;
}

describe.each([{ late: true, negative: true, percpu: 20 }, { late: true, negative: false, percpu: 0 },
  { late: false, negative: true, percpu: 5 }])('kallsyms %j', (shape) => {
  test('names the function that holds an address', () => {
    const symbols = Kallsyms.find(ramWith(build(shape).bytes, 0x40010));
    expect(symbols?.size).toBe(SYMBOLS);
    for (const n of [shape.percpu, 255, 256, 257, LONG, LONG + 1, SYMBOLS - 1]) {
      const address = BASE + BigInt((n - shape.percpu) * SPACING);
      expect(symbols?.lookup(address)).toEqual({ name: nameOf(n), offset: 0 });
      expect(symbols?.lookup(address + 0x3Fn)).toEqual({ name: nameOf(n), offset: 0x3F });
    }
    expect(symbols?.lookup(BASE - 1n)).toBeUndefined();
    expect(symbols?.lookup(BASE + 0x70000000n)).toBeUndefined();
    expect(symbols?.lookup(0x1000n)).toBeUndefined();
  });
});

test('a RAM without a kernel has no table', () => {
  expect(Kallsyms.find(ramWith(new Uint8Array(0), 0))).toBeUndefined();
  const table = build({ late: true, negative: true, percpu: 0 }).bytes;
  expect(Kallsyms.find(ramWith(table.subarray(0, table.length / 2), 0x40000))).toBeUndefined();
});
