// The screen of the page: the kernel's VGA console is drawn, and a user types on it by the keyboard.

import { expect, test } from '@playwright/test';
import { SkepPage } from './page.ts';

/** Share of the canvas that is not black, as a user sees it. */
async function litShare(page: import('@playwright/test').Page): Promise<number> {
  const png = await page.locator('#screen canvas').screenshot();
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d');
    if (context === null) return 0;
    context.drawImage(bitmap, 0, 0);
    const { data: rgba } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let lit = 0;
    for (let n = 0; n < rgba.length; n += 4) if ((rgba[n] ?? 0) > 100) lit++;
    return lit / (rgba.length / 4);
  }, png.toString('base64'));
}

test('the VGA console shows what the kernel prints; keys reach a shell on it', async ({ page }) => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const skep = new SkepPage(page);
  const append = encodeURIComponent('console=tty0 console=ttyS0');
  await skep.open(`./?guest=mini&smp=2&screen=both&append=${append}&autostart`);
  await skep.waitForConsole(/mini:~# /);
  await expect(page.locator('#screen-mode')).toHaveText('80×25');
  await expect.poll(() => litShare(page), { timeout: 15_000 }).toBeGreaterThan(0.02);

  await skep.type("setsid sh -c 'exec sh </dev/tty1 >/dev/tty1 2>&1' & sleep 1; clear > /dev/tty1; echo shell-$((6*7))");
  await skep.waitForConsole(/^shell-42\s*$/m, 30_000);
  await expect.poll(() => litShare(page), { timeout: 15_000 }).toBeLessThan(0.02);
  await page.locator('#screen canvas').click();
  // Keys that need no Shift: type() of Playwright does not press it.
  await page.keyboard.type('seq -s- 900; touch /typed', { delay: 10 });
  await page.keyboard.press('Enter');
  await expect.poll(() => litShare(page), { timeout: 30_000 }).toBeGreaterThan(0.04);
  await page.keyboard.press('Shift+Escape');
  await expect(page.locator('#pause')).toBeFocused();
  await skep.type('ls /');
  await skep.waitForConsole(/\btyped\b/, 30_000);

  // Tabs: one face at a time; the screen saves its picture.
  await page.getByRole('tab', { name: /Screen/ }).click();
  await expect(page.locator('#terminal')).toBeHidden();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Picture' }).click();
  expect((await download).suggestedFilename()).toBe('skep-screen.png');

  // The last picture stays when the machine is over.
  await page.getByRole('tab', { name: 'Both' }).click();
  await skep.type('poweroff -f');
  await expect(skep.state).toHaveText('powered off', { timeout: 30_000 });
  await page.waitForTimeout(1000);
  expect(await litShare(page)).toBeGreaterThan(0.02);
  await page.getByRole('tab', { name: /Serial/ }).click();
  await expect(page.locator('#screen')).toBeHidden();
  expect(errors).toEqual([]);
});
