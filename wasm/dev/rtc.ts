// MC146818A real-time clock with 256 bytes of CMOS RAM (Motorola data sheet; PIIX3 second bank at 0x72/0x73).
// The time of day is machine time plus an epoch, so nothing counts; SET and writes to the time registers move
// an offset. Interrupts: periodic, alarm, update-ended. Left out: daylight saving, square wave, the divider's
// stop states (reg A DV), hour 12/24 conversion on a mode change (as on the chip: the guest must rewrite the
// hours).

import { BOARD, CONTROL } from "../lib/layout";
import { Control } from "../lib/control";
import { NEVER, NS_PER_SECOND, nowNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { Board } from "../bus/device";
import { IrqLine, irqSetReplaceable } from "../bus/irq";

const enum Port { INDEX = 0x70, DATA = 0x71, INDEX2 = 0x72, DATA2 = 0x73 }
const enum Reg {
  SECONDS = 0, SECONDS_ALARM = 1, MINUTES = 2, MINUTES_ALARM = 3, HOURS = 4, HOURS_ALARM = 5, WEEKDAY = 6,
    DAY = 7,
  MONTH = 8, YEAR = 9, A = 10, B = 11, C = 12, D = 13, SHUTDOWN = 0x0F, CENTURY = 0x32, CENTURY_PS2 = 0x37,
}
const enum A { UIP = 0x80, RATE = 0x0F, RESET = 0x26 }
const enum B { SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 0x04, HOURS24 = 0x02, RESET = 0x02 }
const enum C { IRQF = 0x80, PF = 0x40, AF = 0x20, UF = 0x10 }
const D_VALID: u32 = 0x80;
const HOUR_PM: u32 = 0x80;
/** Alarm bytes of 0xC0..0xFF match anything. */
const DONT_CARE: u32 = 0xC0;
/** Boot order nibbles, first in the low one: 1 floppy, 2 disk, 3 CD. */
const BOOT_DISK_CD: u32 = 0x32;
/** UIP rises 244 us before the update. */
const UIP_NS: i64 = 244000;
const PERIODIC_HZ: i64 = 32768;
const DAY_SECONDS: i64 = 86400;
/** Seconds that an alarm search looks back at most after a pause. */
const ALARM_WINDOW: i64 = DAY_SECONDS;

@unmanaged
export class Rtc {
  lock: u32;
  index: u32;
  index2: u32;
  regB: u32;
  regA: u32;
  regC: u32;
  /** Added to (epoch + machine time) to give the guest's time of day; ns. */
  offsetNs: i64;
  /** Second (guest time) up to which UF and AF have been computed; machine time up to which PF has. */
  lastSecond: i64;
  lastPeriodicNs: i64;
  ram0: u64;
}
const RAM_BYTES: u32 = 256;
const RAM: usize = offsetof<Rtc>("ram0");

/** A date and time being taken apart (this thread, under the lock). */
let second: u32 = 0;
let minute: u32 = 0;
let hour: u32 = 0;
let weekday: u32 = 0;
let day: u32 = 0;
let month: u32 = 0;
let year: u32 = 0;

// @ts-ignore: decorator
@inline
function ram(dev: Rtc, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + RAM + n);
}
// @ts-ignore: decorator
@inline
function setRam(dev: Rtc, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + RAM + n, <u8>v);
}

/** Guest time of day in ns since 1970. */
function guestNs(dev: Rtc, now: i64): i64 {
  return <i64>(load<f64>(BOARD + <usize>Board.EPOCH_MS) * 1e6) + now + dev.offsetNs;
}

function floorDiv(a: i64, b: i64): i64 {
  const q = a / b;
  return a % b < 0 ? q - 1 : q;
}

/** Civil date of a day number since 1970-01-01 (proleptic Gregorian; years counted from March). */
function splitTime(seconds: i64): void {
  const days = floorDiv(seconds, DAY_SECONDS);
  const rest = <u32>(seconds - days * DAY_SECONDS);
  second = rest % 60;
  minute = rest / 60 % 60;
  hour = rest / 3600;
  weekday = <u32>(((days % 7) + 11) % 7) + 1;
  const z = days + 719468;
  const era = floorDiv(z, 146097);
  const doe = <u32>(z - era * 146097);
  const yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const mp = (5 * doy + 2) / 153;
  day = doy - (153 * mp + 2) / 5 + 1;
  month = mp < 10 ? mp + 3 : mp - 9;
  year = yoe + <u32>era * 400 + (month <= 2 ? 1 : 0);
}

