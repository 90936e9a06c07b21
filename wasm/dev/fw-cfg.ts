// fw_cfg: how the machine's maker hands configuration and tables to firmware (QEMU docs/specs/fw_cfg.rst).
// Selector 0x510 (16 bits, write), data 0x511 (bytes, read), DMA address 0x514..0x51B (big-endian, the write
// of the low half starts the transfer, and happens at once). The items are prepared by the host in region
// FW_CFG (src/emu/boot/firmware.ts): u32 count, then {u32 key, u32 offset, u32 bytes, u32 0}, then the bytes.
// Reading past an item, or one that is not there, gives zeros. Left out: writable items (a DMA write fails).

import { FW_CFG, FW_CFG_BYTES } from "../lib/layout";
import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { dmaHost, dmaRead, dmaWrite } from "../bus/dma";

/** Offsets from 0x510. */
const enum Port { SELECTOR = 0, DATA = 1, DMA_HIGH = 4, DMA_LOW = 8 }
const enum Item { KEY = 0, OFFSET = 4, BYTES = 8, SIZE = 16 }
const TABLE_HEADER: u32 = 4;
/** Bits of the control word of a DMA request; the upper half is a key. */
const enum Dma { ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 }
const DMA_KEY_SHIFT: u32 = 16;
/** The request in guest memory: three big-endian words. */
const enum DmaRequest { CONTROL = 0, LENGTH = 4, ADDRESS = 8, BYTES = 16 }
/** "QEMU" and " CFG" as the DMA register reads where it is present. */
const SIGNATURE_HIGH: u32 = 0x51454D55;
const SIGNATURE_LOW: u32 = 0x20434647;
/** A request is performed in pieces of this size. */
const PIECE_BYTES: u32 = 256;

@unmanaged
export class FwCfg {
  lock: u32;
  key: u32;
  /** Next byte of the selected item; its first byte's address and its size, 0 = none. */
  position: u32;
  at: u32;
  bytes: u32;
  /** Upper half of the DMA address as written. */
  dmaHigh: u32;
  /** The request being read (scratch). */
  request0: u64; request1: u64;
}
const PIECE: usize = offsetof<FwCfg>();

export function fwCfgReset(dev: FwCfg): void {
  dev.dmaHigh = 0;
  select(dev, 0);
}

function select(dev: FwCfg, key: u32): void {
  dev.key = key & 0xFFFF;
  dev.position = 0;
  dev.at = 0;
  dev.bytes = 0;
  const count = min<u32>(load<u32>(FW_CFG), (FW_CFG_BYTES - TABLE_HEADER) / Item.SIZE);
  for (let n: u32 = 0; n < count; n++) {
    const item = FW_CFG + TABLE_HEADER + n * Item.SIZE;
    if (load<u32>(item, Item.KEY) != dev.key) continue;
    const offset = min<u32>(load<u32>(item, Item.OFFSET), FW_CFG_BYTES);
    dev.at = FW_CFG + offset;
    dev.bytes = min<u32>(load<u32>(item, Item.BYTES), FW_CFG_BYTES - offset);
    return;
  }
}

/** Copy the next n bytes of the item to host address `to`; zeros behind its end. */
function take(dev: FwCfg, to: usize, n: u32): void {
  const here = dev.position < dev.bytes ? min<u32>(n, dev.bytes - dev.position) : 0;
  memory.copy(to, <usize>(dev.at + dev.position), here);
  memory.fill(to + here, 0, n - here);
  skip(dev, n);
}

/** The position saturates: a guest that asks for 4 GiB must not come round. */
function skip(dev: FwCfg, n: u32): void {
  dev.position = dev.position + n < dev.position ? <u32>-1 : dev.position + n;
}

export function fwCfgRead(dev: FwCfg, port: u32, size: u32): u32 {
  if (port >= <u32>Port.DMA_HIGH) {
    const word = port >= <u32>Port.DMA_LOW ? SIGNATURE_LOW : SIGNATURE_HIGH;
    return bswap<u32>(word) >> ((port & 3) << 3);
  }
  if (port != Port.DATA || size != 1) return 0;
  const to = changetype<usize>(dev) + PIECE;
  take(dev, to, 1);
  return load<u8>(to);
}

export function fwCfgWrite(dev: FwCfg, port: u32, size: u32, value: u32): void {
  if (port == Port.SELECTOR && size == 2) {
    select(dev, value);
  } else if (port == Port.DMA_HIGH && size == 4) {
    dev.dmaHigh = bswap<u32>(value);
  } else if (port == Port.DMA_LOW && size == 4) {
    const pa = <u64>dev.dmaHigh << 32 | <u64>bswap<u32>(value);
    dev.dmaHigh = 0;
    perform(dev, pa);
  }
}

/** The request at `pa`; its control word becomes 0, or ERROR. */
function perform(dev: FwCfg, pa: u64): void {
  if (dmaHost(pa, DmaRequest.BYTES) == 0) return;
  const request = changetype<usize>(dev) + offsetof<FwCfg>("request0");
  dmaRead(pa, request, DmaRequest.BYTES);
  const control = bswap<u32>(load<u32>(request, DmaRequest.CONTROL));
  const length = bswap<u32>(load<u32>(request, DmaRequest.LENGTH));
  const address = bswap<u64>(load<u64>(request, DmaRequest.ADDRESS));
  if ((control & Dma.SELECT) != 0) select(dev, control >> DMA_KEY_SHIFT);
  let result: u32 = 0;
  if ((control & Dma.READ) != 0) {
    if (!readItem(dev, address, length)) result = Dma.ERROR;
  } else if ((control & Dma.WRITE) != 0) {
    result = Dma.ERROR;
  } else if ((control & Dma.SKIP) != 0) {
    skip(dev, length);
  }
  store<u32>(request, bswap<u32>(result));
  dmaWrite(pa, request, 4);
}

function readItem(dev: FwCfg, address: u64, length: u32): bool {
  if (dmaHost(address, length) == 0) return false;
  const piece = changetype<usize>(dev) + PIECE;
  for (let done: u32 = 0; done < length; done += PIECE_BYTES) {
    const n = min<u32>(length - done, PIECE_BYTES);
    take(dev, piece, n);
    dmaWrite(address + done, piece, n);
  }
  return true;
}

export function fwCfgTick(dev: FwCfg, now: i64): i64 {
  return NEVER;
}

export function fwCfgSerialize(dev: FwCfg, s: Serializer): void {
  // "FWCF", version 1
  const start = offsetof<FwCfg>("key");
  const bytes = <u32>(offsetof<FwCfg>("request0") - start);
  serializeSection(s, 0x46435746, 1, changetype<usize>(dev) + start, bytes);
}
