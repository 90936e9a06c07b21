// Data movement between general registers, memory and immediates: MOV, MOVZX, MOVSX, LEA, XCHG, CMOVcc,
// SETcc, BSWAP, CBW

import type { Row } from './row.ts';

/** Condition codes in the order of their encoding (SDM vol. 1 appendix B). */
export const CONDITIONS = ['O', 'NO', 'B', 'NB', 'Z', 'NZ', 'BE', 'NBE', 'S', 'NS', 'P', 'NP', 'L', 'NL', 'LE', 'NLE'];
/** Flags that each pair of conditions reads. */
export const CONDITION_READS = ['O', 'C', 'Z', 'CZ', 'S', 'P', 'SO', 'ZSO'];

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const mov = (enc: string, ops: string, more: Partial<Row> = {}): Row => ({
  name: 'MOV', enc, ops, uop: 'mov', shape: 'write', ...more,
});

const extend = (name: string, enc: string, ops: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, uop: name === 'MOVZX' ? 'movzx' : 'movsx', shape: 'write', ...more,
});

export const rows: Row[] = [
  mov('88 /r', 'Eb,Gb'), mov('89 /r', 'Ev,Gv'), mov('8A /r', 'Gb,Eb'), mov('8B /r', 'Gv,Ev'),
  mov('A0', 'AL,Ob'), mov('A1', 'rAX,Ov'), mov('A2', 'Ob,AL'), mov('A3', 'Ov,rAX'),
  mov('B0+r', 'Zb,Ib'), mov('B8+r', 'Zv,Iv'), mov('C6 /0', 'Eb,Ib'), mov('C7 /0', 'Ev,Iz'),
  { name: 'MOV', enc: '8C /r', ops: 'Ev,Sw', handler: 'hMovFromSeg' },
  extend('MOVZX', '0F B6 /r', 'Gv,Eb'), extend('MOVZX', '0F B7 /r', 'Gv,Ew'),
  extend('MOVSX', '0F BE /r', 'Gv,Eb'), extend('MOVSX', '0F BF /r', 'Gv,Ew'),
  extend('MOVSXD', '63 /r', 'Gv,Ed', { modes: '64' }),
  { name: 'LEA', enc: '8D /r mod=m', ops: 'Gv,M', handler: 'hLea', generic: true },
  { name: 'XCHG', enc: '86 /r', ops: 'Eb,Gb', handler: 'hXchg', generic: true, lock: true },
  { name: 'XCHG', enc: '87 /r', ops: 'Ev,Gv', handler: 'hXchg', generic: true, lock: true },
  // 90 with REX.B exchanges with R8, without it is NOP (misc.isa.ts): the decoder's tables separate them by
  // the register.
  { name: 'XCHG', enc: '90+r', ops: 'Zv,rAX', handler: 'hXchg', generic: true },
  { name: 'BSWAP', enc: '0F C8+r', ops: 'Zv', uop: 'bswap', shape: 'rmw' },
  { name: 'CBW', enc: '98', ops: 'rAX', handler: 'hCbw', generic: true },
  { name: 'CWD', enc: '99', ops: 'rAX', handler: 'hCwd', generic: true },
  { name: 'MOVBE', enc: 'NFx 0F 38 F0 /r mod=m', ops: 'Gv,Mv', uop: 'movbe', shape: 'write', feature: 'MOVBE' },
  { name: 'MOVBE', enc: 'NFx 0F 38 F1 /r mod=m', ops: 'Mv,Gv', uop: 'movbe', shape: 'write', feature: 'MOVBE' },
  { name: 'MOVNTI', enc: 'NP 0F C3 /r mod=m', ops: 'My,Gy', uop: 'mov', shape: 'write', feature: 'SSE2' },
  { name: 'XLAT', enc: 'D7', ops: '', handler: 'hXlat' },
  ...CONDITIONS.flatMap((cc, n): Row[] => [
    { name: `CMOV${cc}`, enc: `0F ${hex(0x40 + n)} /r`, ops: 'Gv,Ev', uop: 'cmovcc', shape: 'rmw', cond: n,
      reads: CONDITION_READS[n >> 1], feature: 'CMOV' },
    { name: `SET${cc}`, enc: `0F ${hex(0x90 + n)} /r`, ops: 'Eb', uop: 'setcc', shape: 'write', cond: n,
      reads: CONDITION_READS[n >> 1] },
  ]),
];
