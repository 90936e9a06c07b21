// Writes WebAssembly's binary format (core specification 2.0, section 5): LEB128 numbers, instructions, and
// a function's entry in the code section with its branch hints. The module around them is the host's
// (src/emu/workers/region-module.ts).

/** Opcodes used. */
export const enum W {
  UNREACHABLE = 0x00, BLOCK = 0x02, LOOP = 0x03, IF = 0x04, ELSE = 0x05, END = 0x0B, BR = 0x0C,
  BR_IF = 0x0D, BR_TABLE = 0x0E, CALL = 0x10, DROP = 0x1A, SELECT = 0x1B,
  GET = 0x20, SET = 0x21, TEE = 0x22, GLOBAL_GET = 0x23, GLOBAL_SET = 0x24,
  I32_LOAD = 0x28, I64_LOAD = 0x29, I32_LOAD8_S = 0x2C, I32_LOAD8_U = 0x2D, I32_LOAD16_S = 0x2E,
  I32_LOAD16_U = 0x2F, I64_LOAD16_S = 0x32, I64_LOAD32_S = 0x34, I64_LOAD32_U = 0x35,
  I32_STORE = 0x36, I64_STORE = 0x37, I32_STORE8 = 0x3A, I32_STORE16 = 0x3B,
  I32_CONST = 0x41, I64_CONST = 0x42, I32_EQZ = 0x45, I32_EQ = 0x46, I32_NE = 0x47, I32_LT_S = 0x48,
  I32_LT_U = 0x49, I32_LE_S = 0x4C, I32_LE_U = 0x4D, I32_GE_U = 0x4F,
  I64_EQZ = 0x50, I64_EQ = 0x51, I64_NE = 0x52, I64_LT_S = 0x53, I64_LT_U = 0x54, I64_LE_S = 0x57,
  I64_LE_U = 0x58, I64_GE_U = 0x5A,
  I32_CLZ = 0x67, I32_CTZ = 0x68, I64_CLZ = 0x79, I32_POPCNT = 0x69, I32_ADD = 0x6A, I32_SUB = 0x6B,
  I32_MUL = 0x6C, I32_DIV_S = 0x6D, I32_DIV_U = 0x6E, I32_REM_S = 0x6F, I32_REM_U = 0x70, I32_AND = 0x71,
  I32_OR = 0x72, I32_XOR = 0x73,
  I32_SHL = 0x74, I32_SHR_S = 0x75, I32_SHR_U = 0x76, I32_ROTL = 0x77, I32_ROTR = 0x78,
  I64_ADD = 0x7C, I64_SUB = 0x7D, I64_MUL = 0x7E, I64_DIV_U = 0x80,
  I64_AND = 0x83, I64_OR = 0x84, I64_XOR = 0x85,
  I64_SHL = 0x86, I64_SHR_S = 0x87, I64_SHR_U = 0x88, I64_ROTL = 0x89, I64_ROTR = 0x8A, I32_WRAP = 0xA7,
  I64_EXTEND_S = 0xAC, I64_EXTEND_U = 0xAD,
  I32_EXTEND8 = 0xC0,
  I32_EXTEND16 = 0xC1,
  F32_LOAD = 0x2A, F64_LOAD = 0x2B, F64_STORE = 0x39, F64_CONST = 0x44,
  F32_EQ = 0x5B, F32_NE = 0x5C, F64_EQ = 0x61, F64_NE = 0x62, F64_LT = 0x63, F64_GT = 0x64, F64_GE = 0x66,
  F32_ABS = 0x8B, F32_CEIL = 0x8D, F32_FLOOR = 0x8E, F32_TRUNC = 0x8F, F32_NEAREST = 0x90, F32_SQRT = 0x91,
  F32_ADD = 0x92, F32_SUB = 0x93, F32_MUL = 0x94, F32_DIV = 0x95, F64_ABS = 0x99, F64_NEAREST = 0x9E,
  F64_DIV = 0xA3,
  I32_TRUNC_F64_S = 0xAA, I64_TRUNC_F64_S = 0xB0, F32_CONVERT_I32_S = 0xB2, F32_CONVERT_I64_S = 0xB4,
  F32_DEMOTE = 0xB6, F64_CONVERT_I32_S = 0xB7, F64_CONVERT_I64_S = 0xB9, F64_PROMOTE = 0xBB,
  I32_REINTERPRET = 0xBC, I64_REINTERPRET = 0xBD,
  RETURN = 0x0F, SIMD = 0xFD, VOID = 0x40, I32 = 0x7F, I64 = 0x7E, V128 = 0x7B, F32 = 0x7D, F64 = 0x7C,
}
/** Numbers behind the SIMD prefix. */
export const enum V {
  LOAD = 0x00, LOAD64_SPLAT = 0x0A, STORE = 0x0B, CONST = 0x0C, SHUFFLE = 0x0D, SWIZZLE = 0x0E,
  SPLAT32 = 0x11, SPLAT64 = 0x12, EXTRACT8_U = 0x16, REPLACE8 = 0x17, EXTRACT16_U = 0x19, REPLACE16 = 0x1A,
  EXTRACT32 = 0x1B, REPLACE32 = 0x1C, EXTRACT64 = 0x1D, REPLACE64 = 0x1E,
  EQ8 = 0x23, LT_S8 = 0x25, EQ16 = 0x2D, LT_S16 = 0x2F, EQ32 = 0x37, LT_S32 = 0x39,
  AND = 0x4E, ANDNOT = 0x4F, OR = 0x50, XOR = 0x51, BITSELECT = 0x52, ANY_TRUE = 0x53,
  LOAD8_LANE = 0x54, LOAD64_LANE = 0x57, STORE8_LANE = 0x58, STORE32_LANE = 0x5A, STORE64_LANE = 0x5B,
  LOAD32_ZERO = 0x5C, LOAD64_ZERO = 0x5D,
  SUB_SAT_U8 = 0x73, EXTADD16_U = 0x7D, EXTADD32_U = 0x7F, Q15MULR16 = 0x82,
  EXTEND16_LOW_S = 0x87, SHL16 = 0x8B, SHR_S16 = 0x8C, SHR_U16 = 0x8D, ADD_SAT_S16 = 0x8F, MUL16 = 0x95,
  SHR_U64 = 0xCD, ADD64 = 0xCE,
}
/** The same for floating point: those on four singles, and those on two doubles that have no sister. */
export const enum F {
  SPLAT_F32 = 0x13, SPLAT_F64 = 0x14, EXTRACT_F32 = 0x1F, REPLACE_F32 = 0x20, EXTRACT_F64 = 0x21,
  REPLACE_F64 = 0x22,
  F32X4_EQ = 0x41, F32X4_NE = 0x42, F32X4_LT = 0x43, F32X4_GT = 0x44, F32X4_LE = 0x45, F32X4_GE = 0x46,
  F64X2_EQ = 0x47, AND = 0x4E, OR = 0x50,
  F32X4_CEIL = 0x67, F32X4_FLOOR = 0x68, F32X4_TRUNC = 0x69, F32X4_NEAREST = 0x6A,
  F64X2_CEIL = 0x74, F64X2_FLOOR = 0x75, F64X2_TRUNC = 0x7A, F64X2_NEAREST = 0x94, I32X4_ALL_TRUE = 0xA3,
  F32X4_ABS = 0xE0, F32X4_SQRT = 0xE3, F32X4_ADD = 0xE4, F32X4_SUB = 0xE5, F32X4_MUL = 0xE6, F32X4_DIV = 0xE7,
  F32X4_PMIN = 0xEA, F32X4_PMAX = 0xEB, F64X2_ABS = 0xEC,
}
/** Distance from a 32-bit operation to its 64-bit sister. */
const WIDE_ARITHMETIC: u32 = W.I64_ADD - W.I32_ADD;
const WIDE_COMPARE: u32 = W.I64_EQZ - W.I32_EQZ;

