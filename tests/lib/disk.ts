// What the disk suites share: images made by e2fsprogs, the guest with disk drivers
// (tools/guest/disk-guest.ts), and what the guest's kernel may not have said.

import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Api from '../../src/api/node.ts';
import { type DiskGuest, prepareDiskGuest } from '../../tools/guest/disk-guest.ts';
import { loadApi, ROOT, Shell } from './skep.ts';
import { check, within } from './suite.ts';

/** What a kernel says when a disk or an interrupt went wrong. */
const COMPLAINTS =
  /lost interrupt|failed command|exception Emask|I\/O error|lockup|rcu.*stall|EXT4-fs error|nobody cared/i;
const APPEND = 'console=ttyS0 cryptomgr.notests';
const BOOT_MS = 240_000;

let guest: Promise<DiskGuest> | undefined;
export function diskGuest(): Promise<DiskGuest> {
  guest ??= prepareDiskGuest({ root: ROOT, log: (line) => console.log(`disk guest: ${line}`) });
  return guest;
}

export function run(command: string, args: readonly string[], ...good: number[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  check(done.error === undefined, `${command} is not there (e2fsprogs is needed): ${done.error?.message}`);
  check([0, ...good].includes(done.status ?? -1), `${command} ${args.join(' ')} ended with ${done.status}: ${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** An ext4 image, with files of random bytes and the list of their sums where `files` says how many. */
export function makeExt4(path: string, mib: number, files = 0): void {
  const folder = mkdtempSync(join(tmpdir(), 'skep-disk-'));
  let sums = '';
  for (let n = 0; n < files; n++) {
    const data = randomBytes(1 << (12 + n));
    writeFileSync(join(folder, `file${n}`), data);
    sums += `${createHash('md5').update(data).digest('hex')}  file${n}\n`;
  }
  if (files > 0) writeFileSync(join(folder, 'sums'), sums);
  rmSync(path, { force: true });
  run('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-d', folder, '-F', path, `${mib}M`]);
  rmSync(folder, { recursive: true });
}

export function fsckClean(path: string): void {
  run('e2fsck', ['-fn', path]);
}

export interface DiskMachine { shell: Shell; vm: Api.Skep; events: Api.DiskEvent[] }

/** Boots the disk guest to its shell, drivers loaded. */
export async function bootDisk(options: Partial<Api.SkepOptions>, append = ''): Promise<DiskMachine> {
  const { Skep } = await loadApi();
  const { kernel, initrd } = await diskGuest();
  const vm = await Skep.create({ memory: 384, ...options, kernel, initrd, append: `${APPEND} ${append}` });
  const events: Api.DiskEvent[] = [];
  vm.on('disk', (event) => { events.push(event); });
  const shell = new Shell(vm);
  try {
    vm.start();
    await shell.expect(/^mini:.*# /m, BOOT_MS);
    const said = await shell.run(`/disk/setup ${options.hdb === undefined ? 1 : 2} && echo drivers-there`, 60_000);
    check(said.includes('drivers-there') && !said.includes('FAILED'), `the drivers found no disk: ${said}`);
    return { shell, vm, events };
  } catch (error) {
    await vm.stop();
    throw error;
  }
}

/** Lines of the kernel's log that complain. */
export async function complaints(shell: Shell): Promise<string[]> {
  return (await shell.run('dmesg')).split('\n').filter((line) => COMPLAINTS.test(line));
}

/** Ends a machine that must be well: nothing lost, nothing said, powered off by the guest. */
export async function endWell({ shell, vm, events }: DiskMachine): Promise<void> {
  try {
    const lines = await complaints(shell);
    check(lines.length === 0, `the kernel complains:\n${lines.slice(0, 20).join('\n')}`);
    shell.type('poweroff -f\n');
    await within(vm.ended, 60_000, 'powering off');
  } finally {
    await vm.stop();
  }
  const { interrupts, drives } = vm.stats;
  check(interrupts.lost === 0, `${interrupts.lost} of ${interrupts.raised} interrupts lost`);
  check(drives.every((drive) => drive.errors === 0), `errors of drives: ${JSON.stringify(drives)}`);
  check(events.length === 0, `disk events: ${JSON.stringify(events)}`);
}
