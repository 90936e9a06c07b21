// The byte strings of the decoder walk (docs/testing.md): every position of every opcode map (SDM vol. 2
// appendix A) with every combination of 66, F2 or F3, LOCK, 67 and REX.W, each ModRM.reg, memory and register
// forms; VEX in all its fields; all ModRM and SIB bytes; the other prefixes one at a time. Each string is 16
// bytes: the instruction's start, then 90 for displacement, immediate and what follows. The order is part of
// the recorded file.

import type { Mode } from './state.ts';

export const SLOT = 16, FILLER = 0x90;

export interface WalkPart { name: string; cases: (mode: Mode) => Generator<number[]> }

const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const REX_W = 0x48;
/** Opcodes, map in front, whose ModRM.rm chooses among instructions. */
const FIXED_RM = new Set([0x0c6, 0x0c7, 0x0d8, 0x0d9, 0x0da, 0x0db, 0x0dc, 0x0dd, 0x0de, 0x0df, 0x101, 0x11e,
  0x1ae, 0x1c7]);
const MEMORY16 = 7, MEMORY32 = 3, REGISTER = 0xc0;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** Is the byte at the start of the one-byte map something else than an opcode? */
function isPrefix(opcode: number, mode: Mode): boolean {
  return PREFIXES.includes(opcode) || opcode === 0x0f || (mode === 2 && (opcode & 0xf0) === 0x40);
}

/** VEX and EVEX have parts of their own; elsewhere they are LES, LDS, BOUND with memory. */
const isVector = (opcode: number): boolean => opcode === 0xc4 || opcode === 0xc5 || opcode === 0x62;

/** ModRM of memory whose base is RBX, in either address size. */
function memoryForm(mode: Mode, prefixes: readonly number[]): number {
  const short = mode !== 2 && (mode === 0) !== prefixes.includes(0x67);
  return short ? MEMORY16 : MEMORY32;
}

function* modrms(mode: Mode, map: number, opcode: number, prefixes: readonly number[],
  all: boolean): Generator<number> {
  const memory = memoryForm(mode, prefixes);
  for (let reg = 0; reg < 8; reg++) yield reg << 3 | memory;
  if (map === 0 && mode !== 2 && isVector(opcode)) return;
  const many = all || FIXED_RM.has(map << 8 | opcode);
  for (let reg = 0; reg < 8; reg++) for (let rm = 0; rm < (many ? 8 : 1); rm++) yield REGISTER | reg << 3
    | rm;
}

function* opcodes(mode: Mode, prefixes: readonly number[], all: boolean): Generator<number[]> {
  for (let map = 0; map < ESCAPES.length; map++) {
    for (let opcode = 0; opcode < 256; opcode++) {
      if (map === 0 && (isPrefix(opcode, mode) || mode === 2 && isVector(opcode))) continue;
      if (map === 1 && (opcode === 0x38 || opcode === 0x3a)) continue;
      for (const modrm of modrms(mode, map, opcode, prefixes, all)) {
        yield [...prefixes, ...ESCAPES[map]!, opcode, modrm];
      }
    }
  }
}

function combinations(mode: Mode): number[][] {
  const out: number[][] = [];
  for (const rex of mode === 2 ? [[], [REX_W]] : [[]]) {
    for (const size of [[], [0x66]]) for (const rep of [[], [0xf2], [0xf3]]) for (const lock of [[],
      [0xf0]]) {
      for (const address of [[], [0x67]]) out.push([...size, ...rep, ...lock, ...address, ...rex]);
    }
  }
  return out;
}

function* single(mode: Mode): Generator<number[]> {
  for (const prefixes of combinations(mode)) if (prefixes.length <= 1) yield* opcodes(mode, prefixes, true);
}

function* combined(mode: Mode): Generator<number[]> {
  for (const prefixes of combinations(mode)) if (prefixes.length > 1) yield* opcodes(mode, prefixes, false);
}

/** Segment overrides; REX with its other bits; REX that a legacy prefix makes void; both repeat prefixes. */
function* others(mode: Mode): Generator<number[]> {
  const more = [[0x26], [0x2e], [0x36], [0x3e], [0x64], [0x65], [0xf2, 0xf3], [0xf3, 0xf2], [0xf3, 0x66],
    [0x66, 0x66]];
  const rex = mode === 2 ? [[0x40], [0x41], [0x42], [0x44], [0x4f], [REX_W, 0x66], [REX_W, 0x40],
    [0xf3, 0x41]] : [];
  for (const prefixes of [...more, ...rex]) yield* opcodes(mode, prefixes, false);
}

