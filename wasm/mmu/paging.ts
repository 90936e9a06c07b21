// Page walks: none, 2-level (32-bit), PAE and 4-level paging (SDM vol. 3A ch. 4). Permission rules of 4.6,
// accessed and dirty bits by compare-and-swap (4.8), page-fault error codes of 4.7. 5-level paging and
// protection keys are not offered.

import { Cpu, Status } from "../cpu/state";
import { Vector, raiseError, raisePageFault } from "../cpu/exceptions";
import { Count, count } from "../lib/profile";
import { BOARD } from "../lib/layout";
import { Board } from "../bus/device";
import { codeWritten } from "./code-pages";
import { isRam, physRead, ramHost } from "./physmem";

/** What the access wants (bits as in the page-fault error code). */
export const enum Access { READ = 0, WRITE = 2, USER = 4, FETCH = 16 }

const PTE_P: u64 = 1;
const PTE_W: u64 = 2;
const PTE_U: u64 = 4;
const PTE_A: u64 = 32;
const PTE_D: u64 = 64;
const PTE_PS: u64 = 128;
const PTE_G: u64 = 256;
const PTE_NX: u64 = 1 << 63;
/**
 * Physical address bits of an entry: 40-bit MAXPHYADDR as CPUID leaf 0x80000008 says; bits 51:40 are
 * reserved.
 */
const PTE_ADDRESS: u64 = 0x000000fffffff000;
const PTE_RESERVED_PHYS: u64 = 0x000fff0000000000;
const ERROR_P: u32 = 1;
const ERROR_RSVD: u32 = 8;
const CR0_PG: u64 = 1 << 31;
const CR0_WP: u64 = 1 << 16;
const CR4_PSE: u64 = 1 << 4;
const CR4_PAE: u64 = 1 << 5;
const CR4_PGE: u64 = 1 << 7;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
const EFER_NXE: u64 = 1 << 11;
const FLAG_AC: u64 = 1 << 18;
const A20_BIT: u64 = 1 << 20;

/** Results of the last successful walk (this thread). */
export let walkPhys: u64 = 0;
export let walkGlobal: bool = false;
/** Bytes of the page that maps the address. */
export let walkBytes: u64 = 4096;
/** True when the entry is dirty or the access was a write: a write-table entry may be installed. */
export let walkWritable: bool = false;

/** Gathered over the levels. */
let rights: u64 = 0;
let noExecute: bool = false;

// @ts-ignore: decorator
@inline
function readEntry(pa: u64, bytes: u32): u64 {
  if (!isRam(pa >> 12)) return physRead(pa, bytes);
  return bytes == 8 ? atomic.load<u64>(ramHost(pa)) : <u64>atomic.load<u32>(ramHost(pa));
}

/** Set A (and D) in the entry; false = it changed meanwhile and the walk must begin again. */
function setBits(c: Cpu, pa: u64, bytes: u32, entry: u64, bits: u64): bool {
  if ((entry & bits) == bits) return true;
  if (!isRam(pa >> 12)) return true;
  const h = ramHost(pa);
  const done = bytes == 8
    ? atomic.cmpxchg<u64>(h, entry, entry | bits) == entry
    : atomic.cmpxchg<u32>(h, <u32>entry, <u32>(entry | bits)) == <u32>entry;
  if (done) codeWritten(c, pa, bytes);
  return done;
}

/** Bit 20 is 0 while gate A20 is closed. */
function a20(pa: u64): u64 {
  return atomic.load<u32>(BOARD + <usize>Board.A20_CLOSED) != 0 ? pa & ~A20_BIT : pa;
}

function fault(c: Cpu, va: u64, access: u32, present: u32): i32 {
  // SDM 4.7: I/D is reported only when it can matter (NXE with PAE paging, or SMEP).
  const fetchBit = (access & Access.FETCH) != 0 && ((c.efer & EFER_NXE) != 0 || (c.cr4 & CR4_SMEP) != 0);
  const error = present | (access & (Access.WRITE | Access.USER)) | (fetchBit ? <u32>Access.FETCH : 0);
  return raisePageFault(c, va, error);
}

/** SDM 4.6: may this access use a page with the gathered rights? `ac` = AC counts as set for SMAP. */
function allowed(c: Cpu, access: u32, ac: bool): bool {
  const userPage = (rights & PTE_U) != 0;
  const writable = (rights & PTE_W) != 0;
  if (access & Access.USER) {
    if (!userPage) return false;
    if ((access & Access.WRITE) != 0 && !writable) return false;
    return !((access & Access.FETCH) != 0 && noExecute);
  }
  if (access & Access.FETCH) return !noExecute && !(userPage && (c.cr4 & CR4_SMEP) != 0);
  if (userPage && (c.cr4 & CR4_SMAP) != 0 && !ac) return false;
  return !((access & Access.WRITE) != 0 && !writable && (c.cr0 & CR0_WP) != 0);
}

/**
 * Translate linear address va. `implicit` = a supervisor access that ignores AC (descriptor tables, TSS).
 * NEXT: walkPhys and friends are set. FAULT: #PF is pending.
 */
export function walk(c: Cpu, va: u64, access: u32, implicit: bool): i32 {
  if (!(c.cr0 & CR0_PG)) {
    walkPhys = a20(va & 0xffffffff);
    walkGlobal = true;
    walkBytes = 4096;
    walkWritable = true;
    return Status.NEXT;
  }
  count(changetype<usize>(c), Count.WALKS);
  const ac = !implicit && (c.eflags & FLAG_AC) != 0;
  while (true) {
    const r = c.cr4 & CR4_PAE ? walkLong(c, va, access, ac) : walkLegacy(c, va, access, ac);
    if (r >= 0) return r;
  }
}

