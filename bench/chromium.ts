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

/** Runs one machine in the page. The modules come from the dev server, as the page's own do. */
async function runInPage(page: Page, run: BenchRun): Promise<Captured> {
  return page.evaluate(async ({ smp, memory, kernel, initrd, append }) => {
    // Vite serves these addresses; the type checker must not follow them.
    const load = (path: string): Promise<Record<string, unknown>> => import(/* @vite-ignore */ path);
    const { Skep } = await load('/src/api/index.ts') as unknown as typeof import('../src/api/index.ts');
    const { capture } = await load('/bench/suite.ts') as unknown as typeof import('./suite.ts');
    const files = { kernel: new URL(`/${kernel}`, location.href) };
    const modules = initrd === undefined ? {} : { initrd: new URL(`/${initrd}`, location.href) };
    return capture(await Skep.create({ smp, memory, append, ...files, ...modules }));
  }, run);
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
