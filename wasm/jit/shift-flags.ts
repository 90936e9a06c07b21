// Flags of SHL, SHR and SAR of 32 and 64 bits by a constant (SDM vol. 2 "SAL/SAR/SHL/SHR"; what it leaves
// undefined is as in uop/shift.ts). The result is in FR, the operand in FA; FB holds the count and, above it,
// the width. CF and OF are not computed before somebody asks, which exits do only when they are taken.

import { Cpu, FlagKind } from "../cpu/state";
import { W, const32, constant, get, op, set, sized } from "./bytes";
import { CARRIES, getA, isWide, kindOf, localB, localResult, pushWithoutCarries, sizeOf } from "./flags";
import { setFe } from "./locals";
import { Lower } from "./map";

/** Kinds of descriptors, beside FlagKind. */
const enum Shifted { SHL = 8, SHR = 9, SAR = 10 }
const COUNT: u32 = 63;
const WIDE: i32 = 64;
const OF_SHIFT: i32 = 11;

// @ts-ignore: decorator
@inline
export function shiftKind(o: Lower): u32 { return <u32>Shifted.SHL + (<u32>o - <u32>Lower.SHL); }
// @ts-ignore: decorator
@inline
export function isShifted(d: u32): bool {
  return kindOf(d) >= <u32>Shifted.SHL && kindOf(d) <= <u32>Shifted.SAR;
}
/** 1 SHL, 2 SHR, 3 SAR: what an exit tells settleShiftIn. */
export function shiftCode(d: u32): u32 { return kindOf(d) - <u32>Shifted.SHL + 1; }
/** What FB holds. The engines' shifts look at the count only. */
export function shiftOperand(count: i32, wide: bool): i32 { return wide ? count | WIDE : count; }

/** Push CF, 0 or 1. */
export function pushShiftCarry(d: u32): void {
  const wide = isWide(d);
  const left = kindOf(d) == Shifted.SHL;
  getA(d);
  if (left) constant(0, wide);
  get(localB(sizeOf(d)));
  if (!left) constant(1, wide);
  sized(W.I32_SUB, wide);
  sized(kindOf(d) == Shifted.SAR ? W.I32_SHR_S : W.I32_SHR_U, wide);
  if (wide) op(W.I32_WRAP);
  const32(1);
  op(W.I32_AND);
}

/** Push bit `n` of the result, 0 or 1. */
function pushBit(d: u32, n: i32): void {
  get(localResult(sizeOf(d)));
  constant(n, isWide(d));
  sized(W.I32_SHR_U, isWide(d));
  if (isWide(d)) op(W.I32_WRAP);
}

/** CF, OF and AF to FE: what is left is SZP. */
export function settleShift(d: u32): void {
  const top = isWide(d) ? 63 : 31;
  pushWithoutCarries();
  pushShiftCarry(d);
  if (kindOf(d) != Shifted.SAR) {
    pushBit(d, kindOf(d) == Shifted.SHL ? top : top - 1);
    if (kindOf(d) == Shifted.SHL) {
      pushShiftCarry(d);
      op(W.I32_XOR);
    }
    const32(OF_SHIFT);
    op(W.I32_SHL);
    op(W.I32_OR);
  }
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  setFe();
}

/** The same after an exit: operand and FB. */
export function settleShiftIn(c: Cpu, code: u32, operand: u64, b: u32): void {
  const wide = (b & WIDE) != 0;
  const count = <u64>(b & COUNT);
  const top: u64 = wide ? 63 : 31;
  const a = wide ? operand : <u64><u32>operand;
  const signed = wide ? <i64>a : <i64><i32>a;
  let res: u64;
  let carry: u64;
  let overflow: u64 = 0;
  if (code == 1) {
    res = a << count;
    carry = (a >> (top + 1 - count)) & 1;
    overflow = ((res >> top) & 1) ^ carry;
  } else {
    res = code == 2 ? a >> count : <u64>(signed >> <i64>count);
    carry = <u64>(signed >> <i64>(count - 1)) & 1;
    if (code == 2) overflow = (res >> (top - 1)) & 1;
  }
  c.eflags = (c.eflags & ~<u64>CARRIES) | carry | (overflow << OF_SHIFT);
  c.flagRes = wide ? res : <u64><i64><i32>res;
  c.flagKind = FlagKind.SZP;
}

/** Leave count and width of a shift whose flags may be seen in FB. */
export function setShiftOperand(count: i32, size: u32, wide: bool): void {
  constant(shiftOperand(count, wide), wide);
  set(localB(size));
}
