// AES-NI, SHA and PCLMULQDQ: whole ciphers and digests built from the instructions, against the host's
// library; the carry-less product against its definition. The seed is printed; SEED repeats a run.

import { createCipheriv, createDecipheriv, createHash, randomInt } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../src/emu/generated-layout.ts';
import { buildCheck, CheckMachine, NEXT } from './check-machine.ts';

const OPSIZE = 64;
const SEED = Number(process.env.SEED ?? randomInt(1 << 30));
let m: CheckMachine;
let state = SEED;

function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
const bytes = (n: number): number[] => Array.from({ length: n }, () => random() & 0xff);

/** op xmm1, xmm2 on values. */
function op(name: string, a: ArrayLike<number>, b: ArrayLike<number>, imm = 0, flags = OPSIZE): number[] {
  m.setXmm(1, a);
  m.setXmm(2, b);
  expect(m.run(name, { flags, reg: 1, rm: 2, imm: BigInt(imm) })).toBe(NEXT);
  return m.xmm(1);
}

beforeAll(() => {
  console.log(`sse-crypto.test seed ${SEED}`);
  m = new CheckMachine(buildCheck('sse-check'), { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES });
}, 120_000);
beforeEach(() => {
  m.reset();
  m.set('cr4', 0x600n);
});

describe('AES', () => {
  const xor = (a: number[], b: number[]): number[] => a.map((v, i) => v ^ b[i]!);

  /** Round keys by AESKEYGENASSIST, as FIPS 197 5.2 combines its words. */
  function expand(key: number[]): number[][] {
    const keys = [key];
    for (let round = 1, rcon = 1; round <= 10; round++, rcon = (rcon << 1) ^ (rcon & 0x80 ? 0x11b : 0)) {
      const last = keys[round - 1]!;
      const word = op('hAeskeygenassist', last, last, rcon).slice(12);
      const next: number[] = [];
      for (let w = 0; w < 4; w++) {
        next.push(...xor(last.slice(w * 4, w * 4 + 4), w === 0 ? word : next.slice(w * 4 - 4, w * 4)));
      }
      keys.push(next);
    }
    return keys;
  }

  test('AES-128 encrypts and decrypts as the library does', () => {
    for (let round = 0; round < 20; round++) {
      const key = bytes(16), plain = bytes(16);
      const keys = expand(key);
      let v = xor(plain, keys[0]!);
      for (let i = 1; i < 10; i++) v = op('hAesenc', v, keys[i]!);
      v = op('hAesenclast', v, keys[10]!);
      const cipher = createCipheriv('aes-128-ecb', Buffer.from(key), null).setAutoPadding(false);
      expect(v).toEqual([...cipher.update(Buffer.from(plain))]);
      let d = xor(v, keys[10]!);
      for (let i = 9; i > 0; i--) d = op('hAesdec', d, op('hAesimc', keys[i]!, keys[i]!));
      d = op('hAesdeclast', d, keys[0]!);
      expect(d).toEqual(plain);
      const decipher = createDecipheriv('aes-128-ecb', Buffer.from(key), null).setAutoPadding(false);
      expect(d).toEqual([...decipher.update(Buffer.from(v))]);
    }
  });

  test('AESKEYGENASSIST: words 0 and 2 are not rotated and have no constant', () => {
    const v = bytes(16);
    const r = op('hAeskeygenassist', v, v, 0);
    // RotWord moves byte 1 to byte 0.
    expect([...r.slice(1, 4), r[0]]).toEqual(r.slice(4, 8));
    expect([...r.slice(9, 12), r[8]]).toEqual(r.slice(12, 16));
  });
});

describe('PCLMULQDQ', () => {
  test('every choice of quadwords', () => {
    for (let round = 0; round < 100; round++) {
      const a = bytes(16), b = bytes(16);
      for (const imm of [0x00, 0x01, 0x10, 0x11]) {
        const x = Buffer.from(a).readBigUInt64LE((imm & 1) * 8), y =
          Buffer.from(b).readBigUInt64LE((imm >> 4) * 8);
        let product = 0n;
        for (let i = 0n; i < 64n; i++) if ((y >> i) & 1n) product ^= x << i;
        const expected = Buffer.alloc(16);
        expected.writeBigUInt64LE(product & 0xffffffffffffffffn, 0);
        expected.writeBigUInt64LE(product >> 64n, 8);
        expect(op('hPclmulqdq', a, b, imm)).toEqual([...expected]);
      }
    }
  });
});

