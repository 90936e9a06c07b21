// npx tsx bench/qemu-boot.ts [--append S] [--smp N] [--until REGEX] [--cpu MODEL] [--ram MiB] [--runs N] ...
// Times QEMU TCG booting the guest mini (or --kernel and --initrd) to a match on the serial console. Prints
// JSON: {seconds (median), runs, cpu, smp, append}. Exit status 1 where a run did not get there.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runQemu } from './qemu-run.ts';
import { median } from './vmbench/results.ts';

const MINI = join(fileURLToPath(new URL('..', import.meta.url)), 'public/guest/mini/manifest.json');

const { values } = parseArgs({
  options: {
    append: { type: 'string' }, smp: { type: 'string', default: '1' },
    until: { type: 'string', default: 'skep mini ready' },
    cpu: { type: 'string', default: 'qemu64' }, ram: { type: 'string', default: '512' },
    runs: { type: 'string', default: '1' }, timeout: { type: 'string', default: '120' },
    kernel: { type: 'string' }, initrd: { type: 'string' }, qemu: { type: 'string' },
  },
});

interface Manifest {
  kernel: string;
  initrd: string;
  append: string;
}

const manifest = values.kernel === undefined ? JSON.parse(readFileSync(MINI, 'utf8')) as Manifest : undefined;
const kernel = values.kernel ?? join(dirname(MINI), manifest?.kernel ?? '');
const initrd = values.initrd ?? (manifest === undefined ? undefined : join(dirname(MINI), manifest.initrd));
const append = values.append ?? manifest?.append ?? 'console=ttyS0';
const smp = Number(values.smp);

const seconds: number[] = [];
for (let run = 0; run < Number(values.runs); run++) {
  const result = await runQemu({ kernel, initrd, append, smp, memoryMiB: Number(values.ram), cpu: values.cpu,
    until: new RegExp(values.until, 'm'), timeoutMs: 1000 * Number(values.timeout), qemu: values.qemu });
  if (!result.ok) {
    console.error(result.error);
    process.exitCode = 1;
    break;
  }
  seconds.push(Number(result.seconds.toFixed(3)));
}
if (seconds.length > 0) {
  console.log(JSON.stringify({ seconds: median(seconds), runs: seconds, cpu: values.cpu, smp, append }));
}
