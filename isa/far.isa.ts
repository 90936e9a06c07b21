// Far transfers, software interrupts, fast system calls, segment and system segment registers (SDM vol. 2).
// Near branches are in branch.isa.ts, PUSH of segment registers in stack.isa.ts, MOV from them in mov.isa.ts,
// descriptor-table registers in system.isa.ts.

import type { Row } from './row.ts';

type More = Partial<Row>;
const row = (name: string, enc: string, ops: string, handler: string, more: More = {}): Row => ({
  name, enc, ops, handler, ...more,
});
/** Control leaves, or modes may change. */
const ends = (name: string, enc: string, ops: string, handler: string, more: More = {}): Row =>
  row(name, enc, ops, handler, { jit: 'ends-block', ...more });

const LEGACY: More = { modes: 'legacy' };
const STACK: More = { size64: 'default' };

export const rows: Row[] = [
  ends('JMP', 'EA', 'Ap', 'hJmpFar', LEGACY), ends('CALL', '9A', 'Ap', 'hCallFar', LEGACY),
  ends('JMP', 'FF /5 mod=m', 'Mp', 'hJmpFarMem'), ends('CALL', 'FF /3 mod=m', 'Mp', 'hCallFarMem'),
  ends('RETF', 'CB', '', 'hRetFar'), ends('RETF', 'CA', 'Iw', 'hRetFarImm'),
  ends('INT3', 'CC', '', 'hInt3'), ends('INT', 'CD', 'Ib', 'hInt'), ends('INT1', 'F1', '', 'hInt1'),
  ends('INTO', 'CE', '', 'hInto', { ...LEGACY, reads: 'O' }),
  ends('IRET', 'CF', '', 'hIret', { writes: 'CPAZSODI' }),

  ends('SYSCALL', '0F 05', '', 'hSyscall'), ends('SYSRET', '0F 07', '', 'hSysret', { writes: 'CPAZSODI' }),
  ends('SYSENTER', '0F 34', '', 'hSysenter', { feature: 'SEP' }), ends('SYSEXIT', '0F 35', '', 'hSysexit', { feature: 'SEP' }),
  row('SWAPGS', '0F 01 F8', '', 'hSwapgs', { modes: '64' }),

  ends('MOV', '8E /r', 'Sw,Ew', 'hMovToSreg'),
  ends('POP', '07', 'ES', 'hPopEs', LEGACY), ends('POP', '17', 'SS', 'hPopSs', LEGACY),
  ends('POP', '1F', 'DS', 'hPopDs', LEGACY),
  ends('POP', '0F A1', 'FS', 'hPopFs', STACK), ends('POP', '0F A9', 'GS', 'hPopGs', STACK),
  ends('LES', 'C4 /r mod=m', 'Gv,Mp', 'hLes', LEGACY), ends('LDS', 'C5 /r mod=m', 'Gv,Mp', 'hLds', LEGACY),
  ends('LSS', '0F B2 /r mod=m', 'Gv,Mp', 'hLss'),
  ends('LFS', '0F B4 /r mod=m', 'Gv,Mp', 'hLfs'), ends('LGS', '0F B5 /r mod=m', 'Gv,Mp', 'hLgs'),

  row('SLDT', '0F 00 /0', 'Ev', 'hSldt'), row('STR', '0F 00 /1', 'Ev', 'hStr'),
  ends('LLDT', '0F 00 /2', 'Ew', 'hLldt'), ends('LTR', '0F 00 /3', 'Ew', 'hLtr'),
  row('VERR', '0F 00 /4', 'Ew', 'hVerr', { writes: 'Z' }), row('VERW', '0F 00 /5', 'Ew', 'hVerw', { writes: 'Z' }),
  row('LAR', '0F 02 /r', 'Gv,Ew', 'hLar', { writes: 'Z' }), row('LSL', '0F 03 /r', 'Gv,Ew', 'hLsl', { writes: 'Z' }),
  row('ARPL', '63 /r', 'Ew,Gw', 'hArpl', { ...LEGACY, writes: 'Z' }),
];
