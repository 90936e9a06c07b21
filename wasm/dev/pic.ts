// Two 8259A interrupt controllers, cascaded at input 2 of the master, with the ELCR of the PIIX (Intel 8259A
// data sheet, order 231468; 82371AB section 4.2, ELCR at 0x4D0). IRR, ISR and IMR only; INTR is recomputed
// after every change and is a wire to LINT0 of every LAPIC. An edge stays latched until acknowledged even
// when the line falls (silicon would answer with the spurious vector; no interrupt is lost here). Left out:
// MCS-80/85 mode, buffered mode.

import { lock, unlock } from "../lib/atomics";
import { Serializer, serializeSection } from "../lib/serializer";
import { Chip, chipAddress } from "../bus/device";
import { intrWire } from "../bus/lapic-wires";
import { NEVER } from "../lib/time";

const enum Port { MASTER_COMMAND = 0x20, MASTER_DATA = 0x21, SLAVE_COMMAND = 0xA0, SLAVE_DATA = 0xA1, ELCR1 =
  0x4D0, ELCR2 = 0x4D1 }
/** ICW1 and ICW4 bits; OCW2 commands (R, SL, EOI in bits 7..5); OCW3 bits. */
const enum Icw { ICW1 = 0x10, SINGLE = 0x02, NEED_ICW4 = 0x01, AUTO_EOI = 0x02, NESTED = 0x10 }
const enum Ocw2 { ROTATE_AEOI_CLEAR = 0, EOI = 1, NOP = 2, EOI_SPECIFIC = 3, ROTATE_AEOI_SET = 4,
  ROTATE_EOI = 5, SET_PRIORITY = 6, ROTATE_SPECIFIC = 7 }
const enum Ocw3 { SELECT = 0x08, POLL = 0x04, READ = 0x02, READ_ISR = 0x01, MASK_SET = 0x40, MASK = 0x20 }

const CASCADE: u32 = 2;
const CASCADE_BIT: u32 = 4;
const SPURIOUS: u32 = 7;
const POLL_PENDING: u32 = 0x80;
/** Inputs that may be level-triggered: not timer, keyboard, cascade; not RTC, coprocessor. */
const ELCR_MASTER: u32 = 0xF8;
const ELCR_SLAVE: u32 = 0xDE;

/** One 8259A. */
@unmanaged
export class Pic8259 {
  irr: u32; isr: u32; imr: u32;
  /** Levels of the inputs. */
  lines: u32;
  /** 1 = level-triggered. */
  elcr: u32;
  base: u32;
  /** Priority: the highest input number. */
  top: u32;
  /** Next ICW expected: 0 = none, 2, 3, 4. */
  expect: u32;
  needIcw4: u32; single: u32; autoEoi: u32; rotateAutoEoi: u32; nested: u32; specialMask: u32; readIsr: u32;
    poll: u32;
}
const PIC8259_BYTES: u32 = offsetof<Pic8259>();

@unmanaged
export class Pic {
  lock: u32;
  /** Level of INTR as told to the CPUs. */
  intr: u32;
}
const PIC_HEADER_BYTES: u32 = 8;

// @ts-ignore: decorator
@inline
function half(dev: Pic, slave: bool): Pic8259 {
  return changetype<Pic8259>(changetype<usize>(dev) + PIC_HEADER_BYTES + (slave ? PIC8259_BYTES : 0));
}

/** Distance of the best bit of `mask` from the top priority, 8 = none. */
function rank(p: Pic8259, mask: u32): u32 {
  for (let n: u32 = 0; n < 8; n++) {
    if ((mask >> ((p.top + n) & 7) & 1) != 0) return n;
  }
  return 8;
}

/** Input that requests service now, -1 = none (data sheet, "Fully nested mode", "Special mask mode"). */
function requested(p: Pic8259, master: bool): i32 {
  const wanted = rank(p, p.irr & ~p.imr);
  if (wanted == 8) return -1;
  let busy = p.isr;
  if (p.specialMask != 0) busy &= ~p.imr;
  // Special fully nested mode: the slave may interrupt its own service.
  if (master && p.nested != 0) busy &= ~CASCADE_BIT;
  return wanted < rank(p, busy) ? <i32>((p.top + wanted) & 7) : -1;
}

