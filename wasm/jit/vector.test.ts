// Every row with a SIMD lowering against the interpreter, in registers and in memory (aligned, misaligned, across
// a page): registers, XMM registers, memory, RFLAGS, RIP and the number of instructions. No handler may have been
// called: the row was translated. Then the permission to use SSE (SDM vol. 3A 14.1.3).

import { beforeAll, describe, expect, test } from 'vitest';
import { buildCore } from './testing/build.ts';
import { CODE, DATA, END, FORCED, INTERPRETER, JitMachine, REGS, type Snapshot, STACK } from './testing/machine.ts';
import { type Random, randomFrom } from './testing/random-code.ts';
import { encodeRow, inMemory, inRegisters, nameOf, type VectorRow, vectorRows } from './testing/vector-code.ts';

const SEED = Number(process.env.SKEP_JIT_SEED ?? Date.now() % 1e9);
const MEMORY = 0x3000;
const TURNS = 3;
/** Loops per row and place, and instances of the row in each. */
const LOOPS = 6, INSTANCES = 4;
const OTHER = 1;

let machine: JitMachine;
let rows: VectorRow[];
beforeAll(async () => {
  machine = new JitMachine(buildCore());
  rows = await vectorRows();
}, 240_000);

/** The bytes that lanes are made of: small, extreme and random ones. */
function interesting(random: Random): number {
  return random(3) ? random(256) : [0, 1, 0x7F, 0x80, 0xFF][random(5)]!;
}

function prepare(seed: number): void {
  const random = randomFrom(seed);
  for (const name of REGS) if (name !== 'rsp') machine.set(name, BigInt(random(0xFFFFFFFF)) << 32n | BigInt(random(0xFFFFFFFF)));
  for (let n = 0; n < 16; n++) machine.xmm(n).set(Array.from({ length: 16 }, () => interesting(random)));
  machine.put(DATA, Array.from({ length: MEMORY }, () => interesting(random)));
  machine.set('r14', DATA);
  machine.set('r15', TURNS);
}

function run(options: number, code: readonly number[], seed: number): Snapshot {
  machine.reset(options, code);
  prepare(seed);
  machine.run();
  return machine.snapshot(DATA, MEMORY);
}

/**
 * The same end in both engines, with no handler called but OUT's and no way out to be interpreted but a miss.
 * True when OUT's was called: translated code went all the way.
 */
function compare(body: readonly number[], seed: number): boolean {
  // sub $1, %r15; jnz to the start.
  const loop = [...body, 0x49, 0x83, 0xEF, 0x01];
  const back = -(loop.length + 6);
  const code = [...loop, 0x0F, 0x85, ...[0, 8, 16, 24].map((shift) => (back >> shift) & 0xFF), ...END];
  const expected = run(INTERPRETER, code, seed);
  const helpers = machine.core.helperCalls(0), others = machine.core.exitsOf(0, OTHER);
  const actual = run(FORCED, code, seed);
  expect({ ...actual, memory: null }).toEqual({ ...expected, memory: null });
  expect(actual.memory.equals(expected.memory)).toBe(true);
  const called = machine.core.helperCalls(0) - helpers;
  expect(called, 'handlers called').toBeLessThanOrEqual(1);
  expect(machine.core.exitsOf(0, OTHER) - others, 'instructions left to the interpreter').toBe(0);
  return called === 1;
}

/** One line when the row differs somewhere, with what shows it again. */
function differenceOf(row: VectorRow, first: number, memory: boolean): string[] {
  let translated = 0;
  for (let n = 0; n < LOOPS; n++) {
    const random = randomFrom(first + n);
    const body = Array.from({ length: INSTANCES }, () => encodeRow(row, random, memory)).flat();
    try {
      if (compare(body, first + n)) translated++;
    } catch (error) {
      const code = Buffer.from(body).toString('hex');
      return [`${nameOf(row)}, seed ${first + n}, code ${code}: ${(error as Error).message}`];
    }
  }
  return translated ? [] : [`${nameOf(row)}: not translated`];
}

function checkRows(memory: boolean): void {
  const chosen = rows.filter(memory ? inMemory : inRegisters);
  expect(chosen.length).toBeGreaterThan(50);
  expect(chosen.flatMap((row, number) => differenceOf(row, SEED + number * LOOPS, memory))).toEqual([]);
}

describe('every row', () => {
  test(`between registers, seed ${SEED}`, () => { checkRows(false); }, 600_000);
  test(`with memory, seed ${SEED}`, () => { checkRows(true); }, 600_000);
});

describe('permission to use SSE', () => {
  const TS = 8n, EM = 4n, OSFXSR = 0x200n;
  // add $1, %rax; pxor %xmm1, %xmm0; sub $1, %r15; jnz
  const CODE_BYTES = [0x48, 0x83, 0xC0, 1, 0x66, 0x0F, 0xEF, 0xC1, 0x49, 0x83, 0xEF, 1, 0x75, 0xF2, ...END];
  const cases: [string, (m: JitMachine) => void, number][] = [
    ['CR0.TS', (m) => { m.set('cr0', m.get('cr0') | TS); }, 7],
    ['CR0.EM', (m) => { m.set('cr0', m.get('cr0') | EM); }, 6],
    ['CR4.OSFXSR', (m) => { m.set('cr4', m.get('cr4') & ~OSFXSR); }, 6],
  ];
  test.each(cases)('%s: the exception is at the instruction', (_, change, vector) => {
    const ends = [INTERPRETER, FORCED].map((options) => {
      machine.reset(options, CODE_BYTES);
      prepare(SEED);
      machine.set('rax', 0);
      change(machine);
      machine.run();
      return { ...machine.snapshot(STACK - 40, 40), at: machine.read(STACK - 40) };
    });
    expect(ends[1]).toEqual(ends[0]);
    expect(ends[1]!.regs.rax).toBe(1n);
    expect(ends[1]!.at).toBe(BigInt(CODE + 4));
    // The stub of the vector has ended the machine.
    expect(ends[1]!.rip & ~15n).toBe(BigInt(0x7000 + vector * 16));
  });

  test('CLTS inside of a region gives it back', () => {
    // clts; pxor %xmm1, %xmm0; sub $1, %r15; jnz
    const code = [0x0F, 0x06, 0x66, 0x0F, 0xEF, 0xC1, 0x49, 0x83, 0xEF, 1, 0x75, 0xF4, ...END];
    const ends = [INTERPRETER, FORCED].map((options) => {
      machine.reset(options, code);
      prepare(SEED);
      machine.set('cr0', machine.get('cr0') | TS);
      machine.run();
      return machine.snapshot(DATA, MEMORY);
    });
    expect(ends[1]).toEqual(ends[0]);
    expect(ends[1]!.regs.r15).toBe(0n);
  });
});
