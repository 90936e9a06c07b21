// SMBus host of the PIIX4 (Intel 290562 sections 7.3, 11.5): base and enable in configuration space, and transfers to
// nobody.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const config = (reg: number): void => board.out32(0xCF8, (0x80000B00 | reg & 0xFC) >>> 0);
const BASE = 0x1100;

beforeEach(() => {
  board.powerOn();
  config(0x90);
  board.out32(0xCFC, BASE | 0xF);
  config(0xD0);
  board.out8(0xCFE, 9);
});

describe('SMBus', () => {
  it('base bits 15 to 4, bit 0 reads 1; decodes only when enabled', () => {
    config(0x90);
    expect(board.in32(0xCFC)).toBe(BASE | 1);
    expect(board.in8(BASE)).toBe(0);
    config(0xD0);
    board.out8(0xCFE, 8);
    expect(board.in8(BASE)).toBe(0xFF);
  });

  it('a transfer ends with the device error; a 1 clears it; KILL fails', () => {
    board.out8(BASE + 4, 0xA1);
    board.out8(BASE + 2, 0x48);
    expect([board.in8(BASE), board.in8(BASE + 2)]).toEqual([4, 8]);
    board.out8(BASE, 0xFF);
    expect(board.in8(BASE)).toBe(0);
    board.out8(BASE + 2, 2);
    expect(board.in8(BASE)).toBe(0x10);
  });

  it('data registers keep, the block buffer wraps at 32 and starts over at a read of the control register', () => {
    for (const reg of [3, 4, 5, 6]) board.out8(BASE + reg, 0x90 + reg);
    expect([3, 4, 5, 6].map((reg) => board.in8(BASE + reg))).toEqual([0x93, 0x94, 0x95, 0x96]);
    for (let n = 0; n < 33; n++) board.out8(BASE + 7, n);
    board.in8(BASE + 2);
    expect([board.in8(BASE + 7), board.in8(BASE + 7)]).toEqual([32, 1]);
  });

  it('direct boot finds it at 0x700', () => {
    board.call('boardPresetForDirectBoot');
    config(0x90);
    expect([board.in32(0xCFC), board.in8(0x700)]).toEqual([0x701, 0]);
  });
});
