// From the seconds of single runs to what `skep bench compare` prints and writes: medians, ratios as speed of
// Skep over the peer's, geometric means. Pure.

import { geometricMean, median } from '../vmbench/results.ts';

export const RUNNERS = ['skep', 'qemu', 'native', 'v86'] as const;
export type Runner = (typeof RUNNERS)[number];

/** Programs of vmbench by group (bench/vmbench; `vmbench list`). */
export const GROUPS = {
  cpu: ['intadd', 'intmix', 'sha256', 'qsort', 'lz', 'interp', 'icall', 'callret', 'nbody', 'x87', 'memcpy',
    'repmovs', 'chase', 'smc'],
  system: ['getpid', 'stat', 'fork', 'forkexec', 'pgfault', 'mmap', 'pipe', 'signal'],
  parallel: ['par1', 'par2', 'lock2'],
} as const;
export type Group = keyof typeof GROUPS;

/** Seconds of every round, by program and runner. */
export type Rounds = Map<string, Map<Runner, number[]>>;

export function addRound(rounds: Rounds, program: string, runner: Runner, seconds: number): void {
  const byRunner = rounds.get(program) ?? new Map<Runner, number[]>();
  rounds.set(program, byRunner);
  byRunner.set(runner, [...(byRunner.get(runner) ?? []), seconds]);
}

export type ProgramResult = Partial<Record<Runner, number>>;
export interface GroupResult {
  /** Median seconds. */
  programs: Record<string, ProgramResult>;
  /** Speed of Skep over the peer's: geometric mean, worst program. */
  geomean: ProgramResult;
  worst: Partial<Record<Runner, { program: string; ratio: number }>>;
}

/** How many times as fast as the peer Skep is; undefined where one of them has no figure. */
export function speed(result: ProgramResult, peer: Runner): number | undefined {
  const { skep } = result;
  const other = result[peer];
  return skep === undefined || other === undefined ? undefined : other / skep;
}

export function medians(rounds: Rounds, program: string): ProgramResult {
  const result: ProgramResult = {};
  for (const [runner, seconds] of rounds.get(program) ?? []) result[runner] = median(seconds);
  return result;
}

export function groupResult(rounds: Rounds, programs: readonly string[]): GroupResult {
  const out: GroupResult = { programs: {}, geomean: {}, worst: {} };
  for (const program of programs) {
    if (rounds.has(program)) out.programs[program] = medians(rounds, program);
  }
  for (const peer of RUNNERS.slice(1)) {
    const ratios = Object.entries(out.programs).flatMap(([program, result]) => {
      const ratio = speed(result, peer);
      return ratio === undefined ? [] : [{ program, ratio }];
    });
    if (ratios.length === 0) continue;
    out.geomean[peer] = geometricMean(ratios.map(({ ratio }) => ratio));
    out.worst[peer] = ratios.reduce((worst, entry) => (entry.ratio < worst.ratio ? entry : worst));
  }
  return out;
}

const cell = (value: number | undefined, digits = 3): string =>
  (value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits)).padStart(9);

/** A table with a row per program and a last one of geometric means. */
export function table(title: string, group: GroupResult): string[] {
  const used = RUNNERS.filter((runner) => Object.values(group.programs).some((result) =>
    result[runner] !== undefined));
  const peers = used.filter((runner) => runner !== 'skep');
  const head = [...used.map((runner) => `${runner} s`.padStart(9)),
    ...peers.map((peer) => `x ${peer}`.padStart(9))];
  const rows = Object.entries(group.programs).map(([program, result]) =>
    `${program.padEnd(14)}${used.map((runner) => cell(result[runner])).join('')}${
      peers.map((peer) => cell(speed(result, peer), 2)).join('')}`);
  const means = `${'geometric mean'.padEnd(14)}${used.map(() => ' '.repeat(9)).join('')}${
    peers.map((peer) => cell(group.geomean[peer], 2)).join('')}`;
  const worst = peers.flatMap((peer) => {
    const entry = group.worst[peer];
    return entry === undefined ? [] : [`${entry.ratio.toFixed(2)} of ${peer} (${entry.program})`];
  });
  return [`${title.padEnd(14)}${head.join('')}`, ...rows, means,
    ...(worst.length === 0 ? [] : [`worst: ${worst.join(', ')}`])];
}
