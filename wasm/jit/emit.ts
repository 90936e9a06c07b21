// The function of a region: prologue, the flow graph's code, exits. Written twice; the first pass finds out
// which registers, locals and windows are used.

import { Cpu } from "../cpu/state";
import { FLOAT_LOCALS, W, beginFunction, const32, const64, endFunction, get, op, set } from "./bytes";
import { pages } from "./discover";
import { BUDGET, closeExits, openExits } from "./exits";
import { Desc, setFlagsNow } from "./flags";
import { usesFloats } from "./float-mode";
import { FIRST_FREE_LOCAL, L, NARROW_LOCALS, WIDE_LOCALS, loadField, loadState } from "./locals";
import { beginLookups } from "./lookups";
import { CODE_BYTES, codeStart, hintRoom } from "./map";
import { beginRecent, forgetRecent } from "./recent";
import { tree } from "./structure";
import { checkVectors, vectorLocals } from "./vectors";
import { beginX87, x87Narrows, x87Wides } from "./x87-state";

function loadIp(): void {
  loadField(offsetof<Cpu>("ipBase"), L.IP, true);
  if (pages > 1) {
    get(L.IP);
    get(L.ENTRY);
    const32(16);
    op(W.I32_SHR_S);
    op(W.I64_EXTEND_S);
    const64(12);
    op(W.I64_SHL);
    op(W.I64_SUB);
    set(L.IP);
  }
  get(L.ENTRY);
  const32(0xFFFF);
  op(W.I32_AND);
  set(L.ENTRY);
}

/** Write the function; its length. The first of two passes finds which registers are used. */
export function emit(deltas: u32, first: bool): u32 {
  beginLookups(first);
  beginRecent(first);
  beginFunction(codeStart(), CODE_BYTES, hintRoom(), WIDE_LOCALS, NARROW_LOCALS, vectorLocals(), usesFloats(),
    x87Wides(), x87Narrows());
  beginX87(FIRST_FREE_LOCAL + vectorLocals() + (usesFloats() ? FLOAT_LOCALS : 0));
  checkVectors();
  loadIp();
  loadState();
  forgetRecent();
  const32(BUDGET);
  set(L.FUEL);
  openExits();
  setFlagsNow(Desc.DYNAMIC);
  tree(0);
  op(W.UNREACHABLE);
  closeExits(deltas);
  return endFunction(codeStart());
}
