// Bit tests, scans, counts and the BMI sets (SDM vol. 2). BT family: CF only; the undefined flags stay as
// they were.

import { Cpu } from "../cpu/state";
import { setCf, setExplicit, setLogic, setSzp, setSzpCarries } from "../cpu/flags";

// @ts-ignore: decorator
@inline
function position<T>(n: T): T {
  return <T>(n & <T>((sizeof<T>() << 3) - 1));
}

export function bt<T>(c: Cpu, a: T, n: T): T {
  setCf(c, <u64>((a >> position<T>(n)) & 1));
  return a;
}
export function bts<T>(c: Cpu, a: T, n: T): T {
  const k = position<T>(n);
  setCf(c, <u64>((a >> k) & 1));
  return <T>(a | <T>(<T>1 << k));
}
export function btr<T>(c: Cpu, a: T, n: T): T {
  const k = position<T>(n);
  setCf(c, <u64>((a >> k) & 1));
  return <T>(a & <T>~(<T>1 << k));
}
export function btc<T>(c: Cpu, a: T, n: T): T {
  const k = position<T>(n);
  setCf(c, <u64>((a >> k) & 1));
  return <T>(a ^ <T>(<T>1 << k));
}

/** A zero source leaves the destination unchanged (as processors do). */
export function bsf<T>(c: Cpu, a: T, b: T): T {
  setLogic<T>(c, b);
  return b == 0 ? a : <T>ctz<u64>(<u64>b);
}
export function bsr<T>(c: Cpu, a: T, b: T): T {
  setLogic<T>(c, b);
  return b == 0 ? a : <T>(63 - clz<u64>(<u64>b));
}

export function tzcnt<T>(c: Cpu, b: T): T {
  const res = b == 0 ? <T>(sizeof<T>() << 3) : <T>ctz<u64>(<u64>b);
  setSzp<T>(c, res, <u64>(b == 0), 0);
  return res;
}
export function lzcnt<T>(c: Cpu, b: T): T {
  const res = <T>(clz<u64>(<u64>b) - (64 - (sizeof<T>() << 3)));
  setSzp<T>(c, res, <u64>(b == 0), 0);
  return res;
}

/** ZF by the source; all other flags 0. */
export function popcnt_<T>(c: Cpu, b: T): T {
  const res = <T>popcnt<u64>(<u64>b);
  // SZP gives PF by the result's low byte; 0 has PF = 1, so the flags are written out.
  setExplicitZero(c, b == 0);
  return res;
}

function setExplicitZero(c: Cpu, zero: bool): void {
  setExplicit(c, zero ? 0x40 : 0);
}

export function andn<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(<T>~a & b);
  setLogic<T>(c, res);
  return res;
}
export function bextr<T>(c: Cpu, a: T, control: T): T {
  const start = <u64>control & 0xFF;
  const length = (<u64>control >> 8) & 0xFF;
  let v: u64 = start < 64 ? <u64>a >> start : 0;
  if (length < 64) v &= (<u64>1 << length) - 1;
  setLogic<T>(c, <T>v);
  return <T>v;
}
export function blsr<T>(c: Cpu, a: T): T {
  const res = <T>(a & <T>(a - 1));
  setSzpCarries<T>(c, res, <u64>(a == 0), 0, 0);
  return res;
}
export function blsmsk<T>(c: Cpu, a: T): T {
  const res = <T>(a ^ <T>(a - 1));
  setSzpCarries<T>(c, res, <u64>(a == 0), 0, 0);
  return res;
}
export function blsi<T>(c: Cpu, a: T): T {
  const res = <T>(a & <T>(0 - a));
  setSzpCarries<T>(c, res, <u64>(a != 0), 0, 0);
  return res;
}
export function bzhi<T>(c: Cpu, a: T, n: T): T {
  const k = <u32>n & 0xFF;
  const width: u32 = sizeof<T>() << 3;
  const res = k >= width ? a : <T>(<u64>a & ((<u64>1 << <u64>k) - 1));
  setSzp<T>(c, res, <u64>(k >= width), 0);
  return res;
}
export function pdep<T>(c: Cpu, source: T, mask: T): T {
  let res: u64 = 0;
  let m = <u64>mask;
  let s = <u64>source;
  while (m != 0) {
    const low = m & (0 - m);
    if (s & 1) res |= low;
    s >>= 1;
    m ^= low;
  }
  return <T>res;
}
export function pext<T>(c: Cpu, source: T, mask: T): T {
  let res: u64 = 0;
  let m = <u64>mask;
  let to: u64 = 1;
  while (m != 0) {
    const low = m & (0 - m);
    if (<u64>source & low) res |= to;
    to <<= 1;
    m ^= low;
  }
  return <T>res;
}
