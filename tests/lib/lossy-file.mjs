// Loaded into the command line before its own code (node --import), in every thread: the file SKEP_LOSSY
// becomes a disk with a volatile cache. What is written stays in memory until fdatasync; some of it, chosen
// by SKEP_SEED, goes to the file early, and of some requests only a few sectors. Killing the process is then
// what a power cut is for a real disk: everything that no flush has covered is lost or torn.

import { createRequire, syncBuiltinESMExports } from 'node:module';

const fs = createRequire(import.meta.url)('node:fs');
const { SKEP_LOSSY, SKEP_SEED } = process.env;
const SECTOR = 512;
/** Of 100 requests: written out early in whole, or in part. */
const EARLY = 20;
const TORN = 40;
const real = { openSync: fs.openSync, readSync: fs.readSync, writeSync: fs.writeSync,
  fdatasync: fs.fdatasync };
let lossy = -1;
let state = Number(SKEP_SEED) >>> 0;
/** Sectors that are only in the cache. */
const cache = new Map();

function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
}

function writeOut(sector) {
  real.writeSync(lossy, cache.get(sector), 0, SECTOR, sector * SECTOR);
  cache.delete(sector);
}

fs.openSync = (path, flags, ...rest) => {
  const fd = real.openSync(path, flags, ...rest);
  if (path === SKEP_LOSSY && flags === 'r+') lossy = fd;
  return fd;
};

fs.readSync = (fd, buffer, at, length, position) => {
  const n = real.readSync(fd, buffer, at, length, position);
  if (fd !== lossy) return n;
  for (let done = 0; done < n; done += SECTOR) {
    const kept = cache.get((position + done) / SECTOR);
    if (kept !== undefined) buffer.set(kept, at + done);
  }
  return n;
};

fs.writeSync = (fd, buffer, at, length, position) => {
  if (fd !== lossy) return real.writeSync(fd, buffer, at, length, position);
  if (position % SECTOR !== 0 || length % SECTOR !== 0) throw new Error('the cache works in sectors');
  const dice = random(100);
  for (let done = 0; done < length; done += SECTOR) {
    const sector = (position + done) / SECTOR;
    cache.set(sector, buffer.slice(at + done, at + done + SECTOR));
    if (dice < EARLY || (dice < TORN && random(2) === 0)) writeOut(sector);
  }
  return length;
};

fs.fdatasync = (fd, done) => {
  if (fd === lossy) for (const sector of [...cache.keys()]) writeOut(sector);
  real.fdatasync(fd, done);
};
syncBuiltinESMExports();
