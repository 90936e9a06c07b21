// Interrupts of PCI functions (PCI Local Bus 3.0 chapter 6): pin, status and disable bits; MSI and MSI-X with masks,
// pending bits, function mask; 64-bit BARs; the list of capabilities. The device is testing/pci-device.ts.

import { beforeEach, describe, expect, it } from 'vitest';
import { BoardUnderTest } from '../testing/board.ts';

const CPUS = 2;
const board = new BoardUnderTest(CPUS);
const select = (reg: number): void => board.out32(0xCF8, (0x80000000 | 4 << 11 | reg & 0xFC) >>> 0);
const get = (reg: number): number => { select(reg); return board.in32(0xCFC); };
const put = (reg: number, value: number): void => { select(reg); board.out32(0xCFC, value); };
const put16 = (reg: number, value: number): void => { select(reg); board.out16(0xCFC + (reg & 2), value); };
const get16 = (reg: number): number => { select(reg); return board.in16(0xCFC + (reg & 2)); };
const COMMAND = 4, STATUS = 6, MSI = 0x50, MSIX = 0x70, MASTER = 4, MEMORY = 2, INTX_DISABLE = 0x400;
const TABLE = 0xE0000000, PBA = TABLE + 0x800;
/** INTB# of slot 4 is PIRQA: pin 16. */
const PIN = 16;
/** Fixed delivery, edge, to the CPU. */
const address = (cpu: number): number => (0xFEE00000 | cpu << 12) >>> 0;
const signal = (vector: number): boolean => board.call('testDeviceSignal', vector) !== 0;

beforeEach(() => {
  board.powerOn();
  board.call('testDeviceAdd');
  for (let cpu = 0; cpu < CPUS; cpu++) {
    board.call('setCurrentCpu', cpu);
    board.write32(0xFEE000F0, 0x1FF);
  }
  board.call('setCurrentCpu', 0);
});

describe('capabilities', () => {
  it('a list from 0x34 through every capability to 0, announced in the status', () => {
    expect(get16(STATUS) & 0x10).toBe(0x10);
    const found: number[] = [];
    for (let at = get(0x34) & 0xFF; at !== 0; at = get(at) >>> 8 & 0xFF) found.push(get(at) & 0xFF);
    expect(found).toEqual([0x05, 0x11]);
    put(MSI, 0xFFFFFFFF);
    expect(get(MSI) & 0xFFFF).toBe(0x7005);
  });
});

describe('64-bit BAR', () => {
  it('sizes in both halves, maps above and below 4 GiB, only with the memory bit', () => {
    put(0x10, 0xFFFFFFFF);
    put(0x14, 0xFFFFFFFF);
    expect([get(0x10), get(0x14)]).toEqual([0xFFFF0004, 0xFFFFFFFF]);
    put(0x10, 0xD0000000);
    put(0x14, 1);
    expect(board.read32(0x1D0000010)).toBe(0xFFFFFFFF);
    put16(COMMAND, MEMORY);
    expect(board.read32(0x1D0000010)).toBe(0xC0DE0010);
    put(0x14, 0);
    expect([board.read32(0x1D0000010), board.read32(0xD0000010)]).toEqual([0xFFFFFFFF, 0xC0DE0010]);
    // Out of reach of the processors' 40 address bits.
    put(0x14, 0x100);
    expect(board.read32(0xD0000010)).toBe(0xFFFFFFFF);
    board.call('testDeviceReset');
    expect([get(0x10), get(0x14), get16(COMMAND)]).toEqual([4, 0, 0]);
  });
});

describe('pin', () => {
  it('shows in the status even when disabled, reaches the IOAPIC unless disabled', () => {
    board.call('testDeviceIntx', 1);
    expect([board.pin(PIN), get16(STATUS) & 8, get(COMMAND) >>> 16 & 8]).toEqual([true, 8, 8]);
    put16(COMMAND, INTX_DISABLE);
    expect([board.pin(PIN), get16(STATUS) & 8]).toEqual([false, 8]);
    put16(COMMAND, 0);
    expect(board.pin(PIN)).toBe(true);
    board.call('testDeviceIntx', 0);
    expect([board.pin(PIN), get16(STATUS) & 8]).toEqual([false, 0]);
  });

  it('is silent while messages are enabled, and comes back', () => {
    board.call('testDeviceIntx', 1);
    put16(MSI + 2, 1);
    expect(board.pin(PIN)).toBe(false);
    put16(MSI + 2, 0);
    expect(board.pin(PIN)).toBe(true);
    board.call('testDeviceReset');
    expect(board.pin(PIN)).toBe(false);
  });
});

