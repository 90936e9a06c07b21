// The check of regions against the interpreter while a machine runs (check.ts): it finds nothing where nothing is wrong and
// leaves no trace; and a region that is wrong does not pass it. SKEP_JIT_SEED repeats the random part.

import { beforeAll, describe, expect, test } from 'vitest';
import { Count, PANIC_REGION_DIFFERS } from '../../src/emu/generated-layout.ts';
import { describeDifference } from '../../src/emu/check-report.ts';
import { buildCore } from './testing/build.ts';
import { CODE, DATA, END, FORCED, INTERPRETER, JitMachine, type Meddle, type Mode, Panic, REGS, type Snapshot,
} from './testing/machine.ts';
import { type Mutant, mutantsOf } from './testing/mutants.ts';
import { randomFrom, randomLoop } from './testing/random-code.ts';
import { COUNTER32, randomLoop32 } from './testing/random-code32.ts';
import { type VectorRow, vectorRows } from './testing/vector-code.ts';

const SEED = Number(process.env.SKEP_JIT_SEED ?? Date.now() % 1e9);
const STREAMS = Number(process.env.STREAMS ?? 60);
const TURNS = 40;
const MEMORY = 0x4000;
/** regions.ts `Listed`: address, bytes, bytes of hints, function. */
const LISTED_WORDS = 4;

let machine: JitMachine;
let vectors: VectorRow[];
beforeAll(async () => {
  machine = new JitMachine(buildCore());
  vectors = await vectorRows();
}, 240_000);

type Prepare = (m: JitMachine) => void;

function run(options: number, every: number, code: readonly number[], prepare: Prepare, mode: Mode = 'long'): Snapshot {
  machine.checkRegions = every;
  machine.reset(options, code, mode);
  prepare(machine);
  machine.run();
  return machine.snapshot(DATA, MEMORY);
}
const counted = (n: number): number => machine.core.countOf(0, n);

describe.each(['long', 'compatibility', 'legacy'] as const)('random loops, every entry checked, %s mode', (mode) => {
  test(`nothing differs and nothing is disturbed, seed ${SEED}`, () => {
    const before = counted(Count.CHECKED);
    for (let n = 0; n < STREAMS; n++) {
      const random = randomFrom(SEED + n);
      const code = mode === 'long' ? randomLoop(random, END, vectors, false) : randomLoop32(random, END, vectors, false);
      const values = REGS.map(() => BigInt(random(0xFFFFFFFF)) << 32n | BigInt(random(0xFFFFFFFF)));
      const prepare: Prepare = (m) => {
        REGS.forEach((name, k) => { if (name !== 'rsp') m.set(name, values[k]!); });
        m.set(mode === 'long' ? 'r14' : 'rbp', DATA);
        m.set('r15', TURNS);
        for (let at = 0; at < MEMORY; at += 8) m.write(DATA + at, values[(at >> 3) & 15]! ^ BigInt(at * 0x9E3779B1));
        if (mode !== 'long') m.write32(COUNTER32, TURNS);
      };
      try {
        const expected = run(INTERPRETER, 0, code, prepare, mode);
        expect(run(FORCED, 1, code, prepare, mode)).toEqual(expected);
      } catch (error) {
        const more = error instanceof Panic ? describeDifference(machine.memory) : '';
        (error as Error).message = `seed ${SEED + n}, code ${Buffer.from(code).toString('hex')}: ${(error as Error).message} ${more}`;
        throw error;
      }
    }
    expect(counted(Count.CHECKED) - before).toBeGreaterThan(STREAMS * 10);
  }, 600_000);
});

