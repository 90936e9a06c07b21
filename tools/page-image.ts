// npx tsx tools/page-image.ts [ADDRESS]: makes docs/images/page.png from the real page: boots mini with 4
// CPUs and both consoles, types commands, makes work for the CPUs, takes the picture with serial console and
// screen side by side. Needs a running `npm start` (its address) and Chromium.

import { chromium } from '@playwright/test';
import { ROOT } from './steps.ts';

const BOOT_TIMEOUT_MS = 180_000;
const COMMANDS = ['uname -srm', 'nproc', 'for i in 1 2 3; do (while :; do :; done) & done'];
const address = process.argv[2] ?? 'http://localhost:4173/';

const browser = await chromium.launch({
  executablePath: process.env.SKEP_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
await page.goto(`${address}?guest=mini&smp=4&screen=both&append=${encodeURIComponent('console=tty0 console=ttyS0')}&autostart`);
const rows = page.locator('#terminal .xterm-rows');
await rows.filter({ hasText: 'skep mini ready' }).waitFor({ timeout: BOOT_TIMEOUT_MS });
await page.waitForTimeout(1000);
for (const command of COMMANDS) {
  await page.keyboard.type(`${command}\n`, { delay: 30 });
  await page.waitForTimeout(1500);
}
await page.getByText('Interrupts').click();
// A quarter of the chart's minute.
await page.waitForTimeout(15_000);
await page.screenshot({ path: `${ROOT}/docs/images/page.png` });
await browser.close();
