// The keyboard behind the i8042: commands of the AT keyboard interface (IBM PS/2 Technical Reference,
// "Keyboards"), a FIFO towards the controller, scancodes of set 2 from the host's ring. Left out: sets 1 and
// 3 on the wire (accepted, kept, not produced), typematic repeat (the host repeats).

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { ringCount, ringGet } from "../lib/ring";

const enum Command {
  SET_LEDS = 0xED, ECHO = 0xEE, SCANCODE_SET = 0xF0, IDENTIFY = 0xF2, TYPEMATIC = 0xF3, ENABLE = 0xF4,
    DISABLE = 0xF5,
  DEFAULTS = 0xF6, ALL_KEYS_FIRST = 0xF7, ALL_KEYS_LAST = 0xFA, RESEND = 0xFE, RESET = 0xFF,
}
const enum Reply { ACK = 0xFA, RESEND = 0xFE, SELF_TEST_OK = 0xAA, ID0 = 0xAB, ID1 = 0x83 }

export const PS2_QUEUE_BYTES: u32 = 32;
/** Room kept for replies: keys wait in the host's ring meanwhile. */
const KEYS_LIMIT: u32 = 16;

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
  queueFirst: u32;
  queueCount: u32;
  q0: u64; q1: u64; q2: u64; q3: u64;
}

// @ts-ignore: decorator
@inline
export function keyboardQueue(k: Keyboard): Ps2Queue {
  return changetype<Ps2Queue>(changetype<usize>(k) + offsetof<Keyboard>("queueFirst"));
}

export function keyboardReset(k: Keyboard): void {
  k.scanning = 1;
  k.pending = 0;
  k.leds = 0;
  k.set = 2;
  queueClear(keyboardQueue(k));
}

/** Keys from the host, as far as there is room and the keyboard reports. */
export function keyboardFill(k: Keyboard): void {
  if (k.scanning == 0 || k.ring == 0) return;
  const q = keyboardQueue(k);
  while (q.count < KEYS_LIMIT && ringCount(k.ring) != 0) queuePut(q, ringGet(k.ring));
}

function parameter(k: Keyboard, command: u32, value: u32): void {
  const q = keyboardQueue(k);
  switch (command) {
    case Command.SET_LEDS: k.leds = value & 7; break;
    case Command.SCANCODE_SET:
      queuePut(q, Reply.ACK);
      if (value == 0) queuePut(q, k.set);
      else if (value <= 3) k.set = value;
      return;
    default: break;
  }
  queuePut(q, Reply.ACK);
}

/** A byte from the controller. */
export function keyboardCommand(k: Keyboard, value: u32): void {
  const q = keyboardQueue(k);
  if (k.pending != 0 && value < <u32>Command.SET_LEDS) {
    const command = k.pending;
    k.pending = 0;
    parameter(k, command, value);
    return;
  }
  k.pending = 0;
  switch (value) {
    case Command.ECHO: queuePut(q, Command.ECHO); return;
    case Command.RESEND: queuePut(q, k.lastByte); return;
    case Command.SET_LEDS:
    case Command.SCANCODE_SET:
    case Command.TYPEMATIC: k.pending = value; break;
    case Command.IDENTIFY:
      queuePut(q, Reply.ACK);
      queuePut(q, Reply.ID0);
      queuePut(q, Reply.ID1);
      return;
    case Command.ENABLE:
      queueClear(q);
      k.scanning = 1;
      break;
    case Command.DISABLE:
      k.scanning = 0;
      k.set = 2;
      break;
    case Command.DEFAULTS: k.set = 2; break;
    case Command.RESET:
      keyboardReset(k);
      queuePut(q, Reply.ACK);
      queuePut(q, Reply.SELF_TEST_OK);
      return;
    default:
      if (value >= <u32>Command.ALL_KEYS_FIRST && value <= <u32>Command.ALL_KEYS_LAST) break;
      hostLog(Log.KEYBOARD_COMMAND, value, 0);
      queuePut(q, Reply.RESEND);
      return;
  }
  queuePut(q, Reply.ACK);
}
