// Keyboard controller, keyboard and mouse (IBM PS/2 Technical Reference): controller commands, translation,
// both ports, interrupts, reset.

import { beforeEach, describe, expect, it } from 'vitest';
import { Control, RING_KEYBOARD_IN, RING_MOUSE_IN } from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const status = (): number => board.in8(0x64);
/** Everything the controller gives, waiting between bytes. */
function drain(): number[] {
  const got: number[] = [];
  for (let idle = 0; idle < 3; idle++) {
    while ((status() & 1) !== 0) { got.push(board.in8(0x60)); board.pass(1e6); }
    board.pass(1e6);
  }
  return got;
}
const command = (c: number, data?: number): void => { board.out8(0x64, c);
  if (data !== undefined) board.out8(0x60, data); };
const keyboard = (...bytes: number[]): number[] =>
  bytes.flatMap((b) => { board.out8(0x60, b); return drain(); });
const mouse = (...bytes: number[]): number[] => bytes.flatMap((b) => { command(0xD4, b); return drain(); });

beforeEach(() => { board.powerOn(); });

describe('controller', () => {
  it('self tests, command byte, ports', () => {
    command(0xAA); expect(drain()).toEqual([0x55]);
    command(0xAB); expect(drain()).toEqual([0]);
    command(0xA9); expect(drain()).toEqual([0]);
    command(0x60, 0xFF); command(0x20); expect(drain()).toEqual([0x77]);
    command(0xA8); command(0x20); expect((drain()[0] ?? 0) & 0x20).toBe(0);
    command(0xA7); command(0x20); expect((drain()[0] ?? 0) & 0x20).toBe(0x20);
    command(0xAD); command(0x20); expect((drain()[0] ?? 0) & 0x10).toBe(0x10);
    command(0xD0); expect((drain()[0] ?? 0) & 3).toBe(3);
  });

  it('status: system flag, command or data, output full, auxiliary', () => {
    expect(status() & 0x04).toBe(0x04);
    board.out8(0x64, 0xAE);
    expect(status() & 0x08).toBe(0x08);
    command(0xD2, 0x12);
    expect(status() & 0x21).toBe(0x01);
    expect(board.in8(0x60)).toBe(0x12);
    command(0xD3, 0x34);
    expect(status() & 0x21).toBe(0x21);
    expect(board.in8(0x60)).toBe(0x34);
    expect(status() & 1).toBe(0);
  });

  it('resets the machine by pulse and by output port', () => {
    command(0xFE);
    expect(board.control(Control.RESET_REQUEST)).toBe(1);
    expect(board.requests(0) & 2048).toBe(2048);
    command(0xD1, 0xFE);
    expect(board.control(Control.RESET_REQUEST)).toBe(2);
  });
});

