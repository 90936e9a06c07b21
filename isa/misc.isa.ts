// NOPs and hints, flag operations, fences, undefined opcodes (SDM vol. 2).

import type { Row } from './row.ts';

const flag = (name: string, enc: string, handler: string, more: Partial<Row>): Row => ({
  name, enc, ops: '', handler, ...more,
});

const nop = (name: string, enc: string, ops = 'Ev'): Row => ({ name, enc, ops, handler: 'hNop' });

const undefined_ = (name: string, enc: string, ops: string): Row => ({ name, enc, ops, handler: 'hUndefined', jit: 'ends-block' });

export const rows: Row[] = [
  nop('NOP', '90 REX.B0', ''),
  // F3 with REX.B is XCHG R8,rAX too.
  { name: 'PAUSE', enc: 'F3 90 REX.B0', ops: '', handler: 'hPause', once: true },
  // 0F 0D and 0F 18..1F are reserved NOPs; PREFETCHh, ENDBR and NOP Ev are named members of that space.
  nop('PREFETCHW', '0F 0D /r'), nop('PREFETCH', '0F 18 /r'),
  ...['19', '1A', '1B', '1C', '1D', '1E', '1F'].map((op) => nop('NOP', `0F ${op} /r`)),
  flag('CLC', 'F8', 'hClc', { writes: 'C' }), flag('STC', 'F9', 'hStc', { writes: 'C' }),
  flag('CMC', 'F5', 'hCmc', { reads: 'C', writes: 'C' }),
  flag('CLD', 'FC', 'hCld', { writes: 'D' }), flag('STD', 'FD', 'hStd', { writes: 'D' }),
  flag('LAHF', '9F', 'hLahf', { reads: 'CPAZS' }), flag('SAHF', '9E', 'hSahf', { writes: 'CPAZS' }),
  { name: 'LFENCE', enc: 'NP 0F AE /5 mod=3', ops: '', handler: 'hNop', feature: 'SSE2' },
  { name: 'MFENCE', enc: 'NP 0F AE /6 mod=3', ops: '', handler: 'hMfence', feature: 'SSE2' },
  { name: 'SFENCE', enc: 'NP 0F AE /7 mod=3', ops: '', handler: 'hNop', feature: 'SSE' },
  { name: 'CLFLUSH', enc: 'NP 0F AE /7 mod=m', ops: 'Mb', handler: 'hClflush', feature: 'CLFSH' },
  { name: 'CLFLUSHOPT', enc: '66 0F AE /7 mod=m', ops: 'Mb', handler: 'hClflush', feature: 'CLFLUSHOPT' },
  { name: 'CLWB', enc: '66 0F AE /6 mod=m', ops: 'Mb', handler: 'hClflush', feature: 'CLWB' },
  undefined_('UD0', '0F FF /r', 'Gv,Ev'), undefined_('UD1', '0F B9 /r', 'Gv,Ev'), undefined_('UD2', '0F 0B', ''),
];
