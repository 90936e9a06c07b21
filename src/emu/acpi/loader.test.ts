// The table loader's script, executed by a small firmware of the test's own, must give the tables that direct
// boot places at the same addresses.

import { describe, expect, test } from 'vitest';
import { buildAcpiFiles } from './loader.ts';
import { buildAcpi } from './tables.ts';

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 255, 0);
const TABLES_AT = 0x7FE0000;
const RSDP_AT = 0xF5000;

/** Executes the script; returns the files with their final bytes. */
function load(files: Map<string, Uint8Array>): { file: (name: string) => Uint8Array; zones: Map<string, number> } {
  const memory = new Map<string, { at: number; bytes: Uint8Array }>();
  const zones = new Map<string, number>();
  const script = files.get('etc/table-loader') as Uint8Array;
  expect(script.length % 128).toBe(0);
  const text = (bytes: Uint8Array, at: number): string => {
    const name = new TextDecoder().decode(bytes.subarray(at, at + 56));
    return name.slice(0, name.indexOf('\0'));
  };
  const file = (name: string): { at: number; bytes: Uint8Array } => {
    const found = memory.get(name);
    if (found === undefined) throw new Error(`${name} is not allocated`);
    return found;
  };
  for (let n = 0; n < script.length; n += 128) {
    const entry = script.subarray(n, n + 128);
    const view = new DataView(entry.buffer, entry.byteOffset, 128);
    const first = text(entry, 4);
    switch (view.getUint32(0, true)) {
      case 1: {
        const at = view.getUint8(64) === 2 ? RSDP_AT : TABLES_AT;
        expect(at % view.getUint32(60, true)).toBe(0);
        zones.set(first, view.getUint8(64));
        memory.set(first, { at, bytes: (files.get(first) as Uint8Array).slice() });
        break;
      }
      case 2: {
        const { bytes } = file(first);
        const offset = view.getUint32(116, true);
        let value = 0n;
        const size = view.getUint8(120);
        for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[offset + i] as number);
        value += BigInt(file(text(entry, 60)).at);
        for (let i = 0; i < size; i++) bytes[offset + i] = Number(value >> BigInt(8 * i) & 255n);
        break;
      }
      case 3: {
        const { bytes } = file(first);
        const [offset, start, length] = [60, 64, 68].map((at) => view.getUint32(at, true)) as [number, number, number];
        bytes[offset] = (bytes[offset] as number) - sum(bytes.subarray(start, start + length)) & 255;
        break;
      }
      default: throw new Error(`command ${view.getUint32(0, true)}`);
    }
  }
  return { file: (name) => file(name).bytes, zones };
}

describe.each([1, 2, 8])('table loader, %i CPUs', (cpus) => {
  const options = { cpus, ramBytes: 256 << 20 };
  test('gives the same tables as direct boot at that place', () => {
    const { file } = load(buildAcpiFiles(options));
    const direct = buildAcpi({ ...options, base: TABLES_AT }).bytes;
    expect([...file('etc/acpi/tables').subarray(64)]).toEqual([...direct.subarray(64)]);
  });
  test('the root pointer is alone in the F segment, its sums are right', () => {
    const { file, zones } = load(buildAcpiFiles(options));
    const rsdp = file('etc/acpi/rsdp');
    expect([zones.get('etc/acpi/rsdp'), zones.get('etc/acpi/tables')]).toEqual([2, 1]);
    expect([rsdp.length, sum(rsdp), sum(rsdp.subarray(0, 20))]).toEqual([36, 0, 0]);
    const view = new DataView(rsdp.buffer, rsdp.byteOffset);
    const tables = file('etc/acpi/tables');
    const signature = (at: number): string => new TextDecoder().decode(tables.subarray(at - TABLES_AT, at - TABLES_AT + 4));
    expect([signature(view.getUint32(16, true)), signature(Number(view.getBigUint64(24, true)))]).toEqual(['RSDT', 'XSDT']);
    expect(new TextDecoder().decode(tables).includes('RSD PTR')).toBe(false);
  });
});
