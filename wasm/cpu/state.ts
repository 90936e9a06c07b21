// Architectural and private state of one virtual CPU (SDM vol. 1 ch. 3, vol. 3A ch. 2). Only its own worker
// writes it; words that other threads write are in cpu/inbox.ts. `Cpu` is a view over the CPU block at
// layout.CPU_STATE: never allocate one. The general registers are first, so a record names a register operand
// by its byte offset (0..127, +1 for AH CH DH BH); ZERO and IP_BASE follow so that they can be base registers
// of an effective address.

/** Byte offsets a record may use as `base` or `index` beside the sixteen registers. */
export const enum RegOffset { ZERO = 128, IP_BASE = 136 }

/** Byte offsets of general registers in Cpu; CL is RCX's. */
export const RAX: u32 = 0;
export const RCX: u32 = 8;
export const RDX: u32 = 16;
export const RBX: u32 = 24;
export const RSI: u32 = 48;
export const RDI: u32 = 56;

/** Segment register numbers (SDM 2.1.5 encoding). */
export const enum Seg { ES = 0, CS = 1, SS = 2, DS = 3, FS = 4, GS = 5, LDTR = 6, TR = 7 }

/** What a handler tells the run loop. */
export const enum Status {
  /** Continue with the next record. */
  NEXT = 0,
  /** An exception is pending in excVector/excError/excAddress; nothing was committed; RIP stays. */
  FAULT = 1,
  /**
   * Committed; RIP advances by the length, then the run loop polls and looks the next instruction up again.
   */
  END = 2,
  /** Committed; the handler has set c.rip; the run loop looks it up. */
  JUMP = 3,
  /**
   * Not (wholly) committed; RIP stays; the run loop polls and executes the instruction again (REP, retries).
   */
  RETRY = 4,
}

/** CPU run state (machine.md section 2). */
export const enum RunState { RUNNING = 0, HALTED = 1, WAIT_FOR_SIPI = 2, PAUSED = 3, SHUTDOWN = 4 }

/** Which lazy-flag rule holds (cpu/flags.ts). */
export const enum FlagKind {
  /** All six arithmetic flags are in `eflags`. */
  EXPLICIT = 0,
  /** res = a + b (+ carry): all six flags follow from a, b, res. */
  ADD = 1,
  /** res = a - b (- borrow). */
  SUB = 2,
  /** CF = OF = AF = 0; SF ZF PF from res. */
  LOGIC = 3,
  /** res = a + 1; CF is in `eflags`. */
  INC = 4,
  /** res = a - 1; CF is in `eflags`. */
  DEC = 5,
  /** SF ZF PF from res; CF OF AF are in `eflags`. */
  SZP = 6,
}

/** Code mode of a decoded record and of the CPU. */
export const enum CodeMode { M16 = 0, M32 = 1, M64 = 2 }

/** One segment register with its hidden part; SEG_BYTES apart. */
@unmanaged
export class Segment {
  base: u64;
  /** In bytes, already scaled by G. */
  limit: u32;
  selector: u16;
  /** Descriptor bits 40..55: type, S, DPL, P, AVL, L, D/B, G (bit n here = descriptor bit 40 + n). */
  attr: u16;
  /** SegFlag: cached answers of the limit and type checks. */
  flags: u32;
  /**
   * Accesses of legacy modes that end at or below these offsets need no further check; 0 = all do
   * (refreshSegment).
   */
  readEnd: u32;
  writeEnd: u32;
  pad0: u32;
}
export const SEG_BYTES: u32 = 32;

export const enum SegFlag {
  /** Reads need only a 32-bit wrap: base 0, limit 4 GiB - 1, readable, present. */
  FLAT_READ = 1,
  FLAT_WRITE = 2,
  /** Null selector loaded in protected mode: any use faults. */
  NULL = 4,
}

@unmanaged
export class Cpu {
  // 0..127: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
  rax: u64; rcx: u64; rdx: u64; rbx: u64; rsp: u64; rbp: u64; rsi: u64; rdi: u64;
  r8: u64; r9: u64; r10: u64; r11: u64; r12: u64; r13: u64; r14: u64; r15: u64;
  /** 128: always 0. */
  zero: u64;
  /** 136: RIP of byte 0 of the page being executed (RIP = ipBase + record offset). */
  ipBase: u64;
  /** 144: RIP of the next instruction; valid outside the inner loop and after Status.JUMP. */
  rip: u64;

  // 152: lazy flags. Operands and result are stored sign-extended from the operation's width to 64 bits.
  flagA: u64;
  flagB: u64;
  flagRes: u64;
  /** 176: RFLAGS image; the arithmetic bits are meaningful as FlagKind says. Bit 1 always set. */
  eflags: u64;
  flagKind: u32;
  /** Second result of a uop (high half of a product, remainder). */
  pad2: u32;
  second: u64;

