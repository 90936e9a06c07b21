// HPET against the IA-PC specification 1.0a: identity, counter, one-shot, periodic, 32-bit mode, level
// status, legacy replacement.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const BASE = 0xFED00000;
const CONF = 0x10, STATUS = 0x20, COUNTER = 0xF0;
const T = (n: number): number => BASE + 0x100 + n * 0x20;
const enable = (bits = 1): void => board.write32(BASE + CONF, bits);

beforeEach(() => { board.powerOn(); });

describe('block', () => {
  it('announces 100 MHz, three 64-bit timers, legacy routes', () => {
    expect(board.read64(BASE)).toBe(0x009896808086A201n);
    expect(board.read32(BASE + 4)).toBe(10_000_000);
    for (let n = 0; n < 3; n++) expect(board.read64(T(n))).toBe(0x00F0000000000030n);
    expect([board.read32(BASE + CONF), board.read32(BASE + COUNTER)]).toEqual([0, 0]);
  });

  it('writable bits', () => {
    board.write64(BASE + CONF, ~0n & 0xFFFFFFFFFFFFFFFEn);
    expect(board.read64(BASE + CONF)).toBe(2n);
    board.write32(T(2), 0xFFFFFFFF);
    expect(board.read32(T(2))).toBe(0x3F4E | 0x30);
    board.write32(BASE, 0);
    expect(board.read32(BASE)).toBe(0x8086A201);
  });

  it('counts only while enabled, can be set only while not', () => {
    board.write64(BASE + COUNTER, 1000n);
    board.now = 5000;
    expect(board.read64(BASE + COUNTER)).toBe(1000n);
    enable();
    board.now = 6000;
    expect(board.read64(BASE + COUNTER)).toBe(1100n);
    board.write64(BASE + COUNTER, 0n);
    expect(board.read64(BASE + COUNTER)).toBe(1100n);
    enable(0);
    board.now = 9000;
    expect(board.read64(BASE + COUNTER)).toBe(1100n);
    expect(board.read32(BASE + COUNTER + 4)).toBe(0);
  });
});

describe('timers', () => {
  it('one-shot edge on a routed pin', () => {
    board.write32(T(2), 0x4 | 20 << 9);
    board.write64(T(2) + 8, 500n);
    enable();
    const before = board.edges(20);
    board.pass(4990);
    expect(board.edges(20)).toBe(before);
    board.pass(10_000);
    expect(board.edges(20)).toBe(before + 1);
  });

  it('periodic with the accumulator bit, as Linux sets it up', () => {
    board.write32(T(0), 0x4 | 0x8 | 0x40 | 0x100 | 21 << 9);
    board.write32(T(0) + 8, 1000);
    board.write32(T(0) + 8, 1000);
    enable();
    board.pass(95_000);
    expect(board.edges(21)).toBe(9);
    expect(board.read32(T(0)) & 0x40).toBe(0);
    expect(board.read32(T(0) + 8)).toBe(10_000);
  });

  it('late service: one interrupt, then in phase', () => {
    board.write32(T(0), 0x4 | 0x8 | 0x40 | 21 << 9);
    board.write64(T(0) + 8, 1000n);
    enable();
    board.now = 35_500;
    expect(Number(board.call('clockFire', 35_500n))).toBe(40_000);
    expect(board.edges(21)).toBe(1);
  });

  it('32-bit mode wraps', () => {
    board.write64(BASE + COUNTER, 0xFFFFFF00n);
    board.write32(T(1), 0x4 | 0x100 | 22 << 9);
    board.write32(T(1) + 8, 0x10);
    enable();
    board.pass(0x10F * 10);
    expect(board.edges(22)).toBe(0);
    board.pass(10);
    expect(board.edges(22)).toBe(1);
  });

  it('level: status holds the line until 1 is written', () => {
    board.write32(T(0), 0x2 | 0x4 | 23 << 9);
    board.write64(T(0) + 8, 10n);
    enable();
    board.pass(200);
    expect([board.pin(23), board.read32(BASE + STATUS)]).toEqual([true, 1]);
    board.write32(BASE + STATUS, 1);
    expect([board.pin(23), board.read32(BASE + STATUS)]).toEqual([false, 0]);
  });

  it('no interrupt without INT_ENB or on a pin that is not offered', () => {
    board.write32(T(0), 21 << 9);
    board.write64(T(0) + 8, 10n);
    board.write32(T(1), 0x4 | 5 << 9);
    board.write64(T(1) + 8, 10n);
    enable();
    board.pass(1000);
    expect([board.edges(21), board.edges(5)]).toEqual([0, 0]);
  });

  it('legacy replacement: timer 0 on line 0 instead of the PIT, timer 1 on line 8', () => {
    board.out8(0x43, 0x34); board.out8(0x40, 100); board.out8(0x40, 0);
    enable(3);
    const pit = board.edges(2);
    board.pass(1e6);
    expect(board.edges(2)).toBe(pit);
    board.write32(T(0), 0x4);
    board.write64(T(0) + 8, BigInt(board.read32(BASE + COUNTER) + 100));
    board.write32(T(1), 0x4);
    board.write64(T(1) + 8, BigInt(board.read32(BASE + COUNTER) + 100));
    board.pass(2000);
    expect([board.edges(2) - pit, board.edges(8)]).toEqual([1, 1]);
    enable(1);
    board.pass(1e6);
    expect(board.edges(2)).toBeGreaterThan(pit + 1);
  });
});
