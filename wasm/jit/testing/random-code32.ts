// Random loops of 32-bit code (encodings: SDM vol. 2). EBP is the base of memory operands; the counter and
// the sum of all RFLAGS seen lie behind the operands' memory. Segments are those of machine.ts: GS has a
// base, FS expands down. Addresses wrap at 4 GiB, operands lie at the top of it too.

import { DATA, GS_BASE, TOP } from './machine.ts';
import { Generator, branchBack, bytesOf, type Random } from './random-code.ts';
import { encodeRow, inMemory, inRegisters, type VectorRow } from './vector-code.ts';

/** ESP and EBP stay out. */
const WORK_REGS = [0, 1, 2, 3, 6, 7];
const EBP = 5;
const SPAN = 0x1FF0, PAGE = 0x1000;
const OPSIZE = 0x66, ADDRESS_SIZE = 0x67;
/** ES, SS, DS, CS, FS, GS. */
const SEGMENTS = [0x26, 0x36, 0x3E, 0x2E, 0x64, 0x65];
const WRITABLE_SEGMENTS = [0x26, 0x36, 0x3E, 0x64, 0x65];
export const COUNTER32 = DATA + 0x3FF0;
const FLAGS = DATA + 0x3FF8;
/** Below 64 KiB, for 16-bit addresses. */
const LOW = 0x9000;

export class Generator32 extends Generator {
  protected override reg(): number { return this.pick(WORK_REGS); }
  protected override get wide(): boolean { return false; }
  protected override size(): number { return this.pick([0, 1, 2, 2, 2, 2]); }

  /** The same with EBP. */
  protected override moving(depth: number): number[] {
    const body = this.instruction(depth + 1);
    const n = this.random(100);
    return this.random(2) ? [0x83, 0xC5, n, ...body, 0x83, 0xED, n]
      : [0x8D, 0x6D, n, ...body, 0x8D, 0x6D, -n & 0xFF];
  }

  protected override form(size: number, opcode: number[], reg: number, memory: boolean): number[] {
    const bytes = size === 1 ? [OPSIZE] : [];
    const field = (reg & 7) << 3;
    if (!memory) return [...bytes, ...opcode, 0xC0 | field | this.reg()];
    switch (this.random(9)) {
      case 0: return [...bytes, ...opcode, field | 5, ...bytesOf(DATA + this.offset(), 4)];
      case 1: return [...bytes, ...opcode, field | 5, ...bytesOf(TOP + this.random(PAGE - 8), 4)];
      // SIB without index, and with neither base nor index.
      case 2: return [...bytes, ...opcode, 0x84 | field, 0x20 | EBP, ...bytesOf(this.offset(), 4)];
      case 3: return [...bytes, ...opcode, 0x04 | field, 0x25, ...bytesOf(DATA + this.offset(), 4)];
      case 4: return [this.pick(WRITABLE_SEGMENTS), ...bytes, ...opcode, 0x80 | field | EBP,
        ...bytesOf(this.offset(), 4)];
      default: return [...bytes, ...opcode, 0x80 | field | EBP, ...bytesOf(this.offset(), 4)];
    }
  }

  /** LEA with everything, an operand size and a segment that changes nothing. */
  protected override address(): number[] {
    const prefix = this.pick([[], [], [OPSIZE], [0x65]]);
    return [...prefix, 0x8D, 0x84 | this.reg() << 3, this.random(4) << 6 | this.reg() << 3 | this.reg(),
      ...this.immediate(2)];
  }

  /** mov $K, index; add EBP + index * scale + disp, reg: the sum wraps. */
  protected override indexed(): number[] {
    const index = this.reg(), scale = this.random(4);
    const value = this.random(0xFFFFFFFF);
    const disp = (this.random(SPAN) - Number(BigInt.asUintN(32, BigInt(value) << BigInt(scale)))) | 0;
    return [0xB8 | index, ...bytesOf(value | 0, 4), ...this.pick([[], [0x65], [0x26]]), 0x03,
      0x84 | this.reg() << 3, scale << 6 | index << 3 | EBP, ...bytesOf(disp, 4)];
  }

  /** jcc over pushf; push %eax; mov 4(%esp), %eax; add %eax, FLAGS; rorl FLAGS; pop %eax; lea 4(%esp) */
  protected override observe(): number[] {
    const body = [0x9C, 0x50, 0x8B, 0x44, 0x24, 4, 0x01, 0x05, ...bytesOf(FLAGS, 4), 0xD1, 0x0D,
      ...bytesOf(FLAGS, 4), 0x58, 0x8D, 0x64, 0x24, 4];
    return [0x70 | this.random(16), body.length, ...body];
  }

