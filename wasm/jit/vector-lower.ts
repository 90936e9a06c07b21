// One vector instruction (SSE to SSE4.2 without floating-point arithmetic) as WebAssembly SIMD: arithmetic
// here, the rest in vector-move.ts, vector-shuffle.ts, vector-lanes.ts. A memory operand is looked up before
// anything is pushed: the region may be left there. Rows and their forms: tools/isa-gen/vector-rows.ts.

import { ARITHMETIC_FLAGS } from "../cpu/flags";
import { FlagKind } from "../cpu/state";
import { recImm, recReg, recRm } from "../decode/record";
import { V, W, const32, const64, get, lane, op, set, simd } from "./bytes";
import { storeKind } from "./flags";
import { L, Size, getFe, popReg, setFe } from "./locals";
import { Insn, Vec, lowerForm, lowerSimd } from "./map";
import { lowerVectorLanes } from "./vector-lanes";
import { lowerVectorMove } from "./vector-move";
import { lowerVectorShuffle, pushPairs } from "./vector-shuffle";
import {
  constVector, findSource, getFirst, getXmm, loadSource, pushSource, setFirst, setVector, setXmm, shuffle,
  teeVector,
} from "./vectors";

/** ZF's place. */
const ZF_SHIFT: i64 = 6;
/** Vector instructions of one kind for two widths lie this far apart. */
const NEXT_WIDTH: u32 = 0x20;
/** The first instruction for words, for doublewords. */
const FIRST16: u32 = 0x80;
const FIRST32: u32 = 0xA0;
const ODD_WORDS_LOW: u64 = 0x0F0E0B0A07060302;
const ODD_WORDS_HIGH: u64 = 0x1F1E1B1A17161312;
const EVEN_DWORDS: u64 = 0x0B0A090803020100;
const LOW_HALVES: u64 = 0x00FF00FF00FF00FF;
const LOW_DWORD: u64 = 0xFFFFFFFF;
const MOST_NEGATIVE: u64 = 0x8000800080008000;

function lowerBinary(i: Insn): void {
  findSource(i);
  getFirst(i);
  loadSource(i);
  simd(lowerSimd(i));
  setFirst(i);
}
function lowerSwapped(i: Insn): void {
  pushSource(i);
  getFirst(i);
  simd(lowerSimd(i));
  setFirst(i);
}

/** Mask of the lanes' top bits to a general register. */
function lowerMask(i: Insn): void {
  const r = changetype<usize>(i);
  getXmm(recRm(r));
  simd(lowerSimd(i));
  popReg(recReg(r), Size.DWORD);
}

// Shifts: WebAssembly takes counts modulo the width, SSE gives 0 or the sign for counts beyond it ---------

/** log2 of the bytes of a lane that an instruction works on. */
function widthOf(code: u32): u32 { return code < FIRST16 ? 0 : (code - FIRST16) / NEXT_WIDTH + 1; }
function isArithmetic(code: u32): bool { return code == V.SHR_S16 || code == V.SHR_S16 + NEXT_WIDTH; }

/** The register is r/m. */
function lowerShiftImmediate(i: Insn): void {
  const r = changetype<usize>(i);
  const code = lowerSimd(i);
  const bits: u32 = 8 << widthOf(code);
  let count = <u32>recImm(r) & 0xFF;
  if (count >= bits && isArithmetic(code)) count = bits - 1;
  if (count >= bits) constVector(0, 0);
  else {
    getXmm(recRm(r));
    const32(count);
    simd(code);
  }
  setXmm(recRm(r));
}

/** The count is the low quadword of the source. */
function lowerShift(i: Insn): void {
  const code = lowerSimd(i);
  const bits: i64 = 8 << widthOf(code);
  pushSource(i);
  simd(V.EXTRACT64);
  lane(0);
  set(L.TA64);
  getFirst(i);
  get(L.TA64);
  if (isArithmetic(code)) {
    const64(bits - 1);
    pushShort(bits);
    op(W.SELECT);
  }
  op(W.I32_WRAP);
  simd(code);
  if (!isArithmetic(code)) {
    constVector(0, 0);
    pushShort(bits);
    op(W.SELECT);
  }
  setFirst(i);
}
/** Push 1 when the count in TA64 is below the width. */
function pushShort(bits: i64): void {
  get(L.TA64);
  const64(bits);
  op(W.I64_LT_U);
}

// Products -------------------------------------------------------------------------------------------------

/** PMULHW, PMULHUW: the upper halves of the products. */
function lowerMulHigh(i: Insn): void {
  const code = lowerSimd(i);
  pushSource(i);
  setVector(L.V0);
  for (let n: u32 = 0; n < 2; n++) {
    getFirst(i);
    get(L.V0);
    simd(code + n);
  }
  shuffle(ODD_WORDS_LOW, ODD_WORDS_HIGH);
  setFirst(i);
}

/** PMULDQ, PMULUDQ: products of the even doublewords. */
function lowerMulWide(i: Insn): void {
  pushSource(i);
  setVector(L.V0);
  getFirst(i);
  getFirst(i);
  shuffle(EVEN_DWORDS, EVEN_DWORDS);
  get(L.V0);
  get(L.V0);
  shuffle(EVEN_DWORDS, EVEN_DWORDS);
  simd(lowerSimd(i));
  setFirst(i);
}

