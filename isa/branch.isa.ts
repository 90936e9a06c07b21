// Near branches (SDM vol. 2: CALL JMP RET Jcc LOOPcc JCXZ). Far ones are in far.isa.ts. In 64-bit mode the
// operand size of a near branch is 64 bits whatever the prefixes say (Intel).

import { CONDITIONS, CONDITION_READS } from './mov.isa.ts';
import type { Row } from './row.ts';

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

const near = (name: string, enc: string, ops: string, handler: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, handler, size64: 'forced', jit: 'ends-block', ...more,
});

export const rows: Row[] = [
  ...CONDITIONS.flatMap((cc, n): Row[] => [
    near(`J${cc}`, hex(0x70 + n), 'Jb', 'hJcc', { cond: n, reads: CONDITION_READS[n >> 1] }),
    near(`J${cc}`, `0F ${hex(0x80 + n)}`, 'Jz', 'hJcc', { cond: n, reads: CONDITION_READS[n >> 1] }),
  ]),
  near('JMP', 'EB', 'Jb', 'hJmp'), near('JMP', 'E9', 'Jz', 'hJmp'), near('JMP', 'FF /4', 'Ev', 'hJmpE', { generic: true }),
  near('CALL', 'E8', 'Jz', 'hCall', { generic: true }), near('CALL', 'FF /2', 'Ev', 'hCallE', { generic: true }),
  near('RET', 'C3', '', 'hRet', { generic: true }), near('RET', 'C2', 'Iw', 'hRetI', { generic: true }),
  near('LOOPNE', 'E0', 'Jb', 'hLoopne', { reads: 'Z' }), near('LOOPE', 'E1', 'Jb', 'hLoope', { reads: 'Z' }),
  near('LOOP', 'E2', 'Jb', 'hLoop'), near('JCXZ', 'E3', 'Jb', 'hJcxz'),
];
