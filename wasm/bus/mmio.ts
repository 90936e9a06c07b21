// Physical addresses that are not RAM: the LAPIC page of the CPU that asks (no lock), the firmware ROM below
// 4 GiB, and the slots of the other chips (a few entries, searched in order). Unclaimed addresses read all
// ones, swallow writes and are logged (a bounded number of times). A misaligned access or one wider than the
// chip is split.

import { BOARD, PAGE_SHIFT, ROM, ROM_BYTES, CONTROL } from "../lib/layout";
import { Control } from "../lib/control";
import { lock, unlock } from "../lib/atomics";
import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { NO_CPU, thisCpu } from "../lib/this-cpu";
import { lapicRead, lapicWrite, lapicPage } from "../cpu/lapic/registers";
import { CHIP_LAPIC } from "../lib/profile";
import { accessBegin, accessEnd, accessEndAs } from "./account";
import { Board, MAX_MMIO_SLOTS, MmioSlot, mmioSlot } from "./device";

const PAGE_MASK: u64 = 0xFFF;
/** The ROM region ends at 4 GiB. */
const ROM_BASE: u64 = 0x100000000 - <u64>ROM_BYTES;
const ROM_END: u64 = 0x100000000;
const VGA_FIRST_PAGE: u64 = 0xA0;
const VGA_END_PAGE: u64 = 0xC0;
/** What is below 1 MiB and not shadowed by RAM: nothing, then the last 128 KiB of the ROM. */
const LOW_NOTHING: u64 = 0xC0000;
const LOW_ROM: u64 = 0xE0000;
const LOW_END: u64 = 0x100000;
/** Unclaimed accesses that are logged before silence. */
const UNCLAIMED_LOGS: u32 = 16;

let unclaimedLogged: u32 = 0;

/** False for guest RAM. */
export function mmioIsDevice(pa: u64): bool {
  const page = pa >> PAGE_SHIFT;
  if (page >= <u64>load<u32>(CONTROL + <usize>Control.RAM_PAGES)) return true;
  return page - VGA_FIRST_PAGE < VGA_END_PAGE - VGA_FIRST_PAGE;
}

/** Slot of the chip that answers at `pa`, 0 = none. */
function findSlot(pa: u64): u32 {
  const page64 = pa >> PAGE_SHIFT;
  if (page64 > 0xFFFFFFFF) return 0;
  const page = <u32>page64;
  const count = atomic.load<u32>(BOARD + <usize>Board.MMIO_SLOTS);
  for (let n: u32 = 1; n <= count; n++) {
    const s = changetype<usize>(mmioSlot(n));
    const pages = atomic.load<u32>(s, offsetof<MmioSlot>("pages"));
    if (page - atomic.load<u32>(s, offsetof<MmioSlot>("page")) < pages) return n;
  }
  return 0;
}

/** True when the page at `pa` is the LAPIC of the CPU that this instance is. */
// @ts-ignore: decorator
@inline
function isLapic(pa: u64): bool {
  return thisCpu != NO_CPU && pa >> PAGE_SHIFT == lapicPage(thisCpu);
}

/**
 * Host address of `pa` where a chip's range is plain memory (a linear frame buffer), which CPUs may keep in
 * their TLBs; else 0. Whoever moves such a range flushes the TLBs (Request.TLB_FLUSH).
 */
export function mmioDirect(pa: u64): usize {
  if (isLapic(pa)) return 0;
  const n = findSlot(pa);
  if (n == 0) return 0;
  const s = mmioSlot(n);
  return s.direct == 0 ? 0 : <usize>(s.direct + (<u32>(pa >> PAGE_SHIFT) - s.page << PAGE_SHIFT)
    + <u32>(pa & PAGE_MASK));
}

/** Host address of `pa` where a read finds the firmware ROM, else 0. Reads may go there directly. */
export function romHost(pa: u64): usize {
  if (pa >= ROM_BASE && pa < ROM_END) return ROM + <usize>(pa - ROM_BASE);
  if (pa >= LOW_ROM && pa < LOW_END) return ROM + ROM_BYTES - <usize>(LOW_END - pa);
  return 0;
}

/** Read 1, 2, 4 or 8 bytes inside one page, zero-extended. */
export function mmioRead(pa: u64, size: u32): u64 {
  if (isLapic(pa)) {
    const start = accessBegin();
    const v = lapicMmioRead(pa, size);
    accessEndAs(CHIP_LAPIC, start);
    return v;
  }
  const n = findSlot(pa);
  if (n != 0) return slotRead(mmioSlot(n), pa, size);
  const rom = romHost(pa);
  if (rom != 0) return romRead(rom, size);
  const ones = <u64>-1 >> (64 - (<u64>size << 3));
  // Firmware looks for expansion ROMs here.
  if (pa >= LOW_NOTHING && pa < LOW_ROM) return ones;
  if (unclaimedLogged < UNCLAIMED_LOGS) {
    unclaimedLogged++;
    hostLog(Log.MMIO_READ_UNCLAIMED, pa, size);
  }
  return ones;
}

