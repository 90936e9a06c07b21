// Entries of the 80-bit library for translated code (wasm/jit/x87-lower.ts), which imports functions of one
// type: (se, m, se, m) -> significand or number, sign and exponent in f80SE. Contract: f80-state.ts.

import { f80Compare, f80RoundInt, f80Sqrt } from "./f80-arith";
import { f80ToFloat, f80ToInt } from "./f80-convert";

export function f80CompareSignaling(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  return f80Compare(aSE, aM, bSE, bM, false);
}
export function f80CompareQuiet(aSE: u32, aM: u64, bSE: u32, bM: u64): u64 {
  return f80Compare(aSE, aM, bSE, bM, true);
}
export function f80SqrtOf(se: u32, m: u64, unused: u32, unused2: u64): u64 { return f80Sqrt(se, m); }
export function f80RoundOf(se: u32, m: u64, unused: u32, unused2: u64): u64 { return f80RoundInt(se, m); }
export function f80ToDouble(se: u32, m: u64, unused: u32, unused2: u64): u64 {
  return f80ToFloat<u64>(se, m);
}
export function f80ToSingle(se: u32, m: u64, unused: u32, unused2: u64): u64 {
  return f80ToFloat<u32>(se, m);
}
/** `how`: bits of the integer; from bit 8 on, not 0: truncate. */
export function f80ToInteger(se: u32, m: u64, how: u32, unused: u64): u64 {
  return f80ToInt(se, m, how & 0xff, how >> 8 != 0);
}
