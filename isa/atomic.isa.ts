// Compare-and-exchange and exchange-and-add (SDM vol. 2: CMPXCHG, CMPXCHG8B/16B, XADD). XCHG is in
// mov.isa.ts; LOCK forms of regular instructions follow from `lock` in their rows.

import type { Row } from './row.ts';

export const rows: Row[] = [
  { name: 'CMPXCHG', enc: '0F B0 /r', ops: 'Eb,Gb', handler: 'hCmpxchg', generic: true, lock: true, writes: 'CPAZSO' },
  { name: 'CMPXCHG', enc: '0F B1 /r', ops: 'Ev,Gv', handler: 'hCmpxchg', generic: true, lock: true, writes: 'CPAZSO' },
  { name: 'XADD', enc: '0F C0 /r', ops: 'Eb,Gb', handler: 'hXadd', generic: true, lock: true, writes: 'CPAZSO' },
  { name: 'XADD', enc: '0F C1 /r', ops: 'Ev,Gv', handler: 'hXadd', generic: true, lock: true, writes: 'CPAZSO' },
  { name: 'CMPXCHG8B', enc: '0F C7 /1 mod=m', ops: 'M', handler: 'hCmpxchg8b', lock: true, writes: 'Z' },
  { name: 'CMPXCHG16B', enc: '0F C7 /1 mod=m REX.W', ops: 'M', handler: 'hCmpxchg16b', lock: true, writes: 'Z', modes: '64',
    feature: 'CMPXCHG16B' },
];
