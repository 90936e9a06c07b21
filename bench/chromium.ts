// npx tsx bench/chromium.ts [interpreter|litmus]... [--json F]: the benchmarks of `skep bench` in headless Chromium,
// through the library as a page uses it. Needs Chromium, the compiled core, and for `interpreter` the guest
// mini.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { createServer } from 'vite';
import { buildPayloads } from './payloads.ts';
import { BENCHES, type BenchRun, type Captured } from './suite.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Runs one machine in the page. The module comes from the dev server, as the page's own do. */
function runInPage(page: Page, run: BenchRun): Promise<Captured> {
  return page.evaluate(`import('/bench/page-runner.ts').then((m) => m.runBench(${JSON.stringify(run)}))`);
}

async function main(): Promise<number> {
  const { values, positionals } =
    parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
  const names = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) {
    console.error(`There is no benchmark "${unknown}". Choose ${Object.keys(BENCHES).join(', ')}.`);
    return 2;
  }
  if (!buildPayloads()) return 1;
  const server = await createServer({ root: ROOT, server: { port: 4185 }, logLevel: 'error' });
  await server.listen();
  const browser = await chromium.launch({
    executablePath: process.env.SKEP_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'],
  });
  const results: Record<string, unknown> = {};
  let passed = true;
  try {
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    for (const name of names) {
      const spec = BENCHES[name];
      if (spec === undefined) continue;
      const captured: Captured[] = [];
      for (const run of spec.runs) captured.push(await runInPage(page, run));
      const result = spec.evaluate(captured);
      for (const line of result.lines) console.log(`chromium ${name}: ${line}`);
      results[name] = { passed: result.passed, ...result.data };
      passed &&= result.passed;
    }
  } finally {
    await browser.close();
    await server.close();
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  return passed ? 0 : 1;
}

process.exitCode = await main();
