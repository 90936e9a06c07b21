// Control and debug registers (SDM vol. 3A 2.5, 18.2; vol. 2B MOV CR, MOV DR, LMSW, SMSW, CLTS, XSETBV).
// Every rule that makes a value illegal is here; what a change means for paging is mmu/tlb.ts, for modes
// cpu/mode.ts. Left out: CET, PKU, PCID, LA57, VMXE, SMXE.

import { CodeMode, Cpu, Status } from "../cpu/state";
import { Vector, raise, raiseDebug, raiseError } from "../cpu/exceptions";
import { Cr0, Cr4, Efer, Attr, updateMode } from "../cpu/mode";
import { Feature, PHYSICAL_BITS, xcr0Supported } from "../cpu/cpuid";
import { Seg, segment } from "../cpu/state";
import { readReg, recIsMem, recOpSize, recReg, recRm, writeReg } from "../decode/record";
import { linear, readHost, writeValue } from "../mmu/access";
import { loadPdptes } from "../mmu/paging";
import { tlbFlushNonGlobal, tlbResetMode, tlbSelectBank } from "../mmu/tlb";
import { lapicReadTpr, lapicWriteTpr } from "../cpu/lapic/lapic";

const CR0_PG: u64 = 0x80000000;
/** Bits of CR0 that exist; the others are ignored on a write of bits 31:0 and ET reads 1. */
const CR0_MASK: u64 = 0xE005003F;
/** A change of these changes translation or access rights. */
const CR0_PAGING: u64 = 0x80010001;
const CR0_LMSW: u64 = Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS;

const CR4_BASE: u64 = Cr4.VME | Cr4.PVI | Cr4.TSD | Cr4.DE | Cr4.PSE | Cr4.PAE | Cr4.MCE | Cr4.PGE | Cr4.PCE
  | Cr4.OSFXSR
  | Cr4.OSXMMEXCPT;
const CR4_PAGING: u64 = Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP | Cr4.SMAP;
/** In PAE paging a change of these loads the PDPTEs again (SDM 3A 4.4.1). */
const CR4_PDPTE: u64 = Cr4.PAE | Cr4.PGE | Cr4.PSE | Cr4.SMEP;
const HIGH_HALF: u64 = 0xFFFFFFFF00000000;

/** Debug registers (SDM 3B 18.2). */
const DR6_FIXED: u64 = 0xFFFF0FF0;
const DR6_WRITABLE: u64 = 0xE00F;
const DR6_BD: u64 = 0x2000;
const DR7_FIXED: u64 = 0x400;
const DR7_WRITABLE: u64 = 0xFFFF23FF;
const DR7_GD: u64 = 0x2000;

// @ts-ignore: decorator
@inline
function gp(c: Cpu): i32 { return raiseError(c, Vector.GP, 0); }

/** Bits of CR4 that may be set. */
function cr4Supported(): u64 {
  let v = CR4_BASE;
  if (Feature.UMIP) v |= Cr4.UMIP;
  if (Feature.FSGSBASE) v |= Cr4.FSGSBASE;
  if (xcr0Supported()) v |= Cr4.OSXSAVE;
  if (Feature.SMEP) v |= Cr4.SMEP;
  if (Feature.SMAP) v |= Cr4.SMAP;
  return v;
}

/** PAE paging outside long mode: CR3 points at four PDPTEs that the CPU holds. */
function usesPdptes(cr0: u64, cr4: u64, efer: u64): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & Cr4.PAE) != 0 && (efer & Efer.LME) == 0;
}

