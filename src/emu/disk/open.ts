// From a drive's configuration to its block device. What only one kind of host has (files by path, a place to
// keep changes in) is given by its worker. An address or a path that ends in .json is the index of a chunked
// image.

import { BlobDevice } from './blob.ts';
import { DiskError, type BlockDevice, type DiskSource, type DriveConfig } from './block-device.ts';
import { openChunkedUrl } from './chunked.ts';
import type { OnRetry } from './fetching.ts';
import { openHttp } from './http-range.ts';
import { checkImage } from './image-kind.ts';
import { KeptOverlay, type OverlayFile } from './kept-overlay.ts';
import { MemoryDevice } from './memory.ts';
import { OverlayDevice } from './overlay.ts';

export interface DiskHost {
  openPath?(path: string, readOnly: boolean): BlockDevice | Promise<BlockDevice>;
  /** By name in a page, by path in Node. */
  openKept?(name: string): OverlayFile | Promise<OverlayFile>;
  onRetry?: OnRetry;
}

const CHUNK_INDEX = /\.json$/;

export function isChunkIndex(name: string): boolean {
  return CHUNK_INDEX.test(name);
}

/** Opens an image by itself, without a layer. */
export async function openSource(source: DiskSource, readOnly: boolean, host: DiskHost =
  {}): Promise<BlockDevice> {
  switch (source.kind) {
    case 'bytes': return new MemoryDevice(source.bytes);
    case 'blob': return new BlobDevice(source.blob);
    case 'url': {
      const options = { onRetry: host.onRetry };
      return isChunkIndex(new URL(source.url).pathname) ? openChunkedUrl(source.url, options)
        : openHttp(source.url, options);
    }
    case 'path':
      if (host.openPath === undefined) throw new DiskError('a page has no files by path');
      return host.openPath(source.path, readOnly);
  }
}

async function openOverlay(base: BlockDevice, name: string, config: DriveConfig,
  host: DiskHost): Promise<BlockDevice> {
  if (host.openKept === undefined) throw new DiskError('this host has no place to keep changes in');
  const file = await host.openKept(name);
  try {
    const { source } = config;
    return await KeptOverlay.open(base, file,
      { name: config.name, ...(source?.kind === 'url' ? { url: source.url } : {}) });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Undefined for an empty CD-ROM drive. Rejects with a DiskError. */
export async function openDrive(config: DriveConfig, host: DiskHost = {}): Promise<BlockDevice | undefined> {
  if (config.source === undefined) return undefined;
  const cd = config.type === 'cdrom';
  const device = await openSource(config.source, cd || config.snapshot || config.keep !== undefined, host);
  try {
    await checkImage(device);
    if (config.keep !== undefined) return await openOverlay(device, config.keep, config, host);
  } catch (error) {
    await device.close();
    throw error;
  }
  return !cd && device.readOnly ? new OverlayDevice(device) : device;
}