function joinTime(): i64 {
  const y = <i64>year - (month <= 2 ? 1 : 0);
  const era = floorDiv(y, 400);
  const yoe = y - era * 400;
  const mp = <i64>((month + 9) % 12);
  const doy = (153 * mp + 2) / 5 + <i64>day - 1;
  const doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return (era * 146097 + doe - 719468) * DAY_SECONDS + <i64>(hour * 3600 + minute * 60 + second);
}

function encode(dev: Rtc, v: u32): u32 {
  return (dev.regB & B.BINARY) != 0 ? v : v / 10 << 4 | v % 10;
}
function decode(dev: Rtc, v: u32): u32 {
  return (dev.regB & B.BINARY) != 0 ? v : (v >> 4) * 10 + (v & 15);
}
function encodeHour(dev: Rtc, h: u32): u32 {
  if ((dev.regB & B.HOURS24) != 0) return encode(dev, h);
  const h12 = h % 12 == 0 ? 12 : h % 12;
  return encode(dev, h12) | (h >= 12 ? HOUR_PM : 0);
}
function decodeHour(dev: Rtc, v: u32): u32 {
  if ((dev.regB & B.HOURS24) != 0) return decode(dev, v);
  return decode(dev, v & ~HOUR_PM) % 12 + ((v & HOUR_PM) != 0 ? 12 : 0);
}

/** Copy guest time into the register bytes. */
function storeTime(dev: Rtc, now: i64): void {
  splitTime(floorDiv(guestNs(dev, now), NS_PER_SECOND));
  setRam(dev, Reg.SECONDS, encode(dev, second));
  setRam(dev, Reg.MINUTES, encode(dev, minute));
  setRam(dev, Reg.HOURS, encodeHour(dev, hour));
  setRam(dev, Reg.WEEKDAY, weekday);
  setRam(dev, Reg.DAY, encode(dev, day));
  setRam(dev, Reg.MONTH, encode(dev, month));
  setRam(dev, Reg.YEAR, encode(dev, year % 100));
  const century = year / 100;
  setRam(dev, Reg.CENTURY, century / 10 << 4 | century % 10);
  setRam(dev, Reg.CENTURY_PS2, century / 10 << 4 | century % 10);
}

/**
 * The register bytes become the time: move the offset. Nonsense is accepted as the calendar arithmetic takes
 * it.
 */
function loadTime(dev: Rtc, now: i64): void {
  second = decode(dev, ram(dev, Reg.SECONDS));
  minute = decode(dev, ram(dev, Reg.MINUTES));
  hour = decodeHour(dev, ram(dev, Reg.HOURS));
  day = decode(dev, ram(dev, Reg.DAY));
  month = decode(dev, ram(dev, Reg.MONTH));
  const century = ram(dev, Reg.CENTURY);
  year = (century >> 4) * 1000 + (century & 15) * 100 + decode(dev, ram(dev, Reg.YEAR));
  if (month < 1 || month > 12) month = 1;
  if (day < 1) day = 1;
  const target = joinTime() * NS_PER_SECOND;
  dev.offsetNs += target - guestNs(dev, now);
  dev.lastSecond = floorDiv(target, NS_PER_SECOND);
}

function alarmMatches(dev: Rtc): bool {
  const s = ram(dev, Reg.SECONDS_ALARM);
  const m = ram(dev, Reg.MINUTES_ALARM);
  const h = ram(dev, Reg.HOURS_ALARM);
  return (s >= DONT_CARE || decode(dev, s) == second) && (m >= DONT_CARE || decode(dev, m) == minute) &&
    (h >= DONT_CARE || decodeHour(dev, h) == hour);
}

/** Period of the periodic interrupt in 1/32768 s, 0 = off (data sheet table 5). */
function periodTicks(dev: Rtc): i64 {
  const rate = dev.regA & A.RATE;
  if (rate == 0) return 0;
  return <i64>1 << <i64>(rate <= 2 ? rate + 6 : rate - 1);
}

/** Number of periodic ticks up to machine time `ns`. */
function periods(ns: i64, ticks: i64): i64 {
  return (ns / NS_PER_SECOND * PERIODIC_HZ + ns % NS_PER_SECOND * PERIODIC_HZ / NS_PER_SECOND) / ticks;
}

