// Commands of an ATA disk (ATA/ATAPI-6 section 8; the older ones from ATA-1): addressing by CHS, 28 and 48
// bits, PIO, MULTIPLE and DMA transfers, verify, flush, power modes, identification, volatile SET MAX. Left
// out: queued DMA, security, SET MAX passwords, device configuration overlay, CompactFlash, media status,
// READ/WRITE LONG, trim: they end with ABRT as on a drive without them.

import { BlockStatus, Drive, DriveFlag, DriveKind } from "../../bus/block";
import { packetCommand } from "./atapi";
import { abandon, raiseIntrq, setSignature, updateIntrq } from "./channel";
import { AtaCommand } from "./commands";
import { setFeatures, smart } from "./features";
import { MAX_LBA28, MAX_MULTIPLE, identifyDisk, reachOf, sectorsOf } from "./identify";
import {
  startDma, startFlush, startPioBuffer, startPioIn, startPioOut, startPioTake, startVerify,
} from "./transfer";
import {
  Addressing, Ata, AtaError, DISK_SECTOR, Device, IdeChannel, IdeDrive, Op, bufferOf, driveOf, infoOf,
    selectedNumber,
} from "./state";

const COUNT_28: u32 = 256;
const COUNT_48: u32 = 65536;
const SECTOR_SHIFT: u64 = 9;
const NOWHERE: u64 = u64.MAX_VALUE;
/** CHECK POWER MODE: active or idle, standby. */
const POWER_ACTIVE: u32 = 0xFF;

/** The command has ended well. */
export function ataSucceed(ch: IdeChannel, d: IdeDrive): void {
  ch.op = Op.NONE;
  d.error = 0;
  d.status = Ata.IDLE;
  raiseIntrq(ch, d);
}

function endWith(ch: IdeChannel, d: IdeDrive, status: u32, error: u32): void {
  ch.op = Op.NONE;
  d.status = Ata.IDLE | status;
  d.error = error;
  raiseIntrq(ch, d);
}

/** Unknown command or parameter. */
export function ataAbort(ch: IdeChannel, d: IdeDrive): void {
  endWith(ch, d, Ata.ERR, AtaError.ABRT);
}

/** The backend failed: unreadable sector, or a fault of the device. */
export function ataFail(ch: IdeChannel, d: IdeDrive, status: BlockStatus): void {
  const reading = ch.op == Op.PIO_IN || ch.op == Op.DMA_IN || ch.op == Op.VERIFY;
  // What could not be flushed keeps the drive awake.
  d.asleep = 0;
  if (status == BlockStatus.MEDIUM && reading) endWith(ch, d, Ata.ERR, AtaError.UNC);
  else endWith(ch, d, Ata.ERR | Ata.DF, AtaError.ABRT);
}

// Addresses -----------------------------------------------------------------------------------------

/** Number of the first sector of the command, NOWHERE when CHS names none. */
function sectorOf(ch: IdeChannel, d: IdeDrive): u64 {
  const low24 = <u64>(d.low | d.mid << 8 | d.high << 16);
  if (ch.addressing == Addressing.LBA48) {
    return low24 | <u64>(d.oldLow | d.oldMid << 8 | d.oldHigh << 16) << 24;
  }
  const head = ch.device & Device.HEAD;
  if (ch.addressing == Addressing.LBA28) return low24 | <u64>head << 24;
  if (d.low == 0 || d.low > d.perTrack || head >= d.heads) return NOWHERE;
  return (<u64>(d.mid | d.high << 8) * d.heads + head) * d.perTrack + d.low - 1;
}

