// Meaning of the data movements (SDM vol. 2): no flags are touched.

import { Cpu } from "../cpu/state";

// @ts-ignore: decorator
@inline
export function mov<T>(c: Cpu, a: T): T {
  return a;
}

// @ts-ignore: decorator
@inline
export function movzx<T, S>(c: Cpu, a: S): T {
  return <T>a;
}

// @ts-ignore: decorator
@inline
export function movsx<T, S>(c: Cpu, a: S): T {
  if (sizeof<S>() == 1) return <T><i64><i8>a;
  if (sizeof<S>() == 2) return <T><i64><i16>a;
  return <T><i64><i32>a;
}

// @ts-ignore: decorator
@inline
export function cmovcc<T>(c: Cpu, a: T, b: T, condition: bool): T {
  return condition ? b : a;
}

// @ts-ignore: decorator
@inline
export function setcc<T>(c: Cpu, condition: bool): T {
  return <T>condition;
}

/** 16-bit BSWAP is undefined in the SDM; processors give 0. */
// @ts-ignore: decorator
@inline
export function bswap<T>(c: Cpu, a: T): T {
  if (sizeof<T>() == 2) return 0;
  return <T>swapBytes<T>(a);
}

// @ts-ignore: decorator
@inline
export function movbe<T>(c: Cpu, a: T): T {
  return swapBytes<T>(a);
}

// @ts-ignore: decorator
@inline
function swapBytes<T>(a: T): T {
  if (sizeof<T>() == 2) return <T>((<u32>a >> 8) | (<u32>a << 8));
  const x = <u64>a;
  const words = ((x & 0x00FF00FF00FF00FF) << 8) | ((x >> 8) & 0x00FF00FF00FF00FF);
  const halves = ((words & 0x0000FFFF0000FFFF) << 16) | ((words >> 16) & 0x0000FFFF0000FFFF);
  if (sizeof<T>() == 4) return <T>halves;
  return <T>((halves << 32) | (halves >> 32));
}
