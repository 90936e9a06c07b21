// Locals of a region's function, and how guest registers move between locals, the stack and memory.

import { Cpu, RegOffset } from "../cpu/state";
import { W, access, const32, const64, get, op, set, tee } from "./bytes";
import { forgetExitClasses } from "./exit-flags";
import { forgetCompares } from "./float-flags";
import { forgetFloats, loadMode } from "./float-mode";
import { wide } from "./discover";
import { hostLocal, hostOffset, touchReg } from "./lookups";
import { forgetVectors, loadVectors, spillVectors } from "./vectors";
import { forgetX87, loadX87, spillX87 } from "./x87-state";

/** 0 and 1 are the parameters. */
export const enum L {
  /** Address of the Cpu; number of the entry. */
  C = 0, ENTRY = 1,
  /** RAX ... R15. */
  GPR = 2,
  /** Linear address of a memory operand. */
  VA = 18,
  /** RFLAGS; the lazy fields beside it stay in Cpu. */
  FE = 19,
  /** Operands and result of the static producer of flags, by width; temporaries. */
  FA64 = 20, FB64 = 21, FR64 = 22, TA64 = 23, TB64 = 24, TR64 = 25,
  /** Address of page 0 of the region; where to go on when it is left. */
  IP = 26, RIP = 27,
  /** Operands of flags that several producers may have made (mixed-flags.ts). */
  MA = 28, MB = 29,
  FUEL = 30, TLB_READ = 31, TLB_WRITE = 32, SLOT = 33, HOST = 34, EXIT = 35,
  FA32 = 36, FB32 = 37, FR32 = 38, TA32 = 39, TB32 = 40, TR32 = 41,
  /** Which producer it was. */
  MK = 42,
  /** Host addresses of groups of accesses (lookups.ts). */
  GROUP = 43,
  /** XMM0 ... XMM15; temporaries. */
  XMM = 49, V0 = 65, V1 = 66, V2 = 67, V3 = 68,
  /** Low lanes of XMM0 ... XMM15 as doubles; operands and result; operands of a comparison; 0. */
  XD = 69, DA = 85, DB = 86, DR = 87, CMP_A = 88, CMP_B = 89, ZERO_D = 90,
  /** The same as singles. */
  XS = 91, SA = 107, SB = 108, SR = 109, ZERO_S = 110,
  /** float-mode.ts. */
  MODE = 111, LIMIT = 112,
}
export const WIDE_LOCALS: u32 = 28;
export const NARROW_LOCALS: u32 = 19;
export const VECTOR_LOCALS: u32 = 20;
/** Behind these and those of vectors and floating point are the locals of the x87 stack. */
export const FIRST_FREE_LOCAL: u32 = 2 + WIDE_LOCALS + NARROW_LOCALS;

/** log2 of the bytes of an operand. */
export const enum Size { BYTE = 0, WORD = 1, DWORD = 2, QWORD = 3 }

/** Temporaries of an operand's width. */
export function tempA(size: u32): u32 { return size == Size.QWORD ? <u32>L.TA64 : <u32>L.TA32; }
export function tempB(size: u32): u32 { return size == Size.QWORD ? <u32>L.TB64 : <u32>L.TB32; }

/** Guest registers used by the region, by number; then RFLAGS and the tables of the TLB. */
export let usedRegs: u32 = 0;
/** RFLAGS is written. */
let dirtyFe: bool = false;
/** General registers that the region writes. */
let dirtyRegs: u32 = 0;
/** Those whose values are not in Cpu yet at the point being emitted (saveRegs). */
let unsaved: u32 = 0;
export const enum Used { FE = 1 << 16, TLB_READ = 1 << 17, TLB_WRITE = 1 << 18 }
export function forgetRegs(): void {
  usedRegs = 0;
  dirtyFe = false;
  dirtyRegs = 0;
  forgetVectors();
  forgetFloats();
  forgetCompares();
  forgetExitClasses();
  forgetX87();
}

const HIGH_SHIFT: i32 = 8;
const BYTE_MASK: i64 = 0xFF;
const WORD_MASK: i64 = 0xFFFF;

/** The local of the register at byte offset `at` of Cpu. */
export function regLocal(at: u32): u32 {
  usedRegs |= 1 << (at >> 3);
  return L.GPR + (at >> 3);
}

