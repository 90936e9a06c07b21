// Movement of data on a channel: blocks through the data register (ATA/ATAPI-6 sections 9.5, 9.6), bus-master
// transfers (9.7), and the block requests behind both. Disk data go in pieces: one buffer for PIO, one list
// of segments for DMA. A piece's completion (ideDone) runs on the I/O worker under the channel's lock.

import { BlockOp, BlockStatus, SEGMENT_BYTES, blockPost, blockWritten } from "../../bus/block";
import { ataFail, ataSucceed, setAddress } from "./ata";
import { packetBlockRegisters, packetExecute, packetFail, packetSucceed } from "./atapi";
import { packetTaken } from "./atapi-modes";
import { Bm, prdExhausted, prdRewind, prdSegments } from "./bus-master";
import { abandon, raiseIntrq } from "./channel";
import {
  Ata, BUFFER_BYTES, CD_SECTOR, IdeChannel, IdeDrive, Op, PACKET_BYTES, Reason, activeDrive, bufferOf,
  packetAt, segmentsOf, selectedNumber,
} from "./state";

/** Largest piece of a packet command: a whole number of sectors that a byte count of 16 bits can name. */
const PACKET_CHUNK: u32 = BUFFER_BYTES - CD_SECTOR;
/** Largest piece of a bus-master transfer. */
const DMA_CHUNK: u32 = 0x100000;

function isMine(ch: IdeChannel): bool {
  return selectedNumber(ch) == ch.active && ch.position < ch.drqEnd;
}

/** Ask the disk for (or give it) `bytes` at the present position through `count` segments. */
function post(ch: IdeChannel, op: BlockOp, bytes: u32, count: u32): void {
  const d = activeDrive(ch);
  ch.requested = bytes;
  ch.waiting = 1;
  d.status = Ata.BSY | Ata.IDLE;
  const at = changetype<usize>(ch);
  if (!blockPost(d.number, op, ch.diskOffset, bytes, segmentsOf(ch), count, at + offsetof<IdeChannel>("tag"),
    at,
    ideDone.index)) {
    ch.waiting = 0;
    fail(ch, d, BlockStatus.FAULT);
  }
}

/** The buffer as the only segment. */
function postBuffer(ch: IdeChannel, op: BlockOp, bytes: u32): void {
  const segment = segmentsOf(ch);
  store<u32>(segment, <u32>bufferOf(ch));
  store<u32>(segment, bytes, 4);
  post(ch, op, bytes, 1);
}

function begin(ch: IdeChannel, op: Op, offset: u64, bytes: u32): void {
  ch.op = op;
  ch.diskOffset = offset;
  ch.diskBytes = bytes;
  ch.position = 0;
  ch.drqEnd = 0;
  ch.bufferEnd = 0;
}

function pieceBytes(ch: IdeChannel): u32 {
  const most = ch.packet != 0 ? PACKET_CHUNK : BUFFER_BYTES;
  return ch.diskBytes < most ? ch.diskBytes : most;
}

// Data register -------------------------------------------------------------------------------------

/** Sectors from the disk through the data register. */
export function startPioIn(ch: IdeChannel, offset: u64, bytes: u32, blockBytes: u32): void {
  begin(ch, Op.PIO_IN, offset, bytes);
  ch.blockBytes = blockBytes;
  postBuffer(ch, BlockOp.READ, pieceBytes(ch));
}

/** `bytes` that the chip has put into its buffer, through the data register. */
export function startPioBuffer(ch: IdeChannel, bytes: u32, blockBytes: u32): void {
  begin(ch, Op.PIO_IN, 0, 0);
  ch.blockBytes = blockBytes;
  ch.bufferEnd = bytes;
  nextBlockIn(ch);
}

/** Sectors to the disk; the first block comes without an interrupt. */
export function startPioOut(ch: IdeChannel, offset: u64, bytes: u32, blockBytes: u32): void {
  begin(ch, Op.PIO_OUT, offset, bytes);
  ch.blockBytes = blockBytes;
  ch.bufferEnd = pieceBytes(ch);
  openBlock(ch);
}

/** `bytes` of the host's into the chip's buffer: WRITE BUFFER, parameters of a packet. */
export function startPioTake(ch: IdeChannel, bytes: u32, blockBytes: u32): void {
  begin(ch, Op.PIO_OUT, 0, 0);
  ch.blockBytes = blockBytes;
  ch.bufferEnd = bytes;
  openBlock(ch);
  if (ch.packet != 0) announceOut(ch);
}

