// Shifts and rotates (SDM vol. 2). The count is masked to 5 bits (6 for 64-bit operands) before use; a masked
// count of zero changes no flag. OF after counts above 1 and AF are undefined; what is done here is what
// processors do where it is known: OF by the rule for a count of 1, AF = 0.

import { Cpu } from "../cpu/state";
import { getCF, setCfOf, setSzp } from "../cpu/flags";

// @ts-ignore: decorator
@inline
function bits<T>(): u32 {
  return sizeof<T>() << 3;
}
// @ts-ignore: decorator
@inline
function maskCount<T>(n: u8): u32 {
  return <u32>n & (sizeof<T>() == 8 ? 63 : 31);
}
// @ts-ignore: decorator
@inline
function top<T>(v: T): u64 {
  return (<u64>v >> <u64>(bits<T>() - 1)) & 1;
}
/** The bit below the top. */
// @ts-ignore: decorator
@inline
function next<T>(v: T): u64 {
  return (<u64>v >> <u64>(bits<T>() - 2)) & 1;
}

// @ts-ignore: decorator
@inline
export function shl<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n);
  if (count == 0) return a;
  let res: T;
  let cf: u64;
  if (sizeof<T>() == 8) {
    res = <T>(<u64>a << <u64>count);
    cf = (<u64>a >> <u64>(64 - count)) & 1;
  } else {
    const wide = <u64>a << <u64>count;
    res = <T>wide;
    cf = (wide >> <u64>bits<T>()) & 1;
  }
  setSzp<T>(c, res, cf, cf ^ top<T>(res));
  return res;
}

// @ts-ignore: decorator
@inline
export function shr<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n);
  if (count == 0) return a;
  const last = <u64>a >> <u64>(count - 1);
  const res = <T>(last >> 1);
  setSzp<T>(c, res, last & 1, top<T>(res) ^ next<T>(res));
  return res;
}

// @ts-ignore: decorator
@inline
export function sar<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n);
  if (count == 0) return a;
  const last = (sizeof<T>() == 8 ? <i64>a : sizeof<T>() == 4 ? <i64><i32>a : sizeof<T>() == 2 ? <i64><i16>a
    : <i64><i8>a) >> <i64>(count - 1);
  const res = <T>(last >> 1);
  setSzp<T>(c, res, <u64>last & 1, 0);
  return res;
}

export function rol<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n);
  if (count == 0) return a;
  const k = <u64>(count & (bits<T>() - 1));
  const res = k == 0 ? a : <T>((<u64>a << k) | (<u64>a >> (<u64>bits<T>() - k)));
  const cf = <u64>res & 1;
  setCfOf(c, cf, cf ^ top<T>(res));
  return res;
}

export function ror<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n);
  if (count == 0) return a;
  const k = <u64>(count & (bits<T>() - 1));
  const res = k == 0 ? a : <T>((<u64>a >> k) | (<u64>a << (<u64>bits<T>() - k)));
  setCfOf(c, top<T>(res), top<T>(res) ^ next<T>(res));
  return res;
}

/** Rotate through carry: the count is taken modulo width + 1. */
export function rcl<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n) % (bits<T>() + 1);
  if (count == 0) return a;
  let value = <u64>a;
  const carry = <u64>getCF(c);
  const cf = (value >> <u64>(bits<T>() - count)) & 1;
  // Shifts by 64 are split: wasm takes counts modulo 64.
  const low = count == 1 ? 0 : (value >> 1) >> <u64>(bits<T>() - count);
  value = (value << <u64>(count - 1) << 1) | (carry << <u64>(count - 1)) | low;
  const res = <T>value;
  setCfOf(c, cf, cf ^ top<T>(res));
  return res;
}

export function rcr<T>(c: Cpu, a: T, n: u8): T {
  const count = maskCount<T>(n) % (bits<T>() + 1);
  if (count == 0) return a;
  let value = <u64>a;
  const carry = <u64>getCF(c);
  const cf = (value >> <u64>(count - 1)) & 1;
  const high = count == 1 ? 0 : (value << <u64>(bits<T>() - count)) << 1;
  value = (value >> <u64>(count - 1) >> 1) | (carry << <u64>(bits<T>() - count)) | high;
  const res = <T>value;
  setCfOf(c, cf, top<T>(res) ^ next<T>(res));
  return res;
}

/** 16-bit counts above 16 are undefined; processors shift the string b:a:b (SHLD) as if it went on. */
export function shld<T>(c: Cpu, a: T, b: T, n: u8): T {
  const count = <u64>maskCount<T>(n);
  if (count == 0) return a;
  let res: T;
  let cf: u64;
  if (sizeof<T>() == 8) {
    res = <T>((<u64>a << count) | (<u64>b >> (64 - count)));
    cf = (<u64>a >> (64 - count)) & 1;
  } else if (sizeof<T>() == 4) {
    const wide = ((<u64>a << 32) | <u64>b) << count;
    res = <T>(wide >> 32);
    cf = (<u64>a >> (32 - count)) & 1;
  } else {
    const wide = (<u64>a << 32) | (<u64>b << 16) | <u64>a;
    res = <T>((wide << count) >> 32);
    cf = (wide >> (48 - count)) & 1;
  }
  setSzp<T>(c, res, cf, top<T>(a) ^ top<T>(res));
  return res;
}

export function shrd<T>(c: Cpu, a: T, b: T, n: u8): T {
  const count = <u64>maskCount<T>(n);
  if (count == 0) return a;
  let res: T;
  let cf: u64;
  if (sizeof<T>() == 8) {
    res = <T>((<u64>a >> count) | (<u64>b << (64 - count)));
    cf = (<u64>a >> (count - 1)) & 1;
  } else {
    const wide = sizeof<T>() == 4 ? (<u64>b << 32) | <u64>a : (<u64>a << 32) | (<u64>b << 16) | <u64>a;
    res = <T>(wide >> count);
    cf = (wide >> (count - 1)) & 1;
  }
  setSzp<T>(c, res, cf, top<T>(a) ^ top<T>(res));
  return res;
}

// BMI2: no flags.

// @ts-ignore: decorator
@inline
export function shlx<T>(c: Cpu, a: T, n: T): T {
  return <T>(a << n);
}
// @ts-ignore: decorator
@inline
export function shrx<T>(c: Cpu, a: T, n: T): T {
  return <T>(a >> n);
}
// @ts-ignore: decorator
@inline
export function sarx<T>(c: Cpu, a: T, n: T): T {
  if (sizeof<T>() == 8) return <T>(<i64>a >> <i64>n);
  return <T>(<i32>a >> <i32>n);
}
// @ts-ignore: decorator
@inline
export function rorx<T>(c: Cpu, a: T, n: u8): T {
  return <T>rotr<T>(a, <T>n);
}
