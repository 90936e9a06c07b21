// MMX and SSE integer instructions, moves, string compares, FXSAVE and XSAVE: each against a plain
// restatement of the SDM's pseudo-code on random operands (the seed is printed; SEED repeats a run), and the
// rules of access by hand.

import { randomInt } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../src/emu/generated-layout.ts';
import { buildCheck, CheckMachine, FAULT, NEXT } from './check-machine.ts';

const MEM = 1, OPSIZE = 64;
const GP = 13n, UD = 6n, NM = 7n, MF = 16n;
const SEED = Number(process.env.SEED ?? randomInt(1 << 30));
const ROUNDS = 60;
let m: CheckMachine;
let state = SEED;

/** xorshift32. */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xfe];
const bytes = (n: number): number[] =>
  Array.from({ length: n }, () => (random() % 3 ? random() & 0xff : EDGES[random() % EDGES.length]!));

const unsigned = (v: number[], size: number): bigint[] => Array.from({ length: v.length / size }, (_, i) =>
  v.slice(i * size, i * size + size).reduceRight((sum, b) => (sum << 8n) | BigInt(b), 0n));
const signed = (v: number[], size: number): bigint[] =>
  unsigned(v, size).map((x) => BigInt.asIntN(size * 8, x));
const pack = (values: bigint[], size: number): number[] => values.flatMap((x) =>
  Array.from({ length: size }, (_, i) => Number((BigInt.asUintN(size * 8, x) >> BigInt(i * 8)) & 0xffn)));
const clampS = (x: bigint, size: number): bigint => {
  const top = (1n << BigInt(size * 8 - 1)) - 1n;
  return x > top ? top : x < -top - 1n ? -top - 1n : x;
};
const clampU = (x: bigint, size: number): bigint => {
  const top = (1n << BigInt(size * 8)) - 1n;
  return x > top ? top : x < 0n ? 0n : x;
};
const abs = (x: bigint): bigint => (x < 0n ? -x : x);

type Op = (a: number[], b: number[]) => number[];
const lanes = (size: number, f: (a: bigint, b: bigint) => bigint): Op => (a, b) => {
  const y = signed(b, size);
  return pack(signed(a, size).map((x, i) => f(x, y[i]!)), size);
};
const lanesU = (size: number, f: (a: bigint, b: bigint) => bigint): Op => (a, b) => {
  const y = unsigned(b, size);
  return pack(unsigned(a, size).map((x, i) => f(x, y[i]!)), size);
};
const mask = (yes: boolean): bigint => (yes ? -1n : 0n);
const unpackLow = (size: number): Op => (a, b) => {
  const x = unsigned(a, size), y = unsigned(b, size);
  return pack(x.slice(0, x.length / 2).flatMap((v, i) => [v, y[i]!]), size);
};
const unpackHigh = (size: number): Op => (a, b) => {
  const x = unsigned(a, size), y = unsigned(b, size), h = x.length / 2;
  return pack(x.slice(h).flatMap((v, i) => [v, y[h + i]!]), size);
};
const narrow = (size: number, clamp: (x: bigint, s: number) => bigint): Op => (a, b) =>
  pack([...signed(a, size), ...signed(b, size)].map((x) => clamp(x, size / 2)), size / 2);
const pairs = (size: number, f: (x: bigint, y: bigint) => bigint): Op => (a, b) => {
  const v = [...signed(a, size), ...signed(b, size)];
  return pack(Array.from({ length: v.length / 2 }, (_, i) => f(v[2 * i]!, v[2 * i + 1]!)), size);
};
const shift = (size: number, f: (x: bigint, n: bigint) => bigint, signedLanes = false): Op => (a, b) => {
  const n = unsigned(b.slice(0, 8), 8)[0]!;
  const width = BigInt(size * 8);
  return pack((signedLanes ? signed : unsigned)(a, size).map((x) => f(x, n > width ? width : n)), size);
};
const left = (size: number): Op => shift(size, (x, n) => x << n);
const right = (size: number): Op => shift(size, (x, n) => x >> n);
const arithmetic = (size: number): Op => shift(size, (x, n) => x >> n, true);

