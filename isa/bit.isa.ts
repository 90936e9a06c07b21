// Bit tests and scans, POPCNT LZCNT TZCNT, BMI1 and BMI2 (SDM vol. 2). BT with a register bit offset
// addresses memory outside of its operand, so its memory form is a handler.

import type { Row } from './row.ts';

const TESTS: [name: string, registerOp: string, digit: number][] = [['BT', 'A3', 4], ['BTS', 'AB', 5], ['BTR', 'B3', 6], ['BTC', 'BB', 7]];

const common = { writes: 'C', undef: 'PASO' };

const scan = (name: string, enc: string, more: Partial<Row>): Row => ({
  name, enc, ops: 'Gv,Ev', uop: name === 'POPCNT' ? 'popcnt_' : name.toLowerCase(), shape: 'rmw', ...more,
});

const bmi1 = (name: string, digit: number): Row => ({
  name, enc: `VEX.LZ.NP.0F38 F3 /${digit}`, ops: 'By,Ey', uop: name.toLowerCase(), shape: 'write', writes: 'CPAZSO', undef: 'PA',
  feature: 'BMI1',
});

export const rows: Row[] = [
  ...TESTS.flatMap(([name, op, digit]): Row[] => {
    const shape = name === 'BT' ? 'read' : 'rmw';
    const lock = name !== 'BT';
    return [
      { name, enc: `0F ${op} /r mod=3`, ops: 'Ev,Gv', uop: name.toLowerCase(), shape, ...common },
      { name, enc: `0F ${op} /r mod=m`, ops: 'Mv,Gv', handler: `h${name[0]}${name.slice(1).toLowerCase()}`, generic: true, lock,
        ...common },
      { name, enc: `0F BA /${digit}`, ops: 'Ev,Ibs', uop: name.toLowerCase(), shape, lock, ...common },
    ];
  }),
  scan('BSF', '0F BC /r', { writes: 'CPAZSO', undef: 'CPASO' }), scan('BSR', '0F BD /r', { writes: 'CPAZSO', undef: 'CPASO' }),
  scan('TZCNT', 'F3 0F BC /r', { shape: 'write', writes: 'CPAZSO', undef: 'PASO', feature: 'BMI1' }),
  scan('LZCNT', 'F3 0F BD /r', { shape: 'write', writes: 'CPAZSO', undef: 'PASO', feature: 'LZCNT' }),
  scan('POPCNT', 'F3 0F B8 /r', { shape: 'write', writes: 'CPAZSO', feature: 'POPCNT' }),
  { name: 'ANDN', enc: 'VEX.LZ.NP.0F38 F2 /r', ops: 'Gy,By,Ey', uop: 'andn', shape: 'write',
    writes: 'CPAZSO', undef: 'PA', feature: 'BMI1' },
  { name: 'BEXTR', enc: 'VEX.LZ.NP.0F38 F7 /r', ops: 'Gy,Ey,By', uop: 'bextr', shape: 'write',
    writes: 'CPAZSO', undef: 'PAS', feature: 'BMI1' },
  bmi1('BLSR', 1), bmi1('BLSMSK', 2), bmi1('BLSI', 3),
  { name: 'BZHI', enc: 'VEX.LZ.NP.0F38 F5 /r', ops: 'Gy,Ey,By', uop: 'bzhi', shape: 'write',
    writes: 'CPAZSO', undef: 'PA', feature: 'BMI2' },
  { name: 'PDEP', enc: 'VEX.LZ.F2.0F38 F5 /r', ops: 'Gy,By,Ey', uop: 'pdep', shape: 'write', feature: 'BMI2' },
  { name: 'PEXT', enc: 'VEX.LZ.F3.0F38 F5 /r', ops: 'Gy,By,Ey', uop: 'pext', shape: 'write', feature: 'BMI2' },
];
