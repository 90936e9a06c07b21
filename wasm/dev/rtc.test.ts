// MC146818A: time from the epoch, BCD and binary, 12 and 24 hours, SET, UIP, alarm, periodic, update-ended,
// CMOS RAM.

import { beforeEach, describe, expect, it } from 'vitest';
import { Control } from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(3, 0x8000);
const S = 1e9;
const get = (n: number): number => { board.out8(0x70, n); return board.in8(0x71); };
const put = (n: number, v: number): void => { board.out8(0x70, n); board.out8(0x71, v); };
const clock = (): number[] => [0, 2, 4, 6, 7, 8, 9, 0x32].map(get);

beforeEach(() => { board.powerOn(Date.UTC(2024, 1, 29, 23, 59, 58)); });

describe('time of day', () => {
  it('BCD, 24 hours, weekday, leap day, century', () => {
    expect(clock()).toEqual([0x58, 0x59, 0x23, 5, 0x29, 0x02, 0x24, 0x20]);
    board.now = 2 * S;
    expect(clock()).toEqual([0x00, 0x00, 0x00, 6, 0x01, 0x03, 0x24, 0x20]);
  });

  it('binary and 12 hours', () => {
    put(0x0B, 0x04);
    expect([get(0), get(2), get(4)]).toEqual([58, 59, 0x80 | 11]);
    board.now = 2 * S;
    expect(get(4)).toBe(12);
    put(0x0B, 0x00);
    board.now = (13 * 3600 + 2) * S;
    expect(get(4)).toBe(0x81);
  });

  it('agrees with the calendar on random days', () => {
    const seed = Number(process.env.SKEP_SEED ?? Date.now() % 1e9);
    console.log(`rtc seed ${seed}`);
    let s = seed;
    const bcd = (v: number): number => Math.floor(v / 10) << 4 | v % 10;
    for (let i = 0; i < 300; i++) {
      s = (s * 1103515245 + 12345) % 2147483648;
      const seconds = s * 2;
      board.powerOn(seconds * 1000);
      const d = new Date(seconds * 1000);
      expect(clock()).toEqual([bcd(d.getUTCSeconds()), bcd(d.getUTCMinutes()), bcd(d.getUTCHours()),
        d.getUTCDay() + 1,
        bcd(d.getUTCDate()), bcd(d.getUTCMonth() + 1), bcd(d.getUTCFullYear() % 100),
          bcd(Math.floor(d.getUTCFullYear() / 100))]);
    }
  });

  it('SET stops the registers, and clearing it takes what was written', () => {
    put(0x0B, 0x82);
    board.now = 5 * S;
    expect(get(0)).toBe(0x58);
    [[0, 0x30], [2, 0x15], [4, 0x08], [7, 0x04], [8, 0x07], [9, 0x99], [0x32, 0x19]].forEach(([n, v]) => put(n ?? 0, v ?? 0));
    put(0x0B, 0x02);
    expect(clock()).toEqual([0x30, 0x15, 0x08, 1, 0x04, 0x07, 0x99, 0x19]);
    board.now += 60 * S;
    expect([get(0), get(2)]).toEqual([0x30, 0x16]);
  });

  it('UIP in the last 244 us of a second, not under SET', () => {
    board.now = S - 244001;
    expect(get(0x0A)).toBe(0x26);
    board.now = S - 243999;
    expect(get(0x0A)).toBe(0xA6);
    put(0x0B, 0x82);
    expect(get(0x0A)).toBe(0x26);
  });
});

describe('interrupts', () => {
  it('update-ended each second; C reads and clears', () => {
    // Periodic rate 0, no alarm at midnight.
    put(0x0A, 0x20); put(1, 0x30); get(0x0C);
    put(0x0B, 0x12);
    board.pass(S);
    expect(board.pin(8)).toBe(true);
    expect(get(0x0C)).toBe(0x90);
    expect([get(0x0C), board.pin(8)]).toEqual([0, false]);
    const before = board.edges(8);
    for (let i = 0; i < 5; i++) { board.pass(S); get(0x0C); }
    expect(board.edges(8) - before).toBe(5);
  });

  it('periodic at 1024 Hz (rate 6) and 8192 Hz (rate 3)', () => {
    for (const [rate, hz] of [[6, 1024], [3, 8192], [15, 2], [1, 256], [2, 128]] as const) {
      put(0x0A, 0x20 | rate);
      put(0x0B, 0x42);
      get(0x0C);
      const start = board.now;
      let count = 0;
      while (board.now < start + S) {
        board.pass(1e9 / hz / 2);
        if (board.pin(8)) { count++; expect(get(0x0C) & 0xC0).toBe(0xC0); }
      }
      expect(Math.abs(count - hz)).toBeLessThanOrEqual(1);
      put(0x0B, 0x02);
    }
  });

  it('alarm at the set time, and every second of a wildcard minute', () => {
    get(0x0C);
    put(1, 0x01); put(3, 0x00); put(5, 0x00);
    put(0x0B, 0x22);
    board.pass(2.9 * S);
    expect(board.pin(8)).toBe(false);
    board.pass(0.2 * S);
    expect(board.pin(8)).toBe(true);
    expect(get(0x0C) & 0xA0).toBe(0xA0);
    put(1, 0xFF); put(3, 0xC0); put(5, 0xC5);
    board.pass(S);
    expect(board.pin(8)).toBe(true);
  });

  it('flags come even with interrupts off', () => {
    put(1, 0x30); get(0x0C);
    board.now = 3 * S;
    expect(get(0x0C) & 0xF0).toBe(0x50);
    expect(board.pin(8)).toBe(false);
  });
});

describe('RAM and ports', () => {
  it('keeps bytes, both banks; the index cannot be read; D is valid and read-only', () => {
    put(0x50, 0xAB);
    expect(get(0x50)).toBe(0xAB);
    expect(board.in8(0x70)).toBe(0xFF);
    board.out8(0x72, 0x10);
    board.out8(0x73, 0xCD);
    expect(board.in8(0x73)).toBe(0xCD);
    expect(get(0x10)).not.toBe(0xCD);
    put(0x0D, 0);
    expect(get(0x0D)).toBe(0x80);
    // Bit 7 of the index is the NMI mask.
    board.out8(0x70, 0x80 | 0x50);
    expect(board.in8(0x71)).toBe(0xAB);
  });

  it('tells memory sizes and CPUs (128 MiB, 3)', () => {
    expect([get(0x15) | get(0x16) << 8, get(0x17) | get(0x18) << 8, get(0x34) | get(0x35) << 8, get(0x5F)])
      .toEqual([640, 0xFFFF, (128 - 16) * 16, 2]);
  });

  it('tells floppy drives by the sizes of their disks, and the boot order', () => {
    const KB = 1024;
    const look = (a: number, b: number): number[] => {
      board.setControl(Control.FLOPPY_SIZES, a * KB);
      board.setControl(Control.FLOPPY_SIZES + 4, b * KB);
      board.call('boardReset');
      return [get(0x10), get(0x14)];
    };
    expect([look(0, 0), look(1440, 0), look(1440, 360), look(1200, 2880), look(720, 1680)])
      .toEqual([[0, 0x06], [0x40, 0x07], [0x41, 0x47], [0x25, 0x47], [0x44, 0x47]]);
    expect([get(0x3D), get(0x38)]).toEqual([0x32, 0]);
    board.setControl(Control.BOOT_ORDER, 0x3121);
    board.call('boardReset');
    expect([get(0x3D), get(0x38)]).toEqual([0x21, 0x31]);
  });
});