/** Handlers that serve MMX and XMM. */
const BOTH: Record<string, Op> = {
  hPaddb: lanes(1, (a, b) => a + b), hPaddw: lanes(2, (a, b) => a + b), hPaddd: lanes(4, (a, b) => a + b),
    hPaddq: lanes(8, (a, b) => a + b),
  hPsubb: lanes(1, (a, b) => a - b), hPsubw: lanes(2, (a, b) => a - b), hPsubd: lanes(4, (a, b) => a - b),
    hPsubq: lanes(8, (a, b) => a - b),
  hPaddsb: lanes(1, (a, b) => clampS(a + b, 1)), hPaddsw: lanes(2, (a, b) => clampS(a + b, 2)),
  hPsubsb: lanes(1, (a, b) => clampS(a - b, 1)), hPsubsw: lanes(2, (a, b) => clampS(a - b, 2)),
  hPaddusb: lanesU(1, (a, b) => clampU(a + b, 1)), hPaddusw: lanesU(2, (a, b) => clampU(a + b, 2)),
  hPsubusb: lanesU(1, (a, b) => clampU(a - b, 1)), hPsubusw: lanesU(2, (a, b) => clampU(a - b, 2)),
  hPcmpeqb: lanes(1, (a, b) => mask(a === b)), hPcmpeqw: lanes(2, (a, b) => mask(a === b)),
    hPcmpeqd: lanes(4, (a, b) => mask(a === b)),
  hPcmpgtb: lanes(1, (a, b) => mask(a > b)), hPcmpgtw: lanes(2, (a, b) => mask(a > b)),
    hPcmpgtd: lanes(4, (a, b) => mask(a > b)),
  hPminub: lanesU(1, (a, b) => (a < b ? a : b)), hPmaxub: lanesU(1, (a, b) => (a > b ? a : b)),
  hPminsw: lanes(2, (a, b) => (a < b ? a : b)), hPmaxsw: lanes(2, (a, b) => (a > b ? a : b)),
  hPavgb: lanesU(1, (a, b) => (a + b + 1n) >> 1n), hPavgw: lanesU(2, (a, b) => (a + b + 1n) >> 1n),
  hPmullw: lanes(2, (a, b) => a * b), hPmulhw: lanes(2, (a, b) => (a * b) >> 16n),
    hPmulhuw: lanesU(2, (a, b) => (a * b) >> 16n),
  hPmuludq: lanesU(8, (a, b) => (a & 0xffffffffn) * (b & 0xffffffffn)),
  hPmaddwd: (a, b) => {
    const x = signed(a, 2), y = signed(b, 2);
    return pack(Array.from({ length: x.length / 2 }, (_, i) =>
      x[2 * i]! * y[2 * i]! + x[2 * i + 1]! * y[2 * i + 1]!), 4);
  },
  hPsadbw: (a, b) => pack(Array.from({ length: a.length / 8 }, (_, q) =>
    BigInt(a.slice(q * 8, q * 8 + 8).reduce((sum, v, i) => sum + Math.abs(v - b[q * 8 + i]!), 0))), 8),
  hPand: lanesU(8, (a, b) => a & b), hPor: lanesU(8, (a, b) => a | b), hPxor: lanesU(8, (a, b) => a ^ b),
    hPandn: lanes(8, (a, b) => ~a & b),
  hPunpcklbw: unpackLow(1), hPunpcklwd: unpackLow(2), hPunpckldq: unpackLow(4),
  hPunpckhbw: unpackHigh(1), hPunpckhwd: unpackHigh(2), hPunpckhdq: unpackHigh(4),
  hPacksswb: narrow(2, clampS), hPackuswb: narrow(2, clampU), hPackssdw: narrow(4, clampS),
  hPsllw: left(2), hPslld: left(4), hPsllq: left(8), hPsrlw: right(2), hPsrld: right(4), hPsrlq: right(8),
    hPsraw: arithmetic(2),
  hPsrad: arithmetic(4),
  hPhaddw: pairs(2, (x, y) => x + y), hPhaddd: pairs(4, (x, y) => x + y),
    hPhaddsw: pairs(2, (x, y) => clampS(x + y, 2)),
  hPhsubw: pairs(2, (x, y) => x - y), hPhsubd: pairs(4, (x, y) => x - y),
    hPhsubsw: pairs(2, (x, y) => clampS(x - y, 2)),
  hPmaddubsw: (a, b) => {
    const x = unsigned(a, 1), y = signed(b, 1);
    return pack(Array.from({ length: x.length / 2 }, (_, i) =>
      clampS(x[2 * i]! * y[2 * i]! + x[2 * i + 1]! * y[2 * i + 1]!, 2)), 2);
  },
  hPmulhrsw: lanes(2, (a, b) => (((a * b) >> 14n) + 1n) >> 1n),
  hPsignb: lanes(1, (a, b) => (b < 0n ? -a : b === 0n ? 0n : a)),
    hPsignw: lanes(2, (a, b) => (b < 0n ? -a : b === 0n ? 0n : a)),
  hPsignd: lanes(4, (a, b) => (b < 0n ? -a : b === 0n ? 0n : a)),
  hPabsb: lanes(1, (_, b) => abs(b)), hPabsw: lanes(2, (_, b) => abs(b)), hPabsd: lanes(4, (_, b) => abs(b)),
  hPshufb: (a, b) => b.map((i) => (i & 0x80 ? 0 : a[i & (a.length - 1)]!)),
};

