// One vector instruction (SSE to SSE4.2 without floating-point arithmetic) as WebAssembly SIMD. The look-up
// of a memory operand comes first: the region may be left there, and nothing is on the stack then. Rows and
// their forms: tools/isa-gen/vector-rows.ts.

import { recReg, recRm } from "../decode/record";
import { get, simd } from "./bytes";
import { L, Size, popReg } from "./locals";
import { Insn, Vec, lowerForm, lowerSimd } from "./map";
import { lowerVectorMove } from "./vector-move";
import { getFirst, getXmm, inMemory, pushSource, setFirst, setVector } from "./vectors";

/** dst = instruction(dst, src), or (src, dst). */
function lowerBinary(i: Insn, swapped: bool): void {
  if (inMemory(i)) {
    pushSource(i);
    if (!swapped) {
      setVector(L.V0);
      getFirst(i);
      get(L.V0);
    } else getFirst(i);
  } else if (swapped) {
    pushSource(i);
    getFirst(i);
  } else {
    getFirst(i);
    pushSource(i);
  }
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

export function lowerVector(i: Insn): void {
  switch (lowerForm(i)) {
    case Vec.BINARY: lowerBinary(i, false); break;
    case Vec.SWAPPED: lowerBinary(i, true); break;
    case Vec.UNARY:
      pushSource(i);
      simd(lowerSimd(i));
      setFirst(i);
      break;
    case Vec.MASK: lowerMask(i); break;
    default: lowerVectorMove(i);
  }
}
