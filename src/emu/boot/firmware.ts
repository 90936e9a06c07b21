// Start through firmware: the BIOS image goes into the ROM below 4 GiB, what it asks for goes into the fw_cfg
// region (QEMU docs/specs/fw_cfg.rst: legacy items by number, files through a directory), disk images go into
// the floppy drives. Layout of the regions: the core's dev/fw-cfg.ts and dev/floppy-disk.ts. Left out: a
// kernel through fw_cfg, writing a changed floppy back.

import { buildAcpiFiles } from '../acpi/loader.ts';
import { ConfigError } from '../errors.ts';
import type { FirmwareConfig, FloppyConfig } from '../config.ts';
import { Control, FLOPPY, FLOPPY_DRIVE_BYTES, FW_CFG, FW_CFG_BYTES, ROM, ROM_BYTES,
  } from '../generated-layout.ts';
import { buildSmbios } from './smbios.ts';

/** Legacy items (fw_cfg.rst, QEMU's fw_cfg.h). */
const KEY = { SIGNATURE: 0x00, ID: 0x01, RAM_SIZE: 0x03, NOGRAPHIC: 0x04, NB_CPUS: 0x05, NUMA: 0x0D,
  BOOT_MENU: 0x0E, MAX_CPUS: 0x0F, FILE_DIR: 0x19, FILE_FIRST: 0x20 } as const;
/** Traditional interface and DMA. */
const ID_FEATURES = 3;
const FILE_NAME_BYTES = 56;
const DIRECTORY_ENTRY_BYTES = 64;
const ITEM_BYTES = 16;
const E820_RAM = 1;
const SERIAL1 = 0x3F8;
const MAX_BIOS_BYTES = 0x400000;
/** The video BIOS under the name by which SeaBIOS finds the ROM of PCI device 1234:1111. */
const VIDEO_BIOS_FILE = 'pci1234,1111.rom';

/** What a letter of the boot order means: device paths as SeaBIOS writes them, and its CMOS nibble. */
const BOOT_DEVICES: Record<string, { paths: readonly string[]; nibble: number }> = {
  a: { paths: ['/pci@i0cf8/isa@1/fdc@03f0/floppy@0'], nibble: 1 },
  c: { paths: ['/pci@i0cf8/ide@1,1/drive@0/disk@0', '/pci@i0cf8/ide@1,1/drive@0/disk@1'], nibble: 2 },
  d: { paths: ['/pci@i0cf8/ide@1,1/drive@1/disk@0', '/pci@i0cf8/ide@1,1/drive@1/disk@1'], nibble: 3 },
};
export const DEFAULT_BOOT_ORDER = 'cda';

/** Throws ConfigError unless every character is a, c or d, once. */
export function checkBootOrder(order: string): void {
  const letters = [...order];
  if (letters.length === 0 || letters.some((letter) => !(letter in BOOT_DEVICES))
    || new Set(letters).size < letters.length) {
    throw new ConfigError(`"${order}" is not a boot order.`,
      'Write a (floppy), c (hard disk), d (CD) in the order you want, for example cd.');
  }
}

/** The chosen devices first, the others after them. */
function bootOrderFile(order: string): Uint8Array {
  const letters = [...new Set([...order, ...DEFAULT_BOOT_ORDER])];
  const paths = letters.flatMap((letter) => BOOT_DEVICES[letter]?.paths ?? []);
  return new TextEncoder().encode(`${paths.join('\n')}\0`);
}

/** CMOS 0x3D in bits 0-7, 0x38 in bits 8-15. */
export function bootOrderCmos(order: string): number {
  const letters = [...new Set([...order, ...DEFAULT_BOOT_ORDER])];
  const [first = 0, second = 0, third = 0] = letters.map((letter) => BOOT_DEVICES[letter]?.nibble ?? 0);
  // Bit 0 of 0x38: a floppy's boot sector need not end in 55AA.
  return first | (second << 4) | (third << 12) | 0x100;
}

const little = (value: number, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, n) => Math.floor(value / 2 ** (8 * n)) % 256);

function e820File(ramBytes: number): Uint8Array {
  return Uint8Array.from([...little(0, 8), ...little(ramBytes, 8), ...little(E820_RAM, 4)]);
}

export interface FirmwareMachine { cpus: number; ramBytes: number; firmware: FirmwareConfig }

