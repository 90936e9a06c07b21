// The one map of the machine's shared linear memory: every region, each from the previous one.
// docs/memory-map.md draws it; tools/layout writes the TypeScript twin src/emu/generated-layout.ts from this
// file (so: only `export const NAME: u32 = expression of earlier names and literals;` lines here).
// Data segments of the AssemblyScript compiler live below CONTROL and are constants (each instance re-applies
// them).

export const PAGE_BYTES: u32 = 4096;
export const PAGE_SHIFT: u32 = 12;
export const MAX_CPUS: u32 = 16;

/** Constants (data segments) end here. */
export const CONSTANTS_END: u32 = 0x100000;

/** Machine control words (see lib/control.ts): one page shared by all threads. */
export const CONTROL: u32 = CONSTANTS_END;
export const CONTROL_BYTES: u32 = 0x10000;

/** Chip state: one struct per chip, offsets in board.ts. */
export const BOARD: u32 = CONTROL + CONTROL_BYTES;
export const BOARD_BYTES: u32 = 0xF0000;

/** Rings between threads (serial, keyboard, log, block requests). */
export const RINGS: u32 = BOARD + BOARD_BYTES;
export const RINGS_BYTES: u32 = 0x400000;

/** Per guest-physical-page records (see mmu/code-pages.ts): PAGE_RECORD_BYTES each. */
export const PAGE_TABLE: u32 = RINGS + RINGS_BYTES;
export const PAGE_RECORD_BYTES: u32 = 32;
export const MAX_RAM_PAGES: u32 = 0xE0000;
export const PAGE_TABLE_BYTES: u32 = MAX_RAM_PAGES * PAGE_RECORD_BYTES;

/** Firmware ROM, mapped below 4 GiB (its last 128 KiB also below 1 MiB). */
export const ROM: u32 = PAGE_TABLE + PAGE_TABLE_BYTES;
export const ROM_BYTES: u32 = 0x800000;

/** What firmware asks for through fw_cfg: a table of items, then their bytes (dev/fw-cfg.ts). */
export const FW_CFG: u32 = ROM + ROM_BYTES;
export const FW_CFG_BYTES: u32 = 0x200000;

/** Images of the two floppy drives (dev/floppy.ts). */
export const FLOPPY: u32 = FW_CFG + FW_CFG_BYTES;
export const FLOPPY_DRIVE_BYTES: u32 = 0x300000;
export const FLOPPY_BYTES: u32 = FLOPPY_DRIVE_BYTES * 2;

/** Video memory, 16 MiB. */
export const VRAM: u32 = FLOPPY + FLOPPY_BYTES;
export const VRAM_BYTES: u32 = 0x1000000;

/** What the screen shows: a header, scratch, then RGBA pixels (dev/vga/render.ts). */
export const FRAME: u32 = VRAM + VRAM_BYTES;
export const FRAME_BYTES: u32 = 0x1010000;

/** The translator's work areas, one per CPU (jit/map.ts). */
export const ARENA: u32 = FRAME + FRAME_BYTES;
export const ARENA_BYTES: u32 = 0x2000000;

/** What all CPUs share of translated code (jit/share.ts). */
export const CODE_SHARE: u32 = ARENA + ARENA_BYTES;
export const CODE_SHARE_BYTES: u32 = 0x3000000;

/** Tables, literals and input of the kernel's unpacker (unpack/work.ts). */
export const UNPACK: u32 = CODE_SHARE + CODE_SHARE_BYTES;
export const UNPACK_BYTES: u32 = 0x200000;
/** Inside UNPACK: what the host feeds. */
export const UNPACK_INPUT: u32 = UNPACK + 0x40000;
export const UNPACK_INPUT_BYTES: u32 = 0x100000;

/** Per-CPU blocks: CPU n at CPU_BLOCKS + n * CPU_BLOCK_BYTES. */
export const CPU_BLOCKS: u32 = UNPACK + UNPACK_BYTES;
export const CPU_BLOCK_BYTES: u32 = 0x7000000;

