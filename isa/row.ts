// One row of the instruction table: a line of the Intel SDM (vol. 2) as data. Rows are expanded, checked and
// turned into decode tables, operand glue, dispatch, names and documents by tools/isa-gen. This file imports
// nothing.

export type Flag = 'C' | 'P' | 'A' | 'Z' | 'S' | 'O' | 'D' | 'I';

/** How a regular instruction uses its first operand. */
export type Shape =
  /** dst = uop(dst, src...) */ | 'rmw'
  /** dst = uop(src...) without reading dst */ | 'write'
  /** uop(dst, src...) and no result: CMP, TEST, BT, COMIS */ | 'read';

export interface Row {
  /** SDM mnemonic in upper case. */
  name: string;
  /**
   * SDM encoding: optional mandatory prefix (`NP 66 F3 F2`; `NFx`: neither F2 nor F3), opcode bytes (`0F`,
   * `0F 38`, ...), `+r` for a register in the opcode's low bits, then `/r`, `/0`..`/7` or nothing; `mod=3` or
   * `mod=m` restrict the form; `REX.W` or `W0` restrict it. A fixed ModRM byte is written as a further hex
   * byte (`0F 01 D0`, `D9 E0`); `D8 C0+i` stands for C0..C7. `OS16 OS32` and `AS16 AS32 AS64` restrict to an
   * operand or address size. VEX: `VEX.128.66.0F38.W0 F7 /r` (LZ L0 L1 LIG 128 256; NP 66 F3 F2). A row
   * without a mandatory prefix matches any; a row with one wins over it. Immediates are not written here:
   * `ops` has them.
   */
  enc: string;
  /**
   * SDM operand letters, comma separated. Places: E (r/m, GPR or memory) G (reg, GPR) Z (GPR in opcode) M
   * (memory only) R (r/m, GPR only) O (moffs) I (immediate) J (relative) A (far pointer) S (segment number in
   * reg) C D (control, debug register in reg) V P (XMM, MMX in reg) W Q (XMM, MMX in r/m, or memory) U N
   * (XMM, MMX in r/m, register only) B (GPR in VEX.vvvv) H (XMM in VEX.vvvv), ST0 STi, X Y F and fixed names
   * (AL rAX CL DX 1 ES ...), which decode nothing. Widths: b w d q, v (operand size), z (16 or 32 by operand
   * size), y (32, or 64 with REX.W), nothing (the handler knows). Immediates: Ib zero-extended, Ibs
   * sign-extended, Iw, Id, Iz sign-extended, Iv (64 bits with REX.W), Iq; two are allowed (Iw,Ib). GPR
   * operands arrive as byte offsets in Cpu (recReg/recRm), all other register files as the plain number.
   */
  ops: string;
  /** Regular: the uop (a generic leaf function of wasm/uop) whose glue is generated. */
  uop?: string;
  shape?: Shape;
  /** Irregular: hand-written function of wasm/interp, `(c: Cpu, r: usize): i32` (Status). */
  handler?: string;
  /**
   * The handler is generic in the operand type: instantiated for u8 (…b operands) or u16/u32/u64 by operand
   * size.
   */
  generic?: boolean;
  /** Condition code 0..15: its truth is passed to the uop as last argument (CMOVcc, SETcc). */
  cond?: number;
  /** Constant passed to the handler as third argument (PUSH of a given segment register). */
  arg?: number;
  /** Sized by the operand size although no operand letter says so. */
  wide?: boolean;
  /** Flags read / written / left undefined, SDM letters. */
  reads?: string; writes?: string; undef?: string;
  /** CPUID feature name; absent = always there. */
  feature?: string;
  /** Modes in which it exists: '64', 'legacy' (16 and 32 bit), absent = both. */
  modes?: '64' | 'legacy';
  /** In 64-bit mode operand size defaults to 64 (push, near branches) or is always 64. */
  size64?: 'default' | 'forced';
  /** CPL 0 only (the handler or glue raises #GP(0)). */
  privileged?: boolean;
  /** LOCK prefix allowed on a memory destination. */
  lock?: boolean;
  /** Translated code ends behind its handler. */
  jit?: 'ends-block';
  /**
   * Reaches chips, clocks, random numbers, other CPUs or what the TLB maps, not only the registers and the
   * memory of its CPU: a check that executes code twice leaves it out (wasm/jit/check.ts).
   */
  once?: boolean;
  /** What F3/F2 mean when not a mandatory prefix. */
  rep?: 'rep' | 'repz';
}
