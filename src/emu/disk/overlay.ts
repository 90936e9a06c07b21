// Layer: copy on write in memory. Clusters of 4 KiB that were written are kept here, all others come from the
// base, which is never written. Losing the page loses the changes; flush has nothing to do.

import { failedBehind, type BlockDevice, type Download } from './block-device.ts';

const CLUSTER = 4096;

export class OverlayDevice implements BlockDevice {
  readonly readOnly = false;
  private readonly clusters = new Map<number, Uint8Array>();

  constructor(private readonly base: BlockDevice) {}

  get sizeBytes(): number {
    return this.base.sizeBytes;
  }
  get download(): Download | undefined {
    return this.base.download;
  }
  /** Bytes that the changes take. */
  get changedBytes(): number {
    return this.clusters.size * CLUSTER;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const end = offset + into.length;
    for (let at = offset; at < end;) {
      const kept = this.clusters.get(Math.floor(at / CLUSTER));
      let next = Math.min(end, (Math.floor(at / CLUSTER) + 1) * CLUSTER);
      if (kept !== undefined) {
        into.set(kept.subarray(at % CLUSTER, (at % CLUSTER) + next - at), at - offset);
      } else {
        // As much as possible in one request of the base.
        while (next < end && !this.clusters.has(next / CLUSTER)) next = Math.min(end, next + CLUSTER);
        try {
          await this.base.read(at, into.subarray(at - offset, next - offset));
        } catch (error) {
          throw failedBehind(at - offset, error);
        }
      }
      at = next;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const end = offset + from.length;
    for (let at = offset; at < end;) {
      const number = Math.floor(at / CLUSTER);
      const next = Math.min(end, (number + 1) * CLUSTER);
      const cluster = this.clusters.get(number) ?? await this.fetch(number, next - at === CLUSTER);
      cluster.set(from.subarray(at - offset, next - offset), at % CLUSTER);
      this.clusters.set(number, cluster);
      at = next;
    }
  }

  /** A cluster to keep, with the base's contents unless all of it is about to be written. */
  private async fetch(number: number, whole: boolean): Promise<Uint8Array> {
    const cluster = new Uint8Array(CLUSTER);
    const bytes = Math.min(CLUSTER, this.base.sizeBytes - number * CLUSTER);
    if (!whole) await this.base.read(number * CLUSTER, cluster.subarray(0, bytes));
    return cluster;
  }

  async flush(): Promise<void> {}
  async close(): Promise<void> {
    await this.base.close();
  }
}
