// What comes before the first guest instruction: how much is loaded, in which order, and how long it takes.
// Sizes and order are exact; the times are far above what a quiet machine needs, and an order of magnitude
// below what a wait in the wrong place costs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@playwright/test';
import { BOOT_TIMEOUT_MS, SkepPage } from './page.ts';
import { ROOT } from './prepare.ts';

const DIST = join(ROOT, 'dist');
const START_MS = 8000;
const FIRST_CHARACTER_MS = 20_000;

const bytesOf = (files: readonly string[]): { raw: number; gzip: number } => {
  const contents = files.map((file) => readFileSync(join(DIST, file)));
  return { raw: contents.reduce((sum, { length }) => sum + length, 0),
    gzip: contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0) };
};
const assets = (name: RegExp): string[] => readdirSync(join(DIST, 'assets')).filter((file) => name.test(file))
  .map((file) => `assets/${file}`);

/** Budget in bytes: raw, packed by gzip. */
const BUDGET: readonly (readonly [what: string, files: () => string[], raw: number, gzip: number])[] = [
  ['script of the first screen', () => needed(/<(?:script|link)[^>]*?(?:src|href)="\.\/([^"]+\.js)"[^>]*>/g), 190_000, 72_000],
  ['style of the first screen', () => needed(/<link[^>]*?href="\.\/([^"]+\.css)"[^>]*>/g), 20_000, 6000],
  ['terminal', () => assets(/^terminal-view-.*\.(js|css)$/), 370_000, 95_000],
  ['thread of a CPU', () => [...assets(/^browser-worker-.*\.js$/), ...assets(/^generated-layout-.*\.js$/)], 18_000, 8500],
  ['core', () => assets(/\.wasm$/), 900_000, 230_000],
];

/** Files that the page names and that are not put behind by their priority. */
function needed(pattern: RegExp): string[] {
  return [...readFileSync(join(DIST, 'index.html'), 'utf8').matchAll(pattern)]
    .filter(([tag]) => !tag.includes('fetchpriority="low"')).map(([, file]) => file ?? '');
}

for (const [what, files, raw, gzip] of BUDGET) {
  test(`size: ${what}`, () => {
    const names = files();
    expect(names.length).toBeGreaterThan(0);
    const size = bytesOf(names);
    expect(size.raw, names.join(' ')).toBeLessThan(raw);
    expect(size.gzip, names.join(' ')).toBeLessThan(gzip);
  });
}

interface Loaded { name: string; start: number; end: number }

const loaded = (): Loaded[] => performance.getEntriesByType('resource').map((entry) => {
  const { name, startTime, responseEnd } = entry as PerformanceResourceTiming;
  return { name, start: startTime, end: responseEnd };
});

test('the first screen loads neither chart nor search nor guests', async ({ page }) => {
  await new SkepPage(page).open('./?guest=mini');
  await expect(page.locator('#terminal .xterm-rows')).toBeVisible();
  await expect(page.getByRole('toolbar', { name: 'Power' }).getByRole('button',
    { name: 'Start' })).toBeEnabled();
  const names = (await page.evaluate(loaded)).map(({ name }) => name);
  expect(names.some((name) => name.endsWith('.wasm'))).toBe(true);
  expect(names.filter((name) => /chart|search|report|kallsyms|vmlinuz|worker/.test(name))).toEqual([]);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.locator('#find-text').fill('nothing');
  await page.locator('#find-text').press('Enter');
  await expect.poll(async () => (await page.evaluate(loaded)).some(({ name }) =>
    /search/.test(name))).toBe(true);
});

test('from a link: core and guest come side by side, and the guest runs soon', async ({ page }) => {
  const skep = new SkepPage(page);
  await skep.open('./?guest=mini&smp=2&autostart');
  await expect.poll(() => skep.consoleText(), { timeout: BOOT_TIMEOUT_MS, intervals: [20] }).toMatch(/\S/);
  const firstCharacterMs = await page.evaluate(() => performance.now());
  const startMs = await page.evaluate(() => performance.getEntriesByName('skep-start')[0]?.startTime
    ?? Infinity);
  const files = await page.evaluate(loaded);
  const find = (name: RegExp): Loaded => files.find((file) => name.test(file.name))
    ?? { name: 'missing', start: NaN, end: NaN };
  const core = find(/\.wasm$/);
  const kernel = find(/vmlinuz$/);
  console.log(`first guest instruction after ${startMs.toFixed(0)} ms, first character after ${firstCharacterMs.toFixed(0)} ms`);
  expect(core.start).toBeLessThan(kernel.start);
  expect(files.filter(({ name }) => name.endsWith('.wasm'))).toHaveLength(1);
  expect(startMs).toBeGreaterThan(kernel.end);
  expect(startMs).toBeLessThan(START_MS);
  expect(firstCharacterMs).toBeLessThan(FIRST_CHARACTER_MS);
});
