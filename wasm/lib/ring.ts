// Byte rings between two threads: one producer, one consumer (who hold a chip's lock when several threads may
// play one part). The indices run freely and are masked at use; a ring is empty when they are equal. The
// consumer owns READ, the producer owns WRITE; SIZE (a power of two) is set once. tools/layout copies the
// constants to the TypeScript side. After putting something the core bumps and notifies Control.HOST_EVENT
// (ringSignalHost); after putting something the host bumps and notifies Control.CLOCK_WAKE.

import { CONTROL, RINGS } from "./layout";
import { Control } from "./control";

/** Byte offsets from a ring's address. READ and WRITE have a cache line each. */
export const enum Ring { READ = 0, WRITE = 64, SIZE = 128, DROPPED = 132, DATA = 256 }

export const RING_SERIAL_BYTES: u32 = 0x10000;
export const RING_INPUT_BYTES: u32 = 0x1000;
export const RING_HEADER_BYTES: u32 = 256;

export const RING_SERIAL0_OUT: u32 = RINGS;
export const RING_SERIAL1_OUT: u32 = RING_SERIAL0_OUT + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL2_OUT: u32 = RING_SERIAL1_OUT + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL3_OUT: u32 = RING_SERIAL2_OUT + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL0_IN: u32 = RING_SERIAL3_OUT + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL1_IN: u32 = RING_SERIAL0_IN + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL2_IN: u32 = RING_SERIAL1_IN + RING_SERIAL_BYTES + RING_HEADER_BYTES;
export const RING_SERIAL3_IN: u32 = RING_SERIAL2_IN + RING_SERIAL_BYTES + RING_HEADER_BYTES;
/** Debug console (ports 0xE9 and 0x402). */
export const RING_DEBUG_OUT: u32 = RING_SERIAL3_IN + RING_SERIAL_BYTES + RING_HEADER_BYTES;
/** Keyboard: scancodes of set 2 as the wire carries them (F0 = break, E0 prefix). */
export const RING_KEYBOARD_IN: u32 = RING_DEBUG_OUT + RING_SERIAL_BYTES + RING_HEADER_BYTES;
/**
 * Mouse: records of 4 bytes: buttons (1 left, 2 right, 4 middle, 8 and 16 at the sides), dx, dy (up is
 * positive), dz as signed bytes.
 */
export const RING_MOUSE_IN: u32 = RING_KEYBOARD_IN + RING_INPUT_BYTES + RING_HEADER_BYTES;
/** First free address behind the rings above. */
export const RINGS_NEXT: u32 = RING_MOUSE_IN + RING_INPUT_BYTES + RING_HEADER_BYTES;

export function ringInit(ring: usize, sizeBytes: u32): void {
  atomic.store<u32>(ring, 0, Ring.READ);
  atomic.store<u32>(ring, 0, Ring.WRITE);
  atomic.store<u32>(ring, sizeBytes, Ring.SIZE);
  atomic.store<u32>(ring, 0, Ring.DROPPED);
}

/** Bytes waiting. */
export function ringCount(ring: usize): u32 {
  return atomic.load<u32>(ring, Ring.WRITE) - atomic.load<u32>(ring, Ring.READ);
}

/** Producer: room left. */
export function ringSpace(ring: usize): u32 {
  return atomic.load<u32>(ring, Ring.SIZE) - ringCount(ring);
}

/** Producer: false when the ring is full (nothing stored). */
export function ringPut(ring: usize, byte: u32): bool {
  const size = atomic.load<u32>(ring, Ring.SIZE);
  const write = atomic.load<u32>(ring, Ring.WRITE);
  if (write - atomic.load<u32>(ring, Ring.READ) >= size) return false;
  store<u8>(ring + (write & (size - 1)), <u8>byte, Ring.DATA);
  atomic.store<u32>(ring, write + 1, Ring.WRITE);
  return true;
}

/** Consumer: the next byte, -1 when empty. */
export function ringGet(ring: usize): i32 {
  const read = atomic.load<u32>(ring, Ring.READ);
  if (atomic.load<u32>(ring, Ring.WRITE) == read) return -1;
  const size = atomic.load<u32>(ring, Ring.SIZE);
  const byte = load<u8>(ring + (read & (size - 1)), Ring.DATA);
  atomic.store<u32>(ring, read + 1, Ring.READ);
  return byte;
}

/** Consumer: the next byte without taking it, -1 when empty. */
export function ringPeek(ring: usize): i32 {
  const read = atomic.load<u32>(ring, Ring.READ);
  if (atomic.load<u32>(ring, Ring.WRITE) == read) return -1;
  return load<u8>(ring + (read & (atomic.load<u32>(ring, Ring.SIZE) - 1)), Ring.DATA);
}

/** Producer: note bytes that had to be thrown away. */
export function ringDropped(ring: usize, count: u32): void {
  atomic.add<u32>(ring, count, Ring.DROPPED);
}

/** Tell the host that a ring (or another word it watches) has news. */
export function ringSignalHost(): void {
  atomic.add<u32>(CONTROL + <usize>Control.HOST_EVENT, 1);
  atomic.notify(CONTROL + <usize>Control.HOST_EVENT, 1);
}
