import { describe, expect, it } from 'vitest';
import { tidy, type SourceFile } from './tidy.ts';
import { importsOf, layerOf, LAYERS, MATRIX } from './tidy/layers.ts';
import { blankNonCode, checkSizes, functionsOf } from './tidy/sizes.ts';
import { wrapColumns } from './tidy/wrap.ts';

const HEAD = '// What it is.\n';
const file = (path: string, text: string): SourceFile => ({ path, text });
const rules = (path: string, text: string): string[] =>
  tidy([file(path, text)], () => true).map(({ line, rule }) => `${line} ${rule}`);

describe('layers', () => {
  it.each([
    ['src/ui/a.ts', '../api/index.ts', true], ['src/ui/a.ts', '../emu/machine.ts', false],
    ['src/emu/a.ts', '../api/index.ts', false], ['src/api/index.ts', '../emu/machine.ts', true],
    ['isa/alu.isa.ts', '../tools/x.ts', false], ['isa/alu.isa.ts', './row.ts', true],
    ['wasm/dev/uart.ts', '../bus/device', true], ['wasm/dev/uart.ts', '../cpu/smp', false],
    ['wasm/bus/pio.ts', '../dev/uart', false], ['wasm/uop/arith.ts', '../cpu/state', true],
    ['wasm/uop/arith.ts', '../mmu/access', false], ['wasm/jit/emit.ts', '../interp/loop', true],
    ['wasm/jit/emit.ts', '../dev/uart', false],
    ['wasm/interp/loop.ts', '../jit/emit', false], ['wasm/board.ts', './dev/uart', true],
    ['src/ui/a.ts', '../../../elsewhere/x.ts', false],
    ['wasm/dev/uart.test.ts', '../cpu/smp', true], ['src/emu/a.test.ts', '../ui/main.ts', false],
  ])('%s importing %s is allowed: %s', (path, target, allowed) => {
    const found = rules(path, `${HEAD}import { x } from '${target}';\n`);
    expect(found).toEqual(allowed ? [] : ['2 layers']);
  });

  it('sees every way to import, and no comment', () => {
    const text = `import a from './a';\nexport * from './b';\nimport './c';\nconst d = await import('./d');\n`
      + `new Worker(new URL('./e.ts', import.meta.url));\nimport {\n  f,\n} from './f';\n// import './no';\n/* import './no' */\n`;
    expect(importsOf(text).map(({ target, line }) => `${target}@${line}`))
      .toEqual(['./a@1', './b@2', './c@3', './d@4', './e.ts@5', './f@8']);
  });

  it('wants a place for every folder, and an existing target', () => {
    expect(rules('attic/a.ts', HEAD)).toEqual(['1 layers']);
    expect(tidy([file('src/ui/a.ts', `${HEAD}import '../api/index.ts';\n`)], () => false)).toHaveLength(1);
  });

  it('knows every layer that it names', () => {
    const layers = new Set(LAYERS.map(([, layer]) => layer));
    for (const [layer, targets] of Object.entries(MATRIX)) {
      for (const name of [layer, ...targets]) expect(layers).toContain(name);
    }
    for (const layer of layers) expect(Object.keys(MATRIX)).toContain(layer);
    expect(layerOf('wasm/cpu/state')).toBe('cpu-leaf');
    expect(layerOf('wasm/cpu/lapic/icr.ts')).toBe('cpu');
  });
});

describe('sizes', () => {
  const body = (lines: number): string => '  x();\n'.repeat(lines);

  it('finds functions, arrows, methods and accessors with their lines', () => {
    const text = `function one<T>(a: T): void {\n  if (a) {\n  }\n}\nconst two = (x: number): number => {\n  return x;\n};\n`
      + `class C {\n  async three(): Promise<void> {\n  }\n  get four(): number {\n    return 1;\n  }\n  #five(): void {}\n}\n`;
    expect(functionsOf(text).map(({ name, first, last }) => `${name} ${first}-${last}`)).toEqual(
      ['one 1-4', 'two 5-7', 'three 9-10', 'four 11-13', '#five 14-14']);
  });

  it('is not led astray by braces in strings, templates, regular expressions and comments', () => {
    const text = `function a() {\n  const s = '{' + "}" + \`\${ { b: '}' }.b }{\`; // }\n`
      + '  /* } */ const r = /[}/]{2}\\//g;\n  return 6 / 2;\n}\n';
    expect(functionsOf(text)).toEqual([{ name: 'a', first: 1, last: 5 }]);
    expect(blankNonCode(text).split('\n')).toHaveLength(text.split('\n').length);
  });

  it('allows 70 lines in a function and refuses 71', () => {
    expect(rules('tools/a.ts', `${HEAD}function f() {\n${body(68)}}\n`)).toEqual([]);
    expect(rules('tools/a.ts', `${HEAD}function f() {\n${body(69)}}\n`)).toEqual(['2 function size']);
  });

  it('allows 600 lines in a file and refuses 601; generated files are exempt', () => {
    expect(rules('tools/a.ts', HEAD + body(599))).toEqual([]);
    expect(rules('tools/a.ts', HEAD + body(600))).toEqual(['601 file size']);
    expect(rules('wasm/gen/a.ts', HEAD + body(600))).toEqual([]);
  });

  it('limits columns, in tables later', () => {
    const wide = `const a = ${'1'.repeat(110 - 11)};`;
    expect(checkSizes(file('tools/a.ts', `${HEAD}${wide}\n`))).toEqual([]);
    expect(checkSizes(file('tools/a.ts', `${HEAD}${wide} \n`))).toHaveLength(1);
    expect(checkSizes(file('tools/a.ts', `${HEAD}  [${'1, '.repeat(43)}],\n`))).toEqual([]);
    expect(checkSizes(file('tools/a.ts', `${HEAD}  [${'1, '.repeat(46)}],\n`))).toHaveLength(1);
  });

  it('wants an opening comment', () => {
    expect(rules('tools/a.ts', 'export const x = 1;\n')).toEqual(['1 opening comment']);
    expect(rules('tools/a.mjs', '#!/usr/bin/env node\n// What it is.\n')).toEqual([]);
  });
});

