// npx tsx tools/guest/image-boot.ts [FOLDER]
// Records which chunks of a guest's disk a boot to the login prompt loads, and in which order, into the index
// FOLDER/disk.json (default public/guest/debian13): a reader fetches them ahead. The boot is Skep's own, by
// the guest's kernel and initramfs, over a server of ours that notes what is asked for. It also proves the
// image: one that shows no login prompt is refused. Prints what a page downloads until then.

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Api from '../../src/api/node.ts';
import type { ChunkIndex } from '../../src/emu/disk/chunked.ts';
import { buildCore, buildNode, newestIn, ROOT } from '../steps.ts';
import { GuestError } from './apt.ts';
import type { Debian13Manifest } from './debian13.ts';

const TIMEOUT_MS = 900_000;
const TAIL_CHARACTERS = 2000;

interface FileServer {
  address: string;
  /** Paths in the order of their first request. */
  asked: Set<string>;
  close(): void;
}

/** Serves the files below `root` on an address of this machine only. */
async function serveFiles(root: string): Promise<FileServer> {
  const asked = new Set<string>();
  const server: Server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    asked.add(path);
    readFile(join(root, path)).then((data) => response.end(data), () => response.writeHead(404).end());
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, '127.0.0.1', done);
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked,
    close: () => { server.close(); server.closeAllConnections(); } };
}

/** The library as the command line ships it, built where it is not there or older than its sources. */
async function loadSkep(): Promise<typeof Api> {
  const bundle = join(ROOT, 'dist/node/api.js');
  buildCore();
  const sources = (name: string): boolean => name.endsWith('.ts');
  const newest = Math.max(...['src', 'bin', 'build'].map((folder) =>
    newestIn(join(ROOT, folder), (name) => sources(name) || name === 'skep.wasm')));
  if (newestIn(dirname(bundle), (name) => name === basename(bundle)) < newest) buildNode();
  return await import(pathToFileURL(bundle).href) as typeof Api;
}

/** Boots the guest to its login prompt; throws GuestError where it does not get there. */
async function bootToLogin(name: string, guestBase: string): Promise<void> {
  const { Skep } = await loadSkep();
  const vm = await Skep.create({ guest: name, guestBase, smp: Math.min(2, availableParallelism()) });
  let shown = '';
  try {
    await new Promise<void>((done, fail) => {
      const refuse = (why: string): void =>
        fail(new GuestError(`The new image of ${name} ${why}:\n${shown.slice(-TAIL_CHARACTERS)}`));
      vm.serial.onData((bytes) => {
        shown += Buffer.from(bytes).toString('latin1');
        if (shown.includes('login: ')) done();
      });
      vm.ended.then(({ reason }) => refuse(`ended by ${reason} without a login prompt`), fail);
      setTimeout(() => refuse('shows no login prompt in 15 minutes'), TIMEOUT_MS).unref();
      vm.start();
    });
  } finally {
    await vm.stop();
  }
}

/** Numbers of the chunks whose files were asked for, in the order of their first use. */
export function chunksOf(asked: Iterable<string>, index: ChunkIndex): number[] {
  const numbers = new Map<string, number>();
  index.chunks.forEach((name, number) => { if (!numbers.has(name)) numbers.set(name, number); });
  const found = [...asked].map((path) => numbers.get(basename(path)));
  return found.filter((number) => number !== undefined);
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

/**
 * Boots the guest in `folder` and writes into its index what that has loaded. Returns the manifest with the
 * index's new size and hash, and `bootBytes`.
 */
export async function recordBoot(folder: string, manifest: Debian13Manifest): Promise<Debian13Manifest> {
  const server = await serveFiles(dirname(folder));
  try {
    await bootToLogin(basename(folder), server.address);
  } finally {
    server.close();
  }
  const indexPath = join(folder, manifest.disk);
  const index = JSON.parse(readFileSync(indexPath, 'utf8')) as ChunkIndex;
  const boot = chunksOf(server.asked, index);
  const text = JSON.stringify({ ...index, boot });
  writeWhole(indexPath, text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const files = { ...manifest.files, [manifest.disk]: { bytes: text.length, sha256 } };
  const disk = boot.reduce((sum, number) => sum + (index.sizes[number] ?? 0), 0);
  const others = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const before = manifest.files[manifest.disk]?.bytes ?? 0;
  return { ...manifest, files, bytes: manifest.bytes + text.length - before, bootBytes: disk + others };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'public/guest/debian13'));
  const path = join(folder, 'manifest.json');
  const manifest = await recordBoot(folder, JSON.parse(readFileSync(path, 'utf8')) as Debian13Manifest);
  writeWhole(path, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`${((manifest.bootBytes ?? 0) / 1e6).toFixed(1)} MB until the login prompt`);
}
