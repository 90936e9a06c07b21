// x87 (SDM vol. 2, opcode map tables ), with the aliases that all processors decode though the SDM
// leaves them out: DC D0/D8, DD C8, DE D0, DF C0/C8/D0/D8. Handlers: wasm/interp/x87-*.ts.

import type { Row } from './row.ts';

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const row = (name: string, enc: string, ops: string, handler: string, arg?: number, more: Partial<Row> = {}): Row => ({
  name, enc, ops, handler, ...(arg === undefined ? {} : { arg }), ...more,
});

/** ModRM.reg of the arithmetic groups. */
const ARITH = ['ADD', 'MUL', 'COM', 'COMP', 'SUB', 'SUBR', 'DIV', 'DIVR'];
/** The register-destination forms have SUB and SUBR, DIV and DIVR exchanged. */
const ARITH_REVERSED = ['ADD', 'MUL', '', '', 'SUBR', 'SUB', 'DIVR', 'DIV'];

/** Argument of hX87Compare: pops, +4 UNORDERED, +8 to EFLAGS. */
const QUIET = 4;
const EFLAGS = 8;
/** Arguments of hFist: 1 pop, 3 pop and truncate. */
const POP = 1;
const TRUNCATE_POP = 3;

const registerForm = (opcode: string, digit: number): string => `${opcode} ${hex(0xC0 + digit * 8)}+i`;

const arithmetic: Row[] = [
  ...ARITH.flatMap((op, digit): Row[] => [
    row(`F${op}`, `D8 /${digit} mod=m`, 'Md', 'hX87ArithM32', digit),
    row(`F${op}`, `DC /${digit} mod=m`, 'Mq', 'hX87ArithM64', digit),
    row(`FI${op}`, `DA /${digit} mod=m`, 'Md', 'hX87ArithI32', digit),
    row(`FI${op}`, `DE /${digit} mod=m`, 'Mw', 'hX87ArithI16', digit),
    row(`F${op}`, registerForm('D8', digit), 'ST0,STi', 'hX87ArithST0', digit),
  ]),
  ...ARITH_REVERSED.flatMap((op, digit): Row[] => op === '' ? [] : [
    row(`F${op}`, registerForm('DC', digit), 'STi,ST0', 'hX87ArithSTi', digit),
    row(`F${op}P`, registerForm('DE', digit), 'STi,ST0', 'hX87ArithSTiPop', digit),
  ]),
  row('FSQRT', 'D9 FA', '', 'hX87Unary', 0), row('FRNDINT', 'D9 FC', '', 'hX87Unary', 1),
  row('F2XM1', 'D9 F0', '', 'hX87Unary', 2), row('FSIN', 'D9 FE', '', 'hX87Unary', 3), row('FCOS', 'D9 FF', '', 'hX87Unary', 4),
  row('FYL2X', 'D9 F1', '', 'hX87BinaryPop', 0), row('FYL2XP1', 'D9 F9', '', 'hX87BinaryPop', 1),
  row('FPATAN', 'D9 F3', '', 'hX87BinaryPop', 2),
  row('FPREM', 'D9 F8', '', 'hX87Rem', 0), row('FPREM1', 'D9 F5', '', 'hX87Rem', 1),
  row('FSCALE', 'D9 FD', '', 'hFscale'), row('FXTRACT', 'D9 F4', '', 'hFxtract'),
  row('FSINCOS', 'D9 FB', '', 'hFsincos'), row('FPTAN', 'D9 F2', '', 'hFptan'),
  row('FCHS', 'D9 E0', '', 'hFchs'), row('FABS', 'D9 E1', '', 'hFabs'),
];

const eflags: Partial<Row> = { writes: 'CPAZSO' };
const compare: Row[] = [
  row('FTST', 'D9 E4', '', 'hFtst'), row('FXAM', 'D9 E5', '', 'hFxam'),
  row('FCOM', 'DC D0+i', 'STi', 'hX87Compare', 0), row('FCOMP', 'DC D8+i', 'STi', 'hX87Compare', 1),
  row('FCOMP', 'DE D0+i', 'STi', 'hX87Compare', 1), row('FCOMPP', 'DE D9', '', 'hX87Compare', 2),
  row('FUCOM', 'DD E0+i', 'STi', 'hX87Compare', QUIET), row('FUCOMP', 'DD E8+i', 'STi', 'hX87Compare', QUIET + 1),
  row('FUCOMPP', 'DA E9', '', 'hX87Compare', QUIET + 2),
  row('FCOMI', 'DB F0+i', 'ST0,STi', 'hX87Compare', EFLAGS, eflags),
  row('FCOMIP', 'DF F0+i', 'ST0,STi', 'hX87Compare', EFLAGS + 1, eflags),
  row('FUCOMI', 'DB E8+i', 'ST0,STi', 'hX87Compare', EFLAGS + QUIET, eflags),
  row('FUCOMIP', 'DF E8+i', 'ST0,STi', 'hX87Compare', EFLAGS + QUIET + 1, eflags),
];

const CONSTANTS = ['FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ'];
/** Opcode, digit: B E BE U, and the condition code of Jcc; +1 is its negation. */
const MOVES: [name: string, digit: number, cc: number, reads: string][] = [
  ['B', 0, 2, 'C'], ['E', 1, 4, 'Z'], ['BE', 2, 6, 'CZ'], ['U', 3, 10, 'P'],
];

