// The generated inner loop (gen/exec-hot.ts): branches, links between runs, counting, faults, the end of
// scratch records; and that the compiler made one jump table of the hot switch.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ATTENTION, CODE, CPU, Core, DATA, INDEX, IP_BASE, type Loop, PAGES, buildCore } from './testing/core.ts';
import { HOT } from '../../isa/hot.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FAULT = 1, JUMP = 3, LINK = 1, STOP = 2, RECORDS = 0x6050000, OFF = 0x100;
const FUEL = 100_000, RAX = 0, RCX = 8, RSP = 32;
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
  core.exports.sentinel(RECORDS + n * 32, sentinel, from + at);
  return n + 1;
}

const execute = (loop: Loop = 'execute'): number => {
  core.exports.refuel(FUEL);
  return core.exports[loop](CPU, RECORDS + 32, INDEX, RECORDS, ATTENTION);
};

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

  test('a branch that has been taken knows its way without the index, but not without fuel', () => {
    // L: mov ecx, 2; link to: dec ecx; jnz -4; jmp L
    place([0xb9, 2, 0, 0, 0], OFF, 1);
    place([0xff, 0xc9, 0x75, 0xfc, 0xeb, 0xf5], OFF + 5, 3);
    execute();
    core.bytes.fill(0, INDEX, INDEX + 8192);
    const before = core.get('instructions');
    execute();
    expect(core.get('instructions') - before).toBeGreaterThan(10000n);
    // The link, the branches: each stops where it would go.
    for (const [n, there, executed] of [[1, 5, 1n], [3, 5, 2n], [5, 0, 1n]] as const) {
      setReg(RCX, 9n);
      core.exports.refuel(1);
      const then = core.get('instructions');
      expect(core.exports.execute(CPU, RECORDS + n * 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
      expect([n, rip(), core.get('instructions') - then]).toEqual([n, OFF + there, executed]);
    }
  });

  test('attention stops a taken branch with RIP at its target', () => {
    place([0xeb, 0xfe]);
    core.view.setUint32(ATTENTION, 1, true);
    // Where its way is not known, and where it is.
    for (const executed of [1n, 2n]) {
      expect(execute()).toBe(JUMP);
      expect([rip(), core.get('instructions')]).toEqual([OFF, executed]);
    }
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

  describe('RET', () => {
    const STACK_TOP = BigInt(DATA + 2048), RETURN = 5;
    /** call F; mov ecx, 1; jmp +0x40; F: ret. The CPU stands before the RET, with no index to find anything by. */
    function callF(): void {
      core.exports.jumpReset(CPU);
      core.exports.jumpSelect(CPU);
      place([0xe8, 7, 0, 0, 0, 0xb9, 1, 0, 0, 0, 0xeb, 0x40, 0xc3]);
      setReg(RSP, STACK_TOP);
      core.view.setUint32(ATTENTION, 1, true);
      expect([execute(), rip()]).toEqual([JUMP, OFF + 12]);
      core.view.setUint32(ATTENTION, 0, true);
      core.bytes.fill(0, INDEX, INDEX + 8192);
    }
    /** Executes the RET; was its CALL's page known? */
    function returns(fuel = FUEL): boolean {
      core.exports.refuel(fuel);
      expect(core.exports.execute(CPU, RECORDS + 4 * 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
      const known = reg(RCX) === 1n;
      expect([rip(), core.get('instructions')]).toEqual(known ? [OFF + 12 + 0x40, 4n] : [OFF + RETURN, 2n]);
      return known;
    }

    test('goes on behind its CALL without a look-up, counting', () => {
      callF();
      expect([returns(), reg(RSP)]).toEqual([true, STACK_TOP]);
    });

    test.each([
      ['everything was forgotten', (): void => { core.exports.jumpFlush(CPU); }],
      ['pages are mapped elsewhere', (): void => { core.exports.jumpFlushNonGlobal(CPU); }],
      ['decoded pages made room', (): void => { core.exports.jumpForget(CPU); }],
      ['the privilege is another', (): void => {
        core.set('cpl', 0n);
        core.exports.jumpSelect(CPU);
      }],
    ])('is looked up when %s', (_, change) => {
      callF();
      change();
      expect(returns()).toBe(false);
    });

    test('is looked up when it finds another address, or the same one elsewhere on the stack', () => {
      callF();
      const at = PAGES + 2040;
      core.view.setBigUint64(at, IP_BASE + 0x777n, true);
      core.exports.refuel(FUEL);
      expect(core.exports.execute(CPU, RECORDS + 4 * 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
      expect(rip()).toBe(0x777);
      callF();
      core.view.setBigUint64(at - 8, IP_BASE + BigInt(OFF + RETURN), true);
      setReg(RSP, STACK_TOP - 16n);
      core.set('instructions', 1n);
      expect(returns()).toBe(false);
    });

    test('comes back when it has no fuel, and when attention is wanted', () => {
      callF();
      expect(returns(1)).toBe(false);
      core.set('instructions', 0n);
      callF();
      core.view.setUint32(ATTENTION, 1, true);
      expect(returns()).toBe(false);
    });

    test('of a CALL that was executed alone is looked up', () => {
      core.exports.jumpReset(CPU);
      core.exports.jumpSelect(CPU);
      place([0xe8, 7, 0, 0, 0], OFF, 1, STOP);
      const flags = RECORDS + 32 + 5;
      core.bytes[flags] = core.bytes[flags]! | 0x80;
      setReg(RSP, STACK_TOP);
      core.exports.refuel(1);
      expect(core.exports.execute(CPU, RECORDS + 32, INDEX, RECORDS, ATTENTION)).toBe(JUMP);
      place([0xc3], OFF + 12, 4);
      core.bytes.fill(0, INDEX, INDEX + 8192);
      expect(returns()).toBe(false);
    });

    test('behind the last instruction of a page is looked up', () => {
      core.exports.jumpReset(CPU);
      place([0xe8, 0xf0, 0xf0, 0xff, 0xff], 4096 - 5, 1);
      place([0xc3], 0xf0, 3);
      setReg(RSP, STACK_TOP);
      expect(execute()).toBe(JUMP);
      expect([core.get('rip'), core.get('instructions')]).toEqual([IP_BASE + 4096n, 2n]);
    });
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

describe.each(['executeFlat', 'executeSegmented'] as const)('legacy branches in %s', (loop) => {
  /** One instruction at OFF in 16- or 32-bit code, as a scratch record. */
  function step(code: number[], bits: 16 | 32): number {
    core.bytes.set(code, CODE);
    const mode = bits === 16 ? 0 : 1;
    const length = core.exports.decodeInsn(CPU, CODE, code.length, OFF, mode, RECORDS + 32);
    expect(length).toBe(code.length);
    core.exports.sentinel(RECORDS + 64, STOP, OFF + length);
    return execute(bits === 16 ? 'executeSegmented' : loop);
  }
  beforeEach(() => {
    core.reset(32);
    core.set('ipBase', 0x1000n);
    setReg(RSP, BigInt(DATA + 2048));
  });

  test('CALL and RET in 32-bit code move 4 bytes, with 66 two', () => {
    expect(step([0xe8, 0x10, 0, 0, 0], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RSP)]).toEqual([0x1115n, BigInt(DATA + 2044)]);
    expect(core.view.getUint32(PAGES + 2044, true)).toBe(0x1105);
    expect(step([0xc3], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RSP)]).toEqual([0x1105n, BigInt(DATA + 2048)]);
    expect(step([0x66, 0xe8, 0x10, 0xf0], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RSP)]).toEqual([0x0114n, BigInt(DATA + 2046)]);
  });

  test('RET Iw releases the arguments', () => {
    core.view.setUint32(PAGES + 2048, 0x2222, true);
    expect(step([0xc2, 0x0c, 0x00], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RSP)]).toEqual([0x2222n, BigInt(DATA + 2048 + 4 + 12)]);
  });

  test('a 16-bit jump wraps inside the segment', () => {
    core.set('ipMask', 0xffffn);
    core.set('ipBase', 0xf000n);
    expect(step([0xe9, 0x00, 0x7f], 16)).toBe(JUMP);
    expect(core.get('rip')).toBe(0x7003n);
  });

  test('a target behind the CS limit is #GP and pushes nothing', () => {
    // Flat code has no limit below 4 GiB: its 16-bit forms go through the same check.
    core.view.setUint32(CPU + 0x400 + 32 + 8, 0x1fff, true);
    const code = loop === 'executeFlat' ? [0x66, 0xe8, 0x00, 0x20] : [0xe8, 0x00, 0x20, 0, 0];
    expect(step(code, 32)).toBe(FAULT);
    expect([core.get('excVector'), reg(RSP)]).toEqual([13n, BigInt(DATA + 2048)]);
  });

  test('LOOP and JCXZ count in the address size', () => {
    setReg(RCX, 0x1_0000n);
    expect(step([0xe2, 0x10], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RCX)]).toEqual([0x1112n, 0xffffn]);
    setReg(RCX, 0x5_0001n);
    expect(step([0x67, 0xe2, 0x10], 32)).toBe(JUMP);
    expect([core.get('rip'), reg(RCX)]).toEqual([0x1103n, 0x5_0000n]);
    expect(step([0x67, 0xe3, 0x10], 32)).toBe(JUMP);
    expect(core.get('rip')).toBe(0x1113n);
  });

  test('POPF at CPL 3 with IOPL 0 leaves IF and IOPL alone', () => {
    core.exports.setFlags(CPU, 0x202n);
    core.view.setUint32(PAGES + 2048, 0x0004_3cd5, true);
    step([0x9d], 32);
    expect(core.exports.getFlags(CPU)).toBe(0x0004_0ed7n);
  });
});

describe('segmented addresses', () => {
  const ES = 0, SS = 2, DS = 3, RBX = 24, RBP = 40, RSI = 48, GP = 13n, STACK_FAULT = 12n;
  /** Expand-up segment, writable: what refreshSegment caches of it. */
  function segment(n: number, base: number, limit: number): void {
    const at = CPU + 0x400 + n * 32;
    core.view.setBigUint64(at, BigInt(base), true);
    core.view.setUint32(at + 8, limit, true);
    core.view.setUint16(at + 14, 0x93, true);
    core.view.setUint32(at + 16, 0, true);
    core.view.setUint32(at + 20, limit + 1, true);
    core.view.setUint32(at + 24, limit + 1, true);
  }
  function step(code: number[]): number {
    core.bytes.set(code, CODE);
    expect(core.exports.decodeInsn(CPU, CODE, code.length, OFF, 0, RECORDS + 32)).toBe(code.length);
    core.exports.sentinel(RECORDS + 64, STOP, OFF);
    return execute('executeSegmented');
  }
  beforeEach(() => {
    core.reset(32);
    for (const name of ['ipMask', 'stackMask']) core.set(name, 0xffffn);
    for (const name of ['codeMode', 'ipBase']) core.set(name, 0n);
    for (const n of [ES, SS, DS]) segment(n, DATA, 0xffff);
    core.view.setUint32(PAGES + 0x80, 0x44332211, true);
  });

  test('BX + SI + displacement wraps at 64 KiB, then the base is added', () => {
    setReg(RBX, 0xdead_fff0n);
    setReg(RSI, 0xbeef_0050n);
    expect(step([0x8b, 0x40, 0x40])).toBe(JUMP);
    expect(reg(RAX)).toBe(0x2211n);
    // With 67 there is nothing to wrap: beyond the limit.
    expect(step([0x67, 0x8b, 0x43, 0x40])).toBe(FAULT);
    expect(core.get('excVector')).toBe(GP);
  });

  test('an override takes the other base; LEA takes none', () => {
    segment(ES, DATA + 0x40, 0xffff);
    setReg(RSI, 0x40n);
    expect(step([0x26, 0x8b, 0x04])).toBe(JUMP);
    expect(reg(RAX)).toBe(0x2211n);
    expect(step([0x26, 0x8d, 0x44, 0x02])).toBe(JUMP);
    expect(reg(RAX)).toBe(0x42n);
  });

  test('the last byte within the limit is good, the next one is #GP, on the stack #SS; nothing is written', () => {
    for (const n of [SS, DS]) segment(n, DATA, 0x81);
    setReg(RAX, 0xabcdn);
    setReg(RBP, 0x81n);
    expect(step([0xa3, 0x80, 0x00])).toBe(JUMP);
    expect(core.view.getUint32(PAGES + 0x80, true)).toBe(0x4433abcd);
    expect(step([0xa3, 0x81, 0x00])).toBe(FAULT);
    expect(core.get('excVector')).toBe(GP);
    expect(step([0x89, 0x46, 0x00])).toBe(FAULT);
    expect(core.get('excVector')).toBe(STACK_FAULT);
    setReg(RSP, 0x83n);
    expect(step([0x50])).toBe(FAULT);
    expect([core.get('excVector'), reg(RSP)]).toEqual([STACK_FAULT, 0x83n]);
    expect(core.view.getUint32(PAGES + 0x80, true)).toBe(0x4433abcd);
  });

  test('PUSH and POP keep the upper half of ESP', () => {
    setReg(RSP, 0x7777_0084n);
    expect(step([0x66, 0x50])).toBe(JUMP);
    expect(reg(RSP)).toBe(0x7777_0080n);
    expect(step([0x5b])).toBe(JUMP);
    expect(reg(RSP)).toBe(0x7777_0082n);
  });

  test('a branch before the start of a segment that begins inside the page wraps', () => {
    // CS base 0x340 into the page: IP 0x10 is page offset 0x350; JMP to IP 0xFFF0 is not in this page.
    core.set('ipBase', -0x340n & 0xffff_ffff_ffff_ffffn);
    core.bytes.set([0xeb, 0xde], CODE);
    core.exports.decodeInsn(CPU, CODE, 2, 0x350, 0, RECORDS + 32);
    core.view.setUint16(INDEX + (0x352 - 0x22) * 2, 1, true);
    expect(execute('executeSegmented')).toBe(JUMP);
    expect(core.get('rip')).toBe(0xfff0n);
  });
});

test.each(['exec-hot/execute', 'exec-flat/executeFlat', 'exec-segmented/executeSegmented'])('%s is one jump table', (name) => {
  const start = wat.indexOf(`\n (func $wasm/gen/${name} `);
  const body = wat.slice(start, wat.indexOf('\n (func ', start + 1));
  const tables = [...body.matchAll(/br_table ([^\n]*)/g)].map((m) => m[1]!.trim().split(/\s+/).length);
  expect(tables.filter((n) => n > 64)).toHaveLength(1);
  expect(Math.max(...tables)).toBeGreaterThanOrEqual(HOT.length + 3);
});
