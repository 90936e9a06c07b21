// Crashes: the whole process is killed at a random moment while the guest appends records and names each one
// only after its fsync. The next boot of the same image must find every record that was named, and the file
// system must be clean after its journal was replayed. Twice: as it is (the host's page cache survives), and
// with a file that loses what no flush has covered, as a disk does when the power is cut.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diskGuest, makeExt4, run } from '../lib/disk.ts';
import { DIST, ROOT } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const LOSSY = pathToFileURL(join(ROOT, 'tests/lib/lossy-file.mjs')).href;
const IMAGE_MIB = 96;
const PROCESSES = 2;
/** From the first record to the kill, at most. */
const WRITING_MS = 2000;
/** From the guest's start of the drivers to a kill that comes before the first record, at most. */
const STARTING_MS = 1500;
/** One round in so many is killed while it starts. */
const EARLY_ROUNDS = 5;
const BOOT_MS = 180_000;

type Random = (below: number) => number;
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** By process; a hole where a process has said nothing yet. */
interface Round { text: string; had: number[]; announced: number[]; killedMs: number }

/** What whole lines of the console say. */
function read(text: string): Pick<Round, 'had' | 'announced'> {
  const had: number[] = [];
  const announced: number[] = [];
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (const [, word, process, number] of whole.matchAll(/^(have|record) (\d) (\d+)\r?$/gm)) {
    (word === 'have' ? had : announced)[Number(process)] = Number(number);
  }
  return { had, announced };
}

/** Boots the image and kills the process; `early`: before the guest has said anything of records. */
async function bootAndKill(image: string, lossy: boolean, seed: number, early: boolean,
  delayMs: number): Promise<Round> {
  const { kernel, initrd } = await diskGuest();
  const args = [...(lossy ? ['--import', LOSSY] : []), join(DIST, 'skep.js'), 'boot', '--kernel', kernel,
    '--initrd', initrd, '--hda', image, '--ram', '256', '--until', 'never to be seen',
    '--append', 'console=ttyS0 cryptomgr.notests skep.run=/disk/records'];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SKEP_LOSSY: image, SKEP_SEED: String(seed) } });
  let text = '';
  let armed = false;
  let killedMs = 0;
  const start = performance.now();
  const kill = (): void => {
    killedMs = Math.round(performance.now() - start);
    child.kill('SIGKILL');
  };
  let timer = setTimeout(kill, BOOT_MS);
  const look = (data: Buffer): void => {
    text += data.toString('latin1');
    const { had, announced } = read(text);
    const ready = early ? text.includes('skep mini ready')
      : Object.keys(had).length === PROCESSES && announced.length > 0;
    if (armed || !ready) return;
    armed = true;
    clearTimeout(timer);
    timer = setTimeout(kill, delayMs);
  };
  child.stdout.on('data', look);
  child.stderr.on('data', look);
  await new Promise<void>((resolve) => { child.on('close', () => resolve()); });
  clearTimeout(timer);
  check(armed && killedMs > 0, `the guest wrote no records: …${text.slice(-1500)}`);
  return { text, killedMs, ...read(text) };
}

/** On a copy: the journal is replayed, then nothing may be wrong. */
function checkImage(image: string): void {
  const copy = `${image}.copy`;
  copyFileSync(image, copy);
  run('e2fsck', ['-y', '-E', 'journal_only', copy], 1);
  run('e2fsck', ['-fn', copy]);
  rmSync(copy);
}

async function crashes(rounds: number, seed: number, lossy: boolean): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'skep-disk-kill-'));
  const image = join(work, 'disk');
  makeExt4(image, IMAGE_MIB);
  const random = randomFrom(seed);
  const promised: number[] = [];
  // The last boot only looks, and is killed, too.
  for (let round = 0; round <= rounds; round++) {
    const early = round % EARLY_ROUNDS === EARLY_ROUNDS - 1 && round < rounds;
    const delayMs = random(early ? STARTING_MS : WRITING_MS);
    const where = `seed ${seed}, round ${round}, killed after ${delayMs} ms`;
    const { text, had, announced } = await bootAndKill(image, lossy, seed + round, early, delayMs);
    for (let n = 0; n < PROCESSES; n++) {
      const found = had[n];
      check(early || (found ?? -1) >= (promised[n] ?? 0), `${where}: record ${promised[n]} of process ${n} was `
        + `synced, the last one there is ${found}:\n${text.slice(-2000)}`);
      promised[n] = Math.max(promised[n] ?? 0, announced[n] ?? 0, found ?? 0);
    }
    check(!/EXT4-fs error|I\/O error|FAILED/.test(text), `${where}:\n${text.slice(-2000)}`);
    try {
      checkImage(image);
    } catch (error) {
      throw new Error(`${where}: ${(error as Error).message}`);
    }
  }
  rmSync(work, { recursive: true });
  return `${promised.reduce((sum, n) => sum + n, 0)} synced records, none missing in ${rounds} crashes`;
}

export async function diskKill(suite: Suite): Promise<void> {
  const rounds = suite.options.count ?? (suite.options.long ? 50 : 3);
  const seed = suite.options.seed ?? Date.now() % 1_000_000;
  console.log(`disk-kill: seed ${seed}`);
  await diskGuest();
  await suite.test(`killed ${rounds} times`, () => crashes(rounds, seed, false));
  const cuts = suite.options.count ?? (suite.options.long ? 50 : 2);
  await suite.test(`power cut ${cuts} times`, () => crashes(cuts, seed + 1000, true));
}
