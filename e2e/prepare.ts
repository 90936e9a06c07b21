// What the tests of disks need, made once before they run: the small guest with disk drivers, an ext4 image
// with a known file, the same cut into chunks. In build/e2e; images are made anew each time.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareDiskGuest } from '../tools/guest/disk-guest.ts';
import { writeChunks } from '../tools/guest/image-chunks.ts';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const WORK = join(ROOT, 'build/e2e');
export const IMAGE = join(WORK, 'ext4.img');
export const CHUNKS = join(WORK, 'chunks');
/** The first 4 MiB are mostly ext4's own; these random bytes are read by nobody but the tests. */
const FILLER_BYTES = 12 << 20;
const IMAGE_MIB = 32;

export default async function prepare(): Promise<void> {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(CHUNKS, { recursive: true });
  const { kernel, initrd } = await prepareDiskGuest({ root: ROOT, log: (line) => console.log(line) });
  process.env.SKEP_E2E_KERNEL = kernel;
  process.env.SKEP_E2E_INITRD = initrd;
  const folder = mkdtempSync(join(tmpdir(), 'skep-e2e-'));
  writeFileSync(join(folder, 'hello'), 'hello from the image\n');
  const filler = new Uint8Array(FILLER_BYTES);
  for (let at = 0; at < filler.length; at += 65536) crypto.getRandomValues(filler.subarray(at, at + 65536));
  writeFileSync(join(folder, 'filler'), filler);
  const made = spawnSync('mke2fs', ['-q', '-t', 'ext4', '-d', folder, '-F', IMAGE, `${IMAGE_MIB}M`],
    { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  if (made.status !== 0) throw new Error(`mke2fs failed (package e2fsprogs): ${made.error?.message ?? made.stderr}`);
  await writeChunks(IMAGE, CHUNKS, 256 << 10);
}
