// Instruction decoder for 16-, 32- and 64-bit code (SDM vol. 2 ch. 2 and appendix A): bytes in, one record
// out. What exists is in gen/decode-tables.ts, generated from isa/. EVEX is not decoded (#UD; BOUND in legacy
// modes).
//
// Match condition (CONDITIONS): bits 0-2 Match.prefix (or NONE_OR_66), 3-6 8 | ModRM.rm or 0, 7-8 mode (1 = 64,
// 2 = legacy), 9-10 REX.W (1 = 1, 2 = 0), 11-12 operand size (1 = 16, 2 = 32), 13-14 address size (1 = 16,
// 2 = 32, 3 = 64), 15-16 VEX.L (1 = 0, 2 = 1), 17 REX.B must be 0, 31 last candidate of the list.
// Row (ROWS, 12 bytes): u16 first form, u8 FormKind, u8 Imm, u8 Kind of reg, u8 Kind of rm, u8 Kind of the
// register in the opcode (0x80: also copied to reg), u8 Kind of VEX.vvvv, u8 RowFlag.
// Form (FORMS): u16 hot-switch number | requirement bits, u16 function number.

import { CodeMode, Cpu, RegOffset, Seg } from "../cpu/state";
import {
  CANDIDATE_ROWS, CONDITIONS, FORMS, HAS_MODRM, OPCODES, ROWS, ROW_BYTES, SPLITS,
} from "../gen/decode-tables";
import { handlerIndex } from "../gen/handler-index";
import { Op, RecFlag, RecOffset } from "./record";

const MAX_INSN: u32 = 15;

const enum RowFlag { BYTE = 1, SIZE64 = 2, FORCED64 = 4, LOCK = 8, ENDS = 16, PREFIX66 = 32, SWAP = 64,
  FORCE_REG = 128 }
const enum Kind { NONE = 0, GPR8 = 1, GPR = 2, PLAIN = 3, PLAIN8 = 4 }
const enum Imm { NONE = 0, IB = 1, IBS = 2, IW = 3, ID = 4, IZ = 5, IV = 6, IQ = 7, JB = 8, JZ = 9, AP = 10,
  MOFFS = 11, IW_IB = 12 }
/** Forms of a row: one; by register, memory, LOCKed memory; by size and those; by size. */
const enum FormKind { SINGLE = 0, MEMORY = 1, FULL = 2, SIZE = 3 }
/** Requirement bits of a hot form. */
const enum Hot { MODE64 = 0x8000, NATURAL = 0x4000, LEGACY = 0x2000, NUMBER = 0x1FFF }
/** Numbers of fixed functions in gen/handler-index.ts. */
const enum Fixed { UNDEFINED = 0, TOO_LONG = 1 }
/** Of Match.prefix: neither F2 nor F3 (SDM vol. 2 3.1.1.1 NFx). */
const NONE_OR_66: u32 = 5;
const enum Map { ONE = 0, OF = 1, OF38 = 2, OF3A = 3, VEX = 4 }
const enum Rex { B = 1, X = 2, R = 4, W = 8 }

/** Set by decodeInsn: nothing is to be decoded behind this instruction (jump, return, mode change). */
export let decodedEndsBlock: bool = false;
/** Set by decodeInsn: row of the instruction table (isa/gen/names.ts), -1 = undefined opcode. */
export let decodedRow: i32 = -1;

// The instruction being decoded (this thread).
let at: usize = 0;
let end: usize = 0;
let short: bool = false;
let rex: u32 = 0;
let hasRex: bool = false;
let flags: u32 = 0;
let segOverride: i32 = -1;
let addressSize: u32 = 0;
let addressPrefix: bool = false;
let vexPrefix: u32 = 0;
let vexL: u32 = 0;
let vexV: u32 = 0;
let isVex: bool = false;
let map: u32 = 0;

// @ts-ignore: decorator
@inline
function nextByte(): u32 {
  if (at >= end) {
    short = true;
    return 0;
  }
  return load<u8>(at++);
}

