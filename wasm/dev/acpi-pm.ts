// ACPI fixed hardware of the PIIX4 (82371AB power management, order 290562 section 11; ACPI 6.5 section 4.8):
// PM1 event and control blocks, 24-bit PM timer, general-purpose event block that never has an event. The SCI
// is ISA line 9, level. S5 is SLP_TYP 0 (PIIX4 SUS_TYP "soft off"); other sleep states are not offered. Left
// out: device monitors, SMI, throttling.

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { MachineEnd } from "../lib/control";
import { NEVER, nowNs, nsToTicks, ticksToNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { IrqLine, irqSet } from "../bus/irq";
import { machineEnd } from "../bus/machine";

export const PM_TIMER_HZ: u64 = 3579545;
/** Bytes of I/O space from the PM base. */
export const PM_PORTS: u32 = 64;

const enum Reg { PM1_STATUS = 0x00, PM1_ENABLE = 0x02, PM1_CONTROL = 0x04, TIMER = 0x08, GPE_STATUS = 0x0C,
  GPE_ENABLE = 0x0E }
const enum Pm1 { TIMER = 0x0001, GLOBAL = 0x0020, POWER_BUTTON = 0x0100, RTC = 0x0400, WAKE = 0x8000 }
const STATUS_BITS: u32 = Pm1.TIMER | Pm1.GLOBAL | Pm1.POWER_BUTTON | Pm1.RTC | Pm1.WAKE;
const ENABLE_BITS: u32 = Pm1.TIMER | Pm1.GLOBAL | Pm1.POWER_BUTTON | Pm1.RTC;
const enum Control { SCI_ENABLE = 0x0001, SLEEP_TYPE = 0x1C00, SLEEP_ENABLE = 0x2000, WRITABLE = 0x1C07 }
const SLEEP_TYPE_SHIFT: u32 = 10;
const SLEEP_S5: u32 = 0;
const TIMER_MASK: u64 = 0xFFFFFF;
/** TMR_STS is set when bit 23 changes. */
const TIMER_HALF: u64 = 0x800000;

@unmanaged
export class AcpiPm {
  lock: u32;
  status: u32;
  enable: u32;
  control: u32;
  gpeEnable: u32;
  pad: u32;
  /** Multiple of TIMER_HALF up to which TMR_STS has been computed. */
  halves: u64;
}

/** Flags that time has set by `now`. */
function advance(dev: AcpiPm, now: i64): void {
  const halves = nsToTicks(now, PM_TIMER_HZ) / TIMER_HALF;
  if (halves == dev.halves) return;
  dev.halves = halves;
  dev.status |= Pm1.TIMER;
}

/** SCI level and the timer's next change. */
function update(dev: AcpiPm, now: i64): void {
  irqSet(IrqLine.SCI, (dev.control & Control.SCI_ENABLE) != 0
    && (dev.status & dev.enable & ENABLE_BITS) != 0);
  const wanted = (dev.enable & Pm1.TIMER) != 0 && (dev.status & Pm1.TIMER) == 0;
  timerSet(Timer.ACPI, wanted ? ticksToNs((dev.halves + 1) * TIMER_HALF, PM_TIMER_HZ) : NEVER);
}

/** A cold machine starts in legacy mode; boardPresetForDirectBoot sets SCI_EN. */
export function acpiReset(dev: AcpiPm): void {
  dev.status = 0;
  dev.enable = 0;
  dev.control = 0;
  dev.gpeEnable = 0;
  dev.halves = nsToTicks(nowNs(), PM_TIMER_HZ) / TIMER_HALF;
  update(dev, nowNs());
}

/** What firmware that has no SMI handler leaves: ACPI mode. */
export function acpiPreset(dev: AcpiPm): void {
  dev.control |= Control.SCI_ENABLE;
}

export function acpiTick(dev: AcpiPm, now: i64): i64 {
  advance(dev, now);
  irqSet(IrqLine.SCI, (dev.control & Control.SCI_ENABLE) != 0
    && (dev.status & dev.enable & ENABLE_BITS) != 0);
  return NEVER;
}

/** The button was pressed; the caller holds the lock. */
export function acpiPowerButton(dev: AcpiPm): void {
  dev.status |= Pm1.POWER_BUTTON;
  update(dev, nowNs());
}

export function acpiRead(dev: AcpiPm, offset: u32, size: u32): u32 {
  const now = nowNs();
  advance(dev, now);
  if (size == 4 && offset != Reg.TIMER) return acpiRead(dev, offset, 2) | acpiRead(dev, offset + 2, 2) << 16;
  const shift = (offset & 1) << 3;
  switch (offset & ~1) {
    case Reg.PM1_STATUS: return dev.status >> shift;
    case Reg.PM1_ENABLE: return dev.enable >> shift;
    case Reg.PM1_CONTROL: return dev.control >> shift;
    case Reg.TIMER:
    case Reg.TIMER + 2: return <u32>(nsToTicks(now, PM_TIMER_HZ) & TIMER_MASK) >> ((offset - Reg.TIMER) << 3);
    case Reg.GPE_ENABLE: return dev.gpeEnable >> shift;
    default: return 0;
  }
}

/** Merge a write of 1 or 2 bytes into a 16-bit register. */
function merge(old: u32, offset: u32, size: u32, value: u32): u32 {
  const shift = (offset & 1) << 3;
  const mask: u32 = (size == 1 ? 0xFF : 0xFFFF) << shift;
  return ((old & ~mask) | (value << shift & mask)) & 0xFFFF;
}

function writeControl(dev: AcpiPm, value: u32): void {
  dev.control = value & Control.WRITABLE;
  if ((value & Control.SLEEP_ENABLE) == 0) return;
  const type = (value & Control.SLEEP_TYPE) >> SLEEP_TYPE_SHIFT;
  if (type == SLEEP_S5) machineEnd(MachineEnd.POWER_OFF, 0);
  else hostLog(Log.ACPI_SLEEP, type, 0);
}

export function acpiWrite(dev: AcpiPm, offset: u32, size: u32, value: u32): void {
  const now = nowNs();
  advance(dev, now);
  if (size == 4) {
    // Two registers at once: the bus gives aligned 32-bit writes whole because the timer is read so.
    acpiWrite(dev, offset, 2, value & 0xFFFF);
    acpiWrite(dev, offset + 2, 2, value >> 16);
    return;
  }
  switch (offset & ~1) {
    // Write 1 to clear.
    case Reg.PM1_STATUS: dev.status &= ~(merge(0, offset, size, value) & STATUS_BITS); break;
    case Reg.PM1_ENABLE: dev.enable = merge(dev.enable, offset, size, value) & ENABLE_BITS; break;
    case Reg.PM1_CONTROL: writeControl(dev, merge(dev.control, offset, size, value)); break;
    case Reg.GPE_ENABLE: dev.gpeEnable = merge(dev.gpeEnable, offset, size, value); break;
    default: break;
  }
  update(dev, now);
}

export function acpiSerialize(dev: AcpiPm, s: Serializer): void {
  // "ACPI", version 1
  serializeSection(s, 0x49504341, 1, changetype<usize>(dev) + offsetof<AcpiPm>("status"),
    <u32>(offsetof<AcpiPm>() - offsetof<AcpiPm>("status")));
}
