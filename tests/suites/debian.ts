// Debian 13 from its IDE disk, through the command line: SeaBIOS and GRUB, or direct boot; 1, 2, 4 and 8
// CPUs, each time in a new process. Login, IDE interrupts sent to CPUs other than 0, a disk load that all
// CPUs make and verify, what the system says about itself, power-off by ACPI; and what the image holds.
// `--long`: three rounds. Prints the seconds to the login prompt and puts them into the JSON.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { marked, MARKED_END, markedOutputs, parseInterrupts, skep } from '../lib/skep.ts';
import { check, type Suite, type Verdict } from '../lib/suite.ts';

const CPUS = [1, 2, 4, 8];
const WAYS = { direct: [], grub: ['--boot', 'c'] } as const;
type Way = keyof typeof WAYS;
const TIMEOUT_S = 600;
const LONG_ROUNDS = 3;
const IDE_IRQ = '14';
/** What a sound log does not contain; not "Installed", which systemd says. */
const TROUBLE = 'lost interrupt|failed command|lockup|[^n]stall|WARNING:|BUG:|Oops|unstable|I/O error|blocked for more';
const LEAST_LOG_LINES = 200;

interface Report {
  ok: boolean;
  exit: number;
  matches: { ms: number }[];
  interrupts: { lost: number; raised: number };
  disk: { errors: number; readBytes: number; writtenBytes: number };
}

/** Reads of the whole disk that no cache answers, from an area of their own. */
const read = (area: number): string =>
  `dd if=/dev/sda of=/dev/null bs=128k count=64 skip=$((${area}*64)) iflag=direct status=none`;
const countIde = `grep '^ *${IDE_IRQ}:' /proc/interrupts`;

/** Sends the disk's interrupt to a CPU; after reads that let the move take place, counts around further ones. */
function affinityCommand(cpu: number): string {
  const mask = (1 << cpu).toString(16);
  const set = `echo ${mask} >/proc/irq/${IDE_IRQ}/smp_affinity`;
  return [set, read(2 * cpu), `cat /proc/irq/${IDE_IRQ}/effective_affinity`, countIde, read(2 * cpu + 1), countIde]
    .join('; ');
}

function checkAffinity(output: string, cpu: number, cpus: number): number {
  const effective = Number.parseInt(output, 16);
  check(effective === 1 << cpu, `effective_affinity for CPU ${cpu}: ${output}`);
  const [before, after] = parseInterrupts(output, cpus).map((row) => row.counts);
  check(before !== undefined && after !== undefined, `no line ${IDE_IRQ} in /proc/interrupts: ${output}`);
  const moved = after.map((count, n) => count - (before[n] ?? 0));
  check((moved[cpu] ?? 0) > 0, `IRQ ${IDE_IRQ}: CPU ${cpu} got none: ${moved}`);
  check(moved.every((count, n) => n === cpu || count === 0), `IRQ ${IDE_IRQ} is CPU ${cpu}'s, but: ${moved}`);
  return moved[cpu] ?? 0;
}

/** Every CPU writes a file of its own; all of them are read back from the disk and compared. */
function loadCommand(cpus: number): string {
  const each = (body: string): string => `for i in $(seq ${cpus}); do ${body} done`;
  const write = 'dd if=/dev/urandom of=~/load$i bs=64k count=48 status=none; md5sum <~/load$i >/tmp/sum$i';
  // A subshell, because an interactive one announces its jobs.
  return [`(${each(`(${write}) &`)}; wait)`, 'sync', 'echo 3 >/proc/sys/vm/drop_caches',
    each('md5sum <~/load$i | cmp - /tmp/sum$i && echo same;'), 'rm ~/load*'].join('; ');
}

interface Command { line: string; judge(output: string): void }

const is = (wanted: RegExp | string) => (output: string): void => {
  const good = typeof wanted === 'string' ? output.trim() === wanted : wanted.test(output);
  check(good, `${wanted} was expected, the guest says:\n${output}`);
};

/** What the image promises (docs/guests.md). */
const CONTENTS: readonly Command[] = [
  { line: 'cat /etc/debian_version', judge: is(/^13\./) },
  { line: 'hostname; cat /etc/motd | wc -l; locale 2>&1 | grep LC_ALL= -B1', judge: is(/^debian13\n1\n/) },
  { line: 'echo $LANG; stty size', judge: is(/^C\.UTF-8\n24 80$/m) },
  { line: 'systemctl is-active systemd-udevd dbus getty@tty1 serial-getty@ttyS0 systemd-logind',
    judge: is(/^(active\n){5}$/) },
  { line: 'python3 -c "print(sum(i * i for i in range(1000)))"', judge: is('332833500') },
  { line: "printf 'int main(void){return 6*7;}' >/tmp/a.c && gcc -O1 -o /tmp/a /tmp/a.c; /tmp/a; echo $?",
    judge: is('42') },
  { line: 'ls ~/bench; ~/bench/vmbench list | wc -l', judge: is(/vmbench\.c[\s\S]*\n\d\d+$/m) },
  { line: 'lspci -vv', judge: is(/00:01\.1 IDE interface[\s\S]*Kernel driver in use: ata_piix/) },
  { line: 'cat /sys/block/sda/size /sys/block/sda/sda1/size', judge: is('4194304\n4192256') },
  { line: 'cat /proc/sys/kernel/tainted', judge: is('0') },
];

