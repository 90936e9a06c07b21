// The disks in the two floppy drives: images in shared memory (region FLOPPY), whose size and protection are
// control words of the host. The size decides the geometry; the data rate must suit it (82077AA, Intel
// 290166, table 4-2), so that guests that try one rate after the other find the right one.

import { BOARD, CONTROL, FLOPPY, FLOPPY_DRIVE_BYTES } from "../lib/layout";
import { Board } from "../bus/device";
import { Control, control32 } from "../lib/control";

export const FLOPPY_DRIVES: u32 = 2;
export const SECTOR: u32 = 512;

/** Geometry of the disk that diskBytes has looked at (this thread, under the controller's lock). */
export let sectorsPerTrack: u32 = 0;
export let heads: u32 = 0;
export let cylinders: u32 = 0;

/** Total sectors, cylinders, heads, sectors per track of the usual formats. */
const FORMATS = memory.data<u32>([
  320, 40, 1, 8, 360, 40, 1, 9, 640, 40, 2, 8, 720, 40, 2, 9, 1440, 80, 2, 9, 1600, 80, 2, 10,
  2400, 80, 2, 15, 2880, 80, 2, 18, 3360, 80, 2, 21, 3444, 82, 2, 21, 5760, 80, 2, 36,
]);
const FORMAT_COUNT: u32 = 11;
const FORMAT_BYTES: u32 = 16;
/** Sectors per track of the densities. */
const DOUBLE_DENSITY: u32 = 10;
const EXTRA_DENSITY: u32 = 36;
/** Data rates as DSR and CCR select them, kb/s. */
const enum Rate { R500 = 0, R300 = 1, R250 = 2, R1000 = 3 }

/** Bytes of the disk in a drive, 0 = no drive; learns the geometry. */
export function diskBytes(drive: u32): u32 {
  if (drive >= FLOPPY_DRIVES) return 0;
  const bytes = atomic.load<u32>(CONTROL + <usize>Control.FLOPPY_SIZES + (drive << 2));
  for (let n: u32 = 0; n < FORMAT_COUNT; n++) {
    const f = FORMATS + n * FORMAT_BYTES;
    if (load<u32>(f) != bytes / SECTOR) continue;
    cylinders = load<u32>(f, 4);
    heads = load<u32>(f, 8);
    sectorsPerTrack = load<u32>(f, 12);
    return bytes;
  }
  return 0;
}

export function diskIsProtected(drive: u32): bool {
  return (control32(Control.FLOPPY_PROTECTED) >> drive & 1) != 0;
}

/** Is this the rate at which the disk of the last diskBytes was written? */
export function diskRateMatches(rate: u32): bool {
  if (sectorsPerTrack <= DOUBLE_DENSITY) return rate == Rate.R250 || rate == Rate.R300;
  return rate == (sectorsPerTrack == EXTRA_DENSITY ? <u32>Rate.R1000 : <u32>Rate.R500);
}

/** The host may copy the image: pairs with its atomic load of the counter. */
export function diskWritten(drive: u32): void {
  atomic.add<u32>(BOARD + <usize>Board.FLOPPY_WRITES + (drive << 2), 1);
}

/** Host address of a sector (counted from 1), 0 = the disk has no such one. */
export function diskSector(drive: u32, cylinder: u32, head: u32, sector: u32): usize {
  const bytes = diskBytes(drive);
  if (bytes == 0 || cylinder >= cylinders || head >= heads || sector - 1 >= sectorsPerTrack) return 0;
  const at = ((cylinder * heads + head) * sectorsPerTrack + sector - 1) * SECTOR;
  return at + SECTOR <= bytes ? FLOPPY + drive * FLOPPY_DRIVE_BYTES + at : 0;
}
