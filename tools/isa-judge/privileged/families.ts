// All privileged cases of a seed: family by family, each as rows of recorded vectors.

import type { Decoded } from '../../isa-gen/encoding.ts';
import { rowKey } from '../generate.ts';
import type { Draft } from './draft.ts';
import { isPrivileged, rowCase } from './rows.ts';
import { longTemplate } from './world.ts';

/** One recorded row: a name, and its cases by number. */
export interface Family { key: string; count: number; make(n: number, seed: number): Draft }

const ROW_CASES = 150;
export const TEMPLATES: readonly Uint8Array[] = [longTemplate().bytes];

export function families(rows: readonly Decoded[]): Family[] {
  return rows.filter(isPrivileged).map((d) => ({ key: `long mode: ${rowKey(d)}`, count: ROW_CASES,
    make: (n, seed) => rowCase(d, n, seed) }));
}
