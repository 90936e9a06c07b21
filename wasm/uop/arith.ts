// Meaning of the regular arithmetic and logic instructions (SDM vol. 2): values in, value out. A uop may
// write nothing but the lazy flag fields.

import { Cpu } from "../cpu/state";
import {
  getCF, getOF, setAdd, setCfOf, setDec, setInc, setLogic, setSub, setSzp, setSzpCarries, signExtend,
} from "../cpu/flags";

// @ts-ignore: decorator
@inline
export function add<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a + b);
  setAdd<T>(c, a, b, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function sub<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a - b);
  setSub<T>(c, a, b, res);
  return res;
}

export function adc<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a + b + <T>getCF(c));
  // The carries of a + b + carry follow from a, b and res as those of a + b do.
  setAdd<T>(c, a, b, res);
  return res;
}

export function sbb<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a - b - <T>getCF(c));
  const x = signExtend<T>(a);
  const y = signExtend<T>(b);
  const z = signExtend<T>(res);
  setSzpCarries<T>(c, res, ((~x & y) | ((~x | y) & z)) >> 63, ((x ^ y) & (x ^ z)) >> 63, ((x ^ y ^ z) >> 4)
    & 1);
  return res;
}

// @ts-ignore: decorator
@inline
export function and<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a & b);
  setLogic<T>(c, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function or<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a | b);
  setLogic<T>(c, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function xor<T>(c: Cpu, a: T, b: T): T {
  const res = <T>(a ^ b);
  setLogic<T>(c, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function inc<T>(c: Cpu, a: T): T {
  const res = <T>(a + 1);
  setInc<T>(c, a, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function dec<T>(c: Cpu, a: T): T {
  const res = <T>(a - 1);
  setDec<T>(c, a, res);
  return res;
}

// @ts-ignore: decorator
@inline
export function not<T>(c: Cpu, a: T): T {
  return <T>~a;
}

// @ts-ignore: decorator
@inline
export function neg<T>(c: Cpu, a: T): T {
  const res = <T>(0 - a);
  setSub<T>(c, 0, a, res);
  return res;
}

/** Two-operand IMUL: CF = OF = the signed product does not fit T. */
export function imul<T>(c: Cpu, a: T, b: T): T {
  if (sizeof<T>() == 8) {
    const res = <u64>a * <u64>b;
    const lost = <u64>(mulHighSigned(<i64>a, <i64>b) != (<i64>res >> 63));
    setSzp<u64>(c, res, lost, lost);
    return <T>res;
  }
  const wide = <i64>signExtend<T>(a) * <i64>signExtend<T>(b);
  const res = <T>wide;
  const lost = <u64>(<i64>signExtend<T>(res) != wide);
  setSzp<T>(c, res, lost, lost);
  return res;
}

/** Bits 64..127 of the unsigned product. */
export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xFFFFFFFF;
  const ah = a >> 32;
  const bl = b & 0xFFFFFFFF;
  const bh = b >> 32;
  const mid = ah * bl + ((al * bl) >> 32);
  const low = al * bh + (mid & 0xFFFFFFFF);
  return ah * bh + (mid >> 32) + (low >> 32);
}

/** Bits 64..127 of the signed product. */
export function mulHighSigned(a: i64, b: i64): i64 {
  return <i64>(mulHigh(<u64>a, <u64>b) - (<u64>(a >> 63) & <u64>b) - (<u64>(b >> 63) & <u64>a));
}

// @ts-ignore: decorator
@inline
export function adcx<T>(c: Cpu, a: T, b: T): T {
  const carry = getCF(c);
  const res = <T>(a + b + <T>carry);
  setCfOf(c, <u64>(carry ? res <= a : res < a), getOF(c));
  return res;
}

// @ts-ignore: decorator
@inline
export function adox<T>(c: Cpu, a: T, b: T): T {
  const carry = getOF(c);
  const res = <T>(a + b + <T>carry);
  setCfOf(c, getCF(c), <u64>(carry ? res <= a : res < a));
  return res;
}

const CRC32C: u32 = 0x82F63B78;

/** CRC-32C (Castagnoli, reflected) of the low sizeof<S>() bytes of data (SDM vol. 2: CRC32). */
export function crc32<T, S>(c: Cpu, crc: T, data: S): T {
  let x = <u32>crc;
  let rest = <u64>data;
  for (let i: u32 = 0; i < sizeof<S>(); i++) {
    x ^= <u32>rest & 0xFF;
    rest >>= 8;
    for (let bit = 0; bit < 8; bit++) x = (x >> 1) ^ (CRC32C & (0 - (x & 1)));
  }
  return <T>x;
}
