// The machine starts in SeaBIOS: its log on the debug console, processors found, screen on serial, and boot
// sectors of our own from floppies and disks, which print by INT 14h, read by INT 13h and end by debug exit.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skep, type CommandResult } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const TIMEOUT_S = 120;
const SECTOR = 512;
const SEEN = 33;
/**
 * At 7C00h: SP = 7C00h; print the text at 7C50h; read 9 sectors of cylinder 1, head 0 to 8000h; print the
 * text there; OUT F4h, 33 (1 when reading failed); HLT. print: LODSB and INT 14h, AH = 1, DX = 0, until a 0.
 */
const CODE = '31c08ed88ec08ed0bc007c52be507ce821005ab80902bb0080b90101b600cd13b0017208be0080e80900b021baf4'
  + '00eef4ebfdac84c07408b40131d2cd14ebf3c3';
/**
 * At 7C00h, ES = FFFFh: A20 closed by port 92h (FFFF:0510 is 0000:0500), open by DFh (it is not), closed and
 * open by D1h; then CMOS 0Fh = 0Ah, 0040:0067 = the end, FEh to port 64h. Exits with 33, or 2, 3, 4: the step
 * that failed.
 */
const A20_CODE = '31c08ed88ed0bc007c488ec0fcb302e49224fce692c60600055526c6061005aa803e0005aa756943e86e00b0dfe664c6'
  + '0600051126c606100522803e000511754f43e85400b0d1e664e84d00b0dde66026803e1005117538e83e00b0d1e664e8'
  + '3700b0dfe66026803e100522752243fab00fe670b00ae671c70667048b7cc70669040000b0fee664f4ebfdbc007cb321'
  + '88d8baf400eef4ebfde464a80275fac3';
/**
 * At 7C00h, by INT 13h: this sector to A:, cylinder 0, head 0, sector 2, and to B:, cylinder 79, head 1,
 * sector 18; then A:, cylinder 3, head 1 formatted. Exits with 33, or 2, 3, 4: the step that failed.
 */
const WRITE_CODE = '31c08ed88ec08ed0bc007cfcb30253b80103bb007cb9020031d2cd135b723c4353b80103bb007cb9124fba0101cd135b72'
  + '2943bf0080b101b80301ab88c8b402ab4180f91372f153b81205bb0080b90103ba0001cd135b7202b32188d8baf400eef4ebfd';
const FORMAT_FILLER = 0xF6;
const BANNER_AT = 0x50;
/** Cylinders and sectors per track. */
const FLOPPIES = [['1.44 MB', 80, 18], ['720 KB', 80, 9], ['360 KB', 40, 9], ['2.88 MB', 80, 36],
  ['1.2 MB', 80, 15]] as const;

/** A disk whose boot sector prints `banner`, then what stands at the beginning of cylinder 1. */
function diskImage(bytes: number, cylinderSectors: number, banner: string, text: string): Uint8Array {
  const image = Buffer.alloc(bytes);
  image.write(CODE, 0, 'hex');
  image.write(`${banner}\r\n\0`, BANNER_AT, 'latin1');
  image.set([0x55, 0xAA], SECTOR - 2);
  image.write(`${text}\r\n\0`, cylinderSectors * SECTOR, 'latin1');
  return image;
}

async function start(folder: string, args: readonly string[]): Promise<CommandResult & { log: string }> {
  const log = join(folder, 'debug.txt');
  const always = ['--ram', '64', '--debugcon', log, '--timeout', String(TIMEOUT_S)];
  const result = await skep(['boot', ...always, ...args], (TIMEOUT_S + 30) * 1000);
  return { ...result, log: readFileSync(log, 'latin1') };
}

async function bootSector(folder: string, option: string, image: Uint8Array,
  more: readonly string[]): Promise<void> {
  const file = join(folder, `${option}.img`);
  writeFileSync(file, image);
  const result = await start(folder, [`--${option}`, file, ...more]);
  check(result.status === SEEN,
    `exit status ${result.status}: ${result.stdout}${result.stderr}\n${result.log.slice(-1500)}`);
  check(/^our boot sector\r?\n[\s\S]*^cylinder one/m.test(result.stdout), `serial: ${result.stdout}`);
}

