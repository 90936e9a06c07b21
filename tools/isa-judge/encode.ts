// Encodes one instruction of a row with random operands: prefixes, opcode, ModRM, SIB, displacement,
// immediate, in 16-, 32- and 64-bit code (SDM vol. 2 ch. 2). A memory operand is given an address first; the
// registers that the chosen form needs are then set so that it comes out.

import type { Decoded } from '../isa-gen/encoding.ts';
import type { Random } from './random.ts';
import { type Mode } from './state.ts';

export interface Encoded {
  bytes: number[];
  /** Bytes of the operand size and the address size. */
  operandBytes: number;
  addressBytes: number;
  memory: boolean;
  locked: boolean;
  /** Segment override, or -1. */
  segment: number;
  repeated: boolean;
  reg: number;
  rm: number;
}

export interface Plan {
  random: Random;
  mode: Mode;
  regs: BigUint64Array;
  rip: bigint;
  /** Offset of the memory operand in the segment with this base, chosen by the caller. */
  target: (segment: number) => bigint;
  /** RAX and RDX are operands: they are not part of an address. */
  maskInRax: boolean;
  /** A form with memory where there is one. */
  memory?: boolean;
}

const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const RSP = 4, RBP = 5;
const pushLe = (out: number[], value: bigint, bytes: number): void => {
  for (let n = 0; n < bytes; n++) out.push(Number((value >> BigInt(8 * n)) & 255n));
};

/** Far pointers with a 64-bit offset are Intel's; other makers ignore REX.W here. */
const NO_REX_W = /^(L[FGS]S|JMPMp|CALLMp)/;

interface Choice { rex: number; hasRex: boolean; memory: boolean; reg: number; rm: number; address: number }

/** Does an operand of the row use the byte form of registers, so that REX changes AH to SPL? */
function sizes(d: Decoded, mode: Mode, has66: boolean, rexW: boolean): number {
  if (rexW) return 8;
  if (mode === 2) {
    if (d.row.size64 === 'forced') return 8;
    return has66 ? 2 : d.row.size64 === 'default' ? 8 : 4;
  }
  return (mode === 1) === has66 ? 2 : 4;
}

