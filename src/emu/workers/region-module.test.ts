// Modules around translated functions: the engine accepts them, each export is its function, and the same
// functions give the same bytes (engines share code by bytes).

import { expect, it } from 'vitest';
import { exportName, regionImports, regionModule, type RegionFunction } from './region-module.ts';

/** (i32, i32) -> i32: `if (second) return n; return n + 1`, with the branch hinted as unlikely. */
function returning(n: number): RegionFunction {
  const code = [0, 0x20, 1, 0x04, 0x40, 0x41, n, 0x0F, 0x0B, 0x41, n + 1, 0x0B];
  return { body: Uint8Array.from([code.length, ...code]), hints: Uint8Array.from([1, 3, 1, 0]) };
}

interface Globals { Global: new (type: { value: 'i32'; mutable: boolean }, value: number) => object }
const { Global } = WebAssembly as unknown as Globals;

/** Exports that stand for the core's, from a module of their own. */
function fakeCore(): Record<string, unknown> {
  const { functions, globals } = importsByKind();
  const env: Record<string, unknown> = {};
  for (const name of functions) env[name] = (): number => 0;
  for (const name of globals) env[name] = new Global({ value: 'i32', mutable: true }, 0);
  return env;
}

function importsByKind(): { functions: string[]; globals: string[] } {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(regionModule([returning(1)])));
  return {
    functions: imports.filter(({ kind }) => kind === 'function').map(({ name }) => name),
    globals: imports.filter(({ kind }) => kind === 'global').map(({ name }) => name),
  };
}

it('exports each function under its number', () => {
  const module = new WebAssembly.Module(regionModule([returning(3), returning(40), returning(7)]));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(module, regionImports(memory, fakeCore(), false));
  const results = [0, 1, 2].map((n) => {
    const call = exports[exportName(n)] as (first: number, second: number) => number;
    return [call(0, 1), call(0, 0)];
  });
  expect(results).toEqual([[3, 4], [40, 41], [7, 8]]);
});

it('gives the same bytes for the same functions, and others for others', () => {
  expect(regionModule([returning(3), returning(4)])).toEqual(regionModule([returning(3), returning(4)]));
  expect(regionModule([returning(3), returning(4)])).not.toEqual(regionModule([returning(4), returning(3)]));
});

it('names functions and globals as the core exports them', () => {
  const { functions, globals } = importsByKind();
  expect(functions).toEqual(expect.arrayContaining(['jitCond', 'jitHelp', 'f80Add', 'f80ToInteger']));
  expect(functions).toHaveLength(15);
  expect(globals).toEqual(['f80SE', 'f80Exc', 'f80CW', 'f80NarrowDenormal']);
});
