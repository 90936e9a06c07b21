// Cases of the table's privileged rows in long mode: the instruction is encoded as the judge of user mode
// does it, with operands that the kernel's side of it is about.

import type { Decoded } from '../../isa-gen/encoding.ts';
import { encodeRow, type Encoded } from '../encode.ts';
import { groupOf, rowKey } from '../generate.ts';
import { Random, hash32 } from '../random.ts';
import type { Mode } from '../state.ts';
import { draft, Flag, GENERAL, patch, setCode, type Draft } from './draft.ts';
import {
  ABSENT_DATA, ALLOWED, ARENA_BASE, CANONICAL_END, CODE, CS16, DATA, GDT, GDT_BYTES, IDT, KERNEL_CODE,
    KERNEL_STACK, linear,
  MISSING, NO_EXECUTE, PAGE, READ_ONLY, SELECTORS, TSS_UPPER, USER_CS16, USER_DS, USER_STACK,
} from './world.ts';

/** Rows of other groups that privilege touches. */
const OTHERS =
  /^(PUSHF|POPF|PUSH [CDEFGS]S|FXSAVE|FXRSTOR|XSAVE|XRSTOR|XSAVEOPT|XSAVEC|LDMXCSR|STMXCSR|FWAIT)/;
/** Hypercalls are this machine's own; RSM and MONITOR stay. */
const NOT_HERE = /^(VMCALL|VMMCALL|RDPMC|RDPID|XSAVEC)$/;
export const isPrivileged = (d: Decoded): boolean => !NOT_HERE.test(d.row.name)
  && (/^(system|far|io)$/.test(groupOf(d)) || OTHERS.test(`${d.row.name} ${d.row.ops}`)
    && groupOf(d) !== 'x87'
    || d.row.name === 'FWAIT');

const LATER = 10_000;
/** Code size and privilege, by turns. */
const TURNS: readonly (readonly [Mode, 0 | 3])[] = [[2, 0], [2, 3], [2, 0], [1, 0], [2, 0], [1, 3], [2, 3],
  [0, 0], [2, 0], [0, 3]];

const OPERANDS = [DATA + 0x710, DATA + 0x710, DATA + 0x711, DATA + 0x710, DATA + PAGE - 3, READ_ONLY + 0x100,
  READ_ONLY - 4,
  MISSING + 8, MISSING - 2, KERNEL_STACK + 0x100, NO_EXECUTE + 0x80];

function place(d: Draft): bigint {
  const { random } = d;
  if (random.below(6) > 1) return linear(DATA + 0x710 + random.below(3));
  if (d.mode === 2 && random.one(8)) return random.pick([CANONICAL_END - 2n, 0x800000000000n,
    random.bits64()]);
  return linear(random.pick(OPERANDS));
}

export function rowCase(row: Decoded, n: number, seed: number): Draft {
  const random = new Random(seed ^ hash32(`privileged ${rowKey(row)}`), n);
  const turns = TURNS.filter(([mode]) => row.row.modes === undefined
    || (row.row.modes === '64') === (mode === 2));
  const [mode, cpl] = turns[n % turns.length]!;
  const d = draft(random, mode, cpl), regs = new BigUint64Array(16);
  const target = place(d), based = mode === 0 ? BigInt(ARENA_BASE) : 0n;
  GENERAL.forEach((name, k) => { regs[k] = d.registers[name]; });
  const encoded = encodeRow(row, { random, mode, regs, rip: d.registers.rip,
    maskInRax: groupOf(row) === 'xsave',
    target: () => BigInt.asUintN(mode === 2 ? 64 : 32, target - based) });
  // Random numbers in the stack pointer say nothing.
  if (/^RD(RAND|SEED)$/.test(row.row.name) && encoded.rm === 4) return rowCase(row, n + LATER, seed);
  const stack = d.registers.rsp;
  GENERAL.forEach((name, k) => { d.registers[name] = mode === 2 ? regs[k]! : BigInt.asUintN(32, regs[k]!); });
  // A stack pointer that is part of an address stays on the stack.
  d.registers.rsp = stack;
  special(d, row, encoded, Number(BigInt.asIntN(32, target)) - ARENA_BASE);
  setCode(d, encoded.bytes);
  return d;
}

/** Bytes of the memory operand, if it is in the arena's data. */
function operand(d: Draft, e: Encoded, at: number, value: bigint, bytes: number): void {
  if (!e.memory) {
    const name = GENERAL[e.rm]!;
    if (name !== 'rsp') d.registers[name] = value;
  } else if (at >= DATA && at < READ_ONLY + PAGE) patch(d, at, value, bytes);
}

