// Reads what vmbench prints: `name operations seconds check` a line, one set of lines per round.

export interface VmbenchResult {
  name: string;
  operations: number;
  seconds: number;
  /** A result that must be the same on every machine; `0` where there is none. */
  check: string;
}

export function parseVmbench(output: string): VmbenchResult[] {
  const results: VmbenchResult[] = [];
  for (const match of output.matchAll(/^([a-z][a-z0-9]*) (\d+) (\d+\.\d{6}) ([0-9a-f]+)\r?$/gm)) {
    const [, name = '', operations = '', seconds = '', check = ''] = match;
    results.push({ name, operations: Number(operations), seconds: Number(seconds), check });
  }
  return results;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Median seconds by program, over all rounds. */
export function medianSeconds(results: readonly VmbenchResult[]): Map<string, number> {
  const byName = new Map<string, number[]>();
  for (const { name, seconds } of results) byName.set(name, [...(byName.get(name) ?? []), seconds]);
  return new Map([...byName].map(([name, seconds]) => [name, median(seconds)]));
}
