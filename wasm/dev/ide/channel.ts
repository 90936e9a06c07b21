// One IDE channel on the ISA ports (ATA/ATAPI-6 sections 7 and 9): command block, control block, drive
// select, software reset, INTRQ. Absent drive 1: drive 0 answers for it, with status 0 (section 9.16.1).
// Empty channel: the bus floats, all ones. INTRQ is a level: pending in the selected drive and nIEN clear;
// reading the status register drops it. Left out: overlapped commands, IORDY timing, the PIIX3's decode
// enable (the ports always answer).

import { NEVER } from "../../lib/time";
import { Serializer, SerializeMode, serializeSection } from "../../lib/serializer";
import { irqSet } from "../../bus/irq";
import { Drive, DriveKind } from "../../bus/block";
import { ataCommand } from "./ata";
import { Bm, busMasterReset } from "./bus-master";
import { dataRead, dataWrite, resumeTransfer } from "./transfer";
import { AtaCommand } from "./commands";
import { powerOnFeatures, revertFeatures } from "./features";
import {
  Ata, AtaError, BUFFER_BYTES, Control, Device, IdeChannel, IdeDrive, Op, Reg, SAVED_BYTES, SAVED_FROM,
    bufferOf,
  driveOf, infoOf, selected, selectedNumber,
} from "./state";

const DRIVES_PER_CHANNEL: u32 = 2;
const FLOATING: u32 = 0xFFFFFFFF;
const CONTROL_PORT: u32 = 0x206;
const REG_BITS: u32 = 7;
const PACKET_SIGNATURE_MID: u32 = 0x14;
const PACKET_SIGNATURE_HIGH: u32 = 0xEB;

export function channelWire(ch: IdeChannel, index: u32, line: u32): void {
  ch.index = index;
  ch.line = line;
}

function isPresent(d: IdeDrive): bool {
  return d.kind != DriveKind.NONE;
}

function isEmpty(ch: IdeChannel): bool {
  return !isPresent(driveOf(ch, 0)) && !isPresent(driveOf(ch, 1));
}

/** Drive the interrupt line; a rising edge sets the bus master's interrupt bit (82371SB section 2.4.2). */
export function updateIntrq(ch: IdeChannel): void {
  const d = selected(ch);
  const level = isPresent(d) && d.intrq != 0 && (ch.control & Control.NIEN) == 0;
  if (level == (ch.asserted != 0)) return;
  ch.asserted = <u32>level;
  if (level) ch.bmStatus |= Bm.INTERRUPT;
  irqSet(ch.line, level);
}

/** The drive asks for attention. */
export function raiseIntrq(ch: IdeChannel, d: IdeDrive): void {
  d.intrq = 1;
  updateIntrq(ch);
}

/** Registers after a reset or EXECUTE DEVICE DIAGNOSTIC (section 9.12). */
export function setSignature(d: IdeDrive): void {
  const cd = d.kind == DriveKind.CDROM;
  d.count = 1;
  d.low = 1;
  d.mid = cd ? PACKET_SIGNATURE_MID : 0;
  d.high = cd ? PACKET_SIGNATURE_HIGH : 0;
  d.status = cd || !isPresent(d) ? 0 : Ata.IDLE;
  d.error = AtaError.DIAGNOSTIC_PASSED;
}

/** Whatever is under way is forgotten: a request on its way finds its tag gone. */
export function abandon(ch: IdeChannel): void {
  ch.tag = 0;
  ch.waiting = 0;
  ch.op = Op.NONE;
}

/** A reset ends SLEEP, in standby, and brings the power-on settings back when that was wanted. */
function wake(d: IdeDrive): void {
  d.asleep = 0;
  d.command = 0;
  if (d.revert != 0) revertFeatures(d);
}

function softReset(ch: IdeChannel): void {
  abandon(ch);
  ch.device = 0;
  for (let n: u32 = 0; n < DRIVES_PER_CHANNEL; n++) {
    const d = driveOf(ch, n);
    setSignature(d);
    wake(d);
    d.intrq = 0;
    if (isPresent(d)) d.status = Ata.BSY;
  }
  updateIntrq(ch);
}

export function channelReset(ch: IdeChannel): void {
  abandon(ch);
  ch.device = 0;
  ch.control = 0;
  for (let n: u32 = 0; n < DRIVES_PER_CHANNEL; n++) {
    const d = driveOf(ch, n);
    const number = (ch.index << 1) + n;
    memory.fill(changetype<usize>(d), 0, offsetof<IdeDrive>());
    d.number = number;
    d.kind = atomic.load<u32>(infoOf(d), Drive.KIND);
    d.generation = atomic.load<u32>(infoOf(d), Drive.GENERATION);
    atomic.store<u32>(infoOf(d), 0, Drive.LOCKED);
    powerOnFeatures(d);
    setSignature(d);
  }
  updateIntrq(ch);
  busMasterReset(ch);
}

export function channelTick(ch: IdeChannel, now: i64): i64 {
  return NEVER;
}

