// x87 and SSE floating-point instructions as a whole (decoding, stack, tags, condition codes, MXCSR, memory)
// against silicon, and MMX, SSE integer, AES and SHA: every row of their files in isa/ but the transcendental and
// approximating ones, whose last bit is the processor's own (wasm/fpu/fpu.test.ts has them). The judge is
// silicon-fpu.c where gcc and the processor of the recorded answers are there, else the digests in
// silicon-fpu.json (UPDATE_SILICON=1 writes them).

import { execFileSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rows as cryptoRows } from '../../isa/crypto.isa.ts';
import { rows as mmxRows } from '../../isa/mmx.isa.ts';
import { rows as sseRows } from '../../isa/sse-float.isa.ts';
import { rows as sseIntRows } from '../../isa/sse-int.isa.ts';
import { rows as x87Rows } from '../../isa/x87.isa.ts';
import type { Row } from '../../isa/row.ts';
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../src/emu/generated-layout.ts';
import { buildCheck, CheckMachine, FAULT } from './check-machine.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RECORDED = `${HERE}silicon-fpu.json`;
const JUDGE = `${ROOT}build/silicon-fpu`;
const UPDATE = process.env.UPDATE_SILICON === '1';
const FIXED_SEED = 1;
const RANDOM_SEED = Number(process.env.SEED ?? randomInt(1 << 30));
const CASES_PER_ROW = 100;

const CASE = { code: 0, length: 16, eflags: 20, rax: 24, memory: 32, image: 160, bytes: 672 };
const RESULT = { rax: 0, eflags: 8, memory: 16, image: 144, bytes: 656 };
/** FXSAVE image (SDM vol. 1 table 10-2). */
const FX = { fcw: 0, fsw: 2, ftw: 4, mxcsr: 24, st: 32, xmm: 160 };
const MEMORY_BYTES = 128, IMAGE_BYTES = 512, XMM_BYTES = 256;
const FLAGS = 0x8d5;
const OPERAND = 0x4000;
const RDI_OFFSET = 7 * 8;
const INEXACT_ROWS = /^(F2XM1|FYL2X|FYL2XP1|FSIN|FCOS|FSINCOS|FPTAN|FPATAN|RCP..|RSQRT..)$/;
/** The judge needs RDX for itself; sse.test.ts has these by the SDM's algorithm. */
const LENGTH_IN_RDX = /^PCMPESTR/;
/**
 * Images with FIP, FDP, FOP, which processors keep differently; the fields after the tag word are not
 * compared.
 */
const POINTER_ROWS = /^(FNSTENV|FNSAVE)$/;

/** mulberry32. */
class Random {
  constructor(private state: number) {}
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(n: number): number { return this.u32() % n; }
  u64(): bigint { return (BigInt(this.u32()) << 32n) | BigInt(this.u32()); }
}

const TOP64 = 1n << 63n;

function significand(random: Random): bigint {
  const any = random.u64() | TOP64;
  const k = BigInt(random.below(64));
  switch (random.below(4)) {
    case 0: return any;
    case 1: return (any >> k << k) | TOP64;
    case 2: return BigInt.asUintN(64, (-1n << k)) | TOP64;
    default: return TOP64;
  }
}

function putExtended(b: Buffer, at: number, random: Random): void {
  const sign = random.below(2) << 15;
  let m = significand(random);
  let e = 0x3fff - 40 + random.below(100);
  switch (random.below(10)) {
    case 0: e = 0; m = random.below(2) ? 0n : m >> BigInt(random.below(64)); break;
    case 1: e = 0x7fff; if (random.below(2)) m = TOP64; break;
    case 2: e = random.below(0x8000); break;
    case 3: e = random.below(0x8000); m = random.u64(); break;
    case 4: e = 0x3fff + random.below(16); m = m >> 50n << 50n | TOP64; break;
    default: break;
  }
  b.writeBigUInt64LE(m, at);
  b.writeUInt16LE(sign | e, at + 8);
}

/** A float of 4 or 8 bytes. */
function putFloat(b: Buffer, at: number, bytes: number, random: Random): void {
  const fraction = bytes === 4 ? 23 : 52, max = bytes === 4 ? 0xff : 0x7ff;
  let f = (significand(random) & ~TOP64) >> BigInt(63 - fraction);
  let e = (max >> 1) - 20 + random.below(50);
  switch (random.below(10)) {
    case 0: e = 0; if (random.below(2)) f = 0n; break;
    case 1: e = max; if (random.below(2)) f = 0n; break;
    case 2: case 3: e = random.below(max + 1); break;
    default: break;
  }
  const v = (BigInt(random.below(2)) << BigInt(bytes * 8 - 1)) | (BigInt(e) << BigInt(fraction)) | f;
  if (bytes === 4) b.writeUInt32LE(Number(v), at);
  else b.writeBigUInt64LE(v, at);
}

