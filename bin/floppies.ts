// Floppy images given as files: the machine works on a copy in memory, which goes back into the file about a
// second after the guest has written, and at the end. A file that cannot be written to is a floppy with its
// write-protect notch open.

import { accessSync, constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FloppyOption } from '../src/api/node.ts';

const CHECK_MS = 1000;

/** What is needed of the machine. */
export interface FloppyMachine {
  floppyWrites(drive: 0 | 1): number;
  floppyImage(drive: 0 | 1): Uint8Array | undefined;
}

const SNAPSHOT = /,snapshot$/;
const ADDRESS = /^https?:/;

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** IMAGE or IMAGE,snapshot as a wish of the machine. */
export function floppyOption(text: string): FloppyOption {
  const image = text.replace(SNAPSHOT, '');
  const keeps = image !== text || ADDRESS.test(image);
  return { image, readOnly: !keeps && !isWritable(image) };
}

export class FloppyFiles {
  private readonly files: { drive: 0 | 1; file: string; seen: number }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private busy: Promise<void> = Promise.resolve();

  /** `report` takes one sentence when a file cannot be written. */
  constructor(private readonly vm: FloppyMachine, images: readonly (string | undefined)[],
    private readonly report: (sentence: string) => void) {
    images.forEach((text, n) => {
      if (text === undefined || SNAPSHOT.test(text) || ADDRESS.test(text)) return;
      this.files.push({ drive: n === 0 ? 0 : 1, file: text, seen: 0 });
    });
    if (this.files.length > 0) this.timer = setInterval(() => { void this.flush(); }, CHECK_MS);
  }

  /** Put into the files what is new since the last time. */
  flush(): Promise<void> {
    this.busy = this.busy.then(async () => {
      for (const entry of this.files) {
        const writes = this.vm.floppyWrites(entry.drive);
        if (writes === entry.seen) continue;
        const image = this.vm.floppyImage(entry.drive);
        if (image === undefined) continue;
        try {
          await replaceContents(entry.file, image);
          entry.seen = writes;
        } catch (error) {
          this.report(`floppy image ${entry.file}: ${(error as Error).message}`);
        }
      }
    });
    return this.busy;
  }

  /** After the machine has stopped. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }
}

/** In place, so that links and permissions stay. */
async function replaceContents(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, 0);
    await handle.truncate(bytes.length);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
