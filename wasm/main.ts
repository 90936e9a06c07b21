// Exports of one core instance. Every thread of a machine has its own instance over the one shared memory: a
// vCPU worker calls cpuInit(id) and cpuRun(), the clock worker clockRun(), the host thread machineInit() and
// the direct-boot calls.

import { Cpu, RunState, Seg, segment } from "./cpu/state";
import { Inbox, cpuBlock, inboxOf, stateOf } from "./cpu/inbox";
import { resetCpu } from "./cpu/reset";
import { refreshSegment, updateMode } from "./cpu/mode";
import { publishState } from "./cpu/smp";
import { useFenceWord } from "./lib/atomics";
import { lapicPowerOn } from "./cpu/lapic/registers";
import { resetMsrs } from "./cpu/msr";
import { boardInit, boardPresetForDirectBoot, boardPresetForFirmware } from "./board";
import { Hook, setHook } from "./lib/hooks";
import { deviceWrote } from "./mmu/code-pages";
import { clockRun as boardClockRun } from "./bus/clock";
import { icacheReset } from "./decode/icache";
import { Exit, beginTurns, publishStats, runSlice, runTurn, setTranslator } from "./interp/loop";
import { shadowInit } from "./jit/check";
import { beginSlice, executeRegions, noteHead } from "./jit/region";
import { shareInit } from "./jit/share";
// What translated regions import.
export { jitCond, jitCore, jitHelp } from "./jit/core";
export { jitCoreChecked, jitHelpChecked } from "./jit/check";
export { jitExact } from "./jit/float-exact";
export { f80Add, f80CW, f80Div, f80Exc, f80Mul, f80NarrowDenormal, f80SE, f80Sub } from "./fpu/f80";
export {
  f80CompareQuiet, f80CompareSignaling, f80RoundOf, f80SqrtOf, f80ToDouble, f80ToInteger, f80ToSingle,
} from "./fpu/f80-direct";
import { physInit, ramHost } from "./mmu/physmem";
import { tlbResetMode } from "./mmu/tlb";
import { CPU_STATE_BYTES } from "./lib/layout";
import { setCurrentCpu } from "./lib/this-cpu";

const FLAGS_RESERVED: u64 = 2;
const CR0_PE: u64 = 1;
const CR0_ET: u64 = 16;
const CR0_NE: u64 = 32;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 32;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;
const MULTIBOOT_MAGIC: u64 = 0x2badb002;

/** How CPU 0 starts (setBootState). */
const enum BootKind { RESET_VECTOR = 0, LINUX64 = 1, MULTIBOOT = 2, BOOT_SECTOR = 3, LINUX32 = 4 }

/**
 * Physical address of the descriptor table that direct boots start with: null, null, flat code (0x10), flat
 * data (0x18).
 */
const BOOT_GDT: u64 = 0x5000;
const BOOT_CODE: u16 = 0x10;
const BOOT_DATA: u16 = 0x18;
const ATTR_CODE64: u16 = 0xa09b;
const ATTR_CODE32: u16 = 0xc09b;
const ATTR_DATA32: u16 = 0xc093;

/** This thread's CPU. */
let cpu: Cpu = changetype<Cpu>(0);

/** Once per machine, on one instance, before any worker starts. */
export function machineInit(): void {
  physInit();
  boardInit();
  setHook(Hook.RAM_WRITTEN, deviceWrote.index);
  shareInit();
}

/** Chips as firmware would have left them. */
export function presetForDirectBoot(): void {
  boardPresetForDirectBoot();
}

/** The same for a start at the reset vector. */
export function presetForFirmware(): void {
  boardPresetForFirmware();
}

/** This instance is CPU `id`: reset state, parked (CPU 0 ready to run). */
export function cpuInit(id: u32): void {
  physInit();
  memory.fill(stateOf(id), 0, CPU_STATE_BYTES);
  cpu = changetype<Cpu>(stateOf(id));
  cpu.id = id;
  setCurrentCpu(id);
  useFenceWord(inboxOf(id) + <usize>Inbox.FENCE);
  lapicPowerOn(id);
  resetCpu(cpu, false);
  resetMsrs(cpu);
  tlbResetMode(cpu);
  icacheReset(cpu);
  setTranslator(executeRegions, noteHead, beginSlice);
  if (id == 0) shadowInit();
  cpu.runState = id == 0 ? RunState.RUNNING : RunState.WAIT_FOR_SIPI;
  atomic.store<u32>(inboxOf(id), RunState.PAUSED, Inbox.RUN_STATE);
}

