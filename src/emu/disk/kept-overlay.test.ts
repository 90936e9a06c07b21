// Kept overlays over a file that loses power: of what was written since the last flush any sectors may be on
// the disk and any may not, in whatever order, and the file may have any length in between. What was flushed
// must be there, and the rest must be old or new, never something else.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiskError, type BlockDevice } from './block-device.ts';
import { KeptOverlay, type OverlayFile } from './kept-overlay.ts';
import { MemoryDevice } from './memory.ts';
import { openNodeOverlay } from './node-overlay.ts';
import { NodeFileDevice } from './node-file.ts';
import { openDrive } from './open.ts';

const SECTOR = 512;
const CLUSTER = 4096;
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
};
const about = { name: 'disk.img' };

/** Sectors are durable after flush; before, a crash keeps any of them. */
class PowerLossFile implements OverlayFile {
  flushes = 0;
  full = Infinity;
  private readonly pending = new Map<number, Uint8Array>();
  private bytes = new Uint8Array(0);
  private durableSize = 0;
  constructor(private durable = new Uint8Array(0)) {
    this.bytes = durable.slice();
    this.durableSize = durable.length;
  }

  size(): number {
    return this.bytes.length;
  }
  read(into: Uint8Array, at: number): void {
    if (at + into.length > this.bytes.length) throw new Error('short');
    into.set(this.bytes.subarray(at, at + into.length));
  }
  private resize(bytes: number): void {
    const bigger = new Uint8Array(bytes);
    bigger.set(this.bytes.subarray(0, bytes));
    this.bytes = bigger;
  }
  write(from: Uint8Array, at: number): void {
    if (at + from.length > this.full) throw Object.assign(new Error('full'), { name: 'QuotaExceededError' });
    if (at + from.length > this.bytes.length) this.resize(at + from.length);
    this.bytes.set(from, at);
    for (let n = Math.floor(at / SECTOR); n * SECTOR < at + from.length; n++) {
      this.pending.set(n, this.bytes.slice(n * SECTOR, (n + 1) * SECTOR));
    }
  }
  truncate(bytes: number): void {
    this.resize(bytes);
    this.pending.clear();
  }
  /** Called before a flush has an effect. */
  beforeFlush: (() => void) | undefined;
  flush(): void {
    this.flushes++;
    this.beforeFlush?.();
    this.durable = this.bytes.slice();
    this.durableSize = this.bytes.length;
    this.pending.clear();
  }
  close(): void {}

  /** What is found after a crash now. */
  crash(): PowerLossFile {
    const size = this.durableSize + random(Math.max(1, this.bytes.length - this.durableSize + 1));
    const left = new Uint8Array(size);
    left.set(this.durable.subarray(0, size));
    for (const [n, data] of this.pending) {
      if (random(2) === 0 && n * SECTOR < size) left.set(data.subarray(0, size - n * SECTOR), n * SECTOR);
    }
    return new PowerLossFile(left);
  }
}

