// FPREM and FPREM1: partial remainder (SDM Vol. 2 FPREM, FPREM1). A step with an exponent difference below
// 64 completes; a larger one reduces by a bounded amount and says so in C2, so that software loops.
import { setX, normalise } from "./core";
import {
  Kind, SW, give, giveInvalid, giveNaN2, giveZero, kindOf, masked, normE, normM, raise, roundPack, signOf,
} from "./f80-state";

/** Condition codes of the last partial remainder: C2 = incomplete; C0, C3, C1 = quotient bits 2, 1, 0. */
export let f80RemCC: u32 = 0;

/** False if the last one ended in a NaN or was stopped: of the codes only C2 (cleared) is written then. */
export let f80RemHasQuotient: bool = false;

// Rest (hi:lo, a 65-bit quantity below 2b) and low quotient bits of the long division in hand.
let rest: u64 = 0;
let quotient: u64 = 0;

// Divides a * 2^n by b (significands, bit 63 set), n >= 0, keeping the low 64 bits of the quotient.
function longDivide(a: u64, b: u64, n: i32): void {
  let r = a;
  let q: u64 = 0;
  if (r >= b) {
    r -= b;
    q = 1;
  }
  for (; n > 0; n--) {
    const carry = r >> 63 != 0;
    r <<= 1;
    q <<= 1;
    if (carry || r >= b) {
      r -= b;
      q |= 1;
    }
  }
  rest = r;
  quotient = q;
}

function quotientCodes(q: u64): u32 {
  let cc: u32 = 0;
  if ((q & 1) != 0) cc |= SW.C1;
  if ((q & 2) != 0) cc |= SW.C3;
  if ((q & 4) != 0) cc |= SW.C0;
  return cc;
}

/** FPREM (nearest false: quotient truncated) and FPREM1 (nearest true) of a by b; codes in f80RemCC. */
export function f80Rem(aSE: u32, aM: u64, bSE: u32, bM: u64, nearest: bool): u64 {
  f80RemCC = 0;
  f80RemHasQuotient = false;
  const aK = kindOf(aSE, aM);
  const bK = kindOf(bSE, bM);
  if (aK >= Kind.UNSUPPORTED || bK >= Kind.UNSUPPORTED) return giveNaN2(aSE, aM, aK, bSE, bM, bK);
  if (aK == Kind.INF || bK == Kind.ZERO) return giveInvalid();
  if (aK == Kind.DENORMAL || bK == Kind.DENORMAL) {
    raise(SW.DE);
    if (!masked(SW.DE)) return give(aSE, aM);
  }
  f80RemHasQuotient = true;
  const s = signOf(aSE);
  if (aK == Kind.ZERO) return giveZero(s);
  const aE = normE(aSE, aM);
  if (bK == Kind.INF) {
    setX(s, aE, normM(aM), 0);
    return roundPack(64);
  }
  const bE = normE(bSE, bM);
  const d = aE - bE;
  const a = normM(aM);
  const b = normM(bM);
  if (d < -1 || (d == -1 && !nearest)) {
    setX(s, aE, a, 0);
    return roundPack(64);
  }
  if (d >= 64) return reducePartly(s, aE, a, b, d);
  return nearest ? finishNearest(s, aE, bE, a, b, d) : finishTruncated(s, bE, a, b, d);
}

// A difference of 64 and more: takes off a multiple of b * 2^(d-n), which leaves the quotient's low bits
// alone.
function reducePartly(s: u32, aE: i32, a: u64, b: u64, d: i32): u64 {
  const n = 32 + (d & 31);
  longDivide(a, b, n);
  f80RemCC = SW.C2;
  if (rest == 0) return giveZero(s);
  setX(s, aE - n, rest, 0);
  normalise();
  return roundPack(64);
}

function finishTruncated(s: u32, bE: i32, a: u64, b: u64, d: i32): u64 {
  longDivide(a, b, d);
  f80RemCC = quotientCodes(quotient);
  if (rest == 0) return giveZero(s);
  setX(s, bE, rest, 0);
  normalise();
  return roundPack(64);
}

function finishNearest(s: u32, aE: i32, bE: i32, a: u64, b: u64, d: i32): u64 {
  if (d < 0) {
    // Half of b or less keeps a as it is; the tie goes to the even quotient 0.
    if (a <= b) {
      setX(s, aE, a, 0);
      return roundPack(64);
    }
    f80RemCC = quotientCodes(1);
    // b - a, with a = a / 2 in units of b.
    setX(s ^ 1, bE, b - (a >> 1) - (a & 1), (a & 1) << 63);
    normalise();
    return roundPack(64);
  }
  longDivide(a, b, d);
  let r = rest;
  let sign = s;
  if (r > b - r || (r == b - r && (quotient & 1) != 0)) {
    r = b - r;
    sign ^= 1;
    quotient++;
  }
  f80RemCC = quotientCodes(quotient);
  if (r == 0) return giveZero(s);
  setX(sign, bE, r, 0);
  normalise();
  return roundPack(64);
}
