// Writes src/emu/generated-layout.ts, the TypeScript twin of the core's memory map: the constants of
// wasm/lib/layout.ts and the offset enums of lib/control.ts, cpu/inbox.ts and lib/ring.ts. `--check` compares
// instead of writing. Understands only what those files promise: `export const NAME: u32 = expression;` over
// earlier names and literals, and `const enum` members with an optional constant value. Anything else in
// those two shapes is an error.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const OUTPUT = new URL('src/emu/generated-layout.ts', ROOT);

/** Source files in order of dependence; a missing optional one is skipped. */
const SOURCES: { path: string; enums: readonly string[] | 'all' }[] = [
  { path: 'wasm/lib/layout.ts', enums: 'all' },
  { path: 'wasm/lib/control.ts', enums: ['Control', 'Option', 'MachineEnd'] },
  { path: 'wasm/cpu/inbox.ts', enums: ['Request', 'Inbox'] },
  { path: 'wasm/cpu/state.ts', enums: ['RunState'] },
  { path: 'wasm/lib/ring.ts', enums: 'all' },
  { path: 'wasm/lib/log.ts', enums: 'all' },
  { path: 'wasm/bus/device.ts', enums: ['Board', 'Chip'] },
  { path: 'wasm/dev/vga/render.ts', enums: ['Frame', 'ScreenMode', 'Phase', 'Rendered'] },
  { path: 'wasm/bus/block.ts', enums: 'all' },
  { path: 'wasm/lib/profile.ts', enums: 'all' },
  { path: 'wasm/jit/exits.ts', enums: ['Exit'] },
  { path: 'wasm/lib/check-report.ts', enums: 'all' },
];

/** Fields of class Cpu that the host reads. */
const CPU_FIELDS = ['rip', 'instructions', 'haltedNs'];

export interface Scope { constants: Map<string, number>; enums: Map<string, Map<string, number>> }

/** Value of a constant expression: numbers, names already known, + - * / % << >> & | and parentheses. */
export function evaluate(expression: string, scope: Scope): number {
  let text = expression.replace(/<(u|i)(8|16|32|64|size)>/g, '').trim();
  text = text.replace(/\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b/g, (whole, name: string, member: string) => {
    const value = scope.enums.get(name)?.get(member);
    if (value === undefined) throw new Error(`unknown enum member ${whole} in "${expression}"`);
    return String(value);
  });
  text = text.replace(/\b(?!0x)[A-Za-z_]\w*\b/g, (name) => {
    const value = scope.constants.get(name);
    if (value === undefined) throw new Error(`unknown name ${name} in "${expression}"`);
    return String(value);
  });
  if (!/^[\d\sxXa-fA-F+\-*/%<>&|()~_]+$/.test(text)) throw new Error(`not a constant expression: "${expression}"`);
  const value = Number(new Function(`return (${text});`)());
  if (!Number.isInteger(value)) throw new Error(`"${expression}" is not an integer`);
  return value;
}

function stripComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}

/**
 * Adds the constants and the named enums of one source text to the scope; returns what it added, in order.
 */
export function collect(source: string, wanted: readonly string[] | 'all', scope: Scope): string[] {
  const added: string[] = [];
  const text = stripComments(source);
  const pattern = new RegExp([/export const enum (\w+)\s*\{([^}]*)\}/.source,
    /export const (\w+)\s*:\s*(?:u32|i32|usize)\s*=\s*([^;]+);/.source].join('|'), 'g');
  for (const match of text.matchAll(pattern)) {
    const [, enumName, body, name, expression] = match;
    if (enumName !== undefined) {
      if (wanted !== 'all' && !wanted.includes(enumName)) continue;
      scope.enums.set(enumName, parseEnum(body ?? '', scope));
      added.push(enumName);
    } else if (name !== undefined) {
      // Expressions over the core's functions or memory.data are not constants of the map.
      if (/\bmemory\b|\(\s*\)|\bsizeof\b|\boffsetof\b/.test(expression ?? '')) continue;
      scope.constants.set(name, evaluate(expression ?? '', scope));
      added.push(name);
    }
  }
  return added;
}

function parseEnum(body: string, scope: Scope): Map<string, number> {
  const members = new Map<string, number>();
  let next = 0;
  for (const part of body.split(',')) {
    const [name = '', expression] = part.split('=').map((word) => word.trim());
    if (name === '') continue;
    const value: number = expression === undefined ? next : evaluate(expression, {
      constants: new Map([...scope.constants, ...members]), enums: scope.enums });
    members.set(name, value);
    next = value + 1;
  }
  return members;
}

function hex(value: number): string {
  return value < 0 || value > 9 ? `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16).toUpperCase()}`
    : `${value}`;
}

const FIELD_BYTES: Record<string, number> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, i64: 8, f64: 8 };

/**
 * Byte offsets of the fields of an @unmanaged class, each aligned to its size as the compiler lays them out.
 */
export function fieldOffsets(source: string, className: string): Map<string, number> {
  const body = new RegExp(`class ${className} \\{([^}]*)\\}`).exec(stripComments(source))?.[1];
  if (body === undefined) throw new Error(`no class ${className}`);
  const offsets = new Map<string, number>();
  let next = 0;
  for (const [, name = '', type = ''] of body.matchAll(/(\w+)\s*:\s*(\w+)\s*;/g)) {
    const bytes = FIELD_BYTES[type];
    if (bytes === undefined) throw new Error(`field ${className}.${name} has the unknown type ${type}`);
    const at = Math.ceil(next / bytes) * bytes;
    offsets.set(name, at);
    next = at + bytes;
  }
  return offsets;
}

export function generate(read: (path: string) => string | undefined): string {
  const scope: Scope = { constants: new Map(), enums: new Map() };
  const lines = ['// Generated by tools/layout from the core\'s memory map. Do not edit: npm run gen:layout.',
    ''];
  for (const { path, enums } of SOURCES) {
    const source = read(path);
    if (source === undefined) continue;
    lines.push(`// ${path}`);
    for (const name of collect(source, enums, scope)) {
      const members = scope.enums.get(name);
      if (members === undefined) {
        lines.push(`export const ${name} = ${hex(scope.constants.get(name) ?? 0)};`);
      } else {
        lines.push(`export const ${name} = {`);
        for (const [member, value] of members) lines.push(`  ${member}: ${hex(value)},`);
        lines.push('} as const;');
      }
    }
    lines.push('');
  }
  const state = read('wasm/cpu/state.ts');
  if (state !== undefined) {
    lines.push('// Fields of class Cpu (wasm/cpu/state.ts), from the start of a CPU block.',
      'export const CpuField = {');
    for (const [name, offset] of fieldOffsets(state, 'Cpu')) {
      if (CPU_FIELDS.includes(name)) lines.push(`  ${name}: ${hex(offset)},`);
    }
    lines.push('} as const;', '');
  }
  return lines.join('\n');
}

function main(): void {
  const read = (path: string): string | undefined => {
    const url = new URL(path, ROOT);
    return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
  };
  const text = generate(read);
  const current = existsSync(OUTPUT) ? readFileSync(OUTPUT, 'utf8') : '';
  if (process.argv.includes('--check')) {
    if (text === current) return;
    process.stderr.write('src/emu/generated-layout.ts is out of date: run npx tsx tools/layout/main.ts\n');
    process.exitCode = 1;
  } else if (text !== current) {
    writeFileSync(OUTPUT, text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
