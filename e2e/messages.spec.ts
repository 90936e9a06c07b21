// Every mistake that a link or a server can make ends in a sentence that names it.

import { expect, test } from '@playwright/test';
import { SkepPage } from './page.ts';

const BAD_LINKS = [
  ['smp=0', 'smp=0 is not possible'], ['smp=999', 'smp=999 is not possible'], ['ram=9999999', 'ram=9999999 is not possible'],
  ['guest=windows', 'guest=windows is unknown'], ['cpu=i386', 'cpu=i386 is unknown'],
  ['hda=file:///disk.img', 'is not an address that a page can load'],
  ['boot=x', 'boot=x is not a boot order'], ['cdrom=x.iso,keep', 'only hard disks'], ['snapshot=x', 'no support for snapshots yet'],
  ['frobnicate=1', 'frobnicate is not a parameter'], ['kernel=javascript:1', 'is not an address that a page can load'],
] as const;

for (const [query, words] of BAD_LINKS) {
  test(`a link with ${query} is explained and does not start`, async ({ page }) => {
    const skep = new SkepPage(page);
    await skep.open(`./?${query}&autostart`);
    await expect(skep.message).toContainText(words);
    await expect(skep.state).toHaveText('off');
    await expect(skep.button('Start')).toBeEnabled();
  });
}

test('a kernel that is not there', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?kernel=nowhere/bzImage&smp=2&autostart');
  await expect(skep.message).toContainText('nowhere/bzImage');
  await expect(skep.message).toContainText('404');
  await expect(skep.state).toHaveText('failed');
});

test('a file that is not a kernel, and a kernel that is cut off', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?kernel=icon.svg&smp=1&autostart');
  await expect(skep.message).toContainText('This kernel cannot be booted');
  await page.route('**/cut', async (route) => {
    const whole = await route.fetch({ url: new URL('guest/mini/vmlinuz', page.url()).href });
    await route.fulfill({ body: (await whole.body()).subarray(0, 100_000),
      contentType: 'application/octet-stream' });
  });
  await skep.open('./?kernel=cut&smp=1&autostart');
  await expect(skep.message).toContainText('This kernel cannot be booted');
});

test('a guest that was not prepared', async ({ page }) => {
  await page.route('**/guest/mini/manifest.json', (route) => route.fulfill({ status: 404, body: '' }));
  const skep = new SkepPage(page);
  await skep.open('./');
  await expect(skep.message).toContainText('npm run guest');
});

test('a browser without wasm threads', async ({ page }) => {
  await page.addInitScript(() => { WebAssembly.validate = () => false; });
  const skep = new SkepPage(page);
  await skep.open('./?autostart');
  await expect(skep.message).toContainText('This browser is too old for Skep');
  await expect(skep.button('Start')).toBeDisabled();
});

test('an engine that is not there', async ({ page }) => {
  await page.route('**/*.wasm', (route) => route.fulfill({ status: 404, body: '' }));
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=1&autostart');
  await expect(skep.message).toContainText('The engine cannot be loaded');
});