/** A packet's DRQ block from the host: unlike a disk's, the first one interrupts, too (section 9.8). */
function announceOut(ch: IdeChannel): void {
  const d = activeDrive(ch);
  packetBlockRegisters(d, ch.drqEnd - ch.position, Reason.DATA_OUT);
  raiseIntrq(ch, d);
}

/** The host's bytes are in the chip's buffer. */
function taken(ch: IdeChannel): void {
  const d = activeDrive(ch);
  if (ch.packet != 0) packetTaken(ch, d, ch.position);
  else ataSucceed(ch, d);
}

/** The twelve bytes of a packet. */
export function startPacket(ch: IdeChannel): void {
  begin(ch, Op.PACKET, 0, 0);
  ch.drqEnd = PACKET_BYTES;
  ch.bufferEnd = PACKET_BYTES;
  activeDrive(ch).status = Ata.IDLE | Ata.DRQ;
}

/** DRQ for the next block of the buffer. */
function openBlock(ch: IdeChannel): void {
  const left = ch.bufferEnd - ch.position;
  ch.drqEnd = ch.position + (left < ch.blockBytes ? left : ch.blockBytes);
  activeDrive(ch).status = Ata.IDLE | Ata.DRQ;
}

function nextBlockIn(ch: IdeChannel): void {
  openBlock(ch);
  const d = activeDrive(ch);
  if (ch.packet != 0) packetBlockRegisters(d, ch.drqEnd - ch.position, Reason.DATA_IN);
  raiseIntrq(ch, d);
}

/** The host has read a whole block. */
function blockTaken(ch: IdeChannel): void {
  if (ch.position < ch.bufferEnd) {
    nextBlockIn(ch);
  } else if (ch.diskBytes != 0) {
    postBuffer(ch, BlockOp.READ, pieceBytes(ch));
  } else if (ch.packet != 0) {
    packetSucceed(ch, activeDrive(ch));
  } else {
    // No interrupt after the last block (section 9.5).
    ch.op = Op.NONE;
    activeDrive(ch).status = Ata.IDLE;
  }
}

/** The host has written a whole block. */
function blockGiven(ch: IdeChannel): void {
  if (ch.op == Op.PACKET) {
    packetExecute(ch, activeDrive(ch));
  } else if (ch.position < ch.bufferEnd) {
    openBlock(ch);
    if (ch.packet != 0) announceOut(ch);
    else raiseIntrq(ch, activeDrive(ch));
  } else if (ch.diskBytes == 0) {
    taken(ch);
  } else {
    postBuffer(ch, writeOp(ch), ch.bufferEnd);
  }
}

function writeOp(ch: IdeChannel): BlockOp {
  return ch.writeThrough != 0 ? BlockOp.WRITE_THROUGH : BlockOp.WRITE;
}

export function dataRead(ch: IdeChannel, size: u32): u32 {
  if (ch.op != Op.PIO_IN || !isMine(ch)) return 0;
  let v: u32 = 0;
  const left = ch.drqEnd - ch.position;
  const n = size < left ? size : left;
  for (let i: u32 = 0; i < n; i++) v |= <u32>load<u8>(bufferOf(ch) + ch.position + i) << (i << 3);
  ch.position += n;
  if (ch.position == ch.drqEnd) blockTaken(ch);
  return v;
}

function writeTarget(ch: IdeChannel): usize {
  return ch.op == Op.PACKET ? packetAt(ch) : bufferOf(ch);
}

export function dataWrite(ch: IdeChannel, size: u32, v: u32): void {
  if ((ch.op != Op.PIO_OUT && ch.op != Op.PACKET) || !isMine(ch)) return;
  const left = ch.drqEnd - ch.position;
  const n = size < left ? size : left;
  for (let i: u32 = 0; i < n; i++) store<u8>(writeTarget(ch) + ch.position + i, <u8>(v >> (i << 3)));
  ch.position += n;
  if (ch.position == ch.drqEnd) blockGiven(ch);
}

