// CPUID (SDM vol. 2A, CPUID; KVM leaves: Linux Documentation/virt/kvm/x86/cpuid.rst). One package with as
// many cores as the machine has CPUs, one thread each; APIC id = CPU number. Family 6 model 2Ch: the last
// GenuineIntel core before AVX, which makes C libraries choose unaligned SSE2 copies, and which no later
// erratum list names. Left out: VMX, SVM, MONITOR (option bit), performance counters, TSX, MPX, SGX, PCID.

import { Cpu } from "./state";
import { Control, control32 } from "../lib/control";
import { randomIsSeeded } from "./random";
import { tscHz } from "./tsc";

/**
 * What this core implements: 1 = announced. The CPU model (control word CPU_MODEL) can only take features
 * away. A feature is set here in the commit that gives its last row a handler.
 */
export const enum Feature {
  FPU = 1, VME = 1, DE = 1, PSE = 1, TSC = 1, MSR = 1, PAE = 1, MCE = 1, CX8 = 1, APIC = 1, SEP = 1,
  MTRR = 1, PGE = 1,
  MCA = 1, CMOV = 1, PAT = 1, PSE36 = 0, CLFLUSH = 1, MMX = 1, FXSR = 1, SSE = 1, SSE2 = 1, SELF_SNOOP = 1,
  // x86-64-v2
  SSE3 = 1, SSSE3 = 1, SSE4_1 = 1, SSE4_2 = 1, CX16 = 1, POPCNT = 1, LAHF64 = 1,
  // x86-64-v3
  AVX = 0, AVX2 = 0, FMA = 0, F16C = 0, BMI1 = 1, BMI2 = 1, LZCNT = 1, MOVBE = 1,
  // Beyond the levels
  AESNI = 1, PCLMULQDQ = 1, SHA = 1, ADX = 1, XSAVE = 1, XSAVEOPT = 1, XSAVEC = 1, RDRAND = 1, RDSEED = 1,
  FSGSBASE = 1, SMEP = 1, SMAP = 1, UMIP = 1, RDPID = 1, ERMS = 1, FSRM = 1, FSRS = 1, CLFLUSHOPT = 1,
  CLWB = 1, PREFETCHW = 1,
  X2APIC = 1, TSC_DEADLINE = 1, TSC_ADJUST = 1, ARAT = 1, INVARIANT_TSC = 1, SPEC_CTRL = 1,
  ARCH_CAPABILITIES = 1,
  NX = 1, SYSCALL = 1, RDTSCP = 1, LONG_MODE = 1, PAGES_1G = 1,
  /** Paravirtual leaf of KVM and its features (cpu/paravirt.ts). */
  KVM = 1, KVM_CLOCK = 1, KVM_NOP_IO_DELAY = 1, KVM_STEAL_TIME = 1, KVM_PV_EOI = 0, KVM_PV_UNHALT = 1,
  KVM_PV_TLB_FLUSH = 1, KVM_PV_SEND_IPI = 1, KVM_SCHED_YIELD = 1,
}

/** Control.OPTIONS bit: announce MONITOR/MWAIT. */
export const OPTION_MONITOR: u32 = 2;

/** Physical and linear address bits (leaf 80000008h). */
export const PHYSICAL_BITS: u32 = 40;
const LINEAR_BITS: u32 = 48;

const MAX_BASIC: u32 = 0x1F;
const MAX_EXTENDED: u32 = 0x80000008;
export const KVM_BASE: u32 = 0x40000000;
/** Family 6, model 2Ch, stepping 2. */
export const SIGNATURE: u32 = 0x000206C2;

/** Levels of the psABI (control word CPU_MODEL; 0 = the default, 2). */
function modelLevel(): u32 {
  const level = control32(Control.CPU_MODEL);
  return level == 0 ? 2 : level;
}

function cpus(): u32 {
  const n = control32(Control.CPUS);
  return n == 0 ? 1 : n;
}

/** Bits of an APIC id that number the cores of the package. */
function coreBits(): u32 {
  return 32 - clz<u32>(cpus() - 1);
}

// @ts-ignore: decorator
@inline
function put(c: Cpu, eax: u32, ebx: u32, ecx: u32, edx: u32): void {
  c.rax = eax;
  c.rbx = ebx;
  c.rcx = ecx;
  c.rdx = edx;
}

// @ts-ignore: decorator
@inline
function bit(announced: u32, n: u32): u32 {
  return announced << n;
}

