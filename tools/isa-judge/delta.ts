// An outcome as the list of what it changed, without what the SDM leaves undefined: the form in which
// outcomes are compared and recorded. A field that is not in the list has its value from before; RIP is
// listed unless it is that of the next instruction (or, after a fault, of this one), and RF unless a fault
// set it.

import type { Decoded } from '../isa-gen/encoding.ts';
import { undefinedParts, type Undefined } from './undefined.ts';
import { End, TF, type Case, type Outcome } from './state.ts';

export enum Field { RIP = 16, FLAGS = 17, SEGMENT = 18, FS_BASE = 24, GS_BASE = 25, FCW = 26, FSW = 27, FTW =
  28, MXCSR = 29, R0 = 30,
  XMM = 38, MEMORY = 54, END = 55, VECTOR = 56, ERROR = 57, CR2 = 58, DR6 = 59 }

const REGS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13',
  'r14', 'r15'];
export const FIELD_NAMES: readonly string[] =
  [...REGS, 'rip', 'rflags', 'es', 'cs', 'ss', 'ds', 'fs', 'gs', 'fs.base', 'gs.base',
  'fcw', 'fsw', 'ftw', 'mxcsr', ...Array.from({ length: 8 }, (_, n) => `R${n}`), ...Array.from({ length: 16 }, (_, n) => `xmm${n}`),
  'memory', 'end', 'vector', 'error code', 'cr2', 'dr6'];

/** One changed field. Of MEMORY: offset in the data area << 8 | byte. */
export interface Change { field: number; value: bigint }

/** CF PF AF ZF SF TF IF DF OF NT RF AC ID. */
const FLAGS = 0x254fd5, RF = 0x10000, TWO = 0x202;
const ALIGNMENT = 17, STACK_FAULT = 12, PROTECTION = 13, PAGE_FAULT = 14, HIGH_HALF = 0x7ffffffff000n;

const zeroNull = (selector: number): number => (selector < 4 ? 0 : selector);
const wide = (fx: Uint8Array, at: number, bytes: number): bigint => {
  const v = new DataView(fx.buffer, fx.byteOffset + at, 16);
  const low = v.getBigUint64(0, true);
  return bytes === 16 ? low | v.getBigUint64(8, true) << 64n : low | BigInt(v.getUint16(8, true)) << 64n;
};

function fpuChanges(before: Uint8Array, after: Uint8Array, out: Change[], undef: Undefined): void {
  const ignore = undef.fields;
  const a = new DataView(before.buffer, before.byteOffset, 512), b =
    new DataView(after.buffer, after.byteOffset, 512);
  const add = (field: number, was: bigint,
    is: bigint): void => { if (was !== is && !ignore.has(field)) out.push({ field, value: is }); };
  add(Field.FCW, BigInt(a.getUint16(0, true)), BigInt(b.getUint16(0, true)));
  const status = [a, b].map((v) => BigInt(v.getUint16(2, true)) & undef.status) as [bigint, bigint];
  if (status[0] !== status[1]) out.push({ field: Field.FSW, value: status[1] });
  add(Field.FTW, BigInt(before[4]!), BigInt(after[4]!));
  add(Field.MXCSR, BigInt(a.getUint32(24, true)), BigInt(b.getUint32(24, true)));
  const top = (v: DataView): number => (v.getUint16(2, true) >> 11) & 7;
  for (let n = 0; n < 8; n++) {
    const place = (v: DataView): number => 32 + ((n - top(v)) & 7) * 16;
    add(Field.R0 + n, wide(before, place(a), 10), wide(after, place(b), 10));
  }
  for (let n = 0; n < 16; n++) add(Field.XMM + n, wide(before, 160 + n * 16, 16),
    wide(after, 160 + n * 16, 16));
}