/** Inside a CPU block: registers and private state. */
export const CPU_STATE: u32 = 0;
export const CPU_STATE_BYTES: u32 = 0x1000;
/** Inside a CPU block: the lines that other threads write (requests, attention, IRR, code-page inbox). */
export const CPU_INBOX: u32 = CPU_STATE + CPU_STATE_BYTES;
export const CPU_INBOX_BYTES: u32 = 0x1000;
/** Inside a CPU block: the LAPIC's private registers. */
export const CPU_LAPIC: u32 = CPU_INBOX + CPU_INBOX_BYTES;
export const CPU_LAPIC_BYTES: u32 = 0x1000;
/** Inside a CPU block: scratch records, bounce buffers. */
export const CPU_SCRATCH: u32 = CPU_LAPIC + CPU_LAPIC_BYTES;
export const CPU_SCRATCH_BYTES: u32 = 0x1000;
/** Inside a CPU block: the table of slots {u32 guest page, u32 mode, u32 used records, u32 version}. */
export const CPU_SLOTS: u32 = CPU_SCRATCH + CPU_SCRATCH_BYTES;
export const SLOT_BYTES: u32 = 16;
/** Set in the mode of a slot that the jump cache is to forget. */
export const SLOT_COLD: u32 = 0x200;
/** Guest page of a slot that holds none. */
export const NO_PAGE: u32 = 0xFFFFFFFF;
/** Inside a CPU block: TLB banks (read and write table of each bank), fetch tables, slot logs. */
export const CPU_TLB: u32 = CPU_SCRATCH + CPU_SCRATCH_BYTES + 0xC000;
export const TLB_ENTRIES: u32 = 4096;
export const TLB_TABLE_BYTES: u32 = TLB_ENTRIES * 16;
export const CPU_TLB_BYTES: u32 = 0x100000;
/** Inside a CPU block: physical page number -> decoded-page slot (u16). */
export const CPU_SLOT_OF_PAGE: u32 = CPU_TLB + CPU_TLB_BYTES;
export const CPU_SLOT_OF_PAGE_BYTES: u32 = MAX_RAM_PAGES * 2;
/** Inside a CPU block: decoded pages: index (u16 per byte offset) and records. */
export const ICACHE_SLOTS: u32 = 2048;
export const SLOT_INDEX_BYTES: u32 = 8192;
export const CPU_INDEX: u32 = CPU_SLOT_OF_PAGE + CPU_SLOT_OF_PAGE_BYTES;
export const CPU_INDEX_BYTES: u32 = ICACHE_SLOTS * SLOT_INDEX_BYTES;
export const RECORD_BYTES: u32 = 32;
export const RECORDS_PER_SLOT: u32 = 1280;
export const CPU_RECORDS: u32 = CPU_INDEX + CPU_INDEX_BYTES;
export const CPU_RECORDS_BYTES: u32 = ICACHE_SLOTS * RECORDS_PER_SLOT * RECORD_BYTES;
/** Inside a CPU block: jump cache, branch target -> record: supervisor table, user table. */
export const CPU_JUMPS: u32 = CPU_RECORDS + CPU_RECORDS_BYTES;
export const JUMP_ENTRIES: u32 = 16384;
export const JUMP_ENTRY_BYTES: u32 = 32;
export const JUMP_TABLE_BYTES: u32 = JUMP_ENTRIES * JUMP_ENTRY_BYTES;
export const JUMP_TABLES: u32 = 2;
export const CPU_JUMPS_BYTES: u32 = JUMP_TABLE_BYTES * JUMP_TABLES;
/**
 * Inside a CPU block: per half of the address space and TLB slot, a u32 that names the page of which the jump
 * cache may hold targets.
 */
export const CPU_JUMP_PAGES: u32 = CPU_JUMPS + CPU_JUMPS_BYTES;
export const CPU_JUMP_PAGES_BYTES: u32 = TLB_ENTRIES * 4 * 2;
/** Inside a CPU block: instructions that go over the end of their page (decode/icache.ts). */
export const CPU_CROSSINGS: u32 = CPU_JUMP_PAGES + CPU_JUMP_PAGES_BYTES;
export const CROSSINGS: u32 = 1024;
export const CROSSING_BYTES: u32 = 128;
export const CPU_CROSSINGS_BYTES: u32 = CROSSINGS * CROSSING_BYTES;
/** Inside a CPU block: where RET goes, by stack address (mmu/return-cache.ts). */
export const CPU_RETURNS: u32 = CPU_CROSSINGS + CPU_CROSSINGS_BYTES;
export const RETURNS: u32 = 128;
export const RETURN_BYTES: u32 = 32;
export const CPU_RETURNS_BYTES: u32 = RETURNS * RETURN_BYTES;
/** Inside a CPU block: what ways of direct branches to each slot rely on (mmu/far-ways.ts). */
export const CPU_FAR: u32 = CPU_RETURNS + CPU_RETURNS_BYTES;
export const FAR_BYTES: u32 = 32;
export const CPU_FAR_BYTES: u32 = ICACHE_SLOTS * FAR_BYTES;
/** Inside a CPU block: what the CPU counts about itself (lib/profile.ts). */
export const CPU_PROFILE: u32 = CPU_FAR + CPU_FAR_BYTES;
export const CPU_PROFILE_BYTES: u32 = 0x10000;
/** Inside a CPU block: guest page -> where it may be in the write tables of the TLB (u16, mmu/tlb.ts). */
export const CPU_WRITABLE: u32 = CPU_PROFILE + CPU_PROFILE_BYTES;
export const CPU_WRITABLE_BYTES: u32 = MAX_RAM_PAGES * 2;
export const CPU_USED_BYTES: u32 = CPU_WRITABLE + CPU_WRITABLE_BYTES;

/**
 * One more CPU block stands behind the last CPU's while regions are checked (jit/check.ts): the shadow CPU's.
 * Behind what a CPU uses it holds lists (mmu/shadow.ts), the report of a difference (lib/check-report.ts) and
 * three copies of each guest page that is touched.
 */
export const SHADOW_LISTS: u32 = CPU_USED_BYTES;
export const SHADOW_LISTS_BYTES: u32 = 0x4000;
export const SHADOW_REPORT: u32 = SHADOW_LISTS + SHADOW_LISTS_BYTES;
export const SHADOW_REPORT_BYTES: u32 = 0x4000;
export const SHADOW_COPIES: u32 = 128;
export const SHADOW_PAGES: u32 = SHADOW_REPORT + SHADOW_REPORT_BYTES;
export const SHADOW_AREA_BYTES: u32 = SHADOW_COPIES * PAGE_BYTES;
export const SHADOW_AREAS: u32 = 3;

// Guest RAM follows the last CPU block: RAM_BASE = CPU_BLOCKS + blocks * CPU_BLOCK_BYTES (control word
// RAM_BASE).