/** Write CR0 with every check. FAULT or END. */
export function writeCr0(c: Cpu, value: u64): i32 {
  if ((value & HIGH_HALF) != 0) return gp(c);
  const next = (value & CR0_MASK) | Cr0.ET;
  const old = c.cr0;
  if ((next & CR0_PG) != 0 && (next & Cr0.PE) == 0) return gp(c);
  if ((next & Cr0.NW) != 0 && (next & Cr0.CD) == 0) return gp(c);
  const turnsOn = (next & CR0_PG) != 0 && (old & CR0_PG) == 0;
  const turnsOff = (next & CR0_PG) == 0 && (old & CR0_PG) != 0;
  if (turnsOn && (c.efer & Efer.LME) != 0) {
    if ((c.cr4 & Cr4.PAE) == 0) return gp(c);
    if ((<u32>segment(c, Seg.CS).attr & Attr.L) != 0) return gp(c);
  }
  // Paging can only be left from compatibility mode (SDM 3A 10.8.5.4).
  if (turnsOff && c.mode64) return gp(c);
  if (usesPdptes(next, c.cr4, c.efer) && ((next ^ old) & (CR0_PG | Cr0.CD | Cr0.NW)) != 0) {
    const status = loadPdptes(c);
    if (status) return status;
  }
  c.cr0 = next;
  if (turnsOn && (c.efer & Efer.LME) != 0) c.efer |= Efer.LMA;
  if (turnsOff) c.efer &= ~(<u64>Efer.LMA);
  if (((next ^ old) & CR0_PAGING) != 0) tlbResetMode(c);
  if (next != old) updateMode(c);
  return Status.END;
}

function writeCr3(c: Cpu, value: u64): i32 {
  const reserved: u64 = c.longMode ? ~((<u64>1 << PHYSICAL_BITS) - 1) : HIGH_HALF;
  if ((value & reserved) != 0) return gp(c);
  const old = c.cr3;
  c.cr3 = value;
  if (usesPdptes(c.cr0, c.cr4, c.efer)) {
    const status = loadPdptes(c);
    if (status) {
      c.cr3 = old;
      return status;
    }
  }
  tlbFlushNonGlobal(c);
  return Status.END;
}

function writeCr4(c: Cpu, value: u64): i32 {
  if ((value & ~cr4Supported()) != 0) return gp(c);
  if ((value & Cr4.PAE) == 0 && c.longMode) return gp(c);
  const changed = value ^ c.cr4;
  if (usesPdptes(c.cr0, value, c.efer) && (changed & CR4_PDPTE) != 0) {
    const status = loadPdptes(c);
    if (status) return status;
  }
  c.cr4 = value;
  if ((changed & CR4_PAGING) != 0) tlbResetMode(c);
  if (changed != 0) updateMode(c);
  return Status.END;
}

/** MOV r, CRn. */
export function hMovFromCr(c: Cpu, r: usize): i32 {
  let v: u64;
  switch (recReg(r)) {
    case 0: v = c.cr0; break;
    case 2: v = c.cr2; break;
    case 3: v = c.cr3; break;
    case 4: v = c.cr4; break;
    case 8: v = <u64>lapicReadTpr(c.id) >> 4; break;
    default: return raise(c, Vector.UD);
  }
  if (c.cpl != 0) return gp(c);
  if (c.mode64) writeReg<u64>(c, recRm(r), v);
  else writeReg<u32>(c, recRm(r), <u32>v);
  return Status.NEXT;
}

/** MOV CRn, r. */
export function hMovToCr(c: Cpu, r: usize): i32 {
  const n = recReg(r);
  if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8) return raise(c, Vector.UD);
  if (c.cpl != 0) return gp(c);
  const v: u64 = c.mode64 ? readReg<u64>(c, recRm(r)) : <u64>readReg<u32>(c, recRm(r));
  switch (n) {
    case 0: return writeCr0(c, v);
    case 2:
      c.cr2 = v;
      return Status.NEXT;
    case 3: return writeCr3(c, v);
    case 4: return writeCr4(c, v);
    default: {
      if (v > 15) return gp(c);
      lapicWriteTpr(c.id, <u32>v << 4);
      return Status.END;
    }
  }
}

/** DR4 and DR5 are DR6 and DR7 while CR4.DE = 0, else #UD; -1 = #UD. */
function debugNumber(c: Cpu, n: u32): i32 {
  if (n > 7) return -1;
  if (n == 4 || n == 5) return (c.cr4 & Cr4.DE) != 0 ? -1 : n + 2;
  return n;
}

/** The checks common to both directions. NEXT or FAULT. */
function checkDebugAccess(c: Cpu, n: i32): i32 {
  if (n < 0) return raise(c, Vector.UD);
  if (c.cpl != 0) return gp(c);
  // General detect: #DB before the access; delivery sets BD and clears GD (SDM 3B 18.2.4).
  if ((c.dr7 & DR7_GD) != 0) {
    c.dr7 &= ~DR7_GD;
    return raiseDebug(c, DR6_BD);
  }
  return Status.NEXT;
}

