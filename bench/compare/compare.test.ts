import { describe, expect, test } from 'vitest';
import { describeHost, descendants, loadBetween, parseLook } from './host-load.ts';
import { parseArguments } from './options.ts';
import { addRound, groupResult, speed, table, type Rounds } from './results.ts';

describe('host load', () => {
  const stat = (user: number, idle: number, steal: number): string =>
    `cpu  ${user} 0 100 ${idle} 50 0 0 ${steal} 0 0\ncpu0 1 2 3\n`;
  const self = (ticks: number): string =>
    `12 (a (strange) name) R 1 2 3 4 5 6 7 8 9 10 ${ticks} 0 0 0 20 0`;

  test('what others used is what was busy less our own', () => {
    const before = parseLook(stat(1000, 5000, 10), [self(100)]);
    expect(before).toEqual({ busy: 1100, steal: 10, all: 6160, own: 100 });
    const mine = loadBetween(before, parseLook(stat(1500, 5500, 10), [self(600)]), 2);
    expect(mine).toEqual({ others: 0, steal: 0, sound: true });
    const shared = loadBetween(before, parseLook(stat(1500, 5500, 10), [self(350)]), 2);
    expect(shared.others).toBeCloseTo(0.5, 9);
    expect(shared.sound).toBe(false);
    const stolen = loadBetween(before, parseLook(stat(1500, 5400, 110), [self(600)]), 2);
    expect(stolen.steal).toBeCloseTo(0.1, 9);
    expect(stolen.sound).toBe(false);
    expect(describeHost([mine])).toMatch(/^host quiet/);
    expect(describeHost([mine, shared])).toMatch(/^NOT SOUND: the host was busy in 1 of 2 runs/);
  });

  test('a browser and its children are our own', () => {
    const line = (id: number, parent: number, ticks: number): [number, string] =>
      [id, `${id} (x y) S ${parent} 2 3 4 5 6 7 8 9 10 ${ticks} 0 0 0 20 0`];
    const lines = new Map([line(7, 5, 30), line(1, 0, 1000), line(4, 1, 1), line(5, 4, 20), line(9, 1, 500)]);
    const own = [lines.get(4) ?? '', ...descendants(lines, 4)];
    expect(own).toHaveLength(3);
    expect(parseLook(stat(1000, 5000, 10), own)?.own).toBe(51);
  });

  test('without figures nothing is sound', () => {
    expect(parseLook('', [])).toBeUndefined();
    expect(loadBetween(undefined, undefined).sound).toBe(false);
  });
});

describe('results', () => {
  const rounds: Rounds = new Map();
  for (const seconds of [2, 9, 1]) addRound(rounds, 'intadd', 'skep', seconds);
  for (const seconds of [4, 4, 4]) addRound(rounds, 'intadd', 'qemu', seconds);
  addRound(rounds, 'qsort', 'skep', 1);
  addRound(rounds, 'qsort', 'qemu', 0.5);
  addRound(rounds, 'qsort', 'native', 0.25);

  test('medians, speed over the peer, geometric mean, worst program', () => {
    const group = groupResult(rounds, ['intadd', 'qsort', 'nbody']);
    expect(group.programs).toEqual({ intadd: { skep: 2, qemu: 4 },
      qsort: { skep: 1, qemu: 0.5, native: 0.25 } });
    expect(group.geomean.qemu).toBeCloseTo(1, 12);
    expect(group.geomean.native).toBeCloseTo(0.25, 12);
    expect(group.geomean.v86).toBeUndefined();
    expect(group.worst.qemu).toEqual({ program: 'qsort', ratio: 0.5 });
    expect(speed({ skep: 1 }, 'qemu')).toBeUndefined();
  });

  test('the table has a row per program, dashes where a figure is missing', () => {
    const lines = table('cpu', groupResult(rounds, ['intadd', 'qsort']));
    expect(lines[0]).toMatch(/^cpu +skep s +qemu s +native s +x qemu +x native$/);
    expect(lines[1]).toMatch(/^intadd +2\.000 +4\.000 +- +2\.00 +-$/);
    expect(lines[3]).toMatch(/^geometric mean +1\.00 +0\.25$/);
    expect(lines[4]).toBe('worst: 0.50 of qemu (qsort), 0.25 of native (qsort)');
  });
});

describe('arguments', () => {
  test('defaults, and a choice', () => {
    expect(parseArguments([])).toMatchObject({ rounds: 5, peers: ['qemu', 'native'], engine: undefined,
      programs: expect.arrayContaining(['intadd', 'getpid', 'par2']) as unknown,
      boots: ['mini', 'debian13'], scale: 1 });
    expect(parseArguments(['--only', 'system,intmix,mini', '--rounds', '2', '--peers', 'qemu',
      '--engine', 'translator'])).toMatchObject({ rounds: 2, peers: ['qemu'], engine: 'translator',
      programs: ['getpid', 'stat', 'fork', 'forkexec', 'pgfault', 'mmap', 'pipe', 'signal', 'intmix'],
      boots: ['mini'] });
    expect(parseArguments(['--only', 'i386'])).toMatchObject({ i386: true, programs: [], boots: [] });
  });

  test.each([[['--rounds', '0'], '--rounds 0'], [['--only', 'nothing'], '"nothing"'],
    [['--peers', 'vmware'], '"vmware"'], [['--engine', 'warp'], '"warp"'], [['--frob'], '--frob'],
    [['--scale', 'big'], '--scale "big"']])('%j is refused with the value', (argv, sentence) => {
    expect(() => parseArguments(argv)).toThrow(sentence);
  });
});
