// Settings of a drive that commands change: SET FEATURES (ATA/ATAPI-6 section 8.46), and SMART (8.41) without
// attributes: it can be switched on and off, says that the drive is well, and logs the last self-test.

import { Drive, DriveFlag, DriveKind } from "../../bus/block";
import { Feature, Smart } from "./commands";
import { ataAbort, ataSucceed } from "./ata";
import { powerOnPages } from "./atapi-modes";
import { startFlush, startPioBuffer } from "./transfer";
import { Attention, DISK_SECTOR, IdeChannel, IdeDrive, bufferOf, infoOf } from "./state";

const DEFAULT_HEADS: u32 = 16;
const DEFAULT_PER_TRACK: u32 = 63;
/** Multiword DMA mode 2. */
const DEFAULT_MODE: u32 = 0x22;
const MODE_PIO_DEFAULTS: u32 = 1;
const MODE_PIO: u32 = 0x08;
const MODE_MWDMA: u32 = 0x20;
const MODE_UDMA: u32 = 0x40;
const MODE_NUMBER: u32 = 7;
const BEST_PIO: u32 = 4;
const BEST_MWDMA: u32 = 2;
const BEST_UDMA: u32 = 5;
const SMART_MID: u32 = 0x4F;
const SMART_HIGH: u32 = 0xC2;
const SMART_REVISION: u32 = 1;
const CHECKSUM_AT: u32 = 511;
/** SMART data (table 60), bytes and bits. */
const enum Data {
  OFFLINE_STATUS = 362, OFFLINE_SECONDS = 364, OFFLINE_CAPABILITY = 367, CAPABILITY = 368,
  ERROR_LOGGING = 370, SHORT_MINUTES = 372, EXTENDED_MINUTES = 373,
}
const OFFLINE_IMMEDIATE: u8 = 1;
const SELF_TEST: u8 = 0x10;
const SAVES_BEFORE_STANDBY: u16 = 1;
const AUTOSAVES: u16 = 2;
const ERROR_LOGGING: u8 = 1;
/** Off-line data collection completed without error. */
const OFFLINE_DONE: u8 = 2;
/** Log addresses; the first descriptor of the self-test log, and its index of the newest one. */
const enum Log { DIRECTORY = 0, ERRORS = 1, SELF_TESTS = 6 }
const FIRST_DESCRIPTOR: usize = 2;
const LOG_INDEX: usize = 508;
/** Subcommands of EXECUTE OFF-LINE IMMEDIATE (table 56). */
const enum Test {
  OFFLINE = 0, SHORT = 1, EXTENDED = 2, ABORT = 0x7F, SHORT_CAPTIVE = 0x81, EXTENDED_CAPTIVE = 0x82,
}
const SWITCH_ON_AUTOSAVE: u32 = 0xF1;
const SWITCH_ON_OFFLINE: u32 = 0xF8;

export function powerOnFeatures(d: IdeDrive): void {
  d.heads = DEFAULT_HEADS;
  d.perTrack = DEFAULT_PER_TRACK;
  d.mode = DEFAULT_MODE;
  d.smart = 1;
  revertFeatures(d);
  if (d.kind == DriveKind.CDROM) powerOnPages(d);
  if (d.kind != DriveKind.CDROM) return;
  const medium = (atomic.load<u32>(infoOf(d), Drive.FLAGS) & DriveFlag.MEDIUM) != 0;
  d.attention = Attention.RESET | (medium ? <u32>Attention.CHANGED : 0);
}

/** What SET FEATURES CCh lets a software reset do: the settings of SET FEATURES and SET MULTIPLE. */
export function revertFeatures(d: IdeDrive): void {
  d.writeCache = 1;
  d.lookAhead = 1;
  d.multiple = 0;
}

/** A transfer mode that this drive has? Table 45. */
function isMode(v: u32): bool {
  const n = v & MODE_NUMBER;
  switch (v & ~MODE_NUMBER) {
    case 0: return n <= MODE_PIO_DEFAULTS;
    case MODE_PIO: return n <= BEST_PIO;
    case MODE_MWDMA: return n <= BEST_MWDMA;
    case MODE_UDMA: return n <= BEST_UDMA;
    default: return false;
  }
}

/** Settings of a cache, which a CD does not announce. */
function cacheFeature(ch: IdeChannel, d: IdeDrive): void {
  if (d.kind == DriveKind.CDROM) {
    ataAbort(ch, d);
    return;
  }
  const wasOn = d.writeCache != 0;
  switch (d.feature) {
    case Feature.WRITE_CACHE_ON: d.writeCache = 1; break;
    case Feature.WRITE_CACHE_OFF: d.writeCache = 0; break;
    case Feature.LOOK_AHEAD_ON: d.lookAhead = 1; break;
    default: d.lookAhead = 0; break;
  }
  // Section 8.46: switched off, the cache is flushed before the command ends.
  if (wasOn && d.writeCache == 0) startFlush(ch);
  else ataSucceed(ch, d);
}

