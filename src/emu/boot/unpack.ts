// Unpacks the payload of a bzImage on the host, at host speed, instead of in the guest (0.8 G guest
// instructions of a stock Debian boot). zstd into guest RAM by the core (unzstd.ts), gzip by the host's
// DecompressionStream; a kernel packed otherwise unpacks itself through its 64-bit entry.

import { KernelError } from '../errors.ts';
import type { BzImage } from './bzimage.ts';
import { LOW, type GuestRam } from './guest-ram.ts';
import { UNZSTD_SLACK, type Unzstd } from './unzstd.ts';

/** A size that no kernel reaches; guards against a damaged size word. */
const MAX_UNPACKED = 1 << 30;
/**
 * Where the linker puts the first segment of an x86-64 kernel in its file (max-page-size). Unpacked so much
 * below its address most of the kernel lies where it belongs.
 */
const FIRST_SEGMENT = 0x200000;

/** The kernel's ELF file, or undefined when only the kernel itself can unpack it; it may lie in guest RAM. */
export async function unpackPayload(image: BzImage, ram: GuestRam, unzstd: Unzstd | undefined):
Promise<Uint8Array | undefined> {
  const { payload, format, unpackedBytes } = image;
  switch (format) {
    case 'elf': return payload;
    case 'zstd': return unzstd === undefined || unpackedBytes === 0 || unpackedBytes > MAX_UNPACKED ? undefined
      : unpackZstd(image, ram, unzstd);
    case 'gzip': return gunzip(payload).catch(() => { throw damaged(image); });
    default: return undefined;
  }
}

function damaged(image: BzImage): KernelError {
  return new KernelError(`The ${image.format} payload of ${image.name} is damaged.`,
    'Copy or download the kernel again.', 'bad-kernel');
}

async function unpackZstd(image: BzImage, ram: GuestRam, unzstd: Unzstd): Promise<Uint8Array> {
  // Kbuild appends the unpacked size, four bytes that are no part of the frame (scripts/Makefile.lib,
  // size_append).
  const { payload, unpackedBytes, prefAddress } = image;
  const at = prefAddress - FIRST_SEGMENT >= LOW.HIGH ? prefAddress - FIRST_SEGMENT : prefAddress;
  const bytes = await unzstd.unpack(payload.subarray(0, payload.length - 4), ram, at, unpackedBytes
    + UNZSTD_SLACK);
  if (bytes !== unpackedBytes) throw damaged(image);
  return ram.slice(at, bytes, `The kernel ${image.name}`);
}

async function gunzip(packed: Uint8Array): Promise<Uint8Array> {
  const copy = new Uint8Array(packed);
  const stream = new Blob([copy]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
