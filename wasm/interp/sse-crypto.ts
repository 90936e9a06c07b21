// AES-NI, SHA extensions, PCLMULQDQ (SDM vol. 2): operands; the arithmetic is uop/sse-crypto.ts.

import { Cpu, Status } from "../cpu/state";
import { recImm, recReg } from "../decode/record";
import {
  aesdec, aesdeclast, aesenc, aesenclast, aesimc, aeskeygenassist, clmul, sha1msg1, sha1msg2, sha1nexte,
  sha1rnds4, sha256msg1, sha256msg2, sha256rnds2,
} from "../uop/sse-crypto";
import { first, put, source, xmm } from "./sse-operand";

export function hAesenc(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aesenc(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hAesenclast(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aesenclast(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hAesdec(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aesdec(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hAesdeclast(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aesdeclast(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hSha1nexte(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha1nexte(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hSha1msg1(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha1msg1(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hSha1msg2(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha1msg2(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hSha256msg1(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha256msg1(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hSha256msg2(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha256msg2(first(c, r), v128.load(s))) : Status.FAULT;
}
export function hAesimc(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aesimc(v128.load(s))) : Status.FAULT;
}
export function hAeskeygenassist(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, aeskeygenassist(v128.load(s), <u32>recImm(r) & 0xFF)) : Status.FAULT;
}
/** Bits 0 and 4 of the immediate choose the quadwords. */
export function hPclmulqdq(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  if (!s) return Status.FAULT;
  const a = load<u64>(xmm(c, recReg(r)) + (<usize>(recImm(r) & 1) << 3));
  return put(c, r, clmul(a, load<u64>(s + (<usize>((recImm(r) >> 4) & 1) << 3))));
}
export function hSha1rnds4(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha1rnds4(first(c, r), v128.load(s), <u32>recImm(r) & 3)) : Status.FAULT;
}
export function hSha256rnds2(c: Cpu, r: usize): i32 {
  const s = source(c, r);
  return s ? put(c, r, sha256rnds2(first(c, r), v128.load(s), v128.load(xmm(c, 0)))) : Status.FAULT;
}
