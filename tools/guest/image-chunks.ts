// npx tsx tools/guest/image-chunks.ts IMAGE FOLDER [CHUNK_KIB]
// Cuts a raw disk image into chunks for a static web server: FOLDER/disk.json, the index, and
// FOLDER/chunks/HASH, each chunk compressed by deflate (RFC 1951, which every browser unpacks by itself) and
// named by the first 128 bits of the SHA-256 of its stored bytes: the name is the integrity check. Equal
// chunks are one file, chunks of zeros none. The reader and the format's type: src/emu/disk/chunked.ts.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import type { ChunkIndex } from '../../src/emu/disk/chunked.ts';

export interface ChunkReport {
  index: ChunkIndex;
  /** Bytes and number of the files under `folder`. */
  storedBytes: number;
  files: number;
}

export const CHUNK_BYTES = 256 << 10;
const HASH_CHARACTERS = 32;
const FOLDER = 'chunks';
const LEVEL = 9;
/** Chunks compressed at a time: the thread pool of Node has four threads. */
const PARALLEL = 4;

const compress = promisify(deflateRaw);

async function readFully(file: FileHandle, into: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) throw new Error('the image became shorter while it was read');
    done += bytesRead;
  }
}

function isZero(data: Uint8Array): boolean {
  return data.every((byte) => byte === 0);
}

async function storeChunk(data: Uint8Array, folder: string): Promise<[name: string, size: number]> {
  const stored = await compress(data, { level: LEVEL });
  const name = createHash('sha256').update(stored).digest('hex').slice(0, HASH_CHARACTERS);
  const path = join(folder, name);
  if (!existsSync(path) || statSync(path).size !== stored.length) {
    writeFileSync(`${path}.part`, stored);
    renameSync(`${path}.part`, path);
  }
  return [name, stored.length];
}

/** Writes the chunks and the index of `image` into `folder`, and removes chunks that it does not use. */
export async function writeChunks(image: string, folder: string, chunkBytes = CHUNK_BYTES,
  progress: (share: number) => void = () => {}): Promise<ChunkReport> {
  const file = await open(image);
  try {
    const { size: bytes } = await file.stat();
    if (bytes % 512 !== 0) throw new Error(`${image} is not a whole number of sectors`);
    const count = Math.ceil(bytes / chunkBytes);
    const index: ChunkIndex = { format: 'skep-chunks-1', bytes, chunkBytes, codec: 'deflate-raw',
      folder: FOLDER, chunks: new Array<string>(count).fill(''), sizes: new Array<number>(count).fill(0) };
    const chunkFolder = join(folder, FOLDER);
    mkdirSync(chunkFolder, { recursive: true });
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < count; i = next++) {
        const data = new Uint8Array(Math.min(chunkBytes, bytes - i * chunkBytes));
        await readFully(file, data, i * chunkBytes);
        if (!isZero(data)) [index.chunks[i], index.sizes[i]] = await storeChunk(data, chunkFolder);
        progress((i + 1) / count);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return { index, ...finish(index, folder) };
  } finally {
    await file.close();
  }
}

function finish(index: ChunkIndex, folder: string): { storedBytes: number; files: number } {
  const used = new Set(index.chunks);
  for (const name of readdirSync(join(folder, FOLDER))) {
    if (!used.has(name)) rmSync(join(folder, FOLDER, name), { force: true });
  }
  const path = join(folder, 'disk.json');
  writeFileSync(`${path}.part`, JSON.stringify(index));
  renameSync(`${path}.part`, path);
  const sizes = new Map(index.chunks.map((name, i) => [name, index.sizes[i] ?? 0]));
  sizes.delete('');
  return { storedBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0), files: sizes.size };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [image, folder, kib] = process.argv.slice(2);
  if (image === undefined || folder === undefined) {
    console.error('usage: image-chunks.ts IMAGE FOLDER [CHUNK_KIB]');
    process.exitCode = 2;
  } else {
    const report = await writeChunks(image, folder, kib === undefined ? CHUNK_BYTES : Number(kib) << 10);
    console.log(`${report.index.bytes} bytes in ${report.files} chunks, ${report.storedBytes} bytes stored`);
  }
}
