// A disk image's first MiB: the master boot record with one Linux partition, and GRUB's core image in the gap
// behind it. Document: "Boot sector layout", Linux Documentation and GRUB manual 2.12 §4.4 (BIOS
// installation): boot.img's code loads the sector numbered in itself, which grub-mkimage leaves at 1.
// Left out: GPT, further partitions, CHS addresses (marked as beyond CHS; every reader of today uses LBA).

export const SECTOR_BYTES = 512;
/** Where the only partition begins: 1 MiB, as every partitioning program does. */
export const PARTITION_OFFSET = 1 << 20;

const CODE_BYTES = 440;
const DISK_ID = 440;
const TABLE = 446;
const SIGNATURE = 510;
const ACTIVE = 0x80;
const TYPE_LINUX = 0x83;
/** CHS fields of what lies beyond 8 GB or has no geometry: cylinder 1023, head 254, sector 63. */
const NO_CHS = [0xfe, 0xff, 0xff];

export interface BootImages {
  /** 512 bytes: code for the MBR. */
  boot: Uint8Array;
  /** Whole sectors: for the gap from sector 1. */
  core: Uint8Array;
}

/** The bytes of [0, PARTITION_OFFSET) of a disk of `diskBytes`. */
export function firstMegabyte(images: BootImages, diskBytes: number, diskId: number): Uint8Array {
  const { boot, core } = images;
  if (boot.length !== SECTOR_BYTES) throw new Error(`boot.img has ${boot.length} bytes instead of 512`);
  if (SECTOR_BYTES + core.length > PARTITION_OFFSET) throw new Error('core.img does not fit before 1 MiB');
  const sectors = (diskBytes - PARTITION_OFFSET) / SECTOR_BYTES;
  if (!Number.isInteger(sectors) || sectors <= 0 || sectors > 0xffffffff) {
    throw new Error(`a disk of ${diskBytes} bytes cannot have such a partition`);
  }
  const out = new Uint8Array(PARTITION_OFFSET);
  out.set(boot.subarray(0, CODE_BYTES));
  out.set(core, SECTOR_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(DISK_ID, diskId, true);
  out[TABLE] = ACTIVE;
  out.set(NO_CHS, TABLE + 1);
  out[TABLE + 4] = TYPE_LINUX;
  out.set(NO_CHS, TABLE + 5);
  view.setUint32(TABLE + 8, PARTITION_OFFSET / SECTOR_BYTES, true);
  view.setUint32(TABLE + 12, sectors, true);
  view.setUint16(SIGNATURE, 0xaa55, true);
  return out;
}
