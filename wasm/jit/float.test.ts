// The float mode against the interpreter: the same registers, flags, MXCSR and memory, over special values and
// every kind of MXCSR (SKEP_JIT_SEED, SKEP_JIT_FLOATS); and that it is used at all, and left where it must be.

import { beforeAll, describe, expect, test } from 'vitest';
import { buildCore } from './testing/build.ts';
import { controlWord, CONTROL_COUNT, CONTROLS, floatLoop, floatRows, type FloatRows, values } from './testing/float-code.ts';
import { DATA, END, FORCED, INTERPRETER, JitMachine, REGS, type Snapshot } from './testing/machine.ts';
import { randomFrom } from './testing/random-code.ts';

const SEED = Number(process.env.SKEP_JIT_SEED ?? Date.now() % 1e9);
const STREAMS = Number(process.env.SKEP_JIT_FLOATS ?? 400);
const TURNS = 12, MEMORY = 0x4000;
/** All exceptions masked, round to nearest; with PE. */
const RESET = 0x1F80, FAST = 0x1FA0;

let machine: JitMachine;
let rows: FloatRows;
beforeAll(async () => {
  machine = new JitMachine(buildCore());
  rows = await floatRows();
}, 240_000);

type State = Snapshot & { mxcsr: number };
function run(options: number, code: readonly number[], prepare: (m: JitMachine) => void): State {
  machine.reset(options, code);
  prepare(machine);
  machine.run();
  return { ...machine.snapshot(DATA, MEMORY), mxcsr: machine.mxcsr };
}

function setDoubles(m: JitMachine, n: number, low: number, high = 0): void {
  new Float64Array(m.xmm(n).buffer, m.xmm(n).byteOffset, 2).set([low, high]);
}

function stream(seed: number): void {
  const random = randomFrom(seed);
  const rarity = [3, 12, 1e9][random(3)]!;
  const code = floatLoop(random, rows, 4 + random(24), random(2) === 0, END);
  const words = Array.from({ length: MEMORY / 16 + 16 }, () => values(random, rarity)).flat();
  const controls = Array.from({ length: CONTROL_COUNT }, () => controlWord(random));
  const mxcsr = controlWord(random);
  const prepare = (m: JitMachine): void => {
    words.forEach((word, n) => { if (n < MEMORY / 8) m.write(DATA + 8 * n, word); });
    controls.forEach((word, n) => { m.put(DATA + CONTROLS + 4 * n, [word & 0xFF, word >> 8, 0, 0]); });
    for (let n = 0; n < 16; n++) {
      new BigUint64Array(m.xmm(n).buffer, m.xmm(n).byteOffset, 2).set(words.slice(MEMORY / 8 + 2 * n, MEMORY / 8 + 2 * n + 2));
    }
    REGS.forEach((name, n) => { if (name !== 'rsp') m.set(name, words[n]!); });
    m.set('r14', DATA);
    m.set('r15', TURNS);
    m.mxcsr = mxcsr;
  };
  const expected = run(INTERPRETER, code, prepare);
  const actual = run(FORCED, code, prepare);
  const where = `seed ${seed}, MXCSR ${mxcsr.toString(16)}, code ${Buffer.from(code).toString('hex')}`;
  expect({ ...actual, memory: null }, where).toEqual({ ...expected, memory: null });
  expect(actual.memory.equals(expected.memory), where).toBe(true);
}

describe('against the interpreter', () => {
  test(`random streams, seed ${SEED}`, () => {
    for (let n = 0; n < STREAMS; n++) stream(SEED + n);
  }, 600_000);
});

describe('the float mode', () => {
  // loop: addsd %xmm1, %xmm0; mulsd %xmm2, %xmm0; divsd %xmm3, %xmm0; sqrtsd %xmm0, %xmm4; subps %xmm5, %xmm6;
  // cvtsi2sd %r15, %xmm7; cvttsd2si %xmm0, %rax; comisd %xmm0, %xmm1; dec %r15; jne loop
  const CODE = [0xF2, 0x0F, 0x58, 0xC1, 0xF2, 0x0F, 0x59, 0xC2, 0xF2, 0x0F, 0x5E, 0xC3, 0xF2, 0x0F, 0x51, 0xE0,
    0x0F, 0x5C, 0xF5, 0xF2, 0x49, 0x0F, 0x2A, 0xFF, 0xF2, 0x48, 0x0F, 0x2C, 0xC0, 0x66, 0x0F, 0x2F, 0xC8,
    0x49, 0xFF, 0xCF, 0x75, 0xDA, ...END];
  const turns = 1000;
  const count = (mxcsr: number, more: (m: JitMachine) => void = () => {}): { calls: number; state: State } => {
    const before = machine.core.helperCalls(0);
    const state = run(FORCED, CODE, (m) => {
      setDoubles(m, 0, 1.5);
      setDoubles(m, 1, 2.25);
      setDoubles(m, 2, 1.000001);
      setDoubles(m, 3, 1.3);
      m.xmm(5).fill(0x3F);
      m.xmm(6).fill(0x43);
      m.set('r15', turns);
      m.mxcsr = mxcsr;
      more(m);
    });
    // One is the OUT that ends the machine.
    return { calls: machine.core.helperCalls(0) - before - 1, state };
  };

  test('no handler is called when PE is set', () => {
    expect(count(FAST).calls).toBe(0);
  });
  test('the first inexact instruction sets PE, and the mode begins with the next block', () => {
    const { calls, state } = count(RESET);
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(8);
    expect(state.mxcsr).toBe(FAST);
  });
  test.each([['DAZ', 0x40], ['FTZ', 0x8000], ['rounding down', 0x2000]])('not with %s', (_, bit) => {
    expect(count(FAST | bit).calls).toBeGreaterThanOrEqual(5 * turns);
  });
  test('a denormal goes to the handler each time and sets DE', () => {
    const { calls, state } = count(FAST, (m) => { setDoubles(m, 2, 1e-310); });
    expect(calls).toBeGreaterThanOrEqual(turns);
    expect(state.mxcsr & 2).toBe(2);
  });
  test('zeros stay in the mode', () => {
    const { calls, state } = count(FAST, (m) => {
      setDoubles(m, 1, 0);
      setDoubles(m, 2, 0);
    });
    expect(calls).toBe(0);
    expect(state.mxcsr).toBe(FAST);
  });
});
