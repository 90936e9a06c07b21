// npx tsx bench/disk-compare.ts [--runs N] [--mib N] [--seconds N] [--skep COMMAND] [--json F]
// Disk speed in the guest (tools/guest/disktool, bench.c: direct I/O on a raw disk) alternately under QEMU
// TCG with IDE and under Skep: the same kernel, initramfs and image, one CPU. Prints medians and ratios.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prepareDiskGuest } from '../tools/guest/disk-guest.ts';
import { runQemu } from './qemu-run.ts';
import { median } from './vmbench/results.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RAM_MIB = 512;
const TIMEOUT_S = 300;
const LAST = /^bench cached-read .*$/m;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' }, mib: { type: 'string', default: '128' },
    seconds: { type: 'string', default: '3' }, json: { type: 'string' },
    skep: { type: 'string', default: join(ROOT, 'bin/skep.mjs') },
  },
});

type Rates = Map<string, number>;

function ratesOf(output: string): Rates {
  const lines = output.matchAll(/^bench (\S+) ([\d.]+) (\S+)\r?$/gm);
  return new Map([...lines].map(([, name, value, unit]) => [`${name} ${unit}`, Number(value)]));
}

const guest = await prepareDiskGuest({ root: ROOT, log: (line) => console.error(line) });
const folder = mkdtempSync(join(tmpdir(), 'skep-disk-compare-'));
const image = join(folder, 'disk');
writeFileSync(image, new Uint8Array(Number(values.mib) << 20).fill(7));
const command = `/disk/setup; disktool bench --device /dev/hda --mib ${values.mib} --seconds ${values.seconds}`;
const append = `console=ttyS0 cryptomgr.notests quiet "skep.run=${command}"`;

async function qemu(): Promise<Rates> {
  const result = await runQemu({ ...guest, append, smp: 1, memoryMiB: RAM_MIB, cpu: 'qemu64', until: LAST,
    timeoutMs: TIMEOUT_S * 1000, extra: ['-drive', `file=${image},format=raw,if=ide`] });
  if (!result.ok) throw new Error(result.error);
  return ratesOf(result.output);
}

function skep(): Rates {
  const [program = '', ...first] = values.skep.split(' ');
  const done = spawnSync(program, [...first, 'boot', '--kernel', guest.kernel, '--initrd', guest.initrd,
    '--append', append, '--ram', String(RAM_MIB), '--hda', image, '--until', 'bench cached-read [0-9.]+ MB',
    '--timeout', String(TIMEOUT_S)], { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.status !== 0) throw new Error(`skep boot ended with status ${done.status}: ${done.stderr}`);
  return ratesOf(done.stdout.replace(/(cached-read [\d.]+ MB)\S*/, '$1/s\n'));
}

const runs: { qemu: Rates; skep: Rates }[] = [];
try {
  for (let run = 0; run < Number(values.runs); run++) runs.push({ qemu: await qemu(), skep: skep() });
} finally {
  rmSync(folder, { recursive: true });
}
const rows = [...(runs[0]?.qemu.keys() ?? [])].map((name) => {
  const of = (peer: 'qemu' | 'skep'): number => median(runs.map((run) => run[peer].get(name) ?? NaN));
  return { name, qemu: of('qemu'), skep: of('skep'), ratio: of('skep') / of('qemu') };
});
for (const { name, ...row } of rows) {
  console.log(`${name.padEnd(24)} QEMU ${row.qemu.toFixed(1).padStart(9)}  Skep ${row.skep.toFixed(1).padStart(9)}  ${
    row.ratio.toFixed(2)} times QEMU`);
}
if (values.json !== undefined) {
  const host = { cpus: cpus().length, model: cpus()[0]?.model, load: loadavg()[0] };
  writeFileSync(values.json, `${JSON.stringify({ rows, host, mib: Number(values.mib) }, null, 2)}\n`);
}
