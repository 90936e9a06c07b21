// Two 8259A against the Intel data sheet (231468): initialisation, priorities, EOI kinds, masks, poll, ELCR,
// cascade.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(2);
const EXTINT = 256;

function initialise(icw4 = 1): void {
  for (const [port, base, icw3] of [[0x20, 0x20, 4], [0xA0, 0x28, 2]] as const) {
    board.out8(port, 0x11);
    board.out8(port + 1, base);
    board.out8(port + 1, icw3);
    board.out8(port + 1, icw4);
    board.out8(port + 1, 0);
  }
}
function raise(...lines: number[]): void { for (const line of lines) board.call('irqSet', line, 1); }
function lower(...lines: number[]): void { for (const line of lines) board.call('irqSet', line, 0); }
const intr = (): boolean => board.call('lapicPending', 0) === EXTINT;
const ack = (): number => board.call('lapicAccept', 0);
const irr = (port: number): number => { board.out8(port, 0x0A); return board.in8(port); };
const isr = (port: number): number => { board.out8(port, 0x0B); return board.in8(port); };

beforeEach(() => {
  board.powerOn();
  // LINT0 of CPU 0 = ExtINT, APIC software-enabled.
  board.write32(0xFEE000F0, 0x1FF);
  board.write32(0xFEE00350, 0x700);
  initialise();
});

describe('8259A pair', () => {
  it('starts quiet; IMR reads back', () => {
    expect(intr()).toBe(false);
    for (const value of [0, 0x55, 0xFF]) {
      board.out8(0x21, value);
      board.out8(0xA1, value ^ 0xFF);
      expect([board.in8(0x21), board.in8(0xA1)]).toEqual([value, value ^ 0xFF]);
    }
  });

  it('acknowledges by priority and nests until EOI', () => {
    raise(5, 3);
    expect(intr()).toBe(true);
    expect(ack()).toBe(0x23);
    expect(intr()).toBe(false);
    expect([irr(0x20), isr(0x20)]).toEqual([0x20, 0x08]);
    raise(1);
    expect(ack()).toBe(0x21);
    board.out8(0x20, 0x20);
    expect(isr(0x20)).toBe(0x08);
    board.out8(0x20, 0x20);
    expect(ack()).toBe(0x25);
  });

  it('passes the slave through input 2 and needs both EOIs', () => {
    raise(12);
    expect(ack()).toBe(0x2C);
    expect([isr(0x20), isr(0xA0)]).toEqual([0x04, 0x10]);
    raise(9);
    // A higher slave input cannot pass the master's in-service bit 2 in fully nested mode.
    expect(intr()).toBe(false);
    board.out8(0xA0, 0x20);
    board.out8(0x20, 0x20);
    expect(ack()).toBe(0x29);
  });

  it('special fully nested mode lets the slave interrupt itself', () => {
    initialise(0x11);
    raise(12);
    ack();
    raise(9);
    expect(ack()).toBe(0x29);
  });

  it('masks, and delivers an edge that came while masked', () => {
    board.out8(0x21, 0x10);
    raise(4);
    lower(4);
    expect(intr()).toBe(false);
    board.out8(0x21, 0);
    expect(ack()).toBe(0x24);
  });

  it('edge mode needs a new edge; level mode asks again after EOI', () => {
    raise(5);
    ack();
    board.out8(0x20, 0x20);
    expect(intr()).toBe(false);
    lower(5);
    board.out8(0x4D0, 0x20);
    raise(5);
    expect(ack()).toBe(0x25);
    board.out8(0x20, 0x20);
    expect(ack()).toBe(0x25);
    lower(5);
    board.out8(0x20, 0x20);
    expect(intr()).toBe(false);
  });

  it('ELCR: only the inputs that may be level-triggered', () => {
    board.out8(0x4D0, 0xFF);
    board.out8(0x4D1, 0xFF);
    expect([board.in8(0x4D0), board.in8(0x4D1)]).toEqual([0xF8, 0xDE]);
  });

  it('specific EOI and rotation', () => {
    raise(3, 6);
    ack();
    board.out8(0x20, 0x63);
    expect(isr(0x20)).toBe(0);
    expect(ack()).toBe(0x26);
    // Rotate on specific EOI: 6 becomes the lowest.
    board.out8(0x20, 0xE6);
    lower(3, 6);
    raise(6, 7);
    expect(ack()).toBe(0x27);
    board.out8(0x20, 0xA0);
    // Rotate on non-specific EOI: 7 is the lowest now, so 6 precedes it.
    lower(7);
    raise(7);
    expect(ack()).toBe(0x26);
  });

  it('set priority command', () => {
    board.out8(0x20, 0xC3);
    raise(3, 4);
    expect(ack()).toBe(0x24);
  });

  it('automatic EOI, with rotation', () => {
    initialise(0x03);
    raise(3);
    ack();
    expect(isr(0x20)).toBe(0);
    board.out8(0x20, 0x80);
    lower(3);
    raise(3);
    ack();
    lower(3);
    raise(3, 4);
    expect(ack()).toBe(0x24);
  });

  it('special mask mode opens lower priorities', () => {
    raise(1);
    ack();
    raise(4);
    expect(intr()).toBe(false);
    board.out8(0x21, 0x02);
    board.out8(0x20, 0x68);
    expect(ack()).toBe(0x24);
    board.out8(0x20, 0x48);
    expect(intr()).toBe(false);
  });

  it('poll command acknowledges by reading', () => {
    raise(4);
    board.out8(0x20, 0x0C);
    expect(board.in8(0x20)).toBe(0x84);
    expect(isr(0x20)).toBe(0x10);
    board.out8(0x20, 0x0C);
    expect(board.in8(0x20)).toBe(0);
  });

  it('answers a level that went away with the spurious vector and no ISR bit', () => {
    board.out8(0x4D0, 0x20);
    raise(5);
    board.write32(0xFEE00350, 0x700);
    // Both CPUs see the wire; the second acknowledge finds nothing.
    expect(ack()).toBe(0x25);
    expect(isr(0x20)).toBe(0x20);
    board.out8(0x20, 0x20);
    lower(5);
    expect(intr()).toBe(false);
    expect(board.call('picInta')).toBe(0x27);
    expect(isr(0x20)).toBe(0);
  });

  it('ICW1 clears mask, service and edges; the data port takes ICWs in order', () => {
    raise(4);
    ack();
    board.out8(0x21, 0xFF);
    board.out8(0x20, 0x11);
    expect(board.in8(0x21)).toBe(0);
    board.out8(0x21, 0x40);
    board.out8(0x21, 4);
    board.out8(0x21, 1);
    board.out8(0x21, 0xEF);
    expect(board.in8(0x21)).toBe(0xEF);
    expect(isr(0x20)).toBe(0);
    lower(4);
    raise(4);
    expect(ack()).toBe(0x44);
  });

  it('INTR goes only to a CPU whose LINT0 is ExtINT', () => {
    board.call('setCurrentCpu', 1);
    board.write32(0xFEE000F0, 0x1FF);
    raise(4);
    expect(board.call('lapicPending', 1)).toBe(-1);
    board.write32(0xFEE00350, 0x700);
    expect(board.call('lapicPending', 1)).toBe(EXTINT);
    expect(board.call('lapicAccept', 1)).toBe(0x24);
    expect(intr()).toBe(false);
  });
});
