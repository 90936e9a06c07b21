// The translator against the interpreter: the same machine, the same code, the same end: registers, RFLAGS, memory, RIP and
// the number of instructions, exactly. Random loops (SKEP_JIT_SEED, SKEP_JIT_LOOPS, SKEP_JIT_STREAMS), then the ways in which
// a region is left.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Count } from '../../src/emu/generated-layout.ts';
import { buildCore } from './testing/build.ts';
import {
  BOOT_GDT, CODE, DATA, END, FORCED, GS, INTERPRETER, JitMachine, type Mode, REGS, SMALL,
  type Snapshot, STACK, TOP, TOP_AT, TRANSLATOR,
} from './testing/machine.ts';
import { randomFrom, randomLoop } from './testing/random-code.ts';
import { type VectorRow, vectorRows } from './testing/vector-code.ts';
import { COUNTER32, randomLoop32 } from './testing/random-code32.ts';
import { prepareX87, x87Loop } from './testing/x87-code.ts';

const SEED = Number(process.env.SKEP_JIT_SEED ?? Date.now() % 1e9);
const LOOPS = Number(process.env.SKEP_JIT_LOOPS ?? 60);
/** Loops that are translated before their first turn, and their turns. */
const STREAMS = Number(process.env.SKEP_JIT_STREAMS ?? 300);
const TURNS = 40;
/** Above the 2 x 50 000 taken branches after which a head is translated. */
const ITERATIONS = 160_000;
const PAGE = 0x1000;
const MEMORY = 0x4000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

let machine: JitMachine;
let vectors: VectorRow[];
beforeAll(async () => {
  machine = new JitMachine(buildCore());
  vectors = await vectorRows();
}, 240_000);

type Prepare = (m: JitMachine) => void;
/** Of the code that runs. */
let mode: Mode = 'long';

function runWith(options: number, code: readonly number[], prepare: Prepare, from = DATA, bytes = MEMORY): Snapshot {
  machine.reset(options, code, mode);
  prepare(machine);
  machine.run();
  return machine.snapshot(from, bytes);
}

/** Below this a loop has ended by an exception before it was hot. */
const HOT = BigInt(3 * ITERATIONS);

/** Both engines agree; the translator has made at least one region. */
function compare(code: readonly number[], prepare: Prepare, from = DATA, bytes = MEMORY, options = TRANSLATOR): Snapshot {
  const expected = runWith(INTERPRETER, code, prepare, from, bytes);
  const before = machine.core.regionCount();
  const actual = runWith(options, code, prepare, from, bytes);
  if (options === FORCED || expected.instructions > HOT) {
    expect(machine.core.regionCount(), 'regions').toBeGreaterThan(before);
  }
  expect({ ...actual, memory: null }).toEqual({ ...expected, memory: null });
  expect(actual.memory.equals(expected.memory)).toBe(true);
  return actual;
}

/** Random loops `count` times from the seed on, each of `iterations` turns. */
function randomLoops(count: number, iterations: number, options: number): void {
  for (let n = 0; n < count; n++) {
    const seed = SEED + n;
    const random = randomFrom(seed);
    const code = mode === 'long' ? randomLoop(random, END, vectors, options !== FORCED)
      : randomLoop32(random, END, vectors, options !== FORCED);
    const values = REGS.map(() => BigInt(random(0xFFFFFFFF)) << 32n | BigInt(random(0xFFFFFFFF)));
    const prepare: Prepare = (m) => {
      REGS.forEach((name, k) => { if (name !== 'rsp') m.set(name, values[k]!); });
      for (let n = 0; n < 16; n++) m.xmm(n).set(values.map((value, k) => Number((value >> BigInt(n)) & 0xFFn) ^ (k * n)));
      m.set(mode === 'long' ? 'r14' : 'rbp', DATA);
      m.set('r15', iterations);
      for (let at = 0; at < MEMORY; at += 8) m.write(DATA + at, values[(at >> 3) & 15]! ^ BigInt(at * 0x9E3779B1));
      if (mode !== 'long') m.write32(COUNTER32, iterations);
    };
    try {
      compare(code, prepare, DATA, MEMORY, options);
    } catch (error) {
      (error as Error).message = `seed ${seed}, code ${Buffer.from(code).toString('hex')}: ${(error as Error).message}`;
      throw error;
    }
  }
}

describe('random loops', () => {
  test(`hot ones, seed ${SEED}`, () => { randomLoops(LOOPS, ITERATIONS, TRANSLATOR); }, 600_000);
  test(`translated at first sight, seed ${SEED}`, () => { randomLoops(STREAMS, TURNS, FORCED); }, 600_000);
});