/** Set the flags of register C that have become due by `now`. */
function advance(dev: Rtc, now: i64): void {
  const ticks = periodTicks(dev);
  if (ticks != 0 && periods(now, ticks) != periods(dev.lastPeriodicNs, ticks)) dev.regC |= C.PF;
  dev.lastPeriodicNs = now;
  if ((dev.regB & B.SET) != 0) return;
  const current = floorDiv(guestNs(dev, now), NS_PER_SECOND);
  if (current == dev.lastSecond) return;
  dev.regC |= C.UF;
  let from = dev.lastSecond + 1;
  if (current - from > ALARM_WINDOW) from = current - ALARM_WINDOW;
  for (let s = from; s <= current && (dev.regC & C.AF) == 0; s++) {
    splitTime(s);
    if (alarmMatches(dev)) dev.regC |= C.AF;
  }
  dev.lastSecond = current;
}

function nextDeadline(dev: Rtc, now: i64): i64 {
  let next = NEVER;
  const ticks = periodTicks(dev);
  if ((dev.regB & B.PIE) != 0 && ticks != 0) {
    const n = (periods(now, ticks) + 1) * ticks;
    next = n / PERIODIC_HZ * NS_PER_SECOND
      + (n % PERIODIC_HZ * NS_PER_SECOND + PERIODIC_HZ - 1) / PERIODIC_HZ;
  }
  if ((dev.regB & (B.AIE | B.UIE)) != 0 && (dev.regB & B.SET) == 0) {
    const t = guestNs(dev, now);
    const update = now + (floorDiv(t, NS_PER_SECOND) + 1) * NS_PER_SECOND - t;
    if (update < next) next = update;
  }
  return next;
}

/** IRQF and the line from flags and enables. */
function updateLine(dev: Rtc): void {
  const active = (dev.regC & dev.regB & (C.PF | C.AF | C.UF)) != 0;
  dev.regC = active ? dev.regC | C.IRQF : dev.regC & ~C.IRQF;
  irqSetReplaceable(IrqLine.RTC, active);
}

export function rtcTick(dev: Rtc, now: i64): i64 {
  advance(dev, now);
  updateLine(dev);
  return nextDeadline(dev, now);
}

/** CMOS drive types (PC/AT): 360 KB, 1.2 MB, 1.44 MB (which also reads 720 KB), 2.88 MB. */
function floppyType(drive: u32): u32 {
  const bytes = atomic.load<u32>(CONTROL + <usize>Control.FLOPPY_SIZES + (drive << 2));
  if (bytes == 0) return 0;
  if (bytes <= 720 * 512) return 1;
  if (bytes == 2400 * 512) return 2;
  return bytes > 3444 * 512 ? 5 : 4;
}

/** Floppy drives, equipment, and the boot order as SeaBIOS reads it. */
function storeEquipment(dev: Rtc): void {
  const a = floppyType(0);
  const b = floppyType(1);
  const drives: u32 = (a != 0 ? 1 : 0) + (b != 0 ? 1 : 0);
  setRam(dev, 0x10, a << 4 | b);
  // Mathematics coprocessor, mouse; diskette drives.
  setRam(dev, 0x14, 0x06 | (drives != 0 ? 1 | (drives - 1) << 6 : 0));
  const order = atomic.load<u32>(CONTROL + <usize>Control.BOOT_ORDER);
  setRam(dev, 0x3D, order != 0 ? order : BOOT_DISK_CD);
  setRam(dev, 0x38, order >> 8);
}

/** Sizes that firmware and old systems read from CMOS. */
function storeMemorySizes(dev: Rtc): void {
  const ramKb = atomic.load<u32>(CONTROL + <usize>Control.RAM_PAGES) * 4;
  const MAX16: u32 = 0xFFFF;
  const extended = ramKb > 1024 ? min<u32>(ramKb - 1024, MAX16) : 0;
  const above16M = ramKb > 16384 ? min<u32>((ramKb - 16384) >> 6, MAX16) : 0;
  setRam(dev, 0x15, 640 & 0xFF);
  setRam(dev, 0x16, 640 >> 8);
  setRam(dev, 0x17, extended & 0xFF);
  setRam(dev, 0x18, extended >> 8);
  setRam(dev, 0x30, extended & 0xFF);
  setRam(dev, 0x31, extended >> 8);
  setRam(dev, 0x34, above16M & 0xFF);
  setRam(dev, 0x35, above16M >> 8);
  // SeaBIOS: memory above 4 GiB (none), number of CPUs - 1.
  for (let n: u32 = 0x5B; n <= 0x5D; n++) setRam(dev, n, 0);
  setRam(dev, 0x5F, atomic.load<u32>(CONTROL + <usize>Control.CPUS) - 1);
}

