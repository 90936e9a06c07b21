// Writes the translator's lowering map: for every row that wasm/jit lowers natively, what it does and where
// its operands are. Ids are restated in wasm/jit/map.ts.

import type { Decoded } from './encoding.ts';
import type { TableRow } from './tables.ts';
import { HEADER } from './emit.ts';
import { floatLowering } from './float-rows.ts';
import { touchesVectors, vectorLowering } from './vector-rows.ts';
import { x87Lowering } from './x87-rows.ts';

/** Lower in wasm/jit/map.ts. */
const UOPS: Record<string, number> = {
  mov: 1, movzx: 2, movsx: 3, add: 4, or: 5, and: 6, sub: 7, xor: 8, inc: 9, dec: 10, neg: 11, not: 12,
    imul: 13, shl: 14,
  shr: 15, sar: 16, cmovcc: 17, setcc: 18, rol: 33, ror: 34, bswap: 35, adc: 46, sbb: 47,
  bts: 111, btr: 112, btc: 113, bsf: 114, bsr: 115, andn: 116, tzcnt: 117, lzcnt: 118, popcnt_: 119,
  shld: 120, shrd: 121, blsr: 124, blsmsk: 125, blsi: 126, bzhi: 127, shlx: 128, shrx: 129, sarx: 130,
  rorx: 131,
};
const HANDLERS: Record<string, number> = {
  hLea: 21, hJcc: 22, hJmp: 23, hNop: 24, hPushR: 25, hPushI: 26, hPopR: 27, hLeave: 28, hCall: 29, hRet: 30,
    hRetI: 30,
  hCallE: 31, hJmpE: 32, hCbw: 36, hCwd: 37, hXchg: 48, hXadd: 49, hCmpxchg: 50,
  hMul: 122, hImul: 123, hDiv: 132, hIdiv: 133, hMulx: 134,
  hCli: 100, hSti: 101, hSwapgs: 102, hPushE: 103, hPushf: 104, hStac: 105, hClac: 106, hMovFromSeg: 107,
  hRdtsc: 108, hBt: 110, hBts: 111, hBtr: 112, hBtc: 113,
};
/** uops of shape `read`: CMP, TEST, BT. */
const READS: Record<string, number> = { sub: 19, and: 20, bt: 110 };

/**
 * Place in wasm/jit/map.ts, by operand letters without their widths (an implied accumulator arrives like Z).
 */
const PLACES: Record<string, number> = {
  'E,G': 1, 'G,E': 2, 'E,I': 3, 'Z,I': 3, 'rAX,I': 3, 'AL,I': 3, E: 4, Z: 4, 'E,CL': 5, 'E,1': 6, 'G,E,I': 7, 'G,M': 8, 'M,G': 1,
  'E,G,CL': 10, 'E,G,I': 11, 'G,B,E': 12, 'G,E,B': 12, 'B,E': 12,
  'rAX,O': 2, 'AL,O': 2, 'O,rAX': 1, 'O,AL': 1,
};
const NO_PLACE = 9;
const SOURCE_WIDTHS: Record<string, number> = { b: 1, w: 2, d: 3 };

/** Class in wasm/jit/map.ts: the interpreter's handler in line, and the block ends behind it or not. */
const CLASS_HELPER = 1, CLASS_ENDS = 2;
/** May change the interrupt flag or the TLB bank, but neither code nor mode: the block goes on. */
const GOES_ON = new Set(['hCli', 'hSti', 'hClac', 'hStac', 'hPopf', 'hClts']);
/** These drop translations, of code too. */
const ENDS = new Set(['hInvlpg']);
/** Registers that a handler uses without naming them in an operand. */
const IMPLICIT = /^(MASKMOV|PCMP[EI]STR|FX|XSAVE|XRSTOR|LDMXCSR|STMXCSR)/;
const GENERAL = /^([EGZRBO]|AL|AX|rAX|CL|DX)/;

/**
 * Touches vector or x87 registers and memory only: neither general registers (but in its address) nor flags.
 */
function isPure(row: TableRow['row']): boolean {
  if (!/^(mmx|sse-int|sse-float|crypto|x87)/.test(row.file)) return false;
  if (row.reads !== undefined || row.writes !== undefined || IMPLICIT.test(row.name)) return false;
  return !row.ops.split(',').some((operand) => GENERAL.test(operand));
}

