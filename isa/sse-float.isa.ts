// SSE, SSE2, SSE3 floating-point arithmetic, comparison, logic and conversion, SSE4.1 rounding (SDM vol. 2,
// opcode map tables ). Moves, shuffles and integers are in sse-int.isa.ts. Handlers:
// wasm/interp/sse-float*.ts.

import type { Row } from './row.ts';

const row = (name: string, enc: string, ops: string, feature: string, handler: string, more: Partial<Row> = {}): Row => ({
  name, enc, ops, feature, handler, ...more,
});

const handlerOf = (name: string): string => `h${name[0]}${name.slice(1).toLowerCase()}`;

/** The four forms of an operation: packed and scalar, single and double. */
const four = (op: string, opcode: string, immediate = ''): Row[] => [
  row(`${op}PS`, `NP 0F ${opcode} /r`, `V,W${immediate}`, 'SSE', handlerOf(`${op}PS`)),
  row(`${op}PD`, `66 0F ${opcode} /r`, `V,W${immediate}`, 'SSE2', handlerOf(`${op}PD`)),
  row(`${op}SS`, `F3 0F ${opcode} /r`, `V,Wd${immediate}`, 'SSE', handlerOf(`${op}SS`)),
  // CMPSD is a string instruction too.
  row(`${op}SD`, `F2 0F ${opcode} /r`, `V,Wq${immediate}`, 'SSE2', op === 'CMP' ? 'hCmpsdXmm' : handlerOf(`${op}SD`)),
];

const logic = (op: string, opcode: string): Row[] => [
  row(`${op}PS`, `NP 0F ${opcode} /r`, 'V,W', 'SSE', `${handlerOf(op)}p`),
  row(`${op}PD`, `66 0F ${opcode} /r`, 'V,W', 'SSE2', `${handlerOf(op)}p`),
];

const approximation = (op: string, opcode: string, arg: number): Row[] => [
  row(`${op}PS`, `NP 0F ${opcode} /r`, 'V,W', 'SSE', 'hApproxps', { arg }),
  row(`${op}SS`, `F3 0F ${opcode} /r`, 'V,Wd', 'SSE', 'hApproxss', { arg }),
];

const flags: Partial<Row> = { writes: 'CPAZSO' };
const sized: Partial<Row> = { generic: true };

const arithmetic: Row[] = [
  ...four('SQRT', '51'), ...approximation('RSQRT', '52', 1), ...approximation('RCP', '53', 0),
  ...logic('AND', '54'), ...logic('ANDN', '55'), ...logic('OR', '56'), ...logic('XOR', '57'),
  ...four('ADD', '58'), ...four('MUL', '59'), ...four('SUB', '5C'), ...four('MIN', '5D'), ...four('DIV', '5E'),
  ...four('MAX', '5F'), ...four('CMP', 'C2', ',Ib'),
  row('UCOMISS', 'NP 0F 2E /r', 'V,Wd', 'SSE', 'hUcomiss', flags), row('UCOMISD', '66 0F 2E /r', 'V,Wq', 'SSE2', 'hUcomisd', flags),
  row('COMISS', 'NP 0F 2F /r', 'V,Wd', 'SSE', 'hComiss', flags), row('COMISD', '66 0F 2F /r', 'V,Wq', 'SSE2', 'hComisd', flags),
  row('HADDPD', '66 0F 7C /r', 'V,W', 'SSE3', 'hHaddpd'), row('HADDPS', 'F2 0F 7C /r', 'V,W', 'SSE3', 'hHaddps'),
  row('HSUBPD', '66 0F 7D /r', 'V,W', 'SSE3', 'hHsubpd'), row('HSUBPS', 'F2 0F 7D /r', 'V,W', 'SSE3', 'hHsubps'),
  row('ADDSUBPD', '66 0F D0 /r', 'V,W', 'SSE3', 'hAddsubpd'), row('ADDSUBPS', 'F2 0F D0 /r', 'V,W', 'SSE3', 'hAddsubps'),
];

const conversion: Row[] = [
  row('CVTSI2SS', 'F3 0F 2A /r', 'V,Ey', 'SSE', 'hCvtsi2ss', sized), row('CVTSI2SD', 'F2 0F 2A /r', 'V,Ey', 'SSE2', 'hCvtsi2sd', sized),
  row('CVTTSS2SI', 'F3 0F 2C /r', 'Gy,Wd', 'SSE', 'hCvttss2si', sized),
  row('CVTTSD2SI', 'F2 0F 2C /r', 'Gy,Wq', 'SSE2', 'hCvttsd2si', sized),
  row('CVTSS2SI', 'F3 0F 2D /r', 'Gy,Wd', 'SSE', 'hCvtss2si', sized), row('CVTSD2SI', 'F2 0F 2D /r', 'Gy,Wq', 'SSE2', 'hCvtsd2si', sized),
  row('CVTPI2PS', 'NP 0F 2A /r', 'V,Q', 'SSE', 'hCvtpi2ps'), row('CVTPI2PD', '66 0F 2A /r', 'V,Q', 'SSE2', 'hCvtpi2pd'),
  row('CVTTPS2PI', 'NP 0F 2C /r', 'P,Wq', 'SSE', 'hCvtps2pi', { arg: 1 }),
  row('CVTTPD2PI', '66 0F 2C /r', 'P,W', 'SSE2', 'hCvtpd2pi', { arg: 1 }),
  row('CVTPS2PI', 'NP 0F 2D /r', 'P,Wq', 'SSE', 'hCvtps2pi', { arg: 0 }),
  row('CVTPD2PI', '66 0F 2D /r', 'P,W', 'SSE2', 'hCvtpd2pi', { arg: 0 }),
  row('CVTPS2PD', 'NP 0F 5A /r', 'V,Wq', 'SSE2', 'hCvtps2pd'), row('CVTPD2PS', '66 0F 5A /r', 'V,W', 'SSE2', 'hCvtpd2ps'),
  row('CVTSS2SD', 'F3 0F 5A /r', 'V,Wd', 'SSE2', 'hCvtss2sd'), row('CVTSD2SS', 'F2 0F 5A /r', 'V,Wq', 'SSE2', 'hCvtsd2ss'),
  row('CVTDQ2PS', 'NP 0F 5B /r', 'V,W', 'SSE2', 'hCvtdq2ps'), row('CVTPS2DQ', '66 0F 5B /r', 'V,W', 'SSE2', 'hCvtps2dq'),
  row('CVTTPS2DQ', 'F3 0F 5B /r', 'V,W', 'SSE2', 'hCvttps2dq'), row('CVTTPD2DQ', '66 0F E6 /r', 'V,W', 'SSE2', 'hCvttpd2dq'),
  row('CVTDQ2PD', 'F3 0F E6 /r', 'V,Wq', 'SSE2', 'hCvtdq2pd'), row('CVTPD2DQ', 'F2 0F E6 /r', 'V,W', 'SSE2', 'hCvtpd2dq'),
  row('ROUNDPS', '66 0F 3A 08 /r', 'V,W,Ib', 'SSE4_1', 'hRoundps'), row('ROUNDPD', '66 0F 3A 09 /r', 'V,W,Ib', 'SSE4_1', 'hRoundpd'),
  row('ROUNDSS', '66 0F 3A 0A /r', 'V,Wd,Ib', 'SSE4_1', 'hRoundss'), row('ROUNDSD', '66 0F 3A 0B /r', 'V,Wq,Ib', 'SSE4_1', 'hRoundsd'),
];

export const rows: Row[] = [...arithmetic, ...conversion];