describe('MSI', () => {
  const enable = (log2: number): void => {
    put16(COMMAND, MASTER);
    put(MSI + 4, address(1));
    put(MSI + 8, 0);
    put16(MSI + 12, 0x43);
    put16(MSI + 2, 1 | log2 << 4);
  };

  it('control: 64-bit, masks, 4 messages; nothing is sent before it is enabled or without Bus Master', () => {
    expect(get16(MSI + 2)).toBe(0x0184);
    expect(signal(0)).toBe(false);
    enable(0);
    put16(COMMAND, 0);
    expect(signal(0)).toBe(true);
    expect(board.take(1)).toEqual([]);
  });

  it('puts the number in as many low bits of the data as messages are enabled, never more than there are', () => {
    enable(2);
    for (const n of [0, 1, 2, 3]) signal(n);
    expect(board.take(1).sort()).toEqual([0x40, 0x41, 0x42, 0x43]);
    enable(1);
    signal(3);
    expect(board.take(1)).toEqual([0x43]);
    signal(2);
    expect(board.take(1)).toEqual([0x42]);
    enable(7);
    signal(3);
    expect(board.take(1)).toEqual([0x43]);
    expect(board.take(0)).toEqual([]);
  });

  it('keeps what is masked as pending and sends it once when the mask goes', () => {
    enable(2);
    put(MSI + 16, 0xFFFFFFFF);
    expect(get(MSI + 16)).toBe(0xF);
    signal(2); signal(2);
    expect([board.take(1), get(MSI + 20)]).toEqual([[], 4]);
    put(MSI + 20, 0);
    expect(get(MSI + 20)).toBe(4);
    put(MSI + 16, 0xB);
    expect([board.take(1), get(MSI + 20)]).toEqual([[0x42], 0]);
  });
});

describe('MSI-X', () => {
  const vector = (n: number, cpu: number, data: number, masked = 0): void => {
    board.write64(TABLE + n * 16, BigInt(address(cpu)));
    board.write32(TABLE + n * 16 + 8, data);
    board.write32(TABLE + n * 16 + 12, masked);
  };
  beforeEach(() => {
    put(0x18, TABLE);
    put16(COMMAND, MASTER | MEMORY);
  });

  it('size, table and pending bits in BAR 2; vectors start masked; odd accesses do nothing', () => {
    expect([get16(MSIX + 2), get(MSIX + 4), get(MSIX + 8)]).toEqual([4, 2, 0x802]);
    expect([0, 4, 5].map((n) => board.read32(TABLE + n * 16 + 12))).toEqual([1, 1, 0]);
    board.write32(TABLE, 0xFFFFFFFF);
    board.write32(TABLE + 12, 0xFFFFFFFE);
    board.call('mmioWrite', BigInt(TABLE + 8), 1, 0x55n);
    expect([board.read32(TABLE), board.read32(TABLE + 12), board.read32(TABLE + 8)]).toEqual([0xFFFFFFFC, 0, 0]);
    board.write32(PBA, 0xFFFFFFFF);
    expect(board.read64(PBA)).toBe(0n);
    board.write32(TABLE + 5 * 16, 1);
    expect(board.read32(TABLE + 5 * 16)).toBe(0);
  });

  it('every vector has its own address and data; a number out of the table is nothing', () => {
    put16(MSIX + 2, 0x8000);
    for (let n = 0; n < 5; n++) vector(n, n & 1, 0x50 + n);
    for (const n of [0, 1, 2, 3, 4, 5, 63, 64]) expect(signal(n)).toBe(true);
    expect([board.take(0).sort(), board.take(1).sort()]).toEqual([[0x50, 0x52, 0x54], [0x51, 0x53]]);
  });

  it('pends behind the vector\'s and the function\'s mask, goes out once when the last one falls', () => {
    put16(MSIX + 2, 0xC000);
    vector(3, 1, 0x73, 1);
    signal(3); signal(3);
    expect([board.take(1), board.read64(PBA)]).toEqual([[], 8n]);
    put16(MSIX + 2, 0x8000);
    expect([board.take(1), board.read64(PBA)]).toEqual([[], 8n]);
    board.write32(TABLE + 3 * 16 + 12, 0);
    expect([board.take(1), board.read64(PBA)]).toEqual([[0x73], 0n]);
    // The other way round: the function's mask is the last one.
    put16(MSIX + 2, 0xC000);
    signal(3);
    expect(board.take(1)).toEqual([]);
    put16(MSIX + 2, 0x8000);
    expect(board.take(1)).toEqual([0x73]);
  });

  it('wins over MSI when both are enabled, and reset masks and forgets everything', () => {
    put16(MSI + 2, 1);
    put16(MSIX + 2, 0x8000);
    vector(0, 0, 0x60);
    signal(0);
    expect(board.take(0)).toEqual([0x60]);
    vector(1, 0, 0x61, 1);
    signal(1);
    board.call('testDeviceReset');
    expect([get16(MSI + 2), get16(MSIX + 2), signal(0)]).toEqual([0x0184, 4, false]);
    put(0x18, TABLE);
    put16(COMMAND, MASTER | MEMORY);
    expect([board.read64(PBA), board.read32(TABLE + 12), board.read32(TABLE)]).toEqual([0n, 1, 0]);
  });
});
