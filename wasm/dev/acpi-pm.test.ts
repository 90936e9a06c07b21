// ACPI fixed hardware of the PIIX4: PM1 blocks, PM timer and its overflow, SCI, power button, S5, reset
// register.

import { beforeEach, describe, expect, it } from 'vitest';
import { BOARD, Board, Control } from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(2);
const PM = 0x600;
const HZ = 3579545;
const POWER_OFF = 1;

beforeEach(() => {
  board.powerOn();
  board.call('boardPresetForDirectBoot');
});

describe('PM1', () => {
  it('preset: ACPI mode, nothing pending', () => {
    expect([board.in16(PM), board.in16(PM + 2), board.in16(PM + 4)]).toEqual([0, 0, 1]);
  });

  it('writable bits; status is cleared by 1; bytes and doublewords', () => {
    board.out16(PM + 2, 0xFFFF);
    expect(board.in16(PM + 2)).toBe(0x0521);
    board.out8(PM + 3, 0);
    expect(board.in16(PM + 2)).toBe(0x0021);
    board.out16(PM + 4, 0x1C07 | 0xC3F8 & ~0x2000);
    expect(board.in16(PM + 4)).toBe(0x1C07);
    board.out32(PM, 0x0100_0000);
    expect(board.in32(PM)).toBe(0x0100_0000);
  });

  it('the timer has 24 bits at 3.579545 MHz and cannot be written', () => {
    board.now = 1e9;
    expect(board.in32(PM + 8)).toBe(HZ);
    board.now = 10e9;
    expect(board.in32(PM + 8)).toBe(HZ * 10 % 0x1000000);
    board.out32(PM + 8, 0);
    expect(board.in32(PM + 8)).toBe(HZ * 10 % 0x1000000);
  });

  it('TMR_STS at each change of bit 23, SCI when enabled', () => {
    board.out16(PM + 2, 1);
    board.pass(0x800000 / HZ * 1e9 - 1000);
    expect([board.in16(PM) & 1, board.pin(9)]).toEqual([0, false]);
    board.pass(2000);
    expect([board.pin(9), board.in16(PM) & 1]).toEqual([true, 1]);
    board.out16(PM, 1);
    expect([board.in16(PM) & 1, board.pin(9)]).toEqual([0, false]);
    board.pass(0x800000 / HZ * 1e9);
    expect(board.pin(9)).toBe(true);
  });

  it('the power button comes through the host word and raises SCI', () => {
    board.out16(PM + 2, 0x100);
    board.view.setUint32(BOARD + Board.POWER_BUTTON, 1, true);
    board.call('boardPoll');
    expect([board.in16(PM), board.pin(9)]).toEqual([0x100, true]);
    board.out16(PM, 0x100);
    board.call('boardPoll');
    expect([board.in16(PM), board.pin(9)]).toEqual([0, false]);
  });

  it('no SCI without SCI_EN', () => {
    board.out16(PM + 4, 0);
    board.out16(PM + 2, 0x100);
    board.view.setUint32(BOARD + Board.POWER_BUTTON, 1, true);
    board.call('boardPoll');
    expect(board.pin(9)).toBe(false);
    board.out16(PM + 4, 1);
    expect(board.pin(9)).toBe(true);
  });

  it('S5 ends the machine, other sleep types do not', () => {
    board.out16(PM + 4, 0x2000 | 5 << 10);
    expect(board.control(Control.END)).toBe(0);
    board.out16(PM + 4, 0x2001);
    expect(board.control(Control.END)).toBe(POWER_OFF);
    expect(board.requests(0) & board.requests(1) & 128).toBe(128);
  });
});

describe('PM base', () => {
  it('is where the PIIX4 function says, or nowhere', () => {
    const set = (reg: number, value: number): void => { board.out32(0xCF8, 0x80000B00 | reg);
      board.out32(0xCFC, value); };
    set(0x40, 0xB001);
    expect(board.in16(PM + 4)).toBe(0xFFFF);
    expect(board.in16(0xB004)).toBe(1);
    set(0x80, 0);
    expect(board.in16(0xB004)).toBe(0xFFFF);
  });
});