/** REP INS from the data register, as far as the chip has data (bus/pio.ts pioReadRun). */
export function channelReadRun(ch: IdeChannel, port: u32, size: u32, to: usize, bytes: u32): u32 {
  let done: u32 = 0;
  while (port == 0 && done < bytes && ch.op == Op.PIO_IN && isMine(ch)) {
    const left = ch.drqEnd - ch.position;
    // Part of an element: one by one.
    const n = (left < bytes - done ? left : bytes - done) & ~(size - 1);
    if (n == 0) break;
    memory.copy(to + done, bufferOf(ch) + ch.position, n);
    done += n;
    ch.position += n;
    if (ch.position == ch.drqEnd) blockTaken(ch);
  }
  return done;
}

/** REP OUTS to the data register. */
export function channelWriteRun(ch: IdeChannel, port: u32, size: u32, from: usize, bytes: u32): u32 {
  let done: u32 = 0;
  while (port == 0 && done < bytes && (ch.op == Op.PIO_OUT || ch.op == Op.PACKET) && isMine(ch)) {
    const left = ch.drqEnd - ch.position;
    const n = (left < bytes - done ? left : bytes - done) & ~(size - 1);
    if (n == 0) break;
    memory.copy(writeTarget(ch) + ch.position, from + done, n);
    done += n;
    ch.position += n;
    if (ch.position == ch.drqEnd) blockGiven(ch);
  }
  return done;
}

// Bus master ----------------------------------------------------------------------------------------

/** Disk to RAM or RAM to disk; begins when the host has started the bus master. */
export function startDma(ch: IdeChannel, op: Op, offset: u64, bytes: u32): void {
  begin(ch, op, offset, bytes);
  activeDrive(ch).status = Ata.BSY | Ata.IDLE;
  continueDma(ch);
}

/** `bytes` of the chip's buffer to RAM. */
export function startDmaBuffer(ch: IdeChannel, bytes: u32): void {
  startDma(ch, Op.DMA_BUFFER, 0, bytes);
}

/** `bytes` of RAM to the chip's buffer. */
export function startDmaTake(ch: IdeChannel, bytes: u32): void {
  startDma(ch, Op.DMA_BUFFER_OUT, 0, bytes);
}

/** Data that the I/O worker has no part in. */
function isOfBuffer(ch: IdeChannel): bool {
  return ch.op == Op.DMA_BUFFER || ch.op == Op.DMA_BUFFER_OUT;
}

/** The bus master runs and a command wants data: the next piece. */
export function continueDma(ch: IdeChannel): void {
  if ((ch.bmCommand & Bm.START) == 0 || ch.waiting != 0) return;
  if (ch.op != Op.DMA_IN && ch.op != Op.DMA_OUT && !isOfBuffer(ch)) return;
  const count = prdSegments(ch, segmentsOf(ch), ch.diskBytes < DMA_CHUNK ? ch.diskBytes : DMA_CHUNK);
  if (count == 0) {
    // The table is shorter than the transfer: the drive waits until it is reset (82371SB section 2.4.2).
    prdExhausted(ch);
    return;
  }
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) bytes += load<u32>(segmentsOf(ch) + i * SEGMENT_BYTES, 4);
  if (isOfBuffer(ch)) copyBuffer(ch, count, bytes);
  else post(ch, ch.op == Op.DMA_IN ? BlockOp.READ : writeOp(ch), bytes, count);
}

function endDma(ch: IdeChannel): void {
  if (ch.prdBytes == 0 && ch.prdLast != 0) prdExhausted(ch);
  if (ch.op == Op.DMA_BUFFER_OUT) taken(ch);
  else succeed(ch, activeDrive(ch));
}

/** The I/O worker is not needed: the data are here. */
function copyBuffer(ch: IdeChannel, count: u32, bytes: u32): void {
  copySegments(ch, count);
  ch.position += bytes;
  ch.diskBytes -= bytes;
  if (ch.diskBytes == 0) endDma(ch);
  else continueDma(ch);
}

function copySegments(ch: IdeChannel, count: u32): void {
  const toRam = ch.op == Op.DMA_BUFFER;
  let at = bufferOf(ch) + ch.position;
  for (let i: u32 = 0; i < count; i++) {
    const segment = segmentsOf(ch) + i * SEGMENT_BYTES;
    const bytes = load<u32>(segment, 4);
    const host = <usize>load<u32>(segment);
    if (!toRam) {
      // Memory that is not there reads as ones.
      if (host != 0) memory.copy(at, host, bytes);
      else memory.fill(at, 0xFF, bytes);
    } else if (host != 0) {
      memory.copy(host, at, bytes);
      blockWritten(host, bytes);
    }
    at += bytes;
  }
}

