// Flags where paths meet that have different producers: MK says at run time which descriptor it is, as exits
// write it, and MA and MB are its operands. So a join costs moves between locals, which a loop's engine keeps
// in registers; Cpu is written only when the region is left, or when somebody asks.

import { Cpu, FlagKind } from "../cpu/state";
import { Import, W, access, const32, const64, get, op, set } from "./bytes";
import { Core } from "./core";
import { exitCode, storeRawMixed } from "./exit-flags";
import { Desc, call, flagsNow, getA, getB, isWide, kindOf, localResult, sizeOf, toDynamic } from "./flags";
import { L, setFe, spillFe } from "./locals";
import { isShifted } from "./shift-flags";

/** Pop a value of the descriptor's width. */
function setWide(local: u32, wide: bool): void {
  if (!wide) op(W.I64_EXTEND_U);
  set(local);
}

/** The present flags become MIXED. */
export function toMixed(): void {
  const d = flagsNow;
  const kind = kindOf(d);
  if (d == Desc.MIXED) return;
  let code = exitCode(d);
  if (d != Desc.DEAD && kind == Desc.COMPARE) {
    toDynamic();
    code = 0;
  }
  const32(<i32>code);
  set(L.MK);
  if (code == 0) const64(0);
  else if (kind == FlagKind.LOGIC || kind == FlagKind.SZP) get(localResult(sizeOf(d)));
  else getA(d);
  setWide(L.MA, code == 0 || isWide(d));
  const two = kind == FlagKind.ADD || kind == FlagKind.SUB || isShifted(d);
  if (code != 0 && two) getB(d);
  else const64(0);
  setWide(L.MB, code == 0 || !two || isWide(d));
}

/** Into the form that the flags have at the start of a block. */
export function flagsTo(d: u32): void {
  if (d == Desc.MIXED) toMixed();
  else if (d == Desc.DYNAMIC) toDynamic();
}

/** MIXED to Cpu and FE. */
export function mixedToDynamic(): void {
  spillFe();
  storeRawMixed();
  call(Import.CORE, Core.SETTLE);
  op(W.DROP);
  get(L.C);
  access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("eflags"));
  setFe();
}
