// Random SSE floating-point code: values that are ordinary, special or at the ends of the ranges, control
// words, and streams of arithmetic, comparisons, conversions, moves and LDMXCSR (encodings: SDM vol. 2).

import { loadRows, type SourcedRow } from '../../../isa/index.ts';
import { decodeRow } from '../../../tools/isa-gen/encoding.ts';
import type { Random } from './random-code.ts';
import { encodeRow, inMemory, inRegisters, type VectorRow } from './vector-code.ts';

/** What streams have beside rows of sse-float.isa.ts: moves and logic that compilers put between them. */
const AROUND = new RegExp('^(MOV[AU]P[SD]|MOVS[SD]|MOVDQ[AU]|MOVQ|MOVD|PXOR|UNPCKL.*|SHUFP.|MOV(LH|HL)PS'
  + '|MOVHPD|MOVLPD|PSHUFD|PCMPEQD)$');
/** The conversions of MMX registers are not for the translator. */
const IN_MMX = /(^|,)[PQN]/;
/** Control words lie here, values below, stores of results behind. */
export const CONTROLS = 0x1000, CONTROL_COUNT = 64;
const LDMXCSR = [0x41, 0x0F, 0xAE, 0x96];
const bytes32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xFF);

export interface FloatRows { float: VectorRow[]; around: VectorRow[] }

export async function floatRows(): Promise<FloatRows> {
  const rows = (await loadRows()).filter(({ ops }: SourcedRow) => !IN_MMX.test(ops));
  return {
    float: rows.filter(({ file }) => file.startsWith('sse-float')).map(decodeRow),
    around: rows.filter(({ name, feature }) => AROUND.test(name) && feature !== undefined).map(decodeRow),
  };
}

const one = (random: Random, list: readonly bigint[]): bigint => list[random(list.length)]!;

/** A number of `bits` with `exponentBits` in its exponent. */
function number(random: Random, bits: number, exponentBits: number, special: boolean): bigint {
  const fractionBits = bits - exponentBits - 1;
  const sign = BigInt(random(2)) << BigInt(bits - 1);
  const top = (1n << BigInt(exponentBits)) - 1n;
  const middle = top >> 1n;
  const ones = (1n << BigInt(fractionBits)) - 1n;
  const wild = (BigInt(random(0xFFFFFFFF)) << 32n | BigInt(random(0xFFFFFFFF))) & ones;
  const half = 1n << BigInt(fractionBits - 1);
  const fraction = one(random, [0n, 1n, wild, wild, wild, ones, half, wild & ~0xFFFFFn]);
  const exponent = special
    ? one(random, [0n, 0n, 1n, 2n, 3n, 4n, middle / 2n, middle + 23n, middle + 30n, middle + 31n,
      middle + 53n, middle + 63n, (top + middle) / 2n, top - 3n, top - 2n, top - 1n, top, top,
      BigInt(random(Number(top)))])
    : middle + BigInt(random(40) - 20);
  if (special && random(4) === 0) return sign;
  return sign | exponent << BigInt(fractionBits) | fraction;
}

/** 16 bytes that mean something as two doubles or as four singles; one in `rarity` is special. */
export function values(random: Random, rarity: number): bigint[] {
  const special = (): boolean => random(rarity) === 0;
  if (random(6) === 0) {
    return [0, 0].map(() => BigInt(random(0xFFFFFFFF)) << 32n
      | BigInt(random(2) ? random(0xFFFFFFFF) : random(1000)));
  }
  if (random(2)) return [0, 0].map(() => number(random, 64, 11, special()));
  return [0, 0].map(() => number(random, 32, 8, special()) << 32n | number(random, 32, 8, special()));
}

/** A control word: often the one of the float mode, often the one of reset, else anything. */
export function controlWord(random: Random): number {
  switch (random(6)) {
    case 0: case 1: case 2: return 0x1FA0 | random(32);
    case 3: return 0x1F80;
    case 4: return 0x1F80 | random(0x10000);
    default: return random(0x10000);
  }
}

/** One instruction, with a consumer behind a comparison. */
function instruction(random: Random, rows: FloatRows, control: boolean): number[] {
  if (control && random(40) === 0) {
    return [...LDMXCSR, ...bytes32(CONTROLS + 4 * random(CONTROL_COUNT))];
  }
  const from = random(4) === 0 ? rows.around : rows.float;
  const row = from[random(from.length)]!;
  const code = encodeRow(row, random, inMemory(row) && (!inRegisters(row) || random(3) === 0));
  if (!row.row.name.includes('COMI')) return code;
  switch (random(4)) {
    // jcc over inc %rax; setcc %bl; cmovcc %rcx, %rdx; pushf, pop %rsi.
    case 0: return [...code, 0x70 | random(16), 3, 0x48, 0xFF, 0xC0];
    case 1: return [...code, 0x0F, 0x90 | random(16), 0xC3];
    case 2: return [...code, 0x48, 0x0F, 0x40 | random(16), 0xD1];
    default: return [...code, ...(random(2) ? [0x48, 0xFF, 0xC3] : []), 0x9C, 0x5E];
  }
}

/** A loop over R15 of `count` instructions, then `tail`. `control`: it changes MXCSR. */
export function floatLoop(random: Random, rows: FloatRows, count: number, control: boolean,
  tail: readonly number[]): number[] {
  const body = Array.from({ length: count }, () => instruction(random, rows, control)).flat();
  const close = [0x49, 0x83, 0xEF, 0x01];
  const back = -(body.length + close.length + 6);
  return [...body, ...close, 0x0F, 0x85, ...bytes32(back), ...tail];
}
