// Images cut by tools/guest/image-chunks.ts and read back, and all that can be wrong with their chunks.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeChunks } from '../../../tools/guest/image-chunks.ts';
import { DiskError } from './block-device.ts';
import { type ChunkedDevice, type ChunkIndex, openChunked, openChunkedUrl, parseIndex } from './chunked.ts';

const CHUNK = 4096;
const SECTORS = 8 * 10 + 3;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

let folder: string;
let image: Uint8Array;
let index: ChunkIndex;

/** Numerical Recipes' generator: the same bytes for the same seed. */
function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chunked-'));
  image = new Uint8Array(SECTORS * 512);
  const random = randomSource(SEED);
  for (let i = 0; i < image.length; i++) image[i] = random() * 256;
  image.fill(0, 2 * CHUNK, 4 * CHUNK);
  image.set(image.subarray(0, CHUNK), 5 * CHUNK);
  writeFileSync(join(folder, 'raw'), image);
  ({ index } = await writeChunks(join(folder, 'raw'), folder, CHUNK));
});
afterAll(() => rmSync(folder, { recursive: true }));

function openHere(changed: Partial<ChunkIndex> = {}, seen: string[] = []): Promise<ChunkedDevice> {
  return openChunked('disk.json', async (path) => {
    seen.push(path);
    if (path === 'disk.json') return new TextEncoder().encode(JSON.stringify({ ...index, ...changed }));
    return readFile(join(folder, path));
  });
}

test('zeros are not stored, equal chunks once, and the last chunk may be short', () => {
  expect(index.chunks.length).toBe(11);
  expect(index.chunks.map((name) => name === '')).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0].map(Boolean));
  expect(index.chunks[5]).toBe(index.chunks[0]);
  expect(new Set(index.chunks.filter((name) => name !== '')).size).toBe(8);
});

test(`any stretch reads as it was written (seed ${SEED})`, async () => {
  const device = await openHere();
  expect(device.sizeBytes).toBe(image.length);
  const random = randomSource(SEED + 1);
  for (let i = 0; i < 200; i++) {
    const offset = Math.floor(random() * image.length);
    const most = Math.min(3 * CHUNK, image.length - offset - 1);
    const into = new Uint8Array(1 + Math.floor(random() * most)).fill(0xee);
    await device.read(offset, into);
    expect(Buffer.compare(into, image.subarray(offset, offset + into.length))).toBe(0);
  }
});

test('a chunk is fetched once, and a sequential reader gets the next ones early', async () => {
  const seen: string[] = [];
  const device = await openHere({}, seen);
  const into = new Uint8Array(512);
  await device.read(6 * CHUNK, into);
  await device.read(6 * CHUNK + 512, into);
  await device.read(6 * CHUNK + 1024, into);
  const fetched = seen.slice(1);
  expect(fetched).toContain(`chunks/${index.chunks[7]}`);
  expect(new Set(fetched).size).toBe(fetched.length);
  expect([...device.used]).toEqual([6]);
  expect(device.usedBytes).toBe(index.sizes[6]);
});

test('a recorded boot is fetched ahead, and what it fetched is used', async () => {
  const seen: string[] = [];
  const device = await openHere({ boot: [9, 8, 1, 4, 6] }, seen);
  await device.read(0, new Uint8Array(512));
  await expect.poll(() => seen.length).toBe(1 + 1 + 5);
  const into = new Uint8Array(CHUNK);
  await device.read(9 * CHUNK, into);
  expect(Buffer.compare(into, image.subarray(9 * CHUNK, 10 * CHUNK))).toBe(0);
  expect(seen.filter((path) => path.endsWith(index.chunks[9] ?? '?')).length).toBe(1);
});

describe('what is wrong is a DiskError', () => {
  test('a damaged chunk, a missing one', async () => {
    const bytes = new Uint8Array(readFileSync(join(folder, 'chunks', index.chunks[1] ?? '')));
    bytes[bytes.length >> 1]! ^= 1;
    const load = async (path: string): Promise<Uint8Array> => {
      if (path === 'disk.json') return new TextEncoder().encode(JSON.stringify(index));
      if (path.endsWith(index.chunks[4] ?? '?')) throw new DiskError('404');
      return path.endsWith(index.chunks[1] ?? '?') ? bytes : readFile(join(folder, path));
    };
    const device = await openChunked('disk.json', load);
    const into = new Uint8Array(512);
    await expect(device.read(CHUNK, into)).rejects.toThrow(/do not match/);
    await expect(device.read(CHUNK, into)).rejects.toBeInstanceOf(DiskError);
    await expect(device.read(4 * CHUNK, into)).rejects.toBeInstanceOf(DiskError);
    await device.read(0, into);
    expect(Buffer.compare(into, image.subarray(0, 512))).toBe(0);
  }, 20_000);

  test('a web page in place of the index, an index that does not fit its image', () => {
    const damaged = (changed: object): (() => ChunkIndex) =>
      () => parseIndex(JSON.stringify({ ...index, ...changed }), 'disk.json');
    expect(() => parseIndex('<!doctype html>', 'disk.json')).toThrow(/not the index/);
    expect(damaged({ format: 'skep-chunks-9' })).toThrow(/this version/);
    expect(damaged({ bytes: index.bytes + CHUNK })).toThrow(/damaged/);
    expect(damaged({ chunkBytes: 0 })).toThrow(/damaged/);
    expect(damaged({ chunks: index.chunks.map(() => '../../etc/passwd') })).toThrow(/damaged/);
    expect(damaged({})).not.toThrow();
  });

  test('a server that fails once is asked again, one that says 404 is not', async () => {
    const asked: string[] = [];
    const device = await openChunkedUrl('http://host.test/d/disk.json', { pausesMs: [1, 1], fetcher: async (address) => {
      const url = new URL(address);
      asked.push(url.pathname);
      if (url.pathname === '/d/disk.json') return new Response(JSON.stringify(index));
      if (url.pathname.endsWith(index.chunks[4] ?? '?')) return new Response('', { status: 404 });
      if (asked.length === 2) return new Response('', { status: 503 });
      return new Response(readFileSync(join(folder, url.pathname.slice('/d/'.length))));
    } });
    const into = new Uint8Array(512);
    await device.read(0, into);
    expect(Buffer.compare(into, image.subarray(0, 512))).toBe(0);
    expect(asked.length).toBe(3);
    await expect(device.read(4 * CHUNK, into)).rejects.toThrow(/404/);
    expect(asked.length).toBe(4);
  });
});
