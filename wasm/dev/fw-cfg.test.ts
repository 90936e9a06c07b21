// fw_cfg: selector, data, DMA requests (QEMU docs/specs/fw_cfg.rst), hostile requests, snapshot.

import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_BLOCKS, CPU_BLOCK_BYTES, FW_CFG, FW_CFG_BYTES } from '../../src/emu/generated-layout.ts';
import { packItems } from '../../src/emu/boot/firmware.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const RAM = CPU_BLOCKS + CPU_BLOCK_BYTES;
const LONG = Uint8Array.from({ length: 1000 }, (_, n) => n * 7 & 255);
const items = new Map([[0, new TextEncoder().encode('QEMU')], [1, Uint8Array.of(3, 0, 0, 0)], [0x25, LONG],
  [0x8000, Uint8Array.of(1, 2)]]);

const take = (count: number): number[] => Array.from({ length: count }, () => board.in8(0x511));
const swap = (value: number): number => ((value << 24) | (value << 8 & 0xFF0000) | (value >>> 8 & 0xFF00) | value >>> 24) >>> 0;
/** Writes a request at `at` and its address to the register; returns the control word afterwards. */
function dma(control: number, length: number, address: bigint, at = 0x2000): number {
  board.view.setUint32(RAM + at, control);
  board.view.setUint32(RAM + at + 4, length);
  board.view.setBigUint64(RAM + at + 8, address);
  board.out32(0x514, 0);
  board.out32(0x518, swap(at));
  return board.view.getUint32(RAM + at);
}
const READ = 2, SKIP = 4, SELECT = 8, WRITE = 16;
const select = (key: number): number => (key << 16 | SELECT) >>> 0;

beforeEach(() => {
  board.powerOn();
  board.bytes.fill(0, FW_CFG, FW_CFG + FW_CFG_BYTES);
  board.bytes.set(packItems(items), FW_CFG);
  board.bytes.fill(0xEE, RAM, RAM + 0x10000);
});

describe('selector and data', () => {
  it('reads an item byte by byte, zeros after it, from the start after each selection', () => {
    board.out16(0x510, 0);
    expect(take(6)).toEqual([0x51, 0x45, 0x4D, 0x55, 0, 0]);
    board.out16(0x510, 0x8000);
    expect(take(3)).toEqual([1, 2, 0]);
    board.out16(0x510, 0);
    expect(take(1)).toEqual([0x51]);
  });
  it('an unknown item is zeros; a byte written to the selector selects nothing', () => {
    board.out16(0x510, 0x7777);
    expect(take(4)).toEqual([0, 0, 0, 0]);
    board.out16(0x510, 1);
    board.out8(0x510, 0);
    expect(take(1)).toEqual([3]);
  });
  it('after reset item 0 is selected', () => {
    board.out16(0x510, 0x25);
    board.call('boardReset');
    expect(take(4)).toEqual([0x51, 0x45, 0x4D, 0x55]);
  });
  it('without a table everything is zeros', () => {
    board.bytes.fill(0, FW_CFG, FW_CFG + 4);
    board.out16(0x510, 0);
    expect(take(4)).toEqual([0, 0, 0, 0]);
  });
});

describe('DMA', () => {
  it('the address register reads as the signature', () => {
    expect([board.in32(0x514), board.in32(0x518)]).toEqual([swap(0x51454D55), swap(0x20434647)]);
  });
  it('selects and reads an item of many pieces, and no byte more', () => {
    expect(dma(select(0x25) | READ, 1000, 0x4000n)).toBe(0);
    expect([...board.bytes.subarray(RAM + 0x4000, RAM + 0x4000 + 1001)]).toEqual([...LONG, 0xEE]);
  });
  it('skips, goes on where it was, and gives zeros past the end', () => {
    expect(dma(select(0x25) | SKIP, 990, 0n)).toBe(0);
    expect(dma(READ, 20, 0x4000n)).toBe(0);
    expect([...board.bytes.subarray(RAM + 0x4000, RAM + 0x4014)]).toEqual([...LONG.subarray(990), ...Array(10).fill(0)]);
  });
  it('mixes with the data port', () => {
    dma(select(0x25) | SKIP, 3, 0n);
    expect(take(2)).toEqual([...LONG.subarray(3, 5)]);
  });
  it('a write, and a target that is not RAM, end with the error bit', () => {
    expect(dma(select(0x25) | WRITE, 4, 0x4000n)).toBe(1);
    expect(dma(select(0x25) | READ, 4, 0xFFFFFFFFF000n)).toBe(1);
    expect(dma(READ, 0xFFFFFFFF, 0x4000n)).toBe(1);
    expect(dma(READ, 4, 0xFFFFFFFFFFFFFFFEn)).toBe(1);
  });
  it('a request outside of RAM is dropped; the position does not come round', () => {
    board.out32(0x514, swap(0x1234));
    board.out32(0x518, swap(0x2000));
    expect(board.view.getUint32(RAM + 0x2000)).toBe(0xEEEEEEEE);
    dma(select(0x25) | SKIP, 0xFFFFFFFF, 0n);
    dma(SKIP, 0xFFFFFFFF, 0n);
    expect(take(2)).toEqual([0, 0]);
  });
  it('a table that points outside of its region is cut off', () => {
    board.view.setUint32(FW_CFG + 4 + 4, FW_CFG_BYTES - 2, true);
    board.view.setUint32(FW_CFG + 4 + 8, 100, true);
    board.bytes.fill(0x99, FW_CFG + FW_CFG_BYTES - 2, FW_CFG + FW_CFG_BYTES);
    board.out16(0x510, 0);
    expect(take(4)).toEqual([0x99, 0x99, 0, 0]);
  });
});
