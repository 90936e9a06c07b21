// End-to-end tests: the built page in Chromium, served by vite preview (with isolation headers) and, for the
// service worker, by a plain static server without any. One worker: every test boots machines that use all
// cores.

import { defineConfig } from '@playwright/test';

/** SKEP_E2E_PORT: for several checkouts on one machine. */
export const PREVIEW_PORT = Number(process.env.SKEP_E2E_PORT ?? 4183);
export const PLAIN_PORT = PREVIEW_PORT + 1;

export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.spec.ts',
  // Debian 13 is 200 MB and minutes to prepare: its test runs in CI, which does that, and by name.
  testIgnore: process.env.CI !== undefined || process.argv.includes('debian13') ? []
    : ['debian13.spec.ts'],
  globalSetup: './e2e/prepare.ts',
  outputDir: 'test-results',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: process.env.SKEP_JSON_REPORT === undefined ? 'list'
    : [['list'], ['json', { outputFile: process.env.SKEP_JSON_REPORT }]],
  use: {
    baseURL: `http://localhost:${PREVIEW_PORT}/`,
    browserName: 'chromium',
    actionTimeout: 15_000,
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      ...(process.env.SKEP_CHROMIUM === '' ? {} : { executablePath: process.env.SKEP_CHROMIUM ?? '/usr/bin/chromium' }),
      args: ['--no-sandbox'],
    },
    screenshot: 'only-on-failure',
  },
  webServer: [
    {
      command: `npx vite preview --port ${PREVIEW_PORT} --strictPort`,
      url: `http://localhost:${PREVIEW_PORT}/`,
      reuseExistingServer: false,
    },
    {
      command: `npx tsx e2e/plain-server.ts ${PLAIN_PORT}`,
      url: `http://localhost:${PLAIN_PORT}/`,
      reuseExistingServer: false,
    },
  ],
});
