// Direct branches to other pages keep where they lead (mmu/far-ways.ts): without a look-up while that holds,
// and not one moment longer.

import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CPU_INDEX, CPU_JUMPS, CPU_JUMPS_BYTES, CPU_RECORDS, ICACHE_SLOTS, RCX, RECORDS_PER_SLOT, SLOT_INDEX_BYTES,
} from '../../src/emu/generated-layout.ts';
import { ATTENTION, CODE, CPU, Core, DATA, INDEX, IP_BASE, buildCore } from './testing/core.ts';

const JUMP = 3, LINK = 1, STOP = 2, REGION = 3, M32 = 1, M64 = 2, RECORDS = 0x6050000, OFF = 0x100, FUEL = 1000;
const RSP = 32, PAGE = 0x1000, FAR = 0x3040, HANDLER = 12, FLAGS = 5, PRIVATE = 0x80;
let core: Core;
beforeAll(() => {
  core = new Core(buildCore(fileURLToPath(new URL('../..', import.meta.url)), 'far-ways-test'));
}, 180_000);
beforeEach(() => {
  core.reset();
  core.view.setUint32(ATTENTION, 0, true);
  core.bytes.fill(0, INDEX, INDEX + 8192);
  core.exports.icacheReset(CPU);
  core.exports.jumpSelect(CPU);
});

