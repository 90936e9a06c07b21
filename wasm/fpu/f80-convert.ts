// Conversions between the 80-bit format and integers, single, double and packed decimal, and the loadable
// constants (SDM Vol. 1 §4.2, §8.3.3, §8.3.4; Vol. 2 FIST, FISTTP, FILD, FST, FLD, FBLD, FBSTP, FLDPI ...).
// Contract and exception rules: f80-state.ts.
import { TOP, RC, denormalise, rndInexact, rndUp, roundSig, setX, xE, xHi, xLo, xS } from "./core";
import {
  f80NarrowDenormal, noteNarrowDenormal, BIAS, EXP_MAX, Kind, QUIET, SW, f80Exc, f80SE, give, giveInf,
  giveZero, kindOf, masked, normE, normM, raise, rounding, signOf,
} from "./f80-state";
import { roundToInt } from "./f80-arith";
import { fitsInteger, integerNormal, isNormal, narrowDone, narrowNormal } from "./f80-fast";

/** Integer of `bits` = 16, 32, 64 as FIST (truncate false) or FISTTP stores it; IE gives the indefinite. */
export function f80ToInt(se: u32, m: u64, bits: u32, truncate: bool): i64 {
  const nearest = rounding() == RC.NEAREST;
  if ((nearest || truncate || rounding() == RC.ZERO) && isNormal(se, m) && fitsInteger(se, bits)) {
    return integerNormal(se, m, truncate || !nearest);
  }
  const k = kindOf(se, m);
  const indefinite = <i64>-1 << (bits - 1);
  if (k == Kind.ZERO) return 0;
  if (k >= Kind.INF) {
    raise(SW.IE);
    return indefinite;
  }
  const before = f80Exc;
  const r = roundToInt(se, m, truncate ? RC.ZERO : rounding());
  if (r == 0) return 0;
  const e = normE(f80SE, r);
  const neg = signOf(se) != 0;
  if (e < 63) {
    const v = <i64>(r >> (63 - e));
    const top = <i64>1 << (bits - 1);
    if (<u64>v < <u64>top || (neg && v == top)) return neg ? -v : v;
  } else if (e == 63 && neg && bits == 64 && r == TOP) return indefinite;
  f80Exc = before | SW.IE;
  return indefinite;
}

/** FILD. */
export function f80FromInt(v: i64): u64 {
  if (v == 0) return giveZero(0);
  const s = u32(v < 0);
  const a = <u64>(v < 0 ? -v : v);
  const n = <u32>clz(a);
  f80SE = (s << 15) | (<u32>BIAS + 63 - n);
  return a << n;
}

/** FLD m32 (T = u32) and m64 (T = u64): DE for a denormal, IE for an SNaN, which becomes quiet. */
export function f80FromFloat<T>(x: T): u64 {
  const m = f80Widen<T>(x);
  if (f80NarrowDenormal) raise(SW.DE);
  if (kindOf(f80SE, m) != Kind.SNAN) return m;
  raise(SW.IE);
  return m | QUIET;
}

/** Memory operand of an arithmetic instruction: the same value; its exceptions are the operation's. */
export function f80Widen<T>(x: T): u64 {
  const fracBits: u32 = sizeof<T>() == 4 ? 23 : 52;
  const expMax: u32 = sizeof<T>() == 4 ? 0xff : 0x7ff;
  const bias: i32 = sizeof<T>() == 4 ? 127 : 1023;
  const s = u32(x >> (<T>(sizeof<T>() * 8 - 1)));
  const e = u32(x >> <T>fracBits) & expMax;
  const f = <u64>x << (64 - fracBits);
  if (e == expMax) {
    if (f == 0) return giveInf(s);
    return give((s << 15) | EXP_MAX, TOP | (f >> 1));
  }
  if (e != 0) return give((s << 15) | <u32>(<i32>e - bias + BIAS), TOP | (f >> 1));
  if (f == 0) return giveZero(s);
  noteNarrowDenormal();
  const n = <i32>clz(f);
  return give((s << 15) | <u32>(BIAS - bias - n), f << n);
}

/** FST m32 (T = u32) and m64 (T = u64). If f80StoreStopped() then, nothing may be written. */
export function f80ToFloat<T>(se: u32, m: u64): T {
  const fracBits: u32 = sizeof<T>() == 4 ? 23 : 52;
  const expMax: u64 = sizeof<T>() == 4 ? 0xff : 0x7ff;
  const bias: i32 = sizeof<T>() == 4 ? 127 : 1023;
  if (isNormal(se, m)) {
    const near = narrowNormal<T>(se, m);
    if (narrowDone) return near;
  }
  const s = <u64>signOf(se) << (sizeof<T>() * 8 - 1);
  const k = kindOf(se, m);
  if (k == Kind.ZERO) return <T>s;
  if (k >= Kind.INF) {
    const inf = expMax << fracBits;
    if (k == Kind.INF) return <T>(s | inf);
    if (k != Kind.QNAN) raise(SW.IE);
    if (k == Kind.UNSUPPORTED) return <T>(((((expMax + 1) | expMax) << 1) | 1) << (fracBits - 1));
    return <T>(s | inf | (((m | QUIET) & ~TOP) >> (63 - fracBits)));
  }
  setX(signOf(se), normE(se, m), normM(m), 0);
  return <T>(s | packSmall(fracBits + 1, bias, expMax));
}

