// Two 8237A DMA controllers and the page registers (Intel 231466; PC/AT page ports 0x81..0x8F). A chip that
// is served by channel 0..3 calls dmaTransfer with a buffer; base and current registers, auto-initialise,
// decrement, verify, masks and terminal count are the data sheet's. Left out: 16-bit channels 5..7 as
// channels of a chip (no chip uses them), cascade, memory to memory, compressed timing, software requests.

import { NEVER } from "../lib/time";
import { lock, unlock } from "../lib/atomics";
import { Serializer, serializeSection } from "../lib/serializer";
import { Chip, chipAddress } from "../bus/device";
import { dmaRead as ramRead, dmaWrite as ramWrite } from "../bus/dma";

const enum Reg { STATUS_COMMAND = 8, REQUEST = 9, SINGLE_MASK = 10, MODE = 11, CLEAR_FLIP_FLOP = 12,
  MASTER_CLEAR = 13, CLEAR_MASK = 14, ALL_MASK = 15 }
/** Bits of a channel's mode register (figure 5). */
const enum Mode { TRANSFER = 0x0C, TO_MEMORY = 0x04, FROM_MEMORY = 0x08, AUTO_INIT = 0x10, DECREMENT = 0x20 }
/** Command register: bit 2 = controller disabled. */
const COMMAND_DISABLED: u32 = 4;
const CONTROLLERS: u32 = 2;
const REGISTERS: u32 = 8;
const CHANNEL_MASK: u32 = 3;
const ALL_MASKED: u32 = 15;
/** A write of mask bits: bits 0-1 = channel, bit 2 = masked. */
const MASK_SET: u32 = 4;
/** Second controller: ports 0xC0, 0xC2, ... */
const SECOND_BASE: u32 = 0xC0;
const PAGE_BASE: u32 = 0x80;
/** Page registers of channels 0..3, as offsets from PAGE_BASE. */
const PAGE_OF_CHANNEL = memory.data<u8>([7, 3, 1, 2]);
const PAGE_SHIFT: u32 = 16;
const ADDRESS_MASK: u32 = 0xFFFF;

@unmanaged
export class Controller {
  flipFlop: u32; command: u32; mask: u32;
  /** Bit n = channel n has reached terminal count since the last read. */
  status: u32;
  /** One byte per channel. */
  modes: u32;
  pad: u32;
  /** Current address and count of four channels, 16 bits each; then the base registers. */
  current0: u64; current1: u64;
  base0: u64; base1: u64;
}
const CONTROLLER_BYTES: u32 = offsetof<Controller>();

@unmanaged
export class Dma {
  lock: u32;
  pad: u32;
  pages0: u64; pages1: u64;
}
const HEADER_BYTES: u32 = offsetof<Dma>();
const STATE_BYTES: u32 = HEADER_BYTES - offsetof<Dma>("pad") + CONTROLLERS * CONTROLLER_BYTES;

/** Did the last dmaTransfer of this thread reach terminal count? */
export let dmaTerminal: bool = false;

// @ts-ignore: decorator
@inline
function controller(dev: Dma, n: u32): Controller {
  return changetype<Controller>(changetype<usize>(dev) + HEADER_BYTES + n * CONTROLLER_BYTES);
}
/** Register n: address of channel n / 2, or its count when n is odd. */
// @ts-ignore: decorator
@inline
function current(k: Controller, n: u32): usize {
  return changetype<usize>(k) + offsetof<Controller>("current0") + (n << 1);
}
// @ts-ignore: decorator
@inline
function base(k: Controller, n: u32): usize {
  return changetype<usize>(k) + offsetof<Controller>("base0") + (n << 1);
}
// @ts-ignore: decorator
@inline
function modeAt(k: Controller, channel: u32): usize {
  return changetype<usize>(k) + offsetof<Controller>("modes") + channel;
}

export function dmaReset(dev: Dma): void {
  memory.fill(changetype<usize>(dev) + offsetof<Dma>("pad"), 0, STATE_BYTES);
  for (let n: u32 = 0; n < CONTROLLERS; n++) controller(dev, n).mask = ALL_MASKED;
}

function readController(k: Controller, reg: u32): u32 {
  if (reg == Reg.STATUS_COMMAND) {
    const v = k.status;
    k.status = 0;
    return v;
  }
  if (reg >= REGISTERS) return 0;
  const v = <u32>load<u16>(current(k, reg)) >> (k.flipFlop << 3);
  k.flipFlop ^= 1;
  return v & 0xFF;
}

