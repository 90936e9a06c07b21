// PCI configuration space (PCI Local Bus 3.0 chapters 3 and 6): mechanism #1 at 0xCF8/0xCFC, one bus,
// functions with 256 bytes each, base address registers that claim ports and addresses through the bus, and
// the reset control register that the chipset puts at 0xCF9. A function is a `PciFunction` struct in its own
// chip page; its driver file gives the bytes. Interrupts and messages: interrupt.ts. Left out: bridges,
// memory-mapped configuration, expansion ROM BARs, power states.

import { NEVER } from "../../lib/time";
import { Serializer, serializeSection } from "../../lib/serializer";
import { mmioMap } from "../../bus/mmio";
import { portMove } from "../../bus/pio";
import { pciInterruptsReset, pciInterruptsSerialize, pciInterruptsWritten } from "./interrupt";
import { machineInit, machineResetRequest } from "../../bus/machine";

const enum Port { ADDRESS = 0, RESET = 1, DATA = 4 }
const ADDRESS_ENABLE: u32 = 0x80000000;
const ADDRESS_BITS: u32 = 0x80FFFFFC;
/** 0xCF9 (82371SB section 2.1.10): bit 1 = hard reset, else INIT; bit 2 = go (a 0 to 1 change). */
const RESET_HARD: u32 = 2;
const RESET_GO: u32 = 4;
const RESET_BITS: u32 = 0x0E;
const NO_FUNCTION: u32 = 0xFFFFFFFF;
const FUNCTIONS: u32 = 256;

/** Offsets of the standard header. */
export const enum PciReg {
  VENDOR = 0x00, DEVICE = 0x02, COMMAND = 0x04, STATUS = 0x06, REVISION = 0x08, CLASS = 0x09, HEADER = 0x0E,
    BAR0 = 0x10,
  SUBSYSTEM_VENDOR = 0x2C, SUBSYSTEM = 0x2E, CAPABILITIES = 0x34, INTERRUPT_LINE = 0x3C, INTERRUPT_PIN = 0x3D,
}
export const enum PciCommand { IO = 1, MEMORY = 2, MASTER = 4, INTX_DISABLE = 0x400 }
/** MEMORY64 takes the register behind it too. */
export const enum BarKind { NONE = 0, PORTS = 1, MEMORY = 2, MEMORY64 = 3 }
const TYPE_64: u32 = 4;
/** Status: there is a list of capabilities; the pin is asserted (or would be). */
const STATUS_CAPABILITIES: u32 = 0x10;
const STATUS_INTX: u32 = 0x08;
/** Addresses that this machine's processors have. */
const ADDRESS_LIMIT: u64 = 1 << 40;

/** One base address register and what it maps. */
@unmanaged
export class PciBar {
  kind: u32;
  /** A power of two; memory at least a page. */
  bytes: u32;
  /** Slot of bus/pio.ts or bus/mmio.ts. */
  slot: u32;
  /** Present mapping: first port or page + 1, 0 = not mapped. */
  mapped: u32;
}
const BAR_BYTES: u32 = offsetof<PciBar>();
const BARS: u32 = 6;

@unmanaged
export class PciFunction {
  lock: u32;
  devfn: u32;
  /** Function index of `written(function, offset, size)` after a configuration write, 0 = none. */
  written: u32;
  /**
   * Interrupts (interrupt.ts): what the device asserts, what the pin shows; offsets of the capabilities, 0 =
   * none.
   */
  intx: u32;
  pinLevel: u32;
  msi: u32;
  msix: u32;
}
const BAR_TABLE: usize = 0x20;
const CONFIG: usize = 0x100;
const WRITABLE: usize = 0x200;
/** Bits that a 1 clears. */
const CLEARABLE: usize = 0x300;
/** First byte behind the framework's part of a function's chip page. */
export const PCI_FUNCTION_BYTES: u32 = 0x400;
const CONFIG_BYTES: u32 = 256;

@unmanaged
export class Pci {
  lock: u32;
  address: u32;
  resetControl: u32;
  pad: u32;
}
const TABLE: usize = 0x10;

// @ts-ignore: decorator
@inline
function bar(f: PciFunction, n: u32): PciBar {
  return changetype<PciBar>(changetype<usize>(f) + BAR_TABLE + n * BAR_BYTES);
}

