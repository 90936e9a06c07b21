// System instructions (SDM vol. 2): CPUID, MSRs, TSC, control and debug registers, descriptor-table
// registers, interrupt flag, HLT, cache and TLB maintenance, XCR0, FS and GS bases, hypercalls. Segment and
// task register loads and far transfers are in far.isa.ts. Left out: VMX, SVM, SMX, SGX, PCONFIG.

import type { Row } from './row.ts';

type More = Partial<Row>;
const row = (name: string, enc: string, ops: string, handler: string, more: More = {}): Row => ({
  name, enc, ops, handler, ...more,
});
/** Modes, privilege or the interrupt flag may change. */
const ends = (name: string, enc: string, ops: string, handler: string, more: More = {}): Row =>
  row(name, enc, ops, handler, { jit: 'ends-block', ...more });

const CPL0: More = { privileged: true };
const ONCE: More = { once: true };

export const rows: Row[] = [
  row('CPUID', '0F A2', '', 'hCpuid'),
  row('RDMSR', '0F 32', '', 'hRdmsr', { ...CPL0, ...ONCE }),
  ends('WRMSR', '0F 30', '', 'hWrmsr', { ...CPL0, ...ONCE }),
  row('RDTSC', '0F 31', '', 'hRdtsc', { feature: 'TSC', ...ONCE }),
  row('RDTSCP', '0F 01 F9', '', 'hRdtscp', { feature: 'RDTSCP', ...ONCE }),
  row('RDPMC', '0F 33', '', 'hRdpmc'),
  row('RDPID', 'F3 0F C7 /7 mod=3', 'R', 'hRdpid', { feature: 'RDPID' }),
  row('RDRAND', 'NFx 0F C7 /6 mod=3', 'Rv', 'hRdrand', { writes: 'CPAZSO', feature: 'RDRAND', ...ONCE }),
  row('RDSEED', 'NFx 0F C7 /7 mod=3', 'Rv', 'hRdrand', { writes: 'CPAZSO', feature: 'RDSEED', ...ONCE }),

  // These check the register's number (#UD) and the privilege themselves, in that order.
  row('MOV', '0F 20 /r', 'R,C', 'hMovFromCr'),
  row('MOV', '0F 21 /r', 'R,D', 'hMovFromDr'),
  ends('MOV', '0F 22 /r', 'C,R', 'hMovToCr', ONCE),
  ends('MOV', '0F 23 /r', 'D,R', 'hMovToDr', ONCE),
  ends('CLTS', '0F 06', '', 'hClts', CPL0),
  row('SMSW', '0F 01 /4', 'Ev', 'hSmsw'),
  ends('LMSW', '0F 01 /6', 'Ew', 'hLmsw', { ...CPL0, ...ONCE }),

  row('SGDT', '0F 01 /0 mod=m', 'M', 'hSgdt'),
  row('SIDT', '0F 01 /1 mod=m', 'M', 'hSidt'),
  row('LGDT', '0F 01 /2 mod=m', 'M', 'hLgdt', CPL0),
  row('LIDT', '0F 01 /3 mod=m', 'M', 'hLidt', CPL0),

  ends('CLI', 'FA', '', 'hCli', { writes: 'I' }),
  ends('STI', 'FB', '', 'hSti', { writes: 'I' }),
  ends('HLT', 'F4', '', 'hHlt', { ...CPL0, ...ONCE }),
  ends('CLAC', 'NP 0F 01 CA', '', 'hClac', { feature: 'SMAP' }),
  ends('STAC', 'NP 0F 01 CB', '', 'hStac', { feature: 'SMAP' }),

  row('INVLPG', '0F 01 /7 mod=m', 'Mb', 'hInvlpg', { ...CPL0, ...ONCE }),
  row('INVD', '0F 08', '', 'hInvd', CPL0),
  row('WBINVD', '0F 09', '', 'hInvd', CPL0),
  ends('RSM', '0F AA', '', 'hRsm'),
  row('MONITOR', '0F 01 C8', '', 'hMonitor', { feature: 'MONITOR' }),
  ends('MWAIT', '0F 01 C9', '', 'hMwait', { feature: 'MONITOR' }),

  row('XGETBV', 'NP 0F 01 D0', '', 'hXgetbv', { feature: 'XSAVE' }),
  ends('XSETBV', 'NP 0F 01 D1', '', 'hXsetbv', { ...CPL0, feature: 'XSAVE' }),
  row('RDFSBASE', 'F3 0F AE /0 mod=3', 'Ry', 'hRdfsbase', { modes: '64', feature: 'FSGSBASE' }),
  row('RDGSBASE', 'F3 0F AE /1 mod=3', 'Ry', 'hRdgsbase', { modes: '64', feature: 'FSGSBASE' }),
  row('WRFSBASE', 'F3 0F AE /2 mod=3', 'Ry', 'hWrfsbase', { modes: '64', feature: 'FSGSBASE' }),
  row('WRGSBASE', 'F3 0F AE /3 mod=3', 'Ry', 'hWrgsbase', { modes: '64', feature: 'FSGSBASE' }),

  ends('VMCALL', '0F 01 C1', '', 'hVmcall', ONCE),
  ends('VMMCALL', '0F 01 D9', '', 'hVmcall', ONCE),
];
