// Makes judged cases: row, mode and number decide everything (with the recording's seed), so that recorded
// vectors need no inputs. State is chosen for what the row does: operands near page ends and in read-only,
// missing and non-canonical places now and then; strings and stacks in the data area; selectors of the LDT;
// floating-point state of every kind.

import type { Decoded } from '../isa-gen/encoding.ts';
import { encodeRow, type Encoded } from './encode.ts';
import { fillFpu } from './fpu-state.ts';
import { Random, hash32 } from './random.ts';
import {
  CODE, CS16, CS32, CS64, DATA, DATA_BYTES, DS16, DS32, PAGE, READ_ONLY_PAGE, type Case, type Mode,
} from './state.ts';

const NOP = 0x90, CODE_AT = 0x800, WINDOW = 256, BEFORE_TARGET = 96;
const FLAG_BITS = [0x1, 0x4, 0x10, 0x40, 0x80, 0x800], DIRECTION = 0x400, ALIGNMENT = 0x40000;

/** Selectors that mean the same here and under the runner. */
export const SELECTORS = [0, 1, 3, 0x08, 0x0b, 0x10, 0x13, 0x18, 0x1b, 0x20, 0x23, 0x28, 0x2b, 0x30, 0x33, 4,
  7, 0x0c, 0x0f,
  0x14, 0x17, 0x1f, 0x27, 0x2c, 0x2f, 0x34, 0x37, 0x3f, 0x47, 0x107, 0xffff, 0xfffb, 0x83];
const CODE_SELECTORS = [CS32, CS64, CS16, 0x2f, 0x37, 0x20, 0x2b, 0x10, 0x0f, 0, 0x3f];

export const rowKey = (d: Decoded): string => `${d.row.name} ${d.row.ops} [${d.row.enc}]`.replace(/ +/g, ' ');
export const groupOf = (d: Decoded): string => d.row.file.replace('.isa.ts', '');
export const modesOf = (d: Decoded): Mode[] =>
  (d.row.modes === '64' ? [2] : d.row.modes === 'legacy' ? [1, 0] : [2, 1, 0]);

const IS_SSE = /^(SSE|SSSE|AES|SHA|PCLMUL)/;
const usesFpu = (d: Decoded): boolean =>
  /^(x87|mmx|sse-float|sse-int|crypto|xsave)$/.test(groupOf(d)) || IS_SSE.test(d.row.feature ?? '')
    || d.row.name === 'FWAIT';

const STACK_ROWS = /^(stack|far)$/;

/** Rows whose 16-byte memory operand must be aligned (SDM vol. 2 table 2-21 and the rows themselves). */
const wantsAlignment = (d: Decoded): boolean => /^(sse-|mmx|crypto|xsave)/.test(groupOf(d))
  || d.row.name === 'CMPXCHG16B';

/** A place of `bytes` bytes in the data area: mostly harmless, sometimes at the end of a page, read-only or missing. */
function place(random: Random, aligned: boolean, always = false): number {
  const jitter = random.below(64), near = random.below(20);
  switch (always ? 39 : random.below(40)) {
    case 0: case 1: case 2: return PAGE - near;
    case 3: return READ_ONLY_PAGE * PAGE - near;
    case 4: return READ_ONLY_PAGE * PAGE + 0x100 + jitter;
    case 5: return (READ_ONLY_PAGE + 1) * PAGE - near;
    case 6: return DATA_BYTES - near;
    case 7: return -near;
    default: {
      const at = 0x400 + random.below(0x800);
      return aligned && (always || !random.one(10)) ? at & ~63 | random.below(4) * 16 : at;
    }
  }
}

interface Draft { c: Case; random: Random; d: Decoded; target: number; encoded: Encoded }

const base = (c: Case, segment: number): bigint => {
  const selector = c.segments[segment]!;
  if (c.mode === 2) return segment === 4 ? c.fsBase : segment === 5 ? c.gsBase : 0n;
  return (selector & 4) !== 0 && selector !== CS16 ? BigInt(DATA) : selector === CS16 ? BigInt(CODE) : 0n;
};

