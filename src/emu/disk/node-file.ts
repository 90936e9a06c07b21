// Backend: a file by path, in Node. Reads and writes go through the system's page cache at once (this is the
// I/O worker's own thread); flush is fdatasync, off the thread, because it may take long.

import { closeSync, fdatasync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { DiskError, type BlockDevice } from './block-device.ts';

const sync = promisify(fdatasync);

export class NodeFileDevice implements BlockDevice {
  private constructor(private readonly fd: number, readonly sizeBytes: number, readonly readOnly: boolean) {}

  static open(path: string, readOnly: boolean): NodeFileDevice {
    let fd: number;
    try {
      fd = openSync(path, readOnly ? 'r' : 'r+');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder'
        : `cannot be opened for ${readOnly ? 'reading' : 'writing'} (${code})${
          readOnly ? '' : ', only for a snapshot whose changes stay in memory (",snapshot" behind its name)'}`;
      throw new DiskError(`the file ${path} ${why}`, { cause });
    }
    const { size } = fstatSync(fd);
    return new NodeFileDevice(fd, size, readOnly);
  }

  async identity(): Promise<string> {
    return `modified ${fstatSync(this.fd).mtimeMs}`;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length;) {
      const n = this.attempt('read', () => readSync(this.fd, into, done, into.length - done, offset + done), done);
      if (n === 0) throw new DiskError('the file has become shorter', { good: done });
      done += n;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length;) {
      const n = this.attempt('written', () => writeSync(this.fd, from, done, from.length - done, offset + done));
      if (n === 0) throw new DiskError('the file takes no more data');
      done += n;
    }
  }

  private attempt(what: string, action: () => number, good = 0): number {
    try {
      return action();
    } catch (cause) {
      throw new DiskError(`the file cannot be ${what} (${(cause as NodeJS.ErrnoException).code})`,
        { cause, good });
    }
  }

  async flush(): Promise<void> {
    if (this.readOnly) return;
    try {
      await sync(this.fd);
    } catch (cause) {
      throw new DiskError(`the file cannot be written to the disk (${(cause as NodeJS.ErrnoException).code})`, { cause });
    }
  }

  async close(): Promise<void> {
    closeSync(this.fd);
  }
}
