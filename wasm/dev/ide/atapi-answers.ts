// Packets that are answered from the drive's own knowledge: inquiry, sense, capacity, table of contents,
// modes, features, events (SPC-2 and MMC-3; the tables are named at each). All multi-byte fields are
// big-endian.

import { Drive } from "../../bus/block";
import { Packet } from "./commands";
import { sectorsOf } from "./identify";
import { MediaEvent, Sense, hasMedium, packet16, packet8, packetRefuse, packetReply } from "./atapi";
import { CD_SECTOR, IdeChannel, IdeDrive, bufferOf, infoOf } from "./state";

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
/** Mode pages: error recovery, capabilities, all. */
const PAGE_RECOVERY: u32 = 0x01;
const PAGE_CAPABILITIES: u32 = 0x2A;
const PAGE_ALL: u32 = 0x3F;
const PAGE_BITS: u32 = 0x3F;
const RECOVERY_BYTES: u32 = 8;
const CAPABILITIES_BYTES: u32 = 22;
/** 706 KB/s x 10. */
const SPEED_KB: u32 = 7056;
/** Features (MMC-3 section 5.2): profiles, core, removable medium, random readable, CD read. */
const PROFILE_CD_ROM: u32 = 8;
const FEATURE_CORE: u32 = 1;
const FEATURE_REMOVABLE: u32 = 3;
const FEATURE_READABLE: u32 = 0x10;
const FEATURE_CD_READ: u32 = 0x1E;
const PERSISTENT_CURRENT: u8 = 3;
const EVENT_MEDIA_CLASS: u32 = 4;
const EVENT_MEDIA_BIT: u32 = 0x10;
const POLLED: u32 = 1;
const MEDIUM_PRESENT: u8 = 2;

// @ts-ignore: decorator
@inline
function put8(at: usize, v: u32): void { store<u8>(at, <u8>v); }
// @ts-ignore: decorator
@inline
function put16(at: usize, v: u32): void { store<u16>(at, bswap<u16>(<u16>v)); }
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
    case Packet.MECHANISM_STATUS:
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
    put8(at + 12, Sense.CHANGED >> 8);
    d.attention = 0;
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

/** SPC-2 section 8.3.3: no block descriptors, and nothing can be changed or saved. */
function modeSense(ch: IdeChannel, d: IdeDrive, header: u32, allowed: u32): void {
  const at = bufferOf(ch);
  const page = packet8(ch, 2) & PAGE_BITS;
  const changeable = packet8(ch, 2) >> 6;
  let bytes = header;
  if (changeable == 3 || (page != PAGE_RECOVERY && page != PAGE_CAPABILITIES && page != PAGE_ALL)) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, changeable == 3 ? 0x3900 : Sense.INVALID_FIELD);
    return;
  }
  if (page != PAGE_CAPABILITIES) {
    put8(at + bytes, PAGE_RECOVERY);
    put8(at + bytes + 1, RECOVERY_BYTES - 2);
    if (changeable != 1) put8(at + bytes + 3, 5);
    bytes += RECOVERY_BYTES;
  }
  if (page != PAGE_RECOVERY) {
    if (changeable != 1) capabilities(at + bytes, d);
    put8(at + bytes, PAGE_CAPABILITIES);
    put8(at + bytes + 1, CAPABILITIES_BYTES - 2);
    bytes += CAPABILITIES_BYTES;
  }
  // Medium type: 120 mm data disc, or door closed without one.
  const medium: u32 = hasMedium(d) ? 1 : 0x70;
  if (header == 4) {
    put8(at, bytes - 1);
    put8(at + 1, medium);
  } else {
    put16(at, bytes - 2);
    put8(at + 2, medium);
  }
  packetReply(ch, d, bytes, allowed);
}

/** MMC-3 table 259. */
function capabilities(at: usize, d: IdeDrive): void {
  // Reads CD-R, CD-RW, method 2.
  put8(at + 2, 0x07);
  // Mode 2 forms 1 and 2, multi-session.
  put8(at + 4, 0x70);
  // Tray that locks and ejects; locked now.
  put8(at + 6, 0x29 | (atomic.load<u32>(infoOf(d), Drive.LOCKED) != 0 ? 2 : 0));
  put16(at + 8, SPEED_KB);
  put16(at + 12, 512);
  put16(at + 14, SPEED_KB);
}

/** One feature descriptor; returns the offset behind it. */
function feature(at: usize, bytes: u32, code: u32, flags: u32, extra: u32): u32 {
  put16(at + bytes, code);
  put8(at + bytes + 2, flags);
  put8(at + bytes + 3, extra);
  return bytes + 4 + extra;
}

/** MMC-3 section 6.6: from the feature that was asked for on, or it alone. */
function getConfiguration(ch: IdeChannel, d: IdeDrive): void {
  const at = bufferOf(ch);
  const start = packet16(ch, 2);
  const only = (packet8(ch, 1) & 3) == 2;
  const current: u32 = hasMedium(d) ? 1 : 0;
  let bytes: u32 = 8;
  put16(at + 6, hasMedium(d) ? PROFILE_CD_ROM : 0);
  if (start == 0) {
    put16(at + bytes + 4, PROFILE_CD_ROM);
    put8(at + bytes + 6, current);
    bytes = feature(at, bytes, 0, PERSISTENT_CURRENT, 4);
  }
  if (only ? start == FEATURE_CORE : start <= FEATURE_CORE) {
    // Physical interface: ATAPI.
    put32(at + bytes + 4, 2);
    bytes = feature(at, bytes, FEATURE_CORE, PERSISTENT_CURRENT, 4);
  }
  if (only ? start == FEATURE_REMOVABLE : start <= FEATURE_REMOVABLE) {
    // Tray, eject, lock.
    put8(at + bytes + 4, 0x29);
    bytes = feature(at, bytes, FEATURE_REMOVABLE, PERSISTENT_CURRENT, 4);
  }
  if (only ? start == FEATURE_READABLE : start <= FEATURE_READABLE) {
    put32(at + bytes + 4, CD_SECTOR);
    put16(at + bytes + 8, 16);
    bytes = feature(at, bytes, FEATURE_READABLE, current, 8);
  }
  if (only ? start == FEATURE_CD_READ : start <= FEATURE_CD_READ) {
    bytes = feature(at, bytes, FEATURE_CD_READ, current, 4);
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
  put8(at + 5, hasMedium(d) ? MEDIUM_PRESENT : 0);
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

/** MMC-3 section 6.29: no audio status. */
function readSubchannel(ch: IdeChannel, d: IdeDrive): void {
  put8(bufferOf(ch) + 1, 0x15);
  packetReply(ch, d, 4, packet16(ch, 7));
}
