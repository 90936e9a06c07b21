// The ATAPI CD-ROM against SFF-8020i and MMC-3, by hand-driven registers.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  BM, board, bytesOf, command, DEVICE, disc, DRQ, events, io, pattern, prd, ram, service, setUp,
  TestDevice, words,
} from './testing/bench.ts';

beforeEach(setUp);

describe('ATAPI', () => {
  const CD = 0x170;
  /** Status, interrupt reason. */
  const state = (): number[] => [board.in8(CD + 7), board.in8(CD + 2)];

  function packet(bytes: readonly number[], { limit = 0xFFFE, dma = false } = {}): void {
    board.out8(CD + 6, 0); board.out8(CD + 1, dma ? 1 : 0);
    board.out8(CD + 4, limit); board.out8(CD + 5, limit >> 8);
    board.out8(CD + 7, 0xA0);
    expect(state()).toEqual([0x58, 1]);
    const all = [...bytes, ...new Array(12).fill(0)].slice(0, 12);
    for (let n = 0; n < 12; n += 2) board.out16(CD, all[n] | all[n + 1] << 8);
  }
  /** Data phases until the status phase. */
  async function take(): Promise<Uint8Array> {
    const out: number[] = [];
    for (;;) {
      await io();
      expect(board.pin(15)).toBe(true);
      const [status, reason] = state() as [number, number];
      if ((status & DRQ) === 0) {
        expect(reason).toBe(3);
        return new Uint8Array(out);
      }
      expect(reason).toBe(2);
      const n = board.in8(CD + 4) | board.in8(CD + 5) << 8;
      const part = [...bytesOf(words((n + 1) >> 1, CD))].slice(0, n);
      out.push(...part);
    }
  }
  async function sense(): Promise<number[]> {
    packet([3, 0, 0, 0, 18]);
    const data = await take();
    return [data[2]!, data[12]!, data[13]!];
  }
  async function ready(): Promise<void> {
    packet([0]);
    await take();
    await sense();
  }

  it('the first command finds a unit attention, INQUIRY does not mind', async () => {
    packet([0x12, 0, 0, 0, 36]);
    const data = await take();
    expect([data.length, data[0], data[1], new TextDecoder().decode(data.subarray(8, 32)).trim()]).toEqual([36, 5, 0x80,
      'SKEP    CD-ROM']);
    packet([0]);
    expect([board.in8(CD + 7), board.in8(CD + 1) >> 4]).toEqual([0x51, 6]);
    expect(await sense()).toEqual([6, 0x28, 0]);
    packet([0]);
    expect(board.in8(CD + 7)).toBe(0x50);
    expect(await sense()).toEqual([0, 0, 0]);
  });

  it('READ(10) by PIO: blocks of the host\'s byte count', async () => {
    await ready();
    packet([0x28, 0, 0, 0, 0, 3, 0, 0, 2], { limit: 1000 });
    const before = board.edges(15);
    expect(await take()).toEqual(disc.bytes.slice(3 * 2048, 5 * 2048));
    expect(board.edges(15) - before).toBe(6);
    packet([0xA8, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    expect(await take()).toEqual(disc.bytes);
    packet([0xBE, 0, 0, 0, 0, 9, 0, 0, 1, 0x10]);
    expect(await take()).toEqual(disc.bytes.slice(9 * 2048, 10 * 2048));
  });

  it('READ(10) and INQUIRY by bus master', async () => {
    await ready();
    board.out32(BM + 12, 0x1000);
    prd([[0x2000, 2048], [0x9000, 2048]]);
    packet([0x28, 0, 0, 0, 0, 7, 0, 0, 2], { dma: true });
    board.out8(BM + 8, 9);
    await io();
    expect([board.in8(BM + 10), board.pin(15), ...state()]).toEqual([4, true, 0x50, 3]);
    expect([...ram(0x2000, 2048), ...ram(0x9000, 2048)]).toEqual([...disc.bytes.slice(7 * 2048, 9 * 2048)]);
    board.out8(BM + 8, 0); board.out8(BM + 10, 4);
    prd([[0x3000, 36]]);
    packet([0x12, 0, 0, 0, 36], { dma: true });
    board.out8(BM + 8, 9);
    expect([board.in8(BM + 10), ...state()]).toEqual([4, 0x50, 3]);
    expect(ram(0x3000, 2)).toEqual(Uint8Array.of(5, 0x80));
  });

  it('capacity, table of contents, out of range', async () => {
    await ready();
    packet([0x25]);
    expect([...await take()]).toEqual([0, 0, 0, 99, 0, 0, 8, 0]);
    packet([0x43, 0, 0, 0, 0, 0, 0, 0, 20]);
    expect([...await take()]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xAA, 0, 0, 0, 0, 100]);
    packet([0x43, 2, 0, 0, 0, 0, 0xAA, 0, 12]);
    expect([...await take()]).toEqual([0, 10, 1, 1, 0, 0x14, 0xAA, 0, 0, 0, 3, 25]);
    packet([0x28, 0, 0, 0, 0, 99, 0, 0, 2]);
    expect(await sense()).toEqual([5, 0x21, 0]);
    packet([0xEE]);
    expect([board.in8(CD + 7), board.in8(CD + 1)]).toEqual([0x51, 0x54]);
    expect(await sense()).toEqual([5, 0x20, 0]);
  });

  it('answers are cut to the allocation length; none is no error', async () => {
    await ready();
    for (const [bytes, length] of [[[0x12, 0, 0, 0, 5], 5], [[0x12, 0, 0, 0, 0], 0],
      [[0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128], 30], [[0x5A, 0, 0x3F, 0, 0, 0, 0, 0, 128], 38], [[0x46, 0, 0, 0, 0, 0, 0, 0, 8], 8],
      [[0x51, 0, 0, 0, 0, 0, 0, 0, 34], 34], [[0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8], 8]] as const) {
      packet(bytes);
      expect((await take()).length, bytes.join(' ')).toBe(length);
    }
  });

  it('unreadable medium, DEVICE RESET', async () => {
    await ready();
    disc.failing = 'scratched';
    packet([0x28, 0, 0, 0, 0, 0, 0, 0, 1]);
    await io();
    expect(board.in8(CD + 7)).toBe(0x51);
    expect(await sense()).toEqual([3, 0x11, 0]);
    expect(events).toEqual(['error 2 disc scratched']);
    board.out8(CD + 7, 8);
    expect([board.in8(CD + 7), board.in8(CD + 4), board.in8(CD + 5)]).toEqual([0, 0x14, 0xEB]);
  });

  it('lock, eject, insert: the page is told, and the guest', async () => {
    await ready();
    packet([0x1E, 0, 0, 0, 1]);
    packet([0x1B, 0, 0, 0, 2]);
    expect(await sense()).toEqual([5, 0x53, 2]);
    packet([0x1E, 0, 0, 0, 0]);
    packet([0x1B, 0, 0, 0, 2]);
    await io();
    expect([board.in8(CD + 7), events]).toEqual([0x50, ['eject 2']]);
    packet([0]);
    expect(await sense()).toEqual([2, 0x3A, 0]);
    const other = new TestDevice(pattern(5 * 2048, 8), true);
    await service.change({ position: 2, type: 'cdrom', name: 'other', snapshot: false }, other);
    packet([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]);
    expect([...await take()]).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0]);
    packet([0]);
    expect(await sense()).toEqual([6, 0x28, 0]);
    packet([0x28, 0, 0, 0, 0, 4, 0, 0, 1]);
    expect(await take()).toEqual(other.bytes.slice(4 * 2048));
    await service.change({ position: 2, type: 'cdrom', name: 'nothing', snapshot: false }, undefined);
    packet([0x25]);
    expect(await sense()).toEqual([2, 0x3A, 0]);
  });
});
