// Disks in the page: by file, by dropping and by address, what they have read, saving them, and every way in
// which an image or its server can fail.

import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { ImageServer } from './image-server.ts';
import { SkepPage } from './page.ts';
import { IMAGE, WORK } from './prepare.ts';

/** A boot sector that writes a line to the first serial port and rests. */
function bootSector(line: string): Buffer {
  const sector = Buffer.alloc(512);
  // mov si, text; mov dx, 3F8h; again: lodsb; or al, al; jz end; out dx, al; jmp again; end: hlt; jmp end
  Buffer.from([0xFC, 0xBE, 0x13, 0x7C, 0xBA, 0xF8, 0x03, 0xAC, 0x08, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8,
    0xF4, 0xEB, 0xFD])
    .copy(sector);
  sector.write(`${line}\r\n\0`, 0x13, 'latin1');
  sector.writeUInt16LE(0xAA55, 510);
  return sector;
}

let server: ImageServer;
let base = '';
const floppy = join(WORK, 'floppy.img');
const disk = join(WORK, 'boot-disk.img');
test.beforeAll(() => {
  mkdirSync(WORK, { recursive: true });
  writeFileSync(floppy, Buffer.concat([bootSector('from the floppy'), Buffer.alloc(1_474_560 - 512)]));
  writeFileSync(disk, Buffer.concat([bootSector('from the disk'), Buffer.alloc((4 << 20) - 512)]));
  writeFileSync(join(WORK, 'page.html'), '<!doctype html><title>a page</title>');
  writeFileSync(join(WORK, 'disk.qcow2'),
    Buffer.concat([Buffer.from('QFI\xFB', 'latin1'), Buffer.alloc(4092)]));
  writeFileSync(join(WORK, 'empty.img'), '');
});
test.beforeEach(async () => {
  server = new ImageServer();
  base = await server.start();
});
test.afterEach(() => server.stop());

test('firmware boots what the link says, in its order; dropped files find their drive', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open(`./?smp=1&hda=${base}/boot-disk.img&fda=${base}/floppy.img&boot=ca&autostart`);
  await skep.waitForConsole(/from the disk/);
  await expect(page.locator('#disk-panel [data-drive="hda"]')).toContainText('read');
  await skep.button('Stop').click();
  await page.locator('#boot-order').selectOption('a');
  await expect(page).toHaveURL(/boot=a(&|$)/);
  await skep.button('Start').click();
  await skep.waitForConsole(/from the floppy/);
  await skep.button('Stop').click();

  await skep.open('./?smp=1');
  const drop = async (name: string, data: Buffer): Promise<void> => {
    const transfer = await page.evaluateHandle(([file, text]) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const items = new DataTransfer();
      items.items.add(new File([bytes], file));
      return items;
    }, [name, data.toString('base64')] as const);
    await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
  };
  await drop('a.img', readFileSync(floppy));
  await drop('b.img', readFileSync(disk));
  await expect(page.locator('#fda-name')).toContainText('a.img');
  await expect(page.locator('#hda-name')).toContainText('b.img');
  await expect(page.locator('#guest')).toHaveValue('custom');
  await page.locator('#fda-clear').click();
  await skep.button('Start').click();
  await skep.waitForConsole(/from the disk/);
});

const REFUSED = [
  ['nothing.img', 'the server answered 404', {}], ['page.html', 'it is a web page, not an image', {}],
  ['disk.qcow2', 'qemu-img convert', {}], ['empty.img', 'the image is empty', { ranges: false }],
  ['boot-disk.img', 'CORS', { cors: false }], ['page.html/disk.json', 'the server answered 404', {}],
] as const;
for (const [name, words, how] of REFUSED) {
  test(`an image that cannot be used: ${name}, ${words}`, async ({ page }) => {
    Object.assign(server, how);
    const skep = new SkepPage(page);
    await skep.open(`./?smp=1&hda=${base}/${name}&autostart`);
    await expect(skep.message).toContainText(words);
    await expect(skep.message).toContainText(name);
    await expect(skep.state).toHaveText('failed');
  });
}

test('servers that hide sizes or know no ranges are read all the same; one that is gone is named', async ({ page }) => {
  const skep = new SkepPage(page);
  const boot = `./?smp=1&hda=${base}/boot-disk.img&autostart`;
  server.expose = false;
  await skep.open(boot);
  await skep.waitForConsole(/from the disk/);
  server.ranges = false;
  await skep.open(boot);
  await skep.waitForConsole(/from the disk/);
  server.stop();
  await skep.open(boot);
  await expect(skep.message).toContainText('cannot be reached');
});

