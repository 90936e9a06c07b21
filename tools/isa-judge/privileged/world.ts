// The world of a privileged case: descriptor tables, TSS, page tables, code, data and stacks in the arena,
// and the registers that a case starts from. Descriptors: SDM vol. 3A 3.4.5, 3.5, 5.8.3, 6.11, 6.14, 7.2;
// paging: 4.3 to 4.5. Selectors follow what STAR and SYSENTER_CS want of a GDT (SDM vol. 2 SYSRET,
// SYSEXIT).

import {
  ARENA, ARENA_BYTES, FIELDS, IMAGE, STUBS, STUB_BYTES, type Registers,
} from './layout.ts';

/** Offsets in the arena. */
export const GDT = 0, GDT_BYTES = 0x200, LDT = 0x400, LDT_BYTES = 0x80, TSS = 0x800, TSS_OTHER = 0xc00,
  IDT = 0x1000, CODE = 0x2000, KERNEL_CODE = 0x3000, DATA = 0x4000, READ_ONLY = 0x6000, MISSING = 0x7000,
  USER_STACK = 0x8000, KERNEL_STACK = 0x9000, OTHER_STACK = 0xa000, NO_EXECUTE = 0xb000, PML4 = 0xc000,
  PDPT = 0xd000, PD = 0xe000, PT = 0xf000, PAGE = 0x1000;
/** Places where nothing is. */
export const CANONICAL_END = 0x7ffffffff000n, BEYOND = 0x40000000n;
export const linear = (at: number): bigint => BigInt(ARENA + at);
export const ARENA_BASE = ARENA;

export const CS32 = 0x08, CS64 = 0x10, DS = 0x18, USER_CS32 = 0x23, USER_DS = 0x2b, USER_CS64 = 0x33,
  TR = 0x38, LDTR = 0x48, CS16 = 0x58, DS16 = 0x60, USER_CS16 = 0x6b, USER_DS16 = 0x73, CONFORMING64 = 0x78,
  GATE_USER = 0x80, GATE_KERNEL = 0x90, TSS_FREE = 0xa0, ABSENT_DATA = 0xb0, ABSENT_CODE = 0xb8,
  READ_ONLY_DATA = 0xc0, EXECUTE_ONLY = 0xc8, EXPAND_DOWN = 0xd0, BOTH_LD = 0xd8, GATE_ABSENT = 0xe0,
  TSS_BUSY = 0xf0, GATE_TO_DATA = 0x100, GATE_CONFORMING = 0x110, GATE_TO_32 = 0x120, TSS_ABSENT = 0x130,
  LDT_ABSENT = 0x140, GATE_WILD = 0x150, DS1 = 0x160, CS1 = 0x168, DS2 = 0x170, CONFORMING32 = 0x178,
  GATE_NULL = 0x180, TSS_UPPER = 0x190, SMALL_DATA = 0x1a0, SMALL_CODE = 0x1a8, RESERVED_TYPE = 0x1b0;
export const SELECTORS: readonly number[] = [CS32, CS64, DS, USER_CS32, USER_DS, USER_CS64, TR, LDTR, CS16,
  DS16,
  USER_CS16, USER_DS16, CONFORMING64, GATE_USER, GATE_KERNEL, TSS_FREE, ABSENT_DATA, ABSENT_CODE,
  READ_ONLY_DATA, EXECUTE_ONLY, EXPAND_DOWN, BOTH_LD, GATE_ABSENT, TSS_BUSY, GATE_TO_DATA, GATE_CONFORMING,
  GATE_TO_32, TSS_ABSENT, LDT_ABSENT, GATE_WILD, DS1, CS1, DS2, CONFORMING32, GATE_NULL, TSS_UPPER,
    SMALL_DATA,
  SMALL_CODE, RESERVED_TYPE, 0, 1, 2, 3, 0x1f8, 0x200, 0x1fc, 0x204, 0xfff8, 0xffff,
  0x04, 0x07, 0x0c, 0x0f, 0x14, 0x17, 0x1c, 0x1f, 0x24, 0x27, 0x84, 0x87];

/** Ports that the I/O permission bitmap allows; it ends with BITMAP_PORTS. */
export const ALLOWED = [0xec, 0xed, 0xee, 0xef, 0x2a1, 0x2a2, 0x2a4, 0x2a5, 0x2a6, 0x2a7] as const,
  BITMAP_PORTS = 0x2c0;
const IO_MAP = 0x68;