// Rounds xHi to a narrower format; exponent and fraction without the sign.
function packSmall(bits: u32, bias: i32, expMax: u64): u64 {
  const rc = rounding();
  let e = xE + bias;
  let m = roundSig(xS, xHi, xLo, bits, rc);
  let tiny = false;
  if (e < 1) {
    tiny = !(e == 0 && m == 0);
    if (tiny && !masked(SW.UE)) {
      // Seen before anything is stored: no result, thus no PE.
      raise(SW.UE);
      return 0;
    }
    denormalise(1 - e);
    m = roundSig(xS, xHi, xLo, bits, rc);
    e = i32(m >> 63);
  } else if (m == 0) {
    m = TOP;
    e++;
  }
  if (<u64>e >= expMax) return overflowSmall(bits, rc, expMax);
  if (rndInexact) {
    raise(rndUp ? SW.PE | SW.C1 : SW.PE);
    if (tiny) raise(SW.UE);
  }
  return (<u64>e << (bits - 1)) | ((m & ~TOP) >> (64 - bits));
}

function overflowSmall(bits: u32, rc: u32, expMax: u64): u64 {
  raise(SW.OE);
  if (!masked(SW.OE)) return 0;
  const toInf = rc == RC.NEAREST || (rc == RC.UP && xS == 0) || (rc == RC.DOWN && xS != 0);
  raise(toInf ? SW.PE | SW.C1 : SW.PE);
  const inf = expMax << (bits - 1);
  return toInf ? inf : inf - 1;
}

/** FBLD: digits 0..17 as sixteen in `lo` and two in the low byte of `hi`; sign in bit 15 of hi. */
export function f80FromBCD(lo: u64, hi: u32): u64 {
  let v: u64 = <u64>((hi >> 4) & 15) * 10 + <u64>(hi & 15);
  for (let i = 60; i >= 0; i -= 4) v = v * 10 + ((lo >> i) & 15);
  const m = f80FromInt(<i64>v);
  f80SE |= hi & 0x8000;
  return m;
}

/** Top 16 bits of the result of f80ToBCD. */
export let f80BCDHi: u32 = 0;

/** FBSTP: returns sixteen digits, two digits and the sign in f80BCDHi; IE gives the indefinite. */
export function f80ToBCD(se: u32, m: u64): u64 {
  const k = kindOf(se, m);
  if (k == Kind.ZERO) {
    f80BCDHi = se & 0x8000;
    return 0;
  }
  if (k >= Kind.INF) return bcdIndefinite();
  const before = f80Exc;
  const r = roundToInt(se, m, rounding());
  let v: u64 = 0;
  if (r != 0) {
    const e = normE(f80SE, r);
    v = e > 62 ? <u64>-1 : r >> (63 - e);
  }
  if (v > 999999999999999999) {
    f80Exc = before;
    return bcdIndefinite();
  }
  let lo: u64 = 0;
  for (let i = 0; i < 64; i += 4) {
    lo |= v % 10 << i;
    v /= 10;
  }
  f80BCDHi = (se & 0x8000) | (<u32>(v / 10) << 4) | <u32>(v % 10);
  return lo;
}

function bcdIndefinite(): u64 {
  raise(SW.IE);
  f80BCDHi = 0xffff;
  return 0xc000000000000000;
}

/** The constants in the order of their opcodes D9 E8 .. D9 EE. */
export const enum Const {
  ONE,
  L2T,
  L2E,
  PI,
  LG2,
  LN2,
  ZERO,
}

// A constant lies between m and m + 1 in its last place: RC picks one (SDM Vol. 1 §8.3.8). `near` is 1
// if the upper one is nearer.
function constant(se: u32, m: u64, near: u64): u64 {
  const rc = rounding();
  return give(se, rc == RC.NEAREST ? m + near : rc == RC.UP ? m + 1 : m);
}

/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ. */
export function f80Constant(c: Const): u64 {
  switch (c) {
    case Const.ONE:
      return give(0x3fff, TOP);
    case Const.L2T:
      return constant(0x4000, 0xd49a784bcd1b8afe, 0);
    case Const.L2E:
      return constant(0x3fff, 0xb8aa3b295c17f0bb, 1);
    case Const.PI:
      return constant(0x4000, 0xc90fdaa22168c234, 1);
    case Const.LG2:
      return constant(0x3ffd, 0x9a209a84fbcff798, 1);
    case Const.LN2:
      return constant(0x3ffe, 0xb17217f7d1cf79ab, 1);
    default:
      return giveZero(0);
  }
}
