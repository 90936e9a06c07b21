// The PIIX3 IDE function and the ATA disk against ATA/ATAPI-6 (T13/1410D) and the bus-master IDE specification
// 1.0, by hand-driven registers.

import { beforeEach, describe, expect, it } from 'vitest';
import { CONTROL, Control } from '../../../src/emu/generated-layout.ts';
import {
  BM, board, BSY, bytesOf, command, COUNT, CTL, DATA, DEV1, DEVICE, disk, DRQ, ERROR, events, HIGH, IDLE,
  io, LOW, MID, pattern, prd, RAM, ram, sector, SECTORS, setUp, STATUS, taskFile, taskFile48, words,
} from './testing/bench.ts';

beforeEach(setUp);

describe('registers', () => {
  it('after reset: signature, both kinds of drive', () => {
    expect([ERROR, COUNT, LOW, MID, HIGH, STATUS].map((p) => board.in8(p))).toEqual([1, 1, 1, 0, 0, 0x50]);
    expect([0x171, 0x172, 0x173, 0x174, 0x175, 0x177].map((p) => board.in8(p))).toEqual([1, 1, 1, 0x14, 0xEB, 0]);
    expect(board.in8(CTL)).toBe(0x50);
  });

  it('an absent drive 1: status 0, the other registers are of drive 0; commands are ignored', () => {
    board.out8(DEVICE, DEV1);
    expect(board.in8(STATUS)).toBe(0);
    expect(board.in8(CTL)).toBe(0);
    board.out8(COUNT, 0x55);
    expect(board.in8(COUNT)).toBe(0x55);
    command(0xEC);
    expect(board.in8(STATUS)).toBe(0);
    expect(board.pin(14)).toBe(false);
    board.out8(0x176, DEV1);
    expect([0x171, 0x172, 0x174, 0x177].map((p) => board.in8(p))).toEqual([0, 0, 0, 0]);
    board.out8(DEVICE, 0);
    expect(board.in8(STATUS)).toBe(0x50);
  });

  it('an empty channel floats', () => {
    board.view.setUint32(CONTROL + Control.DRIVES + 2 * 128, 0, true);
    board.call('boardReset');
    for (let port = 0x171; port < 0x178; port++) expect(board.in8(port)).toBe(0xFF);
    expect([board.in16(0x170), board.in8(0x376)]).toEqual([0xFFFF, 0xFF]);
    board.out8(0x172, 0x55);
    expect(board.in8(0x172)).toBe(0xFF);
  });

  it('command block is read back; HOB shows what was before', () => {
    for (const port of [COUNT, LOW, MID, HIGH]) {
      board.out8(port, 0x12); board.out8(port, 0x34);
      expect(board.in8(port)).toBe(0x34);
      board.out8(CTL, 0x80);
      expect(board.in8(port)).toBe(0x12);
      board.out8(CTL, 0);
    }
    board.out8(DEVICE, 0x4F);
    expect(board.in8(DEVICE)).toBe(0xEF);
    board.out8(CTL, 0x80);
    board.out8(COUNT, 7);
    expect(board.in8(COUNT), 'a write clears HOB').toBe(7);
  });

  it('software reset: busy while it lasts, then the signature and drive 0', () => {
    board.out8(DEVICE, DEV1); board.out8(COUNT, 9);
    board.out8(CTL, 4);
    expect(board.in8(STATUS)).toBe(BSY);
    board.out8(CTL, 0);
    expect([ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS].map((p) => board.in8(p))).toEqual([1, 1, 1, 0, 0, 0xA0, 0x50]);
  });

  it('diagnostic interrupts and passes', () => {
    board.out8(DEVICE, 0); command(0x90);
    expect([board.pin(14), board.in8(STATUS), board.in8(ERROR)]).toEqual([true, 0x50, 1]);
    expect(board.pin(14)).toBe(false);
  });
});