/** One instruction of row `d`. */
export function encodeRow(d: Decoded, plan: Plan): Encoded {
  const { random, mode } = plan, e = d.encoding, vex = e.map >= 4;
  const onlyMemory = e.mod === 'm' || d.row.name === 'PREFETCHW', onlyRegister = e.mod === '3';
  const cr = d.operands.some((op) => op.place === 'C' || op.place === 'D');
  // 0F 0D with a register is a NOP of Intel's, undefined elsewhere.
  const memory = e.modrm && !onlyRegister && !cr
    && (onlyMemory || plan.memory === true || random.below(5) < 3);
  const moffs = d.operands.some((op) => op.place === 'O');
  const legacy: number[] = [];
  let has66 = false, repeated = false, locked = false, segment = -1, address = mode === 2 ? 8 : mode === 1
    ? 4 : 2;
  if (!vex && e.prefix === 'any') {
    if (e.opSize !== undefined) has66 = (e.opSize === 16) !== (mode === 0);
    // With REX.W the operand size is not 16 bits for rows that name it.
    else has66 = random.one(4) && !(mode === 2 && d.row.file === 'branch.isa.ts');
  } else if (!vex && e.prefix === '66') has66 = true;
  if (has66) legacy.push(0x66);
  if (e.prefix === 'any' && !vex && (d.row.rep ? random.below(5) < 3 : random.one(40) && d.row.file !== 'misc.isa.ts'
    && !d.row.name.startsWith('LOOP') && e.map === 0)) {
    legacy.push(random.one(2) ? 0xf2 : 0xf3);
    repeated = true;
  } else if (!vex && e.prefix === 'F3') legacy.push(0xf3);
  else if (!vex && e.prefix === 'F2') legacy.push(0xf2);
  // Some processors ignore LOCK before VERR and VERW.
  if (memory && d.row.lock ? random.one(4) : random.one(100) && !d.row.name.startsWith('VER')) {
    if (!vex) { legacy.push(0xf0); locked = true; }
  }
  const usesAddress = memory || moffs || d.operands.some((op) => op.place === 'X' || op.place === 'Y')
    || /^(LOOP|JCXZ|XLAT|MASKMOV)/.test(d.row.name);
  if (e.addrSize !== undefined ? e.addrSize / 8 !== address : random.one(usesAddress ? 8 : 60)) {
    legacy.push(0x67);
    address = address === 4 ? (mode === 1 ? 2 : 4) : 4;
    if (mode === 0) address = 4;
  }
  if (random.one(usesAddress ? 6 : 60)) {
    segment = random.below(6);
    legacy.push(SEGMENT_PREFIX[segment]!);
  }
  shuffle(legacy, random);
  const rexW = mode === 2 && !NO_REX_W.test(d.row.name + d.row.ops)
    && (e.rexW === 1 || e.rexW === undefined && random.one(3));
  let rex = mode === 2 ? (rexW ? 8 : 0) | random.below(8) : 0;
  if (e.noRexB) rex &= ~1;
  const hasRex = mode === 2 && !vex && (rexW || random.one(2));
  if (!vex && !hasRex) rex = 0;
  const reg = e.digits.length === 8 ? random.below(8) : e.digits[0]!;
  const choice: Choice = { rex, hasRex, memory, reg, rm: e.rm ?? random.below(8), address };
  const operandBytes = sizes(d, mode, has66 && e.prefix !== '66', (rex & 8) !== 0);
  const immediates = immediateBytes(d, plan, operandBytes, address);
  const opcode = e.opcodes[random.below(e.opcodes.length)]!;
  const before = vex ? legacy.filter((b) => SEGMENT_PREFIX.includes(b) || b === 0x67) : legacy;
  const tail = e.modrm ? modrmTail(choice, plan, segment, immediates.length
    + before.length + (vex ? 4 : (hasRex ? 1 : 0) + [1, 2, 3, 3][e.map]!)) : [];
  const bytes = [...before];
  if (vex) bytes.push(...vexBytes(d, choice, plan), opcode);
  else {
    if (hasRex) bytes.push(0x40 | choice.rex);
    bytes.push(...[[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][e.map]!, opcode);
  }
  bytes.push(...tail, ...immediates);
  return { bytes, operandBytes, addressBytes: address, memory: memory || moffs, locked, segment, repeated,
    reg: choice.reg | (choice.rex & 4 ? 8 : 0), rm: choice.rm | (choice.rex & 1 ? 8 : 0) };
}

function shuffle(list: number[], random: Random): void {
  for (let n = list.length - 1; n > 0; n--) {
    const k = random.below(n + 1);
    [list[n], list[k]] = [list[k]!, list[n]!];
  }
}

/** C4 RXB.mmmmm W.vvvv.L.pp, or C5 where it can say the same. */
function vexBytes(d: Decoded, choice: Choice, plan: Plan): number[] {
  const e = d.encoding, { random, mode } = plan;
  const pp = { NP: 0, 66: 1, F3: 2, F2: 3, any: 0 }[e.prefix];
  if (mode !== 2) choice.rex &= 8;
  const w = e.rexW === 1 || (mode === 2 ? choice.rex & 8 : random.one(8)) ? 0x80 : 0;
  const uses = d.operands.some((op) => op.place === 'B' || op.place === 'H');
  const v = uses ? random.below(mode === 2 ? 16 : 8) : 0;
  const l = (e.vexL === 1 ? 4 : 0) ^ (random.one(50) ? 4 : 0);
  return [0xc4, ((~choice.rex & 7) << 5) | (e.map - 3), w | ((~v & 15) << 3) | l | pp];
}

/** ModRM, SIB and displacement; sets the registers of the address. `before` = bytes of everything else but itself. */
function modrmTail(choice: Choice, plan: Plan, segment: number, before: number): number[] {
  if (!choice.memory) return [0xc0 | choice.reg << 3 | choice.rm];
  const out = choice.address === 2 ? memory16(plan, segment) : memory32(choice, plan, segment, before);
  out[0]! |= choice.reg << 3;
  return out;
}

/** SDM vol. 2 table 2-1. */
function memory16(plan: Plan, segment: number): number[] {
  const { random, regs } = plan, rm = random.below(8), mod = random.below(3);
  const [base, index] = [[3, 6], [3, 7], [5, 6], [5, 7], [6, -1], [7, -1], [5, -1], [3, -1]][rm]! as [number,
    number];
  const direct = mod === 0 && rm === 6;
  const stack = (base === RBP) && !direct;
  const target = plan.target(segment >= 0 ? segment : stack ? 2 : 3);
  const out = [mod << 6 | rm];
  if (direct) pushLe(out, target, 2);
  else {
    const disp = mod === 0 ? 0n : mod === 1 ? BigInt(random.below(256) - 128) : BigInt(random.below(65536));
    if (mod !== 0) pushLe(out, disp, mod);
    let rest = target - disp;
    if (index >= 0) rest -= regs[index]! & 0xffffn;
    regs[base] = (regs[base]! & ~0xffffn) | BigInt.asUintN(16, rest);
  }
  return out;
}

/** SDM vol. 2 tables 2-2 and 2-3. */
function memory32(choice: Choice, plan: Plan, segment: number, before: number): number[] {
  const { random, regs, mode } = plan, bits = choice.address * 8;
  const form = random.below(8);
  if (form === 0) return absolute(choice, plan, segment, before);
  const sib = random.one(3);
  let base = random.below(8) | (choice.rex & 1 ? 8 : 0);
  if (!sib && (base & 7) === RSP) base = (base & 8) | 3;
  if (plan.maskInRax && (base === 0 || base === 2)) base = 3;
  const mod = (base & 7) === RBP ? 1 + random.below(2) : random.below(3);
  const disp = mod === 0 ? 0n : mod === 1 ? BigInt(random.below(256) - 128)
    : BigInt(random.below(0x20000) - 0x10000);
  let index = sib ? random.below(8) | (choice.rex & 2 ? 8 : 0) : -1, scale = 0;
  if (index === base || (plan.maskInRax && (index === 0 || index === 2))) index = -1;
  if (index === RSP || index < 0) { index = -1; if (sib) choice.rex &= ~2; } else scale = random.below(4);
  // RSP and RBP as base mean SS.
  const stack = base === RSP || base === RBP;
  const target = plan.target(segment >= 0 && (mode !== 2 || segment >= 4) ? segment : stack ? 2 : 3);
  let rest = target - disp;
  if (index >= 0) rest -= regs[index]! << BigInt(scale);
  regs[base] = BigInt.asUintN(bits, rest)
    | (bits === 32 && mode === 2 && random.one(2) ? random.bits64() << 32n & 0xffffffff00000000n : 0n);
  choice.rm = base & 7;
  const out = [mod << 6 | (sib ? 4 : base & 7)];
  if (sib) out.push(scale << 6 | (index < 0 ? 4 : index & 7) << 3 | base & 7);
  if (mod === 1) pushLe(out, disp, 1);
  else if (mod === 2) pushLe(out, disp, 4);
  return out;
}

/** disp32 alone: absolute by SIB, or ModRM 05, which is RIP-relative in 64-bit mode. */
function absolute(choice: Choice, plan: Plan, segment: number, before: number): number[] {
  const { random, mode } = plan;
  const target = plan.target(segment >= 0 && (mode !== 2 || segment >= 4) ? segment : 3);
  const out: number[] = [];
  const small = BigInt.asIntN(32, target);
  if (mode === 2 && random.one(2)) {
    out.push(5);
    pushLe(out, target - (plan.rip + BigInt(before + 5)), 4);
  } else if (mode === 2 || random.one(2)) {
    out.push(4, 0x25);
    choice.rex &= ~3;
    pushLe(out, small, 4);
  } else {
    out.push(5);
    pushLe(out, small, 4);
  }
  return out;
}

const IMMEDIATE: Record<string, (size: number) => number> = {
  b: () => 1, bs: () => 1, w: () => 2, d: () => 4, z: (size) => Math.min(size, 4), v: (size) => size,
    q: () => 8,
};

function immediateBytes(d: Decoded, plan: Plan, size: number, address: number): number[] {
  const { random } = plan, out: number[] = [];
  for (const op of d.operands) {
    if (op.place === 'I') pushLe(out, random.word(), IMMEDIATE[op.width]!(size));
    else if (op.place === 'J') pushLe(out, op.width === 'b' ? BigInt(random.below(256)) : jump(random),
      op.width === 'b' ? 1 : Math.min(size, 4));
    else if (op.place === 'O') pushLe(out, plan.target(3), address);
    else if (op.place === 'A') { pushLe(out, plan.mode === 0 && size === 2 ? 0x100n : 0x20000100n, size === 2
      ? 2 : 4); pushLe(out, 0x23n, 2); }
  }
  return out;
}

const jump = (random: Random): bigint =>
  (random.one(4) ? random.word() : BigInt(random.below(0x800) - 0x400));

