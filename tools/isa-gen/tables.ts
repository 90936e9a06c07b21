// Builds the decoder's tables: opcode → candidate list (split by ModRM digit where needed) → row descriptor →
// form. decode/decoder.ts documents the layouts that are written here.

import { type Decoded, type Operand, isByteRow } from './encoding.ts';
import type { Form, RowForms } from './forms.ts';

/** Immediate kinds (decoder.ts Imm). */
const IMM: Record<string, number> = { '': 0, Ib: 1, Ibs: 2, Iw: 3, Id: 4, Iz: 5, Iv: 6, Iq: 7, Jb: 8, Jz: 9, A: 10, O: 11, 'Iw,Ib': 12 };
/** Register kinds (decoder.ts Kind). */
const enum Kind { NONE = 0, GPR8 = 1, GPR = 2, PLAIN = 3, PLAIN8 = 4 }
/** Row flags (decoder.ts RowFlag). */
const enum RowFlag { BYTE = 1, SIZE64 = 2, FORCED64 = 4, LOCK = 8, ENDS = 16, PREFIX66 = 32, SWAP = 64,
  FORCE_REG = 128 }

export interface TableRow extends Decoded { forms: RowForms; hot: (number | null)[];
  functions: (number | null)[] }

export interface Tables {
  opcode: number[];
  modrm: number[];
  splits: number[];
  conditions: number[];
  candidateRows: number[];
  rows: number[];
  forms: number[];
}

const PREFIX = { any: 0, NP: 1, 66: 2, F3: 3, F2: 4 } as const, NONE_OR_66 = 5;

function condition(d: Decoded): number {
  const e = d.encoding;
  let w: number = e.noRep ? NONE_OR_66 : PREFIX[e.prefix];
  if (e.rm !== undefined) w |= (8 | e.rm) << 3;
  if (d.row.modes) w |= (d.row.modes === '64' ? 1 : 2) << 7;
  if (e.rexW !== undefined) w |= (e.rexW === 1 ? 1 : 2) << 9;
  if (e.opSize) w |= (e.opSize === 16 ? 1 : 2) << 11;
  if (e.addrSize) w |= (e.addrSize === 16 ? 1 : e.addrSize === 32 ? 2 : 3) << 13;
  if (e.vexL !== undefined) w |= (e.vexL === 0 ? 1 : 2) << 15;
  if (e.noRexB) w |= 1 << 17;
  return w;
}

/** More specific rows are tried first. */
function specificity(d: Decoded): number {
  const e = d.encoding;
  const prefix = { any: 0, NP: 1, 66: 2, F3: 3, F2: 3 }[e.prefix];
  return prefix * 100 + (e.rm !== undefined ? 40 : 0) + (e.rexW !== undefined ? 8 : 0) + (e.opSize ? 4 : 0)
    + (e.addrSize ? 4 : 0) +
    (e.noRexB ? 2 : 0) + (d.row.modes ? 1 : 0);
}

function immKind(operands: Operand[], where: string): number {
  const texts = operands.filter((op) => 'IJAO'.includes(op.place)).map((op) => (op.place === 'A' || op.place === 'O' ? op.place : op.text));
  const key = texts.join(',');
  if (key in IMM) return IMM[key]!;
  throw new Error(`${where}: immediate '${key}'`);
}

function registerKind(op: Operand | undefined): Kind {
  if (!op) return Kind.NONE;
  if ('EGZRB'.includes(op.place)) return op.width === 'b' ? Kind.GPR8 : Kind.GPR;
  if (op.place === 'M') return Kind.NONE;
  return 'SPQN'.includes(op.place) || op.place === 'STi' ? Kind.PLAIN8 : Kind.PLAIN;
}

/** Conditional branches and calls go on decoding behind them, and so do what may or may not end the run. */
function endsDecode(d: Decoded): boolean {
  return d.row.jit === 'ends-block' && d.row.cond === undefined && !/^(LOOP|JCXZ|CALL|STI|POPF)/.test(d.row.name);
}

