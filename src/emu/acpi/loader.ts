// ACPI tables for firmware that places them itself: the same tables as on direct boot, as fw_cfg files with a
// script of 128-byte commands (QEMU docs/specs, "linker/loader"; SeaBIOS romfile_loader): allocate the files,
// add their addresses to the pointers inside them, then make the checksums right. Pointers in the files are
// offsets into the file that they point to.

import { buildAcpi } from './tables.ts';

export const ACPI_FILES = { TABLES: 'etc/acpi/tables', RSDP: 'etc/acpi/rsdp',
  LOADER: 'etc/table-loader' } as const;
const COMMAND_BYTES = 128;
const NAME_BYTES = 56;
const COMMAND = { ALLOCATE: 1, ADD_POINTER: 2, ADD_CHECKSUM: 3 } as const;
const ZONE = { HIGH: 1, F_SEGMENT: 2 } as const;
const RSDP_BYTES = 36;
const HEADER_BYTES = 36;
const CHECKSUM_AT = 9;
/** Offsets and widths of pointers in the FADT (ACPI 6.5 §5.2.9): FIRMWARE_CTRL, DSDT, their 64-bit forms. */
const FADT_POINTERS = [[36, 4], [40, 4], [132, 8], [140, 8]] as const;
const FADT_DSDT = 40;
/** Pointers and checksums of the RSDP (§5.2.5.3): RSDT, XSDT; the sum over 20 bytes and over all. */
const RSDP = { CHECKSUM: 8, RSDT: 16, XSDT: 24, EXTENDED_CHECKSUM: 32, LEGACY_BYTES: 20 } as const;

function command(kind: number, ...fields: (string | { value: number; bytes: number })[]): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  let at = 4;
  for (const field of fields) {
    if (typeof field === 'string') {
      bytes.set(new TextEncoder().encode(field), at);
      at += NAME_BYTES;
    } else {
      for (let n = 0; n < field.bytes; n++) bytes[at + n] = (field.value >>> (8 * n)) & 255;
      at += field.bytes;
    }
  }
  return bytes;
}
const u32 = (value: number): { value: number; bytes: number } => ({ value, bytes: 4 });
const u8 = (value: number): { value: number; bytes: number } => ({ value, bytes: 1 });

const allocate = (file: string, align: number, zone: number): Uint8Array =>
  command(COMMAND.ALLOCATE, file, u32(align), u8(zone));
const addPointer = (file: string, to: string, offset: number, width: number): Uint8Array =>
  command(COMMAND.ADD_POINTER, file, to, u32(offset), u8(width));
const addChecksum = (file: string, offset: number, start: number, length: number): Uint8Array =>
  command(COMMAND.ADD_CHECKSUM, file, u32(offset), u32(start), u32(length));

const signatureAt = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + 4));

/** Where the tables of the block are, found by following its pointers. */
function findTables(bytes: Uint8Array): { rsdt: number; xsdt: number; listed: number[]; dsdt: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rsdt = view.getUint32(RSDP.RSDT, true);
  const xsdt = view.getUint32(RSDP.XSDT, true);
  const count = (view.getUint32(rsdt + 4, true) - HEADER_BYTES) / 4;
  const listed = Array.from({ length: count }, (_, n) => view.getUint32(rsdt + HEADER_BYTES + 4 * n, true));
  const fadt = listed.find((at) => signatureAt(bytes, at) === 'FACP');
  if (fadt === undefined) throw new Error('the ACPI tables have no FADT');
  return { rsdt, xsdt, listed, dsdt: view.getUint32(fadt + FADT_DSDT, true) };
}

/** The three files, for a machine with this many CPUs and bytes of RAM. */
export function buildAcpiFiles(options: { cpus: number; ramBytes: number }): Map<string, Uint8Array> {
  // At base 0 every pointer is an offset into the block; the RSDP at its start becomes a file of its own.
  const { bytes: tables } = buildAcpi({ ...options, base: 0 });
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  const { rsdt, xsdt, listed, dsdt } = findTables(tables);
  const rsdp = tables.slice(0, RSDP_BYTES);
  tables.fill(0, 0, RSDP_BYTES);
  const { TABLES, RSDP: ROOT } = ACPI_FILES;
  const script = [allocate(TABLES, 64, ZONE.HIGH), allocate(ROOT, 16, ZONE.F_SEGMENT)];
  for (const at of listed) {
    if (signatureAt(tables, at) !== 'FACP') continue;
    for (const [offset, width] of FADT_POINTERS) script.push(addPointer(TABLES, TABLES, at + offset, width));
  }
  listed.forEach((_, n) => {
    script.push(addPointer(TABLES, TABLES, rsdt + HEADER_BYTES + 4 * n, 4),
      addPointer(TABLES, TABLES, xsdt + HEADER_BYTES + 8 * n, 8));
  });
  for (const at of [...listed, dsdt, rsdt, xsdt]) {
    tables[at + CHECKSUM_AT] = 0;
    script.push(addChecksum(TABLES, at + CHECKSUM_AT, at, view.getUint32(at + 4, true)));
  }
  script.push(addPointer(ROOT, TABLES, RSDP.RSDT, 4), addPointer(ROOT, TABLES, RSDP.XSDT, 8));
  rsdp[RSDP.CHECKSUM] = 0;
  rsdp[RSDP.EXTENDED_CHECKSUM] = 0;
  script.push(addChecksum(ROOT, RSDP.CHECKSUM, 0, RSDP.LEGACY_BYTES),
    addChecksum(ROOT, RSDP.EXTENDED_CHECKSUM, 0, RSDP_BYTES));
  const loader = new Uint8Array(script.length * COMMAND_BYTES);
  script.forEach((bytes, n) => loader.set(bytes, n * COMMAND_BYTES));
  return new Map([[TABLES, tables], [ROOT, rsdp], [ACPI_FILES.LOADER, loader]]);
}
