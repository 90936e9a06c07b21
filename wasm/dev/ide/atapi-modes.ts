// Mode pages of the CD-ROM drive: MODE SENSE and MODE SELECT, 6 and 10 (SPC-2 sections 8.3.3 and 7.6 to
// 7.9; pages of MMC-3 section 5.5 and, for 0Dh and 0Eh, SFF-8020i section 10.8.6). The drive keeps the pages
// as they stand; a mask says which bits a host may change. Left out: saved pages, block descriptors,
// page 05h, which only drives that write have.

import { Drive } from "../../bus/block";
import {
  Sense, hasMedium, packet8, packetRefuse, packetReply, packetSucceed, wantsDma,
} from "./atapi";
import { put16, put8 } from "./atapi-answers";
import { Packet } from "./commands";
import { startDmaTake, startPioTake } from "./transfer";
import { BUFFER_BYTES, IdeChannel, IdeDrive, bufferOf, infoOf, pagesOf } from "./state";

/** Error recovery 01h, CD parameters 0Dh, audio control 0Eh, power condition 1Ah: as at power-on. */
const DEFAULTS = memory.data<u8>([
  0x01, 6, 0, 5, 0, 0, 0, 0,
  0x0D, 6, 0, 1, 0, 60, 0, 75,
  0x0E, 14, 4, 0, 0, 0, 0, 0, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0,
  0x1A, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/** What MODE SELECT may change of them. */
const CHANGEABLE = memory.data<u8>([
  0x01, 6, 0x37, 0xFF, 0, 0, 0, 0,
  0x0D, 6, 0, 0x0F, 0, 0, 0, 0,
  0x0E, 14, 2, 0, 0, 0, 0, 0, 0x0F, 0xFF, 0x0F, 0xFF, 0, 0, 0, 0,
  0x1A, 10, 0, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
]);
const PAGES_BYTES: u32 = 44;
const PAGE_CAPABILITIES: u32 = 0x2A;
const PAGE_ALL: u32 = 0x3F;
const PAGE_BITS: u32 = 0x3F;
const CAPABILITIES_BYTES: u32 = 22;
/** Page control of MODE SENSE. */
const enum Values { CURRENT = 0, CHANGEABLE = 1, DEFAULT = 2, SAVED = 3 }
/** MODE SELECT: save the pages. */
const SAVE_PAGES: u32 = 1;
const PAGE_HEADER: u32 = 2;
const HEADER_6: u32 = 4;
const HEADER_10: u32 = 8;
/** Medium type: 120 mm data disc; door closed without one; door open. */
const MEDIUM_DATA: u32 = 1;
const MEDIUM_NONE: u32 = 0x70;
const MEDIUM_DOOR_OPEN: u32 = 0x71;
/** 706 KB/s x 10. */
const SPEED_KB: u32 = 7056;

export function powerOnPages(d: IdeDrive): void {
  memory.copy(pagesOf(d), DEFAULTS, PAGES_BYTES);
}

/** Offset of a page in the tables, PAGES_BYTES when the drive does not have it. */
function pageAt(page: u32): u32 {
  let at: u32 = 0;
  while (at < PAGES_BYTES && <u32>load<u8>(DEFAULTS + at) != page) {
    at += PAGE_HEADER + <u32>load<u8>(DEFAULTS + at, 1);
  }
  return at;
}

function tableOf(d: IdeDrive, values: u32): usize {
  if (values == <u32>Values.CURRENT) return pagesOf(d);
  return values == <u32>Values.CHANGEABLE ? CHANGEABLE : DEFAULTS;
}

/** SPC-2 section 8.3.3. */
export function modeSense(ch: IdeChannel, d: IdeDrive, header: u32, allowed: u32): void {
  const at = bufferOf(ch);
  const page = packet8(ch, 2) & PAGE_BITS;
  const values = packet8(ch, 2) >> 6;
  const known = pageAt(page);
  const all = page == PAGE_ALL;
  if (values == <u32>Values.SAVED || (known == PAGES_BYTES && page != PAGE_CAPABILITIES && !all)) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST,
      values == <u32>Values.SAVED ? Sense.NOT_SAVED : Sense.INVALID_FIELD);
    return;
  }
  let bytes = header;
  if (known != PAGES_BYTES || all) {
    const from = all ? 0 : known;
    const n = all ? PAGES_BYTES : PAGE_HEADER + <u32>load<u8>(DEFAULTS + known, 1);
    memory.copy(at + bytes, tableOf(d, values) + from, n);
    bytes += n;
  }
  if (page == PAGE_CAPABILITIES || all) {
    if (values != <u32>Values.CHANGEABLE) capabilities(at + bytes, d);
    put8(at + bytes, PAGE_CAPABILITIES);
    put8(at + bytes + 1, CAPABILITIES_BYTES - PAGE_HEADER);
    bytes += CAPABILITIES_BYTES;
  }
  const medium: u32 = hasMedium(d) ? MEDIUM_DATA : d.trayOpen != 0 ? MEDIUM_DOOR_OPEN : MEDIUM_NONE;
  if (header == HEADER_6) {
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

/** The parameter list comes in a data phase; packetTaken has it. */
export function modeSelect(ch: IdeChannel, d: IdeDrive, bytes: u32): void {
  if ((packet8(ch, 1) & SAVE_PAGES) != 0 || bytes > BUFFER_BYTES) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, Sense.INVALID_FIELD);
  } else if (bytes == 0) {
    packetSucceed(ch, d);
  } else if (wantsDma(d)) {
    startDmaTake(ch, bytes);
  } else {
    startPioTake(ch, bytes, ch.blockBytes);
  }
}