describe.each(['legacy', 'compatibility'] as const)('32-bit code, %s mode', (which) => {
  beforeAll(() => { mode = which; });
  afterAll(() => { mode = 'long'; });

  test(`hot loops, seed ${SEED}`, () => { randomLoops(LOOPS, ITERATIONS, TRANSLATOR); }, 600_000);
  test(`translated at first sight, seed ${SEED}`, () => { randomLoops(STREAMS, TURNS, FORCED); }, 600_000);

  test('EIP wraps at 4 GiB, in a loop over the end of the address space', () => {
    // At the last bytes: add $3, %eax; jmp 0 (by falling off the end). At 0: add (%ebp), %edx; dec %ecx; jnz back.
    const loop = [0x03, 0x55, 0, 0x49, 0x75, 0xF7, ...END];
    const end = compare([0x90], (m) => {
      m.put(0, loop);
      m.put(TOP_AT + 0xFFD, [0x83, 0xC0, 3]);
      m.write32(DATA, 7);
      m.set('rip', TOP + 0xFFD);
      m.set('rax', 0);
      m.set('rdx', 0);
      m.set('rcx', 1000);
    }, DATA, 64, FORCED);
    expect(end.regs.rax).toBe(3000n);
    expect(end.regs.rdx).toBe(7000n);
    expect(end.instructions).toBe(4001n);
  });

  test('a branch with an operand size of 16 bits cuts EIP', () => {
    // dec %ecx; jnz to itself by a 16-bit displacement: the target is CODE & 0xFFFF + 1.
    const end = compare([0x49, 0x66, 0x0F, 0x85, 0xFA, 0xFF], (m) => {
      m.put((CODE & 0xFFFF) + 0, [0x40, ...END]);
      m.set('rax', 0);
      m.set('rcx', 5);
    }, DATA, 64, FORCED);
    expect(end.regs.rcx).toBe(4n);
    expect(end.regs.rax).toBe(1n);
  });

  test('segments that are not flat for a while: the same code, interpreted then', () => {
    // push $8; pop %es; add %es:(%ebp), %edx; push %ds; pop %es; add %es:(%ebp), %edx; dec %ecx; jnz
    const code = [0x6A, 8, 0x07, 0x26, 0x03, 0x55, 0, 0x1E, 0x07, 0x26, 0x03, 0x55, 0, 0x49, 0x75, 0xF0, ...END];
    const turns = 10_000;
    const end = compare(code, (m) => {
      m.write32(DATA, 3);
      m.write32(DATA + 0x1000, 50);
      // Data from 0x1000 to 4 GiB.
      m.write32(BOOT_GDT + 8, 0x1000FFFF);
      m.write32(BOOT_GDT + 12, 0x00CF9300);
      m.set('rdx', 0);
      m.set('rcx', turns);
    }, DATA, 64, FORCED);
    expect(end.regs.rdx).toBe(BigInt(53 * turns));
    expect(end.instructions).toBe(BigInt(8 * turns + 1));
  });

  test('the limit of GS: #GP at the first byte behind it', () => {
    // add %gs:(%esi), %edx; add $4, %esi; dec %ecx; jnz
    const code = [0x65, 0x03, 0x16, 0x83, 0xC6, 4, 0x49, 0x75, 0xF7, ...END];
    const words = 20_000;
    const end = compare(code, (m) => {
      m.core.setBase(GS, SMALL, words * 4 - 1, 0);
      m.set('rsi', 0);
      m.set('rdx', 0);
      m.set('rcx', 1_000_000);
      for (let n = 0; n < words; n++) m.write32(SMALL + 4 * n, n);
    }, STACK - 64, 64, FORCED);
    expect(end.regs.rsi).toBe(BigInt(words * 4));
    expect(end.regs.rdx).toBe(BigInt(words * (words - 1) / 2));
  });
});

describe.each(['long', 'compatibility'] as const)('x87, %s mode', (which) => {
  beforeAll(() => { mode = which; });
  afterAll(() => { mode = 'long'; });

  test.each([['hot', Math.ceil(LOOPS / 6), ITERATIONS, TRANSLATOR], ['at first sight', STREAMS, TURNS, FORCED]])(
    `random loops, %s, seed ${SEED}`, (_, count, turns, options) => {
      for (let n = 0; n < count; n++) {
        const seed = SEED + n;
        const code = x87Loop(randomFrom(seed), END, mode === 'long' ? vectors : undefined);
        try {
          compare(code, (m) => {
            prepareX87(m, randomFrom(seed ^ 0x5A5A5A5A), DATA, MEMORY);
            m.set('r14', DATA);
            m.set('rbp', DATA);
            m.set('r15', turns);
            if (mode !== 'long') m.write32(COUNTER32, turns);
          }, DATA, MEMORY, options);
        } catch (error) {
          (error as Error).message = `seed ${seed}, code ${Buffer.from(code).toString('hex')}: ${(error as Error).message}`;
          throw error;
        }
      }
    }, 600_000);
});

