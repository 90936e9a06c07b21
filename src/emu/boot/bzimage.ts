// The Linux/x86 boot protocol's image (Documentation/arch/x86/boot.rst, protocol 2.08 and later): setup
// header, protected-mode part and the compressed payload in it. Parsing only; linux.ts places things in
// memory.

import { KernelError } from '../errors.ts';

export type PayloadFormat = 'zstd' | 'gzip' | 'xz' | 'lzma' | 'bzip2' | 'lz4' | 'lzo' | 'elf' | 'unknown';

/** Offsets of the setup header in the file (and in boot_params). */
export const HDR = {
  SETUP_SECTS: 0x1F1, SYSSIZE: 0x1F4, BOOT_FLAG: 0x1FE, JUMP: 0x200, MAGIC: 0x202, VERSION: 0x206,
    TYPE_OF_LOADER: 0x210,
  LOADFLAGS: 0x211, CODE32_START: 0x214, RAMDISK_IMAGE: 0x218, RAMDISK_SIZE: 0x21C, CMD_LINE_PTR: 0x228,
  INITRD_ADDR_MAX: 0x22C, XLOADFLAGS: 0x236, CMDLINE_SIZE: 0x238, PAYLOAD_OFFSET: 0x248,
    PAYLOAD_LENGTH: 0x24C,
  SETUP_DATA: 0x250, PREF_ADDRESS: 0x258, INIT_SIZE: 0x260,
} as const;
export const XLF_KERNEL_64 = 1;

export interface BzImage {
  name: string;
  file: Uint8Array;
  version: number;
  /** Boot sector and setup code: the header to copy into boot_params is in here. */
  setupBytes: number;
  /** Protected-mode part. */
  system: Uint8Array;
  payload: Uint8Array;
  format: PayloadFormat;
  /** Bytes of the unpacked payload, 0 = unknown. */
  unpackedBytes: number;
  has64BitEntry: boolean;
  prefAddress: number;
  /** Memory that the kernel needs from prefAddress on until it reads the memory map. */
  initSize: number;
  initrdAddrMax: number;
  cmdlineSize: number;
}

const MAGICS: [PayloadFormat, number[]][] = [
  ['zstd', [0x28, 0xB5, 0x2F, 0xFD]], ['gzip', [0x1F, 0x8B]], ['xz', [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]],
  ['lzma', [0x5D, 0, 0]], ['bzip2', [0x42, 0x5A, 0x68]], ['lz4', [0x02, 0x21, 0x4C, 0x18]],
  ['lzo', [0x89, 0x4C, 0x5A, 0x4F]], ['elf', [0x7F, 0x45, 0x4C, 0x46]],
];

function formatOf(payload: Uint8Array): PayloadFormat {
  return MAGICS.find(([, magic]) => magic.every((byte, n) => payload[n] === byte))?.[0] ?? 'unknown';
}

/** True when the file carries a Linux setup header, good or not. */
export function looksLikeLinux(file: Uint8Array): boolean {
  const view = viewOf(file);
  return file.length > 0x210 && view.getUint16(HDR.BOOT_FLAG, true) === 0xAA55
    && view.getUint32(HDR.MAGIC, true) === 0x53726448;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Parses a bzImage; throws KernelError that names the file and what is wrong with it. */
export function parseBzImage(file: Uint8Array, name: string): BzImage {
  const take = 'Take the vmlinuz of a distribution, or arch/x86/boot/bzImage of a kernel build.';
  if (!looksLikeLinux(file)) {
    throw new KernelError(`${name} is not a Linux kernel: it has no setup header.`, take);
  }
  const view = viewOf(file);
  const version = view.getUint16(HDR.VERSION, true);
  if (version < 0x208) {
    throw new KernelError(`${name} uses boot protocol ${version >> 8}.${version & 255}; 2.8 is the oldest understood.`,
      'Use a kernel from 2008 (2.6.26) or later.');
  }
  const setupBytes = ((view.getUint8(HDR.SETUP_SECTS) || 4) + 1) * 512;
  const wanted = setupBytes + view.getUint32(HDR.SYSSIZE, true) * 16;
  const payloadAt = setupBytes + view.getUint32(HDR.PAYLOAD_OFFSET, true);
  const payloadBytes = view.getUint32(HDR.PAYLOAD_LENGTH, true);
  // syssize counts 16-byte units, so the last one may be short.
  if (file.length < wanted - 15 || file.length < payloadAt + payloadBytes) {
    throw new KernelError(`${name} is truncated: ${file.length} of ${wanted} bytes are there.`,
      'Copy or download the kernel again.');
  }
  const payload = file.subarray(payloadAt, payloadAt + payloadBytes);
  const format = formatOf(payload);
  return {
    name, file, version, setupBytes, format, payload,
    system: file.subarray(setupBytes),
    unpackedBytes: payloadBytes > 4 ? view.getUint32(payloadAt + payloadBytes - 4, true) : 0,
    has64BitEntry: version >= 0x20C && (view.getUint16(HDR.XLOADFLAGS, true) & XLF_KERNEL_64) !== 0,
    prefAddress: version >= 0x20A ? Number(view.getBigUint64(HDR.PREF_ADDRESS, true)) : 0x100000,
    initSize: version >= 0x20A ? view.getUint32(HDR.INIT_SIZE, true) : 0,
    initrdAddrMax: view.getUint32(HDR.INITRD_ADDR_MAX, true),
    cmdlineSize: view.getUint32(HDR.CMDLINE_SIZE, true) || 255,
  };
}
