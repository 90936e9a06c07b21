// The bus: dispatch, splitting, unclaimed ports and addresses, ROM, timers, snapshot round trip, reset.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  CPU_BLOCKS, CPU_BLOCK_BYTES, Control, ROM, ROM_BYTES, RING_SERIAL0_OUT,
} from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from '../dev/testing/board.ts';

const board = new BoardUnderTest(2);
beforeEach(() => { board.powerOn(1_700_000_000_000); });

describe('ports', () => {
  it('unclaimed: ones, ignored, logged once each way', () => {
    expect([board.in8(0x1234), board.in16(0x1234), board.in32(0x1230)]).toEqual([0xFF, 0xFFFF, 0xFFFFFFFF]);
    board.out32(0x1234, 1);
    const seen = board.logs.filter((l) => l.a === 0x1234n);
    expect(seen).toHaveLength(1);
  });

  it('splits wide accesses by port, across chips and the hole beside them', () => {
    board.out32(0x3FE - 3, 0x5A000000 >>> 0);
    board.out16(0x3FF, 0xEE5A);
    expect(board.in16(0x3FF)).toBe(0xFF5A);
    // 0x20 and 0x21 by one word: OCW3 (read ISR), mask.
    board.out16(0x20, 0x770B);
    expect(board.in8(0x21)).toBe(0x77);
  });

  it('wraps at the end of the port space', () => {
    board.out8(0x81, 0x99);
    expect(board.call('pioRead', 0x10081, 1)).toBe(0x99);
    expect(board.in32(0xFFFF) >>> 0 & 0xFF).toBe(0xFF);
  });
});

describe('addresses', () => {
  const ram = 0x4000 * 4096;
  it('tells RAM from chips', () => {
    const device = (pa: number): boolean => board.call('mmioIsDevice', BigInt(pa)) !== 0;
    expect([0, 0x9FFFF, 0xC0000, 0xFFFFF, ram - 1].map(device)).toEqual([false, false, false, false, false]);
    expect([0xA0000, 0xBFFFF, ram, 0xFEC00000, 0xFEE00000,
      0x1_0000_0000].map(device)).toEqual(Array(6).fill(true));
  });

  it('unclaimed: ones of the size, bounded log', () => {
    for (let i = 0; i < 100; i++) expect(board.read32(0xE0000000 + i * 4096)).toBe(0xFFFFFFFF);
    expect(board.read64(0x12_3456_7000)).toBe(0xFFFFFFFFFFFFFFFFn);
    board.write32(0xE0000000, 5);
    expect(board.logs.length).toBeLessThan(20);
  });

  it('the ROM ends at 4 GiB and cannot be written', () => {
    board.bytes.set([1, 2, 3, 4, 5, 6, 7, 8], ROM + ROM_BYTES - 16);
    expect(board.read64(0xFFFFFFF0)).toBe(0x0807060504030201n);
    expect(Number(board.call('mmioRead', 0xFFFFFFF1n, 2))).toBe(0x0302);
    board.write32(0xFFFFFFF0, 0);
    expect(board.read32(0xFFFFFFF0)).toBe(0x04030201);
  });

  it('misaligned and 64-bit accesses to a 32-bit chip', () => {
    board.write32(0xFEC00000, 1);
    expect(board.read64(0xFEC00010)).toBe(0x00170020n);
    expect(Number(board.call('mmioRead', 0xFEC00011n, 2))).toBe(0);
  });
});

describe('timers', () => {
  it('nothing armed: never', () => {
    expect(BigInt(board.call('clockFire', 0n))).toBe(0x7FFFFFFFFFFFFFFFn);
  });

  it('arming earlier than the worker sleeps rings its doorbell, later does not', () => {
    board.view.setBigInt64(0x100000 + Control.CLOCK_DEADLINE, 1_000_000n, true);
    const wakes = board.control(Control.CLOCK_WAKE);
    const oneShot = (count: number): void => { board.out8(0x43, 0x30); board.out8(0x40, count & 255);
      board.out8(0x40, count >> 8); };
    oneShot(60000);
    expect(board.control(Control.CLOCK_WAKE)).toBe(wakes);
    oneShot(100);
    expect(board.control(Control.CLOCK_WAKE)).toBe(wakes + 1);
  });

  it('clockRun returns at once when the machine has ended or failed', () => {
    board.setControl(Control.END, 1);
    board.call('clockRun');
    board.setControl(Control.END, 0);
    board.setControl(Control.FAILED, 7);
    board.call('clockRun');
    expect(board.control(Control.FAILED)).toBe(7);
  });
});

