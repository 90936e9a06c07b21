// The stock kernel on 1, 2, 4 and 8 CPUs through the command line, each time in a new process: exit status,
// what the guest says about its processors, interrupts, clock and mitigations, its log, and the counters of
// the JSON. `--count 20` is the form of the first milestone.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { marked, MARKED_END, markedOutputs, parseInterrupts, skep } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const CPUS = [1, 2, 4, 8];
const TIMEOUT_S = 120;
/** What a healthy log does not contain. */
const TROUBLE = 'WARNING|BUG|unstable|lockup|stall';
const VULNERABLE = /Vulnerable|Retpolines|PTI/;

const COMMANDS = [
  'nproc', 'grep -c ^processor /proc/cpuinfo', 'cat /proc/interrupts',
  'cat /sys/devices/system/clocksource/clocksource0/current_clocksource',
  'grep . /sys/devices/system/cpu/vulnerabilities/*', `dmesg | grep -E "${TROUBLE}"`, 'dmesg | wc -l',
];

interface Report {
  ok: boolean;
  exit: number;
  matches: { ms: number }[];
  interrupts: { lost: number; raised: number };
}

function checkInterrupts(text: string, cpus: number): void {
  const rows = parseInterrupts(text, cpus);
  const row = (name: string): number[] => rows.find((each) => each.name === name)?.counts ?? [];
  const [loc, cal, res] = [row('LOC'), row('CAL'), row('RES')];
  for (let cpu = 0; cpu < cpus; cpu++) {
    check((loc[cpu] ?? 0) > 0, `no local timer interrupt on CPU ${cpu}:\n${text}`);
    check(cpus === 1 || (cal[cpu] ?? 0) + (res[cpu] ?? 0) > 0, `no CAL and no RES on CPU ${cpu}:\n${text}`);
  }
}

function checkGuest(outputs: readonly string[], cpus: number): void {
  const [nproc, processors, interrupts, clocksource, vulnerabilities, trouble, lines] = outputs as string[];
  check(nproc?.trim() === String(cpus), `nproc says ${nproc}`);
  check(processors?.trim() === String(cpus), `/proc/cpuinfo has ${processors} processors`);
  checkInterrupts(interrupts ?? '', cpus);
  check(clocksource?.trim() === 'tsc', `clocksource is ${clocksource}`);
  check((vulnerabilities ?? '').split('\n').length > 10, `only these vulnerabilities: ${vulnerabilities}`);
  const vulnerable = (vulnerabilities ?? '').split('\n').filter((line) => VULNERABLE.test(line));
  check(vulnerable.length === 0, vulnerable.join('\n'));
  check(trouble === '', `the kernel's log says:\n${trouble}`);
  check(Number(lines) > 200, `the kernel's log has ${lines} lines`);
}

async function bootOnce(cpus: number, folder: string): Promise<number> {
  const json = join(folder, 'out.json');
  const steps = COMMANDS.flatMap((command) =>
    ['--send', `${marked(command)}\\n`, '--until', MARKED_END]);
  const result = await skep(['boot', '--guest', 'mini', '--smp', String(cpus), '--until', 'skep mini ready',
    '--send', 'nproc\\n', '--until', `^${cpus}\\s*$`, ...steps, '--timeout', String(TIMEOUT_S), '--json', json],
  (TIMEOUT_S + 60) * 1000);
  const tail = `${result.stdout.slice(-2000)}\n${result.stderr}`;
  check(result.status === 0, `exit status ${result.status}: ${tail}`);
  const outputs = markedOutputs(result.stdout);
  check(outputs.length === COMMANDS.length, `${outputs.length} of ${COMMANDS.length} commands answered: ${
    JSON.stringify(result.stdout.slice(result.stdout.indexOf('skep mini ready')))}`);
  checkGuest(outputs, cpus);
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  check(report.ok && report.exit === 0, `the JSON says ok ${report.ok}, exit ${report.exit}`);
  check(report.interrupts.lost === 0, `interrupts: ${JSON.stringify(report.interrupts)}`);
  check(report.interrupts.raised > 100, `interrupts: ${JSON.stringify(report.interrupts)}`);
  return report.matches[0]?.ms ?? NaN;
}

export async function boot(suite: Suite): Promise<void> {
  const rounds = suite.options.count ?? (suite.options.long ? 20 : 1);
  const folder = mkdtempSync(join(tmpdir(), 'skep-boot-'));
  for (let round = 1; round <= rounds; round++) {
    for (const cpus of CPUS) {
      const name = `${cpus} CPU${cpus === 1 ? '' : 's'}${rounds > 1 ? `, round ${round}` : ''}`;
      await suite.test(name, async () =>
        `ready after ${((await bootOnce(cpus, folder)) / 1000).toFixed(2)} s`);
    }
  }
  rmSync(folder, { recursive: true });
}