function putMixed(b: Buffer, at: number, random: Random): void {
  const kind = random.below(8);
  if (kind === 0) for (let i = 0; i < 16; i += 4) b.writeUInt32LE(random.u32() >>> random.below(32), at + i);
  else if (kind < 4) for (let i = 0; i < 16; i += 4) putFloat(b, at + i, 4, random);
  else for (let i = 0; i < 16; i += 8) putFloat(b, at + i, 8, random);
}

/** Bytes of an instruction of the row: operands in registers or at [rdi]. */
function encode(row: Row, random: Random): Buffer {
  const tokens = row.enc.split(' ');
  const out: number[] = [];
  const opcode: number[] = [];
  let digit = -1, fixedI = false, memory = false, register = false, rexW = false;
  for (const token of tokens) {
    if (/^(66|F2|F3)$/.test(token) && opcode.length === 0) out.push(parseInt(token, 16));
    else if (token === 'NP') continue;
    else if (/^[0-9A-F]{2}$/.test(token)) opcode.push(parseInt(token, 16));
    else if (/^[0-9A-F]{2}\+i$/.test(token)) { opcode.push(parseInt(token.slice(0, 2), 16)); fixedI = true; }
    else if (/^\/[0-7]$/.test(token)) digit = Number(token[1]);
    else if (token === '/r') digit = 8;
    else if (token === 'mod=m') memory = true;
    else if (token === 'mod=3') register = true;
    else throw new Error(`encoding '${row.enc}'`);
  }
  if (/(^|,)[GE]y/.test(row.ops)) rexW = random.below(2) === 1;
  if (/(^|,)M/.test(row.ops)) memory = true;
  const registerOnly = register || /(^|,)[UN]/.test(row.ops);
  if (rexW) out.push(0x48);
  if (fixedI) opcode[opcode.length - 1]! += random.below(8);
  out.push(...opcode);
  if (digit >= 0) {
    register = registerOnly || (digit === 8 && random.below(2) === 1);
    // General registers are always rax.
    const reg = digit < 8 ? digit : /(^|,)G[dy]/.test(row.ops) ? 0 : random.below(8);
    const rm = /(^|,)E[dy]/.test(row.ops) ? 0 : random.below(8);
    out.push(memory || !register ? (reg << 3) | 7 : 0xc0 | (reg << 3) | rm);
  }
  if (/,Ib/.test(row.ops)) out.push(random.below(256));
  return Buffer.from(out);
}

function putMemory(row: Row, b: Buffer, random: Random): void {
  for (let i = 0; i < MEMORY_BYTES; i += 16) putMixed(b, CASE.memory + i, random);
  if (/DB \/5/.test(row.enc)) putExtended(b, CASE.memory, random);
  if (row.name === 'FBLD') {
    for (let i = 0; i < 9; i++) b[CASE.memory + i] = random.below(10) | (random.below(10) << 4);
    b[CASE.memory + 9] = random.below(2) << 7;
  }
  if (/^F(LDCW|LDENV|RSTOR)$/.test(row.name)) {
    // No exception may be pending afterwards that the judge's own FXSAVE would not see the same way.
    const fields = row.name === 'FLDCW' ? [0x37f] : [0x37f, random.u32() & 0x7f7f, random.u32() & 0xffff, 0, 0, 0, 0];
    fields.forEach((v, n) => { b.writeUInt32LE(v, CASE.memory + n * 4); });
    if (row.name === 'FLDCW') b.writeUInt16LE(0x7f | (random.u32() & 0xffc0), CASE.memory);
    if (row.name === 'FRSTOR') for (let n = 0; n < 8; n++) putExtended(b, CASE.memory + 28 + n * 10, random);
  }
}

