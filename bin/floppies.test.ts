// Floppies of the command line: what is written goes back into the file, never for ,snapshot or an address; a file
// that cannot be written to is write-protected; a failure is one sentence.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FloppyFiles, floppyOption } from './floppies.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'skep-floppies-')); });
afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

const machine = { writes: [0, 0], floppyWrites: (drive: 0 | 1): number => machine.writes[drive]!,
  floppyImage: (drive: 0 | 1): Uint8Array => Uint8Array.of(drive, 1, 2, 3) };

test('only what the guest has written goes back, once', async () => {
  machine.writes = [0, 0];
  const [a, b] = [join(folder, 'a.img'), join(folder, 'b.img')];
  for (const file of [a, b]) writeFileSync(file, 'before and longer');
  const files = new FloppyFiles(machine, [a, b], (sentence) => { throw new Error(sentence); });
  await files.flush();
  expect(readFileSync(a, 'latin1')).toBe('before and longer');
  machine.writes = [0, 3];
  await files.flush();
  expect([readFileSync(a, 'latin1'), [...readFileSync(b)]]).toEqual(['before and longer', [1, 1, 2, 3]]);
  writeFileSync(b, 'touched by another');
  await files.close();
  expect(readFileSync(b, 'latin1')).toBe('touched by another');
});

test('a snapshot and an address are left alone', async () => {
  machine.writes = [1, 1];
  const a = join(folder, 'a.img');
  writeFileSync(a, 'as it was');
  const files = new FloppyFiles(machine, [`${a},snapshot`, 'https://example.org/b.img'],
    (sentence) => { throw new Error(sentence); });
  await files.close();
  expect(readFileSync(a, 'latin1')).toBe('as it was');
});

test('a file that vanished is one sentence', async () => {
  machine.writes = [1, 0];
  const said: string[] = [];
  const files = new FloppyFiles(machine, [join(folder, 'gone.img')], (sentence) => { said.push(sentence); });
  await files.close();
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('gone.img');
});

test('what cannot be written to is write-protected', () => {
  const a = join(folder, 'a.img');
  writeFileSync(a, '');
  expect(floppyOption(a)).toEqual({ image: a, readOnly: false });
  expect(floppyOption(`${a},snapshot`)).toEqual({ image: a, readOnly: false });
  expect(floppyOption('https://example.org/b.img').readOnly).toBe(false);
  expect(floppyOption(folder).readOnly).toBe(true);
});
