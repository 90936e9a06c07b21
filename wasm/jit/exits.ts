// How a region is left. The function returns page offset | Exit << 13 of the instruction that has not been executed; registers,
// flags and the instruction count are in Cpu then, exactly. All exits share one epilogue at the end of the
// function.

import { Cpu } from "../cpu/state";
import { W, access, br, const32, const64, get, op, openVoid, set } from "./bytes";
import { spillFlags, toDynamic } from "./flags";
import { L, dirtyRegs, storeField } from "./locals";

export const enum Exit {
  /** An instruction for the interpreter. */
  OTHER = 0,
  /** A TLB miss, a page crossing, a fault to come. */
  MISS = 1,
  /** Attention, or the budget is used up: poll. */
  POLL = 2,
}
export const EXIT_SHIFT: u32 = 13;

/** Instructions per call: there is no on-stack replacement in wasm, so the engine must see fresh calls. */
export const BUDGET: i32 = 500000;

/** Open blocks, loops and ifs between the code and the block that ends before the epilogue. */
export let depth: u32 = 0;
export function deeper(): void { depth++; }
export function shallower(): void { depth--; }
export function resetDepth(): void { depth = 0; }

/** Instructions of the present block that have been counted but are not executed yet. */
let uncounted: i32 = 0;
export function setUncounted(n: i32): void { uncounted = n; }

/** Leave at page offset `off`; `conditional`: when the i32 on the stack is not 0. */
export function leaveRegion(off: u32, why: Exit, conditional: bool): void {
  if (conditional) {
    openVoid(W.IF);
    deeper();
  }
  toDynamic();
  const32(off | (why << EXIT_SHIFT));
  set(L.EXIT);
  if (uncounted) {
    get(L.FUEL);
    const32(uncounted);
    op(W.I32_ADD);
    set(L.FUEL);
  }
  br(W.BR, depth);
  if (conditional) {
    op(W.END);
    shallower();
  }
}

/** Store what the region has changed. */
export function epilogue(): void {
  for (let n: u32 = 0; n < 16; n++) if (dirtyRegs & (1 << n)) storeField(n << 3, L.GPR + n, true);
  spillFlags();
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
