// Decimal adjustment (SDM vol. 2: DAA DAS AAA AAS AAM AAD) and SALC. The pseudocode of the manual; flags left
// undefined there follow the result (SF ZF PF) or are 0 (OF).

import { Cpu, Status } from "../cpu/state";
import { Vector, raise } from "../cpu/exceptions";
import { getAF, getCF, setSzpCarries } from "../cpu/flags";
import { recImm } from "../decode/record";

// @ts-ignore: decorator
@inline
function setAl(c: Cpu, value: u32): void {
  c.rax = (c.rax & ~(<u64>0xFF)) | (value & 0xFF);
}
// @ts-ignore: decorator
@inline
function setAx(c: Cpu, value: u32): void {
  c.rax = (c.rax & ~(<u64>0xFFFF)) | (value & 0xFFFF);
}

export function hDaa(c: Cpu, r: usize): i32 {
  const old = <u32>c.rax & 0xFF;
  const carry = getCF(c);
  let al = old;
  let af: u64 = 0;
  let cf: u64 = 0;
  if ((al & 15) > 9 || getAF(c)) {
    al += 6;
    af = 1;
    cf = <u64>(carry | (al >> 8));
  }
  if (old > 0x99 || carry) {
    al += 0x60;
    cf = 1;
  } else cf = 0;
  setAl(c, al);
  setSzpCarries<u8>(c, <u8>al, cf, 0, af);
  return Status.NEXT;
}

export function hDas(c: Cpu, r: usize): i32 {
  const old = <u32>c.rax & 0xFF;
  const carry = getCF(c);
  let al = old;
  let af: u64 = 0;
  let cf: u64 = 0;
  if ((al & 15) > 9 || getAF(c)) {
    cf = <u64>(carry | <u32>(al < 6));
    al -= 6;
    af = 1;
  }
  if (old > 0x99 || carry) {
    al -= 0x60;
    cf = 1;
  }
  setAl(c, al);
  setSzpCarries<u8>(c, <u8>al, cf, 0, af);
  return Status.NEXT;
}

/** AAA and AAS: add or subtract 6 in AL and 1 in AH. */
function adjustAscii(c: Cpu, step: i32): i32 {
  let ax = <i32>c.rax & 0xFFFF;
  const adjust = (ax & 15) > 9 || getAF(c) != 0;
  if (adjust) ax += step;
  const carry = <u64>adjust;
  setAx(c, <u32>ax & 0xFF0F);
  setSzpCarries<u8>(c, <u8>(ax & 15), carry, 0, carry);
  return Status.NEXT;
}

export function hAaa(c: Cpu, r: usize): i32 {
  return adjustAscii(c, 0x106);
}
export function hAas(c: Cpu, r: usize): i32 {
  return adjustAscii(c, -0x106);
}

export function hAam(c: Cpu, r: usize): i32 {
  const base = <u32>recImm(r) & 0xFF;
  if (base == 0) return raise(c, Vector.DE);
  const al = <u32>c.rax & 0xFF;
  setAx(c, ((al / base) << 8) | (al % base));
  setSzpCarries<u8>(c, <u8>(al % base), 0, 0, 0);
  return Status.NEXT;
}

export function hAad(c: Cpu, r: usize): i32 {
  const base = <u32>recImm(r) & 0xFF;
  const al = (<u32>c.rax + (<u32>(c.rax >> 8) & 0xFF) * base) & 0xFF;
  setAx(c, al);
  setSzpCarries<u8>(c, <u8>al, 0, 0, 0);
  return Status.NEXT;
}

export function hSalc(c: Cpu, r: usize): i32 {
  setAl(c, getCF(c) ? 0xFF : 0);
  return Status.NEXT;
}
