// Settings of a drive that commands change: SET FEATURES (ATA/ATAPI-6 section 8.46), and SMART (8.41) at its
// minimum: it can be switched on and off, says that the drive is well, and has empty attributes and logs.

import { Drive, DriveFlag, DriveKind } from "../../bus/block";
import { Feature, Smart } from "./commands";
import { ataAbort, ataSucceed } from "./ata";
import { startPioBuffer } from "./transfer";
import { BUFFER_BYTES, DISK_SECTOR, IdeChannel, IdeDrive, bufferOf, infoOf } from "./state";

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

export function powerOnFeatures(d: IdeDrive): void {
  d.heads = DEFAULT_HEADS;
  d.perTrack = DEFAULT_PER_TRACK;
  d.mode = DEFAULT_MODE;
  d.writeCache = 1;
  d.lookAhead = 1;
  d.smart = 1;
  d.standby = 0;
  d.attention = d.kind == DriveKind.CDROM
    && (atomic.load<u32>(infoOf(d), Drive.FLAGS) & DriveFlag.MEDIUM) != 0
    ? 1 : 0;
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

export function setFeatures(ch: IdeChannel, d: IdeDrive): void {
  switch (d.feature) {
    case Feature.TRANSFER_MODE:
      if (!isMode(d.count)) {
        ataAbort(ch, d);
        return;
      }
      d.mode = d.count;
      break;
    case Feature.WRITE_CACHE_ON: d.writeCache = 1; break;
    case Feature.WRITE_CACHE_OFF: d.writeCache = 0; break;
    case Feature.LOOK_AHEAD_ON: d.lookAhead = 1; break;
    case Feature.LOOK_AHEAD_OFF: d.lookAhead = 0; break;
    case Feature.POWER_ON_DEFAULTS:
    case Feature.POWER_ON_DEFAULTS_OFF: break;
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

/** `sectors` of an almost empty structure. */
function answer(ch: IdeChannel, sectors: u32): void {
  const at = bufferOf(ch);
  const bytes = sectors * DISK_SECTOR;
  memory.fill(at, 0, bytes);
  store<u16>(at, <u16>SMART_REVISION);
  sealSector(at);
  startPioBuffer(ch, bytes, DISK_SECTOR);
}

export function smart(ch: IdeChannel, d: IdeDrive): void {
  const known = d.mid == SMART_MID && d.high == SMART_HIGH;
  if (!known || (d.smart == 0 && d.feature != <u32>Smart.ENABLE)) {
    ataAbort(ch, d);
    return;
  }
  switch (d.feature) {
    case Smart.READ_DATA:
      answer(ch, 1);
      return;
    case Smart.READ_THRESHOLDS:
      answer(ch, 1);
      return;
    case Smart.READ_LOG:
      if (d.count == 0 || d.count * DISK_SECTOR > BUFFER_BYTES) ataAbort(ch, d);
      else answer(ch, d.count);
      return;
    case Smart.ENABLE: d.smart = 1; break;
    case Smart.DISABLE: d.smart = 0; break;
    // No threshold exceeded: the signature stays as it came.
    case Smart.RETURN_STATUS: break;
    case Smart.AUTOSAVE:
    case Smart.AUTO_OFFLINE:
    case Smart.SAVE:
    case Smart.OFFLINE: break;
    default:
      ataAbort(ch, d);
      return;
  }
  ataSucceed(ch, d);
}
