import { expect, it } from 'vitest';
import { BENCHES, capture, type Captured, type Mark } from './suite.ts';

const marks = (...lines: string[]): Mark[] =>
  lines.map((line, i) => ({ line, instructions: i * 3e9, ms: i * 10_000 }));
const ended = (reason: string, value: number, ...lines: string[]): Captured =>
  ({ reason, value, marks: marks(...lines) });
const evaluate = (name: string, ...runs: Captured[]) => BENCHES[name]?.evaluate(runs);

it('interpreter: instructions between the line before the result and the result', () => {
  const result = evaluate('interpreter',
    ended('power-off', 0, 'VMBENCH-INIT', '# Linux', 'intmix 400 9.5 1a2b', 'VMBENCH-DONE'));
  expect(result?.passed).toBe(true);
  expect(result?.data).toMatchObject({ mips: 300, seconds: 10, operations: 400, guestSeconds: 9.5,
    check: '1a2b' });
});

it('interpreter: fails when it is slow and when there is no result', () => {
  const slow = ended('power-off', 0, 'VMBENCH-INIT', 'intmix 400 9.5 1a2b');
  slow.marks.forEach((mark, i) => { mark.ms = i * 20_000; });
  expect(evaluate('interpreter', slow)?.passed).toBe(false);
  expect(evaluate('interpreter', ended('triple-fault', 0, 'VMBENCH-INIT'))?.passed).toBe(false);
});

const GOOD = ['SB rounds 10 forbidden 0 seen 7', 'MP rounds 10 forbidden 0 seen 0',
  'cmpxchg16b rounds 10 forbidden 0 seen 3'];

it('litmus: passes only with no forbidden outcome, a seen reordering, all tests and a good end', () => {
  const good = ended('debug-exit', 0, ...GOOD);
  const blind = ended('debug-exit', 0, 'SB rounds 10 forbidden 0 seen 0', ...GOOD.slice(1));
  expect(evaluate('litmus', good, good)?.passed).toBe(true);
  expect(evaluate('litmus', good, blind)?.passed).toBe(true);
  expect(evaluate('litmus', blind, blind)?.passed).toBe(false);
  const bad = [
    ended('debug-exit', 0, ...GOOD.slice(0, 2)),
    ended('debug-exit', 1, ...GOOD),
    ended('triple-fault', 0, ...GOOD),
    ended('debug-exit', 0, GOOD[0] ?? '', 'MP rounds 10 forbidden 1 seen 0', GOOD[2] ?? ''),
  ];
  for (const run of bad) expect(evaluate('litmus', good, run)?.passed).toBe(false);
});

it('capture puts cut lines together and stops the machine', async () => {
  let send: (bytes: Uint8Array) => void = () => undefined;
  let stopped = false;
  const vm = {
    serial: { onData: (listener: (bytes: Uint8Array) => void) => { send = listener; } },
    start: () => ['ab', 'c\r\nde', 'f\n'].forEach((part) => send(new TextEncoder().encode(part))),
    stop: async () => { stopped = true; },
    ended: Promise.resolve({ reason: 'debug-exit', value: 5 }),
    stats: { instructions: 42 },
  };
  const { marks: seen, reason, value } = await capture(vm);
  expect(seen.map(({ line, instructions }) => [line, instructions])).toEqual([['abc', 42], ['def', 42]]);
  expect([reason, value, stopped]).toEqual(['debug-exit', 5, true]);
});

const PROTOTYPES = ['regloop', 'sortsum', 'fib'];
const kernelRun = (kernel: string, check: string, ticks: number, instructions = 7e9): Captured =>
  ({ reason: 'debug-exit', value: 0, marks: [{ line: `${kernel} 3 check ${check} ticks ${ticks}`, instructions, ms: 0 }] });
const short = PROTOTYPES.flatMap((kernel) => [kernelRun(kernel, 'ab', 9e9), kernelRun(kernel, 'ab', 2e9)]);
const long = [1.1e9, 1e9, 1.2e9, 1.3e9, 9e9].flatMap((ticks) => PROTOTYPES.map((kernel) => kernelRun(kernel, 'cd', ticks, 8.4e9)));

it('translator: medians of the long runs, results compared', () => {
  expect(evaluate('translator', ...short, ...long)).toMatchObject({ passed: true,
    data: { regloop: { mips: 7000, agrees: true }, sortsum: { mips: 7000 }, fib: { mips: 7000 } } });
  const other = (runs: readonly Captured[], n: number, run: Captured): Captured[] => runs.map((r, at) => at === n ? run : r);
  for (const bad of [kernelRun('sortsum', 'ac', 2e9), kernelRun('fib', 'ab', 2e9), ended('triple-fault', 0)]) {
    expect(evaluate('translator', ...other(short, 3, bad), ...long)?.passed).toBe(false);
  }
  expect(evaluate('translator', ...short, ...other(long, 14, kernelRun('fib', 'ce', 1e9, 8.4e9)))?.passed).toBe(false);
  expect(evaluate('translator', ...short, ...long.slice(0, -1))?.passed).toBe(false);
  const slow = (kernel: string): Captured[] =>
    long.map((run, n) => PROTOTYPES[n % 3] === kernel ? kernelRun(kernel, 'cd', 6e9, 8.4e9) : run);
  for (const kernel of PROTOTYPES) expect(evaluate('translator', ...short, ...slow(kernel))?.passed).toBe(false);
});
