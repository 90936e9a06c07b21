// What firmware is given: fw_cfg items and files, boot order, floppy sizes, and every refusal.

import { describe, expect, test } from 'vitest';
import type { FirmwareConfig } from '../config.ts';
import { bootOrderCmos, checkBootOrder, checkFirmware, firmwareFiles, firmwareItems, floppySize, loadFirmware,
  loadFloppies, packItems } from './firmware.ts';

const bios = (bytes: number): FirmwareConfig => ({ bios: { name: 'bios.bin', bytes: new Uint8Array(bytes).fill(0x90) },
  bootOrder: 'dc', menuMs: 0, serialConsole: false });
const machine = { cpus: 3, ramBytes: 128 << 20, firmware: bios(0x40000) };
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('items', () => {
  test('signature, interface, processors', () => {
    const items = firmwareItems(machine);
    expect(text(items.get(0))).toBe('QEMU');
    expect([...items.get(1) as Uint8Array]).toEqual([3, 0, 0, 0]);
    expect([[...items.get(5) as Uint8Array], [...items.get(0xF) as Uint8Array]]).toEqual([[3, 0], [3, 0]]);
    expect(new DataView((items.get(3) as Uint8Array).buffer).getBigUint64(0, true)).toBe(128n << 20n);
  });
  test('the directory is sorted and big-endian, and its keys give the files', () => {
    const items = firmwareItems(machine);
    const files = firmwareFiles(machine);
    const directory = items.get(0x19) as Uint8Array;
    const view = new DataView(directory.buffer);
    const names = Array.from({ length: view.getUint32(0) }, (_, n) => {
      const at = 4 + 64 * n;
      const name = text(directory.subarray(at + 8, at + 64)).replace(/\0.*/, '');
      expect(items.get(view.getUint16(at + 4))).toEqual(files.get(name));
      expect(view.getUint32(at)).toBe(files.get(name)?.length);
      return name;
    });
    expect(names).toEqual(['bootorder', 'etc/acpi/rsdp', 'etc/acpi/tables', 'etc/e820', 'etc/show-boot-menu',
      'etc/smbios/smbios-anchor', 'etc/smbios/smbios-tables', 'etc/table-loader']);
  });
  test('menu, serial console and video BIOS are files when wanted', () => {
    const firmware = { ...bios(0x40000), menuMs: 5000, serialConsole: true, videoBios: { name: 'v', bytes: Uint8Array.of(1) } };
    const files = firmwareFiles({ ...machine, firmware });
    expect([...files.get('etc/boot-menu-wait') as Uint8Array]).toEqual([0x88, 0x13, 0, 0]);
    expect([...files.get('etc/show-boot-menu') as Uint8Array]).toEqual([1, 0]);
    expect([...files.get('etc/sercon-port') as Uint8Array]).toEqual([0xF8, 3]);
    expect(files.get('pci1234,1111.rom')).toEqual(Uint8Array.of(1));
  });
  test('packed: count, table, bytes at the offsets', () => {
    const packed = packItems(new Map([[7, Uint8Array.of(1, 2, 3)], [9, Uint8Array.of(4)]]));
    const view = new DataView(packed.buffer);
    expect([0, 4, 8, 12, 20, 24, 28].map((at) => view.getUint32(at, true))).toEqual([2, 7, 36, 3, 9, 39, 1]);
    expect([...packed.subarray(36)]).toEqual([1, 2, 3, 4]);
    expect(() => packItems(new Map([[1, new Uint8Array(3 << 20)]]))).toThrow(/room for 2097152/);
  });
});

describe('boot order', () => {
  test('wanted devices first, all the others after them', () => {
    const lines = text(firmwareFiles(machine).get('bootorder')).replace('\0', '').split('\n');
    expect(lines).toEqual(['/pci@i0cf8/ide@1,1/drive@1/disk@0', '/pci@i0cf8/ide@1,1/drive@1/disk@1',
      '/pci@i0cf8/ide@1,1/drive@0/disk@0', '/pci@i0cf8/ide@1,1/drive@0/disk@1', '/pci@i0cf8/isa@1/fdc@03f0/floppy@0']);
  });
  test('CMOS nibbles', () => {
    expect(['a', 'c', 'dc', 'adc'].map((order) => bootOrderCmos(order).toString(16))).toEqual(['3121', '1132', '1123', '2131']);
  });
  test.each(['', 'x', 'cc', 'C', 'ca,'])('refuses "%s"', (order) => {
    expect(() => checkBootOrder(order)).toThrow(/is not a boot order/);
  });
});

describe('images', () => {
  test.each([0, 1, 0x10001, 0x410000])('a BIOS of %i bytes is refused', (bytes) => {
    expect(() => checkFirmware(bios(bytes))).toThrow(/is not a BIOS image/);
  });
  test.each([[1474560, 1474560], [737280, 737280], [512, 1474560], [1474561, 1720320], [2949120, 2949120], [163840, 163840]])(
    'a floppy image of %i bytes is a disk of %i', (bytes, size) => {
      expect(floppySize({ image: { name: 'a', bytes: new Uint8Array(bytes) } })).toBe(size);
    });
  test.each([0, 2949121])('a floppy image of %i bytes is refused', (bytes) => {
    expect(() => floppySize({ image: { name: 'a.img', bytes: new Uint8Array(bytes) } })).toThrow(/a\.img has/);
  });
  test('the BIOS ends at the end of the ROM, floppies lie in their drives', () => {
    const bytes = new Uint8Array(0x3200000);
    const words = new Map<number, number>();
    const target = { bytes, setControl: (offset: number, value: number) => { words.set(offset, value); } };
    loadFirmware(target, machine);
    expect([bytes[0x2A00000 - 0x40000], bytes[0x2A00000 - 0x40001], bytes[0x2A00000 - 1], bytes[0x2A00000]])
      .toEqual([0x90, 0xFF, 0x90, 17]);
    expect(words.get(0xAC)).toBe(0x1123);
    const image = { name: 'a', bytes: Uint8Array.of(7, 8) };
    loadFloppies(target, [{ image }, { image, readOnly: true }]);
    expect([bytes[0x2C00000], bytes[0x2F00001]]).toEqual([7, 8]);
    expect([words.get(0xA0), words.get(0xA4), words.get(0xA8)]).toEqual([1474560, 1474560, 2]);
  });
});
