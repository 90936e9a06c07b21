// The coverage of the table by CPU models and vectors, and that the tool would notice.

import { beforeAll, describe, expect, test } from 'vitest';
import { loadRows } from '../../isa/index.ts';
import { decodeRow, type Decoded } from '../isa-gen/encoding.ts';
import { buildCore } from '../steps.ts';
import { coverage } from './coverage.ts';

let rows: Decoded[] = [];
beforeAll(async () => {
  buildCore();
  rows = (await loadRows()).map(decodeRow);
}, 180_000);

describe('isa-coverage', () => {
  test('every row has vectors and a model that announces it, every announced feature has rows', () => {
    expect(coverage(rows).problems).toEqual([]);
  });

  test('a row without vectors, of a feature that nobody announces, is told twice', () => {
    const stranger = { ...rows.find((d) => d.row.name === 'CLWB')! };
    stranger.row = { ...stranger.row, name: 'STRANGER', feature: 'VMX' };
    const { problems } = coverage([...rows, stranger]);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^misc: STRANGER .* has no vectors$/);
    expect(problems[1]).toMatch(/^STRANGER .*: no model announces VMX$/);
  });

  test('an announced feature whose rows are gone is told for each model', () => {
    const { problems } = coverage(rows.filter((d) => d.row.feature !== 'CLWB'));
    expect(problems).toEqual(['v1', 'v2'].map((model) => `${model}: CPUID 7.0 B bit 24 has no rows`));
  });
});
