import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type CpioEntry, writeCpio } from './cpio.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('header, name and data of one file, byte by byte', () => {
  const archive = Buffer.from(writeCpio([{ path: 'ab', type: 'file', mode: 0o755, data: bytes('hello') }]));
  const head = archive.subarray(0, 110).toString('latin1');
  expect(head).toBe('070701' + '00000001' + '000081ED' + '00000000' + '00000000' + '00000001'
    + '00000000' + '00000005' + '00000000' + '00000000' + '00000000' + '00000000' + '00000003' + '00000000');
  expect(archive.subarray(110, 116).toString('latin1')).toBe('ab\0\0\0\0'.slice(0, 6));
  // 110 + 3 bytes of name are padded to 116; 5 bytes of data to 8.
  expect(archive.subarray(116, 124).toString('latin1')).toBe('hello\0\0\0');
  expect(archive.subarray(124, 130).toString('latin1')).toBe('070701');
  expect(archive.subarray(124 + 110, 124 + 120).toString('latin1')).toBe('TRAILER!!!');
  expect(archive.length % 512).toBe(0);
});

test('a bad order, a double and an absolute path are refused', () => {
  const orphan: CpioEntry = { path: 'dev/null', type: 'char', major: 1, minor: 3 };
  const directory: CpioEntry = { path: 'a', type: 'directory' };
  expect(() => writeCpio([orphan])).toThrow(/before its directory/);
  expect(() => writeCpio([directory, directory])).toThrow(/twice/);
  expect(() => writeCpio([{ path: '/a', type: 'directory' }])).toThrow(/bad path/);
});

const hasCpio = spawnSync('cpio', ['--version']).status === 0;
test.skipIf(!hasCpio)('cpio(1) lists what was written', () => {
  const archive = writeCpio([
    { path: 'dev', type: 'directory' },
    { path: 'dev/console', type: 'char', mode: 0o600, major: 5, minor: 1 },
    { path: 'link', type: 'symlink', target: 'dev/console' },
  ]);
  const listing = execFileSync('cpio', ['-itv', '--quiet'], { input: archive }).toString();
  expect(listing).toMatch(/^drwxr-xr-x\s+2 root\s+root .* dev$/m);
  expect(listing).toMatch(/^crw-------\s+1 root\s+root\s+5,\s+1 .* dev\/console$/m);
  expect(listing).toMatch(/link -> dev\/console$/m);
});