function decode(code: number[], off: number, records: number, sentinel: number, first = 1): void {
  core.bytes.set(code, CODE);
  core.exports.decodeInsn(CPU, CODE, code.length, off, M64, records + first * 32);
  core.exports.sentinel(records + first * 32 + 32, sentinel, off + code.length);
}
/** The branch: to FAR bytes behind the start of its page. */
const rel32 = (opcode: number[]): number[] => {
  const rel = FAR - OFF - opcode.length - 4;
  return [...opcode, rel & 255, rel >> 8 & 255, rel >> 16 & 255, rel >> 24 & 255];
};
/** `mov ecx, value` at FAR, in the slot of a page that the jump cache knows at this address. */
function target(page: number, value: number, global: boolean, base = IP_BASE): void {
  const slot = core.exports.icacheSlot(CPU, page, M64);
  const records = CPU + CPU_RECORDS + slot * RECORDS_PER_SLOT * 32;
  decode([0xb9, value, 0, 0, 0], FAR & 0xfff, records, STOP);
  core.exports.jumpRemember(CPU, base + BigInt(FAR), CPU + CPU_INDEX + slot * SLOT_INDEX_BYTES, records + 32, records, global);
}
const forgetTargets = (): void => { core.bytes.fill(0, CPU + CPU_JUMPS, CPU + CPU_JUMPS + CPU_JUMPS_BYTES); };
/** What the target has put in RCX, 0 = it was not reached; RIP and the count are right in either case. */
function go(fuel = FUEL, base = IP_BASE, record = 1): number {
  core.set('ipBase', base);
  core.set('instructions', 0n);
  core.view.setBigUint64(CPU + RCX, 0n, true);
  core.view.setBigUint64(CPU + RSP, BigInt(DATA + 2048), true);
  core.exports.refuel(fuel);
  expect(core.exports.execute(CPU, RECORDS + record * 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
  const found = Number(core.view.getBigUint64(CPU + RCX, true));
  const far = base + BigInt(FAR);
  expect([core.get('rip'), core.get('instructions')]).toEqual(found ? [far + 5n, 2n] : [far, 1n]);
  return found;
}

const BRANCHES: [string, number[]][] = [['JMP', [0xe9]], ['CALL', [0xe8]], ['Jcc', [0x0f, 0x83]]];

test.each(BRANCHES)('%s goes on without a look-up once it has been taken', (_, opcode) => {
  decode(rel32(opcode), OFF, RECORDS, STOP);
  expect(go()).toBe(0);
  target(PAGE, 7, false);
  expect(go(1)).toBe(0);
  forgetTargets();
  expect(go()).toBe(0);
  target(PAGE, 7, false);
  expect(go()).toBe(7);
  forgetTargets();
  expect([go(), go()]).toEqual([7, 7]);
  expect(go(1)).toBe(0);
  core.view.setUint32(ATTENTION, 1, true);
  expect(go()).toBe(0);
});

describe('a branch is looked up again when', () => {
  const known = (global: boolean): void => {
    decode(rel32([0xe9]), OFF, RECORDS, STOP);
    target(PAGE, 7, global);
    expect(go()).toBe(7);
    forgetTargets();
    expect(go()).toBe(7);
  };
  test.each([
    ['everything was forgotten', (): void => { core.exports.jumpFlush(CPU); }],
    ['the privilege is another', (): void => {
      core.set('cpl', 0n);
      core.exports.jumpSelect(CPU);
    }],
    ['the page of the target has grown cold or made room', (): void => {
      for (let n = 1; n <= ICACHE_SLOTS; n++) core.exports.icacheSlot(CPU, PAGE + n, M64);
    }],
    ['the records of the target are those of another mode', (): void => { core.exports.icacheSlot(CPU, PAGE, M32); }],
    ['everything was decoded anew', (): void => {
      core.exports.icacheReset(CPU);
      core.exports.jumpSelect(CPU);
    }],
  ])('%s', (_, change) => {
    for (const global of [false, true]) {
      known(global);
      change();
      expect(go()).toBe(0);
      core.set('cpl', 3n);
      core.exports.icacheReset(CPU);
      core.exports.jumpSelect(CPU);
    }
  });

  test('pages that are not global are mapped elsewhere', () => {
    known(true);
    core.exports.jumpFlushNonGlobal(CPU);
    expect(go()).toBe(7);
    core.exports.icacheReset(CPU);
    core.exports.jumpSelect(CPU);
    known(false);
    core.exports.jumpFlushNonGlobal(CPU);
    expect(go()).toBe(0);
    target(PAGE + 1, 9, false);
    expect(go()).toBe(9);
  });

  test('it is executed at another address', () => {
    known(false);
    const other = IP_BASE + 0x10000n;
    expect(go(FUEL, other)).toBe(0);
    target(PAGE + 1, 9, false, other);
    expect([go(FUEL, other), go()]).toEqual([9, 0]);
  });

  test('the slot of its target holds another page at the same address', () => {
    known(true);
    core.exports.icacheSlot(CPU, PAGE, M32);
    core.exports.icacheSlot(CPU, PAGE, M64);
    target(PAGE, 9, true);
    core.exports.jumpFind(CPU, IP_BASE + BigInt(FAR));
    expect(go()).toBe(9);
    forgetTargets();
    expect(go()).toBe(9);
  });
});

test('a record that was the entry of a region has no way of the copy that was executed instead', () => {
  const branch = RECORDS + 32, COPY = 3, LEFT = 5;
  decode(rel32([0xe9]), OFF, RECORDS, STOP);
  decode(rel32([0xe9]), OFF, RECORDS, STOP, COPY);
  // Nobody calls the handler of a direct branch: what it was before a way stood there is not kept.
  core.view.setUint32(branch + HANDLER, 0, true);
  const before = core.bytes.slice(branch, branch + 32);
  target(PAGE, 7, false);
  expect(go(FUEL, IP_BASE, COPY)).toBe(7);
  forgetTargets();
  expect(go(FUEL, IP_BASE, COPY)).toBe(7);
  core.view.setUint16(branch, REGION, true);
  core.view.setUint32(branch + HANDLER, COPY, true);
  core.exports.icacheLeave(branch, RECORDS);
  expect(core.bytes.slice(branch, branch + 32)).toEqual(before);
  expect(go()).toBe(0);
  target(PAGE, LEFT, false);
  expect(go()).toBe(LEFT);
});

test('neither a link nor a scratch record keeps where it led', () => {
  decode([0x90], 4095, RECORDS, LINK);
  const link = RECORDS + 64;
  const before = core.bytes.slice(link, link + 32);
  const slot = core.exports.icacheSlot(CPU, PAGE, M64);
  const records = CPU + CPU_RECORDS + slot * RECORDS_PER_SLOT * 32;
  decode([0xb9, 7, 0, 0, 0], 0, records, STOP);
  core.exports.jumpRemember(CPU, IP_BASE + 4096n, CPU + CPU_INDEX + slot * SLOT_INDEX_BYTES, records + 32, records, true);
  core.exports.refuel(FUEL);
  core.exports.execute(CPU, RECORDS + 32, INDEX, RECORDS, ATTENTION);
  expect(core.get('rip')).toBe(IP_BASE + 4096n + 5n);
  expect(core.bytes.slice(link, link + 32)).toEqual(before);

  core.set('ipBase', IP_BASE);
  decode(rel32([0xe9]), OFF, RECORDS, STOP);
  core.bytes[RECORDS + 32 + FLAGS] = core.bytes[RECORDS + 32 + FLAGS]! | PRIVATE;
  const handler = core.view.getUint32(RECORDS + 32 + HANDLER, true);
  target(PAGE, 7, true);
  expect(go()).toBe(7);
  expect(core.view.getUint32(RECORDS + 32 + HANDLER, true)).toBe(handler);
});