test('reading: figures, a passing failure, a lasting one, a changed image; then the disk is saved', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.bootDiskGuest(`hda=${base}/ext4.img`);
  await skep.run('/disk/setup >/dev/null && mount -t ext4 /dev/hda /ext4 && cat /ext4/hello');
  const row = page.locator('#disk-panel [data-drive="hda"]');
  await expect(row).toContainText(/\d kB of 33\.6 MB loaded|\d MB of 33\.6 MB loaded/);

  server.trouble = { path: /ext4/, what: 'cut', times: 2 };
  await skep.run('dd if=/dev/hda bs=1M skip=8 count=1 of=/dev/null 2>/dev/null');
  await expect(skep.message).toBeHidden();
  expect(server.trouble.times).toBe(0);

  // Saving: the machine stands meanwhile and goes on afterwards.
  await skep.run('echo changed > /ext4/new && sync');
  await page.evaluate(() => { Reflect.deleteProperty(window, 'showSaveFilePicker'); });
  const downloading = page.waitForEvent('download');
  await row.getByRole('button', { name: /Save/ }).click();
  const saved = join(WORK, 'saved.img');
  await (await downloading).saveAs(saved);
  await expect(skep.state).toHaveText('running');
  expect(spawnSync('e2fsck', ['-p', saved]).status).toBeLessThanOrEqual(1);
  expect(spawnSync('e2fsck', ['-fn', saved]).status).toBe(0);
  expect(spawnSync('debugfs', ['-R', 'cat /new', saved], { encoding: 'utf8' }).stdout).toBe('changed\n');
  await skep.button('Stop').click();

  await skep.bootDiskGuest(`hda=${base}/ext4.img`);
  await skep.run('/disk/setup >/dev/null');
  server.trouble = { path: /ext4/, what: 404, times: 1000 };
  await skep.type('dd if=/dev/hda bs=64k skip=200 count=1 of=/dev/null; echo read=$?');
  await expect(skep.message).toContainText('A disk failed');
  await expect(skep.message).toContainText('answered 404');
  await skep.waitForConsole(/^read=1/m);
  await skep.waitForConsole(/I\/O error/i);
  server.trouble = undefined;
  server.version = '"2"';
  await page.locator('#message-close').click();
  await skep.type('clear; dd if=/dev/hda bs=64k skip=300 count=1 of=/dev/null; echo again=$?');
  await expect(skep.message).toContainText('has changed on the server');
  await skep.waitForConsole(/^again=1/m);
});

test('a chunked image: a damaged chunk and a missing one are named, the network may pause', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.bootDiskGuest(`hda=${base}/chunks/disk.json`);
  await skep.run('/disk/setup >/dev/null && mount -t ext4 /dev/hda /ext4 && cat /ext4/hello');
  server.trouble = { path: /chunks\/chunks/, what: 'damage', times: 1 };
  await skep.run('dd if=/dev/hda bs=256k skip=40 count=1 of=/dev/null 2>/dev/null');
  expect(server.trouble.times).toBe(0);
  await expect(skep.message).toBeHidden();

  server.trouble = { path: /chunks\/chunks/, what: 'damage', times: 1000 };
  await skep.type('dd if=/dev/hda bs=256k skip=44 count=1 of=/dev/null; echo read=$?');
  await expect(skep.message).toContainText(/chunk [0-9a-f]{32} .* damaged/);
  await skep.waitForConsole(/^read=1/m);
  await page.locator('#message-close').click();

  server.trouble = { path: /chunks\/chunks/, what: 404, times: 1000 };
  await skep.type('clear; dd if=/dev/hda bs=256k skip=48 count=1 of=/dev/null; echo second=$?');
  await expect(skep.message).toContainText(/chunk [0-9a-f]{32} .* 404/);
  await skep.waitForConsole(/^second=1/m);
  await page.locator('#message-close').click();

  // No network for some seconds: told, and then as if nothing had been.
  server.trouble = { path: /chunks\/chunks/, what: 'cut', times: 5 };
  await skep.type('clear; dd if=/dev/hda bs=256k skip=52 count=1 of=/dev/null; echo third=$?');
  await expect(page.locator('#disk-panel [data-drive="hda"] .disk-status')).toContainText('is tried again');
  await skep.waitForConsole(/^third=0/m);
  await expect(skep.message).toBeHidden();
});

test('a file that changes while it is open; the disk worker that dies', async ({ page }) => {
  await page.addInitScript(() => {
    const made: { name: string; worker: Worker }[] = [];
    Object.assign(window, { madeWorkers: made });
    window.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        made.push({ name: options?.name ?? '', worker: this });
      }
    };
  });
  const file = join(WORK, 'changing.img');
  copyFileSync(IMAGE, file);
  const skep = new SkepPage(page);
  await skep.bootDiskGuest('', { hda: file });
  await skep.run('/disk/setup >/dev/null && dd if=/dev/hda bs=64k count=1 of=/dev/null 2>/dev/null');
  appendFileSync(file, 'x');
  await skep.type('dd if=/dev/hda bs=64k skip=300 count=1 of=/dev/null; echo read=$?');
  await expect(skep.message).toContainText('A disk failed');
  await expect(skep.message).toContainText('the file cannot be read any more');
  await skep.waitForConsole(/^read=1/m);
  await page.evaluate(() => {
    const { madeWorkers } = window as unknown as { madeWorkers: { name: string; worker: Worker }[] };
    madeWorkers.find(({ name }) => name.includes('disks'))?.worker.terminate();
  });
  await expect(skep.message).toContainText('The disk worker died', { timeout: 4000 });
  // The guest lives, its disks fail.
  await skep.type('dd if=/dev/hda bs=64k skip=10 count=1 of=/dev/null; echo again=$?');
  await skep.waitForConsole(/^again=1/m);
});
