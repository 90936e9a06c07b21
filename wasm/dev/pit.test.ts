// 8254 against the Intel data sheet (231164): modes, access forms, latches, read-back, gate; port 0x61.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const HZ = 1193182;
/** First whole ns at which n ticks are over. */
const ticks = (n: number): number => Math.ceil(n * 1e9 / HZ);
const at = (n: number): void => { board.now = ticks(n); };
function program(counter: number, mode: number, count: number, bcd = 0): void {
  board.out8(0x43, counter << 6 | 0x30 | mode << 1 | bcd);
  board.out8(0x40 + counter, count & 0xFF);
  board.out8(0x40 + counter, count >> 8);
}
function read(counter: number): number {
  board.out8(0x43, counter << 6);
  return board.in8(0x40 + counter) | board.in8(0x40 + counter) << 8;
}
/** OUT bit by read-back of the status. */
function out(counter: number): number {
  board.out8(0x43, 0xE0 | 2 << counter);
  return board.in8(0x40 + counter) >> 7;
}
const out2 = (): number => board.in8(0x61) >> 5 & 1;
const gate2 = (level: number): void => board.out8(0x61, level);

beforeEach(() => { board.powerOn(); });

describe('counting', () => {
  it('mode 0: low until the end, then high; counts on', () => {
    gate2(1);
    program(2, 0, 1000);
    at(10);
    expect([read(2), out2()]).toEqual([990, 0]);
    at(999);
    expect(out2()).toBe(0);
    at(1000);
    expect(out2()).toBe(1);
    at(1001);
    expect(read(2)).toBe(0xFFFF);
  });

  it('mode 2: period n, low for the last clock', () => {
    program(0, 2, 100);
    expect(read(0)).toBe(100);
    at(98);
    expect([read(0), out(0)]).toEqual([2, 1]);
    at(99);
    expect([read(0), out(0)]).toEqual([1, 0]);
    at(100);
    expect([read(0), out(0)]).toEqual([100, 1]);
    at(250);
    expect(read(0)).toBe(50);
  });

  it('mode 3: square wave, counts by two, odd counts high one longer', () => {
    gate2(1);
    program(2, 3, 10);
    const wave = Array.from({ length: 10 }, (_, t) => { at(t); return out2(); });
    expect(wave).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    board.now = 0;
    program(2, 3, 9);
    expect(Array.from({ length: 9 }, (_, t) => { at(t); return out2(); })).toEqual([1, 1, 1, 1, 1, 0, 0, 0,
      0]);
    board.now = 0;
    program(2, 3, 100);
    at(10);
    expect(read(2)).toBe(80);
  });

  it('mode 4: one low clock at the end', () => {
    gate2(1);
    program(2, 4, 20);
    expect([19, 20, 21].map((t) => { at(t); return out2(); })).toEqual([1, 0, 1]);
  });

  it('modes 1 and 5 wait for the gate', () => {
    for (const mode of [1, 5]) {
      board.now = 0;
      gate2(0);
      program(2, mode, 20);
      at(30);
      expect(out2()).toBe(1);
      gate2(1);
      expect([35, 49, 50, 51].map((t) => { at(t); return out2(); })).toEqual(mode === 1 ? [0, 0, 1, 1]
        : [1, 1, 0, 1]);
    }
  });

  it('a count of 0 is 65536', () => {
    program(0, 2, 0);
    at(1);
    expect(read(0)).toBe(0xFFFF);
    at(65535);
    expect(read(0)).toBe(1);
  });

  it('BCD', () => {
    gate2(1);
    program(2, 0, 0x1000, 1);
    at(1);
    expect(read(2)).toBe(0x0999);
  });

  it('gate low suspends mode 0 and resets modes 2 and 3', () => {
    gate2(1);
    program(2, 0, 100);
    at(30);
    gate2(0);
    at(500);
    expect([read(2), out2()]).toEqual([70, 0]);
    gate2(1);
    at(570);
    expect(out2()).toBe(1);
    program(2, 3, 100);
    gate2(0);
    expect(out2()).toBe(1);
    at(700);
    gate2(1);
    expect(read(2)).toBe(100);
  });
});

describe('access', () => {
  it('low only, high only, low then high; a latch holds until read', () => {
    program(0, 2, 0x1234);
    at(4);
    board.out8(0x43, 0x00);
    at(0x100);
    expect(board.in8(0x40) | board.in8(0x40) << 8).toBe(0x1230);
    expect(board.in8(0x40) | board.in8(0x40) << 8).toBe(0x1134);
    board.out8(0x43, 0x14);
    board.out8(0x40, 0x50);
    expect([board.in8(0x40), board.in8(0x40)]).toEqual([0x50, 0x50]);
    board.out8(0x43, 0x24);
    board.out8(0x40, 0x05);
    expect(board.in8(0x40)).toBe(0x05);
  });

  it('read-back: status first, then count; null count before the load', () => {
    board.out8(0x43, 0x34);
    board.out8(0x43, 0xE2);
    expect(board.in8(0x40)).toBe(0x80 | 0x40 | 0x34);
    board.out8(0x40, 10); board.out8(0x40, 0);
    board.out8(0x43, 0xC2);
    expect(board.in8(0x40)).toBe(0x80 | 0x34);
    expect(board.in8(0x40) | board.in8(0x40) << 8).toBe(10);
  });

  it('the control word cannot be read; modes 6 and 7 are 2 and 3', () => {
    expect(board.in8(0x43)).toBe(0);
    board.out8(0x43, 0x3E);
    board.out8(0x43, 0xE2);
    expect(board.in8(0x40) >> 1 & 7).toBe(3);
  });
});

describe('interrupt', () => {
  it('mode 2 raises line 0 once per period', () => {
    program(0, 2, 1193);
    const before = board.edges(2);
    board.pass(ticks(1193 * 10));
    expect(board.edges(2) - before).toBe(10);
  });

  it('mode 0 raises once', () => {
    program(0, 0, 1000);
    expect(board.pin(2)).toBe(false);
    const before = board.edges(2);
    board.pass(1e9);
    expect([board.pin(2), board.edges(2) - before]).toEqual([true, 1]);
  });

  it('a late clock fires once and keeps the phase', () => {
    program(0, 2, 1000);
    const before = board.edges(2);
    at(5500);
    expect(Number(board.call('clockFire', BigInt(board.now)))).toBe(ticks(6000));
    expect(board.edges(2) - before).toBe(1);
  });
});

describe('port 0x61', () => {
  it('keeps four bits, toggles refresh, shows OUT2', () => {
    board.out8(0x61, 0xFF);
    expect(board.in8(0x61) & 0x0F).toBe(0x0F);
    const seen = new Set<number>();
    for (let i = 0; i < 4; i++) { board.now = i * 15085 + 5; seen.add(board.in8(0x61) & 0x10); }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 0x10]);
  });
});
