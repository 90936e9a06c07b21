// I/O APIC against the 82093AA data sheet (290566): registers, edge and level, remote IRR, EOI, modes,
// destinations.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(3);
const BASE = 0xFEC00000;
const get = (reg: number): number => { board.write32(BASE, reg); return board.read32(BASE + 0x10); };
const put = (reg: number, value: number): void => { board.write32(BASE, reg);
  board.write32(BASE + 0x10, value); };
/** Redirection entry: low word, destination. */
const route = (pin: number, low: number, dest = 0): void => { put(0x11 + pin * 2, dest << 24);
  put(0x10 + pin * 2, low); };
const low = (pin: number): number => get(0x10 + pin * 2);
const line = (n: number, level: number): void => { board.call('irqSet', n, level); };
const REMOTE_IRR = 0x4000;

beforeEach(() => {
  board.powerOn();
  for (let cpu = 2; cpu >= 0; cpu--) {
    board.call('setCurrentCpu', cpu);
    board.write32(0xFEE000F0, 0x1FF);
  }
});

describe('82093AA', () => {
  it('reset state, id, version, reserved registers', () => {
    expect(get(1)).toBe(0x00170020);
    for (let pin = 0; pin < 24; pin++) expect([low(pin), get(0x11 + pin * 2)]).toEqual([0x10000, 0]);
    put(0, 0xFFFFFFFF);
    expect([get(0), get(2)]).toEqual([0x0F000000, 0x0F000000]);
    for (const reserved of [3, 0x0F, 0x40, 0xFF]) { put(reserved, 0x12345678); expect(get(reserved)).toBe(0);
      }
    board.write32(BASE, 0x10);
    expect(board.read32(BASE)).toBe(0x10);
  });

  it('writable bits of an entry', () => {
    put(0x12, 0xFFFFFFFF);
    put(0x13, 0xFFFFFFFF);
    expect([get(0x12), get(0x13)]).toEqual([0x1AFFF, 0xFF000000]);
  });

  it('edge: one message per rising edge, none while masked', () => {
    route(5, 0x55);
    line(5, 1); line(5, 1);
    expect(board.take(0)).toEqual([0x55]);
    line(5, 0);
    expect(board.take(0)).toEqual([]);
    route(5, 0x10055);
    line(5, 1);
    route(5, 0x55);
    expect(board.take(0)).toEqual([]);
    line(5, 0); line(5, 1);
    expect(board.take(0)).toEqual([0x55]);
  });

  it('level: remote IRR until EOI, again while the line is up', () => {
    route(11, 0x8066, 1);
    line(11, 1);
    expect(low(11) & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(board.call('lapicAccept', 1)).toBe(0x66);
    line(11, 0); line(11, 1);
    expect(board.call('lapicPending', 1)).toBe(-1);
    board.call('lapicEoi', 1);
    expect(board.call('lapicAccept', 1)).toBe(0x66);
    line(11, 0);
    board.call('lapicEoi', 1);
    expect(low(11) & REMOTE_IRR).toBe(0);
    expect(board.take(1)).toEqual([]);
  });

  it('level line that rose while masked is delivered at unmask', () => {
    route(10, 0x18060);
    line(10, 1);
    expect(board.take(0)).toEqual([]);
    route(10, 0x8060);
    expect(board.call('lapicAccept', 0)).toBe(0x60);
  });

  it('a change to edge and back clears remote IRR by hand', () => {
    route(10, 0x8060);
    line(10, 1);
    expect(board.call('lapicAccept', 0)).toBe(0x60);
    line(10, 0);
    put(0x10 + 20, 0x10060);
    put(0x10 + 20, 0x18060);
    expect(low(10)).toBe(0x18060);
  });

  it('EOI register ends by vector', () => {
    route(10, 0x8060);
    route(11, 0x8061);
    line(10, 1); line(11, 1);
    line(10, 0); line(11, 0);
    board.write32(BASE + 0x40, 0x61);
    expect([low(10) & REMOTE_IRR, low(11) & REMOTE_IRR]).toEqual([REMOTE_IRR, 0]);
  });

  it('the timer line is pin 2, line 2 is nothing', () => {
    route(2, 0x30);
    line(0, 1);
    expect(board.take(0)).toEqual([0x30]);
    line(0, 0);
    line(2, 1);
    expect(board.take(0)).toEqual([]);
  });

  it('destinations: physical, logical, broadcast, lowest priority, nobody', () => {
    for (let cpu = 0; cpu < 3; cpu++) {
      board.call('setCurrentCpu', cpu);
      board.write32(0xFEE000D0, 1 << (24 + cpu));
    }
    const who = (): number[] => [0, 1, 2].filter((cpu) => board.take(cpu).length > 0);
    const shot = (value: number, dest: number): number[] => { route(6, value, dest); line(6, 1); line(6, 0);
      return who(); };
    expect(shot(0x70, 2)).toEqual([2]);
    expect(shot(0x870, 0b101)).toEqual([0, 2]);
    expect(shot(0x70, 0xFF)).toEqual([0, 1, 2]);
    expect(shot(0x970, 0b111)).toHaveLength(1);
    expect(shot(0x70, 9)).toEqual([]);
    route(7, 0x8071, 9);
    line(7, 1);
    expect(low(7) & REMOTE_IRR).toBe(0);
  });

  it('NMI, INIT and ExtINT modes', () => {
    board.clearRequests();
    route(3, 0x400, 1); line(3, 1);
    route(4, 0x500, 2); line(4, 1);
    expect([board.requests(1), board.requests(2)]).toEqual([2, 4]);
  });

  it('odd accesses are harmless', () => {
    board.write32(BASE, 0x12);
    board.call('mmioWrite', BigInt(BASE + 0x10), 1, 0n);
    expect(board.read32(BASE + 0x10)).toBe(0x10000);
    expect(board.read32(BASE + 0x20)).toBe(0);
    expect(board.read64(BASE + 0x10)).toBe(0x10000n);
  });
});
