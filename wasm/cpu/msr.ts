// Model-specific registers (SDM vol. 4; KVM MSRs: Linux Documentation/virt/kvm/x86/msr.rst). RULES below is
// the one table: RDMSR, WRMSR and reset all read it, and a number that it does not hold is #GP(0) on every
// CPU alike, logged once. IA32_ARCH_CAPABILITIES announces every "not affected" bit and enhanced IBRS, so
// that a kernel turns no costly mitigation on. Left out: performance counters, machine checks that happen,
// microcode, thermal and power control, RAPL.

import { Cpu, CpuBlock, Seg, Status, segment } from "./state";
import { Vector, raiseError } from "./exceptions";
import { Efer, isCanonical, refreshSegment, updateMode } from "./mode";
import { PHYSICAL_BITS, Feature } from "./cpuid";
import { deadlineNs, readTsc, writeTsc, writeTscAdjust } from "./tsc";
import { pvWriteMsr } from "./paravirt";
import { hostLog } from "../lib/host";
import { Log } from "../lib/log";
import { tlbResetMode } from "../mmu/tlb";
import {
  lapicReadMsr, lapicWriteMsr, lapicSetBase, lapicReadTscDeadline, lapicWriteTscDeadline,
} from "./lapic/lapic";

/** How a register behaves. */
const enum Rule {
  /** A 64-bit word of the CPU; bits outside the writable mask are #GP. */
  STORED = 0,
  /** A stored word that must be canonical. */
  CANONICAL = 1,
  /** Reads the reset value; writes are #GP. */
  CONSTANT = 2,
  /** Reads the reset value; writes are dropped. */
  IGNORED = 3,
  /** Base of a segment register; PLACE is its number. Canonical. */
  SEGMENT_BASE = 4,
  TSC = 5,
  TSC_ADJUST = 6,
  APIC_BASE = 7,
  TSC_DEADLINE = 8,
  X2APIC = 9,
  EFER = 10,
  /** Eight memory types, one per byte: PAT (UC- allowed) and fixed MTRRs. */
  PAT = 11,
  MTRR_FIXED = 12,
  MTRR_BASE = 13,
  MTRR_DEF = 14,
  /** Machine-check status, address, misc: only 0 may be written. */
  ZERO_ONLY = 15,
  /** Write-only command: IBPB, L1D flush. */
  COMMAND = 16,
  /** Stored, then cpu/paravirt.ts acts on it. */
  KVM = 17,
  /** Stored 32-bit value; bits above are dropped (TSC_AUX is #GP there: STORED). */
  FEATURE_CONTROL = 18,
}

/** Slots of CpuBlock.MSRS (byte offsets). */
const enum Slot {
  FEATURE_CONTROL = 0x00, SPEC_CTRL = 0x08, MCG_STATUS = 0x10, MCG_CTL = 0x18, MISC_ENABLE = 0x20,
  MTRR_DEF = 0x28, MTRR_VAR = 0x40, MTRR_FIX64 = 0xC0, MTRR_FIX16 = 0xC8, MTRR_FIX4 = 0xD8, MC_BANKS = 0x120,
  DEBUGCTL = 0x228, MISC_FEATURES = 0x230, KVM_WALL_CLOCK = 0x240, KVM_SYSTEM_TIME = 0x248,
  KVM_STEAL_TIME = 0x258, KVM_EOI = 0x260, KVM_POLL = 0x268,
}

const BLOCK: u64 = CpuBlock.MSRS;
const ALL: u64 = 0xFFFFFFFFFFFFFFFF;
const PHYS_MASK: u64 = ((<u64>1 << PHYSICAL_BITS) - 1);
const MC_BANK_COUNT: u64 = 4;
/** MCG_CTL_P: IA32_MCG_CTL exists. */
const MCG_CAP: u64 = 0x100 | MC_BANK_COUNT;
/** 8 variable ranges, fixed ranges, write combining. */
const MTRR_CAP: u64 = 0x508;
/** Fast strings; BTS and PEBS unavailable. */
const MISC_ENABLE_RESET: u64 = 0x1801;
const MISC_ENABLE_WRITABLE: u64 = 0x400C51889;
/** UC-, UC, WT, WB twice (SDM 3A 12.12.4). */
const PAT_RESET: u64 = 0x0007040600070406;
/** Locked, nothing enabled. */
const FEATURE_CONTROL_RESET: u64 = 1;
/** IBRS, STIBP, SSBD, BHI_DIS_S. */
const SPEC_CTRL_WRITABLE: u64 = 0x407;
/**
 * RDCL_NO 0, IBRS_ALL 1, SKIP_L1DFL_VMENTRY 3, SSB_NO 4, MDS_NO 5, PSCHANGE_MC_NO 6, TAA_NO 8,
 * SBDR_SSDP_NO 13, FBSDP_NO 14, PSDP_NO 15, FB_CLEAR absent, BHI_NO 20, PBRSB_NO 24, GDS_NO 26, RFDS_NO 27,
 * ITS_NO 62. RSBA and RRSBA absent: RET never predicts from elsewhere.
 */
