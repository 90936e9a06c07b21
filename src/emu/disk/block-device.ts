// A block device as the I/O worker sees it: bytes at offsets, asynchronous. Implementations are backends
// (memory.ts, blob.ts, http-range.ts, node-file.ts) and layers over one (overlay.ts). Offsets and lengths are
// in range and one call at a time runs per device, but for reads that the guest has given up and that have
// not ended yet: the service (service.ts) sees to both.

export interface BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Fills all of `into`, or rejects with a DiskError: never fewer bytes, never zeros instead. */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** `from` may be changed by the caller as soon as the promise settles. */
  write(offset: number, from: Uint8Array): Promise<void>;
  /** What was written before is durable afterwards, as far as the backend can be. */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** What tells this image from another of the same size; a layer has none. */
  identity?(): Promise<string>;
  /** Where the image is loaded over a network: how much of it so far. */
  readonly download?: Download | undefined;
}

export interface Download {
  /** Bytes that have come. */
  bytes: number;
  /** Bytes that loading all of the image would take. */
  total: number;
}

/** A backend failed. The guest sees a device error; the message is for people. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  /** Of a read: how many bytes from its beginning on were filled all the same. */
  readonly good: number;

  constructor(message: string, options: { cause?: unknown; good?: number } = {}) {
    super(message, options);
    this.good = options.good ?? 0;
  }

  /** The same failure, seen by a reader who already had `bytes`; others may hold the error itself. */
  behind(bytes: number): DiskError {
    return new DiskError(this.message, { cause: this.cause, good: bytes + this.good });
  }
}

/** A failure of a read whose first `bytes` are there. */
export function failedBehind(bytes: number, error: unknown): unknown {
  return error instanceof DiskError ? error.behind(bytes) : error;
}

/** Where an image comes from. Survives structured cloning: it is opened in the I/O worker. */
export type DiskSource =
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'url'; url: string }
  | { kind: 'path'; path: string };

/** One drive of the machine. Positions 0 to 3: hda, hdb (primary), hdc, hdd (secondary channel). */
export interface DriveConfig {
  position: number;
  type: 'disk' | 'cdrom';
  /** For messages. */
  name: string;
  /** Absent: an empty CD-ROM drive. */
  source?: DiskSource;
  /** Writes stay in memory, the source is left alone. Sources that cannot be written always do that. */
  snapshot: boolean;
  /** Writes are kept in the overlay of this name (page) or path (Node), the source is left alone. */
  keep?: string;
}

export const DISK_SECTOR = 512;
export const CD_SECTOR = 2048;
