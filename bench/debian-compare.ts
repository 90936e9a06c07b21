// npx tsx bench/debian-compare.ts [--smp 1,2,4,8] [--ways direct,grub] [--runs 3] [--qemu-runs 1] [--minutes
// 25]
//     [--ram 1024] [--cpu qemu64] [--timeout 300] [--dist DIR] [--json F] [--markdown F]
// Seconds from the start of the process to Debian 13's login prompt on the serial console, under Skep (the
// built command line) and under QEMU TCG with the same disk image, kernel, initramfs and command line, by
// direct boot and by SeaBIOS and GRUB. Runs go round all configurations, so that a host that drifts touches
// all of them; no run begins after `--minutes`, and none is longer than `--timeout` s. QEMU reads a raw image
// put together from the guest's chunks (build/bench, made once) as a snapshot. Prints a table, and with
// --json the single runs. Exit status 1 where a run did not reach the prompt.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, statSync,
  writeFileSync, writeSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import type { ChunkIndex } from '../src/emu/disk/chunked.ts';
import { runQemu } from './qemu-run.ts';
import { median } from './vmbench/results.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GUEST = join(ROOT, 'public/guest/debian13');
const LOGIN = 'login: ';
const WAYS = ['direct', 'grub'] as const;
type Way = (typeof WAYS)[number];

const { values } = parseArgs({
  options: {
    smp: { type: 'string', default: '1,2,4,8' }, ways: { type: 'string', default: 'direct,grub' },
    runs: { type: 'string', default: '3' }, 'qemu-runs': { type: 'string', default: '1' },
    minutes: { type: 'string', default: '25' }, ram: { type: 'string', default: '1024' },
    cpu: { type: 'string', default: 'qemu64' }, timeout: { type: 'string', default: '300' },
    dist: { type: 'string', default: join(ROOT, 'dist/node') },
    json: { type: 'string' }, markdown: { type: 'string' },
  },
});

class RunError extends Error {
  override name = 'RunError';
}

interface Configuration { way: Way; smp: number; skep: number[]; qemu: number[]; failures: string[] }

interface Manifest { kernel: string; initrd: string; append: string; disk: string; kernelVersion: string }

function readManifest(): Manifest {
  const path = join(GUEST, 'manifest.json');
  if (!existsSync(path)) {
    throw new RunError('The guest debian13 is not prepared: npm run guest -- debian13.');
  }
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

/** The disk as a raw, sparse file. */
function assembleImage(manifest: Manifest): string {
  const indexPath = join(GUEST, manifest.disk);
  const folder = join(ROOT, 'build/bench');
  const path = join(folder, 'debian13.img');
  if (existsSync(path) && statSync(path).mtimeMs > statSync(indexPath).mtimeMs) return path;
  const index = JSON.parse(readFileSync(indexPath, 'utf8')) as ChunkIndex;
  mkdirSync(folder, { recursive: true });
  const file = openSync(`${path}.part`, 'w');
  ftruncateSync(file, index.bytes);
  index.chunks.forEach((name, number) => {
    if (name === '') return;
    const data = inflateRawSync(readFileSync(join(GUEST, index.folder, name)));
    writeSync(file, data, 0, data.length, number * index.chunkBytes);
  });
  closeSync(file);
  renameSync(`${path}.part`, path);
  return path;
}

/** Seconds until Skep's console shows the prompt; the process is ended then. */
function skepSeconds({ way, smp }: Configuration): Promise<number> {
  const boot = way === 'grub' ? ['--boot', 'c'] : [];
  const args = [join(resolve(values.dist), 'skep.js'), 'boot', '--guest', 'debian13', '--smp', String(smp),
    '--ram', values.ram, ...boot, '--until', LOGIN, '--timeout', values.timeout, '--quiet'];
  return new Promise((done, fail) => {
    const start = performance.now();
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    const late = setTimeout(() => child.kill('SIGKILL'), 1000 * (Number(values.timeout) + 60));
    child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-1000); });
    child.on('error', fail);
    child.on('close', (status) => {
      clearTimeout(late);
      if (status === 0) done((performance.now() - start) / 1000);
      else fail(new RunError(`skep boot ended with status ${status}: ${said.trim()}`));
    });
  });
}

