// Locals of a region's function, and how guest registers move between locals, the stack and memory.

import { W, access, const32, const64, get, op, set, tee } from "./bytes";

/** 0 and 1 are the parameters. */
export const enum L {
  /** Address of the Cpu; number of the entry. */
  C = 0, ENTRY = 1,
  /** RAX ... R15. */
  GPR = 2,
  /** Linear address of a memory operand. */
  VA = 18,
  /** The lazy flags as they are in Cpu: a, b, result, RFLAGS; kind is DK. */
  DA = 19, DB = 20, DR = 21, FE = 22,
  /** Operands and result of the static producer of flags, by width; temporaries. */
  FA64 = 23, FB64 = 24, FR64 = 25, TA64 = 26, TB64 = 27, TR64 = 28,
  /** Address of page 0 of the region; where to go on when it is left. */
  IP = 29, RIP = 30,
  DK = 31, FUEL = 32, TLB_READ = 33, TLB_WRITE = 34, SLOT = 35, HOST = 36, EXIT = 37,
  FA32 = 38, FB32 = 39, FR32 = 40, TA32 = 41, TB32 = 42, TR32 = 43,
}
export const WIDE_LOCALS: u32 = 29;
export const NARROW_LOCALS: u32 = 13;

/** log2 of the bytes of an operand. */
export const enum Size { BYTE = 0, WORD = 1, DWORD = 2, QWORD = 3 }

/** Guest registers used and written by the region, by number. */
export let usedRegs: u32 = 0;
export let dirtyRegs: u32 = 0;
export function forgetRegs(): void {
  usedRegs = 0;
  dirtyRegs = 0;
}

const HIGH_SHIFT: i32 = 8;
const BYTE_MASK: i64 = 0xFF;
const WORD_MASK: i64 = 0xFFFF;

/** The local of the register at byte offset `at` of Cpu. */
export function regLocal(at: u32): u32 {
  usedRegs |= 1 << (at >> 3);
  return L.GPR + (at >> 3);
}

/** Pop an i64 into general register n. */
export function setGpr(n: u32): void {
  usedRegs |= 1 << n;
  dirtyRegs |= 1 << n;
  set(L.GPR + n);
}
/** Push general register n. */
export function getGpr(n: u32): void { get(regLocal(n << 3)); }

/** Sign-extend the i32 on the stack from a narrow size. */
export function extend(size: u32): void {
  if (size == Size.BYTE) op(W.I32_EXTEND8);
  else if (size == Size.WORD) op(W.I32_EXTEND16);
}

/** Push a register: i64, or i32 sign-extended from its size. */
export function pushReg(at: u32, size: u32): void {
  get(regLocal(at));
  if (size == Size.QWORD) return;
  op(W.I32_WRAP);
  if (at & 1) {
    const32(HIGH_SHIFT);
    op(W.I32_SHR_U);
  }
  extend(size);
}

/**
 * Pop a value (i64, or i32 with rubbish above its size) into a register: 32 bits clear the upper half, less
 * merges.
 */
export function popReg(at: u32, size: u32): void {
  const local = regLocal(at);
  dirtyRegs |= 1 << (at >> 3);
  if (size == Size.QWORD) {
    set(local);
    return;
  }
  op(W.I64_EXTEND_U);
  if (size == Size.DWORD) {
    set(local);
    return;
  }
  let mask = size == Size.WORD ? WORD_MASK : BYTE_MASK;
  const64(mask);
  op(W.I64_AND);
  if (at & 1) {
    const64(HIGH_SHIFT);
    op(W.I64_SHL);
    mask <<= HIGH_SHIFT;
  }
  get(local);
  const64(~mask);
  op(W.I64_AND);
  op(W.I64_OR);
  set(local);
}

/** Load from the host address on the stack: i64, or i32 sign-extended. */
export function loadSized(size: u32): void {
  if (size == Size.BYTE) access(W.I32_LOAD8_S, 0, 0);
  else if (size == Size.WORD) access(W.I32_LOAD16_S, 0, 0);
  else access(size == Size.QWORD ? W.I64_LOAD : W.I32_LOAD, 0, 0);
}

/** Store the value on the stack at HOST. */
export function storeSized(size: u32): void {
  const wide = size == Size.QWORD;
  const local: u32 = wide ? L.TR64 : L.TR32;
  set(local);
  get(L.HOST);
  get(local);
  if (size == Size.BYTE) access(W.I32_STORE8, 0, 0);
  else if (size == Size.WORD) access(W.I32_STORE16, 0, 0);
  else access(wide ? W.I64_STORE : W.I32_STORE, 0, 0);
}

/** i64 or i32 field of Cpu at `offset`, into a local and back. */
export function loadField(offset: usize, local: u32, wide: bool): void {
  get(L.C);
  access(wide ? W.I64_LOAD : W.I32_LOAD, wide ? 3 : 2, <u32>offset);
  set(local);
}
export function storeField(offset: usize, local: u32, wide: bool): void {
  get(L.C);
  get(local);
  access(wide ? W.I64_STORE : W.I32_STORE, wide ? 3 : 2, <u32>offset);
}
