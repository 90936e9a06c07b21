// The module around the functions of translated regions (WebAssembly core specification 2.0, section 5, and
// "Branch Hinting" for metadata.code.branch_hint). The core emits bodies and hints (wasm/jit/bytes.ts); what
// is the same for all stands here. Several functions share a module, because an instance and its pages of
// code cost the host more than a function does.

/** A function's entry in the code section, length first; its hints, as the hint section has them per function. */
export interface RegionFunction { body: Uint8Array; hints: Uint8Array }

/**
 * Functions of the core, (i32, i32) -> i32, by the names of its exports; in the order of bytes.ts `Import`.
 */
const FUNCTIONS = ['jitCond', 'jitCore', 'jitHelp', 'jitExact'];
/** x87 arithmetic, (i32, i64, i32, i64) -> i64. */
const X87_FUNCTIONS = ['f80Add', 'f80Sub', 'f80Mul', 'f80Div', 'f80CompareSignaling', 'f80CompareQuiet',
  'f80SqrtOf', 'f80RoundOf', 'f80ToDouble', 'f80ToSingle', 'f80ToInteger'];
/** In the order of bytes.ts `Global`. */
const X87_GLOBALS = ['f80SE', 'f80Exc', 'f80CW', 'f80NarrowDenormal'];
const FIRST_OWN = FUNCTIONS.length + X87_FUNCTIONS.length;
const MEMORY_PAGES = 65536;

const enum Section { CUSTOM = 0, TYPE = 1, IMPORT = 2, FUNCTION = 3, EXPORT = 7, CODE = 10 }
const enum Kind { FUNCTION = 0, MEMORY = 2, GLOBAL = 3 }
const I32 = 0x7F;
const I64 = 0x7E;
const FUNCTION_TYPE = 0x60;
const SHARED_WITH_MAXIMUM = 3;
const MUTABLE = 1;

type Bytes = readonly (number | Uint8Array)[];

/** Unsigned LEB128. */
function uleb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7F) | 0x80);
  }
}

const lengthOf = (bytes: Bytes): number =>
  bytes.reduce((sum: number, b) => sum + (typeof b === 'number' ? 1 : b.length), 0);
const section = (id: Section, content: Bytes): Bytes => [id, ...uleb(lengthOf(content)), ...content];
const text = (value: string): number[] => [...uleb(value.length), ...new TextEncoder().encode(value)];
const vector = (items: readonly Bytes[]): Bytes => [...uleb(items.length), ...items.flat()];

const imported = (name: string, ...kind: number[]): Bytes => [...text('env'), ...text(name), ...kind];
const PREFIX: Bytes = [
  ...[0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0],
  ...section(Section.TYPE, vector([
    [FUNCTION_TYPE, 2, I32, I32, 1, I32],
    [FUNCTION_TYPE, 4, I32, I64, I32, I64, 1, I64],
  ])),
  ...section(Section.IMPORT, vector([
    imported('memory', Kind.MEMORY, SHARED_WITH_MAXIMUM, ...uleb(0), ...uleb(MEMORY_PAGES)),
    ...FUNCTIONS.map((name) => imported(name, Kind.FUNCTION, 0)),
    ...X87_FUNCTIONS.map((name) => imported(name, Kind.FUNCTION, 1)),
    ...X87_GLOBALS.map((name) => imported(name, Kind.GLOBAL, I32, MUTABLE)),
  ])),
];

/** Name under which a module exports its function number n. */
export const exportName = (n: number): string => `f${n}`;

/** The binary module that exports these functions. The same functions give the same bytes. */
export function regionModule(functions: readonly RegionFunction[]): Uint8Array<ArrayBuffer> {
  const all: Bytes = [
    ...PREFIX,
    ...section(Section.FUNCTION, vector(functions.map(() => [0]))),
    ...section(Section.EXPORT,
      vector(functions.map((_, n) => [...text(exportName(n)), Kind.FUNCTION, ...uleb(FIRST_OWN + n)]))),
    ...section(Section.CUSTOM, [...text('metadata.code.branch_hint'),
      ...vector(functions.map(({ hints }, n) => [...uleb(FIRST_OWN + n), hints]))]),
    ...section(Section.CODE, vector(functions.map(({ body }) => [body]))),
  ];
  const module = new Uint8Array(lengthOf(all));
  let at = 0;
  for (const bytes of all) {
    if (typeof bytes === 'number') module[at++] = bytes;
    else {
      module.set(bytes, at);
      at += bytes.length;
    }
  }
  return module;
}

/** What the core has instead where regions are checked (wasm/jit/check.ts). */
const CHECKED: Record<string, string> = { jitCore: 'jitCoreChecked', jitHelp: 'jitHelpChecked' };

/** What such a module imports, from the exports of the core; `checked`: of one that checks regions. */
export function regionImports(memory: WebAssembly.Memory, core: Record<string, unknown>, checked: boolean):
{ env: Record<string, never> } {
  const names = [...FUNCTIONS, ...X87_FUNCTIONS, ...X87_GLOBALS];
  const of = (name: string): unknown => core[checked ? CHECKED[name] ?? name : name];
  const env = { memory, ...Object.fromEntries(names.map((name) => [name, of(name)])) };
  return { env: env as unknown as Record<string, never> };
}