async function qemuSeconds({ way, smp }: Configuration, manifest: Manifest, image: string): Promise<number> {
  const direct = way === 'direct' ? { kernel: join(GUEST, manifest.kernel),
    initrd: join(GUEST, manifest.initrd), append: manifest.append } : {};
  const result = await runQemu({ ...direct, smp, memoryMiB: Number(values.ram), cpu: values.cpu,
    until: new RegExp(LOGIN), timeoutMs: 1000 * Number(values.timeout),
    extra: ['-net', 'none', '-drive', `file=${image},if=ide,format=raw,snapshot=on`] });
  if (!result.ok) throw new RunError(`QEMU: ${result.error}`);
  return result.seconds;
}

async function measure(configuration: Configuration, who: 'skep' | 'qemu',
  run: () => Promise<number>): Promise<void> {
  const name = `${configuration.way}, ${configuration.smp} CPUs, ${who}`;
  try {
    const seconds = await run();
    configuration[who].push(Number(seconds.toFixed(2)));
    console.error(`${name}: ${seconds.toFixed(1)} s`);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    configuration.failures.push(`${who}: ${error.message}`);
    console.error(`${name}: FAILED: ${error.message}`);
  }
}

const seconds = (runs: readonly number[]): string => (runs.length === 0 ? '-' : median(runs).toFixed(1));

function table(configurations: readonly Configuration[]): string {
  const rows = configurations.map(({ way, smp, skep, qemu, failures }) => {
    const ratio = skep.length > 0 && qemu.length > 0 ? (median(qemu) / median(skep)).toFixed(2) : '-';
    return `| ${way === 'grub' ? 'SeaBIOS, GRUB' : 'direct'} | ${smp} | ${seconds(skep)} | ${
      skep.map((each) => each.toFixed(1)).join(', ')} | ${seconds(qemu)} | ${ratio} | ${failures.length} |`;
  });
  return ['| boot | CPUs | Skep, s (median) | Skep, runs | QEMU TCG, s | speed of Skep over QEMU | failed |',
    '|---|---|---|---|---|---|---|', ...rows].join('\n');
}

function configurationsWanted(): Configuration[] {
  const counts = values.smp.split(',').map(Number);
  const ways = values.ways.split(',') as Way[];
  const wrong = ways.find((way) => !WAYS.includes(way));
  if (wrong !== undefined) throw new RunError(`--ways: "${wrong}" is not direct or grub.`);
  if (counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new RunError(`--smp: "${values.smp}" is not a list of numbers of CPUs.`);
  }
  return ways.flatMap((way) =>
    counts.map((smp): Configuration => ({ way, smp, skep: [], qemu: [], failures: [] })));
}

function writeReport(configurations: readonly Configuration[], manifest: Manifest, startLoad: number): void {
  if (values.markdown !== undefined) writeFileSync(values.markdown, `${table(configurations)}\n`);
  if (values.json === undefined) return;
  const qemuVersion = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const report = { configurations, qemuVersion, qemuCpu: values.cpu, ram: Number(values.ram),
    kernelVersion: manifest.kernelVersion,
    host: { cpus: cpus().length, model: cpus()[0]?.model, loadAtStart: startLoad, load: loadavg()[0] } };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}

async function main(): Promise<void> {
  const configurations = configurationsWanted();
  const manifest = readManifest();
  const image = assembleImage(manifest);
  const startLoad = loadavg()[0] ?? 0;
  const end = performance.now() + 60_000 * Number(values.minutes);
  const rounds = Math.max(Number(values.runs), Number(values['qemu-runs']));
  for (let round = 0; round < rounds; round++) {
    for (const configuration of configurations) {
      if (performance.now() > end) break;
      if (round < Number(values['qemu-runs'])) {
        await measure(configuration, 'qemu', () => qemuSeconds(configuration, manifest, image));
      }
      if (round < Number(values.runs)) {
        await measure(configuration, 'skep', () => skepSeconds(configuration));
      }
      // What is known is kept, whatever happens to this process.
      writeReport(configurations, manifest, startLoad);
    }
  }
  if (performance.now() > end) console.error(`The time of ${values.minutes} minutes is over; the rest was not run.`);
  console.log(table(configurations));
  if (configurations.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof RunError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
