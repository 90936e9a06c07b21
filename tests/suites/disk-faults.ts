// Backends that fail, stall, shrink or die: the guest sees a device error at the right sector and lives, the
// host's side says one clear sentence, and nothing ever reads as zeros instead.

import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootDisk, diskGuest, type DiskMachine } from '../lib/disk.ts';
import { skep } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';
import { killIoWorker, makeFaulty, watchWorkers } from '../lib/workers.ts';

const SECTOR = 512;
const BYTES = 16 << 20;
const BLOCK = 4096;
/** First bad sector of the failing file: in the middle of a block. */
const BAD = 8197;
const PATIENCE_MS = 120_000;

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');
/** Blocks from `block` on, past the page cache. */
const direct = (block: number, count: number): string =>
  `dd if=/dev/hda bs=${BLOCK} skip=${block} count=${count} iflag=direct 2>/tmp/dd | md5sum; cat /tmp/dd`;

class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'skep-disk-faults-'));
  readonly image = join(this.folder, 'disk');
  readonly faults = join(this.folder, 'faults.json');
  readonly data = new Uint8Array(randomBytes(BYTES));

  constructor() {
    writeFileSync(this.image, this.data);
    this.fail({});
    makeFaulty(this.image, this.faults);
  }
  fail(faults: object): void {
    writeFileSync(this.faults, JSON.stringify(faults));
  }
  sum(block: number, count: number): string {
    return md5(this.data.subarray(block * BLOCK, (block + count) * BLOCK));
  }
  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** The machine still does what it is told, at once. */
async function alive({ shell, vm }: DiskMachine): Promise<void> {
  check((await shell.run('echo $((6 * 7))', 30_000)).trim() === '42', 'the guest does not answer');
  check(vm.stats.interrupts.lost === 0, `${vm.stats.interrupts.lost} interrupts lost`);
}

async function good(machine: DiskMachine, bench: Bench, block: number, count: number): Promise<void> {
  const said = await machine.shell.run(direct(block, count), PATIENCE_MS);
  check(said.startsWith(bench.sum(block, count)), `blocks ${block} to ${block + count} are not right: ${said}`);
}

async function bad(machine: DiskMachine, command: string): Promise<void> {
  const said = await machine.shell.run(`${command}; echo status $?`, PATIENCE_MS);
  check(/I\/O error|Input\/output error/.test(said), `no error: ${said}`);
}

async function told(machine: DiskMachine, pattern: RegExp): Promise<string> {
  const start = performance.now();
  for (;;) {
    const said = machine.events.map((event) => ('message' in event ? event.message : event.kind));
    const found = said.find((message) => pattern.test(message));
    if (found !== undefined) return found;
    check(performance.now() - start < PATIENCE_MS, `nobody says ${pattern}: ${said.join('; ')}`);
    await sleep(20);
  }
}

async function session(body: (machine: DiskMachine, bench: Bench) => Promise<string>,
  hda?: (bench: Bench) => string): Promise<string> {
  const bench = new Bench();
  const machine = await bootDisk({ smp: 2, memory: 256, hda: hda?.(bench) ?? bench.image });
  try {
    const said = await body(machine, bench);
    await alive(machine);
    return said;
  } finally {
    await machine.vm.stop();
    bench.close();
  }
}

async function eio(machine: DiskMachine, bench: Bench): Promise<string> {
  const { shell, vm } = machine;
  bench.fail({ read: [BAD * SECTOR, (BAD + 2) * SECTOR] });
  const block = Math.floor(BAD * SECTOR / BLOCK);
  await bad(machine, direct(block - 3, 8));
  const log = await shell.run('dmesg');
  check(log.includes(`sector ${BAD} `) || new RegExp(`dev sda, sector (${BAD}|${block * 8}) `).test(log),
    `the kernel names another sector:\n${log.split('\n').slice(-20).join('\n')}`);
  await good(machine, bench, block - 3, 3);
  await good(machine, bench, block + 1, 4);
  const said = await told(machine, /the file cannot be read \(EIO\)/);
  bench.fail({ write: [BAD * SECTOR, (BAD + 1) * SECTOR] });
  await bad(machine, `dd if=/dev/zero of=/dev/hda bs=${BLOCK} seek=${block} count=1 oflag=direct 2>&1`);
  await told(machine, /the file cannot be written \(EIO\)/);
  bench.fail({ flush: true });
  await bad(machine, `dd if=/dev/zero of=/dev/hda bs=${BLOCK} seek=9 count=1 conv=fsync 2>&1`);
  await told(machine, /the file cannot be written to the disk \(EIO\)/);
  bench.fail({});
  await good(machine, bench, block + 1, 4);
  check((vm.stats.drives[0]?.errors ?? 0) >= 3, `errors counted: ${JSON.stringify(vm.stats.drives)}`);
  return said;
}

async function shrinks(machine: DiskMachine, bench: Bench): Promise<string> {
  truncateSync(bench.image, BYTES / 2);
  await bad(machine, direct(BYTES / 2 / BLOCK + 5, 1));
  await good(machine, bench, BYTES / 2 / BLOCK - 4, 4);
  return told(machine, /the file has become shorter/);
}

async function slowFlush(machine: DiskMachine, bench: Bench): Promise<string> {
  bench.fail({ flushMs: 7000 });
  const done = machine.shell.run('dd if=/dev/zero of=/dev/hda bs=4096 count=1 conv=fsync 2>&1; echo status $?',
    PATIENCE_MS);
  await told(machine, /slow/);
  bench.fail({});
  check(/status 0/.test(await done), `a slow flush fails: ${await done}`);
  await good(machine, bench, 5, 4);
  return 'told after 5 s, done after 7';
}

