// What of an outcome is not judged, because the SDM leaves it undefined for this operand: flags of the
// table's `undef` column, and the cases that depend on values (zero sources of scans, faults in the middle of
// POPA). One rule per entry, with its source.

import type { Decoded } from '../isa-gen/encoding.ts';
import { Field } from './delta.ts';
import { hasBadStack, hasWholeFrame } from './generate.ts';
import { CS64, End, type Case, type Outcome } from './state.ts';

export interface Undefined {
  flags: number;
  /** By register: bits that are judged. */
  registers: Map<number, bigint>;
  /** Fields of delta.ts. */
  fields: Set<number>;
  /** Bits of the status word that are judged. */
  status: bigint;
  /** Tells bytes of the data area that are not judged, by offset. */
  memory?: (at: number) => boolean;
}

export const FLAG: Record<string, number> = { C: 1, P: 4, A: 0x10, Z: 0x40, S: 0x80, O: 0x800 };
const ALL_REGISTERS = Array.from({ length: 16 }, (_, n) => n);
export const TRANSCENDENTAL = /^(F2XM1|FSIN|FCOS|FSINCOS|FPTAN|FPATAN|FYL2X|FYL2XP1)$/;
/** Operands longer than a register. */
const PIECES = /^(FX|XS|XR|FLDENV|FRSTOR|FNSAVE|FNSTENV)/;
const LOW_HALF = 0xffffffffn, ZF = 0x40;

export function undefinedParts(c: Case, d: Decoded, o: Outcome): Undefined {
  const out: Undefined = { flags: 0, registers: new Map(), fields: new Set(), status: 0xffffn };
  const { name } = d.row;
  if (o.end === End.DONE) for (const letter of d.row.undef ?? '') out.flags |= FLAG[letter]!;
  // SDM vol. 2 BSF, BSR: a zero source leaves the destination, of whose upper half some processors say 0.
  if (/^BS[FR]$/.test(name) && (o.flags & ZF) !== 0) for (const n of ALL_REGISTERS) out.registers.set(n,
    LOW_HALF);
  // Some processors have written part of the registers when a later read faults; the instruction restarts
  // from RSP.
  if (name === 'POPA' && o.end === End.FAULT) {
    for (const n of ALL_REGISTERS) out.registers.set(n, 0n);
  }
  // C1 tells how an inexact result was rounded, which follows from bits that nobody promises.
  if (TRANSCENDENTAL.test(name)) out.status = 0xfdffn;
  // SDM vol. 2 LAR: bits 16 to 19 are undefined.
  if (name === 'LAR') for (const n of ALL_REGISTERS) out.registers.set(n, ~0xf0000n & 0xffffffffffffffffn);
  // Which of several bad operands or stack words is found first is the processor's affair.
  if (PIECES.test(name) || /^(CMPS|MOVS|IRET|RETF|POPA|CALL)/.test(name)) out.fields.add(Field.CR2);
  // SDM vol. 1 3.4.1.1: upper halves are undefined after a switch from 64-bit mode to a 32-bit mode.
  if (c.mode === 2 && o.segments[1] !== CS64) for (const n of ALL_REGISTERS) out.registers.set(n, LOW_HALF);
  if (o.end === End.DONE) ofTheProcessor(c, name, out);
  if (o.end === End.FAULT) ofFaults(c, d, o, out);
  // SDM vol. 1 10.5.1.2: bits of MXCSR_MASK say what the processor has; bytes 464 to 511 are software's.
  if (/^(FXSAVE|XSAVE)/.test(name)) out.memory = (at) => at >= c.operandAt + 28 && at < c.operandAt + 32;
  return out;
}

/** Registers whose values say what processor it is, what time or number: only their width is judged. */
const ITS_OWN: Readonly<Record<string, readonly number[]>> = {
  CPUID: [0, 1, 2, 3], RDTSC: [0, 2], RDTSCP: [0, 1, 2], XGETBV: [0, 2],
};
const HIGH_HALF = 0xffffffff00000000n;
const OPSIZE = 0x66, REX_B = 1, REX_W = 8;

function ofTheProcessor(c: Case, name: string, out: Undefined): void {
  for (const n of ITS_OWN[name] ?? []) out.registers.set(n, HIGH_HALF);
  if (!/^(RDRAND|RDSEED|RDPID)$/.test(name)) return;
  const opcode = c.code.indexOf(0x0f), rex = c.mode === 2 && opcode > 0 ? c.code[opcode - 1]! : 0;
  const has = (bit: number): boolean => (rex & 0xf0) === 0x40 && (rex & bit) !== 0;
  const reg = c.code.at(-1)! & 7 | (has(REX_B) ? 8 : 0);
  if (name === 'RDPID') { out.registers.set(reg, HIGH_HALF); return; }
  const word = c.code.slice(0, opcode).includes(OPSIZE) !== (c.mode === 0);
  out.registers.set(reg, has(REX_W) ? 0n : word ? 0xffffffffffff0000n : HIGH_HALF);
  // There may be no number just now.
  out.flags |= FLAG.C!;
}

/** What processors have done already when an instruction faults that will be executed again. */
function ofFaults(c: Case, d: Decoded, o: Outcome, out: Undefined): void {
  if (d.row.name === 'CMPS') out.fields.add(Field.VECTOR);
  if (/^(sse-|mmx|crypto|xsave)/.test(d.row.file)) out.fields.add(Field.SEGMENT);
  // SDM vol. 2 IRET says the selector of SS, other makers say 0; a stack at the end of the canonical half.
  if (d.row.name === 'IRET') {
    out.fields.add(Field.ERROR);
    if (!hasWholeFrame(c)) out.fields.add(Field.VECTOR);
  }
  if (/^(IRET|RETF|CALL)$/.test(d.row.name) && c.mode === 2
    && c.regs[4]! >> 12n === 0x7ffffffffn) out.fields.add(Field.VECTOR);
  if (d.row.name === 'CALL' && hasBadStack(c)) { out.fields.add(Field.VECTOR); out.fields.add(Field.ERROR); }
  // Which end of a long operand is looked at first.
  if (PIECES.test(d.row.name)) out.fields.add(Field.ERROR);
  // The change to MMX mode (SDM vol. 1 9.5.1).
  if (d.row.file === 'mmx.isa.ts' || /^CVT.*PI/.test(d.row.name)) {
    out.status = ~0x3800n & 0xffffn;
    out.fields.add(Field.FTW);
  }
  // The frame below the stack pointer.
  if (/^(CALL|PUSHA)$/.test(d.row.name)) {
    const stack = Number(BigInt.asUintN(32, o.regs[4]!)) & 0x3fff;
    out.memory = (at) => at < stack && at >= stack - 32;
  }
}
