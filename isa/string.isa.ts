// String instructions (SDM vol. 2: MOVS CMPS STOS LODS SCAS, REP/REPE/REPNE). X is DS:rSI (the segment may be
// overridden), Y is ES:rDI; both follow the address size, and the handlers find them by themselves.

import type { Row } from './row.ts';

const string_ = (name: string, byteOpcode: string, wideOpcode: string, ops: [string, string], more: Partial<Row> = {}): Row[] => {
  const row = (enc: string, operands: string): Row => ({
    name, enc, ops: operands, handler: `h${name[0]}${name.slice(1).toLowerCase()}`, generic: true, rep: 'rep', reads: 'D', ...more,
  });
  return [row(byteOpcode, ops[0]), row(wideOpcode, ops[1])];
};
const COMPARES: Partial<Row> = { rep: 'repz', writes: 'CPAZSO' };

export const rows: Row[] = [
  ...string_('MOVS', 'A4', 'A5', ['Yb,Xb', 'Yv,Xv']),
  ...string_('CMPS', 'A6', 'A7', ['Xb,Yb', 'Xv,Yv'], COMPARES),
  ...string_('STOS', 'AA', 'AB', ['Yb,AL', 'Yv,rAX']),
  ...string_('LODS', 'AC', 'AD', ['AL,Xb', 'rAX,Xv']),
  ...string_('SCAS', 'AE', 'AF', ['AL,Yb', 'rAX,Yv'], COMPARES),
];