/** Runs until the machine stops, ends or resets; returns an Exit. */
export function cpuRun(): i32 {
  publishState(cpu, RunState.RUNNING);
  for (;;) {
    const exit = runSlice(cpu);
    if (exit == Exit.SLICE) continue;
    publishStats(cpu);
    publishState(cpu, RunState.PAUSED);
    return exit;
  }
}

/** One turn of the run loop without polling: one instruction when TF is set (tools/isa-judge). */
export function cpuTurn(): void {
  beginTurns(cpu);
  runTurn(cpu);
}

// The next turn begins without regions and decoded pages (tools/isa-judge).
export { forgetHeads as jitForget } from "./jit/region";

/** Blocks in the timers of the board until the machine ends. */
export function clockRun(): void {
  physInit();
  boardClockRun();
}

/** This instance is the I/O worker's: it only completes block requests (bus/block.ts). */
export function ioInit(): void {
  physInit();
}

export { blockClaim, blockComplete, blockRecover, blockRelease, blockWritten } from "./bus/block";

export { zstdBegin, zstdBytes, zstdDone, zstdRun } from "./unpack/zstd";

export { vgaRender } from "./dev/vga/render";

function setSegment(n: u32, selector: u16, attr: u16, limit: u32, base: u64): void {
  const s = segment(cpu, n);
  s.selector = selector;
  s.attr = attr;
  s.limit = limit;
  s.base = base;
  s.flags = 0;
  refreshSegment(cpu, n);
}

function writeBootGdt(code: u16): void {
  const gdt = ramHost(BOOT_GDT);
  store<u64>(gdt, 0);
  store<u64>(gdt, 0, 8);
  store<u64>(gdt, 0x000f00000000ffff | (<u64>code << 40), 16);
  store<u64>(gdt, 0x000f00000000ffff | (<u64>ATTR_DATA32 << 40), 24);
  cpu.gdtrBase = BOOT_GDT;
  cpu.gdtrLimit = 31;
}

/** CPU 0's state at the entry of a direct boot. `arg` is RSI (Linux boot_params) or EBX (multiboot information). */
export function setBootState(kind: u32, entry: u64, arg: u64, cr3: u64): void {
  if (kind == BootKind.RESET_VECTOR) return;
  const c = cpu;
  c.eflags = FLAGS_RESERVED;
  c.rip = entry;
  if (kind == BootKind.BOOT_SECTOR) {
    for (let n: u32 = Seg.ES; n <= <u32>Seg.GS; n++) setSegment(n, 0, n == <u32>Seg.CS ? 0x9b : 0x93, 0xffff,
      0);
    c.rdx = arg;
    c.rsp = 0x7000;
    updateMode(c);
    return;
  }
  const long = kind == BootKind.LINUX64;
  const code: u16 = long ? ATTR_CODE64 : ATTR_CODE32;
  writeBootGdt(code);
  c.cr0 = CR0_PE | CR0_ET | CR0_NE;
  if (long) {
    c.cr3 = cr3;
    c.cr4 = CR4_PAE;
    c.efer = EFER_LME | EFER_LMA;
    c.cr0 |= CR0_PG;
    c.rsi = arg;
  } else if (kind == BootKind.LINUX32) {
    c.rsi = arg;
  } else {
    c.rax = MULTIBOOT_MAGIC;
    c.rbx = arg;
  }
  for (let n: u32 = Seg.ES; n <= <u32>Seg.GS; n++) {
    setSegment(n, n == <u32>Seg.CS ? BOOT_CODE : BOOT_DATA, n == <u32>Seg.CS ? code : ATTR_DATA32,
      0xffffffff, 0);
  }
  updateMode(c);
  tlbResetMode(c);
}
