// npx tsx bench/memory.ts [--minutes N] [--smp N] [--ram MiB] [--every S] [--engine E] [--json F] [--skep C]
// What the host pays for a machine over time: resident memory of the whole process (Linux, /proc) while the
// guest `mini` copies programs to new files, runs the copies in pipes and throws them away, as a build does:
// code comes to other pages all the time. Prints a line per sample, then how much the last third of the time
// has taken more than the second, and what is resident beyond the guest's RAM. Exit status 1: more than
// GROWTH_MIB more.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './vmbench/results.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KIB_PER_MIB = 1024;
const GROWTH_MIB = 24;
const READY = 'skep mini ready';
/**
 * One turn every second or so; each copy is a file of its own, hence other pages. Its name begins with
 * busybox: by another one it would run an applet of that name.
 */
const LOAD = 'b=$(readlink -f /proc/$$/exe); n=0; while :; do n=$((n+1)); c=/tmp/busybox$n; cp $b $c; '
  + 'for k in 1 2 3 4; do $c gzip -c $b | $c sha256sum; done >/dev/null || break; '
  + '$c find / -xdev | $c sort | $c md5sum >/dev/null; rm $c; echo turn $n; done\\n';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' }, smp: { type: 'string', default: '2' },
    ram: { type: 'string', default: '256' }, every: { type: 'string', default: '10' },
    engine: { type: 'string', default: 'translator' }, json: { type: 'string' },
    skep: { type: 'string', default: join(ROOT, 'bin/skep.mjs') },
  },
});

interface Sample { s: number; rssMiB: number; turns: number }

function residentMiB(pid: number): number | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1];
  return kib === undefined ? undefined : Number(kib) / KIB_PER_MIB;
}

function fail(message: string): never {
  console.error(`memory: ${message}`);
  process.exit(2);
}

const minutes = Number(values.minutes), every = Number(values.every), ram = Number(values.ram);
if (!(minutes > 0 && every > 0 && ram > 0)) fail('--minutes, --every and --ram are numbers above 0.');
const [program = '', ...first] = values.skep.split(' ');
const timeout = Math.ceil(minutes * 60) + 300;
const child = spawn(program, [...first, 'boot', '--guest', 'mini', '--smp', values.smp, '--ram', values.ram,
  '--engine', values.engine, '--until', READY, '--send', LOAD, '--until', 'never to be seen', '--timeout',
  String(timeout)], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });

let output = '';
child.stdout.on('data', (bytes: Buffer) => { output += bytes.toString('latin1'); });
child.on('close', (status) => {
  if (!done) fail(`the machine ended with status ${status}: ${output.slice(-300)}`);
});
const samples: Sample[] = [];
let done = false;
let begin: number | undefined;

/** Median of the samples between two fractions of the time. */
function between(from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return median(part.map(({ rssMiB }) => rssMiB));
}

function finish(): void {
  done = true;
  child.kill('SIGKILL');
  const growth = between(2 / 3, 1) - between(1 / 3, 2 / 3);
  const beyond = Math.max(...samples.map(({ rssMiB }) => rssMiB)) - ram;
  const turns = samples.at(-1)?.turns ?? 0;
  console.log(`${turns} turns; ${growth.toFixed(1)} MiB more in the last third; at most ${beyond.toFixed(0)
  } MiB beyond the guest's RAM`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ ...values, growth, beyond, samples }, null, 1)}\n`);
  }
  if (turns < 2) fail(`the load does not run: ${output.slice(-300)}`);
  process.exit(growth > GROWTH_MIB ? 1 : 0);
}

setInterval(() => {
  if (begin === undefined) {
    if (output.includes(READY)) begin = performance.now();
    return;
  }
  const rssMiB = residentMiB(child.pid ?? 0);
  if (rssMiB === undefined) return;
  const s = Math.round((performance.now() - begin) / 1000);
  const turns = Number([...output.matchAll(/^turn (\d+)/gm)].at(-1)?.[1] ?? 0);
  samples.push({ s, rssMiB, turns });
  console.log(`${s} s: ${rssMiB.toFixed(0)} MiB, ${turns} turns`);
  if (s >= minutes * 60) finish();
}, every * 1000);
