// The generated inner loop (gen/exec-hot.ts): branches, links between runs, counting, faults, the end of
// scratch records; and that the compiler made one jump table of the hot switch.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ATTENTION, CODE, CPU, Core, DATA, INDEX, IP_BASE, buildCore } from './silicon-core.ts';
import { HOT } from '../../isa/hot.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FAULT = 1, JUMP = 3, LINK = 1, STOP = 2, RECORDS = 0x6050000, OFF = 0x100;
const RAX = 0, RCX = 8, RSP = 32;
let core: Core;
let wat: string;

beforeAll(() => {
  const path = buildCore(ROOT, 'execute-test');
  wat = readFileSync(`${path}.wat`, 'utf8');
  core = new Core(path);
}, 180_000);
beforeEach(() => {
  core.reset();
  core.view.setUint32(ATTENTION, 0, true);
  core.bytes.fill(0, INDEX, INDEX + 8192);
});

const reg = (at: number): bigint => core.view.getBigUint64(CPU + at, true);
const setReg = (at: number, v: bigint): void => core.view.setBigUint64(CPU + at, v, true);
const rip = (): number => Number(core.get('rip') - IP_BASE);

/** Decode code at page offset `from` into records from number n on, closed by a sentinel. Returns the next free number. */
function place(code: number[], from = OFF, n = 1, sentinel = LINK): number {
  core.bytes.set(code, CODE);
  let at = 0;
  while (at < code.length) {
    core.view.setUint16(INDEX + (from + at) * 2, n, true);
    at += core.exports.decodeInsn(CPU, CODE + at, code.length - at, from + at, 2, RECORDS + n * 32);
    n++;
  }
  core.bytes.fill(0, RECORDS + n * 32, RECORDS + n * 32 + 32);
  core.view.setUint16(RECORDS + n * 32, sentinel, true);
  core.view.setUint16(RECORDS + n * 32 + 2, from + at, true);
  return n + 1;
}

const execute = (): number => core.exports.execute(CPU, RECORDS + 32, INDEX, RECORDS, ATTENTION);

describe('execute', () => {
  test('a counted loop runs in place and counts its instructions', () => {
    // mov ecx, 10; L: add rax, rcx; dec ecx; jnz L
    place([0xb9, 10, 0, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9]);
    expect(execute()).toBe(JUMP);
    expect([reg(RAX), reg(RCX), rip()]).toEqual([55n, 0n, OFF + 12]);
    expect(core.get('instructions')).toBe(31n);
  });

  test('a link continues in a run decoded elsewhere, and leaves when there is none', () => {
    // mov eax, 1 then a link to a run that starts behind it: mov ecx, 2.
    place([0xb8, 1, 0, 0, 0], OFF, 1);
    place([0xb9, 2, 0, 0, 0], OFF + 5, 3);
    expect(execute()).toBe(JUMP);
    expect([reg(RAX), reg(RCX), rip(), core.get('instructions')]).toEqual([1n, 2n, OFF + 10, 2n]);
  });

  test('attention stops a taken branch with RIP at its target', () => {
    place([0xeb, 0xfe]);
    core.view.setUint32(ATTENTION, 1, true);
    expect(execute()).toBe(JUMP);
    expect([rip(), core.get('instructions')]).toEqual([OFF, 1n]);
  });

  test('an endless loop comes back by itself', () => {
    place([0xeb, 0xfe]);
    expect(execute()).toBe(JUMP);
    expect(rip()).toBe(OFF);
    expect(Number(core.get('instructions'))).toBeGreaterThan(10000);
  });

  test('CALL pushes, RET comes back', () => {
    // call F; mov ecx, eax; jmp out; F: mov eax, 7; ret
    place([0xe8, 4, 0, 0, 0, 0x89, 0xc1, 0xeb, 0x10, 0xb8, 7, 0, 0, 0, 0xc3]);
    setReg(RSP, BigInt(DATA + 2048));
    expect(execute()).toBe(JUMP);
    expect([reg(RCX), reg(RSP), rip(), core.get('instructions')]).toEqual([7n, BigInt(DATA + 2048), OFF + 25, 5n]);
  });

  test('a scratch record ends with STOP and does not follow branches', () => {
    place([0xff, 0xc0], OFF, 1, STOP);
    expect(execute()).toBe(JUMP);
    expect([reg(RAX), rip(), core.get('instructions')]).toEqual([1n, OFF + 2, 1n]);
  });

  test('a non-canonical target is #GP at the branch, before the push', () => {
    // mov eax, 1; call rcx
    place([0xb8, 1, 0, 0, 0, 0xff, 0xd1]);
    setReg(RCX, 0x8000_0000_0000n);
    setReg(RSP, BigInt(DATA + 2048));
    expect(execute()).toBe(FAULT);
    expect([core.get('excVector'), core.get('excError'), reg(RSP), core.get('instructions')]).toEqual([13n, 0n, BigInt(DATA + 2048), 1n]);
  });

  test('a backward branch out of the page gives the full RIP', () => {
    place([0xe9, 0, 0xf0, 0xff, 0xff]);
    expect(execute()).toBe(JUMP);
    expect(core.get('rip')).toBe(IP_BASE + BigInt(OFF + 5) - 0x1000n);
  });
});

test('the hot switch is one jump table', () => {
  const start = wat.indexOf('\n (func $wasm/gen/exec-hot/execute');
  const body = wat.slice(start, wat.indexOf('\n (func ', start + 1));
  const tables = [...body.matchAll(/br_table ([^\n]*)/g)].map((m) => m[1]!.trim().split(/\s+/).length);
  expect(tables.filter((n) => n > 64)).toHaveLength(1);
  expect(Math.max(...tables)).toBeGreaterThanOrEqual(HOT.length + 3);
});
