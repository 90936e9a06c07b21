// A build of the segmentation and event code alone, for far.test.ts and events.test.ts: the tests write
// descriptors and records by hand, so neither the decoder nor the run loop is in it.

import { EventKind, deliverException, deliverInterrupt } from "../../cpu/events";
import { raise, raiseDebug, raiseError, raisePageFault } from "../../cpu/exceptions";
import { readEflags } from "../../cpu/flags";
import { refreshSegment, updateMode } from "../../cpu/mode";
import { resetCpu, startupIpi } from "../../cpu/reset";
import { Cpu } from "../../cpu/state";
import { stateOf } from "../../cpu/inbox";
import { Control } from "../../lib/control";
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_SCRATCH } from "../../lib/layout";
import { rmwCancel } from "../../mmu/access";
import { physInit } from "../../mmu/physmem";
import { segmentLinear } from "../../mmu/segment";
import { tlbResetMode } from "../../mmu/tlb";
import {
  hCallFar, hCallFarMem, hInt, hInt1, hInt3, hInto, hIret, hJmpFar, hJmpFarMem, hRetFar, hRetFarImm,
} from "../far";
import {
  hArpl, hLar, hLds, hLes, hLfs, hLgs, hLldt, hLsl, hLss, hLtr, hMovFromSeg, hMovToSreg, hPopDs, hPopEs,
  hPopFs, hPopGs,
  hPopSs, hSldt, hStr, hVerr, hVerw,
} from "../segment-loads";
import { hSwapgs, hSyscall, hSysenter, hSysexit, hSysret } from "../sysret";

const RAM_PAGES: u32 = 0x1000;
const RECORD: u32 = CPU_SCRATCH + 0x100;
const PAGE_MASK: u64 = 0xFFF;

let c: Cpu = changetype<Cpu>(0);

/** A CPU after RESET with 16 MiB of RAM; the address of its state. */
export function init(): usize {
  store<u32>(CONTROL + <usize>Control.RAM_BASE, CPU_BLOCKS + CPU_BLOCK_BYTES);
  store<u32>(CONTROL + <usize>Control.RAM_PAGES, RAM_PAGES);
  physInit();
  c = changetype<Cpu>(stateOf(0));
  resetCpu(c, false);
  c.runState = 0;
  tlbResetMode(c);
  return changetype<usize>(c);
}

export function ram(): usize { return CPU_BLOCKS + CPU_BLOCK_BYTES; }
export function record(): usize { return changetype<usize>(c) + RECORD; }
export function modeChanged(): void {
  for (let n: u32 = 0; n < 8; n++) refreshSegment(c, n);
  updateMode(c);
  tlbResetMode(c);
}
export function flags(): u64 { return readEflags(c); }
export function reset(isInit: bool): void { resetCpu(c, isInit); }
export function startup(vector: u32): void { startupIpi(c, vector); }
export function linear(seg: u32, offset: u64, bytes: u32, write: bool): u64 {
  return segmentLinear(c, seg, offset, bytes, write);
}
export function interrupt(vector: u32, kind: EventKind): void { deliverInterrupt(c, vector, kind); }

/** Raise and deliver: error < 0 = no error code; `address` is CR2 of #PF, DR6 bits of #DB. */
export function fault(vector: u32, error: i32, address: u64): void {
  if (vector == 14) raisePageFault(c, address, <u32>error);
  else if (vector == 1) raiseDebug(c, address);
  else if (error < 0) raise(c, vector);
  else raiseError(c, vector, <u32>error);
  deliverException(c);
}

