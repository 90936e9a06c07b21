// CPUID, MSRs, TSC, descriptor-table registers, interrupt flag, HLT, TLB maintenance, FS and GS bases,
// hypercalls (SDM vol. 2). Control and debug registers are in control.ts. There is no cache to write back:
// INVD and WBINVD only check the privilege.

import { Cpu, RunState, Seg, Status, segment } from "../cpu/state";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { Cr4, Rflags, iopl, isCanonical, isProtected, isV86, refreshSegment } from "../cpu/mode";
import { OPTION_MONITOR, cpuid } from "../cpu/cpuid";
import { msrValue, readMsr, writeMsr } from "../cpu/msr";
import { hypercall, pvTakeKick } from "../cpu/paravirt";
import { random64, randomIsSeeded } from "../cpu/random";
import { setExplicit } from "../cpu/flags";
import { readTsc } from "../cpu/tsc";
import { Control, control32 } from "../lib/control";
import { noRequests } from "../cpu/inbox";
import { CPU_RECORDS, CPU_RECORDS_BYTES, CPU_SCRATCH, RECORD_BYTES } from "../lib/layout";
import { Op, readReg, recOp, recOpSize, recRm, recSeg, writeReg } from "../decode/record";
import { ea, linearBytes, readBytes, writeBytes } from "../mmu/access";
import { tlbFlushPage, tlbSelectBank } from "../mmu/tlb";

/** Scratch for a 10-byte descriptor-table operand, behind the bounce buffers of mmu/access.ts. */
const PSEUDO_DESCRIPTOR: u32 = 0xA00;
const LOW32: u64 = 0xFFFFFFFF;

// @ts-ignore: decorator
@inline
function gp(c: Cpu): i32 { return raiseError(c, Vector.GP, 0); }

export function hCpuid(c: Cpu, r: usize): i32 {
  cpuid(c);
  return Status.NEXT;
}

export function hRdmsr(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  const status = readMsr(c, <u32>c.rcx);
  if (status) return status;
  c.rax = msrValue & LOW32;
  c.rdx = msrValue >> 32;
  return Status.NEXT;
}

export function hWrmsr(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  return writeMsr(c, <u32>c.rcx, (c.rdx << 32) | (c.rax & LOW32));
}

// @ts-ignore: decorator
@inline
function tscAllowed(c: Cpu): bool {
  return (c.cr4 & Cr4.TSD) == 0 || c.cpl == 0;
}

/** The time to EDX:EAX; false = not at this privilege. */
export function loadTsc(c: Cpu): bool {
  if (!tscAllowed(c)) return false;
  const t = readTsc(c);
  c.rax = t & LOW32;
  c.rdx = t >> 32;
  return true;
}

export function hRdtsc(c: Cpu, r: usize): i32 {
  return loadTsc(c) ? Status.NEXT : gp(c);
}

export function hRdtscp(c: Cpu, r: usize): i32 {
  if (!loadTsc(c)) return gp(c);
  c.rcx = c.tscAux & LOW32;
  return Status.NEXT;
}

/** There are no performance counters: every index is #GP(0). */
export function hRdpmc(c: Cpu, r: usize): i32 {
  return gp(c);
}

export function hRdpid(c: Cpu, r: usize): i32 {
  if (c.mode64) writeReg<u64>(c, recRm(r), c.tscAux);
  else writeReg<u32>(c, recRm(r), <u32>c.tscAux);
  return Status.NEXT;
}

/** RDRAND, RDSEED: CF = 1 and the other flags 0 with a value; all 0 without a generator. */
export function hRdrand(c: Cpu, r: usize): i32 {
  const ok = randomIsSeeded();
  const v: u64 = ok ? random64(c) : 0;
  if (recOpSize(r) == 1) writeReg<u16>(c, recRm(r), <u16>v);
  else if (recOpSize(r) == 2) writeReg<u32>(c, recRm(r), <u32>v);
  else writeReg<u64>(c, recRm(r), v);
  setExplicit(c, ok ? <u64>Rflags.CF : 0);
  return Status.NEXT;
}

