// Overlay files in Node. A lock file beside it keeps two machines from opening the same one; the lock of a
// process that is gone does not count.

import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readFileSync, readSync, rmSync,
  writeFileSync,
  writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { DiskError } from './block-device.ts';
import type { OverlayFile } from './kept-overlay.ts';

const sync = promisify(fdatasync);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Makes the lock file, with our process's number in it. */
function lock(path: string): void {
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(readFileSync(path, 'utf8'));
    if (owner > 0 && alive(owner)) {
      throw new DiskError(`its kept changes are in use by process ${owner}: end that machine first (or delete ${path} if it is none)`);
    }
    rmSync(path, { force: true });
  }
}

export function openNodeOverlay(path: string): OverlayFile {
  const lockPath = `${path}.lock`;
  let fd: number;
  try {
    lock(lockPath);
    // Made if it is not there, never emptied.
    fd = openSync(path, 'a');
    closeSync(fd);
    fd = openSync(path, 'r+');
  } catch (cause) {
    if (cause instanceof DiskError) throw cause;
    throw new DiskError(`the file ${path} for its changes cannot be opened (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  return {
    size: () => fstatSync(fd).size,
    read(into, at) {
      for (let done = 0; done < into.length;) {
        const bytes = readSync(fd, into, done, into.length - done, at + done);
        if (bytes === 0) throw new DiskError('the kept changes have become shorter');
        done += bytes;
      }
    },
    write(from, at) {
      for (let done = 0; done < from.length;) done += writeSync(fd, from, done, from.length - done, at
        + done);
    },
    truncate: (bytes) => ftruncateSync(fd, bytes),
    flush: () => sync(fd),
    close() {
      closeSync(fd);
      rmSync(lockPath, { force: true });
    },
  };
}