/** Segment registers: flat, or now and then descriptors with base, limit and rights of their own. */
function segments(mode: Mode, random: Random): Uint16Array {
  const LDT_DATA = [0x17, 0x1f, 0x27, 0x2f, DS16];
  const extra = (): number => (random.one(2) ? random.pick(LDT_DATA) : random.one(8) ? 0 : mode === 0 ? DS16
    : DS32);
  if (mode === 2) return Uint16Array.of(random.one(30) ? DS32 : 0, CS64, DS32, random.one(30) ? DS32 : 0, 0,
    0);
  const data = mode === 0 ? DS16 : DS32, plain = !random.one(6);
  return Uint16Array.of(plain ? data : extra(), mode === 0 ? CS16 : CS32, random.one(25)
    ? (mode === 0 ? 0x17 : DS16) : data,
    plain ? data : extra(), random.one(2) ? 0 : extra(), random.one(2) ? 0 : extra());
}

function emptyCase(mode: Mode, random: Random): Case {
  const atEnd = random.one(60);
  const codeAt = atEnd ? PAGE - random.below(12) : CODE_AT;
  const regs = new BigUint64Array(16);
  for (let n = 0; n < (mode === 2 ? 16 : 8); n++) regs[n] = mode === 2 ? random.word()
    : BigInt.asUintN(32, random.word());
  let flags = 0x202;
  for (const bit of FLAG_BITS) if (random.one(2)) flags |= bit;
  if (random.one(6)) flags |= DIRECTION;
  if (random.one(40)) flags |= ALIGNMENT;
  const window = new Uint8Array(WINDOW);
  for (let n = 0; n < WINDOW; n += 4) {
    const v = random.next();
    window[n] = v; window[n + 1] = v >>> 8; window[n + 2] = v >>> 16; window[n + 3] = v >>> 24;
  }
  return {
    mode, steps: 1, filler: NOP, codeAt, code: [], windowAt: 0, operandAt: 0, window, regs,
      rip: BigInt((mode === 0 ? 0 : CODE) + codeAt), flags,
    segments: segments(mode, random), fsBase: BigInt(mode === 2 && random.one(2) ? DATA + 64 : 0),
    gsBase: BigInt(mode === 2 && random.one(2) ? DATA - 32 : 0), fx: new Uint8Array(512),
  };
}

/** Where the memory operand of a fault case is, and what is special about it (faults.ts). */
export interface Placed {
  /** Offset in the data area. */
  at: number;
  /** Linear address instead. */
  linear?: bigint;
  alignment?: boolean;
  /** Data segments of less than a page. */
  limited?: boolean;
}

/** Nothing else than the operand's place shall fault. */
function settle(c: Case, placed: Placed): void {
  c.codeAt = CODE_AT;
  c.rip = BigInt((c.mode === 0 ? 0 : CODE) + CODE_AT);
  c.flags = placed.alignment === true ? c.flags | ALIGNMENT : c.flags & ~ALIGNMENT;
  const data = c.mode === 0 ? DS16 : DS32, limited = placed.limited === true ? LIMITED : data;
  c.segments = c.mode === 2 ? Uint16Array.of(0, CS64, DS32, 0, 0, 0)
    : Uint16Array.of(limited, c.mode === 0 ? CS16 : CS32, data, limited, limited, limited);
}
/** LDT entry 2: base DATA, limit 0xfff. */
const LIMITED = 0x17;
const SAFE_STACK = 0xc00, SAFE_SOURCE = 0x900, SAFE_DESTINATION = 0xa00;

/** Implicit operands of a fault case: of strings the source or the destination, the stack if nothing else. */
function placeImplicit(draft: Draft, n: number, placed: Placed): void {
  const { c, d, encoded } = draft, group = groupOf(d);
  const to = (segment: number, other?: number): bigint => BigInt.asUintN(64, (other === undefined
    && placed.linear !== undefined ? placed.linear : BigInt(DATA + (other ?? placed.at))) - base(c, segment));
  if (group === 'string' || group === 'io') {
    const segment = encoded.segment >= 0 && (c.mode !== 2 || encoded.segment >= 4) ? encoded.segment : 3;
    c.regs[6] = n % 2 === 0 ? to(segment) : to(segment, SAFE_SOURCE);
    c.regs[7] = n % 2 === 0 ? to(0, SAFE_DESTINATION) : to(0);
    return;
  }
  if (!STACK_ROWS.test(group) && !/^(CALL|RET)/.test(d.row.name)) return;
  const word = encoded.operandBytes, explicit = encoded.memory || d.row.name === 'LEAVE';
  c.regs[4] = explicit ? to(2, SAFE_STACK) : BigInt.asUintN(64, to(2) + BigInt(n % 2 === 0 ? word : 0));
}