/** n bytes, zero-extended. */
function nextBytes(n: usize): u64 {
  if (at + n > end) {
    short = true;
    at = end;
    return 0;
  }
  const from = at;
  at += n;
  if (n == 1) return load<u8>(from);
  if (n == 2) return load<u16>(from);
  if (n == 4) return load<u32>(from);
  return load<u64>(from);
}

function readPrefixes(mode: CodeMode): u32 {
  for (;;) {
    const b = nextByte();
    switch (b) {
      case 0x26: segOverride = Seg.ES; break;
      case 0x2E: segOverride = Seg.CS; break;
      case 0x36: segOverride = Seg.SS; break;
      case 0x3E: segOverride = Seg.DS; break;
      case 0x64: segOverride = Seg.FS; break;
      case 0x65: segOverride = Seg.GS; break;
      case 0x66: flags |= RecFlag.OPSIZE; break;
      case 0x67: addressPrefix = true; break;
      case 0xF0: flags |= RecFlag.LOCK; break;
      case 0xF2: flags = (flags & ~RecFlag.REP) | RecFlag.REPNE; break;
      case 0xF3: flags = (flags & ~RecFlag.REPNE) | RecFlag.REP; break;
      default: {
        if (mode != CodeMode.M64 || (b & 0xF0) != 0x40 || short) return b;
        rex = b & 15;
        hasRex = true;
        continue;
      }
    }
    // A REX prefix counts only right before the opcode.
    rex = 0;
    hasRex = false;
  }
  return 0;
}

/**
 * C4 or C5 as a VEX prefix: in 64-bit mode always, elsewhere when ModRM.mod would be 3. Returns the opcode.
 */
function readVex(first: u32): u32 {
  const p1 = nextByte();
  isVex = true;
  if (first == 0xC5) {
    rex = p1 & 0x80 ? 0 : Rex.R;
    map = Map.VEX;
    readVexLast(p1);
  } else {
    rex = (~p1 >> 5) & 7;
    map = Map.VEX - 1 + (p1 & 31);
    const p2 = nextByte();
    if (p2 & 0x80) rex |= Rex.W;
    readVexLast(p2);
  }
  return nextByte();
}

function readVexLast(p: u32): void {
  const pp = p & 3;
  // 0 none, 1 = 66, 2 = F3, 3 = F2.
  vexPrefix = pp;
  vexL = (p >> 2) & 1;
  vexV = (~p >> 3) & 15;
}

/** Match.prefix number of what was seen: 1 none, 2 = 66, 3 = F3, 4 = F2. */
function seenPrefix(): u32 {
  if (isVex) return vexPrefix + 1;
  if (flags & RecFlag.REP) return 3;
  if (flags & RecFlag.REPNE) return 4;
  return flags & RecFlag.OPSIZE ? 2 : 1;
}

function matches(condition: u32, seen: u32, modrm: u32, mode: CodeMode): bool {
  const prefix = condition & 7;
  if (prefix == NONE_OR_66) {
    if (seen > 2) return false;
  } else if (prefix != 0 && prefix != seen) return false;
  const rm = (condition >> 3) & 15;
  if (rm != 0 && (rm & 7) != (modrm & 7)) return false;
  const modes = (condition >> 7) & 3;
  if (modes != 0 && (modes == 1) != (mode == CodeMode.M64)) return false;
  const w = (condition >> 9) & 3;
  // Outside 64-bit mode W of VEX is ignored for what matters here, and there is no REX.
  if (w != 0 && (w == 1) != ((rex & Rex.W) != 0)) return false;
  const size = (condition >> 11) & 3;
  if (size != 0 && (size == 1) != (((flags & RecFlag.OPSIZE) != 0) != (mode == CodeMode.M16))) return false;
  const address = (condition >> 13) & 3;
  if (address != 0 && address != addressSize + 1) return false;
  const l = (condition >> 15) & 3;
  if (l != 0 && l != vexL + 1) return false;
  return (condition & (1 << 17)) == 0 || (rex & Rex.B) == 0;
}