/** Touches no general registers but those that its operands name (and CL), and memory and flags. */
function isPlain(row: TableRow['row']): boolean {
  return /^(alu|shift|bit)/.test(row.file) && row.uop !== undefined && row.handler === undefined
    && row.feature === undefined;
}

/**
 * Handlers that use general registers which their operands do not name, and no others: 1 = those of a string
 * instruction that leaves the arithmetic flags alone, 2 = the pairs of CMPXCHG16B.
 */
const FIXED: Record<string, number> = { hMovs: 1, hStos: 1, hCmpxchg16b: 2 };

function classOf(row: TableRow['row']): number {
  if (ENDS.has(row.handler ?? '')
    || (row.jit === 'ends-block' && !GOES_ON.has(row.handler ?? ''))) return CLASS_ENDS;
  return CLASS_HELPER;
}

/**
 * Bits 0-7 Lower, 8-11 condition, 12-15 Place, 16-17 width of the source when it has one of its own (1 = 8
 * bits, 2, 3), 18-19 class of the handler, 20 pure, 21 plain, 22-23 its fixed registers, 30 the handler may
 * use XMM registers. Of vector rows bits 8-15 are the form, 22-29 the instruction; x87 rows: x87-rows.ts.
 */
function lowering(t: Decoded): number {
  const op = vectorLowering(t.row) || floatLowering(t.row) || native(t);
  const word = op | (classOf(t.row) << 18) | (isPure(t.row) ? 1 << 20 : 0)
    | (isPlain(t.row) ? 1 << 21 : 0) | ((FIXED[t.row.handler ?? ''] ?? 0) << 22) | (touchesVectors(t.row.file) ? 1 << 30 : 0);
  return word + x87Lowering(t);
}

/** Rows with a feature that are as the others: the decoder knows which there are. */
const PLAIN_FEATURES = new Set(['cmovcc', 'mov', 'andn', 'tzcnt', 'lzcnt', 'popcnt_', 'blsr', 'blsmsk',
  'blsi', 'bzhi', 'shlx', 'shrx', 'sarx', 'rorx', 'hMulx', 'hStac', 'hClac', 'hRdtsc']);

/** Handlers whose lowering asks for the place. */
const HAVE_PLACE = new Set(['hLea', 'hBt', 'hBts', 'hBtr', 'hBtc']);

function native({ row }: Decoded): number {
  if (row.feature !== undefined && row.handler !== 'hNop'
    && !PLAIN_FEATURES.has(row.uop ?? row.handler!)) return 0;
  const op = row.handler ? HANDLERS[row.handler] : row.shape === 'read' ? READS[row.uop!] : UOPS[row.uop!];
  if (op === undefined) return 0;
  const operands = row.ops === '' ? [] : row.ops.split(',');
  const letters = operands.map((text) => (/^(AL|CL|rAX)$/.test(text) ? text : text.replace(/[a-z]+$/, '')));
  const place = row.handler && !HAVE_PLACE.has(row.handler) ? NO_PLACE : PLACES[letters.join(',')];
  if (place === undefined) return 0;
  const extends_ = row.uop === 'movzx' || row.uop === 'movsx';
  const source = extends_ ? SOURCE_WIDTHS[operands[1]!.slice(-1)] ?? 0 : 0;
  return op | ((row.cond ?? 0) << 8) | (place << 12) | (source << 16);
}

/** Translated code does it by itself, calls the interpreter's handler, or does that and ends the block. */
export type Translation = 'native' | 'helper' | 'ends-block';
export function translationOf(row: Decoded): Translation {
  const word = lowering(row);
  if (word % 256 !== 0) return 'native';
  return classOf(row.row) === CLASS_ENDS ? 'ends-block' : 'helper';
}

export function emitLowering(rows: TableRow[]): string {
  const values = rows.map(lowering);
  const lines: string[] = [];
  for (let i = 0; i < values.length; i += 16) lines.push(`  ${values.slice(i, i + 16).join(', ')},`);
  return `${HEADER}
/**
 * By row: Lower, condition << 8, Place << 12 (or Vec, Fpu << 8), source width << 16, class << 18, pure << 20,
 * plain << 21, fixed registers or vector instruction << 22, touches XMM << 30, x87 or MMX << 31
 * (wasm/jit/map.ts).
 */
export const LOWERING: usize = memory.data<u32>([
${lines.join('\n')}
]);
`;
}
