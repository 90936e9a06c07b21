// The keyboard behind the i8042: commands of the AT keyboard interface and the three scancode sets (IBM PS/2
// Technical Reference, "Keyboards"). Keys arrive in the host's ring in set 2 and stay there until the
// controller takes them, so that the host sees how fast the guest reads. Left out: typematic repeat of its
// own (the host repeats a held key; the rate is accepted).

import { BOARD } from "../lib/layout";
import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { ringCount, ringGet, ringSignalHost } from "../lib/ring";
import { Board } from "../bus/device";
import { KEY_KINDS, KeyKind, Prefix, defaultKinds, set1Code, set3Code } from "./ps2-scancodes";

const enum Command {
  SET_LEDS = 0xED, ECHO = 0xEE, SCANCODE_SET = 0xF0, IDENTIFY = 0xF2, TYPEMATIC = 0xF3, ENABLE = 0xF4,
  DISABLE = 0xF5, DEFAULTS = 0xF6, ALL_REPEAT = 0xF7, ALL_BREAK = 0xF8, ALL_MAKE = 0xF9,
  ALL_REPEAT_BREAK = 0xFA, KEY_REPEATS = 0xFB, KEY_BREAKS = 0xFC, KEY_MAKES = 0xFD, RESEND = 0xFE,
  RESET = 0xFF,
}
const enum Reply { ACK = 0xFA, RESEND = 0xFE, SELF_TEST_OK = 0xAA, ID0 = 0xAB, ID1 = 0x83 }
const LED_BITS: u32 = 7;
const SETS: u32 = 3;
const RELEASED: u32 = 0x80;

export const PS2_QUEUE_BYTES: u32 = 32;

/** Bytes on their way from a PS/2 device to the controller. */
@unmanaged
export class Ps2Queue {
  first: u32;
  count: u32;
  b0: u64; b1: u64; b2: u64; b3: u64;
}

export function queuePut(q: Ps2Queue, byte: u32): void {
  if (q.count >= PS2_QUEUE_BYTES) return;
  store<u8>(changetype<usize>(q) + offsetof<Ps2Queue>("b0") + ((q.first + q.count) & (PS2_QUEUE_BYTES - 1)), <u8>byte);
  q.count++;
}

export function queueGet(q: Ps2Queue): u32 {
  const byte: u32 = load<u8>(changetype<usize>(q) + offsetof<Ps2Queue>("b0") + q.first);
  q.first = (q.first + 1) & (PS2_QUEUE_BYTES - 1);
  q.count--;
  return byte;
}

export function queueClear(q: Ps2Queue): void {
  q.first = 0;
  q.count = 0;
}

@unmanaged
export class Keyboard {
  /** Reports keys. */
  scanning: u32;
  /** Command that waits for its parameter, 0 = none. */
  pending: u32;
  leds: u32;
  set: u32;
  lastByte: u32;
  ring: u32;
  /** Of the key that is being read from the ring: E0 or E1, and F0 seen. Sets 1 and 3. */
  prefix: u32;
  released: u32;
  /** Set 3: the key made last, to tell a repeat. */
  held: u32;
  queueFirst: u32;
  queueCount: u32;
  q0: u64; q1: u64; q2: u64; q3: u64;
}
/** Behind the struct: a KeyKind per code of set 3. */
const KINDS: usize = 0x80;
export const KEYBOARD_BYTES: usize = KINDS + KEY_KINDS;

// @ts-ignore: decorator
@inline
function replies(k: Keyboard): Ps2Queue {
  return changetype<Ps2Queue>(changetype<usize>(k) + offsetof<Keyboard>("queueFirst"));
}
// @ts-ignore: decorator
@inline
function kinds(k: Keyboard): usize {
  return changetype<usize>(k) + KINDS;
}

/** The lights, also for the host to see. */
function setLeds(k: Keyboard, leds: u32): void {
  k.leds = leds;
  if (atomic.load<u32>(BOARD + <usize>Board.KEYBOARD_LEDS) == leds) return;
  atomic.store<u32>(BOARD + <usize>Board.KEYBOARD_LEDS, leds);
  ringSignalHost();
}

function defaults(k: Keyboard): void {
  k.set = 2;
  k.prefix = 0;
  k.released = 0;
  k.held = 0;
  defaultKinds(kinds(k));
}

export function keyboardReset(k: Keyboard): void {
  defaults(k);
  k.scanning = 1;
  k.pending = 0;
  setLeds(k, 0);
  queueClear(replies(k));
}

/** Has it a byte for the controller? Of sets 1 and 3 possibly none after all. */
export function keyboardHasByte(k: Keyboard): bool {
  return replies(k).count != 0 || k.scanning != 0 && k.ring != 0 && ringCount(k.ring) != 0;
}

/** A code of set 2 from the ring as set 1: true when it is a byte of its own. */
function takeSet1(k: Keyboard, byte: u32): bool {
  if (byte == Prefix.BREAK) {
    k.released = RELEASED;
    return false;
  }
  const prefix = byte == Prefix.EXTENDED || byte == Prefix.PAUSE;
  queuePut(replies(k), prefix ? byte : set1Code(byte) | k.released);
  if (!prefix) k.released = 0;
  return true;
}

