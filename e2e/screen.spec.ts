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
  await skep.open('./?guest=mini&smp=2&screen=both&autostart');
  await skep.waitForConsole(/mini:~# /);
  await expect(page.locator('#screen-mode')).toHaveText('80×25');
  await expect.poll(() => litShare(page), { timeout: 15_000 }).toBeGreaterThan(0.02);

  await skep.type('clear >/dev/tty1; echo shell-$((6*7))');
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

/** A machine with a shell on its VGA console, whose screen has the focus. */
async function shellOnScreen(page: import('@playwright/test').Page): Promise<SkepPage> {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=1&screen=both&autostart');
  await skep.waitForConsole(/mini:~# /);
  await page.locator('#screen canvas').click();
  await expect(page.locator('#screen-text')).toContainText('mini:~#', { timeout: 30_000 });
  return skep;
}

test('paste, the key menu, the lights, the mouse, full screen, the shape', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const skep = await shellOnScreen(page);

  // Pasted by the button and by the keys: the guest writes it into files.
  await page.evaluate(() => navigator.clipboard.writeText("echo 'Pasted: {[|]} ~!@#$%^&*()_+ é' > /one; "));
  await page.getByRole('button', { name: 'Paste' }).click();
  await expect(page.locator('#screen-hint')).toHaveText('1 character could not be typed on a US keyboard.', { timeout: 60_000 });
  await page.evaluate(() => navigator.clipboard.writeText('touch /two\n'));
  await page.keyboard.press('ControlOrMeta+Shift+V');
  // What a screen reader is given, and what the button copies.
  await expect(page.locator('#screen-text')).toContainText("echo 'Pasted:", { timeout: 30_000 });
  await page.getByRole('toolbar', { name: 'Screen' }).getByRole('button', { name: 'Copy' }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("echo 'Pasted:");
  await skep.type('while ! [ -e /two ]; do sleep 0.2; done; cat /one');
  await skep.waitForConsole(/^Pasted: \{\[\|\]\} ~!@#\$%\^&\*\(\)_\+ \s*$/m, 60_000);

  // The menu sends what a browser would take; the guest answers Caps Lock with its light.
  const menu = page.locator('#screen-send');
  await menu.selectOption('Caps Lock');
  await expect(page.locator('#screen-leds')).toHaveText('Caps', { timeout: 30_000 });
  await menu.selectOption('Caps Lock');
  await expect(page.locator('#screen-leds')).toHaveText('', { timeout: 30_000 });

  await page.getByRole('button', { name: 'Mouse', exact: true }).click();
  await expect(page.locator('#screen-hint')).toHaveText('The mouse is the guest\'s. Escape gives it back.');
  await expect(page.locator('#screen-mouse')).toHaveAttribute('aria-pressed', 'true');
  await page.evaluate(() => document.exitPointerLock());
  await expect(page.locator('#screen-mouse')).toHaveAttribute('aria-pressed', 'false');

  // Sharp: whole device pixels. As a monitor: 4:3.
  await page.getByRole('tab', { name: /Screen/ }).click();
  const shape = async (): Promise<[number, number]> => {
    const { width = 0, height = 0 } = await page.locator('#screen canvas').boundingBox() ?? {};
    return [Math.round(width), Math.round(height)];
  };
  expect(await shape()).toEqual([720, 400]);
  await page.getByRole('button', { name: '4:3' }).click();
  const [width, height] = await shape();
  expect([height > 400, Math.abs(width / height - 4 / 3) < 0.01]).toEqual([true, true]);
  await page.getByRole('button', { name: '4:3' }).click();

  await page.getByRole('button', { name: 'Full screen' }).click();
  await expect.poll(() => page.evaluate(() => document.fullscreenElement?.id)).toBe('screen');
  await expect(page.locator('#screen-status')).toBeHidden();
  await page.keyboard.press('Shift+Escape');
  await expect.poll(() => page.evaluate(() => document.fullscreenElement)).toBe(null);
  await expect(page.locator('#screen-size')).toHaveText('text 80×25, 720×400');
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('rows of keys, modifiers for one key, text from the device\'s keyboard', async ({ page }) => {
    const skep = await shellOnScreen(page);
    const keys = page.locator('#screen-touch');
    await expect(keys).toBeVisible();
    const field = page.locator('.screen-keys');
    // As a touch keyboard writes: text, with a word that it corrects.
    const write = (value: string, composing: boolean): Promise<void> =>
      field.evaluate((element, [text, isComposing]) => {
      const area = element as HTMLTextAreaElement;
      area.value = area.value.replace(/[^\u200B].*$/, '') + String(text);
      area.dispatchEvent(new InputEvent('input', { isComposing: isComposing === true }));
    }, [value, composing] as const);
    await write('touhc', true);
    await write('touch', true);
    await write('touch ', false);
    await write('/fro', false);
    // A sleep that Ctrl+C ends, and a line that the shell gets back by the arrow.
    await write('m-phone; sleep 1000', false);
    await field.press('Enter');
    // Ctrl+C is for the sleep: before that it would end the touch.
    await skep.type('while ! [ -e /from-phone ]; do sleep 0.2; done; echo made-$((6*7))');
    await skep.waitForConsole(/^made-42\s*$/m, 60_000);
    await keys.getByRole('button', { name: 'Ctrl' }).tap();
    await expect(keys.getByRole('button', { name: 'Ctrl' })).toHaveAttribute('aria-pressed', 'true');
    await write('c', false);
    await expect(keys.getByRole('button', { name: 'Ctrl' })).toHaveAttribute('aria-pressed', 'false');
    await write('touch /stopped', false);
    await field.press('Enter');
    await skep.type('while ! [ -e /stopped ]; do sleep 0.2; done; ls -d /from-phone /stopped; echo seen-$((6*7))');
    await skep.waitForConsole(/^seen-42\s*$/m, 60_000);
    await expect.poll(() => skep.consoleText()).toMatch(/^\/from-phone\s+\/stopped/m);
  });
});
