// The bus-master IDE registers of the PIIX3 (82371SB section 2.4, "Programming Interface for Bus Master IDE
// Controller" 1.0): command, status, descriptor table pointer per channel, and the walk through the physical
// region descriptors. The direction bit is kept but the drive's command decides. Memory that is not RAM:
// reads give ones, writes go nowhere.

import { dmaHost } from "../../bus/dma";
import { SEGMENT_BYTES } from "../../bus/block";
import { lock, unlock } from "../../lib/atomics";
import { continueDma } from "./transfer";
import { IdeChannel, MAX_SEGMENTS, Op } from "./state";

/** Command: start, direction (1 = to memory). Status: active, error, interrupt, drives capable of DMA. */
export const enum Bm { START = 1, COMMAND_BITS = 9, ACTIVE = 1, ERROR = 2, INTERRUPT = 4, CAPABLE = 0x60 }
const enum BmReg { COMMAND = 0, STATUS = 2, TABLE = 4 }
const REGISTERS_BITS: u32 = 7;
const CHANNEL_SHIFT: u32 = 3;
const PRD_LAST: u32 = 0x80000000;
const PRD_COUNT: u32 = 0xFFFE;
const PRD_FULL: u32 = 0x10000;
const PRD_BYTES: u32 = 8;

export function busMasterReset(ch: IdeChannel): void {
  ch.bmCommand = 0;
  ch.bmStatus = 0;
  ch.bmTable = 0;
  ch.prdNext = 0;
  ch.prdBytes = 0;
  ch.prdLast = 0;
}

/** The last descriptor has been used. */
export function prdExhausted(ch: IdeChannel): void {
  ch.bmStatus &= ~<u32>Bm.ACTIVE;
}

/** Load the next descriptor; false when there is none. */
function nextDescriptor(ch: IdeChannel): bool {
  if (ch.prdLast != 0) return false;
  const at = dmaHost(ch.prdNext, PRD_BYTES);
  // A table outside of RAM ends the transfer.
  if (at == 0) return false;
  const count = load<u32>(at, 4);
  ch.prdAddress = load<u32>(at) & ~1;
  ch.prdBytes = (count & PRD_COUNT) != 0 ? count & PRD_COUNT : PRD_FULL;
  ch.prdLast = (count & PRD_LAST) != 0 ? 1 : 0;
  ch.prdNext += PRD_BYTES;
  return true;
}

/**
 * Write segments for up to `most` bytes to `list` and step over them; returns how many segments. Neighbours
 * are joined.
 */
export function prdSegments(ch: IdeChannel, list: usize, most: u32): u32 {
  ch.pieceNext = ch.prdNext;
  ch.pieceAddress = ch.prdAddress;
  ch.pieceBytes = ch.prdBytes;
  ch.pieceLast = ch.prdLast;
  let count: u32 = 0;
  let left = most;
  let end: u32 = 0;
  while (left != 0) {
    if (ch.prdBytes == 0 && !nextDescriptor(ch)) break;
    const n = ch.prdBytes < left ? ch.prdBytes : left;
    const host = <u32>dmaHost(ch.prdAddress, n);
    if (count != 0 && host == end && host != 0) {
      const last = list + (count - 1) * SEGMENT_BYTES;
      store<u32>(last, load<u32>(last, 4) + n, 4);
    } else {
      if (count == MAX_SEGMENTS) break;
      store<u32>(list + count * SEGMENT_BYTES, host);
      store<u32>(list + count * SEGMENT_BYTES, n, 4);
      count++;
    }
    end = host != 0 ? host + n : 0;
    ch.prdAddress += n;
    ch.prdBytes -= n;
    left -= n;
  }
  return count;
}

/** Back to the start of the piece that is on its way. */
export function prdRewind(ch: IdeChannel): void {
  ch.prdNext = ch.pieceNext;
  ch.prdAddress = ch.pieceAddress;
  ch.prdBytes = ch.pieceBytes;
  ch.prdLast = ch.pieceLast;
}

function writeCommand(ch: IdeChannel, v: u32): void {
  const old = ch.bmCommand;
  ch.bmCommand = v & Bm.COMMAND_BITS;
  if ((v & Bm.START) == 0) {
    ch.bmStatus &= ~<u32>Bm.ACTIVE;
    if ((old & Bm.START) != 0 && ch.waiting != 0 && (ch.op == Op.DMA_IN || ch.op == Op.DMA_OUT)) {
      // Stopped in mid-transfer: nothing more reaches memory, and the drive waits for a reset.
      ch.tag = 0;
      ch.waiting = 0;
      ch.diskBytes = 0;
    }
    return;
  }
  if ((old & Bm.START) != 0) return;
  ch.bmStatus |= Bm.ACTIVE;
  ch.prdNext = ch.bmTable;
  ch.prdBytes = 0;
  ch.prdLast = 0;
  continueDma(ch);
}

function readByte(ch: IdeChannel, reg: u32): u32 {
  switch (reg) {
    case BmReg.COMMAND: return ch.bmCommand;
    case BmReg.STATUS: return ch.bmStatus;
    default: return reg >= <u32>BmReg.TABLE ? ch.bmTable >> ((reg - BmReg.TABLE) << 3) & 0xFF : 0;
  }
}

function writeByte(ch: IdeChannel, reg: u32, v: u32): void {
  switch (reg) {
    case BmReg.COMMAND: writeCommand(ch, v); break;
    case BmReg.STATUS:
      ch.bmStatus = ch.bmStatus & ~(v & (Bm.ERROR | Bm.INTERRUPT)) & ~<u32>Bm.CAPABLE | v & Bm.CAPABLE;
      break;
    default:
      if (reg >= <u32>BmReg.TABLE) {
        const shift = (reg - BmReg.TABLE) << 3;
        ch.bmTable = (ch.bmTable & ~(<u32>0xFF << shift) | v << shift) & ~3;
      }
      break;
  }
}

/** `offset` is within the 16 bytes of BAR4. Takes the channel's lock; the caller holds the function's. */
export function busMasterRead(ch: IdeChannel, offset: u32, size: u32): u32 {
  let v: u32 = 0;
  lock(changetype<usize>(ch));
  for (let i: u32 = 0; i < size; i++) v |= readByte(ch, (offset & REGISTERS_BITS) + i) << (i << 3);
  unlock(changetype<usize>(ch));
  return v;
}

export function busMasterWrite(ch: IdeChannel, offset: u32, size: u32, v: u32): void {
  lock(changetype<usize>(ch));
  for (let i: u32 = 0; i < size; i++) writeByte(ch, (offset & REGISTERS_BITS) + i, v >> (i << 3) & 0xFF);
  unlock(changetype<usize>(ch));
}

/** Which channel an offset in BAR4 belongs to. */
// @ts-ignore: decorator
@inline
export function channelOfOffset(offset: u32): u32 {
  return offset >> CHANNEL_SHIFT & 1;
}
