// AES-NI, SHA extensions, PCLMULQDQ (SDM vol. 2).

import type { Row } from './row.ts';

const row = (name: string, enc: string, feature: string, ops = 'Vdq,Wdq'): Row => ({
  name, enc, ops, handler: `h${name[0]}${name.slice(1).toLowerCase()}`, feature,
});

export const rows: Row[] = [
  row('AESIMC', '66 0F 38 DB /r', 'AES'), row('AESENC', '66 0F 38 DC /r', 'AES'),
  row('AESENCLAST', '66 0F 38 DD /r', 'AES'), row('AESDEC', '66 0F 38 DE /r', 'AES'),
  row('AESDECLAST', '66 0F 38 DF /r', 'AES'), row('AESKEYGENASSIST', '66 0F 3A DF /r', 'AES', 'Vdq,Wdq,Ib'),
  row('PCLMULQDQ', '66 0F 3A 44 /r', 'PCLMULQDQ', 'Vdq,Wdq,Ib'),
  row('SHA1NEXTE', 'NP 0F 38 C8 /r', 'SHA'), row('SHA1MSG1', 'NP 0F 38 C9 /r', 'SHA'),
  row('SHA1MSG2', 'NP 0F 38 CA /r', 'SHA'), row('SHA256RNDS2', 'NP 0F 38 CB /r', 'SHA'),
  row('SHA256MSG1', 'NP 0F 38 CC /r', 'SHA'), row('SHA256MSG2', 'NP 0F 38 CD /r', 'SHA'),
  row('SHA1RNDS4', 'NP 0F 3A CC /r', 'SHA', 'Vdq,Wdq,Ib'),
];
