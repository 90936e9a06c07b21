// Disk soundness: verified reads, writes, mappings, syncs and direct I/O by many processes on an ext4 file
// system and a raw disk; files with known sums, a CD, and discs that change while the guest runs; the same
// under a storm of timer interrupts while the disk's interrupt wanders between CPUs. Afterwards e2fsck finds
// the image clean.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootDisk, endWell, fsckClean, makeExt4, type DiskMachine } from '../lib/disk.ts';
import { parseInterrupts } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const MIB = 1 << 20;
const CPUS = 4;
const RAW_MIB = 16;
/** Processes of the load: one of them on the raw disk. */
const PROCESSES = 5;
const ARGUMENTS = `--dir /ext4 --device /dev/hdb --processes ${PROCESSES} --threads 2`;
/** The storm: ticks asked for, and interrupts per second that must at least have come on a loaded host. */
const STORM_HZ = 1000;
const STORM_LEAST = 150;
/** A read that waited longer than this was starved, whatever the host's load. */
const SLOWEST_MS = 10_000;

const folder = (): string => mkdtempSync(join(tmpdir(), 'skep-disk-load-'));

async function files(cpus: number): Promise<string> {
  const work = folder();
  const [hda, cdrom] = [join(work, 'disk'), join(work, 'cd')];
  makeExt4(hda, 128, 12);
  makeExt4(cdrom, 16, 10);
  const sum = createHash('md5').update(readFileSync(cdrom)).digest('hex');
  const machine = await bootDisk({ smp: cpus, hda, cdrom });
  const said = await machine.shell.run(`/disk/files ${sum} 4 2; echo status $?`, 300_000);
  check(!said.includes('FAILED') && said.includes('disk-test end\nstatus 0'),
    `${said}\n${await machine.shell.run('dmesg | tail -40')}`);
  const changes = await discs(machine, work);
  await endWell(machine);
  fsckClean(hda);
  rmSync(work, { recursive: true });
  return `${said.split(' ok').length - 1} checks, ${changes} discs exchanged`;
}

/** The drive is empty: opening it says so, at once. */
async function noDisc({ shell }: DiskMachine): Promise<void> {
  const said = await shell.run('dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>&1; echo status $?');
  check(/No medium found/.test(said) && /^status 1$/m.test(said), `an empty drive says: ${said}`);
}

/** The guest sees the disc at `path` and nothing of the one before: its size, its files, every byte. */
async function newDisc({ shell }: DiskMachine, path: string): Promise<void> {
  const data = readFileSync(path);
  const sum = createHash('md5').update(data).digest('hex');
  const said = await shell.run('mount -t ext4 -o ro,noload /dev/sr0 /cd && (cd /cd && md5sum -c sums); '
    + 'cat /sys/block/sr0/size; md5sum < /dev/sr0; umount /cd; echo status $?', 120_000);
  const lines = said.split(/\r?\n/);
  check(lines.includes(String(data.length / 512)), `the size is another: ${said}`);
  const whole = said.includes(sum) && said.includes('file0: OK') && !/FAILED|warning/i.test(said);
  check(whole && /^status 0$/m.test(said),
    `another disc than ${path}: ${said}\n${await shell.run('dmesg | tail')}`);
}

/** Discs come and go while the guest runs: by the library, by the guest; a mounted one stays in its tray. */
async function discs(machine: DiskMachine, work: string): Promise<number> {
  const { shell, vm, events } = machine;
  const paths = [4, 8, 16].map((mib, n) => {
    const path = join(work, `disc${n}`);
    makeExt4(path, mib, 4 + n);
    return path;
  });
  await shell.run('umount /cd');
  await vm.insertDisc(null);
  await noDisc(machine);
  for (const path of paths) {
    await vm.insertDisc(path);
    await newDisc(machine, path);
  }
  // A change under the guest's eyes without an empty drive between, back to a smaller disc.
  await vm.insertDisc(paths[0]!);
  const held = await shell.run('mount -t ext4 -o ro,noload /dev/sr0 /cd; disktool eject --packet 1; '
    + 'cd /cd; md5sum -c sums; cd /; umount /cd; disktool eject; echo status $?');
  check(held.includes('sense 5/53/02') && held.includes('file3: OK') && /^status 0$/m.test(held),
    `lock and eject: ${held}`);
  await noDisc(machine);
  check(events.length === 1 && events[0]?.kind === 'eject', `events: ${JSON.stringify(events)}`);
  events.length = 0;
  await vm.insertDisc(paths[1]!);
  await newDisc(machine, paths[1]!);
  return paths.length + 2;
}

interface LoadResult { text: string; slowestMs: number }