/** Case number `n` of a row. */
export function makeCase(d: Decoded, mode: Mode, n: number, seed: number, placed?: Placed): Case {
  const random = new Random(seed ^ hash32(rowKey(d)), n * 4 + mode);
  const c = emptyCase(mode, random);
  // Some processors take misaligned operands of SHA, against SDM vol. 2 table 2-21.
  if (placed !== undefined) settle(c, placed);
  const target = placed?.at ?? place(random, wantsAlignment(d), d.row.feature === 'SHA');
  c.windowAt = Math.max(0, Math.min(DATA_BYTES - WINDOW, (target - BEFORE_TARGET) & ~15));
  c.operandAt = target;
  fillFpu(c, random, usesFpu(d), groupOf(d), d);
  if (STACK_ROWS.test(groupOf(d)) || /^(CALL|RET)/.test(d.row.name) || random.one(4)) setStack(c, random);
  const wild = placed === undefined && random.one(60) && d.row.feature !== 'SHA';
  const encoded = encodeRow(d, {
    random, mode, regs: c.regs, rip: c.rip, maskInRax: groupOf(d) === 'xsave', memory: placed !== undefined,
    target: (segment) => {
      if (placed?.linear !== undefined) return BigInt.asUintN(64, placed.linear - base(c, segment));
      if (wild) return mode === 2 ? random.bits64() : random.bits64() & 0xfffeffffn;
      const offset = BigInt(DATA + target) - base(c, segment);
      return mode === 0 ? offset & 0xffffffffn : mode === 1 ? BigInt.asUintN(32, offset)
        : BigInt.asUintN(64, offset);
    },
  });
  c.code = encoded.bytes;
  const draft: Draft = { c, random, d, target, encoded };
  special(draft);
  if (placed !== undefined) placeImplicit(draft, n, placed);
  if (mode !== 2) for (let k = 0; k < 16; k++) c.regs[k] = k < 8 ? BigInt.asUintN(32, c.regs[k]!) : 0n;
  return c;
}

function setStack(c: Case, random: Random): void {
  const at = random.one(12) ? place(random, false) : 0xc00 + random.below(64) * (random.one(6) ? 1 : 8);
  c.regs[4] = BigInt.asUintN(64, BigInt(DATA + at) - base(c, 2));
  if (c.mode === 2 && random.one(100)) c.regs[4] = 0x800000000000n + BigInt(random.below(64) - 32);
  if (random.one(2)) c.windowAt = Math.max(0, Math.min(DATA_BYTES - WINDOW, (at - 128) & ~15));
}

/** Offset in segment `n` of a place in the data area. */
export const offsetOf = (c: Case, n: number, at: number): bigint =>
  BigInt.asUintN(64, BigInt(DATA + at) - base(c, n));

/** Put `bytes` little-endian at a place of the data area, if it is in the window. */
function poke(c: Case, at: number, value: bigint, bytes: number): void {
  for (let n = 0; n < bytes; n++) {
    const k = at + n - c.windowAt;
    if (k >= 0 && k < c.window.length) c.window[k] = Number((value >> BigInt(8 * n)) & 255n);
  }
}

/** Would a push of eight bytes fault? */
export function hasBadStack(c: Case): boolean {
  const at = stackPlace(c), exact = c.regs[4]! + base(c, 2) === BigInt(DATA + at);
  return !exact || at < 16 || at > DATA_BYTES
    || (at > READ_ONLY_PAGE * PAGE && at < (READ_ONLY_PAGE + 1) * PAGE + 16);
}

/** Are the bytes that an IRET reads all there? */
export function hasWholeFrame(c: Case): boolean {
  const at = stackPlace(c);
  return c.regs[4]! + base(c, 2) === BigInt(DATA + at) && at >= 0 && at + FRAME_BYTES <= DATA_BYTES;
}
const FRAME_BYTES = 40;

const stackPlace = (c: Case): number => Number(BigInt.asUintN(32, c.regs[4]! + base(c, 2))) - DATA;