  /** What only 32-bit code has, and what its prefixes do. */
  private legacy(): number[] {
    const wide = this.random(2);
    const prefix = wide && this.random(3) === 0 ? [OPSIZE] : [];
    switch (this.random(12)) {
      // INC, DEC of one byte.
      case 0: case 1: case 2: return [...prefix, this.pick([0x40, 0x48]) | this.reg()];
      // MOV with an absolute address; by GS it lies in the data too.
      case 3: return [...prefix, 0xA0 | wide, ...bytesOf(DATA + this.offset(), 4)];
      case 4: return [...prefix, 0xA2 | wide, ...bytesOf(DATA + this.offset(), 4)];
      case 5: return [0x65, ...prefix, this.pick([0xA0, 0xA2]) | wide,
        ...bytesOf((DATA + this.random(SPAN) - GS_BASE) | 0, 4)];
      // 16-bit addresses: mov disp16, reg; mov disp16, %eax.
      case 6: return [ADDRESS_SIZE, ...prefix, 0x8A | wide, this.reg() << 3 | 6,
        ...bytesOf(LOW + this.random(0xFF0), 2)];
      case 7: return [ADDRESS_SIZE, 0xA0 | wide, ...bytesOf(LOW + this.random(0xFF0), 2)];
      // DAA, DAS, AAA, AAS; AAM, AAD.
      case 8: return this.random(2) ? [this.pick([0x27, 0x2F, 0x37, 0x3F])]
        : [this.pick([0xD4, 0xD5]), 1 + this.random(255)];
      // A read through CS.
      case 9: return [0x2E, ...prefix, 0x8A | wide, 0x80 | this.reg() << 3 | EBP,
        ...bytesOf(this.offset(), 4)];
      // ADD r/m8, imm8 by its second opcode.
      case 10: return [0x82, 0xC0 | this.pick([0, 1, 2, 3, 6, 7]), this.random(256)];
      // XLAT out of the data.
      default: return [0xBB, ...bytesOf(DATA + this.random(PAGE), 4), this.pick(SEGMENTS.slice(0, 4)), 0xD7];
    }
  }

  protected override vector(): number[] {
    const row = this.pick(this.vectors);
    const memory = inMemory(row) && (!inRegisters(row) || this.random(2) === 0);
    // The base of GS, the last, is not aligned.
    const segments = this.gentle ? WRITABLE_SEGMENTS.slice(0, -1) : WRITABLE_SEGMENTS;
    return [...(memory && this.random(6) === 0 ? [this.pick(segments)] : []),
      ...encodeRow(row, this.random, memory, { legacy: true, gentle: this.gentle })];
  }

  /** The stack in both operand sizes, frames, calls, segments that go through it. */
  protected override stack(depth: number): number[] {
    const push = this.reg(), pop = this.reg();
    const body = Array.from({ length: 1 + this.random(3) }, () => this.instruction(depth + 1)).flat();
    // call 1f; 1: pop reg; add $n, reg: the address of what stands n bytes behind 1.
    const here = (reg: number, n: number): number[] => [0xE8, 0, 0, 0, 0, 0x58 | reg, 0x83, 0xC0 | reg, n];
    switch (this.random(11)) {
      case 0: return [0x50 | push, ...body, 0x58 | pop];
      case 1: return [OPSIZE, 0x50 | push, ...body, OPSIZE, 0x58 | pop];
      case 2: return this.random(2) ? [0x6A, this.random(256), 0x58 | pop]
        : [0x68, ...bytesOf(this.random(0xFFFFFFFF) | 0, 4), 0x58 | pop];
      // A frame; LEAVE.
      case 3: return [0x55, 0x89, 0xE5, 0x50 | push, 0xC9];
      case 4: return [0x60, ...body, 0x61];
      case 5: return [...this.form(2, [0xFF], 6, true), ...body, ...this.form(2, [0x8F], 0, true)];
      case 6: return [0x54, 0x5C, ...this.pick([[0x1E, 0x07], [0x06, 0x1F], [0x16, 0x58 | pop]])];
      // call over a jump to the end: body; ret.
      case 7: return [0xE8, 5, 0, 0, 0, 0xE9, ...bytesOf(body.length + 1, 4), ...body, 0xC3];
      // call *reg; jmp to the end; body; ret $0.
      case 8: return [...here(pop, 11), 0xFF, 0xD0 | pop, 0xE9, ...bytesOf(body.length + 3, 4), ...body,
        0xC2, 0, 0];
      // push reg; jmp *(%esp); body: the item stays, so it goes.
      case 9: return [...here(pop, 8), 0x50 | pop, 0xFF, 0x24, 0x24, ...[0x58 | pop], ...body];
      default: return [...here(pop, 6), 0xFF, 0xE0 | pop, ...body];
    }
  }

  override instruction(depth = 0): number[] {
    switch (this.random(depth < 2 ? 27 : 13)) {
      case 0: case 1: case 2: return this.arithmetic();
      case 3: case 4: return this.legacy();
      case 5: return this.move();
      case 6: return this.single();
      case 7: case 8: return this.shift();
      case 9: return this.multiply();
      case 10: return this.conditional();
      case 11: return this.address();
      case 12: return this.indexed();
      case 13: return this.observe();
      case 16: case 17: return this.helped();
      case 18: return this.vector();
      case 19: case 20: case 21: return this.stack(depth);
      case 22: return this.legacy();
      case 23: case 24: case 25: return this.bits();
      default: return this.skip(depth);
    }
  }
}

/** A loop of some random instructions that runs as often as COUNTER32 says, then `tail`. */
export function randomLoop32(random: Random, tail: readonly number[], vectors: readonly VectorRow[],
  gentle: boolean): number[] {
  const generator = new Generator32(random, vectors, gentle);
  return loopOf32(Array.from({ length: 3 + random(20) }, () => generator.instruction()).flat(), tail);
}

/** `body` as often as COUNTER32 says, then `tail`. */
export function loopOf32(body: readonly number[], tail: readonly number[]): number[] {
  // subl $1, COUNTER32
  return branchBack([...body, 0x83, 0x2D, ...bytesOf(COUNTER32, 4), 1], tail);
}