export function setFeatures(ch: IdeChannel, d: IdeDrive): void {
  switch (d.feature) {
    case Feature.TRANSFER_MODE:
      if (!isMode(d.count)) {
        ataAbort(ch, d);
        return;
      }
      d.mode = d.count;
      break;
    case Feature.WRITE_CACHE_ON:
    case Feature.WRITE_CACHE_OFF:
    case Feature.LOOK_AHEAD_ON:
    case Feature.LOOK_AHEAD_OFF:
      cacheFeature(ch, d);
      return;
    case Feature.POWER_ON_DEFAULTS: d.revert = 1; break;
    case Feature.POWER_ON_DEFAULTS_OFF: d.revert = 0; break;
    default:
      ataAbort(ch, d);
      return;
  }
  ataSucceed(ch, d);
}

/** The sum of a structure's 512 bytes is 0. */
export function sealSector(at: usize): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < CHECKSUM_AT; i++) sum += load<u8>(at + i);
  store<u8>(at + CHECKSUM_AT, <u8>(0 - sum));
}

/** Begin a structure of one sector. */
function blank(ch: IdeChannel): usize {
  const at = bufferOf(ch);
  memory.fill(at, 0, DISK_SECTOR);
  store<u16>(at, <u16>SMART_REVISION);
  return at;
}

function answer(ch: IdeChannel, at: usize): void {
  sealSector(at);
  startPioBuffer(ch, DISK_SECTOR, DISK_SECTOR);
}

/** Table 60: no attributes; off-line tests and self-tests by command; polling times of a minute. */
function readData(ch: IdeChannel, d: IdeDrive): void {
  const at = blank(ch);
  store<u8>(at, d.offlineDone != 0 ? OFFLINE_DONE : 0, Data.OFFLINE_STATUS);
  store<u16>(at, 1, Data.OFFLINE_SECONDS);
  store<u8>(at, OFFLINE_IMMEDIATE | SELF_TEST, Data.OFFLINE_CAPABILITY);
  store<u16>(at, SAVES_BEFORE_STANDBY | AUTOSAVES, Data.CAPABILITY);
  store<u8>(at, ERROR_LOGGING, Data.ERROR_LOGGING);
  store<u8>(at, 1, Data.SHORT_MINUTES);
  store<u8>(at, 1, Data.EXTENDED_MINUTES);
  answer(ch, at);
}

/** Logs of one sector: directory, summary of errors (none), self-tests (the last one). */
function readLog(ch: IdeChannel, d: IdeDrive): void {
  if (d.count != 1) {
    ataAbort(ch, d);
    return;
  }
  const at = blank(ch);
  switch (d.low) {
    case Log.DIRECTORY:
      store<u8>(at + (<usize>Log.ERRORS << 1), 1);
      store<u8>(at + (<usize>Log.SELF_TESTS << 1), 1);
      // The directory has no checksum.
      startPioBuffer(ch, DISK_SECTOR, DISK_SECTOR);
      return;
    case Log.ERRORS:
      store<u16>(at, 1);
      break;
    case Log.SELF_TESTS:
      if (d.lastTest != 0) {
        store<u8>(at, <u8>d.lastTest, FIRST_DESCRIPTOR);
        store<u8>(at, 1, LOG_INDEX);
      }
      break;
    default:
      ataAbort(ch, d);
      return;
  }
  answer(ch, at);
}

/** Section 8.41.4: in the background or captive, a test ends at once and well. */
function executeOffline(ch: IdeChannel, d: IdeDrive): void {
  switch (d.low) {
    case Test.OFFLINE: d.offlineDone = 1; break;
    case Test.ABORT: break;
    case Test.SHORT:
    case Test.EXTENDED:
    case Test.SHORT_CAPTIVE:
    case Test.EXTENDED_CAPTIVE: d.lastTest = d.low; break;
    default:
      ataAbort(ch, d);
      return;
  }
  ataSucceed(ch, d);
}

export function smart(ch: IdeChannel, d: IdeDrive): void {
  const known = d.mid == SMART_MID && d.high == SMART_HIGH;
  if (!known || (d.smart == 0 && d.feature != <u32>Smart.ENABLE)) {
    ataAbort(ch, d);
    return;
  }
  switch (d.feature) {
    case Smart.READ_DATA:
      readData(ch, d);
      return;
    case Smart.READ_THRESHOLDS:
      answer(ch, blank(ch));
      return;
    case Smart.READ_LOG:
      readLog(ch, d);
      return;
    case Smart.OFFLINE:
      executeOffline(ch, d);
      return;
    case Smart.ENABLE: d.smart = 1; break;
    case Smart.DISABLE: d.smart = 0; break;
    case Smart.AUTOSAVE:
    case Smart.AUTO_OFFLINE:
      if (d.count != 0 && d.count != SWITCH_ON_AUTOSAVE && d.count != SWITCH_ON_OFFLINE) {
        ataAbort(ch, d);
        return;
      }
      break;
    // No threshold exceeded: the signature stays as it came.
    case Smart.RETURN_STATUS:
    case Smart.SAVE: break;
    default:
      ataAbort(ch, d);
      return;
  }
  ataSucceed(ch, d);
}
