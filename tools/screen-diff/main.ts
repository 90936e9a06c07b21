// npx tsx tools/screen-diff/main.ts [--only TEXT] [--keep FOLDER]
// Boots the same floppy (boot.S, cases.ts) with the same SeaBIOS and VGA BIOS in Skep and in QEMU's -device
// VGA and compares the pictures of every case dot by dot. Needs qemu-system-x86_64, gcc and the firmware (npm
// run guest -- firmware). --keep writes both pictures of the cases that differ. Exit status 1 if one does.
// QEMU makes 8 bits of 6 in its own way: a difference of up to 3 in a colour is none.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Skep } from '../../src/api/node.ts';
import { encodePng } from '../../src/emu/display/png.ts';
import type { Picture } from '../../src/emu/display/screen.ts';
import { CASES, caseTable, type ScreenCase } from './cases.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIRMWARE = join(ROOT, 'public/guest/firmware');
const FLOPPY_BYTES = 1440 * 1024;
const SECTOR = 512;
const TOLERANCE = 3;
/** What the boot sector says on port 0xE9; the firmware's own log is text. */
const DRAWN = 0xFE;
const PATIENCE_MS = 120_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

async function until(what: string, condition: () => boolean): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > PATIENCE_MS) throw new Error(`${what} did not happen.`);
    await sleep(20);
  }
}

function floppy(work: string, cases: readonly ScreenCase[]): string {
  const object = join(work, 'boot.bin');
  const source = fileURLToPath(new URL('./boot.S', import.meta.url));
  const made = spawnSync('gcc', ['-nostdlib', '-static', '-m32', '-Wl,-Ttext=0x7C00,--oformat=binary,--build-id=none',
    '-o', object, source], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`gcc failed: ${made.error?.message ?? made.stderr}`);
  const image = new Uint8Array(FLOPPY_BYTES);
  image.set(readFileSync(object).subarray(0, SECTOR));
  image.set(caseTable(cases), SECTOR);
  const path = join(work, 'floppy.img');
  writeFileSync(path, image);
  return path;
}

/** A machine that runs the floppy: waits for a case to be drawn, gives its picture, goes on to the next. */
interface Host {
  drawn(cases: number): Promise<void>;
  picture(): Promise<Picture>;
  next(): Promise<void>;
  stop(): Promise<void>;
}

async function startSkep(image: string): Promise<Host> {
  let drawn = 0;
  const vm = await Skep.create({ fda: image, memory: 64,
    guestBase: pathToFileURL(join(ROOT, 'public/guest/')) });
  vm.on('debug', (bytes) => { drawn += bytes.filter((byte) => byte === DRAWN).length; });
  vm.start();
  return {
    drawn: (cases) => until(`case ${cases} of Skep`, () => drawn >= cases),
    picture: async () => vm.screen.capture(),
    next: async () => { await vm.keyboard.type(' '); },
    stop: () => vm.stop(),
  };
}

/** A picture of QEMU's screendump, portable pixmap P6. */
function readPixmap(data: Uint8Array): Picture {
  const [, width = '', height = ''] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(data.subarray(0, 64)).toString('latin1')) ?? [];
  const [w, h] = [Number(width), Number(height)];
  const rgb = data.subarray(data.length - w * h * 3);
  const rgba = new Uint8ClampedArray(w * h * 4);
  for (let n = 0; n < w * h; n++) rgba.set([...rgb.subarray(n * 3, n * 3 + 3), 255], n * 4);
  return { width: w, height: h, rgba };
}