const move: Row[] = [
  row('FLD', 'D9 /0 mod=m', 'Md', 'hFldM32'), row('FLD', 'DD /0 mod=m', 'Mq', 'hFldM64'), row('FLD', 'DB /5 mod=m', 'M', 'hFldM80'),
  row('FLD', 'D9 C0+i', 'STi', 'hFldSTi'),
  row('FST', 'D9 /2 mod=m', 'Md', 'hFstM32', 0), row('FSTP', 'D9 /3 mod=m', 'Md', 'hFstM32', POP),
  row('FST', 'DD /2 mod=m', 'Mq', 'hFstM64', 0), row('FSTP', 'DD /3 mod=m', 'Mq', 'hFstM64', POP),
  row('FSTP', 'DB /7 mod=m', 'M', 'hFstpM80'),
  row('FST', 'DD D0+i', 'STi', 'hFstSTi', 0), row('FSTP', 'DD D8+i', 'STi', 'hFstSTi', POP),
  row('FSTP', 'D9 D8+i', 'STi', 'hFstpNce'), row('FSTP', 'DF D0+i', 'STi', 'hFstSTi', POP),
  row('FSTP', 'DF D8+i', 'STi', 'hFstSTi', POP),
  row('FILD', 'DF /0 mod=m', 'Mw', 'hFildM16'), row('FILD', 'DB /0 mod=m', 'Md', 'hFildM32'), row('FILD', 'DF /5 mod=m', 'Mq', 'hFildM64'),
  row('FIST', 'DF /2 mod=m', 'Mw', 'hFistM16', 0), row('FISTP', 'DF /3 mod=m', 'Mw', 'hFistM16', POP),
  row('FIST', 'DB /2 mod=m', 'Md', 'hFistM32', 0), row('FISTP', 'DB /3 mod=m', 'Md', 'hFistM32', POP),
  row('FISTP', 'DF /7 mod=m', 'Mq', 'hFistM64', POP),
  row('FISTTP', 'DF /1 mod=m', 'Mw', 'hFistM16', TRUNCATE_POP, { feature: 'SSE3' }),
  row('FISTTP', 'DB /1 mod=m', 'Md', 'hFistM32', TRUNCATE_POP, { feature: 'SSE3' }),
  row('FISTTP', 'DD /1 mod=m', 'Mq', 'hFistM64', TRUNCATE_POP, { feature: 'SSE3' }),
  row('FBLD', 'DF /4 mod=m', 'M', 'hFbld'), row('FBSTP', 'DF /6 mod=m', 'M', 'hFbstp'),
  row('FXCH', 'D9 C8+i', 'STi', 'hFxch'), row('FXCH', 'DD C8+i', 'STi', 'hFxch'), row('FXCH', 'DF C8+i', 'STi', 'hFxch'),
  ...CONSTANTS.map((name, n): Row => row(name, `D9 ${hex(0xE8 + n)}`, '', 'hX87Constant', n)),
  ...MOVES.flatMap(([name, digit, cc, reads]): Row[] => [
    row(`FCMOV${name}`, registerForm('DA', digit), 'ST0,STi', 'hFcmov', cc, { reads }),
    row(`FCMOVN${name}`, registerForm('DB', digit), 'ST0,STi', 'hFcmov', cc + 1, { reads }),
  ]),
];

const sized: Partial<Row> = { wide: true };
const control: Row[] = [
  row('FNOP', 'D9 D0', '', 'hFnop'), row('FWAIT', '9B', '', 'hFwait'),
  row('FNINIT', 'DB E3', '', 'hFninit'), row('FNCLEX', 'DB E2', '', 'hFnclex'),
  row('FNENI', 'DB E0', '', 'hX87Nop'), row('FNDISI', 'DB E1', '', 'hX87Nop'), row('FNSETPM', 'DB E4', '', 'hX87Nop'),
  row('FLDCW', 'D9 /5 mod=m', 'Mw', 'hFldcw'), row('FNSTCW', 'D9 /7 mod=m', 'Mw', 'hFnstcw'),
  row('FNSTSW', 'DD /7 mod=m', 'Mw', 'hFnstsw'), row('FNSTSW', 'DF E0', 'AX', 'hFnstswAx'),
  row('FLDENV', 'D9 /4 mod=m', 'M', 'hFldenv', undefined, sized), row('FNSTENV', 'D9 /6 mod=m', 'M', 'hFnstenv', undefined, sized),
  row('FRSTOR', 'DD /4 mod=m', 'M', 'hFrstor', undefined, sized), row('FNSAVE', 'DD /6 mod=m', 'M', 'hFnsave', undefined, sized),
  row('FFREE', 'DD C0+i', 'STi', 'hFfree', 0), row('FFREEP', 'DF C0+i', 'STi', 'hFfree', 1),
  row('FDECSTP', 'D9 F6', '', 'hX87Rotate', 7), row('FINCSTP', 'D9 F7', '', 'hX87Rotate', 1),
];

export const rows: Row[] = [...arithmetic, ...compare, ...move, ...control];
