// Translated code against the interpreter in whole machines (`skep boot --check-regions`, wasm/jit/check.ts):
// `checked` boots `mini` with 1 and 2 CPUs and lets it work, and shows that a mistake in translated code ends
// the machine with status 3 and a report; `debian-checked` boots Debian 13 to its login prompt with at least
// 100 000 entries checked. No difference.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { marked, MARKED_END, ROOT, skep } from '../lib/skep.ts';
import { check, type Suite, type Verdict } from '../lib/suite.ts';

const TIMEOUT_S = 900;
const MISCOMPILE = pathToFileURL(join(ROOT, 'tests/lib/miscompile.mjs')).href;
/** One of so many entries is checked; `--long` checks more. */
const EVERY = { mini: 100, debian: 250, miniLong: 5, debianLong: 25 } as const;
const LEAST = { mini: 20_000, debian: 100_000 } as const;
/** Programs of the guest: compression, sums, sorting, floating point, many processes. */
const WORK = 'seq 20000 | gzip | gunzip | sort -r | md5sum; for i in 1 2 3 4 5 6 7 8; do seq 300 | '
  + "awk '{ s += $1 * 1.5 / 7 } END { print s }'; done | sort -u | wc -l";

interface Report {
  cpus: { instructions: number; translatedShare: number }[];
  regionChecks: { checked: number; instructions: number; differences: number };
}

function verdict(json: string, least: number): Verdict {
  const { regionChecks: checks, cpus } = JSON.parse(readFileSync(json, 'utf8')) as Report;
  check(checks.differences === 0, `differences: ${JSON.stringify(checks)}`);
  check(checks.checked >= least, `fewer than ${least} entries were checked: ${JSON.stringify(checks)}`);
  check(checks.instructions > 3 * checks.checked, `hardly any instructions: ${JSON.stringify(checks)}`);
  const busy = cpus.some((cpu) => cpu.translatedShare > 0.2);
  check(busy, `hardly anything was translated: ${JSON.stringify(cpus)}`);
  return { remark: `${checks.checked} entries, ${checks.instructions} instructions`,
    values: { checkedEntries: checks.checked, checkedInstructions: checks.instructions } };
}

async function boot(args: readonly string[], folder: string, least: number): Promise<Verdict> {
  const json = join(folder, 'out.json');
  const result = await skep(['boot', ...args, '--timeout', String(TIMEOUT_S), '--json', json],
    (TIMEOUT_S + 60) * 1000);
  check(result.status === 0, `exit status ${result.status}: ${result.stdout.slice(-2000)}\n${result.stderr}`);
  return verdict(json, least);
}

/** A wrong region ends the machine before what it has done is seen by anybody. */
async function miscompiled(): Promise<string> {
  const result = await skep(['boot', '--guest', 'mini', '--check-regions', '1', '--until', 'mini ready',
    '--quiet', '--timeout', '120'], 180_000, ['--import', MISCOMPILE]);
  check(result.status === 3, `exit status ${result.status}: ${result.stderr}`);
  for (const part of ['translated code differs from the interpreter', 'region entered at 0x', 'interpreted:']) {
    check(result.stderr.includes(part), `the message does not say "${part}": ${result.stderr}`);
  }
  return result.stderr.trim().split('\n')[1] ?? '';
}

export async function checked(suite: Suite): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-checked-'));
  const every = String(suite.options.long ? EVERY.miniLong : EVERY.mini);
  for (const cpus of [1, 2]) {
    await suite.test(`mini, ${cpus} CPU${cpus === 1 ? '' : 's'}`, () => boot(['--guest', 'mini', '--smp', String(cpus),
      '--check-regions', every, '--until', 'mini ready', '--send', `${marked(WORK)}\\n`, '--until', MARKED_END,
      '--send', 'poweroff\\n'], folder, LEAST.mini));
  }
  await suite.test('a mistake in translated code', miscompiled);
  rmSync(folder, { recursive: true });
}

export async function debianChecked(suite: Suite): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-checked-'));
  const every = String(suite.options.long ? EVERY.debianLong : EVERY.debian);
  await suite.test('Debian 13 to its login prompt', () => boot(['--guest', 'debian13', '--ram', '1024',
    '--check-regions', every, '--until', 'login:'], folder, LEAST.debian));
  rmSync(folder, { recursive: true });
}