function makeCase(row: Row, random: Random): Buffer {
  const b = Buffer.alloc(CASE.bytes);
  const code = encode(row, random);
  code.copy(b, CASE.code);
  b.writeUInt32LE(code.length, CASE.length);
  b.writeUInt32LE((random.u32() & FLAGS) | 2, CASE.eflags);
  b.writeBigUInt64LE(random.below(2) ? random.u64()
    : BigInt.asUintN(64, BigInt((random.u32() | 0) >> random.below(32))), CASE.rax);
  putMemory(row, b, random);
  const masks = random.below(3) ? 0x3f : random.below(64);
  const top = random.below(8);
  const full = random.below(8);
  const valid = full < 4 ? 0xff & ~(1 << ((top + 7) & 7)) : full < 6 ? 0xff : random.below(256);
  const image = CASE.image;
  b.writeUInt16LE(0x40 | masks | ([0, 2, 3, 3][random.below(4)]! << 8) | (random.below(4) << 10), image
    + FX.fcw);
  b.writeUInt16LE((random.u32() & 0x4740) | (random.u32() & masks) | (top << 11), image + FX.fsw);
  b[image + FX.ftw] = valid;
  b.writeUInt32LE(0x1f80 | (random.u32() & 0x3f) | (random.below(2) ? 0 : random.u32() & 0xe040), image
    + FX.mxcsr);
  for (let n = 0; n < 8; n++) putExtended(b, image + FX.st + n * 16, random);
  for (let n = 0; n < 16; n++) putMixed(b, image + FX.xmm + n * 16, random);
  return b;
}

function casesOf(row: Row, seed: number): Buffer {
  // A row's cases do not depend on the other rows.
  const salt = createHash('sha256').update(row.enc).digest().readInt32LE(0);
  const random = new Random(seed ^ salt);
  return Buffer.concat(Array.from({ length: CASES_PER_ROW }, () => makeCase(row, random)));
}

let machine: CheckMachine;
const at = { control: 0, status: 0, top: 0, empty: 0, flagKind: 0, mxcsr: 0 };

/** What is compared: the parts of a result that the architecture defines. */
function essence(row: Row, result: Buffer): string {
  const image = result.subarray(RESULT.image);
  const memory = Buffer.from(result.subarray(RESULT.memory, RESULT.memory + MEMORY_BYTES));
  if (POINTER_ROWS.test(row.name)) memory.fill(0, 12, 28);
  const hex = (b: Buffer, from: number, n: number): string => b.subarray(from, from + n).toString('hex');
  const st = Array.from({ length: 8 }, (_, n) => hex(image, FX.st + n * 16, 10));
  return [
    `rax ${result.readBigUInt64LE(RESULT.rax).toString(16)}`, `flags ${(result.readUInt32LE(RESULT.eflags) & FLAGS).toString(16)}`,
    `fcw ${image.readUInt16LE(FX.fcw).toString(16)} fsw ${image.readUInt16LE(FX.fsw).toString(16)} ftw ${hex(image, FX.ftw, 1)}`,
    `mxcsr ${hex(image, FX.mxcsr, 4)}`, `st ${st.join(' ')}`, `xmm ${hex(image, FX.xmm, XMM_BYTES)}`, `memory ${memory.toString('hex')}`,
  ].join('\n');
}

function load(b: Buffer): void {
  const { view, bytes, cpu } = machine;
  const image = CASE.image;
  const fsw = b.readUInt16LE(image + FX.fsw);
  const top = (fsw >> 11) & 7;
  view.setUint32(cpu + at.control, b.readUInt16LE(image + FX.fcw), true);
  view.setUint32(cpu + at.status, fsw & ~0x3800, true);
  view.setUint32(cpu + at.top, top, true);
  view.setUint32(cpu + at.empty, ~b[image + FX.ftw]! & 0xff, true);
  view.setUint32(cpu + at.mxcsr, b.readUInt32LE(image + FX.mxcsr), true);
  for (let n = 0; n < 8; n++) {
    const to = cpu + 0x500 + ((top + n) & 7) * 16;
    bytes.fill(0, to, to + 16);
    bytes.set(b.subarray(image + FX.st + n * 16, image + FX.st + n * 16 + 10), to);
  }
  bytes.set(b.subarray(image + FX.xmm, image + FX.xmm + XMM_BYTES), cpu + 0x600);
  machine.set('rax', b.readBigUInt64LE(CASE.rax));
  machine.set('rdi', BigInt(OPERAND));
  machine.set('eflags', BigInt(b.readUInt32LE(CASE.eflags)));
  view.setUint32(cpu + at.flagKind, 0, true);
  machine.write(OPERAND, b.subarray(CASE.memory, CASE.memory + MEMORY_BYTES));
  bytes.set(b.subarray(CASE.code, CASE.code + 16), machine.exports.stepBytes!(cpu) as number);
}

