// 16550A against the National Semiconductor PC16550D data sheet: registers, FIFO, interrupt identification,
// loopback, and the host rings, which may neither lose nor reorder a byte.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  RING_SERIAL0_IN, RING_SERIAL0_OUT, RING_SERIAL1_OUT, RING_SERIAL_BYTES,
} from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const COM1 = 0x3F8;
const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => COM1 + n) as
  [number, number, number, number, number, number, number, number];
const text = (s: string): number[] => [...s].map((c) => c.charCodeAt(0));

beforeEach(() => { board.powerOn(); });

describe('registers', () => {
  it('reset state', () => {
    expect([IER, IIR, LCR, LSR, SCR].map((p) => board.in8(p))).toEqual([0, 1, 0, 0x60, 0]);
    expect(board.in8(MSR)).toBe(0xB0);
  });

  it('writable bits', () => {
    for (const [port, mask] of [[IER, 0x0F], [LCR, 0xFF], [SCR, 0xFF]] as const) {
      board.out8(port, 0xFF);
      expect(board.in8(port)).toBe(mask);
      board.out8(LCR, 0);
    }
    board.out8(MCR, 0xFF);
    expect(board.in8(MCR)).toBe(0x1F);
  });

  it('divisor latch behind DLAB', () => {
    board.out8(LCR, 0x83);
    board.out8(RBR, 0x34); board.out8(IER, 0x12);
    expect([board.in8(RBR), board.in8(IER)]).toEqual([0x34, 0x12]);
    board.out8(LCR, 3);
    expect(board.in8(IER)).toBe(0);
    expect(board.ring(RING_SERIAL0_OUT)).toEqual([]);
  });

  it('four ports, each with its ring', () => {
    board.out8(0x2F8, 0x42);
    expect(board.ring(RING_SERIAL1_OUT)).toEqual([0x42]);
    for (const base of [0x3F8, 0x2F8, 0x3E8, 0x2E8]) { board.out8(base + 7, base & 0xFF);
      expect(board.in8(base + 7)).toBe(base & 0xFF); }
  });

  it('what a driver probes: FIFO bits of IIR', () => {
    expect(board.in8(IIR) >> 6).toBe(0);
    board.out8(IIR, 1);
    expect(board.in8(IIR) >> 6).toBe(3);
    board.out8(IIR, 0);
    expect(board.in8(IIR) >> 6).toBe(0);
  });
});

describe('transmit', () => {
  it('goes to the ring at once; THRE stays', () => {
    for (const byte of text('hello')) { expect(board.in8(LSR) & 0x60).toBe(0x60); board.out8(RBR, byte); }
    expect(board.ring(RING_SERIAL0_OUT)).toEqual(text('hello'));
  });

  it('THRE interrupt: at enable, after each byte as an edge, cleared by IIR', () => {
    board.out8(IER, 2);
    expect(board.pin(4)).toBe(true);
    expect(board.in8(IIR)).toBe(2);
    expect([board.in8(IIR), board.pin(4)]).toEqual([1, false]);
    const before = board.edges(4);
    for (let i = 0; i < 5; i++) board.out8(RBR, i);
    expect([board.pin(4), board.edges(4) - before]).toEqual([true, 5]);
  });

  it('OUT2 gates the line', () => {
    board.out8(MCR, 0);
    board.out8(IER, 2);
    expect(board.pin(4)).toBe(false);
    board.out8(MCR, 8);
    expect(board.pin(4)).toBe(true);
  });

  it('a full ring stops the transmitter and loses nothing', () => {
    let sent = 0;
    while ((board.in8(LSR) & 0x20) !== 0) board.out8(RBR, sent++ & 0xFF);
    expect(sent).toBe(RING_SERIAL_BYTES + 1);
    board.pass(5e6);
    expect(board.in8(LSR) & 0x20).toBe(0);
    const first = board.ring(RING_SERIAL0_OUT);
    board.pass(5e6);
    expect(board.in8(LSR) & 0x60).toBe(0x60);
    const all = [...first, ...board.ring(RING_SERIAL0_OUT)];
    expect(all.length).toBe(sent);
    expect(all.every((byte, i) => byte === (i & 0xFF))).toBe(true);
  });
});

