// Two 8237A DMA controllers and the page registers (Intel 231466; PC/AT page ports 0x81..0x8F): addresses,
// counts, modes and masks can be written and read back, which is what guests probe. No transfer happens: no
// chip of this board uses ISA DMA.

import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";

const enum Reg { STATUS_COMMAND = 8, REQUEST = 9, SINGLE_MASK = 10, MODE = 11, CLEAR_FLIP_FLOP = 12,
  MASTER_CLEAR = 13, CLEAR_MASK = 14, ALL_MASK = 15 }
const CONTROLLERS: u32 = 2;
const REGISTERS: u32 = 8;
const ALL_MASKED: u32 = 15;
/** Second controller: ports 0xC0, 0xC2, ... */
const SECOND_BASE: u32 = 0xC0;
const PAGE_BASE: u32 = 0x80;

@unmanaged
export class Controller {
  flipFlop: u32; command: u32; mask: u32; mode: u32;
  /** Address and count of four channels, 16 bits each. */
  r0: u64; r1: u64;
}
const CONTROLLER_BYTES: u32 = offsetof<Controller>();

@unmanaged
export class Dma {
  lock: u32;
  pad: u32;
  pages0: u64; pages1: u64;
}
const HEADER_BYTES: u32 = offsetof<Dma>();

// @ts-ignore: decorator
@inline
function controller(dev: Dma, n: u32): Controller {
  return changetype<Controller>(changetype<usize>(dev) + HEADER_BYTES + n * CONTROLLER_BYTES);
}
// @ts-ignore: decorator
@inline
function register(k: Controller, n: u32): usize {
  return changetype<usize>(k) + offsetof<Controller>("r0") + (n << 1);
}

export function dmaReset(dev: Dma): void {
  memory.fill(changetype<usize>(dev) + offsetof<Dma>("pad"), 0, HEADER_BYTES - 4 + CONTROLLERS * CONTROLLER_BYTES);
  for (let n: u32 = 0; n < CONTROLLERS; n++) controller(dev, n).mask = ALL_MASKED;
}

function readController(k: Controller, reg: u32): u32 {
  if (reg >= REGISTERS) return 0;
  const v = <u32>load<u16>(register(k, reg)) >> (k.flipFlop << 3);
  k.flipFlop ^= 1;
  return v & 0xFF;
}

function writeController(k: Controller, reg: u32, v: u32): void {
  if (reg < REGISTERS) {
    store<u8>(register(k, reg) + k.flipFlop, <u8>v);
    k.flipFlop ^= 1;
    return;
  }
  switch (reg) {
    case Reg.STATUS_COMMAND: k.command = v; break;
    case Reg.SINGLE_MASK: {
      const bit: u32 = <u32>1 << (v & 3);
      k.mask = (v & 4) != 0 ? k.mask | bit : k.mask & ~bit;
      break;
    }
    case Reg.MODE: k.mode = v; break;
    case Reg.CLEAR_FLIP_FLOP: k.flipFlop = 0; break;
    case Reg.MASTER_CLEAR:
      k.flipFlop = 0;
      k.command = 0;
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

export function dmaTick(dev: Dma, now: i64): i64 {
  return NEVER;
}

export function dmaSerialize(dev: Dma, s: Serializer): void {
  // "8237", version 1
  serializeSection(s, 0x37333238, 1, changetype<usize>(dev) + offsetof<Dma>("pad"), HEADER_BYTES - 4 + CONTROLLERS * CONTROLLER_BYTES);
}
