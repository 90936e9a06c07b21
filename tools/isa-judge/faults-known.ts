// What the core does otherwise than the witness of npm run isa:faults, and why.

import type { Decoded } from '../isa-gen/encoding.ts';
import { groupOf } from './generate.ts';

interface Known { what: string; why: string; applies: (d: Decoded, kind: string) => boolean }

/** What is known to differ, and why. Each must still occur. */
export const FAULTS_KNOWN: readonly Known[] = [
  { what: 'x87 and XSAVE operands of more than 8 bytes across the end of the canonical half',
    why: '#GP or #SS here, whatever comes first; the witness takes them in pieces and tells of a missing page in front, or of other',
    applies: (d, kind) => kind === 'canonical' && /^(x87|xsave)$/.test(groupOf(d)) },
  { what: 'MASKMOVDQU aligned to 8 under RFLAGS.AC', why: '#AC here (16 bytes); the witness takes it as two of 8',
    applies: (d, kind) => kind === 'alignment' && d.row.name === 'MASKMOVDQU' },
];