/** C4: RXB.mmmmm, W.vvvv.L.pp. In other modes than 64-bit R and X are 1 or it is LES. */
function* vex(mode: Mode): Generator<number[]> {
  const memory = memoryForm(mode, []);
  // W, L, vvvv: none, or register 2 (R2, XMM2).
  const lasts = [[0, 0, 15], [0, 0, 13], [1, 0, 15], [1, 0, 13], [0, 1, 15], [0, 1, 13]] as const;
  for (const map of [1, 2, 3]) for (const [w, l, v] of lasts) for (const pp of range(4)) {
    for (const opcode of range(256)) for (const reg of range(8)) for (const rm of [memory, REGISTER]) {
      yield [0xc4, 0xe0 | map, w << 7 | v << 3 | l << 2 | pp, opcode, rm | reg << 3];
    }
  }
  for (const map of range(32)) for (const opcode of range(256)) yield [0xc4, 0xe0 | map, 0x78, opcode,
    REGISTER];
  for (const last of range(8)) for (const v of [15, 13]) for (const opcode of range(256)) {
    for (const rm of [memory, REGISTER]) yield [0xc5, 0x80 | v << 3 | last, opcode, rm];
  }
  for (const prefix of [0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, ...(mode === 2 ? [0x40, REX_W] : [])]) {
    for (const map of [1, 2, 3]) for (const opcode of range(256)) for (const reg of [0, 1]) {
      yield [prefix, 0xc4, 0xe0 | map, 0x68, opcode, memoryForm(mode, [prefix]) | reg << 3];
    }
  }
}

/** 62: EVEX, which does not exist here. */
function* evex(): Generator<number[]> {
  for (const map of [1, 2, 3, 5, 6]) for (const last of [0x7c, 0x7d, 0x7e, 0x7f, 0xfc, 0xfd, 0xfe, 0xff]) {
    for (const third of [0x08, 0x48]) for (const opcode of range(256)) {
      yield [0x62, 0xf0 | map, last, third, opcode, REGISTER];
    }
  }
}

/** Every ModRM and SIB with no, a short and a long immediate. */
function* addressing(mode: Mode): Generator<number[]> {
  const forms = [[0x8b], [0xc7], [0x69], [0x6b], [0x0f, 0xaf], [0xf6], [0xf7], [0x0f, 0x3a, 0x0f]];
  const rex = mode === 2 ? [[], [0x41], [0x42], [0x4b]] : [[]];
  for (const form of forms) for (const address of [[], [0x67]]) for (const size of [[],
    [0x66]]) for (const r of rex) {
    const head = [...size, ...address, ...r, ...form], short = mode !== 2
      && (mode === 0) !== (address.length > 0);
    for (const modrm of range(256)) {
      const sib = !short && modrm < 0xc0 && (modrm & 7) === 4;
      // With prefixes one reg is enough for all SIB bytes.
      const few = head.length > form.length && (modrm >> 3 & 7) !== 0;
      for (const byte of sib ? range(few ? 1 : 256) : [FILLER]) yield [...head, modrm, byte];
    }
  }
}

export const WALK: readonly WalkPart[] = [
  { name: 'no or one prefix', cases: single }, { name: 'VEX', cases: vex }, { name: 'EVEX', cases: evex },
  { name: 'ModRM and SIB', cases: addressing }, { name: 'other prefixes', cases: others },
  { name: 'prefix combinations', cases: combined },
];

/** All cases of a part in one buffer of 16-byte slots. */
export function slotsOf(part: WalkPart, mode: Mode): Uint8Array {
  let out = new Uint8Array(1 << 20), at = 0;
  for (const code of part.cases(mode)) {
    if (at + SLOT > out.length) {
      const grown = new Uint8Array(out.length * 2);
      grown.set(out);
      out = grown;
    }
    out.fill(FILLER, at, at + SLOT);
    out.set(code, at);
    at += SLOT;
  }
  return out.subarray(0, at);
}