const number = (d: Draft, name: 'rcx' | 'rdx', value: number): void => {
  d.registers[name] = d.registers[name] & ~0xffffffffn | BigInt(value >>> 0);
};

type Special = (d: Draft, e: Encoded, at: number, row: Decoded) => void;

const CR0_BITS = [1, 2, 3, 5, 16, 18, 29, 30].map((n) => 1n << BigInt(n));
const CR4_BITS = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 16, 18, 20, 21].map((n) => 1n << BigInt(n));
function controlValue(d: Draft, cr: number): bigint {
  const { random, registers: r } = d;
  const mixed = (value: bigint, bits: readonly bigint[]): bigint => {
    for (let n = random.below(4); n > 0; n--) value ^= random.pick(bits);
    return value;
  };
  switch (cr) {
    case 0: return random.one(6) ? mixed(r.cr0, CR0_BITS) ^ 1n << BigInt(random.below(64)) : mixed(r.cr0,
      CR0_BITS.slice(1));
    case 3: return random.one(3) ? r.cr3 | 1n << BigInt(random.below(64)) : r.cr3
      | BigInt(random.below(4) << 3);
    case 4: return random.one(5) ? r.cr4 ^ 1n << BigInt(random.below(64)) : mixed(r.cr4, CR4_BITS);
    case 8: return random.one(3) ? random.word() : BigInt(random.below(16));
    default: return random.word();
  }
}

const debugValue = (d: Draft, dr: number): bigint => {
  const { random } = d;
  if (dr === 7 || dr === 5) return (BigInt(random.next()) & 0xffff0000n | 0x400n) | (random.one(3)
    ? BigInt(random.next()) & 0xdc00n : 0n)
    | (random.one(4) ? 1n << BigInt(32 + random.below(32)) : 0n);
  return random.one(4) ? random.word() : BigInt(random.next());
};

/** MSRs that the harness saves and sets again, and numbers that do not exist. */
const MSRS = [0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
  0xc0000103, 0x174,
  0x175, 0x176, 0x277], NO_MSRS = [0x3, 0x12345, 0xc0000090, 0xc0000105, 0xffffffff, 0x40000100];
function msr(d: Draft): void {
  const { random, registers: r } = d, index = random.one(8) ? random.pick(NO_MSRS) : random.pick(MSRS);
  number(d, 'rcx', index);
  let value = random.one(3) ? random.bits64() & 0xffffffffffffn : random.word();
  if (index === 0x174) value = BigInt(random.next());
  if (index === 0xc0000080) value = r.efer ^ (random.one(2) ? 1n << BigInt(random.below(64))
    : BigInt(random.pick([0, 1, 0x800, 0x801])));
  if (index === 0x277) value = random.one(3) ? random.bits64()
    : 0x0706050400010406n >> BigInt(8 * random.below(4)) & 0x0707070707070707n;
  r.rax = r.rax & ~0xffffffffn | value & 0xffffffffn;
  r.rdx = r.rdx & ~0xffffffffn | value >> 32n;
}

function tableRegister(d: Draft, at: number, isIdt: boolean): void {
  const { random } = d, whole = isIdt ? 0xfff : GDT_BYTES - 1;
  const limit = random.one(3) ? whole : isIdt ? 0xfff + random.below(0xf000) : 0x7f + random.below(0xff80);
  const base = d.mode === 2 && random.one(4) ? random.bits64() : linear(isIdt ? IDT : GDT);
  if (at < DATA || at >= READ_ONLY + PAGE) return;
  patch(d, at, BigInt(limit), 2);
  patch(d, at + 2, base, 8);
}