/** Leaf 1 ECX. */
function features1C(c: Cpu): u32 {
  const level = modelLevel();
  let v = bit(Feature.CX16, 13) | bit(Feature.X2APIC, 21) | bit(Feature.TSC_DEADLINE, 24)
    | bit(Feature.KVM, 31);
  if (level >= 2) {
    v |= bit(Feature.SSE3, 0) | bit(Feature.SSSE3, 9) | bit(Feature.SSE4_1, 19) | bit(Feature.SSE4_2, 20)
      | bit(Feature.POPCNT, 23) | bit(Feature.PCLMULQDQ, 1) | bit(Feature.AESNI, 25) | bit(Feature.MOVBE, 22)
      | bit(randomIsSeeded() ? Feature.RDRAND : 0, 30);
    if (xcr0Supported()) v |= bit(1, 26) | bit(c.cr4 & CR4_OSXSAVE ? 1 : 0, 27);
  }
  if (level >= 3) v |= bit(Feature.FMA, 12) | bit(Feature.AVX, 28) | bit(Feature.F16C, 29);
  if (control32(Control.OPTIONS) & OPTION_MONITOR) v |= bit(1, 3);
  return v;
}
const CR4_OSXSAVE: u64 = 1 << 18;

/** Leaf 1 EDX. */
function features1D(c: Cpu): u32 {
  // The APIC bit follows IA32_APIC_BASE.EN (SDM 3A 11.4.3).
  const apic: u32 = c.apicBase & APIC_BASE_EN ? Feature.APIC : 0;
  return bit(Feature.FPU, 0) | bit(Feature.VME, 1) | bit(Feature.DE, 2) | bit(Feature.PSE, 3)
    | bit(Feature.TSC, 4)
    | bit(Feature.MSR, 5) | bit(Feature.PAE, 6) | bit(Feature.MCE, 7) | bit(Feature.CX8, 8) | bit(apic, 9)
    | bit(Feature.SEP, 11) | bit(Feature.MTRR, 12) | bit(Feature.PGE, 13) | bit(Feature.MCA, 14) | bit(Feature.CMOV, 15)
    | bit(Feature.PAT, 16) | bit(Feature.PSE36, 17) | bit(Feature.CLFLUSH, 19) | bit(Feature.MMX, 23)
    | bit(Feature.FXSR, 24) | bit(Feature.SSE, 25) | bit(Feature.SSE2, 26) | bit(Feature.SELF_SNOOP, 27)
    | bit(cpus() > 1 ? 1 : 0, 28);
}
const APIC_BASE_EN: u64 = 1 << 11;

/** Leaf 4: deterministic cache parameters. Level 3 is shared by the package. */
function leaf4(c: Cpu, sub: u32): void {
  const LINE: u32 = 63, SELF_INIT: u32 = 1 << 8, WAYS_8: u32 = 7 << 22, WAYS_16: u32 = 15 << 22;
  const coresField: u32 = ((1 << coreBits()) - 1) << 26;
  const sharedAll: u32 = ((1 << coreBits()) - 1) << 14;
  switch (sub) {
    case 0: put(c, 1 | (1 << 5) | SELF_INIT | coresField, WAYS_8 | LINE, 63, 0); return;
    case 1: put(c, 2 | (1 << 5) | SELF_INIT | coresField, WAYS_8 | LINE, 63, 0); return;
    case 2: put(c, 3 | (2 << 5) | SELF_INIT | coresField, WAYS_8 | LINE, 511, 0); return;
    case 3: put(c, 3 | (3 << 5) | SELF_INIT | sharedAll | coresField, WAYS_16 | LINE, 32767, 0); return;
    default: put(c, 0, 0, 0, 0);
  }
}

