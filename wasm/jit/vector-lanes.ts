// Vector instructions that read or write single elements, or widen them (SDM vol. 2: PINSR*, PEXTR*,
// EXTRACTPS, INSERTPS, PMOVSX*, PMOVZX*). Memory operands are as narrow as the elements and need no
// alignment.

import { recImm, recOpSize, recReg, recRm } from "../decode/record";
import { V, W, access, get, lane, op, simd, simdAccess } from "./bytes";
import { L, Size, popReg, pushReg } from "./locals";
import { Insn, Vec, lowerForm, lowerSimd } from "./map";
import { translate } from "./operands";
import { WHOLE, constVector, getFirst, getXmm, inMemory, setFirst } from "./vectors";

/** EXTRACTPS among the extracts. */
const ALWAYS_32: u32 = 4;
const SIGNED: u32 = 16;
/** From one width to the next, and from a signed extension to an unsigned one. */
const NEXT_WIDTH: u32 = 0x20;
const UNSIGNED: u32 = 2;
const LANES32: u32 = 4;

/** log2 of the element's bytes; PINSRD and PEXTRD are PINSRQ and PEXTRQ with REX.W. */
function elementSize(i: Insn): u32 {
  const n = lowerSimd(i);
  if (n & ALWAYS_32) return Size.DWORD;
  return n == Size.DWORD && recOpSize(changetype<usize>(i)) == Size.QWORD ? <u32>Size.QWORD : n;
}
function laneOf(i: Insn, size: u32): u32 {
  return <u32>recImm(changetype<usize>(i)) & ((<u32>16 >> size) - 1);
}
function extractOp(size: u32): V {
  return size == Size.BYTE ? V.EXTRACT8_U : size == Size.WORD ? V.EXTRACT16_U
    : size == Size.DWORD ? V.EXTRACT32 : V.EXTRACT64;
}
function replaceOp(size: u32): V {
  return size == Size.BYTE ? V.REPLACE8 : size == Size.WORD ? V.REPLACE16
    : size == Size.DWORD ? V.REPLACE32 : V.REPLACE64;
}

function lowerInsert(i: Insn): void {
  const size = elementSize(i);
  if (inMemory(i)) {
    translate(i, size, false);
    get(L.HOST);
    getFirst(i);
    simdAccess(V.LOAD8_LANE + size, 0, 0);
  } else {
    getFirst(i);
    pushReg(recRm(changetype<usize>(i)), size);
    simd(replaceOp(size));
  }
  lane(laneOf(i, size));
  setFirst(i);
}

/** A general register gets the element zero-extended. */
function lowerExtract(i: Insn): void {
  const size = elementSize(i);
  if (inMemory(i)) {
    translate(i, size, true);
    get(L.HOST);
    getFirst(i);
    simdAccess(V.STORE8_LANE + size, 0, 0);
    lane(laneOf(i, size));
    return;
  }
  getFirst(i);
  simd(extractOp(size));
  lane(laneOf(i, size));
  popReg(recRm(changetype<usize>(i)), size == Size.QWORD ? Size.QWORD : Size.DWORD);
}

/** PEXTRW with the general register in ModRM.reg. */
function lowerPextrw(i: Insn): void {
  const r = changetype<usize>(i);
  getXmm(recRm(r));
  simd(V.EXTRACT16_U);
  lane(laneOf(i, Size.WORD));
  popReg(recReg(r), Size.DWORD);
}

/** Element 7:6 of the source (memory: the operand) into element 5:4, then zeros by 3:0. */
function lowerInsertps(i: Insn): void {
  const r = changetype<usize>(i);
  const imm = <u32>recImm(r);
  const to = (imm >> 4) & 3;
  if (inMemory(i)) {
    translate(i, Size.DWORD, false);
    getFirst(i);
    get(L.HOST);
    access(W.I32_LOAD, 0, 0);
  } else {
    getFirst(i);
    getXmm(recRm(r));
    simd(V.EXTRACT32);
    lane((imm >> 6) & 3);
  }
  simd(V.REPLACE32);
  lane(to);
  if (imm & 15) {
    let low: u64 = 0;
    let high: u64 = 0;
    for (let n: u32 = 0; n < LANES32; n++) {
      if (imm & (1 << n)) continue;
      const mask: u64 = <u64>0xFFFFFFFF << <u64>((n & 1) << 5);
      if (n < 2) low |= mask;
      else high |= mask;
    }
    constVector(low, high);
    simd(V.AND);
  }
  setFirst(i);
}

/** Step by step to the wider elements. */
function lowerExtend(i: Insn): void {
  const word = lowerSimd(i);
  const from = word & 3;
  const to = (word >> 2) & 3;
  // The low half, quarter or eighth of the register.
  const bytes = WHOLE - (to - from);
  if (!inMemory(i)) getXmm(recRm(changetype<usize>(i)));
  else {
    translate(i, bytes, false);
    get(L.HOST);
    if (bytes == Size.WORD) {
      access(W.I32_LOAD16_U, 0, 0);
      simd(V.SPLAT32);
    } else simdAccess(bytes == Size.QWORD ? V.LOAD64_ZERO : V.LOAD32_ZERO, 0, 0);
  }
  for (let size = from; size < to; size++) {
    simd(V.EXTEND16_LOW_S + size * NEXT_WIDTH + (word & SIGNED ? 0 : UNSIGNED));
  }
  setFirst(i);
}

/** False when it is none of these. */
export function lowerVectorLanes(i: Insn): bool {
  switch (lowerForm(i)) {
    case Vec.INSERT: lowerInsert(i); break;
    case Vec.EXTRACT: lowerExtract(i); break;
    case Vec.PEXTRW: lowerPextrw(i); break;
    case Vec.INSERTPS: lowerInsertps(i); break;
    case Vec.EXTEND: lowerExtend(i); break;
    default: return false;
  }
  return true;
}