const ports = (d: Draft, e: Encoded, row: Decoded): void => {
  const { random } = d, allowed = (p: number): boolean => (ALLOWED as readonly number[]).includes(p),
    port = random.one(2) ? random.pick(ALLOWED) : random.pick([0x2b0, 0x2a0, 0x2a6, 0x2be, 0x2bf, 0x2c0,
    0x2c4, 0x8aa0]);
  // TCG answers misaligned ports of nobody with 0; what is refused may be misaligned.
  const bytes = /AL|[XY]b/.test(row.row.ops) ? 1 : Math.min(4, e.operandBytes);
  const passes = Array.from({ length: bytes }, (_, k) => port + k).every(allowed);
  const wide = bytes > 1 && (d.cpl === 0 || passes
    || (d.registers.rflags & BigInt(Flag.IOPL)) === BigInt(Flag.IOPL));
  if (row.row.ops.includes('Ib')) e.bytes[e.bytes.length - 1] = random.one(2) ? bytes > 1 ? 0xec : 0xed : random.pick([0x24, 0x28]);
  else d.registers.rdx = d.registers.rdx & ~0xffffn | BigInt(wide ? port & ~3 : port);
  if (!/^(INS|OUTS)$/.test(row.row.name)) return;
  const based = d.mode === 0 ? BigInt(ARENA_BASE) : 0n, near = linear(DATA + 0x720) - based;
  d.registers.rsi = random.one(4) ? place(d) - based : near;
  d.registers.rdi = random.one(4) ? place(d) - based : near;
  if (d.mode !== 2) { d.registers.rsi &= 0xffffffffn; d.registers.rdi &= 0xffffffffn; }
  d.registers.rcx = BigInt(random.below(5));
};

/** RFLAGS to be loaded. TCG goes to virtual-8086 mode from long mode with VM,
  and never loses VIF and VIP again. */
const flagsImage = (d: Draft): bigint => BigInt(d.random.next()) & 0x257fd5n | (d.random.one(4)
  ? BigInt(d.random.below(4)) << 19n : 0n);

/** Where code may go on. */
function codeAddress(d: Draft, selector: number): bigint {
  const { random } = d, at = BigInt((random.one(3) ? KERNEL_CODE : CODE) + 0x500 + random.below(64));
  if (random.one(12)) return d.mode === 2 ? random.bits64() : BigInt(random.next());
  return (selector & ~7) === CS16 || selector === USER_CS16 ? at : at + BigInt(ARENA_BASE);
}

function farPointer(d: Draft, e: Encoded, at: number, row: Decoded): void {
  const { random } = d, selector = random.pick(SELECTORS), size = Math.min(e.operandBytes, 8);
  const offset = codeAddress(d, selector);
  if (row.row.ops === 'Ap') {
    const n = e.bytes.length, half = size === 2 ? 2 : 4;
    for (let k = 0; k < half; k++) e.bytes[n - 2 - half + k] = Number(offset >> BigInt(8 * k) & 255n);
    e.bytes[n - 2] = selector & 255;
    e.bytes[n - 1] = selector >> 8;
  } else if (at >= DATA && at < READ_ONLY + PAGE - 10) {
    patch(d, at, offset, size);
    patch(d, at + size, BigInt(selector), 2);
  }
}

/** Words at the top of the stack. */
function frame(d: Draft, words: readonly bigint[], bytes: number): void {
  const at = (d.cpl === 3 ? USER_STACK : KERNEL_STACK) + 0x800;
  words.forEach((value, n) => patch(d, at + n * bytes, value, bytes));
}

const stackSelector = (d: Draft): number => (d.random.one(2) ? d.random.pick(SELECTORS) : d.random.one(8)
  ? d.random.pick([ABSENT_DATA, ABSENT_DATA + 3]) : d.random.one(2) ? USER_DS : Number(d.registers.ss));
function farReturn(d: Draft, e: Encoded, interrupt: boolean, immediate: boolean): void {
  const { random } = d, bytes = e.operandBytes, selector = random.pick(SELECTORS), ss = stackSelector(d);
  const flags = flagsImage(d);
  const pointer = linear(USER_STACK + 0x400) - ((ss & ~7) === 0x60 || (ss & ~7) === 0x70 ? BigInt(ARENA_BASE)
    : 0n);
  const words = [codeAddress(d, selector), BigInt(selector)];
  if (interrupt) words.push(flags);
  words.push(pointer, BigInt(ss));
  frame(d, words, bytes);
  if (immediate) { e.bytes[e.bytes.length - 1] = 0; e.bytes[e.bytes.length - 2] = 0; }
}

/** An interrupt wakes it; without one it would wait for ever. */
function halts(d: Draft, e: Encoded): void {
  if (d.cpl !== 0) return;
  d.registers.rflags &= ~BigInt(Flag.IF | Flag.TF);
  d.registers.pending = BigInt(0x60 + d.random.below(0x80));
  e.bytes.unshift(0xfb);
}