const ARCH_CAPABILITIES: u64 = 0x400000000D10E17B;

/**
 * Columns of RULES, u64 each: FIRST and LAST number, RULE, PLACE (byte offset in Cpu of FIRST), WRITABLE
 * bits, RESET.
 */
const enum Col { FIRST = 0, LAST = 8, RULE = 16, PLACE = 24, WRITABLE = 32, RESET = 40, BYTES = 48 }

const END_OF_RULES: u64 = ALL;

const RULES = memory.data<u64>([
  // IA32_P5_MC_ADDR, TYPE
  0x00, 0x01, Rule.CONSTANT, 0, 0, 0,
  // IA32_TIME_STAMP_COUNTER, IA32_PLATFORM_ID, IA32_APIC_BASE
  0x10, 0x10, Rule.TSC, 0, ALL, 0,
  0x17, 0x17, Rule.CONSTANT, 0, 0, 0,
  0x1B, 0x1B, Rule.APIC_BASE, offsetof<Cpu>("apicBase"), 0xFFFFFFFD00, 0xFEE00800,
  // EBL_CR_POWERON, MSR_SMI_COUNT
  0x2A, 0x2A, Rule.IGNORED, 0, 0, 0,
  0x34, 0x34, Rule.CONSTANT, 0, 0, 0,
  // IA32_FEATURE_CONTROL, IA32_TSC_ADJUST, IA32_SPEC_CTRL, IA32_PRED_CMD
  0x3A, 0x3A, Rule.FEATURE_CONTROL, BLOCK + Slot.FEATURE_CONTROL, 0, FEATURE_CONTROL_RESET,
  0x3B, 0x3B, Rule.TSC_ADJUST, offsetof<Cpu>("tscAdjust"), ALL, 0,
  0x48, 0x48, Rule.STORED, BLOCK + Slot.SPEC_CTRL, SPEC_CTRL_WRITABLE, 0,
  0x49, 0x49, Rule.COMMAND, 0, 1, 0,
  // IA32_BIOS_UPDT_TRIG, IA32_BIOS_SIGN_ID: no microcode is ever loaded; the signature reads revision 1.
  0x79, 0x79, Rule.IGNORED, 0, 0, 0,
  0x8B, 0x8B, Rule.IGNORED, 0, 0, 0x100000000,
  // MSR_PLATFORM_INFO, IA32_MTRRCAP, IA32_ARCH_CAPABILITIES, IA32_FLUSH_CMD
  0xCE, 0xCE, Rule.CONSTANT, 0, 0, 0,
  0xE7, 0xE8, Rule.CONSTANT, 0, 0, 0,
  0xFE, 0xFE, Rule.CONSTANT, 0, 0, MTRR_CAP,
  0x10A, 0x10A, Rule.CONSTANT, 0, 0, ARCH_CAPABILITIES,
  0x10B, 0x10B, Rule.COMMAND, 0, 1, 0,
  // MISC_FEATURES_ENABLES: no CPUID faulting; a kernel writes back the 0 that it reads.
  0x140, 0x140, Rule.STORED, BLOCK + Slot.MISC_FEATURES, 0, 0,
  // IA32_SYSENTER_CS, ESP, EIP
  0x174, 0x174, Rule.STORED, offsetof<Cpu>("sysenterCs"), 0xFFFFFFFF, 0,
  0x175, 0x175, Rule.CANONICAL, offsetof<Cpu>("sysenterEsp"), ALL, 0,
  0x176, 0x176, Rule.CANONICAL, offsetof<Cpu>("sysenterEip"), ALL, 0,
  // IA32_MCG_CAP, STATUS, CTL
  0x179, 0x179, Rule.CONSTANT, 0, 0, MCG_CAP,
  0x17A, 0x17A, Rule.STORED, BLOCK + Slot.MCG_STATUS, 7, 0,
  0x17B, 0x17B, Rule.STORED, BLOCK + Slot.MCG_CTL, ALL, ALL,
  // IA32_MISC_ENABLE, IA32_DEBUGCTL (LBR and BTF are accepted and do nothing)
  0x1A0, 0x1A0, Rule.STORED, BLOCK + Slot.MISC_ENABLE, MISC_ENABLE_WRITABLE, MISC_ENABLE_RESET,
  0x1D9, 0x1D9, Rule.STORED, BLOCK + Slot.DEBUGCTL, 3, 0,
  // IA32_MTRR_PHYSBASE0..PHYSMASK7, FIX64K_00000, FIX16K_80000 A0000, FIX4K_C0000..F8000
  0x200, 0x20F, Rule.MTRR_BASE, BLOCK + Slot.MTRR_VAR, PHYS_MASK, 0,
  0x250, 0x250, Rule.MTRR_FIXED, BLOCK + Slot.MTRR_FIX64, ALL, 0,
  0x258, 0x259, Rule.MTRR_FIXED, BLOCK + Slot.MTRR_FIX16, ALL, 0,
  0x268, 0x26F, Rule.MTRR_FIXED, BLOCK + Slot.MTRR_FIX4, ALL, 0,
  // IA32_PAT, IA32_MTRR_DEF_TYPE
  0x277, 0x277, Rule.PAT, offsetof<Cpu>("pat"), ALL, PAT_RESET,
  0x2FF, 0x2FF, Rule.MTRR_DEF, BLOCK + Slot.MTRR_DEF, 0xCFF, 0,
  // IA32_MC0_CTL..IA32_MC3_MISC: see mcBankPlace.
  0x400, 0x40F, Rule.ZERO_ONLY, BLOCK + Slot.MC_BANKS, ALL, 0,
  // IA32_TSC_DEADLINE, x2APIC registers
  0x6E0, 0x6E0, Rule.TSC_DEADLINE, 0, ALL, 0,
  0x800, 0x8FF, Rule.X2APIC, 0, ALL, 0,
  // KVM: MSR_KVM_WALL_CLOCK_NEW, SYSTEM_TIME_NEW, ASYNC_PF_EN, STEAL_TIME, EOI_EN, POLL_CONTROL; the old
  // numbers of two.
  0x11, 0x11, Rule.KVM, BLOCK + Slot.KVM_WALL_CLOCK, ALL, 0,
  0x12, 0x12, Rule.KVM, BLOCK + Slot.KVM_SYSTEM_TIME, ALL, 0,
  0x4B564D00, 0x4B564D00, Rule.KVM, BLOCK + Slot.KVM_WALL_CLOCK, ALL, 0,
  0x4B564D01, 0x4B564D01, Rule.KVM, BLOCK + Slot.KVM_SYSTEM_TIME, ALL, 0,
  0x4B564D03, 0x4B564D03, Rule.KVM, BLOCK + Slot.KVM_STEAL_TIME, 0xFFFFFFFFFFFFFFC1, 0,
  0x4B564D04, 0x4B564D04, Rule.KVM, BLOCK + Slot.KVM_EOI, 0xFFFFFFFFFFFFFFFD, 0,
  0x4B564D05, 0x4B564D05, Rule.KVM, BLOCK + Slot.KVM_POLL, 1, 1,
  // IA32_EFER, STAR, LSTAR, CSTAR, FMASK
  0xC0000080, 0xC0000080, Rule.EFER, offsetof<Cpu>("efer"), 0xD01, 0,
  0xC0000081, 0xC0000081, Rule.STORED, offsetof<Cpu>("star"), ALL, 0,
  0xC0000082, 0xC0000082, Rule.CANONICAL, offsetof<Cpu>("lstar"), ALL, 0,
  0xC0000083, 0xC0000083, Rule.CANONICAL, offsetof<Cpu>("cstar"), ALL, 0,
  0xC0000084, 0xC0000084, Rule.STORED, offsetof<Cpu>("sfmask"), 0xFFFFFFFF, 0,
  // IA32_FS_BASE, GS_BASE, KERNEL_GS_BASE, TSC_AUX
  0xC0000100, 0xC0000100, Rule.SEGMENT_BASE, Seg.FS, ALL, 0,
  0xC0000101, 0xC0000101, Rule.SEGMENT_BASE, Seg.GS, ALL, 0,
  0xC0000102, 0xC0000102, Rule.CANONICAL, offsetof<Cpu>("kernelGsBase"), ALL, 0,
  0xC0000103, 0xC0000103, Rule.STORED, offsetof<Cpu>("tscAux"), 0xFFFFFFFF, 0,
  END_OF_RULES,
]);