/** Row of the opcode, -1 = undefined. */
function findRow(opcode: u32, modrm: u32, mode: CodeMode): i32 {
  const key = map * 256 + opcode;
  let list = <u32>load<u16>(OPCODES + (key << 1));
  if (list & 0x8000) {
    const k = ((list & 0x7FFF) << 4) + ((modrm >> 3) & 7) + (modrm >= 0xC0 ? 8 : 0);
    list = load<u16>(SPLITS + (k << 1));
  }
  if (list == 0) return -1;
  const seen = seenPrefix();
  for (;; list++) {
    const condition = load<u32>(CONDITIONS + (list << 2));
    if (matches(condition, seen, modrm, mode)) return load<u16>(CANDIDATE_ROWS + (list << 1));
    if (condition >> 31) return -1;
  }
  return -1;
}

/** Value of a register field: byte offset in Cpu for a GPR, else the number. */
function registerField(kind: u32, n: u32, extension: u32): u32 {
  const full = n | (extension ? 8 : 0);
  if (kind == Kind.GPR) return full << 3;
  // Without REX the byte registers 4..7 are AH CH DH BH.
  if (kind == Kind.GPR8) return !hasRex && !isVex && n >= 4 ? ((n - 4) << 3) + 1 : full << 3;
  return kind == Kind.PLAIN8 ? n : full;
}

function setMemory(r: usize, base: u32, index: u32, scale: u32, disp: i64, seg: u32, mode: CodeMode): void {
  store<u8>(r, base, RecOffset.BASE);
  store<u8>(r, index, RecOffset.INDEX);
  store<i64>(r, disp, RecOffset.DISP);
  flags |= RecFlag.MEM;
  const s = setSegment(r, seg, scale, mode);
  if (mode != CodeMode.M64 || s >= <u32>Seg.FS || addressSize != 2) flags |= RecFlag.COMPLEX;
}

/** Record the segment; returns it. In 64-bit mode only FS and GS overrides count (SDM vol. 1 3.3.4). */
function setSegment(r: usize, seg: u32, scale: u32, mode: CodeMode): u32 {
  const overridden = segOverride >= 0 && (mode != CodeMode.M64 || segOverride >= Seg.FS);
  const s = overridden ? <u32>segOverride : seg;
  store<u8>(r, s | (scale << 4) | (overridden ? 0x80 : 0), RecOffset.SEG_SCALE);
  return s;
}

/** 16-bit addressing forms (SDM vol. 2 table 2-1). */
function readMemory16(r: usize, modrm: u32, mode: CodeMode): void {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base: u32 = RegOffset.ZERO;
  let index: u32 = RegOffset.ZERO;
  let seg: u32 = Seg.DS;
  switch (rm) {
    case 0: base = 3 << 3; index = 6 << 3; break;
    case 1: base = 3 << 3; index = 7 << 3; break;
    case 2: base = 5 << 3; index = 6 << 3; seg = Seg.SS; break;
    case 3: base = 5 << 3; index = 7 << 3; seg = Seg.SS; break;
    case 4: base = 6 << 3; break;
    case 5: base = 7 << 3; break;
    case 6: base = 5 << 3; seg = Seg.SS; break;
    default: base = 3 << 3;
  }
  let disp: i64 = 0;
  if (mod == 0 && rm == 6) {
    base = RegOffset.ZERO;
    seg = Seg.DS;
    disp = <i64>nextBytes(2);
  } else if (mod == 1) disp = <i64><i8>nextByte();
  else if (mod == 2) disp = <i64><i16>nextBytes(2);
  setMemory(r, base, index, 0, disp, seg, mode);
}

/**
 * 32- and 64-bit addressing forms (SDM vol. 2 tables 2-2, 2-3; RIP-relative 2.2.1.6). Returns true for
 * RIP-relative.
 */