function execute(row: Row, b: Buffer): Buffer {
  load(b);
  const status = machine.exports.fpuStep!(machine.cpu) as number;
  if (status === FAULT || status < 0) {
    throw new Error(`${row.name} ${row.enc}: status ${status}, vector ${machine.get('excVector')}, ${b.toString('hex', 0, 16)}`);
  }
  const { view, bytes, cpu } = machine;
  const out = Buffer.alloc(RESULT.bytes);
  out.writeBigUInt64LE(machine.get('rax'), RESULT.rax);
  out.writeBigUInt64LE(machine.exports.readEflags!(cpu) as bigint, RESULT.eflags);
  out.set(machine.read(OPERAND, MEMORY_BYTES), RESULT.memory);
  const image = RESULT.image;
  const top = view.getUint32(cpu + at.top, true);
  out.writeUInt16LE(view.getUint32(cpu + at.control, true), image + FX.fcw);
  out.writeUInt16LE(view.getUint32(cpu + at.status, true) | (top << 11), image + FX.fsw);
  out[image + FX.ftw] = ~view.getUint32(cpu + at.empty, true) & 0xff;
  out.writeUInt32LE(view.getUint32(cpu + at.mxcsr, true), image + FX.mxcsr);
  for (let n = 0; n < 8; n++) {
    const from = cpu + 0x500 + ((top + n) & 7) * 16;
    out.set(bytes.subarray(from, from + 10), image + FX.st + n * 16);
  }
  out.set(bytes.subarray(cpu + 0x600, cpu + 0x600 + XMM_BYTES), image + FX.xmm);
  return out;
}

function slices(b: Buffer, bytes: number): Buffer[] {
  return Array.from({ length: b.length / bytes }, (_, n) => b.subarray(n * bytes, (n + 1) * bytes));
}

function judge(cases: Buffer): Buffer[] {
  return slices(execFileSync(JUDGE, { input: cases, maxBuffer: 1 << 26 }), RESULT.bytes);
}

const digest = (parts: string[]): string =>
  createHash('sha256').update(parts.join('\n\n')).digest('base64').slice(0, 12);

let judged = false;
let recorded: Record<string, string> = {};

beforeAll(() => {
  machine = new CheckMachine(buildCheck('fpu-check'), { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES });
  // CR0: PE, MP, ET, NE. CR4: OSFXSR, OSXMMEXCPT.
  machine.set('cr0', 0x33n);
  machine.set('cr4', 0x600n);
  Object.keys(at).forEach((key, n) => { at[key as keyof typeof at] = machine.exports.fpuOffset!(n) as number;
    });
  const amd = existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'utf8').includes('AuthenticAMD');
  if (process.arch === 'x64' && amd) {
    try {
      execFileSync('gcc', ['-O1', '-mno-red-zone', '-o', JUDGE, `${HERE}silicon-fpu.c`], { stdio: 'ignore' });
      judged = true;
    } catch { judged = false; }
  }
  if (UPDATE && !judged) throw new Error('UPDATE_SILICON needs gcc and the processor of the recorded answers');
  recorded = UPDATE ? {} : JSON.parse(readFileSync(RECORDED, 'utf8')) as Record<string, string>;
}, 240_000);

function compare(row: Row, seed: number): void {
  const cases = casesOf(row, seed);
  const want = judge(cases).map((r) => essence(row, r));
  slices(cases, CASE.bytes).forEach((b, n) => {
    const got = essence(row, execute(row, b));
    const image = b.subarray(CASE.image);
    const before = `${b.toString('hex', 0, b.readUInt32LE(CASE.length))} fcw ${image.readUInt16LE(0).toString(16)} ` +
      `fsw ${image.readUInt16LE(2).toString(16)} ftw ${image[4]!.toString(16)}`;
    if (got !== want[n]) expect(got, `${row.name} ${row.enc} seed ${seed} case ${n}: ${before}`).toBe(want[n]);
  });
}

const ROWS = [...x87Rows, ...sseRows, ...mmxRows, ...sseIntRows, ...cryptoRows]
  .filter((row) => !INEXACT_ROWS.test(row.name) && !LENGTH_IN_RDX.test(row.name));

