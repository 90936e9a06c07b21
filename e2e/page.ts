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

  async open(query: string): Promise<void> {
    await this.page.goto(query);
    await expect(this.page.locator('h1')).toBeVisible();
  }
}
