// The ATAPI CD-ROM drive (ATA/ATAPI-6 sections 8.23 PACKET, 9.8; SPC-2 and MMC-3 for the packets): data discs
// of 2048-byte sectors, PIO with the host's byte count limit, bus master. Sense data as in SPC-2 table 108.
// Left out: audio, raw sectors, writing, several sessions.

import { BlockStatus, Drive, DriveFlag } from "../../bus/block";
import { packetAnswer } from "./atapi-answers";
import { modeSelect } from "./atapi-modes";
import { abandon, raiseIntrq, setSignature } from "./channel";
import { AtaCommand, Packet } from "./commands";
import { setFeatures } from "./features";
import { ataAbort, ataSucceed } from "./ata";
import { identifyCd, sectorsOf } from "./identify";
import { postEject, startDma, startDmaBuffer, startPacket, startPioBuffer, startPioIn } from "./transfer";
import {
  Ata, AtaError, Attention, CD_SECTOR, DISK_SECTOR, IdeChannel, IdeDrive, Op, Reason, bufferOf, infoOf,
  packetAt,
} from "./state";

/** Features register of PACKET: data by bus master. */
const FEATURE_DMA: u32 = 1;
const MAX_BYTE_COUNT: u32 = 0xFFFE;
const KEY_SHIFT: u32 = 4;
/** START STOP UNIT: start, load or eject. */
const START: u32 = 1;
const LOAD_EJECT: u32 = 2;
/** READ CD: what to send of a sector; user data, and headers and so on. */
const READ_CD_FIELDS: u32 = 0xF8;
const READ_CD_USER: u32 = 0x10;
const MODE_1: u32 = 2;
/** VERIFY: compare with data of the host. */
const BYTE_CHECK: u32 = 2;
const SECONDS: u32 = 60;
const FRAMES: u32 = 75;
const LEAD_IN_FRAMES: u32 = 150;

/** Sense keys, and additional sense codes as code << 8 | qualifier. */
export const enum Sense {
  NOT_READY = 2, MEDIUM_ERROR = 3, HARDWARE_ERROR = 4, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6,
  INVALID_COMMAND = 0x2000, OUT_OF_RANGE = 0x2100, INVALID_FIELD = 0x2400, CHANGED = 0x2800,
  TRAY_EMPTY = 0x3A01,
  UNREADABLE = 0x1100, FAILURE = 0x4400, LOCKED = 0x5302, RESET = 0x2900, TRAY_OPEN = 0x3A02,
  PARAMETER_LENGTH = 0x1A00, WRONG_MODE = 0x6400, INVALID_PARAMETER = 0x2600, NOT_SAVED = 0x3900,
}
/** Events of GET EVENT STATUS NOTIFICATION, media class (MMC-3 table 103). */
export const enum MediaEvent { NONE = 0, NEW = 2, REMOVED = 3 }

/** Big-endian fields of the packet. */
export function packet8(ch: IdeChannel, n: u32): u32 {
  return load<u8>(packetAt(ch) + n);
}
export function packet16(ch: IdeChannel, n: u32): u32 {
  return <u32>bswap<u16>(load<u16>(packetAt(ch) + n));
}
export function packet32(ch: IdeChannel, n: u32): u32 {
  return bswap<u32>(load<u32>(packetAt(ch) + n));
}

export function hasMedium(d: IdeDrive): bool {
  return (atomic.load<u32>(infoOf(d), Drive.FLAGS) & DriveFlag.MEDIUM) != 0;
}

// Ends of a packet ----------------------------------------------------------------------------------

/** Registers of a DRQ block. */
export function packetBlockRegisters(d: IdeDrive, bytes: u32, reason: Reason): void {
  d.count = reason;
  d.mid = bytes & 0xFF;
  d.high = bytes >> 8 & 0xFF;
}

function endPacket(ch: IdeChannel, d: IdeDrive, status: u32): void {
  ch.op = Op.NONE;
  d.count = Reason.STATUS;
  d.status = Ata.DRDY | Ata.DSC | status;
  raiseIntrq(ch, d);
}

export function packetSucceed(ch: IdeChannel, d: IdeDrive): void {
  d.error = 0;
  if (packet8(ch, 0) != <u32>Packet.REQUEST_SENSE) setSense(d, 0, 0);
  endPacket(ch, d, 0);
}

function setSense(d: IdeDrive, key: u32, code: u32): void {
  d.senseKey = key;
  d.asc = code >> 8;
  d.ascq = code & 0xFF;
}

/** CHECK CONDITION. */
export function packetRefuse(ch: IdeChannel, d: IdeDrive, key: u32, code: u32): void {
  setSense(d, key, code);
  d.error = key << KEY_SHIFT | (key == <u32>Sense.ILLEGAL_REQUEST ? <u32>AtaError.ABRT : 0);
  endPacket(ch, d, Ata.ERR);
}

/** The backend failed. */
export function packetFail(ch: IdeChannel, d: IdeDrive, status: BlockStatus): void {
  if (status == BlockStatus.MEDIUM) packetRefuse(ch, d, Sense.MEDIUM_ERROR, Sense.UNREADABLE);
  else packetRefuse(ch, d, Sense.HARDWARE_ERROR, Sense.FAILURE);
}

