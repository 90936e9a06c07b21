// Floppy disk controller 82077AA in AT mode (Intel 290166) with two drives, DMA channel 2 and line 6. A drive
// is an image in shared memory (floppy-disk.ts), so that every command is finished when its last byte is
// written: seeks take no time. Transfers go through the 8237, or byte by byte through the FIFO when SPECIFY
// chose so. Left out: scan commands, sectors of other sizes than 512 bytes, deleted marks on the disk, tape,
// PS/2 and Model 30 registers, change of the disk while the machine runs.

import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { irqSet } from "../bus/irq";
import { dmaTerminal, dmaTransfer } from "./dma8237";
import {
  cylinders, diskBytes, diskIsProtected, diskRateMatches, diskSector, diskWritten, FLOPPY_DRIVES, heads,
  SECTOR, sectorsPerTrack,
} from "./floppy-disk";

const LINE: u32 = 6;
const DMA_CHANNEL: u32 = 2;
const SIZE_CODE: u32 = 2;
/** The head cannot step further. */
const LAST_TRACK: u32 = 85;

/** Offsets from 0x3F0. */
const enum Port { DOR = 2, TDR = 3, STATUS = 4, FIFO = 5, DIR = 7 }
const enum Dor { DRIVE = 3, NOT_RESET = 4, DMA_GATE = 8 }
const enum Msr { BUSY = 0x10, NON_DMA = 0x20, TO_HOST = 0x40, REQUEST = 0x80 }
const DSR_RESET: u32 = 0x80;
const RATE_MASK: u32 = 3;
const DIR_CHANGED: u32 = 0x80;
const UNDRIVEN: u32 = 0xFF;

/** Low five bits of the command byte; the others. */
const enum Command {
  READ_TRACK = 0x02, SPECIFY = 0x03, SENSE_DRIVE = 0x04, WRITE = 0x05, READ = 0x06, RECALIBRATE = 0x07,
  SENSE_INTERRUPT = 0x08, WRITE_DELETED = 0x09, READ_ID = 0x0A, READ_DELETED = 0x0C, FORMAT = 0x0D,
  DUMP_REGISTERS = 0x0E, SEEK = 0x0F, VERSION = 0x10, PERPENDICULAR = 0x12, CONFIGURE = 0x13, LOCK = 0x14,
  VERIFY = 0x16, PART_ID = 0x18, CODE = 0x1F,
  MULTITRACK = 0x80, RELATIVE = 0x80, INWARD = 0x40, LOCK_SET = 0x80,
}
/** Bytes of a command by its code; 0 = invalid (table 5-1). */
const LENGTHS = memory.data<u8>([
  0, 0, 9, 3, 2, 9, 9, 2, 1, 9, 2, 0, 9, 6, 1, 3,
  1, 0, 2, 4, 1, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0,
]);
/** Places in a transfer command: drive and head, C, H, R, N, EOT. */
const enum Arg { UNIT = 1, CYLINDER = 2, HEAD = 3, SECTOR = 4, SIZE = 5, LAST = 6, COUNT = 8 }
const UNIT_DRIVE: u32 = 3;
const UNIT_HEAD: u32 = 4;
const HEAD_SHIFT: u32 = 2;

const enum St0 { ABNORMAL = 0x40, INVALID = 0x80, POLLING = 0xC0, SEEK_END = 0x20, EQUIPMENT = 0x10 }
const enum St1 { END_OF_CYLINDER = 0x80, OVERRUN = 0x10, NO_DATA = 0x04, NOT_WRITABLE = 0x02,
  NO_ADDRESS = 0x01 }
const enum St2 { CONTROL_MARK = 0x40, WRONG_CYLINDER = 0x10 }
const enum St3 { PROTECTED = 0x40, READY = 0x20, TRACK0 = 0x10, TWO_SIDES = 0x08 }
const VERSION_82077: u32 = 0x90;
const PART_82077: u32 = 0x41;
/** CONFIGURE, second byte: implied seek, FIFO off, polling off. */
const enum Config { IMPLIED_SEEK = 0x40, FIFO_OFF = 0x20, NO_POLLING = 0x10 }
const SPECIFY_NON_DMA: u32 = 1;
const LOCKED: u32 = 0x10;

const enum Phase { COMMAND = 0, TO_HOST = 1, FROM_HOST = 2, RESULT = 3 }
/** Why a sector cannot be reached. */
const enum Reach { OK = 0, FAILED = 1 }