export function pciGet8(f: PciFunction, offset: u32): u32 {
  return load<u8>(changetype<usize>(f) + CONFIG + offset);
}
export function pciGet16(f: PciFunction, offset: u32): u32 {
  return load<u16>(changetype<usize>(f) + CONFIG + offset);
}
export function pciGet32(f: PciFunction, offset: u32): u32 {
  return load<u32>(changetype<usize>(f) + CONFIG + offset);
}
export function pciSet8(f: PciFunction, offset: u32, v: u32): void {
  store<u8>(changetype<usize>(f) + CONFIG + offset, <u8>v);
}
export function pciSet16(f: PciFunction, offset: u32, v: u32): void {
  store<u16>(changetype<usize>(f) + CONFIG + offset, <u16>v);
}
export function pciSet32(f: PciFunction, offset: u32, v: u32): void {
  store<u32>(changetype<usize>(f) + CONFIG + offset, v);
}
/** Bits of the guest's. */
export function pciWritable(f: PciFunction, offset: u32, bytes: u32, value: u32): void {
  memory.fill(changetype<usize>(f) + WRITABLE + offset, <u8>value, bytes);
}
export function pciWritable16(f: PciFunction, offset: u32, mask: u32): void {
  store<u16>(changetype<usize>(f) + WRITABLE + offset, <u16>mask);
}
export function pciWritable32(f: PciFunction, offset: u32, mask: u32): void {
  store<u32>(changetype<usize>(f) + WRITABLE + offset, mask);
}
export function pciClearable16(f: PciFunction, offset: u32, mask: u32): void {
  store<u16>(changetype<usize>(f) + CLEARABLE + offset, <u16>mask);
}

/** Enter a function into the bus at wiring time. `classCode`: class, subclass, interface as 24 bits. */
export function pciAdd(pci: Pci, f: PciFunction, devfn: u32, vendor: u32, device: u32, revision: u32,
  classCode: u32): void {
  f.devfn = devfn;
  store<u32>(changetype<usize>(pci) + TABLE + (devfn << 2), <u32>changetype<usize>(f));
  pciSet16(f, PciReg.VENDOR, vendor);
  pciSet16(f, PciReg.DEVICE, device);
  pciSet8(f, PciReg.REVISION, revision);
  pciSet8(f, PciReg.CLASS, classCode);
  pciSet16(f, PciReg.CLASS + 1, classCode >> 8);
  pciWritable16(f, PciReg.COMMAND, PciCommand.IO | PciCommand.MEMORY | PciCommand.MASTER
    | PciCommand.INTX_DISABLE | 0x140);
  pciClearable16(f, PciReg.STATUS, 0xF900);
  pciWritable(f, PciReg.INTERRUPT_LINE, 1, 0xFF);
}

/** Give a function a BAR: `slot` from portSlotAdd or mmioSlotAdd. */
export function pciAddBar(f: PciFunction, n: u32, kind: BarKind, bytes: u32, slot: u32): void {
  const b = bar(f, n);
  b.kind = kind;
  b.bytes = bytes;
  b.slot = slot;
  b.mapped = 0;
  const reg = PciReg.BAR0 + (n << 2);
  pciSet32(f, reg, barType(kind));
  pciWritable32(f, reg, ~(bytes - 1));
  if (kind == BarKind.MEMORY64) pciWritable32(f, reg + 4, ~0);
}

function barType(kind: u32): u32 {
  return kind == BarKind.PORTS ? 1 : kind == BarKind.MEMORY64 ? TYPE_64 : 0;
}

/** Put a capability that starts at configuration offset `at` in front of the list (6.7). */
export function pciAddCapability(f: PciFunction, id: u32, at: u32): void {
  pciSet8(f, at, id);
  pciSet8(f, at + 1, pciGet8(f, PciReg.CAPABILITIES));
  pciSet8(f, PciReg.CAPABILITIES, at);
  pciSet16(f, PciReg.STATUS, pciGet16(f, PciReg.STATUS) | STATUS_CAPABILITIES);
}

/** Follow the BARs and the command register with the bus's tables. */
export function pciRemap(f: PciFunction): void {
  const command = pciGet16(f, PciReg.COMMAND);
  for (let n: u32 = 0; n < BARS; n++) {
    const b = bar(f, n);
    if (b.kind == BarKind.NONE) continue;
    const ports = b.kind == BarKind.PORTS;
    const on = (command & (ports ? PciCommand.IO : PciCommand.MEMORY)) != 0;
    const base = on ? barBase(f, n, b) : 0;
    const next: u32 = base == 0 ? 0 : ports ? <u32>base + 1 : <u32>(base >> 12) + 1;
    if (next == b.mapped) continue;
    if (ports) {
      portMove(b.slot, b.mapped != 0 ? <i32>(b.mapped - 1) : -1, next != 0 ? <i32>base : -1, b.bytes);
    } else {
      mmioMap(b.slot, base, next != 0 ? b.bytes >> 12 : 0);
    }
    b.mapped = next;
  }
}

/** Where a BAR points, 0 = nowhere: it is unset, being sized (all ones), or out of reach. */
function barBase(f: PciFunction, n: u32, b: PciBar): u64 {
  const value = pciGet32(f, PciReg.BAR0 + (n << 2));
  const base = value & (b.kind == BarKind.PORTS ? ~3 : ~15);
  if (base == ~(b.bytes - 1)) return 0;
  if (b.kind == BarKind.PORTS) return base < 0x10000 ? <u64>base : 0;
  if (b.kind != BarKind.MEMORY64) return base;
  const wide = <u64>pciGet32(f, PciReg.BAR0 + 4 + (n << 2)) << 32 | <u64>base;
  return wide < ADDRESS_LIMIT ? wide : 0;
}

