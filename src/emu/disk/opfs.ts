// Overlay files in a page's own storage (File System standard, "origin private file system"): for machines
// through a synchronous access handle, which only workers have, and a list of them for the page. A Web Lock
// keeps two tabs, or two drives, from opening the same one; the browser lets go of lock and handle when the
// worker ends, in whatever way.

import { DiskError } from './block-device.ts';
import type { OverlayFile } from './kept-overlay.ts';
import { CLUSTER, readHeader, type OverlayHeader } from './overlay-format.ts';

export const KEPT_FOLDER = 'skep-disks';

interface SyncHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}
/** A File, as far as src/emu knows it. */
interface StoredFile { size: number; slice(start: number,
  end: number): { arrayBuffer(): Promise<ArrayBuffer> } }
interface FileHandle { kind: string; getFile(): Promise<StoredFile>; createSyncAccessHandle?(
  ): Promise<SyncHandle> }
interface Directory {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<Directory>;
  getFileHandle(name: string, options: { create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  entries(): AsyncIterable<[name: string, handle: FileHandle]>;
}
interface Locks {
  request(name: string, options: { signal?: AbortSignal }, held: () => Promise<void>): Promise<unknown>;
  query(): Promise<{ held?: { name?: string }[] }>;
}
declare const navigator: { storage?: { getDirectory?(): Promise<Directory> }; locks?: Locks };

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

/** Where overlays are; undefined in a browser without such storage. */
async function keptFolder(): Promise<Directory | undefined> {
  try {
    const root = await navigator.storage?.getDirectory?.();
    return await root?.getDirectoryHandle(KEPT_FOLDER, { create: true });
  } catch (cause) {
    throw new DiskError('this browser does not let the page keep changes: allow site data, or leave private browsing', { cause });
  }
}

async function openHandle(name: string): Promise<SyncHandle> {
  const file = await (await keptFolder())?.getFileHandle(name, { create: true });
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

/** A stored overlay, as its header tells. */
export interface KeptEntry {
  name: string;
  /** Room that it takes. */
  bytes: number;
  inUse: boolean;
  /** Undefined where the header cannot be read. */
  header: OverlayHeader | undefined;
}

async function piece(file: StoredFile, at: number, bytes: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(at, at + bytes).arrayBuffer());
}

/** All overlays in this page's storage, by name. */
export async function listKept(): Promise<KeptEntry[]> {
  const folder = await keptFolder();
  const held = new Set((await navigator.locks?.query())?.held?.map(({ name }) => name));
  const entries: KeptEntry[] = [];
  for await (const [name, handle] of folder?.entries() ?? []) {
    if (handle.kind !== 'file') continue;
    const file = await handle.getFile();
    const head = await piece(file, 0, CLUSTER);
    let header: OverlayHeader | undefined;
    try {
      header = readHeader(head);
    } catch {
      // Shown as damaged; its owner may still delete it.
    }
    entries.push({ name, bytes: file.size, inUse: held.has(keptLock(name)), header });
  }
  return entries.sort((a, b) => a.name.localeCompare(b.name));
}

/** Rejects with a DiskError while a machine uses it. */
export async function deleteKept(name: string): Promise<void> {
  const release = await lock(name);
  try {
    await (await keptFolder())?.removeEntry(name);
  } finally {
    release();
  }
}

/** An overlay to read from, in a page itself; close() lets others have it again. */
export async function readKept(name: string): Promise<OverlayFile> {
  const release = await lock(name);
  const never = (): never => { throw new DiskError('these changes can only be read'); };
  try {
    const handle = await (await keptFolder())?.getFileHandle(name, { create: false });
    if (handle === undefined) throw new DiskError('there are no such changes');
    const file = await handle.getFile();
    return { size: () => file.size, write: never, truncate: never, flush: () => {}, close: release,
      read: async (into, at) => into.set(await piece(file, at, into.length)) };
  } catch (error) {
    release();
    throw error;
  }
}
