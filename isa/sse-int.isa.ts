// SSE to SSE4.2 without floating-point arithmetic (SDM vol. 2): moves, shuffles, blends, inserts, extracts,
// and integer instructions that exist for XMM only. Those shared with MMX are in mmx.isa.ts.

import type { Row } from './row.ts';

const one = (name: string, enc: string, ops: string, handler: string, feature: string): Row => ({
  name, enc, ops, handler, feature,
});
const handlerOf = (name: string): string => `h${name[0]}${name.slice(1).toLowerCase()}`;
/** Opcode:name pairs of `66 map opcode /r`, both operands whole registers (or 16 bytes). */
const list = (text: string, map: string, ops: string, feature: string): Row[] => text.trim().split(/\s+/).map((word) => {
  const [opcode, name] = word.split(':') as [string, string];
  return one(name, `66 ${map} ${opcode} /r`, ops, handlerOf(name), feature);
});
/** Load and store pair. */
const pair = (name: string, prefix: string, load: string, store: string, handler: string, feature: string): Row[] => [
  one(name, `${prefix} 0F ${load} /r`, 'Vdq,Wdq', `${handler}Load`, feature),
  one(name, `${prefix} 0F ${store} /r`, 'Wdq,Vdq', `${handler}Store`, feature),
];

const moves: Row[] = [
  ...pair('MOVUPS', 'NP', '10', '11', 'hMovu', 'SSE'), ...pair('MOVUPD', '66', '10', '11', 'hMovu', 'SSE2'),
  ...pair('MOVAPS', 'NP', '28', '29', 'hMova', 'SSE'), ...pair('MOVAPD', '66', '28', '29', 'hMova', 'SSE2'),
  ...pair('MOVDQA', '66', '6F', '7F', 'hMova', 'SSE2'), ...pair('MOVDQU', 'F3', '6F', '7F', 'hMovu', 'SSE2'),
  one('LDDQU', 'F2 0F F0 /r mod=m', 'Vdq,Mdq', 'hMovuLoad', 'SSE3'),
  one('MOVSS', 'F3 0F 10 /r', 'Vdq,Wd', 'hMovssLoad', 'SSE'), one('MOVSS', 'F3 0F 11 /r', 'Wd,Vd', 'hMovssStore', 'SSE'),
  one('MOVSD', 'F2 0F 10 /r', 'Vdq,Wq', 'hMovsdLoad', 'SSE2'), one('MOVSD', 'F2 0F 11 /r', 'Wq,Vq', 'hMovsdStore', 'SSE2'),
  one('MOVHLPS', 'NP 0F 12 /r mod=3', 'Vq,Uq', 'hMovlpLoad', 'SSE'), one('MOVLPS', 'NP 0F 12 /r mod=m', 'Vq,Mq', 'hMovlpLoad', 'SSE'),
  one('MOVLPD', '66 0F 12 /r mod=m', 'Vq,Mq', 'hMovlpLoad', 'SSE2'),
  one('MOVLPS', 'NP 0F 13 /r mod=m', 'Mq,Vq', 'hMovlpStore', 'SSE'), one('MOVLPD', '66 0F 13 /r mod=m', 'Mq,Vq', 'hMovlpStore', 'SSE2'),
  one('MOVLHPS', 'NP 0F 16 /r mod=3', 'Vdq,Uq', 'hMovhpLoad', 'SSE'), one('MOVHPS', 'NP 0F 16 /r mod=m', 'Vdq,Mq', 'hMovhpLoad', 'SSE'),
  one('MOVHPD', '66 0F 16 /r mod=m', 'Vdq,Mq', 'hMovhpLoad', 'SSE2'),
  one('MOVHPS', 'NP 0F 17 /r mod=m', 'Mq,Vq', 'hMovhpStore', 'SSE'), one('MOVHPD', '66 0F 17 /r mod=m', 'Mq,Vq', 'hMovhpStore', 'SSE2'),
  one('MOVNTPS', 'NP 0F 2B /r mod=m', 'Mdq,Vdq', 'hMovaStore', 'SSE'), one('MOVNTPD', '66 0F 2B /r mod=m', 'Mdq,Vdq', 'hMovaStore', 'SSE2'),
  one('MOVNTDQ', '66 0F E7 /r mod=m', 'Mdq,Vdq', 'hMovaStore', 'SSE2'),
  one('MOVD', '66 0F 6E /r', 'Vdq,Ey', 'hMovdToXmm', 'SSE2'), one('MOVD', '66 0F 7E /r', 'Ey,Vdq', 'hMovdFromXmm', 'SSE2'),
  one('MOVQ', 'F3 0F 7E /r', 'Vdq,Wq', 'hMovqLoad', 'SSE2'), one('MOVQ', '66 0F D6 /r', 'Wq,Vq', 'hMovqStore', 'SSE2'),
  one('MOVQ2DQ', 'F3 0F D6 /r mod=3', 'Vdq,Nq', 'hMovq2dq', 'SSE2'), one('MOVDQ2Q', 'F2 0F D6 /r mod=3', 'Pq,Uq', 'hMovdq2q', 'SSE2'),
  one('MOVMSKPS', 'NP 0F 50 /r mod=3', 'Gd,Udq', 'hMovmskps', 'SSE'), one('MOVMSKPD', '66 0F 50 /r mod=3', 'Gd,Udq', 'hMovmskpd', 'SSE2'),
  one('MOVDDUP', 'F2 0F 12 /r', 'Vdq,Wq', 'hMovddup', 'SSE3'), one('MOVSLDUP', 'F3 0F 12 /r', 'Vdq,Wdq', 'hMovsldup', 'SSE3'),
  one('MOVSHDUP', 'F3 0F 16 /r', 'Vdq,Wdq', 'hMovshdup', 'SSE3'),
];

