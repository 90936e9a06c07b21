// Random bytes as user programs under the kernel of `mini` (tests/garbage/garbage.c): children map random
// pages and jump into them, in 64-, 32- and 16-bit code. The kernel must live, and say nothing but that
// programs have died; no interrupt may be lost. A failure names its seed: `npm run suite -- garbage --seed N
// --count 100`. Long form: 10 000 children.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCpio } from '../../tools/guest/cpio.ts';
import { sha256, writeWhole } from '../../tools/guest/mini.ts';
import { bootMini, ROOT, type Shell } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const CPUS = 2, BATCH = 100, SHORT = 300, LONG = 10_000, BATCH_MS = 240_000;
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-s', '-static'];
/**
 * What the kernel says of a program that dies, of many at once, and when the host has other work. Seed 6266
 * brings its stack pointer to the bottom of its signal stack (on silicon too, in its 90th signal), unless its
 * timer is earlier.
 */
const HARMLESS = new RegExp([
  'segfault at', 'traps: ', 'trap \\w+', 'general protection', 'invalid opcode', 'Code: ', 'likely on CPU',
  'callbacks suppressed', 'in process "garbage"', 'attempted to (use|do)', 'umip:', 'bad frame in',
  'overflowed sigaltstack', 'hrtimer: interrupt took',
].join('|'));

/** The initrd of `mini` with the program in /usr/bin. */
function initrd(): string {
  const folder = join(ROOT, 'build/garbage');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'garbage'), source = join(ROOT, 'tests/garbage/garbage.c');
  const made = spawnSync('gcc', [...FLAGS, '-o', program, source], { encoding: 'utf8' });
  check(made.status === 0, `gcc could not build tests/garbage/garbage.c: ${made.stderr}`);
  const overlay = writeCpio([{ path: 'usr', type: 'directory' }, { path: 'usr/bin', type: 'directory' },
    { path: 'usr/bin/garbage', type: 'file', mode: 0o755, data: readFileSync(program) }]);
  const whole = Buffer.concat([readFileSync(join(ROOT, 'public/guest/mini/initrd')), overlay]);
  const path = join(folder, `initrd-${sha256(whole).slice(0, 12)}`);
  writeWhole(path, whole);
  return path;
}

/** Kernel messages since the last call that are not about a program that died. */
async function complaints(shell: Shell): Promise<string[]> {
  const lines = (await shell.run('dmesg -c')).split('\n').map((line) => line.replace(/^\[[^\]]*\]\s*/, ''));
  return lines.filter((line) => line !== '' && !HARMLESS.test(line));
}

export async function garbage(suite: Suite): Promise<void> {
  const first = suite.options.seed ?? 1;
  const count = suite.options.count ?? (suite.options.long ? LONG : SHORT);
  let shell: Shell | undefined;
  await suite.test(`boot with ${CPUS} CPUs`, async () => {
    shell = await bootMini(CPUS, '', { guest: undefined, kernel: join(ROOT, 'public/guest/mini/vmlinuz'),
      initrd: initrd(), append: 'console=ttyS0 cryptomgr.notests', memory: 256 });
    await shell.run('dmesg -c > /dev/null; echo 1 > /proc/sys/debug/exception-trace');
  });
  const sums = new Map<string, number>();
  for (let from = first; from < first + count && shell !== undefined; from += BATCH) {
    const size = Math.min(BATCH, first + count - from), console_ = shell;
    await suite.test(`seeds ${from} to ${from + size - 1}`, async () => {
      const said = await console_.run(`garbage ${from} ${size} ${CPUS}`, BATCH_MS);
      const line = /^garbage: (\d+) children: (.*)$/m.exec(said);
      check(line !== null && Number(line[1]) === size, `garbage said: ${said.slice(-500)}`);
      for (const [, name, times] of line[2]!.matchAll(/(\w+) (\d+)/g)) {
        sums.set(name!, (sums.get(name!) ?? 0) + Number(times));
      }
      const bad = await complaints(console_);
      check(bad.length === 0, `the kernel said: ${bad.slice(0, 5).join('\n')}`);
      return line[2]!;
    });
  }
  if (shell === undefined) return;
  const { vm } = shell, last = shell;
  await suite.test('the kernel lives, nothing is lost, children ended in several ways', async () => {
    check((await last.run('echo $((6*7))')).trim() === '42', 'the shell does not answer');
    await vm.stop();
    check(vm.stats.interrupts.lost === 0, `${vm.stats.interrupts.lost} interrupts lost`);
    const kinds = [...sums].filter(([name, times]) => times > 0 && name !== 'other');
    check((sums.get('other') ?? 0) === 0, `${sums.get('other')} children could not begin`);
    check(count < SHORT || kinds.length >= 3, `only ${kinds.map(([name]) => name).join(', ')}`);
    return kinds.map(([name, times]) => `${name} ${times}`).join(', ');
  });
}