describe('keyboard', () => {
  it('answers its commands', () => {
    expect(keyboard(0xFF)).toEqual([0xFA, 0xAA]);
    expect(keyboard(0xEE)).toEqual([0xEE]);
    expect(keyboard(0xED, 0x07)).toEqual([0xFA, 0xFA]);
    expect(keyboard(0xF4)).toEqual([0xFA]);
    expect(keyboard(0x33)).toEqual([0xFE]);
    command(0x60, 0x05);
    expect(keyboard(0xF2)).toEqual([0xFA, 0xAB, 0x83]);
    expect(keyboard(0xF0, 0)).toEqual([0xFA, 0xFA, 2]);
  });

  it('translates set 2 to set 1: make, break, extended', () => {
    // A down and up, right arrow down and up, F7.
    board.feed(RING_KEYBOARD_IN, [0x1C, 0xF0, 0x1C, 0xE0, 0x74, 0xE0, 0xF0, 0x74, 0x83, 0xF0, 0x83]);
    expect(drain()).toEqual([0x1E, 0x9E, 0xE0, 0x4D, 0xE0, 0xCD, 0x41, 0xC1]);
  });

  it('without translation gives set 2 as it is', () => {
    command(0x60, 0x05);
    board.feed(RING_KEYBOARD_IN, [0x1C, 0xF0, 0x1C]);
    expect(drain()).toEqual([0x1C, 0xF0, 0x1C]);
  });

  it('IRQ 1: an edge per byte, none when masked', () => {
    const before = board.edges(1);
    board.feed(RING_KEYBOARD_IN, [0x1C, 0x32, 0x21]);
    expect(board.pin(1)).toBe(true);
    drain();
    expect([board.pin(1), board.edges(1) - before]).toEqual([false, 3]);
    command(0x60, 0x44);
    board.feed(RING_KEYBOARD_IN, [0x1C]);
    expect([board.pin(1), status() & 1]).toEqual([false, 1]);
  });

  it('a disabled keyboard keeps keys in the ring; a disabled port holds them back', () => {
    keyboard(0xF5);
    board.feed(RING_KEYBOARD_IN, [0x1C]);
    expect(drain()).toEqual([]);
    expect(keyboard(0xF4)).toEqual([0xFA, 0x1E]);
    command(0xAD);
    board.feed(RING_KEYBOARD_IN, [0x32]);
    expect(drain()).toEqual([]);
    command(0xAE);
    expect(drain()).toEqual([0x30]);
  });

  it('500 keys in one go arrive in order', () => {
    command(0x60, 0x05);
    const keys = Array.from({ length: 500 }, (_, i) => 1 + i % 0x7E);
    board.feed(RING_KEYBOARD_IN, keys);
    expect(drain()).toEqual(keys);
  });
});

describe('mouse', () => {
  beforeEach(() => command(0x60, 0x47));

  it('resets, identifies, becomes a wheel mouse by the knock', () => {
    expect(mouse(0xFF)).toEqual([0xFA, 0xAA, 0x00]);
    expect(mouse(0xF2)).toEqual([0xFA, 0x00]);
    mouse(0xF3, 200, 0xF3, 100, 0xF3, 80);
    expect(mouse(0xF2)).toEqual([0xFA, 0x03]);
    mouse(0xF3, 200, 0xF3, 200, 0xF3, 80);
    expect(mouse(0xF2)).toEqual([0xFA, 0x04]);
    expect(mouse(0xE9)).toEqual([0xFA, 0x00, 2, 80]);
  });

  it('packets: signs, buttons, long movements, IRQ 12', () => {
    mouse(0xF4);
    const before = board.edges(12);
    board.feed(RING_MOUSE_IN, [1, 5, 0xFE, 0]);
    expect(status() & 0x20).toBe(0x20);
    expect(drain()).toEqual([0x29, 5, 0xFE]);
    expect(board.edges(12) - before).toBe(3);
    board.feed(RING_MOUSE_IN, [0, 0x81, 0, 0, 0, 0x81, 0, 0]);
    const packets = drain();
    let x = 0;
    for (let i = 0; i < packets.length; i += 3) x += (packets[i + 1]
      ?? 0) - (((packets[i] ?? 0) & 0x10) !== 0 ? 256 : 0);
    expect(x).toBe(-254);
  });

  it('a click between two looks is two packets; movement with the same buttons is one', () => {
    mouse(0xF4);
    board.feed(RING_MOUSE_IN, [0, 3, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(drain()).toEqual([0x08, 7, 0, 0x09, 0, 0, 0x08, 0, 0]);
    // More clicks than the controller's queue has room for: they wait in the ring.
    board.feed(RING_MOUSE_IN, Array.from({ length: 40 }, (_, n) => [n & 1 ^ 1, 0, 0, 0]).flat());
    expect(drain().filter((_, n) => n % 3 === 0)).toEqual(Array.from({ length: 40 }, (_, n) => 8 | (n & 1 ^ 1)));
  });

  it('says nothing while reporting is off', () => {
    board.feed(RING_MOUSE_IN, [1, 5, 5, 0]);
    expect(drain()).toEqual([]);
  });
});
