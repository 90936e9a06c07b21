// FXSAVE FXRSTOR XSAVE XSAVEOPT XSAVEC XRSTOR (SDM vol. 1 10.5, 13.4-13.9; vol. 2). Components: x87, SSE, and
// AVX when it is implemented; every component counts as in use, which 13.6 allows. An image is put together
// in the CPU's scratch page; memory is checked for the whole area before the first byte is written. Left out:
// XSAVES, the init and modified optimisations.

import { CodeMode, Cpu, CpuBlock, Status } from "../cpu/state";
import { Vector, raise, raiseError } from "../cpu/exceptions";
import { Cr0, Cr4 } from "../cpu/mode";
import { CPU_SCRATCH } from "../lib/layout";
import { recOpSize } from "../decode/record";
import { ea, checkWrite, linearBytes, readHost, writeBytes, writeValue } from "../mmu/access";
import { recSeg } from "../decode/record";
import { MXCSR_MASK } from "./sse-move";
import { xmm } from "./sse-operand";
import { Control87, Status87, TOP_SHIFT, stAddress, updateSummary, x87Reset } from "./x87-core";

/** Scratch page from here on: one XSAVE image. */
const IMAGE: u32 = 0xC00;
const FXSAVE_BYTES: u32 = 512;
/** What FXSAVE writes; the rest of its 512 bytes is the program's. */
const FXSAVE_USED: u32 = 416, FXSAVE_END: u32 = 16;
const LEGACY_USED_32: u32 = 288;

/** Offsets in the legacy region (SDM vol. 1 table 10-2) and behind it. */
const enum Fx {
  FCW = 0, FSW = 2, FTW = 4, FOP = 6, FIP = 8, FCS = 12, FDP = 16, FDS = 20, MXCSR = 24, MASK = 28, ST = 32,
    XMM = 160,
  XSTATE_BV = 512, XCOMP_BV = 520, RESERVED = 528, HEADER_END = 576, YMM = 576, END = 832,
}
/** Components. */
const X87: u64 = 1, SSE: u64 = 2, AVX: u64 = 4;
const COMPACT: u64 = 0x8000000000000000;
const MXCSR_RESET: u32 = 0x1F80;

// @ts-ignore: decorator
@inline
function image(c: Cpu): usize {
  return changetype<usize>(c) + CPU_SCRATCH + IMAGE;
}
// @ts-ignore: decorator
@inline
function gp(c: Cpu): i32 { return raiseError(c, Vector.GP, 0); }

/** XMM registers that the mode has. */
// @ts-ignore: decorator
@inline
function xmmCount(c: Cpu): u32 { return c.mode64 ? 16 : 8; }

/** x87 part of the image: bytes 0..23 and the stack. `wide` = 64-bit pointers (REX.W). */
function buildX87(c: Cpu, wide: bool): void {
  const at = image(c);
  store<u16>(at, <u16>c.fpuControl, Fx.FCW);
  store<u16>(at, <u16>(c.fpuStatus | (c.fpuTop << TOP_SHIFT)), Fx.FSW);
  store<u16>(at, <u16>(~c.fpuEmpty & 0xFF), Fx.FTW);
  store<u16>(at, <u16>c.fpuOpcode, Fx.FOP);
  if (wide) {
    store<u64>(at, c.fpuIp, Fx.FIP);
    store<u64>(at, c.fpuDp, Fx.FDP);
  } else {
    store<u64>(at, (c.fpuIp & 0xFFFFFFFF) | (<u64>(c.fpuCs & 0xFFFF) << 32), Fx.FIP);
    store<u64>(at, (c.fpuDp & 0xFFFFFFFF) | (<u64>(c.fpuDs & 0xFFFF) << 32), Fx.FDP);
  }
  for (let i: u32 = 0; i < 8; i++) {
    const st = stAddress(c, i);
    store<u64>(at + (i << 4), load<u64>(st), Fx.ST);
    store<u64>(at + (i << 4), <u64>load<u16>(st, 8), Fx.ST + 8);
  }
}

function buildSse(c: Cpu): void {
  const at = image(c);
  store<u32>(at, c.mxcsr, Fx.MXCSR);
  store<u32>(at, MXCSR_MASK, Fx.MASK);
  memory.copy(at + <usize>Fx.XMM, xmm(c, 0), xmmCount(c) << 4);
}

