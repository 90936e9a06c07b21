// One-operand multiplication and division (SDM vol. 2: MUL IMUL DIV IDIV MULX). Flags undefined after a
// product: SF ZF PF by its low half, AF = 0; after a division nothing changes.

import { Cpu, RAX, RDX, Status } from "../cpu/state";
import { Vector, raise } from "../cpu/exceptions";
import { setSzp, signExtend } from "../cpu/flags";
import { readReg, recIsMem, recReg, recRm, recVex, writeReg } from "../decode/record";
import { linear, readHost } from "../mmu/access";
import { mulHigh, mulHighSigned } from "../uop/arith";

const SIGN: u64 = 0x8000000000000000;

/** The r/m operand; false = fault. */
let operand: u64 = 0;
function readOperand<T>(c: Cpu, r: usize): bool {
  if (recIsMem(r)) {
    const h = readHost<T>(c, linear<T>(c, r, false));
    if (!h) return false;
    operand = <u64>load<T>(h);
  } else operand = <u64>readReg<T>(c, recRm(r));
  return true;
}

/** Double-width result in AX or rDX:rAX. */
// @ts-ignore: decorator
@inline
function writePair<T>(c: Cpu, low: T, high: T): void {
  if (sizeof<T>() == 1) {
    writeReg<u16>(c, RAX, <u16>(<u32>low | (<u32>high << 8)));
  } else {
    writeReg<T>(c, RAX, low);
    writeReg<T>(c, RDX, high);
  }
}

export function hMul<T>(c: Cpu, r: usize): i32 {
  if (!readOperand<T>(c, r)) return Status.FAULT;
  const a = <u64>readReg<T>(c, RAX);
  const low = a * operand;
  const high = sizeof<T>() == 8 ? mulHigh(a, operand) : low >> <u64>(sizeof<T>() << 3);
  writePair<T>(c, <T>low, <T>high);
  const lost = <u64>(<T>high != 0);
  setSzp<T>(c, <T>low, lost, lost);
  return Status.NEXT;
}

export function hImul<T>(c: Cpu, r: usize): i32 {
  if (!readOperand<T>(c, r)) return Status.FAULT;
  const a = signExtend<T>(readReg<T>(c, RAX));
  const b = signExtend<T>(<T>operand);
  const low = a * b;
  const high: u64 = sizeof<T>() == 8 ? <u64>mulHighSigned(<i64>a, <i64>b) : low >> <u64>(sizeof<T>() << 3);
  writePair<T>(c, <T>low, <T>high);
  const lost = <u64>(signExtend<T>(<T>high) != <u64>(<i64>signExtend<T>(<T>low) >> 63));
  setSzp<T>(c, <T>low, lost, lost);
  return Status.NEXT;
}

/** The high half is written last: it wins when both destinations are one register. */
export function hMulx<T>(c: Cpu, r: usize): i32 {
  if (!readOperand<T>(c, r)) return Status.FAULT;
  const a = <u64>readReg<T>(c, RDX);
  const low = a * operand;
  const high = sizeof<T>() == 8 ? mulHigh(a, operand) : low >> 32;
  writeReg<T>(c, recVex(r), <T>low);
  writeReg<T>(c, recReg(r), <T>high);
  return Status.NEXT;
}

/** Remainder of the last divide128. */
let remainder: u64 = 0;

/** Quotient of high:low by d, for high < d (Knuth, TAOCP vol. 2, 4.3.1 algorithm D with 32-bit digits). */
export function divide128(high: u64, low: u64, d: u64): u64 {
  if (high == 0) {
    remainder = low % d;
    return low / d;
  }
  const shift = clz<u64>(d);
  const v = d << shift;
  const v1 = v >> 32;
  const v0 = v & 0xFFFFFFFF;
  const u = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  const rest = low << shift;
  const q1 = digit(u, rest >> 32, v1, v0);
  const u1 = ((u << 32) | (rest >> 32)) - q1 * v;
  const q0 = digit(u1, rest & 0xFFFFFFFF, v1, v0);
  remainder = (((u1 << 32) | (rest & 0xFFFFFFFF)) - q0 * v) >> shift;
  return (q1 << 32) + q0;
}

/** One 32-bit digit of the quotient. */
function digit(u: u64, next: u64, v1: u64, v0: u64): u64 {
  let q = u / v1;
  let rest = u - q * v1;
  while (q >= 0x100000000 || q * v0 > ((rest << 32) | next)) {
    q--;
    rest += v1;
    if (rest >= 0x100000000) break;
  }
  return q;
}

export function hDiv<T>(c: Cpu, r: usize): i32 {
  if (!readOperand<T>(c, r)) return Status.FAULT;
  const d = operand;
  if (sizeof<T>() == 8) {
    if (c.rdx >= d) return raise(c, Vector.DE);
    const q = divide128(c.rdx, c.rax, d);
    c.rax = q;
    c.rdx = remainder;
    return Status.NEXT;
  }
  if (d == 0) return raise(c, Vector.DE);
  const shift = <u64>(sizeof<T>() << 3);
  const n = sizeof<T>() == 1 ? c.rax & 0xFFFF : (<u64>readReg<T>(c, RDX) << shift) | <u64>readReg<T>(c, RAX);
  const q = n / d;
  if (q >> shift) return raise(c, Vector.DE);
  writePair<T>(c, <T>q, <T>(n % d));
  return Status.NEXT;
}

export function hIdiv<T>(c: Cpu, r: usize): i32 {
  if (!readOperand<T>(c, r)) return Status.FAULT;
  if (sizeof<T>() == 8) return idiv64(c, operand);
  const d = <i64>signExtend<T>(<T>operand);
  if (d == 0) return raise(c, Vector.DE);
  let n: i64;
  if (sizeof<T>() == 1) n = <i64><i16>c.rax;
  else if (sizeof<T>() == 2) n = <i64><i32>((<u32>readReg<u16>(c, RDX) << 16) | <u32>readReg<u16>(c, RAX));
  else n = <i64>((<u64>readReg<u32>(c, RDX) << 32) | <u64>readReg<u32>(c, RAX));
  // The one quotient that i64 cannot hold.
  if (d == -1 && <u64>n == SIGN) return raise(c, Vector.DE);
  const q = n / d;
  if (<i64>signExtend<T>(<T>q) != q) return raise(c, Vector.DE);
  writePair<T>(c, <T>q, <T>(n % d));
  return Status.NEXT;
}

/** 128 by 64 bits on magnitudes; the remainder has the dividend's sign. */
function idiv64(c: Cpu, divisor: u64): i32 {
  let low = c.rax;
  let high = c.rdx;
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + <u64>(low == 0);
  }
  const d = <i64>divisor < 0 ? 0 - divisor : divisor;
  if (high >= d) return raise(c, Vector.DE);
  const q = divide128(high, low, d);
  const negate = negative != (<i64>divisor < 0);
  if (negate ? q > SIGN : q >= SIGN) return raise(c, Vector.DE);
  c.rax = negate ? 0 - q : q;
  c.rdx = negative ? 0 - remainder : remainder;
  return Status.NEXT;
}
