// How guest memory is read and written (engine design section 3; SDM vol. 1 ch. 3.3, vol. 3A ch. 4, 5). The
// fast path is a software-TLB hit; everything else (miss, page crossing, chips, code pages, alignment checks,
// breakpoints) is `slow`. Faults are values: 0 for a host address, Status.FAULT for a status; nothing has
// been committed then.

import { Cpu, SEG_BYTES, Seg, Segment, Status, CpuBlock } from "../cpu/state";
import { breakpointsOn, watchData } from "../cpu/breakpoints";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { CPU_SCRATCH } from "../lib/layout";
import {
  RecFlag, recBase, recDisp, recFlags, recIndex, recScale, recSeg, recAddrMask,
} from "../decode/record";
import { Count, count } from "../lib/profile";
import { mmioDirect, romHost } from "../bus/mmio";
import { claimWrite, codeWritten, isTold } from "./code-pages";
import { Access, walk, walkBytes, walkGlobal, walkPhys } from "./paging";
import { isRam, isWritableRam, physReadBytes, physWriteBytes, ramHost } from "./physmem";
import { POISON, segmentLinear } from "./segment";
import { shadowHost, shadowing } from "./shadow";
import { supervisorRead, tlbEntry, tlbFill, tlbHit, tlbHost, tlbLookup } from "./tlb";

/** Bounce buffers in the CPU's scratch page. */
const enum Scratch { READ = 0x800, RMW = 0x900 }
/** Largest access through a bounce buffer without a block copy of its own. */
const BOUNCE_BYTES: u32 = 256;
const SEG_READ_END: usize = offsetof<Segment>("readEnd");
const SEG_WRITE_END: usize = offsetof<Segment>("writeEnd");
const CR0_AM: u64 = 1 << 18;
const FLAG_AC: u64 = 1 << 18;

// A read-modify-write between rmwHost and rmwDone (this thread). 0 = nothing to do after the store.
let rmwPending: u32 = 0;
let rmwFirst: u64 = 0;
let rmwSecond: u64 = 0;
/** Bytes in the first page. */
let rmwSplit: u32 = 0;
let rmwBounced: bool = false;

// @ts-ignore: decorator
@inline
function bounce(c: Cpu, which: usize): usize {
  return changetype<usize>(c) + CPU_SCRATCH + which;
}

/** Forget an unfinished read-modify-write (after a fault between rmwHost and rmwDone). */
export function rmwCancel(): void {
  rmwPending = 0;
}

// Effective and linear addresses
// -------------------------------------------------------------------------------------

/** Effective offset of the record's memory operand (what LEA computes), before any segment base. */
// @ts-ignore: decorator
@inline
export function ea(c: Cpu, r: usize): u64 {
  const sum = load<u64>(changetype<usize>(c) + recBase(r)) +
    (load<u64>(changetype<usize>(c) + recIndex(r)) << <u64>recScale(r)) + recDisp(r);
  return recFlags(r) & RecFlag.COMPLEX ? sum & recAddrMask(r) : sum;
}

/** Linear address of the record's memory operand; POISON with a pending exception when a segment check failed. */
// @ts-ignore: decorator
@inline
export function linear<T>(c: Cpu, r: usize, write: bool): u64 {
  if (recFlags(r) & RecFlag.COMPLEX) return linearBytes(c, recSeg(r), ea(c, r), sizeof<T>(), write);
  return load<u64>(changetype<usize>(c) + recBase(r)) +
    (load<u64>(changetype<usize>(c) + recIndex(r)) << <u64>recScale(r)) + recDisp(r);
}

/** Linear address of `seg:offset` for an access of sizeof<T>() bytes. */
// @ts-ignore: decorator
@inline
export function linearAt<T>(c: Cpu, seg: u32, offset: u64, write: bool): u64 {
  return linearBytes(c, seg, offset, sizeof<T>(), write);
}