/** Put the address of byte `offset` of the disk into the registers, as the command named its own. */
export function setAddress(ch: IdeChannel, d: IdeDrive, offset: u64): void {
  const sector = offset >> SECTOR_SHIFT;
  if (ch.addressing == Addressing.CHS) {
    if (d.perTrack == 0 || d.heads == 0) return;
    const track = sector / d.perTrack;
    const cylinder = track / d.heads;
    d.low = <u32>(sector % d.perTrack) + 1;
    d.mid = <u32>cylinder & 0xFF;
    d.high = <u32>(cylinder >> 8) & 0xFF;
    ch.device = ch.device & ~<u32>Device.HEAD | <u32>(track % d.heads);
    return;
  }
  d.low = <u32>sector & 0xFF;
  d.mid = <u32>(sector >> 8) & 0xFF;
  d.high = <u32>(sector >> 16) & 0xFF;
  if (ch.addressing == Addressing.LBA28) {
    ch.device = ch.device & ~<u32>Device.HEAD | <u32>(sector >> 24) & Device.HEAD;
    return;
  }
  d.oldLow = <u32>(sector >> 24) & 0xFF;
  d.oldMid = <u32>(sector >> 32) & 0xFF;
  d.oldHigh = <u32>(sector >> 40) & 0xFF;
}

function sectorCount(ch: IdeChannel, d: IdeDrive): u32 {
  if (ch.addressing == Addressing.LBA48) {
    const n = d.count | d.oldCount << 8;
    return n != 0 ? n : COUNT_48;
  }
  return d.count != 0 ? d.count : COUNT_28;
}

// Transfers -----------------------------------------------------------------------------------------

/** What a transfer command is made of. */
const enum Kind { NONE = 0, PIO = 1, MULTIPLE = 2, DMA = 3, VERIFY = 4, WAY = 7, WRITE = 8, EXT = 16,
  THROUGH = 32 }

function kindOf(command: u32): u32 {
  switch (command) {
    case AtaCommand.READ_SECTORS:
    case AtaCommand.READ_SECTORS_ONCE: return Kind.PIO;
    case AtaCommand.READ_SECTORS_EXT: return Kind.PIO | Kind.EXT;
    case AtaCommand.READ_MULTIPLE: return Kind.MULTIPLE;
    case AtaCommand.READ_MULTIPLE_EXT: return Kind.MULTIPLE | Kind.EXT;
    case AtaCommand.READ_DMA:
    case AtaCommand.READ_DMA_ONCE: return Kind.DMA;
    case AtaCommand.READ_DMA_EXT: return Kind.DMA | Kind.EXT;
    case AtaCommand.READ_VERIFY:
    case AtaCommand.READ_VERIFY_ONCE: return Kind.VERIFY;
    case AtaCommand.READ_VERIFY_EXT: return Kind.VERIFY | Kind.EXT;
    case AtaCommand.WRITE_SECTORS:
    case AtaCommand.WRITE_SECTORS_ONCE: return Kind.PIO | Kind.WRITE;
    case AtaCommand.WRITE_SECTORS_EXT: return Kind.PIO | Kind.WRITE | Kind.EXT;
    case AtaCommand.WRITE_MULTIPLE: return Kind.MULTIPLE | Kind.WRITE;
    case AtaCommand.WRITE_MULTIPLE_EXT: return Kind.MULTIPLE | Kind.WRITE | Kind.EXT;
    case AtaCommand.WRITE_MULTIPLE_FUA_EXT: return Kind.MULTIPLE | Kind.WRITE | Kind.EXT | Kind.THROUGH;
    case AtaCommand.WRITE_DMA:
    case AtaCommand.WRITE_DMA_ONCE: return Kind.DMA | Kind.WRITE;
    case AtaCommand.WRITE_DMA_EXT: return Kind.DMA | Kind.WRITE | Kind.EXT;
    case AtaCommand.WRITE_DMA_FUA_EXT: return Kind.DMA | Kind.WRITE | Kind.EXT | Kind.THROUGH;
    default: return Kind.NONE;
  }
}

function addressing28(ch: IdeChannel): u32 {
  return (ch.device & Device.LBA) != 0 ? Addressing.LBA28 : Addressing.CHS;
}

