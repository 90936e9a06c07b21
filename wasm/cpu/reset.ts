// State after power-up, RESET and INIT, and the start-up IPI (SDM vol. 3A table 10-1 and 10.1, 9.4). MSRs
// other than those cleared here are reset by cpu/msr.ts at RESET and kept by INIT; the LAPIC and the TLB by
// their own files.

import { Attr, updateMode } from "./mode";
import { CpuBlock, Cpu, FlagKind, RunState, Seg } from "./state";
import { SIGNATURE } from "./cpuid";
import { SystemType, setSegment } from "../mmu/segment";

const CR0_RESET: u64 = 0x60000010;
/** INIT keeps CD and NW and sets ET. */
const CR0_KEPT_BY_INIT: u64 = 0x60000000;
const CR0_ET: u64 = 0x10;
const RIP_RESET: u64 = 0xFFF0;
const CS_RESET: u32 = 0xF000;
const CS_BASE_RESET: u64 = 0xFFFF0000;
const LIMIT_RESET: u32 = 0xFFFF;
const RFLAGS_RESET: u64 = 2;
const DR6_RESET: u64 = 0xFFFF0FF0;
const DR7_RESET: u64 = 0x400;
const XCR0_RESET: u64 = 1;
const GENERAL_BYTES: usize = 128;
const X87_BYTES: usize = 0x80;
const VECTOR_BYTES: usize = 0x200;

/** After RESET: control 0040H, tags 5555H (all zero). FNINIT would leave 037FH and empty registers. */
const FPU_CONTROL_RESET: u32 = 0x40;
const MXCSR_RESET: u32 = 0x1F80;

/**
 * Put the CPU into its state after RESET, or after INIT, which keeps the FPU, the caches' bits and most MSRs.
 */
export function resetCpu(c: Cpu, isInit: bool): void {
  memory.fill(changetype<usize>(c), 0, GENERAL_BYTES);
  c.rdx = SIGNATURE;
  c.zero = 0;
  c.ipBase = 0;
  c.rip = RIP_RESET;
  c.eflags = RFLAGS_RESET;
  c.flagKind = FlagKind.EXPLICIT;
  c.cr0 = isInit ? (c.cr0 & CR0_KEPT_BY_INIT) | CR0_ET : CR0_RESET;
  c.cr2 = 0;
  c.cr3 = 0;
  c.cr4 = 0;
  c.cr8 = 0;
  c.efer = 0;
  c.dr0 = 0;
  c.dr1 = 0;
  c.dr2 = 0;
  c.dr3 = 0;
  c.dr6 = DR6_RESET;
  c.dr7 = DR7_RESET;
  c.gdtrBase = 0;
  c.gdtrLimit = LIMIT_RESET;
  c.idtrBase = 0;
  c.idtrLimit = LIMIT_RESET;
  c.shadow = 0;
  c.nmiBlocked = 0;
  c.excHasError = 0;
  resetSegments(c);
  if (!isInit) resetFpu(c);
  updateMode(c);
}

function resetSegments(c: Cpu): void {
  for (let n: u32 = Seg.ES; n <= <u32>Seg.GS; n++) setSegment(c, n, 0, 0, LIMIT_RESET, Attr.DATA);
  setSegment(c, Seg.CS, CS_RESET, CS_BASE_RESET, LIMIT_RESET, Attr.CODE_SEGMENT);
  setSegment(c, Seg.LDTR, 0, 0, LIMIT_RESET, Attr.P | SystemType.LDT);
  setSegment(c, Seg.TR, 0, 0, LIMIT_RESET, Attr.P | SystemType.TSS32_BUSY);
}

function resetFpu(c: Cpu): void {
  c.fpuControl = FPU_CONTROL_RESET;
  c.fpuStatus = 0;
  c.fpuTop = 0;
  c.fpuEmpty = 0;
  c.fpuOpcode = 0;
  c.fpuIp = 0;
  c.fpuDp = 0;
  c.fpuCs = 0;
  c.fpuDs = 0;
  c.mxcsr = MXCSR_RESET;
  c.xcr0 = XCR0_RESET;
  memory.fill(changetype<usize>(c) + <usize>CpuBlock.X87, 0, X87_BYTES);
  memory.fill(changetype<usize>(c) + <usize>CpuBlock.XMM, 0, VECTOR_BYTES);
}

/** Start-up IPI: real-address mode at vector * 4 KiB (SDM 3A 9.4.2). The caller has checked WAIT-FOR-SIPI. */
export function startupIpi(c: Cpu, vector: u32): void {
  setSegment(c, Seg.CS, vector << 8, <u64>vector << 12, LIMIT_RESET, Attr.CODE_SEGMENT);
  c.rip = 0;
  c.runState = RunState.RUNNING;
  updateMode(c);
}
