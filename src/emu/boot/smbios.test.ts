// SMBIOS structures read back by the rules of DSP0134: lengths of the formatted areas, strings, order, count.

import { expect, test } from 'vitest';
import { buildSmbios } from './smbios.ts';

/** Lengths of the formatted areas in version 2.8 (DSP0134 section 7). */
const LENGTHS: Record<number, number> = { 1: 27, 3: 22, 4: 42, 16: 23, 17: 34, 19: 15, 32: 11, 127: 4 };

function read(tables: Uint8Array): { type: number; handle: number; body: DataView; strings: string[] }[] {
  const found = [];
  let at = 0;
  while (at < tables.length) {
    const length = tables[at + 1] as number;
    let end = at + length;
    while (tables[end] !== 0 || tables[end + 1] !== 0) end++;
    const strings = new TextDecoder().decode(tables.subarray(at + length, end)).split('\0').filter((text) => text !== '');
    const body = new DataView(tables.buffer, tables.byteOffset + at, length);
    found.push({ type: tables[at] as number, handle: body.getUint16(2, true), body, strings });
    at = end + 2;
  }
  return found;
}

test.each([1, 8])('structures for %i CPUs', (cpus) => {
  const { anchor, tables } = buildSmbios({ cpus, ramBytes: 512 << 20 });
  const list = read(tables);
  expect(list.map(({ type }) => type)).toEqual([1, 3, ...Array<number>(cpus).fill(4), 16, 17, 19, 32, 127]);
  for (const { type, body } of list) expect(body.byteLength, `type ${type}`).toBe(LENGTHS[type]);
  expect(new Set(list.map(({ handle }) => handle)).size).toBe(list.length);
  const view = new DataView(anchor.buffer);
  expect(new TextDecoder().decode(anchor.subarray(0, 4))).toBe('_SM_');
  expect([anchor.length, anchor[5], view.getUint16(22, true), view.getUint16(28, true)])
    .toEqual([31, 31, tables.length, list.length]);
  const of = (type: number): { body: DataView; strings: string[] } => {
    const one = list.find((each) => each.type === type);
    if (one === undefined) throw new Error(`no type ${type}`);
    return one;
  };
  expect(of(1).strings[0]).toBe('Skep');
  expect([of(16).body.getUint32(7, true), of(17).body.getUint16(12, true), of(19).body.getUint32(8, true)])
    .toEqual([512 * 1024, 512, 512 * 1024 - 1]);
  expect(of(17).body.getUint16(4, true)).toBe(list.find(({ type }) => type === 16)?.handle);
});
