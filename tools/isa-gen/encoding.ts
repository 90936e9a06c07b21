// Parses the encoding and operand columns of a row (isa/row.ts has the grammar) and turns a row into what the
// decoder needs: opcode map, match condition, operand kinds, operand widths.

import type { SourcedRow } from '../../isa/index.ts';

/** Opcode maps in table order. */
export const MAPS = ['1', '0F', '0F38', '0F3A', 'VEX.0F', 'VEX.0F38', 'VEX.0F3A'] as const;

export type Prefix = 'any' | 'NP' | '66' | 'F3' | 'F2';

export interface Encoding {
  map: number;
  /** Opcodes (several for +r). */
  opcodes: number[];
  modrm: boolean;
  prefix: Prefix;
  /** ModRM.reg values it matches. */
  digits: number[];
  mod: 'any' | '3' | 'm';
  /** Fixed ModRM.rm. */
  rm?: number;
  rexW?: 0 | 1;
  noRexB: boolean;
  /** F2 and F3 make it undefined. */
  noRep: boolean;
  opSize?: 16 | 32;
  addrSize?: 16 | 32 | 64;
  vexL?: 0 | 1;
  plusR: boolean;
}

const ALL_DIGITS = [0, 1, 2, 3, 4, 5, 6, 7];

export function parseEncoding(text: string): Encoding {
  const e: Encoding = { map: 0, opcodes: [], modrm: false, prefix: 'any', digits: ALL_DIGITS, mod: 'any',
    noRexB: false, noRep: false, plusR: false };
  const bytes: number[] = [];
  let extension = '';
  for (const token of text.trim().split(/\s+/)) {
    let m: RegExpMatchArray | null;
    if (token.startsWith('VEX.')) parseVex(token, e);
    else if (token === 'NP' || ((token === '66' || token === 'F3' || token === 'F2') && bytes.length === 0
      && e.map === 0)) e.prefix = token as Prefix;
    else if (token === 'REX.W' || token === 'W1') e.rexW = 1;
    else if (token === 'W0') e.rexW = 0;
    else if (token === 'REX.B0') e.noRexB = true;
    else if (token === 'NFx') e.noRep = true;
    else if (token === '/r') e.modrm = true;
    else if ((m = token.match(/^\/([0-7])$/))) { e.modrm = true; e.digits = [Number(m[1])]; }
    else if (token === 'mod=3') { e.modrm = true; e.mod = '3'; }
    else if (token === 'mod=m') { e.modrm = true; e.mod = 'm'; }
    else if ((m = token.match(/^OS(16|32)$/))) e.opSize = Number(m[1]) as 16;
    else if ((m = token.match(/^AS(16|32|64)$/))) e.addrSize = Number(m[1]) as 16;
    else if (token === '+r') e.plusR = true;
    else if ((m = token.match(/^([0-9A-F]{2})\+r[bwdqo]?$/))) { bytes.push(parseInt(m[1]!, 16)); e.plusR =
      true; }
    else if ((m = token.match(/^([0-9A-F]{2})\+i$/))) { bytes.push(parseInt(m[1]!, 16)); extension = 'i'; }
    else if (token === '+i') extension = 'i';
    else if (/^[0-9A-F]{2}$/.test(token)) bytes.push(parseInt(token, 16));
    else if (/^(ib|iw|id|io|cb|cw|cd|\/is4)$/.test(token)) continue;
    else throw new Error(`unknown token '${token}' in encoding '${text}'`);
  }
  // A lone prefix byte that turned out to be the opcode (never happens for 66 F2 F3, which are always
  // prefixes).
  splitOpcode(bytes, e);
  if (bytes.length > 1) throw new Error(`too many opcode bytes in '${text}'`);
  if (bytes.length === 1) {
    const fixed = bytes[0]!;
    e.modrm = true;
    e.mod = fixed >= 0xC0 ? '3' : 'm';
    e.digits = [(fixed >> 3) & 7];
    if (extension !== 'i') e.rm = fixed & 7;
  }
  if (e.opcodes.length === 0) throw new Error(`no opcode in '${text}'`);
  return e;
}

