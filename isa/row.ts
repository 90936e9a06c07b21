// One row of the instruction table: a line of the Intel SDM (vol. 2) as data. Rows are expanded, checked and turned into
// decode tables, operand glue, dispatch, names and documents by tools/isa-gen. This file imports nothing.

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
   * SDM encoding: optional mandatory prefix (`NP 66 F3 F2`), opcode bytes (`0F`, `0F 38`, ...), `+r` for a register in
   * the opcode's low bits, then `/r`, `/0`..`/7` or nothing; `mod=3` or `mod=m` restrict the form; `REX.W` or `W0` restrict it.
   */
  enc: string;
  /** SDM operand letters, comma separated: Ev,Gv  Gv,Ev  Eb,Ib  Ev,Ibs (sign-extended)  Zv (register in opcode)  AL rAX CL DX 1 Jb Jz M ... */
  ops: string;
  /** Regular: the uop (a generic leaf function of wasm/uop) whose glue is generated. */
  uop?: string;
  shape?: Shape;
  /** Irregular: hand-written function of wasm/interp, `(c: Cpu, r: usize): i32` (Status). */
  handler?: string;
  /** The handler is generic in the operand type: instantiated for u8 (…b operands) or u16/u32/u64 by operand size. */
  generic?: boolean;
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
  /** Translator class. */
  jit?: 'native' | 'helper' | 'ends-block';
  /** What F3/F2 mean when not a mandatory prefix. */
  rep?: 'rep' | 'repz';
}
