// Layer: copy on write into an overlay file (overlay-format.ts) in the browser's storage or, in Node, on the
// host's disk. The image below is never written. FLUSH is durable when it returns, in two steps: first data
// and new tables, then the numbers that name them. A cluster that is in the file already is overwritten in
// place, like a sector of a disk: without a flush in between, a crash leaves the old or the new.

import { DiskError, failedBehind, type BlockDevice, type Download } from './block-device.ts';
import {
  CLUSTER, MAX_DISK_BYTES, readHeader, rootClustersFor, TABLE_ENTRIES, writeHeader, type OverlayBase,
} from './overlay-format.ts';

/** A file that overlays are kept in. Reads fill all of `into`, or throw; flush is durable. */
export interface OverlayFile {
  size(): number | Promise<number>;
  read(into: Uint8Array, at: number): void | Promise<void>;
  write(from: Uint8Array, at: number): void;
  truncate(bytes: number): void;
  flush(): void | Promise<void>;
  close(): void | Promise<void>;
}

interface Table {
  /** Its place in the file. */
  cluster: number;
  /** Little-endian on all hosts that Skep runs on, as in the file. */
  numbers: Uint32Array<ArrayBuffer>;
  /** The root does not name it durably yet. */
  fresh: boolean;
  changed: boolean;
}

const bytesOf = ({ numbers }: Table): Uint8Array => new Uint8Array(numbers.buffer);

function describe(bytes: number): string {
  return `${bytes.toLocaleString('en')} bytes`;
}

export class KeptOverlay implements BlockDevice {
  readonly readOnly = false;
  private readonly tables = new Map<number, Table>();
  private root = new Uint32Array(0);
  /** First cluster of the file that nothing uses. */
  private next = 0;
  private dataChanged = false;

  private constructor(private readonly base: BlockDevice, private readonly file: OverlayFile) {}

  /** Opens the changes of `base` in `file`, or begins them; rejects if they belong to another image. */
  static async open(base: BlockDevice, file: OverlayFile, about: Omit<OverlayBase,
    'identity' | 'since'>): Promise<KeptOverlay> {
    if (base.identity === undefined || base.sizeBytes > MAX_DISK_BYTES) {
      throw new DiskError('changes of this image cannot be kept');
    }
    const overlay = new KeptOverlay(base, file);
    const identity = await base.identity();
    const size = await file.size();
    const head = new Uint8Array(Math.min(size, CLUSTER));
    await file.read(head, 0);
    const header = readHeader(head);
    if (header === undefined) await overlay.create({ ...about, identity, since: new Date().toISOString() });
    else if (header.diskBytes !== base.sizeBytes) {
      throw new DiskError(`the kept changes belong to an image of ${describe(header.diskBytes)}, but this one has ${
        describe(base.sizeBytes)}`);
    } else if (header.base.identity !== identity) {
      throw new DiskError('the image is not the one that the kept changes were made on, or it has changed since: '
        + 'use the old image, or delete the kept changes');
    } else await overlay.load(header.rootClusters, size);
    return overlay;
  }

  get sizeBytes(): number {
    return this.base.sizeBytes;
  }
  get download(): Download | undefined {
    return this.base.download;
  }

  private async create(about: OverlayBase): Promise<void> {
    const rootClusters = rootClustersFor(this.sizeBytes);
    this.root = new Uint32Array(rootClusters * TABLE_ENTRIES);
    this.next = 1 + rootClusters;
    this.attempt(() => {
      this.file.truncate(0);
      this.file.truncate(this.next * CLUSTER);
    });
    await this.file.flush();
    this.attempt(() => this.file.write(writeHeader(this.sizeBytes, about), 0));
    await this.file.flush();
  }

  /** Reads root and tables, and refuses numbers that cannot be. */
  private async load(rootClusters: number, size: number): Promise<void> {
    const damaged = new DiskError('the kept changes are damaged: their tables do not fit the file');
    const clusters = Math.floor(size / CLUSTER);
    if (rootClusters !== rootClustersFor(this.sizeBytes) || clusters < 1 + rootClusters) throw damaged;
    this.root = new Uint32Array(rootClusters * TABLE_ENTRIES);
    await this.file.read(new Uint8Array(this.root.buffer), CLUSTER);
    this.next = 1 + rootClusters;
    const used = new Uint8Array(clusters);
    const use = (number: number): void => {
      if (number <= rootClusters || number >= clusters || used[number] !== 0) throw damaged;
      used[number] = 1;
      this.next = Math.max(this.next, number + 1);
    };
    for (const [group, cluster] of this.root.entries()) {
      if (cluster === 0) continue;
      use(cluster);
      const table = { cluster, numbers: new Uint32Array(TABLE_ENTRIES), fresh: false, changed: false };
      await this.file.read(bytesOf(table), cluster * CLUSTER);
      for (const number of table.numbers) if (number !== 0) use(number);
      this.tables.set(group, table);
    }
  }