export function mmioWrite(pa: u64, size: u32, value: u64): void {
  if (isLapic(pa)) {
    const start = accessBegin();
    if (size >= 4 && (pa & 15) == 0) lapicWrite(thisCpu, <u32>(pa & PAGE_MASK), <u32>value);
    accessEndAs(CHIP_LAPIC, start);
    return;
  }
  const n = findSlot(pa);
  if (n != 0) {
    slotWrite(mmioSlot(n), pa, size, value);
    return;
  }
  // Writes to the ROM, and where one might be, are ignored in silence.
  if (pa >= ROM_BASE && pa < ROM_END || pa >= LOW_NOTHING && pa < LOW_END) return;
  if (unclaimedLogged < UNCLAIMED_LOGS) {
    unclaimedLogged++;
    hostLog(Log.MMIO_WRITE_UNCLAIMED, pa, size);
  }
}

/**
 * SDM 3A 10.4.1: registers are 32 bits on 16-byte boundaries; other accesses are undefined, here: bytes of
 * the register.
 */
function lapicMmioRead(pa: u64, size: u32): u64 {
  const offset = <u32>(pa & PAGE_MASK);
  const shift = (offset & 3) << 3;
  if ((offset & 12) != 0) return 0;
  const v = <u64>lapicRead(thisCpu, offset & ~15);
  return (v >> shift) & (<u64>-1 >> (64 - (<u64>size << 3)));
}

function romRead(at: usize, size: u32): u64 {
  switch (size) {
    case 1: return <u64>load<u8>(at);
    case 2: return <u64>load<u16>(at);
    case 4: return <u64>load<u32>(at);
    default: return load<u64>(at);
  }
}

function slotRead(s: MmioSlot, pa: u64, size: u32): u64 {
  const offset = (<u32>(pa >> PAGE_SHIFT) - s.page << PAGE_SHIFT) + <u32>(pa & PAGE_MASK);
  const start = accessBegin();
  lock(s.chip);
  let v: u64;
  if (size <= s.width && (offset & (size - 1)) == 0) {
    v = call_indirect<u64>(s.read, <usize>s.chip, offset, size);
  } else {
    // Pieces of the chip's width when aligned, of single bytes otherwise.
    const piece: u32 = size > s.width && (offset & (s.width - 1)) == 0 ? s.width : 1;
    const mask = <u64>-1 >> (64 - (<u64>piece << 3));
    v = 0;
    for (let i: u32 = 0; i < size; i += piece) {
      v |= (call_indirect<u64>(s.read, <usize>s.chip, offset + i, piece) & mask) << (<u64>i << 3);
    }
  }
  unlock(s.chip);
  accessEnd(s.chip, start);
  return v & (<u64>-1 >> (64 - (<u64>size << 3)));
}

function slotWrite(s: MmioSlot, pa: u64, size: u32, value: u64): void {
  const offset = (<u32>(pa >> PAGE_SHIFT) - s.page << PAGE_SHIFT) + <u32>(pa & PAGE_MASK);
  const start = accessBegin();
  lock(s.chip);
  if (size <= s.width && (offset & (size - 1)) == 0) {
    call_indirect<void>(s.write, <usize>s.chip, offset, size, value);
  } else {
    const piece: u32 = size > s.width && (offset & (s.width - 1)) == 0 ? s.width : 1;
    const mask = <u64>-1 >> (64 - (<u64>piece << 3));
    for (let i: u32 = 0; i < size; i += piece) {
      call_indirect<void>(s.write, <usize>s.chip, offset + i, piece, (value >> (<u64>i << 3)) & mask);
    }
  }
  unlock(s.chip);
  accessEnd(s.chip, start);
}

/**
 * New slot: `read(chip, offset, size): u64`, `write(chip, offset, size, value: u64)`. Not mapped until
 * mmioMap. 0 when the table is full.
 */
export function mmioSlotAdd(chip: usize, read: u32, write: u32, width: u32): u32 {
  const n = atomic.load<u32>(BOARD + <usize>Board.MMIO_SLOTS) + 1;
  if (n >= MAX_MMIO_SLOTS) {
    hostLog(Log.BUS_FULL, <u64>chip, 1);
    return 0;
  }
  const s = mmioSlot(n);
  s.chip = <u32>chip;
  s.read = read;
  s.write = write;
  s.width = width;
  s.direct = 0;
  s.pages = 0;
  atomic.store<u32>(BOARD + <usize>Board.MMIO_SLOTS, n);
  return n;
}

/** Map slot `n` at `pa` (`pages` = 0: nowhere). Switched off while it moves, so no reader sees a mixture. */
export function mmioMap(n: u32, pa: u64, pages: u32): void {
  const s = changetype<usize>(mmioSlot(n));
  atomic.store<u32>(s, 0, offsetof<MmioSlot>("pages"));
  atomic.store<u32>(s, <u32>(pa >> PAGE_SHIFT), offsetof<MmioSlot>("page"));
  atomic.store<u32>(s, pages, offsetof<MmioSlot>("pages"));
}
