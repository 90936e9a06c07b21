// Keyboard controller, keyboard and mouse (IBM PS/2 Technical Reference): controller commands, translation,
// both ports, interrupts, reset.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  BOARD, Board, CPU_BLOCKS, CPU_BLOCK_BYTES, Control, RING_KEYBOARD_IN, RING_MOUSE_IN, Request,
} from '../../src/emu/generated-layout.ts';
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

/** RAM of the machine, used as a buffer. */
const BUFFER = CPU_BLOCKS + CPU_BLOCK_BYTES + 0x10000;
const SAVED_BYTES = 0x100000;
/** One packet: dx, dy, buttons, wheel. */
function packet(bytes = 3): [number, number, number, number] {
  const got: number[] = [];
  for (let tries = 0; got.length < bytes && tries < 1000; tries++) {
    if ((status() & 1) !== 0) got.push(board.in8(0x60));
    board.pass(1e5);
  }
  const [flags = 0, x = 0, y = 0, z = 0] = got;
  return [x - (flags & 0x10) * 16, y - (flags & 0x20) * 8, flags & 7, z << 24 >> 24];
}
function packets(count: number, bytes = 3): number[][] {
  return Array.from({ length: count }, () => {
    const got: number[] = packet(bytes);
    return bytes === 3 ? got.slice(0, 3) : got;
  });
}

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

  it('password: none; memory of its own; all of it is forgotten at reset', () => {
    command(0xA4); expect(drain()).toEqual([0xF1]);
    command(0x75, 0x5A); command(0x35); expect(drain()).toEqual([0x5A]);
    board.call('boardReset');
    command(0x35); expect(drain()).toEqual([0]);
  });

  it('an answer goes before a key that was not read, and the key comes after it', () => {
    const before = board.edges(1);
    board.feed(RING_KEYBOARD_IN, [0x1C]);
    command(0x20);
    expect([board.in8(0x60), status() & 1, board.in8(0x60)]).toEqual([0x47, 1, 0x1E]);
    expect(board.edges(1) - before).toBe(2);
    // An answer that nobody fetched is not an answer to the next question.
    command(0xAA); command(0x20);
    expect(drain()).toEqual([0x47]);
    command(0x60, 0x47);
    mouse(0xF4);
    board.feed(RING_MOUSE_IN, [0, 1, 0, 0]);
    command(0xAB);
    expect(drain()).toEqual([0, 8, 1, 0]);
  });

  it('starts the CPUs over by pulse and by output port, the machine where there is no firmware', () => {
    for (const bytes of [[0xFE], [0xD1, 0xFE]]) {
      board.clearRequests();
      command(...(bytes as [number]));
      for (let cpu = 0; cpu < board.cpus; cpu++) expect(board.requests(cpu) & Request.INIT).toBe(Request.INIT);
    }
    expect(board.control(Control.RESET_REQUEST)).toBe(0);
    board.call('boardPresetForDirectBoot');
    command(0xFE);
    expect(board.control(Control.RESET_REQUEST)).toBe(1);
    expect(board.requests(0) & Request.RESET).toBe(Request.RESET);
    command(0xD1, 0xFE);
    expect(board.control(Control.RESET_REQUEST)).toBe(2);
  });

  it('moves gate A20 by DD, DF and the output port; a move flushes every TLB', () => {
    const closed = (): number => board.view.getUint32(BOARD + Board.A20_CLOSED, true);
    board.clearRequests();
    command(0xDD);
    expect([closed(), board.requests(0) & Request.TLB_FLUSH]).toEqual([1, Request.TLB_FLUSH]);
    command(0xDF);
    expect(closed()).toBe(0);
    command(0xD1, 0xDD);
    expect(closed()).toBe(1);
    // Port 0x92 and the controller share one gate: the last one decides.
    board.out8(0x92, 2);
    expect(closed()).toBe(0);
    board.out8(0x92, 0);
    expect(closed()).toBe(1);
    board.powerOn();
    expect(closed()).toBe(0);
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

  it('set 1 on the wire: prefixes, break as bit 7', () => {
    command(0x60, 0x05);
    expect(keyboard(0xF0, 1, 0xF0, 0)).toEqual([0xFA, 0xFA, 0xFA, 0xFA, 1]);
    board.feed(RING_KEYBOARD_IN, [0x1C, 0xF0, 0x1C, 0xE0, 0x74, 0xE0, 0xF0, 0x74, 0x83,
      0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77]);
    expect(drain()).toEqual([0x1E, 0x9E, 0xE0, 0x4D, 0xE0, 0xCD, 0x41, 0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]);
  });

  it('set 3: a code per key, a kind per key', () => {
    command(0x60, 0x05);
    keyboard(0xF0, 3);
    const A = 0x1C, SHIFT = 0x12, F1 = 0x05;
    // A repeats and does not break; Shift breaks and does not repeat; F1 only makes.
    board.feed(RING_KEYBOARD_IN, [SHIFT, SHIFT, A, A, 0xF0, A, 0xF0, SHIFT, F1, F1, 0xF0, F1]);
    expect(drain()).toEqual([0x12, 0x1C, 0x1C, 0xF0, 0x12, 0x07]);
    expect(keyboard(0xF8)).toEqual([0xFA]);
    // Print Screen, Pause, right Alt, Left, keypad /, left Windows: no prefixes, no added shifts.
    board.feed(RING_KEYBOARD_IN, [0xE0, 0x12, 0xE0, 0x7C, 0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12,
      0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77, 0xE0, 0x11, 0xE0, 0xF0, 0x11, 0xE0, 0x6B, 0xE0, 0x4A, 0xE0, 0x1F]);
    expect(drain()).toEqual([0x57, 0xF0, 0x57, 0x62, 0xF0, 0x62, 0x39, 0xF0, 0x39, 0x61, 0x77, 0x8B]);
    // A alone repeats again, then only makes; another command ends the list.
    expect(keyboard(0xFD, A, 0x24, 0xFB, 0x32, 0xF4)).toEqual([0xFA, 0xFA, 0xFA, 0xFA, 0xFA, 0xFA]);
    board.feed(RING_KEYBOARD_IN, [A, A, 0xF0, A, 0x32, 0x32, 0xF0, 0x32, 0x21, 0xF0, 0x21]);
    expect(drain()).toEqual([0x1C, 0x32, 0x32, 0x21, 0xF0, 0x21]);
    expect(keyboard(0xF0, 4, 0xF6, 0xF0, 0)).toEqual([0xFA, 0xFE, 0xFA, 0xFA, 0xFA, 2]);
  });

  it('tells the host its lights', () => {
    const leds = (): number => board.view.getUint32(BOARD + Board.KEYBOARD_LEDS, true);
    const news = board.control(Control.HOST_EVENT);
    keyboard(0xED, 0x06);
    expect([leds(), board.control(Control.HOST_EVENT) - news]).toEqual([6, 1]);
    keyboard(0xED, 0x06);
    expect(board.control(Control.HOST_EVENT) - news).toBe(1);
    keyboard(0xFF);
    expect(leds()).toBe(0);
  });

  it('takes a key from the host only when the one before was read', () => {
    board.feed(RING_KEYBOARD_IN, [0x1C, 0x32, 0x21]);
    board.pass(1e9);
    expect(board.call('ringCount', RING_KEYBOARD_IN)).toBe(2);
    board.in8(0x60);
    board.pass(1e6);
    expect(board.call('ringCount', RING_KEYBOARD_IN)).toBe(1);
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

  it('packets: signs, buttons, nine bits of movement, IRQ 12', () => {
    mouse(0xF4);
    const before = board.edges(12);
    board.feed(RING_MOUSE_IN, [1, 5, 0xFE, 0]);
    expect(status() & 0x20).toBe(0x20);
    expect(drain()).toEqual([0x29, 5, 0xFE]);
    expect(board.edges(12) - before).toBe(3);
    board.pass(1e8);
    board.feed(RING_MOUSE_IN, [0, 0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0]);
    expect(packets(2)).toEqual([[-255, 0, 0], [-126, 0, 0]]);
  });

  it('a click between two looks is two packets; movement with the same buttons is one', () => {
    mouse(0xF4);
    board.feed(RING_MOUSE_IN, [0, 3, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(packets(3)).toEqual([[7, 0, 0], [0, 0, 1], [0, 0, 0]]);
    // They wait in the ring for their turn.
    board.feed(RING_MOUSE_IN, Array.from({ length: 40 }, (_, n) => [n & 1 ^ 1, 0, 0, 0]).flat());
    expect(packets(40).map(([, , buttons]) => buttons)).toEqual(Array.from({ length: 40 }, (_, n) => n & 1 ^ 1));
  });

  it('sends as many packets a second as the sample rate says; movement adds up', () => {
    mouse(0xF3, 20, 0xF4);
    let seen = 0;
    let x = 0;
    for (let n = 0; n < 1000; n++) {
      board.feed(RING_MOUSE_IN, [0, 1, 0, 0]);
      if ((status() & 1) !== 0) {
        const [dx] = packet();
        x += dx;
        seen++;
      }
      board.pass(1e6);
    }
    expect([seen >= 19 && seen <= 21, x > 900]).toEqual([true, true]);
  });

  it('wheel and side buttons', () => {
    mouse(0xF3, 200, 0xF3, 100, 0xF3, 80, 0xF4);
    board.feed(RING_MOUSE_IN, [0, 0, 0, 0xFF, 0, 0, 0, 0xF6]);
    expect(packets(2, 4).map(([, , , z]) => z)).toEqual([-7, -4]);
    mouse(0xF3, 200, 0xF3, 200, 0xF3, 80);
    board.feed(RING_MOUSE_IN, [0x18, 0, 0, 1]);
    board.pass(1e8);
    expect(drain()).toEqual([0x08, 0, 0, 0x31]);
    board.feed(RING_MOUSE_IN, [0x08, 0, 0, 0]);
    board.pass(1e8);
    expect(drain()).toEqual([0x08, 0, 0, 0x10]);
  });

  it('status: buttons left 4, middle 2, right 1; scaling, remote, rate, resolution', () => {
    mouse(0xF4, 0xE7, 0xF0, 0xE8, 3, 0xF3, 40);
    board.feed(RING_MOUSE_IN, [0x02, 0, 0, 0]);
    expect(mouse(0xE9)).toEqual([0xFA, 0x71, 3, 40]);
    board.feed(RING_MOUSE_IN, [0x05, 0, 0, 0]);
    expect(mouse(0xF5, 0xEA, 0xE6, 0xE9)).toEqual([0xFA, 0xFA, 0xFA, 0xFA, 0x06, 3, 40]);
  });

  it('remote: a packet only when it is asked for', () => {
    mouse(0xF0);
    board.feed(RING_MOUSE_IN, [1, 9, 0, 0]);
    board.pass(1e8);
    expect(drain()).toEqual([]);
    expect(mouse(0xEB)).toEqual([0xFA, 0x09, 9, 0]);
    expect(mouse(0xEB)).toEqual([0xFA, 0x09, 0, 0]);
    expect(mouse(0xFE)).toEqual([0x09, 0, 0]);
  });

  it('scaling 2:1: 0 1 1 3 6 9, then double', () => {
    mouse(0xE7, 0xF4);
    const scale = (dx: number): number | undefined => {
      board.feed(RING_MOUSE_IN, [0, dx & 255, 0, 0]);
      return packets(1)[0]?.[0];
    };
    expect([1, 2, 3, 4, 5, 6, 100, -3, -50].map(scale)).toEqual([1, 1, 3, 6, 9, 12, 200, -3, -100]);
  });

  it('wrap: echoes everything but the end of it and reset', () => {
    expect(mouse(0xEE, 0xF4, 0xE9, 0x42, 0xEC)).toEqual([0xFA, 0xF4, 0xE9, 0x42, 0xFA]);
    expect(mouse(0xEE, 0xFF)).toEqual([0xFA, 0xFA, 0xAA, 0]);
    expect(mouse(0x42)).toEqual([0xFC]);
  });

  it('says nothing while reporting is off, and nothing of that time afterwards', () => {
    board.feed(RING_MOUSE_IN, [1, 5, 5, 0]);
    expect(drain()).toEqual([]);
    mouse(0xF4);
    board.feed(RING_MOUSE_IN, [1, 2, 0, 0]);
    expect(drain()).toEqual([0x09, 2, 0]);
  });
});

describe('saved and loaded', () => {
  it('gives the same bytes, and goes on where it was', () => {
    command(0x60, 0x07);
    keyboard(0xF0, 3, 0xED, 5);
    mouse(0xF3, 40, 0xF4);
    board.feed(RING_MOUSE_IN, [1, 9, 9, 0]);
    const HEADER = BUFFER - 64;
    const save = (): Uint8Array => {
      expect(board.call('boardSnapshot', HEADER, 0, BUFFER, SAVED_BYTES)).toBe(0);
      return board.bytes.slice(BUFFER, BUFFER + SAVED_BYTES);
    };
    const before = save();
    command(0xFF);
    board.call('boardReset');
    board.bytes.set(before, BUFFER);
    expect(board.call('boardSnapshot', HEADER, 1, BUFFER, SAVED_BYTES)).toBe(0);
    expect(Buffer.from(save()).equals(Buffer.from(before))).toBe(true);
    expect(drain()).toEqual([0x09, 9, 9]);
    expect(keyboard(0xF0, 0)).toEqual([0xFA, 0xFA, 3]);
  });
});
