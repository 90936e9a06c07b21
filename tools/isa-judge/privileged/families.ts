// All privileged cases of a seed: family by family, each as rows of recorded vectors.

import type { Decoded } from '../../isa-gen/encoding.ts';
import { rowKey } from '../generate.ts';
import type { Draft } from './draft.ts';
import { bitmapCase, breakpointCase, deliveryCase, shadowCase } from './events.ts';
import { pagingCase } from './paging.ts';
import { isPrivileged, rowCase } from './rows.ts';
import { longTemplate } from './world.ts';

/** One recorded row: a name, and its cases by number. */
export interface Family { key: string; count: number; make(n: number, seed: number): Draft }

const ROW_CASES = 150;

const EVENTS: readonly Family[] = [
  { key: 'paging: two pages', count: 2500, make: pagingCase },
  { key: 'events: delivery', count: 800, make: deliveryCase },

  { key: 'debug: breakpoints', count: 800, make: breakpointCase },
  { key: 'events: shadows', count: 1500, make: shadowCase },
  { key: 'io: bitmap', count: 600, make: bitmapCase },
];
/** The arena that every case begins from. */
export const TEMPLATE: Uint8Array = longTemplate().bytes;

export function families(rows: readonly Decoded[]): Family[] {
  return [...rows.filter(isPrivileged).map((d) => ({ key: `long mode: ${rowKey(d)}`, count: ROW_CASES,
    make: (n: number, seed: number) => rowCase(d, n, seed) })),
    ...EVENTS];
}
