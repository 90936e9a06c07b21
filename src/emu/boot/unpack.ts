// Unpacks the payload of a bzImage on the host, at host speed, instead of in the guest (0.8 G guest
// instructions of a stock Debian boot). zstd and gzip; a kernel packed otherwise unpacks itself through its
// 64-bit entry.

import { ZSTDDecoder } from 'zstddec';
import { KernelError } from '../errors.ts';
import type { BzImage } from './bzimage.ts';

/** A host's faster zstd, if it has one (Node 22.15 and later); set by the platform. */
let nativeZstd: ((packed: Uint8Array) => Uint8Array) | undefined;
export function useNativeZstd(unpack: (packed: Uint8Array) => Uint8Array): void {
  nativeZstd = unpack;
}

/** A size that no kernel reaches; guards against a damaged size word. */
const MAX_UNPACKED = 1 << 30;

/** The kernel's ELF file, or undefined when only the kernel itself can unpack it. */
export async function unpackPayload(image: BzImage): Promise<Uint8Array | undefined> {
  const { payload, format, unpackedBytes } = image;
  try {
    switch (format) {
      case 'elf': return payload;
      case 'zstd':
        // Kbuild appends the unpacked size, four bytes that are no part of the frame (scripts/Makefile.lib,
        // size_append).
        if (unpackedBytes === 0 || unpackedBytes > MAX_UNPACKED) return undefined;
        return await unpackZstd(payload.subarray(0, payload.length - 4), unpackedBytes);
      case 'gzip': return await gunzip(payload);
      default: return undefined;
    }
  } catch (error) {
    throw new KernelError(`The ${format} payload of ${image.name} is damaged.`,
      'Copy or download the kernel again.',
      'bad-kernel');
  }
}

async function unpackZstd(packed: Uint8Array, unpackedBytes: number): Promise<Uint8Array> {
  if (nativeZstd !== undefined) return nativeZstd(packed);
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder.decode(packed, unpackedBytes);
}

async function gunzip(packed: Uint8Array): Promise<Uint8Array> {
  const copy = new Uint8Array(packed);
  const stream = new Blob([copy]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
