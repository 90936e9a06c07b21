// The page itself: isolation on a plain static host, the form and its link, keyboard, phones, no placeholder
// screen.

import { expect, test } from '@playwright/test';
import { PLAIN_PORT } from '../playwright.config.ts';
import { SkepPage } from './page.ts';

const PLAIN = `http://localhost:${PLAIN_PORT}`;

test('a service worker isolates the page on a host without headers, with one reload', async ({ page }) => {
  let loads = 0;
  page.on('framenavigated', (frame) => { if (frame === page.mainFrame()) loads++; });
  await page.goto(`${PLAIN}/some/folder/?smp=4`);
  const skep = new SkepPage(page);
  await expect(skep.button('Start')).toBeEnabled();
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(loads).toBe(2);
  expect(new URL(page.url()).search).toBe('?smp=4');
});

test('where no service worker can be had, a message and no reload loop', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'serviceWorker', { value: undefined }));
  let loads = 0;
  page.on('framenavigated', (frame) => { if (frame === page.mainFrame()) loads++; });
  await page.goto(`${PLAIN}/`);
  const skep = new SkepPage(page);
  await expect(skep.message).toContainText('Cross-Origin-Opener-Policy');
  expect(loads).toBe(1);
});

test('a service worker that does not help leads to a message, not to a loop', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(window, 'crossOriginIsolated', { value: false }));
  let loads = 0;
  page.on('framenavigated', (frame) => { if (frame === page.mainFrame()) loads++; });
  await page.goto(`${PLAIN}/`);
  const skep = new SkepPage(page);
  await expect(skep.message).toContainText('reloaded once');
  expect(loads).toBe(2);
});

test('the form writes the link, and the link fills the form', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?smp=2');
  await page.getByRole('radio', { name: '8' }).check();
  await page.locator('#ram').selectOption('1024');
  await page.getByText('Kernel, initrd, command line').click();
  await page.locator('#append').fill('quiet x="a b"');
  await page.locator('#autostart').check();
  await expect(page).toHaveURL(/\?smp=8&ram=1024&append=quiet\+x%3D%22a\+b%22&autostart$/);
  await expect(page.locator('#summary-cpus')).toHaveText('8 CPUs');
  await page.locator('#autostart').uncheck();
  await page.reload();
  await expect(page.locator('#append')).toHaveValue('quiet x="a b"');
  await expect(page.locator('#ram')).toHaveValue('1024');
  await expect(page.locator('#summary-cpus')).toHaveText('8 CPUs');
});

test('the first look says what it is, which guest, CPUs, RAM, where it runs, and what to try', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?smp=4');
  for (const words of ['multiprocessor 64-bit PC', 'Debian 13 mini', '4 CPUs', '512 MiB RAM',
    'nothing is uploaded', 'Try']) {
    await expect(page.locator('body')).toContainText(words);
  }
  await expect(page.locator('#screen')).toBeHidden();
});

test('works by keyboard: first stop skips to the console, every control has a name', async ({ page }) => {
  await new SkepPage(page).open('./?smp=2');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the console' })).toBeFocused();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, select, textarea, a')]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
      const { labels } = element as HTMLInputElement;
      return (element.textContent ?? '').trim() === '' && !element.hasAttribute('aria-label')
        && (labels?.length ?? 0) === 0;
    }).map((element) => element.outerHTML));
  expect(nameless).toEqual([]);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`fits a phone, ${colorScheme}`, async ({ browser, baseURL }, info) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme,
      baseURL: baseURL ?? '' });
    const page = await context.newPage();
    await new SkepPage(page).open('./?smp=4');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(390);
    await expect(page.locator('#invite-start')).toBeInViewport();
    await page.screenshot({ path: info.outputPath(`phone-${colorScheme}.png`), fullPage: true });
    await context.close();
  });
}