/** Push RFLAGS. */
export function getFe(): void {
  usedRegs |= Used.FE;
  get(L.FE);
}
/** Pop RFLAGS. */
export function setFe(): void {
  usedRegs |= Used.FE;
  dirtyFe = true;
  set(L.FE);
}
/** Push the address of a table of the TLB. */
export function getTlb(write: bool): void {
  usedRegs |= write ? Used.TLB_WRITE : Used.TLB_READ;
  get(write ? <u32>L.TLB_WRITE : <u32>L.TLB_READ);
}

/** General register n has a new value, in its local. */
export function noteWritten(n: u32): void {
  touchReg(n);
  dirtyRegs |= 1 << n;
  unsaved |= 1 << n;
}
/** Pop an i64 into general register n. */
export function setGpr(n: u32): void {
  usedRegs |= 1 << n;
  noteWritten(n);
  set(L.GPR + n);
}
/** Push general register n. */
export function getGpr(n: u32): void { get(regLocal(n << 3)); }

/** Sign-extend the i32 on the stack from a narrow size. */
export function extend(size: u32): void {
  if (size == Size.BYTE) op(W.I32_EXTEND8);
  else if (size == Size.WORD) op(W.I32_EXTEND16);
}

/** Keep the low 32 bits of the i64 on the stack. */
export function cut32(): void {
  op(W.I32_WRAP);
  op(W.I64_EXTEND_U);
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
  noteWritten(at >> 3);
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

/** Push the host address of the operand, for loadSized. */
export function pushHost(): void { get(hostLocal); }

/** Load from the host address on the stack, which is pushHost's: i64, or i32 sign-extended. */
export function loadSized(size: u32): void {
  if (size == Size.BYTE) access(W.I32_LOAD8_S, 0, hostOffset);
  else if (size == Size.WORD) access(W.I32_LOAD16_S, 0, hostOffset);
  else access(size == Size.QWORD ? W.I64_LOAD : W.I32_LOAD, 0, hostOffset);
}

/** Store the value on the stack at the operand's host address. */
export function storeSized(size: u32): void {
  const wide = size == Size.QWORD;
  const local: u32 = wide ? L.TR64 : L.TR32;
  set(local);
  pushHost();
  get(local);
  if (size == Size.BYTE) access(W.I32_STORE8, 0, hostOffset);
  else if (size == Size.WORD) access(W.I32_STORE16, 0, hostOffset);
  else access(wide ? W.I64_STORE : W.I32_STORE, 0, hostOffset);
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

/**
 * In a wide region general registers that have changed go to Cpu before every instruction at which it can be
 * left and at the end of a block. Its exits store none of them: values that live until hundreds of exits
 * would all be kept in the host's stack. A small region stores at its exits what it has changed anywhere.
 */
export function saveRegs(): void {
  if (!wide) return;
  for (let n: u32 = 0; n < 16; n++) if (unsaved & (1 << n)) storeField(n << 3, L.GPR + n, true);
  unsaved = 0;
}
/** To Cpu, when it may differ: the register at byte offset `at`. */
export function storeGpr(at: u32): void {
  const n = at >> 3;
  if (!wide && n < 16 && (dirtyRegs & (1 << n)) != 0) storeField(n << 3, L.GPR + n, true);
}
/** What the region has changed and is not saved, to Cpu. */
export function spillState(): void {
  for (let at: u32 = 0; at < <u32>RegOffset.ZERO; at += 8) storeGpr(at);
  spillFe();
  spillVectors();
  spillX87();
}
export function spillFe(): void {
  if (dirtyFe) storeField(offsetof<Cpu>("eflags"), L.FE, true);
}

/** RFLAGS after a handler that may have changed it. */
export function reloadFe(): void {
  if (usedRegs & Used.FE) loadField(offsetof<Cpu>("eflags"), L.FE, true);
}

/** What a region keeps in locals, from Cpu. */
export function loadState(): void {
  for (let n: u32 = 0; n < 16; n++) {
    touchReg(n);
    if (usedRegs & (1 << n)) loadField(n << 3, L.GPR + n, true);
  }
  if (usedRegs & Used.FE) loadField(offsetof<Cpu>("eflags"), L.FE, true);
  if (usedRegs & Used.TLB_READ) loadField(offsetof<Cpu>("tlbRead"), L.TLB_READ, false);
  if (usedRegs & Used.TLB_WRITE) loadField(offsetof<Cpu>("tlbWrite"), L.TLB_WRITE, false);
  loadVectors();
  loadMode();
  loadX87();
}
