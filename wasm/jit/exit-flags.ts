// Flags of a region that is left with a static producer: the exit's word says which, its operands are stored
// behind the code, and settleFlags brings them into the form of cpu/flags.ts. Each class of producers has a
// place of its own behind the code (exits.ts), which reads only the locals of this class: others would have
// to be kept alive through every loop for exits that do not need them.

import { ARITHMETIC_FLAGS } from "../cpu/flags";
import { Cpu, FlagKind } from "../cpu/state";
import { CPU_SCRATCH } from "../lib/layout";
import { W, access, get, op } from "./bytes";
import { Desc, flagsNow, isWide, kindOf, sizeOf } from "./flags";
import { settleOperands, storeOperands } from "./float-flags";
import { settleRotatedIn } from "./kept-flags";
import { L, Size, storeField } from "./locals";
import { isShifted, settleShiftIn, shiftCode } from "./shift-flags";

/** What an exit stores: two operands, a result, what MIXED has, what is rare, nothing. */
export const enum ExitClass {
  OPERANDS64 = 0, OPERANDS32 = 1, RESULT64 = 2, RESULT32 = 3, MIXED = 4, OTHER = 5, NONE = 6,
}

/** Where an exit leaves operands and result, in the CPU's scratch page: i64 each; then doubles; MK. */
const RAW: u32 = CPU_SCRATCH + 0xE00;
const enum Raw { A = 0, B = 8, RESULT = 16, DOUBLES = 24, KIND = 40 }
const CODE_SIZE: u32 = 3;
const CODE_KIND: u32 = 7;

/** Classes that this region uses. */
export let exitClasses: u32 = 0;
export function forgetExitClasses(): void { exitClasses = 0; }

/** A descriptor in an exit's word: kind | size << 3; kind 0: a shift; 0 = the flags are in Cpu, or MIXED. */
export function exitCode(d: u32): u32 {
  if (d == Desc.DEAD) return 0;
  if (isShifted(d)) return shiftCode(d) << CODE_SIZE;
  return kindOf(d) == Desc.DYNAMIC ? 0 : kindOf(d) | sizeOf(d) << CODE_SIZE;
}
/** The class of the present descriptor. */
export function exitClass(): ExitClass {
  const d = flagsNow;
  const kind = kindOf(d);
  let k = ExitClass.OPERANDS64;
  if (d == Desc.MIXED) k = ExitClass.MIXED;
  else if (exitCode(d) == 0) k = ExitClass.NONE;
  else if (kind == Desc.COMPARE) k = ExitClass.OTHER;
  else if (kind == FlagKind.LOGIC || kind == FlagKind.SZP) {
    k = isWide(d) ? ExitClass.RESULT64 : ExitClass.RESULT32;
  } else if (!isWide(d)) k = ExitClass.OPERANDS32;
  exitClasses |= 1 << k;
  return k;
}

function storeRaw(word: Raw, local: u32, wide: bool): void {
  get(L.C);
  get(local);
  if (!wide) op(W.I64_EXTEND_U);
  access(W.I64_STORE, 3, RAW + word);
}
export function storeRawMixed(): void {
  storeRaw(Raw.A, L.MA, true);
  storeRaw(Raw.B, L.MB, true);
  storeRaw(Raw.RESULT, L.MA, true);
  storeField(RAW + Raw.KIND, L.MK, false);
}
/** What the exits of a class leave. */
export function storeRawFlags(k: ExitClass): void {
  switch (k) {
    case ExitClass.OPERANDS64:
      storeRaw(Raw.A, L.FA64, true);
      storeRaw(Raw.B, L.FB64, true);
      break;
    case ExitClass.OPERANDS32:
      storeRaw(Raw.A, L.FA32, false);
      storeRaw(Raw.B, L.FB32, false);
      break;
    case ExitClass.RESULT64: storeRaw(Raw.RESULT, L.FR64, true); break;
    case ExitClass.RESULT32: storeRaw(Raw.RESULT, L.FR32, false); break;
    case ExitClass.MIXED: storeRawMixed(); break;
    default:
      storeRaw(Raw.A, L.FA32, false);
      storeRaw(Raw.B, L.FR64, true);
      storeRaw(Raw.RESULT, L.FR32, false);
      storeOperands(RAW + Raw.DOUBLES);
  }
}

/** Sign-extend the low part of an operand. */
function narrow(v: i64, size: u32): i64 {
  switch (size) {
    case Size.BYTE: return <i64><i8>v;
    case Size.WORD: return <i64><i16>v;
    case Size.DWORD: return <i64><i32>v;
    default: return v;
  }
}

/** Descriptors of their own kind: COMISx, FCOMI, rotates. */
function settleOther(c: Cpu, size: u32, raw: usize): void {
  if (size == Size.BYTE) settleOperands(c, raw + Raw.DOUBLES);
  else if (size == Size.DWORD) {
    c.eflags = (c.eflags & ~ARITHMETIC_FLAGS) | <u64>load<u32>(raw, Raw.RESULT);
    c.flagKind = FlagKind.EXPLICIT;
  } else {
    settleRotatedIn(c, load<u32>(raw, Raw.A),
      size == Size.QWORD ? load<i64>(raw, Raw.B) : <i64>load<i32>(raw, Raw.RESULT));
  }
}

/** After an exit: what toDynamic does, for the descriptor in the exit's word. */
export function settleFlags(c: Cpu, code: u32): void {
  if (code == 0) return;
  const kind = code & CODE_KIND;
  const size = code >> CODE_SIZE;
  const raw = changetype<usize>(c) + RAW;
  if (kind == Desc.COMPARE) {
    settleOther(c, size, raw);
    return;
  }
  if (kind == Desc.DYNAMIC) {
    settleShiftIn(c, size, load<u64>(raw, Raw.A), load<u32>(raw, Raw.B));
    return;
  }
  const a = narrow(load<i64>(raw, Raw.A), size);
  const b = narrow(load<i64>(raw, Raw.B), size);
  let res = load<i64>(raw, Raw.RESULT);
  switch (kind) {
    case FlagKind.ADD: res = a + b; break;
    case FlagKind.SUB: res = a - b; break;
    case FlagKind.INC: res = a + 1; break;
    case FlagKind.DEC: res = a - 1; break;
  }
  if (kind != FlagKind.LOGIC && kind != FlagKind.SZP) c.flagA = <u64>a;
  if (kind == FlagKind.ADD || kind == FlagKind.SUB) c.flagB = <u64>b;
  c.flagRes = <u64>narrow(res, size);
  c.flagKind = kind;
}
/** The same for what storeRawMixed has left. */
export function settleMixed(c: Cpu): void {
  settleFlags(c, load<u32>(changetype<usize>(c) + RAW, Raw.KIND));
}