  /** Where a cluster of the disk is in the file; 0 = not there. */
  private find(number: number): number {
    return this.tables.get(Math.floor(number / TABLE_ENTRIES))?.numbers[number % TABLE_ENTRIES] ?? 0;
  }

  private name(number: number, place: number): void {
    const group = Math.floor(number / TABLE_ENTRIES);
    let table = this.tables.get(group);
    if (table === undefined) {
      table = { cluster: this.next++, numbers: new Uint32Array(TABLE_ENTRIES), fresh: true, changed: true };
      this.tables.set(group, table);
    }
    table.numbers[number % TABLE_ENTRIES] = place;
    table.changed = true;
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (cause) {
      if (cause instanceof DiskError) throw cause;
      const full = (cause as Error).name === 'QuotaExceededError' || (cause as { code?: unknown }).code === 'ENOSPC';
      throw new DiskError(full ? 'there is no room left to keep changes in'
        : `the changes cannot be kept (${(cause as Error).message})`, { cause });
    }
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const end = offset + into.length;
    for (let at = offset; at < end;) {
      const number = Math.floor(at / CLUSTER);
      const place = this.find(number);
      let next = Math.min(end, (number + 1) * CLUSTER);
      // As much as lies together in one request.
      for (let run = 1; next < end && this.find(number + run) === (place === 0 ? 0 : place + run); run++) {
        next = Math.min(end, next + CLUSTER);
      }
      const part = into.subarray(at - offset, next - offset);
      try {
        if (place === 0) await this.base.read(at, part);
        else await this.file.read(part, place * CLUSTER + at % CLUSTER);
      } catch (error) {
        throw failedBehind(at - offset, error);
      }
      at = next;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const end = offset + from.length;
    for (let at = offset; at < end;) {
      const number = Math.floor(at / CLUSTER);
      const next = Math.min(end, (number + 1) * CLUSTER);
      const part = from.subarray(at - offset, next - offset);
      const place = this.find(number);
      if (place !== 0) {
        this.dataChanged = true;
        this.attempt(() => this.file.write(part, place * CLUSTER + at % CLUSTER));
        at = next;
      } else if (part.length === CLUSTER) at = this.writeNew(number, at, from.subarray(at - offset));
      else {
        const cluster = new Uint8Array(CLUSTER);
        await this.base.read(number * CLUSTER,
          cluster.subarray(0, Math.min(CLUSTER, this.sizeBytes - number * CLUSTER)));
        cluster.set(part, at % CLUSTER);
        this.writeNew(number, at, cluster);
        at = next;
      }
    }
  }

  /** Whole clusters from `number` on that are not in the file yet, as many as there are; returns where it ends. */
  private writeNew(number: number, at: number, data: Uint8Array): number {
    let count = 1;
    while ((count + 1) * CLUSTER <= data.length && this.find(number + count) === 0) count++;
    const place = this.next;
    this.attempt(() => this.file.write(data.subarray(0, count * CLUSTER), place * CLUSTER));
    // Nothing names them before they are written: a write that fails leaves the disk as it was.
    this.next += count;
    this.dataChanged = true;
    for (let n = 0; n < count; n++) this.name(number + n, place + n);
    return at + count * CLUSTER;
  }

  async flush(): Promise<void> {
    const changed = [...this.tables].filter(([, table]) => table.changed);
    if (!this.dataChanged && changed.length === 0) return;
    const fresh = changed.filter(([, table]) => table.fresh);
    const write = (table: Table): void => this.file.write(bytesOf(table), table.cluster * CLUSTER);
    this.attempt(() => fresh.forEach(([, table]) => write(table)));
    await this.durable();
    if (changed.length > 0) {
      this.attempt(() => changed.forEach(([group, table]) => {
        if (table.fresh) this.writeRoot(group, table.cluster);
        else write(table);
      }));
      await this.durable();
    }
    this.dataChanged = false;
    for (const [, table] of changed) {
      table.changed = false;
      table.fresh = false;
    }
  }

  private writeRoot(group: number, cluster: number): void {
    this.root[group] = cluster;
    this.file.write(new Uint8Array(this.root.buffer, group * 4, 4), CLUSTER + group * 4);
  }

  private async durable(): Promise<void> {
    try {
      await this.file.flush();
    } catch (cause) {
      this.attempt(() => { throw cause; });
    }
  }

  async close(): Promise<void> {
    await this.file.close();
    await this.base.close();
  }
}