function readMemory32(r: usize, modrm: u32, mode: CodeMode): bool {
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let index: u32 = RegOffset.ZERO;
  let scale: u32 = 0;
  if (rm == 4) {
    const sib = nextByte();
    rm = sib & 7;
    const i = ((sib >> 3) & 7) | (rex & Rex.X ? 8 : 0);
    if (i != 4) {
      index = i << 3;
      scale = sib >> 6;
    }
    if (rm == 5 && mod == 0) {
      setMemory(r, RegOffset.ZERO, index, scale, <i64><i32>nextBytes(4), Seg.DS, mode);
      return false;
    }
  } else if (rm == 5 && mod == 0) {
    const relative = mode == CodeMode.M64;
    setMemory(r, relative ? RegOffset.IP_BASE : RegOffset.ZERO, RegOffset.ZERO, 0, <i64><i32>nextBytes(4),
      Seg.DS, mode);
    return relative;
  }
  const base = rm | (rex & Rex.B ? 8 : 0);
  const disp: i64 = mod == 1 ? <i64><i8>nextByte() : mod == 2 ? <i64><i32>nextBytes(4) : 0;
  setMemory(r, base << 3, index, scale, disp, base == 4 || base == 5 ? Seg.SS : Seg.DS, mode);
  return false;
}

function readImmediate(r: usize, kind: u32, size: u32, mode: CodeMode): i64 {
  switch (kind) {
    case Imm.NONE: return 0;
    case Imm.IB: return <i64>nextByte();
    case Imm.IBS:
    case Imm.JB: return <i64><i8>nextByte();
    case Imm.IW: return <i64>nextBytes(2);
    case Imm.ID: return <i64>nextBytes(4);
    case Imm.IZ:
    case Imm.JZ: return size == 1 ? <i64><i16>nextBytes(2) : <i64><i32>nextBytes(4);
    case Imm.IV: return size == 1 ? <i64>nextBytes(2) : size == 2 ? <i64>nextBytes(4) : <i64>nextBytes(8);
    case Imm.IQ: return <i64>nextBytes(8);
    case Imm.AP: {
      const offset = nextBytes(size == 1 ? 2 : 4);
      return <i64>(offset | (nextBytes(2) << 32));
    }
    case Imm.IW_IB: {
      const first = nextBytes(2);
      return <i64>(first | (nextBytes(1) << 16));
    }
    default: {
      const offset = nextBytes(addressSize == 0 ? 2 : addressSize == 1 ? 4 : 8);
      setMemory(r, RegOffset.ZERO, RegOffset.ZERO, 0, <i64>offset, Seg.DS, mode);
      return 0;
    }
  }
}

function operandSize(row: usize, mode: CodeMode): u32 {
  const rowFlags = <u32>load<u8>(row, 8);
  const prefix = (flags & RecFlag.OPSIZE) != 0 && !(rowFlags & RowFlag.PREFIX66);
  if (rowFlags & RowFlag.BYTE) return 0;
  if (mode == CodeMode.M64) {
    if (rex & Rex.W) return 3;
    if (rowFlags & RowFlag.FORCED64) return 3;
    if (prefix) return 1;
    return rowFlags & RowFlag.SIZE64 ? 3 : 2;
  }
  return prefix == (mode == CodeMode.M32) ? 1 : 2;
}

/** A record that raises: undefined opcode, or longer than 15 bytes. */
function finishFixed(r: usize, fixed: u32, length: u32): u32 {
  decodedRow = -1;
  decodedEndsBlock = true;
  store<u16>(r, Op.GENERIC, RecOffset.OP);
  store<u8>(r, length, RecOffset.LEN);
  store<u8>(r, flags & ~(<u32>RecFlag.MEM | RecFlag.COMPLEX), RecOffset.FLAGS);
  store<u32>(r, handlerIndex(fixed), RecOffset.HANDLER);
  return length;
}

