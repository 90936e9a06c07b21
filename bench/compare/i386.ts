// The 32-bit comparison: Skep and v86 in turn, in one Chromium, with Debian bookworm's kernel for the 686 and
// the 32-bit vmbench. A page of its own for each run. Results must be those of the same program on the host.

import { join } from 'node:path';
import { chromium, type Browser } from '@playwright/test';
import { createServer } from 'vite';
import { Option } from '../../src/emu/generated-layout.ts';
import { parseVmbench } from '../vmbench/results.ts';
import type { I386Output, I386Run } from './i386-page.ts';
import { i386Parts, V86_VERSION } from './i386-parts.ts';
import { GROUPS, groupResult, table, type GroupResult, type Rounds } from './results.ts';
import { ROOT, RunError, runNative } from './runners.ts';
import { takeResults, watched, type State } from './state.ts';

const PORT = 4186;
const RUN_TIMEOUT_MS = 1_800_000;

async function runInPage(browser: Browser, url: string, what: 'runSkepPage' | 'runV86Page',
  run: I386Run): Promise<I386Output> {
  const page = await browser.newPage();
  const late = new Promise<never>((_, fail) => {
    setTimeout(() => fail(new RunError(`${what} did not finish within ${RUN_TIMEOUT_MS / 1000} s.`)),
      RUN_TIMEOUT_MS).unref();
  });
  try {
    await page.goto(`${url}bench/compare/blank.html`);
    return await Promise.race([late, page.evaluate<I386Output>(
      `import('/bench/compare/i386-page.ts').then((m) => m.${what}(${JSON.stringify(run)}))`)]);
  } finally {
    await page.close();
  }
}

export async function compareI386(state: State,
  note: (line: string) => void): Promise<GroupResult & { v86: string; browser: string }> {
  const { options } = state;
  const parts = await i386Parts(note);
  const chosen = options.programs.length > 0 ? options.programs : [...GROUPS.cpu, ...GROUPS.system];
  const native = parseVmbench((await watched(state, () =>
    runNative(join(ROOT, parts.program), chosen, options.scale))).output);
  const expected = new Map(native.map(({ name, check }) => [name, check]));
  const run: I386Run = { ...parts, memoryMiB: 512,
    options: options.engine === 'interpreter' ? 0 : Option.TRANSLATOR,
    append: `console=ttyS0 quiet cryptomgr.notests vmbench.run=${chosen.join(',')} vmbench.scale=${
      options.scale} vmbench.end=idle` };
  const server = await createServer({ root: ROOT, server: { port: PORT }, logLevel: 'error' });
  await server.listen();
  const browser = await chromium.launch({
    executablePath: process.env['SKEP_CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'],
  });
  const rounds: Rounds = new Map();
  try {
    const url = server.resolvedUrls?.local[0] ?? '';
    for (let round = 1; round <= options.rounds; round++) {
      for (const [runner, entry] of [['skep', 'runSkepPage'], ['v86', 'runV86Page']] as const) {
        const result = await watched(state, () => runInPage(browser, url, entry, run));
        const programs = parseVmbench(result.output);
        if (programs.length === 0) throw new RunError(`${runner} printed no result: ${result.output.slice(-300)}`);
        takeResults(state, rounds, runner, programs, expected, chosen, 'i386 ');
      }
      note(`i386 round ${round} of ${options.rounds}`);
    }
    const result = groupResult(rounds, chosen);
    process.stdout.write(`${table('i386', result).join('\n')}\n`);
    return { ...result, v86: V86_VERSION, browser: browser.version() };
  } finally {
    await browser.close();
    await server.close();
  }
}