function functionAt(pci: Pci): PciFunction {
  const a = pci.address;
  // Bus 0 only.
  if ((a & ADDRESS_ENABLE) == 0 || (a >> 16 & 0xFF) != 0) return changetype<PciFunction>(0);
  return changetype<PciFunction>(<usize>load<u32>(changetype<usize>(pci) + TABLE + ((a >> 8 & 0xFF) << 2)));
}

function writeConfig(f: PciFunction, offset: u32, size: u32, value: u32): void {
  for (let i: u32 = 0; i < size; i++) {
    const at = changetype<usize>(f) + offset + i;
    const v = value >> (i << 3);
    const mask: u32 = load<u8>(at, WRITABLE);
    const clear: u32 = load<u8>(at, CLEARABLE);
    const old: u32 = load<u8>(at, CONFIG);
    store<u8>(at, <u8>((old & ~mask | v & mask) & ~(v & clear)), CONFIG);
  }
  if (offset < <u32>PciReg.CAPABILITIES) pciRemap(f);
  pciInterruptsWritten(f);
  if (f.written != 0) call_indirect<void>(f.written, changetype<usize>(f), offset, size);
}

export function pciRead(pci: Pci, offset: u32, size: u32): u32 {
  if (offset < <u32>Port.DATA) {
    if (size == 4) return pci.address;
    // Byte reads at 0xCF9 are the reset register; the rest is forwarded to nobody.
    return offset == Port.RESET && size == 1 ? pci.resetControl : NO_FUNCTION;
  }
  const f = functionAt(pci);
  if (changetype<usize>(f) == 0) return NO_FUNCTION;
  const at = (pci.address & 0xFC) + (offset - Port.DATA);
  if ((at & ~3) == <u32>PciReg.COMMAND) {
    const status = f.intx != 0 ? STATUS_INTX << 16 : 0;
    const ones: u32 = size == 4 ? ~0 : (<u32>1 << (size << 3)) - 1;
    return (pciGet32(f, PciReg.COMMAND) | status) >> ((at & 3) << 3) & ones;
  }
  switch (size) {
    case 1: return pciGet8(f, at);
    case 2: return pciGet16(f, at);
    default: return pciGet32(f, at);
  }
}

export function pciWrite(pci: Pci, offset: u32, size: u32, value: u32): void {
  if (offset < <u32>Port.DATA) {
    if (size == 4) {
      pci.address = value & ADDRESS_BITS;
    } else if (offset == Port.RESET && size == 1) {
      if ((value & RESET_GO) != 0 && (pci.resetControl & RESET_GO) == 0) {
        if ((value & RESET_HARD) != 0) machineResetRequest();
        else machineInit();
      }
      pci.resetControl = value & (RESET_BITS & ~RESET_GO);
    }
    return;
  }
  const f = functionAt(pci);
  if (changetype<usize>(f) != 0) writeConfig(f, (pci.address & 0xFC) + (offset - Port.DATA), size, value);
}

/** The host side of the bus; functions reset themselves. */
export function pciReset(pci: Pci): void {
  pci.address = 0;
  pci.resetControl = 0;
}

/** What every function loses at reset: command, line, BAR addresses. */
export function pciFunctionReset(f: PciFunction): void {
  pciSet16(f, PciReg.COMMAND, 0);
  pciSet8(f, PciReg.INTERRUPT_LINE, 0);
  for (let n: u32 = 0; n < BARS; n++) {
    if (bar(f, n).kind == BarKind.NONE) continue;
    pciSet32(f, PciReg.BAR0 + (n << 2), barType(bar(f, n).kind));
    if (bar(f, n).kind == BarKind.MEMORY64) pciSet32(f, PciReg.BAR0 + 4 + (n << 2), 0);
  }
  pciRemap(f);
  pciInterruptsReset(f);
}

export function pciTick(pci: Pci, now: i64): i64 {
  return NEVER;
}

export function pciSerialize(pci: Pci, s: Serializer): void {
  // "PCIC", version 1
  serializeSection(s, 0x43494350, 1, changetype<usize>(pci) + offsetof<Pci>("address"), 8);
  for (let n: u32 = 0; n < FUNCTIONS; n++) {
    const f = changetype<PciFunction>(<usize>load<u32>(changetype<usize>(pci) + TABLE + (n << 2)));
    if (changetype<usize>(f) == 0) continue;
    // "PCF" and the function number, version 1
    serializeSection(s, 0x00464350 | n << 24, 1, changetype<usize>(f) + CONFIG, CONFIG_BYTES);
    pciInterruptsSerialize(f, s);
    pciRemap(f);
    pciInterruptsWritten(f);
    if (f.written != 0) call_indirect<void>(f.written, changetype<usize>(f), <u32>0, <u32>0);
  }
}
