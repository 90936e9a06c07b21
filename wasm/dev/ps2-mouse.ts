// The mouse behind the i8042: the PS/2 protocol (IBM PS/2 Technical Reference, "Mouse") with the wheel (id 3)
// and five-button (id 4) extensions (Microsoft "IntelliMouse" knock: sample rates 200, 100, 80 / 200, 200,
// 80). Movements come from the host's ring as records of four bytes (lib/ring.ts) and are added up until the
// sample rate lets the next packet go; nothing is lost. Left out: the resolution is kept and told, but a
// movement is what the host says.

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { ringCount, ringGet, ringPeek } from "../lib/ring";
import { Ps2Queue, queueClear, queueGet, queuePut } from "./ps2-keyboard";

const enum Command {
  SCALING_1 = 0xE6, SCALING_2 = 0xE7, RESOLUTION = 0xE8, STATUS = 0xE9, STREAM = 0xEA, READ = 0xEB,
  WRAP_OFF = 0xEC, WRAP_ON = 0xEE, REMOTE = 0xF0, IDENTIFY = 0xF2, RATE = 0xF3, ENABLE = 0xF4, DISABLE = 0xF5,
  DEFAULTS = 0xF6, RESEND = 0xFE, RESET = 0xFF,
}
const enum Reply { ACK = 0xFA, SELF_TEST_OK = 0xAA, ERROR = 0xFC }
const enum Packet { ALWAYS = 0x08, X_SIGN = 0x10, Y_SIGN = 0x20 }
const enum Status { REMOTE = 0x40, ENABLED = 0x20, SCALING = 0x10, LEFT = 0x04, MIDDLE = 0x02, RIGHT = 0x01 }
const enum Button { LEFT = 0x01, RIGHT = 0x02, MIDDLE = 0x04, SIDES = 0x18, PLAIN = 0x07 }
const RECORD_BYTES: u32 = 4;
const WHEEL_ID: u32 = 3;
const FIVE_BUTTON_ID: u32 = 4;
/** Nine bits of movement, four bits of wheel. */
const MOVE_MAX: i32 = 255;
const WHEEL_MAX: i32 = 7;
const WHEEL_NIBBLE: u32 = 0x0F;
const DEFAULT_RATE: u32 = 100;
const DEFAULT_RESOLUTION: u32 = 2;
const SECOND_NS: i64 = 1000000000;
const KNOCK_WHEEL: u32 = 200 << 16 | 100 << 8 | 80;
const KNOCK_FIVE: u32 = 200 << 16 | 200 << 8 | 80;
/** Movements up to five counts at scaling 2:1; from six on they double. */
const SCALED = memory.data<u8>([0, 1, 1, 3, 6, 9]);
const SCALED_COUNT: i32 = 6;

@unmanaged
export class Mouse {
  reporting: u32;
  pending: u32;
  rate: u32;
  resolution: u32;
  scaling: u32;
  remote: u32;
  /** Echoes what it is sent. */
  wrap: u32;
  /** 0, 3 or 4; how far the knock has come: the last three rates. */
  id: u32;
  knock: u32;
  buttons: u32;
  dx: i32; dy: i32; dz: i32;
  /** Movement or buttons not yet sent. */
  dirty: u32;
  ring: u32;
  queueFirst: u32;
  queueCount: u32;
  q0: u64; q1: u64; q2: u64; q3: u64;
  /** Bytes of the last packet and how many there are, for RESEND. */
  last: u32;
  lastCount: u32;
  /** Not before this time goes the next packet. */
  packetNs: i64;
}

// @ts-ignore: decorator
@inline
function queue(m: Mouse): Ps2Queue {
  return changetype<Ps2Queue>(changetype<usize>(m) + offsetof<Mouse>("queueFirst"));
}

function forget(m: Mouse): void {
  m.dx = 0;
  m.dy = 0;
  m.dz = 0;
  m.dirty = 0;
}

function defaults(m: Mouse): void {
  m.reporting = 0;
  m.rate = DEFAULT_RATE;
  m.resolution = DEFAULT_RESOLUTION;
  m.scaling = 0;
  m.remote = 0;
  m.wrap = 0;
  forget(m);
}

export function mouseReset(m: Mouse): void {
  defaults(m);
  m.pending = 0;
  m.id = 0;
  m.knock = 0;
  m.lastCount = 0;
  m.packetNs = 0;
  queueClear(queue(m));
}

// @ts-ignore: decorator
@inline
function clamp(v: i32, limit: i32): i32 {
  return v > limit ? limit : v < -limit ? -limit : v;
}

/** Scaling 2:1 of a stream movement. */
function scaled(m: Mouse, v: i32): i32 {
  if (m.scaling == 0 || m.remote != 0) return v;
  const size = abs(v);
  const wide: i32 = size < SCALED_COUNT ? load<u8>(SCALED + size) : min(size << 1, MOVE_MAX);
  return v < 0 ? -wide : wide;
}

function putPacket(m: Mouse): void {
  const q = queue(m);
  const x = clamp(m.dx, MOVE_MAX);
  const y = clamp(m.dy, MOVE_MAX);
  const z = m.id == 0 ? m.dz : clamp(m.dz, WHEEL_MAX);
  m.dx -= x;
  m.dy -= y;
  m.dz -= z;
  const sx = scaled(m, x);
  const sy = scaled(m, y);
  const flags: u32 = Packet.ALWAYS | (m.buttons & Button.PLAIN) | (x < 0 ? Packet.X_SIGN : 0)
    | (y < 0 ? Packet.Y_SIGN : 0);
  m.last = flags | (<u32>sx & 0xFF) << 8 | (<u32>sy & 0xFF) << 16;
  m.lastCount = 3;
  if (m.id != 0) {
    const wheel = m.id == WHEEL_ID ? <u32>z & 0xFF : <u32>z & WHEEL_NIBBLE | (m.buttons & Button.SIDES) << 1;
    m.last |= wheel << 24;
    m.lastCount = 4;
  }
  for (let n: u32 = 0; n < m.lastCount; n++) queuePut(q, m.last >> (n << 3) & 0xFF);
  m.dirty = (m.dx | m.dy | m.dz) != 0 ? 1 : 0;
}