export function hMovFromDr(c: Cpu, r: usize): i32 {
  const n = debugNumber(c, recReg(r));
  const status = checkDebugAccess(c, n);
  if (status) return status;
  let v: u64;
  switch (n) {
    case 0: v = c.dr0; break;
    case 1: v = c.dr1; break;
    case 2: v = c.dr2; break;
    case 3: v = c.dr3; break;
    case 6: v = (c.dr6 & DR6_WRITABLE) | DR6_FIXED; break;
    default: v = c.dr7 | DR7_FIXED;
  }
  if (c.mode64) writeReg<u64>(c, recRm(r), v);
  else writeReg<u32>(c, recRm(r), <u32>v);
  return Status.NEXT;
}

export function hMovToDr(c: Cpu, r: usize): i32 {
  const n = debugNumber(c, recReg(r));
  const status = checkDebugAccess(c, n);
  if (status) return status;
  const v: u64 = c.mode64 ? readReg<u64>(c, recRm(r)) : <u64>readReg<u32>(c, recRm(r));
  switch (n) {
    case 0: c.dr0 = v; break;
    case 1: c.dr1 = v; break;
    case 2: c.dr2 = v; break;
    case 3: c.dr3 = v; break;
    case 6:
      if ((v & HIGH_HALF) != 0) return gp(c);
      c.dr6 = (v & DR6_WRITABLE) | DR6_FIXED;
      break;
    default:
      if ((v & HIGH_HALF) != 0) return gp(c);
      c.dr7 = (v & DR7_WRITABLE) | DR7_FIXED;
      // Enabled breakpoints take data accesses through the slow path.
      tlbSelectBank(c);
  }
  return Status.END;
}

export function hClts(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  c.cr0 &= ~(<u64>Cr0.TS);
  return Status.END;
}

/** SMSW: the low word of CR0; a wider register gets CR0 itself. */
export function hSmsw(c: Cpu, r: usize): i32 {
  if ((c.cr4 & Cr4.UMIP) != 0 && c.cpl != 0) return gp(c);
  if (recIsMem(r)) return writeValue<u16>(c, linear<u16>(c, r, true), <u16>c.cr0);
  switch (recOpSize(r)) {
    case 1: writeReg<u16>(c, recRm(r), <u16>c.cr0); break;
    case 2: writeReg<u32>(c, recRm(r), <u32>c.cr0); break;
    default: writeReg<u64>(c, recRm(r), c.cr0);
  }
  return Status.NEXT;
}

/** LMSW: PE MP EM TS; PE can be set but not cleared. */
export function hLmsw(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  let v: u64;
  if (recIsMem(r)) {
    const h = readHost<u16>(c, linear<u16>(c, r, false));
    if (!h) return Status.FAULT;
    v = load<u16>(h);
  } else {
    v = readReg<u16>(c, recRm(r));
  }
  return writeCr0(c, (c.cr0 & ~(CR0_LMSW & ~(<u64>Cr0.PE))) | (v & CR0_LMSW));
}

/** XGETBV: ECX = 0 gives XCR0, 1 the features in use (INIT optimisation is not tracked: all of XCR0). */
export function hXgetbv(c: Cpu, r: usize): i32 {
  if ((c.cr4 & Cr4.OSXSAVE) == 0) return raise(c, Vector.UD);
  if (<u32>c.rcx > 1) return gp(c);
  c.rax = <u64><u32>c.xcr0;
  c.rdx = c.xcr0 >> 32;
  return Status.NEXT;
}

export function hXsetbv(c: Cpu, r: usize): i32 {
  if ((c.cr4 & Cr4.OSXSAVE) == 0) return raise(c, Vector.UD);
  if (c.cpl != 0 || <u32>c.rcx != 0) return gp(c);
  const X87: u64 = 1, SSE: u64 = 2, AVX: u64 = 4;
  const v = (c.rdx << 32) | (c.rax & 0xFFFFFFFF);
  if ((v & X87) == 0 || (v & ~xcr0Supported()) != 0) return gp(c);
  if ((v & AVX) != 0 && (v & SSE) == 0) return gp(c);
  c.xcr0 = v;
  return Status.END;
}
