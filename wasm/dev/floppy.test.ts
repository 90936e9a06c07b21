// 82077AA with the 8237 beside it (Intel 290166, 231466): reset and polling, seeks, transfers by DMA and
// through the FIFO, every kind of error, formatting, hostile input, snapshot.

import { beforeEach, describe, expect, it } from 'vitest';
import { BOARD, Board, Control, CPU_BLOCKS, CPU_BLOCK_BYTES, FLOPPY, FLOPPY_DRIVE_BYTES } from '../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './testing/board.ts';

const board = new BoardUnderTest(1);
const RAM = CPU_BLOCKS + CPU_BLOCK_BYTES;
const B_1440 = 80 * 2 * 18 * 512, B_720 = 80 * 2 * 9 * 512;
const TO_MEMORY = 0x46, FROM_MEMORY = 0x4A, VERIFY = 0x42;

const irq6 = (): boolean => (board.view.getUint32(BOARD + Board.LINES, true) & 0x40) !== 0;
const status = (): number => board.in8(0x3F4);
const send = (...bytes: number[]): void => bytes.forEach((byte) => {
  expect(status() & 0xC0).toBe(0x80);
  board.out8(0x3F5, byte);
});
function results(): number[] {
  const bytes: number[] = [];
  while ((status() & 0x50) === 0x50) bytes.push(board.in8(0x3F5));
  return bytes;
}
/** Channel 2: address, count of bytes, mode. */
function dma(address: number, bytes: number, mode = TO_MEMORY): void {
  board.out8(0x0A, 6);
  board.out8(0x0C, 0);
  board.out8(0x0B, mode);
  for (const shift of [0, 8]) board.out8(0x04, address >> shift & 255);
  for (const shift of [0, 8]) board.out8(0x05, bytes - 1 >> shift & 255);
  board.out8(0x81, address >> 16);
  board.out8(0x0A, 2);
}
const seek = (track: number, drive = 0): number[] => {
  send(0x0F, drive, track);
  send(0x08);
  return results();
};
/** READ or WRITE of sectors (MT and MFM set): the seven result bytes. */
const transfer = (command: number, c: number, h: number, r: number, last = 18, drive = 0): number[] => {
  send(command, h << 2 | drive, c, h, r, 2, last, 0x1B, 0xFF);
  return results();
};
const sector = (c: number, h: number, r: number): number => FLOPPY + ((c * 2 + h) * 18 + r - 1) * 512;

/** Drive A: 1.44 MB where every sector is filled with a byte of its own; DOR on, rate 500. */
function start(bytes = B_1440, rate = 0): void {
  board.powerOn();
  board.setControl(Control.FLOPPY_SIZES, bytes);
  board.setControl(Control.FLOPPY_SIZES + 4, 0);
  board.setControl(Control.FLOPPY_PROTECTED, 0);
  for (let n = 0; n < bytes / 512; n++) board.bytes.fill(n * 37 & 255, FLOPPY + n * 512, FLOPPY + (n + 1) * 512);
  board.out8(0x3F2, 0x1C);
  for (let n = 0; n < 4; n++) { send(0x08); results(); }
  board.out8(0x3F7, rate);
  send(0x03, 0xAF, 0x02);
}
beforeEach(() => start());

describe('reset', () => {
  it('leaves the controller off; DOR bit 2 starts it with an interrupt and four drives to sense', () => {
    board.powerOn();
    expect([status(), board.in8(0x3F2), irq6()]).toEqual([0, 0, false]);
    board.out8(0x3F2, 0x0C);
    expect([status(), irq6()]).toEqual([0x80, true]);
    for (const drive of [0, 1, 2, 3]) {
      send(0x08);
      expect(results()).toEqual([0xC0 | drive, 0]);
      expect(irq6()).toBe(false);
    }
    send(0x08);
    expect(results()).toEqual([0x80]);
  });
  it('DSR resets by itself; without the DMA gate the line stays low', () => {
    board.out8(0x3F4, 0x80);
    expect([status(), irq6()]).toEqual([0x80, true]);
    board.out8(0x3F2, 0x14);
    expect(irq6()).toBe(false);
    board.out8(0x3F2, 0x1C);
    expect(irq6()).toBe(true);
  });
  it('a reset in the middle of a command forgets it', () => {
    send(0x46, 0, 0);
    expect(status()).toBe(0x90);
    board.out8(0x3F2, 0x18);
    board.out8(0x3F2, 0x1C);
    expect(status()).toBe(0x80);
  });
});

