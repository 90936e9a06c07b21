// Decimal adjustment (SDM vol. 2: AAA AAD AAM AAS DAA DAS) and SALC (undocumented, on every Intel processor).

import type { Row } from './row.ts';

const adjust = (name: string, enc: string, ops: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, handler: `h${name[0]}${name.slice(1).toLowerCase()}`, modes: 'legacy', writes: 'CPAZSO', ...more,
});

export const rows: Row[] = [
  adjust('DAA', '27', '', { reads: 'CA', undef: 'O' }), adjust('DAS', '2F', '', { reads: 'CA', undef: 'O' }),
  adjust('AAA', '37', '', { reads: 'A', undef: 'PZSO' }), adjust('AAS', '3F', '', { reads: 'A', undef: 'PZSO' }),
  adjust('AAM', 'D4', 'Ib', { undef: 'CAO' }), adjust('AAD', 'D5', 'Ib', { undef: 'CAO' }),
  adjust('SALC', 'D6', '', { reads: 'C', writes: '' }),
];