/** The battery keeps time and RAM: only a first reset (register A still 0) fills them. */
export function rtcReset(dev: Rtc): void {
  const now = nowNs();
  dev.index = 0;
  dev.index2 = 0;
  dev.regC = 0;
  if (dev.regA == 0) {
    dev.regA = A.RESET;
    dev.regB = B.RESET;
  }
  dev.regB &= ~(B.PIE | B.AIE | B.UIE);
  storeMemorySizes(dev);
  storeEquipment(dev);
  storeTime(dev, now);
  dev.lastSecond = floorDiv(guestNs(dev, now), NS_PER_SECOND);
  dev.lastPeriodicNs = now;
  updateLine(dev);
  timerSet(Timer.RTC, NEVER);
}

function isTime(n: u32): bool {
  return n == Reg.SECONDS || n == Reg.MINUTES
    || (n >= <u32>Reg.HOURS && n <= <u32>Reg.YEAR && n != Reg.HOURS_ALARM) ||
    n == Reg.CENTURY || n == Reg.CENTURY_PS2;
}

function readRegister(dev: Rtc, n: u32): u32 {
  const now = nowNs();
  switch (n) {
    case Reg.A: {
      const t = guestNs(dev, now);
      const inSecond = t - floorDiv(t, NS_PER_SECOND) * NS_PER_SECOND;
      const uip = (dev.regB & B.SET) == 0 && inSecond >= NS_PER_SECOND - UIP_NS;
      return dev.regA | (uip ? A.UIP : 0);
    }
    case Reg.B: return dev.regB;
    case Reg.C: {
      advance(dev, now);
      updateLine(dev);
      const v = dev.regC;
      dev.regC = 0;
      updateLine(dev);
      return v;
    }
    case Reg.D: return D_VALID;
    default:
      if (isTime(n) && (dev.regB & B.SET) == 0) storeTime(dev, now);
      return ram(dev, n);
  }
}

function writeRegister(dev: Rtc, n: u32, v: u32): void {
  const now = nowNs();
  advance(dev, now);
  switch (n) {
    case Reg.A: dev.regA = v & ~A.UIP; break;
    case Reg.B:
      if ((v & B.SET) != 0 && (dev.regB & B.SET) == 0) storeTime(dev, now);
      if ((v & B.SET) == 0 && (dev.regB & B.SET) != 0) {
        dev.regB = v;
        loadTime(dev, now);
      }
      // SET clears UIE (data sheet, register B).
      dev.regB = (v & B.SET) != 0 ? v & ~B.UIE : v;
      break;
    case Reg.C:
    case Reg.D: break;
    default:
      if (isTime(n)) {
        if ((dev.regB & B.SET) == 0) storeTime(dev, now);
        setRam(dev, n, v);
        if (n == Reg.CENTURY_PS2) setRam(dev, Reg.CENTURY, v);
        if ((dev.regB & B.SET) == 0) loadTime(dev, now);
      } else {
        setRam(dev, n, v);
      }
      break;
  }
  updateLine(dev);
  timerSet(Timer.RTC, nextDeadline(dev, now));
}

export function rtcRead(dev: Rtc, port: u32, size: u32): u32 {
  switch (port) {
    case Port.DATA: return readRegister(dev, dev.index);
    case Port.DATA2: return ram(dev, dev.index2);
    // The index ports cannot be read.
    default: return 0xFF;
  }
}

export function rtcWrite(dev: Rtc, port: u32, size: u32, v: u32): void {
  switch (port) {
    // Bit 7 masks NMI; this machine's NMIs come from the APICs.
    case Port.INDEX: dev.index = v & 0x7F; break;
    case Port.DATA: writeRegister(dev, dev.index, v); break;
    case Port.INDEX2: dev.index2 = v | 0x80; break;
    default: setRam(dev, dev.index2, v); break;
  }
}

export function rtcSerialize(dev: Rtc, s: Serializer): void {
  // "RTC ", version 1
  serializeSection(s, 0x20435452, 1, changetype<usize>(dev) + offsetof<Rtc>("index"),
    <u32>(RAM - offsetof<Rtc>("index")) + RAM_BYTES);
}