// Descriptor-table registers -----------------------------------------------------------------------

/** Store limit and base: 6 bytes, 10 in 64-bit mode. */
function storeTable(c: Cpu, r: usize, base: u64, limit: u32): i32 {
  if ((c.cr4 & Cr4.UMIP) != 0 && c.cpl != 0) return gp(c);
  const n: u32 = c.mode64 ? 10 : 6;
  const at = changetype<usize>(c) + CPU_SCRATCH + PSEUDO_DESCRIPTOR;
  store<u16>(at, <u16>limit);
  store<u64>(at, base, 2);
  return writeBytes(c, linearBytes(c, recSeg(r), ea(c, r), n, true), n, at);
}

export function hSgdt(c: Cpu, r: usize): i32 { return storeTable(c, r, c.gdtrBase, c.gdtrLimit); }
export function hSidt(c: Cpu, r: usize): i32 { return storeTable(c, r, c.idtrBase, c.idtrLimit); }

/** Address of the operand of LGDT and LIDT, 0 = fault. */
function loadTable(c: Cpu, r: usize): usize {
  if (c.cpl != 0) {
    gp(c);
    return 0;
  }
  const n: u32 = c.mode64 ? 10 : 6;
  const h = readBytes(c, linearBytes(c, recSeg(r), ea(c, r), n, false), n);
  if (h && c.mode64 && !isCanonical(load<u64>(h, 2))) {
    gp(c);
    return 0;
  }
  return h;
}

/** Base of a pseudo-descriptor: 64 bits in 64-bit mode; 24 with a 16-bit operand size (SDM 2A LGDT). */
function tableBase(c: Cpu, r: usize, h: usize): u64 {
  if (c.mode64) return load<u64>(h, 2);
  const base = load<u32>(h, 2);
  return recOpSize(r) == 1 ? base & 0xFFFFFF : base;
}

export function hLgdt(c: Cpu, r: usize): i32 {
  const h = loadTable(c, r);
  if (!h) return Status.FAULT;
  c.gdtrBase = tableBase(c, r, h);
  c.gdtrLimit = load<u16>(h);
  return Status.NEXT;
}

export function hLidt(c: Cpu, r: usize): i32 {
  const h = loadTable(c, r);
  if (!h) return Status.FAULT;
  c.idtrBase = tableBase(c, r, h);
  c.idtrLimit = load<u16>(h);
  return Status.NEXT;
}

// Interrupt flag and HLT ---------------------------------------------------------------------------

/** CLI and STI: which flag they act on (SDM 2A table 3-6 for CLI, 2B for STI). */
const enum IfTarget { IF = 0, VIF = 1, GP = 2 }

function interruptTarget(c: Cpu): IfTarget {
  if (!isProtected(c) || iopl(c) >= c.cpl) return IfTarget.IF;
  const virtual = isV86(c) ? (c.cr4 & Cr4.VME) != 0 : c.cpl == 3 && (c.cr4 & Cr4.PVI) != 0;
  return virtual ? IfTarget.VIF : IfTarget.GP;
}

export function hCli(c: Cpu, r: usize): i32 {
  const target = interruptTarget(c);
  if (target == IfTarget.GP) return gp(c);
  if (target == IfTarget.IF) c.eflags &= ~(<u64>Rflags.IF);
  else c.eflags &= ~(<u64>Rflags.VIF);
  return Status.NEXT;
}

/** STI: interrupts are taken only after the next instruction when IF was 0. */
export function hSti(c: Cpu, r: usize): i32 {
  const target = interruptTarget(c);
  if (target == IfTarget.GP) return gp(c);
  if (target == IfTarget.VIF) {
    if ((c.eflags & Rflags.VIP) != 0) return gp(c);
    c.eflags |= Rflags.VIF;
    return Status.NEXT;
  }
  if ((c.eflags & Rflags.IF) != 0) return Status.NEXT;
  c.eflags |= Rflags.IF;
  // Nothing to deliver, and the next record runs before `attention` is looked at again: that is the shadow.
  if (followedInPage(c, r) && noRequests(c)) return Status.NEXT;
  c.shadow = 1;
  return Status.END;
}

