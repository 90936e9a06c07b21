// PCMPESTRI PCMPESTRM PCMPISTRI PCMPISTRM (SDM vol. 1 section 4.1 of vol. 2B, "Imm8 control byte operation").
// The memory operand needs no alignment. Elements beyond the end of a string are invalid; what a comparison
// with one yields depends on the aggregation.

import { Cpu, Status } from "../cpu/state";
import { setExplicit } from "../cpu/flags";
import { recImm, recOpSize, recReg } from "../decode/record";
import { looseSource, xmm } from "./sse-operand";

/** Fields of imm8. */
const enum Imm {
  WORDS = 1, SIGNED = 2, AGGREGATION = 0xC, NEGATE = 0x10, MASKED = 0x20, MOST_SIGNIFICANT = 0x40,
}
const enum Aggregation { EQUAL_ANY = 0, RANGES = 4, EQUAL_EACH = 8, EQUAL_ORDERED = 12 }
const enum Flag { CF = 1, ZF = 0x40, SF = 0x80, OF = 0x800 }

// @ts-ignore: decorator
@inline
function element(p: usize, i: u32, imm: u32): i32 {
  if (imm & Imm.WORDS) return imm & Imm.SIGNED ? load<i16>(p + (i << 1)) : <i32>load<u16>(p + (i << 1));
  return imm & Imm.SIGNED ? load<i8>(p + i) : <i32>load<u8>(p + i);
}

/** Elements of an operand ended by a zero element. */
function implicitLength(p: usize, count: u32, imm: u32): u32 {
  for (let i: u32 = 0; i < count; i++) if (element(p, i, imm) == 0) return i;
  return count;
}

/** |EAX| or |EDX| (64 bits with REX.W), at most `count`. */
function explicitLength(v: u64, wide: bool, count: u32): u32 {
  const n: i64 = wide ? <i64>v : <i64><i32>v;
  const magnitude: u64 = n < 0 ? <u64>(-n) : <u64>n;
  return magnitude > <u64>count ? count : <u32>magnitude;
}

/** IntRes1: one bit per element of b. a and b have la and lb valid elements of `count`. */
function aggregate(a: usize, la: u32, b: usize, lb: u32, count: u32, imm: u32): u32 {
  let result: u32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    let hit = false;
    switch (imm & Imm.AGGREGATION) {
      case Aggregation.EQUAL_ANY:
        for (let i: u32 = 0; i < la && j < lb; i++) hit = hit || element(a, i, imm) == element(b, j, imm);
        break;
      case Aggregation.RANGES:
        for (let i: u32 = 0; i + 1 < la && j < lb; i += 2) {
          hit = hit || (element(b, j, imm) >= element(a, i, imm)
            && element(b, j, imm) <= element(a, i + 1, imm));
        }
        break;
      case Aggregation.EQUAL_EACH:
        hit = j < la && j < lb ? element(a, j, imm) == element(b, j, imm) : j >= la && j >= lb;
        break;
      default:
        hit = ordered(a, la, b, lb, count, j, imm);
    }
    if (hit) result |= 1 << j;
  }
  return result;
}

/** Does a begin at element j of b, as far as both go? */
function ordered(a: usize, la: u32, b: usize, lb: u32, count: u32, j: u32, imm: u32): bool {
  for (let i: u32 = 0; i + j < count && i < la; i++) {
    if (i + j >= lb || element(a, i, imm) != element(b, i + j, imm)) return false;
  }
  return true;
}

/** IntRes2 and the flags. */
function compare(c: Cpu, a: usize, la: u32, b: usize, lb: u32, imm: u32): u32 {
  const count: u32 = imm & Imm.WORDS ? 8 : 16;
  const all: u32 = (1 << count) - 1;
  let result = aggregate(a, la, b, lb, count, imm);
  if (imm & Imm.NEGATE) {
    // With MASKED only the valid elements of b are inverted.
    result ^= imm & Imm.MASKED ? (<u32>1 << lb) - 1 : all;
  }
  const flags: u64 = (result ? Flag.CF : 0) | (lb < count ? Flag.ZF : 0) | (la < count ? Flag.SF : 0)
    | (result & 1 ? Flag.OF : 0);
  setExplicit(c, flags);
  return result;
}

function putIndex(c: Cpu, result: u32, imm: u32): i32 {
  const count: u32 = imm & Imm.WORDS ? 8 : 16;
  let index: u32 = count;
  if (result) index = imm & Imm.MOST_SIGNIFICANT ? 31 - clz<u32>(result) : ctz<u32>(result);
  c.rcx = <u64>index;
  return Status.NEXT;
}

/** XMM0: the bits, or an element-wide mask. */
function putMask(c: Cpu, result: u32, imm: u32): i32 {
  const at = xmm(c, 0);
  store<u64>(at, 0);
  store<u64>(at, 0, 8);
  if (!(imm & Imm.MOST_SIGNIFICANT)) store<u32>(at, result);
  else if (imm & Imm.WORDS) {
    for (let i: u32 = 0; i < 8; i++) store<u16>(at + (i << 1), (result >> i) & 1 ? 0xFFFF : 0);
  } else {
    for (let i: u32 = 0; i < 16; i++) store<u8>(at + i, (result >> i) & 1 ? 0xFF : 0);
  }
  return Status.NEXT;
}

// @ts-ignore: decorator
@inline
function explicitCompare(c: Cpu, r: usize, b: usize, imm: u32): u32 {
  const count: u32 = imm & Imm.WORDS ? 8 : 16;
  const wide = recOpSize(r) == 3;
  return compare(c, xmm(c, recReg(r)), explicitLength(c.rax, wide, count), b,
    explicitLength(c.rdx, wide, count), imm);
}
// @ts-ignore: decorator
@inline
function implicitCompare(c: Cpu, r: usize, b: usize, imm: u32): u32 {
  const count: u32 = imm & Imm.WORDS ? 8 : 16;
  const a = xmm(c, recReg(r));
  return compare(c, a, implicitLength(a, count, imm), b, implicitLength(b, count, imm), imm);
}

export function hPcmpestri(c: Cpu, r: usize): i32 {
  const s = looseSource<v128>(c, r);
  const imm = <u32>recImm(r);
  return s ? putIndex(c, explicitCompare(c, r, s, imm), imm) : Status.FAULT;
}
export function hPcmpestrm(c: Cpu, r: usize): i32 {
  const s = looseSource<v128>(c, r);
  const imm = <u32>recImm(r);
  return s ? putMask(c, explicitCompare(c, r, s, imm), imm) : Status.FAULT;
}
export function hPcmpistri(c: Cpu, r: usize): i32 {
  const s = looseSource<v128>(c, r);
  const imm = <u32>recImm(r);
  return s ? putIndex(c, implicitCompare(c, r, s, imm), imm) : Status.FAULT;
}
export function hPcmpistrm(c: Cpu, r: usize): i32 {
  const s = looseSource<v128>(c, r);
  const imm = <u32>recImm(r);
  return s ? putMask(c, implicitCompare(c, r, s, imm), imm) : Status.FAULT;
}
