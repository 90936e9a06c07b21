// System instructions that a region executes by itself (SDM vol. 2: CLI, STI, SWAPGS, PUSH m).
// What depends on more than privilege 0 is left to the interpreter, which executes the instruction again with
// every check.

import { Cpu, CpuBlock, SEG_BYTES, Seg } from "../cpu/state";
import { Inbox } from "../cpu/inbox";
import { CPU_INBOX } from "../lib/layout";
import { W, access, const32, const64, get, op, set } from "./bytes";
import { lowerPushE } from "./control";
import { Exit, leaveAt } from "./exits";
import { L, getFe, setFe } from "./locals";
import { Insn, Lower, lowerOp } from "./map";
import { placeOfInsn } from "./operands";

const FLAG_IF: i64 = 0x200;
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
 * not poll before it. (An IF that was set already only delays what came meanwhile by that instruction.)
 */
function lowerSti(i: Insn): void {
  pushCpl();
  get(L.C);
  access(W.I32_LOAD, 2, CPU_INBOX + <u32>Inbox.REQUESTS);
  op(W.I32_OR);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  getFe();
  const64(FLAG_IF);
  op(W.I64_OR);
  setFe();
  setShadow(1);
}

function setShadow(value: i32): void {
  get(L.C);
  const32(value);
  access(W.I32_STORE, 2, <u32>offsetof<Cpu>("shadow"));
}
/** Behind the instruction after STI. */
export function endShadow(): void { setShadow(0); }

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

export function lowerSystem(i: Insn): void {
  switch (lowerOp(i)) {
    case Lower.CLI: lowerCli(i); break;
    case Lower.STI: lowerSti(i); break;
    case Lower.SWAPGS: lowerSwapgs(i); break;
    default: lowerPushE(i);
  }
}
