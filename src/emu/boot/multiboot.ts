// Multiboot 1 kernels (Multiboot Specification 0.6.96): header, ELF32 and ELF64 images and the address fields
// ("a.out kludge"), modules, command line, memory map. Entry is 32-bit protected mode, EAX = 0x2BADB002, EBX
// = information structure. Left out: drives, APM, VBE (a request for a video mode is ignored), section
// headers.

import { KernelError } from '../errors.ts';
import type { BootConfig, NamedBytes } from '../config.ts';
import { isElf, parseElf } from './elf.ts';
import { BootKind, LOW, memoryMap, type BootState, type GuestRam } from './guest-ram.ts';

const MAGIC = 0x1BADB002;
const SEARCH_BYTES = 8192;
const FLAG = { PAGE_ALIGN: 1, MEMORY: 2, VIDEO: 4, ADDRESSES: 1 << 16 } as const;
/** Bits 0-15 are requirements; those above VIDEO are undefined and must be refused (§3.1.2). */
const UNKNOWN_REQUIREMENTS = 0xFFF8;
const INFO = { FLAGS: 0, MEM_LOWER: 4, MEM_UPPER: 8, CMDLINE: 16, MODS_COUNT: 20, MODS_ADDR: 24,
  MMAP_LENGTH: 44,
  MMAP_ADDR: 48, LOADER_NAME: 64, BYTES: 116 } as const;
const INFO_FLAGS = { MEMORY: 1, CMDLINE: 4, MODULES: 8, MMAP: 64, LOADER_NAME: 512 } as const;
const PAGE = 4096;

export interface MultibootHeader {
  at: number;
  flags: number;
  /** header, load start, load end, bss end, entry: present with FLAG.ADDRESSES. */
  addresses?: { header: number; load: number; loadEnd: number; bssEnd: number; entry: number };
}

/** The header in the first 8192 bytes, on a 4-byte boundary, with a good checksum (§3.1). */
export function findMultiboot(file: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = Math.min(file.length, SEARCH_BYTES) - 12;
  for (let at = 0; at <= end; at += 4) {
    if (view.getUint32(at, true) !== MAGIC) continue;
    const flags = view.getUint32(at + 4, true);
    if (((MAGIC + flags + view.getUint32(at + 8, true)) >>> 0) !== 0) continue;
    if ((flags & FLAG.ADDRESSES) === 0 || at + 32 > file.length) return { at, flags };
    const word = (n: number): number => view.getUint32(at + 12 + 4 * n, true);
    return { at, flags, addresses: { header: word(0), load: word(1), loadEnd: word(2), bssEnd: word(3),
      entry: word(4) } };
  }
  return undefined;
}

export function loadMultiboot(ram: GuestRam, boot: BootConfig): BootState {
  const { name, bytes } = boot.kernel;
  const header = findMultiboot(bytes);
  if (header === undefined) {
    throw new KernelError(`${name} has no multiboot header in its first ${SEARCH_BYTES} bytes.`,
      'Give a Linux bzImage or a multiboot 1 kernel.');
  }
  if ((header.flags & UNKNOWN_REQUIREMENTS) !== 0) {
    throw new KernelError(`${name} requires multiboot features 0x${(header.flags & UNKNOWN_REQUIREMENTS).toString(16)
    } that do not exist in version 1.`, 'Clear these bits of the header\'s flags.');
  }
  const placed = header.addresses !== undefined ? placeByAddresses(ram, boot.kernel, header, header.addresses)
    : placeElf(ram, boot.kernel);
  putInfo(ram, boot, placed.end);
  return { kind: BootKind.MULTIBOOT, entry: BigInt(placed.entry), arg: BigInt(LOW.MULTIBOOT_INFO), cr3: 0n };
}

function checkLoadAddress(name: string, address: number): void {
  if (address < LOW.HIGH) {
    throw new KernelError(`${name} wants to be loaded at 0x${address.toString(16)}, below 1 MiB.`,
      'Link it to 0x100000 or above.');
  }
}