function writeController(k: Controller, reg: u32, v: u32): void {
  if (reg < REGISTERS) {
    store<u8>(current(k, reg) + k.flipFlop, <u8>v);
    store<u8>(base(k, reg) + k.flipFlop, <u8>v);
    k.flipFlop ^= 1;
    return;
  }
  switch (reg) {
    case Reg.STATUS_COMMAND: k.command = v; break;
    case Reg.SINGLE_MASK: {
      const bit: u32 = <u32>1 << (v & CHANNEL_MASK);
      k.mask = (v & MASK_SET) != 0 ? k.mask | bit : k.mask & ~bit;
      break;
    }
    case Reg.MODE: store<u8>(modeAt(k, v & CHANNEL_MASK), <u8>(v & ~CHANNEL_MASK)); break;
    case Reg.CLEAR_FLIP_FLOP: k.flipFlop = 0; break;
    case Reg.MASTER_CLEAR:
      k.flipFlop = 0;
      k.command = 0;
      k.status = 0;
      k.mask = ALL_MASKED;
      break;
    case Reg.CLEAR_MASK: k.mask = 0; break;
    case Reg.ALL_MASK: k.mask = v & ALL_MASKED; break;
    default: break;
  }
}

export function dmaRead(dev: Dma, port: u32, size: u32): u32 {
  if (port >= SECOND_BASE) return readController(controller(dev, 1), (port - SECOND_BASE) >> 1);
  if (port >= PAGE_BASE) return load<u8>(changetype<usize>(dev) + offsetof<Dma>("pages0")
    + (port - PAGE_BASE));
  return readController(controller(dev, 0), port);
}

export function dmaWrite(dev: Dma, port: u32, size: u32, v: u32): void {
  if (port >= SECOND_BASE) writeController(controller(dev, 1), (port - SECOND_BASE) >> 1, v);
  else if (port >= PAGE_BASE) store<u8>(changetype<usize>(dev) + offsetof<Dma>("pages0")
    + (port - PAGE_BASE), <u8>v);
  else writeController(controller(dev, 0), port, v);
}

/**
 * A chip on channel 0..3 moves up to `bytes` bytes between memory and `buffer` (host address), in the
 * direction that the channel's mode says; returns how many were moved, 0 when the channel is masked. Verify
 * counts without moving. dmaTerminal says whether the count ran out. The caller holds its own chip's lock.
 */
export function dmaTransfer(channel: u32, buffer: usize, bytes: u32): u32 {
  const dev = chipAddress(Chip.DMA);
  lock(dev);
  const done = transfer(changetype<Dma>(dev), channel, buffer, bytes);
  unlock(dev);
  return done;
}

function transfer(dev: Dma, channel: u32, buffer: usize, bytes: u32): u32 {
  const k = controller(dev, 0);
  dmaTerminal = false;
  if ((k.mask >> channel & 1) != 0 || (k.command & COMMAND_DISABLED) != 0) return 0;
  const mode: u32 = load<u8>(modeAt(k, channel));
  const addressAt = current(k, channel << 1);
  const countAt = current(k, (channel << 1) + 1);
  const left = <u32>load<u16>(countAt) + 1;
  const n = min<u32>(left, bytes);
  const page = <u32>load<u8>(changetype<usize>(dev) + offsetof<Dma>("pages0")
    + load<u8>(PAGE_OF_CHANNEL + channel)) << PAGE_SHIFT;
  let address = <u32>load<u16>(addressAt);
  if ((mode & Mode.DECREMENT) != 0) {
    for (let i: u32 = 0; i < n; i++) move(mode, page | (address - i & ADDRESS_MASK), buffer + i, 1);
    address -= n;
  } else {
    // The address wraps inside its 64 KiB page.
    const first = min<u32>(n, ADDRESS_MASK + 1 - address);
    move(mode, page | address, buffer, first);
    if (n > first) move(mode, page, buffer + first, n - first);
    address += n;
  }
  store<u16>(addressAt, <u16>address);
  store<u16>(countAt, <u16>(left - n - 1));
  if (n == left) terminalCount(k, channel, mode);
  return n;
}

function move(mode: u32, pa: u32, buffer: usize, bytes: u32): void {
  const kind = mode & Mode.TRANSFER;
  if (kind == Mode.TO_MEMORY) ramWrite(pa, buffer, bytes);
  else if (kind == Mode.FROM_MEMORY) ramRead(pa, buffer, bytes);
}

/** The count has gone from 0 to FFFF: auto-initialise or mask. */
function terminalCount(k: Controller, channel: u32, mode: u32): void {
  dmaTerminal = true;
  const bit: u32 = <u32>1 << channel;
  k.status |= bit;
  if ((mode & Mode.AUTO_INIT) == 0) {
    k.mask |= bit;
    return;
  }
  const address = channel << 1;
  store<u16>(current(k, address), load<u16>(base(k, address)));
  store<u16>(current(k, address + 1), load<u16>(base(k, address + 1)));
}

export function dmaTick(dev: Dma, now: i64): i64 {
  return NEVER;
}

export function dmaSerialize(dev: Dma, s: Serializer): void {
  // "8237", version 2
  serializeSection(s, 0x37333238, 2, changetype<usize>(dev) + offsetof<Dma>("pad"), STATE_BYTES);
}
