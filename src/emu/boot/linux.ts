// Direct boot of a Linux kernel (Documentation/arch/x86/boot.rst, "64-bit boot protocol", "32-bit boot
// protocol") with the work of the kernel's own decompressor (arch/x86/boot/compressed) done on the host: the
// payload is unpacked, its ELF segments go to their physical addresses, and CPU 0 enters startup_64 of
// vmlinux with an identity map, or startup_32 without paging, and boot_params in RSI. What the decompressor
// passes on and this loader therefore provides: KASLR_FLAG of loadflags clear (no randomisation, so the
// relocations behind the ELF file are not needed: they are for a delta, and the delta is 0), the RSDP address
// in boot_params, a zeroed sentinel, 4-level paging (the CPU announces no LA57), screen_info of the text mode
// that the display starts in. Left out: EFI, setup_data.

import { KernelError } from '../errors.ts';
import type { BootConfig } from '../config.ts';
import { HDR, parseBzImage, type BzImage } from './bzimage.ts';
import { parseElf, type ElfSegment } from './elf.ts';
import { BootKind, LOW, memoryMap, putIdentityMap, type BootState, type GuestRam } from './guest-ram.ts';
import { unpackPayload } from './unpack.ts';
import type { Unzstd } from './unzstd.ts';

/** Offsets in boot_params (arch/x86/include/uapi/asm/bootparam.h). */
const BP = { SCREEN_INFO: 0x00, ACPI_RSDP_ADDR: 0x70, EXT_RAMDISK: 0xC0, E820_ENTRIES: 0x1E8,
  E820_TABLE: 0x2D0,
  BYTES: 0x1000 } as const;
/**
 * struct screen_info (include/uapi/linux/screen_info.h) of mode 3: 80x25 characters of 16 lines, VGA colour.
 */
const SCREEN = { ORIG_Y: 0x01, MODE: 0x06, COLUMNS: 0x07, EGA_BX: 0x0A, LINES: 0x0E, IS_VGA: 0x0F,
  POINTS: 0x10 } as const;
const VGA_MODE = 3;
/** BL of INT 10h function 12h: 256 KiB of video memory, colour. */
const EGA_BX_256K = 3;
const LOADED_HIGH = 1;
const KASLR_FLAG = 2;
const LOADER_UNDEFINED = 0xFF;
const PAGE = 4096;
/** The 64-bit entry of the packed kernel, from the start of its protected-mode part. */
const ENTRY_64 = 0x200;

/**
 * Loads kernel, initramfs and boot_params; `rsdp` is the ACPI root pointer's address, 0 = none. Without
 * `unzstd` a kernel that is packed by zstd unpacks itself.
 */
export async function loadLinux(ram: GuestRam, boot: BootConfig, rsdp: number, unzstd: Unzstd | undefined):
Promise<BootState> {
  const image = parseBzImage(boot.kernel.bytes, boot.kernel.name);
  const bottom = image.prefAddress + image.initSize;
  ram.slice(image.prefAddress, image.initSize, `The kernel ${image.name}`);
  const initrd = placeInitrd(ram, boot, bottom, image.initrdAddrMax);
  const placed = await placeKernel(ram, image, unzstd);
  putInitrd(ram, boot, initrd.at);
  putBootParams(ram, image, initrd, rsdp);
  putCommandLine(ram, image, boot.append);
  return { kind: placed.bits === 64 ? BootKind.LINUX64 : BootKind.LINUX32, entry: BigInt(placed.entry),
    arg: BigInt(LOW.BOOT_PARAMS), cr3: placed.bits === 64 ? putIdentityMap(ram) : 0n };
}

/** Where the kernel is entered, and in which mode. */
interface Placed { entry: number; bits: 32 | 64 }

async function placeKernel(ram: GuestRam, image: BzImage, unzstd: Unzstd | undefined): Promise<Placed> {
  const vmlinux = await unpackPayload(image, ram, unzstd);
  if (vmlinux === undefined) return placePacked(ram, image);
  const elf = parseElf(vmlinux, `the payload of ${image.name}`);
  placeSegments(ram, vmlinux, elf.segments, `The kernel ${image.name}`);
  return { entry: elf.entry, bits: elf.bits };
}

/** Segments to their addresses, cleared to their size in memory. `file` may lie in the same RAM. */
function placeSegments(ram: GuestRam, file: Uint8Array, segments: readonly ElfSegment[], what: string): void {
  const inRam = file.buffer === ram.bytes.buffer;
  const fileAt = inRam ? file.byteOffset - ram.bytes.byteOffset : 0;
  // None may be overwritten by one that is moved before it: those that go down are moved in rising order.
  const rising = segments.toSorted((a, b) => a.physical - b.physical);
  const down = rising.every((segment, n) => segment.physical <= fileAt + segment.fileOffset
    && segment.fileOffset >= (rising[n - 1]?.fileOffset ?? 0));
  const source = inRam && !down ? file.slice() : file;
  for (const { physical, fileOffset, fileBytes } of rising) {
    if (source === file && inRam && physical === fileAt + fileOffset) continue;
    ram.put(physical, source.subarray(fileOffset, fileOffset + fileBytes), what);
  }
  let end = fileAt;
  for (const { physical, fileBytes, memoryBytes } of rising) {
    // Between them is nothing but what the file had there.
    if (inRam && end < physical) ram.zero(end, physical - end, what);
    ram.zero(physical + fileBytes, memoryBytes - fileBytes, what);
    end = physical + memoryBytes;
  }
  const fileEnd = fileAt + file.length;
  if (inRam && end < fileEnd) ram.zero(end, fileEnd - end, what);
}