function commandsFor(cpus: number, contents: boolean): Command[] {
  const commands: Command[] = [];
  for (let cpu = 1; cpu < cpus; cpu++) {
    commands.push({ line: affinityCommand(cpu), judge: (output) => void checkAffinity(output, cpu, cpus) });
  }
  commands.push({ line: loadCommand(cpus), judge: is('same\n'.repeat(cpus).trim()) });
  if (contents) commands.push(...CONTENTS);
  // Not earlier: bochs and the rest of what udev loads come after the login prompt.
  commands.push({ line: 'systemctl is-system-running --wait; systemctl --failed --no-legend --plain',
    judge: is('running') });
  commands.push({ line: `dmesg | grep -iE "${TROUBLE}"`, judge: is('') });
  commands.push({ line: 'dmesg | wc -l', judge: (output) =>
    check(Number(output) > LEAST_LOG_LINES, `the kernel's log has ${output.trim()} lines`) });
  return commands;
}

/** The issue's command, with more to do before its last line. */
function shellArguments(way: Way, cpus: number, commands: readonly Command[], json: string): string[] {
  const steps = commands.flatMap(({ line }) => ['--send', `${marked(line)}\\n`, '--until', MARKED_END]);
  return ['boot', '--guest', 'debian13', '--smp', String(cpus), '--ram', '1024', ...WAYS[way],
    '--until', 'login:', '--send', 'root\\n', '--until', 'assword', '--send', 'skep\\n', '--until', '# ', ...steps,
    '--send', 'nproc; cat /proc/interrupts; systemctl is-system-running --wait; poweroff\\n',
    '--timeout', String(TIMEOUT_S), '--json', json];
}

/** Colours, cursor movements and modes. */
const ESCAPES = /\x1b(\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78c])/g;

/** What the issue's last line prints, behind its own echo. */
function checkLastLine(text: string, cpus: number): void {
  const said = text.slice(text.lastIndexOf('END42'));
  check(new RegExp(`^${cpus}$`, 'm').test(said), `nproc does not say ${cpus}:\n${said}`);
  const loc = parseInterrupts(said, cpus).find((row) => row.name === 'LOC');
  check(loc !== undefined && loc.counts.every((count) => count > 0),
    `not every CPU has local timer interrupts:\n${said}`);
  check(/^running$/m.test(said), `the system is not "running":\n${said}`);
  check(/reboot: Power down/.test(said), `no "Power down" at the end:\n${said.slice(-1000)}`);
}

async function run(way: Way, cpus: number, contents: boolean, folder: string): Promise<Verdict> {
  const json = join(folder, 'out.json');
  const commands = commandsFor(cpus, contents);
  const result = await skep(shellArguments(way, cpus, commands, json), (TIMEOUT_S + 60) * 1000);
  const text = result.stdout.replace(ESCAPES, '').replace(/\r/g, '');
  check(result.status === 0, `exit status ${result.status}: ${text.slice(-3000)}\n${result.stderr}`);
  const outputs = markedOutputs(text);
  check(outputs.length === commands.length, `${outputs.length} of ${commands.length} commands answered:\n${
    text.slice(text.indexOf('login:'))}`);
  commands.forEach(({ judge }, n) => judge(outputs[n] ?? ''));
  checkLastLine(text, cpus);
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  check(report.ok && report.exit === 0, `the JSON says ok ${report.ok}, exit ${report.exit}`);
  check(report.interrupts.lost === 0 && report.interrupts.raised > 1000,
    `interrupts: ${JSON.stringify(report.interrupts)}`);
  check(report.disk.errors === 0 && report.disk.readBytes > 20e6 && report.disk.writtenBytes > 3e6 * cpus,
    `disk: ${JSON.stringify(report.disk)}`);
  const seconds = (report.matches[0]?.ms ?? NaN) / 1000;
  return { remark: `login after ${seconds.toFixed(1)} s`, values: { loginSeconds: seconds } };
}

function printTable(suite: Suite): void {
  const found = new Map<string, number[]>();
  for (const { name, values } of suite.results) {
    if (values?.['loginSeconds'] === undefined) continue;
    const key = name.replace(/, round.*/, '');
    found.set(key, [...found.get(key) ?? [], values['loginSeconds']]);
  }
  for (const [name, seconds] of found) {
    console.log(`     ${name}: login after ${seconds.map((each) => each.toFixed(1)).join(', ')} s`);
  }
}

export async function debian(suite: Suite): Promise<void> {
  const rounds = suite.options.count ?? (suite.options.long ? LONG_ROUNDS : 1);
  const folder = mkdtempSync(join(tmpdir(), 'skep-debian-'));
  for (let round = 1; round <= rounds; round++) {
    for (const way of Object.keys(WAYS) as Way[]) {
      for (const cpus of CPUS) {
        const name = `${way}, ${cpus} CPU${cpus === 1 ? '' : 's'}${rounds > 1 ? `, round ${round}` : ''}`;
        const contents = round === 1 && cpus === 2;
        await suite.test(name, () => run(way, cpus, contents, folder));
      }
    }
  }
  if (rounds > 1) printTable(suite);
  rmSync(folder, { recursive: true });
}