function systemTargets(d: Draft): void {
  const { random, registers: r } = d, address = (): bigint => (random.one(6) ? random.bits64()
    : linear(CODE + 0x500 + random.below(64)));
  r.rcx = address();
  r.rdx = address();
  r.r11 = flagsImage(d) | random.word() & ~0xffffffffn;
  if (random.one(4)) r.star = BigInt(random.next()) << 32n;
  if (random.one(6)) r.efer &= ~1n;
  if (random.one(4)) r.sysenterCs = BigInt(random.below(0x10000));
  if (random.one(6)) r.sysenterCs = 0n;
  if (random.one(4)) r.fmask = BigInt(random.next());
}

const SPECIAL: readonly (readonly [RegExp, Special])[] = [
  [/^MOV C,R/, (d, e) => operand(d, e, 0, controlValue(d, e.reg), 8)],
  [/^MOV D,R/, (d, e) => { operand(d, e, 0, debugValue(d, e.reg), 8); }],
  [/^MOV R,D/, (d, e) => {
    if (d.cpl !== 0 || e.reg > 7 || e.reg === 4 || e.reg === 5 || !d.random.one(4)) return;
    d.registers.dr7 |= 0x2000n;
    d.registers.rflags &= ~BigInt(Flag.TF);
  }],
  [/^(MONITOR|MWAIT)/, (d) => { d.registers.rcx = BigInt(d.random.pick([0, 0, 0, 1, 2])); d.registers.rax = linear(DATA + 0x740); }],
  [/^(RDMSR|WRMSR)/, msr], [/^LGDT/, (d, _, at) => tableRegister(d, at, false)],
  [/^LIDT/, (d, _, at) => tableRegister(d, at, true)],
  [/^(LLDT|LTR|VERR|VERW|LAR|LSL|ARPL)|^MOV Sw/, (d, e, at) => operand(d, e, at, BigInt(d.random.one(12) ? TSS_UPPER
    : d.random.pick(SELECTORS)) | d.random.word() & ~0xffffn, 2)],
  [/^LMSW/, (d, e, at) => operand(d, e, at, BigInt(d.random.below(16)) | d.random.word() & ~0xfn, 2)],
  [/^(IN|OUT|INS|OUTS) /, (d, e, _, row) => ports(d, e, row)],
  [/^(JMP|CALL|LES|LDS|LSS|LFS|LGS)/, farPointer],
  [/^LSS/, (d) => { if (d.random.one(4)) d.registers.rflags |= BigInt(Flag.TF); }],
  [/^RETF/, (d, e, _, row) => farReturn(d, e, false, row.row.ops === 'Iw')], [/^IRET/, (d, e) => farReturn(d, e, true, false)],
  [/^POP [DEFGS]S/, (d, e) => frame(d, [BigInt(d.random.pick(SELECTORS))], Math.max(2, e.operandBytes))],
  [/^POPF/, (d, e) => frame(d, [flagsImage(d)], e.operandBytes)],
  [/^(HLT|MWAIT)/, halts],
  [/^(SYSCALL|SYSRET|SYSENTER|SYSEXIT)/, systemTargets],
  [/^XSETBV/, (d) => { number(d, 'rcx', d.random.one(4) ? d.random.below(3) : 0);
    d.registers.rax = BigInt(d.random.below(8)); d.registers.rdx = d.random.one(4) ? d.random.word() : 0n; }],
  [/^XGETBV/, (d) => number(d, 'rcx', d.random.below(3))],
  [/^(XSAVE|XRSTOR|XSAVEOPT|XSAVEC|FXSAVE|FXRSTOR)/, (d) => { d.registers.rax = 0n; d.registers.rdx = 0n; d.frameOnly = true; }],
];

/** Values of the processor's own. */
const OWN: readonly (readonly [RegExp, readonly (keyof Draft['registers'])[]])[] = [
  [/^CPUID/, ['rax', 'rbx', 'rcx', 'rdx']], [/^RDTSCP?( |$)/, ['rax', 'rdx']], [/^XGETBV/, ['rax', 'rdx']],
];

function special(d: Draft, row: Decoded, e: Encoded, at: number): void {
  const name = `${row.row.name} ${row.row.ops}`;
  for (const [what, make] of SPECIAL) if (what.test(name)) make(d, e, at, row);
  for (const [what, fields] of OWN) if (what.test(name)) for (const field of fields) d.ignored.add(field);
  if (/^RDRAND|^RDSEED/.test(name) && e.rm !== 4) d.ignored.add(GENERAL[e.rm]!);
  if (d.mode !== 2) for (const field of GENERAL) d.registers[field] = BigInt.asUintN(32, d.registers[field]);
  if (d.mode !== 2) for (const field of GENERAL.slice(8)) d.registers[field] = 0n;
}
