// Packets that are answered from the drive's own knowledge: inquiry, sense, capacity, table of contents,
// features, events (SPC-2 and MMC-3; the tables are named at each). All multi-byte fields are
// big-endian.

import { Packet } from "./commands";
import { sectorsOf } from "./identify";
import {
  MediaEvent, Sense, hasMedium, packet16, packet32, packet8, packetRefuse, packetReply, takeAttention,
} from "./atapi";
import { modeSense } from "./atapi-modes";
import { CD_SECTOR, IdeChannel, IdeDrive, bufferOf } from "./state";

/** Vendor, product, revision: "SKEP    " "CD-ROM          " "1.0 ". */
const INQUIRY_TEXT = memory.data<u8>([83, 75, 69, 80, 32, 32, 32, 32, 67, 68, 45, 82, 79, 77, 32, 32, 32, 32,
  32, 32,
  32, 32, 32, 32, 49, 46, 48, 32]);
const INQUIRY_TEXT_AT: usize = 8;
const INQUIRY_TEXT_BYTES: u32 = 28;
const INQUIRY_BYTES: u32 = 36;
const SENSE_BYTES: u32 = 18;
const SENSE_CURRENT: u32 = 0x70;
const CD_ROM_DEVICE: u8 = 5;
const REMOVABLE: u8 = 0x80;
/** Data track, current position not encoded; the lead-out's number. */
const DATA_TRACK: u8 = 0x14;
const LEAD_OUT: u32 = 0xAA;
const MSF_BIT: u32 = 2;
const FRAMES_PER_SECOND: u32 = 75;
const FRAMES_PER_MINUTE: u32 = 4500;
const LEAD_IN_FRAMES: u32 = 150;
/** Features (MMC-3 section 5.2), and the types of GET CONFIGURATION's request. */
const PROFILE_CD_ROM: u32 = 8;
const FEATURE_CORE: u32 = 1;
const FEATURE_MORPHING: u32 = 2;
const FEATURE_REMOVABLE: u32 = 3;
const FEATURE_READABLE: u32 = 0x10;
const FEATURE_CD_READ: u32 = 0x1E;
const FEATURE_POWER: u32 = 0x100;
const FEATURE_TIMEOUT: u32 = 0x105;
const TYPE_CURRENT: u32 = 1;
const TYPE_ONE: u32 = 2;
const PERSISTENT_CURRENT: u8 = 3;
const EVENT_MEDIA_CLASS: u32 = 4;
const EVENT_MEDIA_BIT: u32 = 0x10;
const POLLED: u32 = 1;
const TRAY_OPEN: u32 = 1;
const MEDIUM_PRESENT: u32 = 2;
/** MECHANISM STATUS. */
const DOOR_OPEN: u32 = 0x10;
/** READ SUBCHANNEL: Q data are wanted; formats; no audio status. */
const SUB_Q: u32 = 0x40;
const enum SubFormat { POSITION = 1, CATALOGUE = 2, RECORDING = 3 }
const NO_AUDIO: u32 = 0x15;

// @ts-ignore: decorator
@inline
export function put8(at: usize, v: u32): void { store<u8>(at, <u8>v); }
// @ts-ignore: decorator
@inline
export function put16(at: usize, v: u32): void { store<u16>(at, bswap<u16>(<u16>v)); }
// @ts-ignore: decorator
@inline
function put32(at: usize, v: u32): void { store<u32>(at, bswap<u32>(v)); }

const LARGEST_ANSWER: u32 = 512;

/** Answer `command`; false when this drive does not know it. */
export function packetAnswer(ch: IdeChannel, d: IdeDrive, command: u32): bool {
  memory.fill(bufferOf(ch), 0, LARGEST_ANSWER);
  switch (command) {
    case Packet.INQUIRY: inquiry(ch, d); break;
    case Packet.REQUEST_SENSE: requestSense(ch, d); break;
    case Packet.READ_CAPACITY: readCapacity(ch, d); break;
    case Packet.READ_TOC: readToc(ch, d); break;
    case Packet.MODE_SENSE_6: modeSense(ch, d, 4, packet8(ch, 4)); break;
    case Packet.MODE_SENSE_10: modeSense(ch, d, 8, packet16(ch, 7)); break;
    case Packet.GET_CONFIGURATION: getConfiguration(ch, d); break;
    case Packet.GET_EVENT_STATUS: getEventStatus(ch, d); break;
    case Packet.READ_DISC_INFORMATION: discInformation(ch, d); break;
    case Packet.READ_TRACK_INFORMATION: trackInformation(ch, d); break;
    case Packet.READ_SUBCHANNEL: readSubchannel(ch, d); break;
    case Packet.READ_HEADER: readHeader(ch, d); break;
    case Packet.MECHANISM_STATUS:
      put8(bufferOf(ch) + 1, d.trayOpen != 0 ? DOOR_OPEN : 0);
      put8(bufferOf(ch) + 5, 1);
      packetReply(ch, d, 8, packet16(ch, 8));
      break;
    default: return false;
  }
  return true;
}

