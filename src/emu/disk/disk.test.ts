// Backends and layers of the disks: every byte where it belongs, and failures that are failures.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobDevice } from './blob.ts';
import { DiskError } from './block-device.ts';
import type { Fetching } from './fetching.ts';
import { HttpRangeDevice, openHttp } from './http-range.ts';
import { MemoryDevice } from './memory.ts';
import { NodeFileDevice } from './node-file.ts';
import { openDrive } from './open.ts';
import { OverlayDevice } from './overlay.ts';

const seed = Number(process.env.SKEP_SEED ?? Date.now() % 2 ** 32);
let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
};
const randomBytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => random(256));

describe('overlay', () => {
  it('random reads and writes are those of one array; the base stays as it was', async () => {
    console.log(`overlay: seed ${seed}`);
    // Not a whole number of clusters.
    const size = 200 * 512;
    const base = randomBytes(size);
    const model = base.slice();
    const untouched = base.slice();
    const under = new MemoryDevice(untouched);
    const device = new OverlayDevice(under);
    for (let step = 0; step < 500; step++) {
      const offset = random(size);
      const bytes = 1 + random(Math.min(20000, size - offset));
      if (random(3) === 0) {
        const data = randomBytes(bytes);
        model.set(data, offset);
        await device.write(offset, data);
      } else {
        const into = new Uint8Array(bytes);
        await device.read(offset, into);
        expect(Buffer.compare(into, model.subarray(offset, offset + bytes)), `step ${step}`).toBe(0);
      }
    }
    expect(Buffer.compare(untouched, base)).toBe(0);
    expect(device.changedBytes).toBeGreaterThan(0);
  });

  it('a base that fails makes the read and the partial write fail, and changes nothing', async () => {
    const base = new MemoryDevice(new Uint8Array(16384));
    base.read = async () => { throw new DiskError('gone'); };
    const device = new OverlayDevice(base);
    await expect(device.read(0, new Uint8Array(512))).rejects.toThrow('gone');
    await expect(device.write(100, new Uint8Array(512))).rejects.toThrow('gone');
    expect(device.changedBytes).toBe(0);
    await device.write(4096, new Uint8Array(4096).fill(7));
    const into = new Uint8Array(4096);
    await device.read(4096, into);
    expect(into.every((byte) => byte === 7)).toBe(true);
  });
});

describe('blob', () => {
  it('reads pieces; cannot be written', async () => {
    const data = randomBytes(10000);
    const device = new BlobDevice(new Blob([data.slice()]));
    expect([device.sizeBytes, device.readOnly]).toEqual([10000, true]);
    const into = new Uint8Array(777);
    await device.read(5000, into);
    expect(Buffer.compare(into, data.subarray(5000, 5777))).toBe(0);
    await expect(device.write()).rejects.toThrow(DiskError);
    await expect(device.read(9990, new Uint8Array(20))).rejects.toThrow('shorter');
  });
});

describe('file', () => {
  let folder = '';
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'skep-disk-')); });
  afterEach(() => { rmSync(folder, { recursive: true }); });

  it('reads, writes, flushes; the file has it', async () => {
    const path = join(folder, 'image');
    const data = randomBytes(8192);
    writeFileSync(path, data);
    const device = NodeFileDevice.open(path, false);
    const into = new Uint8Array(512);
    await device.read(1024, into);
    expect(Buffer.compare(into, data.subarray(1024, 1536))).toBe(0);
    await device.write(4096, into);
    await device.flush();
    expect(Buffer.compare(readFileSync(path).subarray(4096, 4608), into)).toBe(0);
    truncateSync(path, 2048);
    await expect(device.read(4096, into)).rejects.toThrow('shorter');
    await device.close();
  });

  it('says what is wrong', async () => {
    const open = (path: string): Promise<unknown> => openDrive({ position: 0, type: 'disk', name: 'x', snapshot: false,
      source: { kind: 'path', path } }, { openPath: NodeFileDevice.open });
    await expect(open(join(folder, 'none'))).rejects.toThrow('does not exist');
    await expect(open(folder)).rejects.toThrow('is a folder');
    writeFileSync(join(folder, 'empty'), '');
    await expect(open(join(folder, 'empty'))).rejects.toThrow('the image is empty');
  });

  it('snapshot and CD leave the file alone', async () => {
    const path = join(folder, 'image');
    writeFileSync(path, new Uint8Array(8192));
    const disk = await openDrive({ position: 0, type: 'disk', name: 'x', snapshot: true, source: { kind: 'path', path } },
      { openPath: NodeFileDevice.open });
    await disk?.write(0, randomBytes(4096));
    await disk?.flush();
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
    const cd = await openDrive({ position: 2, type: 'cdrom', name: 'x', snapshot: false, source: { kind: 'path', path } },
      { openPath: NodeFileDevice.open });
    expect(cd?.readOnly).toBe(true);
    await Promise.all([disk?.close(), cd?.close()]);
  });
});