/** XMM only; the immediate is part of the name. */
const XMM: Record<string, Op> = {
  hPminsb: lanes(1, (a, b) => (a < b ? a : b)), hPmaxsb: lanes(1, (a, b) => (a > b ? a : b)),
  hPminuw: lanesU(2, (a, b) => (a < b ? a : b)), hPmaxuw: lanesU(2, (a, b) => (a > b ? a : b)),
  hPminsd: lanes(4, (a, b) => (a < b ? a : b)), hPmaxsd: lanes(4, (a, b) => (a > b ? a : b)),
  hPminud: lanesU(4, (a, b) => (a < b ? a : b)), hPmaxud: lanesU(4, (a, b) => (a > b ? a : b)),
  hPmulld: lanes(4, (a, b) => a * b), hPcmpeqq: lanes(8, (a, b) => mask(a === b)),
    hPcmpgtq: lanes(8, (a, b) => mask(a > b)),
  hPmuldq: lanes(8, (a, b) => BigInt.asIntN(32, a) * BigInt.asIntN(32, b)), hPackusdw: narrow(4, clampU),
  hPunpcklqdq: unpackLow(8), hPunpckhqdq: unpackHigh(8), hUnpcklps: unpackLow(4), hUnpckhps: unpackHigh(4),
  hPmovsxbw: (_, b) => pack(signed(b.slice(0, 8), 1), 2), hPmovsxbd: (_, b) =>
    pack(signed(b.slice(0, 4), 1), 4),
  hPmovsxbq: (_, b) => pack(signed(b.slice(0, 2), 1), 8), hPmovsxwd: (_, b) =>
    pack(signed(b.slice(0, 8), 2), 4),
  hPmovsxwq: (_, b) => pack(signed(b.slice(0, 4), 2), 8), hPmovsxdq: (_, b) =>
    pack(signed(b.slice(0, 8), 4), 8),
  hPmovzxbw: (_, b) => pack(unsigned(b.slice(0, 8), 1), 2), hPmovzxbd: (_, b) =>
    pack(unsigned(b.slice(0, 4), 1), 4),
  hPmovzxbq: (_, b) => pack(unsigned(b.slice(0, 2), 1), 8), hPmovzxwd: (_, b) =>
    pack(unsigned(b.slice(0, 8), 2), 4),
  hPmovzxwq: (_, b) => pack(unsigned(b.slice(0, 4), 2), 8), hPmovzxdq: (_, b) =>
    pack(unsigned(b.slice(0, 8), 4), 8),
  hPhminposuw: (_, b) => {
    const v = unsigned(b, 2), least = v.reduce((x, y) => (y < x ? y : x));
    return pack([least, BigInt(v.indexOf(least)), 0n, 0n, 0n, 0n, 0n, 0n], 2);
  },
  hMovsldup: (_, b) => [0, 0, 2, 2].flatMap((i) => b.slice(i * 4, i * 4 + 4)),
  hMovshdup: (_, b) => [1, 1, 3, 3].flatMap((i) => b.slice(i * 4, i * 4 + 4)),
  hMovddup: (_, b) => [...b.slice(0, 8), ...b.slice(0, 8)],
};

type ImmOp = (a: number[], b: number[], imm: number) => number[];
const dwords = (v: number[], i: number): number[] => v.slice(i * 4, i * 4 + 4);
const words = (v: number[], i: number): number[] => v.slice(i * 2, i * 2 + 2);
const picks = (imm: number): number[] => [imm & 3, (imm >> 2) & 3, (imm >> 4) & 3, imm >> 6];
const blendBy = (size: number): ImmOp => (a, b, imm) =>
  a.map((v, i) => ((imm >> Math.floor(i / size)) & 1 ? b[i]! : v));