function rowBytes(t: TableRow, formBase: number): number[] {
  const { row, operands, encoding } = t;
  const where = `${row.file}: ${row.name} ${row.enc}`;
  const pick = (places: string): Operand | undefined =>
    operands.find((op) => places.includes(op.place) && op.place.length === 1);
  const isX87 = /^(D[8-9A-F])/.test(row.enc);
  const reg = registerKind(pick('GVPSCD'));
  const rm = registerKind(pick('EWQUNR')) || (encoding.modrm && !pick('M') ? (isX87 ? Kind.PLAIN8 : Kind.PLAIN) : Kind.NONE);
  const z = registerKind(pick('Z'));
  const vex = registerKind(pick('BH'));
  let flags = 0;
  if (isByteRow(operands)) flags |= RowFlag.BYTE;
  if (row.size64 === 'default') flags |= RowFlag.SIZE64;
  if (row.size64 === 'forced') flags |= RowFlag.FORCED64;
  if (row.lock) flags |= RowFlag.LOCK;
  if (endsDecode(t)) flags |= RowFlag.ENDS;
  if (encoding.prefix === '66') flags |= RowFlag.PREFIX66;
  if (t.forms.swap) flags |= RowFlag.SWAP;
  if (operands.some((op) => op.place === 'C' || op.place === 'D')) flags |= RowFlag.FORCE_REG;
  const zReg = z !== Kind.NONE && !operands.some((op) => op.place === 'rAX' || op.place === 'AL') ? 0x80 : 0;
  return [formBase & 0xFF, formBase >> 8, t.forms.kind, immKind(operands, where), reg, rm, z | zReg, vex,
    flags, 0, 0, 0];
}

export const ROW_BYTES = 12;

export function buildTables(rows: TableRow[], forms: Form[]): Tables {
  void forms;
  // All of 0F 38 and 0F 3A have a ModRM, undefined ones too: it is fetched first.
  const escaped = (k: number): number => (k >> 8 === 2 || k >> 8 === 3 ? 1 : 0);
  const t: Tables = { opcode: new Array(7 * 256).fill(0), modrm: Array.from({ length: 7 * 256 }, (_, k) =>
    escaped(k)), splits: [],
    conditions: [0], candidateRows: [0], rows: [], forms: [] };
  const byOpcode = new Map<number, number[]>();
  rows.forEach((row, n) => {
    const base = t.forms.length / 2;
    row.forms.forms.forEach((_, k) => t.forms.push(row.hot[k] ?? 0, row.functions[k] ?? 0));
    t.rows.push(...rowBytes(row, base));
    for (const opcode of row.encoding.opcodes) {
      const key = row.encoding.map * 256 + opcode;
      byOpcode.set(key, [...(byOpcode.get(key) ?? []), n]);
    }
  });
  const lists = new Map<string, number>();
  const list = (members: number[]): number => {
    if (members.length === 0) return 0;
    const ordered = [...members].sort((a, b) => specificity(rows[b]!) - specificity(rows[a]!));
    const key = ordered.join(',');
    const known = lists.get(key);
    if (known !== undefined) return known;
    const start = t.conditions.length;
    refuseTwins(ordered.map((n) => rows[n]!));
    ordered.forEach((n, i) => {
      t.conditions.push((condition(rows[n]!) | (i === ordered.length - 1 ? 0x80000000 : 0)) >>> 0);
      t.candidateRows.push(n);
    });
    lists.set(key, start);
    return start;
  };
  for (const [key, members] of byOpcode) {
    const needsModrm = members.some((n) => rows[n]!.encoding.modrm);
    if (needsModrm) t.modrm[key] = 1;
    const plain = members.every((n) => rows[n]!.encoding.digits.length === 8 && modOf(rows[n]!) === 'any');
    if (plain) {
      t.opcode[key] = list(members);
      continue;
    }
    t.opcode[key] = 0x8000 | (t.splits.length / 16);
    for (const mod of ['m', '3']) {
      for (let digit = 0; digit < 8; digit++) {
        t.splits.push(list(members.filter((n) => {
          const row = rows[n]!;
          return row.encoding.digits.includes(digit) && (modOf(row) === 'any' || modOf(row) === mod);
        })));
      }
    }
  }
  return t;
}

/** Two rows of one opcode must differ in their condition, or the second is never reached. */
function refuseTwins(rows: Decoded[]): void {
  const seen = new Map<number, Decoded>();
  for (const d of rows) {
    const twin = seen.get(condition(d));
    if (twin && twin.row.name !== d.row.name) {
      throw new Error(`${d.row.file} ${d.row.name} ${d.row.enc} hides ${twin.row.file} ${twin.row.name} ${twin.row.enc}`);
    }
    if (twin) console.warn(`isa-gen: twice in the table: ${d.row.name} ${d.row.enc} (${twin.row.file}, ${d.row.file})`);
    seen.set(condition(d), d);
  }
}

/** MOV CR/DR ignore ModRM.mod (SDM vol. 2: "the two bits in the mod field are ignored"). */
function modOf(d: Decoded): 'any' | '3' | 'm' {
  return d.operands.some((op) => op.place === 'C' || op.place === 'D') ? 'any' : d.encoding.mod;
}