const shuffles: Row[] = [
  one('UNPCKLPS', 'NP 0F 14 /r', 'Vdq,Wdq', 'hUnpcklps', 'SSE'), one('UNPCKLPD', '66 0F 14 /r', 'Vdq,Wdq', 'hPunpcklqdq', 'SSE2'),
  one('UNPCKHPS', 'NP 0F 15 /r', 'Vdq,Wdq', 'hUnpckhps', 'SSE'), one('UNPCKHPD', '66 0F 15 /r', 'Vdq,Wdq', 'hPunpckhqdq', 'SSE2'),
  ...list('6C:PUNPCKLQDQ 6D:PUNPCKHQDQ', '0F', 'Vdq,Wdq', 'SSE2'),
  one('PSHUFD', '66 0F 70 /r', 'Vdq,Wdq,Ib', 'hPshufd', 'SSE2'), one('PSHUFHW', 'F3 0F 70 /r', 'Vdq,Wdq,Ib', 'hPshufhw', 'SSE2'),
  one('PSHUFLW', 'F2 0F 70 /r', 'Vdq,Wdq,Ib', 'hPshuflw', 'SSE2'),
  one('SHUFPS', 'NP 0F C6 /r', 'Vdq,Wdq,Ib', 'hShufps', 'SSE'), one('SHUFPD', '66 0F C6 /r', 'Vdq,Wdq,Ib', 'hShufpd', 'SSE2'),
];

/** PMOVSX and PMOVZX: opcode of the sign-extending form, suffix, memory width. */
const extend = ([opcode, suffix, width]: [number, string, string]): Row[] => [
  one(`PMOVSX${suffix}`, `66 0F 38 ${(0x20 + opcode).toString(16).toUpperCase()} /r`, `Vdq,W${width}`,
    `hPmovsx${suffix.toLowerCase()}`, 'SSE4_1'),
  one(`PMOVZX${suffix}`, `66 0F 38 ${(0x30 + opcode).toString(16).toUpperCase()} /r`, `Vdq,W${width}`,
    `hPmovzx${suffix.toLowerCase()}`, 'SSE4_1'),
];

const sse4: Row[] = [
  ...list(`10:PBLENDVB 14:BLENDVPS 15:BLENDVPD 17:PTEST 28:PMULDQ 29:PCMPEQQ 2B:PACKUSDW 38:PMINSB 39:PMINSD 3A:PMINUW
    3B:PMINUD 3C:PMAXSB 3D:PMAXSD 3E:PMAXUW 3F:PMAXUD 40:PMULLD 41:PHMINPOSUW`, '0F 38', 'Vdq,Wdq', 'SSE4_1')
    .map((row) => (row.name === 'PTEST' ? { ...row, writes: 'CPAZSO' } : row)),
  ...list('37:PCMPGTQ', '0F 38', 'Vdq,Wdq', 'SSE4_2'),
  ...([[0, 'BW', 'q'], [1, 'BD', 'd'], [2, 'BQ', 'w'], [3, 'WD', 'q'], [4, 'WQ', 'd'],
    [5, 'DQ', 'q']] as [number, string, string][]).flatMap(extend),
  one('MOVNTDQA', '66 0F 38 2A /r mod=m', 'Vdq,Mdq', 'hMovntdqa', 'SSE4_1'),
  ...list('0C:BLENDPS 0D:BLENDPD 0E:PBLENDW 40:DPPS 41:DPPD 42:MPSADBW', '0F 3A', 'Vdq,Wdq,Ib', 'SSE4_1'),
  one('PEXTRB', '66 0F 3A 14 /r', 'Ed,Vdq,Ib', 'hPextrb', 'SSE4_1'), one('PEXTRW', '66 0F 3A 15 /r', 'Ed,Vdq,Ib', 'hPextrwMem', 'SSE4_1'),
  one('PEXTRD', '66 0F 3A 16 /r', 'Ey,Vdq,Ib', 'hPextrd', 'SSE4_1'),
    one('EXTRACTPS', '66 0F 3A 17 /r', 'Ed,Vdq,Ib', 'hExtractps', 'SSE4_1'),
  one('PINSRB', '66 0F 3A 20 /r', 'Vdq,Ed,Ib', 'hPinsrb', 'SSE4_1'), one('INSERTPS', '66 0F 3A 21 /r', 'Vdq,Wd,Ib', 'hInsertps', 'SSE4_1'),
  one('PINSRD', '66 0F 3A 22 /r', 'Vdq,Ey,Ib', 'hPinsrd', 'SSE4_1'),
];

const strings: Row[] = (['PCMPESTRM', 'PCMPESTRI', 'PCMPISTRM', 'PCMPISTRI'] as const).map((name, n) => ({
  ...one(name, `66 0F 3A 6${n} /r`, 'Vdq,Wdq,Ib', handlerOf(name), 'SSE4_2'), writes: 'CPAZSO',
}));

export const rows: Row[] = [...moves, ...shuffles, ...sse4, ...strings];