const ATOMIC_PREFIX: u32 = 0xFE;
const PADDED: usize = 5;

let at: usize = 0;
let limit: usize = 0;
/** The buffer is full: the region is given up. */
export let overflowed: bool = false;

export function here(): usize { return at; }

export function byte(v: u32): void {
  if (at >= limit) {
    overflowed = true;
    return;
  }
  store<u8>(at++, v);
}

function uleb(v: u32): void {
  while (v >= 0x80) {
    byte((v & 0x7F) | 0x80);
    v >>= 7;
  }
  byte(v);
}

function sleb(v: i64): void {
  for (;;) {
    const low = <u32>v & 0x7F;
    v >>= 7;
    if ((v == 0 && (low & 0x40) == 0) || (v == -1 && (low & 0x40) != 0)) {
      byte(low);
      return;
    }
    byte(low | 0x80);
  }
}

/** A number of five bytes, filled in by endLength. */
function beginLength(): usize {
  for (let n: usize = 0; n < PADDED; n++) byte(0);
  return at;
}
function endLength(from: usize): void {
  let size = <u32>(at - from);
  for (let n: usize = 0; n < PADDED; n++) {
    store<u8>(from - PADDED + n, (size & 0x7F) | (n + 1 < PADDED ? 0x80 : 0));
    size >>= 7;
  }
}