export const enum Access {
  DATA0 = 0x93, DATA3 = 0xf3, CODE0 = 0x9b, CODE3 = 0xfb, CONFORMING = 0x9f, LDT = 0x82, TSS = 0x89,
    BUSY = 0x8b,
  CALL = 0x8c, INTERRUPT = 0x8e, TRAP = 0x8f,
}
/** G, D/B, L of the upper byte. */
export const FLAT32 = 0xc, FLAT64 = 0xa, BYTES16 = 0;

/** Segment descriptor. */
export const segment = (base: number, limit: number, access: number, flags: number): bigint =>
  BigInt(limit & 0xffff) | BigInt(base & 0xffffff) << 16n | BigInt(access) << 40n
    | BigInt(limit >>> 16 & 15) << 48n | BigInt(flags) << 52n | BigInt(base >>> 24) << 56n;
/** Low half of a gate's descriptor. */
export const gate = (selector: number, offset: number, access: number, ist = 0): bigint =>
  BigInt(offset & 0xffff) | BigInt(selector) << 16n | BigInt(ist) << 32n | BigInt(access) << 40n
    | BigInt(offset >>> 16) << 48n;

export class Arena {
  readonly bytes = new Uint8Array(ARENA_BYTES);
  private readonly view = new DataView(this.bytes.buffer);
  put(at: number, value: bigint): void { this.view.setBigUint64(at, BigInt.asUintN(64, value), true); }
  put16(at: number, value: number): void { this.view.setUint16(at, value, true); }
}

const FLAT_LIMIT = 0xfffff, MAPPED = 0x63n, USER = 4n, WRITABLE = 2n, NO_EXECUTE_BIT = 1n << 63n;

function segments(a: Arena): void {
  const plain: readonly (readonly [number, bigint])[] = [
    [CS32, segment(0, FLAT_LIMIT, Access.CODE0, FLAT32)], [CS64, segment(0, FLAT_LIMIT, Access.CODE0, FLAT64)],
    [DS, segment(0, FLAT_LIMIT, Access.DATA0, FLAT32)], [USER_CS32, segment(0, FLAT_LIMIT, Access.CODE3, FLAT32)],
    [USER_DS, segment(0, FLAT_LIMIT, Access.DATA3, FLAT32)],
    [USER_CS64, segment(0, FLAT_LIMIT, Access.CODE3, FLAT64)],
    [CS16, segment(ARENA, 0xffff, Access.CODE0, BYTES16)], [DS16, segment(ARENA, 0xffff, Access.DATA0, BYTES16)],
    [USER_CS16, segment(ARENA, 0xffff, Access.CODE3, BYTES16)],
    [USER_DS16, segment(ARENA, 0xffff, Access.DATA3, BYTES16)],
    [CONFORMING64, segment(0, FLAT_LIMIT, Access.CONFORMING, FLAT64)],
    [CONFORMING32, segment(0, FLAT_LIMIT, Access.CONFORMING, FLAT32)],
    [ABSENT_DATA, segment(0, FLAT_LIMIT, 0x73, FLAT32)], [ABSENT_CODE, segment(0, FLAT_LIMIT, 0x7b, FLAT64)],
    [READ_ONLY_DATA, segment(0, FLAT_LIMIT, 0xf1, FLAT32)], [EXECUTE_ONLY, segment(0, FLAT_LIMIT, 0xf9, FLAT32)],
    [EXPAND_DOWN, segment(0, 0x1f, 0xf7, FLAT32)], [BOTH_LD, segment(0, FLAT_LIMIT, Access.CODE0, 0xe)],
    [DS1, segment(0, FLAT_LIMIT, 0xb3, FLAT32)], [CS1, segment(0, FLAT_LIMIT, 0xbb, FLAT64)],
    [DS2, segment(0, FLAT_LIMIT, 0xd3, FLAT32)], [SMALL_DATA, segment(ARENA + DATA, 0x7ff, Access.DATA3, 4)],
    [SMALL_CODE, segment(ARENA + CODE, 0x7ff, Access.CODE3, 4)], [RESERVED_TYPE, segment(0, 0xff, 0x88, 0)],
  ];
  for (const [selector, value] of plain) a.put(GDT + (selector & ~7), value);
  const local = [segment(0, FLAT_LIMIT, Access.CODE3, FLAT64), segment(0, FLAT_LIMIT, Access.DATA3, FLAT32),
    segment(0, FLAT_LIMIT, Access.CODE3, FLAT32), segment(0, FLAT_LIMIT, Access.DATA0, FLAT32),
    segment(0, FLAT_LIMIT, 0x73, FLAT32)];
  local.forEach((value, n) => a.put(LDT + n * 8, value));
}