@unmanaged
export class Floppy {
  lock: u32;
  dor: u32; rate: u32; tdr: u32;
  phase: u32;
  /** Command bytes received; result bytes and how many were read. */
  received: u32;
  results: u32; taken: u32;
  /** Drives whose reset has not been sensed yet (0..4), and ST0 of a finished seek + 1. */
  resetSenses: u32; seekSense: u32;
  configure: u32; precompensation: u32; locked: u32; perpendicular: u32;
  specify0: u32; specify1: u32;
  line: u32;
  /** Bit n: the disk of drive n is new since its last step. Bytes: track under each head. */
  changed: u32; tracks: u32;
  /** Sector that READ ID sees next. */
  nextId: u32;
  /** The transfer: byte in the sector (or in the sector's format field), ST1 and ST2 so far. */
  position: u32; st1: u32; st2: u32;
  formatField: u32;
  /** Command and result bytes. */
  command0: u64; command1: u64;
  result0: u64; result1: u64;
}

// @ts-ignore: decorator
@inline
function arg(dev: Floppy, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + offsetof<Floppy>("command0") + n);
}
// @ts-ignore: decorator
@inline
function setArg(dev: Floppy, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + offsetof<Floppy>("command0") + n, <u8>v);
}
// @ts-ignore: decorator
@inline
function trackAt(dev: Floppy, drive: u32): usize {
  return changetype<usize>(dev) + offsetof<Floppy>("tracks") + drive;
}

function setLine(dev: Floppy, level: bool): void {
  dev.line = level ? 1 : 0;
  irqSet(LINE, level && (dev.dor & Dor.DMA_GATE) != 0);
}

export function floppyReset(dev: Floppy): void {
  const start = offsetof<Floppy>("dor");
  memory.fill(changetype<usize>(dev) + start, 0, offsetof<Floppy>() - start);
  dev.rate = 2;
  dev.changed = (1 << FLOPPY_DRIVES) - 1;
  dev.configure = Config.FIFO_OFF;
  setLine(dev, false);
}

/** Software and DOR reset: the command is forgotten; unless LOCK said otherwise so is CONFIGURE. */
function softReset(dev: Floppy): void {
  dev.phase = Phase.COMMAND;
  dev.received = 0;
  dev.seekSense = 0;
  dev.resetSenses = 0;
  if (!dev.locked) {
    dev.configure = Config.FIFO_OFF;
    dev.precompensation = 0;
  }
  dev.perpendicular = 0;
  setLine(dev, false);
}

/** After reset the controller polls the drives: an interrupt, and four states to be sensed. */
function leaveReset(dev: Floppy): void {
  if ((dev.configure & Config.NO_POLLING) != 0) return;
  dev.resetSenses = 4;
  setLine(dev, true);
}

function writeDor(dev: Floppy, v: u32): void {
  const rising = (v & ~dev.dor & Dor.NOT_RESET) != 0;
  const falling = (dev.dor & ~v & Dor.NOT_RESET) != 0;
  dev.dor = v & 0xFF;
  if (falling) softReset(dev);
  if (rising) leaveReset(dev);
  setLine(dev, dev.line != 0);
}

function status(dev: Floppy): u32 {
  if ((dev.dor & Dor.NOT_RESET) == 0) return 0;
  switch (dev.phase) {
    case Phase.TO_HOST: return Msr.REQUEST | Msr.TO_HOST | Msr.NON_DMA | Msr.BUSY;
    case Phase.FROM_HOST: return Msr.REQUEST | Msr.NON_DMA | Msr.BUSY;
    case Phase.RESULT: return Msr.REQUEST | Msr.TO_HOST | Msr.BUSY;
    default: return dev.received != 0 ? Msr.REQUEST | Msr.BUSY : Msr.REQUEST;
  }
}

export function floppyRead(dev: Floppy, port: u32, size: u32): u32 {
  switch (port) {
    case Port.DOR: return dev.dor;
    case Port.TDR: return dev.tdr;
    case Port.STATUS: return status(dev);
    case Port.FIFO: return readFifo(dev);
    case Port.DIR: {
      const drive = dev.dor & Dor.DRIVE;
      return diskBytes(drive) == 0 || (dev.changed >> drive & 1) != 0 ? DIR_CHANGED : 0;
    }
    default: return UNDRIVEN;
  }
}

