// Integer instructions against this host's processor: random instructions and states go through
// tools/silicon/runner.c and through the core's decoder and inner loop; registers, memory and defined flags
// must agree. Skipped on other hosts.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CASE_BYTES, DATA, RESULT_BYTES, Random, WINDOW, WINDOW_AT, comparableRows, makeCase, type Case,
} from './silicon-cases.ts';
import { Core, FLAG_NAMES, buildCore } from './silicon-core.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const usable = process.arch === 'x64' && process.platform === 'linux'
  && spawnSync('cc', ['--version']).status === 0;
const seed = Number(process.env['SEED'] ?? Date.now() % 1000000);
const PER_ROW = Number(process.env['CASES'] ?? 120);
/** Bits of RFLAGS that user code can see change. */
const ARITHMETIC = 0x8D5;

function pack(cases: Case[]): Buffer {
  const out = Buffer.alloc(cases.length * CASE_BYTES);
  cases.forEach((c, i) => {
    const at = i * CASE_BYTES;
    out.set(c.code, at);
    out.writeBigUInt64LE(BigInt(c.code.length), at + 16);
    c.regs.forEach((v, n) => out.writeBigUInt64LE(v, at + 24 + n * 8));
    out.writeBigUInt64LE(BigInt(c.flags), at + 152);
    out.set(c.data, at + 160);
  });
  return out;
}

const show = (c: Case): string => `${c.row.row.name} ${c.row.row.ops} [${c.code.map((b) => b.toString(16).padStart(2, '0')).join(' ')}]`;

/** What differs, or '' . */
function compare(c: Case, ours: ReturnType<Core['run']>, silicon: Buffer): string {
  const trap = Number(silicon.readBigUInt64LE(0));
  // Page faults and non-canonical addresses: there is no memory map here.
  if (trap === 1 + 13 || trap === 1 + 14 || trap === 1 + 12) return '';
  if (trap !== 0 || ours.trap !== 0) return trap === ours.trap ? '' : `trap ${ours.trap - 1}, silicon ${trap - 1}`;
  for (let n = 0; n < 16; n++) {
    const want = silicon.readBigUInt64LE(8 + n * 8);
    if (ours.regs[n] === want) continue;
    const [ourText, wantText, wasText] = [ours.regs[n]!, want, c.regs[n]!].map((value) => value.toString(16));
    return `r${n} = ${ourText}, silicon ${wantText} (was ${wasText})`;
  }
  if (Buffer.compare(Buffer.from(ours.data), silicon.subarray(144, 144 + WINDOW)) !== 0) return 'memory';
  let mask = ARITHMETIC;
  for (const letter of c.row.row.undef ?? '') mask &= ~FLAG_NAMES[letter]!;
  const want = Number(silicon.readBigUInt64LE(136)) & mask;
  const got = Number(ours.flags) & mask;
  return got === want ? '' : `flags ${got.toString(16)}, silicon ${want.toString(16)} (were ${c.flags.toString(16)})`;
}

describe.skipIf(!usable)(`silicon (seed ${seed})`, () => {
  let core: Core;
  beforeAll(() => {
    core = new Core(buildCore(ROOT));
    mkdirSync(`${ROOT}/build`, { recursive: true });
    execFileSync('cc', ['-O1', '-o', `${ROOT}/build/silicon-runner`, `${ROOT}/tools/silicon/runner.c`]);
  }, 180_000);

  test.each([[64, 'execute'], [32, 'executeFlat'], [32, 'executeSegmented']] as const)(
    'random %i-bit instructions agree in %s', async (bits, loop) => {
    const features = readFileSync('/proc/cpuinfo', 'utf8');
    const has = (f: string): boolean =>
      new RegExp(`\\b${f.toLowerCase().replace('cmpxchg16b', 'cx16').replace('lzcnt',
      'abm')}\\b`).test(features);
    const rows = (await comparableRows(bits)).filter((r) => !r.row.feature || has(r.row.feature));
    expect(rows.length).toBeGreaterThan(200);
    const random = new Random(seed);
    const cases = rows.flatMap((row) => Array.from({ length: PER_ROW }, () => makeCase(row, random, bits)));
    const results = execFileSync(`${ROOT}/build/silicon-runner`, [String(bits)], { input: pack(cases), maxBuffer: 1 << 30 });
    expect(results.length).toBe(cases.length * RESULT_BYTES);
    const differing = new Map<string, string>();
    cases.forEach((c, i) => {
      const text = compare(c, core.run(c, bits, loop), results.subarray(i * RESULT_BYTES, (i + 1) * RESULT_BYTES));
      if (text) differing.set(`${c.row.row.name} ${c.row.row.ops}`, `${show(c)}: ${text}`);
    });
    expect([...differing.values()]).toEqual([]);
  }, 120_000);
});

export { DATA, WINDOW_AT };