describe('commands without a disk', () => {
  it('VERSION, PART ID, CONFIGURE, LOCK and DUMPREG', () => {
    send(0x10);
    expect(results()).toEqual([0x90]);
    send(0x18);
    expect(results()).toEqual([0x41]);
    send(0x13, 0, 0x57, 3);
    send(0x94);
    expect(results()).toEqual([0x10]);
    send(0x0E);
    expect(results()).toEqual([0, 0, 0, 0, 0xAF, 0x02, 0, 0x80, 0x57, 3]);
    board.out8(0x3F2, 0);
    board.out8(0x3F2, 0x1C);
    send(0x0E);
    expect(results().slice(-2)).toEqual([0x57, 3]);
    send(0x14);
    expect(results()).toEqual([0]);
    board.out8(0x3F4, 0x80);
    send(0x0E);
    expect(results().slice(-2)).toEqual([0x20, 0]);
  });
  it('an unknown command answers 80h', () => {
    for (const command of [0x00, 0x01, 0x0B, 0x15, 0x1F]) {
      send(command);
      expect(results()).toEqual([0x80]);
    }
  });
});

describe('stepping', () => {
  it('SEEK, relative seek and RECALIBRATE interrupt and tell the track', () => {
    expect(seek(40)).toEqual([0x20, 40]);
    send(0x8F | 0x40, 0, 5);
    expect(irq6()).toBe(true);
    send(0x08);
    expect(results()).toEqual([0x20, 45]);
    expect(irq6()).toBe(false);
    send(0x8F, 0, 60);
    send(0x08);
    expect(results()).toEqual([0x20, 0]);
    seek(10);
    send(0x07, 0);
    send(0x08);
    expect(results()).toEqual([0x20, 0]);
  });
  it('SENSE DRIVE STATUS: track 0 and protection', () => {
    send(0x04, 4);
    expect(results()).toEqual([0x3C]);
    seek(1);
    board.setControl(Control.FLOPPY_PROTECTED, 1);
    send(0x04, 0);
    expect(results()).toEqual([0x68]);
  });
  it('a drive that is not there never finds track 0', () => {
    send(0x07, 1);
    send(0x08);
    expect(results()).toEqual([0x71, 0]);
  });
  it('the change line falls with the first step', () => {
    expect(board.in8(0x3F7) & 0x80).toBe(0x80);
    seek(1);
    expect(board.in8(0x3F7) & 0x80).toBe(0);
    board.out8(0x3F2, 0x2D);
    expect(board.in8(0x3F7) & 0x80).toBe(0x80);
  });
});

