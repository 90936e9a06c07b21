// Changes that earlier machines have kept in the browser's storage: what there is, a whole disk of it, its
// end.

import { DiskError, type BlockDevice } from '../emu/disk/block-device.ts';
import { KeptOverlay } from '../emu/disk/kept-overlay.ts';
import { openSource } from '../emu/disk/open.ts';
import { deleteKept, listKept, readKept } from '../emu/disk/opfs.ts';
import { SkepError } from '../emu/errors.ts';
import { PIECE_BYTES } from './disks.ts';
import { imageSource, type FileSource } from './source.ts';

export interface KeptDisk {
  name: string;
  /** The image's name; undefined where the changes are damaged. */
  image: string | undefined;
  /** Where the image is loaded from; undefined for a file of the user's. */
  url: string | undefined;
  since: Date | undefined;
  diskBytes: number;
  /** Room that the changes take. */
  bytes: number;
  /** A machine has it open, in this tab or another. */
  inUse: boolean;
}

/** Turns what went wrong with an image into the library's error. */
async function asSkepError<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (!(cause instanceof DiskError)) throw cause;
    throw new SkepError('disk-failed', `The kept disk ${name} cannot be used: ${cause.message}.`, '', { cause });
  }
}

/** Disks whose changes are kept in this browser, for the pages of this origin. */
export const keptDisks = {
  async list(): Promise<KeptDisk[]> {
    const entries = await asSkepError('list', listKept);
    return entries.map(({ name, bytes, inUse, header }) => ({ name, bytes, inUse, image: header?.base.name,
      url: header?.base.url, since: header === undefined ? undefined : new Date(header.base.since),
      diskBytes: header?.diskBytes ?? 0 }));
  },

  /** For ever. */
  delete(name: string): Promise<void> {
    return asSkepError(name, () => deleteKept(name));
  },

  /**
   * The whole disk as a raw image. `image`: what the changes were made on, where it was a file. No machine
   * can open the disk until the stream has ended or been cancelled.
   */
  export(name: string,
    image: FileSource): Promise<{ sizeBytes: number; stream: ReadableStream<Uint8Array> }> {
    return asSkepError(name, async () => {
      const base = await openSource(imageSource(image).source, true);
      const file = await readKept(name);
      try {
        const disk = await KeptOverlay.open(base, file, { name });
        return { sizeBytes: disk.sizeBytes, stream: streamOf(name, disk) };
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  },
} as const;

function streamOf(name: string, disk: BlockDevice): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const data = new Uint8Array(Math.min(PIECE_BYTES, disk.sizeBytes - at));
      await asSkepError(name, () => disk.read(at, data)).catch(async (error: unknown) => {
        await disk.close();
        throw error;
      });
      controller.enqueue(data);
      at += data.length;
      if (at < disk.sizeBytes) return;
      await disk.close();
      controller.close();
    },
    cancel: () => disk.close(),
  }, { highWaterMark: 2 });
}
