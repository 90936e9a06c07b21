// Settings and lesser commands of the ATA disk against ATA/ATAPI-6 (T13/1410D): what libata, the BSDs, FreeDOS
// and atapi.sys send besides reads and writes, and that what IDENTIFY DEVICE does not announce ends with ABRT.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  board, bytesOf, command, COUNT, CTL, DATA, DEVICE, disk, DRQ, ERROR, HIGH, IDLE, io, LBA, LOW, MID, pattern,
  SECTORS, sector, setUp, STATUS, taskFile, taskFile48, words,
} from './testing/bench.ts';

beforeEach(setUp);

const ABORTED = [0x51, 4], NOT_FOUND = [0x51, 0x10];
const ended = (): number[] => [board.in8(STATUS), board.in8(ERROR)];
function identify(): number[] {
  command(0xEC);
  return words(256);
}
function feature(code: number, count = 0): void {
  board.out8(DEVICE, 0); board.out8(ERROR, code); board.out8(COUNT, count); command(0xEF);
}
function softReset(): void {
  board.out8(CTL, 4); board.out8(CTL, 0);
}

describe('SET FEATURES', () => {
  it('the transfer mode: words 63 and 88 have at most one mode selected', () => {
    for (const [mode, mwdma, udma] of [[0x22, 0x407, 0x3F], [0x40, 7, 0x13F], [0x45, 7, 0x203F], [0x20, 0x107, 0x3F], [0x0C, 7, 0x3F],
      [0x00, 7, 0x3F]] as const) {
      feature(3, mode);
      expect(board.in8(STATUS), mode.toString(16)).toBe(IDLE);
      const id = identify();
      expect([id[53]! & 6, id[63], id[88]], mode.toString(16)).toEqual([6, mwdma, udma]);
    }
    for (const mode of [0x02, 0x0D, 0x10, 0x18, 0x23, 0x46, 0x80]) {
      feature(3, mode);
      expect(ended(), mode.toString(16)).toEqual(ABORTED);
    }
  });

  it('word 85 follows write cache, look-ahead and SMART; off flushes the cache once', async () => {
    expect(identify()[85]! & 0x61).toBe(0x61);
    feature(0x82);
    await io();
    expect([board.pin(14), board.in8(STATUS), disk.flushes, identify()[85]! & 0x61]).toEqual([true, IDLE, 1, 0x41]);
    feature(0x82);
    await io();
    expect(disk.flushes).toBe(1);
    feature(0x55);
    expect(identify()[85]! & 0x61).toBe(1);
    board.out8(MID, 0x4F); board.out8(HIGH, 0xC2); board.out8(ERROR, 0xD9); command(0xB0);
    expect(identify()[85]! & 0x61).toBe(0);
    feature(0x02); feature(0xAA);
    expect(identify()[85]! & 0x61).toBe(0x60);
  });

  it('the flush of "write cache off" can fail', async () => {
    disk.failing = 'no space';
    feature(0x82);
    await io();
    expect(ended()).toEqual([0x71, 4]);
  });

  it('66h keeps the settings over a software reset, CCh lets it bring the power-on ones', () => {
    feature(0x55);
    board.out8(COUNT, 8); command(0xC6);
    feature(0x66); softReset();
    expect([identify()[85]! & 0x40, identify()[59]]).toEqual([0, 0x108]);
    feature(0xCC); softReset();
    expect([identify()[85]! & 0x40, identify()[59]]).toEqual([0x40, 0]);
  });

  it('what is not announced is refused: APM, AAM, release interrupts, ECC length, SATA features', () => {
    const id = identify();
    expect([id[83]! & 0x0208, id[86]! & 0x0208], 'AAM, APM').toEqual([0, 0]);
    for (const code of [0x01, 0x05, 0x42, 0x44, 0x5D, 0x5E, 0x81, 0x85, 0xBB, 0xC2, 0xDD, 0xDE, 0x10, 0x90, 0xFF]) {
      feature(code, 0x80);
      expect(ended(), code.toString(16)).toEqual(ABORTED);
    }
  });

  it('a CD takes a transfer mode and has no cache to switch', () => {
    const CD = 0x170;
    board.out8(CD + 1, 3); board.out8(CD + 2, 0x42); board.out8(CD + 7, 0xEF);
    expect(board.in8(CD + 7) & 1).toBe(0);
    for (const code of [0x02, 0x82, 0x55, 0xAA]) {
      board.out8(CD + 1, code); board.out8(CD + 7, 0xEF);
      expect([board.in8(CD + 7) & 1, board.in8(CD + 1)]).toEqual([1, 4]);
    }
  });
});

