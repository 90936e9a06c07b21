// Multiplication and division (SDM vol. 2: MUL, IMUL, DIV, IDIV, MULX, CRC32). The one-operand forms write
// two registers and may raise #DE, so they are handlers.

import type { Row } from './row.ts';

const wide = (name: string, digit: number, handler: string, writes: string, undef: string): Row[] => [
  { name, enc: `F6 /${digit}`, ops: 'Eb', handler, generic: true, writes, undef },
  { name, enc: `F7 /${digit}`, ops: 'Ev', handler, generic: true, writes, undef },
];

export const rows: Row[] = [
  ...wide('MUL', 4, 'hMul', 'CPAZSO', 'PAZS'), ...wide('IMUL', 5, 'hImul', 'CPAZSO', 'PAZS'),
  ...wide('DIV', 6, 'hDiv', '', 'CPAZSO'), ...wide('IDIV', 7, 'hIdiv', '', 'CPAZSO'),
  { name: 'IMUL', enc: '0F AF /r', ops: 'Gv,Ev', uop: 'imul', shape: 'rmw', writes: 'CPAZSO', undef: 'PAZS' },
  { name: 'IMUL', enc: '69 /r', ops: 'Gv,Ev,Iz', uop: 'imul', shape: 'write', writes: 'CPAZSO', undef: 'PAZS' },
  { name: 'IMUL', enc: '6B /r', ops: 'Gv,Ev,Ibs', uop: 'imul', shape: 'write', writes: 'CPAZSO', undef: 'PAZS' },
  { name: 'MULX', enc: 'VEX.LZ.F2.0F38 F6 /r', ops: 'Gy,By,Ey', handler: 'hMulx', generic: true, feature: 'BMI2' },
  { name: 'CRC32', enc: 'F2 0F 38 F0 /r', ops: 'Gd,Eb', uop: 'crc32', shape: 'rmw', feature: 'SSE4_2' },
  { name: 'CRC32', enc: 'F2 0F 38 F1 /r', ops: 'Gd,Ev', uop: 'crc32', shape: 'rmw', feature: 'SSE4_2' },
];