const IMMEDIATE: Record<string, ImmOp> = {
  hPshufd: (_, b, imm) => picks(imm).flatMap((i) => dwords(b, i)),
  hPshuflw: (_, b, imm) => [...picks(imm).flatMap((i) => words(b, i)), ...b.slice(8)],
  hPshufhw: (_, b, imm) => [...b.slice(0, 8), ...picks(imm).flatMap((i) => words(b, i + 4))],
  hShufps: (a, b, imm) => picks(imm).flatMap((i, n) => dwords(n < 2 ? a : b, i)),
  hShufpd: (a, b, imm) => [...a.slice((imm & 1) * 8).slice(0, 8),
    ...b.slice(((imm >> 1) & 1) * 8).slice(0, 8)],
  hPalignr: (a, b, imm) => Array.from({ length: 16 }, (_, i) => [...b, ...a][i + imm] ?? 0),
  hPblendw: blendBy(2), hBlendps: blendBy(4), hBlendpd: blendBy(8),
  hMpsadbw: (a, b, imm) => pack(Array.from({ length: 8 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < 4; k++) sum += Math.abs(a[(imm & 4) + i + k]! - b[(imm & 3) * 4 + k]!);
    return BigInt(sum);
  }), 2),
  hInsertps: (a, b, imm) => {
    const r = [0, 1, 2, 3].map((i) => dwords(a, i));
    r[(imm >> 4) & 3] = dwords(b, imm >> 6);
    return r.flatMap((v, i) => ((imm >> i) & 1 ? [0, 0, 0, 0] : v));
  },
};

beforeAll(() => {
  console.log(`sse.test seed ${SEED}`);
  m = new CheckMachine(buildCheck('sse-check'), { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES });
}, 120_000);
beforeEach(() => {
  m.reset();
  // OSFXSR and OSXMMEXCPT.
  m.set('cr4', 0x600n);
});

/** Shift counts must often be small. */
const operand = (name: string): number[] =>
  (/hPs[lr][la]/.test(name) && random() % 4 ? pack([BigInt(random() % 70), 0n], 8) : bytes(16));

