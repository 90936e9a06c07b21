// Overlay files in a page's own storage (File System standard, "origin private file system"), through a
// synchronous access handle, which only workers have. A Web Lock keeps two tabs, or two drives, from opening
// the same one; the browser lets go of lock and handle when the worker ends, in whatever way.

import { DiskError } from './block-device.ts';
import type { OverlayFile } from './kept-overlay.ts';

export const KEPT_FOLDER = 'skep-disks';

interface SyncHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}
interface Directory {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<Directory>;
  getFileHandle(name: string, options: { create: boolean }): Promise<{ createSyncAccessHandle?(
    ): Promise<SyncHandle> }>;
}
interface PageNavigator {
  storage?: { getDirectory?(): Promise<Directory> };
  locks?: { request(name: string, options: { signal: AbortSignal }, held: () =>
    Promise<void>): Promise<unknown> };
}
declare const navigator: PageNavigator;

/** The last holder may just be ending: a page that was reloaded, a machine that was stopped. */
const PATIENCE_MS = 2000;
const RETRY_MS = 100;

export function keptLock(name: string): string {
  return `skep kept disk ${name}`;
}

const inUse = (): DiskError => new DiskError('its kept changes are in use by another tab, window or drive: close that one, '
  + 'or start without keeping changes');

/** Resolves with what lets go of the lock. */
function lock(name: string): Promise<() => void> {
  const { locks } = navigator;
  if (locks === undefined) return Promise.reject(new DiskError('this browser cannot keep changes: it has no Web Locks'));
  return new Promise((resolve, reject) => {
    locks.request(keptLock(name), { signal: AbortSignal.timeout(PATIENCE_MS) },
      () => new Promise<void>((release) => { resolve(release); })).catch(() => reject(inUse()));
  });
}

async function openHandle(name: string): Promise<SyncHandle> {
  let directory: Directory | undefined;
  try {
    directory = await navigator.storage?.getDirectory?.();
  } catch (cause) {
    throw new DiskError('this browser does not let the page keep changes: allow site data, or leave private browsing', { cause });
  }
  const file = await (await directory?.getDirectoryHandle(KEPT_FOLDER, { create: true }))
    ?.getFileHandle(name, { create: true });
  if (file?.createSyncAccessHandle === undefined) throw new DiskError('this browser cannot keep changes: it has no private file system');
  for (const start = performance.now(); ;) {
    try {
      return await file.createSyncAccessHandle();
    } catch (cause) {
      if (performance.now() - start > PATIENCE_MS) throw inUse();
      if ((cause as Error).name !== 'NoModificationAllowedError') throw cause;
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

class OpfsFile implements OverlayFile {
  constructor(private readonly handle: SyncHandle, private readonly release: () => void) {}

  size(): number {
    return this.handle.getSize();
  }
  read(into: Uint8Array, at: number): void {
    const bytes = into.length === 0 ? 0 : this.handle.read(into, { at });
    if (bytes !== into.length) throw new DiskError('the kept changes have become shorter');
  }
  write(from: Uint8Array, at: number): void {
    for (let done = 0; done < from.length;) {
      const bytes = this.handle.write(from.subarray(done), { at: at + done });
      if (bytes === 0) throw new DiskError('there is no room left to keep changes in');
      done += bytes;
    }
  }
  truncate(bytes: number): void {
    this.handle.truncate(bytes);
  }
  flush(): void {
    this.handle.flush();
  }
  close(): void {
    this.handle.close();
    this.release();
  }
}

/** Opens the overlay file of that name, new or not; rejects with a DiskError. */
export async function openKept(name: string): Promise<OverlayFile> {
  const release = await lock(name);
  try {
    return new OpfsFile(await openHandle(name), release);
  } catch (error) {
    release();
    throw error;
  }
}