function transfer(ch: IdeChannel, d: IdeDrive, kind: u32): void {
  const way = kind & Kind.WAY;
  const writing = (kind & Kind.WRITE) != 0;
  ch.addressing = (kind & Kind.EXT) != 0 ? Addressing.LBA48 : addressing28(ch);
  const readOnly = (atomic.load<u32>(infoOf(d), Drive.FLAGS) & DriveFlag.READ_ONLY) != 0;
  if ((way == Kind.MULTIPLE && d.multiple == 0) || (writing && readOnly)) {
    ataAbort(ch, d);
    return;
  }
  const first = sectorOf(ch, d);
  const count = sectorCount(ch, d);
  const all = reachOf(d);
  if (first >= all || <u64>count > all - first) {
    endWith(ch, d, Ata.ERR, AtaError.IDNF);
    return;
  }
  const offset = first << SECTOR_SHIFT;
  const bytes = count * DISK_SECTOR;
  const block = way == Kind.MULTIPLE ? d.multiple * DISK_SECTOR : DISK_SECTOR;
  ch.writeThrough = (kind & Kind.THROUGH) != 0 || d.writeCache == 0 ? 1 : 0;
  if (way == Kind.VERIFY) startVerify(ch, offset, bytes);
  else if (way == Kind.DMA) startDma(ch, writing ? Op.DMA_OUT : Op.DMA_IN, offset, bytes);
  else if (writing) startPioOut(ch, offset, bytes, block);
  else startPioIn(ch, offset, bytes, block);
}

// Others --------------------------------------------------------------------------------------------

function identify(ch: IdeChannel, d: IdeDrive): void {
  identifyDisk(d, bufferOf(ch));
  startPioBuffer(ch, DISK_SECTOR, DISK_SECTOR);
}

function setMultiple(ch: IdeChannel, d: IdeDrive): void {
  const n = d.count;
  if (n > MAX_MULTIPLE || (n & (n - 1)) != 0) {
    ataAbort(ch, d);
    return;
  }
  d.multiple = n;
  ataSucceed(ch, d);
}

/** ATA-1: translation of CHS addresses: heads and sectors per track. */
function initializeParameters(ch: IdeChannel, d: IdeDrive): void {
  if (d.count == 0) {
    ataAbort(ch, d);
    return;
  }
  d.heads = (ch.device & Device.HEAD) + 1;
  d.perTrack = d.count;
  ataSucceed(ch, d);
}

function readNativeMax(ch: IdeChannel, d: IdeDrive, ext: bool): void {
  const last = sectorsOf(d) - 1;
  ch.addressing = ext ? Addressing.LBA48 : Addressing.LBA28;
  setAddress(ch, d, (ext || last < MAX_LBA28 ? last : MAX_LBA28) << SECTOR_SHIFT);
  ataSucceed(ch, d);
}

/**
 * SET MAX ADDRESS (EXT), right behind READ NATIVE MAX ADDRESS (section 8.47). An image has no place for a
 * setting that outlives the power: the non-volatile form is refused, and so are the SET MAX passwords.
 */
function setMax(ch: IdeChannel, d: IdeDrive, ext: bool): void {
  const native: u32 = ext ? AtaCommand.READ_NATIVE_MAX_EXT : AtaCommand.READ_NATIVE_MAX;
  ch.addressing = ext ? Addressing.LBA48 : addressing28(ch);
  const last = sectorOf(ch, d);
  if (d.before != native || (d.count & 1) != 0 || last == NOWHERE) {
    ataAbort(ch, d);
    return;
  }
  const all = sectorsOf(d);
  if (last >= all) {
    endWith(ch, d, Ata.ERR, AtaError.IDNF);
    return;
  }
  d.maxSectors = last + 1 == all ? 0 : last + 1;
  ataSucceed(ch, d);
}

/** SEEK: nothing moves, but the address must be one (section 8.35 of ATA/ATAPI-5). */
function seek(ch: IdeChannel, d: IdeDrive): void {
  ch.addressing = addressing28(ch);
  d.standby = 0;
  if (sectorOf(ch, d) < reachOf(d)) ataSucceed(ch, d);
  else endWith(ch, d, Ata.ERR, AtaError.IDNF);
}

