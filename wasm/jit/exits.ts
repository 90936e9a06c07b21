// How a region is left. The function returns an Exit; registers, RIP and the instruction count are in Cpu
// then, exactly, and the flags as soon as settleFlags has seen the descriptor in the word. Blocks surround
// the code. Behind the inner ones compact exits are taken apart, by class of flags first (exit-flags.ts):
// ways
// out at every memory operand must cost little code, so each is one constant: Exit | flag descriptor << 2 |
// instructions to take back << 7 | place << 16. Behind the next one stands the epilogue that stores locals,
// behind the outer one what a handler's exit needs too, whose registers are in Cpu already.

import { Cpu } from "../cpu/state";
import { W, access, br, const32, const64, get, op, openVoid, set, unlikely } from "./bytes";
import { PAGE_BYTES, PAGE_SHIFT } from "../lib/layout";
import {
  ExitClass, exitClass, exitClasses, exitCode, storeRawFlags, storeRawMixed,
} from "./exit-flags";
import { Desc, flagsNow, toDynamic } from "./flags";
import { L, cut32, saveRegs, spillState, storeField } from "./locals";
import { code32 } from "./map";

export const enum Exit {
  /** Go on at RIP. */
  JUMP = 0,
  /** The interpreter must execute the instruction at RIP. */
  OTHER = 1,
  /** The same: a TLB miss, a page crossing, a chip, a fault to come. */
  MISS = 2,
  /** Attention, or the budget is used up: poll. */
  POLL = 3,
  /** A handler's Status (for counters, as are the next; the function returns EXIT_STATUS + Status). */
  HANDLER = 4,
  /** The jump cache does not know RIP; there is no region there. */
  UNKNOWN = 5, COLD = 6,
}
export const EXIT_WHY: i32 = 3;
/** Added to the Status of a handler; stoppedAt is its record. */
export const EXIT_STATUS: i32 = 0x100;
export const EXIT_FLAGS: u32 = 2;
const EXIT_COUNT: u32 = 7;
const EXIT_PLACE: u32 = 16;
const MAX_COUNT: i32 = 511;
const EXIT_KEPT: i32 = 0x7F;

/** Instructions per call: there is no on-stack replacement in wasm, so the engine must see fresh calls. */
export const BUDGET: i32 = 500000;

/** Blocks of the exits by class, from inside; then the epilogue's, then the one of those without it. */
const CLASSES: u32 = ExitClass.NONE + 1;
const EPILOGUE: u32 = CLASSES;
const BEHIND: u32 = EPILOGUE + 1;

/** Open blocks, loops and ifs between the code and the block of the first class. */
export let depth: u32 = 0;
export function deeper(): void { depth++; }
export function shallower(): void { depth--; }
export function open(code: W): void {
  openVoid(code);
  deeper();
}
export function close(): void {
  op(W.END);
  shallower();
}

/** Instructions of the present block that have been counted but are not executed yet. */
let uncounted: i32 = 0;
export function setUncounted(n: i32): void { uncounted = n; }

/** Take back the instructions that are counted and not executed; `done`: but for this many. */
function giveBack(done: i32): void {
  if (uncounted <= done) return;
  get(L.FUEL);
  const32(uncounted - done);
  op(W.I32_ADD);
  set(L.FUEL);
}

/** Leave for RIP, which is set. */
export function leaveThere(why: Exit): void {
  saveRegs();
  if (flagsNow == Desc.MIXED) {
    storeRawMixed();
    get(L.MK);
    const32(EXIT_FLAGS);
    op(W.I32_SHL);
    const32(why);
    op(W.I32_OR);
  } else {
    toDynamic();
    const32(why);
  }
  set(L.EXIT);
  giveBack(0);
  br(W.BR, depth + EPILOGUE);
}

/** Leave at `rel` bytes from the start of page 0. */
export function leaveRegion(rel: i64, why: Exit): void {
  pushIp(rel);
  set(L.RIP);
  leaveThere(why);
}

