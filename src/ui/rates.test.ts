import { describe, expect, it } from 'vitest';
import { History, LostCounter, ratesBetween, type StatsSample } from './rates.ts';

const sample = (instructions: number[], haltedMs: number[], lines: Record<string, number> = {}, lost =
  0): StatsSample => ({
  cpus: instructions.map((count, index) => ({ instructions: count, haltedMs: haltedMs[index] ?? 0 })),
  interrupts: { raised: 0, accepted: 0, lost, lines, vectors: {} },
});

describe('ratesBetween', () => {
  it('gives MIPS and load per CPU', () => {
    const rates = ratesBetween(sample([0, 1e6], [0, 100]), sample([500e6, 1e6], [0, 1100]), 1000);
    expect(rates.cpus).toEqual([{ mips: 500, load: 1 }, { mips: 0, load: 0 }]);
    expect(rates.mips).toBe(500);
  });

  it('divides by the time that really passed', () => {
    const rates = ratesBetween(sample([0], [0]), sample([100e6], [250]), 500);
    expect(rates.cpus[0]).toEqual({ mips: 200, load: 0.5 });
  });

  it('keeps loads between 0 and 1 though halted time is sampled unevenly', () => {
    expect(ratesBetween(sample([0], [0]), sample([0], [1200]), 1000).cpus[0]?.load).toBe(0);
  });

  it('counts from zero after a reset', () => {
    const rates = ratesBetween(sample([900e6], [5000], { 4: 90 }), sample([100e6], [0], { 4: 10 }), 1000);
    expect(rates.cpus[0]?.mips).toBe(100);
    expect(rates.lines[0]?.perSecond).toBe(10);
  });

  it('lists the interrupt lines that fired, busiest first, and the lost ones', () => {
    const rates = ratesBetween(sample([0], [0], { 4: 1, 21: 10 }),
      sample([0], [0], { 4: 3, 21: 30, 9: 0 }, 2), 2000);
    expect(rates.lines).toEqual([
      { line: 'pin 21', count: 30, perSecond: 10 }, { line: 'pin 4, serial 1', count: 3, perSecond: 1 }]);
    expect(rates.lost).toBe(2);
  });
});

it('History keeps the last points of every series', () => {
  const history = new History(2, 3);
  for (let second = 1; second <= 5; second++) history.push(second, [second * 10, second * 100]);
  expect(history.data).toEqual([[3, 4, 5], [30, 40, 50], [300, 400, 500]]);
});

it('LostCounter shows only what four looks in a row agree on', () => {
  const counter = new LostCounter();
  expect([3, 0, 3, 3, 3, 3, -1].map((lost) => counter.add(lost))).toEqual([0, 0, 0, 0, 0, 3, 0]);
});
