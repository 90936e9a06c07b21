// 8042 keyboard controller (IBM PS/2 Technical Reference; "KBC" of the PIIX chipset): ports 0x60 and 0x64,
// translation of set 2 to set 1, keyboard and auxiliary port, IRQ 1 and 12, system reset pulse. A20 is always
// open; its bit is kept. Left out: password commands, the 8042's own RAM beyond the command byte, timeouts
// and parity errors.

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { NEVER, nowNs } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Timer, timerSet } from "../bus/clock";
import { IrqLine, irqSet } from "../bus/irq";
import { machineResetRequest } from "../bus/machine";
import {
  Keyboard, keyboardCommand, keyboardFill, keyboardQueue, keyboardReset, queueGet, queuePut,
} from "./ps2-keyboard";
import { Mouse, mouseCommand, mouseFill, mouseQueue, mouseReset } from "./ps2-mouse";

const enum Port { DATA = 0x60, STATUS = 0x64 }
const enum Status { OBF = 0x01, SYSTEM = 0x04, COMMAND = 0x08, UNLOCKED = 0x10, AUX = 0x20 }
/** Command byte. */
const enum Mode { IRQ1 = 0x01, IRQ12 = 0x02, SYSTEM = 0x04, KEYBOARD_OFF = 0x10, AUX_OFF = 0x20, TRANSLATE =
  0x40, WRITABLE = 0x77 }
const enum Command {
  READ_MODE = 0x20, WRITE_MODE = 0x60, AUX_DISABLE = 0xA7, AUX_ENABLE = 0xA8, AUX_TEST = 0xA9, SELF_TEST =
    0xAA,
  KEYBOARD_TEST = 0xAB, KEYBOARD_DISABLE = 0xAD, KEYBOARD_ENABLE = 0xAE, READ_INPUT = 0xC0, READ_OUTPUT =
    0xD0,
  WRITE_OUTPUT = 0xD1, WRITE_KEYBOARD_BUFFER = 0xD2, WRITE_AUX_BUFFER = 0xD3, WRITE_AUX = 0xD4, A20_OFF =
    0xDD, A20_ON = 0xDF,
  PULSE = 0xF0,
}
const enum Output { NOT_RESET = 0x01, A20 = 0x02, KEYBOARD_FULL = 0x10, AUX_FULL = 0x20 }
const SELF_TEST_OK: u32 = 0x55;
const INPUT_PORT: u32 = 0x80;
/** Between two bytes of a device: a wire byte takes about 1 ms; guests poll, so be quick but not instant. */
const BYTE_NS: i64 = 60000;
const BREAK: u32 = 0xF0;
const RELEASED: u32 = 0x80;

/** Set 2 to set 1, first 0x80 codes; the others are their own translation except 0x83 and 0x84. */
const TRANSLATION = memory.data<u8>([
  0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59,
  0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B,
  0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F,
  0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61,
  0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F,
  0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54,
]);
const TRANSLATED: u32 = 0x80;
const F7_SET2: u32 = 0x83;
const F7_SET1: u32 = 0x41;
const SYSRQ_SET2: u32 = 0x84;
const SYSRQ_SET1: u32 = 0x54;

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
  /** Controller replies waiting for the output buffer: up to one, + 1. */
  reply: u32;
  /** Not before this time does the next byte enter the output buffer. */
  nextNs: i64;
}
const KEYBOARD: usize = 0x100;
const MOUSE: usize = 0x200;
const STATE_BYTES: u32 = 0x300;

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
  dev.nextNs = 0;
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

function setOutput(dev: I8042, byte: u32, aux: bool): void {
  dev.data = byte;
  dev.status = (dev.status & ~Status.AUX) | Status.OBF | (aux ? Status.AUX : 0);
}

function translate(dev: I8042, byte: u32): u32 {
  let code = byte;
  if (byte < TRANSLATED) code = load<u8>(TRANSLATION + byte);
  else if (byte == F7_SET2) code = F7_SET1;
  else if (byte == SYSRQ_SET2) code = SYSRQ_SET1;
  if (dev.broken == 0) return code;
  dev.broken = 0;
  return code | RELEASED;
}