/** Linear address of `seg:offset` for n bytes, with the segment checks of the mode. */
export function linearBytes(c: Cpu, seg: u32, offset: u64, n: u32, write: bool): u64 {
  const s = changetype<usize>(c) + <usize>CpuBlock.SEGMENTS + seg * SEG_BYTES;
  if (c.mode64) {
    const va = seg >= <u32>Seg.FS ? load<u64>(s) + offset : offset;
    if (seg != Seg.SS) dataVa = va;
    return va;
  }
  const end = write ? load<u32>(s, SEG_WRITE_END) : load<u32>(s, SEG_READ_END);
  if (offset + n <= <u64>end) return (load<u64>(s) + offset) & 0xFFFFFFFF;
  return segmentLinear(c, seg, offset, n, write);
}

// Reads
// -----------------------------------------------------------------------------------------------------------

/** Host address from which to load<T>, 0 = fault. */
// @ts-ignore: decorator
@inline
export function readHost<T>(c: Cpu, va: u64): usize {
  const e = tlbEntry(c.tlbRead, va);
  return tlbHit(e, va, sizeof<T>()) ? tlbHost(e, va) : readSlow(c, va, sizeof<T>());
}

/** Address of n contiguous bytes (n up to 256 when they may cross a page or come from a chip), 0 = fault. */
export function readBytes(c: Cpu, va: u64, n: u32): usize {
  const h = tlbLookup(c.tlbRead, va, n);
  return h ? h : readSlow(c, va, n);
}

/** Canonical form (SDM vol. 1 3.3.7.1) of the first and last byte; #GP(0) or, for stack accesses, #SS(0). */
function checkLinear(c: Cpu, va: u64, n: u32, implicit: bool): bool {
  // Only legacy modes produce POISON (their addresses are 32 bits wide); the exception is pending already.
  if (va == POISON && !c.mode64) return false;
  const last = va + n - 1;
  if (c.longMode && (<u64>((<i64>va << 16) >> 16) != va || <u64>((<i64>last << 16) >> 16) != last)) {
    // The run loop turns it into #SS(0) for an operand whose segment is SS (noncanonicalVector).
    raiseError(c, Vector.GP, 0);
    noncanonical = va != dataVa;
    return false;
  }
  if (implicit) return true;
  // Ten-byte operands of the x87 want 8 (SDM vol. 3A table 6-7); longer ones check for themselves.
  if (n != 10 && (n < 2 || n > 16 || (n & (n - 1)) != 0)) return true;
  return !misaligned(c, va, n == 10 ? 7 : n - 1);
}

/** Raises #AC(0) if alignment is checked and an address bit of `mask` is set (SDM vol. 3A 6.15, vector 17). */
export function misaligned(c: Cpu, va: u64, mask: u64): bool {
  if ((c.eflags & FLAG_AC) == 0 || c.cpl != 3 || (c.cr0 & CR0_AM) == 0 || (va & mask) == 0) return false;
  raiseError(c, Vector.AC, 0);
  return true;
}

/** The pending #GP came from a non-canonical data address. The run loop clears it. */
let noncanonical: bool = false;
/** Last address that was made with another segment than SS: strings and XLAT are data references too. */
let dataVa: u64 = 0;
export function takeNoncanonical(): bool {
  const was = noncanonical;
  noncanonical = false;
  return was;
}

// @ts-ignore: decorator
@inline
function wrap(c: Cpu, va: u64): u64 {
  return c.longMode ? va : va & 0xffffffff;
}

/** Read n bytes at va past the fast path. */
export function readSlow(c: Cpu, va: u64, n: u32): usize {
  count(changetype<usize>(c), Count.MISS_READ);
  if (!checkLinear(c, va, n, false)) return 0;
  if (breakpointsOn(c)) watchData(c, wrap(c, va), n, false);
  return readAs(c, va, n, c.cpl == 3 ? <u32>Access.USER : 0, c.tlbRead, false);
}