/** Implicit operands, and values without which a row would only fault. */
function special(draft: Draft): void {
  const { c, random, d, target, encoded } = draft, { name } = d.row, group = groupOf(d);
  const segment = encoded.segment >= 0 && (c.mode !== 2 || encoded.segment >= 4) ? encoded.segment : 3;
  if (group === 'string' || group === 'io') {
    if (random.one(3)) c.flags ^= DIRECTION;
    c.regs[6] = offsetOf(c, segment, target);
    c.regs[7] = offsetOf(c, 0, random.one(4) ? target + random.below(32) - 16 : place(random, false));
    if (encoded.repeated) c.regs[1] = BigInt(random.one(30) ? random.below(3000) : random.below(24));
    // Equal runs, so that REPE CMPS and SCAS go on for a while.
    if (/^(CMPS|SCAS)/.test(name) && random.one(2)) {
      c.window.fill(random.below(4));
      if (random.one(2)) c.regs[0] = BigInt(c.window[0]!) * 0x0101010101010101n;
      c.window[random.below(WINDOW)] = 7;
    }
    return;
  }
  if (name === 'XLAT') c.regs[3] = offsetOf(c, segment, target);
  if (name.startsWith('MASKMOV')) c.regs[7] = offsetOf(c, segment, target);
  if (name === 'LEAVE' || name === 'ENTER') frame(draft);
  if (name.startsWith('CMPXCHG') && random.one(2)) compareEqual(draft);
  if (/^(DIV|IDIV)$/.test(name) && random.below(4)) smallDividend(c, random, encoded);
  if (/^(LOOP|JCXZ)/.test(name) && random.one(2)) c.regs[1] = BigInt(random.below(3))
    | (random.one(2) ? 0x10000n : 0n);
  if (/^BT/.test(name) && encoded.memory && (encoded.reg !== encoded.rm)) c.regs[encoded.reg] =
    BigInt.asUintN(64, BigInt(random.below(700) - 350));
  if (/^SH[LR]D$/.test(name)) {
    // Counts above the operand size leave everything undefined (SDM vol. 2 SHLD).
    if (d.row.ops.endsWith('CL')) c.regs[1] = c.regs[1]! & ~(encoded.operandBytes === 2 ? 16n : 0n);
    else if (encoded.operandBytes === 2) encoded.bytes[encoded.bytes.length - 1]! &= ~16;
  }
  if (group === 'far') far(draft);
  if (name === 'BOUND' && random.below(4)) bounds(draft);
  if (/^(RET|JMP|CALL)$/.test(name) && group === 'branch') nearTargets(draft);
  if (group === 'xsave') { c.regs[0] = BigInt(random.below(4)) | (c.regs[0]! & ~0xffffffffn); c.regs[2] = c.regs[2]! & ~0xffffffffn; }
  if (/^(MOV)$/.test(name) && d.row.ops.includes('Sw')) c.regs[encoded.rm] = encoded.memory
    ? c.regs[encoded.rm]! : BigInt(random.pick(SELECTORS));
  if (name === 'CPUID') c.regs[0] = BigInt(random.one(2) ? random.below(0x20) : 0x80000000 + random.below(9));
  // XCR0, XINUSE, and what does not exist.
  if (name === 'XGETBV' && random.below(3)) c.regs[1] = BigInt(random.below(2));
  if (name === 'POPF' || name === 'IRET') popFlags(c, random);
}

function frame({ c, random, d, target, encoded }: Draft): void {
  c.regs[5] = offsetOf(c, 2, target);
  if (d.row.name === 'ENTER') {
    c.regs[4] = offsetOf(c, 2, 0xc00);
    encoded.bytes.splice(-3, 3, random.below(64), random.one(8) ? random.below(8) : 0, random.one(3)
      ? random.below(33) : random.below(256));
  }
}

function compareEqual({ c, random, target, encoded }: Draft): void {
  const value = random.word(), high = random.word();
  const bytes = encoded.operandBytes;
  c.regs[0] = value;
  c.regs[2] = high;
  poke(c, target, value, 8);
  // CMPXCHG8B compares EDX:EAX.
  poke(c, target + (bytes === 8 ? 8 : 4), high, bytes === 8 ? 8 : 4);
  if (!encoded.memory && encoded.rm !== 0) c.regs[encoded.rm] = value;
}

function smallDividend(c: Case, random: Random, encoded: Encoded): void {
  c.regs[2] = random.one(2) ? BigInt(random.below(3)) : BigInt.asUintN(64, -1n);
  if (random.one(3)) c.regs[0] = BigInt(random.below(70000));
  if (!encoded.memory && encoded.rm !== 2 && encoded.rm !== 0 && random.one(2)) c.regs[encoded.rm] =
    random.word() >> BigInt(random.below(60));
}

