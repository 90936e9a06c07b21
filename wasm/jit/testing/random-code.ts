// Random loops of the instructions that the translator lowers (encodings: SDM vol. 2). R15 counts down, R14
// is the base of memory operands, R13 collects RFLAGS as PUSHFQ sees them, R12 is scratch for that.

import { encodeRow, inMemory, inRegisters, type VectorRow } from './vector-code.ts';

const ALU = [0, 1, 2, 3, 4, 5, 6, 7];
const SHIFTS = [4, 5, 7];
/** RSP and what the loop needs stay out. */
const WORK_REGS = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11];
const BASE = 14;
/** Operands lie in the first bytes behind R14; some cross a page. */
const SPAN = 0x1FF0, PAGE = 0x1000;
const OPSIZE = 0x66;
/** Pure handlers of XMM registers, with implied XMM0, and of MMX and XMM: PHMINPOSUW, AESENC,
 * MOVQ2DQ, MOVDQ2Q, SHA256RNDS2. */
const HELPED_VECTORS: readonly (readonly (number | null)[])[] = [
  [0x66, 0x0F, 0x38, 0x41, null], [0x66, 0x0F, 0x38, 0xDC, null], [0xF3, 0x0F, 0xD6, null], [0xF2, 0x0F, 0xD6, null],
  [0x0F, 0x38, 0xCB, null],
];

export type Random = (below: number) => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (value >> (8 * i)) & 0xFF);

export class Generator {
  constructor(protected readonly random: Random, protected readonly vectors: readonly VectorRow[],
    protected readonly gentle: boolean) {}

  pick<T>(list: readonly T[]): T { return list[this.random(list.length)]!; }
  protected reg(): number { return this.pick(WORK_REGS); }
  /** REX prefixes and 64-bit operands exist. */
  protected get wide(): boolean { return true; }
  /** 0..3: log2 of the operand's bytes. */
  protected size(): number { return this.pick([0, 1, 2, 2, 2, 3, 3, 3]); }

  /** Prefixes, opcode and ModRM of `reg, rm`; rm is a register or, when `memory`, R14 + disp32. */
  protected form(size: number, opcode: number[], reg: number, memory: boolean, isByteRm = size === 0,
    isByteReg = size === 0): number[] {
    const rm = memory ? BASE : this.reg();
    const bytes = size === 1 ? [OPSIZE] : [];
    let rex = (size === 3 ? 8 : 0) | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
    // Without REX 4 to 7 are AH to BH; with it, these would be SPL and BPL for 4 and 5, which WORK_REGS
    // leaves out.
    const byteRegister = (isByteReg && reg > 3) || (isByteRm && !memory && rm > 3);
    if (rex !== 0 || (byteRegister && this.random(2))) rex |= 0x40;
    if (rex !== 0) bytes.push(rex);
    bytes.push(...opcode);
    if (!memory) return [...bytes, 0xC0 | (reg & 7) << 3 | (rm & 7)];
    return [...bytes, 0x80 | (reg & 7) << 3 | (rm & 7), ...bytesOf(this.offset(), 4)];
  }
  /** Many operands lie close together (lookups.ts), at a page's end too. */
  protected offset(): number {
    switch (this.random(12)) {
      case 0: return PAGE - 1;
      case 1: case 2: return PAGE - 120 + this.random(240);
      case 3: case 4: case 5: case 6: return 0x200 + this.random(240);
      default: return this.random(SPAN);
    }
  }
  /** add $n, %r14; body; then back, by SUB, LEA or DEC. */
  protected moving(depth: number): number[] {
    const body = Array.from({ length: 1 + this.random(3) }, () => this.instruction(depth + 1)).flat();
    const n = this.random(100);
    switch (this.random(3)) {
      case 0: return [0x49, 0x83, 0xC6, n, ...body, 0x49, 0x83, 0xEE, n];
      case 1: return [0x4D, 0x8D, 0x76, n, ...body, 0x4D, 0x8D, 0x76, -n & 0xFF];
      default: return [0x49, 0xFF, 0xC6, ...body, 0x49, 0xFF, 0xCE];
    }
  }

  protected immediate(size: number): number[] {
    const value = this.pick([0, 1, -1, 0x7F, -0x80, this.random(0xFFFFFFFF) | 0]);
    return bytesOf(value, [1, 2, 4, 4][size]!);
  }