describe('exits', () => {
  // add (%rsi), %rdx; add $8, %rsi; dec %rcx; jnz
  const WALK = [0x48, 0x03, 0x16, 0x48, 0x83, 0xC6, 8, 0x48, 0xFF, 0xC9, 0x75, 0xF4];

  test('TLB misses: a walk over 512 pages', () => {
    const end = compare([...WALK, ...END], (m) => {
      m.set('rdx', 0);
      m.set('rsi', SMALL);
      m.set('rcx', 512 * PAGE / 8);
      for (let at = 0; at < 512 * PAGE; at += 8) m.write(SMALL + at, at * 3 + 1);
    });
    const words = BigInt(512 * PAGE / 8);
    expect(end.regs.rdx).toBe(12n * words * (words - 1n) + words);
    expect(end.instructions).toBe(4n * words + 1n);
  });

  test('accesses that are looked up together, and lie in two pages: the region is made anew', () => {
    // mov (%rsi), %rax; add 8(%rsi), %rdx; mov %rax, 16(%rsi); dec %rcx; jnz
    const code = [0x48, 0x8B, 0x06, 0x48, 0x03, 0x56, 8, 0x48, 0x89, 0x46, 16, 0x48, 0xFF, 0xC9, 0x75, 0xF0, ...END];
    const turns = 3_000_000;
    const before = machine.core.regionCount();
    const end = compare(code, (m) => {
      m.set('rdx', 0);
      m.set('rsi', SMALL + PAGE - 8);
      m.set('rcx', turns);
      m.write(SMALL + PAGE - 8, 5);
      m.write(SMALL + PAGE, 7);
    }, SMALL, 2 * PAGE);
    expect(end.regs.rdx).toBe(BigInt(7 * turns));
    expect(machine.core.regionCount() - before).toBe(2);
  });

  test('a fault inside the loop: exact RIP, registers, flags, CR2', () => {
    const missing = SMALL + 400 * PAGE;
    const faults: unknown[] = [];
    compare([...WALK, ...END], (m) => {
      m.set('rsi', SMALL);
      m.set('rcx', 512 * PAGE / 8);
      m.unmap(missing);
      faults.push(m);
    }, STACK - 64, 64);
    const frame = Array.from({ length: 6 }, (_, k) => machine.read(STACK - 48 + 8 * k));
    // Not present, read, supervisor; the faulting instruction; RFLAGS of DEC to a positive value keep their carry.
    expect(frame[0]).toBe(0n);
    expect(frame[1]).toBe(BigInt(CODE));
    expect(frame[4]).toBe(BigInt(STACK));
    expect(machine.get('cr2')).toBe(BigInt(missing));
    expect(machine.get('rsi')).toBe(BigInt(missing));
    expect(machine.get('rcx')).toBe(BigInt(112 * PAGE / 8));
    expect(faults).toHaveLength(2);
  });

  test('STAC and CLAC: pages of the user are there in between only', () => {
    // stac; add (%rsi), %rdx; clac; add (%rdi), %rdx; dec %rcx; jnz; mov (%rsi), %rax
    const code = [0x0F, 0x01, 0xCB, 0x48, 0x03, 0x16, 0x0F, 0x01, 0xCA, 0x48, 0x03, 0x17, 0x48, 0xFF, 0xC9, 0x75, 0xEF,
      0x48, 0x8B, 0x06, ...END];
    const USER = 4n, SMAP = 1n << 21n;
    for (const options of [TRANSLATOR, FORCED]) {
      const misses = machine.core.exitsOf(0, 2);
      const end = compare(code, (m) => {
        // PML4, PDPT, PD and PT of the page at SMALL.
        for (const at of [0x1000, 0x2000, 0x3000 + 16, 0x4000]) m.write(at, m.read(at) | USER);
        m.set('cr4', m.get('cr4') | SMAP);
        m.set('rsi', SMALL);
        m.set('rdi', DATA);
        m.set('rdx', 0);
        m.set('rcx', ITERATIONS);
        m.write(SMALL, 5);
        m.write(DATA, 3);
      }, STACK - 64, 64, options);
      expect(end.regs.rdx).toBe(BigInt(8 * ITERATIONS));
      expect(machine.get('cr2')).toBe(BigInt(SMALL));
      // Only the last access: the others found what STAC had chosen.
      expect(machine.core.exitsOf(0, 2) - misses).toBeLessThan(20);
    }
  });

  test('an NMI arrives during an endless loop', async () => {
    // add $1, %rax; mov (%rsi), %rbx; jmp
    machine.reset(TRANSLATOR, [0x48, 0x83, 0xC0, 1, 0x48, 0x8B, 0x1E, 0xEB, 0xF7]);
    machine.set('rsi', DATA);
    let asked = 0;
    const regions = await machine.runAside(async () => {
      await sleep(700);
      asked = performance.now();
      machine.core.raiseNmi(0);
    });
    expect(regions).toBe(1);
    expect(performance.now() - asked).toBeLessThan(2000);
    const turns = machine.get('rax');
    const interrupted = machine.read(STACK - 40) - BigInt(CODE);
    const done = { 0n: 0n, 4n: 1n, 7n: 2n } as unknown as Record<string, bigint>;
    // Three instructions per turn; the last turn may be cut; OUT ends it.
    const expected = interrupted === 0n ? 3n * turns : 3n * (turns - 1n) + done[`${interrupted}n`.slice(0, -1)]!;
    expect(machine.get('instructions')).toBe(expected + 1n);
    expect(turns).toBeGreaterThan(1_000_000n);
  }, 60_000);
});