/** Value that the last successful readMsr found. */
export let msrValue: u64 = 0;

// @ts-ignore: decorator
@inline
function column(row: usize, col: Col): u64 {
  return load<u64>(row + <usize>col);
}

/** Table row of an MSR number, 0 = none. */
function findRule(index: u32): usize {
  for (let row = RULES; column(row, Col.FIRST) != END_OF_RULES; row += Col.BYTES) {
    if (index >= <u32>column(row, Col.FIRST) && index <= <u32>column(row, Col.LAST)) return row;
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function place(c: Cpu, row: usize, index: u32): usize {
  return changetype<usize>(c) + <usize>column(row, Col.PLACE) + ((index - <u32>column(row, Col.FIRST)) << 3);
}

/** One bit per hashed number: an unknown MSR is logged once per CPU thread. */
let loggedUnknown: u64 = 0;

function unknown(c: Cpu, index: u32, write: u32): i32 {
  const hash: u64 = <u64>1 << <u64>((index ^ (index >> 6) ^ (index >> 16)) & 63);
  if (!(loggedUnknown & hash)) {
    loggedUnknown |= hash;
    hostLog(Log.MSR_UNKNOWN, index, write);
  }
  return raiseError(c, Vector.GP, 0);
}

/** RDMSR: NEXT with msrValue set, or FAULT. The caller has checked the privilege. */
export function readMsr(c: Cpu, index: u32): i32 {
  const row = findRule(index);
  if (!row) return unknown(c, index, 0);
  switch (<u32>column(row, Col.RULE)) {
    case Rule.CONSTANT:
    case Rule.IGNORED:
      msrValue = column(row, Col.RESET);
      return Status.NEXT;
    case Rule.SEGMENT_BASE:
      msrValue = segment(c, <u32>column(row, Col.PLACE)).base;
      return Status.NEXT;
    case Rule.TSC:
      msrValue = readTsc(c);
      return Status.NEXT;
    case Rule.TSC_DEADLINE:
      msrValue = lapicReadTscDeadline(c);
      return Status.NEXT;
    case Rule.X2APIC:
      return readX2apic(c, index);
    case Rule.COMMAND:
      return raiseError(c, Vector.GP, 0);
    default:
      msrValue = load<u64>(place(c, row, index));
      return Status.NEXT;
  }
}

/** WRMSR: NEXT, END (modes may have changed) or FAULT. The caller has checked the privilege. */
export function writeMsr(c: Cpu, index: u32, value: u64): i32 {
  const row = findRule(index);
  if (!row) return unknown(c, index, 1);
  const rule = <u32>column(row, Col.RULE);
  if (rule == Rule.IGNORED) return Status.NEXT;
  if (rule == Rule.CONSTANT) return raiseError(c, Vector.GP, 0);
  if (rule == Rule.FEATURE_CONTROL) return raiseError(c, Vector.GP, 0);
  if ((value & ~column(row, Col.WRITABLE)) != 0) return raiseError(c, Vector.GP, 0);
  switch (rule) {
    case Rule.SEGMENT_BASE:
      if (!isCanonical(value)) return raiseError(c, Vector.GP, 0);
      segment(c, <u32>column(row, Col.PLACE)).base = value;
      refreshSegment(c, <u32>column(row, Col.PLACE));
      return Status.NEXT;
    case Rule.CANONICAL:
      if (!isCanonical(value)) return raiseError(c, Vector.GP, 0);
      store<u64>(place(c, row, index), value);
      return Status.NEXT;
    case Rule.COMMAND:
      return Status.NEXT;
    case Rule.TSC:
      writeTsc(c, value);
      return Status.NEXT;
    case Rule.TSC_ADJUST:
      writeTscAdjust(c, value);
      return Status.NEXT;
    case Rule.TSC_DEADLINE:
      lapicWriteTscDeadline(c, value, value == 0 ? i64.MAX_VALUE : deadlineNs(c, value));
      return Status.END;
    case Rule.APIC_BASE:
      return writeApicBase(c, value);
    case Rule.X2APIC:
      return writeX2apic(c, index, value);
    case Rule.EFER:
      return writeEfer(c, value);
    case Rule.KVM:
      store<u64>(place(c, row, index), value);
      pvWriteMsr(c, index, value);
      return Status.NEXT;
    default:
      if (!acceptable(rule, index, value)) return raiseError(c, Vector.GP, 0);
      store<u64>(place(c, row, index), value);
      return Status.NEXT;
  }
}

/** Checks of the values of memory-type and machine-check registers. */
function acceptable(rule: u32, index: u32, value: u64): bool {
  switch (rule) {
    case Rule.PAT: return typesAreValid(value, true);
    case Rule.MTRR_FIXED: return typesAreValid(value, false);
    case Rule.MTRR_DEF: return typesAreValid(value & 0xFF, false);
    // PHYSBASE: a type in bits 7:0, bits 11:8 reserved; PHYSMASK: bits 10:0 reserved (SDM 3A 12.11.2.3).
    case Rule.MTRR_BASE: return index & 1 ? (value & 0x7FF) == 0 : (value & 0xF00) == 0
      && typesAreValid(value & 0xFF, false);
    // IA32_MCi_CTL takes anything; STATUS, ADDR and MISC only 0 (SDM 3B 16.3.2).
    case Rule.ZERO_ONLY: return (index & 3) == 0 || value == 0;
    default: return true;
  }
}

/** Eight memory types: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, and 7 UC- in the PAT (SDM 3A tables 12-8 and 12-10). */
function typesAreValid(value: u64, pat: bool): bool {
  const allowed: u32 = pat ? 0b11110011 : 0b01110011;
  for (let i: u64 = 0; i < 64; i += 8) {
    const type = <u32>(value >> i) & 0xFF;
    if (type > 7 || !((allowed >> type) & 1)) return false;
  }
  return true;
}

/** IA32_EFER (SDM 3A 2.2.1): LMA is read-only; LME cannot change while paging is on. */
function writeEfer(c: Cpu, value: u64): i32 {
  const CR0_PG: u64 = 0x80000000;
  if (((value ^ c.efer) & Efer.LME) != 0 && (c.cr0 & CR0_PG) != 0) return raiseError(c, Vector.GP, 0);
  const next = (value & ~(<u64>Efer.LMA)) | (c.efer & Efer.LMA);
  const changed = next ^ c.efer;
  c.efer = next;
  if (changed == 0) return Status.NEXT;
  updateMode(c);
  if ((changed & Efer.NXE) != 0) tlbResetMode(c);
  return Status.END;
}

/** IA32_APIC_BASE bits (SDM 3A 11.4.4, 11.12.1). */
const enum ApicBase { BSP = 0x100, EXTD = 0x400, EN = 0x800 }

function writeApicBase(c: Cpu, value: u64): i32 {
  const old = c.apicBase;
  const wasOn = (old & ApicBase.EN) != 0, isOn = (value & ApicBase.EN) != 0;
  const wasX2 = (old & ApicBase.EXTD) != 0, isX2 = (value & ApicBase.EXTD) != 0;
  // Illegal states and transitions: EXTD without EN; x2APIC to xAPIC; disabled to x2APIC.
  if (isX2 && (!isOn || !wasOn || !Feature.X2APIC)) return raiseError(c, Vector.GP, 0);
  if (wasX2 && isOn && !isX2) return raiseError(c, Vector.GP, 0);
  // BSP is read-only here: hardware decides it once.
  const next = (value & ~(<u64>ApicBase.BSP)) | (old & ApicBase.BSP);
  if (next == old) return Status.NEXT;
  c.apicBase = next;
  lapicSetBase(c, next);
  return Status.END;
}

/** EN and EXTD: the x2APIC registers exist. */
const X2APIC_ON: u64 = ApicBase.EXTD | ApicBase.EN;

function readX2apic(c: Cpu, index: u32): i32 {
  if ((c.apicBase & X2APIC_ON) != X2APIC_ON) return raiseError(c, Vector.GP, 0);
  const status = lapicReadMsr(c, index);
  msrValue = c.second;
  return status;
}

function writeX2apic(c: Cpu, index: u32, value: u64): i32 {
  if ((c.apicBase & X2APIC_ON) != X2APIC_ON) return raiseError(c, Vector.GP, 0);
  return lapicWriteMsr(c, index, value);
}

/**
 * Power-up and RESET values of every stored register. INIT leaves them (SDM 3A table 10-1), so it does not
 * call this.
 */
export function resetMsrs(c: Cpu): void {
  for (let row = RULES; column(row, Col.FIRST) != END_OF_RULES; row += Col.BYTES) {
    const rule = <u32>column(row, Col.RULE);
    if (rule == Rule.SEGMENT_BASE || column(row, Col.PLACE) == 0) continue;
    const first = <u32>column(row, Col.FIRST), last = <u32>column(row, Col.LAST);
    for (let index = first; index <= last; index++) store<u64>(place(c, row, index), column(row, Col.RESET));
  }
  if (c.id == 0) c.apicBase |= ApicBase.BSP;
  c.tscOffset = 0;
}
