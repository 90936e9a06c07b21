// Unit tests stand beside the code. Everything that needs a browser is in e2e/ and is run by Playwright.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{isa,wasm,src,tools,bin,bench}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**', 'build/**', '.cache/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    reporters: process.env.SKEP_JSON_REPORT === undefined ? ['default']
      : ['default', ['json', { outputFile: process.env.SKEP_JSON_REPORT }]],
  },
});
