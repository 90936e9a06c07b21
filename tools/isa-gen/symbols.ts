// Finds which file of the core exports a uop or handler, so that generated files can import it.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['wasm/uop', 'wasm/interp', 'wasm/cpu'];

export interface SymbolInfo { file: string; generic: boolean; parameters: number }

/** Map of exported function name to its file (relative to wasm/, without `.ts`). */
export function findSymbols(root: string): Map<string, SymbolInfo> {
  const found = new Map<string, SymbolInfo>();
  for (const folder of FOLDERS) {
    let files: string[] = [];
    try { files = readdirSync(join(root, folder)); } catch { continue; }
    for (const file of files.filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts')
      && !f.endsWith('-check.ts') && f !== 'loop.ts').sort()) {
      const text = readFileSync(join(root, folder, file), 'utf8');
      for (const m of text.matchAll(/^export function (\w+)(<[^>]*>)?\s*\(([^)]*)\)/gm)) {
        const path = `${folder.replace(/^wasm\//, '')}/${file.replace(/\.ts$/, '')}`;
        const parameters = m[3]!.split(',').filter((p) => p.trim()).length;
        if (!found.has(m[1]!)) found.set(m[1]!, { file: path, generic: m[2] !== undefined, parameters });
      }
    }
  }
  return found;
}
