// Random instructions for silicon.test.ts, generated from the instruction table itself: every integer row
// whose encoding can be executed in user mode by a 64-bit program without leaving its place.

import { decodeRow, type Decoded } from '../../tools/isa-gen/encoding.ts';
import { loadRows } from '../../isa/index.ts';

export const DATA = 0x10000000, WINDOW = 256, WINDOW_AT = 2048, CASE_BYTES = 16 + 8 + 128 + 8 + WINDOW;
export const RESULT_BYTES = 8 + 128 + 8 + WINDOW;

const FILES = /^(alu|mov|shift|muldiv|bit|bcd|stack|atomic|misc)\.isa\.ts$/;
export type Bits = 32 | 64;

/** Not comparable one by one: segments, stack frames of unknown depth, flags of the host, caches. */
const LEAVE_OUT =
  /^(hPushSeg|hMovFromSeg|hPushf|hPopf|hUndefined|hPause|hClflush|hStd)$/;
const NOT_HERE = /^(CLWB|CLFLUSHOPT|PREFETCHW)$/;

export async function comparableRows(bits: Bits): Promise<Decoded[]> {
  const other = bits === 64 ? 'legacy' : '64';
  return (await loadRows()).filter((row) => FILES.test(row.file) && row.modes !== other
    && !LEAVE_OUT.test(row.handler ?? '') &&
    !NOT_HERE.test(row.name) && !/O/.test(row.ops)).map(decodeRow);
}

/** A small deterministic generator (xorshift). */
export class Random {
  private state: number;
  constructor(seed: number) { this.state = (seed * 2654435761) >>> 0 || 1; }
  below(n: number): number {
    let x = this.state;
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    this.state = x >>> 0;
    return this.state % n;
  }
  word(): bigint {
    const r = (): bigint => (BigInt(this.below(65536)));
    const full = (r() << 48n) | (r() << 32n) | (r() << 16n) | r();
    switch (this.below(8)) {
      case 0: return BigInt(this.below(4));
      case 1: return BigInt.asUintN(64, -BigInt(this.below(4)));
      case 2: return 1n << BigInt(this.below(64));
      case 3: return (1n << BigInt(this.below(64))) - 1n;
      case 4: return BigInt(this.below(256)) * 0x0101010101010101n;
      case 5: return full >> 32n;
      default: return full;
    }
  }
}

export interface Case { code: number[]; regs: bigint[]; flags: number; data: Uint8Array; row: Decoded }

/** Bit tests whose offset moves the address. */
const BIT_STRING = /^h(Bt|Bts|Btr|Btc)$/;

const FLAG_BITS = [0x1, 0x4, 0x10, 0x40, 0x80, 0x800];