// @ts-ignore: decorator
@inline
function streams(m: Mouse): bool {
  return m.reporting != 0 && m.remote == 0 && m.wrap == 0;
}

/** The host's records up to the next change of buttons that must have a packet of its own. */
function takeRecords(m: Mouse): void {
  while (ringCount(m.ring) >= RECORD_BYTES) {
    // A click between two looks must not vanish.
    if (streams(m) && m.dirty != 0 && <u32>ringPeek(m.ring) != m.buttons) return;
    m.buttons = <u32>ringGet(m.ring);
    m.dx += <i32><i8>ringGet(m.ring);
    m.dy += <i32><i8>ringGet(m.ring);
    m.dz += <i32><i8>ringGet(m.ring);
    m.dirty = 1;
  }
}

/** When there may be a byte for the controller: now or later; -1 = nothing waits. */
export function mouseDueNs(m: Mouse): i64 {
  if (queue(m).count != 0) return 0;
  if (m.ring == 0) return -1;
  takeRecords(m);
  return streams(m) && m.dirty != 0 ? m.packetNs : -1;
}

/** The next byte for the controller, -1 = none. */
export function mouseNext(m: Mouse, now: i64): i32 {
  const due = mouseDueNs(m);
  if (due < 0 || due > now) return -1;
  if (queue(m).count == 0) {
    putPacket(m);
    m.packetNs = now + SECOND_NS / max<u32>(m.rate, 1);
  }
  return queueGet(queue(m));
}

function setRate(m: Mouse, rate: u32): void {
  m.rate = rate;
  m.knock = (m.knock << 8 | rate) & 0xFFFFFF;
  if (m.knock == KNOCK_WHEEL) m.id = WHEEL_ID;
  else if (m.knock == KNOCK_FIVE) m.id = FIVE_BUTTON_ID;
}

function putStatus(m: Mouse): void {
  const q = queue(m);
  queuePut(q, Reply.ACK);
  queuePut(q, (m.remote != 0 ? Status.REMOTE : 0) | (m.reporting != 0 ? Status.ENABLED : 0) |
    (m.scaling != 0 ? Status.SCALING : 0) | ((m.buttons & Button.LEFT) != 0 ? Status.LEFT : 0) |
    ((m.buttons & Button.MIDDLE) != 0 ? Status.MIDDLE : 0) |
    ((m.buttons & Button.RIGHT) != 0 ? Status.RIGHT : 0));
  queuePut(q, m.resolution);
  queuePut(q, m.rate);
}

function putReset(m: Mouse): void {
  mouseReset(m);
  const q = queue(m);
  queuePut(q, Reply.ACK);
  queuePut(q, Reply.SELF_TEST_OK);
  queuePut(q, 0);
}

/** Commands that answer more than an ACK, or another thing; false when `value` is none of them. */
function answer(m: Mouse, value: u32): bool {
  const q = queue(m);
  switch (value) {
    case Command.STATUS: putStatus(m); break;
    case Command.READ:
      queuePut(q, Reply.ACK);
      if (m.ring != 0) takeRecords(m);
      putPacket(m);
      break;
    case Command.IDENTIFY:
      queuePut(q, Reply.ACK);
      queuePut(q, m.id);
      break;
    case Command.RESEND:
      for (let n: u32 = 0; n < m.lastCount; n++) queuePut(q, m.last >> (n << 3) & 0xFF);
      break;
    case Command.RESET: putReset(m); break;
    default: return false;
  }
  return true;
}

/** A byte from the controller. What was not fetched of a packet or an answer is dropped. */
export function mouseCommand(m: Mouse, value: u32): void {
  const q = queue(m);
  queueClear(q);
  if (m.wrap != 0 && value != Command.WRAP_OFF && value != Command.RESET) {
    queuePut(q, value);
    return;
  }
  if (m.pending != 0) {
    if (m.pending == Command.RATE) setRate(m, value);
    else m.resolution = value & 3;
    m.pending = 0;
    queuePut(q, Reply.ACK);
    return;
  }
  if (answer(m, value)) return;
  switch (value) {
    case Command.SCALING_1: m.scaling = 0; break;
    case Command.SCALING_2: m.scaling = 1; break;
    case Command.RESOLUTION: case Command.RATE: m.pending = value; break;
    case Command.STREAM: m.remote = 0; break;
    case Command.REMOTE: m.remote = 1; break;
    case Command.WRAP_OFF: m.wrap = 0; break;
    case Command.WRAP_ON: m.wrap = 1; break;
    case Command.ENABLE:
      // What the hand did before counts for nobody.
      if (m.ring != 0) takeRecords(m);
      forget(m);
      m.reporting = 1;
      break;
    case Command.DISABLE: m.reporting = 0; break;
    case Command.DEFAULTS: defaults(m); break;
    default:
      hostLog(Log.MOUSE_COMMAND, value, 0);
      queuePut(q, Reply.ERROR);
      return;
  }
  queuePut(q, Reply.ACK);
}
