// The decoder walk in short: every eleventh of its cases (npm run isa:walk has all).

import { expect, test } from 'vitest';
import { decodedRows } from './judge.ts';
import { walk } from './walk.ts';
import { readWitness } from './walk-witness.ts';

const STEP = 11;

test('every opcode map position is the row that its witnesses say, or undefined', async () => {
  const rows = await decodedRows();
  const result = walk(rows, readWitness(), STEP);
  expect(result.failures).toEqual([]);
  expect(result.cases).toBeGreaterThan(400_000);
  expect(result.rows).toBeGreaterThan(100_000);
}, 300_000);