describe('forbidden', () => {
  it.each([
    ['src/ui/a.test.ts', 'it.skip("x", () => {});', 'skipped test'], ['src/ui/a.test.ts', 'describe.only("x");', 'skipped test'],
    ['tools/a.ts', 'const p = "/home/someone/x";', 'path of one computer'], ['docs/a.md', 'see /work/notes', 'path of one computer'],
    ['README.md', '<<<<<<< ours', 'merge mark'], ['tools/a.ts', 'x(); ', 'blanks'], ['tools/a.ts', '\tx();', 'blanks'],
    ['wasm/lib/a.ts', 'atomic.fence();', 'fence'], ['src/emu/a.ts', 'document.title = "x";', 'DOM'],
  ])('%s: %s', (path, text, rule) => {
    expect(rules(path, `${HEAD}${text}\n`)).toContain(`2 ${rule}`);
  });

  it('leaves alone what only looks like it', () => {
    expect(rules('tools/a.ts', `${HEAD}const u = 'https://x.test/work/a', v = 'a/home/b';\n`)).toEqual([]);
    expect(rules('wasm/lib/a.ts', `${HEAD}// atomic.fence() is deleted.\n`)).toEqual([]);
    expect(rules('src/ui/a.ts', `${HEAD}document.title = 'x';\n`)).toEqual([]);
  });
});

describe('wrapColumns', () => {
  const words = 'word '.repeat(30).trim();

  it('wraps long comments and keeps their words and prefix', () => {
    const wrapped = wrapColumns(`  // ${words}\n  x();\n`);
    expect(wrapped.split('\n').every((line) => line.length <= 110)).toBe(true);
    expect(wrapped.replace(/\n {2}\/\/ /g, ' ')).toBe(`  // ${words}\n  x();\n`);
  });

  it('wraps import lists and docs', () => {
    const names = Array.from({ length: 20 }, (_unused, i) => `name${i}`).join(', ');
    expect(wrapColumns(`import { ${names} } from './a';\n`)).toContain('} from \'./a\';');
    expect(wrapColumns(`  /** ${words} */\n`).split('\n').every((line) => line.length <= 110)).toBe(true);
    expect(wrapColumns(`import { ${names} } from './a';\n`).replace(/\s+/g, ' '))
      .toBe(`import { ${names}, } from './a'; `);
  });

  it('leaves tables, long sentences and short lines alone', () => {
    const text = `// | a | ${words} |\nconst x = '${words.slice(0, 100)}';\n// short\n`;
    expect(wrapColumns(text)).toBe(text);
  });

  it('breaks code at its outermost commas and operators and changes nothing else', () => {
    const call = `  const result = compute(${Array.from({ length: 12 }, (_unused, i) => `argument${i}(a, b)`).join(', ')});`;
    const test = `  if (${Array.from({ length: 9 }, (_unused, i) => `condition${i} == ','`).join(' && ')}) return 1;`;
    for (const line of [call, test]) {
      const wrapped = wrapColumns(`${line}\n`);
      expect(wrapped.split('\n').every((part) => part.length <= 110)).toBe(true);
      expect(wrapped.replace(/\s+/g, ' ')).toBe(`${line}\n`.replace(/\s+/g, ' '));
    }
  });

  it('moves a comment from behind code above it', () => {
    const wrapped = wrapColumns(`  call(a, b); // ${'word '.repeat(25).trim()}\n`);
    expect(wrapped.split('\n').at(-2)).toBe('  call(a, b);');
    expect(wrapped.startsWith('  // word')).toBe(true);
  });
});