describe('SHA', () => {
  /** Vector from words, word 0 lowest. */
  const vector = (w: readonly number[]): number[] => [...Buffer.from(new Uint32Array(w).buffer)];
  const words = (v: number[]): number[] => [...new Uint32Array(new Uint8Array(v).buffer)];
  const sha = (name: string, a: number[], b: number[], imm = 0): number[] => op(name, a, b, imm, 0);

  /** One padded block of a message below 56 bytes, as big-endian words. */
  function block(message: number[]): number[] {
    const b = Buffer.alloc(64);
    b.set(message);
    b[message.length] = 0x80;
    b.writeUInt32BE(message.length * 8, 60);
    return Array.from({ length: 16 }, (_, i) => b.readUInt32BE(i * 4));
  }

  test('SHA-256 of a block', () => {
    // Fractional parts of the square and cube roots of primes (FIPS 180-4 4.2.2, 5.3.3).
    const primes: number[] = [];
    for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
    const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32) >>> 0;
    const k = primes.map((p) => fraction(Math.cbrt(p)));
    const h = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
    for (let round = 0; round < 10; round++) {
      const message = bytes(random() % 56);
      const w = block(message);
      const w4 = (i: number): number[] => vector(w.slice(i, i + 4));
      for (let i = 16; i < 64; i += 4) {
        const sum = words(sha('hSha256msg1', w4(i - 16), w4(i - 12))).map((v, n) => (v + w[i - 7 + n]!) >>> 0);
        w.push(...words(sha('hSha256msg2', vector(sum), w4(i - 4))));
      }
      let abef = vector([h[5]!, h[4]!, h[1]!, h[0]!]), cdgh = vector([h[7]!, h[6]!, h[3]!, h[2]!]);
      for (let i = 0; i < 64; i += 2) {
        m.setXmm(0, vector([w[i]! + k[i]!, w[i + 1]! + k[i + 1]!, 0, 0]));
        const next = sha('hSha256rnds2', cdgh, abef);
        cdgh = abef;
        abef = next;
      }
      const [f, e, b, a] = words(abef), [hh, g, d, c] = words(cdgh);
      const digest = [a, b, c, d, e, f, g, hh].map((v, i) =>
        ((v! + h[i]!) >>> 0).toString(16).padStart(8, '0')).join('');
      expect(digest).toBe(createHash('sha256').update(Buffer.from(message)).digest('hex'));
    }
  });

  test('SHA-1 of a block', () => {
    const h = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    for (let round = 0; round < 10; round++) {
      const message = bytes(random() % 56);
      const w = block(message);
      // The first word of a group is the highest of its vector.
      const w4 = (i: number): number[] => vector(w.slice(i, i + 4).reverse());
      for (let i = 16; i < 80; i += 4) {
        const one = words(sha('hSha1msg1', w4(i - 16), w4(i - 12)));
        const two = one.map((v, n) => (v ^ words(w4(i - 8))[n]!) >>> 0);
        w.push(...words(sha('hSha1msg2', vector(two), w4(i - 4))).reverse());
      }
      let abcd = vector([h[3]!, h[2]!, h[1]!, h[0]!]);
      let previous = abcd;
      for (let i = 0; i < 80; i += 4) {
        const e = i === 0 ? vector(words(w4(0)).map((v, n) => (n === 3 ? (v + h[4]!) >>> 0 : v)))
          : sha('hSha1nexte', previous, w4(i));
        previous = abcd;
        abcd = sha('hSha1rnds4', abcd, e, Math.floor(i / 20));
      }
      const e = words(sha('hSha1nexte', previous, vector([0, 0, 0, h[4]!])))[3]!;
      const [d, c, b, a] = words(abcd);
      const digest = [...[a, b, c, d].map((v, i) => (v! + h[i]!) >>> 0), e].map((v) =>
        v.toString(16).padStart(8, '0')).join('');
      expect(digest).toBe(createHash('sha1').update(Buffer.from(message)).digest('hex'));
    }
  });
});
