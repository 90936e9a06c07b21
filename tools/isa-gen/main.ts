// Generator of everything that follows from the instruction table: `npx tsx tools/isa-gen/main.ts` writes,
// `--check` compares.

import { existsSync, mkdirSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadRows } from '../../isa/index.ts';
import { HOT, HOT_LEGACY } from '../../isa/hot.ts';
import { decodeRow } from './encoding.ts';
import { type Form, expand } from './forms.ts';
import { findSymbols } from './symbols.ts';
import { type TableRow, buildTables } from './tables.ts';
import { emitCold, emitDecodeTables, emitHandlerIndex } from './emit.ts';
import { FIRST_HOT, LEGACY, NATURAL, SNIPPETS, emitHot } from './emit-hot.ts';
import { emitLowering } from './emit-lowering.ts';
import { emitForms, emitNames, emitTable } from './emit-docs.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Functions that every build has, whatever the table says. */
const FIXED = ['hUndefined', 'hTooLong'];

/** The operand size of a branch masks its target: flat 32-bit code has 32-bit ones alone. */
const isBranch = (form: Form): boolean => /^h(Call|Ret|Jmp|Jcc)/.test(form.handler ?? '');

async function generate(): Promise<Map<string, string>> {
  const symbols = findSymbols(ROOT);
  const decoded = (await loadRows()).map(decodeRow);
  const missing = new Set<string>();
  const forms = new Map<string, Form>();
  for (const name of FIXED) {
    forms.set(name, { name, handler: name, places: [], bytes: 0, lock: false, generic: false,
      privileged: false });
  }
  const rows = decoded.map((d) => ({ ...d, forms: expand(d, symbols) }));
  const known = (form: Form): boolean => {
    const wanted = form.uop ?? form.handler!;
    if (symbols.has(wanted)) return true;
    missing.add(wanted);
    return false;
  };
  for (const row of rows) for (const form of row.forms.forms) if (form && known(form)) forms.set(form.name,
    form);
  if (missing.size) console.warn(`isa-gen: not written yet, #UD for now: ${[...missing].sort().join(' ')}`);

  const ordered = [...forms.values()];
  const functionOf = new Map(ordered.map((form, n) => [form.name, n]));
  const listed = (name: string): Form => {
    const form = forms.get(name);
    if (!form) throw new Error(`isa/hot.ts: no form '${name}'`);
    return form;
  };
  const hotForms = HOT.map(listed);
  const legacyForms = HOT_LEGACY.map(listed);
  const hotOf = new Map([
    ...hotForms.map((form, n): [string, number] =>
      [form.name, (FIRST_HOT + n) | (SNIPPETS[form.name]?.requires ?? 0)]),
    ...legacyForms.map((form, n): [string, number] =>
      [form.name, (FIRST_HOT + HOT.length + n) | LEGACY | (isBranch(form) ? NATURAL : 0)]),
  ]);
  const tableRows: TableRow[] = rows.map((row) => ({
    ...row,
    hot: row.forms.forms.map((f) => (f ? hotOf.get(f.name) ?? null : null)),
    functions: row.forms.forms.map((f) => (f ? functionOf.get(f.name) ?? 0 : 0)),
  }));

  const once = new Set(rows.filter((row) => row.row.once).flatMap((row) =>
    row.forms.forms.flatMap((form) => (form ? [form.name] : []))));

  const out = new Map<string, string>();
  out.set('wasm/gen/decode-tables.ts', emitDecodeTables(buildTables(tableRows, ordered)));
  for (const [file, text] of emitCold(ordered, symbols)) out.set(file, text);
  out.set('wasm/gen/handler-index.ts', emitHandlerIndex(ordered, symbols, once));
  for (const [file, text] of emitHot(hotForms, legacyForms, symbols)) out.set(file, text);
  out.set('src/emu/generated-forms.ts', emitForms(ordered.map((form) => form.name), [...HOT, ...HOT_LEGACY],
    FIRST_HOT));
  out.set('wasm/gen/lowering.ts', emitLowering(tableRows));
  out.set('isa/gen/names.ts', emitNames(tableRows));
  out.set('docs/instruction-table.md', emitTable(tableRows));
  return out;
}

function main(files: Map<string, string>): void {
  const check = process.argv.includes('--check');
  let differs = false;
  for (const [file, text] of files) {
    const path = join(ROOT, file);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    differs = true;
    if (check) console.error(`isa-gen: ${file} is not up to date`);
    else {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, text);
    }
  }
  for (const file of readdirSync(join(ROOT, 'wasm/gen'))) {
    if (/^exec-cold-/.test(file) && !files.has(`wasm/gen/${file}`) && !check) unlinkSync(join(ROOT, 'wasm/gen', file));
  }
  if (check && differs) process.exit(1);
}

main(await generate());