describe('against the manual', () => {
  for (const [name, op] of Object.entries(BOTH)) {
    test(`${name}: XMM register, XMM memory, MMX`, () => {
      for (let round = 0; round < ROUNDS; round++) {
        const a = bytes(16), b = operand(name);
        m.setXmm(3, a);
        m.setXmm(12, b);
        expect(m.run(name, { flags: OPSIZE, reg: 3, rm: 12 })).toBe(NEXT);
        expect(m.xmm(3), `${a} ${b}`).toEqual(op(a, b));
        m.setXmm(3, a);
        m.write(0x4ff0, b);
        m.run(name, { flags: OPSIZE | MEM, reg: 3, disp: 0x4ff0n });
        expect(m.xmm(3)).toEqual(op(a, b));
        // Bits above the 64 of an MMX register hold sign and exponent, which must not matter.
        m.setMmx(1, [...a.slice(0, 8), 0xff, 0xff]);
        m.setMmx(6, [...b.slice(0, 8), 0xff, 0xff]);
        m.run(name, { reg: 1, rm: 6 });
        expect(m.mmx(1), `MMX ${a} ${b}`).toEqual(op(a.slice(0, 8), b.slice(0, 8)));
      }
    });
  }
  for (const [name, op] of Object.entries(XMM)) {
    test(name, () => {
      for (let round = 0; round < ROUNDS; round++) {
        const a = bytes(16), b = bytes(16);
        m.setXmm(9, a);
        m.setXmm(2, b);
        expect(m.run(name, { flags: OPSIZE, reg: 9, rm: 2 })).toBe(NEXT);
        expect(m.xmm(9), `${a} ${b}`).toEqual(op(a, b));
      }
    });
  }
  for (const [name, op] of Object.entries(IMMEDIATE)) {
    test(`${name} with every immediate`, () => {
      for (let imm = 0; imm < 256; imm++) {
        const a = bytes(16), b = bytes(16);
        m.setXmm(9, a);
        m.setXmm(2, b);
        expect(m.run(name, { flags: OPSIZE, reg: 9, rm: 2, imm: BigInt(imm) })).toBe(NEXT);
        expect(m.xmm(9), `imm ${imm}: ${a} ${b}`).toEqual(op(a, b, imm));
      }
    });
  }
  test('DPPS and DPPD with every immediate, on small integers', () => {
    const small = (n: number): number[] => Array.from({ length: n }, () => (random() % 41) - 20);
    for (let imm = 0; imm < 256; imm++) {
      const a = small(4), b = small(4);
      const chosen = (n: number): number =>
        a.slice(0, n).reduce((sum, v, i) => sum + ((imm >> (4 + i)) & 1 ? v * b[i]! : 0), 0);
      const written = (n: number): number[] =>
        Array.from({ length: n }, (_, i) => ((imm >> i) & 1 ? chosen(n) : 0));
      m.setXmm(1, new Uint8Array(new Float32Array(a).buffer));
      m.setXmm(2, new Uint8Array(new Float32Array(b).buffer));
      m.run('hDpps', { flags: OPSIZE, reg: 1, rm: 2, imm: BigInt(imm) });
      expect([...new Float32Array(new Uint8Array(m.xmm(1)).buffer)].map((v) => v
        + 0)).toEqual(written(4).map((v) => v + 0));
      m.setXmm(1, new Uint8Array(new Float64Array(a.slice(0, 2)).buffer));
      m.setXmm(2, new Uint8Array(new Float64Array(b.slice(0, 2)).buffer));
      m.run('hDppd', { flags: OPSIZE, reg: 1, rm: 2, imm: BigInt(imm) });
      expect([...new Float64Array(new Uint8Array(m.xmm(1)).buffer)].map((v) => v
        + 0)).toEqual(written(2).map((v) => v + 0));
    }
  });
  test('byte shifts, word shifts by immediate, MMX PALIGNR and PSHUFW', () => {
    for (let imm = 0; imm < 256; imm += imm < 20 ? 1 : 37) {
      const a = bytes(16);
      const run = (name: string): number[] => {
        m.setXmm(5, a);
        m.run(name, { flags: OPSIZE, rm: 5, imm: BigInt(imm) });
        return m.xmm(5);
      };
      expect(run('hPsrldq')).toEqual(a.map((_, i) => a[i + imm] ?? 0));
      expect(run('hPslldq')).toEqual(a.map((_, i) => a[i - imm] ?? 0));
      expect(run('hPsradImm')).toEqual(pack(signed(a, 4).map((x) => x >> BigInt(Math.min(imm, 32))), 4));
      expect(run('hPsrlwImm')).toEqual(pack(unsigned(a, 2).map((x) => x >> BigInt(Math.min(imm, 16))), 2));
      const b = bytes(16);
      m.setMmx(1, a.slice(0, 8));
      m.setMmx(2, b.slice(0, 8));
      m.run('hPalignr', { reg: 1, rm: 2, imm: BigInt(imm) });
      expect(m.mmx(1)).toEqual(Array.from({ length: 8 }, (_, i) =>
        [...b.slice(0, 8), ...a.slice(0, 8)][i + imm] ?? 0));
      m.run('hPshufw', { reg: 1, rm: 2, imm: BigInt(imm) });
      expect(m.mmx(1)).toEqual(picks(imm).flatMap((i) => words(b, i)));
    }
  });
});