/** The files of the directory, by name. */
export function firmwareFiles({ cpus, ramBytes, firmware }: FirmwareMachine): Map<string, Uint8Array> {
  const { anchor, tables } = buildSmbios({ cpus, ramBytes });
  const files = new Map([...buildAcpiFiles({ cpus, ramBytes }),
    ['etc/smbios/smbios-anchor', anchor], ['etc/smbios/smbios-tables', tables],
    ['bootorder', bootOrderFile(firmware.bootOrder)],
    ['etc/e820', e820File(ramBytes)],
    ['etc/show-boot-menu', little(firmware.menuMs > 0 ? 1 : 0, 2)]]);
  if (firmware.menuMs > 0) files.set('etc/boot-menu-wait', little(firmware.menuMs, 4));
  if (firmware.serialConsole) files.set('etc/sercon-port', little(SERIAL1, 2));
  if (firmware.videoBios !== undefined) files.set(VIDEO_BIOS_FILE, firmware.videoBios.bytes);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every item by its key. */
export function firmwareItems(machine: FirmwareMachine): Map<number, Uint8Array> {
  const files = firmwareFiles(machine);
  const directory = new Uint8Array(4 + files.size * DIRECTORY_ENTRY_BYTES);
  const view = new DataView(directory.buffer);
  const items = new Map<number, Uint8Array>([
    [KEY.SIGNATURE, new TextEncoder().encode('QEMU')],
    [KEY.ID, little(ID_FEATURES, 4)],
    [KEY.RAM_SIZE, little(machine.ramBytes, 8)],
    [KEY.NOGRAPHIC, little(0, 2)],
    [KEY.NB_CPUS, little(machine.cpus, 2)],
    // Number of nodes, then one node per CPU and bytes per node: none.
    [KEY.NUMA, new Uint8Array(8 * (machine.cpus + 1))],
    [KEY.BOOT_MENU, little(machine.firmware.menuMs > 0 ? 1 : 0, 2)],
    [KEY.MAX_CPUS, little(machine.cpus, 2)],
    [KEY.FILE_DIR, directory],
  ]);
  view.setUint32(0, files.size);
  [...files].forEach(([name, bytes], n) => {
    const at = 4 + n * DIRECTORY_ENTRY_BYTES;
    const encoded = new TextEncoder().encode(name);
    if (encoded.length >= FILE_NAME_BYTES) throw new Error(`fw_cfg file name too long: ${name}`);
    view.setUint32(at, bytes.length);
    view.setUint16(at + 4, KEY.FILE_FIRST + n);
    directory.set(encoded, at + 8);
    items.set(KEY.FILE_FIRST + n, bytes);
  });
  return items;
}

/** The items as the core's fw_cfg reads them: count, table, bytes. */
export function packItems(items: Map<number, Uint8Array>): Uint8Array {
  let next = 4 + items.size * ITEM_BYTES;
  const total = [...items.values()].reduce((sum, bytes) => sum + bytes.length, next);
  if (total > FW_CFG_BYTES) {
    throw new ConfigError(`The tables and ROMs for the firmware need ${total} bytes; there is room for ${
      FW_CFG_BYTES}.`, 'Use a smaller video BIOS.');
  }
  const packed = new Uint8Array(total);
  const view = new DataView(packed.buffer);
  view.setUint32(0, items.size, true);
  [...items].forEach(([key, bytes], n) => {
    const at = 4 + n * ITEM_BYTES;
    view.setUint32(at, key, true);
    view.setUint32(at + 4, next, true);
    view.setUint32(at + 8, bytes.length, true);
    packed.set(bytes, next);
    next += bytes.length;
  });
  return packed;
}

/** Throws ConfigError unless the BIOS can be mapped below 4 GiB. */
export function checkFirmware(firmware: FirmwareConfig): void {
  const { name, bytes } = firmware.bios;
  if (bytes.length === 0 || bytes.length % 0x10000 !== 0 || bytes.length > MAX_BIOS_BYTES) {
    throw new ConfigError(`${name} has ${bytes.length} bytes, so it is not a BIOS image.`,
      'Give an image of 64 KiB to 4 MiB in steps of 64 KiB, such as bios-256k.bin of SeaBIOS.');
  }
  checkBootOrder(firmware.bootOrder);
}

/** Bytes of the usual floppy formats. */
const FLOPPY_SIZES = [320, 360, 640, 720, 1440, 1600, 2400, 2880, 3360, 3444, 5760].map((n) => n * 512);
const FLOPPY_1440 = 2880 * 512;

/** Size of the disk for an image of this many bytes: of its own format, else a 1.44 MB or larger disk. */
export function floppySize(image: FloppyConfig): number {
  const { name, bytes } = image.image;
  if (FLOPPY_SIZES.includes(bytes.length)) return bytes.length;
  const size = FLOPPY_SIZES.find((most) => most >= FLOPPY_1440 && most >= bytes.length);
  if (size === undefined || bytes.length === 0) {
    throw new ConfigError(`${name} has ${bytes.length} bytes, so it is not a floppy image.`,
      'A floppy holds up to 2.88 MB; give larger images as --hda or --cdrom.');
  }
  return size;
}

/** The parts of the shared machine that are written here. */
export interface FirmwareTarget {
  bytes: Uint8Array;
  setControl(offset: number, value: number): void;
}

/** Before every start: ROM and fw_cfg. */
export function loadFirmware(target: FirmwareTarget, machine: FirmwareMachine): void {
  checkFirmware(machine.firmware);
  const { bytes } = machine.firmware.bios;
  target.bytes.fill(0xFF, ROM, ROM + ROM_BYTES);
  target.bytes.set(bytes, ROM + ROM_BYTES - bytes.length);
  target.bytes.set(packItems(firmwareItems(machine)), FW_CFG);
  target.setControl(Control.BOOT_ORDER, bootOrderCmos(machine.firmware.bootOrder));
}

/** The disk of a drive: as long as the image was, unless the guest has written behind that. */
export function copyFloppy(target: FirmwareTarget, drive: number,
  floppy: FloppyConfig): Uint8Array<ArrayBuffer> {
  const at = FLOPPY + drive * FLOPPY_DRIVE_BYTES;
  const disk = target.bytes.slice(at, at + floppySize(floppy));
  const { length } = floppy.image.bytes;
  return disk.subarray(length).some((byte) => byte !== 0) ? disk : disk.slice(0, length);
}

/** Once per machine: what the guest writes to its floppies outlives resets. */
export function loadFloppies(target: FirmwareTarget, floppies: readonly FloppyConfig[]): void {
  let isProtected = 0;
  floppies.forEach((floppy, drive) => {
    const size = floppySize(floppy);
    const at = FLOPPY + drive * FLOPPY_DRIVE_BYTES;
    target.bytes.fill(0, at, at + FLOPPY_DRIVE_BYTES);
    target.bytes.set(floppy.image.bytes, at);
    target.setControl(Control.FLOPPY_SIZES + 4 * drive, size);
    if (floppy.readOnly === true) isProtected |= 1 << drive;
  });
  target.setControl(Control.FLOPPY_PROTECTED, isProtected);
}