function parseVex(token: string, e: Encoding): void {
  e.map = 4;
  e.prefix = 'NP';
  for (const part of token.split('.').slice(1)) {
    if (part === '0F38') e.map = 5;
    else if (part === '0F3A') e.map = 6;
    else if (part === '0F') e.map = 4;
    else if (part === '66' || part === 'F3' || part === 'F2') e.prefix = part;
    else if (part === 'LZ' || part === 'L0' || part === '128') e.vexL = 0;
    else if (part === 'L1' || part === '256') e.vexL = 1;
    else if (part === 'W0') e.rexW = 0;
    else if (part === 'W1') e.rexW = 1;
    else if (!/^(LIG|WIG|NP|NDS|NDD|DDS)$/.test(part)) throw new Error(`unknown VEX part '${part}'`);
  }
}

function splitOpcode(bytes: number[], e: Encoding): void {
  if (e.map === 0 && bytes[0] === 0x0F && bytes.length > 1) {
    bytes.shift();
    const escape = bytes.length > 1 ? bytes.at(0) : undefined;
    e.map = escape === 0x38 ? 2 : escape === 0x3A ? 3 : 1;
    if (e.map !== 1) bytes.shift();
  }
  const opcode = bytes.shift();
  if (opcode === undefined) return;
  e.opcodes = e.plusR ? ALL_DIGITS.map((n) => opcode + n) : [opcode];
}

/** One operand of a row. */
export interface Operand {
  /** Letter, or the whole text for fixed registers and constants. */
  place: string;
  /** b w d q v y z, or '' . */
  width: string;
  text: string;
}

const PLACES = 'EGZMROIJASCDVPWQUNBHXYF';

export function parseOperands(text: string): Operand[] {
  return text.split(',').map((s) => s.trim()).filter(Boolean).map((op): Operand => {
    if (op === 'rAX' || op === 'eAX') return { place: 'rAX', width: 'v', text: op };
    if (op === 'AL') return { place: 'AL', width: 'b', text: op };
    const letter = op[0]!;
    if (PLACES.includes(letter) && /^[A-Z][a-z0-9]*$/.test(op)) {
      const suffix = op.slice(1);
      if (letter === 'I') return { place: 'I', width: suffix, text: op };
      return { place: letter, width: suffix, text: op };
    }
    return { place: op, width: '', text: op };
  });
}

export interface Decoded { row: SourcedRow; encoding: Encoding; operands: Operand[] }

export function decodeRow(row: SourcedRow): Decoded {
  try {
    return { row, encoding: parseEncoding(row.enc), operands: parseOperands(row.ops) };
  } catch (error) {
    throw new Error(`${row.file}: ${row.name} ${row.enc}: ${(error as Error).message}`);
  }
}

const WIDE = /^[vyz]$/;
/** Operands whose width decides the type of a generic instruction. */
export function sizedOperand(operands: Operand[]): Operand | undefined {
  return operands.find((op) => 'EGZMROBXY'.includes(op.place) && op.width !== '' || op.place === 'rAX'
    || op.place === 'AL');
}

/** Byte instruction: its record has operand size 0. */
export function isByteRow(operands: Operand[]): boolean {
  const sized = operands.filter((op) => 'EGZMROXY'.includes(op.place) && op.width !== ''
    || op.place === 'rAX' || op.place === 'AL');
  return sized.length > 0 && sized.every((op) => op.width === 'b');
}

export function isWide(operands: Operand[]): boolean {
  return operands.some((op) => op.place === 'rAX' || WIDE.test(op.width) && op.place !== 'I');
}

/** Bytes of a width letter at operand size log2 `size` (1..3). */
export function widthBytes(width: string, size: number): number {
  switch (width) {
    case 'b': return 1;
    case 'w': return 2;
    case 'd': return 4;
    case 'q': return 8;
    case 'y': return size === 3 ? 8 : 4;
    case 'z': return size === 1 ? 2 : 4;
    default: return 1 << size;
  }
}