export function floppyWrite(dev: Floppy, port: u32, size: u32, v: u32): void {
  switch (port) {
    case Port.DOR: writeDor(dev, v); break;
    case Port.TDR: dev.tdr = v & 3; break;
    case Port.STATUS:
      dev.rate = v & RATE_MASK;
      if ((v & DSR_RESET) != 0 && (dev.dor & Dor.NOT_RESET) != 0) {
        softReset(dev);
        leaveReset(dev);
      }
      break;
    case Port.FIFO: writeFifo(dev, v & 0xFF); break;
    case Port.DIR: dev.rate = v & RATE_MASK; break;
    default: break;
  }
}

function readFifo(dev: Floppy): u32 {
  if (dev.phase == Phase.TO_HOST) return readByte(dev);
  if (dev.phase != Phase.RESULT) return UNDRIVEN;
  setLine(dev, false);
  const v = <u32>load<u8>(changetype<usize>(dev) + offsetof<Floppy>("result0") + dev.taken);
  dev.taken++;
  if (dev.taken == dev.results) {
    dev.phase = Phase.COMMAND;
    dev.received = 0;
  }
  return v;
}

function writeFifo(dev: Floppy, v: u32): void {
  if ((dev.dor & Dor.NOT_RESET) == 0) return;
  if (dev.phase == Phase.FROM_HOST) {
    writeByte(dev, v);
    return;
  }
  if (dev.phase != Phase.COMMAND) return;
  setArg(dev, dev.received, v);
  dev.received++;
  const length: u32 = load<u8>(LENGTHS + (arg(dev, 0) & Command.CODE));
  if (length == 0) {
    beginResult(dev);
    put(dev, St0.INVALID);
  } else if (dev.received == length) {
    execute(dev);
  }
}

function beginResult(dev: Floppy): void {
  dev.phase = Phase.RESULT;
  dev.results = 0;
  dev.taken = 0;
}

function put(dev: Floppy, v: u32): void {
  store<u8>(changetype<usize>(dev) + offsetof<Floppy>("result0") + dev.results, <u8>v);
  dev.results++;
}

/** The command has no result phase. */
function finished(dev: Floppy): void {
  dev.phase = Phase.COMMAND;
  dev.received = 0;
}

function execute(dev: Floppy): void {
  switch (arg(dev, 0) & Command.CODE) {
    case Command.SPECIFY:
      dev.specify0 = arg(dev, 1);
      dev.specify1 = arg(dev, 2);
      finished(dev);
      break;
    case Command.CONFIGURE:
      dev.configure = arg(dev, 2);
      dev.precompensation = arg(dev, 3);
      finished(dev);
      break;
    case Command.PERPENDICULAR:
      dev.perpendicular = arg(dev, 1) & 0x7F;
      finished(dev);
      break;
    case Command.RECALIBRATE: stepTo(dev, 0); break;
    case Command.SEEK: seek(dev); break;
    case Command.SENSE_INTERRUPT: senseInterrupt(dev); break;
    case Command.READ_ID: readId(dev); break;
    case Command.FORMAT: beginFormat(dev); break;
    case Command.SENSE_DRIVE:
    case Command.DUMP_REGISTERS:
    case Command.VERSION:
    case Command.LOCK:
    case Command.PART_ID: report(dev); break;
    default: beginTransfer(dev); break;
  }
}

/** Commands that only report; no interrupt. */
function report(dev: Floppy): void {
  const command = arg(dev, 0);
  beginResult(dev);
  switch (command & Command.CODE) {
    case Command.SENSE_DRIVE: {
      const unit = arg(dev, Arg.UNIT);
      const drive = unit & UNIT_DRIVE;
      let v = unit & (UNIT_DRIVE | UNIT_HEAD) | St3.READY | St3.TWO_SIDES;
      if (diskBytes(drive) != 0 && load<u8>(trackAt(dev, drive)) == 0) v |= St3.TRACK0;
      if (diskIsProtected(drive)) v |= St3.PROTECTED;
      put(dev, v);
      break;
    }
    case Command.VERSION: put(dev, VERSION_82077); break;
    case Command.PART_ID: put(dev, PART_82077); break;
    case Command.LOCK:
      dev.locked = (command & Command.LOCK_SET) != 0 ? 1 : 0;
      put(dev, dev.locked ? LOCKED : 0);
      break;
    default:
      for (let drive: u32 = 0; drive < 4; drive++) put(dev, load<u8>(trackAt(dev, drive)));
      put(dev, dev.specify0);
      put(dev, dev.specify1);
      put(dev, arg(dev, Arg.LAST));
      put(dev, dev.locked << 7 | dev.perpendicular);
      put(dev, dev.configure);
      put(dev, dev.precompensation);
      break;
  }
}