/** Recompute the cascade and INTR; tell the CPUs about a change. */
function update(dev: Pic): void {
  const master = half(dev, false);
  if (requested(half(dev, true), false) >= 0) {
    if ((master.lines & CASCADE_BIT) == 0) {
      master.lines |= CASCADE_BIT;
      master.irr |= CASCADE_BIT;
    }
  } else {
    master.lines &= ~CASCADE_BIT;
    master.irr &= ~CASCADE_BIT;
  }
  const intr: u32 = requested(master, true) >= 0 ? 1 : 0;
  if (intr == dev.intr) return;
  dev.intr = intr;
  intrWire(intr);
}

function setInput(p: Pic8259, input: u32, level: bool): void {
  const bit: u32 = <u32>1 << input;
  if ((p.elcr & bit) != 0) {
    p.irr = level ? p.irr | bit : p.irr & ~bit;
  } else if (level && (p.lines & bit) == 0) {
    p.irr |= bit;
  }
  p.lines = level ? p.lines | bit : p.lines & ~bit;
}

/** Hook.PIC_INPUT: ISA line 0..15. Takes the leaf lock. */
export function picInputHook(line: u32, level: u32): void {
  const dev = changetype<Pic>(chipAddress(Chip.PIC));
  lock(changetype<usize>(dev));
  if (line != CASCADE) {
    setInput(half(dev, line >= 8), line & 7, level != 0);
    update(dev);
  }
  unlock(changetype<usize>(dev));
}

/** INTA for one chip: IRR to ISR. */
function intack(p: Pic8259, input: u32): void {
  const bit: u32 = <u32>1 << input;
  if (p.autoEoi != 0) {
    if (p.rotateAutoEoi != 0) p.top = (input + 1) & 7;
  } else {
    p.isr |= bit;
  }
  if ((p.elcr & bit) == 0) p.irr &= ~bit;
}

/** Hook.PIC_ACKNOWLEDGE: both INTA cycles; the vector. Takes the leaf lock. */
export function picAcknowledgeHook(): i32 {
  const dev = changetype<Pic>(chipAddress(Chip.PIC));
  lock(changetype<usize>(dev));
  const master = half(dev, false);
  const input = requested(master, true);
  let vector: u32;
  if (input < 0) {
    vector = master.base + SPURIOUS;
  } else if (input == CASCADE) {
    const slave = half(dev, true);
    const inner = requested(slave, false);
    intack(master, CASCADE);
    if (inner >= 0) intack(slave, inner);
    vector = slave.base + (inner >= 0 ? <u32>inner : SPURIOUS);
  } else {
    intack(master, input);
    vector = master.base + <u32>input;
  }
  update(dev);
  unlock(changetype<usize>(dev));
  return <i32>vector;
}

export function picReset(dev: Pic): void {
  for (let s: u32 = 0; s < 2; s++) {
    const p = half(dev, s != 0);
    const at = changetype<usize>(p);
    memory.fill(at, 0, PIC8259_BYTES);
    p.base = s == 0 ? 0x08 : 0x70;
  }
  dev.intr = 0;
  intrWire(0);
}

function ocw2(p: Pic8259, value: u32): void {
  const input = value & 7;
  switch (value >> 5) {
    case Ocw2.ROTATE_AEOI_CLEAR: p.rotateAutoEoi = 0; break;
    case Ocw2.ROTATE_AEOI_SET: p.rotateAutoEoi = 1; break;
    case Ocw2.EOI:
    case Ocw2.ROTATE_EOI: {
      const first = rank(p, p.isr);
      if (first == 8) break;
      const served = (p.top + first) & 7;
      p.isr &= ~(<u32>1 << served);
      if (value >> 5 == Ocw2.ROTATE_EOI) p.top = (served + 1) & 7;
      break;
    }
    case Ocw2.EOI_SPECIFIC: p.isr &= ~(<u32>1 << input); break;
    case Ocw2.ROTATE_SPECIFIC:
      p.isr &= ~(<u32>1 << input);
      p.top = (input + 1) & 7;
      break;
    case Ocw2.SET_PRIORITY: p.top = (input + 1) & 7; break;
    default: break;
  }
}