/** SPC-2 section 7.3. */
function inquiry(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  // Vital product data pages: none.
  if ((packet8(ch, 1) & 1) != 0) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
    return;
  }
  store<u8>(at, CD_ROM_DEVICE);
  store<u8>(at, REMOVABLE, 1);
  // No claim of a version; response data format 1 with ATAPI version 2 (SFF-8020i 10.8.1).
  put8(at + 3, 0x21);
  put8(at + 4, INQUIRY_BYTES - 5);
  memory.copy(at + INQUIRY_TEXT_AT, INQUIRY_TEXT, INQUIRY_TEXT_BYTES);
  packetReply(ch, d, INQUIRY_BYTES, packet16(ch, 3));
}

/** SPC-2 section 7.20; a unit attention that waits is told here, too. */
function requestSense(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  put8(at, SENSE_CURRENT);
  if (d.attention != 0 && d.senseKey == 0) {
    put8(at + 2, Sense.UNIT_ATTENTION);
    put8(at + 12, takeAttention(d) >> 8);
  } else {
    put8(at + 2, d.senseKey);
    put8(at + 12, d.asc);
    put8(at + 13, d.ascq);
  }
  put8(at + 7, SENSE_BYTES - 8);
  d.senseKey = 0;
  d.asc = 0;
  d.ascq = 0;
  packetReply(ch, d, SENSE_BYTES, packet8(ch, 4));
}

function readCapacity(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  put32(at, <u32>sectorsOf(d) - 1);
  put32(at + 4, CD_SECTOR);
  packetReply(ch, d, 8, 8);
}

/** A sector's address in a TOC entry, linear or in minutes, seconds, frames. */
function putAddress(at: usize, sector: u32, msf: bool): void {
  if (!msf) {
    put32(at, sector);
    return;
  }
  const f = sector + LEAD_IN_FRAMES;
  put8(at + 1, f / FRAMES_PER_MINUTE);
  put8(at + 2, f / FRAMES_PER_SECOND % 60);
  put8(at + 3, f % FRAMES_PER_SECOND);
}

/** MMC-3 section 5.23: one data track in one session. */
function readToc(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  const msf = (packet8(ch, 1) & MSF_BIT) != 0;
  const first = packet8(ch, 6);
  // Old hosts put the format into the upper bits of byte 9.
  let format = packet8(ch, 2) & 15;
  if (format == 0) format = packet8(ch, 9) >> 6;
  let bytes: u32 = 4;
  put8(at + 2, 1);
  put8(at + 3, 1);
  if (format == 0) {
    if (first > 1 && first != LEAD_OUT) {
      packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
      return;
    }
    if (first <= 1) {
      put8(at + bytes + 1, DATA_TRACK);
      put8(at + bytes + 2, 1);
      putAddress(at + bytes + 4, 0, msf);
      bytes += 8;
    }
    put8(at + bytes + 1, DATA_TRACK);
    put8(at + bytes + 2, LEAD_OUT);
    putAddress(at + bytes + 4, <u32>sectorsOf(d), msf);
    bytes += 8;
  } else if (format == 1) {
    put8(at + bytes + 1, DATA_TRACK);
    put8(at + bytes + 2, 1);
    putAddress(at + bytes + 4, 0, msf);
    bytes += 8;
  } else if (format == 2) {
    bytes = fullToc(at, <u32>sectorsOf(d));
  } else {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
    return;
  }
  put16(at, bytes - 2);
  packetReply(ch, d, bytes, packet16(ch, 7));
}

/** Format 2: points A0 (first track), A1 (last), A2 (lead-out) and track 1, always in MSF. */
function fullToc(at: usize, sectors: u32): u32 {
  let e = at + 4;
  for (let point: u32 = 0xA0; point <= 0xA3; point++) {
    put8(e, 1);
    put8(e + 1, DATA_TRACK);
    put8(e + 3, point == 0xA3 ? 1 : point);
    if (point < 0xA2) put8(e + 8, 1);
    else putAddress(e + 7, point == 0xA2 ? sectors : 0, true);
    e += 11;
  }
  return <u32>(e - at);
}

/** One feature descriptor; returns the offset behind it. */
function feature(at: usize, bytes: u32, code: u32, flags: u32, extra: u32): u32 {
  put16(at + bytes, code);
  put8(at + bytes + 2, flags);
  put8(at + bytes + 3, extra);
  return bytes + 4 + extra;
}

/** Is `code` part of the answer? RT 0: all from the start on, 1: current ones of these, 2: it alone. */
function isWanted(ch: IdeChannel, code: u32, current: bool): bool {
  const start = packet16(ch, 2);
  const type = packet8(ch, 1) & 3;
  if (type == TYPE_ONE) return start == code;
  return start <= code && (current || type != TYPE_CURRENT);
}

