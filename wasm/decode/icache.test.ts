// Which decoded pages make room for others: those that nobody has looked up since they became cold, and
// whose targets the jump cache then forgets.

import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CPU_INDEX, CPU_RECORDS, CPU_SLOTS, ICACHE_SLOTS, NO_PAGE, SLOT_BYTES, SLOT_INDEX_BYTES,
} from '../../src/emu/generated-layout.ts';
import { CPU, Core, buildCore } from './testing/core.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const M64 = 2, FIRST = 0x1000, SLOTS = ICACHE_SLOTS - 1, HOT = FIRST + 200, PINNED = FIRST + 6;
let core: Core;

beforeAll(() => {
  core = new Core(buildCore(ROOT, 'icache-test'));
}, 180_000);
beforeEach(() => {
  core.reset();
  core.exports.icacheReset(CPU);
  core.exports.jumpSelect(CPU);
  next = FIRST;
});

/** Pages from FIRST on that have been looked up for the first time. */
let next = FIRST;
const lookUp = (page: number): number => core.exports.icacheSlot(CPU, page, M64);
const more = (n: number): void => {
  for (const end = next + n; next < end; next++) lookUp(next);
};
const pages = (): Set<number> => new Set(Array.from({ length: SLOTS },
  (_, n) => core.view.getUint32(CPU + CPU_SLOTS + (n + 1) * SLOT_BYTES, true)));
const address = (page: number): bigint => BigInt(page) << 12n;
const remember = (page: number): void => {
  const slot = lookUp(page);
  core.exports.jumpRemember(CPU, address(page), CPU + CPU_INDEX + slot * SLOT_INDEX_BYTES, CPU + CPU_RECORDS + 32,
    CPU + CPU_RECORDS, true);
};

describe('pages make room', () => {
  test('only when all slots hold one, and for as many as come', () => {
    more(SLOTS);
    expect(pages()).toEqual(new Set(Array.from({ length: SLOTS }, (_, n) => FIRST + n)));
    for (let n = 0; n < 5000; n++) {
      const page = next;
      more(1);
      expect(core.view.getUint32(CPU + CPU_SLOTS + lookUp(page) * SLOT_BYTES, true)).toBe(page);
    }
    expect([...pages()].filter((page) => page !== NO_PAGE).length).toBeGreaterThan(SLOTS * 0.9);
  });

  test('not those that are looked up again in time, nor those of valid regions', () => {
    more(SLOTS);
    const hot = lookUp(HOT), pinned = lookUp(PINNED);
    core.exports.icachePin(CPU, pinned);
    for (let n = 0; n < 200; n++) {
      more(50);
      expect([lookUp(HOT), pages().has(PINNED)]).toEqual([hot, true]);
    }
    expect(pages().has(HOT + 1)).toBe(false);
  });

  test('whose targets the jump cache forgets before they go', () => {
    more(SLOTS);
    core.exports.icachePin(CPU, lookUp(PINNED));
    const known = Array.from({ length: SLOTS }, (_, n) => FIRST + n);
    known.forEach(remember);
    more(1);
    const there = pages();
    const gone = known.filter((page) => !there.has(page));
    const found = known.filter((page) => core.exports.jumpFind(CPU, address(page)) !== 0);
    expect([gone.length > 0, found.filter((page) => gone.includes(page))]).toEqual([true, []]);
    const cold = known.filter((page) => there.has(page) && !found.includes(page));
    expect([cold.length, found.length]).toEqual([255 - gone.length, SLOTS - 255]);
    remember(cold[0]!);
    more(400);
    expect([pages().has(cold[0]!), pages().has(cold[1]!)]).toEqual([true, false]);
    expect(core.exports.jumpFind(CPU, address(cold[0]!))).toBe(CPU + CPU_RECORDS + 32);
  });
});
