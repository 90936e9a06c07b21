// The judge's random numbers and values: small, fast and the same everywhere, because recorded vectors are
// regenerated from their seed. Values prefer what breaks arithmetic: zeros, ones, powers of two, repeated
// bytes, and in floating point (IEEE 754, SDM vol. 1 4.8) zeros, denormals, infinities, NaNs of both kinds
// and the neighbours of limits.

/** FNV-1a, 32 bits. */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193);
  return h >>> 0;
}

export class Random {
  private a: number;
  private b: number;
  constructor(seed: number, stream = 0) {
    this.a = (seed ^ 0x9e3779b9) >>> 0;
    this.b = (Math.imul(stream, 0x85ebca6b) ^ 0xc2b2ae35) >>> 0;
    for (let n = 0; n < 6; n++) this.next();
  }
  /** 32 bits (xoroshiro64*). */
  next(): number {
    const out = Math.imul(this.a, 0x9e3779bb) >>> 0;
    const b = this.b ^ this.a;
    this.a = (((this.a << 26) | (this.a >>> 6)) ^ b ^ (b << 9)) >>> 0;
    this.b = ((b << 13) | (b >>> 19)) >>> 0;
    return out;
  }
  below(n: number): number { return Math.floor((this.next() / 0x100000000) * n); }
  /** True once in n times. */
  one(n: number): boolean { return this.below(n) === 0; }
  pick<T>(list: readonly T[]): T { return list[this.below(list.length)]!; }
  bits64(): bigint { return (BigInt(this.next()) << 32n) | BigInt(this.next()); }

  word(): bigint {
    switch (this.below(9)) {
      case 0: return BigInt(this.below(4));
      case 1: return BigInt.asUintN(64, -1n - BigInt(this.below(4)));
      case 2: return 1n << BigInt(this.below(64));
      case 3: return (1n << BigInt(this.below(64))) - 1n;
      case 4: return BigInt(this.below(256)) * 0x0101010101010101n;
      case 5: return BigInt(this.next());
      // The most negative value of each width.
      case 6: return BigInt.asUintN(64, -(1n << BigInt(this.pick([7, 15, 31, 63])))
        + BigInt(this.below(3) - 1));
      default: return this.bits64();
    }
  }

  /** A double, as bits. */
  double(): bigint {
    const sign = BigInt(this.below(2)) << 63n;
    switch (this.below(12)) {
      case 0: return sign;
      case 1: return sign | BigInt(this.next());
      case 2: return sign | (this.bits64() & 0xfffffffffffffn);
      case 3: return sign | 0x7ff0000000000000n;
      case 4: return sign | 0x7ff8000000000000n | BigInt(this.next());
      case 5: return sign | 0x7ff0000000000001n | (this.bits64() & 0x7ffffffffffffn);
      case 6: return sign | 0x0010000000000000n + BigInt(this.below(3) - 1);
      case 7: return sign | 0x7fefffffffffffffn - BigInt(this.below(3));
      case 8: return fromDouble(this.below(2000) - 1000 + this.pick([0, 0.5, 0.25, 2 ** -20]));
      case 9: return fromDouble((this.next() - 0x80000000) * this.pick([1, 2, 2 ** 31, 2 ** 32, 0.5]));
      // Neighbours in exponent, so that sums and products are exact, round, underflow and overflow.
      case 10: return sign | BigInt(1023 + this.below(40) - 20) << 52n | (this.bits64() & 0xfffffffffffffn);
      default: return sign | (this.bits64() & 0x7fffffffffffffffn);
    }
  }

  /** A float, as bits. */
  float(): number {
    const sign = this.below(2) * 0x80000000;
    switch (this.below(12)) {
      case 0: return sign;
      case 1: return sign + this.below(256);
      case 2: return sign + this.below(0x800000);
      case 3: return sign + 0x7f800000;
      case 4: return sign + 0x7fc00000 + this.below(0x400000);
      case 5: return sign + 0x7f800001 + this.below(0x3fffff);
      case 6: return sign + 0x00800000 + this.below(3) - 1;
      case 7: return sign + 0x7f7fffff - this.below(3);
      case 8: return fromFloat(this.below(2000) - 1000 + this.pick([0, 0.5, 0.25, 2 ** -12]));
      case 9: return fromFloat((this.next() - 0x80000000) * this.pick([1, 2, 2 ** 16, 2 ** 32, 0.5]));
      case 10: return (sign + ((127 + this.below(24) - 12) * 0x800000) + this.below(0x800000)) >>> 0;
      default: return sign + this.below(0x80000000);
    }
  }

  /** An 80-bit value: sixteen bits of sign and exponent, 64 of significand (SDM vol. 1 4.2.2, 8.2.2). */
  extended(): { mantissa: bigint; exponent: number } {
    const sign = this.below(2) << 15, one = 1n << 63n;
    const top = (): bigint => one | this.bits64();
    switch (this.below(16)) {
      case 0: return { mantissa: 0n, exponent: sign };
      case 1: return { mantissa: this.bits64() >> BigInt(1 + this.below(63)), exponent: sign };
      // Pseudo-denormal, infinity, quiet and signalling NaN.
      case 2: return { mantissa: top(), exponent: sign };
      case 3: return { mantissa: one, exponent: sign | 0x7fff };
      case 4: return { mantissa: 0xc000000000000000n | this.bits64(), exponent: sign | 0x7fff };
      case 5: return { mantissa: (one | (this.bits64() & 0x3fffffffffffffffn)) || 1n, exponent: sign
        | 0x7fff };
      // Unsupported: unnormal, pseudo-infinity, pseudo-NaN.
      case 6: return { mantissa: this.bits64() & ~one, exponent: sign | (1 + this.below(0x7fff)) };
      case 7: return { mantissa: top(), exponent: sign | 1 + this.below(3) };
      case 8: return { mantissa: top(), exponent: sign | 0x7ffe - this.below(3) };
      case 9: case 10: return ofInteger(sign, BigInt(this.below(1 << (1 + this.below(30)))));
      case 11: return { mantissa: one, exponent: sign | 16383 + this.below(200) - 100 };
      case 12: return { mantissa: top(), exponent: sign | 16383 + this.below(80) - 10 };
      case 13: return { mantissa: top() & ~0x7ffn, exponent: sign | 16383 + this.below(10) - 5 };
      case 14: return { mantissa: top(), exponent: sign | this.below(0x8000) };
      default: return { mantissa: top(), exponent: sign | 16383 + this.below(8) - 6 };
    }
  }
}

function ofInteger(sign: number, value: bigint): { mantissa: bigint; exponent: number } {
  if (value === 0n) return { mantissa: 0n, exponent: sign };
  const bits = value.toString(2).length;
  return { mantissa: value << BigInt(64 - bits), exponent: sign | 16383 + bits - 1 };
}

const scratch = new DataView(new ArrayBuffer(8));
export function fromDouble(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}
function fromFloat(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}