/** MMC-3 section 6.6 with the features that the profile CD-ROM has (section 5.4.3). */
function getConfiguration(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  const medium = hasMedium(d);
  const current: u32 = medium ? 1 : 0;
  let bytes: u32 = 8;
  put16(at + 6, medium ? PROFILE_CD_ROM : 0);
  if (isWanted(ch, 0, true)) {
    put16(at + bytes + 4, PROFILE_CD_ROM);
    put8(at + bytes + 6, current);
    bytes = feature(at, bytes, 0, PERSISTENT_CURRENT, 4);
  }
  if (isWanted(ch, FEATURE_CORE, true)) {
    // Physical interface: ATAPI.
    put32(at + bytes + 4, 2);
    bytes = feature(at, bytes, FEATURE_CORE, PERSISTENT_CURRENT, 4);
  }
  if (isWanted(ch, FEATURE_MORPHING, true)) {
    bytes = feature(at, bytes, FEATURE_MORPHING, PERSISTENT_CURRENT, 4);
  }
  if (isWanted(ch, FEATURE_REMOVABLE, true)) {
    // Tray, eject, lock.
    put8(at + bytes + 4, 0x29);
    bytes = feature(at, bytes, FEATURE_REMOVABLE, PERSISTENT_CURRENT, 4);
  }
  if (isWanted(ch, FEATURE_READABLE, medium)) {
    put32(at + bytes + 4, CD_SECTOR);
    put16(at + bytes + 8, 16);
    bytes = feature(at, bytes, FEATURE_READABLE, current, 8);
  }
  if (isWanted(ch, FEATURE_CD_READ, medium)) bytes = feature(at, bytes, FEATURE_CD_READ, current, 4);
  if (isWanted(ch, FEATURE_POWER, true)) bytes = feature(at, bytes, FEATURE_POWER, PERSISTENT_CURRENT, 0);
  if (isWanted(ch, FEATURE_TIMEOUT, true)) {
    bytes = feature(at, bytes, FEATURE_TIMEOUT, PERSISTENT_CURRENT, 0);
  }
  put32(at, bytes - 4);
  packetReply(ch, d, bytes, packet16(ch, 7));
}

/** MMC-3 section 6.7: polled media events. */
function getEventStatus(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  if ((packet8(ch, 1) & POLLED) == 0) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
    return;
  }
  put8(at + 3, EVENT_MEDIA_BIT);
  if ((packet8(ch, 4) & EVENT_MEDIA_BIT) == 0) {
    // None of the classes asked for: an empty header.
    put16(at, 2);
    put8(at + 2, 0x80);
    packetReply(ch, d, 4, packet16(ch, 7));
    return;
  }
  put16(at, 6);
  put8(at + 2, EVENT_MEDIA_CLASS);
  put8(at + 4, d.event);
  put8(at + 5, (hasMedium(d) ? MEDIUM_PRESENT : 0) | (d.trayOpen != 0 ? TRAY_OPEN : 0));
  d.event = MediaEvent.NONE;
  packetReply(ch, d, 8, packet16(ch, 7));
}

/** MMC-3 section 6.26: a finished disc with one session and one track. */
function discInformation(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  put16(at, 32);
  put8(at + 2, 0x0E);
  for (let n: u32 = 3; n < 7; n++) put8(at + n, 1);
  put8(at + 7, 0x20);
  packetReply(ch, d, 34, packet16(ch, 7));
}

/** MMC-3 section 6.27. */
function trackInformation(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  put16(at, 34);
  put8(at + 2, 1);
  put8(at + 3, 1);
  put8(at + 5, 4);
  put8(at + 6, 1);
  put32(at + 24, <u32>sectorsOf(d));
  packetReply(ch, d, 36, packet16(ch, 7));
}

/** SFF-8020i section 10.8.16: mode 1 and the address of the sector asked for. */
function readHeader(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  const sector = packet32(ch, 2);
  if (<u64>sector >= sectorsOf(d)) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.OUT_OF_RANGE);
    return;
  }
  put8(at, 1);
  putAddress(at + 4, sector, (packet8(ch, 1) & MSF_BIT) != 0);
  packetReply(ch, d, 8, packet16(ch, 7));
}

/** MMC-3 section 6.29: no audio; the position is the start of track 1; neither catalogue number nor ISRC. */
function readSubchannel(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  const format = packet8(ch, 3);
  const msf = (packet8(ch, 1) & MSF_BIT) != 0;
  put8(at + 1, NO_AUDIO);
  let bytes: u32 = 4;
  if ((packet8(ch, 2) & SUB_Q) != 0) {
    if (format < <u32>SubFormat.POSITION || format > <u32>SubFormat.RECORDING) {
      packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
      return;
    }
    bytes = format == <u32>SubFormat.POSITION ? 16 : 24;
    put8(at + 4, format);
    if (format != <u32>SubFormat.CATALOGUE) {
      put8(at + 5, DATA_TRACK);
      put8(at + 6, 1);
    }
    if (format == <u32>SubFormat.POSITION) {
      put8(at + 7, 1);
      putAddress(at + 8, 0, msf);
    }
  }
  put16(at + 2, bytes - 4);
  packetReply(ch, d, bytes, packet16(ch, 7));
}
