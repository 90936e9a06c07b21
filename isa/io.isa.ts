// Port I/O (SDM vol. 2: IN OUT INS OUTS; vol. 1 ch. 19). A 64-bit operand size does not exist: REX.W is
// ignored, so the handlers of the wide forms choose 16 or 32 bits themselves.

import type { Row } from './row.ts';

const io = (name: string, enc: string, ops: string, handler: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, handler, once: true, ...more,
});
const REP: Partial<Row> = { rep: 'rep', reads: 'D' };

export const rows: Row[] = [
  io('IN', 'E4', 'AL,Ib', 'hInByteImm'), io('IN', 'E5', 'rAX,Ib', 'hInImm'),
  io('IN', 'EC', 'AL,DX', 'hInByteDx'), io('IN', 'ED', 'rAX,DX', 'hInDx'),
  io('OUT', 'E6', 'Ib,AL', 'hOutByteImm'), io('OUT', 'E7', 'Ib,rAX', 'hOutImm'),
  io('OUT', 'EE', 'DX,AL', 'hOutByteDx'), io('OUT', 'EF', 'DX,rAX', 'hOutDx'),
  io('INS', '6C', 'Yb,DX', 'hInsByte', REP), io('INS', '6D', 'Yz,DX', 'hIns', REP),
  io('OUTS', '6E', 'DX,Xb', 'hOutsByte', REP), io('OUTS', '6F', 'DX,Xz', 'hOuts', REP),
];