describe('transfers by DMA', () => {
  it('reads sectors until terminal count and names the next one', () => {
    seek(5);
    dma(0x4000, 3 * 512);
    expect(transfer(0xE6, 5, 1, 4)).toEqual([0x04, 0, 0, 5, 1, 7, 2]);
    for (const n of [0, 1, 2]) expect(board.bytes[RAM + 0x4000 + n * 512 + 511]).toBe(board.bytes[sector(5, 1, 4 + n)]);
    expect(board.bytes[RAM + 0x4000 + 1536]).toBe(0);
    // Status: channel 2 at terminal count, once; masked now.
    expect([board.in8(0x08), board.in8(0x08)]).toEqual([4, 0]);
  });
  it('raises the line with the result, drops it with its first byte', () => {
    dma(0x4000, 512);
    send(0xE6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);
    expect([irq6(), status()]).toEqual([true, 0xD0]);
    board.in8(0x3F5);
    expect(irq6()).toBe(false);
  });
  it('goes on to the second side with MT, and stops after it', () => {
    dma(0x4000, 4 * 512);
    expect(transfer(0xE6, 0, 0, 17)).toEqual([0x04, 0, 0, 0, 1, 3, 2]);
    expect(board.bytes[RAM + 0x4000 + 1024]).toBe(board.bytes[sector(0, 1, 1)]);
    dma(0x4000, 8 * 512);
    expect(transfer(0xE6, 0, 1, 17)).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
    dma(0x4000, 8 * 512);
    expect(transfer(0x66, 0, 0, 17)).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  });
  it('writes', () => {
    board.bytes.fill(0xC3, RAM + 0x8000, RAM + 0x8200);
    dma(0x8000, 512, FROM_MEMORY);
    expect(transfer(0xC5, 0, 0, 9)).toEqual([0, 0, 0, 0, 0, 10, 2]);
    expect([board.bytes[sector(0, 0, 9)], board.bytes[sector(0, 0, 9) + 511], board.bytes[sector(0, 0, 10)]])
      .toEqual([0xC3, 0xC3, 9 * 37 & 255]);
  });
  it('a count that ends inside a sector moves only so much', () => {
    board.bytes.fill(0, RAM + 0x4000, RAM + 0x4400);
    dma(0x4000, 100);
    transfer(0xE6, 0, 0, 2);
    expect([board.bytes[RAM + 0x4000 + 99], board.bytes[RAM + 0x4000 + 100]]).toEqual([37, 0]);
  });
  it('the address wraps in its 64 KiB; auto-initialise starts over; verify moves nothing', () => {
    dma(0x1FF00, 512, TO_MEMORY | 0x10);
    transfer(0xE6, 0, 0, 3);
    expect([board.bytes[RAM + 0x1FFFF], board.bytes[RAM + 0x10000]]).toEqual([74, 74]);
    board.out8(0x0C, 0);
    expect([board.in8(0x04), board.in8(0x04), board.in8(0x05), board.in8(0x05)]).toEqual([0, 0xFF, 0xFF, 1]);
    expect(transfer(0xE6, 0, 0, 5)[0]).toBe(0);
    expect(board.bytes[RAM + 0x10000]).toBe(148);
    dma(0x4000, 512, VERIFY);
    board.bytes[RAM + 0x4000] = 0x11;
    expect(transfer(0xE6, 0, 0, 2)[0]).toBe(0);
    expect(board.bytes[RAM + 0x4000]).toBe(0x11);
  });
  it('READ TRACK begins at sector 1', () => {
    dma(0x4000, 512);
    transfer(0x42, 0, 0, 7);
    expect(board.bytes[RAM + 0x4000]).toBe(0);
  });
  it('VERIFY needs no DMA', () => {
    send(0x96, 0x80, 0, 0, 1, 2, 18, 0x1B, 5);
    expect(results()).toEqual([0, 0, 0, 0, 0, 6, 2]);
  });
});

describe('errors', () => {
  it.each([
    ['no such sector', () => transfer(0xE6, 0, 0, 19, 20), [0x40, 0x04, 0]],
    ['no such side', () => transfer(0xE6, 0, 2, 1), [0x40, 0x04, 0]],
    ['wrong cylinder', () => transfer(0xE6, 3, 0, 1), [0x40, 0x04, 0x10]],
    ['no drive', () => transfer(0xE6, 0, 0, 1, 18, 1), [0x41, 0x01, 0]],
    ['masked channel', () => { board.out8(0x0A, 6); return transfer(0xE6, 0, 0, 1); }, [0x40, 0x10, 0]],
  ])('%s', (_, run, expected) => {
    dma(0x4000, 512);
    expect(run().slice(0, 3)).toEqual(expected);
  });
  it('write protected', () => {
    board.setControl(Control.FLOPPY_PROTECTED, 1);
    dma(0x8000, 512, FROM_MEMORY);
    expect(transfer(0xC5, 0, 0, 1).slice(0, 3)).toEqual([0x40, 0x02, 0]);
    expect(board.bytes[sector(0, 0, 1)]).toBe(0);
  });
  it('the wrong data rate finds no address marks', () => {
    board.out8(0x3F7, 2);
    dma(0x4000, 512);
    expect(transfer(0xE6, 0, 0, 1).slice(0, 3)).toEqual([0x40, 0x01, 0]);
    start(B_720, 2);
    dma(0x4000, 512);
    expect(transfer(0xE6, 0, 0, 1, 9)[0]).toBe(0);
  });
});

