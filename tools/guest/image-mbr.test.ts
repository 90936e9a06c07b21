import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { firstMegabyte } from './image-mbr.ts';

const boot = new Uint8Array(512).fill(0x11);
const core = new Uint8Array(1000).fill(0x22);

test('code, identifier, one active Linux partition from 1 MiB to the end, signature, core image', () => {
  const first = Buffer.from(firstMegabyte({ boot, core }, 64 << 20, 0x12345678));
  expect(first.length).toBe(0x100000);
  expect(first[439]).toBe(0x11);
  expect(first.subarray(440, 446).toString('hex')).toBe('785634120000');
  // active, CHS beyond, type 83, CHS beyond, first sector 2048, 131072 - 2048 sectors
  expect(first.subarray(446, 462).toString('hex')).toBe('80feffff83feffff0008000000f80100');
  expect(first.subarray(462, 510).every((byte) => byte === 0)).toBe(true);
  expect(first.subarray(510, 514).toString('hex')).toBe('55aa2222');
  expect(first[512 + 999]).toBe(0x22);
  expect(first[512 + 1000]).toBe(0);
});

test('images that do not fit are refused', () => {
  expect(() => firstMegabyte({ boot: core, core }, 64 << 20, 1)).toThrow(/512/);
  expect(() => firstMegabyte({ boot, core: new Uint8Array(0x100000) }, 64 << 20, 1)).toThrow(/1 MiB/);
});

test.each([2 ** 31, 2 ** 40])('a disk of %i bytes ends where its partition does', (bytes) => {
  const first = new DataView(firstMegabyte({ boot, core }, bytes, 1).buffer);
  expect((first.getUint32(454, true) + first.getUint32(458, true)) * 512).toBe(bytes);
});

test.each([0, -(2 ** 31), 2 ** 20, 2 ** 42, 2 ** 21 + 1])('a disk of %i bytes is refused', (bytes) => {
  expect(() => firstMegabyte({ boot, core }, bytes, 1)).toThrow(`${bytes} bytes`);
});

const hasSfdisk = spawnSync('sfdisk', ['--version']).status === 0;
test.skipIf(!hasSfdisk)('sfdisk reads the table', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mbr-'));
  const image = Buffer.alloc(4 << 20);
  image.set(firstMegabyte({ boot, core }, image.length, 1));
  writeFileSync(join(folder, 'disk'), image);
  const listing = execFileSync('sfdisk', ['-d', join(folder, 'disk')]).toString();
  rmSync(folder, { recursive: true });
  expect(listing).toMatch(/start=\s*2048, size=\s*6144, type=83, bootable/);
});
