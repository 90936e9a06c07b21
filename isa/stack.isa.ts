// PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE BOUND (SDM vol. 2). POP of a segment register is in far.isa.ts.

import type { Row } from './row.ts';

const stack = (name: string, enc: string, ops: string, handler: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, handler, generic: true, size64: 'default', ...more,
});

const pushSeg = (enc: string, ops: string, seg: number, more: Partial<Row> = {}): Row =>
  stack('PUSH', enc, ops, 'hPushSeg', { arg: seg, ...more });

export const rows: Row[] = [
  stack('PUSH', '50+r', 'Zv', 'hPushR', {}), stack('POP', '58+r', 'Zv', 'hPopR', {}),
  stack('PUSH', '68', 'Iz', 'hPushI', {}), stack('PUSH', '6A', 'Ibs', 'hPushI', { wide: true }),
  stack('PUSH', 'FF /6', 'Ev', 'hPushE'), stack('POP', '8F /0', 'Ev', 'hPopE'),
  pushSeg('06', 'ES', 0, { modes: 'legacy' }), pushSeg('0E', 'CS', 1, { modes: 'legacy' }),
  pushSeg('16', 'SS', 2, { modes: 'legacy' }), pushSeg('1E', 'DS', 3, { modes: 'legacy' }),
  pushSeg('0F A0', 'FS', 4), pushSeg('0F A8', 'GS', 5),
  stack('PUSHA', '60', '', 'hPusha', { modes: 'legacy' }), stack('POPA', '61', '', 'hPopa', { modes: 'legacy' }),
  stack('PUSHF', '9C', '', 'hPushf', { reads: 'CPAZSO' }),
  stack('POPF', '9D', '', 'hPopf', { writes: 'CPAZSO', jit: 'ends-block' }),
  stack('ENTER', 'C8', 'Iw,Ib', 'hEnter'), stack('LEAVE', 'C9', '', 'hLeave'),
  { name: 'BOUND', enc: '62 /r mod=m', ops: 'Gv,M', handler: 'hBound', generic: true, modes: 'legacy' },
];