function writeCommand(p: Pic8259, value: u32): void {
  if ((value & Icw.ICW1) != 0) {
    // ICW1: edge latches, IMR and special modes are cleared; the priority is 7 lowest.
    const elcr = p.elcr;
    const lines = p.lines;
    const base = p.base;
    memory.fill(changetype<usize>(p), 0, PIC8259_BYTES);
    p.elcr = elcr;
    p.lines = lines;
    p.base = base;
    p.irr = lines & elcr;
    p.expect = 2;
    p.needIcw4 = value & Icw.NEED_ICW4;
    p.single = value & Icw.SINGLE;
    return;
  }
  if ((value & Ocw3.SELECT) != 0) {
    if ((value & Ocw3.POLL) != 0) p.poll = 1;
    if ((value & Ocw3.READ) != 0) p.readIsr = value & Ocw3.READ_ISR;
    if ((value & Ocw3.MASK_SET) != 0) p.specialMask = value & Ocw3.MASK;
    return;
  }
  ocw2(p, value);
}

function writeData(p: Pic8259, value: u32): void {
  switch (p.expect) {
    case 2:
      p.base = value & 0xF8;
      p.expect = p.single != 0 ? (p.needIcw4 != 0 ? 4 : 0) : 3;
      break;
    case 3:
      // The cascade is wired; ICW3 is accepted and ignored.
      p.expect = p.needIcw4 != 0 ? 4 : 0;
      break;
    case 4:
      p.autoEoi = value & Icw.AUTO_EOI;
      p.nested = value & Icw.NESTED;
      p.expect = 0;
      break;
    default:
      p.imr = value;
      break;
  }
}

/** Poll command: the read is the acknowledge (data sheet, "Poll command"). */
function readPoll(dev: Pic, p: Pic8259, master: bool): u32 {
  p.poll = 0;
  const input = requested(p, master);
  if (input < 0) return 0;
  intack(p, input);
  update(dev);
  return POLL_PENDING | <u32>input;
}

export function picRead(dev: Pic, port: u32, size: u32): u32 {
  switch (port) {
    case Port.ELCR1: return half(dev, false).elcr;
    case Port.ELCR2: return half(dev, true).elcr;
    default: break;
  }
  const slave = port >= <u32>Port.SLAVE_COMMAND;
  const p = half(dev, slave);
  if (p.poll != 0) return readPoll(dev, p, !slave);
  if ((port & 1) != 0) return p.imr;
  return p.readIsr != 0 ? p.isr : p.irr;
}

function writeElcr(p: Pic8259, value: u32): void {
  const changed = p.elcr ^ value;
  p.elcr = value;
  // A line that became level-triggered requests by its level from now on.
  p.irr = (p.irr & ~changed) | (p.lines & changed & value);
}

export function picWrite(dev: Pic, port: u32, size: u32, value: u32): void {
  switch (port) {
    case Port.ELCR1: writeElcr(half(dev, false), value & ELCR_MASTER); break;
    case Port.ELCR2: writeElcr(half(dev, true), value & ELCR_SLAVE); break;
    case Port.MASTER_COMMAND: writeCommand(half(dev, false), value); break;
    case Port.MASTER_DATA: writeData(half(dev, false), value); break;
    case Port.SLAVE_COMMAND: writeCommand(half(dev, true), value); break;
    default: writeData(half(dev, true), value); break;
  }
  update(dev);
}

/** No time of its own. */
export function picTick(dev: Pic, now: i64): i64 {
  return NEVER;
}

export function picSerialize(dev: Pic, s: Serializer): void {
  // "PIC ", version 1
  serializeSection(s, 0x20434950, 1, changetype<usize>(dev) + offsetof<Pic>("intr"), 4 + 2 * PIC8259_BYTES);
}
