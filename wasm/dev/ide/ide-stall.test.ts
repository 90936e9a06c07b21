// The ATA disk on a backend that does not answer, or whose worker is dead: the guest's reset works, what comes
// late goes nowhere, and requests end with a fault (docs/disks.md).

import { beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_RING, BlockEntry, BlockRing } from '../../../src/emu/generated-layout.ts';
import { SlowWatch } from '../../../src/emu/disk/slow-watch.ts';
import {
  BM, board, BSY, bytesOf, command, CTL, DATA, disk, ERROR, IDLE, io, prd, ram, sector, service,
  setUp, startService, STATUS, taskFile, words,
} from './testing/bench.ts';

beforeEach(setUp);

/** The first request in the ring. */
function requestOnItsWay(): { chip: number; tagAt: number; tag: number } {
  const word = (offset: number): number => board.view.getUint32(BLOCK_RING + BlockRing.ENTRIES + offset, true);
  return { chip: word(BlockEntry.CHIP), tagAt: word(BlockEntry.TAG_AT), tag: word(BlockEntry.TAG) };
}

describe('a device that does not answer', () => {
  const reset = (): void => { board.out8(CTL, 4); board.out8(CTL, 0); };
  let go: () => void;
  beforeEach(() => { disk.stalled = new Promise((resolve) => { go = resolve; }); });

  it('a read given up by a reset is left behind: the next one does not wait, the late data go nowhere', async () => {
    prd([[0x2000, 512]]);
    taskFile(0, 7, 1); command(0xC8); board.out8(BM, 9);
    await io();
    expect(board.in8(CTL) & BSY).toBe(BSY);
    board.out8(BM, 0);
    reset();
    expect([board.in8(STATUS), board.in8(ERROR)]).toEqual([IDLE, 1]);
    disk.stalled = undefined;
    const late = disk.bytes.slice();
    prd([[0x3000, 512]]);
    taskFile(0, 9, 1); command(0xC8); board.out8(BM, 9);
    await io();
    expect([board.in8(STATUS), ram(0x3000, 512)]).toEqual([IDLE, sector(9)]);
    // What is left behind comes while the next command of the same channel waits for its own data.
    taskFile(0, 11, 1); command(0x20);
    go();
    await io();
    expect(bytesOf(words(256))).toEqual(sector(11));
    expect(ram(0x2000, 512)).toEqual(new Uint8Array(512));
    expect(Buffer.compare(disk.bytes, late)).toBe(0);
    expect(board.edges(14)).toBe(2);
  });

  it('a write given up is finished before the next request', async () => {
    const old = new Uint8Array(512).fill(1);
    taskFile(0, 5, 1); command(0x30);
    for (let n = 0; n < 256; n++) board.out16(DATA, 0x0101);
    await io();
    reset();
    taskFile(0, 5, 1); command(0x30);
    for (let n = 0; n < 256; n++) board.out16(DATA, 0x0202);
    await io();
    expect(board.in8(CTL) & BSY).toBe(BSY);
    go();
    await io();
    expect([board.in8(STATUS), sector(5)]).toEqual([IDLE, old.map(() => 2)]);
  });

  it('many reads that nobody waits for: only some are left behind', async () => {
    for (let n = 0; n < 12; n++) {
      taskFile(0, n, 1); command(0x20);
      await io();
      reset();
    }
    disk.stalled = undefined;
    taskFile(0, 20, 1); command(0x20);
    await io();
    expect(board.in8(CTL) & BSY).toBe(BSY);
    go();
    await io();
    expect(bytesOf(words(256))).toEqual(sector(20));
  });

  it('a dead worker: what it had begun and all that comes ends with a fault; it is told from outside', async () => {
    const slow: number[] = [];
    const watch = new SlowWatch(board.memory, (drive) => slow.push(drive));
    for (let n = 0; n < 30; n++) watch.look(n * 1000);
    expect(slow).toEqual([]);
    prd([[0x2000, 512]]);
    taskFile(0, 7, 1); command(0xC8); board.out8(BM, 9);
    await io();
    for (let n = 30; n < 60; n++) watch.look(n * 1000);
    expect(slow).toEqual([0]);
    // It dies while it copies, with the channel's lock.
    const at = requestOnItsWay();
    expect(board.core.blockClaim!(at.chip, at.tagAt, at.tag)).toBe(1);
    startService();
    expect(service.bury()).toBe(true);
    await io();
    expect([board.in8(BM + 2) & 4, board.pin(14), board.in8(STATUS), board.in8(ERROR)]).toEqual([4, true, 0x71, 4]);
    reset();
    taskFile(0, 7, 1); command(0x20);
    await io();
    expect([board.in8(STATUS), board.in8(ERROR)]).toEqual([0x71, 4]);
    go();
    await io();
    expect(ram(0x2000, 512)).toEqual(new Uint8Array(512));
  });
});