/** Data of this packet go by bus master. */
export function wantsDma(d: IdeDrive): bool {
  return (d.feature & FEATURE_DMA) != 0;
}

/** `bytes` of the buffer, but no more than the host allows, go to the host. */
export function packetReply(ch: IdeChannel, d: IdeDrive, bytes: u32, allowed: u32): void {
  const n = bytes < allowed ? bytes : allowed;
  if (n == 0) {
    packetSucceed(ch, d);
  } else if (wantsDma(d)) {
    // diskBytes counts what is left of the buffer.
    startDmaBuffer(ch, n);
  } else {
    startPioBuffer(ch, n, ch.blockBytes);
  }
}

// Commands of the ATA kind --------------------------------------------------------------------------

/** A command written to a packet device. */
export function packetCommand(ch: IdeChannel, d: IdeDrive, command: u32): void {
  switch (command) {
    case AtaCommand.PACKET: beginPacket(ch, d); break;
    case AtaCommand.IDENTIFY_PACKET:
      identifyCd(d, bufferOf(ch));
      startPioBuffer(ch, DISK_SECTOR, DISK_SECTOR);
      break;
    case AtaCommand.DEVICE_RESET:
      // Section 8.10: no interrupt; it ends SLEEP.
      abandon(ch);
      d.asleep = 0;
      setSignature(d);
      break;
    case AtaCommand.SET_FEATURES: setFeatures(ch, d); break;
    case AtaCommand.IDENTIFY:
      // The signature tells what it is (section 8.15.5.2).
      setSignature(d);
      ataAbort(ch, d);
      break;
    case AtaCommand.IDLE_IMMEDIATE:
    case AtaCommand.STANDBY_IMMEDIATE:
    case AtaCommand.FLUSH: ataSucceed(ch, d); break;
    case AtaCommand.SLEEP:
      d.asleep = 1;
      ataSucceed(ch, d);
      break;
    case AtaCommand.CHECK_POWER:
      d.count = 0xFF;
      ataSucceed(ch, d);
      break;
    default: ataAbort(ch, d); break;
  }
}

/** Section 9.8: wait for the packet; its DRQ comes without an interrupt. */
function beginPacket(ch: IdeChannel, d: IdeDrive): void {
  let limit = d.mid | d.high << 8;
  if (limit == 0 || limit > MAX_BYTE_COUNT) limit = MAX_BYTE_COUNT;
  // Blocks but the last have an even length.
  ch.blockBytes = limit > 1 ? limit & ~1 : limit;
  ch.packet = 1;
  d.count = Reason.COMMAND;
  startPacket(ch);
}

/** A new disc was put in, or the disc taken out, since the drive last looked. */
function noticeChange(d: IdeDrive): void {
  const generation = atomic.load<u32>(infoOf(d), Drive.GENERATION);
  if (generation == d.generation) return;
  d.generation = generation;
  d.trayOpen = 0;
  d.attention &= ~<u32>Attention.CHANGED;
  if (hasMedium(d)) d.attention |= Attention.CHANGED;
  d.event = hasMedium(d) ? MediaEvent.NEW : MediaEvent.REMOVED;
}

/** Commands that are executed although a unit attention waits (SPC-2 5.8.1) or there is no disc. */
function isAlwaysAllowed(command: u32): bool {
  return command == <u32>Packet.INQUIRY || command == <u32>Packet.REQUEST_SENSE
    || command == <u32>Packet.GET_EVENT_STATUS || command == <u32>Packet.GET_CONFIGURATION;
}

function needsMedium(command: u32): bool {
  switch (command) {
    case Packet.TEST_UNIT_READY:
    case Packet.READ_CAPACITY:
    case Packet.READ_10:
    case Packet.READ_12:
    case Packet.READ_CD:
    case Packet.READ_CD_MSF:
    case Packet.READ_HEADER:
    case Packet.SEEK:
    case Packet.VERIFY:
    case Packet.READ_TOC:
    case Packet.READ_SUBCHANNEL:
    case Packet.READ_DISC_INFORMATION:
    case Packet.READ_TRACK_INFORMATION: return true;
    default: return false;
  }
}

/** The next unit attention that waits: of a reset before that of a medium (SPC-2 section 5.9.7). */
export function takeAttention(d: IdeDrive): u32 {
  const reset = (d.attention & Attention.RESET) != 0;
  d.attention &= ~<u32>(reset ? Attention.RESET : Attention.CHANGED);
  return reset ? Sense.RESET : Sense.CHANGED;
}

function refuseEmpty(ch: IdeChannel, d: IdeDrive): void {
  packetRefuse(ch, d, Sense.NOT_READY, d.trayOpen != 0 ? Sense.TRAY_OPEN : Sense.TRAY_EMPTY);
}