function startRecord(off: u32, mode: CodeMode, r: usize): void {
  rex = 0;
  hasRex = false;
  flags = 0;
  segOverride = -1;
  addressPrefix = false;
  vexPrefix = 0;
  vexL = 0;
  vexV = 0;
  isVex = false;
  short = false;
  map = Map.ONE;
  decodedEndsBlock = false;
  store<u64>(r, 0);
  store<u64>(r, RegOffset.ZERO | (RegOffset.ZERO << 8) | (Seg.DS << 16) | (mode << 28), 8);
  store<u64>(r, 0, 16);
  store<u64>(r, 0, 24);
  store<u16>(r, off, RecOffset.OFF);
}

/** Opcode and map; the first opcode byte is b. */
function readOpcode(b: u32, mode: CodeMode): u32 {
  if (b == 0x0F) {
    map = Map.OF;
    const second = nextByte();
    if (second == 0x38) map = Map.OF38;
    else if (second == 0x3A) map = Map.OF3A;
    else return second;
    return nextByte();
  }
  if ((b & 0xFE) == 0xC4 && at < end && (mode == CodeMode.M64 || load<u8>(at) >= 0xC0)) return readVex(b);
  return b;
}

/** Not enough bytes: 0, or #GP when 15 were there. */
function tooShort(r: usize, avail: u32): u32 {
  return avail >= MAX_INSN ? finishFixed(r, Fixed.TOO_LONG, MAX_INSN) : 0;
}

/**
 * Decode the instruction at host address `bytes`, of which `avail` bytes may be read, at page offset `off`,
 * into record r. Returns its length, or 0 when `avail` bytes do not suffice.
 */
export function decodeInsn(c: Cpu, bytes: usize, avail: u32, off: u32, mode: CodeMode, r: usize): u32 {
  startRecord(off, mode, r);
  const limit = avail < MAX_INSN ? avail : MAX_INSN;
  at = bytes;
  end = bytes + limit;
  const opcode = readOpcode(readPrefixes(mode), mode);
  addressSize = mode == CodeMode.M64 ? (addressPrefix ? 1 : 2) : (mode == CodeMode.M32) != addressPrefix ? 1
    : 0;
  // VEX after 66, F2, F3, LOCK or REX is undefined (SDM vol. 2 2.3.2 to 2.3.4), and so are its reserved maps.
  const badVex = isVex && (hasRex || map > 6 || map < <u32>Map.VEX ||
    (flags & (<u32>RecFlag.OPSIZE | RecFlag.REP | RecFlag.REPNE | RecFlag.LOCK)) != 0);
  const key = map * 256 + opcode;
  const hasModrm = !badVex && load<u8>(HAS_MODRM + key) != 0;
  const modrm = hasModrm ? nextByte() : 0;
  if (short) return tooShort(r, avail);
  const n = badVex ? -1 : findRow(opcode, modrm, mode);
  const row = ROWS + <usize>n * ROW_BYTES;
  // VEX.vvvv must be 1111 in an instruction that does not use it.
  if (n < 0 || (isVex && vexV != 0 && load<u8>(row, 7) == 0)) return finishFixed(r, Fixed.UNDEFINED,
    <u32>(at - bytes));
  const rowFlags = <u32>load<u8>(row, 8);
  setSegment(r, Seg.DS, 0, mode);
  let relative = false;
  if (hasModrm && modrm < 0xC0 && !(rowFlags & RowFlag.FORCE_REG)) {
    if (addressSize == 0) readMemory16(r, modrm, mode);
    else relative = readMemory32(r, modrm, mode);
  }
  const size = operandSize(row, mode);
  const imm = load<u8>(row, 3);
  store<i64>(r, readImmediate(r, imm, size, mode), RecOffset.IMM);
  if (short) return tooShort(r, avail);
  const length = <u32>(at - bytes);
  if (flags & RecFlag.LOCK && !((rowFlags & RowFlag.LOCK) && (flags & RecFlag.MEM))) {
    return finishFixed(r, Fixed.UNDEFINED, length);
  }
  if (relative) store<i64>(r, load<i64>(r, RecOffset.DISP) + off + length, RecOffset.DISP);
  else if (imm == Imm.JB || imm == Imm.JZ) store<i64>(r, load<i64>(r, RecOffset.IMM) + off + length,
    RecOffset.DISP);
  writeRegisters(r, row, opcode, modrm);
  finish(r, <u32>n, row, length, size, mode);
  return length;
}

