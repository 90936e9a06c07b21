// Loaded into the I/O worker before its own code (--import): the image SKEP_FAULTY fails as the JSON file
// SKEP_FAULTS says at that moment: { read: [from, to], write: [from, to], flush: true } in bytes are EIO,
// `flushMs` delays a flush. A read that begins before the bad range brings what lies before it, as the
// system's does.

import { createRequire, syncBuiltinESMExports } from 'node:module';

const fs = createRequire(import.meta.url)('node:fs');
const { SKEP_FAULTY, SKEP_FAULTS } = process.env;
const real = { openSync: fs.openSync, readSync: fs.readSync, writeSync: fs.writeSync,
  fdatasync: fs.fdatasync };
let faulty = -1;

const faults = () => JSON.parse(fs.readFileSync(SKEP_FAULTS, 'utf8'));

/** How much of the request lies before the bad range; EIO where nothing does. */
function before(range, position, length) {
  if (range === undefined || position + length <= range[0] || position >= range[1]) return length;
  if (position >= range[0]) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  return range[0] - position;
}

fs.openSync = (path, flags, ...rest) => {
  const fd = real.openSync(path, flags, ...rest);
  if (path === SKEP_FAULTY) faulty = fd;
  return fd;
};
fs.readSync = (fd, buffer, at, length, position) =>
  real.readSync(fd, buffer, at, fd === faulty ? before(faults().read, position, length) : length, position);
fs.writeSync = (fd, buffer, at, length, position) =>
  real.writeSync(fd, buffer, at, fd === faulty ? before(faults().write, position, length) : length, position);
fs.fdatasync = (fd, done) => {
  const { flush, flushMs } = fd === faulty ? faults() : {};
  if (flush === true) setTimeout(() => done(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })), 0);
  else if (flushMs !== undefined) setTimeout(() => real.fdatasync(fd, done), flushMs);
  else real.fdatasync(fd, done);
};
syncBuiltinESMExports();
