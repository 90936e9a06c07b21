// Random loops of x87 instructions among others (encodings: SDM vol. 2, tables ), and a random
// state to start them with: control words, tags, registers and memory with the values at which formats end.
// R14 or EBP is the base of memory operands; the loop counts as random-code.ts and random-code32.ts do.

import type { JitMachine } from './machine.ts';
import { bytesOf, Generator, loopOf, type Random } from './random-code.ts';
import { Generator32, loopOf32 } from './random-code32.ts';
import type { VectorRow } from './vector-code.ts';

/** Operands lie in the first bytes behind R14; some cross a page. */
const SPAN = 0x1FF0, PAGE = 0x1000;
/** Memory forms: opcode, digit, movement of the stack. */
const LOADS = [[0xD9, 0], [0xDD, 0], [0xDB, 5], [0xDF, 0], [0xDB, 0], [0xDF, 5]] as const;
const STORES = [[0xD9, 2], [0xDD, 2], [0xDB, 2], [0xDF, 2]] as const;
const POPPING_STORES = [[0xD9, 3], [0xDD, 3], [0xDB, 7], [0xDF, 3], [0xDB, 3], [0xDF, 7], [0xDF, 1],
  [0xDB, 1],
  [0xDD, 1]] as const;
/** Register forms without operand: FCHS FABS FTST FXAM FSQRT FRNDINT FSCALE FPREM FPREM1 F2XM1 FSIN FNOP. */
const PLAIN = [0xE0, 0xE1, 0xE4, 0xE5, 0xFA, 0xFC, 0xFD, 0xF8, 0xF5, 0xF0, 0xFE, 0xD0, 0xE0, 0xE1, 0xFA,
  0xFC];
/** FLD1 FLDL2T FLDPI FLDLG2 FLDZ. */
const CONSTANTS = [0xE8, 0xE9, 0xEB, 0xEC, 0xEE, 0xE8, 0xEE];

class X87Generator {
  /** Registers in use, as far as the code keeps count. */
  depth: number;

  constructor(private readonly random: Random, private readonly others: Generator, depth: number,
    private readonly long: boolean) { this.depth = depth; }

  private pick<T>(list: readonly T[]): T { return list[this.random(list.length)]!; }
  private memory(opcode: number, digit: number): number[] {
    const at = this.random(24) === 0 ? PAGE - 1 - this.random(4) : this.random(SPAN)
      & (this.random(8) ? ~15 : ~0);
    return this.at(opcode, digit, at);
  }
  private at(opcode: number, digit: number, offset: number): number[] {
    const [rex, base] = this.long ? [[0x41], 6] as const : [[], 5] as const;
    return [...rex, opcode, 0x80 | digit << 3 | base, ...bytesOf(offset, 4)];
  }
  /** ST(i) that is in use, mostly. */
  private register(): number {
    return this.random(50) === 0 || this.depth === 0 ? this.random(8) : this.random(this.depth);
  }

  private load(): number[] {
    this.depth++;
    switch (this.random(6)) {
      case 0: case 1: return [0xD9, 0xC0 | this.random(this.depth)];
      case 2: return [0xD9, this.pick(CONSTANTS)];
      default: return this.memory(...this.pick(LOADS));
    }
  }

  private drop(): number[] {
    this.depth--;
    switch (this.random(8)) {
      case 0: case 1: case 2: return this.memory(...this.pick(POPPING_STORES));
      case 3: return [0xDD, 0xD8 | this.register()];
      case 4: return [0xDF, 0xF0 | this.register()];
      case 5: return [0xDF, 0xE8 | this.register()];
      default: return [0xDE, this.pick([0xC0, 0xC8, 0xE0, 0xE8, 0xF0, 0xF8]) | this.register()];
    }
  }