/** May the page at `at` become the drive's? The bits that cannot change must be as they are. */
function isAcceptable(d: IdeDrive, at: usize, known: u32): bool {
  const n = PAGE_HEADER + <u32>load<u8>(DEFAULTS + known, 1);
  for (let i: u32 = 1; i < n; i++) {
    const mask: u32 = i == 1 ? 0 : <u32>load<u8>(CHANGEABLE + known + i);
    const differs = <u32>load<u8>(at + i) ^ <u32>load<u8>(pagesOf(d) + known + i);
    if ((differs & ~mask) != 0) return false;
  }
  return true;
}

/** Walks the list of `bytes`; sets the pages where `set` says so. 0, or why the list is refused. */
function pagesIn(ch: IdeChannel, d: IdeDrive, bytes: u32, set: bool): u32 {
  const at = bufferOf(ch);
  const short = packet8(ch, 0) == <u32>Packet.MODE_SELECT_6;
  const header = short ? HEADER_6 : HEADER_10;
  if (bytes < header) return Sense.PARAMETER_LENGTH;
  const descriptors: u32 = short ? <u32>load<u8>(at, 3) : <u32>bswap<u16>(load<u16>(at, 6));
  let n = header + descriptors;
  while (n < bytes) {
    if (bytes - n < PAGE_HEADER) return Sense.PARAMETER_LENGTH;
    const known = pageAt(<u32>load<u8>(at + n) & PAGE_BITS);
    if (known == PAGES_BYTES) return Sense.INVALID_PARAMETER;
    const length = PAGE_HEADER + <u32>load<u8>(DEFAULTS + known, 1);
    if (bytes - n < length) return Sense.PARAMETER_LENGTH;
    if (!isAcceptable(d, at + n, known)) return Sense.INVALID_PARAMETER;
    if (set) memory.copy(pagesOf(d) + known + PAGE_HEADER, at + n + PAGE_HEADER, length - PAGE_HEADER);
    n += length;
  }
  return n == bytes ? 0 : Sense.PARAMETER_LENGTH;
}

/** The host's parameters are in the buffer: all of them are taken, or none. */
export function packetTaken(ch: IdeChannel, d: IdeDrive, bytes: u32): void {
  const why = pagesIn(ch, d, bytes, false);
  if (why != 0) {
    packetRefuse(ch, d, Sense.ILLEGAL_REQUEST, why);
    return;
  }
  pagesIn(ch, d, bytes, true);
  packetSucceed(ch, d);
}