function readAs(c: Cpu, va: u64, n: u32, access: u32, table: u32, implicit: bool): usize {
  va = wrap(c, va);
  if (shadowing) return shadowHost(table, va, n);
  if (walk(c, va, access, implicit)) return 0;
  const first = walkPhys;
  const room: u32 = 4096 - (<u32>va & 0xfff);
  if (n <= room) {
    const page = first >> 12;
    if (isRam(page)) {
      // The CHECKED bank must stay empty: its table is the last one.
      if (table != checkedRead(c)) tlbFill(c, table, va, <u32>ramHost(first & ~(<u64>0xfff)), <u32>page,
        walkGlobal, walkBytes);
      return ramHost(first);
    }
    let direct = mmioDirect(first);
    if (direct == 0) direct = romHost(first);
    if (direct != 0) {
      if (table != checkedRead(c)) tlbFill(c, table, va, <u32>direct & ~0xfff, <u32>page, walkGlobal,
        walkBytes);
      return direct;
    }
    if (n > BOUNCE_BYTES) return 0;
    const to = bounce(c, Scratch.READ);
    physReadBytes(first, n, to);
    return to;
  }
  if (walk(c, wrap(c, va + room), access, implicit)) return 0;
  const to = bounce(c, Scratch.READ);
  physReadBytes(walkPhys, n - room, to + room);
  physReadBytes(first, room, to);
  return to;
}

// @ts-ignore: decorator
@inline
function checkedRead(c: Cpu): u32 {
  return supervisorRead(c) + 2 * 2 * 65536;
}

// Writes
// -----------------------------------------------------------------------------------------------------------

/** Store v at va. NEXT, FAULT, or END (this CPU's own code was hit). */
// @ts-ignore: decorator
@inline
export function writeValue<T>(c: Cpu, va: u64, v: T): i32 {
  const e = tlbEntry(c.tlbWrite, va);
  if (tlbHit(e, va, sizeof<T>())) {
    store<T>(tlbHost(e, va), v);
    return Status.NEXT;
  }
  return writeValueSlow<T>(c, va, v);
}

/** The same past the fast path. */
export function writeValueSlow<T>(c: Cpu, va: u64, v: T): i32 {
  const h = rmwSlow(c, va, sizeof<T>(), false);
  if (!h) return Status.FAULT;
  store<T>(h, v);
  return rmwDone(c, h);
}

/** Host address valid for load<T> and store<T>, 0 = fault. After the store call rmwDone. */
// @ts-ignore: decorator
@inline
export function rmwHost<T>(c: Cpu, va: u64): usize {
  const e = tlbEntry(c.tlbWrite, va);
  return tlbHit(e, va, sizeof<T>()) ? tlbHost(e, va) : rmwSlow(c, va, sizeof<T>(), true);
}

/** The same for n bytes, n <= 256. */
export function rmwBytes(c: Cpu, va: u64, n: u32): usize {
  const h = tlbLookup(c.tlbWrite, va, n);
  return h ? h : rmwSlow(c, va, n, true);
}

/** Finish a store to the address that rmwHost gave. */
// @ts-ignore: decorator
@inline
export function rmwDone(c: Cpu, h: usize): i32 {
  return rmwPending ? rmwCommit(c, h) : Status.NEXT;
}

/**
 * True when the address that rmwHost gave is guest RAM itself (an atomic access to it is seen by other CPUs).
 */
// @ts-ignore: decorator
@inline
export function rmwIsRam(): bool {
  return !(rmwPending && rmwBounced);
}

/** Host address for a read-modify-write or a store past the fast path. */
export function rmwSlow(c: Cpu, va: u64, n: u32, reads: bool): usize {
  count(changetype<usize>(c), Count.MISS_WRITE);
  if (!checkLinear(c, va, n, false)) return 0;
  if (breakpointsOn(c)) watchData(c, wrap(c, va), n, true);
  return rmwAs(c, va, n, (c.cpl == 3 ? <u32>Access.USER : 0) | Access.WRITE, c.tlbWrite, false, reads);
}