describe('receive', () => {
  const drain = (): number[] => {
    const got: number[] = [];
    while ((board.in8(LSR) & 1) !== 0) got.push(board.in8(RBR));
    return got;
  };

  it('without FIFO: one byte at a time, in order', () => {
    board.feed(RING_SERIAL0_IN, text('abc'));
    const got: number[] = [];
    for (let i = 0; i < 5; i++) { got.push(...drain()); board.pass(1e6); }
    expect(got).toEqual(text('abc'));
  });

  it('data interrupt at the trigger level, timeout below it', () => {
    board.out8(IIR, 0x81);
    board.out8(IER, 1);
    board.feed(RING_SERIAL0_IN, text('12345678'));
    expect([board.pin(4), board.in8(IIR)]).toEqual([true, 0xC4]);
    for (let i = 0; i < 4; i++) board.in8(RBR);
    expect([board.pin(4), board.in8(IIR)]).toEqual([false, 0xC1]);
    board.pass(400_000);
    expect([board.pin(4), board.in8(IIR)]).toEqual([true, 0xCC]);
    board.in8(RBR);
    expect(board.in8(IIR)).toBe(0xC1);
    board.pass(400_000);
    expect(board.in8(IIR)).toBe(0xCC);
    expect(drain()).toEqual(text('678'));
    expect(board.pin(4)).toBe(false);
  });

  it('4000 bytes by interrupt: nothing lost, nothing reordered, one edge per handler call', () => {
    board.out8(IIR, 0xC7);
    board.out8(IER, 1);
    const data = Array.from({ length: 4000 }, (_, i) => (i * 7 + (i >> 8)) & 0xFF);
    board.feed(RING_SERIAL0_IN, data);
    const got: number[] = [];
    for (let i = 0; i < 2000 && got.length < data.length; i++) {
      if (board.pin(4)) { while ((board.in8(IIR) & 1) === 0) got.push(...drain());
        expect(board.pin(4)).toBe(false); }
      board.pass(100_000);
    }
    expect(got).toEqual(data);
  });

  it('FIFO clear empties it', () => {
    board.out8(IIR, 1);
    board.feed(RING_SERIAL0_IN, text('xyz'));
    board.out8(IIR, 3);
    expect(board.in8(LSR) & 1).toBe(0);
  });

  it('reading an empty receiver gives 0', () => {
    expect(board.in8(RBR)).toBe(0);
  });
});

describe('loopback', () => {
  it('modem outputs come back, as autoconfig looks for', () => {
    board.out8(MCR, 0x1A);
    expect(board.in8(MSR) & 0xF0).toBe(0x90);
    board.out8(MCR, 0x10 | 1 | 4);
    expect(board.in8(MSR)).toBe(0x60 | 1 | 2 | 8);
    expect(board.in8(MSR)).toBe(0x60);
    board.out8(MCR, 0x11);
    // RI fell: trailing edge.
    expect(board.in8(MSR)).toBe(0x20 | 4);
  });

  it('bytes come back; overrun is a line-status interrupt', () => {
    board.out8(MCR, 0x18);
    board.out8(RBR, 0x5A);
    expect(board.in8(LSR) & 1).toBe(1);
    board.out8(RBR, 0x5B);
    board.out8(IER, 4);
    expect(board.in8(IIR)).toBe(6);
    expect(board.in8(LSR) & 2).toBe(2);
    expect(board.in8(IIR)).toBe(1);
    expect(board.in8(RBR)).toBe(0x5A);
    expect(board.ring(RING_SERIAL0_OUT)).toEqual([]);
    // Interrupts stay inside.
    expect(board.pin(4)).toBe(false);
  });
});

describe('hostile input', () => {
  it('any byte anywhere, any size: still alive afterwards', () => {
    for (let i = 0; i < 3000; i++) {
      const port = COM1 + (i * 5 & 7);
      board.call('pioWrite', port, [1, 2, 4][i % 3] ?? 1, i * 2654435761 >>> 0);
      board.call('pioRead', port, [1, 2, 4][i % 3] ?? 1);
      board.pass(1000);
    }
    board.call('boardReset');
    board.out8(RBR, 0x21);
    const out = board.ring(RING_SERIAL0_OUT);
    expect(out[out.length - 1]).toBe(0x21);
  });
});
