// Vector instructions that move elements between lanes, as shuffles whose indices are known when the region
// is made (SDM vol. 2: PUNPCK*, UNPCK*, PSHUF*, SHUFPS/PD, MOVSLDUP/SHDUP/DDUP, PALIGNR, PSLLDQ, PSRLDQ,
// PBLENDW, BLENDPS/PD), PSHUFB, and blends by XMM0.

import { recImm, recReg, recRm } from "../decode/record";
import { V, get, simd, simdAccess } from "./bytes";
import { L, Size } from "./locals";
import { Insn, Vec, lowerForm, lowerSimd } from "./map";
import { translate } from "./operands";
import {
  constVector, findSource, getFirst, getXmm, inMemory, loadSource, pushSource, setFirst, setVector, setXmm,
  shuffle,
} from "./vectors";

/** What SHUFFLE does to its source. */
const enum Shuffle { PSHUFD = 0, PSHUFLW = 1, PSHUFHW = 2, MOVSLDUP = 3, MOVSHDUP = 4 }
/** MOVSLDUP and MOVSHDUP as PSHUFD. */
const EVEN_TWICE: u32 = 0xA0;
const ODD_TWICE: u32 = 0xF5;

const BYTES: u32 = 16;
const UPPER: u32 = 4;
/** Where the second operand begins. */
const SECOND: u32 = 16;
const BYTE_MASK: u32 = 0xFF;
/** Bit 7 gives 0, the low four bits choose. */
const PSHUFB_BITS: u64 = 0x8F8F8F8F8F8F8F8F;

/** Indices of the shuffle being built. */
let low: u64 = 0;
let high: u64 = 0;
function beginIndices(): void {
  low = 0;
  high = 0;
}
/** Byte n of the result is byte `from`. */
function index(n: u32, from: u32): void {
  if (n < 8) low |= <u64>from << <u64>(n << 3);
  else high |= <u64>from << <u64>((n - 8) << 3);
}
/** Element n of 1 << size bytes is element `from`. */
function element(n: u32, from: u32, size: u32): void {
  for (let k: u32 = 0; k < <u32>1 << size; k++) index((n << size) + k, (from << size) + k);
}
function emitShuffle(): void { shuffle(low, high); }

function immediate(i: Insn): u32 { return <u32>recImm(changetype<usize>(i)) & BYTE_MASK; }
/** Two bits of the immediate. */
function chosen(imm: u32, n: u32): u32 { return (imm >> (n << 1)) & 3; }

/** dst = shuffle(dst, src). */
function shuffleBoth(i: Insn): void {
  findSource(i);
  getFirst(i);
  loadSource(i);
  emitShuffle();
  setFirst(i);
}

function lowerUnpack(i: Insn): void {
  const size = lowerSimd(i) & 3;
  const half: u32 = lowerSimd(i) & UPPER ? 8 >> size : 0;
  beginIndices();
  for (let n: u32 = 0; n < BYTES >> size; n++) {
    element(n, half + (n >> 1) + (n & 1 ? SECOND >> size : 0), size);
  }
  shuffleBoth(i);
}

/** Forms with one source. */
function lowerShuffle(i: Insn): void {
  const kind = lowerSimd(i) as Shuffle;
  const imm = kind == Shuffle.MOVSLDUP ? EVEN_TWICE : kind == Shuffle.MOVSHDUP ? ODD_TWICE : immediate(i);
  const words = kind == Shuffle.PSHUFLW || kind == Shuffle.PSHUFHW;
  beginIndices();
  if (words) {
    const first: u32 = kind == Shuffle.PSHUFLW ? 0 : 4;
    for (let n: u32 = 0; n < 4; n++) {
      element(first + n, first + chosen(imm, n), 1);
      element((first ^ 4) + n, (first ^ 4) + n, 1);
    }
  } else for (let n: u32 = 0; n < 4; n++) element(n, chosen(imm, n), 2);
  pushSource(i);
  setVector(L.V0);
  get(L.V0);
  get(L.V0);
  emitShuffle();
  setFirst(i);
}

/** SHUFPS and SHUFPD: the lower half of the result from dst, the upper from src. */
function lowerShufp(i: Insn, size: u32): void {
  const imm = immediate(i);
  beginIndices();
  const count = BYTES >> size;
  for (let n: u32 = 0; n < count; n++) {
    const from = size == Size.DWORD ? chosen(imm, n) : (imm >> n) & 1;
    element(n, from + (n >= count >> 1 ? SECOND >> size : 0), size);
  }
  shuffleBoth(i);
}

