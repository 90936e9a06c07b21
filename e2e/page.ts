// What the end-to-end tests know of the page.

import { expect, type Locator, type Page } from '@playwright/test';

/** `skep mini ready` takes seconds on a free machine; a busy one with two cores needs patience. */
export const BOOT_TIMEOUT_MS = 120_000;

export class SkepPage {
  constructor(readonly page: Page) {}

  get state(): Locator {
    return this.page.locator('#state');
  }

  get message(): Locator {
    return this.page.locator('#message');
  }

  button(name: string): Locator {
    return this.page.getByRole('toolbar', { name: 'Power' }).getByRole('button', { name, exact: true });
  }

  /** The console's text, as a user sees it. */
  consoleText(): Promise<string> {
    return this.page.locator('#terminal .xterm-rows').innerText();
  }

  async waitForConsole(pattern: RegExp, timeoutMs = BOOT_TIMEOUT_MS): Promise<void> {
    await expect.poll(async () => (await this.consoleText()).replaceAll('\u00a0', ' '),
      { timeout: timeoutMs, intervals: [250] }).toMatch(pattern);
  }

  async type(text: string): Promise<void> {
    await this.page.locator('#terminal textarea').focus();
    await this.page.keyboard.type(text, { delay: 20 });
    await this.page.keyboard.press('Enter');
  }

  /**
   * Boots the guest with disk drivers (e2e/prepare.ts) on the media of `query` and `files`, up to its shell.
   */
  async bootDiskGuest(query: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.open(`./?guest=mini&smp=1&ram=256&${query}`);
    await expect(this.button('Start')).toBeEnabled();
    await this.page.locator('#initrd-file').setInputFiles(process.env.SKEP_E2E_INITRD ?? '');
    for (const [field, file] of Object.entries(files)) await this.page.locator(
      `#${field}-file`).setInputFiles(file);
    await this.page.locator('#guest').selectOption('mini');
    await this.button('Start').click();
    await this.waitForConsole(/skep mini ready/);
  }

  /** Runs a command of the guest's shell; resolves with what it printed when it has succeeded. */
  async run(command: string, timeoutMs = 60_000): Promise<string> {
    const mark = `m${Math.random().toString(36).slice(2, 8)}`;
    // The echo of the command must not look like its end.
    await this.type(`clear; ${command}; echo ${mark.slice(0, 3)}""${mark.slice(3)}=$?`);
    await this.waitForConsole(new RegExp(`^${mark}=\\d+`, 'm'), timeoutMs);
    const text = (await this.consoleText()).replaceAll('\u00a0', ' ');
    expect(text).toMatch(new RegExp(`^${mark}=0`, 'm'));
    return text;
  }

  async open(query: string): Promise<void> {
    await this.page.goto(query);
    await expect(this.page.locator('h1')).toBeVisible();
  }
}
