// Runs a multiboot benchmark payload and collects what it says. A payload prints lines on serial port 1; one
// that begins with `@` is a JSON object with a result. It ends with debug-exit, value 0 = passed.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageRoot, Skep, SkepError, type MachineEnding, type SkepStats } from '../src/api/node.ts';

export interface PayloadRun {
  ending: MachineEnding;
  results: Record<string, unknown>[];
  text: string;
  stats: SkepStats;
  wallMs: number;
}

/** `file` is relative to the package's root. */
export async function runPayload(file: string,
  options: { smp: number; memory: number; append: string }): Promise<PayloadRun> {
  const path = fileURLToPath(new URL(file, packageRoot()));
  if (!existsSync(path)) {
    throw new SkepError('file-missing', `The benchmark payload ${file} has not been built.`,
      'Run npm run build.');
  }
  let text = '';
  const decoder = new TextDecoder();
  await using vm = await Skep.create({ ...options, kernel: path,
    serial: (bytes) => { text += decoder.decode(bytes, { stream: true }); } });
  const start = performance.now();
  vm.start();
  const ending = await vm.ended;
  const results = text.split(/\r?\n/).filter((line) => line.startsWith('@'))
    .map((line) => JSON.parse(line.slice(1)) as Record<string, unknown>);
  return { ending, results, text, stats: vm.stats, wallMs: performance.now() - start };
}