/** Leave at a place of the region when the i32 on the stack is not 0. */
export function leaveAt(at: u32, why: Exit): void {
  const flags = exitCode(flagsNow);
  const32(<i32>(<u32>why | flags << EXIT_FLAGS | <u32>uncounted << EXIT_COUNT | at << EXIT_PLACE));
  set(L.EXIT);
  unlikely();
  br(W.BR_IF, depth + <u32>exitClass());
}

/** Before the code. */
export function openExits(): void {
  for (let n: u32 = 0; n <= BEHIND; n++) openVoid(W.BLOCK);
  depth = 0;
}
/** Behind it: what each class of exits leaves, then all of them. `deltas` as in compactExit. */
export function closeExits(deltas: u32): void {
  op(W.END);
  for (let k: u32 = 0; k < <u32>ExitClass.NONE; k++) {
    if (exitClasses & (1 << k)) {
      storeRawFlags(k as ExitClass);
      if (k == ExitClass.MIXED) mergeMixed();
      br(W.BR, ExitClass.NONE - k - 1);
    } else op(W.UNREACHABLE);
    op(W.END);
  }
  compactExit(deltas);
  op(W.END);
  epilogue();
  op(W.END);
  countAndReturn();
}
/** The descriptor of MIXED into the exit's word. */
function mergeMixed(): void {
  get(L.EXIT);
  get(L.MK);
  const32(EXIT_FLAGS);
  op(W.I32_SHL);
  op(W.I32_OR);
  set(L.EXIT);
}

/** Take a compact exit's word apart. `deltas`: address of the distances of pages, 0 = one page. */
function compactExit(deltas: u32): void {
  get(L.FUEL);
  get(L.EXIT);
  const32(EXIT_COUNT);
  op(W.I32_SHR_U);
  const32(MAX_COUNT);
  op(W.I32_AND);
  op(W.I32_ADD);
  set(L.FUEL);
  get(L.IP);
  if (deltas) {
    get(L.EXIT);
    const32(EXIT_PLACE + PAGE_SHIFT);
    op(W.I32_SHR_U);
    const32(3);
    op(W.I32_SHL);
    access(W.I64_LOAD, 3, deltas);
    op(W.I64_ADD);
  }
  get(L.EXIT);
  const32(EXIT_PLACE);
  op(W.I32_SHR_U);
  const32(PAGE_BYTES - 1);
  op(W.I32_AND);
  op(W.I64_EXTEND_U);
  op(W.I64_ADD);
  set(L.RIP);
  get(L.EXIT);
  const32(EXIT_KEPT);
  op(W.I32_AND);
  set(L.EXIT);
}

/** Leave with the handler's status that is in EXIT when it is not 0; `pure`: the locals are the newest. */
export function leaveStatus(pure: bool): void {
  get(L.EXIT);
  unlikely();
  openVoid(W.IF);
  deeper();
  if (pure) toDynamic();
  get(L.EXIT);
  const32(EXIT_STATUS);
  op(W.I32_ADD);
  set(L.EXIT);
  giveBack(1);
  br(W.BR, pure ? depth + EPILOGUE : depth + BEHIND);
  op(W.END);
  shallower();
}

/** Leave at `rel` after a handler: everything but RIP is in Cpu. */
export function leaveBehind(rel: i64): void {
  get(L.C);
  pushIp(rel);
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("rip"));
  const32(Exit.JUMP);
  set(L.EXIT);
  br(W.BR, depth + BEHIND);
}

/** Push the address `rel` bytes from the start of page 0. */
export function pushIp(rel: i64): void {
  get(L.IP);
  if (rel == 0) return;
  const64(rel);
  op(W.I64_ADD);
  if (code32) cut32();
}

/** Store what the region has changed. */
function epilogue(): void {
  spillState();
  storeField(offsetof<Cpu>("rip"), L.RIP, true);
}

/** Count the instructions and return. */
function countAndReturn(): void {
  get(L.C);
  get(L.C);
  access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("instructions"));
  const64(BUDGET);
  op(W.I64_ADD);
  get(L.FUEL);
  op(W.I64_EXTEND_S);
  op(W.I64_SUB);
  access(W.I64_STORE, 3, <u32>offsetof<Cpu>("instructions"));
  get(L.EXIT);
}