  private arithmetic(): number[] {
    const register = this.register();
    switch (this.random(6)) {
      case 0: case 1: {
        const digit = this.pick([0, 1, 2, 4, 5, 6, 7]);
        return this.memory(this.pick([0xD8, 0xDC, 0xDA, 0xDE]), digit);
      }
      case 2: return [0xDC, this.pick([0xC0, 0xC8, 0xE0, 0xE8, 0xF0, 0xF8]) | register];
      default: return [0xD8, this.pick([0xC0, 0xC8, 0xD0, 0xE0, 0xE8, 0xF0, 0xF8]) | register];
    }
  }

  /** Comparison to RFLAGS, then somebody who asks: SETcc to AL, Jcc over an instruction, FCMOV, PUSHF. */
  private compare(): number[] {
    const code = [0xDB, this.pick([0xE8, 0xF0]) | this.register()];
    switch (this.random(5)) {
      case 0: return [...code, 0x0F, 0x90 | this.random(16), 0xC0];
      case 1: return [...code, 0x70 | this.random(16), 2, 0xFF, 0xC3];
      case 2: return [...code, this.pick([0xDA, 0xDB]), 0xC0 | this.random(4) << 3 | this.register()];
      case 3: return [...code, 0x9C, ...(this.long ? [0x41, 0x5C, 0x4D, 0x01, 0xE5] : [0x5A, 0x01, 0xD7])];
      // INC keeps CF; ADC takes it.
      default: return [...code, 0xFF, 0xC3, 0x83, 0xD1, 0];
    }
  }

  private control(): number[] {
    switch (this.random(12)) {
      case 0: case 1: return [0xDF, 0xE0];
      case 2: return this.memory(0xDD, 7);
      case 3: return this.memory(0xD9, 7);
      case 4: return [0x9B];
      case 5: return [0xDD, 0xE0 | this.register()];
      case 6: return [0xD9, 0xF6, 0xD9, 0xF7];
      // FLDCW of one of the words at the end, rarely of anything.
      case 7: case 8: return this.random(6) ? this.at(0xD9, 5, SPAN + 2 * this.random(6))
        : this.memory(0xD9, 5);
      // FNSTENV; FNCLEX; FFREE and the load of it again.
      case 9: return this.memory(0xD9, 6);
      case 10: return [0xDB, 0xE2];
      default: return this.random(4) ? [0xDD, 0xD0 | this.register()] : [0xDD, 0xC0 | this.random(8)];
    }
  }

  instruction(): number[] {
    // The registers as those of MMX: PADDW; EMMS.
    if (this.random(60) === 0) return this.random(2) ? [0x0F, 0xFD, 0xC0 | this.random(64)] : [0x0F, 0x77];
    // Anything: what has no meaning ends the loop.
    if (this.random(60) === 0) return [this.pick([0xD9, 0xDD, 0xDE]), 0xC0 | this.random(64)];
    switch (this.random(16)) {
      case 0: case 1: case 2: return this.depth < 7 ? this.load() : this.drop();
      case 3: case 4: return this.depth > 1 ? this.drop() : this.load();
      case 5: case 6: case 7: case 8: return this.arithmetic();
      case 9: case 10: return [0xD9, 0xC8 | this.register()];
      case 11: return [0xD9, this.pick(PLAIN)];
      case 12: return this.compare();
      case 13: return this.control();
      case 14: return this.memory(...this.pick(STORES));
      default: return this.others.instruction(2);
    }
  }

  /** Code that brings the count back. */
  balance(to: number): number[] {
    const code: number[] = [];
    while (this.depth > to) code.push(...this.drop());
    while (this.depth < to) code.push(...this.load());
    return code;
  }
}

const START = 3;