describe('PCI function', () => {
  const select = (reg: number): void => board.out32(0xCF8, (0x80000900 | reg) >>> 0);
  const get = (reg: number): number => { select(reg); return board.in32(0xCFC); };
  it('identity, BAR4 sizing and moving', () => {
    expect([get(0), get(8) >>> 8, get(0x3C)]).toEqual([0x70108086, 0x010180, 0]);
    expect([get(0x40), get(0x20)]).toEqual([0x80008000, 0xC041]);
    select(0x20); board.out32(0xCFC, 0xFFFFFFFF);
    expect(board.in32(0xCFC)).toBe(0xFFFFFFF1);
    board.out32(0xCFC, 0xD000);
    board.out32(0xD004, 0x12345678);
    expect(board.in32(0xD004)).toBe(0x12345678);
    board.out32(0xD00C, 0x9ABCDEF0);
    expect([board.in32(0xD00C), board.in16(0xD006)]).toEqual([0x9ABCDEF0, 0x1234]);
    expect(board.in32(0xC044)).toBe(0xFFFFFFFF);
  });

  it('bus-master registers: writable bits', () => {
    board.out8(BM, 0xFF);
    expect(board.in8(BM)).toBe(9);
    board.out8(BM, 0);
    board.out8(BM + 2, 0xFF);
    expect(board.in8(BM + 2)).toBe(0x60);
    board.out32(BM + 4, 0xFFFFFFFF);
    expect(board.in32(BM + 4)).toBe(0xFFFFFFFC);
  });
});

describe('identification', () => {
  it('IDENTIFY DEVICE: DRQ, interrupt, 256 words, sum 0, no interrupt at the end', () => {
    board.out8(DEVICE, 0); command(0xEC);
    expect([board.in8(CTL), board.pin(14)]).toEqual([IDLE | DRQ, true]);
    expect(board.in8(STATUS)).toBe(IDLE | DRQ);
    expect(board.pin(14)).toBe(false);
    const id = words(256);
    expect([board.in8(STATUS), board.pin(14), board.in16(DATA)]).toEqual([IDLE, false, 0]);
    const text = (from: number, n: number): string => id.slice(from, from + n)
      .map((w) => String.fromCharCode(w >> 8, w & 255)).join('').trim();
    expect([text(27, 20), text(10, 10), text(23, 4)]).toEqual(['SKEP HARDDISK', 'SK00000001', '1.0']);
    expect([id[0], id[1], id[3], id[6], id[60], id[61], id[100], id[103]]).toEqual([0x40, 2, 16, 63, SECTORS, 0, SECTORS, 0]);
    expect([id[49]! & 0x300, id[53], id[63], id[83]! & 0xC400, id[88]]).toEqual([0x300, 7, 0x407, 0x4400, 0x3F]);
    expect(bytesOf(id).reduce((sum, byte) => sum + byte & 255, 0)).toBe(0);
  });

  it('a CD refuses IDENTIFY with its signature and answers IDENTIFY PACKET DEVICE', () => {
    board.out8(0x177, 0xEC);
    expect([board.in8(0x377 - 1), board.in8(0x171), board.in8(0x174), board.in8(0x175)]).toEqual([0x51, 4, 0x14, 0xEB]);
    board.out8(0x177, 0xA1);
    const id = words(256, 0x170);
    expect([id[0], id[49]! & 0x300]).toEqual([0x85C0, 0x300]);
    board.out8(DEVICE, 0); command(0xA1);
    expect([board.in8(STATUS), board.in8(ERROR)]).toEqual([0x51, 4]);
  });
});

