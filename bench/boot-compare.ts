// npx tsx bench/boot-compare.ts [--runs N] [--smp N] [--append S] [--until REGEX] [--skep COMMAND] [--json F]
// Boots the guest mini alternately under QEMU TCG and under Skep, to the same line on the serial console, and
// prints medians and ratios. Both times are the host's, from the start of the process; for Skep also the time
// that it reports itself (from its machine's start). Alternation, because a shared host drifts.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runQemu } from './qemu-run.ts';
import { median } from './vmbench/results.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GUEST = join(ROOT, 'public/guest/mini');

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' }, smp: { type: 'string', default: '1' },
    append: { type: 'string', default: 'console=ttyS0 cryptomgr.notests' },
    until: { type: 'string', default: 'skep mini ready' }, ram: { type: 'string', default: '512' },
    cpu: { type: 'string', default: 'qemu64' }, timeout: { type: 'string', default: '120' },
    skep: { type: 'string', default: `node ${join(ROOT, 'dist/node/skep.js')}` }, json: { type: 'string' },
  },
});

interface SkepJson {
  ok: boolean;
  matches: Array<{ ms: number }>;
  instructions: number;
  interrupts: { lost: number };
}

interface SkepRun {
  seconds: number;
  reported: number;
  instructions: number;
  lost: number;
}

class RunError extends Error {
  override name = 'RunError';
}

function runSkep(): SkepRun {
  const folder = mkdtempSync(join(tmpdir(), 'boot-compare-'));
  const file = join(folder, 'run.json');
  const [command = 'node', ...first] = values.skep.split(' ');
  const args = [...first, 'boot', '--guest', 'mini', '--smp', values.smp, '--ram', values.ram,
    '--append', values.append, '--until', values.until, '--timeout', values.timeout, '--json', file];
  const start = performance.now();
  const done = spawnSync(command, args, { encoding: 'latin1', cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const seconds = (performance.now() - start) / 1000;
  try {
    if (done.status !== 0) {
      const tail = (done.stderr + done.stdout).trim().split('\n').slice(-5).join('\n');
      throw new RunError(`skep boot ended with status ${done.status}:\n${tail}`);
    }
    const json = JSON.parse(readFileSync(file, 'utf8')) as SkepJson;
    return { seconds, reported: (json.matches.at(-1)?.ms ?? NaN) / 1000, instructions: json.instructions,
      lost: json.interrupts.lost };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function qemuSeconds(): Promise<number> {
  const result = await runQemu({ kernel: join(GUEST, 'vmlinuz'), initrd: join(GUEST, 'initrd'),
    append: values.append, smp: Number(values.smp), memoryMiB: Number(values.ram), cpu: values.cpu,
    until: new RegExp(values.until, 'm'), timeoutMs: 1000 * Number(values.timeout) });
  if (!result.ok) throw new RunError(result.error);
  return result.seconds;
}

async function main(): Promise<void> {
  const qemu: number[] = [];
  const skep: SkepRun[] = [];
  const runs = Number(values.runs);
  for (let run = 0; run < runs; run++) {
    qemu.push(await qemuSeconds());
    skep.push(runSkep());
    const last = skep.at(-1);
    console.error(`${run + 1}/${runs}: QEMU ${qemu.at(-1)?.toFixed(2)} s, `
      + `Skep ${last?.seconds.toFixed(2)} s (reported ${last?.reported.toFixed(2)} s)`);
  }
  const medians = { qemu: median(qemu), skep: median(skep.map((run) => run.seconds)),
    skepReported: median(skep.map((run) => run.reported)) };
  const version = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const report = {
    qemu,
    skep,
    medians,
    ratio: medians.skep / medians.qemu,
    ratioReported: medians.skepReported / medians.qemu,
    smp: Number(values.smp), append: values.append, cpu: values.cpu, qemuVersion: version,
    host: { cpus: cpus().length, model: cpus()[0]?.model, load: loadavg()[0] },
  };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`median of ${runs}: QEMU ${medians.qemu.toFixed(2)} s, Skep ${medians.skep.toFixed(2)} s, `
    + `${report.ratio.toFixed(2)} times QEMU (reported time: ${report.ratioReported.toFixed(2)} times)`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof RunError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