  protected arithmetic(): number[] {
    const size = this.size();
    const op = this.pick(ALU);
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(3) === 0;
    switch (this.random(6)) {
      case 0: case 1: return this.form(size, [op * 8 + wide], this.reg(), memory);
      case 2: return this.form(size, [op * 8 + 2 + wide], this.reg(), memory);
      case 3: return size === 0 ? this.form(0, [op * 8], this.reg(), memory)
        : [...this.form(size, [0x83], op, memory, false, false), this.random(256)];
      case 4: return [...this.form(size, [0x80 + wide], op, memory, size === 0, false),
        ...this.immediate(size)];
      default: return this.random(2) ? this.form(size, [0x84 + wide], this.reg(), memory)
        : [...this.form(size, [0xF6 + wide], 0, memory, size === 0, false), ...this.immediate(size)];
    }
  }

  protected move(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(2) === 0;
    switch (this.random(6)) {
      case 0: return this.form(size, [0x88 + wide], this.reg(), memory);
      case 1: return this.form(size, [0x8A + wide], this.reg(), memory);
      case 2: return [...this.form(size, [0xC6 + wide], 0, memory, size === 0, false),
        ...this.immediate(size)];
      case 3: return this.form(this.pick([1, 2, 3]), [0x0F, this.pick([0xB6, 0xBE])], this.reg(), memory,
        true, false);
      case 4: return this.form(this.pick([1, 2, 3]), [0x0F, this.pick([0xB7, 0xBF])], this.reg(), memory,
        false, false);
      // MOVNTI, MOVSXD.
      default: return this.random(4) ? this.form(this.pick([2, 3]), [0x63], this.reg(), memory)
        : this.form(this.pick([2, 3]), [0x0F, 0xC3], this.reg(), true);
    }
  }

  protected single(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(4) === 0;
    const [opcode, digit] = this.pick([[0xFE, 0], [0xFE, 1], [0xF6, 2], [0xF6, 3]] as const);
    return this.form(size, [opcode + wide], digit, memory, size === 0, false);
  }

  protected shift(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(4) === 0;
    const digit = this.pick(SHIFTS);
    const kind = this.random(size > 1 ? 3 : 2);
    if (kind === 0) return [...this.form(size, [0xC0 + wide], digit, memory, size === 0, false),
      this.random(70)];
    return this.form(size, [(kind === 1 ? 0xD0 : 0xD2) + wide], digit, memory, size === 0, false);
  }

  protected multiply(): number[] {
    const size = this.pick([1, 2, 3]);
    const memory = this.random(4) === 0;
    switch (this.random(3)) {
      case 0: return this.form(size, [0x0F, 0xAF], this.reg(), memory);
      case 1: return [...this.form(size, [0x69], this.reg(), memory), ...this.immediate(size)];
      default: return [...this.form(size, [0x6B], this.reg(), memory), this.random(256)];
    }
  }

  protected conditional(): number[] {
    const cc = this.random(16);
    if (this.random(2)) return this.form(0, [0x0F, 0x90 + cc], 0, this.random(4) === 0, true, false);
    return this.form(this.pick([1, 2, 3]), [0x0F, 0x40 + cc], this.reg(), this.random(4) === 0);
  }