describe('PIO', () => {
  it('READ SECTORS: busy, then one interrupt per sector, none after the last', async () => {
    taskFile(0, 7, 3); command(0x20);
    expect([board.in8(STATUS) & BSY, board.pin(14)]).toEqual([BSY, false]);
    await io();
    for (let n = 0; n < 3; n++) {
      expect(board.pin(14), `sector ${n}`).toBe(true);
      expect(board.in8(STATUS)).toBe(IDLE | DRQ);
      expect(board.pin(14)).toBe(false);
      expect(bytesOf(words(256))).toEqual(sector(7 + n));
    }
    expect([board.in8(STATUS), board.pin(14), board.edges(14)]).toEqual([IDLE, false, 3]);
  });

  it('by CHS, by 48 bits, 256 sectors (more than the buffer holds), 32-bit reads', async () => {
    board.out8(DEVICE, 0xA1); board.out8(COUNT, 1); board.out8(LOW, 5); board.out8(MID, 1); board.out8(HIGH, 0); command(0x20);
    await io();
    expect(bytesOf(words(256))).toEqual(sector((1 * 16 + 1) * 63 + 4));
    taskFile48(2900, 2); command(0x24);
    await io();
    expect(bytesOf(words(512))).toEqual(sector(2900, 2));
    taskFile(0, 100, 0); command(0x20);
    const out: number[] = [];
    for (let n = 0; n < 256; n++) {
      await io();
      expect(board.in8(STATUS) & (BSY | DRQ)).toBe(DRQ);
      for (let i = 0; i < 128; i++) out.push(board.in32(DATA));
    }
    expect(new Uint8Array(new Uint32Array(out).buffer)).toEqual(sector(100, 256));
    expect(board.in8(STATUS)).toBe(IDLE);
  });

  it('READ MULTIPLE needs SET MULTIPLE and has one interrupt per block', async () => {
    taskFile(0, 0, 5); command(0xC4);
    expect([board.in8(STATUS), board.in8(ERROR)]).toEqual([0x51, 4]);
    for (const bad of [3, 32]) { board.out8(COUNT, bad); command(0xC6); expect(board.in8(STATUS)).toBe(0x51); }
    board.out8(COUNT, 4); command(0xC6);
    expect(board.in8(STATUS)).toBe(IDLE);
    const before = board.edges(14);
    taskFile(0, 20, 5); command(0xC4);
    await io();
    board.in8(STATUS);
    const head = bytesOf(words(4 * 256));
    board.in8(STATUS);
    expect([...head, ...bytesOf(words(256))]).toEqual([...sector(20, 5)]);
    expect(board.edges(14) - before).toBe(2);
  });

  it('WRITE SECTORS: the first block without interrupt, then one per block, done when the disk has it', async () => {
    const data = pattern(1024, 9);
    taskFile(0, 50, 2); command(0x30);
    expect([board.in8(CTL), board.pin(14)]).toEqual([IDLE | DRQ, false]);
    for (let n = 0; n < 512; n += 2) board.out16(DATA, data[n]! | data[n + 1]! << 8);
    expect(board.pin(14)).toBe(true);
    board.in8(STATUS);
    for (let n = 512; n < 1024; n += 4) board.out32(DATA, new DataView(data.buffer).getUint32(n, true));
    expect([board.in8(STATUS) & BSY, board.pin(14)]).toEqual([BSY, false]);
    await io();
    expect([board.pin(14), board.in8(STATUS)]).toEqual([true, IDLE]);
    expect(sector(50, 2)).toEqual(data);
    expect(disk.flushes).toBe(0);
  });

  it('runs: the same data as element by element, as much as there is', async () => {
    taskFile(0, 3, 4); command(0x20);
    await io();
    const to = RAM + 0x8000;
    let done = 0;
    while (done < 2048) {
      const n = board.call('pioReadRun', DATA, 2, to + done, 2048 - done);
      expect(n).toBeGreaterThan(0);
      done += n;
    }
    expect(ram(0x8000, 2048)).toEqual(sector(3, 4));
    expect(board.call('pioReadRun', DATA, 2, to, 512)).toBe(0);
    taskFile(0, 60, 2); command(0x30);
    const from = RAM + 0x9000;
    board.bytes.set(pattern(1024, 4), from);
    expect(board.call('pioWriteRun', DATA, 4, from, 1024)).toBe(1024);
    await io();
    expect(sector(60, 2)).toEqual(pattern(1024, 4));
  });
});

