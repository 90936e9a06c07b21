// What every privileged case begins from: code of 64, 32 or 16 bits at CPL 0 or 3 in long mode, with random
// general registers, flags and control bits. Families (rows.ts and others) choose the instruction and what
// it meets.

import { Random } from '../random.ts';
import type { Mode } from '../state.ts';
import { type FieldName, type Patch, type PrivilegedCase, type Registers } from './layout.ts';
import {
  ARENA_BASE, CODE, Cr0, Cr4, CS16, CS32, CS64, DATA, DS, DS16, KERNEL_CODE, KERNEL_STACK, linear,
    longRegisters,
  USER_CS16, USER_CS32, USER_CS64, USER_DS, USER_DS16, USER_STACK,
} from './world.ts';

/** General registers as ModRM numbers them; RSP is its own. */
export const GENERAL: readonly FieldName[] = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8',
  'r9',
  'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
export const CODE_AT = 0x800, STACK_AT = 0x800;

export interface Draft extends PrivilegedCase {
  random: Random;
  mode: Mode;
  cpl: number;
  code: number[];
  /** Registers whose value is the processor's own. */
  ignored: Set<FieldName>;
  /** Of the memory only the final frame is compared. */
  frameOnly: boolean;
  /** Bits of fields that are not compared. */
  masked: Map<FieldName, bigint>;
}

export const enum Flag {
  CF = 1, ZF = 0x40, TF = 0x100, IF = 0x200, DF = 0x400, OF = 0x800, IOPL = 0x3000, NT = 0x4000, RF = 0x10000,
  VM = 0x20000, AC = 0x40000, VIF = 0x80000, VIP = 0x100000, ID = 0x200000,
}
const STATUS = 0x8d5n;

const CONTROL4 = [Cr4.TSD, Cr4.DE, Cr4.PGE, Cr4.PCE, Cr4.OSFXSR, Cr4.OSXMMEXCPT, Cr4.UMIP, Cr4.FSGSBASE,
  Cr4.OSXSAVE,
  Cr4.SMEP, Cr4.SMAP, Cr4.MCE, Cr4.PSE];
const CONTROL0 = [Cr0.WP, Cr0.MP, Cr0.NE];

function randomControls(r: Registers, random: Random): void {
  for (const bit of CONTROL4) if (random.one(3)) r.cr4 ^= BigInt(bit);
  for (const bit of CONTROL0) if (random.one(3)) r.cr0 ^= BigInt(bit);
  if (random.one(12)) r.cr0 |= BigInt(Cr0.TS);
  if (random.one(16)) r.cr0 |= BigInt(Cr0.EM);
  r.tscAux = BigInt(random.next());
  r.kernelGsBase = random.bits64() & 0x7fffffffffffn;
}

function randomFlags(random: Random): bigint {
  let flags = 2n | random.bits64() & STATUS;
  if (random.one(2)) flags |= BigInt(Flag.IF);
  if (random.one(6)) flags |= BigInt(Flag.DF);
  if (random.one(4)) flags |= BigInt(random.below(4) << 12);
  if (random.one(10)) flags |= BigInt(Flag.NT);
  if (random.one(4)) flags |= BigInt(Flag.AC);
  if (random.one(8)) flags |= BigInt(Flag.ID);
  if (random.one(10)) flags |= BigInt(Flag.TF);
  return flags;
}

const CODE_SELECTOR = [[CS16, USER_CS16], [CS32, USER_CS32], [CS64, USER_CS64]] as const;

/** Long mode, code of `mode` at `cpl`. */
export function draft(random: Random, mode: Mode, cpl: 0 | 3): Draft {
  const r = longRegisters(), user = cpl === 3 ? 1 : 0, page = user ? CODE : KERNEL_CODE;
  randomControls(r, random);
  r.rflags = randomFlags(random);
  for (const name of GENERAL) r[name] = mode === 2 ? random.word() : BigInt.asUintN(32, random.word());
  if (mode !== 2) for (const name of GENERAL.slice(8)) r[name] = 0n;
  const data = BigInt(mode === 0 ? user ? USER_DS16 : DS16 : user ? USER_DS : DS);
  r.cs = BigInt(CODE_SELECTOR[mode][user]);
  r.ss = data;
  r.ds = data;
  r.es = data;
  if (mode === 2 && random.one(2)) { r.ds = 0n; r.es = BigInt(USER_DS); }
  if (mode !== 2) { r.fs = data; r.gs = data; }
  const based = mode === 0 ? BigInt(ARENA_BASE) : 0n;
  r.rip = linear(page + CODE_AT) - based;
  r.rsp = linear((user ? USER_STACK : KERNEL_STACK) + STACK_AT) - based;
  const window = Array.from({ length: 64 }, () => random.below(256));
  return { random, mode, cpl, registers: r, patches: [{ at: DATA + 0x700, bytes: window }],
    code: [],
    ignored: new Set(), frameOnly: false, masked: new Map() };
}

/** The instruction at RIP; INT3 follows. */
export function setCode(d: Draft, code: number[]): void {
  d.code = code;
  d.patches.push({ at: (d.cpl === 3 ? CODE : KERNEL_CODE) + CODE_AT, bytes: code });
}

export function patch(d: Draft, at: number, value: bigint, bytes: number): void {
  const list: Patch = { at, bytes: Array.from({ length: bytes }, (_, n) =>
    Number(value >> BigInt(8 * n) & 255n)) };
  d.patches.push(list);
}
