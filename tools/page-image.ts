// npx tsx tools/page-image.ts [ADDRESS]: makes docs/images/page.png from the real page: boots
// debian13 with 4 CPUs, logs in on the serial console, makes work for the CPUs, shows screen and console side
// by side. Needs a running `npm start` (its address), the guest (`npm run guest -- debian13`) and Chromium.

import { chromium } from '@playwright/test';
import { ROOT } from './steps.ts';

const BOOT_TIMEOUT_MS = 400_000;
const COMMANDS = ['root', 'skep', 'uname -srm', 'nproc', 'for i in 1 2 3; do (while :; do :; done) & done'];
const address = process.argv[2] ?? 'http://localhost:4173/';

const browser = await chromium.launch({
  executablePath: process.env.SKEP_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
await page.goto(`${address}?guest=debian13&smp=4&screen=both&autostart`);
const rows = page.locator('#terminal .xterm-rows');
await rows.filter({ hasText: 'login:' }).waitFor({ timeout: BOOT_TIMEOUT_MS });
await page.waitForTimeout(1000);
for (const command of COMMANDS) {
  await page.keyboard.type(`${command}\n`, { delay: 30 });
  await page.waitForTimeout(4000);
}
await page.getByText('Interrupts').click();
// A quarter of the chart's minute.
await page.waitForTimeout(15_000);
await page.screenshot({ path: `${ROOT}/docs/images/page.png` });
await browser.close();