function placeElf(ram: GuestRam, kernel: NamedBytes): { entry: number; end: number } {
  if (!isElf(kernel.bytes)) {
    throw new KernelError(`${kernel.name} is a multiboot kernel that is neither ELF nor has address fields.`,
      'Link it as ELF, or set bit 16 of the header\'s flags and fill the address fields in.');
  }
  const elf = parseElf(kernel.bytes, kernel.name);
  let end = 0;
  let entry = elf.entry;
  for (const segment of elf.segments) {
    if (segment.memoryBytes === 0) continue;
    checkLoadAddress(kernel.name, segment.physical);
    const what = `The kernel ${kernel.name}`;
    ram.put(segment.physical, kernel.bytes.subarray(segment.fileOffset,
      segment.fileOffset + segment.fileBytes), what);
    ram.zero(segment.physical + segment.fileBytes, segment.memoryBytes - segment.fileBytes, what);
    end = Math.max(end, segment.physical + segment.memoryBytes);
    // Kernels linked to a high half give a virtual entry; the CPU starts without paging.
    const inSegment = elf.entry - segment.virtual;
    if (inSegment >= 0 && inSegment < segment.memoryBytes) entry = segment.physical + inSegment;
  }
  if (entry > 0xFFFFFFFF) {
    throw new KernelError(`${kernel.name} has its entry at 0x${entry.toString(16)}, outside of every segment.`,
      'Multiboot enters in 32-bit mode: link the entry below 4 GiB.');
  }
  return { entry, end };
}

function placeByAddresses(ram: GuestRam, kernel: NamedBytes, header: MultibootHeader,
  addresses: NonNullable<MultibootHeader['addresses']>): { entry: number; end: number } {
  const from = header.at - (addresses.header - addresses.load);
  const length = addresses.loadEnd === 0 ? kernel.bytes.length - from : addresses.loadEnd - addresses.load;
  if (from < 0 || length < 0 || from + length > kernel.bytes.length) {
    throw new KernelError(`The multiboot address fields of ${kernel.name} point outside the file of ${
      kernel.bytes.length} bytes.`, 'Correct header_addr, load_addr and load_end_addr, or copy the whole file.');
  }
  checkLoadAddress(kernel.name, addresses.load);
  const what = `The kernel ${kernel.name}`;
  ram.put(addresses.load, kernel.bytes.subarray(from, from + length), what);
  const loaded = addresses.load + length;
  const end = Math.max(loaded, addresses.bssEnd);
  ram.zero(loaded, end - loaded, what);
  return { entry: addresses.entry, end };
}

function putInfo(ram: GuestRam, boot: BootConfig, kernelEnd: number): void {
  const info = LOW.MULTIBOOT_INFO;
  const strings = new StringArea(ram);
  ram.zero(info, LOW.MULTIBOOT_END - info, 'The multiboot information');
  ram.put32(info + INFO.FLAGS,
    INFO_FLAGS.MEMORY | INFO_FLAGS.CMDLINE | INFO_FLAGS.MMAP | INFO_FLAGS.LOADER_NAME
    | INFO_FLAGS.MODULES);
  ram.put32(info + INFO.MEM_LOWER, LOW.EBDA >> 10);
  ram.put32(info + INFO.MEM_UPPER, (ram.size - LOW.HIGH) >>> 10);
  ram.put32(info + INFO.CMDLINE, strings.put([boot.kernel.name,
    boot.append].filter((word) => word !== '').join(' ')));
  ram.put32(info + INFO.LOADER_NAME, strings.put('skep'));
  // §3.3: each entry is preceded by its size, which does not count itself.
  let at = info + 0x80;
  ram.put32(info + INFO.MMAP_ADDR, at);
  for (const range of memoryMap(ram.size)) {
    ram.put32(at, 20);
    ram.put64(at + 4, BigInt(range.start));
    ram.put64(at + 12, BigInt(range.bytes));
    ram.put32(at + 20, range.type);
    at += 24;
  }
  ram.put32(info + INFO.MMAP_LENGTH, at - info - 0x80);
  const modules = (at + 15) & ~15;
  ram.put32(info + INFO.MODS_COUNT, boot.initrd.length);
  ram.put32(info + INFO.MODS_ADDR, modules);
  let next = kernelEnd;
  boot.initrd.forEach((module, n) => {
    const start = Math.ceil(next / PAGE) * PAGE;
    ram.put(start, module.bytes, `The module ${module.name}`);
    next = start + module.bytes.length;
    ram.put32(modules + 16 * n, start);
    ram.put32(modules + 16 * n + 4, next);
    ram.put32(modules + 16 * n + 8, strings.put(module.name));
  });
}

class StringArea {
  private next: number = LOW.MULTIBOOT_STRINGS;
  constructor(private readonly ram: GuestRam) {}

  put(text: string): number {
    const bytes = new TextEncoder().encode(`${text}\0`);
    if (this.next + bytes.length > LOW.MULTIBOOT_END) {
      throw new KernelError(`The command lines have more than ${LOW.MULTIBOOT_END - LOW.MULTIBOOT_STRINGS} bytes.`,
        'Shorten --append.', 'bad-config');
    }
    this.ram.put(this.next, bytes, 'The command line');
    const at = this.next;
    this.next += bytes.length;
    return at;
  }
}
