// SMBIOS tables (DMTF DSP0134 2.8) that firmware takes over through fw_cfg: system, chassis, processors,
// memory. The entry point's checksums and address, and table type 0 (BIOS), are the firmware's work. Left
// out: base board, caches, slots, ports; direct boot has no SMBIOS.

const TYPE = { SYSTEM: 1, CHASSIS: 3, PROCESSOR: 4, MEMORY_ARRAY: 16, MEMORY_DEVICE: 17, MAPPED_ADDRESS: 19,
  BOOT: 32, END: 127 } as const;
const HANDLE = { SYSTEM: 0x100, CHASSIS: 0x300, PROCESSOR: 0x400, MEMORY_ARRAY: 0x1000, MEMORY_DEVICE: 0x1100,
  MAPPED_ADDRESS: 0x1300, BOOT: 0x2000, END: 0x7F00 } as const;
const VERSION = { MAJOR: 2, MINOR: 8 } as const;
const ENTRY_BYTES = 31;
/** Offsets in the entry point (§5.2.1). */
const ENTRY = { LENGTH: 5, MAJOR: 6, MINOR: 7, LARGEST: 8, DMI: 16, TABLE_BYTES: 22, COUNT: 28,
  BCD: 30 } as const;
const MAKER = 'Skep';
const NONE = 0xFFFF;
const NO_ERROR_INFORMATION = 0xFFFE;
const MIB = 1 << 20;

const u8 = (...values: number[]): number[] => values;
const u16 = (value: number): number[] => [value & 255, (value >> 8) & 255];
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)];
const zeros = (count: number): number[] => Array<number>(count).fill(0);

/** A structure: header, formatted area, strings (numbered from 1 in the formatted area). */
function structure(type: number, handle: number, body: number[], strings: readonly string[] = []): number[] {
  const text = strings.flatMap((string) => [...new TextEncoder().encode(string), 0]);
  return [type, body.length + 4, ...u16(handle), ...body, ...(text.length === 0 ? [0] : text), 0];
}

function processor(id: number): number[] {
  const [CENTRAL, UNKNOWN, ENABLED, OTHER] = [3, 2, 0x41, 1];
  return structure(TYPE.PROCESSOR, HANDLE.PROCESSOR + id,
    [...u8(1, CENTRAL, UNKNOWN, 2), ...zeros(8), ...u8(3, 0),
    ...u16(0), ...u16(0), ...u16(0), ...u8(ENABLED, OTHER), ...u16(NONE), ...u16(NONE), ...u16(NONE),
    ...u8(0, 0, 0, 1, 1, 1), ...u16(0), ...u16(UNKNOWN)], [`CPU ${id}`, MAKER, 'virtual x86-64 processor']);
}

function memory(ramBytes: number): number[][] {
  const [SYSTEM_BOARD, SYSTEM_MEMORY, NO_ECC, DIMM, RAM, OTHER] = [3, 3, 3, 9, 7, 2];
  return [
    structure(TYPE.MEMORY_ARRAY, HANDLE.MEMORY_ARRAY, [...u8(SYSTEM_BOARD, SYSTEM_MEMORY, NO_ECC),
      ...u32(ramBytes / 1024), ...u16(NO_ERROR_INFORMATION), ...u16(1), ...zeros(8)]),
    structure(TYPE.MEMORY_DEVICE, HANDLE.MEMORY_DEVICE,
      [...u16(HANDLE.MEMORY_ARRAY), ...u16(NO_ERROR_INFORMATION),
      ...u16(NONE), ...u16(NONE), ...u16(ramBytes / MIB), ...u8(DIMM, 0, 1, 0, RAM), ...u16(OTHER), ...u16(0),
      ...u8(2, 0, 0, 0, 0), ...u32(0), ...u16(0)], ['DIMM 0', MAKER]),
    structure(TYPE.MAPPED_ADDRESS, HANDLE.MAPPED_ADDRESS, [...u32(0), ...u32(ramBytes / 1024 - 1),
      ...u16(HANDLE.MEMORY_ARRAY), ...u8(1)]),
  ];
}

/** The two files that SeaBIOS takes: entry point and structures. */
export function buildSmbios(options: { cpus: number; ramBytes: number }): { anchor: Uint8Array;
  tables: Uint8Array } {
  const [POWER_SWITCH, DESKTOP, SAFE, NO_SECURITY] = [6, 3, 3, 3];
  const structures = [
    structure(TYPE.SYSTEM, HANDLE.SYSTEM, [...u8(1, 2, 0, 0), ...zeros(16), ...u8(POWER_SWITCH, 0, 0)],
      [MAKER, 'Skep PC (i440FX)']),
    structure(TYPE.CHASSIS, HANDLE.CHASSIS,
      [...u8(1, DESKTOP, 0, 0, 0, SAFE, SAFE, SAFE, NO_SECURITY), ...u32(0),
      ...u8(0, 0, 0, 0, 0)], [MAKER]),
    ...Array.from({ length: options.cpus }, (_, id) => processor(id)),
    ...memory(options.ramBytes),
    structure(TYPE.BOOT, HANDLE.BOOT, [...zeros(6), ...u8(0)]),
    structure(TYPE.END, HANDLE.END, []),
  ];
  const tables = Uint8Array.from(structures.flat());
  const anchor = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(anchor.buffer);
  anchor.set(new TextEncoder().encode('_SM_'));
  anchor.set([ENTRY_BYTES, VERSION.MAJOR, VERSION.MINOR], ENTRY.LENGTH);
  view.setUint16(ENTRY.LARGEST, Math.max(...structures.map((bytes) => bytes.length)), true);
  anchor.set(new TextEncoder().encode('_DMI_'), ENTRY.DMI);
  view.setUint16(ENTRY.TABLE_BYTES, tables.length, true);
  view.setUint16(ENTRY.COUNT, structures.length, true);
  anchor[ENTRY.BCD] = VERSION.MAJOR << 4 | VERSION.MINOR;
  return { anchor, tables };
}