/** System descriptors of 16 bytes: offset or base is below 4 GiB. */
function systemSegments(a: Arena): void {
  const limit = IO_MAP + BITMAP_PORTS / 8;
  a.put(TR, segment(ARENA + TSS, limit, Access.TSS, 0));
  a.put(LDTR, segment(ARENA + LDT, LDT_BYTES - 1, Access.LDT, 0));
  a.put(TSS_FREE, segment(ARENA + TSS_OTHER, 0x67, Access.TSS, 0));
  a.put(TSS_BUSY, segment(ARENA + TSS_OTHER, 0x67, Access.BUSY, 0));
  a.put(TSS_ABSENT, segment(ARENA + TSS_OTHER, 0x67, 0x09, 0));
  a.put(LDT_ABSENT, segment(ARENA + LDT, LDT_BYTES - 1, 0x02, 0));
  // A type in the upper half, where there must be none.
  a.put(TSS_UPPER, segment(ARENA + TSS_OTHER, 0x67, Access.TSS, 0));
  a.put(TSS_UPPER + 8, 0x1f0000000000n);
  const to = ARENA + KERNEL_CODE + 0x100;
  a.put(GATE_USER, gate(CS64, to, Access.CALL | 0x60));
  a.put(GATE_KERNEL, gate(CS64, to, Access.CALL));
  a.put(GATE_ABSENT, gate(CS64, to, 0x6c));
  a.put(GATE_TO_DATA, gate(DS, to, Access.CALL | 0x60));
  a.put(GATE_CONFORMING, gate(CONFORMING64, to, Access.CALL | 0x60));
  a.put(GATE_TO_32, gate(CS32, to, Access.CALL | 0x60));
  a.put(GATE_WILD, gate(CS64, to, Access.CALL | 0x60));
  a.put(GATE_WILD + 8, 0x8000n);
  a.put(GATE_NULL, gate(0, to, Access.CALL | 0x60));
}

/** Vectors with gates that differ. */
export const GATES = { user: 0x40, userTrap: 0x41, absent: 0x50, noGate: 0x51, userCode: 0x52, noCode: 0x53,
  beyond: 0x54,
  data: 0x55, wildStack: 0x56, stack2: 0x57, conforming: 0x58, code32: 0x59, absentCode: 0x5a, wild: 0x5b,
  taskGate: 0x5c, last: 0xff } as const;

function interrupts(a: Arena): void {
  const put = (v: number, low: bigint, high = 0n): void => { a.put(IDT + v * 16, low); a.put(IDT + v * 16 + 8,
    high); };
  for (let v = 0; v < 256; v++) {
    const user = v === 3 || v === 4 || v >= 0x40 && v < 0x60 ? 0x60 : 0;
    put(v, gate(CS64, STUBS + v * STUB_BYTES, Access.INTERRUPT | user, v === 8 ? 1 : 0));
  }
  const at = (v: number): number => STUBS + v * STUB_BYTES;
  put(GATES.userTrap, gate(CS64, at(GATES.userTrap), Access.TRAP | 0x60));
  put(GATES.absent, gate(CS64, at(GATES.absent), 0x6e));
  put(GATES.noGate, gate(CS64, at(GATES.noGate), 0xe2));
  put(GATES.userCode, gate(USER_CS64, at(GATES.userCode), Access.INTERRUPT | 0x60));
  put(GATES.noCode, gate(0, at(GATES.noCode), Access.INTERRUPT | 0x60));
  put(GATES.beyond, gate(0x300, at(GATES.beyond), Access.INTERRUPT | 0x60));
  put(GATES.data, gate(DS, at(GATES.data), Access.INTERRUPT | 0x60));
  put(GATES.wildStack, gate(CS64, at(GATES.wildStack), Access.INTERRUPT | 0x60, 7));
  put(GATES.stack2, gate(CS64, at(GATES.stack2), Access.INTERRUPT | 0x60, 2));
  put(GATES.conforming, gate(CONFORMING64, at(GATES.conforming), Access.INTERRUPT | 0x60));
  put(GATES.code32, gate(CS32, at(GATES.code32), Access.INTERRUPT | 0x60));
  put(GATES.absentCode, gate(ABSENT_CODE, at(GATES.absentCode), Access.INTERRUPT | 0x60));
  put(GATES.wild, gate(CS64, at(GATES.wild), Access.INTERRUPT | 0x60), 0x8000n);
  put(GATES.taskGate, gate(TR, 0, 0xe5));
}

