// What a comparison collects: seconds by program and runner, how busy the host was during each run, and which
// results were wrong.

import type { VmbenchResult } from '../vmbench/results.ts';
import { loadBetween, look, type HostLoad } from './host-load.ts';
import type { CompareOptions } from './options.ts';
import { addRound, type Rounds, type Runner } from './results.ts';

export interface State {
  options: CompareOptions;
  rounds: Rounds;
  loads: HostLoad[];
  wrong: Set<string>;
}

/** Runs one thing while it watches the host. */
export async function watched<T>(state: State, action: () => Promise<T>): Promise<T> {
  const before = look();
  const result = await action();
  state.loads.push(loadBetween(before, look()));
  return result;
}

/** Seconds into `rounds`; a program without a result, or with another than expected, is wrong. */
export function takeResults(state: State, rounds: Rounds, runner: Runner, results: readonly VmbenchResult[],
  expected: ReadonlyMap<string, string>, names: readonly string[], group = ''): void {
  for (const { name, seconds, check } of results) {
    addRound(rounds, name, runner, seconds);
    if (expected.get(name) !== check) state.wrong.add(`${group}${name} (${runner})`);
  }
  for (const name of names) {
    if (!results.some((result) => result.name === name)) {
      state.wrong.add(`${group}${name} (${runner}: no result)`);
    }
  }
}