describe('bus master', () => {
  it('READ DMA scatters, in either order of command and start; interrupt and active bits', async () => {
    for (const startFirst of [false, true]) {
      board.bytes.fill(0, RAM + 0x2000, RAM + 0x8000);
      prd([[0x2000, 512], [0x2200, 512], [0x6002, 1536]]);
      taskFile(0, 30, 5);
      board.out8(BM, 8);
      if (startFirst) board.out8(BM, 9);
      command(0xC8);
      if (!startFirst) {
        await io();
        expect(board.in8(BM + 2)).toBe(0);
        board.out8(BM, 9);
      }
      expect(board.in8(BM + 2)).toBe(1);
      await io();
      expect([board.pin(14), board.in8(BM + 2), board.in8(CTL)]).toEqual([true, 4, IDLE]);
      expect([...ram(0x2000, 1024), ...ram(0x6002, 1536)]).toEqual([...sector(30, 5)]);
      board.out8(BM, 0);
      board.out8(BM + 2, 4);
      board.in8(STATUS);
      expect([board.in8(BM + 2), board.pin(14)]).toEqual([0, false]);
    }
  });

  it('WRITE DMA EXT gathers; a region of 0 is 64 KiB', async () => {
    const data = pattern(0x10000 + 512, 5);
    board.bytes.set(data, RAM + 0x20000);
    prd([[0x20000, 0], [0x30000, 512]]);
    taskFile48(1000, 129);
    command(0x35);
    board.out8(BM, 1);
    await io();
    expect([board.in8(STATUS), board.in8(BM + 2)]).toEqual([IDLE, 4]);
    expect(sector(1000, 129)).toEqual(data);
  });

  it('larger than one piece, over hundreds of regions', async () => {
    const regions = Array.from({ length: 625 }, (_, n) => [0x40000 + (n % 128) * 0x1000, 0x800] as const);
    prd(regions);
    taskFile48(0, 2500);
    command(0x25);
    board.out8(BM, 9);
    await io();
    expect(board.in8(BM + 2)).toBe(4);
    // The last round over the same memory is what stays.
    for (let n = 625 - 128; n < 625; n++) expect(ram(regions[n]![0], 0x800)).toEqual(sector(n * 4, 4));
  });

  it('a longer table stays active, a shorter one leaves the drive waiting', async () => {
    prd([[0x2000, 1024]]);
    taskFile(0, 1, 1); command(0xC8); board.out8(BM, 9);
    await io();
    expect(board.in8(BM + 2)).toBe(5);
    board.out8(BM, 0); board.out8(BM + 2, 4); board.in8(STATUS);
    prd([[0x2000, 512]]);
    taskFile(0, 1, 2); command(0xC8); board.out8(BM, 9);
    await io();
    expect([board.in8(BM + 2), board.in8(CTL) & BSY, board.pin(14)]).toEqual([0, BSY, false]);
    board.out8(CTL, 4); board.out8(CTL, 0);
    expect(board.in8(STATUS)).toBe(IDLE);
  });

  it('memory that is not there is not written', async () => {
    prd([[0xF0000000, 512], [0x2000, 512]]);
    taskFile(0, 8, 2); command(0xC8); board.out8(BM, 9);
    await io();
    expect([board.in8(BM + 2), ram(0x2000, 512)]).toEqual([4, sector(9)]);
  });

  it.each(['stop', 'reset'])('after a %s nothing more reaches memory or the disk', async (how) => {
    for (const code of [0xC8, 0xCA]) {
      let go = (): void => {};
      disk.stalled = new Promise((resolve) => { go = resolve; });
      const before = sector(5);
      prd([[0x2000, 512]]);
      taskFile(0, 5, 1); command(code); board.out8(BM, 9);
      if (code === 0xC8) await io();
      if (how === 'stop') board.out8(BM, 0);
      board.out8(CTL, 4); board.out8(CTL, 0);
      board.out8(BM, 0);
      board.bytes.fill(0x77, RAM + 0x2000, RAM + 0x2200);
      disk.stalled = undefined;
      go();
      await io();
      expect(ram(0x2000, 512)).toEqual(new Uint8Array(512).fill(0x77));
      expect(sector(5)).toEqual(before);
      expect([board.pin(14), board.in8(STATUS)]).toEqual([false, IDLE]);
      taskFile(0, 6, 1); command(0x20);
      await io();
      expect(bytesOf(words(256))).toEqual(sector(6));
    }
  });
});

