// What the check of a translated region leaves for the host when region and interpreter differ (jit/check.ts;
// src/emu/check-report.ts makes sentences of it). It lies at SHADOW_REPORT of the shadow CPU's block. The
// state at the entry is still in the block of the CPU itself, the interpreter's result in the shadow CPU's.

/** Code of the core's panic. */
export const PANIC_REGION_DIFFERS: u32 = 0x20;

/** Why the interpreter does not confirm a region. */
export const enum Difference {
  NONE = 0,
  /** Registers, flags or other state of the CPU. */
  STATE = 1,
  /** A page of guest memory. */
  MEMORY = 2,
  /** The interpreter faults, must not repeat, or reaches for other memory where the region went on. */
  CANNOT_FOLLOW = 3,
  /** The region's last instruction ended otherwise than the interpreter's. */
  STATUS = 4,
  /** The interpreter does not come to the region's number of instructions. */
  ENDLESS = 5,
  /** The region left for a TLB miss that the interpreter does not have: its address was wrong. */
  NEEDLESS = 6,
}

/** Offsets from SHADOW_REPORT. */
export const enum Report {
  /** u32 Difference; u32 CPU; u32 instructions that the region executed; u32 its exit word. */
  KIND = 0, CPU = 4, INSTRUCTIONS = 8, LEFT = 12,
  /** u64 RFLAGS: at the entry, the region's, the interpreter's. */
  FLAGS_BEFORE = 16, FLAGS_REGION = 24, FLAGS_INTERPRETED = 32,
  /** u32 offset of the first state that differs; u32 number of the page copy that does. */
  STATE_AT = 40, COPY = 44,
  /** u64 linear address of that page. */
  PAGE_VA = 48,
  /** u32 instructions interpreted; the last STEPS of them: u64 RIP, 15 bytes from there, u8 length. */
  STEPPED = 56,
  STEP_RING = 0x1000,
  /** The state of the CPU as the region left it. */
  REGION_STATE = 0x3000,
}
export const REPORT_STEPS: u32 = 256;
export const REPORT_STEP_BYTES: u32 = 24;