describe('moves', () => {
  test('MOVSS and MOVSD zero-extend from memory and merge between registers', () => {
    m.write(0x1001, [1, 2, 3, 4, 5, 6, 7, 8]);
    m.setXmm(1, new Array(16).fill(0xee));
    m.run('hMovssLoad', { flags: MEM, reg: 1, disp: 0x1001n });
    expect(m.xmm(1)).toEqual([1, 2, 3, 4, ...new Array(12).fill(0)]);
    m.setXmm(1, new Array(16).fill(0xee));
    m.setXmm(2, new Array(16).fill(0x11));
    m.run('hMovsdLoad', { reg: 1, rm: 2 });
    expect(m.xmm(1)).toEqual([...new Array(8).fill(0x11), ...new Array(8).fill(0xee)]);
  });

  test('MOVD, MOVQ, MOVHLPS, MOVLHPS, MOVMSK', () => {
    m.set('rbx', 0x1122334455667788n);
    m.run('hMovdToXmm', { flags: OPSIZE, reg: 7, rm: 24, opSize: 1 });
    expect(m.xmm(7)).toEqual([0x88, 0x77, 0x66, 0x55, ...new Array(12).fill(0)]);
    m.run('hMovdToXmm', { flags: OPSIZE, reg: 7, rm: 24, opSize: 3 });
    expect(m.xmm(7).slice(6)).toEqual([0x22, 0x11, ...new Array(8).fill(0)]);
    m.set('rax', -1n);
    m.run('hMovdFromXmm', { flags: OPSIZE, reg: 7, rm: 0, opSize: 1 });
    expect(m.get('rax')).toBe(0x55667788n);
    const a = bytes(16), b = bytes(16);
    m.setXmm(1, a);
    m.setXmm(2, b);
    m.run('hMovlpLoad', { reg: 1, rm: 2 });
    expect(m.xmm(1)).toEqual([...b.slice(8), ...a.slice(8)]);
    m.run('hMovhpLoad', { reg: 1, rm: 2 });
    expect(m.xmm(1)).toEqual([...b.slice(8), ...b.slice(0, 8)]);
    m.setXmm(3, [0x80, 0, 0x7f, 0x80, ...new Array(11).fill(0), 0xff]);
    m.run('hPmovmskb', { flags: OPSIZE, reg: 0, rm: 3 });
    expect(m.get('rax')).toBe(0x8009n);
    m.run('hMovmskps', { reg: 0, rm: 3 });
    expect(m.get('rax')).toBe(9n);
  });

  test('aligned forms fault on misaligned memory, the others do not', () => {
    expect(m.run('hMovaLoad', { flags: MEM, reg: 1, disp: 0x1008n })).toBe(FAULT);
    expect(m.get('excVector')).toBe(GP);
    expect(m.run('hMovaStore', { flags: MEM, reg: 1, disp: 0x1008n })).toBe(FAULT);
    expect(m.run('hPaddb', { flags: MEM | OPSIZE, reg: 1, disp: 0x1008n })).toBe(FAULT);
    m.write(0x1ff9, bytes(16));
    expect(m.run('hMovuLoad', { flags: MEM, reg: 1, disp: 0x1ff9n })).toBe(NEXT);
    expect(m.xmm(1)).toEqual(m.read(0x1ff9, 16));
    expect(m.run('hMovuStore', { flags: MEM, reg: 1, disp: 0x2ffdn })).toBe(NEXT);
    expect(m.read(0x2ffd, 16)).toEqual(m.xmm(1));
  });

  test('EM and a clear OSFXSR are #UD, TS is #NM, a pending x87 exception is #MF for MMX', () => {
    const run = (flags: number): bigint | number => (m.run('hPaddb', { flags, reg: 1, rm: 2 }) === FAULT ? m.get('excVector') : -1);
    m.set('cr4', 0n);
    expect(run(OPSIZE)).toBe(UD);
    expect(run(0)).toBe(-1);
    m.set('cr4', 0x600n);
    m.set('cr0', 0x1dn);
    expect(run(OPSIZE)).toBe(UD);
    expect(run(0)).toBe(UD);
    m.set('cr0', 0x19n);
    expect(run(OPSIZE)).toBe(NM);
    expect(run(0)).toBe(NM);
    m.set('cr0', 0x31n);
    expect(run(0)).toBe(-1);
    // FXRSTOR of an image with IE unmasked and set leaves an exception pending.
    const image = new Array(512).fill(0);
    image[2] = 1;
    m.write(0x3000, image);
    m.run('hFxrstor', { flags: MEM, disp: 0x3000n });
    expect(run(0)).toBe(MF);
    expect(run(OPSIZE)).toBe(-1);
  });

  test('an MMX instruction sets TOP to 0 and marks all registers in use; EMMS empties them', () => {
    m.set('fpuTop', 5n);
    m.set('fpuEmpty', 0xffn);
    m.run('hMovqMmxLoad', { reg: 2, rm: 3 });
    expect([m.get('fpuTop'), m.get('fpuEmpty')]).toEqual([0n, 0n]);
    m.run('hEmms');
    expect(m.get('fpuEmpty')).toBe(0xffn);
  });

  test('MASKMOVDQU stores the chosen bytes only', () => {
    m.write(0x5000, new Array(16).fill(0xaa));
    m.set('rdi', 0x5000n);
    m.setXmm(1, Array.from({ length: 16 }, (_, i) => i));
    m.setXmm(2, Array.from({ length: 16 }, (_, i) => (i % 3 ? 0x7f : 0x80)));
    m.run('hMaskmov', { flags: OPSIZE, reg: 1, rm: 2 });
    expect(m.read(0x5000, 16)).toEqual(Array.from({ length: 16 }, (_, i) => (i % 3 ? 0xaa : i)));
  });

  test('inserts, extracts, PTEST, blends by XMM0', () => {
    const a = bytes(16);
    m.setXmm(4, a);
    for (let n = 0; n < 8; n++) {
      m.run('hPextrw', { flags: OPSIZE, reg: 0, rm: 4, imm: BigInt(n + 8) });
      expect(m.get('rax')).toBe(unsigned(a, 2)[n]);
    }
    m.set('rbx', 0xbeefn);
    m.run('hPinsrw', { flags: OPSIZE, reg: 4, rm: 24, imm: 13n });
    expect(m.xmm(4).slice(10, 12)).toEqual([0xef, 0xbe]);
    m.run('hPextrd', { flags: OPSIZE | MEM, reg: 4, disp: 0x6001n, imm: 1n, opSize: 3 });
    expect(m.read(0x6001, 8)).toEqual(m.xmm(4).slice(8));
    m.setXmm(1, [1, ...new Array(15).fill(0)]);
    m.setXmm(2, [3, ...new Array(15).fill(0)]);
    m.run('hPtest', { flags: OPSIZE, reg: 2, rm: 1 });
    expect(m.exports.readEflags!(m.cpu)).toBe(3n);
    m.run('hPtest', { flags: OPSIZE, reg: 1, rm: 2 });
    expect(m.exports.readEflags!(m.cpu)).toBe(2n);
    const x = bytes(16), y = bytes(16), control = bytes(16);
    m.setXmm(0, control);
    m.setXmm(1, x);
    m.setXmm(2, y);
    m.run('hPblendvb', { flags: OPSIZE, reg: 1, rm: 2 });
    expect(m.xmm(1)).toEqual(x.map((v, i) => (control[i]! & 0x80 ? y[i] : v)));
  });
});