export function op(code: W): void { byte(code); }
/** The 32-bit operation or its 64-bit sister. */
export function sized(code: W, wide: bool): void {
  const short = <u32>code;
  byte(wide ? short + (short < <u32>W.I32_CLZ ? WIDE_COMPARE : WIDE_ARITHMETIC) : short);
}
export function get(local: u32): void { byte(W.GET); uleb(local); }
export function set(local: u32): void { byte(W.SET); uleb(local); }
export function tee(local: u32): void { byte(W.TEE); uleb(local); }
export function const32(v: i32): void { byte(W.I32_CONST); sleb(<i64>v); }
export function const64(v: i64): void { byte(W.I64_CONST); sleb(v); }
/** A double, given as its bits. */
export function constF64(bits: u64): void {
  byte(W.F64_CONST);
  for (let n = 0; n < 8; n++) byte(<u32>(bits >> (n << 3)) & 0xFF);
}
export function constant(v: i64, wide: bool): void {
  if (wide) const64(v);
  else const32(<i32>v);
}
/** A load or store; `align` is the log2 that the engine may expect. */
export function access(code: W, align: u32, offset: u32): void {
  byte(code);
  uleb(align);
  uleb(offset);
}
/** An atomic operation, by sub-opcode; it demands this alignment. */
export function atomicAccess(code: u32, align: u32): void {
  byte(ATOMIC_PREFIX);
  uleb(code);
  uleb(align);
  uleb(0);
}
/**
 * The next branch is hardly ever taken (core specification, "Branch Hinting": metadata.code.branch_hint): the
 * engine moves what is behind it out of the way, which here are a dozen moves of registers per memory
 * operand.
 */
export function unlikely(): void {
  if (hintCount == MAX_HINTS) return;
  store<u32>(hints + (<usize>hintCount << 2), <u32>(at - bodySize));
  hintCount++;
}
export function br(code: W, depth: u32): void { byte(code); uleb(depth); }
export function number(v: u32): void { uleb(v); }
/** A vector instruction without immediates; its number follows the prefix. */
export function simd(code: u32): void { byte(W.SIMD); uleb(code); }
export function simdAccess(code: u32, align: u32, offset: u32): void {
  simd(code);
  uleb(align);
  uleb(offset);
}
/** The number of a lane, or sixteen bytes: of a constant, or of a shuffle's indices. */
export function lane(n: u32): void { byte(n); }
export function sixteen(low: u64, high: u64): void {
  for (let n = 0; n < 8; n++) byte(<u32>(low >> (n << 3)) & 0xFF);
  for (let n = 0; n < 8; n++) byte(<u32>(high >> (n << 3)) & 0xFF);
}
export function openVoid(code: W): void { byte(code); byte(W.VOID); }

const UNLIKELY: u32 = 0;
export const MAX_HINTS: u32 = 16384;

/**
 * Functions of the core, in the order of their import (src/emu/workers/region-module.ts). From X_ADD on: x87
 * arithmetic, (i32, i64, i32, i64) -> i64.
 */
export const enum Import {
  COND = 0, CORE = 1, HELP = 2, EXACT = 3,
  X_ADD = 4, X_SUB = 5, X_MUL = 6, X_DIV = 7, X_COMPARE = 8, X_UNORDERED = 9, X_SQRT = 10, X_ROUND = 11,
  X_TO_DOUBLE = 12, X_TO_SINGLE = 13, X_TO_INT = 14,
}
/** Globals of fpu/f80-state.ts, in the order of their import. */
export const enum Global { SE = 0, EXCEPTIONS = 1, CONTROL = 2, NARROW = 3 }

/** Locals of floating-point code (locals.ts). */
const DOUBLES: u32 = 22;
const SINGLES: u32 = 20;
const MODES: u32 = 2;
export const FLOAT_LOCALS: u32 = DOUBLES + SINGLES + MODES;
/** Places of hinted branches in the body: u32 each. */
let hints: usize = 0;
let hintCount: u32 = 0;
let bodySize: usize = 0;

/**
 * Start a function (i32, i32) -> i32 at `address` with these many i64, then i32, then v128 locals, then those
 * of floating-point code and of the x87 stack.
 */
export function beginFunction(address: usize, bytes: usize, hintRoom: usize, wides: u32, narrows: u32,
  vectors: u32, floats: bool, x87Wides: u32, x87Narrows: u32): void {
  at = address;
  limit = address + bytes;
  overflowed = false;
  hints = hintRoom;
  hintCount = 0;
  bodySize = beginLength();
  uleb(floats ? 8 : 5); uleb(wides); byte(W.I64); uleb(narrows); byte(W.I32); uleb(vectors); byte(W.V128);
  if (floats) {
    uleb(DOUBLES); byte(W.F64); uleb(SINGLES); byte(W.F32); uleb(MODES); byte(W.I32);
  }
  uleb(x87Wides); byte(W.I64); uleb(x87Narrows); byte(W.I32);
}

/** Close the function; its length in bytes. */
export function endFunction(address: usize): u32 {
  byte(W.END);
  endLength(bodySize);
  return <u32>(at - address);
}

/** Write its vector of hints behind it; their length in bytes. */
export function writeHints(): u32 {
  const from = at;
  uleb(hintCount);
  for (let n: u32 = 0; n < hintCount; n++) {
    uleb(load<u32>(hints + (<usize>n << 2)));
    byte(1); byte(UNLIKELY);
  }
  return <u32>(at - from);
}
