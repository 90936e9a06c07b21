// PCI configuration (PCI Local Bus 3.0): mechanism #1, the chipset's functions, masks, PIRQ routing, reset
// register.

import { beforeEach, describe, expect, it } from 'vitest';
import { Control, Request } from '../../../src/emu/generated-layout.ts';
import { BoardUnderTest } from '../testing/board.ts';

const board = new BoardUnderTest(1);
const select = (device: number, fn: number, reg: number): void =>
  board.out32(0xCF8, (0x80000000 | device << 11 | fn << 8 | reg & 0xFC) >>> 0);
const get = (device: number, fn: number, reg: number): number => { select(device, fn, reg);
  return board.in32(0xCFC); };
const put = (device: number, fn: number, reg: number, value: number): void => { select(device, fn, reg);
  board.out32(0xCFC, value); };

beforeEach(() => { board.powerOn(); });

describe('mechanism #1', () => {
  it('address register: 32 bits only, reserved bits 0; disabled reads ones', () => {
    board.out32(0xCF8, 0xFFFFFFFF);
    expect(board.in32(0xCF8)).toBe(0x80FFFFFC);
    // The probe of Linux: a byte at 0xCFB must not disturb it.
    board.out8(0xCFB, 1);
    board.out32(0xCF8, 0x80000000);
    expect(board.in32(0xCF8)).toBe(0x80000000);
    board.out32(0xCF8, 0);
    expect(board.in32(0xCFC)).toBe(0xFFFFFFFF);
  });

  it('finds exactly the chipset on bus 0 and nothing on others', () => {
    const found: string[] = [];
    for (let device = 0; device < 32; device++) {
      for (let fn = 0; fn < 8; fn++) {
        const id = get(device, fn, 0);
        if (id !== 0xFFFFFFFF) found.push(`${device}.${fn} ${id.toString(16)} ${(get(device, fn, 8) >>> 8).toString(16)}`);
      }
    }
    expect(found).toEqual(['0.0 12378086 60000', '1.0 70008086 60100', '1.1 70108086 10180', '1.3 71138086 68000',
      '2.0 11111234 30000']);
    board.out32(0xCF8, 0x80010000);
    expect(board.in32(0xCFC)).toBe(0xFFFFFFFF);
  });

  it('bytes and words by address', () => {
    select(1, 0, 0x0C);
    expect(board.in8(0xCFE)).toBe(0x80);
    select(0, 0, 0);
    expect([board.in16(0xCFE), board.in8(0xCFD)]).toEqual([0x1237, 0x80]);
  });

  it('identity is read-only, the line register is not', () => {
    put(1, 3, 0, 0);
    expect(get(1, 3, 0)).toBe(0x71138086);
    put(1, 3, 8, 0);
    expect(get(1, 3, 8) >>> 8).toBe(0x068000);
    put(1, 3, 0x3C, 0xFFFFFFFF);
    expect(get(1, 3, 0x3C)).toBe(0x000001FF);
    for (let bar = 0x10; bar < 0x28; bar += 4) { put(1, 3, bar, 0xFFFFFFFF); expect(get(1, 3, bar)).toBe(0); }
  });

  it('PIIX4 register 0x5B resets to 2', () => {
    expect(get(1, 3, 0x58) >>> 24).toBe(2);
  });
});

describe('PIRQ routing', () => {
  const set = (slot: number, pin: number, level: number): void => {
    board.call('intxSet', board.call('boardIntx'), slot, pin, level);
  };

  it('swizzles slots, ORs sources, drives pins 16 to 19', () => {
    set(3, 0, 1);
    expect([16, 17, 18, 19].map((p) => board.pin(p))).toEqual([false, false, true, false]);
    set(7, 0, 1);
    set(3, 0, 0);
    expect(board.pin(18)).toBe(true);
    set(7, 0, 0);
    expect(board.pin(18)).toBe(false);
  });

  it('routes to ISA lines when enabled, moves with the register, never to a line that is not allowed', () => {
    set(1, 0, 1);
    expect([10, 11].map((p) => board.pin(p))).toEqual([false, false]);
    put(1, 0, 0x60, 0x8080800A);
    expect(board.pin(10)).toBe(true);
    put(1, 0, 0x60, 0x8080800B);
    expect([10, 11].map((p) => board.pin(p))).toEqual([false, true]);
    put(1, 0, 0x60, 0x80808000);
    expect([0, 2, 10, 11].map((p) => board.pin(p))).toEqual([false, false, false, false]);
    put(1, 0, 0x60, 0x80808008);
    expect(board.pin(8)).toBe(false);
  });

  it('preset: A and B on 10, C and D on 11, level in ELCR', () => {
    board.call('boardPresetForDirectBoot');
    expect(get(1, 0, 0x60)).toBe(0x0B0B0A0A);
    expect(board.in8(0x4D1) & 0x0C).toBe(0x0C);
  });
});

describe('reset control register', () => {
  it('4 without 2 is the INIT wire: the CPUs start over, the machine stays', () => {
    board.clearRequests();
    board.out8(0xCF9, 0);
    board.out8(0xCF9, 4);
    expect([board.control(Control.RESET_REQUEST), board.requests(0) & Request.INIT]).toEqual([0, Request.INIT]);
  });

  it('resets at a 0 to 1 change of bit 2, as 2 then 6, and as 6 alone', () => {
    board.out8(0xCF9, 2);
    expect(board.control(Control.RESET_REQUEST)).toBe(0);
    expect(board.in8(0xCF9)).toBe(2);
    board.out8(0xCF9, 6);
    expect(board.control(Control.RESET_REQUEST)).toBe(1);
    board.out8(0xCF9, 6);
    expect(board.control(Control.RESET_REQUEST)).toBe(2);
  });
});
