// State save and restore (SDM vol. 2: FXSAVE FXRSTOR XSAVE XSAVEOPT XSAVEC XRSTOR LDMXCSR STMXCSR).

import type { Row } from './row.ts';

const row = (name: string, enc: string, ops: string, handler: string, feature: string): Row => ({
  name, enc, ops, handler, feature,
});

export const rows: Row[] = [
  row('FXSAVE', 'NP 0F AE /0 mod=m', 'M', 'hFxsave', 'FXSR'), row('FXRSTOR', 'NP 0F AE /1 mod=m', 'M', 'hFxrstor', 'FXSR'),
  row('LDMXCSR', 'NP 0F AE /2 mod=m', 'Md', 'hLdmxcsr', 'SSE'), row('STMXCSR', 'NP 0F AE /3 mod=m', 'Md', 'hStmxcsr', 'SSE'),
  row('XSAVE', 'NP 0F AE /4 mod=m', 'M', 'hXsave', 'XSAVE'), row('XRSTOR', 'NP 0F AE /5 mod=m', 'M', 'hXrstor', 'XSAVE'),
  row('XSAVEOPT', 'NP 0F AE /6 mod=m', 'M', 'hXsave', 'XSAVEOPT'), row('XSAVEC', 'NP 0F C7 /4 mod=m', 'M', 'hXsavec', 'XSAVEC'),
];
