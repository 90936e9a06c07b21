// The small chips: 8237, debug ports, system control ports.

import { beforeEach, describe, expect, it } from 'vitest';
import { BOARD, Board, Control, RING_DEBUG_OUT, Request } from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(2);
beforeEach(() => { board.powerOn(); });

describe('8237 and page registers', () => {
  it('address and count by halves with the flip-flop, in both controllers', () => {
    for (const [base, step] of [[0, 1], [0xC0, 2]] as const) {
      board.out8(base + 12 * step, 0);
      board.out8(base + 2 * step, 0x34);
      board.out8(base + 2 * step, 0x12);
      expect([board.in8(base + 2 * step), board.in8(base + 2 * step)]).toEqual([0x34, 0x12]);
    }
  });
  it('keeps pages', () => {
    board.out8(0x83, 0x5A);
    board.out8(0x8F, 0xA5);
    expect([board.in8(0x83), board.in8(0x8F), board.in8(0x87)]).toEqual([0x5A, 0xA5, 0]);
  });
  it('master clear resets the flip-flop', () => {
    board.out8(0x00, 0x11);
    board.out8(0x0D, 0);
    board.out8(0x00, 0x22);
    board.out8(0x0C, 0);
    expect(board.in8(0x00)).toBe(0x22);
  });
});

describe('debug ports', () => {
  it('console: both ports into one ring, and they say who they are', () => {
    board.out8(0xE9, 0x41);
    board.out8(0x402, 0x42);
    expect(board.ring(RING_DEBUG_OUT)).toEqual([0x41, 0x42]);
    expect([board.in8(0xE9), board.in8(0x402)]).toEqual([0xE9, 0xE9]);
  });
  it('POST code is kept for the host and reads back', () => {
    board.out8(0x80, 0x77);
    expect([board.in8(0x80), board.view.getUint32(BOARD + Board.POST_CODE, true)]).toEqual([0x77, 0x77]);
  });
  it('debug exit ends the machine with its value; the first end stays', () => {
    board.out32(0xF4, 0x1234);
    expect([board.control(Control.END), board.control(Control.END_VALUE)]).toEqual([2, 0x1234]);
    board.out8(0xF4, 9);
    expect(board.control(Control.END_VALUE)).toBe(0x1234);
    expect(board.requests(1) & 128).toBe(128);
  });
});

describe('system control', () => {
  it('port 0x92: A20 bit is kept, bit 0 resets on its rise', () => {
    expect(board.in8(0x92)).toBe(2);
    board.out8(0x92, 0);
    expect(board.in8(0x92)).toBe(0);
    board.clearRequests();
    board.out8(0x92, 3);
    expect(board.requests(0) & Request.INIT).toBe(Request.INIT);
    board.clearRequests();
    board.out8(0x92, 3);
    expect(board.requests(0) & Request.INIT).toBe(0);
    expect(board.control(Control.RESET_REQUEST)).toBe(0);
  });
  it('APM scratch bytes', () => {
    board.out8(0xB2, 0xB5);
    board.out8(0xB3, 0x01);
    expect(board.in16(0xB2)).toBe(0x01B5);
  });
});
