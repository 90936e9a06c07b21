// x87 rows for the translator: what wasm/jit/x87-lower.ts does without the interpreter's handler, how a row
// moves the top of the stack, and which rows use x87 or MMX registers. Ids are restated in wasm/jit/map.ts.

import type { Decoded } from './encoding.ts';
import type { TableRow } from './tables.ts';

/** Lower in wasm/jit/map.ts. */
const X87 = 80;
/** Fpu in wasm/jit/map.ts, by handler. */
const FORMS: Record<string, number> = {
  hFldM32: 1, hFldM64: 2, hFldM80: 3, hFldSTi: 4, hX87Constant: 5, hFildM16: 6, hFildM32: 7, hFildM64: 8,
  hFstM32: 9, hFstM64: 10, hFstpM80: 11, hFstSTi: 12, hFistM16: 13, hFistM32: 14, hFistM64: 15, hFxch: 16,
  hX87ArithM32: 17, hX87ArithM64: 18, hX87ArithI32: 19, hX87ArithI16: 20, hX87ArithST0: 21, hX87ArithSTi: 22,
  hX87ArithSTiPop: 23, hX87Compare: 24, hFtst: 25, hFchs: 26, hFabs: 27, hX87Unary: 28, hFnstswAx: 29,
  hFnstsw: 30, hFldcw: 31, hFnstcw: 32, hFwait: 33, hFnop: 34, hFfree: 35, hX87Rotate: 36, hFcmov: 37,
};
/** Arguments with inline code, where not all have: 1.0 and 0.0; FSQRT and FRNDINT. */
const ARGUMENTS: Record<string, number[]> = { hX87Constant: [0, 6], hX87Unary: [0, 1] };

const PUSH = 1, POP = 2, POP_TWICE = 3;
const PUSHES = /^h(Fld(M|STi)|X87Constant|Fild|Fbld|Fxtract|Fsincos|Fptan)/;
const POPS = /^h(FstpM80|Fbstp|FstpNce|X87BinaryPop|X87ArithSTiPop)/;
const COMP = 3, DECSTP = 7;

/** How the row moves the top of the stack. */
function movement({ handler, arg }: TableRow['row']): number {
  const name = handler ?? '';
  const n = arg ?? 0;
  if (PUSHES.test(name)) return PUSH;
  if (POPS.test(name)) return POP;
  if (/^hFi?stM|^hFstSTi|^hFfree/.test(name)) return n & 1 ? POP : 0;
  if (/^hX87Arith/.test(name)) return n === COMP ? POP : 0;
  if (name === 'hX87Compare') return [0, POP, POP_TWICE][n & 3]!;
  if (name === 'hX87Rotate') return n === DECSTP ? PUSH : POP;
  return 0;
}

/** Lower and bits 8-15 Fpu, 22-26 argument, 27-28 movement, 31 x87 or MMX registers are used. */
export function x87Lowering({ row }: Decoded): number {
  const vector = /^sse/.test(row.file) && row.ops.split(',').some((operand) => /^[PQN]/.test(operand));
  if (row.file.startsWith('mmx') || vector) return 2 ** 31;
  if (!row.file.startsWith('x87')) return 0;
  const form = FORMS[row.handler ?? ''];
  const some = ARGUMENTS[row.handler ?? ''];
  const native = form !== undefined && (some === undefined || some.includes(row.arg ?? 0));
  return 2 ** 31 + movement(row) * 2 ** 27 + (native ? X87 + form * 2 ** 8 + (row.arg ?? 0) * 2 ** 22 : 0);
}
