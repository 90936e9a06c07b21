// SSE and MMX data movement (SDM vol. 2: MOVD/Q, MOVDQA/U, MOVAPS/UPS, MOVLPS/HPS, MOVSS/SD, MOVNT*, LDDQU,
// EMMS, LDMXCSR/STMXCSR). The aligned forms raise #GP(0) on a misaligned address; non-temporal hints mean
// nothing here.

import { Cpu, Status } from "../cpu/state";
import { Vector, raiseError } from "../cpu/exceptions";
import { RecFlag, readReg, recFlags, recOpSize, recReg, recRm, writeReg } from "../decode/record";
import { linear, readHost, writeValue } from "../mmu/access";
import {
  enterMmx, looseSource, mmx, mmxReady, mmxSource, put, setMmx, source, sseReady, xmm,
} from "./sse-operand";

/** MXCSR bits that exist, DAZ included (reported by MXCSR_MASK of FXSAVE). */
export const MXCSR_MASK: u32 = 0xFFFF;

// @ts-ignore: decorator
@inline
function isMem(r: usize): bool { return (recFlags(r) & RecFlag.MEM) != 0; }

/** Zero-extend a low part into the register reg. */
// @ts-ignore: decorator
@inline
function putLow(c: Cpu, n: u32, v: u64): void {
  v128.store(xmm(c, n), i64x2.replace_lane(i64x2.splat(0), 0, v));
}

// Whole registers ----------------------------------------------------------------------------------

/** MOVAPS, MOVAPD, MOVDQA xmm, xmm/m128. */
export function hMovaLoad(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, v128.load(s)) : Status.FAULT;
}
/** MOVUPS, MOVUPD, MOVDQU xmm, xmm/m128; LDDQU. */
export function hMovuLoad(c: Cpu, r: usize): i32 {
  const s = looseSource<v128>(c, r);
  return s ? put(c, r, v128.load(s)) : Status.FAULT;
}
export function hMovuStore(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const v = v128.load(xmm(c, recReg(r)));
  if (isMem(r)) return writeValue<v128>(c, linear<v128>(c, r, true), v);
  v128.store(xmm(c, recRm(r)), v);
  return Status.NEXT;
}
/** MOVAPS, MOVAPD, MOVDQA xmm/m128, xmm; MOVNTPS, MOVNTPD, MOVNTDQ. */
export function hMovaStore(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const v = v128.load(xmm(c, recReg(r)));
  if (!isMem(r)) {
    v128.store(xmm(c, recRm(r)), v);
    return Status.NEXT;
  }
  const va = linear<v128>(c, r, true);
  if ((<u32>va & 15) != 0) return raiseError(c, Vector.GP, 0);
  return writeValue<v128>(c, va, v);
}

// MMX registers ------------------------------------------------------------------------------------

/** MOVQ mm, mm/m64. */
export function hMovqMmxLoad(c: Cpu, r: usize): i32 {
  const s = mmxSource(c, r);
  if (!s) return Status.FAULT;
  const v = load<u64>(s);
  enterMmx(c);
  setMmx(c, recReg(r), v);
  return Status.NEXT;
}
/** MOVQ mm/m64, mm; MOVNTQ. */
export function hMovqMmxStore(c: Cpu, r: usize): i32 {
  if (!mmxReady(c)) return Status.FAULT;
  const v = load<u64>(mmx(c, recReg(r)));
  if (isMem(r)) {
    const status = writeValue<u64>(c, linear<u64>(c, r, true), v);
    if (status != Status.FAULT) enterMmx(c);
    return status;
  }
  enterMmx(c);
  setMmx(c, recRm(r), v);
  return Status.NEXT;
}
export function hEmms(c: Cpu, r: usize): i32 {
  if (!mmxReady(c)) return Status.FAULT;
  c.fpuTop = 0;
  c.fpuEmpty = 0xFF;
  return Status.NEXT;
}

// Between general and vector registers -------------------------------------------------------------

/** MOVD, MOVQ: 32 bits, or 64 with REX.W, of r/m. False = fault. */
function generalSource(c: Cpu, r: usize): bool {
  if (recOpSize(r) == 3) {
    if (!isMem(r)) {
      general = readReg<u64>(c, recRm(r));
      return true;
    }
    const h = readHost<u64>(c, linear<u64>(c, r, false));
    if (h) general = load<u64>(h);
    return h != 0;
  }
  if (!isMem(r)) {
    general = <u64>readReg<u32>(c, recRm(r));
    return true;
  }
  const h = readHost<u32>(c, linear<u32>(c, r, false));
  if (h) general = <u64>load<u32>(h);
  return h != 0;
}
/** What generalSource read. */
let general: u64 = 0;

function generalStore(c: Cpu, r: usize, v: u64): i32 {
  if (recOpSize(r) == 3) {
    if (isMem(r)) return writeValue<u64>(c, linear<u64>(c, r, true), v);
    writeReg<u64>(c, recRm(r), v);
  } else {
    if (isMem(r)) return writeValue<u32>(c, linear<u32>(c, r, true), <u32>v);
    writeReg<u32>(c, recRm(r), <u32>v);
  }
  return Status.NEXT;
}

