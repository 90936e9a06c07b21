// A drive of a running machine: what it holds as the guest sees it, changes and all, as a stream of raw
// bytes.

import type { Machine } from '../emu/machine.ts';
import type { DriveStats } from '../emu/stats.ts';

const NAMES = ['hda', 'hdb', 'cdrom', 'hdd'] as const;
/** Size of the pieces of an exported disk. */
export const PIECE_BYTES = 1 << 20;

export class SkepDisk {
  readonly name: string;
  /** What the image is called. */
  readonly image: string;
  readonly kind: 'disk' | 'cdrom';
  readonly sizeBytes: number;
  private readonly position: number;

  constructor(private readonly machine: Machine, { position, kind, sizeBytes }: DriveStats) {
    this.position = position;
    this.name = NAMES[position] ?? `drive ${position}`;
    this.image = machine.imageName(position);
    this.kind = kind;
    this.sizeBytes = sizeBytes;
  }

  /**
   * The whole disk as a raw image, read as fast as the reader takes it. A running guest goes on writing
   * meanwhile: pause the machine, or let the guest sync and rest, for an image of one moment. Fails with a
   * SkepError when the image cannot be read or the machine ends.
   */
  export(): ReadableStream<Uint8Array> {
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const bytes = Math.min(PIECE_BYTES, this.sizeBytes - at);
        if (bytes > 0) {
          controller.enqueue(await this.machine.readDisk(this.position, at, bytes));
          at += bytes;
        }
        if (at >= this.sizeBytes) controller.close();
      },
    }, { highWaterMark: 2 });
  }
}
