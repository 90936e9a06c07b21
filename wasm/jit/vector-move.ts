// SSE moves as WebAssembly SIMD (SDM vol. 2: MOVDQA/U, MOVAPS/UPS, MOVD/Q, MOVSS/SD, MOVLPS/HPS, MOVHLPS,
// MOVLHPS, LDDQU, MOVNT*): what memory gives is zero-extended or goes into one half, between registers it is
// merged. Hints mean nothing here.

import { recOpSize, recReg, recRm } from "../decode/record";
import { V, get, lane, simd, simdAccess } from "./bytes";
import { L, Size, popReg, pushReg } from "./locals";
import { Insn, Vec, lowerForm } from "./map";
import { translate, translateAligned } from "./operands";
import { WHOLE, constVector, getFirst, getXmm, inMemory, setFirst, setXmm, shuffle } from "./vectors";

/** Bytes 0 to 7 and 8 to 15 of the first and of the second operand of a shuffle. */
const FIRST_LOW: u64 = 0x0706050403020100;
const FIRST_HIGH: u64 = 0x0F0E0D0C0B0A0908;
const SECOND_LOW: u64 = 0x1716151413121110;
const SECOND_HIGH: u64 = 0x1F1E1D1C1B1A1918;
/** The low four bytes of the second, then the first. */
const SECOND_LOW4: u64 = 0x0706050413121110;

/** A whole register. */
function lowerWhole(i: Insn, form: Vec): void {
  const r = changetype<usize>(i);
  const isStore = form == Vec.MOVA_STORE || form == Vec.MOVU_STORE;
  const aligned = form == Vec.MOVA_LOAD || form == Vec.MOVA_STORE;
  if (!inMemory(i)) {
    getXmm(isStore ? recReg(r) : recRm(r));
    setXmm(isStore ? recRm(r) : recReg(r));
    return;
  }
  if (aligned) translateAligned(i, isStore);
  else translate(i, WHOLE, isStore);
  get(L.HOST);
  if (isStore) {
    getFirst(i);
    simdAccess(V.STORE, 0, 0);
    return;
  }
  simdAccess(V.LOAD, 0, 0);
  setFirst(i);
}

/** MOVD, MOVQ from a general register or memory: the rest becomes 0. */
function lowerToXmm(i: Insn): void {
  const r = changetype<usize>(i);
  const wide = recOpSize(r) == Size.QWORD;
  if (inMemory(i)) {
    lowerZeroLoad(i, wide ? Size.QWORD : Size.DWORD);
    return;
  }
  constVector(0, 0);
  pushReg(recRm(r), wide ? Size.QWORD : Size.DWORD);
  simd(wide ? V.REPLACE64 : V.REPLACE32);
  lane(0);
  setFirst(i);
}

function lowerFromXmm(i: Insn): void {
  const r = changetype<usize>(i);
  const size: u32 = recOpSize(r) == Size.QWORD ? Size.QWORD : Size.DWORD;
  if (inMemory(i)) {
    lowerStore(i, size, 0);
    return;
  }
  getFirst(i);
  simd(size == Size.QWORD ? V.EXTRACT64 : V.EXTRACT32);
  lane(0);
  popReg(recRm(r), size);
}

/** 4 or 8 bytes of memory, the rest 0. */
function lowerZeroLoad(i: Insn, size: u32): void {
  translate(i, size, false);
  get(L.HOST);
  simdAccess(size == Size.QWORD ? V.LOAD64_ZERO : V.LOAD32_ZERO, 0, 0);
  setFirst(i);
}

/** 4 or 8 bytes to memory. */
function lowerStore(i: Insn, size: u32, which: u32): void {
  translate(i, size, true);
  get(L.HOST);
  getFirst(i);
  simdAccess(size == Size.QWORD ? V.STORE64_LANE : V.STORE32_LANE, 0, 0);
  lane(which);
}

/** 8 bytes of memory into one half. */
function lowerHalfLoad(i: Insn, which: u32): void {
  translate(i, Size.QWORD, false);
  get(L.HOST);
  getFirst(i);
  simdAccess(V.LOAD64_LANE, 0, 0);
  lane(which);
  setFirst(i);
}

/** Register `to` from a shuffle of itself and register `from`. */
function merge(to: u32, from: u32, low: u64, high: u64): void {
  getXmm(to);
  getXmm(from);
  shuffle(low, high);
  setXmm(to);
}

/** MOVQ between registers: the upper half becomes 0. */
function lowerLowHalf(to: u32, from: u32): void {
  getXmm(from);
  constVector(0, 0);
  shuffle(FIRST_LOW, SECOND_LOW);
  setXmm(to);
}

export function lowerVectorMove(i: Insn): void {
  const r = changetype<usize>(i);
  const memory = inMemory(i);
  const form = lowerForm(i);
  switch (form) {
    case Vec.MOVD_TO: lowerToXmm(i); break;
    case Vec.MOVD_FROM: lowerFromXmm(i); break;
    case Vec.MOVQ_LOAD:
      if (memory) lowerZeroLoad(i, Size.QWORD);
      else lowerLowHalf(recReg(r), recRm(r));
      break;
    case Vec.MOVQ_STORE:
      if (memory) lowerStore(i, Size.QWORD, 0);
      else lowerLowHalf(recRm(r), recReg(r));
      break;
    case Vec.MOVSS_LOAD:
      if (memory) lowerZeroLoad(i, Size.DWORD);
      else merge(recReg(r), recRm(r), SECOND_LOW4, FIRST_HIGH);
      break;
    case Vec.MOVSS_STORE:
      if (memory) lowerStore(i, Size.DWORD, 0);
      else merge(recRm(r), recReg(r), SECOND_LOW4, FIRST_HIGH);
      break;
    case Vec.MOVSD_LOAD:
      if (memory) lowerZeroLoad(i, Size.QWORD);
      else merge(recReg(r), recRm(r), SECOND_LOW, FIRST_HIGH);
      break;
    case Vec.MOVSD_STORE:
      if (memory) lowerStore(i, Size.QWORD, 0);
      else merge(recRm(r), recReg(r), SECOND_LOW, FIRST_HIGH);
      break;
    case Vec.MOVLP_LOAD:
      if (memory) lowerHalfLoad(i, 0);
      else merge(recReg(r), recRm(r), SECOND_HIGH, FIRST_HIGH);
      break;
    case Vec.MOVHP_LOAD:
      if (memory) lowerHalfLoad(i, 1);
      else merge(recReg(r), recRm(r), FIRST_LOW, SECOND_LOW);
      break;
    case Vec.MOVLP_STORE: lowerStore(i, Size.QWORD, 0); break;
    case Vec.MOVHP_STORE: lowerStore(i, Size.QWORD, 1); break;
    default: lowerWhole(i, form);
  }
}
