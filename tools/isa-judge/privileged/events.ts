// Events in long mode: delivery through gates, stacks and tables that are not in order, up to #DF and triple
// fault (SDM vol. 3A 6.10 to 6.15); breakpoints and single-step (vol. 3B 18.2, 18.3); what STI and loads of
// SS hold off (vol. 3A 6.8.3); interrupts and the task priority (11.8.3); the I/O permission bitmap (vol. 1
// 19.5.2).

import { Random, hash32 } from '../random.ts';
import type { Mode } from '../state.ts';
import { draft, Flag, patch, setCode, type Draft } from './draft.ts';
import {
  CANONICAL_END, CS32, CS64, DATA, DS, gate, GDT, IDT, KERNEL_STACK, limit, linear,
  MISSING, segment, TR, TSS, USER_CS64, USER_STACK, Access, ARENA_BASE, ABSENT_CODE,
} from './world.ts';
import { STUBS, STUB_BYTES } from './layout.ts';

const MODES: readonly Mode[] = [2, 2, 1, 2, 0], UD2 = [0x0f, 0x0b];
const start = (what: string, n: number, seed: number, modes = MODES): [Random, Draft] => {
  const random = new Random(seed ^ hash32(`privileged ${what}`), n);
  return [random, draft(random, modes[n % modes.length]!, n % 3 === 0 ? 3 : 0)];
};
const TRIPLE_ODDS = 24;

/** What raises the first event: its vector, its code. */
function first(d: Draft): [vector: number, code: number[]] {
  const { random, registers: r } = d;
  r.rflags &= ~BigInt(Flag.TF);
  switch (random.below(7)) {
    case 0: return [6, UD2];
    case 1: return [3, [0xcc]];
    case 2: { const v = random.pick([0x20, 0x40, 0x41, 0x45, 0x80, 13]); return [v, [0xcd, v]]; }
    case 3: { r.rbx = linear(MISSING) - (d.mode === 0 ? BigInt(ARENA_BASE) : 0n); return [14, [0x88, 0x07]]; }
    case 4: { r.rdx = 0n; r.rcx = 0n; return [0, [0xf7, 0xf1]]; }
    case 5: { r.pending = BigInt(0x60 + random.below(0x40)); r.rflags |= BigInt(Flag.IF);
      return [Number(r.pending), [0x90]]; }
    default: { r.rflags |= BigInt(Flag.TF); return [1, [0x90]]; }
  }
}

function breakGate(d: Draft, vector: number): void {
  const { random } = d, at = IDT + vector * 16, to = STUBS + vector * STUB_BYTES;
  const put = (low: bigint, high = 0n): void => { patch(d, at, low, 8); patch(d, at + 8, high, 8); };
  switch (random.below(12)) {
    case 0: put(gate(CS64, to, 0x0e)); break;
    case 1: put(gate(CS64, to, random.pick([0x82, 0x85, 0x89, 0x8c, 0x92, 0x9b, 0x86]))); break;
    case 2: put(gate(0, to, Access.INTERRUPT)); break;
    case 3: put(gate(random.pick([0x200, 0x3f8, 0x84, 0x8c]), to, Access.INTERRUPT)); break;
    case 4: put(gate(DS, to, Access.INTERRUPT)); break;
    case 5: put(gate(ABSENT_CODE, to, Access.INTERRUPT)); break;
    case 6: put(gate(CS32, to, Access.INTERRUPT)); break;
    case 7: put(gate(USER_CS64, to, Access.INTERRUPT)); break;
    case 8: put(gate(CS64, to, Access.INTERRUPT), 0x8000n); break;
    case 9: put(gate(CS64, to, Access.INTERRUPT, 1 + random.below(7))); break;
    case 10: put(gate(CS64, to, Access.TRAP | 0x60)); break;
    default: d.registers.idtLimit = limit(vector * 16 + random.below(17)); break;
  }
}

function breakStack(d: Draft): void {
  const { random, registers: r } = d;
  const bad = random.pick([linear(MISSING) + 0x1000n, linear(MISSING) + 16n, CANONICAL_END + 0x1020n,
    CANONICAL_END + 0x1028n,
    0x900000000000n, 0x40000000n, linear(USER_STACK + 0x600), linear(KERNEL_STACK + 0x603)]);
  if (d.cpl === 3) patch(d, TSS + 4, bad, 8);
  else r.rsp = d.mode === 2 ? bad : bad & 0xffffffffn;
  if (random.one(6)) patch(d, TSS + 0x24 + random.below(7) * 8, bad, 8);
}

/** Delivery of one event, with gate, stack or both out of order; sometimes #DF has no good gate either. */
export function deliveryCase(n: number, seed: number): Draft {
  const [random, d] = start('delivery', n, seed), [vector, code] = first(d);
  if (random.below(4)) breakGate(d, vector);
  if (random.one(2)) breakStack(d);
  if (random.one(8)) breakGate(d, random.pick([10, 11, 12, 13, 14]));
  if (random.one(10)) patch(d, GDT + TR,
    segment(ARENA_BASE + TSS, random.pick([0x67, 0x2b, 3, 0]), Access.TSS, 0), 8);
  if (random.one(TRIPLE_ODDS)) breakGate(d, 8);
  setCode(d, code);
  return d;
}

