// The bench of the IDE tests: the board, a disk and a disc in memory, the real service of the I/O worker, and
// what a driver does by hand.

import { CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../../../src/emu/generated-layout.ts';
import { DiskError, type BlockDevice } from '../../../../src/emu/disk/block-device.ts';
import { BlockService, type BlockCore } from '../../../../src/emu/disk/service.ts';
import { BoardUnderTest } from '../../testing/board.ts';

export const board = new BoardUnderTest(1);
export const RAM = CPU_BLOCKS + CPU_BLOCK_BYTES;
export const [DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS, CTL] =
  [0x1F0, 0x1F1, 0x1F2, 0x1F3, 0x1F4, 0x1F5, 0x1F6, 0x1F7,
  0x3F6] as const;
export const BSY = 0x80, DRQ = 8, IDLE = 0x50;
export const BM = 0xC040;
export const LBA = 0x40, DEV1 = 0x10;
export const SECTORS = 3000;

/** A device in memory that can fail, stall and count. */
export class TestDevice implements BlockDevice {
  flushes = 0;
  failing: string | undefined;
  stalled: Promise<void> | undefined;
  /** Bytes from here on cannot be read; those before are brought. */
  badFrom: number | undefined;
  constructor(readonly bytes: Uint8Array, readonly readOnly = false) {}
  get sizeBytes(): number { return this.bytes.length; }
  private async gate(): Promise<void> {
    await this.stalled;
    if (this.failing !== undefined) throw new DiskError(this.failing);
  }
  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.gate();
    const good = Math.max(0, Math.min(into.length, (this.badFrom ?? Infinity) - offset));
    into.set(this.bytes.subarray(offset, offset + good));
    if (good < into.length) throw new DiskError('a bad sector', { good });
  }
  async write(offset: number, from: Uint8Array): Promise<void> {
    await this.gate();
    this.bytes.set(from, offset);
  }
  async flush(): Promise<void> {
    await this.gate();
    this.flushes++;
  }
  async close(): Promise<void> {}
}

export let disk: TestDevice;
export let disc: TestDevice;
export let service: BlockService;
export let events: string[];

export function pattern(bytes: number, seed: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let x = seed;
  for (let n = 0; n < bytes; n++) out[n] = (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24;
  return out;
}

/** A worker without devices: the first one, or what takes the place of a dead one. */
export function startService(): void {
  service = new BlockService(board.memory, board.core as unknown as BlockCore, {
    onError: (drive, name, message) => events.push(`error ${drive} ${name} ${message}`),
    onEject: (drive) => events.push(`eject ${drive}`),
  });
}

/** A fresh machine with hda and a disc in the drive. */
export function setUp(): void {
  board.powerOn();
  board.bytes.fill(0, RAM, RAM + 0x100000);
  disk = new TestDevice(pattern(SECTORS * 512, 1));
  disc = new TestDevice(pattern(100 * 2048, 2), true);
  events = [];
  startService();
  service.plug({ position: 0, type: 'disk', name: 'disk', snapshot: false }, disk);
  service.plug({ position: 2, type: 'cdrom', name: 'disc', snapshot: false }, disc);
  board.call('boardReset');
  board.call('boardPresetForDirectBoot');
}

/** The I/O worker's turn: until nothing moves. */
export async function io(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) {
    service.pump();
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

export function taskFile(drive: number, lba: number, count: number, features = 0): void {
  board.out8(DEVICE, 0xA0 | LBA | drive | lba >>> 24);
  board.out8(ERROR, features);
  board.out8(COUNT, count);
  board.out8(LOW, lba); board.out8(MID, lba >> 8); board.out8(HIGH, lba >> 16);
}
export function taskFile48(lba: number, count: number): void {
  board.out8(DEVICE, LBA);
  board.out8(COUNT, count >> 8); board.out8(LOW, lba >>> 24); board.out8(MID, 0); board.out8(HIGH, 0);
  board.out8(COUNT, count); board.out8(LOW, lba); board.out8(MID, lba >> 8); board.out8(HIGH, lba >> 16);
}
export const command = (code: number): void => board.out8(STATUS, code);
export const words = (n: number, port: number = DATA): number[] =>
  Array.from({ length: n }, () => board.in16(port));
export const bytesOf = (list: number[]): Uint8Array => new Uint8Array(new Uint16Array(list).buffer);
export const sector = (n: number, count = 1): Uint8Array => disk.bytes.slice(n * 512, (n + count) * 512);

/** A table of physical regions at 0x1000. */
export function prd(regions: readonly (readonly [number, number])[], last = true): void {
  regions.forEach(([at, bytes], n) => {
    board.view.setUint32(RAM + 0x1000 + 8 * n, at, true);
    const end = last && n === regions.length - 1 ? 0x80000000 : 0;
    board.view.setUint32(RAM + 0x1004 + 8 * n, (end | bytes & 0xFFFF) >>> 0, true);
  });
  board.out32(BM + 4, 0x1000);
}
export const ram = (at: number, bytes: number): Uint8Array => board.bytes.slice(RAM + at, RAM + at + bytes);