async function load(machine: DiskMachine, seconds: number, seed: number): Promise<LoadResult> {
  const { shell } = machine;
  const mounted = await shell.run('mount -t ext4 /dev/hda /ext4 && mount');
  check(/^\/dev\/\w+ on \/ext4/m.test(mounted), `not mounted: ${mounted}\n${await shell.run('dmesg | tail -20')}`);
  const said = await shell.run(`disktool load ${ARGUMENTS} --seconds ${seconds} --seed ${seed}; echo status $?`,
    (seconds * 4 + 240) * 1000);
  check(/^status 0$/m.test(said), said);
  const line = /^disktool load: (.*)$/m.exec(said)?.[1] ?? '';
  const slowestMs = Number(/slowest read (\d+) ms/.exec(line)?.[1]);
  check(/ 0 errors$/.test(line), said);
  check(slowestMs < SLOWEST_MS, `a read took ${slowestMs} ms`);
  return { text: line, slowestMs };
}

/** Mounts again, so that nothing comes from a cache, and every block must be sound by itself. */
async function verify({ shell }: DiskMachine): Promise<void> {
  const said = await shell.run('umount /ext4 && echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/hda /ext4 && '
    + `disktool verify ${ARGUMENTS}; echo status $?; umount /ext4`, 240_000);
  check(/^status 0$/m.test(said) && / 0 errors$/m.test(said), said);
}

async function mixed(cpus: number, seconds: number, seed: number): Promise<string> {
  const work = folder();
  const [hda, hdb] = [join(work, 'a'), join(work, 'b')];
  makeExt4(hda, 128);
  writeFileSync(hdb, new Uint8Array(RAW_MIB * MIB));
  const machine = await bootDisk({ smp: cpus, hda, hdb });
  const { text } = await load(machine, seconds, seed);
  await verify(machine);
  await endWell(machine);
  fsckClean(hda);
  rmSync(work, { recursive: true });
  return text;
}

/** IRQ 0 and IRQ 14 by CPU. */
async function counts({ shell }: DiskMachine, cpus: number): Promise<{ timer: number; disk: number[] }> {
  const rows = parseInterrupts(await shell.run('cat /proc/interrupts'), cpus);
  const of = (name: string): number[] => rows.find((row) => row.name === name)?.counts ?? [];
  return { timer: of('0').reduce((sum, n) => sum + n, 0), disk: of('14') };
}

async function storm(cpus: number, seconds: number, seed: number): Promise<string> {
  const work = folder();
  const [hda, hdb] = [join(work, 'a'), join(work, 'b')];
  makeExt4(hda, 128);
  writeFileSync(hdb, new Uint8Array(RAW_MIB * MIB));
  // Without the local timers the PIT, IRQ 0, serves every CPU.
  const machine = await bootDisk({ smp: cpus, hda, hdb }, 'nolapic_timer lapic=notscdeadline hpet=disable');
  const { shell } = machine;
  const before = await counts(machine, cpus);
  await shell.run(`disktool storm --irq 14 --hz ${STORM_HZ} > /storm & echo $! > /storm.pid`);
  const { text } = await load(machine, seconds, seed);
  await shell.run('kill $(cat /storm.pid); wait; sleep 0.2');
  const after = await counts(machine, cpus);
  const said = /(\d+) ticks, (\d+) moves/.exec(await shell.run('cat /storm'));
  const ticks = after.timer - before.timer;
  const disk = after.disk.map((n, cpu) => n - (before.disk[cpu] ?? 0));
  check(ticks >= STORM_LEAST * seconds, `only ${ticks} timer interrupts in ${seconds} s`);
  check(Number(said?.[2]) > cpus, `IRQ 14 was moved ${said?.[2]} times`);
  check(disk.length === cpus && disk.every((n) => n > 0), `IRQ 14 by CPU: ${disk}`);
  await verify(machine);
  await endWell(machine);
  fsckClean(hda);
  rmSync(work, { recursive: true });
  return `${text}; ${ticks} times IRQ 0, IRQ 14 by CPU ${disk.join(' ')}`;
}

export async function diskLoad(suite: Suite): Promise<void> {
  const { long } = suite.options;
  const seed = suite.options.seed ?? Date.now() % 1_000_000;
  const cpus = suite.options.count ?? CPUS;
  console.log(`disk-load: seed ${seed}`);
  await suite.test(`files, remount and CD, ${cpus} CPUs`, () => files(cpus));
  await suite.test(`mixed load, ${cpus} CPUs`, () => mixed(cpus, long ? 600 : 10, seed));
  await suite.test(`mixed load under a timer storm, ${cpus} CPUs`, () => storm(cpus, long ? 120 : 8, seed + 1));
}
