// Flags of COMISx (SDM vol. 2: ZF PF CF say greater 000, less 001, equal 100, unordered 111; OF SF AF are 0).
// Their static producer is two doubles in CMP_A and CMP_B, of which a NaN says unordered.

import { Cpu } from "../cpu/state";
import { ARITHMETIC_FLAGS, setExplicit } from "../cpu/flags";
import { W, access, const32, const64, get, op, set, tee } from "./bytes";
import { L, getFe, setFe } from "./locals";

const CF: u32 = 1;
const PF: u32 = 4;
const ZF: u32 = 0x40;
/** Places of PF and ZF. */
const PF_SHIFT: i32 = 2;
const ZF_SHIFT: i32 = 6;

/** A region compares; its exits store the operands. */
export let compares: bool = false;
export function forgetCompares(): void { compares = false; }

/** The scalars in a and b are the operands. */
export function setOperands(a: u32, b: u32, single: bool): void {
  compares = true;
  get(a);
  if (single) op(W.F64_PROMOTE);
  set(L.CMP_A);
  get(b);
  if (single) op(W.F64_PROMOTE);
  set(L.CMP_B);
}

/** Operands that give the flags which a handler has left in Cpu. */
export function takeFlags(): void {
  get(L.C);
  access(W.I64_LOAD, 3, <u32>offsetof<Cpu>("eflags"));
  op(W.I32_WRAP);
  tee(L.SLOT);
  const32(CF);
  op(W.I32_AND);
  op(W.F64_CONVERT_I32_S);
  set(L.CMP_B);
  get(L.ZERO_D);
  get(L.ZERO_D);
  op(W.F64_DIV);
  get(L.SLOT);
  const32(CF | ZF);
  op(W.I32_AND);
  op(W.I32_EQZ);
  op(W.F64_CONVERT_I32_S);
  get(L.SLOT);
  const32(PF);
  op(W.I32_AND);
  op(W.SELECT);
  set(L.CMP_A);
}

function compare(code: W): void {
  get(L.CMP_A);
  get(L.CMP_B);
  op(code);
}
/** Push CF. */
export function pushBelow(): void {
  compare(W.F64_GE);
  op(W.I32_EQZ);
}
function pushZero(): void {
  compare(W.F64_LT);
  compare(W.F64_GT);
  op(W.I32_OR);
  op(W.I32_EQZ);
}
function pushUnordered(): void {
  get(L.CMP_A);
  get(L.CMP_A);
  op(W.F64_NE);
  get(L.CMP_B);
  get(L.CMP_B);
  op(W.F64_NE);
  op(W.I32_OR);
}

/** Push the truth of an even condition code. */
export function pushCompareCond(cc: u32): void {
  switch (cc) {
    case 2: pushBelow(); break;
    // ZF; LE is ZF or SF != OF.
    case 4: case 14: pushZero(); break;
    case 6:
      compare(W.F64_GT);
      op(W.I32_EQZ);
      break;
    case 10: pushUnordered(); break;
    default: const32(0);
  }
}

/** All six flags to FE. */
export function settleCompare(): void {
  getFe();
  const64(<i64>~ARITHMETIC_FLAGS);
  op(W.I64_AND);
  pushBelow();
  pushUnordered();
  const32(PF_SHIFT);
  op(W.I32_SHL);
  op(W.I32_OR);
  pushZero();
  const32(ZF_SHIFT);
  op(W.I32_SHL);
  op(W.I32_OR);
  op(W.I64_EXTEND_U);
  op(W.I64_OR);
  setFe();
}

/** Operands to Cpu at `at`, and after a compact exit the flags that they give. */
export function storeOperands(at: u32): void {
  if (!compares) return;
  for (let n: u32 = 0; n < 2; n++) {
    get(L.C);
    get(L.CMP_A + n);
    access(W.F64_STORE, 3, at + n * 8);
  }
}
export function settleOperands(c: Cpu, at: usize): void {
  const a = load<f64>(at);
  const b = load<f64>(at, 8);
  setExplicit(c, a < b ? CF : a > b ? 0 : a == b ? ZF : ZF | PF | CF);
}