async function writtenFloppies(folder: string): Promise<void> {
  const [a, b] = [join(folder, 'wa.img'), join(folder, 'wb.img')];
  const image = Buffer.alloc(80 * 2 * 18 * SECTOR, 0x77);
  writeFileSync(b, image);
  image.write(WRITE_CODE, 0, 'hex');
  image.set([0x55, 0xAA], SECTOR - 2);
  writeFileSync(a, image);
  const snapshot = await start(folder, ['--fda', `${a},snapshot`, '--fdb', `${b},snapshot`]);
  check(snapshot.status === SEEN, `exit status ${snapshot.status}: ${snapshot.log.slice(-1500)}`);
  check(readFileSync(a).equals(image), 'a snapshot was written to its file');
  const { status, log } = await start(folder, ['--fda', a, '--fdb', b]);
  check(status === SEEN, `exit status ${status}: ${log.slice(-1500)}`);
  const [diskA, diskB] = [readFileSync(a), readFileSync(b)];
  const sector = image.subarray(0, SECTOR);
  check(diskA.length === image.length, `A: has ${diskA.length} bytes`);
  check(diskA.subarray(SECTOR, 2 * SECTOR).equals(sector), 'A: was not written');
  check(diskB.subarray(-SECTOR).equals(sector), 'B: was not written');
  const track = 18 * SECTOR;
  const formatted = diskA.subarray(7 * track, 8 * track);
  check(formatted.every((byte) => byte === FORMAT_FILLER), `the formatted track begins with ${formatted[0]}`);
  check(diskA[7 * track - 1] === 0x77 && diskA[8 * track] === 0x77, 'formatting touched another track');
}

export async function firmware(suite: Suite): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-firmware-'));
  try {
    for (const cpus of [1, 2, 8]) {
      await suite.test(`no bootable device, ${cpus} CPUs`, async () => {
        const { status, stdout, log } = await start(folder, ['--smp', String(cpus), '--boot', 'cda',
          '--bios-serial', '--until', 'No bootable device']);
        check(status === 0, `exit status ${status}: ${stdout}\n${log.slice(-1500)}`);
        check(stdout.includes('SeaBIOS (version'), `serial: ${stdout}`);
        check(log.includes(`Found ${cpus} cpu(s) max supported ${cpus} cpu(s)`), `CPUs: ${log}`);
        check(log.includes('Start SeaVGABIOS'), `the VGA BIOS did not start: ${log}`);
        check(/table\(50434146\)=0x[0-9a-f]+ \(via xsdt\)/.test(log), `the FADT was not found: ${log}`);
      });
    }
    const disk = (bytes: number, sectors: number): Uint8Array =>
      diskImage(bytes, sectors, 'our boot sector', 'cylinder one');
    for (const [name, tracks, sectors] of FLOPPIES) {
      await suite.test(`boot sector from a floppy of ${name}`, () =>
        bootSector(folder, 'fda', disk(tracks * 2 * sectors * SECTOR, 2 * sectors), []));
    }
    await suite.test('boot sector from a disk, 2 CPUs', () =>
      bootSector(folder, 'hda', disk(4 << 20, 16 * 63), ['--smp', '2']));
    await suite.test('gate A20, and a CPU reset that firmware resumes by CMOS 0Fh', async () => {
      const file = join(folder, 'a20.img');
      const image = Buffer.alloc(80 * 2 * 18 * SECTOR);
      image.write(A20_CODE, 0, 'hex');
      image.set([0x55, 0xAA], SECTOR - 2);
      writeFileSync(file, image);
      for (const cpus of ['1', '2']) {
        const { status, log } = await start(folder, ['--fda', file, '--smp', cpus]);
        check(status === SEEN, `exit status ${status} with ${cpus} CPUs\n${log.slice(-1500)}`);
      }
    });
    await suite.test('floppies written and formatted by INT 13h are in their files', () => writtenFloppies(folder));
    await suite.test('--boot a prefers the floppy', async () => {
      const other = join(folder, 'other.img');
      writeFileSync(other, diskImage(4 << 20, 16 * 63, 'the wrong boot sector', 'no'));
      return bootSector(folder, 'fda', disk(80 * 2 * 18 * SECTOR, 36), ['--hda', other, '--boot', 'a']);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
