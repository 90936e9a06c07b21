// MMX and SSE instructions that move elements between lanes: packs, unpacks, shuffles, horizontal operations,
// word inserts and extracts, mask moves, shifts (SDM vol. 2). The 66 prefix chooses XMM where both exist; the
// MMX variant pairs its 8-byte operands in one v128.

import { Cpu, RDI, Seg, Status } from "../cpu/state";
import {
  byteShiftLeft, byteShiftRight, join, palignr, palignrM, phaddd, phaddsw, phaddw, phsubd, phsubsw, phsubw,
    pshufb, pshufbM,
  pshufd, pshufhw, pshuflw, pslld, psllq, psllw, psrad, psraw, psrld, psrlq, psrlw, shufpd, shufps,
} from "../uop/sse-int";
import {
  RecFlag, readReg, recAddrMask, recFlags, recImm, recReg, recRm, recSeg, writeReg,
} from "../decode/record";
import { checkWrite, linear, linearBytes, readHost, writeValue } from "../mmu/access";
import {
  eitherFirst, eitherSource, lowSource, enterMmx, first, isXmm, looseSource, mmx, mmxReady, mmxSource, put,
    putEither,
    setMmx, source,
  sseReady, xmm,
} from "./sse-operand";

// Unpacks ------------------------------------------------------------------------------------------
// The low half of an XMM low unpack is the MMX low unpack; the MMX high unpack is bits 127:64 of an XMM low
// unpack.
// @ts-ignore: decorator
@inline
function upper(v: v128): v128 {
  return i64x2.shuffle(v, v, 1, 1);
}
export function hPunpcklbw(c: Cpu, r: usize): i32 {
  const s = lowSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}
export function hPunpcklwd(c: Cpu, r: usize): i32 {
  const s = lowSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
}
export function hPunpckldq(c: Cpu, r: usize): i32 {
  const s = lowSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, i32x4.shuffle(a, b, 0, 4, 1, 5));
}
export function hPunpckhbw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r)
    ? i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    : upper(i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)));
}
export function hPunpckhwd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
    : upper(i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11)));
}
export function hPunpckhdq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? i32x4.shuffle(a, b, 2, 6, 3, 7) : upper(i32x4.shuffle(a, b, 0, 4, 1, 5)));
}
export function hPunpcklqdq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i64x2.shuffle(first(c, r), v128.load(s), 0, 2)) : Status.FAULT;
}
export function hPunpckhqdq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i64x2.shuffle(first(c, r), v128.load(s), 1, 3)) : Status.FAULT;
}
export function hUnpcklps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.shuffle(first(c, r), v128.load(s), 0, 4, 1, 5)) : Status.FAULT;
}
export function hUnpckhps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.shuffle(first(c, r), v128.load(s), 2, 6, 3, 7)) : Status.FAULT;
}

// Packs: for MMX the two 8-byte operands side by side are one XMM operand --------------------------

export function hPacksswb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? i8x16.narrow_i16x8_s(a, b) : i8x16.narrow_i16x8_s(join(a, b), a));
}
export function hPackuswb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? i8x16.narrow_i16x8_u(a, b) : i8x16.narrow_i16x8_u(join(a, b), a));
}
export function hPackssdw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? i16x8.narrow_i32x4_s(a, b) : i16x8.narrow_i32x4_s(join(a, b), a));
}
export function hPhaddw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phaddw(a, b) : phaddw(join(a, b), a));
}
export function hPhaddd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phaddd(a, b) : phaddd(join(a, b), a));
}
export function hPhaddsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phaddsw(a, b) : phaddsw(join(a, b), a));
}
export function hPhsubw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phsubw(a, b) : phsubw(join(a, b), a));
}
export function hPhsubd(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phsubd(a, b) : phsubd(join(a, b), a));
}
export function hPhsubsw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? phsubsw(a, b) : phsubsw(join(a, b), a));
}

// Shuffles -----------------------------------------------------------------------------------------