/** Move the next waiting byte into the output buffer: replies first, then keyboard, then mouse. */
function shift(dev: I8042, now: i64): void {
  if ((dev.status & Status.OBF) != 0) return;
  if (dev.reply != 0) {
    setOutput(dev, dev.reply - 1, false);
    dev.reply = 0;
    return;
  }
  keyboardFill(keyboard(dev));
  mouseFill(mouse(dev));
  if (now < dev.nextNs) return;
  const keys = keyboardQueue(keyboard(dev));
  while (keys.count != 0 && (dev.mode & Mode.KEYBOARD_OFF) == 0) {
    const byte = queueGet(keys);
    keyboard(dev).lastByte = byte;
    if ((dev.mode & Mode.TRANSLATE) != 0 && byte == BREAK) {
      dev.broken = RELEASED;
      continue;
    }
    setOutput(dev, (dev.mode & Mode.TRANSLATE) != 0 ? translate(dev, byte) : byte, false);
    return;
  }
  const moves = mouseQueue(mouse(dev));
  if (moves.count != 0 && (dev.mode & Mode.AUX_OFF) == 0) setOutput(dev, queueGet(moves), true);
}

/** Is anything waiting that the controller may pass on? */
function waiting(dev: I8042): bool {
  if ((dev.status & Status.OBF) != 0) return false;
  return keyboardQueue(keyboard(dev)).count != 0 && (dev.mode & Mode.KEYBOARD_OFF) == 0 ||
    mouseQueue(mouse(dev)).count != 0 && (dev.mode & Mode.AUX_OFF) == 0;
}

/** After anything changed. */
function settle(dev: I8042, now: i64): void {
  shift(dev, now);
  update(dev);
  timerSet(Timer.I8042, waiting(dev) ? dev.nextNs : NEVER);
}

export function i8042Tick(dev: I8042, now: i64): i64 {
  shift(dev, now);
  update(dev);
  return waiting(dev) ? dev.nextNs : NEVER;
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
  if ((v & Output.NOT_RESET) == 0) machineResetRequest();
}

/** Data byte of a two-byte controller command. */
function commandData(dev: I8042, command: u32, v: u32): void {
  switch (command) {
    case Command.WRITE_MODE: dev.mode = v & Mode.WRITABLE; break;
    case Command.WRITE_OUTPUT: writeOutputPort(dev, v); break;
    case Command.WRITE_KEYBOARD_BUFFER: setOutput(dev, v, false); break;
    case Command.WRITE_AUX_BUFFER: setOutput(dev, v, true); break;
    default: mouseCommand(mouse(dev), v); break;
  }
}

function writeCommand(dev: I8042, v: u32): void {
  dev.status |= Status.COMMAND;
  dev.pending = 0;
  switch (v) {
    case Command.READ_MODE: dev.reply = dev.mode + 1; break;
    case Command.WRITE_MODE: case Command.WRITE_OUTPUT: case Command.WRITE_KEYBOARD_BUFFER:
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
    case Command.A20_OFF: dev.output &= ~Output.A20; break;
    case Command.A20_ON: dev.output |= Output.A20; break;
    default:
      // 0xF0..0xFF pulse output bits low; bit 0 is the processor's reset.
      if (v >= <u32>Command.PULSE) {
        if ((v & Output.NOT_RESET) == 0) machineResetRequest();
      } else {
        hostLog(Log.I8042_COMMAND, v, 0);
      }
      break;
  }
  // A reply replaces what the guest left unread.
  if (dev.reply != 0) dev.status &= ~(Status.OBF | Status.AUX);
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

/** Used by tests and by the board's Ctrl-Alt-Del button: a key as the wire carries it. */
export function i8042Key(dev: I8042, byte: u32): void {
  queuePut(keyboardQueue(keyboard(dev)), byte);
  settle(dev, nowNs());
}

export function i8042Serialize(dev: I8042, s: Serializer): void {
  // "8042", version 1
  serializeSection(s, 0x32343038, 1, changetype<usize>(dev) + offsetof<I8042>("status"),
    <u32>(STATE_BYTES - offsetof<I8042>("status")));
}