/** Offset of a field, by its place in FIELDS of machine.ts. */
export function offsetOfField(n: i32): usize {
  switch (n) {
    case 0: return offsetof<Cpu>("rip");
    case 1: return offsetof<Cpu>("rsp");
    case 2: return offsetof<Cpu>("cr0");
    case 3: return offsetof<Cpu>("cr2");
    case 4: return offsetof<Cpu>("cr3");
    case 5: return offsetof<Cpu>("cr4");
    case 6: return offsetof<Cpu>("efer");
    case 7: return offsetof<Cpu>("eflags");
    case 8: return offsetof<Cpu>("gdtrBase");
    case 9: return offsetof<Cpu>("idtrBase");
    case 10: return offsetof<Cpu>("dr6");
    case 11: return offsetof<Cpu>("dr7");
    case 12: return offsetof<Cpu>("star");
    case 13: return offsetof<Cpu>("lstar");
    case 14: return offsetof<Cpu>("sfmask");
    case 15: return offsetof<Cpu>("kernelGsBase");
    case 16: return offsetof<Cpu>("sysenterCs");
    case 17: return offsetof<Cpu>("sysenterEsp");
    case 18: return offsetof<Cpu>("sysenterEip");
    case 19: return offsetof<Cpu>("rax");
    case 20: return offsetof<Cpu>("rcx");
    case 21: return offsetof<Cpu>("rdx");
    case 22: return offsetof<Cpu>("rbx");
    case 23: return offsetof<Cpu>("r11");
    case 24: return offsetof<Cpu>("gdtrLimit");
    case 25: return offsetof<Cpu>("idtrLimit");
    case 26: return offsetof<Cpu>("cpl");
    case 27: return offsetof<Cpu>("codeMode");
    case 28: return offsetof<Cpu>("mode64");
    case 29: return offsetof<Cpu>("runState");
    case 30: return offsetof<Cpu>("nmiBlocked");
    case 31: return offsetof<Cpu>("shadow");
    case 32: return offsetof<Cpu>("excVector");
    case 33: return offsetof<Cpu>("excError");
    case 34: return offsetof<Cpu>("excHasError");
    case 35: return offsetof<Cpu>("flagKind");
    case 36: return offsetof<Cpu>("mxcsr");
    case 37: return offsetof<Cpu>("fpuControl");
    default: return 0;
  }
}

/**
 * Execute the record with the handler of this place in HANDLERS of machine.ts; RIP is settled as the run loop
 * does.
 */
export function execute(n: i32, length: u32): i32 {
  const r = record();
  c.ipBase = c.rip & ~PAGE_MASK;
  store<u16>(r, <u16>(c.rip & PAGE_MASK), 2);
  store<u8>(r, <u8>length, 4);
  const status = call(n, r);
  rmwCancel();
  if (status == 0 || status == 2) c.rip = (c.rip + length) & c.ipMask;
  return status;
}

function call(n: i32, r: usize): i32 {
  switch (n) {
    case 0: return hJmpFar(c, r);
    case 1: return hCallFar(c, r);
    case 2: return hJmpFarMem(c, r);
    case 3: return hCallFarMem(c, r);
    case 4: return hRetFar(c, r);
    case 5: return hRetFarImm(c, r);
    case 6: return hInt(c, r);
    case 7: return hInt3(c, r);
    case 8: return hInt1(c, r);
    case 9: return hInto(c, r);
    case 10: return hIret(c, r);
    case 11: return hSyscall(c, r);
    case 12: return hSysret(c, r);
    case 13: return hSysenter(c, r);
    case 14: return hSysexit(c, r);
    case 15: return hSwapgs(c, r);
    case 16: return hMovToSreg(c, r);
    case 17: return hMovFromSeg(c, r);
    case 18: return hPopEs(c, r);
    case 19: return hPopSs(c, r);
    case 20: return hPopDs(c, r);
    case 21: return hPopFs(c, r);
    case 22: return hPopGs(c, r);
    case 23: return hLes(c, r);
    case 24: return hLds(c, r);
    case 25: return hLss(c, r);
    case 26: return hLfs(c, r);
    case 27: return hLgs(c, r);
    case 28: return hSldt(c, r);
    case 29: return hStr(c, r);
    case 30: return hLldt(c, r);
    case 31: return hLtr(c, r);
    case 32: return hVerr(c, r);
    case 33: return hVerw(c, r);
    case 34: return hLar(c, r);
    case 35: return hLsl(c, r);
    case 36: return hArpl(c, r);
    default: return -1;
  }
}