describe('http', () => {
  const size = 3_000_000;
  const image = randomBytes(size);
  /** A page's fetch refuses to be called as a method of something else. */
  function asPageFetch(answer: (init: RequestInit) => Promise<Response>) {
    return async function fetch(this: unknown, _url: string, init: RequestInit): Promise<Response> {
      if (this !== undefined) throw new Error('Illegal invocation');
      return answer(init);
    };
  }
  /** A server; `broken` answers are taken first. */
  class Server {
    requests: string[] = [];
    etag = '"1"';
    broken: (Response | Error)[] = [];
    ranges = true;
    fetch = asPageFetch((init) => this.answer(init));
    async answer(init: RequestInit): Promise<Response> {
      const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get('range') ?? '');
      this.requests.push(range?.[0] ?? 'all');
      const broken = this.broken.shift();
      if (broken instanceof Error) throw broken;
      if (broken !== undefined) return broken;
      if (!this.ranges || range === null) return new Response(image.slice(), { headers: { 'content-length': String(size) } });
      const [from, to] = [Number(range[1]), Number(range[2])];
      return new Response(image.slice(from, to + 1), { status: 206,
        headers: { 'content-range': `bytes ${from}-${to}/${size}`, etag: this.etag } });
    }
  }
  const fetchOf = ({ fetch }: Server): Fetching => ({ fetcher: fetch, pausesMs: [1, 1] });
  const read = async (device: { read(offset: number, into: Uint8Array): Promise<void> }, offset: number,
    bytes: number): Promise<boolean> => {
    const into = new Uint8Array(bytes);
    await device.read(offset, into);
    return Buffer.compare(into, image.subarray(offset, offset + bytes)) === 0;
  };

  it('random pieces, each fetched once', async () => {
    const server = new Server();
    const device = await openHttp('http://x/i', fetchOf(server));
    expect(device.sizeBytes).toBe(size);
    for (let n = 0; n < 100; n++) {
      const offset = random(size);
      expect(await read(device, offset, 1 + random(Math.min(300_000, size - offset)))).toBe(true);
    }
    expect((device as HttpRangeDevice).download.bytes).toBeLessThanOrEqual(size);
    expect(await read(device, size - 1, 1)).toBe(true);
  });

  it('a sequential reader causes few, large requests', async () => {
    const server = new Server();
    const device = await openHttp('http://x/i', fetchOf(server));
    for (let offset = 0; offset + 65536 <= size; offset += 65536) expect(await read(device, offset, 65536)).toBe(true);
    expect(server.requests.length).toBeLessThan(12);
  });

  it('a passing failure is tried again, a lasting one is an error', async () => {
    const server = new Server();
    const device = await openHttp('http://x/i', fetchOf(server));
    server.broken = [new Response('', { status: 503 }), new TypeError('network')];
    expect(await read(device, 0, 512)).toBe(true);
    server.broken = Array.from({ length: 9 }, () => new TypeError('network'));
    await expect(read(device, 2_000_000, 512)).rejects.toThrow(DiskError);
    server.broken = [];
    expect(await read(device, 2_000_000, 512)).toBe(true);
    server.etag = '"2"';
    await expect(read(device, 1_000_000, 512)).rejects.toThrow('changed');
  });

  it('a server without ranges is read whole; one that refuses is named', async () => {
    const server = new Server();
    server.ranges = false;
    const device = await openHttp('http://x/i', fetchOf(server));
    expect([device instanceof HttpRangeDevice, device.sizeBytes]).toEqual([false, size]);
    expect(await read(device, 1000, 512)).toBe(true);
    server.broken = [new Response('', { status: 404 }), new TypeError('no route')];
    await expect(openHttp('http://x/i', fetchOf(server))).rejects.toThrow('answered 404');
    await expect(openHttp('http://x/i', fetchOf(server))).rejects.toThrow('cannot be reached');
  });
});