/** What the outcome changed, fields ascending. */
export function changesOf(c: Case, d: Decoded, o: Outcome): Change[] {
  const out: Change[] = [], undef = undefinedParts(c, d, o);
  const narrow = (v: bigint): bigint => (c.mode === 2 ? v : BigInt.asUintN(32, v));
  for (let n = 0; n < (c.mode === 2 ? 16 : 8); n++) {
    const keep = undef.registers.get(n) ?? 0xffffffffffffffffn;
    const was = narrow(c.regs[n]!) & keep, is = narrow(o.regs[n]!) & keep;
    if (was !== is) out.push({ field: n, value: is });
  }
  const mask = c.mode === 2 ? (1n << 64n) - 1n : 0xffffffffn;
  const next = o.end === End.DONE ? (c.rip + BigInt(c.code.length)) & (c.mode === 0 ? 0xffffn : mask) : c.rip;
  if ((o.rip & mask) !== next) out.push({ field: Field.RIP, value: o.rip & mask });
  const flagMask = FLAGS & ~undef.flags;
  const flags = (c.flags | TF | TWO | (o.end === End.FAULT ? RF : 0)) & flagMask;
  if ((o.flags & flagMask) !== flags) out.push({ field: Field.FLAGS,
    value: BigInt((o.flags & flagMask) >>> 0) });
  // The runner's kernel returns null selectors as 0 (SDM vol. 2 IRET).
  o.segments.forEach((v,
    n) => { if (zeroNull(v) !== zeroNull(c.segments[n]!)) out.push({ field: Field.SEGMENT + n,
    value: BigInt(zeroNull(v)) }); });
  if (c.mode === 2) {
    if (o.fsBase !== c.fsBase) out.push({ field: Field.FS_BASE, value: o.fsBase });
    if (o.gsBase !== c.gsBase) out.push({ field: Field.GS_BASE, value: o.gsBase });
  }
  fpuChanges(c.fx, o.fx, out, undef);
  for (const [at, value] of o.changes) {
    if (!undef.memory?.(at)) out.push({ field: Field.MEMORY, value: BigInt(at << 8 | value) });
  }
  if (o.end !== End.DONE) ending(o, out, undef.fields);
  if (c.watch !== undefined && o.watched !== 0) out.push({ field: Field.DR6, value: BigInt(o.watched ?? 0) });
  return out;
}

function ending(o: Outcome, out: Change[], ignore: Set<number>): void {
  out.push({ field: Field.END, value: BigInt(o.end) });
  if (o.end !== End.FAULT) return;
  // Two bad operands; a 16-byte operand that is misaligned and more: either may be told.
  if (ignore.has(Field.VECTOR)) return;
  const either = ignore.has(Field.SEGMENT) && (o.vector === STACK_FAULT || o.vector === ALIGNMENT);
  const vector = either ? PROTECTION : o.vector;
  out.push({ field: Field.VECTOR, value: BigInt(vector) });
  // Linux says "present" of every address of its own half, whatever the processor said.
  const error = o.vector === PAGE_FAULT && o.cr2 >= HIGH_HALF ? o.error | 1 : o.error;
  if (error !== 0 && !ignore.has(Field.ERROR)) out.push({ field: Field.ERROR, value: BigInt(error) });
  if (o.vector === PAGE_FAULT && !ignore.has(Field.CR2)) out.push({ field: Field.CR2, value: o.cr2 });
}

/** A sentence for each field in which the lists differ; `name` says whose the second one is. */
export function differences(ours: readonly Change[], theirs: readonly Change[], name: string): string[] {
  const key = (x: Change): string => (x.field === Field.MEMORY ? `memory +0x${(x.value >> 8n).toString(16)}` : FIELD_NAMES[x.field]!);
  const shown = (x: Change | undefined): string => x === undefined ? 'unchanged'
    : (x.field === Field.MEMORY ? x.value & 255n : x.value).toString(16);
  const a = new Map(ours.map((x) => [key(x), x])), b = new Map(theirs.map((x) => [key(x), x]));
  return [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k)?.value !== b.get(k)?.value)
    .map((k) => `${k} ${shown(a.get(k))}, ${name} ${shown(b.get(k))}`);
}