/** Take the x87 state out of the image. */
function takeX87(c: Cpu, wide: bool): void {
  const at = image(c);
  const fsw = <u32>load<u16>(at, Fx.FSW);
  c.fpuControl = (<u32>load<u16>(at, Fx.FCW) & Control87.WRITABLE) | Control87.FIXED;
  c.fpuStatus = fsw & Status87.KEPT;
  c.fpuTop = (fsw >> TOP_SHIFT) & 7;
  c.fpuEmpty = ~(<u32>load<u8>(at, Fx.FTW)) & 0xFF;
  c.fpuOpcode = <u32>load<u16>(at, Fx.FOP) & 0x7FF;
  if (wide) {
    c.fpuIp = load<u64>(at, Fx.FIP);
    c.fpuDp = load<u64>(at, Fx.FDP);
    c.fpuCs = 0;
    c.fpuDs = 0;
  } else {
    c.fpuIp = <u64>load<u32>(at, Fx.FIP);
    c.fpuDp = <u64>load<u32>(at, Fx.FDP);
    c.fpuCs = load<u16>(at, Fx.FCS);
    c.fpuDs = load<u16>(at, Fx.FDS);
  }
  for (let i: u32 = 0; i < 8; i++) {
    const st = stAddress(c, i);
    store<u64>(st, load<u64>(at + (i << 4), Fx.ST));
    store<u64>(st, <u64>load<u16>(at + (i << 4), Fx.ST + 8), 8);
  }
  updateSummary(c);
}

function takeXmm(c: Cpu): void {
  memory.copy(xmm(c, 0), image(c) + <usize>Fx.XMM, xmmCount(c) << 4);
}

/** Copy [from, to) of the area at va into the image, 8 bytes at a time at least. FAULT or NEXT. */
function readImage(c: Cpu, va: u64, from: u32, to: u32): i32 {
  const at = image(c);
  for (let i = from; i < to; i += 16) {
    const h = readHost<v128>(c, va + i);
    if (!h) return Status.FAULT;
    v128.store(at + i, v128.load(h));
  }
  return Status.NEXT;
}

/** Write [from, to) of the image to the area. The caller has checked that it may be written. */
function writeImage(c: Cpu, va: u64, from: u32, to: u32): i32 {
  const at = image(c);
  let status: i32 = Status.NEXT;
  for (let i = from; i < to; i += 16) {
    const one = writeValue<v128>(c, va + i, v128.load(at + i));
    if (one == Status.FAULT) return one;
    status |= one;
  }
  return status;
}

// FXSAVE and FXRSTOR -------------------------------------------------------------------------------

/** Linear address of the operand; sets areaOk. #NM first, then alignment (SDM vol. 2 FXSAVE). */
let areaVa: u64 = 0;
function findArea(c: Cpu, r: usize, bytes: u32, align: u64, write: bool): i32 {
  areaVa = linearBytes(c, recSeg(r), ea(c, r), bytes, write);
  return (areaVa & (align - 1)) != 0 ? gp(c) : Status.NEXT;
}

export function hFxsave(c: Cpu, r: usize): i32 {
  if ((c.cr0 & (Cr0.EM | Cr0.TS)) != 0) return raise(c, Vector.NM);
  if (findArea(c, r, FXSAVE_BYTES, 16, true)) return Status.FAULT;
  if (checkWrite(c, areaVa, FXSAVE_BYTES)) return Status.FAULT;
  buildX87(c, recOpSize(r) == 3);
  buildSse(c);
  return writeImage(c, areaVa, 0, c.mode64 ? FXSAVE_USED : LEGACY_USED_32);
}

export function hFxrstor(c: Cpu, r: usize): i32 {
  if ((c.cr0 & (Cr0.EM | Cr0.TS)) != 0) return raise(c, Vector.NM);
  if (findArea(c, r, FXSAVE_BYTES, 16, false)) return Status.FAULT;
  if (readImage(c, areaVa, 0, c.mode64 ? FXSAVE_USED : LEGACY_USED_32)) return Status.FAULT;
  // All 512 bytes must be there.
  if (readImage(c, areaVa, FXSAVE_BYTES - FXSAVE_END, FXSAVE_BYTES)) return Status.FAULT;
  const mxcsr = load<u32>(image(c), Fx.MXCSR);
  if ((mxcsr & ~MXCSR_MASK) != 0) return gp(c);
  takeX87(c, recOpSize(r) == 3);
  c.mxcsr = mxcsr;
  takeXmm(c);
  return Status.NEXT;
}

// XSAVE and XRSTOR ---------------------------------------------------------------------------------

/** #UD without CR4.OSXSAVE, #NM with TS. */
function xsaveReady(c: Cpu): i32 {
  if ((c.cr4 & Cr4.OSXSAVE) == 0) return raise(c, Vector.UD);
  return (c.cr0 & Cr0.TS) != 0 ? raise(c, Vector.NM) : Status.NEXT;
}

/** Requested-feature bitmap: EDX:EAX and XCR0. */
// @ts-ignore: decorator
@inline
function requested(c: Cpu): u64 {
  return ((c.rdx << 32) | (c.rax & 0xFFFFFFFF)) & c.xcr0;
}

