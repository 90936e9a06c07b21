// What people are told when something is wrong: a vCPU's worker killed from outside, a trap inside the core,
// and every bad input, through the command line. A failed machine ends with status 3 and a message within
// 2 s; bad input with status 2 and one sentence that names the value and what to do.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BOARD, Board } from '../../src/emu/generated-layout.ts';
import { ROOT, skep } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const LIMIT_MS = 2000;
const TRIES = 3;
const SABOTAGE = pathToFileURL(join(ROOT, 'tests/lib/sabotage.mjs')).href;

/** Boots mini, breaks it, and returns what was said and how long after it the process ended. */
async function sabotage(victim: string, how: 'kill' | 'trap', afterMs: number,
  cpus: number): Promise<string> {
  let late = 0;
  for (let round = 0; round < TRIES; round++) {
    Object.assign(process.env, { SKEP_VICTIM: victim, SKEP_AFTER_MS: String(afterMs), SKEP_HOW: how,
      SKEP_TIMERS: String(BOARD + Board.TIMERS) });
    const result = await skep(['boot', '--guest', 'mini', '--smp', String(cpus),
      '--until', 'never to be seen', '--timeout', '60', '--quiet'], 90_000, ['--import', SABOTAGE]);
    const ended = Date.now();
    const at = Number(/sabotage at (\d+)/.exec(result.stderr)?.[1]);
    const message = result.stderr.replace(/sabotage at \d+\n/, '').trim();
    check(result.status === 3, `exit status ${result.status}: ${message}`);
    check(message.startsWith('skep: ') && message.includes(victim) && !message.includes('\n'), `message: ${message}`);
    late = ended - at;
    if (late < LIMIT_MS) return `${late} ms: ${message}`;
  }
  throw new Error(`the process ended ${late} ms after the fault`);
}

interface BadInput { name: string; args: string[]; says: string; remedy: RegExp }

function badInputs(folder: string): BadInput[] {
  const kernel = readFileSync(join(ROOT, 'public/guest/mini/vmlinuz'));
  const file = (name: string, content: Uint8Array | string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const missing = join(folder, 'absent');
  const half = file('half-vmlinuz', kernel.subarray(0, kernel.length >> 1));
  const header = file('header-vmlinuz', kernel.subarray(0, 1000));
  const text = file('letter.txt', 'Dear reader,\n'.repeat(500));
  const empty = file('empty', '');
  const mini = ['--guest', 'mini'];
  return [
    { name: 'missing kernel', args: ['--kernel', missing], says: missing, remedy: /Check the path/ },
    { name: 'missing initrd', args: [...mini, '--initrd', missing], says: missing, remedy: /Check the path/ },
    { name: 'folder as kernel', args: ['--kernel', folder], says: folder, remedy: /Check the path/ },
    { name: 'truncated bzImage', args: ['--kernel', half], says: 'half-vmlinuz', remedy: /again|whole|complete/i },
    { name: 'bzImage cut in its header', args: ['--kernel', header], says: 'header-vmlinuz', remedy: /again|whole|complete/i },
    { name: 'not a kernel', args: ['--kernel', text], says: 'letter.txt', remedy: /bzImage/ },
    { name: 'empty kernel', args: ['--kernel', empty], says: 'empty', remedy: /vmlinuz/ },
    { name: '0 CPUs', args: [...mini, '--smp', '0'], says: '0 CPUs', remedy: /Choose 1 to/ },
    { name: '999 CPUs', args: [...mini, '--smp', '999'], says: '999', remedy: /Choose 1 to/ },
    { name: 'CPUs in words', args: [...mini, '--smp', 'many'], says: 'many', remedy: /--help/ },
    { name: 'more RAM than fits', args: [...mini, '--ram', '999999'], says: '999999', remedy: /Choose 4 to/ },
    { name: 'RAM too small for the guest', args: [...mini, '--ram', '8'], says: '8 MiB', remedy: /RAM|memory/i },
    { name: 'unknown guest', args: ['--guest', 'nosuch'], says: 'nosuch', remedy: /mini/ },
    { name: 'unknown CPU model', args: [...mini, '--cpu', 'v9'], says: 'v9', remedy: /v1|v2/ },
    { name: 'nothing to boot', args: [], says: 'nothing to boot', remedy: /--guest/ },
    { name: 'broken expression', args: [...mini, '--until', '('], says: '(', remedy: /Correct/ },
  ];
}

export async function faults(suite: Suite): Promise<void> {
  await suite.test('killed worker of a busy CPU', () => sabotage('CPU 0', 'kill', 1000, 2));
  await suite.test('killed worker of a parked CPU', () => sabotage('CPU 3', 'kill', 400, 4));
  await suite.test('killed worker, one CPU', () => sabotage('CPU 0', 'kill', 500, 1));
  await suite.test('killed clock worker', () => sabotage('the clock', 'kill', 800, 2));
  await suite.test('trap in a worker', () => sabotage('the clock', 'trap', 1000, 2));
  const folder = mkdtempSync(join(tmpdir(), 'skep-faults-'));
  for (const { name, args, says, remedy } of badInputs(folder)) {
    await suite.test(name, async () => {
      const result = await skep(['boot', ...args, '--timeout', '10'], 60_000);
      const message = result.stderr.trim();
      check(result.status === 2, `exit status ${result.status}: ${message}`);
      check(message.startsWith('skep: ') && !message.includes('\n'), `not one line: ${message}`);
      check(message.includes(says), `does not name "${says}": ${message}`);
      check(remedy.test(message), `no remedy: ${message}`);
      return message;
    });
  }
  rmSync(folder, { recursive: true });
}
