// What a named suite is, and the counting of its checks: every case is run, a failure does not stop the next,
// and the sums go to the closing line of .ci/run.

import type { Engine } from './skep.ts';

export interface SuiteOptions {
  /** The full form of the issue's figures; otherwise the short one that fits into CI. */
  long: boolean;
  /** Repetitions, where a suite repeats. */
  count: number | undefined;
  /** First seed of random suites. */
  seed: number | undefined;
  /** Only cases whose name contains this. */
  only: string | undefined;
  /** What was asked for. */
  engine: Engine | undefined;
}

export interface CaseResult {
  suite: string; name: string; ms: number; error?: string;
  /** What the case has measured, by name with unit. */
  values?: Record<string, number>;
}

/** What a case may return: printed behind its name, and for the JSON. */
export interface Verdict { remark: string; values: Record<string, number> }

export class Suite {
  readonly results: CaseResult[] = [];

  constructor(readonly name: string, readonly options: SuiteOptions) {}

  /** Runs one case; what `body` returns is printed behind its name. */
  async test(name: string, body: () => Promise<Verdict | string | void> | string | void): Promise<void> {
    if (this.options.only !== undefined && !name.includes(this.options.only)) return;
    const start = performance.now();
    const result: CaseResult = { suite: this.name, name, ms: 0 };
    let remark = '';
    try {
      const verdict = (await body()) ?? '';
      remark = typeof verdict === 'string' ? verdict : verdict.remark;
      if (typeof verdict !== 'string') result.values = verdict.values;
    } catch (error) {
      result.error = error instanceof Error ? error.message : String(error);
    }
    result.ms = Math.round(performance.now() - start);
    this.results.push(result);
    const time = `${(result.ms / 1000).toFixed(1)} s`;
    const mark = result.error === undefined ? 'ok  ' : 'FAIL';
    console.log(`${mark} ${this.name}: ${name} (${time})${remark === '' ? '' : `: ${remark}`}`);
    if (result.error !== undefined) console.log(result.error.replace(/^/gm, '     '));
  }

  get failed(): number {
    return this.results.filter((result) => result.error !== undefined).length;
  }
}

/** Fails the case with a sentence. */
export function check(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence);
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Rejects when `promise` takes longer. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