/** 4-level and PAE walks; -1 = begin again. */
function walkLong(c: Cpu, va: u64, access: u32, ac: bool): i32 {
  rights = PTE_W | PTE_U;
  noExecute = false;
  const nxe = (c.efer & EFER_NXE) != 0;
  const reserved: u64 = PTE_RESERVED_PHYS | (nxe ? 0 : PTE_NX);
  let table = c.cr3 & PTE_ADDRESS;
  let shift: u64 = 39;
  if (!c.longMode) {
    va &= 0xffffffff;
    const which = <u32>(va >> 30) & 3;
    const pdpte = which == 0 ? c.pdpte0 : which == 1 ? c.pdpte1 : which == 2 ? c.pdpte2 : c.pdpte3;
    if (!(pdpte & PTE_P)) return fault(c, va, access, 0);
    table = pdpte & PTE_ADDRESS;
    shift = 21;
  }
  while (true) {
    const at = table + (((va >> shift) & 511) << 3);
    const entry = readEntry(at, 8);
    if (!(entry & PTE_P)) return fault(c, va, access, 0);
    let bad = entry & reserved;
    const leaf = shift == 12 || ((entry & PTE_PS) != 0 && shift <= 30);
    if (shift == 39) bad |= entry & PTE_PS;
    // Bits 12 (PAT) excepted, the address bits below a large page are reserved.
    if (leaf && shift > 12) bad |= entry & (((<u64>1 << shift) - 1) & ~(<u64>0x1fff));
    if (!c.longMode) bad |= entry & 0x7ff0000000000000;
    if (bad) return fault(c, va, access, ERROR_P | ERROR_RSVD);
    rights &= entry;
    if (entry & PTE_NX) noExecute = true;
    if (leaf) return finish(c, va, access, ac, at, entry, 8, <u64>1 << shift);
    if (!setBits(c, at, 8, entry, PTE_A)) return -1;
    table = entry & PTE_ADDRESS;
    shift -= 9;
  }
}

/** 32-bit paging with 4 KiB and, with CR4.PSE, 4 MiB pages. */
function walkLegacy(c: Cpu, va: u64, access: u32, ac: bool): i32 {
  va &= 0xffffffff;
  rights = PTE_W | PTE_U;
  noExecute = false;
  const at = (c.cr3 & 0xfffff000) + ((va >> 22) << 2);
  const pde = readEntry(at, 4);
  if (!(pde & PTE_P)) return fault(c, va, access, 0);
  rights &= pde;
  if ((pde & PTE_PS) != 0 && (c.cr4 & CR4_PSE) != 0) {
    // PSE-36: bits 20:13 are address bits 39:32; bit 21 is reserved.
    if (pde & (1 << 21)) return fault(c, va, access, ERROR_P | ERROR_RSVD);
    const wide = (pde & 0xffc00000) | ((pde & 0x1fe000) << 19) | (pde & 0xfff);
    return finish(c, va, access, ac, at, pde, 4, 0x400000, wide);
  }
  if (!setBits(c, at, 4, pde, PTE_A)) return -1;
  const at2 = (pde & 0xfffff000) + (((va >> 12) & 1023) << 2);
  const pte = readEntry(at2, 4);
  if (!(pte & PTE_P)) return fault(c, va, access, 0);
  rights &= pte;
  return finish(c, va, access, ac, at2, pte, 4, 4096);
}

/** The leaf: rights, A and D, result. */
function finish(c: Cpu, va: u64, access: u32, ac: bool, at: u64, entry: u64, bytes: u32, size: u64,
  wide: u64 = 0): i32 {
  if (!allowed(c, access, ac)) return fault(c, va, access, ERROR_P);
  const write = (access & Access.WRITE) != 0;
  if (!setBits(c, at, bytes, entry, write ? PTE_A | PTE_D : PTE_A)) return -1;
  const frame = (wide ? wide : entry) & PTE_ADDRESS & ~(size - 1);
  walkPhys = a20(frame | (va & (size - 1)));
  walkGlobal = (entry & PTE_G) != 0 && (c.cr4 & CR4_PGE) != 0;
  walkBytes = size;
  walkWritable = write;
  return Status.NEXT;
}

/**
 * MOV to CR3 (and mode changes) in PAE paging: load and check the four PDPTEs (SDM 4.4.1); #GP(0) on reserved
 * bits.
 */
export function loadPdptes(c: Cpu): i32 {
  const base = c.cr3 & 0xffffffe0;
  const reserved: u64 = 0xffffff00000001e6;
  const e0 = readEntry(base, 8);
  const e1 = readEntry(base + 8, 8);
  const e2 = readEntry(base + 16, 8);
  const e3 = readEntry(base + 24, 8);
  if (((e0 & PTE_P) != 0 && (e0 & reserved) != 0) || ((e1 & PTE_P) != 0 && (e1 & reserved) != 0) ||
      ((e2 & PTE_P) != 0 && (e2 & reserved) != 0) || ((e3 & PTE_P) != 0 && (e3 & reserved) != 0)) {
    return raiseError(c, Vector.GP, 0);
  }
  c.pdpte0 = e0;
  c.pdpte1 = e1;
  c.pdpte2 = e2;
  c.pdpte3 = e3;
  return Status.NEXT;
}