describe('READ ID', () => {
  it('names the cylinder, and sector after sector', () => {
    seek(7);
    const ids = [0, 1].map(() => { send(0x4A, 4); return results(); });
    expect(ids).toEqual([[0x04, 0, 0, 7, 1, 1, 2], [0x04, 0, 0, 7, 1, 2, 2]]);
  });
  it('fails where nothing is written', () => {
    seek(82);
    send(0x4A, 0);
    expect(results().slice(0, 3)).toEqual([0x40, 0x01, 0]);
  });
});

describe('bytes through the FIFO', () => {
  beforeEach(() => { send(0x03, 0xAF, 0x03); });
  it('reads with a request per byte, and ends after the last sector', () => {
    send(0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF);
    for (let n = 0; n < 512; n++) {
      expect([status(), irq6()]).toEqual([0xF0, true]);
      expect(board.in8(0x3F5)).toBe(17 * 37 & 255);
    }
    expect(results()).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  });
  it('writes', () => {
    board.out8(0x3F5, 0x45);
    for (const byte of [0, 0, 0, 17, 2, 18, 0x1B, 0xFF]) board.out8(0x3F5, byte);
    for (let n = 0; n < 1024; n++) {
      expect(status()).toBe(0xB0);
      board.out8(0x3F5, n & 255);
    }
    expect(results()[1]).toBe(0x80);
    expect([board.bytes[sector(0, 0, 17) + 255], board.bytes[sector(0, 0, 18) + 254]]).toEqual([255, 254]);
  });
});

describe('FORMAT', () => {
  it('fills the sectors that the fields name', () => {
    seek(2);
    const fields = Array.from({ length: 18 }, (_, n) => [2, 1, n + 1, 2]).flat();
    board.bytes.set(fields, RAM + 0x8000);
    dma(0x8000, fields.length, FROM_MEMORY);
    send(0x4D, 4, 2, 18, 0x54, 0xF6);
    expect(results().slice(0, 3)).toEqual([0x04, 0, 0]);
    expect([sector(2, 1, 1), sector(2, 1, 18) + 511, sector(2, 0, 18) + 511, sector(3, 0, 1)].map((at) => board.bytes[at]))
      .toEqual([0xF6, 0xF6, (2 * 2 * 18 + 17) * 37 & 255, 3 * 2 * 18 * 37 & 255]);
  });
});

describe('hostile guests', () => {
  it('random bytes and registers never reach beyond the disks', () => {
    const seed = Date.now() & 0xFFFFFFF;
    console.log(`floppy seed ${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const end = FLOPPY + 2 * FLOPPY_DRIVE_BYTES;
    board.bytes.fill(0x5A, end, end + 4096);
    board.bytes.fill(0x5A, FLOPPY + B_1440, FLOPPY + B_1440 + 0x10000);
    for (let n = 0; n < 20000; n++) {
      if (random(50) === 0) dma(random(0x20000), 1 + random(0x4000), [TO_MEMORY, FROM_MEMORY, VERIFY, FROM_MEMORY | 0x20][random(4)]);
      const port = [0x3F2, 0x3F3, 0x3F4, 0x3F5, 0x3F5, 0x3F5, 0x3F5, 0x3F5, 0x3F7][random(9)] as number;
      if (random(4) === 0) board.in8(port);
      else board.out8(port, port === 0x3F2 ? 0x1C | random(4) : random(256));
    }
    expect(board.bytes.subarray(end, end + 4096).every((byte) => byte === 0x5A)).toBe(true);
    expect(board.bytes.subarray(FLOPPY + B_1440, FLOPPY + B_1440 + 0x10000).every((byte) => byte === 0x5A)).toBe(true);
    start();
    dma(0x4000, 512);
    expect(transfer(0xE6, 0, 0, 2)[0]).toBe(0);
  });
});