  protected address(): number[] {
    const size = this.pick([2, 3]);
    const base = this.reg(), index = this.reg(), reg = this.reg();
    const rex = 0x40 | (size === 3 ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
    return [rex, 0x8D, 0x84 | (reg & 7) << 3, this.random(4) << 6 | (index & 7) << 3 | (base & 7),
      ...this.immediate(2)];
  }

  /** Another address in each turn, in two pages and over the end of the first (recent.ts). */
  private strided(): number[] {
    const reg = this.reg();
    // mov %r15d, %r12d; imul $n, %r12d; and $0x1FFF, %r12d; add or mov between reg and (%r14, %r12)
    return [0x45, 0x89, 0xFC, 0x45, 0x69, 0xE4, ...bytesOf(this.pick([1, 8, 0x3E5, 0x1001]), 4),
      0x41, 0x81, 0xE4, 0xFF, 0x1F, 0, 0,
      (this.random(2) ? 0x48 : 0x40) | (reg > 7 ? 4 : 0) | 3, this.pick([0x01, 0x03, 0x89, 0x8B]),
      0x04 | (reg & 7) << 3, 0x26];
  }

  /** and $0xFF8, index; add disp(R14, index, scale), reg */
  protected indexed(): number[] {
    if (this.wide && this.random(2)) return this.strided();
    const index = this.reg(), reg = this.reg();
    const mask = [...(index > 7 ? [0x41] : []), 0x81, 0xE0 | (index & 7), 0xF8, 0x0F, 0, 0];
    const rex = 0x48 | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | 1;
    return [...mask, rex, 0x03, 0x84 | (reg & 7) << 3, this.random(2) << 6 | (index & 7) << 3 | (BASE & 7),
      ...bytesOf(this.random(64), 4)];
  }

  /** jcc over pushfq; pop %r12; add %r12, %r13; ror %r13 */
  protected observe(): number[] {
    return [0x70 | this.random(16), 9, 0x9C, 0x41, 0x5C, 0x4D, 0x01, 0xE5, 0x49, 0xD1, 0xCD];
  }

  protected skip(depth: number): number[] {
    const inner = Array.from({ length: 1 + this.random(3) }, () => this.instruction(depth + 1)).flat();
    return inner.length < 128 ? [0x70 | this.random(16), inner.length, ...inner] : inner;
  }

  /** A VEX instruction on general registers; `reg`, `vvvv` and r/m are registers, or r/m memory. */
  private vexForm(pp: number, map: number, opcode: number, reg: number, vvvv: number): number[] {
    const memory = this.random(3) === 0;
    const plain = this.form(2, [opcode], reg, memory);
    // Without its REX prefix: the bits go to VEX, inverted. Prefixes of 32-bit code stay in front.
    const start = plain.indexOf(opcode);
    const before = plain.slice(0, start);
    const last = before[before.length - 1] ?? 0;
    const rex = this.wide && (last & 0xF0) === 0x40 ? before.pop()! : 0;
    return [...before, 0xC4, (~rex << 5 & 0xE0) | map,
      (this.wide && this.random(2) ? 0x80 : 0) | (~vvvv & 15) << 3 | pp, ...plain.slice(start)];
  }

  /** Rotates, bit tests, scans, counts, BMI, double shifts, products and quotients. */
  protected bits(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(3) === 0;
    const v = this.pick([1, 2, 3]);
    switch (this.random(15)) {
      case 13: return this.bitOfMemory(v);
      case 14: return this.machine(v);
      case 0: case 1: return [...this.form(size, [0xC0 + wide], this.random(2), memory, size === 0, false),
        this.random(70)];
      case 2: return this.form(size, [this.pick([0xD0, 0xD2]) + wide], this.random(2), memory, size === 0,
        false);
      // BT BTS BTR BTC by a register, by an immediate; BTS BTR BTC with LOCK.
      case 3: return this.form(v, [0x0F, 0xA3 + 8 * this.random(4)], this.reg(), false, false, false);
      case 4: return this.random(4) === 0
        ? [0xF0, ...this.form(v, [0x0F, 0xBA], 5 + this.random(3), true, false, false), this.random(256)]
        : [...this.form(v, [0x0F, 0xBA], 4 + this.random(4), memory, false, false), this.random(256)];
      case 5: return this.form(v, [0x0F, this.pick([0xBC, 0xBD])], this.reg(), memory, false, false);
      // TZCNT LZCNT POPCNT.
      case 6: return [0xF3, ...this.form(v, [0x0F, this.pick([0xBC, 0xBD, 0xB8])], this.reg(), memory,
        false, false)];
      // ANDN; BLSR BLSMSK BLSI; BZHI.
      case 7: return this.vexForm(0, 2, 0xF2, this.reg(), this.reg());
      case 8: return this.vexForm(0, 2, 0xF3, 1 + this.random(3), this.reg());
      case 9: return this.vexForm(0, 2, 0xF5, this.reg(), this.reg());
      // SHLX SARX SHRX, RORX; MULX.
      case 10: return this.random(3) === 0 ? [...this.vexForm(3, 3, 0xF0, this.reg(), 0), this.random(70)]
        : this.vexForm(1 + this.random(3), 2, 0xF7, this.reg(), this.reg());
      case 11: return this.random(3) === 0 ? this.vexForm(3, 2, 0xF6, this.reg(), this.reg())
        : [...this.form(v, [0x0F, this.pick([0xA4, 0xAC])], this.reg(), memory), this.random(70)];
      default: return this.random(3) === 0
        ? this.form(v, [0x0F, this.pick([0xA5, 0xAD])], this.reg(), memory) : this.division(size, memory);
    }
  }

  /** BT and its kind with the bit's number in a register, of memory near its address; with LOCK too. */
  private bitOfMemory(size: number): number[] {
    const reg = this.reg();
    const rex = this.wide ? [(size === 3 ? 0x48 : 0x40) | (reg > 7 ? 1 : 0)] : [];
    const kind = this.random(4);
    const bytes = this.form(size, [0x0F, 0xA3 + 8 * kind], reg, true, false, false);
    if (this.random(4)) bytes[bytes.length - 4]! &= 0xF8;
    // and $0xFF, reg; sub $0x40, reg
    return [...rex, 0x81, 0xE0 | (reg & 7), 0xFF, 0, 0, 0, ...rex, 0x83, 0xE8 | (reg & 7), 0x40,
      ...(kind > 0 && this.random(2) ? [0xF0] : []), ...bytes];
  }

  /** STAC, CLAC; MOV from a segment register; RDTSC, whose result goes. */
  private machine(size: number): number[] {
    switch (this.random(3)) {
      case 0: return [0x0F, 0x01, this.pick([0xCA, 0xCB])];
      case 1: return this.form(size, [0x8C], this.random(6), this.random(3) === 0, false, false);
      default: return [0x0F, 0x31, 0x31, 0xC0, 0x31, 0xD2];
    }
  }

  /** MUL IMUL; DIV IDIV of a dividend that mostly fits: or $1, operand; cdq or xor %edx, %edx. */
  private division(size: number, memory: boolean): number[] {
    const form = (digit: number): number[] =>
      this.form(size, [size === 0 ? 0xF6 : 0xF7], digit, memory, size === 0, false);
    if (this.gentle || this.random(2)) return form(4 + this.random(2));
    const widen = this.random(2) ? [0x31, 0xD2] : [...(size === 3 ? [0x48] : []), 0x99];
    return [...(this.random(8) ? widen : []), ...form(6 + this.random(2))];
  }

  /** Instructions for which the interpreter's handler is called. */
  protected helped(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const memory = this.random(3) === 0;
    const digit = (opcode: number, n: number): number[] =>
      this.form(size, [opcode], n, memory, size === 0, false);
    switch (this.random(14)) {
      // ADC, SBB.
      case 0: case 1: return this.form(size, [this.pick([0x10, 0x18]) + wide], this.reg(), memory);
      // ROL, ROR, RCL, RCR by an immediate.
      case 2: return [...digit(0xC0 + wide, this.random(4)), this.random(70)];
      // MUL, IMUL.
      case 3: return digit(0xF6 + wide, this.pick([4, 5]));
      // BT, BTS, BTR, BTC by an immediate; BSF, BSR.
      case 4: return [...this.form(this.pick([1, 2, 3]), [0x0F, 0xBA], 4 + this.random(4), memory, false,
        false),
        this.random(64)];
      case 5: return this.form(this.pick([1, 2, 3]), [0x0F, this.pick([0xBC, 0xBD])], this.reg(), memory);
      // XCHG, XADD, CMPXCHG.
      case 6: return this.form(size, [0x86 + wide], this.reg(), memory);
      case 7: return this.form(size, [0x0F, this.pick([0xC0, 0xB0]) + wide], this.reg(), memory);
      // LOCK ADD; GS: is a segment with a base of its own.
      case 8: return [0xF0, ...this.form(size, [wide], this.reg(), true)];
      case 9: return [0x65, ...this.form(size, [0x02 + wide], this.reg(), true)];
      // SHLD, SHRD; CMC, STC, CLC, CLD, LAHF.
      case 10: return [...this.form(this.pick([2, 3]), [0x0F, this.pick([0xA4, 0xAC])], this.reg(), memory),
        this.random(40)];
      // CBW, CWD and their wider forms; BSWAP.
      case 11: return [...[[], [OPSIZE], [], [0x48]][size]!, this.pick([0x98, 0x99])];
      case 12: return [this.pick([0x40, 0x48, 0x49]), 0x0F, 0xC8 | this.pick([0, 1, 2, 3])];
      default: return [this.pick([0xF5, 0xF9, 0xF8, 0xFC, 0x9F])];
    }
  }

  /**
   * MOVS and STOS, single and repeated, upwards and downwards; CMPXCHG16B, with and without LOCK, of an
   * operand that equals its pair now and then.
   */
  private fixed(): number[] {
    const size = this.size();
    const prefix = [[], [OPSIZE], [], [0x48]][size]!;
    const string = [...prefix, this.pick([0xA4, 0xAA]) + (size === 0 ? 0 : 1)];
    const aligned = this.gentle || this.random(8) !== 0;
    const pair = (): number[] => [...(this.random(2) ? [0xF0] : []), 0x49, 0x0F, 0xC7, 0x8E,
      ...bytesOf(this.offset() & (aligned ? ~15 : ~0), 4)];
    // lea n(%r14), %rdi; lea n(%r14), %rsi
    const lead = (reg: number): number[] =>
      [0x49, 0x8D, 0x86 | reg << 3, ...bytesOf(0x400 + this.random(0x1700), 4)];
    const leads = [...lead(7), ...lead(6)];
    switch (this.random(4)) {
      case 0: return this.random(2) ? pair() : [...pair(), ...pair()];
      case 1: return [...leads, ...string];
      // std now and then; mov $n, %ecx; rep; cld.
      default: return [...(this.random(4) ? [] : [0xFD]), ...leads, 0xB9, ...bytesOf(this.random(100), 4),
        0xF3, ...string, 0xFC];
    }
  }

  /** LOCKed forms and those that need no prefix; most operands are aligned, as atomics want them. */
  private locked(): number[] {
    const size = this.size();
    const wide = size === 0 ? 0 : 1;
    const at = (opcode: number[], reg: number, byteReg = size === 0): number[] => {
      const bytes = this.form(size, opcode, reg, true, size === 0, byteReg);
      if (this.random(4)) bytes[bytes.length - 4]! &= 0xF8;
      return bytes;
    };
    const lock = [0xF0];
    switch (this.random(6)) {
      // ADD OR ADC SBB AND SUB XOR by a register, by an immediate.
      case 0: return [...lock, ...at([this.random(7) * 8 + wide], this.reg())];
      case 1: return [...lock, ...at([0x80 + wide], this.random(7), false), ...this.immediate(size)];
      // INC DEC NOT NEG.
      case 2: {
        const [opcode, digit] = this.pick([[0xFE, 0], [0xFE, 1], [0xF6, 2], [0xF6, 3]] as const);
        return [...lock, ...at([opcode + wide], digit, false)];
      }
      // XCHG XADD CMPXCHG; the accumulator equals memory now and then.
      case 3: return at([0x86 + wide], this.reg());
      case 4: return [...(this.random(2) ? lock : []), ...at([0x0F, 0xC0 + wide], this.reg())];
      default: {
        const swap = [...(this.random(2) ? lock : []), ...at([0x0F, 0xB0 + wide], this.reg())];
        return this.random(2) ? swap : [...swap, ...swap];
      }
    }
  }

  /** An instruction that is lowered to SIMD, now and then one whose handler is called. */
  protected vector(): number[] {
    if (this.random(8) === 0) return this.pick(HELPED_VECTORS).map((byte) => byte ?? 0xC0 | this.random(64));
    const row = this.pick(this.vectors);
    return encodeRow(row, this.random, inMemory(row) && (!inRegisters(row) || this.random(2) === 0),
      { gentle: this.gentle });
  }

  /** PUSH and POP, a frame with LEAVE, calls and jumps direct and through a register. */
  protected stack(depth: number): number[] {
    const push = this.reg(), pop = this.reg();
    const body = Array.from({ length: 1 + this.random(3) }, () => this.instruction(depth + 1)).flat();
    const long = (reg: number, code: number): number[] => [...(reg > 7 ? [0x41] : []), code | (reg & 7)];
    switch (this.random(7)) {
      case 6: return this.select();
      case 0: return [...long(push, 0x50), ...body, ...long(pop, 0x58)];
      case 1: return [0x6A, this.random(256), ...long(pop, 0x58)];
      case 2: return [0x55, 0x48, 0x89, 0xE5, ...long(push, 0x50), ...body, 0xC9];
      // call over a jump to the end: body; ret.
      case 3: return [0xE8, 5, 0, 0, 0, 0xE9, ...bytesOf(body.length + 1, 4), ...body, 0xC3];
      // lea 7(%rip), %rax; call *%rax; jmp to the end; body; ret $0.
      case 4: return [0x48, 0x8D, 0x05, ...bytesOf(7, 4), 0xFF, 0xD0, 0xE9, ...bytesOf(body.length + 3, 4),
        ...body, 0xC2, 0, 0];
      // lea 2(%rip), %rax; jmp *%rax; body.
      default: return [0x48, 0x8D, 0x05, ...bytesOf(2, 4), 0xFF, 0xE0, ...body];
    }
  }

  /** JMP or CALL to one of several places, by the counter or by a register (branch-table.ts). */
  private select(): number[] {
    const count = this.pick([2, 4, 8, 16, 32]);
    const reg = this.random(3) ? 15 : this.reg();
    const calls = this.random(2) === 1;
    const slots = Array.from({ length: count }, (_, k) => {
      const body = this.random(4) ? this.arithmetic() : this.move();
      const rest = (count - 1 - k) * 32;
      const slot = [...body, ...(calls ? [0xC3] : [0xE9, ...bytesOf(32 - body.length - 5 + rest, 4)])];
      return [...slot, ...Array.from({ length: 32 - slot.length }, () => 0x90)];
    }).flat();
    // mov reg, %r12d; and $count-1, %r12d; imul $32, %r12d; lea slots(%rip), %rax; add %r12, %rax
    return [0x41 | (reg > 7 ? 4 : 0), 0x89, 0xC4 | (reg & 7) << 3, 0x41, 0x83, 0xE4, count - 1,
      0x45, 0x6B, 0xE4, 32, 0x48, 0x8D, 0x05, ...bytesOf(calls ? 10 : 5, 4), 0x4C, 0x01, 0xE0,
      ...(calls ? [0xFF, 0xD0, 0xE9, ...bytesOf(slots.length, 4)] : [0xFF, 0xE0]), ...slots];
  }

  /** CLI, STI, SWAPGS, PUSH m. */
  private system(depth: number): number[] {
    const body = this.instruction(depth + 1);
    switch (this.random(5)) {
      case 0: return [0xFA, ...body];
      // The shadow ends inside of the block, with it, or with the region's turn.
      case 1: return [0xFB, ...body];
      case 2: return [0x0F, 0x01, 0xF8, ...body];
      case 3: return [...this.form(2, [0xFF], 6, true, false, false), ...body, 0x41, 0x5C];
      // push of a register; push (%rsp); both away again.
      default: return [...this.form(2, [0xFF], 6, false, false, false), 0xFF, 0x74, 0x24, 0, ...body,
        0x41, 0x5C, 0x41, 0x5C];
    }
  }

  instruction(depth = 0): number[] {
    switch (this.random(depth < 2 ? 32 : 13)) {
      case 26: case 27: return this.system(depth);
      case 28: case 29: case 30: case 31: return this.bits();
      case 16: return this.helped();
      case 17: return this.pick([() => this.helped(), () => this.locked(),
        () => (this.wide ? this.fixed() : this.helped())])();
      case 18: case 22: case 23: case 24: case 25: return this.vector();
      case 19: case 20: case 21: return this.stack(depth);
      case 0: case 1: case 2: case 3: return this.arithmetic();
      case 4: case 5: return this.move();
      case 6: return this.single();
      case 7: case 8: return this.shift();
      case 9: return depth < 2 && this.random(2) ? this.moving(depth) : this.multiply();
      case 10: return this.conditional();
      case 11: return this.address();
      case 12: return this.indexed();
      case 13: return this.observe();
      default: return this.skip(depth);
    }
  }
}

/** A loop of some random instructions, then `tail`. `gentle`: none that raises an exception. */
export function randomLoop(random: Random, tail: readonly number[], vectors: readonly VectorRow[],
  gentle: boolean): number[] {
  const generator = new Generator(random, vectors, gentle);
  return loopOf(Array.from({ length: 3 + random(20) }, () => generator.instruction()).flat(), tail);
}

/** `body` as often as R15 says, then `tail`. */
export function loopOf(body: readonly number[], tail: readonly number[]): number[] {
  // sub $1, %r15
  return branchBack([...body, 0x49, 0x83, 0xEF, 0x01], tail);
}

/** `loop`, a JNZ to its start (both forms of the branch), then `tail`. */
export function branchBack(loop: readonly number[], tail: readonly number[]): number[] {
  const back = -loop.length;
  const branch = back - 2 >= -128 ? [0x75, (back - 2) & 0xFF] : [0x0F, 0x85, ...bytesOf(back - 6, 4)];
  return [...loop, ...branch, ...tail];
}