async function sectorsOf(device: BlockDevice): Promise<Uint8Array[]> {
  const data = new Uint8Array(device.sizeBytes);
  await device.read(0, data);
  return Array.from({ length: data.length / SECTOR }, (_, n) => data.subarray(n * SECTOR, (n + 1) * SECTOR));
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Writes at random, then loses power; the disk that is found is judged, and used on. */
async function lives(base: Uint8Array, rounds: number): Promise<void> {
  let file = new PowerLossFile();
  let flushed = base.slice();
  for (let round = 0; round < rounds; round++) {
    const device = await KeptOverlay.open(new MemoryDevice(base.slice()), file, about);
    const found = await sectorsOf(device);
    const now = new Uint8Array(base.length);
    found.forEach((data, n) => now.set(data, n * SECTOR));
    flushed = now.slice();
    const versions = new Map<number, Uint8Array[]>();
    for (let step = random(30); step > 0; step--) {
      if (random(6) === 0) {
        await device.flush();
        flushed = now.slice();
        versions.clear();
        continue;
      }
      const first = random(base.length / SECTOR);
      const count = 1 + random(Math.min(40, base.length / SECTOR - first));
      const data = Uint8Array.from({ length: count * SECTOR }, () => random(256));
      await device.write(first * SECTOR, data);
      now.set(data, first * SECTOR);
      for (let n = 0; n < count; n++) {
        versions.set(first + n, [...versions.get(first + n) ?? [], data.subarray(n * SECTOR, (n + 1) * SECTOR)]);
      }
    }
    const live = await sectorsOf(device);
    expect(live.every((data, n) => same(data, now.subarray(n * SECTOR, (n + 1) * SECTOR))), `round ${round}`).toBe(true);
    file = file.crash();
    const after = await sectorsOf(await KeptOverlay.open(new MemoryDevice(base.slice()), file, about));
    after.forEach((data, n) => {
      const allowed = [flushed.subarray(n * SECTOR, (n + 1) * SECTOR), ...versions.get(n) ?? []];
      // A cluster's first write may be found as the image's own, whatever was written over it since.
      expect(allowed.some((version) => same(data, version)), `seed ${seed}, round ${round}, sector ${n}`).toBe(true);
    });
  }
}

describe('an overlay that is kept', () => {
  it('survives the loss of power at any moment, again and again', async () => {
    console.log(`kept overlay: seed ${seed}`);
    for (let life = 0; life < 10; life++) {
      // Two tables, the last cluster not whole.
      const base = Uint8Array.from({ length: CLUSTER * 40 + 3 * SECTOR }, () => random(256));
      await lives(base, 12);
    }
  });

  it('survives it between the steps of a flush', async () => {
    const base = Uint8Array.from({ length: CLUSTER * 40 }, () => random(256));
    const open = (file: PowerLossFile): Promise<KeptOverlay> => KeptOverlay.open(new MemoryDevice(base.slice()), file, about);
    for (let life = 0; life < 60; life++) {
      const file = new PowerLossFile();
      const device = await open(file);
      const versions: Uint8Array[] = [base.slice()];
      for (let round = 0; round < 3; round++) {
        const now = (versions.at(-1) as Uint8Array).slice();
        const first = random(280);
        const data = Uint8Array.from({ length: SECTOR * (1 + random(40)) }, () => random(256));
        now.set(data, first * SECTOR);
        await device.write(first * SECTOR, data);
        const found: PowerLossFile[] = [];
        file.beforeFlush = () => { found.push(file.crash()); };
        await device.flush();
        file.beforeFlush = undefined;
        expect(found.length).toBeGreaterThan(0);
        for (const crashed of found) {
          const before = versions.at(-1) as Uint8Array;
          (await sectorsOf(await open(crashed))).forEach((sector, n) => {
            const old = before.subarray(n * SECTOR, (n + 1) * SECTOR);
            const fresh = now.subarray(n * SECTOR, (n + 1) * SECTOR);
            expect(same(sector, old) || same(sector, fresh), `seed ${seed}, life ${life}, sector ${n}`).toBe(true);
          });
        }
        versions.push(now);
      }
    }
  });

  it('takes little more room than what was written, over several tables', async () => {
    const base = new MemoryDevice(new Uint8Array(64 << 20));
    const file = new PowerLossFile();
    const device = await KeptOverlay.open(base, file, about);
    for (const offset of [0, 5 << 20, 63 << 20]) await device.write(offset, new Uint8Array(3 * CLUSTER).fill(9));
    await device.flush();
    expect(file.size()).toBe((1 + 1 + 3 + 9) * CLUSTER);
    const again = await KeptOverlay.open(base, file, about);
    const into = new Uint8Array(5 * CLUSTER);
    await again.read((63 << 20) - CLUSTER, into);
    expect([...new Set(into.subarray(0, CLUSTER))]).toEqual([0]);
    expect([...new Set(into.subarray(CLUSTER, 4 * CLUSTER))]).toEqual([9]);
  });

  it('flushes once where only data changed, twice where tables did, never for nothing', async () => {
    const file = new PowerLossFile();
    const device = await KeptOverlay.open(new MemoryDevice(new Uint8Array(1 << 20)), file, about);
    const flush = async (): Promise<number> => {
      const before = file.flushes;
      await device.flush();
      return file.flushes - before;
    };
    expect(await flush()).toBe(0);
    await device.write(0, new Uint8Array(512));
    expect(await flush()).toBe(2);
    await device.write(512, new Uint8Array(512));
    expect(await flush()).toBe(1);
  });

  it('a full disk is an error, and the disk is as before', async () => {
    const file = new PowerLossFile();
    const device = await KeptOverlay.open(new MemoryDevice(new Uint8Array(1 << 20).fill(5)), file, about);
    file.full = file.size() + CLUSTER;
    await expect(device.write(0, new Uint8Array(4 * CLUSTER).fill(7))).rejects.toThrow('no room left');
    const into = new Uint8Array(4 * CLUSTER);
    await device.read(0, into);
    expect(into.every((byte) => byte === 5)).toBe(true);
    file.full = Infinity;
    await device.write(0, into.fill(7));
    await device.flush();
    await device.read(0, into.fill(0));
    expect(into.every((byte) => byte === 7)).toBe(true);
  });
});

describe('what does not fit is refused', () => {
  const image = Uint8Array.from({ length: 1 << 20 }, (_, n) => n % 251);
  async function made(): Promise<PowerLossFile> {
    const file = new PowerLossFile();
    const device = await KeptOverlay.open(new MemoryDevice(image.slice()), file, about);
    await device.write(8 * CLUSTER, new Uint8Array(2 * CLUSTER).fill(1));
    await device.flush();
    return file;
  }
  const open = (file: OverlayFile, bytes = image): Promise<KeptOverlay> =>
    KeptOverlay.open(new MemoryDevice(bytes.slice()), file, about);
  const damage = async (at: number, bytes: readonly number[]): Promise<PowerLossFile> => {
    const file = await made();
    file.write(Uint8Array.from(bytes), at);
    return file;
  };

  it('another image, another size', async () => {
    const other = image.slice();
    other[12345] = 255;
    await expect(open(await made(), other)).rejects.toThrow('has changed since');
    await expect(open(await made(), image.slice(0, 1 << 19))).rejects.toThrow('1,048,576 bytes, but this one has 524,288');
    await expect(open(await made())).resolves.toBeInstanceOf(KeptOverlay);
  });

  it('a damaged header, another version, another file', async () => {
    await expect(open(await damage(40, [0]))).rejects.toThrow('checksum');
    await expect(open(await damage(7, [0x32]))).rejects.toThrow('another version');
    await expect(open(await damage(0, [1, 2, 3]))).rejects.toThrow('something else');
  });

  it.each([['beyond the file', 99], ['into the header', 0x1000000], ['the root', 1], ['used twice', 3]])(
    'a number that points %s', async (_name, number) => {
      // Cluster 2: data, 3: data, 4: the table; its entry of disk cluster 20.
      const bytes = number === 0x1000000 ? [0, 0, 0, 1] : [number, 0, 0, 0];
      const file = await damage(4 * CLUSTER + 20 * 4, bytes);
      await expect(open(file)).rejects.toBeInstanceOf(DiskError);
    });

  it('a file whose making was cut off begins again', async () => {
    const file = new PowerLossFile(new Uint8Array(CLUSTER + 17));
    const device = await open(file);
    const into = new Uint8Array(512);
    await device.read(0, into);
    expect(same(into, image.subarray(0, 512))).toBe(true);
  });
});

describe('in Node', () => {
  it('keeps changes in a file beside the image, one machine at a time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'skep-kept-'));
    const path = join(folder, 'base.img');
    writeFileSync(path, new Uint8Array(1 << 20).fill(3));
    const config = { position: 0, type: 'disk', name: 'base.img', snapshot: false, source: { kind: 'path', path },
      keep: join(folder, 'changes') } as const;
    const host = { openPath: NodeFileDevice.open, openKept: openNodeOverlay };
    const disk = await openDrive(config, host);
    await disk?.write(700, new Uint8Array(100).fill(8));
    await expect(openDrive(config, host)).rejects.toThrow('in use by process');
    await disk?.flush();
    await disk?.close();
    expect(existsSync(`${config.keep}.lock`)).toBe(false);
    // The lock of a process that is gone.
    writeFileSync(`${config.keep}.lock`, '999999999');
    const again = await openDrive(config, host);
    const into = new Uint8Array(102);
    await again?.read(699, into);
    expect([into[0], into[1], into[100], into[101]]).toEqual([3, 8, 8, 3]);
    await again?.close();
    writeFileSync(path, new Uint8Array(1 << 20).fill(4));
    await expect(openDrive(config, host)).rejects.toThrow('has changed since');
    rmSync(folder, { recursive: true });
  });
});