function rmwAs(c: Cpu, va: u64, n: u32, access: u32, table: u32, implicit: bool, reads: bool): usize {
  rmwPending = 0;
  va = wrap(c, va);
  if (shadowing) return shadowHost(table, va, n);
  if (walk(c, va, access, implicit)) return 0;
  const first = walkPhys;
  const page = first >> 12;
  const room: u32 = 4096 - (<u32>va & 0xfff);
  rmwFirst = first;
  if (n <= room) {
    rmwSplit = n;
    if (isWritableRam(page)) {
      const global = walkGlobal;
      const bytes = walkBytes;
      if (table == checkedRead(c) + 65536) {
        rmwPending = n;
      } else if (claimWrite(c, <u32>page)) {
        tlbFill(c, table, va, <u32>ramHost(first & ~(<u64>0xfff)), <u32>page, global, bytes);
        // This CPU may still have records from when the page was CODE.
        if (isTold(c)) rmwPending = n;
      } else {
        rmwPending = n;
      }
      rmwBounced = false;
      return ramHost(first);
    }
    // A frame buffer: no code is ever decoded from it, so it needs no claim.
    const direct = mmioDirect(first);
    if (direct != 0) {
      if (table != checkedRead(c) + 65536) {
        tlbFill(c, table, va, <u32>direct & ~0xfff, <u32>page, walkGlobal, walkBytes);
      }
      return direct;
    }
  } else {
    if (walk(c, wrap(c, va + room), access, implicit)) return 0;
    rmwSecond = walkPhys;
    rmwSplit = room;
  }
  rmwPending = n;
  rmwBounced = true;
  const to = bounce(c, Scratch.RMW);
  // A plain store must not read a chip's register: reads have side effects.
  if (!reads) return to;
  physReadBytes(rmwFirst, rmwSplit, to);
  if (n > rmwSplit) physReadBytes(rmwSecond, n - rmwSplit, to + rmwSplit);
  return to;
}


function rmwCommit(c: Cpu, h: usize): i32 {
  const n = rmwPending;
  rmwPending = 0;
  if (!rmwBounced) return codeWritten(c, rmwFirst, n) ? Status.END : Status.NEXT;
  let hit = physWriteBytes(c, rmwFirst, rmwSplit, h);
  if (n > rmwSplit && physWriteBytes(c, rmwSecond, n - rmwSplit, h + rmwSplit)) hit = true;
  return hit ? Status.END : Status.NEXT;
}

/** Store n bytes (n <= 256) from host memory. */
export function writeBytes(c: Cpu, va: u64, n: u32, from: usize): i32 {
  const hit = tlbLookup(c.tlbWrite, va, n);
  const h = hit ? hit : rmwSlow(c, va, n, false);
  if (!h) return Status.FAULT;
  memory.copy(h, from, n);
  return rmwDone(c, h);
}

/** Would a write of n bytes (n <= 4096) fault? Translates for write without storing. */
export function checkWrite(c: Cpu, va: u64, n: u32): i32 {
  if (tlbLookup(c.tlbWrite, va, n)) return Status.NEXT;
  if (!checkLinear(c, va, n, false)) return Status.FAULT;
  if (shadowing) return shadowHost(c.tlbWrite, wrap(c, va), n) ? Status.NEXT : Status.FAULT;
  const access = (c.cpl == 3 ? <u32>Access.USER : 0) | Access.WRITE;
  if (walk(c, wrap(c, va), access, false)) return Status.FAULT;
  const room: u32 = 4096 - (<u32>va & 0xfff);
  if (n > room && walk(c, wrap(c, va + room), access, false)) return Status.FAULT;
  return Status.NEXT;
}

// System accesses: descriptor tables and task state, with supervisor rights whatever the CPL
// -------------------------

/** Host address of a system structure's T at va, 0 = fault. */
export function sysRead<T>(c: Cpu, va: u64): usize {
  const table = supervisorRead(c);
  const h = tlbLookup(table, va, sizeof<T>());
  if (h) return h;
  if (!checkLinear(c, va, sizeof<T>(), true)) return 0;
  return readAs(c, va, sizeof<T>(), 0, table, true);
}

export function sysWrite<T>(c: Cpu, va: u64, v: T): i32 {
  if (!checkLinear(c, va, sizeof<T>(), true)) return Status.FAULT;
  const h = rmwAs(c, va, sizeof<T>(), Access.WRITE, supervisorRead(c) + 65536, true, false);
  if (!h) return Status.FAULT;
  store<T>(h, v);
  return rmwDone(c, h);
}

/** Host address of a T of a system structure for an atomic update; finish with rmwDone. 0 = fault. */
export function sysRmw<T>(c: Cpu, va: u64): usize {
  if (!checkLinear(c, va, sizeof<T>(), true)) return 0;
  return rmwAs(c, va, sizeof<T>(), Access.WRITE, supervisorRead(c) + 65536, true, true);
}