// Completion ----------------------------------------------------------------------------------------

/** FLUSH CACHE. */
export function startFlush(ch: IdeChannel): void {
  begin(ch, Op.FLUSH, 0, 0);
  post(ch, BlockOp.FLUSH, 0, 0);
}

/** Read and drop: no segments. */
export function startVerify(ch: IdeChannel, offset: u64, bytes: u32): void {
  begin(ch, Op.VERIFY, offset, bytes);
  continueVerify(ch);
}

function continueVerify(ch: IdeChannel): void {
  post(ch, BlockOp.READ, ch.diskBytes < DMA_CHUNK ? ch.diskBytes : DMA_CHUNK, 0);
}

/** Tell the host that the tray was opened; nobody waits for it. */
export function postEject(ch: IdeChannel, d: IdeDrive): void {
  const at = changetype<usize>(ch);
  blockPost(d.number, BlockOp.EJECT, 0, 0, 0, 0, at + offsetof<IdeChannel>("ejectTag"), at, ideNothing.index);
}

export function ideNothing(ch: IdeChannel, status: u32, good: u32): void {}

function succeed(ch: IdeChannel, d: IdeDrive): void {
  if (ch.packet != 0) packetSucceed(ch, d);
  else ataSucceed(ch, d);
}

function fail(ch: IdeChannel, d: IdeDrive, status: BlockStatus): void {
  if (ch.packet != 0) {
    packetFail(ch, d, status);
    return;
  }
  setAddress(ch, d, ch.diskOffset);
  ataFail(ch, d, status);
}

/**
 * How many bytes of a disk's failed read the host still gets: whole DRQ blocks, then the next request fails
 * at its first sector.
 */
function deliverable(ch: IdeChannel, good: u32): u32 {
  return ch.op == Op.PIO_IN && ch.packet == 0 ? good - good % ch.blockBytes : 0;
}

/** The I/O worker has done what was posted; of a read that failed, `good` bytes have arrived. */
export function ideDone(ch: IdeChannel, status: u32, good: u32): void {
  const d = activeDrive(ch);
  let bytes = ch.requested;
  ch.waiting = 0;
  if (status != <u32>BlockStatus.OK) {
    bytes = deliverable(ch, good);
    if (bytes == 0) {
      // The address of the first bad sector (section 8.27.5); all before it is in memory.
      if (ch.op == Op.DMA_IN || ch.op == Op.VERIFY) ch.diskOffset += good;
      fail(ch, d, status);
      return;
    }
  }
  ch.diskOffset += bytes;
  ch.diskBytes -= bytes;
  switch (ch.op) {
    case Op.PIO_IN:
      ch.position = 0;
      ch.bufferEnd = bytes;
      nextBlockIn(ch);
      break;
    case Op.PIO_OUT:
      if (ch.diskBytes == 0) {
        succeed(ch, d);
        break;
      }
      ch.position = 0;
      ch.bufferEnd = pieceBytes(ch);
      openBlock(ch);
      raiseIntrq(ch, d);
      break;
    case Op.DMA_IN:
    case Op.DMA_OUT:
      if (ch.diskBytes == 0) endDma(ch);
      else continueDma(ch);
      break;
    case Op.VERIFY:
      if (ch.diskBytes == 0) succeed(ch, d);
      else continueVerify(ch);
      break;
    case Op.FLUSH: succeed(ch, d); break;
    default: abandon(ch); break;
  }
}

/** After loading a snapshot: the request that was on its way is posted again. */
export function resumeTransfer(ch: IdeChannel): void {
  if (ch.waiting == 0) return;
  const bytes = ch.requested;
  switch (ch.op) {
    case Op.PIO_IN: postBuffer(ch, BlockOp.READ, bytes); break;
    case Op.PIO_OUT: postBuffer(ch, writeOp(ch), bytes); break;
    case Op.VERIFY: continueVerify(ch); break;
    case Op.DMA_IN:
    case Op.DMA_OUT:
      ch.waiting = 0;
      prdRewind(ch);
      continueDma(ch);
      break;
    default: post(ch, BlockOp.FLUSH, 0, 0); break;
  }
}
