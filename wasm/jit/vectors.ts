// XMM registers in WebAssembly: v128 locals of the region's function, kept like the general registers
// (locals.ts): loaded at the entry when they are used, stored when they have changed. Whether SSE may be used
// (SDM vol. 3A 14.1.3: CR0.EM and TS, CR4.OSFXSR) is found out once at the entry; instructions that take the
// permission away end a region.

import { Cpu, CpuBlock } from "../cpu/state";
import { Cr0, Cr4 } from "../cpu/mode";
import { RecFlag, recFlags, recReg, recRm } from "../decode/record";
import { V, W, access, const32, get, op, openVoid, set, simd, simdAccess, sixteen, tee } from "./bytes";
import { Exit } from "./exits";
import { L, VECTOR_LOCALS } from "./locals";
import { Insn, touchesVectors } from "./map";
import { translateAligned } from "./operands";

const XMM_SHIFT: u32 = 4;
const XMM_COUNT: u32 = 16;
/** log2 of the bytes of an XMM register. */
export const WHOLE: u32 = 4;

/** XMM registers used and written by the region, by number. */
let usedXmm: u32 = 0;
let dirtyXmm: u32 = 0;
/** The region has native code for vector instructions. */
let native: bool = false;

export function forgetVectors(): void {
  usedXmm = 0;
  dirtyXmm = 0;
  native = false;
}

/** Locals of type v128 that the function needs, once the first pass has seen it. */
export function vectorLocals(): u32 { return native ? VECTOR_LOCALS : 0; }

/** An instruction is native that need not name an XMM register. */
export function useVectors(): void { native = true; }
/** Push XMM register n. */
export function getXmm(n: u32): void {
  native = true;
  usedXmm |= 1 << n;
  get(L.XMM + n);
}
/** Pop a v128 into XMM register n. */
export function setXmm(n: u32): void {
  native = true;
  usedXmm |= 1 << n;
  dirtyXmm |= 1 << n;
  set(L.XMM + n);
}
/** The v128 temporaries V0, V1, V2. */
export function setVector(local: u32): void {
  native = true;
  set(local);
}
export function teeVector(local: u32): void {
  native = true;
  tee(local);
}

function fieldOf(n: u32): u32 { return <u32>CpuBlock.XMM + (n << XMM_SHIFT); }

function spillXmm(n: u32): void {
  get(L.C);
  get(L.XMM + n);
  simdAccess(V.STORE, WHOLE, fieldOf(n));
}
export function loadXmm(n: u32): void {
  get(L.C);
  simdAccess(V.LOAD, WHOLE, fieldOf(n));
  set(L.XMM + n);
}

/** To Cpu, when it may differ. */
export function storeXmm(n: u32): void {
  if (dirtyXmm & (1 << n)) spillXmm(n);
}

/** The XMM registers that the region has changed, to Cpu. */
export function spillVectors(): void {
  for (let n: u32 = 0; n < XMM_COUNT; n++) if (dirtyXmm & (1 << n)) spillXmm(n);
}
/** Those that it uses, from Cpu. */
export function loadVectors(): void {
  for (let n: u32 = 0; n < XMM_COUNT; n++) if (usedXmm & (1 << n)) loadXmm(n);
}

/** What a pure handler may read or write: its operands and the implied XMM0. */
function operandsOf(i: Insn): u32 {
  if (!touchesVectors(i)) return 0;
  const r = changetype<usize>(i);
  let mask: u32 = 1;
  if (recReg(r) < XMM_COUNT) mask |= 1 << recReg(r);
  if (recRm(r) < XMM_COUNT && !(recFlags(r) & RecFlag.MEM)) mask |= 1 << recRm(r);
  return mask;
}
/** Before a pure handler. */
export function storeHelperXmm(i: Insn): void {
  const mask = operandsOf(i) & dirtyXmm;
  for (let n: u32 = 0; n < XMM_COUNT; n++) if (mask & (1 << n)) spillXmm(n);
}
/** Behind it, before its status is looked at: the epilogue stores the locals. */
export function reloadHelperXmm(i: Insn): void {
  const mask = operandsOf(i) & usedXmm;
  for (let n: u32 = 0; n < XMM_COUNT; n++) if (mask & (1 << n)) loadXmm(n);
}

/**
 * Return at once when the region has vector instructions and SSE may not be used: the interpreter goes on at
 * RIP, which whoever calls a region has put into Cpu, and finds the exception.
 */
export function checkVectors(): void {
  if (!native) return;
  get(L.C);
  access(W.I32_LOAD, 2, <u32>offsetof<Cpu>("cr0"));
  const32(Cr0.EM | Cr0.TS);
  op(W.I32_AND);
  get(L.C);
  access(W.I32_LOAD, 2, <u32>offsetof<Cpu>("cr4"));
  const32(Cr4.OSFXSR);
  op(W.I32_AND);
  const32(Cr4.OSFXSR);
  op(W.I32_XOR);
  op(W.I32_OR);
  openVoid(W.IF);
  const32(Exit.OTHER);
  op(W.RETURN);
  op(W.END);
}

// Operands -----------------------------------------------------------------------------------------------

export function inMemory(i: Insn): bool { return (recFlags(changetype<usize>(i)) & RecFlag.MEM) != 0; }

/** Look up the 16 bytes of r/m, which must be aligned in memory (legacy SSE; SDM vol. 1 10.4.1.1). */
export function findSource(i: Insn): void {
  if (inMemory(i)) translateAligned(i, false);
}
/** Push them. */
export function loadSource(i: Insn): void {
  if (!inMemory(i)) {
    getXmm(recRm(changetype<usize>(i)));
    return;
  }
  get(L.HOST);
  simdAccess(V.LOAD, 0, 0);
}
export function pushSource(i: Insn): void {
  findSource(i);
  loadSource(i);
}

/** Push the first operand and set the result. */
export function getFirst(i: Insn): void { getXmm(recReg(changetype<usize>(i))); }
export function setFirst(i: Insn): void { setXmm(recReg(changetype<usize>(i))); }

/** Push a constant. */
export function constVector(low: u64, high: u64): void {
  simd(V.CONST);
  sixteen(low, high);
}
/**
 * Shuffle the two vectors on the stack: byte n of the result is the one that byte n of the indices names,
 * from 0 in the first and from 16 in the second.
 */
export function shuffle(low: u64, high: u64): void {
  simd(V.SHUFFLE);
  sixteen(low, high);
}