function writeRegisters(r: usize, row: usize, opcode: u32, modrm: u32): void {
  const z = <u32>load<u8>(row, 6);
  let reg: u32 = 0;
  let rm: u32 = 0;
  if (z) {
    rm = registerField(z & 0x7F, opcode & 7, rex & Rex.B);
    if (z & 0x80) reg = rm;
  }
  const regKind = <u32>load<u8>(row, 4);
  const rmKind = <u32>load<u8>(row, 5);
  if (regKind) reg = registerField(regKind, (modrm >> 3) & 7, rex & Rex.R);
  if (rmKind && !(flags & RecFlag.MEM)) rm = registerField(rmKind, modrm & 7, rex & Rex.B);
  if (load<u8>(row, 8) & RowFlag.SWAP && !(flags & RecFlag.MEM)) {
    const t = reg;
    reg = rm;
    rm = t;
  }
  store<u8>(r, reg, RecOffset.REG);
  store<u8>(r, rm, RecOffset.RM);
  if (isVex) store<u8>(r, registerField(load<u8>(row, 7), vexV & 7, vexV & 8), RecOffset.IMM + 7);
}

function finish(r: usize, n: u32, row: usize, length: u32, size: u32, mode: CodeMode): void {
  decodedRow = n;
  decodedEndsBlock = (load<u8>(row, 8) & RowFlag.ENDS) != 0;
  if (hasRex) flags |= RecFlag.REX;
  store<u8>(r, length, RecOffset.LEN);
  store<u8>(r, flags, RecOffset.FLAGS);
  store<u8>(r, size | (addressSize << 2) | (mode << 4), RecOffset.SIZE);
  const variant: u32 = flags & RecFlag.MEM ? (flags & RecFlag.LOCK ? 2 : 1) : 0;
  let form = <u32>load<u16>(row);
  const kind = <u32>load<u8>(row, 2);
  if (kind == FormKind.MEMORY) form += variant;
  else if (kind == FormKind.FULL) form += size * 3 + variant;
  else if (kind == FormKind.SIZE) form += size;
  const hot = <u32>load<u16>(FORMS + (form << 2));
  store<u32>(r, handlerIndex(load<u16>(FORMS + (form << 2), 2)), RecOffset.HANDLER);
  store<u16>(r, usable(hot, r, size, mode) ? hot & Hot.NUMBER : Op.GENERIC, RecOffset.OP);
}

/** May the record be executed by its form of the hot switch of its mode (gen/exec-*.ts)? */
function usable(hot: u32, r: usize, size: u32, mode: CodeMode): bool {
  if ((hot & Hot.NUMBER) == 0 || (flags & RecFlag.LOCK) != 0) return false;
  if (mode == CodeMode.M64) return (hot & Hot.LEGACY) == 0 && (flags & RecFlag.COMPLEX) == 0;
  if (hot & Hot.MODE64) return false;
  // The switch of 16-bit code goes through the record's segment and address size, and wraps targets.
  if (mode == CodeMode.M16) return true;
  if (hot & Hot.NATURAL && size != 2) return false;
  if (!(flags & RecFlag.MEM)) return true;
  const seg = <u32>load<u8>(r, RecOffset.SEG_SCALE) & 7;
  return addressSize == 1 && seg != <u32>Seg.CS && seg < <u32>Seg.FS;
}
