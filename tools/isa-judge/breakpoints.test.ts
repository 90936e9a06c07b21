// Breakpoints of DR0 to DR3 where the recorded cases (npm run isa:faults, data breakpoints) do not show them:
// at instructions, at ports, behind a load of SS (SDM vol. 3B 17.2.4, 17.3.1; vol. 3A 6.8.3). Code runs as
// supervisor to its first exception.

import { beforeAll, expect, test } from 'vitest';
import { makeCase } from './generate.ts';
import { decodedRows } from './judge.ts';
import { CODE, DATA, End, type Case, type Outcome } from './state.ts';
import { SupervisorCore } from './supervisor.ts';

const DB = 1, BP = 3, RF = 0x10000, INT3 = 0xcc;
/** The supervisor's data segment. */
const SS = 0x18;
const EXECUTE = 0, WRITE = 1, PORT = 2, ACCESS = 3;
/** mov rax, cr4; or al, 8; mov cr4, rax: CR4.DE; and the same with and al, F7. */
const SET_DE = [0x0f, 0x20, 0xe0, 0x0c, 8, 0x0f, 0x22, 0xe0];
const CLEAR_DE = [0x0f, 0x20, 0xe0, 0x24, 0xf7, 0x0f, 0x22, 0xe0];
let core: SupervisorCore, base: Case;

beforeAll(async () => {
  const row = (await decodedRows()).find((d) => d.row.name === 'MOVDQU')!;
  core = new SupervisorCore();
  base = makeCase(row, 2, 0, 1, { at: 0x400 });
});

/** DR1 watches `at` for `type`, of `length` as DR7 encodes it. */
function run(code: number[], at: bigint, type: number, length = 0, regs: Record<number, bigint> = {}): Outcome {
  const all = base.regs.map((value, n) => regs[n] ?? value);
  return core.asSupervisor({ ...base, code, filler: INT3, untraced: true, regs: all,
    watch: { at: [0n, at], control: 4 | (type | length << 2) << 20 } });
}

const at = (o: Outcome): number => Number(o.rip) - CODE - base.codeAt;

test('an instruction breakpoint is a fault before its instruction, with RF clear', () => {
  const o = run([0x90, 0x90, 0x90], BigInt(CODE + base.codeAt + 1), EXECUTE);
  expect([o.end, o.vector, at(o), o.watched, o.flags & RF]).toEqual([End.FAULT, DB, 1, 2, 0]);
});

test('RF lets one instruction pass', () => {
  // An IRETQ with RF to the breakpoint: push ss, rsp, flags, cs, rip.
  const frame = [0x8c, 0xd0, 0x50, 0x54, 0x68, 2, 0, 1, 0, 0x8c, 0xc8, 0x50, 0x68, 0, 0, 0, 0x20, 0x48, 0xcf];
  const to = CODE + base.codeAt + frame.length;
  frame.splice(13, 4, to & 255, to >> 8 & 255, to >> 16 & 255, to >>> 24);
  const o = run([...frame, 0x90, 0x90], BigInt(to), EXECUTE, 0, { 4: BigInt(DATA + 0xc00) });
  expect([o.vector, at(o), o.flags & RF]).toEqual([BP, frame.length + 3, 0]);
  const second = run([...frame, 0x90, 0x90], BigInt(to + 1), EXECUTE, 0, { 4: BigInt(DATA + 0xc00) });
  expect([second.vector, at(second)]).toEqual([DB, frame.length + 1]);
});

test('port breakpoints need CR4.DE and trap behind IN, OUT and iterations of OUTS', () => {
  for (const [code, length] of [[[0xe4, 0x80], 2], [[0xe6, 0x80], 2]] as const) {
    const hit = run([...SET_DE, ...code], 0x80n, PORT);
    expect([hit.vector, at(hit), hit.watched]).toEqual([DB, SET_DE.length + length, 2]);
    expect(run([...SET_DE, ...code], 0x81n, PORT).vector).toBe(BP);
    expect(run([...CLEAR_DE, ...code], 0x80n, PORT).vector).toBe(BP);
    expect(run([...CLEAR_DE, ...code], 0x80n, ACCESS).vector).toBe(BP);
  }
  const outs = run([...SET_DE, 0xf3, 0x6e], 0x80n, PORT, 0, { 1: 3n, 2: 0x80n, 6: BigInt(DATA + 0x800) });
  expect([outs.vector, at(outs), outs.regs[1]]).toEqual([DB, SET_DE.length, 2n]);
  run([...CLEAR_DE], 0n, PORT);
});

test('what a load of SS hits traps behind the next instruction', () => {
  const operand = BigInt(DATA + base.windowAt), rbx = { 3: operand };
  base.window.set([SS, 0]);
  // mov ss, [rbx]; two NOPs. Of anything else the trap comes at once: mov eax, [rbx].
  const held = run([0x8e, 0x13, 0x90, 0x90], operand, ACCESS, 1, rbx);
  expect([held.vector, at(held), held.watched, held.segments[2]]).toEqual([DB, 3, 2, base.segments[2]]);
  const other = run([0x8b, 0x03, 0x90, 0x90], operand, ACCESS, 1, rbx);
  expect([other.vector, at(other), other.watched]).toEqual([DB, 2, 2]);
  expect(run([0x8b, 0x03, 0x90], operand, WRITE, 1, rbx).vector).toBe(BP);
});
