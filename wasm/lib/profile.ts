// What a CPU counts about its own execution, for `vm.profile` (docs/profile.md). Every word belongs to one
// CPU and is written by its thread alone, with plain stores: the host reads slightly old numbers. Events of
// slow paths are counted always; what would cost more than its event (times of chip accesses, instruction
// forms) only while Control.OPTIONS has the bit PROFILE. Addresses are relative to CPU_PROFILE of the CPU's
// block.

import { CPU_PROFILE } from "./layout";

/** u64 counters, by number. */
export const enum Count {
  /** Samples taken; samples that found the ring full. */
  SAMPLES = 0, SAMPLES_LOST = 1,
  /**
   * Translations that the software TLB did not have, by kind; page walks (also for both halves of a
   * crossing).
   */
  MISS_READ = 2, MISS_WRITE = 3, MISS_FETCH = 4, WALKS = 5,
  /** Flushes: all, all but global (CR3), one page (INVLPG); those of one page that had to flush all. */
  FLUSH_ALL = 6, FLUSH_CR3 = 7, FLUSH_PAGE = 8, FLUSH_SPAN = 9,
  /**
   * The inner loop was left: by an instruction that ends a run, by a jump it could not follow, by a fault, to
   * try again.
   */
  LEFT_END = 10, LEFT_JUMP = 11, LEFT_FAULT = 12, LEFT_RETRY = 13,
  /** Instructions executed alone: with checks (TF, breakpoints, shadows), from the scratch record. */
  CAREFUL = 14, STEPS = 15,
  /** Runs of records decoded; times that requests were looked at; HLT; decoded pages that made room. */
  DECODES = 16, POLLS = 17, HALTS = 18, EVICTED = 19,
  /**
   * The translator: regions made and dropped, modules, bytes of wasm, time in our translator and in the
   * host's compiler.
   */
  REGIONS = 20, REGIONS_DROPPED = 21, MODULES = 22, MODULE_BYTES = 23, TRANSLATE_NS = 24, COMPILE_NS = 25,
  /** Regions entered from the run loop; transitions between regions; instructions executed in regions. */
  REGION_CALLS = 26, REGION_LINKS = 27, TRANSLATED = 28,
  /** Batches of regions installed because a place of theirs had become hot. */
  REGIONS_TAKEN = 29,
  /** Regions that could not be entered: a page is mapped elsewhere or nowhere; one has no decoded records. */
  REGION_UNMAPPED = 30, REGION_UNDECODED = 31,
  /** Entries into regions that the interpreter has confirmed, and the instructions executed there. */
  CHECKED = 32, CHECKED_INSTRUCTIONS = 33,
  /**
   * Entries that could not be checked: the region had to leave at its first instruction, which is not to be
   * executed twice or touches what is not in the TLB; it executed too much; another CPU was checking; its
   * code was changing.
   */
  CHECK_ONCE = 34, CHECK_OUTSIDE = 35, CHECK_LONG = 36, CHECK_BUSY = 37, CHECK_CHANGING = 38,
  /** Differences; checked 32-bit entries that left for a TLB miss that the interpreter did not have. */
  CHECK_DIFFERENT = 39, CHECK_NEEDLESS = 40,
  /** Regions given up because they could not be entered too often. */
  REGIONS_REFUSED = 41,
}

/** Offsets from CPU_PROFILE. */
export const enum Profile {
  COUNTS = 0,
  /** 32 x u64: exceptions delivered, by vector. */
  EXCEPTIONS = 0x400,
  /** 32 x u64: regions left, by reason (jit/exits.ts, Exit). */
  EXITS = 0x500,
  /** 64 x {u64 accesses, u64 ns}: by chip (bus/device.ts, Chip); the last is the LAPIC. */
  CHIPS = 0x600,
  /**
   * Ring of samples: u32 written (owner: the CPU), u32 read (owner: the host), then SAMPLE_COUNT x
   * SAMPLE_BYTES.
   */
  RING_WRITTEN = 0xC00,
  RING_READ = 0xC40,
  RING = 0x1000,
  /** u32 each: instructions seen in sampled windows, by form; calls of handlers out of regions, by form. */
  MIX = 0x5000,
  HELPERS = 0x9000,
  /** u16 by index in the function table: form. */
  FORM_OF = 0xD000,
}

/** A sample: u64 RIP, u64 CR3, u32 SampleFlag. */
export const SAMPLE_BYTES: u32 = 32;
export const SAMPLE_COUNT: u32 = 512;
export const enum Sample { RIP = 0, CR3 = 8, FLAGS = 16 }
export const enum SampleFlag {
  /** CPL, bits 0 and 1; 64-bit code; the CPU came out of a translated region. */
  CPL = 3, LONG = 4, TRANSLATED = 8,
}

/** Forms of instructions: functions of gen/handler-index.ts from 0, arms of the hot switch from FORM_HOT. */
export const FORMS: u32 = 4096;
export const FORM_HOT: u32 = 3072;
/** Entries of FORM_OF. */
export const FORM_TABLE: u32 = 4096;
/** Number of the LAPIC among the chips. */
export const CHIP_LAPIC: u32 = 63;

/** The last stretch of this thread ended in a translated region. Set by whoever runs regions. */
export let fromRegion: bool = false;
export function setFromRegion(value: bool): void {
  fromRegion = value;
}

/** Add to a counter of the CPU whose block begins at `block`. */
// @ts-ignore: decorator
@inline
export function countMany(block: usize, n: Count, amount: u64): void {
  const at = block + CPU_PROFILE + (<usize>n << 3);
  store<u64>(at, load<u64>(at) + amount);
}

// @ts-ignore: decorator
@inline
export function count(block: usize, n: Count): void {
  countMany(block, n, 1);
}

/** Add to entry n of a table of u64. */
// @ts-ignore: decorator
@inline
export function countIn(block: usize, table: Profile, n: u32): void {
  const at = block + CPU_PROFILE + <usize>table + (<usize>n << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** Add to entry n of a table of u32 (MIX, HELPERS). */
// @ts-ignore: decorator
@inline
export function countForm(block: usize, table: Profile, form: u32): void {
  const at = block + CPU_PROFILE + <usize>table + (<usize>(form & (FORMS - 1)) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** A region has called function `handler`. Before the first sample all count as form 0. */
// @ts-ignore: decorator
@inline
export function countHelper(block: usize, handler: u32): void {
  const form = load<u16>(block + CPU_PROFILE + Profile.FORM_OF + (<usize>(handler & (FORM_TABLE - 1)) << 1));
  countForm(block, Profile.HELPERS, form);
}

/** An access to chip `n` took `ns`. */
export function countChip(block: usize, n: u32, ns: u64): void {
  const at = block + CPU_PROFILE + Profile.CHIPS + (<usize>(n & 63) << 4);
  store<u64>(at, load<u64>(at) + 1);
  store<u64>(at, load<u64>(at, 8) + ns, 8);
}