/** One instruction of the row with random operands and machine state. */
export function makeCase(row: Decoded, random: Random, bits: Bits): Case {
  const e = row.encoding;
  const bytes: number[] = [];
  const regs = Array.from({ length: 16 }, () => random.word());
  const data = Uint8Array.from({ length: WINDOW }, () => random.below(256));
  const memoryOk = e.modrm && e.mod !== '3';
  const memory = memoryOk && (e.mod === 'm' || random.below(2) === 0);
  const rexW = bits === 64 && (e.rexW === 1 || e.rexW === undefined && random.below(3) === 0);
  const vex = e.map >= 4;
  if (!vex && e.prefix === 'any' && random.below(4) === 0) bytes.push(0x66);
  if (!vex && (e.prefix === 'F3' || e.prefix === 'F2') && random.below(6) === 0) bytes.push(0x66);
  const has66 = bytes.length > 0;
  if (memory && row.row.lock && random.below(3) === 0) bytes.push(0xF0);
  if (!vex && e.prefix !== 'any' && e.prefix !== 'NP') bytes.push(parseInt(e.prefix, 16));
  let rex = bits === 64 ? (rexW ? 8 : 0) | random.below(8) : 0;
  if (e.noRexB) rex &= ~1;
  const base = memory ? [0, 1, 2, 3, 5, 6, 7][random.below(7)]! : 0;
  if (memory) rex &= ~3;
  let reg = e.digits.length === 8 ? random.below(8) : e.digits[0]!;
  // An address as a bit offset would leave the window.
  if (memory && BIT_STRING.test(row.row.handler ?? '') && reg === base) reg ^= 1;
  const opcode = e.opcodes[random.below(e.opcodes.length)]!;
  if (vex) {
    const pp = { NP: 0, 66: 1, F3: 2, F2: 3, any: 0 }[e.prefix];
    bytes.push(0xC4, ((~rex & 7) << 5) | (e.map - 3), (rexW ? 0x80 : 0)
      | ((row.operands.some((o) => o.place === 'B') ? random.below(bits / 4) | (bits === 32 ? 8 : 0)
      : 15) << 3) | pp, opcode);
  } else {
    if (bits === 64 && rex !== 0 && (rexW || random.below(2) === 0)) bytes.push(0x40 | rex);
    else rex = 0;
    bytes.push(...[[], [0x0F], [0x0F, 0x38], [0x0F, 0x3A]][e.map]!, opcode);
  }
  if (e.modrm) {
    const rm = e.rm ?? random.below(8);
    bytes.push(memory ? 0x40 | (reg << 3) | base : 0xC0 | (reg << 3) | rm);
    if (memory) {
      bytes.push(random.below(32));
      const align = row.row.name === 'CMPXCHG16B' ? 16 : 1;
      regs[base] = BigInt(DATA + WINDOW_AT + 64 + (align === 16 ? 0 : random.below(16)));
      if (align === 16) bytes[bytes.length - 1] = 16 * random.below(3);
      keepBitOffsetSmall(row, bits, regs, reg | (rex & 4 ? 8 : 0), base, random);
    }
  }
  pushImmediate(row, bytes, has66, rexW && (vex || rex >= 8), random);
  // Stack instructions use rSP; everything else may have it as data.
  if (row.row.file === 'stack.isa.ts') regs[4] = BigInt(DATA + WINDOW_AT + 128);
  stayInWindow(row, regs, bytes, random);
  avoidUndefinedResults(row, regs, bytes, memory);
  makeCompareLikely(row, regs, data, random);
  if (bits === 32) for (let n = 0; n < 16; n++) regs[n] = n < 8 ? BigInt.asUintN(32, regs[n]!) : 0n;
  const flags = FLAG_BITS.reduce((f, bit) => f | (random.below(2) ? bit : 0), 2);
  return { code: bytes, regs, flags, data, row };
}

function keepBitOffsetSmall(row: Decoded, bits: Bits, regs: bigint[], reg: number, base: number,
  random: Random): void {
  if (!BIT_STRING.test(row.row.handler ?? '') || reg === base) return;
  regs[reg] = BigInt.asUintN(bits, BigInt(random.below(512) - 256));
}

/** Implicit operands of LEAVE, ENTER and XLAT point into the window; ENTER has few levels. */
function stayInWindow(row: Decoded, regs: bigint[], bytes: number[], random: Random): void {
  const window = BigInt(DATA + WINDOW_AT);
  if (row.row.name === 'LEAVE') regs[5] = window + 100n + BigInt(random.below(16));
  if (row.row.name === 'XLAT') regs[3] = window;
  if (row.row.name !== 'ENTER') return;
  regs[5] = window + 200n;
  regs[4] = window + 240n;
  bytes.splice(-3, 3, random.below(16), 0, random.below(5));
}

/**
 * 16-bit double shifts by more than 16: makers differ. Scans of 0 into a 32-bit register: the upper half is
 * undefined.
 */
function avoidUndefinedResults(row: Decoded, regs: bigint[], bytes: number[], memory: boolean): void {
  if (/^SH[LR]D$/.test(row.row.name)) {
    if (row.row.ops.endsWith('CL')) regs[1] = regs[1]! & ~0x10n;
    else bytes[bytes.length - 1] = bytes[bytes.length - 1]! & 0xef;
  }
  if (!memory && /^BS[FR]$/.test(row.row.name)) for (let n = 0; n < 16; n++) regs[n] = regs[n]! | 0x8001n;
}

/** CMPXCHG should succeed now and then. */
function makeCompareLikely(row: Decoded, regs: bigint[], data: Uint8Array, random: Random): void {
  if (!row.row.name.startsWith('CMPXCHG') || random.below(2)) return;
  data.fill(0);
  regs[0] = regs[2] = 0n;
}

function pushImmediate(row: Decoded, bytes: number[], prefix66: boolean, wide: boolean,
  random: Random): void {
  for (const op of row.operands.filter((o) => o.place === 'I')) {
    const size = { b: 1, bs: 1, w: 2, z: prefix66 && !wide ? 2 : 4, v: wide ? 8 : prefix66 ? 2
      : 4 }[op.width]!;
    for (let i = 0; i < size; i++) bytes.push(random.below(4) ? random.below(256) : random.below(2) * 255);
  }
}
