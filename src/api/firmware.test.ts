// Whether a machine starts in firmware, and what is loaded for it, with a file system of the test's own.

import { describe, expect, test } from 'vitest';
import { SkepError } from './errors.ts';
import { readFirmware, readFloppies, startsWithFirmware, type StartOptions } from './firmware.ts';
import type { Reader } from './source.ts';

const ROOT = new URL('http://here/guest/');
const files = new Map<string, Uint8Array>([
  ['http://here/guest/firmware/manifest.json', new TextEncoder().encode('{"bios":"b.bin","videoBios":"v.bin"}')],
  ['http://here/guest/firmware/b.bin', new Uint8Array(0x10000).fill(1)],
  ['http://here/guest/firmware/v.bin', Uint8Array.of(2)],
  ['own.bin', new Uint8Array(0x20000).fill(3)], ['a.img', new Uint8Array(512)], ['b.img', new Uint8Array(737280)],
  ['big.img', new Uint8Array(4 << 20)],
]);
const read: Reader = async (source) => {
  const bytes = files.get(String(source));
  if (bytes === undefined) throw new SkepError('file-missing', `no ${String(source)}`, '');
  return { name: String(source), bytes };
};

describe('what the machine starts with', () => {
  test.each<[StartOptions, boolean]>([
    [{}, false], [{ guest: 'mini' }, false], [{ kernel: 'k' }, false], [{ kernel: 'k', hda: 'd' }, false],
    [{ hda: 'd' }, true], [{ cdrom: 'c' }, true], [{ fda: 'f' }, true], [{ bios: 'own.bin' }, true],
    [{ guest: 'mini', bootOrder: 'c' }, true], [{ guest: 'mini', hda: 'd' }, false], [{ bootMenuMs: 1 }, true],
  ])('%j: firmware %s', (options, expected) => {
    expect(startsWithFirmware(options)).toBe(expected);
  });
  test('a kernel and a boot order exclude each other', () => {
    expect(() => startsWithFirmware({ kernel: 'k', bootOrder: 'c' })).toThrow('without firmware');
  });
});

describe('files', () => {
  test('the prepared BIOS with its video BIOS', async () => {
    const firmware = await readFirmware({ bootMenuMs: 5, firmwareOnSerial: true }, ROOT, read, {});
    expect([firmware.bios.bytes[0], firmware.videoBios?.bytes[0]]).toEqual([1, 2]);
    expect(firmware).toMatchObject({ bootOrder: 'cda', menuMs: 5, serialConsole: true });
  });
  test('an own BIOS comes without a video BIOS, unless one is given', async () => {
    const alone = await readFirmware({ bios: 'own.bin', bootOrder: 'a' }, ROOT, read, {});
    expect([alone.bios.bytes[0], alone.videoBios, alone.bootOrder]).toEqual([3, undefined, 'a']);
    const both = await readFirmware({ bios: 'own.bin', videoBios: 'http://here/guest/firmware/v.bin' }, ROOT, read, {});
    expect(both.videoBios?.bytes[0]).toBe(2);
  });
  test('refusals: not prepared, not a BIOS, a bad order', async () => {
    await expect(readFirmware({}, new URL('http://elsewhere/'), read, {})).rejects.toThrow('has not been prepared');
    await expect(readFirmware({ bios: 'a.img' }, ROOT, read, {})).rejects.toThrow('a.img has 512 bytes');
    await expect(readFirmware({ bios: 'nothing' }, ROOT, read, {})).rejects.toThrow('no nothing');
    await expect(readFirmware({ bootOrder: 'z' }, ROOT, read, {})).rejects.toThrow('"z" is not a boot order');
  });
  test('floppies: A, then B; one that is too large is refused', async () => {
    const floppies = await readFloppies({ fda: 'a.img', fdb: 'b.img' }, read, {});
    expect(floppies.map(({ image }) => image.name)).toEqual(['a.img', 'b.img']);
    expect(await readFloppies({}, read, {})).toEqual([]);
    await expect(readFloppies({ fdb: 'b.img' }, read, {})).rejects.toThrow('drive B, but none for A');
    await expect(readFloppies({ fda: 'big.img' }, read, {})).rejects.toThrow('not a floppy image');
  });
});