export function hPshufd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, pshufd(v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hPshuflw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, pshuflw(v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hPshufhw(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, pshufhw(v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hShufps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, shufps(first(c, r), v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hShufpd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, shufpd(first(c, r), v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hMovsldup(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.shuffle(v128.load(s), v128.load(s), 0, 0, 2, 2)) : Status.FAULT;
}
export function hMovshdup(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, i32x4.shuffle(v128.load(s), v128.load(s), 1, 1, 3, 3)) : Status.FAULT;
}
/** MOVDDUP: the low quadword twice; memory is 8 bytes and need not be aligned. */
export function hMovddup(c: Cpu, r: usize): i32 {
  const s = looseSource<u64>(c, r);
  return s ? put(c, r, i64x2.splat(load<u64>(s))) : Status.FAULT;
}
export function hPshufw(c: Cpu, r: usize): i32 {
  const s = mmxSource(c, r);
  return s ? putEither(c, r, pshuflw(v128.load(s), <u32>recImm(r))) : Status.FAULT;
}
export function hPshufb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s);
  return putEither(c, r, isXmm(r) ? pshufb(a, b) : pshufbM(a, b));
}
export function hPalignr(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const a = eitherFirst(c, r), b = v128.load(s), n = <u32>recImm(r) & 0xFF;
  return putEither(c, r, isXmm(r) ? palignr(a, b, n) : palignrM(a, b, n));
}

// Shifts: the count is a quadword operand or an immediate ------------------------------------------

export function hPsllw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psllw(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsllwImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psllw(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPslld(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, pslld(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPslldImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, pslld(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsllq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psllq(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsllqImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psllq(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsrlw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psrlw(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsrlwImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psrlw(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsrld(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psrld(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsrldImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psrld(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsrlq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psrlq(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsrlqImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psrlq(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsraw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psraw(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsrawImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psraw(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsrad(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putEither(c, r, psrad(eitherFirst(c, r), load<u64>(s))) : Status.FAULT;
}
export function hPsradImm(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, psrad(v128.load(s), recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPsrldq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, byteShiftRight(v128.load(s), <u32>recImm(r) & 0xFF)) : Status.FAULT;
}
export function hPslldq(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  return s ? putRm(c, r, byteShiftLeft(v128.load(s), <u32>recImm(r) & 0xFF)) : Status.FAULT;
}

/** Result of a shift by immediate: its only register is r/m. */
// @ts-ignore: decorator
@inline
function putRm(c: Cpu, r: usize, v: v128): i32 {
  if (isXmm(r)) {
    v128.store(xmm(c, recRm(r)), v);
  } else {
    enterMmx(c);
    setMmx(c, recRm(r), i64x2.extract_lane(v, 0));
  }
  return Status.NEXT;
}

// Words and masks ----------------------------------------------------------------------------------

/** PINSRW: from the low word of a general register or from memory. */
export function hPinsrw(c: Cpu, r: usize): i32 {
  const wide = isXmm(r);
  if (!(wide ? sseReady(c) : mmxReady(c))) return Status.FAULT;
  let v: u16;
  if (recFlags(r) & RecFlag.MEM) {
    const h = readHost<u16>(c, linear<u16>(c, r, false));
    if (!h) return Status.FAULT;
    v = load<u16>(h);
  } else {
    v = readReg<u16>(c, recRm(r));
  }
  const n = <u32>recImm(r);
  if (wide) {
    store<u16>(xmm(c, recReg(r)) + ((n & 7) << 1), v);
  } else {
    enterMmx(c);
    const at = mmx(c, recReg(r));
    store<u16>(at + ((n & 3) << 1), v);
    setMmx(c, recReg(r), load<u64>(at));
  }
  return Status.NEXT;
}

/** PEXTRW r, mm/xmm, imm8: the register is in ModRM.reg. */
export function hPextrw(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  if (!isXmm(r)) enterMmx(c);
  const n = <u32>recImm(r) & (isXmm(r) ? 7 : 3);
  writeReg<u64>(c, recReg(r), <u64>load<u16>(s + (n << 1)));
  return Status.NEXT;
}

export function hPmovmskb(c: Cpu, r: usize): i32 {
  const s = eitherSource(c, r);
  if (!s) return Status.FAULT;
  const bits = <u32>i8x16.bitmask(v128.load(s));
  if (!isXmm(r)) enterMmx(c);
  writeReg<u64>(c, recReg(r), <u64>(isXmm(r) ? bits : bits & 0xFF));
  return Status.NEXT;
}
export function hMovmskps(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  writeReg<u64>(c, recReg(r), <u64><u32>i32x4.bitmask(v128.load(s)));
  return Status.NEXT;
}
export function hMovmskpd(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  writeReg<u64>(c, recReg(r), <u64><u32>i64x2.bitmask(v128.load(s)));
  return Status.NEXT;
}

/**
 * MASKMOVQ, MASKMOVDQU: bytes of reg whose mask byte in r/m has bit 7, to seg:rDI. A mask of zero faults like
 * a write.
 */
export function hMaskmov(c: Cpu, r: usize): i32 {
  const mask = eitherSource(c, r);
  if (!mask) return Status.FAULT;
  const wide = isXmm(r);
  const n: u32 = wide ? 16 : 8;
  const va = linearBytes(c, recSeg(r), readReg<u64>(c, RDI) & recAddrMask(r), n, true);
  if (checkWrite(c, va, n)) return Status.FAULT;
  if (!wide) enterMmx(c);
  const from = wide ? xmm(c, recReg(r)) : mmx(c, recReg(r));
  let status: i32 = Status.NEXT;
  for (let i: u32 = 0; i < n; i++) {
    if (!(load<u8>(mask + i) & 0x80)) continue;
    const one = writeValue<u8>(c, va + i, load<u8>(from + i));
    if (one == Status.FAULT) return one;
    status |= one;
  }
  return status;
}
