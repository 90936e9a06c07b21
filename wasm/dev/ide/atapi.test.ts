// The ATAPI CD-ROM against SFF-8020i and MMC-3, by hand-driven registers.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  BM, board, bytesOf, command, DEVICE, disc, DRQ, events, io, pattern, prd, RAM, ram, service, setUp,
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
  /** Past the unit attentions of power on and of the disc. */
  async function ready(): Promise<void> {
    for (const code of [0x29, 0x28]) {
      packet([0]);
      await take();
      expect(await sense()).toEqual([6, code, 0]);
    }
  }
  async function answer(bytes: readonly number[]): Promise<number[]> {
    packet(bytes);
    return [...await take()];
  }
  /** Sense of a packet that is refused. */
  async function refused(bytes: readonly number[]): Promise<number[]> {
    packet(bytes);
    expect(board.in8(CD + 7) & 1, bytes.join(' ')).toBe(1);
    return sense();
  }

  it('the first command finds a unit attention, INQUIRY does not mind', async () => {
    packet([0x12, 0, 0, 0, 36]);
    const data = await take();
    expect([data.length, data[0], data[1], new TextDecoder().decode(data.subarray(8, 32)).trim()]).toEqual([36, 5, 0x80,
      'SKEP    CD-ROM']);
    packet([0]);
    expect([board.in8(CD + 7), board.in8(CD + 1) >> 4]).toEqual([0x51, 6]);
    expect(await sense()).toEqual([6, 0x29, 0]);
    // REQUEST SENSE itself may take the next one.
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
      [[0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 128], 30], [[0x5A, 0, 0x3F, 0, 0, 0, 0, 0, 128], 74], [[0x46, 0, 0, 0, 0, 0, 0, 0, 8], 8],
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
    expect(await sense(), 'tray open').toEqual([2, 0x3A, 2]);
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
    expect(await sense(), 'tray closed').toEqual([2, 0x3A, 1]);
  });

  it('MODE SENSE: pages 01, 0D, 0E, 1A, 2A; current, changeable, default; not 05, nothing saved', async () => {
    await ready();
    const page = async (code: number): Promise<number[]> => (await answer([0x5A, 0, code, 0, 0, 0, 0, 0, 200])).slice(8);
    expect(await page(0x01)).toEqual([1, 6, 0, 5, 0, 0, 0, 0]);
    expect(await page(0x0D), '60 seconds, 75 frames').toEqual([0x0D, 6, 0, 1, 0, 60, 0, 75]);
    expect((await page(0x0E)).slice(8, 12)).toEqual([1, 255, 2, 255]);
    expect(await page(0x1A)).toEqual([0x1A, 10, ...new Array<number>(10).fill(0)]);
    expect((await page(0x2A)).slice(0, 2)).toEqual([0x2A, 20]);
    expect((await page(0x41)).slice(0, 4), 'changeable').toEqual([1, 6, 0x37, 255]);
    expect(await answer([0x1A, 0, 0x0D, 0, 255])).toEqual([11, 1, 0, 0, 0x0D, 6, 0, 1, 0, 60, 0, 75]);
    expect(await refused([0x5A, 0, 0x05, 0, 0, 0, 0, 0, 200])).toEqual([5, 0x24, 0]);
    expect(await refused([0x5A, 0, 0xC1, 0, 0, 0, 0, 0, 200])).toEqual([5, 0x39, 0]);
  });

  it('MODE SELECT by PIO and bus master: all of the list or nothing', async () => {
    await ready();
    const retries = async (): Promise<number> => (await answer([0x5A, 0, 1, 0, 0, 0, 0, 0, 200]))[11]!;
    const list = (short: boolean, page: readonly number[]): number[] => [...new Array<number>(short ? 4 : 8).fill(0), ...page];
    async function select(short: boolean, data: readonly number[], limit = 0xFFFE): Promise<void> {
      packet(short ? [0x15, 0x10, 0, 0, data.length] : [0x55, 0x10, 0, 0, 0, 0, 0, 0, data.length], { limit });
      for (let at = 0; at < data.length;) {
        expect([board.pin(15), ...state()]).toEqual([true, 0x58, 0]);
        const n = board.in8(CD + 4) | board.in8(CD + 5) << 8;
        expect(n).toBe(Math.min(limit & ~1, data.length - at));
        for (let i = 0; i < n; i += 2) board.out16(CD, data[at + i]! | (data[at + i + 1] ?? 0) << 8);
        at += n;
      }
      expect(board.in8(CD + 2)).toBe(3);
    }
    await select(false, list(false, [1, 6, 0, 9, 0, 0, 0, 0]), 6);
    expect([board.in8(CD + 7), await retries()]).toEqual([0x50, 9]);
    await select(true, list(true, [1, 6, 0, 7, 0, 0, 0, 0]));
    expect([board.in8(CD + 7), await retries()]).toEqual([0x50, 7]);
    // The first page is right, the second wants 61 seconds in a minute.
    await select(false, list(false, [1, 6, 0, 2, 0, 0, 0, 0, 0x0D, 6, 0, 1, 0, 61, 0, 75]));
    expect(await sense()).toEqual([5, 0x26, 0]);
    expect(await retries()).toBe(7);
    await select(false, list(false, [0x2A, 6, 0, 0, 0, 0, 0, 0]));
    expect(await sense()).toEqual([5, 0x26, 0]);
    await select(false, [0, 0, 0, 0]);
    expect(await sense()).toEqual([5, 0x1A, 0]);
    expect(await refused([0x55, 0x11, 0, 0, 0, 0, 0, 0, 16])).toEqual([5, 0x24, 0]);
    board.out32(BM + 12, 0x1000);
    prd([[0x2000, 16]]);
    board.bytes.set(list(false, [1, 6, 0, 3, 0, 0, 0, 0]), RAM + 0x2000);
    packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, 16], { dma: true });
    board.out8(BM + 8, 1);
    expect([board.in8(BM + 10), ...state()]).toEqual([4, 0x50, 3]);
    board.out8(BM + 8, 0);
    expect(await retries()).toBe(3);
  });

  it('GET CONFIGURATION: what a CD-ROM drive has, all, from one on, one, current ones', async () => {
    await ready();
    const codes = (data: number[]): number[] => {
      const out: number[] = [];
      for (let at = 8; at < data.length; at += 4 + data[at + 3]!) out.push(data[at]! << 8 | data[at + 1]!);
      return out;
    };
    const all = await answer([0x46, 0, 0, 0, 0, 0, 0, 0, 200]);
    expect([all[3], all[7]], 'length, profile').toEqual([all.length - 4, 8]);
    expect(codes(all)).toEqual([0, 1, 2, 3, 0x10, 0x1E, 0x100, 0x105]);
    expect(codes(await answer([0x46, 0, 0, 4, 0, 0, 0, 0, 200]))).toEqual([0x10, 0x1E, 0x100, 0x105]);
    expect(codes(await answer([0x46, 2, 0, 3, 0, 0, 0, 0, 200]))).toEqual([3]);
    await service.change({ position: 2, type: 'cdrom', name: 'nothing', snapshot: false }, undefined);
    expect(codes(await answer([0x46, 1, 0, 0, 0, 0, 0, 0, 200]))).toEqual([0, 1, 2, 3, 0x100, 0x105]);
  });

  it('table of contents 1 and 2, sub-channel, header, disc and track', async () => {
    await ready();
    expect(await answer([0x43, 0, 1, 0, 0, 0, 0, 0, 200])).toEqual([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    const full = await answer([0x43, 2, 2, 0, 0, 0, 0, 0, 200]);
    expect([full[1], full.length, full[7], full[18], full[29], full[40]]).toEqual([46, 48, 0xA0, 0xA1, 0xA2, 1]);
    // The old place of the format.
    expect(await answer([0x43, 2, 0, 0, 0, 0, 0, 0, 200, 0x80])).toEqual(full);
    expect(await refused([0x43, 0, 5, 0, 0, 0, 0, 0, 200])).toEqual([5, 0x24, 0]);
    expect(await refused([0x43, 0, 0, 0, 0, 0, 2, 0, 200])).toEqual([5, 0x24, 0]);
    expect(await answer([0x42, 2, 0, 1, 0, 0, 0, 0, 16])).toEqual([0, 0x15, 0, 0]);
    expect(await answer([0x42, 2, 0x40, 1, 0, 0, 0, 0, 16])).toEqual([0, 0x15, 0, 12, 1, 0x14, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0]);
    expect((await answer([0x42, 2, 0x40, 2, 0, 0, 0, 0, 24])).slice(0, 9)).toEqual([0, 0x15, 0, 20, 2, 0, 0, 0, 0]);
    expect(await refused([0x42, 2, 0x40, 9, 0, 0, 0, 0, 24])).toEqual([5, 0x24, 0]);
    expect(await answer([0x44, 0, 0, 0, 0, 99, 0, 0, 8])).toEqual([1, 0, 0, 0, 0, 0, 0, 99]);
    expect(await answer([0x44, 2, 0, 0, 0, 75, 0, 0, 8])).toEqual([1, 0, 0, 0, 0, 0, 3, 0]);
    expect(await refused([0x44, 0, 0, 0, 0, 100, 0, 0, 8])).toEqual([5, 0x21, 0]);
  });

  it('READ CD MSF, verify, seek; what is not mode 1 or has headers, audio and pages of INQUIRY: refused', async () => {
    await ready();
    packet([0xB9, 0, 0, 0, 2, 5, 0, 2, 7, 0x10]);
    expect(await take()).toEqual(disc.bytes.slice(5 * 2048, 7 * 2048));
    expect(await refused([0xB9, 0, 0, 0, 2, 5, 0, 2, 4, 0x10]), 'ends before it begins').toEqual([5, 0x24, 0]);
    expect(await refused([0xB9, 0, 0, 0, 0, 0, 0, 2, 1, 0x10]), 'lead-in').toEqual([5, 0x21, 0]);
    expect(await refused([0xBE, 4, 0, 0, 0, 0, 0, 0, 1, 0x10]), 'CD-DA').toEqual([5, 0x64, 0]);
    expect(await refused([0xBE, 0, 0, 0, 0, 0, 0, 0, 1, 0xF8]), 'raw').toEqual([5, 0x24, 0]);
    packet([0x2F, 0, 0, 0, 0, 90, 0, 0, 10]);
    expect(board.in8(CD + 7)).toBe(0x50);
    expect(await refused([0x2F, 0, 0, 0, 0, 90, 0, 0, 11])).toEqual([5, 0x21, 0]);
    expect(await refused([0x2F, 2, 0, 0, 0, 0, 0, 0, 1]), 'compare').toEqual([5, 0x24, 0]);
    expect(await refused([0x2B, 0, 0, 0, 0, 100])).toEqual([5, 0x21, 0]);
    for (const code of [0x45, 0x47, 0x48, 0xA5, 0x4B]) expect(await refused([code]), 'audio').toEqual([5, 0x20, 0]);
    expect(await refused([0x12, 1, 0x80, 0, 36])).toEqual([5, 0x24, 0]);
  });

  it('byte count limits: odd, 1, 0 and FFFF', async () => {
    await ready();
    for (const [limit, first] of [[0xFFFF, 2048 * 3], [0, 2048 * 3], [4097, 4096], [3, 2]] as const) {
      packet([0x28, 0, 0, 0, 0, 1, 0, 0, 3], { limit });
      await io();
      expect(board.in8(CD + 4) | board.in8(CD + 5) << 8, `limit ${limit}`).toBe(first);
      expect(await take()).toEqual(disc.bytes.slice(2048, 4 * 2048));
    }
    packet([0x12, 0, 0, 0, 5], { limit: 1 });
    expect(await take()).toEqual(Uint8Array.of(5, 0x80, 0, 0x21, 31));
  });

  it('tray: its state in events and mechanism; start without a disc; DEVICE RESET ends SLEEP', async () => {
    await ready();
    expect((await answer([0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8]))[1]).toBe(0);
    packet([0x1B, 0, 0, 0, 2]);
    expect((await answer([0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8]))[1]).toBe(0x10);
    expect(await answer([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8])).toEqual([0, 6, 4, 0x10, 3, 1, 0, 0]);
    expect(await refused([0x1B, 0, 0, 0, 1])).toEqual([2, 0x3A, 2]);
    packet([0x1B, 0, 0, 0, 3]);
    expect(board.in8(CD + 7)).toBe(0x50);
    expect(await refused([0])).toEqual([2, 0x3A, 1]);
    expect(await refused([0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8]), 'asynchronous').toEqual([5, 0x24, 0]);
    board.out8(CD + 7, 0xE6);
    expect(board.in8(CD + 7)).toBe(0x50);
    board.out8(CD + 7, 0xA0);
    expect(board.in8(CD + 7) & DRQ).toBe(0);
    board.out8(CD + 7, 8);
    expect((await answer([0x12, 0, 0, 0, 36])).length).toBe(36);
  });
});