export function hMovdToXmm(c: Cpu, r: usize): i32 {
  if (!sseReady(c) || !generalSource(c, r)) return Status.FAULT;
  putLow(c, recReg(r), general);
  return Status.NEXT;
}
export function hMovdFromXmm(c: Cpu, r: usize): i32 {
  return sseReady(c) ? generalStore(c, r, load<u64>(xmm(c, recReg(r)))) : Status.FAULT;
}
export function hMovdToMmx(c: Cpu, r: usize): i32 {
  if (!mmxReady(c) || !generalSource(c, r)) return Status.FAULT;
  enterMmx(c);
  setMmx(c, recReg(r), general);
  return Status.NEXT;
}
export function hMovdFromMmx(c: Cpu, r: usize): i32 {
  if (!mmxReady(c)) return Status.FAULT;
  const status = generalStore(c, r, load<u64>(mmx(c, recReg(r))));
  if (status != Status.FAULT) enterMmx(c);
  return status;
}
// Low and high parts -------------------------------------------------------------------------------

/** MOVQ xmm, xmm/m64: zero-extends. */
export function hMovqLoad(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  if (!s) return Status.FAULT;
  putLow(c, recReg(r), load<u64>(s));
  return Status.NEXT;
}
/** MOVQ xmm/m64, xmm. */
export function hMovqStore(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const v = load<u64>(xmm(c, recReg(r)));
  if (isMem(r)) return writeValue<u64>(c, linear<u64>(c, r, true), v);
  putLow(c, recRm(r), v);
  return Status.NEXT;
}
/** MOVQ2DQ xmm, mm and MOVDQ2Q mm, xmm. */
export function hMovq2dq(c: Cpu, r: usize): i32 {
  if (!sseReady(c) || !mmxReady(c)) return Status.FAULT;
  enterMmx(c);
  putLow(c, recReg(r), load<u64>(mmx(c, recRm(r))));
  return Status.NEXT;
}
export function hMovdq2q(c: Cpu, r: usize): i32 {
  if (!sseReady(c) || !mmxReady(c)) return Status.FAULT;
  enterMmx(c);
  setMmx(c, recReg(r), load<u64>(xmm(c, recRm(r))));
  return Status.NEXT;
}

/** MOVSS, MOVSD load: from memory zero-extended, between registers merged. */
// @ts-ignore: decorator
@inline
function loadScalar<T>(c: Cpu, r: usize): i32 {
  const s = looseSource<T>(c, r);
  if (!s) return Status.FAULT;
  if (isMem(r)) putLow(c, recReg(r), <u64>load<T>(s));
  else store<T>(xmm(c, recReg(r)), load<T>(s));
  return Status.NEXT;
}
// @ts-ignore: decorator
@inline
function storeScalar<T>(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  const v = load<T>(xmm(c, recReg(r)));
  if (isMem(r)) return writeValue<T>(c, linear<T>(c, r, true), v);
  store<T>(xmm(c, recRm(r)), v);
  return Status.NEXT;
}
export function hMovssLoad(c: Cpu, r: usize): i32 { return loadScalar<u32>(c, r); }
export function hMovssStore(c: Cpu, r: usize): i32 { return storeScalar<u32>(c, r); }
export function hMovsdLoad(c: Cpu, r: usize): i32 { return loadScalar<u64>(c, r); }
export function hMovsdStore(c: Cpu, r: usize): i32 { return storeScalar<u64>(c, r); }

/** MOVLPS, MOVLPD xmm, m64; with a register source MOVHLPS: the source's high half. */
export function hMovlpLoad(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  if (!s) return Status.FAULT;
  store<u64>(xmm(c, recReg(r)), isMem(r) ? load<u64>(s) : load<u64>(s, 8));
  return Status.NEXT;
}
/** MOVHPS, MOVHPD xmm, m64; with a register source MOVLHPS: the source's low half. */
export function hMovhpLoad(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  if (!s) return Status.FAULT;
  store<u64>(xmm(c, recReg(r)), load<u64>(s), 8);
  return Status.NEXT;
}
export function hMovlpStore(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  return writeValue<u64>(c, linear<u64>(c, r, true), load<u64>(xmm(c, recReg(r))));
}
export function hMovhpStore(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  return writeValue<u64>(c, linear<u64>(c, r, true), load<u64>(xmm(c, recReg(r)), 8));
}

// MXCSR --------------------------------------------------------------------------------------------

/** LDMXCSR: a reserved bit is #GP(0). */
export function hLdmxcsr(c: Cpu, r: usize): i32 {
  const s = looseSource<u32>(c, r);
  if (!s) return Status.FAULT;
  const v = load<u32>(s);
  if ((v & ~MXCSR_MASK) != 0) return raiseError(c, Vector.GP, 0);
  c.mxcsr = v;
  return Status.NEXT;
}
export function hStmxcsr(c: Cpu, r: usize): i32 {
  if (!sseReady(c)) return Status.FAULT;
  return writeValue<u32>(c, linear<u32>(c, r, true), c.mxcsr);
}