describe('string compares', () => {
  const text = (s: string): number[] => [...Buffer.from(s.padEnd(16, '\0'), 'latin1')];
  const run = (name: string, a: string, b: string, imm: number): [bigint, bigint] => {
    m.setXmm(1, text(a));
    m.setXmm(2, text(b));
    m.run(name, { flags: OPSIZE, reg: 1, rm: 2, imm: BigInt(imm) });
    return [m.get('rcx'), (m.exports.readEflags!(m.cpu) as bigint) & 0x8d5n];
  };

  test('PCMPISTRI: any of a set, ranges, equal each with negation, substring', () => {
    // Flags: CF a hit, ZF b ends, SF a ends, OF the first bit.
    expect(run('hPcmpistri', 'xyz', 'abcyd', 0)).toEqual([3n, 0xc1n]);
    expect(run('hPcmpistri', 'xyz', 'abcd', 0)).toEqual([16n, 0xc0n]);
    expect(run('hPcmpistri', 'azAZ', '12a', 4)).toEqual([2n, 0xc1n]);
    expect(run('hPcmpistri', 'hello', 'help!', 0x18)).toEqual([3n, 0xc1n]);
    expect(run('hPcmpistri', '0123456789abcdef', '0123456789abcdef', 0x18)).toEqual([16n, 0n]);
    expect(run('hPcmpistri', 'nd', 'find and', 0xc)).toEqual([2n, 0xc1n]);
    expect(run('hPcmpistri', 'nd', 'find and', 0x4c)).toEqual([6n, 0xc1n]);
  });

  test('PCMPESTRM takes lengths from EAX and EDX and gives bits or a mask', () => {
    m.set('rax', 2n);
    m.set('rdx', 0xfffffffdn);
    m.setXmm(1, text('ab'));
    m.setXmm(2, text('bxab'));
    m.run('hPcmpestrm', { flags: OPSIZE, reg: 1, rm: 2, imm: 0n, opSize: 1 });
    expect(m.xmm(0)).toEqual([0b101, ...new Array(15).fill(0)]);
    m.run('hPcmpestrm', { flags: OPSIZE, reg: 1, rm: 2, imm: 0x40n, opSize: 1 });
    expect(m.xmm(0)).toEqual([0xff, 0, 0xff, ...new Array(13).fill(0)]);
  });
});