describe('INTRQ', () => {
  it('nIEN holds it back and lets it go: a level', async () => {
    board.out8(CTL, 2);
    taskFile(0, 0, 1); command(0x20);
    await io();
    expect([board.pin(14), board.in8(BM + 2) & 4]).toEqual([false, 0]);
    board.out8(CTL, 0);
    expect([board.pin(14), board.in8(BM + 2) & 4]).toEqual([true, 4]);
    board.out8(CTL, 2);
    expect(board.pin(14)).toBe(false);
    board.out8(CTL, 0);
    expect(board.pin(14)).toBe(true);
    board.in8(CTL);
    expect(board.pin(14), 'the alternate status leaves it').toBe(true);
    board.in8(STATUS);
    expect(board.pin(14)).toBe(false);
    board.out8(CTL, 2); board.out8(CTL, 0);
    expect(board.pin(14)).toBe(false);
  });

  it('only of the selected drive; a new command drops it', () => {
    board.out8(DEVICE, 0); command(0xE5);
    expect(board.pin(14)).toBe(true);
    board.out8(DEVICE, DEV1);
    expect(board.pin(14)).toBe(false);
    board.out8(DEVICE, 0);
    expect(board.pin(14)).toBe(true);
    board.out8(COUNT, 0); command(0xEC);
    expect(board.edges(14)).toBe(3);
  });
});

describe('errors', () => {
  const fails = (): number[] => [board.in8(STATUS), board.in8(ERROR)];
  it('beyond the end, CHS without sector 0, unknown commands', () => {
    taskFile(0, SECTORS - 1, 2); command(0x20);
    expect(board.pin(14)).toBe(true);
    expect(fails()).toEqual([0x51, 0x10]);
    taskFile48(SECTORS, 1); command(0x25);
    expect(fails()).toEqual([0x51, 0x10]);
    board.out8(DEVICE, 0xA0); board.out8(LOW, 0); command(0x20);
    expect(fails()).toEqual([0x51, 0x10]);
    for (const code of [0x00, 0x22, 0x32, 0x50, 0xB1, 0xF6, 0xFF, 0xA0]) { command(code); expect(fails()).toEqual([0x51, 4]); }
  });

  it('READ VERIFY reads the medium, in pieces, and brings nothing', async () => {
    taskFile(0, 0, 256); command(0x40);
    expect(board.in8(CTL) & BSY).toBe(BSY);
    await io();
    expect([board.pin(14), board.in8(STATUS), board.edges(14)]).toEqual([true, IDLE, 1]);
    disk.badFrom = 2700 * 512;
    taskFile48(0, SECTORS); command(0x42);
    await io();
    expect([...fails(), board.in8(LOW), board.in8(MID)]).toEqual([0x51, 0x40, 2700 & 255, 2700 >> 8]);
    taskFile(0, 2699, 1); command(0x40);
    await io();
    expect(board.in8(STATUS)).toBe(IDLE);
  });

  it('a bad sector in the middle: the sectors before it arrive, its address is told', async () => {
    // Inside of the sector: all of it is bad.
    disk.badFrom = 40 * 512 + 100;
    board.bytes.fill(0xEE, RAM + 0x2000, RAM + 0x4000);
    prd([[0x2000, 0x2000]]);
    taskFile(0, 33, 16); command(0xC8); board.out8(BM, 9);
    await io();
    expect([...fails(), board.in8(LOW)]).toEqual([0x51, 0x40, 40]);
    expect(ram(0x2000, 7 * 512)).toEqual(sector(33, 7));
    expect(ram(0x2000 + 7 * 512, 512).every((byte) => byte === 0xEE)).toBe(true);
    board.out8(BM, 0);
    taskFile(0, 33, 16); command(0x20);
    await io();
    for (let n = 33; n < 40; n++) expect(bytesOf(words(256))).toEqual(sector(n));
    await io();
    expect([board.pin(14), ...fails(), board.in8(LOW)]).toEqual([true, 0x51, 0x40, 40]);
    // Blocks of four sectors: the block with the bad one does not come.
    board.out8(COUNT, 4); command(0xC6);
    taskFile(0, 33, 16); command(0xC4);
    await io();
    expect(bytesOf(words(1024))).toEqual(sector(33, 4));
    await io();
    expect([...fails(), board.in8(LOW)]).toEqual([0x51, 0x40, 37]);
  });

  it('an unreadable sector: UNC with its address, by PIO and by bus master; the next command works', async () => {
    disk.failing = 'the medium is bad';
    taskFile(0, 0x123, 1); command(0x20);
    await io();
    expect([board.pin(14), ...fails(), board.in8(LOW), board.in8(MID)]).toEqual([true, 0x51, 0x40, 0x23, 1]);
    prd([[0x2000, 512]]);
    taskFile(0, 4, 1); command(0xC8); board.out8(BM, 9);
    await io();
    expect([board.in8(BM + 2) & 4, ...fails(), ram(0x2000, 512)]).toEqual([4, 0x51, 0x40, new Uint8Array(512)]);
    board.out8(BM, 0);
    expect(events).toEqual(['error 0 disk the medium is bad']);
    disk.failing = undefined;
    taskFile(0, 4, 1); command(0x20);
    await io();
    expect(bytesOf(words(256))).toEqual(sector(4));
  });

  it('a failed write or flush is a device fault', async () => {
    disk.failing = 'no space';
    taskFile(0, 0, 1); command(0x30);
    for (let n = 0; n < 256; n++) board.out16(DATA, 0);
    await io();
    expect(fails()).toEqual([0x71, 4]);
    command(0xE7);
    await io();
    expect(fails()).toEqual([0x71, 4]);
  });

  it('a read-only disk refuses writes', () => {
    const info = CONTROL + Control.DRIVES;
    board.view.setUint32(info + 4, 3, true);
    taskFile(0, 0, 1); command(0x30);
    expect(fails()).toEqual([0x51, 4]);
  });
});

