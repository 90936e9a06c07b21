// The reader of the core's constants, and that the checked-in twin is fresh.

import { readFileSync, existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { collect, evaluate, fieldOffsets, generate, type Scope } from './main.ts';

const scope = (): Scope => ({ constants: new Map([['BASE', 0x1000]]),
  enums: new Map([['E', new Map([['A', 4]])]]) });

test('constant expressions', () => {
  expect(evaluate('BASE + 2 * 0x10', scope())).toBe(0x1020);
  expect(evaluate('(<u32>BASE << 2) | E.A', scope())).toBe(0x4004);
  expect(() => evaluate('OTHER + 1', scope())).toThrow('OTHER');
  expect(() => evaluate('alert(1)', scope())).toThrow();
});

test('constants and enums of a source text', () => {
  const s = scope();
  const source = '/* export const NO: u32 = 1; */ export const X: u32 = BASE + 1; // y\nexport const enum K { A, B = X, C }';
  expect(collect(source, 'all', s)).toEqual(['X', 'K']);
  expect(s.constants.get('X')).toBe(0x1001);
  expect([...(s.enums.get('K') ?? [])]).toEqual([['A', 0], ['B', 0x1001], ['C', 0x1002]]);
});

test('fields are aligned to their size', () => {
  const source = 'class C {\n  a: u64; b: u32; // c: u8;\n  /** d: u8; */\n  e: u64;\n  f: u16; g: u32; h: u8;\n}';
  expect([...fieldOffsets(source, 'C')]).toEqual([['a', 0], ['b', 8], ['e', 16], ['f', 24], ['g', 28],
    ['h', 32]]);
});

test('src/emu/generated-layout.ts is up to date', () => {
  const root = new URL('../../', import.meta.url);
  const read = (path: string): string | undefined => {
    const url = new URL(path, root);
    return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
  };
  expect(generate(read)).toBe(readFileSync(new URL('src/emu/generated-layout.ts', root), 'utf8'));
});