/** Is the record behind r, one of a decoded page, an instruction? */
function followedInPage(c: Cpu, r: usize): bool {
  if (r - changetype<usize>(c) - CPU_RECORDS >= CPU_RECORDS_BYTES) return false;
  const op = recOp(r + RECORD_BYTES);
  return op == Op.GENERIC || op >= <u32>Op.FIRST;
}

export function hHlt(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  if (!pvTakeKick(c)) c.runState = RunState.HALTED;
  return Status.END;
}

export function hClac(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return raise(c, Vector.UD);
  c.eflags &= ~(<u64>Rflags.AC);
  tlbSelectBank(c);
  return Status.NEXT;
}

export function hStac(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return raise(c, Vector.UD);
  c.eflags |= Rflags.AC;
  tlbSelectBank(c);
  return Status.NEXT;
}

// Caches and TLB -----------------------------------------------------------------------------------

/** INVLPG: segment limits are not checked; a non-canonical address does nothing. */
export function hInvlpg(c: Cpu, r: usize): i32 {
  if (c.cpl != 0) return gp(c);
  const seg = recSeg(r), offset = ea(c, r);
  let va: u64;
  if (c.mode64) va = seg >= <u32>Seg.FS ? segment(c, seg).base + offset : offset;
  else va = (segment(c, seg).base + offset) & LOW32;
  if (!c.longMode || isCanonical(va)) tlbFlushPage(c, va);
  // The page being executed may be the one that went away.
  return Status.END;
}

export function hInvd(c: Cpu, r: usize): i32 {
  return c.cpl != 0 ? gp(c) : Status.NEXT;
}

/** Outside system-management mode: #UD. */
export function hRsm(c: Cpu, r: usize): i32 {
  return raise(c, Vector.UD);
}

// @ts-ignore: decorator
@inline
function monitorAllowed(c: Cpu): bool {
  return c.cpl == 0 && (control32(Control.OPTIONS) & OPTION_MONITOR) != 0;
}

/**
 * MONITOR arms nothing: MWAIT below never sleeps long, which the SDM allows (a store "may" have happened).
 */
export function hMonitor(c: Cpu, r: usize): i32 {
  if (!monitorAllowed(c)) return raise(c, Vector.UD);
  return <u32>c.rcx != 0 ? gp(c) : Status.NEXT;
}

export function hMwait(c: Cpu, r: usize): i32 {
  if (!monitorAllowed(c)) return raise(c, Vector.UD);
  return <u32>c.rcx > 1 ? gp(c) : Status.END;
}

// Segment bases ------------------------------------------------------------------------------------

function readBase(c: Cpu, r: usize, seg: Seg): i32 {
  if ((c.cr4 & Cr4.FSGSBASE) == 0) return raise(c, Vector.UD);
  const base = segment(c, seg).base;
  if (recOpSize(r) == 3) writeReg<u64>(c, recRm(r), base);
  else writeReg<u32>(c, recRm(r), <u32>base);
  return Status.NEXT;
}

function writeBase(c: Cpu, r: usize, seg: Seg): i32 {
  if ((c.cr4 & Cr4.FSGSBASE) == 0) return raise(c, Vector.UD);
  const v: u64 = recOpSize(r) == 3 ? readReg<u64>(c, recRm(r)) : <u64>readReg<u32>(c, recRm(r));
  if (!isCanonical(v)) return gp(c);
  segment(c, seg).base = v;
  refreshSegment(c, seg);
  return Status.NEXT;
}

export function hRdfsbase(c: Cpu, r: usize): i32 { return readBase(c, r, Seg.FS); }
export function hRdgsbase(c: Cpu, r: usize): i32 { return readBase(c, r, Seg.GS); }
export function hWrfsbase(c: Cpu, r: usize): i32 { return writeBase(c, r, Seg.FS); }
export function hWrgsbase(c: Cpu, r: usize): i32 { return writeBase(c, r, Seg.GS); }

export function hVmcall(c: Cpu, r: usize): i32 {
  hypercall(c);
  return Status.END;
}
