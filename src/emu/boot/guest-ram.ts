// Guest RAM as the boot loaders see it: bounds-checked little-endian stores at guest-physical addresses, and
// the map of what the loaders put below 1 MiB. Everything here is copied or abandoned by a kernel before it
// allocates that memory.

import { KernelError } from '../errors.ts';

/** Physical addresses used by the loaders. */
export const LOW = {
  /** The core's setBootState writes the GDT of a direct boot here. */
  GDT: 0x5000,
  /** Linux boot_params ("zero page"), one page. */
  BOOT_PARAMS: 0x7000,
  COMMAND_LINE: 0x8000,
  COMMAND_LINE_BYTES: 0x1000,
  MULTIBOOT_INFO: 0x9000,
  MULTIBOOT_STRINGS: 0xA000,
  MULTIBOOT_END: 0x10000,
  /** Identity map of 4 GiB in 2 MiB pages: PML4, PDPT, four page directories. */
  PAGE_TABLES: 0x10000,
  /** Extended BIOS data area; end of conventional memory. */
  EBDA: 0x9FC00,
  VGA: 0xA0000,
  /** ACPI tables, then the MP table. */
  ACPI: 0xE0000,
  MP_TABLE: 0xF0000,
  /** Answers to BIOS calls; F000:FF53 is where every PC's BIOS has its IRET. */
  BIOS_IRET: 0xFFF53,
  HIGH: 0x100000,
} as const;

/** What CPU 0 needs to start; kinds as in the core's setBootState. */
export const BootKind = { RESET_VECTOR: 0, LINUX64: 1, MULTIBOOT: 2, BOOT_SECTOR: 3, LINUX32: 4 } as const;
export interface BootState {
  kind: number;
  entry: bigint;
  /** RSI or ESI of Linux, EBX of multiboot. */
  arg: bigint;
  cr3: bigint;
}

export interface MemoryRange { start: number; bytes: number; type: 1 | 2 }

export class GuestRam {
  private readonly view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get size(): number {
    return this.bytes.length;
  }

  /** The bytes [address, address + length); `what` names them when RAM is too small. */
  slice(address: number, length: number, what: string): Uint8Array {
    if (address + length > this.size) {
      const needed = Math.ceil((address + length) / (1 << 20));
      throw new KernelError(`${what} needs memory up to ${needed} MiB, but the machine has ${
        this.size / (1 << 20)} MiB.`, `Give it at least ${needed} MiB of RAM.`, 'kernel-too-big');
    }
    return this.bytes.subarray(address, address + length);
  }

  put(address: number, data: Uint8Array, what: string): void {
    this.slice(address, data.length, what).set(data);
  }

  zero(address: number, length: number, what: string): void {
    this.slice(address, length, what).fill(0);
  }

  put8(address: number, value: number): void {
    this.view.setUint8(address, value);
  }
  put16(address: number, value: number): void {
    this.view.setUint16(address, value, true);
  }
  put32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }
  put64(address: number, value: bigint): void {
    this.view.setBigUint64(address, value, true);
  }
  get32(address: number): number {
    return this.view.getUint32(address, true);
  }
}

/**
 * RAM and reserved ranges as firmware reports them (ACPI 6.5 §15, E820): conventional, EBDA, ROM area, the
 * rest.
 */
export function memoryMap(ramBytes: number): MemoryRange[] {
  return [
    { start: 0, bytes: LOW.EBDA, type: 1 },
    { start: LOW.EBDA, bytes: LOW.VGA - LOW.EBDA, type: 2 },
    { start: LOW.ACPI, bytes: LOW.HIGH - LOW.ACPI, type: 2 },
    { start: LOW.HIGH, bytes: ramBytes - LOW.HIGH, type: 1 },
  ];
}

/**
 * The BIOS data area words that operating systems read: serial ports, EBDA segment, conventional memory, VGA
 * mode.
 */
export function putBiosData(ram: GuestRam): void {
  const [BDA_COM1, BDA_EBDA_SEGMENT, BDA_MEMORY_KIB] = [0x400, 0x40E, 0x413];
  ram.put16(BDA_COM1, 0x3F8);
  ram.put16(BDA_EBDA_SEGMENT, LOW.EBDA >> 4);
  ram.put16(BDA_MEMORY_KIB, LOW.EBDA >> 10);
}

/**
 * Interrupt vectors of real mode, for kernels that look for a BIOS before they go on without (Xen's start of
 * a processor does). Every call returns; the disk, system and clock services say "not supported" by CF = 1.
 */
export function putInterruptVectors(ram: GuestRam): void {
  const IRET = Uint8Array.of(0xCF);
  // push bp; mov bp, sp; or word [bp + 6], 1 (CF of the FLAGS that IRET restores); pop bp; iret
  const REFUSE = Uint8Array.of(0x55, 0x89, 0xE5, 0x83, 0x4E, 0x06, 0x01, 0x5D, 0xCF);
  const REFUSED = new Set([0x13, 0x15, 0x1A]);
  const SEGMENT = 0xF000;
  ram.put(LOW.BIOS_IRET, IRET, 'The BIOS calls');
  ram.put(LOW.BIOS_IRET + IRET.length, REFUSE, 'The BIOS calls');
  for (let vector = 0; vector < 256; vector++) {
    const at = LOW.BIOS_IRET + (REFUSED.has(vector) ? IRET.length : 0);
    ram.put16(4 * vector, at - (SEGMENT << 4));
    ram.put16(4 * vector + 2, SEGMENT);
  }
}

/** Identity map of the first 4 GiB; returns CR3. */
export function putIdentityMap(ram: GuestRam): bigint {
  const PRESENT_WRITE = 3n;
  const LARGE = 0x80n;
  const pdpt = LOW.PAGE_TABLES + 0x1000;
  const directories = LOW.PAGE_TABLES + 0x2000;
  ram.zero(LOW.PAGE_TABLES, 0x6000, 'The identity map');
  ram.put64(LOW.PAGE_TABLES, BigInt(pdpt) | PRESENT_WRITE);
  for (let gib = 0; gib < 4; gib++) {
    ram.put64(pdpt + 8 * gib, BigInt(directories + 0x1000 * gib) | PRESENT_WRITE);
  }
  for (let page = 0; page < 4 * 512; page++) {
    ram.put64(directories + 8 * page, (BigInt(page) << 21n) | LARGE | PRESENT_WRITE);
  }
  return BigInt(LOW.PAGE_TABLES);
}
