// Block requests: a chip posts one to a ring in shared memory and goes on; the I/O worker (src/emu/disk)
// performs it on a backend and completes it. Around every touch of guest memory or of the chip's buffer the
// worker claims the request, which takes the chip's lock and checks that the chip still wants it (its tag
// word), so a cancelled request never writes anywhere. What is plugged in stands in Control.DRIVES: the host
// writes it, chips read it. A chip has at most one request of each tag word on its way.

import { CONTROL, RINGS } from "../lib/layout";
import { Control, control32 } from "../lib/control";
import { lock, unlock } from "../lib/atomics";
import { dmaWritten } from "./dma";

export const MAX_DRIVES: u32 = 8;
export const DRIVE_BYTES: u32 = 128;

export const enum DriveKind { NONE = 0, DISK = 1, CDROM = 2 }
export const enum DriveFlag { READ_ONLY = 1, MEDIUM = 2 }

/** Offsets in an entry of Control.DRIVES. */
export const enum Drive {
  KIND = 0, FLAGS = 4,
  /** u64: sectors of 512 (disk) or 2048 bytes (CD). */
  SECTORS = 8,
  /** u32: bumped by the host after a change of medium. u32: 1 = the guest has locked the tray. */
  GENERATION = 16, LOCKED = 20,
  /** Owner I/O worker: u64 bytes, u64 bytes, u32 requests, u32 errors. */
  READ_BYTES = 24, WRITTEN_BYTES = 32, REQUESTS = 40, ERRORS = 44,
  /** The same owner, u32: requests begun; those that have ended are REQUESTS + ERRORS. */
  STARTED = 48,
  /** 20 ASCII characters. */
  SERIAL = 64,
}
export const SERIAL_CHARACTERS: u32 = 20;

/** WRITE_THROUGH: durable before it completes. EJECT: the guest has opened the tray. */
export const enum BlockOp { READ = 1, WRITE = 2, WRITE_THROUGH = 3, FLUSH = 4, EJECT = 5 }
export const enum BlockStatus { OK = 0, MEDIUM = 1, FAULT = 2 }

/**
 * One request; OFFSET (u64) and BYTES in bytes, SEGMENTS = address of {u32 host address, u32 bytes} pairs.
 */
export const enum BlockEntry {
  OFFSET = 0, BYTES = 8, DRIVE = 12, OP = 16, SEGMENTS = 20, SEGMENT_COUNT = 24, TAG = 28, TAG_AT = 32,
    CHIP = 36,
  /** Function index of done(chip, status, good), called under the chip's lock. */
  DONE = 40,
}
export const BLOCK_ENTRY_BYTES: u32 = 64;
export const BLOCK_ENTRIES: u32 = 64;

/** The ring: LOCK is for producers; READ is the worker's. The indices run freely. */
export const enum BlockRing { LOCK = 0, READ = 64, WRITE = 128, ENTRIES = 256 }

/** The last MiB of RINGS: the ring, then the buffers and segment lists of the chips. */
export const BLOCK_RING: u32 = RINGS + 0x300000;
export const BLOCK_BUFFERS: u32 = BLOCK_RING + 0x4000;
export const SEGMENT_BYTES: u32 = 8;

export function driveInfo(drive: u32): usize {
  return CONTROL + <usize>Control.DRIVES + drive * DRIVE_BYTES;
}

/**
 * Post a request; the caller holds the chip's lock. Stores the request's tag at `tagAt`. False = the ring is
 * full (the I/O worker does not answer): nothing was posted.
 */
export function blockPost(drive: u32, op: BlockOp, offset: u64, bytes: u32, segments: usize, count: u32,
  tagAt: usize, chip: usize, done: u32): bool {
  lock(BLOCK_RING);
  const write = atomic.load<u32>(BLOCK_RING, BlockRing.WRITE);
  const full = write - atomic.load<u32>(BLOCK_RING, BlockRing.READ) >= BLOCK_ENTRIES;
  if (!full) {
    const tag = newTag();
    const e: usize = BLOCK_RING + <usize>BlockRing.ENTRIES
      + (write & (BLOCK_ENTRIES - 1)) * BLOCK_ENTRY_BYTES;
    store<u64>(e, offset, BlockEntry.OFFSET);
    store<u32>(e, bytes, BlockEntry.BYTES);
    store<u32>(e, drive, BlockEntry.DRIVE);
    store<u32>(e, op, BlockEntry.OP);
    store<u32>(e, <u32>segments, BlockEntry.SEGMENTS);
    store<u32>(e, count, BlockEntry.SEGMENT_COUNT);
    store<u32>(e, tag, BlockEntry.TAG);
    store<u32>(e, <u32>tagAt, BlockEntry.TAG_AT);
    store<u32>(e, <u32>chip, BlockEntry.CHIP);
    store<u32>(e, done, BlockEntry.DONE);
    store<u32>(tagAt, tag);
    // Pairs with the worker's load of WRITE.
    atomic.store<u32>(BLOCK_RING, write + 1, BlockRing.WRITE);
  }
  unlock(BLOCK_RING);
  if (full) return false;
  atomic.add<u32>(CONTROL + <usize>Control.BLOCK_WAKE, 1);
  atomic.notify(CONTROL + <usize>Control.BLOCK_WAKE);
  return true;
}

/** 0 means "no request". */
function newTag(): u32 {
  const tag = atomic.add<u32>(CONTROL + <usize>Control.BLOCK_TAG, 1) + 1;
  return tag != 0 ? tag : newTag();
}

/** I/O worker: take the chip's lock if it still wants the request; 0 = cancelled, and no lock is held. */
export function blockClaim(chip: usize, tagAt: usize, tag: u32): u32 {
  lock(chip);
  if (load<u32>(tagAt) == tag && control32(Control.FAILED) == 0) {
    hold(<u32>chip);
    return 1;
  }
  unlock(chip);
  return 0;
}

function hold(what: u32): void {
  atomic.store<u32>(CONTROL + <usize>Control.BLOCK_HELD, what);
}

/** I/O worker, after blockClaim: let go of the lock, the request stays. */
export function blockRelease(chip: usize): void {
  hold(0);
  unlock(chip);
}

/** I/O worker, after blockClaim: data were stored at a host address. */
export function blockWritten(address: usize, bytes: u32): void {
  const ram = control32(Control.RAM_BASE);
  if (<u32>address >= ram) dmaWritten(<u64>(<u32>address - ram), bytes);
}

/**
 * I/O worker, after blockClaim: the request is done; the chip raises its interrupt. Lets go of the lock. Of a
 * read that failed the first `good` bytes are right and in place.
 */
export function blockComplete(chip: usize, tagAt: usize, done: u32, status: BlockStatus, good: u32): void {
  hold(<u32>chip | 1);
  store<u32>(tagAt, 0);
  call_indirect<void>(done, chip, <u32>status, good);
  hold(0);
  unlock(chip);
}

/**
 * The I/O worker is dead and another one takes its place: frees the lock that it held while it copied. 0 = it
 * died while it told a chip: that chip's state, and locks below, are lost.
 */
export function blockRecover(): u32 {
  const held = control32(Control.BLOCK_HELD);
  if ((held & 1) != 0) return 0;
  if (held != 0) blockRelease(held);
  return 1;
}
