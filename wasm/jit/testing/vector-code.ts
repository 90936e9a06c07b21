// Encodes rows of the instruction table that the translator lowers to SIMD, with random operands: registers,
// memory behind R14, in 32-bit code behind EBP (aligned, misaligned, across a page), immediates.

import { type SourcedRow, loadRows } from '../../../isa/index.ts';
import { decodeRow, type Decoded } from '../../../tools/isa-gen/encoding.ts';
import { vectorLowering } from '../../../tools/isa-gen/vector-rows.ts';
import type { Random } from './random-code.ts';

const PREFIXES: Record<string, number[]> = { any: [], NP: [], 66: [0x66], F3: [0xF3], F2: [0xF2] };
const MAPS = [[], [0x0F], [0x0F, 0x38], [0x0F, 0x3A]];
const REX = 0x40, REX_W = 8, REX_R = 4, REX_B = 1;
const BASE = 14, BASE32 = 5;
const PAGE = 0x1000, SPAN = 0x1F00;
/** General registers without RSP and those that the loops need. */
const GENERAL = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11];
const GENERAL32 = [0, 1, 2, 3, 6, 7];

export type VectorRow = Decoded;

/** Rows with a SIMD lowering. */
export async function vectorRows(): Promise<VectorRow[]> {
  return (await loadRows()).filter((row: SourcedRow) => vectorLowering(row) !== 0).map(decodeRow);
}

export function nameOf({ row }: VectorRow): string { return `${row.name} ${row.ops} (${row.enc})`; }

export const inMemory = ({ encoding }: VectorRow): boolean => encoding.mod !== '3';
export const inRegisters = ({ encoding }: VectorRow): boolean => encoding.mod !== 'm';

const bytes32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xFF);

/** `legacy`: 32-bit code. `gentle`: no alignment rule ends the loop. */
export interface EncodeOptions { legacy?: boolean; gentle?: boolean }

/** Displacement behind the base. `gentle`: such that no alignment rule ends the loop; else rarely one that does. */
function displacement(random: Random, gentle: boolean): number {
  const at = random(SPAN);
  if (gentle) return at & ~15;
  switch (random(24)) {
    case 0: return at;
    case 1: return PAGE - 1 - random(15);
    case 2: return at & ~7;
    default: return at & ~15;
  }
}

/** One instruction. */
export function encodeRow({ encoding, operands }: VectorRow, random: Random, memory: boolean,
  { legacy = false, gentle = false }: EncodeOptions = {}): number[] {
  const pool = legacy ? GENERAL32 : GENERAL;
  const letter = (place: string): boolean => operands.some((operand) => operand.place === place);
  const register = (general: boolean): number =>
    (general ? pool[random(pool.length)]! : random(legacy ? 8 : 16));
  const digit = encoding.digits.length === 1 ? encoding.digits[0]! : undefined;
  const reg = digit ?? register(letter('G'));
  const rm = memory ? (legacy ? BASE32 : BASE) : register(letter('E'));
  const wide = !legacy && operands.some((operand) => operand.width === 'y') && random(2) === 1;
  const rex = (wide ? REX_W : 0) | (reg > 7 ? REX_R : 0) | (rm > 7 ? REX_B : 0);
  const opcode = encoding.opcodes[0]!;
  const modrm = (memory ? 0x80 : 0xC0) | (reg & 7) << 3 | (rm & 7);
  return [...PREFIXES[encoding.prefix]!, ...(rex ? [REX | rex] : []), ...MAPS[encoding.map]!, opcode, modrm,
    ...(memory ? bytes32(displacement(random, gentle)) : []),
    ...operands.filter((operand) => operand.place === 'I').map(() => random(3) ? random(32) : random(256))];
}