describe('settings', () => {
  it('FLUSH waits for the device; with the write cache off every write is durable', async () => {
    command(0xE7);
    expect([board.in8(STATUS) & BSY, board.pin(14)]).toEqual([BSY, false]);
    await io();
    expect([board.pin(14), board.in8(STATUS), disk.flushes]).toEqual([true, IDLE, 1]);
    board.out8(ERROR, 0x82); command(0xEF);
    await io();
    expect([board.in8(STATUS), disk.flushes], 'switching it off flushes').toEqual([IDLE, 2]);
    taskFile(0, 0, 1); command(0x30);
    for (let n = 0; n < 256; n++) board.out16(DATA, 0);
    await io();
    expect([board.in8(STATUS), disk.flushes]).toEqual([IDLE, 3]);
    prd([[0x2000, 512]]);
    board.out8(ERROR, 2); command(0xEF);
    taskFile48(0, 1); command(0x3D); board.out8(BM, 1);
    await io();
    expect([board.in8(STATUS), disk.flushes]).toEqual([IDLE, 4]);
  });

  it('transfer modes, and what IDENTIFY says of them', () => {
    for (const [mode, ok] of [[0x0C, true], [0x0D, false], [0x22, true], [0x23, false], [0x45, true], [0x46, false]] as const) {
      board.out8(ERROR, 3); board.out8(COUNT, mode); command(0xEF);
      expect(board.in8(STATUS), mode.toString(16)).toBe(ok ? IDLE : 0x51);
    }
    command(0xEC);
    const id = words(256);
    expect([id[63], id[88]]).toEqual([7, 0x203F]);
  });

  it('INITIALIZE DEVICE PARAMETERS changes the translation', async () => {
    board.out8(DEVICE, 0xA7); board.out8(COUNT, 17); command(0x91);
    board.out8(DEVICE, 0xA2); board.out8(COUNT, 1); board.out8(LOW, 3); board.out8(MID, 2); board.out8(HIGH, 0); command(0x20);
    await io();
    expect(bytesOf(words(256))).toEqual(sector((2 * 8 + 2) * 17 + 2));
    command(0xEC);
    const id = words(256);
    expect([id[54], id[55], id[56]]).toEqual([Math.floor(SECTORS / 136), 8, 17]);
  });

  it('native size, power modes, SMART', async () => {
    taskFile(0, 0, 0); command(0xF8);
    expect([LOW, MID, HIGH].map((p) => board.in8(p))).toEqual([(SECTORS - 1) & 255, (SECTORS - 1) >> 8, 0]);
    command(0xE0);
    await io();
    command(0xE5);
    expect(board.in8(COUNT)).toBe(0);
    command(0xE1); command(0xE5);
    expect(board.in8(COUNT)).toBe(0xFF);
    board.out8(MID, 0x4F); board.out8(HIGH, 0xC2); board.out8(ERROR, 0xDA); command(0xB0);
    expect([board.in8(STATUS), board.in8(MID), board.in8(HIGH)]).toEqual([IDLE, 0x4F, 0xC2]);
    board.out8(ERROR, 0xD0); command(0xB0);
    expect(bytesOf(words(256)).reduce((sum, byte) => sum + byte & 255, 0)).toBe(0);
    board.out8(MID, 0); command(0xB0);
    expect(board.in8(STATUS)).toBe(0x51);
  });
});

