// Port I/O: one byte per port names the claimant's slot. An access wider than the claimant is split into
// pieces of its width, each dispatched by its own port. Unclaimed ports read all ones, swallow writes and are
// logged once.

import { BOARD } from "../lib/layout";
import { lock, unlock } from "../lib/atomics";
import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { accessBegin, accessEnd } from "./account";
import { Board, MAX_PORT_SLOTS, PortSlot, portSlot } from "./device";

const PORTS: u32 = 0x10000;
const PORT_MASK: u32 = PORTS - 1;

/** All ones of `size` bytes. */
// @ts-ignore: decorator
@inline
function ones(size: u32): u32 {
  return 0xFFFFFFFF >> (32 - (size << 3));
}

/** IN of 1, 2 or 4 bytes, zero-extended. */
export function pioRead(port: u32, size: u32): u32 {
  const p = port & PORT_MASK;
  const n: u32 = atomic.load<u8>(BOARD + <usize>Board.PORT_MAP + p);
  const s = portSlot(n);
  if (n == 0 || size > s.width) return readPieces(p, size, n == 0 ? 1 : s.width);
  const start = accessBegin();
  lock(s.chip);
  const v = call_indirect<u32>(s.read, <usize>s.chip, p - s.base, size);
  unlock(s.chip);
  accessEnd(s.chip, start);
  return v & ones(size);
}

function readPieces(port: u32, size: u32, width: u32): u32 {
  if (size == 1) {
    logPort(port, size, 0, Log.PORT_READ_UNCLAIMED);
    return ones(1);
  }
  let v: u32 = 0;
  for (let i: u32 = 0; i < size; i += width) v |= pioRead(port + i, width) << (i << 3);
  return v;
}

/** OUT of 1, 2 or 4 bytes. */
export function pioWrite(port: u32, size: u32, value: u32): void {
  const p = port & PORT_MASK;
  const n: u32 = atomic.load<u8>(BOARD + <usize>Board.PORT_MAP + p);
  const s = portSlot(n);
  if (n == 0 || size > s.width) {
    writePieces(p, size, value, n == 0 ? 1 : s.width);
    return;
  }
  const start = accessBegin();
  lock(s.chip);
  call_indirect<void>(s.write, <usize>s.chip, p - s.base, size, value & ones(size));
  unlock(s.chip);
  accessEnd(s.chip, start);
}

function writePieces(port: u32, size: u32, value: u32, width: u32): void {
  if (size == 1) {
    logPort(port, size, value, Log.PORT_WRITE_UNCLAIMED);
    return;
  }
  for (let i: u32 = 0; i < size; i += width) pioWrite(port + i, width, value >> (i << 3));
}

/**
 * INS of a run: elements of `size` bytes from one port to host memory, as many as the chip has ready. Returns
 * the bytes done, 0 when the port has no bulk form: element by element then.
 */
export function pioReadRun(port: u32, size: u32, to: usize, bytes: u32): u32 {
  const s = portSlot(atomic.load<u8>(BOARD + <usize>Board.PORT_MAP + (port & PORT_MASK)));
  if (s.readRun == 0) return 0;
  const start = accessBegin();
  lock(s.chip);
  const done = call_indirect<u32>(s.readRun, <usize>s.chip, port - s.base, size, to, bytes);
  unlock(s.chip);
  accessEnd(s.chip, start);
  return done;
}

/** OUTS of a run, as pioReadRun. */
export function pioWriteRun(port: u32, size: u32, from: usize, bytes: u32): u32 {
  const s = portSlot(atomic.load<u8>(BOARD + <usize>Board.PORT_MAP + (port & PORT_MASK)));
  if (s.writeRun == 0) return 0;
  const start = accessBegin();
  lock(s.chip);
  const done = call_indirect<u32>(s.writeRun, <usize>s.chip, port - s.base, size, from, bytes);
  unlock(s.chip);
  accessEnd(s.chip, start);
  return done;
}

function logPort(port: u32, size: u32, value: u32, code: Log): void {
  const word = BOARD + <usize>Board.PORTS_LOGGED + ((port >> 5) << 2);
  const mask: u32 = <u32>1 << (port & 31);
  if ((atomic.load<u32>(word) & mask) != 0) return;
  if ((atomic.or<u32>(word, mask) & mask) == 0) hostLog(code, <u64>port, <u64>size | (<u64>value << 32));
}

/** New slot for a chip; its ports are claimed with portMap. 0 when the table is full. */
export function portSlotAdd(chip: usize, read: u32, write: u32, base: u32, width: u32): u32 {
  const n = atomic.add<u32>(BOARD + <usize>Board.PORT_SLOTS, 1) + 1;
  if (n >= MAX_PORT_SLOTS) {
    hostLog(Log.BUS_FULL, <u64>chip, 0);
    return 0;
  }
  const s: PortSlot = portSlot(n);
  s.chip = <u32>chip;
  s.read = read;
  s.write = write;
  s.base = base;
  s.width = width;
  return n;
}

/** Give `count` ports from `first` to slot `n` (0 = to nobody). */
export function portMap(n: u32, first: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) atomic.store<u8>(BOARD + <usize>Board.PORT_MAP
    + ((first + i) & PORT_MASK), <u8>n);
}

/** Move a slot's range (I/O BAR, PM base): `from` = -1 or `to` = -1 mean not mapped. Ports taken by others are left alone. */
export function portMove(n: u32, from: i32, to: i32, count: u32): void {
  lock(BOARD + <usize>Board.TABLE_LOCK);
  if (from >= 0) {
    for (let i: u32 = 0; i < count; i++) {
      const at = BOARD + <usize>Board.PORT_MAP + ((<u32>from + i) & PORT_MASK);
      if (<u32>atomic.load<u8>(at) == n) atomic.store<u8>(at, 0);
    }
  }
  if (to >= 0) {
    portSlot(n).base = <u32>to;
    for (let i: u32 = 0; i < count; i++) {
      const at = BOARD + <usize>Board.PORT_MAP + ((<u32>to + i) & PORT_MASK);
      if (atomic.load<u8>(at) == 0) atomic.store<u8>(at, <u8>n);
    }
  }
  unlock(BOARD + <usize>Board.TABLE_LOCK);
}