const STORES: readonly (readonly number[])[] =
  [[0x88, 0x03], [0x66, 0x89, 0x03], [0x89, 0x03], [0x8a, 0x03], [0x8b, 0x03], [0x01, 0x03],
  [0x90], [0xff, 0x33], [0x53], [0x5b], [0xaa], [0xa4], [0xf3, 0xaa], [0xf3, 0xa4], [0x87, 0x03],
    [0xff, 0x03], [0xeb, 0x00], [0xe8, 0, 0, 0, 0],
  [0x9d], [0x9c]];

/** Instruction and data breakpoints about two instructions, RF, TF. */
export function breakpointCase(n: number, seed: number): Draft {
  const [random, d] = start('breakpoints', n, seed, [2, 1, 2, 2]), { registers: r } = d, based = d.mode === 0 ? BigInt(ARENA_BASE) : 0n;
  const at = linear(DATA + 0x710 + random.below(8));
  r.rflags &= ~BigInt(Flag.TF | Flag.DF | Flag.NT);
  if (random.one(4)) r.rflags |= BigInt(Flag.TF);
  if (random.one(5)) r.rflags |= BigInt(Flag.RF);
  r.rcx = BigInt(random.below(5));
  r.rbx = at - based;
  r.rdi = at - based;
  r.rsi = at + 0x20n - based;
  const one = random.pick(STORES), code = [...one, ...random.pick(STORES)];
  if (d.mode === 0) for (let k = 0; k + 1 < code.length; k++) if (code[k + 1] === 0x03) code[k + 1] = 0x07;
  let control = 0x400n | BigInt(random.below(4) << 8);
  for (let k = 0; k < 4; k++) {
    const fetch = random.one(3), length = fetch ? 0 : random.pick([0, 1, 3, 2]), bytes = length === 2 ? 8
      : length + 1;
    const code0 = r.rip + based + BigInt(random.pick([0, one.length, one.length, code.length]));
    // TCG compares addresses that are not aligned as they are.
    const data0 = at + BigInt(random.below(12) - 4) & ~BigInt(bytes - 1);
    r[(['dr0', 'dr1', 'dr2', 'dr3'] as const)[k]!] = fetch ? code0 : data0;
    if (random.one(2)) control |= BigInt(1 + random.below(3)) << BigInt(2 * k);
    control |= BigInt((fetch ? 0 : random.pick([1, 3])) | length << 2) << BigInt(16 + 4 * k);
  }
  r.dr7 = control;
  setCode(d, code);
  return d;
}

/** Two or three instructions after which interrupts or traps may be held off. */
export function shadowCase(n: number, seed: number): Draft {
  const random = new Random(seed ^ hash32('privileged shadow'), n), d = draft(random, 2, 0), { registers: r } = d;
  const OPEN = [[0xfb], [0x8e, 0xd0]], OTHER =
    [[0x90], [0xfa], [0x8e, 0xd8], UD2, [0xcd, 0x41], [0x9c, 0x9d], [0x0f, 0x20, 0xd9],
    [0x89, 0xd8]];
  // Of two in a row only the first need hold anything off (SDM vol. 2 MOV).
  const code = [0, 1, 2, 3].flatMap((k) => random.pick(k % 2 === n % 2 ? OPEN : OTHER));
  r.rax = BigInt(DS);
  r.rflags &= ~BigInt(Flag.TF | Flag.IF | Flag.NT);
  if (random.one(3)) r.rflags |= BigInt(Flag.IF);
  // What STI leaves of TF is another case (rows).
  if (random.one(6) && !code.includes(0xfb)) r.rflags |= BigInt(Flag.TF);
  if (random.below(4)) r.pending = BigInt(0x60 + random.below(0x90));
  if (random.one(4)) r.cr8 = BigInt(random.below(16));
  setCode(d, code);
  return d;
}

/** Bitmaps at odd places, TSS limits within them. */
export function bitmapCase(n: number, seed: number): Draft {
  const random = new Random(seed ^ hash32('privileged bitmap'), n), d = draft(random, n % 4 === 3 ? 1 : 2, 3), { registers: r } = d;
  const map = random.pick([0x68, 0x68, 0x70, 0x88, 0x67, 0x0, 0xc0, 0x3ff, 0xffff]), size =
    random.pick([0x67, 0x68, 0x70, 0x88, 0x89, 0xbf, 0xc0, 0xc1]);
  patch(d, TSS + 0x66, BigInt(map), 2);
  patch(d, GDT + TR, segment(ARENA_BASE + TSS, size, Access.TSS, 0), 8);
  patch(d, TSS + 0x68, random.bits64() & random.bits64(), 8);
  patch(d, TSS + 0x88, random.bits64() & random.bits64(), 8);
  patch(d, TSS + 0xc0, random.bits64() & random.bits64(), 2);
  r.rflags &= ~BigInt(Flag.TF | Flag.NT);
  if (random.below(4)) r.rflags &= ~BigInt(Flag.IOPL);
  // What is granted is a port of nobody; alignment, because TCG answers others with 0.
  const wide = random.below(3), port = random.pick([0x2a0, 0x2a4, 0x2b0, 0x2c4, 0x8aa0, 0x2a8])
    + (wide === 0 ? random.below(4) : 0);
  r.rdx = BigInt(port);
  setCode(d, wide === 0 ? [random.pick([0xec, 0xee])] : wide === 1 ? [0x66, random.pick([0xed, 0xef])]
    : [random.pick([0xed, 0xef])]);
  return d;
}