/** The twelve bytes are here. */
export function packetExecute(ch: IdeChannel, d: IdeDrive): void {
  const command = packet8(ch, 0);
  noticeChange(d);
  if (d.attention != 0 && !isAlwaysAllowed(command)) {
    packetRefuse(ch, d, Sense.UNIT_ATTENTION, takeAttention(d));
    return;
  }
  if (needsMedium(command) && !hasMedium(d)) {
    refuseEmpty(ch, d);
    return;
  }
  switch (command) {
    case Packet.TEST_UNIT_READY:
    case Packet.SYNCHRONIZE_CACHE:
    case Packet.SET_SPEED: packetSucceed(ch, d); break;
    case Packet.VERIFY: verify(ch, d); break;
    case Packet.READ_10: readSectors(ch, d, packet32(ch, 2), packet16(ch, 7)); break;
    case Packet.READ_12: readSectors(ch, d, packet32(ch, 2), packet32(ch, 6)); break;
    case Packet.READ_CD: readCd(ch, d, packet32(ch, 2), packet8(ch, 6) << 16 | packet16(ch, 7)); break;
    case Packet.READ_CD_MSF: readCdMsf(ch, d); break;
    case Packet.MODE_SELECT_6: modeSelect(ch, d, packet8(ch, 4)); break;
    case Packet.MODE_SELECT_10: modeSelect(ch, d, packet16(ch, 7)); break;
    case Packet.SEEK:
      if (<u64>packet32(ch, 2) < sectorsOf(d)) packetSucceed(ch, d);
      else packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.OUT_OF_RANGE);
      break;
    case Packet.START_STOP: startStop(ch, d); break;
    case Packet.PREVENT_ALLOW:
      atomic.store<u32>(infoOf(d), packet8(ch, 4) & 1, Drive.LOCKED);
      packetSucceed(ch, d);
      break;
    default:
      if (!packetAnswer(ch, d, command)) packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_COMMAND);
      break;
  }
}

function readSectors(ch: IdeChannel, d: IdeDrive, first: u32, count: u32): void {
  const all = sectorsOf(d);
  if (<u64>first >= all && count != 0 || <u64>count > all - <u64>first) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.OUT_OF_RANGE);
    return;
  }
  if (count == 0) {
    packetSucceed(ch, d);
    return;
  }
  // The transfer counters have 32 bits.
  if (count > u32.MAX_VALUE / CD_SECTOR) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
    return;
  }
  const offset = <u64>first * CD_SECTOR;
  if (wantsDma(d)) startDma(ch, Op.DMA_IN, offset, count * CD_SECTOR);
  else startPioIn(ch, offset, count * CD_SECTOR, ch.blockBytes);
}

/** Verified is what can be addressed; comparing bytes with the host's is for drives that write. */
function verify(ch: IdeChannel, d: IdeDrive): void {
  const all = sectorsOf(d);
  const first = <u64>packet32(ch, 2);
  const count = <u64>packet16(ch, 7);
  if ((packet8(ch, 1) & BYTE_CHECK) != 0) packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
  else if (first + count > all) packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.OUT_OF_RANGE);
  else packetSucceed(ch, d);
}

/** Sector of minute, second, frame at byte `n` of the packet. */
function packetMsf(ch: IdeChannel, n: u32): u32 {
  return (packet8(ch, n) * SECONDS + packet8(ch, n + 1)) * FRAMES + packet8(ch, n + 2) - LEAD_IN_FRAMES;
}

/** READ CD MSF: from the first address to before the second. */
function readCdMsf(ch: IdeChannel, d: IdeDrive): void {
  const first = packetMsf(ch, 3);
  const end = packetMsf(ch, 6);
  // An address before sector 0 is a huge number, and out of range.
  if (<i32>(end - first) < 0) packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
  else readCd(ch, d, first, end - first);
}

/** READ CD: user data of data sectors only (expected type: any, or mode 1). */
function readCd(ch: IdeChannel, d: IdeDrive, first: u32, count: u32): void {
  const fields = packet8(ch, 9) & READ_CD_FIELDS;
  const type = packet8(ch, 1) >> 2 & 7;
  if (type != 0 && type != MODE_1) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.WRONG_MODE);
    return;
  }
  if (fields == 0) packetSucceed(ch, d);
  else if (fields == READ_CD_USER) readSectors(ch, d, first, count);
  else packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
}

/** The tray opens when it is not locked; the host is told. Closing it finds what is in it. */
function startStop(ch: IdeChannel, d: IdeDrive): void {
  const how = packet8(ch, 4) & (START | LOAD_EJECT);
  if (how == LOAD_EJECT) {
    if (atomic.load<u32>(infoOf(d), Drive.LOCKED) != 0) {
      packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.LOCKED);
      return;
    }
    if (hasMedium(d)) {
      atomic.and<u32>(infoOf(d), ~<u32>DriveFlag.MEDIUM, Drive.FLAGS);
      d.event = MediaEvent.REMOVED;
      postEject(ch, d);
    }
    d.trayOpen = 1;
  } else if (how != 0) {
    // Started, or loaded and started: both want a disc, the second closes the tray first.
    if (how == (START | LOAD_EJECT)) d.trayOpen = 0;
    if (how == START && !hasMedium(d)) {
      refuseEmpty(ch, d);
      return;
    }
  }
  packetSucceed(ch, d);
}