function lowerBlend(i: Insn): void {
  const size = lowerSimd(i);
  const imm = immediate(i);
  beginIndices();
  for (let n: u32 = 0; n < BYTES >> size; n++) element(n, n + ((imm >> n) & 1 ? SECOND >> size : 0), size);
  shuffleBoth(i);
}

/** dst = the bytes of dst:src from the immediate on. */
function lowerAlign(i: Insn): void {
  const from = immediate(i);
  findSource(i);
  if (from >= 2 * BYTES) constVector(0, 0);
  else {
    beginIndices();
    const behind = from > BYTES;
    for (let n: u32 = 0; n < BYTES; n++) index(n, from + n - (behind ? BYTES : 0));
    if (behind) {
      getFirst(i);
      constVector(0, 0);
    } else {
      loadSource(i);
      getFirst(i);
    }
    emitShuffle();
  }
  setFirst(i);
}

/** PSLLDQ and PSRLDQ of the register r/m. */
function lowerByteShift(i: Insn, left: bool): void {
  const r = changetype<usize>(i);
  const count = immediate(i);
  if (count >= BYTES) constVector(0, 0);
  else {
    beginIndices();
    for (let n: u32 = 0; n < BYTES; n++) {
      const from = left ? n - count : n + count;
      index(n, from < BYTES ? from : SECOND);
    }
    getXmm(recRm(r));
    constVector(0, 0);
    emitShuffle();
  }
  setXmm(recRm(r));
}

/** Memory is 8 bytes and need not be aligned. */
function lowerMovddup(i: Insn): void {
  const r = changetype<usize>(i);
  if (inMemory(i)) {
    translate(i, Size.QWORD, false);
    get(L.HOST);
    simdAccess(V.LOAD64_SPLAT, 0, 0);
  } else {
    getXmm(recRm(r));
    getXmm(recRm(r));
    beginIndices();
    element(0, 0, Size.QWORD);
    element(1, 0, Size.QWORD);
    emitShuffle();
  }
  setXmm(recReg(r));
}

function lowerPshufb(i: Insn): void {
  findSource(i);
  getFirst(i);
  loadSource(i);
  constVector(PSHUFB_BITS, PSHUFB_BITS);
  simd(V.AND);
  simd(V.SWIZZLE);
  setFirst(i);
}

/** PBLENDVB, BLENDVPS, BLENDVPD: src where the top bit of the element of XMM0 is set. */
function lowerBlendXmm0(i: Insn): void {
  findSource(i);
  loadSource(i);
  getFirst(i);
  getXmm(0);
  constVector(0, 0);
  simd(lowerSimd(i));
  simd(V.BITSELECT);
  setFirst(i);
}

/** False when it is no shuffle. */
export function lowerVectorShuffle(i: Insn): bool {
  switch (lowerForm(i)) {
    case Vec.UNPACK: lowerUnpack(i); break;
    case Vec.SHUFFLE: lowerShuffle(i); break;
    case Vec.SHUFPS: lowerShufp(i, Size.DWORD); break;
    case Vec.SHUFPD: lowerShufp(i, Size.QWORD); break;
    case Vec.BLEND: lowerBlend(i); break;
    case Vec.PALIGNR: lowerAlign(i); break;
    case Vec.PSLLDQ: lowerByteShift(i, true); break;
    case Vec.PSRLDQ: lowerByteShift(i, false); break;
    case Vec.MOVDDUP: lowerMovddup(i); break;
    case Vec.PSHUFB: lowerPshufb(i); break;
    case Vec.BLEND_XMM0: lowerBlendXmm0(i); break;
    default: return false;
  }
  return true;
}

/** Push what PHADD* and PHSUB* combine: the even, then the odd elements of dst and of src, which is in V0. */
export function pushPairs(i: Insn, size: u32): void {
  for (let odd: u32 = 0; odd < 2; odd++) {
    beginIndices();
    for (let n: u32 = 0; n < BYTES >> size; n++) element(n, (n << 1) + odd, size);
    getFirst(i);
    get(L.V0);
    emitShuffle();
  }
}
