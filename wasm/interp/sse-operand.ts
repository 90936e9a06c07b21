// What MMX and SSE instructions share (SDM vol. 1 ch. 9-12; vol. 3A table 2-2, 14.1): availability, operand
// addresses, alignment. A register operand is an address too: MMX and XMM registers lie 16 bytes apart in the
// CPU block, so an instruction whose 66 prefix chooses between them finds its operands without a branch. MMX
// values are handled as the low half of a v128 whose high half is not looked at. Left out: misaligned SSE
// mode of other vendors.

import { Cpu, CpuBlock, Status } from "../cpu/state";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { Cr0, Cr4 } from "../cpu/mode";
import { CPU_SCRATCH } from "../lib/layout";
import { RecFlag, recFlags, recReg, recRm } from "../decode/record";
import { linear, readHost } from "../mmu/access";
import { POISON } from "../mmu/segment";

/** A zero-extended MMX memory operand, behind the other users of the scratch page. */
const MMX_OPERAND: u32 = 0xB00;
/** Distance from the X87 to the XMM block is 256: the OPSIZE bit shifted by this. */
const BLOCK_SHIFT: u32 = 2;
/** Status-word bit ES: an x87 exception is pending. */
const FSW_ES: u32 = 0x80;
const REG_SHIFT: u32 = 4;

/** Address of XMM register n. */
// @ts-ignore: decorator
@inline
export function xmm(c: Cpu, n: u32): usize {
  return changetype<usize>(c) + <usize>CpuBlock.XMM + (n << REG_SHIFT);
}

/** Address of MMX register n (the significand of physical x87 register n). */
// @ts-ignore: decorator
@inline
export function mmx(c: Cpu, n: u32): usize {
  return changetype<usize>(c) + <usize>CpuBlock.X87 + ((n & 7) << REG_SHIFT);
}

/** Address of register n: XMM with a 66 prefix, else MMX. */
// @ts-ignore: decorator
@inline
function eitherReg(c: Cpu, flags: u32, n: u32): usize {
  return changetype<usize>(c) + <usize>CpuBlock.X87 + ((flags & RecFlag.OPSIZE) << BLOCK_SHIFT) +
    ((flags & RecFlag.OPSIZE ? n : n & 7) << REG_SHIFT);
}

/** False with #UD or #NM pending when SSE may not be used (SDM 3A table 2-2 and 14.1.3). */
// @ts-ignore: decorator
@inline
export function sseReady(c: Cpu): bool {
  return ((c.cr0 & (Cr0.EM | Cr0.TS)) | (~c.cr4 & Cr4.OSFXSR)) == 0 ? true : sseFault(c);
}

function sseFault(c: Cpu): bool {
  raise(c, (c.cr0 & Cr0.EM) != 0 || (c.cr4 & Cr4.OSFXSR) == 0 ? Vector.UD : Vector.NM);
  return false;
}

/** The same for MMX, with #MF for a pending x87 exception. */
// @ts-ignore: decorator
@inline
export function mmxReady(c: Cpu): bool {
  return (c.cr0 & (Cr0.EM | Cr0.TS)) == 0 && (c.fpuStatus & FSW_ES) == 0 ? true : mmxFault(c);
}

function mmxFault(c: Cpu): bool {
  if ((c.cr0 & Cr0.EM) != 0) raise(c, Vector.UD);
  else if ((c.cr0 & Cr0.TS) != 0) raise(c, Vector.NM);
  else if ((c.cr0 & Cr0.NE) != 0) raise(c, Vector.MF);
  else return true;
  return false;
}

/**
 * What every MMX instruction but EMMS does to the x87 state: TOP = 0, all registers in use (SDM vol. 1
 * 9.5.1).
 */
// @ts-ignore: decorator
@inline
export function enterMmx(c: Cpu): void {
  c.fpuTop = 0;
  c.fpuEmpty = 0;
}

/** Write an MMX register: sign and exponent become all ones. */
// @ts-ignore: decorator
@inline
export function setMmx(c: Cpu, n: u32, v: u64): void {
  const at = mmx(c, n);
  store<u64>(at, v);
  store<u64>(at, 0xFFFF, 8);
}

