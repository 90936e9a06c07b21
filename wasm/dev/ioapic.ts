// 82093AA I/O APIC (Intel order 290566) with 24 pins and the EOI register of version 0x20. Messages go
// straight into the local APICs (cpu/lapic/deliver.ts). Edges on a masked pin are lost, as the data sheet
// says; levels are looked at again when a pin is unmasked and at EOI. Polarity is stored and has no effect:
// irqSet says "asserted". Left out: SMI.

import { lock, unlock } from "../lib/atomics";
import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Chip, chipAddress } from "../bus/device";
import { IOAPIC_PINS } from "../bus/irq";
import { irqMessage } from "../bus/lapic-wires";

const enum Window { IOREGSEL = 0x00, IOWIN = 0x10, EOI = 0x40 }
/** Redirection entry, low word (data sheet section 3.2.4). */
const enum Rte { VECTOR = 0xFF, MODE = 0x700, LOGICAL = 0x800, REMOTE_IRR = 0x4000, LEVEL = 0x8000, MASKED =
  0x10000 }
/** Delivery modes up to lowest priority may be level-triggered. */
const MODE_LOWEST: u32 = 1;
const enum Reg { ID = 0, VERSION = 1, ARBITRATION = 2, REDIRECTION = 0x10 }

const ID_BITS: u32 = 0x0F000000;
/** Version 0x20, 24 entries. */
const VERSION: u32 = ((IOAPIC_PINS - 1) << 16) | 0x20;
const LOW_WRITABLE: u32 = 0x1AFFF;
const HIGH_WRITABLE: u32 = 0xFF000000;
const LOW_RESET: u32 = Rte.MASKED;

@unmanaged
export class IoApic {
  lock: u32;
  select: u32;
  id: u32;
  /** Levels of the pins. */
  lines: u32;
}
const HEADER_BYTES: u32 = 16;
const ENTRIES_BYTES: u32 = IOAPIC_PINS * 8;

/** Address of redirection entry `pin`: low word, then high word. */
// @ts-ignore: decorator
@inline
function entry(dev: IoApic, pin: u32): usize {
  return changetype<usize>(dev) + HEADER_BYTES + (pin << 3);
}

export function ioapicReset(dev: IoApic): void {
  dev.select = 0;
  dev.id = 0;
  dev.lines = 0;
  for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) {
    store<u32>(entry(dev, pin), LOW_RESET);
    store<u32>(entry(dev, pin), 0, 4);
  }
}

/** Send the pin's message. */
function deliver(dev: IoApic, pin: u32): void {
  const e = entry(dev, pin);
  const low = load<u32>(e);
  const mode = (low & Rte.MODE) >> 8;
  const level = (low & Rte.LEVEL) != 0 && mode <= MODE_LOWEST;
  // Remote IRR is set before the message: the EOI may come before this returns.
  if (level) store<u32>(e, low | Rte.REMOTE_IRR);
  const taken = irqMessage(load<u32>(e, 4) >> 24, (low & Rte.LOGICAL) != 0, mode, low & Rte.VECTOR, level);
  // Nobody there: no EOI will come, so the line may try again when the entry is rewritten.
  if (level && taken == 0) store<u32>(e, load<u32>(e) & ~Rte.REMOTE_IRR);
}

/** A level pin that is asserted, unmasked and not in service sends. */
function serviceLevel(dev: IoApic, pin: u32): void {
  const low = load<u32>(entry(dev, pin));
  if ((low & Rte.LEVEL) == 0 || (low & (Rte.MASKED | Rte.REMOTE_IRR)) != 0) return;
  if ((dev.lines >> pin & 1) != 0) deliver(dev, pin);
}

/** Hook.IOAPIC_INPUT. Takes the leaf lock. */
export function ioapicInputHook(pin: u32, level: u32): void {
  if (pin >= IOAPIC_PINS) return;
  const dev = changetype<IoApic>(chipAddress(Chip.IOAPIC));
  lock(changetype<usize>(dev));
  const bit: u32 = <u32>1 << pin;
  const rose = level != 0 && (dev.lines & bit) == 0;
  dev.lines = level != 0 ? dev.lines | bit : dev.lines & ~bit;
  if (rose) {
    const low = load<u32>(entry(dev, pin));
    if ((low & Rte.LEVEL) != 0) serviceLevel(dev, pin);
    else if ((low & Rte.MASKED) == 0) deliver(dev, pin);
  }
  unlock(changetype<usize>(dev));
}

function endOfInterrupt(dev: IoApic, vector: u32): void {
  for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) {
    const e = entry(dev, pin);
    const low = load<u32>(e);
    if ((low & (Rte.LEVEL | Rte.REMOTE_IRR)) != (Rte.LEVEL | Rte.REMOTE_IRR)) continue;
    if ((low & Rte.VECTOR) != vector) continue;
    store<u32>(e, low & ~Rte.REMOTE_IRR);
    serviceLevel(dev, pin);
  }
}

/** Hook.IOAPIC_EOI: broadcast of a local APIC. Takes the leaf lock. */
export function ioapicEoiHook(vector: u32): void {
  const dev = changetype<IoApic>(chipAddress(Chip.IOAPIC));
  lock(changetype<usize>(dev));
  endOfInterrupt(dev, vector);
  unlock(changetype<usize>(dev));
}

function readRegister(dev: IoApic): u32 {
  const select = dev.select;
  switch (select) {
    case Reg.ID:
    case Reg.ARBITRATION: return dev.id;
    case Reg.VERSION: return VERSION;
    default: break;
  }
  const index = select - Reg.REDIRECTION;
  if (index >= IOAPIC_PINS * 2) return 0;
  return load<u32>(entry(dev, index >> 1) + ((index & 1) << 2));
}

function writeRegister(dev: IoApic, value: u32): void {
  if (dev.select == Reg.ID) {
    dev.id = value & ID_BITS;
    return;
  }
  const index = dev.select - Reg.REDIRECTION;
  if (index >= IOAPIC_PINS * 2) return;
  const pin = index >> 1;
  const e = entry(dev, pin);
  if ((index & 1) != 0) {
    store<u32>(e, value & HIGH_WRITABLE, 4);
    return;
  }
  let low = (load<u32>(e) & ~LOW_WRITABLE) | (value & LOW_WRITABLE);
  // Remote IRR is undefined for edge pins; clearing it is what kernels rely on to end a level interrupt by
  // hand.
  if ((low & Rte.LEVEL) == 0) low &= ~Rte.REMOTE_IRR;
  store<u32>(e, low);
  serviceLevel(dev, pin);
}

export function ioapicRead(dev: IoApic, offset: u32, size: u32): u64 {
  switch (offset) {
    case Window.IOREGSEL: return <u64>dev.select;
    case Window.IOWIN: return <u64>readRegister(dev);
    default: return 0;
  }
}

export function ioapicWrite(dev: IoApic, offset: u32, size: u32, value: u64): void {
  switch (offset) {
    case Window.IOREGSEL: dev.select = <u32>value & 0xFF; break;
    case Window.IOWIN: if (size == 4) writeRegister(dev, <u32>value); break;
    case Window.EOI: endOfInterrupt(dev, <u32>value & Rte.VECTOR); break;
    default: break;
  }
}

export function ioapicTick(dev: IoApic, now: i64): i64 {
  return NEVER;
}

export function ioapicSerialize(dev: IoApic, s: Serializer): void {
  // "IOAP", version 1
  serializeSection(s, 0x50414F49, 1, changetype<usize>(dev) + offsetof<IoApic>("select"), HEADER_BYTES - 4
    + ENTRIES_BYTES);
}
