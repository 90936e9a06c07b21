// State of one IDE channel and its two drives: ATA/ATAPI-6 (T13/1410D) registers, transfer state, and the
// bus-master registers of the PIIX3 (82371SB section 2.4). A channel is a chip: its lock covers both drives,
// because they share the cable and one transfer at a time is on it. Names are those of the standards.

import { BLOCK_BUFFERS, SEGMENT_BYTES, driveInfo } from "../../bus/block";

/** Status register. */
export const enum Ata { BSY = 0x80, DRDY = 0x40, DF = 0x20, DSC = 0x10, DRQ = 8, ERR = 1, IDLE = 0x50 }
/** Error register: aborted, address not found, uncorrectable data. */
export const enum AtaError { ABRT = 4, IDNF = 0x10, UNC = 0x40, DIAGNOSTIC_PASSED = 1 }
/** Device control register. */
export const enum Control { NIEN = 2, SRST = 4, HOB = 0x80 }
/** Device register: drive select, LBA addressing; the other high bits read as ones. */
export const enum Device { DEV = 0x10, LBA = 0x40, OBSOLETE = 0xA0, HEAD = 0x0F }
/** Command block, offsets from 0x1F0 or 0x170. */
export const enum Reg { DATA = 0, ERROR = 1, COUNT = 2, LOW = 3, MID = 4, HIGH = 5, DEVICE = 6, STATUS = 7 }
/** Interrupt reason of PACKET commands, in the count register. */
export const enum Reason { DATA_OUT = 0, COMMAND = 1, DATA_IN = 2, STATUS = 3 }

/** What the channel is doing. */
export const enum Op {
  NONE = 0,
  /** Data through the data register: to the host, from the host. */
  PIO_IN = 1, PIO_OUT = 2,
  /** Data by bus master: disk to RAM, RAM to disk, chip buffer to RAM. */
  DMA_IN = 3, DMA_OUT = 4, DMA_BUFFER = 5,
  FLUSH = 6,
  /** Waiting for the twelve bytes of a packet. */
  PACKET = 7,
  /** READ VERIFY: read, and dropped. */
  VERIFY = 8,
  /** Data by bus master from RAM to the chip's buffer. */
  DMA_BUFFER_OUT = 9,
}

/** Unit attentions of a CD that wait: power on or reset, medium changed. */
export const enum Attention { RESET = 1, CHANGED = 2 }

export const enum Addressing { CHS = 0, LBA28 = 1, LBA48 = 2 }

@unmanaged
export class IdeChannel {
  lock: u32;
  /** Wiring: 0 or 1, interrupt line. */
  index: u32; line: u32; pad: u32;
  /** Tag of the block request on its way, 0 = none (bus/block.ts). */
  tag: u32;
  /** Tag of the notice that the tray was opened. */
  ejectTag: u32;
  pad2: u32;
  /** Device register, device control register. */
  device: u32; control: u32;
  /** INTRQ as last driven. 1 = a block request is on its way. */
  asserted: u32; waiting: u32;
  op: u32;
  /** Drive (0, 1) that the operation belongs to; 1 = a PACKET command. */
  active: u32; packet: u32;
  /** How the command named its sectors (Addressing). */
  addressing: u32;
  pad1: u32;
  /** Position on the disk in bytes; bytes that remain to be asked of the disk. */
  diskOffset: u64;
  diskBytes: u32;
  /** Bytes of the request on its way. */
  requested: u32;
  /** Buffer: next byte, end of the present DRQ block, end of the data; bytes of a full DRQ block. */
  position: u32; drqEnd: u32; bufferEnd: u32; blockBytes: u32;
  /** Writes are durable before they complete. */
  writeThrough: u32;
  /** Bus master: command, status, descriptor table pointer. */
  bmCommand: u32; bmStatus: u32; bmTable: u32;
  /** Next descriptor; address and bytes left of the present one; 1 = that was the last. */
  prdNext: u32; prdAddress: u32; prdBytes: u32; prdLast: u32;
  /** The same four before the piece that is on its way (snapshots). */
  pieceNext: u32; pieceAddress: u32; pieceBytes: u32; pieceLast: u32;
}