const STACK_TOP = 0xf00;
function taskState(a: Arena): void {
  const top = (page: number, less = 0): bigint => linear(page + STACK_TOP - less);
  // RSP0 to RSP2, IST1, IST2, IST7.
  for (const [at, value] of [[4, top(KERNEL_STACK)], [12, top(OTHER_STACK, 0x400)],
    [20, top(OTHER_STACK, 0x600)],
    [0x24, top(OTHER_STACK)], [0x2c, top(OTHER_STACK, 0x200)], [0x54, 0x800000000000n]] as const) {
    a.put(TSS + at, value);
    a.put(TSS_OTHER + at, value);
  }
  a.put16(TSS + 0x66, IO_MAP);
  a.put16(TSS_OTHER + 0x66, IO_MAP);
  a.bytes.fill(0xff, TSS + IO_MAP, TSS + IO_MAP + BITMAP_PORTS / 8 + 1);
  for (const port of ALLOWED) a.bytes[TSS + IO_MAP + (port >> 3)]! &= ~(1 << (port & 7));
}

const USER_PAGES = [CODE, DATA, DATA + PAGE, READ_ONLY, USER_STACK, NO_EXECUTE];
const HARNESS_PAGES = 8, HARNESS_STACK = 0x1d0000;
/** The arena and the harness one to one; accessed and dirty are set. */
function pages(a: Arena): void {
  a.put(PML4, linear(PDPT) | 0x67n);
  a.put(PDPT, linear(PD) | 0x67n);
  a.put(PD, linear(PT) | 0x67n);
  const present = [...Array.from({ length: ARENA_BYTES / PAGE }, (_, n) => ARENA + n * PAGE),
    ...Array.from({ length: HARNESS_PAGES }, (_, n) => IMAGE + n * PAGE), HARNESS_STACK - PAGE];
  for (const at of present) a.put(PT + at / PAGE * 8, BigInt(at) | MAPPED);
  for (const at of USER_PAGES) a.put(pte(at), linear(at) | MAPPED | USER);
  a.put(pte(READ_ONLY), linear(READ_ONLY) | MAPPED & ~WRITABLE | USER);
  a.put(pte(MISSING), 0n);
  a.put(pte(NO_EXECUTE), linear(NO_EXECUTE) | MAPPED | USER | NO_EXECUTE_BIT);
}
/** Offset of the page-table entry of an arena page. */
export const pte = (at: number): number => PT + (ARENA + at >> 12) * 8;

const INT3 = 0xcc;
/** Long mode, 4-level paging. */
export function longTemplate(): Arena {
  const a = new Arena();
  for (const page of [CODE, KERNEL_CODE, DATA, DATA + PAGE, READ_ONLY, MISSING, NO_EXECUTE]) {
    a.bytes.fill(INT3, page, page + PAGE);
  }
  segments(a);
  systemSegments(a);
  interrupts(a);
  taskState(a);
  pages(a);
  return a;
}

export const enum Cr0 { PE = 1, MP = 2, EM = 4, TS = 8, ET = 0x10, NE = 0x20, WP = 0x10000, AM = 0x40000 }
export const enum Cr4 {
  VME = 1, PVI = 2, TSD = 4, DE = 8, PSE = 0x10, PAE = 0x20, MCE = 0x40, PGE = 0x80, PCE = 0x100,
    OSFXSR = 0x200,
  OSXMMEXCPT = 0x400, UMIP = 0x800, FSGSBASE = 0x10000, OSXSAVE = 0x40000, SMEP = 0x100000, SMAP = 0x200000,
}

const PAT_RESET = 0x0007040600070406n;
/** Long mode, 64-bit code, CPL 0. */
export function longRegisters(): Registers {
  const r = Object.fromEntries(FIELDS.map((name) => [name, 0n])) as Registers;
  return {
    ...r, cr0: 0x80010033n, cr3: linear(PML4), cr4: 0x40620n, efer: 0xd01n, xcr0: 3n,
    dr6: 0xffff0ff0n, dr7: 0x400n, star: 0x0023001000000000n, lstar: linear(KERNEL_CODE + 0x200),
    cstar: linear(KERNEL_CODE + 0x300), fmask: 0x47700n, sysenterCs: BigInt(CS64),
    sysenterEsp: linear(OTHER_STACK + 0x800), sysenterEip: linear(KERNEL_CODE + 0x400), pat: PAT_RESET,
    gdtLimit: limit(GDT_BYTES - 1), gdtBase: linear(GDT), idtLimit: limit(0xfff), idtBase: linear(IDT),
    ldtr: BigInt(LDTR), tr: BigInt(TR), es: BigInt(DS), ds: BigInt(DS), rip: linear(CODE + 0x800),
    cs: BigInt(CS64), rflags: 2n, rsp: linear(KERNEL_STACK + 0x800), ss: BigInt(DS), vector: 0x100n,
  };
}
export const limit = (value: number): bigint => BigInt(value) << 48n;
