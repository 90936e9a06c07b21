// MMX, and the integer instructions that exist with MMX and with XMM registers (SDM vol. 2): without a prefix
// on MMX, with 66 on XMM. One handler serves both (wasm/interp/sse-operand.ts).

import type { Row } from './row.ts';

const BOTH = (name: string, opcode: string, handler: string, mmx: string, sse: string): Row[] => [
  { name, enc: `NP ${opcode} /r`, ops: 'Pq,Qq', handler, feature: mmx },
  { name, enc: `66 ${opcode} /r`, ops: 'Vdq,Wdq', handler, feature: sse },
];
const handlerOf = (name: string): string => `h${name[0]}${name.slice(1).toLowerCase()}`;
const list = (text: string, map: string, mmx: string, sse: string): Row[] => text.trim().split(/\s+/).flatMap((word) => {
  const [opcode, name] = word.split(':') as [string, string];
  return BOTH(name, `${map} ${opcode}`, handlerOf(name), mmx, sse);
});

/** Opcode:name pairs of map 0F that came with MMX (or with SSE and SSE2 for MMX registers). */
const lanes = list(`
  60:PUNPCKLBW 61:PUNPCKLWD 62:PUNPCKLDQ 63:PACKSSWB 64:PCMPGTB 65:PCMPGTW 66:PCMPGTD 67:PACKUSWB
  68:PUNPCKHBW 69:PUNPCKHWD 6A:PUNPCKHDQ 6B:PACKSSDW 74:PCMPEQB 75:PCMPEQW 76:PCMPEQD
  D1:PSRLW D2:PSRLD D3:PSRLQ D4:PADDQ D5:PMULLW D8:PSUBUSB D9:PSUBUSW DA:PMINUB DB:PAND DC:PADDUSB DD:PADDUSW DE:PMAXUB
  DF:PANDN E0:PAVGB E1:PSRAW E2:PSRAD E3:PAVGW E4:PMULHUW E5:PMULHW E8:PSUBSB E9:PSUBSW EA:PMINSW EB:POR EC:PADDSB
  ED:PADDSW EE:PMAXSW EF:PXOR F1:PSLLW F2:PSLLD F3:PSLLQ F4:PMULUDQ F5:PMADDWD F6:PSADBW F8:PSUBB F9:PSUBW FA:PSUBD
  FB:PSUBQ FC:PADDB FD:PADDW FE:PADDD`, '0F', 'MMX', 'SSE2');

const ssse3 = list(`
  00:PSHUFB 01:PHADDW 02:PHADDD 03:PHADDSW 04:PMADDUBSW 05:PHSUBW 06:PHSUBD 07:PHSUBSW 08:PSIGNB 09:PSIGNW 0A:PSIGND
  0B:PMULHRSW 1C:PABSB 1D:PABSW 1E:PABSD`, '0F 38', 'SSSE3', 'SSSE3');

/** Shifts by immediate: opcode, digit, name. */
const immediate = (opcode: string, digit: number, name: string, mmx = true): Row[] => {
  const handler = mmx ? `${handlerOf(name)}Imm` : handlerOf(name);
  const wide: Row = { name, enc: `66 0F ${opcode} /${digit} mod=3`, ops: 'Udq,Ib', handler, feature: 'SSE2' };
  const narrow: Row = { name, enc: `NP 0F ${opcode} /${digit} mod=3`, ops: 'Nq,Ib', handler, feature: 'MMX' };
  return mmx ? [narrow, wide] : [wide];
};

const one = (name: string, enc: string, ops: string, handler: string, feature: string): Row => ({
  name, enc, ops, handler, feature,
});

export const rows: Row[] = [
  ...lanes, ...ssse3,
  ...immediate('71', 2, 'PSRLW'), ...immediate('71', 4, 'PSRAW'), ...immediate('71', 6, 'PSLLW'),
  ...immediate('72', 2, 'PSRLD'), ...immediate('72', 4, 'PSRAD'), ...immediate('72', 6, 'PSLLD'),
  ...immediate('73', 2, 'PSRLQ'), ...immediate('73', 6, 'PSLLQ'),
  ...immediate('73', 3, 'PSRLDQ', false), ...immediate('73', 7, 'PSLLDQ', false),
  one('PALIGNR', 'NP 0F 3A 0F /r', 'Pq,Qq,Ib', 'hPalignr', 'SSSE3'), one('PALIGNR', '66 0F 3A 0F /r', 'Vdq,Wdq,Ib', 'hPalignr', 'SSSE3'),
  one('PINSRW', 'NP 0F C4 /r', 'Pq,Ed,Ib', 'hPinsrw', 'SSE'), one('PINSRW', '66 0F C4 /r', 'Vdq,Ed,Ib', 'hPinsrw', 'SSE2'),
  one('PEXTRW', 'NP 0F C5 /r mod=3', 'Gd,Nq,Ib', 'hPextrw', 'SSE'), one('PEXTRW', '66 0F C5 /r mod=3', 'Gd,Udq,Ib', 'hPextrw', 'SSE2'),
  one('PMOVMSKB', 'NP 0F D7 /r mod=3', 'Gd,Nq', 'hPmovmskb', 'SSE'), one('PMOVMSKB', '66 0F D7 /r mod=3', 'Gd,Udq', 'hPmovmskb', 'SSE2'),
  one('MASKMOVQ', 'NP 0F F7 /r mod=3', 'Pq,Nq', 'hMaskmov', 'SSE'), one('MASKMOVDQU', '66 0F F7 /r mod=3', 'Vdq,Udq', 'hMaskmov', 'SSE2'),
  one('PSHUFW', 'NP 0F 70 /r', 'Pq,Qq,Ib', 'hPshufw', 'SSE'),
  one('MOVQ', 'NP 0F 6F /r', 'Pq,Qq', 'hMovqMmxLoad', 'MMX'), one('MOVQ', 'NP 0F 7F /r', 'Qq,Pq', 'hMovqMmxStore', 'MMX'),
  one('MOVNTQ', 'NP 0F E7 /r mod=m', 'Mq,Pq', 'hMovqMmxStore', 'SSE'),
  one('MOVD', 'NP 0F 6E /r', 'Pq,Ey', 'hMovdToMmx', 'MMX'), one('MOVD', 'NP 0F 7E /r', 'Ey,Pq', 'hMovdFromMmx', 'MMX'),
  one('EMMS', 'NP 0F 77', '', 'hEmms', 'MMX'),
];