function senseInterrupt(dev: Floppy): void {
  beginResult(dev);
  if (dev.resetSenses != 0) {
    const drive = 4 - dev.resetSenses;
    dev.resetSenses--;
    put(dev, St0.POLLING | drive);
    put(dev, load<u8>(trackAt(dev, drive)));
  } else if (dev.seekSense != 0) {
    const st0 = dev.seekSense - 1;
    dev.seekSense = 0;
    put(dev, st0);
    put(dev, load<u8>(trackAt(dev, st0 & UNIT_DRIVE)));
  } else {
    put(dev, St0.INVALID);
    return;
  }
  setLine(dev, false);
}

function seek(dev: Floppy): void {
  const command = arg(dev, 0);
  const wanted = arg(dev, 2);
  if ((command & Command.RELATIVE) == 0) {
    stepTo(dev, wanted);
    return;
  }
  const now = <u32>load<u8>(trackAt(dev, arg(dev, Arg.UNIT) & UNIT_DRIVE));
  if ((command & Command.INWARD) != 0) stepTo(dev, now + wanted);
  else stepTo(dev, now > wanted ? now - wanted : 0);
}

/** Move the head, interrupt. A missing drive never reports track 0. */
function stepTo(dev: Floppy, track: u32): void {
  const unit = arg(dev, Arg.UNIT);
  const drive = unit & UNIT_DRIVE;
  const isSeek = (arg(dev, 0) & Command.CODE) == Command.SEEK;
  let st0: u32 = St0.SEEK_END | drive | (isSeek ? unit & UNIT_HEAD : 0);
  if (diskBytes(drive) != 0) {
    store<u8>(trackAt(dev, drive), <u8>min<u32>(track, LAST_TRACK));
    dev.changed &= ~(<u32>1 << drive);
  } else if (!isSeek) {
    st0 |= St0.ABNORMAL | St0.EQUIPMENT;
  }
  dev.resetSenses = 0;
  dev.seekSense = st0 + 1;
  finished(dev);
  setLine(dev, true);
}

/** Result phase of the commands that touch the disk. */
function complete(dev: Floppy, st0: u32): void {
  const unit = arg(dev, Arg.UNIT) & UNIT_DRIVE;
  beginResult(dev);
  put(dev, st0 | unit | (arg(dev, Arg.HEAD) & 1) << HEAD_SHIFT);
  put(dev, dev.st1);
  put(dev, dev.st2);
  for (let n: u32 = Arg.CYLINDER; n <= <u32>Arg.SIZE; n++) put(dev, arg(dev, n));
  setLine(dev, true);
}

function failWith(dev: Floppy, st1: u32, st2: u32): void {
  dev.st1 |= st1;
  dev.st2 |= st2;
  complete(dev, St0.ABNORMAL);
}

function readId(dev: Floppy): void {
  const unit = arg(dev, Arg.UNIT);
  const drive = unit & UNIT_DRIVE;
  const head = (unit & UNIT_HEAD) >> HEAD_SHIFT;
  const track: u32 = load<u8>(trackAt(dev, drive));
  const there = diskBytes(drive) != 0 && diskRateMatches(dev.rate) && head < heads && track < cylinders;
  dev.st1 = 0;
  dev.st2 = 0;
  setArg(dev, Arg.CYLINDER, track);
  setArg(dev, Arg.HEAD, head);
  setArg(dev, Arg.SIZE, SIZE_CODE);
  dev.nextId = there ? dev.nextId % sectorsPerTrack + 1 : 0;
  setArg(dev, Arg.SECTOR, dev.nextId);
  if (there) complete(dev, 0);
  else failWith(dev, St1.NO_ADDRESS, 0);
}

// ---- Transfers ----

// @ts-ignore: decorator
@inline
function codeOf(dev: Floppy): u32 {
  return arg(dev, 0) & Command.CODE;
}
// @ts-ignore: decorator
@inline
function isWrite(code: u32): bool {
  return code == Command.WRITE || code == Command.WRITE_DELETED;
}

