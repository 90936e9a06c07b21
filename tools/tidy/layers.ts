// The floor plan as a table: which folder may import from which. A folder that the table does not know is an
// error, so that a new one gets its place by decision. Inside wasm/ the bus reaches chips by function index,
// never by import.

import { posix } from 'node:path';
import type { Finding } from '../tidy.ts';

export interface ImportLine {
  target: string;
  line: number;
}

/** Longest prefix wins. A layer may always import from itself. */
export const LAYERS: readonly (readonly [prefix: string, layer: string])[] = [
  ['isa/', 'isa'],
  ['wasm/lib/', 'lib'], ['wasm/cpu/state', 'cpu-leaf'], ['wasm/cpu/flags', 'flags'], ['wasm/cpu/', 'cpu'],
  // A task switch is part of interrupt delivery, which is the processor's.
  ['wasm/interp/task', 'cpu'],
  ['wasm/decode/record', 'record'], ['wasm/uop/', 'uop'], ['wasm/fpu/', 'fpu'], ['wasm/mmu/', 'mmu'], ['wasm/decode/', 'decode'],
  ['wasm/interp/', 'interp'], ['wasm/jit/', 'jit'], ['wasm/bus/', 'bus'], ['wasm/dev/', 'dev'],
  // The board as a test bench: the core's test build and the program that drives it.
  ['wasm/dev/testing/', 'board-testing'],
  ['wasm/unpack/', 'unpack'],
  ['wasm/gen/', 'gen'], ['wasm/board.ts', 'board'], ['wasm/', 'main'],
  ['src/emu/generated-', 'layout'], ['src/emu/', 'emu'], ['src/api/', 'api'], ['src/ui/', 'ui'],
  ['bin/', 'bin'], ['tools/', 'tools'], ['bench/', 'bench'], ['e2e/', 'e2e'], ['tests/', 'tests'], ['public/', 'public'],
];

const CORE = ['lib', 'cpu-leaf', 'flags', 'record', 'cpu', 'uop', 'fpu', 'mmu', 'decode', 'bus'] as const;

/** What each layer may import besides itself. */
export const MATRIX: Readonly<Record<string, readonly string[]>> = {
  isa: [],
  lib: [],
  'cpu-leaf': ['lib'],
  // Writing EFLAGS.AC selects another bank of the TLB.
  flags: ['lib', 'cpu-leaf', 'mmu'],
  unpack: ['lib'],
  uop: ['lib', 'cpu-leaf', 'flags', 'fpu'],
  fpu: ['lib', 'cpu-leaf'],
  bus: ['lib', 'cpu-leaf', 'cpu'],
  dev: ['lib', 'bus'],
  cpu: ['lib', 'cpu-leaf', 'flags', 'record', 'bus', 'mmu'],
  mmu: ['lib', 'cpu-leaf', 'flags', 'record', 'cpu', 'bus'],
  record: ['lib', 'cpu-leaf'],
  decode: ['lib', 'cpu-leaf', 'record', 'cpu', 'mmu', 'gen'],
  interp: [...CORE, 'gen'],
  jit: [...CORE, 'interp', 'gen'],
  gen: [...CORE, 'interp'],
  board: ['lib', 'cpu-leaf', 'cpu', 'bus', 'dev'],
  'board-testing': ['lib', 'cpu-leaf', 'cpu', 'bus', 'dev', 'board', 'main', 'layout'],
  main: [...CORE, 'unpack', 'interp', 'jit', 'gen', 'dev', 'board'],
  layout: [],
  emu: ['layout'],
  api: ['emu', 'layout'],
  ui: ['api'],
  bin: ['api', 'emu', 'layout', 'tools', 'bench'],
  bench: ['api', 'emu', 'layout', 'tools'],
  tools: ['isa', 'emu', 'layout', 'api'],
  e2e: ['tools'],
  public: [],
  tests: ['tools', 'emu', 'layout', 'api'],
};

export function layerOf(path: string): string | undefined {
  let best: readonly [string, string] | undefined;
  for (const entry of LAYERS) {
    if (path.startsWith(entry[0]) && (best === undefined || entry[0].length > best[0].length)) best = entry;
  }
  return best?.[1];
}

/** Tests and what only they use: test entries of the core, generators of cases. */
const TEST_SUPPORT = /\.test\.m?[jt]s$|\/testing\/|\/(silicon|check)-[^/]*$|-(check|entry|cases)\.ts$/;

/** Static and dynamic imports, exports from, and URLs by which workers are loaded; comments do not count. */
export function importsOf(text: string): ImportLine[] {
  const out: ImportLine[] = [];
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/.*$/gm, '$1');
  const patterns = [
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm, /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g, /new URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g,
  ];
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const at = (match.index ?? 0) + match[0].length;
      out.push({ target: match[1] ?? '', line: code.slice(0, at).split('\n').length });
    }
  }
  return out.sort((a, b) => a.line - b.line);
}

/**
 * `exists` is asked for relative targets. Tests may import anything below the layer's own reach, and helpers
 * of tools.
 */
export function checkImports(
  path: string, imports: readonly ImportLine[], exists: (target: string) => boolean): Finding[] {
  if (!path.includes('/')) return [];
  const layer = layerOf(path);
  if (layer === undefined) {
    const text = 'this folder has no place in the matrix of tools/tidy/layers.ts';
    return [{ path, line: 1, rule: 'layers', text }];
  }
  const isTest = TEST_SUPPORT.test(path);
  const findings: Finding[] = [];
  for (const { target, line } of imports) {
    if (!target.startsWith('.')) continue;
    const full = posix.join(posix.dirname(path), target);
    if (full.startsWith('..')) {
      findings.push({ path, line, rule: 'layers', text: `${target} is outside the project` });
      continue;
    }
    const other = layerOf(full);
    // Files of the build and of the root (package.json, build/skep.wasm) have no layer.
    if (other === undefined || other === layer) continue;
    if (isTest && (path.startsWith('wasm/') || ['tools', 'bin', 'isa', 'layout'].includes(other))) continue;
    if (!(MATRIX[layer] ?? []).includes(other)) {
      findings.push({ path, line, rule: 'layers', text: `${layer} may not import ${other} (${target})` });
    } else if (!exists(target.replace(/\.js$/, '.ts')) && !exists(target)) {
      findings.push({ path, line, rule: 'layers', text: `${target} does not exist` });
    }
  }
  return findings;
}
