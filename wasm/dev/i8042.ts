// 8042 keyboard controller (IBM PS/2 Technical Reference; "KBC" of the PIIX chipset): ports 0x60 and 0x64,
// translation of set 2 to set 1, keyboard and auxiliary port, IRQ 1 and 12, system reset pulse. A20 is always
// open; its bit is kept. A reply goes before a device's byte that the guest has not read; that byte follows
// it. Left out: passwords (none is ever set), timeouts and parity errors.

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { NEVER, nowNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { IrqLine, irqSet } from "../bus/irq";
import { a20Gate, machineInit } from "../bus/machine";
import {
  KEYBOARD_BYTES, Keyboard, keyboardCommand, keyboardHasByte, keyboardNext, keyboardReset,
} from "./ps2-keyboard";
import { Mouse, mouseCommand, mouseDueNs, mouseNext, mouseReset } from "./ps2-mouse";
import { Prefix, set1Code } from "./ps2-scancodes";

const enum Port { DATA = 0x60, STATUS = 0x64 }
const enum Status { OBF = 0x01, SYSTEM = 0x04, COMMAND = 0x08, UNLOCKED = 0x10, AUX = 0x20 }
/** Command byte. */
const enum Mode {
  IRQ1 = 0x01, IRQ12 = 0x02, SYSTEM = 0x04, KEYBOARD_OFF = 0x10, AUX_OFF = 0x20, TRANSLATE = 0x40,
  WRITABLE = 0x77,
}
const enum Command {
  READ_MODE = 0x20, READ_RAM_LAST = 0x3F, WRITE_MODE = 0x60, WRITE_RAM_LAST = 0x7F, PASSWORD_TEST = 0xA4,
  AUX_DISABLE = 0xA7, AUX_ENABLE = 0xA8, AUX_TEST = 0xA9, SELF_TEST = 0xAA,
  KEYBOARD_TEST = 0xAB, KEYBOARD_DISABLE = 0xAD, KEYBOARD_ENABLE = 0xAE, READ_INPUT = 0xC0, READ_OUTPUT =
    0xD0,
  WRITE_OUTPUT = 0xD1, WRITE_KEYBOARD_BUFFER = 0xD2, WRITE_AUX_BUFFER = 0xD3, WRITE_AUX = 0xD4, A20_OFF =
    0xDD, A20_ON = 0xDF,
  PULSE = 0xF0,
}
const enum Output { NOT_RESET = 0x01, A20 = 0x02, KEYBOARD_FULL = 0x10, AUX_FULL = 0x20 }
const SELF_TEST_OK: u32 = 0x55;
const NO_PASSWORD: u32 = 0xF1;
const INPUT_PORT: u32 = 0x80;
/** Between two bytes of a device: a wire byte takes about 1 ms; guests poll, so be quick but not instant. */
const BYTE_NS: i64 = 60000;
const RELEASED: u32 = 0x80;
const BYTE: u32 = 0xFF;
const AUX_BYTE: u32 = 0x100;
/** The controller's own memory: byte 0 is the command byte. */
const RAM_BYTES: u32 = 32;

@unmanaged
export class I8042 {
  lock: u32;
  status: u32;
  mode: u32;
  output: u32;
  data: u32;
  /** Command that waits for its data byte, 0 = none. */
  pending: u32;
  /** F0 seen: the next translated code is a release. */
  broken: u32;
  /** Controller reply waiting for the output buffer, + 1; 0 = none. */
  reply: u32;
  /** Byte that a reply has put off, + 1, AUX_BYTE where it is the mouse's; 0 = none. */
  held: u32;
  /** The byte in the output buffer is the controller's own. */
  own: u32;
  /** Not before this time does the next byte enter the output buffer. */
  nextNs: i64;
}
const RAM: usize = 0x80;
const MOUSE: usize = 0x100;
const KEYBOARD: usize = 0x200;
const STATE_BYTES: u32 = <u32>(KEYBOARD + KEYBOARD_BYTES);

// @ts-ignore: decorator
@inline
function keyboard(dev: I8042): Keyboard {
  return changetype<Keyboard>(changetype<usize>(dev) + KEYBOARD);
}
// @ts-ignore: decorator
@inline
function mouse(dev: I8042): Mouse {
  return changetype<Mouse>(changetype<usize>(dev) + MOUSE);
}

export function i8042Wire(dev: I8042, keyboardRing: u32, mouseRing: u32): void {
  keyboard(dev).ring = keyboardRing;
  mouse(dev).ring = mouseRing;
}

export function i8042Reset(dev: I8042): void {
  dev.status = Status.UNLOCKED | Status.COMMAND;
  dev.mode = Mode.IRQ1 | Mode.IRQ12 | Mode.SYSTEM | Mode.TRANSLATE;
  dev.output = Output.NOT_RESET | Output.A20;
  dev.data = 0;
  dev.pending = 0;
  dev.broken = 0;
  dev.reply = 0;
  dev.held = 0;
  dev.own = 0;
  dev.nextNs = 0;
  memory.fill(changetype<usize>(dev) + RAM, 0, RAM_BYTES);
  keyboardReset(keyboard(dev));
  mouseReset(mouse(dev));
  update(dev);
  timerSet(Timer.I8042, NEVER);
}

/** IRQ 1 and 12 follow the output buffer. */
function update(dev: I8042): void {
  const full = (dev.status & Status.OBF) != 0;
  const aux = (dev.status & Status.AUX) != 0;
  irqSet(IrqLine.KEYBOARD, full && !aux && (dev.mode & Mode.IRQ1) != 0);
  irqSet(IrqLine.MOUSE, full && aux && (dev.mode & Mode.IRQ12) != 0);
}

function setOutput(dev: I8042, byte: u32, aux: bool, own: bool): void {
  dev.data = byte;
  dev.own = own ? 1 : 0;
  dev.status = (dev.status & ~Status.AUX) | Status.OBF | (aux ? Status.AUX : 0);
}

/** A byte of the keyboard through the translator; -1 = it waits for the code behind it. */
function translate(dev: I8042, byte: u32): i32 {
  if ((dev.mode & Mode.TRANSLATE) == 0) return byte;
  if (byte == Prefix.BREAK) {
    dev.broken = RELEASED;
    return -1;
  }
  const code = set1Code(byte) | dev.broken;
  dev.broken = 0;
  return code;
}

/** A reply, or the byte that it had put off; true when one of them went. */
function shiftReply(dev: I8042): bool {
  if (dev.reply != 0) {
    setOutput(dev, dev.reply - 1, false, true);
    dev.reply = 0;
    return true;
  }
  if (dev.held == 0) return false;
  setOutput(dev, dev.held - 1 & BYTE, (dev.held - 1 & AUX_BYTE) != 0, false);
  dev.held = 0;
  return true;
}

/** Move the next waiting byte into the output buffer: replies first, then keyboard, then mouse. */
function shift(dev: I8042, now: i64): void {
  if ((dev.status & Status.OBF) != 0 || shiftReply(dev) || now < dev.nextNs) return;
  if ((dev.mode & Mode.KEYBOARD_OFF) == 0) {
    for (let byte = keyboardNext(keyboard(dev)); byte >= 0; byte = keyboardNext(keyboard(dev))) {
      const code = translate(dev, byte);
      if (code < 0) continue;
      setOutput(dev, code, false, false);
      return;
    }
  }
  if ((dev.mode & Mode.AUX_OFF) != 0) return;
  const byte = mouseNext(mouse(dev), now);
  if (byte >= 0) setOutput(dev, byte, true, false);
}

/** When the next byte may enter the output buffer; NEVER while it is full or nothing waits. */
function nextDeadline(dev: I8042): i64 {
  if ((dev.status & Status.OBF) != 0) return NEVER;
  if ((dev.mode & Mode.KEYBOARD_OFF) == 0 && keyboardHasByte(keyboard(dev))) return dev.nextNs;
  if ((dev.mode & Mode.AUX_OFF) != 0) return NEVER;
  const due = mouseDueNs(mouse(dev));
  return due < 0 ? NEVER : max(due, dev.nextNs);
}

/** After anything changed. */
function settle(dev: I8042, now: i64): void {
  shift(dev, now);
  update(dev);
  timerSet(Timer.I8042, nextDeadline(dev));
}

export function i8042Tick(dev: I8042, now: i64): i64 {
  shift(dev, now);
  update(dev);
  return nextDeadline(dev);
}

/** The host has put something into a ring (clock worker, under the lock). */
export function i8042Poll(dev: I8042): void {
  settle(dev, nowNs());
}

export function i8042Read(dev: I8042, port: u32, size: u32): u32 {
  if (port == Port.STATUS) return dev.status | (dev.mode & Mode.SYSTEM);
  const byte = dev.data;
  if ((dev.status & Status.OBF) != 0) {
    dev.status &= ~(Status.OBF | Status.AUX);
    // The line falls before the next byte raises it: an edge per byte.
    update(dev);
    const now = nowNs();
    dev.nextNs = now + BYTE_NS;
    settle(dev, now);
  }
  return byte;
}

function writeOutputPort(dev: I8042, v: u32): void {
  dev.output = v;
  a20Gate((v & Output.A20) != 0);
  if ((v & Output.NOT_RESET) == 0) machineInit();
}

/** Data byte of a two-byte controller command. */
function commandData(dev: I8042, command: u32, v: u32): void {
  if (command >= <u32>Command.WRITE_MODE && command <= <u32>Command.WRITE_RAM_LAST) {
    if (command == Command.WRITE_MODE) dev.mode = v & Mode.WRITABLE;
    else store<u8>(changetype<usize>(dev) + RAM + (command - Command.WRITE_MODE), <u8>v);
    return;
  }
  switch (command) {
    case Command.WRITE_OUTPUT: writeOutputPort(dev, v); break;
    case Command.WRITE_KEYBOARD_BUFFER: setOutput(dev, v, false, true); break;
    case Command.WRITE_AUX_BUFFER: setOutput(dev, v, true, true); break;
    default: mouseCommand(mouse(dev), v); break;
  }
}

/** Commands that are ranges: the controller's memory and the pulses of its output lines. */
function otherCommand(dev: I8042, v: u32): void {
  if (v >= <u32>Command.PULSE) {
    // Bits 0 to 3 low; bit 0 is the processor's reset.
    if ((v & Output.NOT_RESET) == 0) machineInit();
  } else if (v >= <u32>Command.WRITE_MODE && v <= <u32>Command.WRITE_RAM_LAST) {
    dev.pending = v;
  } else if (v >= <u32>Command.READ_MODE && v <= <u32>Command.READ_RAM_LAST) {
    dev.reply = <u32>load<u8>(changetype<usize>(dev) + RAM + (v - Command.READ_MODE)) + 1;
  } else {
    hostLog(Log.I8042_COMMAND, v, 0);
  }
}

function writeCommand(dev: I8042, v: u32): void {
  dev.status |= Status.COMMAND;
  dev.pending = 0;
  switch (v) {
    case Command.READ_MODE: dev.reply = dev.mode + 1; break;
    case Command.PASSWORD_TEST: dev.reply = NO_PASSWORD + 1; break;
    case Command.WRITE_OUTPUT: case Command.WRITE_KEYBOARD_BUFFER:
    case Command.WRITE_AUX_BUFFER: case Command.WRITE_AUX: dev.pending = v; break;
    case Command.AUX_DISABLE: dev.mode |= Mode.AUX_OFF; break;
    case Command.AUX_ENABLE: dev.mode &= ~Mode.AUX_OFF; break;
    case Command.AUX_TEST:
    case Command.KEYBOARD_TEST: dev.reply = 1; break;
    case Command.SELF_TEST:
      dev.mode |= Mode.SYSTEM;
      dev.reply = SELF_TEST_OK + 1;
      break;
    case Command.KEYBOARD_DISABLE: dev.mode |= Mode.KEYBOARD_OFF; break;
    case Command.KEYBOARD_ENABLE: dev.mode &= ~Mode.KEYBOARD_OFF; break;
    case Command.READ_INPUT: dev.reply = INPUT_PORT + 1; break;
    case Command.READ_OUTPUT: {
      const full: u32 = (dev.status & Status.OBF) == 0 ? 0
        : (dev.status & Status.AUX) != 0 ? Output.AUX_FULL : Output.KEYBOARD_FULL;
      dev.reply = (dev.output | full) + 1;
      break;
    }
    case Command.A20_OFF: dev.output &= ~Output.A20; a20Gate(false); break;
    case Command.A20_ON: dev.output |= Output.A20; a20Gate(true); break;
    default: otherCommand(dev, v); break;
  }
  if (dev.reply == 0 || (dev.status & Status.OBF) == 0) return;
  // The guest expects its answer next; a key or a movement that it has not read comes after it.
  if (dev.own == 0) dev.held = (dev.data | ((dev.status & Status.AUX) != 0 ? AUX_BYTE : 0)) + 1;
  dev.status &= ~(Status.OBF | Status.AUX);
}

export function i8042Write(dev: I8042, port: u32, size: u32, v: u32): void {
  const now = nowNs();
  if (port == Port.STATUS) {
    writeCommand(dev, v);
  } else {
    dev.status &= ~Status.COMMAND;
    const command = dev.pending;
    dev.pending = 0;
    if (command != 0) {
      commandData(dev, command, v);
    } else {
      // A byte for the keyboard also enables its clock.
      dev.mode &= ~Mode.KEYBOARD_OFF;
      keyboardCommand(keyboard(dev), v);
    }
  }
  settle(dev, now);
}

export function i8042Serialize(dev: I8042, s: Serializer): void {
  // "8042", version 2
  serializeSection(s, 0x32343038, 2, changetype<usize>(dev) + offsetof<I8042>("status"),
    <u32>(STATE_BYTES - offsetof<I8042>("status")));
}
