// What the core does otherwise than the witness of npm run isa:faults, and why.

import type { Decoded } from '../isa-gen/encoding.ts';
import { groupOf } from './generate.ts';

interface Known { what: string; why: string; applies: (d: Decoded, kind: string) => boolean }

/** Expected instead of what the witness had. */
export const FLAGS_RESTORED: Known = { what: 'flags at a fault inside of REPE or REPNE CMPS and SCAS',
  why: 'as before the instruction (SDM vol. 2 REP); the witness has those of the last comparison',
  applies: () => false };

/** What is known to differ, and why. Each must still occur. */
export const FAULTS_KNOWN: readonly Known[] = [
  FLAGS_RESTORED,
  { what: 'x87 and XSAVE operands of more than 8 bytes across the end of the canonical half',
    why: '#GP or #SS here, whatever comes first; the witness takes them in pieces and tells of a missing page in front, or of other',
    applies: (d, kind) => kind === 'canonical' && /^(x87|xsave)$/.test(groupOf(d)) },
  { what: 'MASKMOVDQU aligned to 8 under RFLAGS.AC', why: '#AC here (16 bytes); the witness takes it as two of 8',
    applies: (d, kind) => kind === 'alignment' && d.row.name === 'MASKMOVDQU' },
  { what: 'data breakpoints on the upper half of the operand of PUNPCKL, UNPCKL and of shift counts',
    why: 'hit here, 16 bytes are read; the witness reads the 8 that it needs, as SDM vol. 2 PUNPCKLBW allows',
    applies: (d, kind) => kind === 'watched' && /^(P?UNPCKL|PS[LR][LA][DQW])/.test(d.row.name) },
];
