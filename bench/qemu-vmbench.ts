// npx tsx bench/qemu-vmbench.ts [--run NAME,NAME|all] [--scale X] [--repeat N] [--smp N] [--cpu MODEL]
// Runs the benchmark guest under QEMU TCG with mini's kernel, and the same program on the host itself. Prints
// JSON: {programs: {NAME: {qemu, native}}} in seconds (medians of --repeat rounds), by the guest's clock.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runQemu } from './qemu-run.ts';
import { buildVmbench } from './vmbench/build.ts';
import { medianSeconds, parseVmbench, type VmbenchResult } from './vmbench/results.ts';

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: 'all' }, scale: { type: 'string', default: '1' },
    repeat: { type: 'string', default: '1' }, smp: { type: 'string', default: '1' },
    cpu: { type: 'string', default: 'qemu64' }, timeout: { type: 'string', default: '600' },
  },
});

/** Names of programs whose result is not the same as on the host. */
function wrongChecks(results: readonly VmbenchResult[], native: readonly VmbenchResult[]): string[] {
  const expected = new Map(native.map(({ name, check }) => [name, check]));
  const wrong = results.filter(({ name, check }) => expected.get(name) !== check);
  return [...new Set(wrong.map(({ name }) => name))];
}

async function main(): Promise<number> {
  const { program, initrd } = buildVmbench('amd64');
  const native = parseVmbench(execFileSync(program,
    ['-s', values.scale, '-r', values.repeat, ...values.run.split(',')], { encoding: 'utf8' }));
  const kernel = join(fileURLToPath(new URL('..', import.meta.url)), 'public/guest/mini/vmlinuz');
  const append = `console=ttyS0 quiet cryptomgr.notests vmbench.run=${values.run} `
    + `vmbench.scale=${values.scale} vmbench.repeat=${values.repeat}`;
  const result = await runQemu({ kernel, initrd, append, smp: Number(values.smp), memoryMiB: 512,
    cpu: values.cpu, until: /^VMBENCH-DONE/m, timeoutMs: 1000 * Number(values.timeout) });
  if (!result.ok) {
    console.error(result.error);
    return 1;
  }
  const guest = parseVmbench(result.output);
  const nativeSeconds = medianSeconds(native);
  const programs = Object.fromEntries([...medianSeconds(guest)].map(([name, qemu]) =>
    [name, { qemu, native: nativeSeconds.get(name) ?? null }]));
  const wrong = wrongChecks(guest, native);
  console.log(JSON.stringify({ programs, wrongChecks: wrong }, null, 2));
  return wrong.length === 0 ? 0 : 1;
}

process.exitCode = await main();