describe('robustness', () => {
  it('random traffic leaves a controller that a reset brings back', async () => {
    const seed = Number(process.env.SKEP_SEED ?? Date.now() % 2 ** 32);
    console.log(`ide: seed ${seed}`);
    let x = seed >>> 0;
    const random = (below: number): number => ((x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 8) % below;
    board.bytes.fill(0, RAM + 0x1000, RAM + 0x2000);
    for (let step = 0; step < 20000; step++) {
      const ports = [0x1F0, 0x170, 0x3F6, 0x376, BM, BM + 8];
      const base = ports[random(ports.length)] as number;
      const port = base + (base === 0x3F6 || base === 0x376 ? 0 : random(8));
      const size = 1 << random(3);
      if (random(2) === 0) board.call('pioRead', port, size);
      else board.call('pioWrite', port, size, random(1 << 24) & (random(2) === 0 ? 0xFF : -1));
      if (random(50) === 0) await io();
    }
    await io();
    for (const [port, irq] of [[DATA, 14], [0x170, 15]] as const) {
      const ctl = port + 0x206;
      board.out8(ctl, 0); board.out8(ctl, 4); board.out8(ctl, 0);
      board.out8(port + 6, 0);
      board.out8(port + 7, irq === 14 ? 0xEC : 0xA1);
      expect(board.pin(irq)).toBe(true);
      expect(words(256, port)[0]).toBe(irq === 14 ? 0x40 : 0x85C0);
    }
  });

  it('a request on its way when the state was saved comes after loading', async () => {
    const header = RAM + 0x60000;
    const buffer = header + 64;
    prd([[0x2000, 1024]]);
    taskFile(0, 33, 2); command(0xC8); board.out8(BM, 9);
    expect(board.call('boardSnapshot', header, 0, buffer, 0x40000)).toBe(0);
    await io();
    board.in8(STATUS);
    board.bytes.fill(0, RAM + 0x2000, RAM + 0x2400);
    const edges = board.edges(14);
    expect(board.call('boardSnapshot', header, 1, buffer, 0x40000)).toBe(0);
    expect(board.in8(CTL) & BSY).toBe(BSY);
    await io();
    expect(ram(0x2000, 1024)).toEqual(sector(33, 2));
    expect([board.edges(14) - edges, board.in8(STATUS), board.in8(BM + 2)]).toEqual([1, IDLE, 4]);
  });
});
