// Debian 13 in the page: a user logs in on the screen by the keyboard and on the serial console, and the screen
// shows what the guest prints. Runs by name only (playwright.config.ts): npm run e2e -- debian13, after
// npm run guest -- debian13. The text is read off the canvas as a user sees it: the guest prints the hexadecimal
// digits, of which the test learns their pictures, and below them a checksum of a number that it has drawn by
// lot at boot; the serial console says which one.

import { expect, test, type Locator, type Page } from '@playwright/test';
import { SkepPage } from './page.ts';

const LOGIN_TIMEOUT_MS = 600_000;
const STEP_TIMEOUT_MS = 120_000;
const DIGITS = '0123456789abcdef';
/** Nothing in it needs Shift. */
const FILE = '/etc/machine-id';
const FILE_COMMAND = `md5sum ${FILE}`;

interface Cells { columns: number; rows: string[][] }

/** The first text lines of the canvas, cell by cell, each as a string of its pixels. */
async function readCells(page: Page, canvas: Locator, rows: number): Promise<Cells> {
  const mode = await page.locator('#screen-mode').innerText();
  const [width = 0] = mode.split('×').map(Number);
  const columns = width > 132 ? width / 8 : width;
  const png = (await canvas.screenshot()).toString('base64');
  const cells = await page.evaluate(async ({ data, columns: across, count }) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    if (context === null) return [];
    context.drawImage(bitmap, 0, 0);
    const cellWidth = bitmap.width / across;
    const cellHeight = cellWidth >= 16 ? 32 : 16;
    return Array.from({ length: count }, (_, row) => Array.from({ length: across }, (_unused, column) => {
      const { data: rgba } = context.getImageData(column * cellWidth, row * cellHeight, cellWidth, cellHeight);
      let pixels = '';
      for (let n = 0; n < rgba.length; n += 4) pixels += (rgba[n] ?? 0) > 64 ? '#' : '.';
      return pixels;
    }));
  }, { data: png, columns, count: rows });
  return { columns, rows: cells };
}

/** The second line in the font that the first one, the digits, shows; undefined where that is not there. */
async function readChecksum(page: Page, canvas: Locator): Promise<string | undefined> {
  const { rows } = await readCells(page, canvas, 2);
  const [first = [], second = []] = rows;
  const font = new Map([...DIGITS].map((digit, n) => [first[n] ?? '', digit]));
  if (font.size !== DIGITS.length) return undefined;
  return second.slice(0, 32).map((cell) => font.get(cell) ?? '?').join('');
}

test('Debian 13: login on the screen and on serial; the screen shows what the guest prints', async ({ page }, info) => {
  test.setTimeout(LOGIN_TIMEOUT_MS + 5 * STEP_TIMEOUT_MS);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.setViewportSize({ width: 1800, height: 1100 });
  const skep = new SkepPage(page);
  await skep.open('./?guest=debian13&smp=2&screen=both&autostart');
  await skep.waitForConsole(/debian13 login: /, LOGIN_TIMEOUT_MS);

  await skep.type('root');
  await skep.waitForConsole(/Password: /, STEP_TIMEOUT_MS);
  await skep.type('skep');
  await skep.waitForConsole(/root@debian13:~# /, STEP_TIMEOUT_MS);
  // udev gives the screen its driver; the console then changes from the VGA's text mode to a picture.
  await skep.type('systemctl is-system-running --wait; udevadm settle; nproc');
  await skep.waitForConsole(/^running\s*\n2\s*$/m, LOGIN_TIMEOUT_MS);
  await skep.type(`clear; ${FILE_COMMAND}`);
  const line = new RegExp(`^([0-9a-f]{32})\\s+${FILE}\\s*$`, 'm');
  await skep.waitForConsole(line, STEP_TIMEOUT_MS);
  const told = line.exec(await skep.consoleText())?.[1];

  await page.getByRole('tab', { name: /Screen/ }).click();
  const canvas = page.locator('#screen canvas');
  await canvas.click();
  const type = async (text: string): Promise<void> => {
    await page.keyboard.type(text, { delay: 60 });
    await page.keyboard.press('Enter');
  };
  await type('root');
  // login asks for the password at once, and takes it whenever it comes.
  await page.waitForTimeout(3000);
  await type('skep');
  await page.waitForTimeout(3000);
  await type(`clear; echo ${DIGITS}; ${FILE_COMMAND}`);
  await expect.poll(() => readChecksum(page, canvas), { timeout: STEP_TIMEOUT_MS, intervals: [500] }).toBe(told);
  await canvas.screenshot({ path: info.outputPath('debian13-screen.png') });
  await page.screenshot({ path: info.outputPath('debian13-page.png') });

  await type('poweroff');
  await expect(skep.state).toHaveText('powered off', { timeout: STEP_TIMEOUT_MS });
  expect(errors).toEqual([]);
});
