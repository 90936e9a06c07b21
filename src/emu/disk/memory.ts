// Backend: bytes in memory. Nothing outlives the worker, so flush has nothing to do.

import type { BlockDevice } from './block-device.ts';
import { sha256 } from './identity.ts';

export class MemoryDevice implements BlockDevice {
  readonly readOnly = false;
  constructor(private readonly bytes: Uint8Array) {}

  get sizeBytes(): number {
    return this.bytes.length;
  }
  async read(offset: number, into: Uint8Array): Promise<void> {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  async identity(): Promise<string> {
    return `sha256 ${await sha256(this.bytes)}`;
  }
  async write(offset: number, from: Uint8Array): Promise<void> {
    this.bytes.set(from, offset);
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}
