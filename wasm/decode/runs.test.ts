// A run of records ends as its instructions do when each is executed alone: registers, RFLAGS, memory, RIP, count. For the
// comparisons, which execute the conditional branch behind them, with every condition and both outcomes.

import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { RAX, RBX, RCX } from '../../src/emu/generated-layout.ts';
import { randomFrom } from '../jit/testing/random-code.ts';
import { ATTENTION, CODE, CPU, Core, DATA, INDEX, IP_BASE, PAGES, buildCore } from './testing/core.ts';

const SEED = Number(process.env['SKEP_RUNS_SEED'] ?? Date.now() % 1e9);
const RECORDS = 0x6050000, OFF = 0x100, STOP = 2, LINK = 1, JUMP = 3, M64 = 2, FUEL = 1000;
const WORD = 0x40;
let core: Core;
beforeAll(() => {
  core = new Core(buildCore(fileURLToPath(new URL('../..', import.meta.url)), 'runs-test'));
}, 180_000);

interface State { rax: bigint; rcx: bigint; word: bigint; flags: bigint }

function prepare(state: State): void {
  core.reset();
  core.view.setUint32(ATTENTION, 0, true);
  core.bytes.fill(0, INDEX, INDEX + 8192);
  core.view.setBigUint64(CPU + RAX, state.rax, true);
  core.view.setBigUint64(CPU + RCX, state.rcx, true);
  core.view.setBigUint64(CPU + RBX, BigInt(DATA), true);
  core.view.setBigUint64(PAGES + WORD, state.word, true);
  core.exports.setFlags(CPU, state.flags);
}

/** Where the CPU is, behind `count` instructions. */
function outcome(): Record<string, bigint> {
  const at = (n: number): bigint => core.view.getBigUint64(CPU + n, true);
  return {
    rip: core.get('rip') - IP_BASE, count: core.get('instructions'), flags: core.exports.getFlags(CPU), rax: at(RAX), rcx: at(RCX),
    word: core.view.getBigUint64(PAGES + WORD, true),
  };
}

/** Decode `code` at page offset OFF into records from 1 on; `sentinel` behind it. */
function place(code: number[], from: number, sentinel: number): void {
  core.bytes.set(code, CODE);
  let n = 1;
  for (let at = 0; at < code.length; n++) {
    at += core.exports.decodeInsn(CPU, CODE + at, code.length - at, from + at, M64, RECORDS + n * 32);
  }
  core.exports.sentinel(RECORDS + n * 32, sentinel, from + code.length);
}

const execute = (): void => {
  core.exports.refuel(FUEL);
  expect(core.exports.execute(CPU, RECORDS + 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
};

/** REX.W, 66 or nothing, opcode, ModRM and what follows: [0x40] is DATA + WORD by RBX, registers are EAX and ECX. */
const SIZES: [string, number[], number][] = [['8', [0x48], 1], ['4', [], 1], ['2', [0x66], 1], ['1', [], 0]];
const COMPARISONS: [string, number[]][] = SIZES.flatMap(([bytes, prefix, wide]): [string, number[]][] => {
  const full = bytes === '4' || bytes === '8' ? [0xff, 0xff, 0xff, 0x7f] : bytes === '2' ? [0xff, 0x7f] : [0x7f];
  return [
    [`cmp register ${bytes}`, [...prefix, 0x38 + wide, 0xc8]],
    [`cmp register, memory ${bytes}`, [...prefix, 0x3a + wide, 0x43, WORD]],
    [`cmp memory, register ${bytes}`, [...prefix, 0x38 + wide, 0x43, WORD]],
    [`cmp register, immediate ${bytes}`, [...prefix, 0x80 + wide, 0xf8, ...full]],
    [`cmp memory, immediate ${bytes}`, [...prefix, 0x80 + wide, 0x7b, WORD, ...full]],
    [`test register ${bytes}`, [...prefix, 0x84 + wide, 0xc8]],
    [`test register, immediate ${bytes}`, [...prefix, 0xf6 + wide, 0xc0, ...full]],
    [`test memory, immediate ${bytes}`, [...prefix, 0xf6 + wide, 0x43, WORD, ...full]],
  ];
});
const EDGES = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn];

test.each(COMPARISONS)('%s and every conditional branch', (_, comparison) => {
  const random = randomFrom(SEED);
  const value = (): bigint => (random(4) === 0 ? BigInt(random(0xffffffff)) << 32n | BigInt(random(0xffffffff))
    : EDGES[random(EDGES.length)]!);
  const outcomes = new Set<string>();
  for (let condition = 0; condition < 16; condition++) {
    const branch = [0x70 + condition, 0x20];
    for (let n = 0; n < 40; n++) {
      // The first ones are the edges, each with itself: every outcome of TEST is among them.
      const edge = EDGES[n];
      const rax = edge ?? value();
      const other = (): bigint => edge ?? (random(3) === 0 ? rax : value());
      const state = { rax, rcx: other(), word: other(), flags: BigInt(random(2) * 0x8d5 + 2) };
      prepare(state);
      place(comparison, OFF, STOP);
      execute();
      place(branch, OFF + comparison.length, STOP);
      execute();
      const alone = outcome();
      prepare(state);
      place([...comparison, ...branch], OFF, LINK);
      execute();
      expect({ seed: SEED, condition, ...state, ...outcome() }).toEqual({ seed: SEED, condition, ...state, ...alone });
      outcomes.add(`${condition} ${alone['rip']}`);
    }
  }
  // Behind TEST no condition of a carry or an overflow is true.
  expect(outcomes.size).toBeGreaterThan(23);
});