async function workerKilled(machine: DiskMachine): Promise<string> {
  const reading = machine.shell.run('while dd if=/dev/hda of=/dev/null bs=64k iflag=direct 2>/tmp/dd; do :; done; '
    + 'cat /tmp/dd; dmesg | tail -30', PATIENCE_MS);
  await sleep(1500);
  await killIoWorker();
  const said = await told(machine, /The disk worker died/);
  const log = await reading;
  check(/I\/O error/.test(log), `no error in the guest: ${log}`);
  await bad(machine, direct(1, 1));
  return said;
}

/** A server whose answers stop for ranges that touch `stalled`. */
class StallingServer {
  stalled: [number, number] | undefined;
  private readonly server: Server;

  constructor(private readonly data: Uint8Array) {
    this.server = createServer((request, response) => {
      const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      const { stalled } = this;
      if (stalled !== undefined && Number(from) < stalled[1] && Number(to) >= stalled[0]) return;
      response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${this.data.length}`, ETag: '"1"' });
      response.end(this.data.subarray(Number(from), Number(to) + 1));
    });
  }
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/disk.img`;
  }
  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** The guest's own timeout and reset work while the old command is still with the server. */
async function stalls(): Promise<string> {
  const bench = new Bench();
  const server = new StallingServer(bench.data);
  try {
    const machine = await bootDisk({ smp: 2, memory: 256, hda: await server.listen() });
    try {
      const { shell } = machine;
      await shell.run('echo 2 > /sys/class/scsi_device/0:0:0:0/device/timeout');
      const from = BYTES / 2;
      server.stalled = [from, BYTES];
      const reading = shell.run(`(${direct(from / BLOCK, 2)}) > /tmp/stalled & sleep 1; ${direct(10, 4)}`, PATIENCE_MS);
      check((await reading).includes(bench.sum(10, 4)), `another sector does not come: ${await reading}`);
      server.stalled = undefined;
      await shell.run('wait', PATIENCE_MS);
      const said = await shell.run('cat /tmp/stalled; dmesg | tail -40', PATIENCE_MS);
      check(/failed command|timeout|resetting/i.test(said), `the guest did not lose patience: ${said}`);
      await good(machine, bench, from / BLOCK, 2);
      await good(machine, bench, 10, 4);
      await alive(machine);
      return 'timeout and reset in the guest, all data right afterwards';
    } finally {
      await machine.vm.stop();
    }
  } finally {
    server.close();
    bench.close();
  }
}

async function readOnly(): Promise<string> {
  const bench = new Bench();
  chmodSync(bench.image, 0o444);
  const { kernel, initrd } = await diskGuest();
  // The superuser may write whatever its mode says: then a folder of the kernel's stands for such a file.
  const root = process.getuid?.() === 0;
  const image = root ? '/sys/kernel/notes' : bench.image;
  const result = await skep(['boot', '--kernel', kernel, '--initrd', initrd, '--hda', image], 60_000);
  bench.close();
  const message = result.stderr.trim();
  check(result.status === 2 && !message.includes('\n'), `status ${result.status}: ${message}`);
  check(message.includes(image) && /cannot be opened for writing/.test(message) && /snapshot/.test(message),
    message);
  return message;
}

/** By the command line: the sentence on standard error, the count in the JSON. */
async function commandLine(): Promise<string> {
  const bench = new Bench();
  const { kernel, initrd } = await diskGuest();
  const json = join(bench.folder, 'out.json');
  truncateSync(bench.image, BYTES - BLOCK);
  const shrink = 'READY$((6*7))';
  const child = skep(['boot', '--kernel', kernel, '--initrd', initrd, '--hda', bench.image, '--ram', '256',
    '--append', 'console=ttyS0 cryptomgr.notests', '--until', 'mini:.*# ',
    '--send',
      `/disk/setup; echo ${shrink}; until ! dd if=/dev/hda of=/dev/null bs=4096 iflag=direct skip=2000 count=1; do usleep 100000; done\\n`,
    '--until', 'I/O error|Input/output error', '--timeout', '120', '--json', json], 180_000);
  // The guest reads again and again: whenever the file becomes shorter, it sees it.
  await sleep(9000);
  truncateSync(bench.image, BLOCK);
  const result = await child;
  const report = JSON.parse(readFileSync(json, 'utf8')) as { disk: { errors: number };
    diskMessages: string[] };
  const line = result.stderr.split('\n').find((each) => each.startsWith('skep: disk image'));
  bench.close();
  check(result.status === 0, `status ${result.status}: ${result.stderr}`);
  check(line !== undefined && line.includes('the file has become shorter'), `said: ${result.stderr}`);
  check(report.disk.errors > 0 && report.diskMessages.some((each) => each.includes('shorter')),
    JSON.stringify(report));
  return line;
}

export async function diskFaults(suite: Suite): Promise<void> {
  watchWorkers();
  await diskGuest();
  await suite.test('EIO of a read, a write, a flush; a flush that takes long; the file becomes shorter',
    () => session(async (machine, bench) => [await eio(machine, bench), await slowFlush(machine, bench),
      await shrinks(machine, bench)].join('; ')));
  await suite.test('the I/O worker is killed', () => session(workerKilled));
  await suite.test('a server that stalls', stalls);
  await suite.test('a file that cannot be written', readOnly);
  await suite.test('by the command line', commandLine);
}