/** A register other than data, seen through the selected drive. */
function readRegister(ch: IdeChannel, reg: u32): u32 {
  if (isEmpty(ch)) return FLOATING;
  let d = selected(ch);
  const absent = !isPresent(d);
  if (absent) {
    // Drive 1 never answers for drive 0.
    if (selectedNumber(ch) == 0) return FLOATING;
    d = driveOf(ch, 0);
    if (reg == Reg.STATUS || (d.kind == DriveKind.CDROM && reg != Reg.DEVICE)) return 0;
  }
  const old = (ch.control & Control.HOB) != 0;
  switch (reg) {
    case Reg.ERROR: return old ? d.oldFeature : d.error;
    case Reg.COUNT: return old ? d.oldCount : d.count;
    case Reg.LOW: return old ? d.oldLow : d.low;
    case Reg.MID: return old ? d.oldMid : d.mid;
    case Reg.HIGH: return old ? d.oldHigh : d.high;
    case Reg.DEVICE: return ch.device | Device.OBSOLETE;
    default: return d.status;
  }
}

/** `port` is relative to the command block: 0..7, and 0x206 for the control block. */
export function channelRead(ch: IdeChannel, port: u32, size: u32): u32 {
  if (port == Reg.DATA) return isEmpty(ch) ? FLOATING : dataRead(ch, size);
  if (size != 1) return readWide(ch, port, size);
  if (port == CONTROL_PORT) return readRegister(ch, Reg.STATUS);
  const v = readRegister(ch, port);
  if (port == Reg.STATUS && isPresent(selected(ch))) {
    selected(ch).intrq = 0;
    updateIntrq(ch);
  }
  return v;
}

/** Wide reads of byte registers: the next registers, and nothing behind the block. */
function readWide(ch: IdeChannel, port: u32, size: u32): u32 {
  let v: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const at = port + i;
    const byte = at <= <u32>Reg.STATUS || at == CONTROL_PORT ? channelRead(ch, at, 1) : FLOATING;
    v |= (byte & 0xFF) << (i << 3);
  }
  return v;
}

/** Both drives latch what is written to the command block (section 7.1). */
function writeRegister(ch: IdeChannel, reg: u32, v: u32): void {
  ch.control &= ~<u32>Control.HOB;
  for (let n: u32 = 0; n < DRIVES_PER_CHANNEL; n++) {
    const d = driveOf(ch, n);
    if ((d.status & Ata.BSY) != 0) continue;
    switch (reg) {
      case Reg.ERROR:
        d.oldFeature = d.feature;
        d.feature = v;
        break;
      case Reg.COUNT:
        d.oldCount = d.count;
        d.count = v;
        break;
      case Reg.LOW:
        d.oldLow = d.low;
        d.low = v;
        break;
      case Reg.MID:
        d.oldMid = d.mid;
        d.mid = v;
        break;
      default:
        d.oldHigh = d.high;
        d.high = v;
        break;
    }
  }
}

function writeControl(ch: IdeChannel, v: u32): void {
  const old = ch.control;
  ch.control = v & (Control.NIEN | Control.SRST | Control.HOB);
  if ((v & Control.SRST) != 0 && (old & Control.SRST) == 0) softReset(ch);
  if ((v & Control.SRST) == 0 && (old & Control.SRST) != 0) {
    for (let n: u32 = 0; n < DRIVES_PER_CHANNEL; n++) setSignature(driveOf(ch, n));
  }
  updateIntrq(ch);
}

function writeCommand(ch: IdeChannel, v: u32): void {
  ch.control &= ~<u32>Control.HOB;
  const d = selected(ch);
  if ((ch.control & Control.SRST) != 0) return;
  if (!isPresent(d) && v != <u32>AtaCommand.DIAGNOSTIC) return;
  // A busy drive takes DEVICE RESET only, and one transfer at a time is on the cable.
  const busy = ch.op != Op.NONE || (d.status & Ata.BSY) != 0;
  if (busy && !(v == <u32>AtaCommand.DEVICE_RESET && d.kind == DriveKind.CDROM)) return;
  // A drive that sleeps hears resets only (section 8.51).
  if (d.asleep != 0 && v != <u32>AtaCommand.DEVICE_RESET) return;
  d.intrq = 0;
  updateIntrq(ch);
  ataCommand(ch, d, v);
}

export function channelWrite(ch: IdeChannel, port: u32, size: u32, v: u32): void {
  if (port == Reg.DATA) {
    if (!isEmpty(ch)) dataWrite(ch, size, v);
    return;
  }
  if (size != 1) {
    for (let i: u32 = 0; i < size; i++) {
      const at = port + i;
      if (at <= <u32>Reg.STATUS || at == CONTROL_PORT) channelWrite(ch, at, 1, v >> (i << 3) & 0xFF);
    }
    return;
  }
  if (isEmpty(ch)) return;
  switch (port) {
    case CONTROL_PORT: writeControl(ch, v); break;
    case Reg.DEVICE:
      ch.control &= ~<u32>Control.HOB;
      ch.device = v;
      updateIntrq(ch);
      break;
    case Reg.STATUS: writeCommand(ch, v); break;
    default: writeRegister(ch, port & REG_BITS, v); break;
  }
}

/** A request that was on its way when the state was saved is posted again. */
export function channelSerialize(ch: IdeChannel, s: Serializer): void {
  // "IDE" and the channel, version 1; "IDB": its buffer
  const name: u32 = ch.index << 24;
  serializeSection(s, 0x00454449 | name, 1, changetype<usize>(ch) + SAVED_FROM, SAVED_BYTES);
  serializeSection(s, 0x00424449 | name, 1, bufferOf(ch), BUFFER_BYTES);
  if (s.mode == SerializeMode.LOAD) {
    ch.tag = 0;
    irqSet(ch.line, ch.asserted != 0);
    resumeTransfer(ch);
  }
}
