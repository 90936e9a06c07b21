// The answers to IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-6 tables 27 and 29), into the
// channel's buffer. Strings have their bytes swapped in each word.

import { Drive, SERIAL_CHARACTERS } from "../../bus/block";
import { sealSector } from "./features";
import { DISK_SECTOR, IdeDrive, infoOf } from "./state";

const MODEL_DISK = memory.data<u8>([83, 75, 69, 80, 32, 72, 65, 82, 68, 68, 73, 83, 75]);
const MODEL_DISK_BYTES: u32 = 13;
const MODEL_CD = memory.data<u8>([83, 75, 69, 80, 32, 67, 68, 45, 82, 79, 77]);
const MODEL_CD_BYTES: u32 = 11;
const FIRMWARE = memory.data<u8>([49, 46, 48]);
const FIRMWARE_BYTES: u32 = 3;
const MODEL_CHARACTERS: u32 = 40;
const FIRMWARE_CHARACTERS: u32 = 8;
const SPACE: u8 = 32;

/** Word numbers. */
const enum Word {
  CONFIGURATION = 0, CYLINDERS = 1, HEADS = 3, TRACK_BYTES = 4, SECTOR_BYTES = 5, PER_TRACK = 6, SERIAL = 10,
  BUFFER_TYPE = 20, BUFFER_SECTORS = 21, FIRMWARE = 23, MODEL = 27, MULTIPLE = 47,
    DWORD_IO = 48,
  CAPABILITIES = 49, CAPABILITIES_2 = 50, PIO_TIMING = 51, DMA_TIMING = 52, VALID = 53, CURRENT_CYLINDERS =
    54,
  CURRENT_HEADS = 55, CURRENT_PER_TRACK = 56, CURRENT_SECTORS = 57, MULTIPLE_NOW = 59, LBA_SECTORS = 60,
    MWDMA = 63,
  PIO = 64, CYCLES = 65, CYCLES_COUNT = 4, PACKET_NS = 71, VERSION = 80, SUPPORTED = 82, ENABLED = 85, UDMA =
    88,
  RESET_RESULT = 93, LBA48_SECTORS = 100, SECTOR_SIZE = 106, ROTATION = 217, INTEGRITY = 255,
}
/** Fixed disk. Packet device, CD-ROM, removable, DRQ within 50 us, 12-byte packets. */
const ATA_CONFIGURATION: u32 = 0x0040;
const PACKET_CONFIGURATION: u32 = 0x85C0;
const MAX_CYLINDERS: u64 = 16383;
const DEFAULT_HEADS: u32 = 16;
const DEFAULT_PER_TRACK: u32 = 63;
export const MAX_MULTIPLE: u32 = 16;
export const MAX_LBA28: u64 = 0x0FFFFFFF;
/** DMA, LBA, IORDY that can be disabled; standard standby timer. */
const ATA_CAPABILITIES: u32 = 0x2F00;
const PACKET_CAPABILITIES: u32 = 0x0B00;
const ALWAYS_ONE: u32 = 0x4000;
const SLOWEST_TIMING: u32 = 0x0200;
const CYCLE_NS: u32 = 120;
/** ATA-1 to ATA/ATAPI-6. */
const VERSIONS: u32 = 0x007E;
/**
 * NOP, READ BUFFER, WRITE BUFFER, host protected area, look-ahead, write cache, power management, SMART.
 * LBA48, FLUSH CACHE (EXT). WRITE DMA FUA EXT, SMART self-test and error log.
 */
const COMMANDS_82: u32 = 0x7469;
const COMMANDS_83: u32 = 0x7400;
const COMMANDS_84: u32 = 0x4043;
const LOOK_AHEAD_BIT: u32 = 0x40;
const WRITE_CACHE_BIT: u32 = 0x20;
const SMART_BIT: u32 = 1;
const ENABLED_86: u32 = 0x3400;
/** NOP, DEVICE RESET, PACKET. */
const PACKET_COMMANDS_82: u32 = 0x4210;
/** 80-conductor cable, drive passed diagnostics. */
const RESET_PASSED: u32 = 0x6001;
const INTEGRITY_SIGNATURE: u32 = 0xA5;
const NON_ROTATING: u32 = 1;
const MWDMA_MODES: u32 = 7;
const UDMA_MODES: u32 = 0x3F;
const PIO_MODES: u32 = 3;
const MODE_MWDMA: u32 = 0x20;
const MODE_UDMA: u32 = 0x40;
const MODE_NUMBER: u32 = 7;

// @ts-ignore: decorator
@inline
function word(at: usize, n: u32, v: u32): void {
  store<u16>(at + (n << 1), <u16>v);
}

function text(at: usize, n: u32, from: usize, bytes: u32, room: u32): void {
  for (let i: u32 = 0; i < room; i++) {
    const c = i < bytes ? load<u8>(from + i) : SPACE;
    store<u8>(at + (n << 1) + (i ^ 1), c != 0 ? c : SPACE);
  }
}

/** Bit of the selected mode, in the upper byte. */
function chosen(d: IdeDrive, family: u32): u32 {
  return (d.mode & ~MODE_NUMBER) == family ? <u32>0x100 << (d.mode & MODE_NUMBER) : 0;
}

export function sectorsOf(d: IdeDrive): u64 {
  return atomic.load<u64>(infoOf(d), Drive.SECTORS);
}

/** Sectors that the host may address: SET MAX ADDRESS can hide the last ones. */
export function reachOf(d: IdeDrive): u64 {
  const all = sectorsOf(d);
  return d.maxSectors != 0 && d.maxSectors < all ? d.maxSectors : all;
}

