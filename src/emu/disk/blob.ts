// Backend: a File or Blob of the user's, read piece by piece when the guest wants it. Read-only.

import { DiskError, type BlockDevice } from './block-device.ts';
import { digest } from './identity.ts';

export class BlobDevice implements BlockDevice {
  readonly readOnly = true;
  constructor(private readonly blob: Blob) {}

  get sizeBytes(): number {
    return this.blob.size;
  }
  async read(offset: number, into: Uint8Array): Promise<void> {
    let data: ArrayBuffer;
    try {
      data = await this.blob.slice(offset, offset + into.length).arrayBuffer();
    } catch (cause) {
      // A file that was changed or taken away since it was chosen ends here.
      throw new DiskError(`the file cannot be read any more (${(cause as Error).message})`, { cause });
    }
    if (data.byteLength !== into.length) throw new DiskError('the file has become shorter');
    into.set(new Uint8Array(data));
  }
  async identity(): Promise<string> {
    const { lastModified } = this.blob as { lastModified?: number };
    return lastModified === undefined ? digest(this) : `modified ${lastModified}`;
  }
  async write(): Promise<void> {
    throw new DiskError('a file chosen in the page cannot be written');
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}