/** A code of set 2 from the ring as set 3: true when the key has something to say. */
function takeSet3(k: Keyboard, byte: u32): bool {
  if (byte == Prefix.BREAK) {
    k.released = 1;
    return false;
  }
  if (byte == Prefix.EXTENDED || byte == Prefix.PAUSE) {
    k.prefix = byte;
    return false;
  }
  const key = set3Code(k.prefix, byte);
  const released = k.released != 0;
  // The second half of the Pause sequence begins with the first one's last code.
  k.prefix = k.prefix == Prefix.PAUSE && !(released && key != 0) ? <u32>Prefix.PAUSE : 0;
  k.released = 0;
  if (key == 0) return false;
  const kind: u32 = load<u8>(kinds(k) + key);
  const repeated = !released && k.held == key;
  k.held = released ? 0 : key;
  if (released && (kind & KeyKind.BREAKS) == 0 || repeated && (kind & KeyKind.REPEATS) == 0) return false;
  if (released) queuePut(replies(k), Prefix.BREAK);
  queuePut(replies(k), key);
  return true;
}

/** The next byte for the controller, -1 = none: replies first, then keys. */
export function keyboardNext(k: Keyboard): i32 {
  const q = replies(k);
  if (q.count == 0 && k.scanning != 0 && k.ring != 0) {
    for (let byte = ringGet(k.ring); byte >= 0; byte = ringGet(k.ring)) {
      if (k.set == 2) {
        k.lastByte = byte;
        return byte;
      }
      if (k.set == 1 ? takeSet1(k, byte) : takeSet3(k, byte)) break;
    }
  }
  if (q.count == 0) return -1;
  k.lastByte = queueGet(q);
  return k.lastByte;
}

/** Parameter of a command; the commands for single keys take several. */
function parameter(k: Keyboard, command: u32, value: u32): void {
  const q = replies(k);
  switch (command) {
    case Command.SET_LEDS: setLeds(k, value & LED_BITS); break;
    case Command.SCANCODE_SET:
      if (value > SETS) {
        queuePut(q, Reply.RESEND);
        return;
      }
      queuePut(q, Reply.ACK);
      if (value == 0) queuePut(q, k.set);
      else k.set = value;
      k.prefix = 0;
      k.released = 0;
      return;
    case Command.KEY_REPEATS: store<u8>(kinds(k) + value, <u8>KeyKind.REPEATS); break;
    case Command.KEY_BREAKS: store<u8>(kinds(k) + value, <u8>KeyKind.BREAKS); break;
    case Command.KEY_MAKES: store<u8>(kinds(k) + value, 0); break;
    default: break;
  }
  if (command >= <u32>Command.KEY_REPEATS) k.pending = command;
  queuePut(q, Reply.ACK);
}

function setKinds(k: Keyboard, command: u32): void {
  const kind: u32 = command == Command.ALL_REPEAT ? KeyKind.REPEATS : command == Command.ALL_BREAK
    ? KeyKind.BREAKS
    : command == Command.ALL_MAKE ? 0 : KeyKind.REPEATS | KeyKind.BREAKS;
  memory.fill(kinds(k), <u8>kind, KEY_KINDS);
}

/** A byte from the controller. */
export function keyboardCommand(k: Keyboard, value: u32): void {
  const q = replies(k);
  const command = k.pending;
  k.pending = 0;
  if (command != 0 && value < <u32>Command.SET_LEDS) {
    parameter(k, command, value);
    return;
  }
  switch (value) {
    case Command.ECHO: queuePut(q, Command.ECHO); return;
    case Command.RESEND: queuePut(q, k.lastByte); return;
    case Command.SET_LEDS: case Command.SCANCODE_SET: case Command.TYPEMATIC: case Command.KEY_REPEATS:
    case Command.KEY_BREAKS: case Command.KEY_MAKES: k.pending = value; break;
    case Command.IDENTIFY:
      queuePut(q, Reply.ACK);
      queuePut(q, Reply.ID0);
      queuePut(q, Reply.ID1);
      return;
    // These three also clear the output buffer.
    case Command.ENABLE:
      queueClear(q);
      k.scanning = 1;
      break;
    case Command.DISABLE:
      k.scanning = 0;
      queueClear(q);
      defaults(k);
      break;
    case Command.DEFAULTS:
      queueClear(q);
      defaults(k);
      break;
    case Command.ALL_REPEAT: case Command.ALL_BREAK: case Command.ALL_MAKE: case Command.ALL_REPEAT_BREAK:
      setKinds(k, value);
      break;
    case Command.RESET:
      keyboardReset(k);
      queuePut(q, Reply.ACK);
      queuePut(q, Reply.SELF_TEST_OK);
      return;
    default:
      hostLog(Log.KEYBOARD_COMMAND, value, 0);
      queuePut(q, Reply.RESEND);
      return;
  }
  queuePut(q, Reply.ACK);
}