describe('commands that the disk does not announce', () => {
  it('end with ABRT: security, media status, long, queued, trim, download, overlay, DEVICE RESET, PACKET', () => {
    const id = identify();
    expect([id[82]! & 0x8116, id[83]! & 0x0087, id[128], id[169]], 'words 82, 83, 128, 169').toEqual([0, 0, 0, 0]);
    for (const code of [0x06, 0x08, 0x22, 0x23, 0x26, 0x32, 0x33, 0x36, 0x50, 0x87, 0x92, 0xA0, 0xA1, 0xA2, 0xB1, 0xC0, 0xC7, 0xCC,
      0xCD, 0xD1, 0xDA, 0xDE, 0xDF, 0xED, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6]) {
      command(code);
      expect([board.pin(14), ...ended()], code.toString(16)).toEqual([true, ...ABORTED]);
    }
  });

  it('NOP aborts and leaves the address', () => {
    taskFile(0, 0x123456, 9); command(0);
    expect([...ended(), board.in8(COUNT), board.in8(LOW), board.in8(MID), board.in8(HIGH)])
      .toEqual([...ABORTED, 9, 0x56, 0x34, 0x12]);
  });
});

describe('buffer, seek, multiple', () => {
  it('WRITE BUFFER, then READ BUFFER: the same sector, the disk untouched', () => {
    expect(identify()[82]! & 0x3000).toBe(0x3000);
    const before = disk.bytes.slice();
    const data = pattern(512, 77);
    command(0xE8);
    expect([board.in8(CTL), board.pin(14)]).toEqual([IDLE | DRQ, false]);
    for (let n = 0; n < 512; n += 2) board.out16(DATA, data[n]! | data[n + 1]! << 8);
    expect([board.pin(14), board.in8(STATUS)]).toEqual([true, IDLE]);
    command(0xE4);
    expect([board.pin(14), board.in8(STATUS)]).toEqual([true, IDLE | DRQ]);
    expect(bytesOf(words(256))).toEqual(data);
    expect(Buffer.compare(disk.bytes, before)).toBe(0);
  });

  it('SEEK knows the end of the disk, by LBA and CHS; RECALIBRATE succeeds', () => {
    taskFile(0, SECTORS - 1, 0); command(0x70);
    expect(board.in8(STATUS)).toBe(IDLE);
    taskFile(0, SECTORS, 0); command(0x70);
    expect(ended()).toEqual(NOT_FOUND);
    board.out8(DEVICE, 0xA0); board.out8(LOW, 0); board.out8(MID, 0); board.out8(HIGH, 0); command(0x7F);
    expect(ended()).toEqual(NOT_FOUND);
    command(0x10);
    expect([board.pin(14), board.in8(STATUS)]).toEqual([true, IDLE]);
  });

  it('SET MULTIPLE 0 switches it off; word 59 follows', () => {
    board.out8(COUNT, 16); command(0xC6);
    expect(identify()[59]).toBe(0x110);
    board.out8(COUNT, 0); command(0xC6);
    expect([board.in8(STATUS), identify()[59]]).toEqual([IDLE, 0]);
    taskFile(0, 0, 1); command(0xC5);
    expect(ended()).toEqual(ABORTED);
  });
});

describe('host protected area', () => {
  const readMax = (): number => {
    board.out8(DEVICE, LBA); command(0xF8);
    return board.in8(LOW) | board.in8(MID) << 8 | board.in8(HIGH) << 16;
  };
  it('SET MAX ADDRESS right behind READ NATIVE MAX hides the rest, until power is off or it is set back', async () => {
    expect([identify()[82]! & 0x400, readMax()]).toEqual([0x400, SECTORS - 1]);
    taskFile(0, 1999, 0); command(0xF9);
    expect(board.in8(STATUS)).toBe(IDLE);
    const id = identify();
    expect([id[60], id[61], id[100], id[57]]).toEqual([2000, 0, 2000, 16 * 63]);
    taskFile(0, 1999, 2); command(0x20);
    expect(ended()).toEqual(NOT_FOUND);
    taskFile(0, 1999, 1); command(0x20);
    await io();
    expect(bytesOf(words(256))).toEqual(sector(1999));
    softReset();
    expect([identify()[60], readMax()]).toEqual([2000, SECTORS - 1]);
    board.out8(DEVICE, LBA); command(0x27);
    taskFile48(SECTORS - 1, 0); command(0x37);
    expect([board.in8(STATUS), identify()[60]]).toEqual([IDLE, SECTORS]);
  });

  it('without READ NATIVE MAX, for ever, or beyond the end: refused', () => {
    taskFile(0, 1999, 0); command(0xF9);
    expect(ended()).toEqual(ABORTED);
    readMax();
    taskFile(0, 1999, 1); command(0xF9);
    expect(ended()).toEqual(ABORTED);
    readMax();
    taskFile(0, SECTORS, 0); command(0xF9);
    expect(ended()).toEqual(NOT_FOUND);
    expect(identify()[60]).toBe(SECTORS);
  });
});