function checkPower(ch: IdeChannel, d: IdeDrive): void {
  d.count = d.standby != 0 ? 0 : POWER_ACTIVE;
  ataSucceed(ch, d);
}

function power(ch: IdeChannel, d: IdeDrive, standby: u32): void {
  d.standby = standby;
  ataSucceed(ch, d);
}

/** The heads are parked: what the cache holds is on the disk before that. */
function park(ch: IdeChannel, d: IdeDrive, asleep: u32): void {
  d.standby = 1;
  d.asleep = asleep;
  startFlush(ch);
}

/** EXECUTE DEVICE DIAGNOSTIC: both drives; drive 0 is selected afterwards and interrupts. */
function diagnose(ch: IdeChannel): void {
  abandon(ch);
  ch.device = 0;
  for (let n: u32 = 0; n < 2; n++) setSignature(driveOf(ch, n));
  updateIntrq(ch);
  raiseIntrq(ch, driveOf(ch, 0));
}

/** Commands without data, and identification. */
function otherCommand(ch: IdeChannel, d: IdeDrive, command: u32): void {
  switch (command) {
    case AtaCommand.IDENTIFY: identify(ch, d); break;
    case AtaCommand.SET_FEATURES: setFeatures(ch, d); break;
    case AtaCommand.SET_MULTIPLE: setMultiple(ch, d); break;
    case AtaCommand.INITIALIZE_PARAMETERS: initializeParameters(ch, d); break;
    case AtaCommand.FLUSH:
    case AtaCommand.FLUSH_EXT: startFlush(ch); break;
    case AtaCommand.SMART: smart(ch, d); break;
    case AtaCommand.READ_NATIVE_MAX: readNativeMax(ch, d, false); break;
    case AtaCommand.READ_NATIVE_MAX_EXT: readNativeMax(ch, d, true); break;
    case AtaCommand.SET_MAX: setMax(ch, d, false); break;
    case AtaCommand.SET_MAX_EXT: setMax(ch, d, true); break;
    case AtaCommand.READ_BUFFER: startPioBuffer(ch, DISK_SECTOR, DISK_SECTOR); break;
    case AtaCommand.WRITE_BUFFER: startPioTake(ch, DISK_SECTOR, DISK_SECTOR); break;
    case AtaCommand.CHECK_POWER:
    case AtaCommand.CHECK_POWER_OLD: checkPower(ch, d); break;
    case AtaCommand.STANDBY_IMMEDIATE:
    case AtaCommand.STANDBY_IMMEDIATE_OLD:
    case AtaCommand.STANDBY:
    case AtaCommand.STANDBY_OLD: park(ch, d, 0); break;
    case AtaCommand.SLEEP:
    case AtaCommand.SLEEP_OLD: park(ch, d, 1); break;
    case AtaCommand.IDLE:
    case AtaCommand.IDLE_OLD:
    case AtaCommand.IDLE_IMMEDIATE:
    case AtaCommand.IDLE_IMMEDIATE_OLD: power(ch, d, 0); break;
    default:
      if (command >= <u32>AtaCommand.RECALIBRATE
        && command <= <u32>AtaCommand.RECALIBRATE_LAST) ataSucceed(ch, d);
      else if (command >= <u32>AtaCommand.SEEK && command <= <u32>AtaCommand.SEEK_LAST) seek(ch, d);
      else ataAbort(ch, d);
      break;
  }
}

/** A command for the selected drive, which is not busy. */
export function ataCommand(ch: IdeChannel, d: IdeDrive, command: u32): void {
  if (command == <u32>AtaCommand.DIAGNOSTIC) {
    diagnose(ch);
    return;
  }
  ch.active = selectedNumber(ch);
  ch.packet = 0;
  d.before = d.command;
  d.command = command;
  if (d.kind == DriveKind.CDROM) {
    packetCommand(ch, d, command);
    return;
  }
  const kind = kindOf(command);
  if (kind == <u32>Kind.NONE) {
    otherCommand(ch, d, command);
    return;
  }
  d.standby = 0;
  transfer(ch, d, kind);
}
