import { expect, test } from 'vitest';
import { geometricMean, median, medianSeconds, parseVmbench } from './results.ts';

const OUTPUT = `VMBENCH-INIT\r
# 6.12.117+deb13-amd64 x86_64, 1 cpus, clock tsc, boot clock 2.5 s, scale 1\r
VMBENCH-ROUND 1\r
intadd 100000000 0.250000 5f5e100\r
diskwr skipped\r
getpid 1000000 0.500000 f4240\r
VMBENCH-ROUND 2\r
intadd 100000000 0.750000 5f5e100\r
VMBENCH-DONE\r
`;

test('results of all rounds, skipped programs and comments left out', () => {
  const results = parseVmbench(OUTPUT);
  expect(results).toHaveLength(3);
  expect(results[1]).toEqual({ name: 'getpid', operations: 1e6, seconds: 0.5, check: 'f4240' });
  expect([...medianSeconds(results)]).toEqual([['intadd', 0.5], ['getpid', 0.5]]);
});

test('median of an odd and of an even number of values; geometric mean', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(geometricMean([1, 4, 16])).toBeCloseTo(4, 12);
});