describe('power', () => {
  it('STANDBY and SLEEP flush; a sleeping drive hears a reset only, and wakes in standby', async () => {
    for (const [n, code] of [0xE0, 0xE2, 0x94, 0x96].entries()) {
      command(0xE1); command(code);
      await io();
      expect([board.pin(14), board.in8(STATUS), disk.flushes], code.toString(16)).toEqual([true, IDLE, n + 1]);
      command(0xE5);
      expect(board.in8(COUNT)).toBe(0);
    }
    taskFile(0, 0, 1); command(0x20);
    await io();
    words(256);
    command(0xE5);
    expect(board.in8(COUNT), 'a read spins it up').toBe(0xFF);
    command(0xE6);
    await io();
    expect(board.in8(STATUS)).toBe(IDLE);
    command(0xEC);
    expect([board.pin(14), board.in8(STATUS)]).toEqual([false, IDLE]);
    softReset();
    command(0xE5);
    expect(board.in8(COUNT)).toBe(0);
    expect(identify()[0]).toBe(0x40);
  });
});

describe('SMART', () => {
  function smart(code: number, low = 0, count = 0): void {
    board.out8(DEVICE, 0); board.out8(ERROR, code); board.out8(COUNT, count); board.out8(LOW, low);
    board.out8(MID, 0x4F); board.out8(HIGH, 0xC2); command(0xB0);
  }
  const structure = (): Uint8Array => {
    expect(board.in8(STATUS)).toBe(IDLE | DRQ);
    return bytesOf(words(256));
  };
  const sum = (data: Uint8Array): number => data.reduce((all, byte) => all + byte & 255, 0);

  it('data and thresholds have their checksum; capabilities of tests', () => {
    for (const code of [0xD0, 0xD1]) {
      smart(code);
      expect(sum(structure())).toBe(0);
    }
    smart(0xD0);
    const data = structure();
    expect([data[362], data[363], data[367], data[368]], 'status, self-test, capability').toEqual([0, 0, 0x11, 3]);
    expect(identify()[84]! & 3).toBe(3);
  });

  it('off-line data and self-tests end at once and are logged', () => {
    smart(0xD4, 0);
    smart(0xD0);
    expect(structure()[362], 'completed').toBe(2);
    for (const test of [1, 2, 0x81, 0x82]) {
      smart(0xD4, test);
      expect([board.pin(14), board.in8(STATUS)]).toEqual([true, IDLE]);
      smart(0xD5, 6, 1);
      const log = structure();
      expect([log[0], log[2], log[3], log[508], sum(log)], `test ${test}`).toEqual([1, test, 0, 1, 0]);
    }
    smart(0xD4, 3);
    expect(ended()).toEqual(ABORTED);
  });

  it('logs: directory, errors; no others', () => {
    smart(0xD5, 0, 1);
    const directory = structure();
    expect([directory[0], directory[2], directory[12]]).toEqual([1, 1, 1]);
    smart(0xD5, 1, 1);
    const errors = structure();
    expect([errors[0], errors[1], errors[452], sum(errors)], 'version 1, none').toEqual([1, 0, 0, 0]);
    for (const [log, count] of [[9, 1], [1, 0], [1, 2]] as const) {
      smart(0xD5, log, count);
      expect(ended()).toEqual(ABORTED);
    }
  });

  it('switched off only ENABLE is heard; status keeps the signature; autosave takes two values', () => {
    for (const [count, result] of [[0, [IDLE, 0]], [0xF1, [IDLE, 0]], [7, ABORTED]] as const) {
      smart(0xD2, 0, count);
      expect(ended()).toEqual(result);
    }
    smart(0xDA);
    expect([board.in8(STATUS), board.in8(MID), board.in8(HIGH)]).toEqual([IDLE, 0x4F, 0xC2]);
    smart(0xD9); smart(0xDA);
    expect(ended()).toEqual(ABORTED);
    smart(0xD8); smart(0xDA);
    expect(board.in8(STATUS)).toBe(IDLE);
    smart(0xD6);
    expect(ended(), 'WRITE LOG').toEqual(ABORTED);
  });
});
