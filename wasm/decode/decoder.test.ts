// Records that the decoder writes, and its limits. Which bytes are which row, and how long, is the decoder
// walk's (tools/isa-judge/walk.test.ts).

import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { CODE, CPU, Core, RECORD, buildCore } from './testing/core.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOP = 0x90, HANDLER = 12;

describe('decoder', () => {
  let core: Core;
  let undefinedIndex = 0;
  const decode = (bytes: Uint8Array, mode: number): number => {
    core.bytes.set(bytes, CODE);
    return core.exports.decodeInsn(CPU, CODE, bytes.length, 0, mode, RECORD);
  };
  beforeAll(() => {
    core = new Core(buildCore(ROOT, 'decoder-test'));
    decode(Uint8Array.of(0x0f, 0x0b), 2);
    undefinedIndex = core.view.getUint32(RECORD + HANDLER, true);
  }, 180_000);

  test('too few bytes are 0, more than 15 are #GP', () => {
    const long = Uint8Array.from([...new Array(15).fill(0x66), NOP]);
    expect(decode(long, 2)).toBe(15);
    expect(core.view.getUint32(RECORD + HANDLER, true)).not.toBe(undefinedIndex);
    for (let n = 1; n < 7; n++) expect(decode(Uint8Array.of(0x48, 0x81, 0x05, 1, 2, 3, 4).subarray(0, n),
      2)).toBe(0);
    expect(decode(Uint8Array.of(0x0f), 1)).toBe(0);
  });

  test('a record names its operands', () => {
    const at = (offset: number): number => core.view.getUint8(RECORD + offset);
    // add %ah, %fs:-8(%r12,%r13,4) cannot carry REX: use %r9b.
    decode(Uint8Array.of(0x64, 0x47, 0x00, 0x4c, 0xac, 0xf8), 2);
    expect([at(6), at(8), at(9), at(10), at(5) & 3]).toEqual([9 * 8, 12 * 8, 13 * 8, 0x80 | 0x20 | 4, 3]);
    expect(core.view.getBigInt64(RECORD + 16, true)).toBe(-8n);
    // mov %ah, (%bx,%si) in 16-bit code.
    decode(Uint8Array.of(0x88, 0x20), 0);
    expect([at(6), at(8), at(9), at(10)]).toEqual([1, 3 * 8, 6 * 8, 3]);
    // RIP-relative: disp holds offset and length already.
    core.bytes.set([0x8b, 0x05, 0x10, 0, 0, 0], CODE);
    core.exports.decodeInsn(CPU, CODE, 15, 0x123, 2, RECORD);
    expect([at(8), core.view.getBigInt64(RECORD + 16, true)]).toEqual([136, 0x123n + 6n + 0x10n]);
  });
});