function save(c: Cpu, r: usize, compact: bool): i32 {
  if (xsaveReady(c)) return Status.FAULT;
  const rfbm = requested(c);
  const bytes: u32 = (rfbm & AVX) != 0 ? Fx.END : Fx.HEADER_END;
  if (findArea(c, r, bytes, 64, true)) return Status.FAULT;
  const va = areaVa;
  if (checkWrite(c, va, bytes)) return Status.FAULT;
  const header = readHost<u64>(c, va + Fx.XSTATE_BV);
  if (!header) return Status.FAULT;
  const oldBv = load<u64>(header);
  const at = image(c);
  let status: i32 = Status.NEXT;
  if ((rfbm & X87) != 0) {
    buildX87(c, recOpSize(r) == 3);
    status |= writeImage(c, va, 0, 16);
    status |= writeValue<u64>(c, va + Fx.FDP, load<u64>(at, Fx.FDP));
    status |= writeImage(c, va, Fx.ST, Fx.XMM);
  }
  if ((rfbm & (SSE | AVX)) != 0) {
    buildSse(c);
    status |= writeValue<u64>(c, va + Fx.MXCSR, load<u64>(at, Fx.MXCSR));
  }
  if ((rfbm & SSE) != 0) status |= writeImage(c, va, Fx.XMM, Fx.XMM + (xmmCount(c) << 4));
  if ((rfbm & AVX) != 0) {
    memory.copy(at + <usize>Fx.YMM, changetype<usize>(c) + <usize>CpuBlock.YMM_HIGH, xmmCount(c) << 4);
    status |= writeImage(c, va, Fx.YMM, Fx.YMM + (xmmCount(c) << 4));
  }
  status |= writeValue<u64>(c, va + Fx.XSTATE_BV, compact ? rfbm : oldBv | rfbm);
  if (compact) status |= writeValue<u64>(c, va + Fx.XCOMP_BV, rfbm | COMPACT);
  // Statuses are NEXT or END here: the whole area was checked.
  return status;
}

export function hXsave(c: Cpu, r: usize): i32 { return save(c, r, false); }
export function hXsavec(c: Cpu, r: usize): i32 { return save(c, r, true); }

/** Header checks of XRSTOR (SDM vol. 1 13.8.1, 13.8.2). */
function headerIsValid(c: Cpu): bool {
  const at = image(c);
  const bv = load<u64>(at, Fx.XSTATE_BV), comp = load<u64>(at, Fx.XCOMP_BV);
  if ((comp & COMPACT) != 0) {
    if (((comp & ~COMPACT) & ~c.xcr0) != 0 || (bv & ~comp) != 0) return false;
    for (let i: usize = Fx.RESERVED; i < <usize>Fx.HEADER_END;
      i += 8) if (load<u64>(at + i) != 0) return false;
    return true;
  }
  return (bv & ~c.xcr0) == 0 && comp == 0 && load<u64>(at, Fx.RESERVED) == 0;
}

export function hXrstor(c: Cpu, r: usize): i32 {
  if (xsaveReady(c)) return Status.FAULT;
  const rfbm = requested(c);
  const bytes: u32 = (rfbm & AVX) != 0 ? Fx.END : Fx.HEADER_END;
  if (findArea(c, r, bytes, 64, false)) return Status.FAULT;
  if (readImage(c, areaVa, 0, FXSAVE_USED) || readImage(c, areaVa, Fx.XSTATE_BV, bytes)) return Status.FAULT;
  if (!headerIsValid(c)) return gp(c);
  const at = image(c);
  const bv = load<u64>(at, Fx.XSTATE_BV);
  const compact = (load<u64>(at, Fx.XCOMP_BV) & COMPACT) != 0;
  const mxcsr = load<u32>(at, Fx.MXCSR);
  // Standard form: MXCSR comes from memory with SSE or AVX whatever XSTATE_BV says; compacted: with SSE in
  // use.
  const takesMxcsr = compact ? (rfbm & bv & SSE) != 0 : (rfbm & (SSE | AVX)) != 0;
  if (takesMxcsr && (mxcsr & ~MXCSR_MASK) != 0) return gp(c);
  if ((rfbm & X87) != 0) {
    if ((bv & X87) != 0) takeX87(c, recOpSize(r) == 3);
    else {
      x87Reset(c);
      memory.fill(changetype<usize>(c) + <usize>CpuBlock.X87, 0, 128);
    }
  }
  if (takesMxcsr) c.mxcsr = mxcsr;
  else if (compact && (rfbm & SSE) != 0) c.mxcsr = MXCSR_RESET;
  if ((rfbm & SSE) != 0) {
    if ((bv & SSE) != 0) takeXmm(c);
    else memory.fill(xmm(c, 0), 0, xmmCount(c) << 4);
  }
  if ((rfbm & AVX) != 0) {
    const high = changetype<usize>(c) + <usize>CpuBlock.YMM_HIGH;
    if ((bv & AVX) != 0) memory.copy(high, at + <usize>Fx.YMM, xmmCount(c) << 4);
    else memory.fill(high, 0, xmmCount(c) << 4);
  }
  return Status.NEXT;
}