/** A payload only the kernel's own decompressor understands, or a program in the clothes of a kernel. */
function placePacked(ram: GuestRam, image: BzImage): Placed {
  ram.put(image.prefAddress, image.system, `The kernel ${image.name}`);
  return image.has64BitEntry ? { entry: image.prefAddress + ENTRY_64, bits: 64 }
    : { entry: image.prefAddress, bits: 32 };
}

/**
 * Members of an initramfs are padded to 4 bytes
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
const paddedBytes = (part: Uint8Array): number => (part.length + 3) & ~3;

/**
 * As high as the kernel allows, page-aligned, above what the kernel needs for itself; several files are
 * joined.
 */
function placeInitrd(ram: GuestRam, boot: BootConfig, bottom: number,
  addressMax: number): { at: number; bytes: number } {
  const bytes = boot.initrd.reduce((sum, part) => sum + paddedBytes(part.bytes), 0);
  if (bytes === 0) return { at: 0, bytes: 0 };
  const top = Math.min(ram.size, addressMax === 0 ? 0x37FFFFFF : addressMax + 1);
  const at = Math.floor((top - bytes) / PAGE) * PAGE;
  if (at < bottom) {
    const name = boot.initrd.map((part) => part.name).join(', ');
    const needed = Math.ceil((bottom + bytes + PAGE) / (1 << 20));
    throw new KernelError(`The initramfs ${name} (${bytes} bytes) does not fit beside the kernel in ${
      ram.size / (1 << 20)} MiB of RAM.`, `Give the machine at least ${needed} MiB of RAM.`, 'kernel-too-big');
  }
  return { at, bytes };
}

function putInitrd(ram: GuestRam, boot: BootConfig, start: number): void {
  let at = start;
  for (const part of boot.initrd) {
    ram.put(at, part.bytes, part.name);
    at += paddedBytes(part.bytes);
  }
}

function putBootParams(ram: GuestRam, image: BzImage, initrd: { at: number; bytes: number },
  rsdp: number): void {
  const base = LOW.BOOT_PARAMS;
  ram.zero(base, BP.BYTES, 'boot_params');
  // The header ends where its jump instruction (at 0x200) goes: boot.rst, "64-bit boot protocol".
  const headerEnd = HDR.MAGIC + (image.file[HDR.JUMP + 1] ?? 0);
  ram.put(base + HDR.SETUP_SECTS, image.file.subarray(HDR.SETUP_SECTS, headerEnd), 'boot_params');
  const loadflags = image.file[HDR.LOADFLAGS] ?? 0;
  ram.put8(base + HDR.TYPE_OF_LOADER, LOADER_UNDEFINED);
  ram.put8(base + HDR.LOADFLAGS, (loadflags | LOADED_HIGH) & ~KASLR_FLAG);
  ram.put32(base + HDR.CODE32_START, image.prefAddress);
  ram.put32(base + HDR.RAMDISK_IMAGE, initrd.at);
  ram.put32(base + HDR.RAMDISK_SIZE, initrd.bytes);
  ram.put32(base + HDR.CMD_LINE_PTR, LOW.COMMAND_LINE);
  ram.put64(base + HDR.SETUP_DATA, 0n);
  ram.put64(base + BP.ACPI_RSDP_ADDR, BigInt(rsdp));
  putScreenInfo(ram, base + BP.SCREEN_INFO);
  const map = memoryMap(ram.size);
  ram.put8(base + BP.E820_ENTRIES, map.length);
  map.forEach((range, n) => {
    const at = base + BP.E820_TABLE + 20 * n;
    ram.put64(at, BigInt(range.start));
    ram.put64(at + 8, BigInt(range.bytes));
    ram.put32(at + 16, range.type);
  });
}

function putScreenInfo(ram: GuestRam, at: number): void {
  ram.put8(at + SCREEN.ORIG_Y, 0);
  ram.put8(at + SCREEN.MODE, VGA_MODE);
  ram.put8(at + SCREEN.COLUMNS, 80);
  ram.put16(at + SCREEN.EGA_BX, EGA_BX_256K);
  ram.put8(at + SCREEN.LINES, 25);
  ram.put8(at + SCREEN.IS_VGA, 1);
  ram.put16(at + SCREEN.POINTS, 16);
}

function putCommandLine(ram: GuestRam, image: BzImage, append: string): void {
  const text = new TextEncoder().encode(append);
  const most = Math.min(image.cmdlineSize, LOW.COMMAND_LINE_BYTES - 1);
  if (text.length > most) {
    throw new KernelError(`The kernel command line has ${text.length} bytes; ${image.name} takes ${most}.`,
      'Shorten --append.', 'bad-config');
  }
  ram.zero(LOW.COMMAND_LINE, LOW.COMMAND_LINE_BYTES, 'The command line');
  ram.put(LOW.COMMAND_LINE, text, 'The command line');
}
