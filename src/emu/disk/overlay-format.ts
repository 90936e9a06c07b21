// The overlay file "skep-overlay-1": what a guest has written over a disk image, kept apart from the image.
// Numbers are little-endian; the unit is a cluster of 4096 bytes, and cluster numbers count from the start of
// the file.
//
//   cluster 0            header, below; written last when the file is made, and never again
//   clusters 1 to R      root: a 32-bit number per 1024 clusters of the disk, that of their table; 0: none
//   all others           tables and data, in order of first use. A table has a 32-bit number per cluster of
//                        the disk, that of its data; 0: the image's own
//
// A crash at any moment leaves a good file, because a number goes from 0 to its value only after that what it
// names is durable, and lies inside one sector. What nothing names, at the end of the file, is used again.

import { crc32 } from './crc32.ts';
import { DiskError } from './block-device.ts';

export const CLUSTER = 4096;
/** Numbers in a table. */
export const TABLE_ENTRIES = 1024;
/** Disk bytes that one table covers. */
export const TABLE_SPAN = CLUSTER * TABLE_ENTRIES;
export const MAX_DISK_BYTES = 2 ** 41;

const MAGIC = 'SKEPOVL1';
const enum Header {
  MAGIC = 0, CLUSTER_BYTES = 8, ROOT_CLUSTERS = 12, DISK_BYTES = 16, TEXT_BYTES = 24, TEXT = 32, CRC = 4092,
}

/** The image below, as JSON in the header. */
export interface OverlayBase {
  /** For people; a file's name or the last part of an address. */
  name: string;
  /** Absent for a file that the user has to choose again. */
  url?: string;
  /** BlockDevice.identity. */
  identity: string;
  /** When the changes were begun, ISO 8601. */
  since: string;
}

export interface OverlayHeader { diskBytes: number; rootClusters: number; base: OverlayBase }

export function rootClustersFor(diskBytes: number): number {
  return Math.ceil(Math.ceil(diskBytes / TABLE_SPAN) * 4 / CLUSTER);
}

export function writeHeader(diskBytes: number, base: OverlayBase): Uint8Array {
  const bytes = new Uint8Array(CLUSTER);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC), Header.MAGIC);
  view.setUint32(Header.CLUSTER_BYTES, CLUSTER, true);
  view.setUint32(Header.ROOT_CLUSTERS, rootClustersFor(diskBytes), true);
  view.setBigUint64(Header.DISK_BYTES, BigInt(diskBytes), true);
  let text = new TextEncoder().encode(JSON.stringify(base));
  if (Header.TEXT + text.length > Header.CRC) {
    // An address of thousands of characters: the user will be asked for it.
    const { url: _long, ...rest } = base;
    text = new TextEncoder().encode(JSON.stringify({ ...rest, name: rest.name.slice(0, 200) }));
  }
  if (Header.TEXT + text.length > Header.CRC) throw new DiskError('the image tells too much of itself to keep changes of it');
  view.setUint32(Header.TEXT_BYTES, text.length, true);
  bytes.set(text, Header.TEXT);
  view.setUint32(Header.CRC, crc32(bytes.subarray(0, Header.CRC)), true);
  return bytes;
}

/** Undefined for a file that was never finished; rejects what is damaged or of another kind. */
export function readHeader(bytes: Uint8Array): OverlayHeader | undefined {
  if (bytes.length < CLUSTER || bytes.every((byte) => byte === 0)) return undefined;
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    throw new DiskError(magic.startsWith(MAGIC.slice(0, -1)) ? 'the kept changes were made by another version of Skep'
      : 'the file of the kept changes is something else');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, CLUSTER);
  const damaged = new DiskError('the kept changes are damaged: the checksum of their header is wrong');
  if (view.getUint32(Header.CRC, true) !== crc32(bytes.subarray(0, Header.CRC))) throw damaged;
  const text = bytes.subarray(Header.TEXT, Header.TEXT + view.getUint32(Header.TEXT_BYTES, true));
  return { diskBytes: Number(view.getBigUint64(Header.DISK_BYTES, true)),
    rootClusters: view.getUint32(Header.ROOT_CLUSTERS, true),
      base: JSON.parse(new TextDecoder().decode(text)) as OverlayBase };
}
