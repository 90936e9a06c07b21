// What the float mode does not cover: the interpreter's handler in line. XMM operands go to Cpu and the
// result comes back; a fault leaves the region at the instruction, and the interpreter meets it again.

import { Cpu, Status } from "../cpu/state";
import { RecFlag, recFlags, recHandler, recReg, recRm } from "../decode/record";
import { isFastFloat } from "../fpu/sse-state";
import { countHelper } from "../lib/profile";
import { Import, W, const32, get, op, set, tee } from "./bytes";
import { pushHandler, storeAddress } from "./control";
import { Exit, leaveAt } from "./exits";
import { FAST_LIMIT, Flt } from "./float-mode";
import { L, storeGpr } from "./locals";
import { Insn, lowerForm } from "./map";
import { placeOfInsn } from "./operands";
import { storeXmm } from "./vectors";

/** What jitExact gives beside the limit: the instruction is done. */
const DONE: u32 = 1;

/** Called by regions: the handler of record r; 0 = the interpreter must do it, else MODE | DONE. */
export function jitExact(c: Cpu, r: usize): u32 {
  countHelper(changetype<usize>(c), recHandler(r));
  const before = c.mxcsr;
  if (call_indirect<i32>(recHandler(r), c, r) != Status.NEXT) {
    c.mxcsr = before;
    return 0;
  }
  return isFastFloat(c.mxcsr) ? FAST_LIMIT | DONE : DONE;
}

function isToInt(o: Flt): bool { return o == Flt.TO_INT || o == Flt.TO_INT_TRUNC; }

/** Call the handler, or leave; MODE and LIMIT are set. */
export function emitExact(i: Insn): void {
  const r = changetype<usize>(i);
  const o = lowerForm(i) as u32 as Flt;
  if (!isToInt(o)) storeXmm(recReg(r));
  if (!(recFlags(r) & RecFlag.MEM)) {
    if (o == Flt.FROM_INT) storeGpr(recRm(r));
    else storeXmm(recRm(r));
  }
  storeAddress(r);
  pushHandler(i, Import.EXACT);
  tee(L.MODE);
  op(W.I32_EQZ);
  leaveAt(placeOfInsn(i), Exit.OTHER);
  get(L.MODE);
  const32(~DONE);
  op(W.I32_AND);
  set(L.MODE);
  const32(0);
  set(L.LIMIT);
}
