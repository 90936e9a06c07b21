// Machine control words: one page shared by all threads. Written by the host before start (configuration) or
// atomically.

import { CONTROL } from "./layout";

/** Byte offsets from CONTROL. */
export const enum Control {
  /** u32: nonzero = some worker died or panicked (the code); every lock wait and park watches it. */
  FAILED = 0x00,
  /** u32: 1 = running, 0 = paused. */
  RUNNING = 0x04,
  /** u32: number of CPUs. */
  CPUS = 0x08,
  /** u32: absolute address of guest RAM; u32: its pages. */
  RAM_BASE = 0x0C,
  RAM_PAGES = 0x10,
  /** u32: host cores (spin yielding). */
  HOST_CORES = 0x14,
  /** u64: TSC frequency, Hz. */
  TSC_HZ = 0x18,
  /** u32: reason the machine ended: MachineEnd; u32: its value (debug-exit code). */
  END = 0x28,
  END_VALUE = 0x2C,
  /**
   * u32: reset generation: bumped by a machine reset request; serviced by the host (src/emu). Waited on by
   * the host.
   */
  RESET_REQUEST = 0x30,
  /**
   * u32: option bits: 1 = trace every instruction (trace-diff), 2 = announce MONITOR, 4 = translator,
   * 8 = profile (may come and go while the machine runs).
   */
  OPTIONS = 0x34,
  /** u32: CPU model level: 1, 2, 3 = x86-64-v1..v3. */
  CPU_MODEL = 0x3C,
  /**
   * i64 ns: earliest deadline of any board timer, owned by bus/clock.ts; u32 generation = wait word of the
   * clock worker.
   */
  CLOCK_DEADLINE = 0x40,
  CLOCK_WAKE = 0x48,
  /** u32: split-lock owner (cpu + 1) and acknowledgement mask. */
  SPLIT_OWNER = 0x50,
  SPLIT_PARKED = 0x54,
  /** u32: rings: event word bumped when any guest->host ring has data (waitAsync by the host). */
  HOST_EVENT = 0x58,
  /**
   * u64: Unix time in ns at machine time 0, written by the host before start (paravirtual wall clock, RTC).
   */
  WALL_NS = 0x60,
  /** 32 bytes of the host's randomness, written before start; all zero = none, and no RDRAND (cpu/random.ts). */
  RANDOM_SEED = 0x68,
  /** u32: bumped when a block request was posted; wait word of the I/O worker (bus/block.ts). */
  BLOCK_WAKE = 0x90,
  /** u32: last tag given to a block request. Outlives machine resets, so a tag never comes back. */
  BLOCK_TAG = 0x94,
  /**
   * u32: chip whose lock the I/O worker holds, bit 0: the chip is being told; 0 = none. Owner: the I/O
   * worker; read when it is dead (bus/block.ts blockRecover).
   */
  BLOCK_HELD = 0x98,
  /**
   * 2 x u32: bytes of the disk in floppy drives A and B, 0 = no drive; u32: bit n = drive n is
   * write-protected.
   */
  FLOPPY_SIZES = 0xA0,
  FLOPPY_PROTECTED = 0xA8,
  /** u32: CMOS bytes 0x3D and 0x38 (bits 8-15), the boot order that firmware reads; 0 = hard disk, CD. */
  BOOT_ORDER = 0xAC,
  /** u32: about one of so many entries into regions is checked (jit/check.ts); 0 = none. */
  CHECK_REGIONS = 0xB0,
  // What CPUs write while others read the words above has lines of its own.
  /** u64: last TSC value handed out (cpu/tsc.ts). */
  TSC_LAST = 0x200,
  /** u32: CPUs now RUNNING (spin yielding). */
  RUNNING_CPUS = 0x240,
  /** u32: ordering scratch of lib/atomics.ts fullFence, for threads that are no CPU. */
  FENCE = 0x280,
  /** Striped locks of CMPXCHG16B: 64 x u32. */
  STRIPES = 0x400,
  /** MAX_DRIVES x DRIVE_BYTES: what is plugged in (bus/block.ts). Configuration, so no reset clears it. */
  DRIVES = 0x800,
}

/** Bits of OPTIONS. */
export const enum Option { TRACE = 1, MONITOR = 2, TRANSLATOR = 4, PROFILE = 8,
  /** Translate whatever is executed, at once: for tests. */
  FORCED = 16 }

export const enum MachineEnd { NONE = 0, POWER_OFF = 1, DEBUG_EXIT = 2, TRIPLE_FAULT = 3, PANIC = 4 }

// @ts-ignore: decorator
@inline
export function control32(offset: Control): u32 {
  return atomic.load<u32>(CONTROL + <usize>offset);
}