/** In 64-bit code with `vectors`, else in 32-bit code. */
export function x87Loop(random: Random, tail: readonly number[],
  vectors: readonly VectorRow[] | undefined): number[] {
  const others = vectors ? new Generator(random, vectors, true) : new Generator32(random, [], true);
  const generator = new X87Generator(random, others, START, vectors !== undefined);
  const body = Array.from({ length: 4 + random(24) }, () => generator.instruction()).flat();
  const branch = random(3) === 0 ? [] : [0x70 | random(16), 2, 0xD9, 0xC9];
  return (vectors ? loopOf : loopOf32)([...body, ...branch, ...generator.balance(START)], tail);
}

const SIGNIFICANDS = [0n, 1n << 63n, (1n << 64n) - 1n, (1n << 63n) + 1n, 3n << 62n, 1n << 62n,
  0xFFFFFFFFFFFFF800n];
const EXPONENTS = [0, 1, 0x3FFE, 0x3FFF, 0x4000, 0x403E, 0x7FFE, 0x7FFF];
const CONTROL = [0x37F, 0x37F, 0x37F, 0x27F, 0xF7F, 0x77F, 0xB7F, 0x07F, 0x37E, 0x35F, 0x340];

/** The first of them mask everything. */
const MASKED = 8;

/** A random x87 state with three registers in use, mostly; operands at `from`. */
export function prepareX87(m: JitMachine, random: Random, from: number, bytes: number): void {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const wide = (): bigint => BigInt(random(0xFFFFFFFF)) << 32n | BigInt(random(0xFFFFFFFF));
  const kind = random(4);
  const registers = m.x87Registers();
  for (let n = 0; n < 8; n++) {
    const special = kind === 0 && random(2) === 0;
    registers.setBigUint64(16 * n, special ? pick(SIGNIFICANDS) : wide() | 1n << 63n, true);
    registers.setUint32(16 * n + 8, (special ? pick(EXPONENTS) : 0x3FF0 + random(32)) | random(2) << 15,
      true);
  }
  const top = random(8);
  const fields = m.x87Fields();
  fields.setUint32(0, random(3) ? 0x37F : pick(CONTROL), true);
  fields.setUint32(4, random(4) ? 0 : pick([0x20, 0x4700, 0x3F, 0x7F]), true);
  fields.setUint32(8, top, true);
  let empty = 0xFF;
  for (let n = 0; n < START; n++) empty &= ~(1 << ((top + n) & 7));
  fields.setUint32(12, random(10) ? empty : random(256), true);
  fields.setUint32(4, fields.getUint32(4, true) & (0x4700 | fields.getUint32(0, true)), true);
  fillOperands(m, random, from, bytes, kind);
}

/** Singles, doubles, integers; with kind 0 anything. */
function fillOperands(m: JitMachine, random: Random, from: number, bytes: number, kind: number): void {
  const view = new DataView(new ArrayBuffer(8));
  for (let at = 0; at < bytes; at += 8) {
    const sign = random(2) ? 1 : -1;
    const extreme = BigInt([0, 1, 0x7FF, 0x3FF][random(4)]!) << 52n | BigInt(random(4));
    view.setUint32(0, random(0xFFFFFFFF), true);
    view.setUint32(4, random(0xFFFFFFFF), true);
    switch (random(kind === 0 ? 8 : 5)) {
      case 0:
        view.setFloat32(0, (random(2000) - 1000) / 8, true);
        view.setFloat32(4, random(1000) / 7, true);
        break;
      case 1: case 2: view.setFloat64(0, sign * (random(0xFFFFFFF) + 1) / 2 ** random(40), true); break;
      case 3:
        view.setInt32(0, random(1000) - 500, true);
        view.setInt32(4, random(2) ? 0 : -1, true);
        break;
      case 4: view.setFloat64(0, random(8) - 4, true); break;
      case 5: view.setBigUint64(0, extreme, true); break;
    }
    m.write(from + at, view.getBigUint64(0, true));
  }
  const words = kind === 0 ? CONTROL.length : MASKED;
  for (let n = 0; n < 6; n++) m.put(from + SPAN + 2 * n, bytesOf(CONTROL[random(words)]!, 2));
}