/** Unsigned bytes of dst times signed bytes of src, neighbours added with saturation. */
function lowerPmaddubsw(i: Insn): void {
  pushSource(i);
  setVector(L.V0);
  getFirst(i);
  constVector(LOW_HALVES, LOW_HALVES);
  simd(V.AND);
  get(L.V0);
  shiftWords(V.SHL16);
  shiftWords(V.SHR_S16);
  simd(V.MUL16);
  getFirst(i);
  shiftWords(V.SHR_U16);
  get(L.V0);
  shiftWords(V.SHR_S16);
  simd(V.MUL16);
  simd(V.ADD_SAT_S16);
  setFirst(i);
}
function shiftWords(code: V): void {
  const32(8);
  simd(code);
}

/** WebAssembly saturates the one product that overflows, PMULHRSW does not. */
function lowerPmulhrsw(i: Insn): void {
  pushSource(i);
  setVector(L.V0);
  getFirst(i);
  get(L.V0);
  simd(V.Q15MULR16);
  getFirst(i);
  get(L.V0);
  simd(V.EQ16);
  getFirst(i);
  constVector(MOST_NEGATIVE, MOST_NEGATIVE);
  simd(V.EQ16);
  simd(V.AND);
  simd(V.XOR);
  setFirst(i);
}

// Others ---------------------------------------------------------------------------------------------------

/** PSIGN*: dst times the sign of src. The instruction is the subtraction. */
function lowerSign(i: Insn): void {
  const subtract = lowerSimd(i);
  const step: u32 = widthOf(subtract) * (V.EQ16 - V.EQ8);
  pushSource(i);
  teeVector(L.V0);
  constVector(0, 0);
  simd(V.LT_S8 + step);
  setVector(L.V1);
  getFirst(i);
  get(L.V1);
  simd(V.XOR);
  get(L.V1);
  simd(subtract);
  get(L.V0);
  constVector(0, 0);
  simd(V.EQ8 + step);
  simd(V.ANDNOT);
  setFirst(i);
}

/** PHADD*, PHSUB*. */
function lowerPairs(i: Insn): void {
  pushSource(i);
  setVector(L.V0);
  pushPairs(i, lowerSimd(i) < FIRST32 ? Size.WORD : Size.DWORD);
  simd(lowerSimd(i));
  setFirst(i);
}

/** Sums of absolute differences of bytes, one in each quadword. */
function lowerPsadbw(i: Insn): void {
  pushSource(i);
  setVector(L.V0);
  getFirst(i);
  get(L.V0);
  simd(V.SUB_SAT_U8);
  get(L.V0);
  getFirst(i);
  simd(V.SUB_SAT_U8);
  simd(V.OR);
  simd(V.EXTADD16_U);
  simd(V.EXTADD32_U);
  teeVector(L.V0);
  get(L.V0);
  const32(32);
  simd(V.SHR_U64);
  simd(V.ADD64);
  constVector(LOW_DWORD, LOW_DWORD);
  simd(V.AND);
  setFirst(i);
}

/** ZF = no common bit, CF = no bit of src outside dst, the others 0. */
function lowerPtest(i: Insn): void {
  findSource(i);
  if (!i.flagsLive) return;
  loadSource(i);
  setVector(L.V0);
  getFe();
  const64(<i64>~ARITHMETIC_FLAGS);
  op(W.I64_AND);
  get(L.V0);
  getFirst(i);
  simd(V.AND);
  pushNone();
  const64(ZF_SHIFT);
  op(W.I64_SHL);
  op(W.I64_OR);
  get(L.V0);
  getFirst(i);
  simd(V.ANDNOT);
  pushNone();
  op(W.I64_OR);
  setFe();
  storeKind(FlagKind.EXPLICIT);
}
/** Push 1 when the vector on the stack is 0. */
function pushNone(): void {
  simd(V.ANY_TRUE);
  op(W.I32_EQZ);
  op(W.I64_EXTEND_U);
}

export function lowerVector(i: Insn): void {
  switch (lowerForm(i)) {
    case Vec.BINARY: lowerBinary(i); break;
    case Vec.SWAPPED: lowerSwapped(i); break;
    case Vec.UNARY:
      pushSource(i);
      simd(lowerSimd(i));
      setFirst(i);
      break;
    case Vec.MASK: lowerMask(i); break;
    case Vec.SHIFT: lowerShift(i); break;
    case Vec.SHIFT_IMM: lowerShiftImmediate(i); break;
    case Vec.MUL_HIGH: lowerMulHigh(i); break;
    case Vec.MUL_WIDE: lowerMulWide(i); break;
    case Vec.PMADDUBSW: lowerPmaddubsw(i); break;
    case Vec.PMULHRSW: lowerPmulhrsw(i); break;
    case Vec.SIGN: lowerSign(i); break;
    case Vec.PAIRS: lowerPairs(i); break;
    case Vec.PSADBW: lowerPsadbw(i); break;
    case Vec.PTEST: lowerPtest(i); break;
    default: if (!lowerVectorShuffle(i) && !lowerVectorLanes(i)) lowerVectorMove(i);
  }
}