/** Leaf 7: structured extended features. */
function leaf7(c: Cpu, sub: u32): void {
  const level = modelLevel();
  if (sub == 1) {
    put(c, bit(Feature.FSRS, 11), 0, 0, 0);
    return;
  }
  if (sub != 0) {
    // BHI_CTRL: kernels do not believe BHI_NO, and would clear the branch history by a loop at every system
    // call.
    put(c, 0, 0, 0, sub == 2 ? bit(Feature.SPEC_CTRL, 4) : 0);
    return;
  }
  let b = bit(Feature.FSGSBASE, 0) | bit(Feature.TSC_ADJUST, 1) | bit(Feature.SMEP, 7) | bit(Feature.ERMS, 9)
    | bit(Feature.SMAP, 20) | bit(Feature.CLFLUSHOPT, 23) | bit(Feature.CLWB, 24);
  if (level >= 2) b |= bit(randomIsSeeded() ? Feature.RDSEED : 0, 18) | bit(Feature.ADX, 19)
    | bit(Feature.SHA, 29);
  if (level >= 2) b |= bit(Feature.BMI1, 3) | bit(Feature.BMI2, 8);
  if (level >= 3) b |= bit(Feature.AVX2, 5);
  const ecx = bit(Feature.UMIP, 2) | bit(Feature.RDPID, 22);
  // IBRS and IBPB, STIBP, IA32_ARCH_CAPABILITIES, SSBD: what enhanced IBRS needs to be chosen (see msr.ts).
  const edx = bit(Feature.FSRM, 4) | bit(Feature.SPEC_CTRL, 26) | bit(Feature.SPEC_CTRL, 27)
    | bit(Feature.ARCH_CAPABILITIES, 29) | bit(Feature.SPEC_CTRL, 31);
  put(c, 2, b, ecx, edx);
}

/** Leaves 0Bh and 1Fh: one thread per core, all cores in one package. */
function topology(c: Cpu, sub: u32): void {
  const SMT: u32 = 1 << 8, CORE: u32 = 2 << 8;
  if (sub == 0) put(c, 0, 1, SMT, c.id);
  else if (sub == 1) put(c, coreBits(), cpus(), CORE | 1, c.id);
  else put(c, 0, 0, sub & 0xFF, c.id);
}

/** Features of XCR0 that XSETBV accepts; 0 = no XSAVE, nor CR4.OSXSAVE (SDM 3A 2.5). */
export function xcr0Supported(): u64 {
  return Feature.XSAVE && modelLevel() >= 2 ? (Feature.AVX && modelLevel() >= 3 ? 7 : 3) : 0;
}

/** Bytes of an XSAVE area in standard format for the features of `mask` (SDM 1 section 13.4). */
export function xsaveBytes(mask: u64): u32 {
  return mask & 4 ? 832 : 576;
}

function leafD(c: Cpu, sub: u32): void {
  const all = xcr0Supported();
  if (all == 0) put(c, 0, 0, 0, 0);
  else if (sub == 0) put(c, <u32>all, xsaveBytes(c.xcr0), xsaveBytes(all), 0);
  else if (sub == 1) put(c, bit(Feature.XSAVEOPT, 0) | bit(Feature.XSAVEC, 1) | bit(1, 2),
    xsaveBytes(c.xcr0), 0, 0);
  else if (sub == 2 && (all & 4) != 0) put(c, 256, 576, 0, 0);
  else put(c, 0, 0, 0, 0);
}

/** Leaf 15h: TSC = crystal * EBX / EAX. The crystal is also the LAPIC timer's clock (SDM 3A 11.5.4). */
export const CRYSTAL_HZ: u32 = 1000000000;
function leaf15(c: Cpu): void {
  // A ratio with 1000 steps per crystal tick states any frequency in MHz exactly.
  put(c, 1000, <u32>(tscHz() / (CRYSTAL_HZ / 1000)), CRYSTAL_HZ, 0);
}

function leaf16(c: Cpu): void {
  const mhz = <u32>(tscHz() / 1000000);
  put(c, mhz, mhz, 100, 0);
}

