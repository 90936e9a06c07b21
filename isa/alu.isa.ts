// Two-operand arithmetic and logic, INC DEC NOT NEG, TEST, ADX (SDM vol. 2; opcode map table A-2).

import type { Row } from './row.ts';

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

/** ADD OR ADC SBB AND SUB XOR CMP: the row number is also the opcode's bits 3-5 and the /digit of group 1. */
const GROUP1: [name: string, reads: string, undef: string][] = [
  ['ADD', '', ''], ['OR', '', 'A'], ['ADC', 'C', ''], ['SBB', 'C', ''],
  ['AND', '', 'A'], ['SUB', '', ''], ['XOR', '', 'A'], ['CMP', '', ''],
];

function group1(n: number): Row[] {
  const [name, reads, undef] = GROUP1[n]!;
  const compare = name === 'CMP';
  const row = (enc: string, ops: string, more: Partial<Row> = {}): Row => ({
    name, enc, ops, uop: compare ? 'sub' : name.toLowerCase(), shape: compare ? 'read' : 'rmw',
    reads, writes: 'CPAZSO', undef, lock: !compare && ops[0] === 'E', ...more,
  });
  const at = (k: number): string => hex(n * 8 + k);
  return [
    row(`${at(0)} /r`, 'Eb,Gb'), row(`${at(1)} /r`, 'Ev,Gv'),
    row(`${at(2)} /r`, 'Gb,Eb'), row(`${at(3)} /r`, 'Gv,Ev'),
    row(at(4), 'AL,Ibs'), row(at(5), 'rAX,Iz'),
    row(`80 /${n}`, 'Eb,Ibs'), row(`81 /${n}`, 'Ev,Iz'),
    row(`82 /${n}`, 'Eb,Ibs', { modes: 'legacy' }), row(`83 /${n}`, 'Ev,Ibs'),
  ];
}

function unary(name: string, encB: string, encV: string, more: Partial<Row>): Row[] {
  const base: Partial<Row> = { name, uop: name.toLowerCase(), shape: 'rmw', lock: true, ...more };
  return [{ ...base, enc: encB, ops: 'Eb' } as Row, { ...base, enc: encV, ops: 'Ev' } as Row];
}

const test = (enc: string, ops: string): Row => ({
  name: 'TEST', enc, ops, uop: 'and', shape: 'read', writes: 'CPAZSO', undef: 'A',
});

export const rows: Row[] = [
  ...GROUP1.flatMap((_, n) => group1(n)),
  ...unary('INC', 'FE /0', 'FF /0', { writes: 'PAZSO' }),
  ...unary('DEC', 'FE /1', 'FF /1', { writes: 'PAZSO' }),
  { name: 'INC', enc: '40+r', ops: 'Zv', uop: 'inc', shape: 'rmw', modes: 'legacy', writes: 'PAZSO' },
  { name: 'DEC', enc: '48+r', ops: 'Zv', uop: 'dec', shape: 'rmw', modes: 'legacy', writes: 'PAZSO' },
  ...unary('NOT', 'F6 /2', 'F7 /2', {}),
  ...unary('NEG', 'F6 /3', 'F7 /3', { writes: 'CPAZSO' }),
  test('84 /r', 'Eb,Gb'), test('85 /r', 'Ev,Gv'), test('A8', 'AL,Ibs'), test('A9', 'rAX,Iz'),
  test('F6 /0', 'Eb,Ibs'), test('F7 /0', 'Ev,Iz'),
  // /1 is an undocumented alias of /0 on every processor since the 8086.
  test('F6 /1', 'Eb,Ibs'), test('F7 /1', 'Ev,Iz'),
  { name: 'ADCX', enc: '66 0F 38 F6 /r', ops: 'Gy,Ey', uop: 'adcx', shape: 'rmw', reads: 'C', writes: 'C', feature: 'ADX' },
  { name: 'ADOX', enc: 'F3 0F 38 F6 /r', ops: 'Gy,Ey', uop: 'adox', shape: 'rmw', reads: 'O', writes: 'O', feature: 'ADX' },
];