/** May the command begin: a disk, the right rate, not protected, the head over the cylinder. */
function reach(dev: Floppy, writes: bool): Reach {
  const drive = arg(dev, Arg.UNIT) & UNIT_DRIVE;
  dev.st1 = 0;
  dev.st2 = 0;
  dev.position = 0;
  if (diskBytes(drive) == 0 || !diskRateMatches(dev.rate)) {
    failWith(dev, St1.NO_ADDRESS, 0);
    return Reach.FAILED;
  }
  if (writes && diskIsProtected(drive)) {
    failWith(dev, St1.NOT_WRITABLE, 0);
    return Reach.FAILED;
  }
  return Reach.OK;
}

function beginTransfer(dev: Floppy): void {
  const code = codeOf(dev);
  const drive = arg(dev, Arg.UNIT) & UNIT_DRIVE;
  if (reach(dev, isWrite(code)) != Reach.OK) return;
  const cylinder = arg(dev, Arg.CYLINDER);
  if ((dev.configure & Config.IMPLIED_SEEK) != 0) {
    store<u8>(trackAt(dev, drive), <u8>min<u32>(cylinder, LAST_TRACK));
  }
  dev.changed &= ~(<u32>1 << drive);
  if (load<u8>(trackAt(dev, drive)) != <u8>cylinder) {
    failWith(dev, St1.NO_DATA, St2.WRONG_CYLINDER);
    return;
  }
  if (code == Command.READ_TRACK) setArg(dev, Arg.SECTOR, 1);
  // Every sector of an image has a normal mark.
  if (code == Command.READ_DELETED) dev.st2 |= St2.CONTROL_MARK;
  if (code == Command.VERIFY) verify(dev);
  else if ((dev.specify1 & SPECIFY_NON_DMA) != 0) beginFifo(dev, isWrite(code));
  else runDma(dev);
}

/** Host address of the command's present sector, 0 = there is none. */
function sectorHost(dev: Floppy): usize {
  if (arg(dev, Arg.SIZE) != SIZE_CODE) return 0;
  return diskSector(arg(dev, Arg.UNIT) & UNIT_DRIVE, arg(dev, Arg.CYLINDER), arg(dev, Arg.HEAD),
    arg(dev, Arg.SECTOR));
}

/** To the next sector (table 5-5). False when the cylinder's, or with MT both sides', last one is done. */
function nextSector(dev: Floppy): bool {
  const sector = arg(dev, Arg.SECTOR);
  if (sector != arg(dev, Arg.LAST)) {
    setArg(dev, Arg.SECTOR, sector + 1);
    return true;
  }
  setArg(dev, Arg.SECTOR, 1);
  const isMulti = (arg(dev, 0) & Command.MULTITRACK) != 0;
  if (isMulti) setArg(dev, Arg.HEAD, arg(dev, Arg.HEAD) ^ 1);
  if (isMulti && arg(dev, Arg.HEAD) == 1) return true;
  setArg(dev, Arg.CYLINDER, arg(dev, Arg.CYLINDER) + 1);
  return false;
}

/** Sectors through the 8237 until terminal count, the last sector, or an error. */
function runDma(dev: Floppy): void {
  for (;;) {
    const at = sectorHost(dev);
    if (at == 0) {
      failWith(dev, St1.NO_DATA, 0);
      return;
    }
    const done = dmaTransfer(DMA_CHANNEL, at, SECTOR);
    const ended = dmaTerminal;
    if (done == 0) {
      failWith(dev, St1.OVERRUN, 0);
      return;
    }
    if (isWrite(codeOf(dev))) diskWritten(arg(dev, Arg.UNIT) & UNIT_DRIVE);
    const more = nextSector(dev);
    if (ended) {
      complete(dev, 0);
      return;
    }
    if (!more) {
      failWith(dev, St1.END_OF_CYLINDER, 0);
      return;
    }
  }
}

/** Sectors are there or not; the count in the last byte is used when bit 7 (EC) of the second one is set. */
function verify(dev: Floppy): void {
  const EC: u32 = 0x80;
  let left = (arg(dev, Arg.UNIT) & EC) != 0 ? arg(dev, Arg.COUNT) : <u32>-1;
  for (;;) {
    if (sectorHost(dev) == 0) {
      failWith(dev, St1.NO_DATA, 0);
      return;
    }
    left--;
    if (!nextSector(dev) || left == 0) break;
  }
  complete(dev, 0);
}

