// Which guests the build copies.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyPublic } from './public-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-public-'));
  for (const [name, bytes] of [['little', 15e6], ['large', 200e6]] as const) {
    mkdirSync(join(folder, 'public/guest', name, 'chunks'), { recursive: true });
    writeFileSync(join(folder, 'public/guest', name, 'manifest.json'), JSON.stringify({ bytes }));
    writeFileSync(join(folder, 'public/guest', name, 'chunks/1'), 'x');
  }
  writeFileSync(join(folder, 'public/icon.svg'), '<svg/>');
});
afterEach(() => { rmSync(folder, { recursive: true }); });

test('small guests and everything else are copied, large ones only when asked for', () => {
  const copy = (all: boolean): string[] => copyPublic(join(folder, 'public'), join(folder, 'dist'), all);
  const there = (path: string): boolean => existsSync(join(folder, 'dist', path));
  expect(copy(false)).toEqual(['large']);
  expect(['icon.svg', 'guest/little/chunks/1', 'guest/large'].map(there)).toEqual([true, true, false]);
  expect(copy(true)).toEqual([]);
  expect(there('guest/large/chunks/1')).toBe(true);
});

test('a project without guests is built, too', () => {
  rmSync(join(folder, 'public/guest'), { recursive: true });
  expect(copyPublic(join(folder, 'public'), join(folder, 'dist'), false)).toEqual([]);
});
