// Changes that are kept in the browser: they outlive the tab and the browser, however these end, belong to
// one machine at a time and to one image, and can be saved and deleted.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, expect, test, type BrowserContext, type Page } from '@playwright/test';
import { PREVIEW_PORT } from '../playwright.config.ts';
import { SkepPage } from './page.ts';
import { IMAGE } from './prepare.ts';

const KEEP = 'hda=,keep';
let folder = '';
let image = '';
test.beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-kept-'));
  image = join(folder, 'ext4.img');
  copyFileSync(IMAGE, image);
});
test.afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

/** Boots on the kept disk and mounts it. */
async function mounted(page: Page): Promise<SkepPage> {
  const skep = new SkepPage(page);
  await skep.bootDiskGuest(KEEP, { hda: image });
  await skep.run('/disk/setup >/dev/null && mount -t ext4 /dev/hda /ext4');
  return skep;
}

/** e2fsck of the host finds nothing wrong in an image. */
function expectClean(path: string): void {
  // -p replays the journal; 0 nothing, 1 corrected by the replay.
  const replayed = spawnSync('e2fsck', ['-p', path], { encoding: 'utf8' });
  expect(replayed.status, replayed.stdout + replayed.stderr).toBeLessThanOrEqual(1);
  const checked = spawnSync('e2fsck', ['-fn', path], { encoding: 'utf8' });
  expect(checked.status, checked.stdout + checked.stderr).toBe(0);
}

const LOAD = '(while :; do dd if=/dev/urandom of=/ext4/noise bs=64k count=16 conv=notrunc 2>/dev/null; done) & true';

test('what was synced survives a killed browser and a closed tab; the file system is whole', async () => {
  const profile = join(folder, 'profile');
  const launch = async (): Promise<BrowserContext> => chromium.launchPersistentContext(profile, {
    executablePath: process.env.SKEP_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'],
    baseURL: `http://localhost:${PREVIEW_PORT}/`, acceptDownloads: true });
  let context = await launch();
  let skep = await mounted(context.pages()[0] ?? await context.newPage());
  await skep.run('echo first > /ext4/one && sync');
  await skep.run(LOAD);
  // The whole browser, in the middle of writing.
  const browserPids = spawnSync('pgrep', ['-f', `user-data-dir=${profile}`], { encoding: 'utf8' }).stdout.split('\n');
  for (const pid of browserPids) if (pid !== '') process.kill(Number(pid), 'SIGKILL');
  await context.close().catch(() => {});

  context = await launch();
  skep = await mounted(await context.newPage());
  expect(await skep.run('cat /ext4/one')).toMatch(/^first/m);
  await skep.run('echo second > /ext4/two && sync');
  await skep.run(LOAD);
  // The tab alone.
  await skep.page.close();

  skep = await mounted(await context.newPage());
  expect(await skep.run('cat /ext4/one /ext4/two /ext4/hello')).toMatch(/^first\s+second\s+hello from the image/m);
  await skep.button('Stop').click();
  await expect(skep.state).toHaveText('off');

  // The list: saved as a raw image, which is a good file system with the changes in it; then deleted.
  await skep.page.evaluate(() => { Reflect.deleteProperty(window, 'showSaveFilePicker'); });
  const kept = skep.page.locator('#kept .disk-row');
  await expect(kept.getByRole('button', { name: /Save/ })).toBeEnabled();
  const choosing = skep.page.waitForEvent('filechooser');
  const downloading = skep.page.waitForEvent('download');
  await kept.getByRole('button', { name: /Save/ }).click();
  await (await choosing).setFiles(image);
  const saved = join(folder, 'saved.img');
  await (await downloading).saveAs(saved);
  expect(statSync(saved).size).toBe(statSync(image).size);
  expectClean(saved);
  expect(spawnSync('debugfs', ['-R', 'cat /two', saved], { encoding: 'utf8' }).stdout).toBe('second\n');
  skep.page.on('dialog', (dialog) => void dialog.accept());
  await kept.getByRole('button', { name: /Delete/ }).click();
  await expect(skep.page.locator('#kept')).toBeHidden();
  await context.close();
});

test('one machine at a time, and only over the image that it was made on', async ({ page, context }) => {
  const first = await mounted(page);
  await first.run('echo mine > /ext4/mine && sync');
  const start = async (skep: SkepPage): Promise<void> => {
    await skep.open(`./?guest=custom&smp=1&${KEEP}`);
    await expect(skep.button('Start')).toBeEnabled();
    await skep.page.locator('#hda-file').setInputFiles(image);
    await skep.button('Start').click();
  };
  const second = new SkepPage(await context.newPage());
  await start(second);
  await expect(second.message).toContainText('in use by another tab');
  await expect(second.state).toHaveText('failed');
  await expect(second.page.locator('#kept .disk-row')).toContainText('in use');
  await expect(second.page.locator('#kept').getByRole('button', { name: /Delete/ })).toBeDisabled();
  await first.button('Stop').click();
  await expect(first.state).toHaveText('off');

  utimesSync(image, new Date(0), new Date(0));
  await start(second);
  await expect(second.message).toContainText('it has changed since');
  await expect(second.message).toContainText('ext4.img');
});