/** Words that both kinds have. */
function common(at: usize, d: IdeDrive): void {
  memory.fill(at, 0, DISK_SECTOR);
  text(at, Word.SERIAL, infoOf(d) + <usize>Drive.SERIAL, SERIAL_CHARACTERS, SERIAL_CHARACTERS);
  text(at, Word.FIRMWARE, FIRMWARE, FIRMWARE_BYTES, FIRMWARE_CHARACTERS);
  word(at, Word.DWORD_IO, 1);
  word(at, Word.MWDMA, MWDMA_MODES | chosen(d, MODE_MWDMA));
  word(at, Word.PIO, PIO_MODES);
  for (let i: u32 = 0; i < <u32>Word.CYCLES_COUNT; i++) word(at, Word.CYCLES + i, CYCLE_NS);
  word(at, Word.VERSION, VERSIONS);
  word(at, Word.UDMA, UDMA_MODES | chosen(d, MODE_UDMA));
  word(at, Word.RESET_RESULT, RESET_PASSED);
}

/** CHS words: the default geometry, and what INITIALIZE DEVICE PARAMETERS made of it. */
function geometry(at: usize, d: IdeDrive, sectors: u64): void {
  let cylinders = sectors / (DEFAULT_HEADS * DEFAULT_PER_TRACK);
  if (cylinders > MAX_CYLINDERS) cylinders = MAX_CYLINDERS;
  word(at, Word.CYLINDERS, <u32>cylinders);
  word(at, Word.HEADS, DEFAULT_HEADS);
  word(at, Word.TRACK_BYTES, DEFAULT_PER_TRACK * DISK_SECTOR);
  word(at, Word.SECTOR_BYTES, DISK_SECTOR);
  word(at, Word.PER_TRACK, DEFAULT_PER_TRACK);
  const now = currentCylinders(d, sectors);
  word(at, Word.CURRENT_CYLINDERS, now);
  word(at, Word.CURRENT_HEADS, d.heads);
  word(at, Word.CURRENT_PER_TRACK, d.perTrack);
  const reach = now * d.heads * d.perTrack;
  word(at, Word.CURRENT_SECTORS, reach);
  word(at, Word.CURRENT_SECTORS + 1, reach >> 16);
}

function currentCylinders(d: IdeDrive, sectors: u64): u32 {
  const perCylinder = d.heads * d.perTrack;
  if (perCylinder == 0) return 0;
  const n = sectors / perCylinder;
  return <u32>(n > MAX_CYLINDERS ? MAX_CYLINDERS : n);
}

export function identifyDisk(d: IdeDrive, at: usize): void {
  const sectors = reachOf(d);
  common(at, d);
  word(at, Word.CONFIGURATION, ATA_CONFIGURATION);
  geometry(at, d, sectors);
  text(at, Word.MODEL, MODEL_DISK, MODEL_DISK_BYTES, MODEL_CHARACTERS);
  // Dual-ported buffer with look-ahead.
  word(at, Word.BUFFER_TYPE, 3);
  word(at, Word.BUFFER_SECTORS, 128);
  word(at, Word.MULTIPLE, 0x8000 | MAX_MULTIPLE);
  word(at, Word.CAPABILITIES, ATA_CAPABILITIES);
  word(at, Word.CAPABILITIES_2, ALWAYS_ONE);
  word(at, Word.PIO_TIMING, SLOWEST_TIMING);
  word(at, Word.DMA_TIMING, SLOWEST_TIMING);
  // Words 54-58, 64-70 and 88 are valid.
  word(at, Word.VALID, 7);
  word(at, Word.MULTIPLE_NOW, d.multiple != 0 ? 0x100 | d.multiple : 0);
  const lba28 = sectors < MAX_LBA28 ? sectors : MAX_LBA28;
  store<u32>(at + (<usize>Word.LBA_SECTORS << 1), <u32>lba28);
  word(at, Word.SUPPORTED, COMMANDS_82);
  word(at, Word.SUPPORTED + 1, COMMANDS_83);
  word(at, Word.SUPPORTED + 2, COMMANDS_84);
  let on = COMMANDS_82;
  if (d.lookAhead == 0) on &= ~LOOK_AHEAD_BIT;
  if (d.writeCache == 0) on &= ~WRITE_CACHE_BIT;
  if (d.smart == 0) on &= ~SMART_BIT;
  word(at, Word.ENABLED, on);
  word(at, Word.ENABLED + 1, ENABLED_86);
  word(at, Word.ENABLED + 2, COMMANDS_84);
  store<u64>(at + (<usize>Word.LBA48_SECTORS << 1), sectors);
  word(at, Word.SECTOR_SIZE, ALWAYS_ONE);
  word(at, Word.ROTATION, NON_ROTATING);
  word(at, Word.INTEGRITY, INTEGRITY_SIGNATURE);
  sealSector(at);
}

export function identifyCd(d: IdeDrive, at: usize): void {
  common(at, d);
  word(at, Word.CONFIGURATION, PACKET_CONFIGURATION);
  text(at, Word.MODEL, MODEL_CD, MODEL_CD_BYTES, MODEL_CHARACTERS);
  word(at, Word.CAPABILITIES, PACKET_CAPABILITIES);
  // Words 64-70 and 88 are valid.
  word(at, Word.VALID, 6);
  word(at, Word.PACKET_NS, 30);
  word(at, Word.PACKET_NS + 1, 30);
  word(at, Word.SUPPORTED, PACKET_COMMANDS_82);
  word(at, Word.SUPPORTED + 1, ALWAYS_ONE);
  word(at, Word.SUPPORTED + 2, ALWAYS_ONE);
  word(at, Word.ENABLED, PACKET_COMMANDS_82);
  word(at, Word.ENABLED + 2, ALWAYS_ONE);
  word(at, Word.INTEGRITY, INTEGRITY_SIGNATURE);
  sealSector(at);
}
