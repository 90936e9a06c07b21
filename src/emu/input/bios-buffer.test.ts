// The BIOS data area's keyboard buffer: empty, wrapped, full, and memory that is something else.

import { expect, test } from 'vitest';
import { biosKeyBuffer } from './bios-buffer.ts';

function area(head: number, tail: number, start = 0x1E, end = 0x3E): Uint8Array {
  const ram = new Uint8Array(0x600);
  const view = new DataView(ram.buffer);
  view.setUint16(0x41A, head, true);
  view.setUint16(0x41C, tail, true);
  view.setUint16(0x480, start, true);
  view.setUint16(0x482, end, true);
  return ram;
}

test.each([[0x1E, 0x1E, 0], [0x1E, 0x20, 1], [0x3C, 0x1E, 1], [0x20, 0x1E, 15]])(
  'head %i, tail %i: %i keys', (head, tail, keys) => {
    expect(biosKeyBuffer(area(head, tail))).toEqual({ keys, capacity: 15 });
  });

test('memory of another system', () => {
  expect(biosKeyBuffer(new Uint8Array(0x600))).toBeUndefined();
  expect(biosKeyBuffer(new Uint8Array(16))).toBeUndefined();
  const others = [[0x1F, 0x1E], [0x1E, 0x3E], [0x1E, 0x1E, 0x1E, 0x1E], [0x1E, 0x1E, 0, 0x3E], [0x1E, 0x1E, 0x1E, 0x200],
    [0x1E, 0x1E, 0x1E, 0x3F]] as const;
  expect(others.map(([head, tail, start, end]) => biosKeyBuffer(area(head, tail, start, end)))).toEqual(Array(6).fill(undefined));
});
