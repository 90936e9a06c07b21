// Shifts, rotates and double shifts (SDM vol. 2: RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD; BMI2 shifts).

import type { Row } from './row.ts';

/** /digit of group 2; /6 is an undocumented alias of SHL. */
const GROUP2: [name: string, uop: string, reads: string, writes: string][] = [
  ['ROL', 'rol', '', 'CO'], ['ROR', 'ror', '', 'CO'], ['RCL', 'rcl', 'C', 'CO'], ['RCR', 'rcr', 'C', 'CO'],
  ['SHL', 'shl', '', 'CPAZSO'], ['SHR', 'shr', '', 'CPAZSO'], ['SHL', 'shl', '', 'CPAZSO'], ['SAR', 'sar', '', 'CPAZSO'],
];

const ENCODINGS: [opcode: string, ops: string][] = [
  ['C0', 'Eb,Ib'], ['C1', 'Ev,Ib'], ['D0', 'Eb,1'], ['D1', 'Ev,1'], ['D2', 'Eb,CL'], ['D3', 'Ev,CL'],
];

const double = (name: string, enc: string, ops: string): Row => ({
  name, enc, ops, uop: name.toLowerCase(), shape: 'rmw', writes: 'CPAZSO', undef: 'AO',
});

const bmi2 = (name: string, prefix: string): Row => ({
  name, enc: `VEX.LZ.${prefix}.0F38 F7 /r`, ops: 'Gy,Ey,By', uop: name.toLowerCase(), shape: 'write', feature: 'BMI2',
});

export const rows: Row[] = [
  ...GROUP2.flatMap(([name, uop, reads, writes], digit) => ENCODINGS.map(([opcode, ops]): Row => ({
    name, enc: `${opcode} /${digit}`, ops, uop, shape: 'rmw', reads, writes, undef: 'AO',
  }))),
  double('SHLD', '0F A4 /r', 'Ev,Gv,Ib'), double('SHLD', '0F A5 /r', 'Ev,Gv,CL'),
  double('SHRD', '0F AC /r', 'Ev,Gv,Ib'), double('SHRD', '0F AD /r', 'Ev,Gv,CL'),
  bmi2('SHLX', '66'), bmi2('SARX', 'F3'), bmi2('SHRX', 'F2'),
  { name: 'RORX', enc: 'VEX.LZ.F2.0F3A F0 /r', ops: 'Gy,Ey,Ib', uop: 'rorx', shape: 'write', feature: 'BMI2' },
];
