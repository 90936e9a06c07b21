// The mouse behind the i8042: PS/2 protocol with the wheel (id 3) and five-button (id 4) extensions
// (Microsoft "IntelliMouse" knock: sample rates 200, 100, 80 / 200, 200, 80). Movements come from the host's
// ring as records of four bytes (lib/ring.ts) and are added up while the queue is full. Left out: wrap mode
// beyond its echo, scaling of remote mode.

import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { ringCount, ringGet, ringPeek } from "../lib/ring";
import { Ps2Queue, queueClear, queuePut } from "./ps2-keyboard";

const enum Command {
  SCALING_1 = 0xE6, SCALING_2 = 0xE7, RESOLUTION = 0xE8, STATUS = 0xE9, STREAM = 0xEA, READ = 0xEB,
    WRAP_OFF = 0xEC,
  WRAP_ON = 0xEE, REMOTE = 0xF0, IDENTIFY = 0xF2, RATE = 0xF3, ENABLE = 0xF4, DISABLE = 0xF5, DEFAULTS = 0xF6,
  RESEND = 0xFE, RESET = 0xFF,
}
const enum Reply { ACK = 0xFA, SELF_TEST_OK = 0xAA, ERROR = 0xFC }
const enum Packet { ALWAYS = 0x08, X_SIGN = 0x10, Y_SIGN = 0x20 }
const enum Status { REMOTE = 0x40, ENABLED = 0x20, SCALING = 0x10 }
const RECORD_BYTES: u32 = 4;
/** A packet is put only when it fits whole. */
const QUEUE_LIMIT: u32 = 16;
const STEP: i32 = 127;

@unmanaged
export class Mouse {
  reporting: u32;
  pending: u32;
  rate: u32;
  resolution: u32;
  scaling: u32;
  remote: u32;
  /** 0, 3 or 4; how far the knock has come: the last two rates. */
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
}

// @ts-ignore: decorator
@inline
export function mouseQueue(m: Mouse): Ps2Queue {
  return changetype<Ps2Queue>(changetype<usize>(m) + offsetof<Mouse>("queueFirst"));
}

function defaults(m: Mouse): void {
  m.reporting = 0;
  m.rate = 100;
  m.resolution = 2;
  m.scaling = 0;
  m.remote = 0;
  m.dx = 0;
  m.dy = 0;
  m.dz = 0;
  m.dirty = 0;
}

export function mouseReset(m: Mouse): void {
  defaults(m);
  m.pending = 0;
  m.id = 0;
  m.knock = 0;
  queueClear(mouseQueue(m));
}

function clampStep(v: i32): i32 {
  return v > STEP ? STEP : v < -STEP ? -STEP : v;
}

function putPacket(m: Mouse): void {
  const q = mouseQueue(m);
  const x = clampStep(m.dx);
  const y = clampStep(m.dy);
  m.dx -= x;
  m.dy -= y;
  queuePut(q, Packet.ALWAYS | (m.buttons & 7) | (x < 0 ? Packet.X_SIGN : 0) | (y < 0 ? Packet.Y_SIGN : 0));
  queuePut(q, <u32>x & 0xFF);
  queuePut(q, <u32>y & 0xFF);
  if (m.id == 3) queuePut(q, <u32>clampStep(m.dz) & 0xFF);
  else if (m.id == 4) queuePut(q, (<u32>clampStep(m.dz) & 15) | (m.buttons & 0x18) << 1);
  m.dz = 0;
  m.dirty = m.dx != 0 || m.dy != 0 ? 1 : 0;
}

/** Movements from the host; packets as far as there is room. */
export function mouseFill(m: Mouse): void {
  if (m.ring == 0) return;
  const sends = m.reporting != 0 && m.remote == 0;
  while (ringCount(m.ring) >= RECORD_BYTES) {
    // A change of buttons gets its own packet: a click between two looks must not vanish.
    if (sends && m.dirty != 0 && <u32>ringPeek(m.ring) != m.buttons) {
      if (mouseQueue(m).count >= QUEUE_LIMIT) return;
      putPacket(m);
      continue;
    }
    m.buttons = <u32>ringGet(m.ring);
    m.dx += <i32><i8>ringGet(m.ring);
    m.dy += <i32><i8>ringGet(m.ring);
    m.dz += <i32><i8>ringGet(m.ring);
    m.dirty = 1;
  }
  if (!sends) return;
  while (m.dirty != 0 && mouseQueue(m).count < QUEUE_LIMIT) putPacket(m);
}

function setRate(m: Mouse, rate: u32): void {
  m.rate = rate;
  m.knock = (m.knock << 8 | rate) & 0xFFFFFF;
  if (m.knock == (200 << 16 | 100 << 8 | 80)) m.id = 3;
  else if (m.knock == (200 << 16 | 200 << 8 | 80)) m.id = 4;
}

function putStatus(m: Mouse): void {
  const q = mouseQueue(m);
  queuePut(q, Reply.ACK);
  queuePut(q, (m.remote != 0 ? Status.REMOTE : 0) | (m.reporting != 0 ? Status.ENABLED : 0) |
    (m.scaling != 0 ? Status.SCALING : 0) | (m.buttons & 7));
  queuePut(q, m.resolution);
  queuePut(q, m.rate);
}

/** A byte from the controller. */
export function mouseCommand(m: Mouse, value: u32): void {
  const q = mouseQueue(m);
  if (m.pending != 0) {
    if (m.pending == Command.RATE) setRate(m, value);
    else m.resolution = value & 3;
    m.pending = 0;
    queuePut(q, Reply.ACK);
    return;
  }
  switch (value) {
    case Command.SCALING_1: m.scaling = 0; break;
    case Command.SCALING_2: m.scaling = 1; break;
    case Command.RESOLUTION:
    case Command.RATE: m.pending = value; break;
    case Command.STATUS: putStatus(m); return;
    case Command.STREAM: m.remote = 0; break;
    case Command.REMOTE: m.remote = 1; break;
    case Command.READ:
      queuePut(q, Reply.ACK);
      putPacket(m);
      return;
    case Command.WRAP_OFF:
    case Command.WRAP_ON:
    case Command.RESEND: break;
    case Command.IDENTIFY:
      queuePut(q, Reply.ACK);
      queuePut(q, m.id);
      return;
    case Command.ENABLE: m.reporting = 1; break;
    case Command.DISABLE: m.reporting = 0; break;
    case Command.DEFAULTS: defaults(m); break;
    case Command.RESET:
      mouseReset(m);
      queuePut(q, Reply.ACK);
      queuePut(q, Reply.SELF_TEST_OK);
      queuePut(q, 0);
      return;
    default:
      hostLog(Log.MOUSE_COMMAND, value, 0);
      queuePut(q, Reply.ERROR);
      return;
  }
  queuePut(q, Reply.ACK);
}
