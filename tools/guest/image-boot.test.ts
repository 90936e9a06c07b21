import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import type { ChunkIndex } from '../../src/emu/disk/chunked.ts';
import { requireSpace } from './debian13.ts';
import { chunksOf } from './image-boot.ts';

test('chunks in the order of their first request; other files and zeros are none', () => {
  const index: ChunkIndex = { format: 'skep-chunks-1', bytes: 5 << 10, chunkBytes: 1 << 10,
    codec: 'deflate-raw', folder: 'chunks', chunks: ['aa', '', 'bb', 'aa', 'cc'], sizes: [1, 0, 2, 1, 3] };
  const asked = ['/x/manifest.json', '/x/chunks/cc', '/x/chunks/aa', '/x/vmlinuz', '/x/chunks/bb'];
  expect(chunksOf(asked, index)).toEqual([4, 0, 2]);
});

test('too little space is refused with the folder, the need and a remedy', () => {
  expect(() => requireSpace(tmpdir(), 1e18)).toThrow(
    /needs 1000000000\.0 GB of free space in .*, which has \d+\.\d GB\. Make room, or set TMPDIR/);
  expect(() => requireSpace('.', 1e18)).toThrow(/in \., which has .* Make room there\./);
  requireSpace(tmpdir(), 1);
});