describe('state images', () => {
  test('FXSAVE then FXRSTOR gives everything back; the image has the manual layout', () => {
    const regs = Array.from({ length: 16 }, () => bytes(16));
    regs.forEach((v, n) => m.setXmm(n, v));
    for (let n = 0; n < 8; n++) m.setMmx(n, [n, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f]);
    m.set('mxcsr', 0x9fc0n);
    m.set('fpuTop', 3n);
    m.set('fpuEmpty', 0x07n);
    m.write(0x2f00, new Array(512).fill(0xcc));
    expect(m.run('hFxsave', { flags: MEM, disp: 0x2f00n, opSize: 3 })).toBe(NEXT);
    const image = m.read(0x2f00, 512);
    expect(image.slice(2, 5)).toEqual([0, 0x18, 0xf8]);
    expect(image.slice(24, 32)).toEqual([0xc0, 0x9f, 0, 0, 0xff, 0xff, 0, 0]);
    // ST0 is physical register 3.
    expect(image.slice(32, 42)).toEqual([3, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f]);
    expect(image.slice(160, 416)).toEqual(regs.flat());
    expect(image.slice(416)).toEqual(new Array(96).fill(0xcc));
    m.reset();
    m.set('cr4', 0x600n);
    m.write(0x2f00, image);
    expect(m.run('hFxrstor', { flags: MEM, disp: 0x2f00n, opSize: 3 })).toBe(NEXT);
    expect(Array.from({ length: 16 }, (_, n) => m.xmm(n))).toEqual(regs);
    expect([m.get('mxcsr'), m.get('fpuTop'), m.get('fpuEmpty')]).toEqual([0x9fc0n, 3n, 7n]);
    expect(m.mmx(5)).toEqual([5, 0, 0, 0, 0, 0, 0, 0x80]);
  });

  test('FXSAVE and XSAVE want alignment, reserved MXCSR bits are #GP', () => {
    expect(m.run('hFxsave', { flags: MEM, disp: 0x2008n })).toBe(FAULT);
    const image = new Array(512).fill(0);
    image[26] = 1;
    m.write(0x2000, image);
    expect(m.run('hFxrstor', { flags: MEM, disp: 0x2000n })).toBe(FAULT);
    expect(m.run('hXsave', { flags: MEM, disp: 0x2000n })).toBe(FAULT);
    expect(m.get('excVector')).toBe(UD);
    m.set('cr4', 0x40600n);
    m.set('xcr0', 3n);
    expect(m.run('hXsave', { flags: MEM, disp: 0x2010n })).toBe(FAULT);
    expect(m.get('excVector')).toBe(GP);
  });

  test('XSAVE writes the requested components, XRSTOR initialises those that the header leaves out', () => {
    m.set('cr4', 0x40600n);
    m.set('xcr0', 3n);
    m.setXmm(1, new Array(16).fill(0x5a));
    m.set('mxcsr', 0x1f80n);
    m.write(0x2000, new Array(832).fill(0));
    m.set('rax', 2n);
    m.set('rdx', 0n);
    expect(m.run('hXsave', { flags: MEM, disp: 0x2000n, opSize: 3 })).toBe(NEXT);
    expect(m.read(0x2000 + 512, 8)).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
    expect(m.read(0x2000, 24)).toEqual(new Array(24).fill(0));
    expect(m.read(0x2000 + 176, 16)).toEqual(new Array(16).fill(0x5a));
    m.setXmm(1, new Array(16).fill(0));
    m.set('fpuTop', 6n);
    m.set('rax', 3n);
    expect(m.run('hXrstor', { flags: MEM, disp: 0x2000n, opSize: 3 })).toBe(NEXT);
    expect(m.xmm(1)).toEqual(new Array(16).fill(0x5a));
    expect([m.get('fpuTop'), m.get('fpuEmpty')]).toEqual([0n, 0xffn]);
    m.write(0x2000 + 512, [8]);
    expect(m.run('hXrstor', { flags: MEM, disp: 0x2000n, opSize: 3 })).toBe(FAULT);
    expect(m.run('hXsavec', { flags: MEM, disp: 0x3000n, opSize: 3 })).toBe(NEXT);
    expect(m.read(0x3000 + 512, 16)).toEqual([3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x80]);
  });
});