describe('snapshot', () => {
  const header = CPU_BLOCKS + 2 * CPU_BLOCK_BYTES;
  const buffer = header + 64;
  const LIMIT = 0x80000;
  const SAVE = 0, LOAD = 1;
  const snapshot = (mode: number, bytes = LIMIT): number =>
    board.call('boardSnapshot', header, mode, buffer, bytes);
  const used = (): number => board.view.getUint32(header + 8, true) - buffer;

  /** A machine with something in every chip. */
  function disturb(): void {
    board.call('boardPresetForDirectBoot');
    board.now = 123_456_789;
    board.out8(0x43, 0x36); board.out8(0x40, 0x10); board.out8(0x40, 0x27);
    board.out8(0x21, 0xB8);
    board.write32(0xFEC00000, 0x14); board.write32(0xFEC00010, 0x31);
    board.write32(0xFED00010, 1);
    board.out8(0x70, 0x50); board.out8(0x71, 0x42);
    board.out8(0x3FF, 0x77); board.out8(0x3F9, 3);
    board.out16(0x602, 0x0100);
    board.out8(0x87, 9);
    board.out8(0x80, 0x31);
    board.out8(0xB2, 0x12);
    board.out8(0x64, 0x60); board.out8(0x60, 0x05);
  }

  it('save, load into a fresh machine, save: the same bytes', () => {
    disturb();
    expect(snapshot(SAVE)).toBe(0);
    const length = used();
    const first = board.bytes.slice(buffer, buffer + length);
    board.powerOn();
    board.now = 123_456_789;
    board.bytes.set(first, buffer);
    expect(snapshot(LOAD, length)).toBe(0);
    expect(board.in8(0x3FF)).toBe(0x77);
    expect(board.in16(0x602)).toBe(0x0100);
    board.out8(0x70, 0x50);
    expect([board.in8(0x71), board.in8(0x21)]).toEqual([0x42, 0xB8]);
    expect(snapshot(SAVE)).toBe(0);
    expect([...board.bytes.slice(buffer, buffer + length)]).toEqual([...first]);
  });

  it('refuses an unknown section, a wrong version, a wrong length, a buffer too small', () => {
    expect(snapshot(SAVE)).toBe(0);
    const length = used();
    const good = board.bytes.slice(buffer, buffer + length);
    for (const [offset, error] of [[0, 2], [4, 3], [8, 4]] as const) {
      board.bytes.set(good, buffer);
      board.bytes[buffer + offset] = (board.bytes[buffer + offset] ?? 0) ^ 1;
      expect(snapshot(LOAD, length)).toBe(error);
    }
    expect(snapshot(SAVE, 100)).toBe(1);
  });
});

describe('reset', () => {
  it('brings every register back and forgets requests for interrupts', () => {
    board.call('boardPresetForDirectBoot');
    board.out8(0x3F8, 0x41);
    board.out8(0x3F9, 2);
    board.out8(0x21, 0);
    board.call('boardReset');
    expect([board.in8(0x3F9), board.pin(4), board.in16(0x604)]).toEqual([0, false, 0xFFFF]);
    expect(board.call('lapicPending', 0)).toBe(-1);
    expect(board.ring(RING_SERIAL0_OUT)).toEqual([0x41]);
  });
});

describe('hostile guests', () => {
  it('random port and address traffic leaves the board able to reset and work', () => {
    const seed = Number(process.env.SKEP_SEED ?? Date.now() % 1e9);
    console.log(`bus seed ${seed}`);
    let s = (seed | 1) >>> 0;
    const random = (): number => { s ^= s << 13; s >>>= 0; s ^= s >>> 17; s ^= s << 5; s >>>= 0; return s; };
    const places = [0xFEC00000, 0xFED00000, 0xFEE00000, 0xFFFF0000, 0xA0000];
    for (let i = 0; i < 40_000; i++) {
      const size = 1 << (random() % 3);
      const r = random();
      if ((r & 7) === 0) {
        const pa = BigInt((places[r % 5] ?? 0) + (random() & 0xFF8));
        if ((r & 8) !== 0) board.call('mmioWrite', pa, 1 << (random() % 4), BigInt(random()) << 16n);
        else board.call('mmioRead', pa, 1 << (random() % 4));
      } else {
        const port = (r & 16) !== 0 ? random() & 0xFF : random() & 0xFFF;
        if ((r & 8) !== 0) board.call('pioWrite', port, size, random());
        else board.call('pioRead', port, size);
      }
      if ((i & 15) === 0) board.pass(random() % 200_000);
    }
    board.powerOn();
    board.out8(0x3F8, 0x2A);
    expect(board.ring(RING_SERIAL0_OUT)).toEqual([0x2A]);
  });
});