// ---- Bytes through the FIFO ----

function beginFifo(dev: Floppy, writes: bool): void {
  if (sectorHost(dev) == 0) {
    failWith(dev, St1.NO_DATA, 0);
    return;
  }
  dev.phase = writes ? Phase.FROM_HOST : Phase.TO_HOST;
  setLine(dev, true);
}

/** A byte has gone through. Without terminal count the last sector ends the command as in the data sheet. */
function advance(dev: Floppy): void {
  setLine(dev, false);
  dev.position++;
  if (dev.position == SECTOR) {
    dev.position = 0;
    if (isWrite(codeOf(dev))) diskWritten(arg(dev, Arg.UNIT) & UNIT_DRIVE);
    if (!nextSector(dev)) {
      failWith(dev, St1.END_OF_CYLINDER, 0);
      return;
    }
    if (sectorHost(dev) == 0) {
      failWith(dev, St1.NO_DATA, 0);
      return;
    }
  }
  setLine(dev, true);
}

function readByte(dev: Floppy): u32 {
  const v = <u32>load<u8>(sectorHost(dev) + dev.position);
  advance(dev);
  return v;
}

function writeByte(dev: Floppy, v: u32): void {
  if (codeOf(dev) == Command.FORMAT) {
    formatByte(dev, v);
    return;
  }
  store<u8>(sectorHost(dev) + dev.position, <u8>v);
  advance(dev);
}

// ---- FORMAT TRACK: N, sectors, gap, filler; then C H R N of every sector ----

const enum Format { SIZE = 2, SECTORS = 3, FILLER = 5 }

function beginFormat(dev: Floppy): void {
  // The arguments move to where transfers have theirs: C, H, R, N are overwritten sector by sector.
  const filler = arg(dev, Format.FILLER);
  const sectors = arg(dev, Format.SECTORS);
  const drive = arg(dev, Arg.UNIT) & UNIT_DRIVE;
  setArg(dev, Arg.LAST, sectors);
  setArg(dev, Arg.COUNT, filler);
  setArg(dev, Arg.CYLINDER, load<u8>(trackAt(dev, drive)));
  setArg(dev, Arg.HEAD, (arg(dev, Arg.UNIT) & UNIT_HEAD) >> HEAD_SHIFT);
  if (reach(dev, true) != Reach.OK) return;
  if ((dev.specify1 & SPECIFY_NON_DMA) != 0) {
    dev.phase = Phase.FROM_HOST;
    setLine(dev, true);
    return;
  }
  const field = changetype<usize>(dev) + offsetof<Floppy>("formatField");
  for (let n: u32 = 0; n < sectors; n++) {
    if (dmaTransfer(DMA_CHANNEL, field, 4) < 4) {
      failWith(dev, St1.OVERRUN, 0);
      return;
    }
    formatSector(dev);
  }
  complete(dev, 0);
}

function formatByte(dev: Floppy, v: u32): void {
  setLine(dev, false);
  store<u8>(changetype<usize>(dev) + offsetof<Floppy>("formatField") + (dev.position & 3), <u8>v);
  dev.position++;
  if ((dev.position & 3) == 0) formatSector(dev);
  if (dev.position == arg(dev, Arg.LAST) << 2) complete(dev, 0);
  else setLine(dev, true);
}

/** Fill the sector that formatField names, if the image has it. */
function formatSector(dev: Floppy): void {
  const field = changetype<usize>(dev) + offsetof<Floppy>("formatField");
  for (let n: u32 = 0; n < 4; n++) setArg(dev, Arg.CYLINDER + n, load<u8>(field + n));
  const at = sectorHost(dev);
  if (at == 0) return;
  memory.fill(at, <u8>arg(dev, Arg.COUNT), SECTOR);
  diskWritten(arg(dev, Arg.UNIT) & UNIT_DRIVE);
}

export function floppyTick(dev: Floppy, now: i64): i64 { return NEVER; }

export function floppySerialize(dev: Floppy, s: Serializer): void {
  const start = offsetof<Floppy>("dor");
  // "FLOP", version 1
  serializeSection(s, 0x504F4C46, 1, changetype<usize>(dev) + start, <u32>(offsetof<Floppy>() - start));
}
