// From a drive's configuration to its block device. Paths need Node: its worker gives `openPath`. An address
// or a path that ends in .json is the index of a chunked image.

import { BlobDevice } from './blob.ts';
import { DiskError, type BlockDevice, type DiskSource, type DriveConfig } from './block-device.ts';
import { openChunkedUrl } from './chunked.ts';
import { openHttp } from './http-range.ts';
import { MemoryDevice } from './memory.ts';
import { OverlayDevice } from './overlay.ts';

export type OpenPath = (path: string, readOnly: boolean) => BlockDevice | Promise<BlockDevice>;

const CHUNK_INDEX = /\.json$/;

export function isChunkIndex(name: string): boolean {
  return CHUNK_INDEX.test(name);
}

async function openSource(source: DiskSource, readOnly: boolean, openPath: OpenPath
  | undefined): Promise<BlockDevice> {
  switch (source.kind) {
    case 'bytes': return new MemoryDevice(source.bytes);
    case 'blob': return new BlobDevice(source.blob);
    case 'url':
      return isChunkIndex(new URL(source.url).pathname) ? openChunkedUrl(source.url) : openHttp(source.url);
    case 'path':
      if (openPath === undefined) throw new DiskError('a page has no files by path');
      return openPath(source.path, readOnly);
  }
}

/** Undefined for an empty CD-ROM drive. Rejects with a DiskError. */
export async function openDrive(config: DriveConfig, openPath?: OpenPath): Promise<BlockDevice | undefined> {
  if (config.source === undefined) return undefined;
  const cd = config.type === 'cdrom';
  const device = await openSource(config.source, cd || config.snapshot, openPath);
  if (device.sizeBytes === 0) {
    await device.close();
    throw new DiskError('the image is empty');
  }
  return !cd && device.readOnly ? new OverlayDevice(device) : device;
}