@unmanaged
export class IdeDrive {
  /** DriveKind at power-on; number of the drive in Control.DRIVES. */
  kind: u32; number: u32;
  /** Command block registers and their previous contents (48-bit addresses). */
  feature: u32; count: u32; low: u32; mid: u32; high: u32;
  oldFeature: u32; oldCount: u32; oldLow: u32; oldMid: u32; oldHigh: u32;
  status: u32; error: u32;
  /** Interrupt pending. */
  intrq: u32;
  /** Sectors per DRQ block of the MULTIPLE commands, 0 = not set. */
  multiple: u32;
  /** Current CHS translation. */
  heads: u32; perTrack: u32;
  /** Transfer mode as SET FEATURES 03h names it. */
  mode: u32;
  writeCache: u32; lookAhead: u32; smart: u32; standby: u32;
  /** CD: sense data, change of medium already seen, unit attention waiting, event for GET EVENT STATUS. */
  senseKey: u32; asc: u32; ascq: u32;
  generation: u32; attention: u32; event: u32;
  /** Asleep: only a reset is heard. 1 = a software reset brings the power-on settings back. */
  asleep: u32; revert: u32;
  /** Code of the command before the present one, and the present one. */
  before: u32; command: u32;
  /** Sectors that the host may address after SET MAX ADDRESS, 0 = all (volatile). */
  maxSectors: u64;
  /** SMART: off-line data were collected; number of the last self-test. */
  offlineDone: u32; lastTest: u32;
  /** CD: the tray is open. */
  trayOpen: u32;
}

const DRIVE_AT: usize = 0x200;
const DRIVE_STRIDE: usize = 0x100;
/** Behind the drives: the packet's twelve bytes. */
const PACKET_AT: usize = 0x400;
/** In a drive, behind its fields: the mode pages of a CD as they are now. */
const PAGES_AT: usize = 0xB0;
export const PACKET_BYTES: u32 = 12;
/** First and last byte of what a snapshot keeps. */
export const SAVED_FROM: usize = offsetof<IdeChannel>("device");
export const SAVED_BYTES: u32 = 0x410 - <u32>SAVED_FROM;

export const BUFFER_BYTES: u32 = 0x10000;
export const MAX_SEGMENTS: u32 = 1024;
const AREA_BYTES: u32 = BUFFER_BYTES + MAX_SEGMENTS * SEGMENT_BYTES + SEGMENT_BYTES;

export const DISK_SECTOR: u32 = 512;
export const CD_SECTOR: u32 = 2048;

// @ts-ignore: decorator
@inline
export function driveOf(ch: IdeChannel, n: u32): IdeDrive {
  return changetype<IdeDrive>(changetype<usize>(ch) + DRIVE_AT + n * DRIVE_STRIDE);
}

// @ts-ignore: decorator
@inline
export function selectedNumber(ch: IdeChannel): u32 {
  return (ch.device & Device.DEV) != 0 ? 1 : 0;
}

export function selected(ch: IdeChannel): IdeDrive {
  return driveOf(ch, selectedNumber(ch));
}

export function activeDrive(ch: IdeChannel): IdeDrive {
  return driveOf(ch, ch.active);
}

export function packetAt(ch: IdeChannel): usize {
  return changetype<usize>(ch) + PACKET_AT;
}

/** The drive's mode pages (atapi-modes.ts). */
export function pagesOf(d: IdeDrive): usize {
  return changetype<usize>(d) + PAGES_AT;
}

/** The channel's data buffer, host address. */
export function bufferOf(ch: IdeChannel): usize {
  return BLOCK_BUFFERS + ch.index * AREA_BYTES;
}

/** The channel's list of segments. */
export function segmentsOf(ch: IdeChannel): usize {
  return bufferOf(ch) + BUFFER_BYTES;
}

/** Address of the drive's entry in Control.DRIVES. */
export function infoOf(d: IdeDrive): usize {
  return driveInfo(d.number);
}