/** Registers of all kinds, memory of all widths, flags, the stack, LOCK, in a loop of `r15` turns. */
const PROGRAM = [
  [0x48, 0x01, 0xD8], // add %rbx, %rax
  [0x49, 0x89, 0x06], // mov %rax, (%r14)
  [0x49, 0x8B, 0x4E, 8], // mov 8(%r14), %rcx
  [0x48, 0x11, 0xCA], // adc %rcx, %rdx
  [0x41, 0x89, 0x56, 16], // mov %edx, 16(%r14)
  [0x41, 0x88, 0x46, 32], // mov %al, 32(%r14)
  [0x48, 0x0F, 0xAF, 0xF0], // imul %rax, %rsi
  [0x48, 0xC1, 0xE7, 3], // shl $3, %rdi
  [0x48, 0x39, 0xC8], // cmp %rcx, %rax
  [0x0F, 0x92, 0xC3], // setb %bl
  [0x50], [0x59], // push %rax; pop %rcx
  [0xF0, 0x4D, 0x0F, 0xC1, 0x46, 40], // lock xadd %r8, 40(%r14)
  [0x66, 0x0F, 0xFE, 0xC1], // paddd %xmm1, %xmm0
  [0xF3, 0x41, 0x0F, 0x7F, 0x46, 48], // movdqu %xmm0, 48(%r14)
  [0xF2, 0x0F, 0x58, 0xD1], // addsd %xmm1, %xmm2
  [0x9C], [0x5D], // pushf; pop %rbp
  [0x49, 0x0F, 0xBA, 0x66, 8, 5], // btq $5, 8(%r14)
  [0x49, 0xFF, 0xCF], // dec %r15
].flat();
const TURN_JUMP = [0x0F, 0x85, ...[0, 1, 2, 3].map((n) => (-(PROGRAM.length + 6) >> (8 * n)) & 0xFF)];
/** UD2 at the end: OUT, in the handler's region, must not be executed twice, so what follows it cannot be checked. */
const CODE_BYTES = [...PROGRAM, ...TURN_JUMP, 0x0F, 0x0B];
const prepareProgram: Prepare = (m) => {
  REGS.forEach((name, n) => { if (name !== 'rsp') m.set(name, BigInt(n + 1) * 0x0123456789ABCDEFn & 0x7FFFFFFFFFFFFFFFn); });
  m.set('r14', DATA);
  m.set('r15', 12);
  for (let n = 0; n < 3; n++) m.xmm(n).set(Array.from({ length: 16 }, (_, k) => (k * 37 + n * 11 + 1) & 0x7F));
  for (let at = 0; at < 64; at += 8) m.write(DATA + at, BigInt(at) * 0x1122334455667788n);
};

/** Lets the functions that are installed be changed. */
const onBodies = (change: (body: Uint8Array) => void): Meddle => (memory, list, count) => {
  const words = new Uint32Array(memory.buffer, list, count * LISTED_WORDS);
  for (let n = 0; n < count; n++) {
    change(new Uint8Array(memory.buffer, words[n * LISTED_WORDS]!, words[n * LISTED_WORDS + 1]!));
  }
};

type Fate = 'found' | 'trapped' | 'harmless' | 'refused by the engine';
/** What becomes of the machine whose first region has the mistake. */
function fateOf(mutant: Mutant, expected: Snapshot): Fate {
  let seen = 0;
  machine.meddle = onBodies((body) => { if (seen++ === 0) body[mutant.at] = mutant.value; });
  try {
    const actual = run(FORCED, 1, CODE_BYTES, prepareProgram);
    expect(actual, `${mutant.value} at ${mutant.at} passes the check`).toEqual(expected);
    return 'harmless';
  } catch (error) {
    if (error instanceof Panic && error.code === PANIC_REGION_DIFFERS) return 'found';
    if (error instanceof WebAssembly.RuntimeError) return 'trapped';
    if (error instanceof WebAssembly.CompileError) return 'refused by the engine';
    throw error;
  } finally {
    machine.meddle = () => {};
  }
}

describe('a wrong region', () => {
  test('is found: each small mistake in the emitted code ends the machine or changes nothing', () => {
    const expected = run(INTERPRETER, 0, CODE_BYTES, prepareProgram);
    const bodies: Uint8Array[] = [];
    machine.meddle = onBodies((body) => { bodies.push(body.slice()); });
    expect(run(FORCED, 1, CODE_BYTES, prepareProgram)).toEqual(expected);
    machine.meddle = () => {};
    const fates: Record<Fate, number> = { found: 0, trapped: 0, harmless: 0, 'refused by the engine': 0 };
    for (const mutant of mutantsOf(bodies[0]!)) fates[fateOf(mutant, expected)]++;
    expect(fates.found, JSON.stringify(fates)).toBeGreaterThan(150);
  }, 600_000);

  test('is reported with its place, what differs and the instructions', () => {
    // mov $42, %eax; mov %eax, (%r14): the constant becomes 43.
    const code = [0xB8, 42, 0, 0, 0, 0x41, 0x89, 0x06, ...END];
    machine.meddle = onBodies((body) => {
      const at = body.findIndex((byte, n) => byte === 0x41 && body[n + 1] === 42);
      if (at > 0) body[at + 1] = 43;
    });
    expect(() => run(FORCED, 1, code, (m) => m.set('r14', DATA))).toThrow(`core panic ${PANIC_REGION_DIFFERS}`);
    machine.meddle = () => {};
    const text = describeDifference(machine.memory);
    expect(text).toContain(`region entered at 0x${CODE.toString(16).padStart(16, '0')} on CPU 0`);
    expect(text).toContain('RAX: region 0x000000000000002b, interpreter 0x000000000000002a');
    expect(text).toContain(`0x${CODE.toString(16).padStart(16, '0')}: b8 2a 00 00 00`);
    expect(counted(Count.CHECK_DIFFERENT)).toBeGreaterThan(0);
  });
});