  // Exception being raised (Status.FAULT).
  excVector: u32;
  /** Error code; excHasError says whether one is pushed. */
  excError: u32;
  excHasError: u32;
  pad3: u32;
  /** Becomes CR2 on delivery of #PF; DR6 bits on #DB. */
  excAddress: u64;

  // Modes, derived; recomputed by cpu/mode.ts updateMode().
  /** CodeMode of CS. */
  codeMode: u32;
  cpl: u32;
  /** 1 while EFER.LMA. */
  longMode: u32;
  /** 1 in 64-bit mode (long mode and CS.L). */
  mode64: u32;
  /** Mask of RIP in this code segment: 0xFFFF, 0xFFFFFFFF or all ones. */
  ipMask: u64;
  /** Mask of the stack pointer: 0xFFFF, 0xFFFFFFFF or all ones. */
  stackMask: u64;
  /** Offset of the TLB bank for data accesses now (absolute addresses of its read and write tables). */
  tlbRead: u32;
  tlbWrite: u32;
  /** Absolute address of the fetch table for the present privilege. */
  tlbFetch: u32;
  /** Instruction-boundary shadow: 1 after STI, 2 after MOV SS / POP SS. */
  shadow: u32;

  cr0: u64; cr2: u64; cr3: u64; cr4: u64; cr8: u64;
  efer: u64;
  xcr0: u64;
  dr0: u64; dr1: u64; dr2: u64; dr3: u64; dr6: u64; dr7: u64;

  gdtrBase: u64; idtrBase: u64;
  gdtrLimit: u32; idtrLimit: u32;

  star: u64; lstar: u64; cstar: u64; sfmask: u64;
  kernelGsBase: u64; tscAux: u64;
  sysenterCs: u64; sysenterEsp: u64; sysenterEip: u64;
  pat: u64;
  apicBase: u64;
  tscOffset: u64;
  tscAdjust: u64;

  /** Set once at start. */
  id: u32;
  runState: u32;
  /** Guest instructions executed. */
  instructions: u64;
  /** Nanoseconds spent halted. */
  haltedNs: u64;
  /** NMI blocked until IRET. */
  nmiBlocked: u32;
  /**
   * 1 when the inner loop must return to the run loop after this instruction (code page hit, mode change).
   */
  pad4: u32;
  /** PDPTEs loaded with CR3 in PAE mode. */
  pdpte0: u64; pdpte1: u64; pdpte2: u64; pdpte3: u64;

  // x87 and SSE environment (fpu rows).
  fpuControl: u32;
  /** Status word without TOP. */
  fpuStatus: u32;
  fpuTop: u32;
  /** One bit per physical register, 1 = empty. */
  fpuEmpty: u32;
  fpuOpcode: u32;
  mxcsr: u32;
  fpuIp: u64;
  fpuDp: u64;
  fpuCs: u32;
  fpuDs: u32;

  /**
   * Jump cache (mmu/jump-cache.ts): the table of the present privilege; generations of entries of other and
   * of global pages; the generation in which all were forgotten last.
   */
  jumpTable: u32;
  jumpGeneration: u32;
  jumpGlobalGeneration: u32;
  jumpBase: u32;
  /** What valid entries of the return cache hold (mmu/return-cache.ts): generation, and bit 0: CPL 3. */
  returnTag: u32;

  /** Free for later fields; keep the blocks below at fixed offsets. */
}

/** Offsets of the blocks behind Cpu (from the start of the CPU's state). */
export const enum CpuBlock {
  /** 8 segment structs, SEG_BYTES each: ES CS SS DS FS GS LDTR TR. */
  SEGMENTS = 0x400,
  /**
   * 8 physical x87 registers, 16 bytes each: u64 mantissa, u16 sign and exponent. MMX registers alias the
   * mantissas.
   */
  X87 = 0x500,
  /** 16 XMM registers, 16 bytes each. */
  XMM = 0x600,
  /** Upper halves of YMM, 16 bytes each (AVX, later). */
  YMM_HIGH = 0x700,
  /** MSRs without a field of their own (cpu/msr.ts). */
  MSRS = 0x800,
  /** Paravirtual and timing state. */
  PARAVIRT = 0xC00,
}

/** Segment struct n of this CPU. */
// @ts-ignore: decorator
@inline
export function segment(c: Cpu, n: u32): Segment {
  return changetype<Segment>(changetype<usize>(c) + <usize>CpuBlock.SEGMENTS + n * SEG_BYTES);
}
