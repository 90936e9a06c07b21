// System instructions that a region executes by itself (SDM vol. 2: CLI, STI, SWAPGS, STAC, CLAC, RDTSC, MOV
// from a segment register, PUSHF, PUSH m).
// What depends on more than privilege 0 is left to the interpreter, which executes the instruction again with
// every check.

import { Cpu, CpuBlock, RAX, RDX, SEG_BYTES, Seg, Segment } from "../cpu/state";
import { Inbox } from "../cpu/inbox";
import { recOpSize, recReg, recRm } from "../decode/record";
import { CPU_INBOX, TLB_TABLE_BYTES } from "../lib/layout";
import { Bank, bankOffset } from "../mmu/tlb";
import { Import, W, access, const32, const64, get, op, set } from "./bytes";
import { lowerPushE, lowerPushFlags, reloadGpr } from "./control";
import { Core } from "./core";
import { Exit, leaveAt } from "./exits";
import { call } from "./flags";
import { L, Size, Used, getFe, loadField, popReg, setFe, usedRegs } from "./locals";
import { forgetGroups } from "./lookups";
import { Insn, Lower, lowerOp } from "./map";
import { placeOfInsn } from "./operands";

const FLAG_IF: i64 = 0x200;
const FLAG_AC: i64 = 0x40000;
const CR4_SMAP_SHIFT: i64 = 21;
/** Base of GS. */
const GS_BASE: u32 = <u32>CpuBlock.SEGMENTS + <u32>Seg.GS * SEG_BYTES;

/** Push the privilege: not 0 = the interpreter decides. */
function pushCpl(): void {
  get(L.C);
  access(W.I32_LOAD, 2, <u32>offsetof<Cpu>("cpl"));
}

function lowerCli(i: Insn): void {
  pushCpl();
  leaveAt(placeOfInsn(i), Exit.OTHER);
  getFe();
  const64(~FLAG_IF);
  op(W.I64_AND);
  setFe();
}

/**
 * STI with no request waiting; one that comes later sets `attention`, which the next backward edge sees. The
 * shadow is in Cpu until the next instruction is complete: should the region be left there, the run loop does
 * not poll before it. There is none when IF was set already (SDM vol. 2B STI).
 */
function lowerSti(i: Insn): void {
  pushCpl();
  get(L.C);
  access(W.I32_LOAD, 2, CPU_INBOX + <u32>Inbox.REQUESTS);
  op(W.I32_OR);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  get(L.C);
  getFe();
  const64(FLAG_IF);
  op(W.I64_AND);
  op(W.I64_EQZ);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("shadow"));
  getFe();
  const64(FLAG_IF);
  op(W.I64_OR);
  setFe();
}

/** Behind the instruction after STI. */
export function endShadow(): void {
  get(L.C);
  const32(0);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("shadow"));
}

function lowerSwapgs(i: Insn): void {
  const kernelBase = <u32>offsetof<Cpu>("kernelGsBase");
  pushCpl();
  leaveAt(placeOfInsn(i), Exit.OTHER);
  get(L.C);
  access(W.I64_LOAD, 3, GS_BASE);
  set(L.TA64);
  get(L.C);
  get(L.C);
  access(W.I64_LOAD, 3, kernelBase);
  access(W.I64_STORE, 3, GS_BASE);
  get(L.C);
  get(L.TA64);
  access(W.I64_STORE, 3, kernelBase);
}

function pushBank(bank: Bank): void {
  get(L.C);
  const32(bankOffset(bank));
  op(W.I32_ADD);
}

/**
 * STAC CLAC at privilege 0: as tlbSelectBank, the supervisor's bank and the one of its accesses to user pages
 * take turns when CR4.SMAP is set; the bank of breakpoints stays.
 */
function lowerAc(i: Insn, on: bool): void {
  const tlbRead = <u32>offsetof<Cpu>("tlbRead");
  pushCpl();
  leaveAt(placeOfInsn(i), Exit.OTHER);
  getFe();
  const64(on ? FLAG_AC : ~FLAG_AC);
  op(on ? W.I64_OR : W.I64_AND);
  setFe();
  pushBank(on ? Bank.SUPERVISOR_AC : Bank.SUPERVISOR);
  get(L.C);
  access(W.I32_LOAD, 2, tlbRead);
  get(L.C);
  access(W.I32_LOAD, 2, tlbRead);
  pushBank(on ? Bank.SUPERVISOR : Bank.SUPERVISOR_AC);
  op(W.I32_EQ);
  if (on) {
    get(L.C);
    access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("cr4"));
    const64(CR4_SMAP_SHIFT);
    op(W.I64_SHR_U);
    op(W.I32_WRAP);
    op(W.I32_AND);
  }
  op(W.SELECT);
  set(L.SLOT);
  get(L.C);
  get(L.SLOT);
  access(W.I32_STORE, 2, tlbRead);
  get(L.C);
  get(L.SLOT);
  const32(TLB_TABLE_BYTES);
  op(W.I32_ADD);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("tlbWrite"));
  if (usedRegs & Used.TLB_READ) loadField(tlbRead, L.TLB_READ, false);
  if (usedRegs & Used.TLB_WRITE) loadField(offsetof<Cpu>("tlbWrite"), L.TLB_WRITE, false);
}

/** MOV of a segment register to a general one. */
function lowerFromSegment(i: Insn): void {
  const r = changetype<usize>(i);
  get(L.C);
  access(W.I32_LOAD16_U, 1, <u32>CpuBlock.SEGMENTS + recReg(r) * SEG_BYTES
    + <u32>offsetof<Segment>("selector"));
  if (recOpSize(r) == Size.QWORD) op(W.I64_EXTEND_U);
  popReg(recRm(r), recOpSize(r));
}

function lowerRdtsc(i: Insn): void {
  call(Import.CORE, Core.TSC);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  reloadGpr(RAX);
  reloadGpr(RDX);
}

export function lowerSystem(i: Insn): void {
  switch (lowerOp(i)) {
    case Lower.CLI: lowerCli(i); break;
    case Lower.STI: lowerSti(i); break;
    case Lower.SWAPGS: lowerSwapgs(i); forgetGroups(); break;
    case Lower.PUSHF: lowerPushFlags(i); break;
    case Lower.STAC: lowerAc(i, true); forgetGroups(); break;
    case Lower.CLAC: lowerAc(i, false); forgetGroups(); break;
    case Lower.MOV_FROM_SEG: lowerFromSegment(i); break;
    case Lower.RDTSC: lowerRdtsc(i); break;
    default: lowerPushE(i);
  }
}