/** Where far transfers may go: the code pages, in every code segment. */
function farOffset(selector: number, random: Random): bigint {
  if (random.one(10)) return random.word();
  return BigInt(selector === CS16 ? 0x100 + random.below(256) : (selector & 4 ? 0 : CODE) + 0x100
    + random.below(256));
}

function far({ c, random, d, target, encoded }: Draft): void {
  const { name, ops } = d.row, size = encoded.operandBytes, at = stackPlace(c);
  // 64-bit code with a 16-bit stack confuses some hypervisors.
  const chosen = random.pick(CODE_SELECTORS), code = chosen === CS64 && c.segments[2] !== DS32 ? 0x2f
    : chosen;
  const data = random.pick(SELECTORS);
  const wide = Math.min(size, 8);
  if (ops === 'Ap') {
    const n = encoded.bytes.length, half = size === 2 ? 2 : 4, offset = farOffset(code, random);
    for (let k = 0; k < half; k++) encoded.bytes[n - 2 - half + k] = Number((offset >> BigInt(8 * k)) & 255n);
    encoded.bytes[n - 2] = code & 255;
    encoded.bytes[n - 1] = code >> 8;
  } else if (ops === 'Mp' || ops === 'Gv,Mp') {
    poke(c, target, farOffset(code, random), wide);
    poke(c, target + wide, BigInt(ops === 'Mp' ? code : data), 2);
  } else if (name === 'RETF' || name === 'IRET') returnFrame(c, random, at, wide, code, name === 'IRET');
  else if (name === 'POP') poke(c, at, BigInt(data), 2);
  else if (!encoded.memory) { if (name !== 'ARPL' || random.one(2)) c.regs[encoded.rm] = (c.regs[encoded.rm]! & ~0xffffn) | BigInt(data); }
  else poke(c, target, BigInt(data), 2);
  // Processors look at an outer stack at different times.
  if (name === 'RETF' && ops === 'Iw') { encoded.bytes[encoded.bytes.length - 1] = 0; encoded.bytes[encoded.bytes.length - 2]! &= 24; }
  if (name === 'INT') {
    // Vectors of the kernel's own, and system calls, are not for user code.
    const v = encoded.bytes.at(-1)!;
    if (v === 0x80 || v === 1 || v === 2) encoded.bytes[encoded.bytes.length - 1] = 3;
  }
}

function returnFrame(c: Case, random: Random, at: number, wide: number, code: number,
  interrupt: boolean): void {
  poke(c, at, farOffset(code, random), wide);
  poke(c, at + wide, BigInt(code) | (random.one(4) ? random.word() & 0xffffffffffff0000n : 0n), wide);
  if (!interrupt) return;
  poke(c, at + 2 * wide, BigInt(0x302 | (random.next() & 0xcd5)), wide);
  poke(c, at + 3 * wide, offsetOf(c, 2, 0xc00), wide);
  poke(c, at + 4 * wide, BigInt(random.one(3) ? random.pick(SELECTORS) : c.segments[2]!), wide);
}

function bounds({ c, random, target, encoded }: Draft): void {
  const bytes = encoded.operandBytes, low = BigInt(random.below(200) - 100), high = low
    + BigInt(random.below(100));
  poke(c, target, low, bytes);
  poke(c, target + bytes, high, bytes);
  if (encoded.reg !== encoded.rm) c.regs[encoded.reg] =
    BigInt.asUintN(32, low + BigInt(random.below(120) - 10));
}

/** Indirect branches and returns go somewhere that has an address, mostly. */
function nearTargets({ c, random, d, target, encoded }: Draft): void {
  // A call whose target and stack are both bad: which is found first is the processor's affair.
  const badStack = d.row.name === 'CALL' && hasBadStack(c);
  const value = c.mode === 2 && (badStack || random.below(8)) ? random.bits64() & 0x7fffffffffffn
    : random.bits64();
  if (d.row.name === 'RET') poke(c, stackPlace(c), c.mode === 0 ? value & 0xffffn : value, 8);
  else if (encoded.memory) poke(c, target, c.mode === 0 ? value & 0xffffn : value, 8);
  else if (encoded.rm !== 4) c.regs[encoded.rm] = value;
}

function popFlags(c: Case, random: Random): void {
  const at = stackPlace(c);
  if (random.one(2)) poke(c, at, BigInt(random.next() & 0x240fd5), 8);
}
