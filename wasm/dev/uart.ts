// 16550A UART (National Semiconductor PC16550D data sheet), four of them. Output goes to a host ring and is
// never lost: when the ring is full the transmitter stays busy. Input comes from a host ring in FIFO loads,
// about four times as fast as 115200 baud. Transmission takes no time; break, parity and framing errors do
// not occur. Modem lines: CTS, DSR, DCD up.

import { NEVER, nowNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { ringCount, ringGet, ringPut, ringSignalHost } from "../lib/ring";
import { Timer, timerSet } from "../bus/clock";
import { irqSet } from "../bus/irq";

const enum Reg { DATA = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 }
const enum Ier { RDA = 1, THRE = 2, RLS = 4, MODEM = 8, WRITABLE = 15 }
const enum Iir { NONE = 1, MODEM = 0, THRE = 2, RDA = 4, RLS = 6, TIMEOUT = 12, FIFO = 0xC0 }
const enum Fcr { ENABLE = 1, CLEAR_RX = 2, CLEAR_TX = 4, KEPT = 0xC9 }
const enum Lcr { DLAB = 0x80 }
const enum Mcr { DTR = 1, RTS = 2, OUT1 = 4, OUT2 = 8, LOOP = 16, WRITABLE = 31 }
const enum Lsr { DR = 1, OE = 2, ERRORS = 0x1E, THRE = 0x20, TEMT = 0x40 }
const enum Msr { DCTS = 1, DDSR = 2, TERI = 4, DDCD = 8, DELTAS = 15, CTS = 0x10, DSR = 0x20, RI = 0x40,
  DCD = 0x80 }

const FIFO_BYTES: u32 = 16;
/** Next load of the FIFO after the guest has emptied it; look again for room in a full output ring. */
const REFILL_NS: i64 = 250000;
const RETRY_NS: i64 = 1000000;
/** Four characters of ten bits at 115200 baud. */
const TIMEOUT_NS: i64 = 347000;

@unmanaged
export class Uart {
  lock: u32;
  /** Wiring, set once. */
  ringOut: u32; ringIn: u32; line: u32; timer: u32;
  ier: u32; lcr: u32; mcr: u32; lsr: u32; msr: u32; scr: u32; fcr: u32; divisor: u32;
  /** THRE interrupt pending; character timeout reached. */
  threPending: u32; timeout: u32;
  /** Receive FIFO: first byte, count. */
  rxFirst: u32; rxCount: u32;
  /** One byte that found the ring full + 1. */
  held: u32;
  /** Machine time of the next FIFO load, of the character timeout; NEVER = none. */
  refillNs: i64; timeoutNs: i64; retryNs: i64;
  rx0: u64; rx1: u64;
}
const RX: usize = offsetof<Uart>("rx0");

export function uartWire(dev: Uart, ringOut: u32, ringIn: u32, line: u32, timer: u32): void {
  dev.ringOut = ringOut;
  dev.ringIn = ringIn;
  dev.line = line;
  dev.timer = timer;
}

export function uartReset(dev: Uart): void {
  dev.ier = 0;
  dev.lcr = 0;
  dev.mcr = Mcr.OUT2;
  dev.lsr = Lsr.THRE | Lsr.TEMT;
  dev.msr = Msr.CTS | Msr.DSR | Msr.DCD;
  dev.scr = 0;
  dev.fcr = 0;
  dev.divisor = 12;
  dev.threPending = 0;
  dev.timeout = 0;
  dev.rxFirst = 0;
  dev.rxCount = 0;
  dev.held = 0;
  dev.refillNs = NEVER;
  dev.timeoutNs = NEVER;
  dev.retryNs = NEVER;
  update(dev);
  timerSet(dev.timer, NEVER);
}

function fifoOn(dev: Uart): bool {
  return (dev.fcr & Fcr.ENABLE) != 0;
}

/** FCR bits 7..6: 1, 4, 8, 14 bytes. */
function trigger(dev: Uart): u32 {
  if (!fifoOn(dev)) return 1;
  switch (dev.fcr >> 6) {
    case 0: return 1;
    case 1: return 4;
    case 2: return 8;
    default: return 14;
  }
}

/** Interrupt identification, data sheet table IV: highest priority first. */
function identify(dev: Uart): u32 {
  if ((dev.ier & Ier.RLS) != 0 && (dev.lsr & Lsr.ERRORS) != 0) return Iir.RLS;
  if ((dev.ier & Ier.RDA) != 0) {
    if (dev.rxCount >= trigger(dev)) return Iir.RDA;
    if (dev.timeout != 0) return Iir.TIMEOUT;
  }
  if ((dev.ier & Ier.THRE) != 0 && dev.threPending != 0) return Iir.THRE;
  if ((dev.ier & Ier.MODEM) != 0 && (dev.msr & Msr.DELTAS) != 0) return Iir.MODEM;
  return Iir.NONE;
}

/** The interrupt line: gated by OUT2 as on a PC, and off in loopback. */
function update(dev: Uart): void {
  const active = identify(dev) != Iir.NONE && (dev.mcr & (Mcr.OUT2 | Mcr.LOOP)) == Mcr.OUT2;
  irqSet(dev.line, active);
}

function arm(dev: Uart): void {
  let next = dev.refillNs < dev.timeoutNs ? dev.refillNs : dev.timeoutNs;
  if (dev.retryNs < next) next = dev.retryNs;
  timerSet(dev.timer, next);
}

/** A received byte; overrun drops it. */
function receive(dev: Uart, byte: u32): void {
  const room: u32 = fifoOn(dev) ? FIFO_BYTES : 1;
  if (dev.rxCount >= room) {
    dev.lsr |= Lsr.OE;
    return;
  }
  store<u8>(changetype<usize>(dev) + RX + ((dev.rxFirst + dev.rxCount) & (FIFO_BYTES - 1)), <u8>byte);
  dev.rxCount++;
  dev.lsr |= Lsr.DR;
}

/** Take what fits from the host ring. */
function fill(dev: Uart, now: i64): void {
  dev.refillNs = NEVER;
  if ((dev.mcr & Mcr.LOOP) != 0) return;
  const room: u32 = fifoOn(dev) ? FIFO_BYTES : 1;
  const before = dev.rxCount;
  while (dev.rxCount < room) {
    const byte = ringGet(dev.ringIn);
    if (byte < 0) break;
    receive(dev, byte);
  }
  if (dev.rxCount != before) dev.timeoutNs = fifoOn(dev) && dev.rxCount < trigger(dev) ? now + TIMEOUT_NS
    : NEVER;
}

/** The host has put something into the ring (clock worker, under the lock). */
export function uartPoll(dev: Uart): void {
  if (dev.rxCount != 0 || dev.refillNs != NEVER || ringCount(dev.ringIn) == 0) return;
  fill(dev, nowNs());
  update(dev);
  arm(dev);
}

/** Try to pass a byte that found the ring full. */
function retry(dev: Uart, now: i64): void {
  if (!ringPut(dev.ringOut, dev.held - 1)) {
    dev.retryNs = now + RETRY_NS;
    return;
  }
  ringSignalHost();
  dev.held = 0;
  dev.retryNs = NEVER;
  dev.lsr |= Lsr.THRE | Lsr.TEMT;
  dev.threPending = 1;
}

export function uartTick(dev: Uart, now: i64): i64 {
  if (dev.refillNs <= now) fill(dev, now);
  if (dev.timeoutNs <= now) {
    dev.timeoutNs = NEVER;
    if (dev.rxCount != 0) dev.timeout = 1;
  }
  if (dev.retryNs <= now) retry(dev, now);
  update(dev);
  let next = dev.refillNs < dev.timeoutNs ? dev.refillNs : dev.timeoutNs;
  if (dev.retryNs < next) next = dev.retryNs;
  return next;
}

function readData(dev: Uart): u32 {
  if (dev.rxCount == 0) return 0;
  const byte: u32 = load<u8>(changetype<usize>(dev) + RX + dev.rxFirst);
  dev.rxFirst = (dev.rxFirst + 1) & (FIFO_BYTES - 1);
  dev.rxCount--;
  dev.timeout = 0;
  const now = nowNs();
  if (dev.rxCount == 0) {
    dev.lsr &= ~Lsr.DR;
    dev.timeoutNs = NEVER;
    if (ringCount(dev.ringIn) != 0) dev.refillNs = now + REFILL_NS;
  } else if (fifoOn(dev)) {
    dev.timeoutNs = now + TIMEOUT_NS;
  }
  arm(dev);
  return byte;
}

/** Modem status: the loopback wires of data sheet section 8.6.7, or the host's "everything is up". */
function modemStatus(dev: Uart): u32 {
  if ((dev.mcr & Mcr.LOOP) == 0) return (dev.msr & Msr.DELTAS) | Msr.CTS | Msr.DSR | Msr.DCD;
  let v = dev.msr & Msr.DELTAS;
  if ((dev.mcr & Mcr.RTS) != 0) v |= Msr.CTS;
  if ((dev.mcr & Mcr.DTR) != 0) v |= Msr.DSR;
  if ((dev.mcr & Mcr.OUT1) != 0) v |= Msr.RI;
  if ((dev.mcr & Mcr.OUT2) != 0) v |= Msr.DCD;
  return v;
}

export function uartRead(dev: Uart, reg: u32, size: u32): u32 {
  let v: u32;
  switch (reg) {
    case Reg.DATA:
      if ((dev.lcr & Lcr.DLAB) != 0) return dev.divisor & 0xFF;
      v = readData(dev);
      break;
    case Reg.IER: return (dev.lcr & Lcr.DLAB) != 0 ? dev.divisor >> 8 : dev.ier;
    case Reg.IIR_FCR:
      v = identify(dev);
      // Reading IIR while it names THRE clears that source.
      if (v == Iir.THRE) dev.threPending = 0;
      if (fifoOn(dev)) v |= Iir.FIFO;
      break;
    case Reg.LCR: return dev.lcr;
    case Reg.MCR: return dev.mcr;
    case Reg.LSR:
      v = dev.lsr;
      dev.lsr &= ~Lsr.ERRORS;
      break;
    case Reg.MSR:
      v = modemStatus(dev);
      dev.msr &= ~Msr.DELTAS;
      break;
    default: return dev.scr;
  }
  update(dev);
  return v;
}

function transmit(dev: Uart, byte: u32): void {
  dev.threPending = 0;
  if ((dev.mcr & Mcr.LOOP) != 0) {
    receive(dev, byte);
    // The byte is there at once; a short FIFO load is reported by its timeout.
    if (fifoOn(dev)) {
      dev.timeoutNs = nowNs() + TIMEOUT_NS;
      arm(dev);
    }
  } else if (dev.held != 0 || !ringPut(dev.ringOut, byte)) {
    // A guest that writes without looking at THRE overwrites the holding register, as on the chip.
    dev.held = byte + 1;
    dev.lsr &= ~(Lsr.THRE | Lsr.TEMT);
    dev.retryNs = nowNs() + RETRY_NS;
    arm(dev);
    return;
  } else {
    ringSignalHost();
  }
  // The line falls and rises: the 8259 and the IOAPIC see an edge.
  update(dev);
  dev.threPending = 1;
}

function writeFcr(dev: Uart, v: u32): void {
  const toggled = ((dev.fcr ^ v) & Fcr.ENABLE) != 0;
  if (toggled || (v & Fcr.CLEAR_RX) != 0) {
    dev.rxFirst = 0;
    dev.rxCount = 0;
    dev.lsr &= ~Lsr.DR;
    dev.timeout = 0;
    dev.timeoutNs = NEVER;
    if (ringCount(dev.ringIn) != 0) dev.refillNs = nowNs() + REFILL_NS;
  }
  dev.fcr = (v & Fcr.ENABLE) != 0 ? v & Fcr.KEPT : 0;
  arm(dev);
}

/** MCR: in loopback the outputs drive the status inputs and their deltas. */
function writeMcr(dev: Uart, v: u32): void {
  const old = modemStatus(dev);
  dev.mcr = v & Mcr.WRITABLE;
  const changed = (old ^ modemStatus(dev)) >> 4;
  // TERI is set by a falling RI only.
  const fallenRi = (old & Msr.RI) != 0 && (modemStatus(dev) & Msr.RI) == 0;
  dev.msr |= changed & (Msr.DCTS | Msr.DDSR | Msr.DDCD) | (fallenRi ? Msr.TERI : 0);
}

export function uartWrite(dev: Uart, reg: u32, size: u32, v: u32): void {
  switch (reg) {
    case Reg.DATA:
      if ((dev.lcr & Lcr.DLAB) != 0) dev.divisor = (dev.divisor & 0xFF00) | v;
      else transmit(dev, v);
      break;
    case Reg.IER:
      if ((dev.lcr & Lcr.DLAB) != 0) {
        dev.divisor = (dev.divisor & 0xFF) | v << 8;
        break;
      }
      // Enabling THRE with an empty holding register interrupts at once.
      if ((v & Ier.THRE) != 0 && (dev.ier & Ier.THRE) == 0 && (dev.lsr & Lsr.THRE) != 0) dev.threPending = 1;
      dev.ier = v & Ier.WRITABLE;
      break;
    case Reg.IIR_FCR: writeFcr(dev, v); break;
    case Reg.LCR: dev.lcr = v; break;
    case Reg.MCR: writeMcr(dev, v); break;
    case Reg.SCR: dev.scr = v; break;
    // LSR and MSR are read-only here (factory test on the chip).
    default: break;
  }
  update(dev);
}

export function uartSerialize(dev: Uart, s: Serializer): void {
  // "UART", version 1
  serializeSection(s, 0x54524155, 1, changetype<usize>(dev) + offsetof<Uart>("ier"), <u32>(offsetof<Uart>() - offsetof<Uart>("ier")));
}