async function startQemu(image: string, work: string): Promise<Host> {
  const log = join(work, 'debugcon');
  writeFileSync(log, '');
  const child: ChildProcess = spawn('qemu-system-x86_64',
    ['-machine', 'pc', '-m', '64', '-display', 'none', '-nodefaults',
    '-bios', join(FIRMWARE, 'bios-256k.bin'), '-vga', 'none',
    '-device', `VGA,edid=off,romfile=${join(FIRMWARE, 'vgabios-stdvga.bin')}`,
    '-drive', `file=${image},format=raw,if=floppy,readonly=on`, '-debugcon', `file:${log}`, '-qmp', 'stdio'],
  { stdio: ['pipe', 'pipe', 'inherit'] });
  let answers = 0;
  child.stdout?.on('data', (data: Buffer) => { answers += data.toString().split('"return"').length - 1; });
  child.on('error', (error) => { throw new Error(`qemu-system-x86_64 cannot run: ${error.message}`); });
  const command = async (text: string): Promise<void> => {
    const wanted = answers + 1;
    child.stdin?.write(`${text}\n`);
    await until(`QEMU's answer to ${text}`, () => answers >= wanted);
  };
  await command('{"execute":"qmp_capabilities"}');
  return {
    drawn: (cases) => until(`case ${cases} of QEMU`, () => readFileSync(log).filter((byte) => byte === DRAWN).length >= cases),
    picture: async () => {
      const file = join(work, 'qemu.ppm');
      await command(JSON.stringify({ execute: 'screendump', arguments: { filename: file } }));
      return readPixmap(readFileSync(file));
    },
    next: () => command('{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"spc"}]}}'),
    stop: async () => { child.kill(); },
  };
}

/** What differs, in words; undefined when nothing does. */
function difference(a: Picture, b: Picture): string | undefined {
  if (a.width !== b.width || a.height !== b.height) return `${a.width}x${a.height}, QEMU ${b.width}x${b.height}`;
  let count = 0;
  let first = '';
  for (let n = 0; n < a.width * a.height; n++) {
    const rgb = (picture: Picture): number[] => [0, 1, 2].map((c) => picture.rgba[n * 4 + c] ?? 0);
    const [ours, theirs] = [rgb(a), rgb(b)];
    if (ours.every((v, c) => Math.abs(v - (theirs[c] ?? 0)) <= TOLERANCE)) continue;
    if (count++ === 0) first = `${n % a.width},${Math.floor(n / a.width)}: ${ours.join(' ')}, QEMU ${theirs.join(' ')}`;
  }
  return count === 0 ? undefined : `${count} of ${a.width * a.height} dots, first at ${first}`;
}

async function keep(folder: string, name: string, pictures: Record<string, Picture>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [who, picture] of Object.entries(pictures)) {
    writeFileSync(join(folder, `${name.replace(/\W+/g, '-')}-${who}.png`), await encodePng(picture));
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, keep: { type: 'string' } } });
  if (!existsSync(join(FIRMWARE, 'manifest.json'))) throw new Error('The firmware is not prepared: npm run guest -- firmware.');
  const cases = CASES.filter(({ name }) => name.includes(values.only ?? ''));
  const work = mkdtempSync(join(tmpdir(), 'skep-screen-'));
  const image = floppy(work, cases);
  const hosts = await Promise.all([startSkep(image), startQemu(image, work)]);
  let differ = 0;
  let expected = 0;
  try {
    for (const [n, { name, deviation }] of cases.entries()) {
      await Promise.all(hosts.map((host) => host.drawn(n + 1)));
      const [ours, theirs] = await Promise.all(hosts.map((host) => host.picture())) as [Picture, Picture];
      const what = difference(ours, theirs);
      if (what !== undefined) {
        if (deviation === undefined) differ++;
        else expected++;
      }
      console.log(what === undefined ? `ok    ${name}: ${ours.width}x${ours.height}`
        : `${deviation === undefined ? 'DIFF ' : 'known'} ${name}: ${what}${deviation === undefined ? '' : `; QEMU: ${deviation}`}`);
      if (what !== undefined && values.keep !== undefined) await keep(values.keep, name,
        { skep: ours, qemu: theirs });
      await Promise.all(hosts.map((host) => host.next()));
    }
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
    rmSync(work, { recursive: true });
  }
  console.log(`${cases.length - differ - expected} of ${cases.length} pictures are the same, ${expected} differ where QEMU is known to, ${
    differ} differ`);
  return differ === 0 ? 0 : 1;
}

process.exitCode = await main();
