// PAM registers of the 82441FX (290549 section 3.2.19): which of ROM and RAM answers reads and takes writes in
// 0xC0000..0xFFFFF, and that the CPUs are told to forget.

import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_BLOCKS, CPU_BLOCK_BYTES, Request, ROM, ROM_BYTES } from '../../../src/emu/generated-layout.ts';
import { BoardUnderTest } from '../testing/board.ts';

const CPUS = 2;
const board = new BoardUnderTest(CPUS, 0x100);
const RAM = CPU_BLOCKS + CPUS * CPU_BLOCK_BYTES;
const SCRATCH = CPU_BLOCKS + 0x10_0000;

const put = (reg: number, value: number): void => {
  board.out32(0xCF8, 0x80000000 + (reg & 0xFC));
  board.out8(0xCFC + (reg & 3), value);
};
/** Every page of 0xC0000..0xFFFFF as a letter: R read-only RAM, W write-only, M both, - neither. */
const map = (): string => Array.from({ length: 64 }, (_, n) => {
  const read = board.call('isRam', BigInt(0xC0 + n)) !== 0;
  const write = board.call('isWrittenRam', BigInt(0xC0 + n)) !== 0;
  expect(board.call('isWritableRam', BigInt(0xC0 + n)) !== 0).toBe(read && write);
  return read ? write ? 'M' : 'R' : write ? 'W' : '-';
}).join('').replace(/(.)\1{3}/g, '$1');
const read8 = (pa: number): number => Number(board.call('physRead', BigInt(pa), 1));
const write8 = (pa: number, value: number): void => {
  board.bytes[SCRATCH] = value;
  board.call('physWriteBytes', board.state(0), BigInt(pa), 1, SCRATCH);
};

beforeEach(() => {
  board.powerOn();
  board.call('physInit');
  board.bytes.fill(0xAA, ROM + ROM_BYTES - 0x20000, ROM + ROM_BYTES);
  board.bytes.fill(0x55, RAM + 0xA0000, RAM + 0x100000);
  board.clearRequests();
});

describe('programmable attribute map', () => {
  it('after reset nothing is RAM: ROM at 0xE0000, ones below it, writes go nowhere', () => {
    expect(map()).toBe('-'.repeat(16));
    expect([read8(0xC0000), read8(0xDFFFF), read8(0xE0000), read8(0xFFFFF)]).toEqual([0xFF, 0xFF, 0xAA, 0xAA]);
    write8(0xF0000, 1);
    expect([read8(0xF0000), board.bytes[RAM + 0xF0000]]).toEqual([0xAA, 0x55]);
    expect(board.logs).toEqual([]);
  });

  it('every nibble governs its own 16 KiB, the upper one of PAM0 64 KiB', () => {
    const seen: string[] = [];
    for (let reg = 0x59; reg <= 0x5F; reg++) {
      for (const value of [0x01, 0x20]) {
        put(reg, value);
        seen.push(map());
      }
      put(reg, 0);
    }
    expect(seen).toEqual(['-'.repeat(16), '------------WWWW', 'R---------------', '-W--------------',
      '--R-------------', '---W------------', '----R-----------', '-----W----------', '------R---------',
      '-------W--------', '--------R-------', '---------W------', '----------R-----', '-----------W----']);
  });

  it('write-only: copies ROM to RAM in place; read-only: keeps it', () => {
    put(0x59, 0x20);
    expect(read8(0xF1234)).toBe(0xAA);
    write8(0xF1234, 0x77);
    expect([read8(0xF1234), board.bytes[RAM + 0xF1234]]).toEqual([0xAA, 0x77]);
    put(0x59, 0x10);
    expect([read8(0xF1234), read8(0xF1235)]).toEqual([0x77, 0x55]);
    write8(0xF1234, 0x11);
    expect(read8(0xF1234)).toBe(0x77);
    put(0x59, 0x30);
    write8(0xF1234, 0x11);
    expect(read8(0xF1234)).toBe(0x11);
  });

  it('a change flushes every TLB, anything else none', () => {
    put(0x5A, 0x33);
    expect([0, 1].map((cpu) => board.requests(cpu) & Request.TLB_FLUSH)).toEqual(Array(2).fill(Request.TLB_FLUSH));
    board.clearRequests();
    put(0x5A, 0x33);
    put(0x58, 0xFF);
    put(0x72, 0x0A);
    expect([0, 1].map((cpu) => board.requests(cpu))).toEqual([0, 0]);
  });

  it('direct boot finds RAM everywhere', () => {
    board.call('boardPresetForDirectBoot');
    expect(map()).toBe('M'.repeat(16));
  });

  it('the screen is never RAM, memory around is always', () => {
    const ram = (page: number): number => board.call('isWritableRam', BigInt(page));
    expect([0x9F, 0xA0, 0xBF, 0x100 - 0x60, 0xFF + 1].map(ram)).toEqual([1, 0, 0, 0, 0]);
  });

  it('firmware can tell the board by its subsystem', () => {
    board.out32(0xCF8, 0x8000002C);
    expect(board.in32(0xCFC)).toBe(0x11001AF4);
  });
});
