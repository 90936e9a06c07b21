// The page boots `mini` with two CPUs from a link, without a click, and a user works in it.

import { readFileSync } from 'node:fs';
import { expect, test, type Locator } from '@playwright/test';
import { BOOT_TIMEOUT_MS, SkepPage } from './page.ts';

test('boots from a link with 2 CPUs; a command is typed and answered', async ({ page }) => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=2&autostart');
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await expect(skep.state).toHaveText('running', { timeout: BOOT_TIMEOUT_MS });
  await skep.waitForConsole(/skep mini ready/);
  await skep.type('nproc');
  await skep.waitForConsole(/nproc\s*\n\s*2\s*\n/, 30_000);
  await skep.type('echo $((6 * 7)) $(grep -c ^processor /proc/cpuinfo)');
  await skep.waitForConsole(/^42 2\s*$/m, 30_000);

  // The live panel measures it.
  await expect(page.locator('#cpus tr')).toHaveCount(2);
  await expect(page.locator('#mips')).toHaveText(/^\d/);
  await expect(page.locator('#lost')).toHaveText('0 lost');
  await page.getByText('Interrupts').click();
  await expect(page.locator('#lines th').first()).toHaveText(/pin|vector/);
  expect(errors).toEqual([]);
});

test('pause stops the guest, resume continues it, stop ends it, and it starts again', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=2&autostart');
  await skep.waitForConsole(/skep mini ready/);
  await skep.button('Pause').click();
  await expect(skep.state).toHaveText('paused');
  await skep.button('Resume').click();
  await expect(skep.state).toHaveText('running');
  await skep.type('echo still $((40 + 2))');
  await skep.waitForConsole(/^still 42\s*$/m, 30_000);
  await skep.button('Stop').click();
  await expect(skep.state).toHaveText('off');
  await expect(page.locator('#fields')).toBeEnabled();
  await skep.button('Start').click();
  await skep.waitForConsole(/skep mini ready/);
});

test('the reset button boots again; the power button reaches the guest; 8 CPUs come up', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=8&autostart');
  await skep.waitForConsole(/skep mini ready, 8 CPUs/);
  await skep.type('clear; echo once');
  await skep.waitForConsole(/^once\s*$/m, 30_000);
  await skep.button('Reset').click();
  await skep.waitForConsole(/skep mini ready, 8 CPUs/);
  await expect(skep.state).toHaveText('running');
  await skep.type('grep -c ^processor /proc/cpuinfo');
  await skep.waitForConsole(/^8\s*$/m, 30_000);
  // Without acpid the press is counted by the SCI and otherwise ignored.
  await skep.button('Power').click();
  await skep.type('grep -c acpi /proc/interrupts');
  await skep.waitForConsole(/^1\s*$/m, 30_000);
});

/** What the test reads of the saved report. */
interface ProfileReport { samples: number; functions: unknown[]; translator: { modules: number } }

test('the profile shows where time goes, by the kernel\'s names, and is saved as JSON', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=1&autostart');
  await skep.waitForConsole(/skep mini ready/);
  await skep.type('while :; do md5sum /bin/busybox; done >/dev/null');
  await page.getByText('Profile', { exact: true }).click();
  const table = (title: string): Locator => page.getByRole('table', { name: title });
  await expect(page.locator('#profile-summary')).toContainText('million instructions', { timeout: 30_000 });
  for (const title of ['time by function or page', 'time by page', 'instructions by form', 'events',
    'regions left because of']) {
    await expect(table(title).getByRole('rowheader').first()).toBeVisible();
  }
  // Names of functions come from the guest's kernel.
  await expect(table('time by function or page')).toContainText(/[a-z]+_[a-z]+/, { timeout: 30_000 });
  await expect(table('events')).toContainText('MISS_READ');
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the report' }).click();
  const report = JSON.parse(readFileSync(await (await saved).path(), 'utf8')) as ProfileReport;
  expect(report.samples).toBeGreaterThan(10);
  expect(report.functions.length).toBeGreaterThan(3);
  expect(report.translator.modules).toBeGreaterThan(0);
});

test('the guest powers off and the page says so', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=2&autostart');
  await skep.waitForConsole(/skep mini ready/);
  await skep.type('poweroff -f');
  await expect(skep.state).toHaveText('powered off', { timeout: 30_000 });
  await expect(skep.button('Start again')).toBeEnabled();
});

test('a vCPU worker that dies is reported within two seconds', async ({ page }) => {
  // Chromium lets a worker that is busy in wasm live for 2 s after terminate(); from then on 2 s are allowed.
  // The page keeps its workers to itself: the test notes them as they are made and ends one as a crash would.
  await page.addInitScript(() => {
    const made: Worker[] = [];
    Object.assign(window, { madeWorkers: made });
    window.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        made.push(this);
      }
    };
  });
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=2&autostart');
  await skep.waitForConsole(/skep mini ready/);
  await page.evaluate(() => (window as unknown as { madeWorkers: Worker[] }).madeWorkers[1]?.terminate());
  await expect(skep.message).toContainText('A worker of the machine died', { timeout: 4000 });
  await expect(skep.message).toContainText('CPU 1');
  await expect(skep.button('Start again')).toBeEnabled();
});
