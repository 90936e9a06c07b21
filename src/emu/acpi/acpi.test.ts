// ACPI and MP tables read back by a small parser of their own; the DSDT also goes through iasl where it is
// installed.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as aml from './aml.ts';
import { buildMpTable } from './mp-table.ts';
import { buildAcpi } from './tables.ts';

const BASE = 0xE0000;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 255, 0);

function readTables(cpus: number): Map<string, Uint8Array> {
  const { bytes, rsdp } = buildAcpi({ cpus, base: BASE, ramBytes: 256 << 20 });
  const view = new DataView(bytes.buffer);
  expect(rsdp % 16).toBe(0);
  expect(sum(bytes.subarray(rsdp - BASE, rsdp - BASE + 20))).toBe(0);
  expect(sum(bytes.subarray(rsdp - BASE, rsdp - BASE + 36))).toBe(0);
  const table = (address: number): Uint8Array => {
    const at = address - BASE;
    return bytes.subarray(at, at + view.getUint32(at + 4, true));
  };
  const xsdt = table(Number(view.getBigUint64(rsdp - BASE + 24, true)));
  const rsdt = table(view.getUint32(rsdp - BASE + 16, true));
  const entries64 = Array.from({ length: (xsdt.length - 36) / 8 }, (_, n) =>
    Number(new DataView(xsdt.buffer, xsdt.byteOffset).getBigUint64(36 + 8 * n, true)));
  const entries32 = Array.from({ length: (rsdt.length - 36) / 4 }, (_, n) =>
    new DataView(rsdt.buffer, rsdt.byteOffset).getUint32(36 + 4 * n, true));
  expect(entries64).toEqual(entries32);
  const found = new Map<string, Uint8Array>([['XSDT', xsdt], ['RSDT', rsdt]]);
  for (const address of entries64) {
    const one = table(address);
    found.set(new TextDecoder().decode(one.subarray(0, 4)), one);
  }
  const fadt = found.get('FACP') as Uint8Array;
  found.set('DSDT', table(new DataView(fadt.buffer, fadt.byteOffset).getUint32(40, true)));
  for (const [name, one] of found) expect(sum(one), name).toBe(0);
  return found;
}

describe('ACPI', () => {
  test('the tables are complete and their checksums right', () => {
    expect([...readTables(8).keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'HPET', 'RSDT', 'XSDT']);
  });

  test.each([1, 8, 16])('the MADT has %i enabled LAPICs, the IOAPIC and the override of IRQ 0', (cpus) => {
    const madt = readTables(cpus).get('APIC') as Uint8Array;
    const entries: number[][] = [];
    for (let at = 44; at < madt.length;
      at += madt[at + 1] as number) entries.push([...madt.subarray(at, at + (madt[at + 1] as number))]);
    expect(entries.filter(([type]) => type === 0)).toEqual(Array.from({ length: cpus }, (_, id) =>
      [0, 8, id, id, 1, 0, 0, 0]));
    expect(entries.filter(([type]) => type === 1)).toEqual([[1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0]]);
    expect(entries).toContainEqual([2, 10, 0, 0, 2, 0, 0, 0, 0, 0]);
    expect(entries).toContainEqual([2, 10, 0, 9, 9, 0, 0, 0, 0x0D, 0]);
  });

  test('the FADT names the ports of PIIX4 power management, no SMI port, and the reset register', () => {
    const fadt = readTables(1).get('FACP') as Uint8Array;
    const view = new DataView(fadt.buffer, fadt.byteOffset);
    expect(view.getUint16(46, true)).toBe(9);
    expect(view.getUint32(48, true)).toBe(0);
    expect([56, 64, 76].map((at) => view.getUint32(at, true))).toEqual([0x600, 0x604, 0x608]);
    expect([...fadt.subarray(116, 129)]).toEqual([1, 8, 0, 1, 0xF9, 0x0C, 0, 0, 0, 0, 0, 0, 6]);
  });

  test('iasl takes the DSDT apart and together again without an error', (context) => {
    if (spawnSync('iasl', ['-v']).error !== undefined) return context.skip();
    const folder = mkdtempSync(join(tmpdir(), 'skep-acpi-'));
    writeFileSync(join(folder, 'dsdt.aml'), readTables(2).get('DSDT') as Uint8Array);
    expect(spawnSync('iasl', ['-d', 'dsdt.aml'], { cwd: folder }).status).toBe(0);
    const again = spawnSync('iasl', ['dsdt.dsl'], { cwd: folder, encoding: 'utf8' });
    expect(again.stdout + again.stderr).toContain('0 Errors');
    expect(readFileSync(join(folder, 'dsdt.dsl'), 'utf8')).toContain('PNP0A03');
    rmSync(folder, { recursive: true });
  });
});

describe('AML', () => {
  test.each([[0, [0]], [1, [1]], [255, [0x0A, 255]], [0x1234, [0x0B, 0x34, 0x12]],
    [0xFEC00000, [0x0C, 0, 0, 0xC0, 0xFE]]])(
    'integer %i', (value, bytes) => expect(aml.integer(value)).toEqual(bytes));
  test('names', () => {
    expect(aml.path('\\_SB')).toEqual([0x5C, 0x5F, 0x53, 0x42, 0x5F]);
    expect(aml.path('A.B')).toEqual([0x2E, 0x41, 0x5F, 0x5F, 0x5F, 0x42, 0x5F, 0x5F, 0x5F]);
    expect(() => aml.path('TOOLONG')).toThrow('TOOLONG');
  });
  test('PNP0A03 is the constant that every DSDT has', () => {
    expect(aml.eisaId('PNP0A03')).toEqual([0x0C, 0x41, 0xD0, 0x0A, 0x03]);
  });
  // ACPI 20.2.4: one byte up to 63; then 4 bits and 1, 2 or 3 bytes.
  test.each([[62, [63]], [63, [0x41, 0x04]],
    [0x1000, [0x83, 0x00, 0x01]]])('package length of a body of %i bytes', (body, bytes) => {
    const encoded = aml.ifThen(new Array<number>(body).fill(0));
    expect(encoded.slice(1, 1 + bytes.length)).toEqual(bytes);
    expect(encoded).toHaveLength(1 + bytes.length + body);
  });
});

test('the MP table: checksums, one entry per CPU, interrupts on their pins', () => {
  const bytes = buildMpTable({ cpus: 3, base: 0xF0000 });
  expect(sum(bytes.subarray(0, 16))).toBe(0);
  const table = bytes.subarray(16);
  expect(sum(table)).toBe(0);
  const view = new DataView(table.buffer, table.byteOffset);
  expect(view.getUint16(4, true)).toBe(table.length);
  const entries: number[][] = [];
  for (let at = 44; at < table.length;) {
    const length = table[at] === 0 ? 20 : 8;
    entries.push([...table.subarray(at, at + length)]);
    at += length;
  }
  expect(entries).toHaveLength(view.getUint16(34, true));
  expect(entries.filter(([type]) => type === 0).map((entry) => [entry[1], entry[3]])).toEqual([[0, 3],
    [1, 1], [2, 1]]);
  expect(entries).toContainEqual([3, 0, 0, 0, 1, 0, 0, 2]);
  expect(entries).toContainEqual([3, 0, 0, 0, 1, 4, 0, 4]);
  expect(entries).toContainEqual([4, 3, 0, 0, 1, 0, 0xFF, 0]);
});