describe('pages that are mapped elsewhere', () => {
  test('a region that cannot be entered gives way, at last to one with a page alone', () => {
    // 0: call SMALL; dec %rcx; jnz 0; dec %rbx; jz 1f; xorq $0x1000, (%r8); invlpg (%r10); mov %r11, %rcx; jmp 0; 1:
    const to = SMALL - CODE - 5;
    const code = [0xE8, to & 255, to >> 8 & 255, to >> 16 & 255, 0, 0x48, 0xFF, 0xC9, 0x75, 0xF6, 0x48, 0xFF, 0xCB, 0x74, 16,
      0x49, 0x81, 0x30, 0, 0x10, 0, 0, 0x41, 0x0F, 1, 0x3A, 0x4C, 0x89, 0xD9, 0xEB, 0xE1, ...END];
    const turns = 300_000, phases = 6, pageTable = 0x4000;
    const counters = (): number[] => [Count.REGIONS_REFUSED, Count.TRANSLATED].map((n) => machine.core.countOf(0, n));
    const before = counters();
    const end = compare(code, (m) => {
      // add $1, %rax; ret; and in the page that takes its place: add $5, %rax; ret
      m.put(SMALL, [0x48, 0x83, 0xC0, 1, 0xC3]);
      m.put(SMALL + PAGE, [0x48, 0x83, 0xC0, 5, 0xC3]);
      m.set('rax', 0);
      m.set('rbx', phases);
      m.set('rcx', turns);
      m.set('r8', pageTable);
      m.set('r10', SMALL);
      m.set('r11', turns);
    }, STACK - 64, 64);
    expect(end.regs.rax).toBe(BigInt(phases / 2 * 6 * turns));
    const [refused, translated] = counters().map((n, k) => n - before[k]!);
    // The one of the first mapping, and the one that was made in the second.
    expect(refused).toBe(2);
    expect(translated).toBeGreaterThan(0.8 * Number(end.instructions));
  });
});

describe('code that changes', () => {
  test('a store from inside the region', () => {
    // add $1, %rax; cmp %rcx, %rdi; jne 1f; movb $5, (%r8); 1: dec %rcx; jnz
    const code = [0x48, 0x83, 0xC0, 1, 0x48, 0x39, 0xCF, 0x75, 4, 0x41, 0xC6, 0, 5, 0x48, 0xFF, 0xC9, 0x75, 0xEE, ...END];
    const turns = 400_000, after = 150_000;
    const end = compare(code, (m) => {
      m.set('rcx', turns);
      m.set('rdi', turns - after);
      m.set('r8', CODE + 3);
    });
    // The store is in turn after + 1, behind its addition.
    expect(end.regs.rax).toBe(BigInt(after + 1 + 5 * (turns - after - 1)));
  });

  test('a store by another CPU', async () => {
    // add $1, %rax; mov (%rsi), %rbx; jmp, which becomes add $1, %rax; mov (%rsi), %rbx; out
    machine.reset(TRANSLATOR, [0x48, 0x83, 0xC0, 1, 0x48, 0x8B, 0x1E, 0xEB, 0xF7]);
    machine.set('rsi', DATA);
    const regions = await machine.runAside(async () => {
      await sleep(700);
      machine.core.storeAs(1, BigInt(CODE), 0xE71E8B4801C08348n);
      machine.core.storeAs(1, BigInt(CODE + 1), 0xF4E71E8B4801C083n);
    });
    expect(regions).toBe(1);
    expect(machine.get('instructions')).toBe(3n * machine.get('rax'));
  }, 60_000);
});
