// Flags of instructions that change some and keep the others: ROL ROR (CF OF), BT BTS BTR BTC (CF; the
// undefined ones stay as they were), ADCX (CF), ADOX (OF). SDM vol. 2. ZF SF PF stay with the result of their
// producer in FR, CF OF AF go to FE (FlagKind.SZP). Flags without such a result become explicit, all in FE.
// A rotate's CF and OF are not computed before somebody asks: Desc.ROTATED keeps its result in FA32, with CF
// in bit 31 and CF ^ OF in bit 30.

import { Cpu, FlagKind } from "../cpu/state";
import { Import, W, access, const32, const64, get, op, set, sized } from "./bytes";
import {
  Desc, call, describe, flagsNow, getA, getB, isWide, kindOf, localResult, pushCarry, pushOverflow,
  pushResult, pushWithoutCarries, setFlagsNow, sizeOf, toDynamic,
} from "./flags";
import { Core } from "./core";
import { L, Size, extend, getFe, setFe, spillFe } from "./locals";
import { isShifted, settleShift } from "./shift-flags";

const CF_OF: i64 = 0x801;
const OF_AF: i64 = 0x810;
const OF_SHIFT: i32 = 11;
const AF: i64 = 0x10;
const AF_SHIFT: i64 = 4;
const NIBBLE: i64 = 15;

// @ts-ignore: decorator
@inline
export function isRotated(d: u32): bool { return d == Desc.ROTATED32 || d == Desc.ROTATED64; }

/** Descriptor behind an instruction that keeps flags. */
export function keptAfter(d: u32): u32 {
  if (d == Desc.DEAD) return d;
  if (isRotated(d)) return describe(FlagKind.SZP, d == Desc.ROTATED64 ? Size.QWORD : Size.DWORD);
  if (kindOf(d) == Desc.DYNAMIC || kindOf(d) == Desc.COMPARE) return Desc.EXPLICIT;
  return describe(FlagKind.SZP, sizeOf(d));
}
/** Descriptor behind a rotate by a constant. */
export function rotatedAfter(d: u32): u32 {
  const kept = keptAfter(d);
  if (kept == Desc.DEAD || kept == Desc.EXPLICIT) return kept;
  return sizeOf(kept) == Size.QWORD ? Desc.ROTATED64 : Desc.ROTATED32;
}

/** Bring the flags into the form of keptAfter: what follows may replace CF and OF in FE. */
export function keepFlags(): void {
  const d = flagsNow;
  const kept = keptAfter(d);
  if (d == kept && d != Desc.DEAD) return;
  if (isRotated(d)) settleRotated();
  else if (isShifted(d)) settleShift(d);
  else if (kept == Desc.EXPLICIT || kept == Desc.DEAD) makeExplicit(d);
  else keepStatic(d);
  setFlagsNow(kept);
}

function makeExplicit(d: u32): void {
  if (d == Desc.MIXED || kindOf(d) == Desc.COMPARE) toDynamic();
  if (kindOf(d) == Desc.COMPARE) return;
  spillFe();
  call(Import.CORE, Core.EXPLICIT);
  op(W.DROP);
  get(L.C);
  access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("eflags"));
  setFe();
}

/** ADD SUB LOGIC INC DEC. */
function keepStatic(d: u32): void {
  const kind = kindOf(d);
  if (kind == FlagKind.LOGIC) {
    pushWithoutCarries();
    setFe();
    return;
  }
  pushResult(d);
  set(localResult(sizeOf(d)));
  if (kind == FlagKind.INC || kind == FlagKind.DEC) {
    getFe();
    const64(~OF_AF);
    op(W.I64_AND);
  } else {
    pushWithoutCarries();
    pushCarry(d);
    op(W.I64_EXTEND_U);
    op(W.I64_OR);
  }
  pushOverflow(d);
  const32(OF_SHIFT);
  op(W.I32_SHL);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  pushAuxiliary(d);
  op(W.I64_OR);
  setFe();
}

/** Push AF of ADD SUB INC DEC as it stands in RFLAGS; the result is in FR. */
function pushAuxiliary(d: u32): void {
  const wide = isWide(d);
  if (kindOf(d) == FlagKind.INC) get(localResult(sizeOf(d)));
  else getA(d);
  if (kindOf(d) == FlagKind.ADD || kindOf(d) == FlagKind.SUB) {
    getB(d);
    sized(W.I32_XOR, wide);
    get(localResult(sizeOf(d)));
    sized(W.I32_XOR, wide);
    if (!wide) op(W.I64_EXTEND_S);
    const64(AF);
    op(W.I64_AND);
    return;
  }
  if (!wide) op(W.I64_EXTEND_S);
  const64(NIBBLE);
  op(W.I64_AND);
  op(W.I64_EQZ);
  op(W.I64_EXTEND_U);
  const64(AF_SHIFT);
  op(W.I64_SHL);
}

/** Push FE with CF and OF of the rotate whose value is in an i32 local. */
export function pushRotated(local: u32): void {
  getFe();
  const64(~CF_OF);
  op(W.I64_AND);
  get(local);
  const32(31);
  op(W.I32_SHR_U);
  get(local);
  get(local);
  const32(1);
  op(W.I32_SHL);
  op(W.I32_XOR);
  const32(31);
  op(W.I32_SHR_U);
  const32(OF_SHIFT);
  op(W.I32_SHL);
  op(W.I32_OR);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
}
/** CF and OF of ROTATED to FE. */
export function settleRotated(): void {
  pushRotated(L.FA32);
  setFe();
}
/** Behind keepFlags: the descriptor of a rotate whose value is on the stack. */
export function becomeRotated(): void {
  if (flagsNow == Desc.EXPLICIT) {
    set(L.FA32);
    settleRotated();
    return;
  }
  set(L.FA32);
  if (isRotated(flagsNow)) return;
  const size = sizeOf(flagsNow);
  if (size < <u32>Size.DWORD) {
    get(L.FR32);
    extend(size);
    set(L.FR32);
  }
  setFlagsNow(rotatedAfter(flagsNow));
}

/** Behind keepFlags: the bit on the stack (i32) becomes CF. */
export function setCarry(): void {
  set(L.SLOT);
  getFe();
  const64(~(<i64>1));
  op(W.I64_AND);
  get(L.SLOT);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  setFe();
}
/** The bit on the stack (i32) becomes CF, OF and AF 0. */
export function setOnlyCarry(): void {
  set(L.SLOT);
  pushWithoutCarries();
  get(L.SLOT);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  setFe();
}

/** Settle ROTATED after a compact exit: `value` is what FA32 was. */
export function settleRotatedIn(c: Cpu, value: u32, res: i64): void {
  const overflow = <u64>((value ^ (value << 1)) >> 31);
  c.eflags = (c.eflags & ~(<u64>CF_OF)) | <u64>(value >> 31) | (overflow << OF_SHIFT);
  c.flagRes = <u64>res;
  c.flagKind = FlagKind.SZP;
}