/** Brand string, 48 bytes. */
const BRAND = memory.data<u8>([
  0x53, 0x6B, 0x65, 0x70, 0x20, 0x76, 0x69, 0x72, 0x74, 0x75, 0x61, 0x6C, 0x20, 0x78, 0x38, 0x36,
  0x2D, 0x36, 0x34, 0x20, 0x70, 0x72, 0x6F, 0x63, 0x65, 0x73, 0x73, 0x6F, 0x72, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

function brand(c: Cpu, part: u32): void {
  const p = BRAND + (part << 4);
  put(c, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12));
}

/** KVM's paravirtual features, EAX of leaf 40000001h. */
function kvmFeatures(): u32 {
  return bit(Feature.KVM_NOP_IO_DELAY, 1) | bit(Feature.KVM_CLOCK, 3) | bit(Feature.KVM_STEAL_TIME, 5)
    | bit(Feature.KVM_PV_EOI, 6) | bit(Feature.KVM_PV_UNHALT, 7) | bit(Feature.KVM_PV_TLB_FLUSH, 9)
    | bit(Feature.KVM_PV_SEND_IPI, 11) | bit(Feature.KVM_SCHED_YIELD, 13) | bit(Feature.KVM_CLOCK, 24);
}

function hypervisorLeaf(c: Cpu, leaf: u32): void {
  const SIGNATURE_B: u32 = 0x4B4D564B, SIGNATURE_C: u32 = 0x564B4D56, SIGNATURE_D: u32 = 0x0000004D;
  if (!Feature.KVM) put(c, 0, 0, 0, 0);
  else if (leaf == KVM_BASE) put(c, KVM_BASE + 0x10, SIGNATURE_B, SIGNATURE_C, SIGNATURE_D);
  else if (leaf == KVM_BASE + 1) put(c, kvmFeatures(), 0, 0, 0);
  else if (leaf == KVM_BASE + 0x10) put(c, <u32>(tscHz() / 1000), CRYSTAL_HZ / 1000, 0, 0);
  else put(c, 0, 0, 0, 0);
}

function extendedLeaf(c: Cpu, leaf: u32): void {
  switch (leaf - 0x80000000) {
    case 0: put(c, MAX_EXTENDED, 0, 0, 0); return;
    case 1: {
      const ecx = bit(Feature.LAHF64, 0) | bit(Feature.PREFETCHW, 8)
        | (modelLevel() >= 2 ? bit(Feature.LZCNT, 5) : 0);
      // Intel: SYSCALL shows only in 64-bit mode.
      const syscall: u32 = c.mode64 ? Feature.SYSCALL : 0;
      const edx = bit(syscall, 11) | bit(Feature.NX, 20) | bit(Feature.PAGES_1G, 26) | bit(Feature.RDTSCP, 27)
        | bit(Feature.LONG_MODE, 29);
      put(c, 0, 0, ecx, edx);
      return;
    }
    case 2: brand(c, 0); return;
    case 3: brand(c, 1); return;
    case 4: brand(c, 2); return;
    // L2: 256 KiB, 8-way, 64-byte lines.
    case 6: put(c, 0, 0, (256 << 16) | (6 << 12) | 64, 0); return;
    case 7: put(c, 0, 0, 0, bit(Feature.INVARIANT_TSC, 8)); return;
    case 8: put(c, (LINEAR_BITS << 8) | PHYSICAL_BITS, 0, 0, 0); return;
    default: put(c, 0, 0, 0, 0);
  }
}

/** Execute CPUID for EAX = leaf, ECX = sub-leaf. */
export function cpuid(c: Cpu): void {
  const leaf = <u32>c.rax, sub = <u32>c.rcx;
  if (leaf >> 28 == 8 && leaf <= MAX_EXTENDED) {
    extendedLeaf(c, leaf);
    return;
  }
  if (leaf >> 16 == KVM_BASE >> 16) {
    hypervisorLeaf(c, leaf);
    return;
  }
  // SDM: a leaf above the maximum returns the data of the highest basic leaf.
  basicLeaf(c, leaf > MAX_BASIC ? MAX_BASIC : leaf, sub);
}

function basicLeaf(c: Cpu, leaf: u32, sub: u32): void {
  switch (leaf) {
    // "GenuineIntel"
    case 0: put(c, MAX_BASIC, 0x756E6547, 0x6C65746E, 0x49656E69); return;
    case 1: put(c, SIGNATURE, (c.id << 24) | ((<u32>1 << coreBits()) << 16) | (8 << 8), features1C(c),
      features1D(c)); return;
    // Descriptor FFh: cache information is in leaf 4.
    case 2: put(c, 0x00FF0001, 0, 0, 0); return;
    case 4: leaf4(c, sub); return;
    case 5: {
      if (control32(Control.OPTIONS) & OPTION_MONITOR) put(c, 64, 64, 3, 0);
      else put(c, 0, 0, 0, 0);
      return;
    }
    case 6: put(c, bit(Feature.ARAT, 2), 0, 0, 0); return;
    case 7: leaf7(c, sub); return;
    case 0x0B:
    case 0x1F: topology(c, sub); return;
    case 0x0D: leafD(c, sub); return;
    case 0x15: leaf15(c); return;
    case 0x16: leaf16(c); return;
    default: put(c, 0, 0, 0, 0);
  }
}
