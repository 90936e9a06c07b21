// npx tsx tools/guest/image-boot.ts [FOLDER]
// Records which chunks of a guest's disk a boot to the login prompt reads, and in which order, into the index
// FOLDER/disk.json (default public/guest/debian13): a reader fetches them ahead. The boot is QEMU's, with the
// guest's kernel and initramfs, traced; prints what a page downloads until then. Needs qemu-system-x86 and
// the raw image in .cache.

import { spawn } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import type { ChunkIndex } from '../../src/emu/disk/chunked.ts';
import type { Debian13Manifest } from './debian13.ts';

const TIMEOUT_MS = 600_000;
const READ = /^blk_co_preadv .* offset (\S+) bytes (\S+) /;

/** Offsets and lengths of the reads of a boot, in order. */
function recordReads(image: string, folder: string, manifest: Debian13Manifest): Promise<[number, number][]> {
  const args = ['-accel', 'tcg', '-m', '1024', '-display', 'none', '-serial', 'stdio', '-monitor', 'none',
    '-net', 'none', '-no-reboot', '-drive', `file=${image},if=ide,format=raw,snapshot=on`,
    '-kernel', join(folder, manifest.kernel), '-initrd', join(folder, manifest.initrd),
    '-append', manifest.append, '-trace', 'blk_co_preadv'];
  return new Promise((done, fail) => {
    const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let shown = '';
    let trace = '';
    let login = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      shown = (shown + chunk.toString('latin1')).slice(-4096);
      if (!shown.includes('login: ')) return;
      login = true;
      child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => { trace += chunk.toString(); });
    child.on('error', fail);
    child.on('close', () => {
      clearTimeout(timer);
      if (!login) return fail(new Error(`no login prompt in time: ${shown.slice(-500)}`));
      const matches = trace.split('\n').map((line) => READ.exec(line)).filter((match) => match !== null);
      done(matches.map((match): [number, number] => [Number(match[1]), Number(match[2])]));
    });
  });
}

/** Numbers of the stored chunks that the reads touch, in the order of their first use. */
export function chunksOf(reads: readonly (readonly [number, number])[], index: ChunkIndex): number[] {
  const order = new Set<number>();
  for (const [offset, bytes] of reads) {
    const last = Math.floor((offset + bytes - 1) / index.chunkBytes);
    for (let number = Math.floor(offset / index.chunkBytes); number <= last; number++) {
      if (index.chunks[number] !== '') order.add(number);
    }
  }
  return [...order];
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

async function main(folder: string, root: string): Promise<void> {
  const manifestPath = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Debian13Manifest;
  const indexPath = join(folder, manifest.disk);
  const index = JSON.parse(readFileSync(indexPath, 'utf8')) as ChunkIndex;
  const image = join(root, '.cache/guest', basename(folder), 'out/disk.img');
  const boot = chunksOf(await recordReads(image, folder, manifest), index);
  const text = JSON.stringify({ ...index, boot });
  writeWhole(indexPath, text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  manifest.files[manifest.disk] = { bytes: text.length, sha256 };
  writeWhole(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  const disk = boot.reduce((sum, number) => sum + (index.sizes[number] ?? 0), 0);
  const others = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  console.log(`${boot.length} chunks until the login prompt: ${(disk / 1e6).toFixed(1)} MB, with kernel, `
    + `initramfs and index ${((disk + others) / 1e6).toFixed(1)} MB`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  await main(resolve(process.argv[2] ?? join(root, 'public/guest/debian13')), root);
}