/** Host address of an aligned 16-byte memory operand, 0 = fault. */
export function alignedMemory(c: Cpu, r: usize): usize {
  const va = linear<v128>(c, r, false);
  // The address alone decides, before pages do; a segment fault is pending already (its address is POISON).
  if ((<u32>va & 15) == 0 || (va == POISON && !c.mode64)) return readHost<v128>(c, va);
  raiseError(c, Vector.GP, 0);
  return 0;
}

/** Address of the 16-byte source (r/m) of an XMM instruction; memory must be aligned. 0 = fault. */
// @ts-ignore: decorator
@inline
export function source(c: Cpu, r: usize): usize {
  if (!sseReady(c)) return 0;
  return recFlags(r) & RecFlag.MEM ? alignedMemory(c, r) : xmm(c, recRm(r));
}

/** The same without the alignment rule, for a memory operand of sizeof<T>() bytes. */
// @ts-ignore: decorator
@inline
export function looseSource<T>(c: Cpu, r: usize): usize {
  if (!sseReady(c)) return 0;
  return recFlags(r) & RecFlag.MEM ? readHost<T>(c, linear<T>(c, r, false)) : xmm(c, recRm(r));
}

/** Source of an instruction that is MMX without and XMM with a 66 prefix. 0 = fault. */
// @ts-ignore: decorator
@inline
export function eitherSource(c: Cpu, r: usize): usize {
  const f = recFlags(r);
  if (!(f & RecFlag.OPSIZE)) return mmxSource(c, r);
  if (!sseReady(c)) return 0;
  return f & RecFlag.MEM ? alignedMemory(c, r) : xmm(c, recRm(r));
}

/** 16 readable bytes whose low half is the MMX source. */
export function mmxSource(c: Cpu, r: usize): usize {
  if (!mmxReady(c)) return 0;
  if (!(recFlags(r) & RecFlag.MEM)) return mmx(c, recRm(r));
  const h = readHost<u64>(c, linear<u64>(c, r, false));
  if (!h) return 0;
  const at = changetype<usize>(c) + CPU_SCRATCH + MMX_OPERAND;
  store<u64>(at, load<u64>(h));
  store<u64>(at, 0, 8);
  return at;
}

/** First operand (reg) of an either-instruction. */
// @ts-ignore: decorator
@inline
export function eitherFirst(c: Cpu, r: usize): v128 {
  return v128.load(eitherReg(c, recFlags(r), recReg(r)));
}

/** Its result. */
// @ts-ignore: decorator
@inline
export function putEither(c: Cpu, r: usize, v: v128): i32 {
  if (recFlags(r) & RecFlag.OPSIZE) v128.store(xmm(c, recReg(r)), v);
  else putMmx(c, recReg(r), v);
  return Status.NEXT;
}

function putMmx(c: Cpu, n: u32, v: v128): void {
  enterMmx(c);
  setMmx(c, n, i64x2.extract_lane(v, 0));
}

/** Is this the XMM form? */
// @ts-ignore: decorator
@inline
export function isXmm(r: usize): bool {
  return (recFlags(r) & RecFlag.OPSIZE) != 0;
}

/** First operand and result of an XMM instruction. */
// @ts-ignore: decorator
@inline
export function first(c: Cpu, r: usize): v128 {
  return v128.load(xmm(c, recReg(r)));
}
// @ts-ignore: decorator
@inline
export function put(c: Cpu, r: usize, v: v128): i32 {
  v128.store(xmm(c, recReg(r)), v);
  return Status.NEXT;
}

/**
 * Source of a low unpack: like eitherSource, but an MMX memory operand has four bytes (SDM vol. 2 PUNPCKLBW:
 * mm/m32).
 */
export function lowSource(c: Cpu, r: usize): usize {
  const f = recFlags(r);
  if ((f & RecFlag.OPSIZE) != 0 || !(f & RecFlag.MEM)) return eitherSource(c, r);
  if (!mmxReady(c)) return 0;
  const h = readHost<u32>(c, linear<u32>(c, r, false));
  if (!h) return 0;
  const at = changetype<usize>(c) + CPU_SCRATCH + MMX_OPERAND;
  store<u64>(at, load<u32>(h));
  store<u64>(at, 0, 8);
  return at;
}