describe(`x87 and SSE floating point, seeds ${FIXED_SEED} and ${RANDOM_SEED}`, () => {
  for (const row of ROWS) {
    test(`${row.name} ${row.enc}`, () => {
      if (UPDATE) recorded[row.enc] = digest(judge(casesOf(row, FIXED_SEED)).map((r) => essence(row, r)));
      if (judged) {
        compare(row, FIXED_SEED);
        compare(row, RANDOM_SEED);
      }
      const got = slices(casesOf(row, FIXED_SEED), CASE.bytes).map((b) => essence(row, execute(row, b)));
      expect(digest(got), 'recorded digest').toBe(recorded[row.enc]);
    });
  }

  test('the recorded answers are complete', () => {
    if (UPDATE) writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 1)}\n`);
    expect(Object.keys(recorded).sort()).toEqual(ROWS.map((row) => row.enc).sort());
  });
});

describe('faults', () => {
  const NM = 7n, UD = 6n, GP = 13n, MF = 16n, XM = 19n;
  const ADDPS_MEMORY = [0x0f, 0x58, 0x07], ADDPS = [0x0f, 0x58, 0xc1], FADD = [0xd8, 0xc1], FNSTSW_AX =
    [0xdf, 0xe0], FWAIT = [0x9b];

  /** Executes the bytes; the vector raised, or null. */
  function vectorOf(code: number[]): bigint | null {
    machine.bytes.set([...code, ...new Array<number>(16 - code.length).fill(0x90)],
      machine.exports.stepBytes!(machine.cpu) as number);
    return machine.exports.fpuStep!(machine.cpu) === FAULT ? machine.get('excVector') : null;
  }
  const set = (field: keyof typeof at,
    value: number): void => { machine.view.setUint32(machine.cpu + at[field], value, true); };

  beforeEach(() => {
    machine.set('cr0', 0x33n);
    machine.set('cr4', 0x600n);
    machine.set('rdi', BigInt(OPERAND));
    set('control', 0x37f);
    set('status', 0);
    set('top', 6);
    set('empty', 0x3f);
    set('mxcsr', 0x1f80);
  });

  test('CR0.TS: #NM for x87 and SSE; CR0.EM: #NM for x87, #UD for SSE', () => {
    machine.set('cr0', 0x3bn);
    expect([vectorOf(FADD), vectorOf(FNSTSW_AX), vectorOf(FWAIT), vectorOf(ADDPS)]).toEqual([NM, NM, NM, NM]);
    machine.set('cr0', 0x39n);
    expect([vectorOf(FADD), vectorOf(FWAIT)]).toEqual([NM, null]);
    machine.set('cr0', 0x37n);
    expect([vectorOf(FADD), vectorOf(ADDPS)]).toEqual([NM, UD]);
  });

  test('CR4.OSFXSR = 0: #UD for SSE', () => {
    machine.set('cr4', 0x400n);
    expect([vectorOf(ADDPS), vectorOf(FADD)]).toEqual([UD, null]);
  });

  test('a pending x87 exception: #MF at waiting instructions only, none with CR0.NE = 0', () => {
    set('status', 0x8081);
    set('control', 0x37e);
    expect([vectorOf(FADD), vectorOf(FWAIT), vectorOf(FNSTSW_AX)]).toEqual([MF, MF, null]);
    machine.set('cr0', 0x13n);
    expect(vectorOf(FWAIT)).toBe(null);
  });

  test('an unmasked SSE exception: flags, no result, #XM (or #UD without OSXMMEXCPT)', () => {
    const snan = [0, 0, 0xa0, 0x7f], one = [0, 0, 0x80, 0x3f];
    machine.setXmm(0, [...snan, ...one, ...one, ...one]);
    machine.setXmm(1, [...one, ...one, ...one, ...one]);
    set('mxcsr', 0x1f00);
    expect(vectorOf(ADDPS)).toBe(XM);
    expect(machine.xmm(0)).toEqual([...snan, ...one, ...one, ...one]);
    expect(machine.get('mxcsr')).toBe(0x1f01n);
    machine.set('cr4', 0x200n);
    expect(vectorOf(ADDPS)).toBe(UD);
  });

  test('a 16-byte operand must be aligned', () => {
    machine.set('rdi', BigInt(OPERAND + 8));
    expect(vectorOf(ADDPS_MEMORY)).toBe(GP);
    machine.set('rdi', BigInt(OPERAND));
    expect(vectorOf(ADDPS_MEMORY)).toBe(null);
  });

  test('a store that faults changes nothing', () => {
    machine.set('rdi', 0x0001_0000_0000_0000n);
    // FSTP m64, FSTP m80, FISTP m32, FBSTP, FNSAVE.
    for (const code of [[0xdd, 0x1f], [0xdb, 0x3f], [0xdb, 0x1f], [0xdf, 0x37], [0xdd, 0x37]]) {
      expect(vectorOf(code)).toBe(GP);
      expect([machine.get('fpuTop'), machine.get('fpuEmpty')]).toEqual([6n, 0x3fn]);
      expect(machine.view.getUint32(machine.cpu + at.status, true)).toBe(0);
    }
  });
});
