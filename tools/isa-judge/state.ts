// What one judged case is: the state of a user program before one instruction (or a short stream), and the
// state after it. The memory map, the LDT and both packed forms are those of tools/silicon/judge.c. Registers
// are numbered as ModRM does; segments ES CS SS DS FS GS; x87 and SSE state is an FXSAVE image (SDM vol. 1
// table 10-2).

export const DATA = 0x10000000, PAGE = 4096, DATA_PAGES = 4, DATA_BYTES = PAGE * DATA_PAGES, READ_ONLY_PAGE =
  2;
export const CODE = 0x20000000, CODE_BYTES = 2 * PAGE;
/** RFLAGS.TF, with which cases run. */
export const TF = 0x100;
export const FX_BYTES = 512, FX_COMPARED = 416;

/** 16-, 32- and 64-bit code, as CodeMode of the core. */
export type Mode = 0 | 1 | 2;
export const MODES: readonly Mode[] = [2, 1, 0];
export const MODE_NAMES = ['16', '32', '64'] as const;

/** User segments of the GDT (Linux has the same), LDT entries 0 to 7 with RPL 3. */
export const CS32 = 0x23, DS32 = 0x2b, CS64 = 0x33, CS16 = 0x07, DS16 = 0x0f;
export const LDT = [
  { base: CODE, limit: 0xffff, bits32: 0, contents: 2, readOnly: 0, absent: 0 },
  { base: DATA, limit: 0x4fff, bits32: 0, contents: 0, readOnly: 0, absent: 0 },
  { base: DATA, limit: 0x0fff, bits32: 1, contents: 0, readOnly: 0, absent: 0 },
  { base: DATA, limit: 0x2fff, bits32: 1, contents: 0, readOnly: 1, absent: 0 },
  { base: DATA, limit: 0x07ff, bits32: 1, contents: 1, readOnly: 0, absent: 0 },
  { base: DATA, limit: 0x3fff, bits32: 1, contents: 2, readOnly: 0, absent: 0 },
  { base: DATA, limit: 0x3fff, bits32: 1, contents: 2, readOnly: 1, absent: 0 },
  { base: DATA, limit: 0x3fff, bits32: 1, contents: 0, readOnly: 0, absent: 1 },
] as const;

export interface Case {
  mode: Mode;
  steps: number;
  /** Byte that the rest of the code pages has. */
  filler: number;
  /** Offset in the code pages. */
  codeAt: number;
  code: number[];
  windowAt: number;
  /** Where the memory operand was meant to be. */
  operandAt: number;
  window: Uint8Array;
  regs: BigUint64Array;
  rip: bigint;
  flags: number;
  segments: Uint16Array;
  fsBase: bigint;
  gsBase: bigint;
  fx: Uint8Array;
  /** Without TF: the code runs to its first exception that is not repaired. */
  untraced?: boolean;
  /** Pages of the data area that are missing, a bit for each. */
  absent?: number;
  /** So many page faults in the data area make their page writable, and the code goes on. */
  repairs?: number;
  /** DR0 to DR3, and DR7. */
  watch?: { at: readonly bigint[]; control: number };
}

/**
 * How a case ended: all steps done, fault, stopped before an instruction that a stream may not have, no end
 * in time.
 */
export const enum End { DONE = 0, FAULT = 1, STOPPED = 2, TIME = 3 }

export interface Outcome {
  end: number;
  steps: number;
  vector: number;
  error: number;
  cr2: bigint;
  regs: BigUint64Array;
  rip: bigint;
  flags: number;
  segments: Uint16Array;
  fsBase: bigint;
  gsBase: bigint;
  fx: Uint8Array;
  /** B0 to B3 of DR6 of a debug exception, if the case has watched addresses. */
  watched?: number;
  /** Changed bytes of the data area: offset, value. */
  changes: [at: number, value: number][];
}

const FILLER = Uint8Array.from({ length: DATA_BYTES }, (_, n) => ((n * 0x9d + (n >> 8) * 0x35) ^ 0x5a) & 255);

/** The data area before the case. */
export function dataBefore(c: Case): Uint8Array {
  const data = FILLER.slice();
  data.set(c.window, c.windowAt);
  return data;
}

const WATCH_AT = 24 + 128 + 16 + 16 + 16 + FX_BYTES, HEADER_BYTES = WATCH_AT + 32 + 8;
const RESULT_BYTES = 16 + 8 + 128 + 16 + 16 + 16 + FX_BYTES + 8;

export function packCase(c: Case): Buffer {
  const out = Buffer.alloc(HEADER_BYTES + c.code.length + c.window.length);
  out.writeUInt32LE(c.steps, 0);
  out.writeUInt32LE(c.codeAt, 4);
  out.writeUInt32LE(c.code.length, 8);
  out.writeUInt32LE(c.windowAt, 12);
  out.writeUInt32LE(c.window.length, 16);
  out.writeUInt32LE(c.filler, 20);
  c.regs.forEach((v, n) => out.writeBigUInt64LE(v, 24 + n * 8));
  out.writeBigUInt64LE(c.rip, 152);
  out.writeBigUInt64LE(BigInt(c.flags), 160);
  c.segments.forEach((v, n) => out.writeUInt16LE(v, 168 + n * 2));
  out[180] = c.untraced === true ? 1 : 0;
  out[181] = c.absent ?? 0;
  out[182] = c.repairs ?? 0;
  out.writeBigUInt64LE(c.fsBase, 184);
  out.writeBigUInt64LE(c.gsBase, 192);
  out.set(c.fx, 200);
  c.watch?.at.forEach((v, n) => out.writeBigUInt64LE(v, WATCH_AT + n * 8));
  out.writeUInt32LE(c.watch?.control ?? 0, WATCH_AT + 32);
  out.set(c.code, HEADER_BYTES);
  out.set(c.window, HEADER_BYTES + c.code.length);
  return out;
}

/** The result at `at` of the runner's output, and where the next one begins. */
export function unpackResult(bytes: Buffer, at: number): [Outcome, number] {
  const regs = new BigUint64Array(16);
  for (let n = 0; n < 16; n++) regs[n] = bytes.readBigUInt64LE(at + 24 + n * 8);
  const segments = new Uint16Array(6);
  for (let n = 0; n < 6; n++) segments[n] = bytes.readUInt16LE(at + 168 + n * 2);
  const count = bytes.readUInt32LE(at + 200 + FX_BYTES);
  const changes: [number, number][] = [];
  for (let n = 0; n < count; n++) {
    const from = at + RESULT_BYTES + n * 4;
    changes.push([bytes.readUInt16LE(from), bytes.readUInt16LE(from + 2)]);
  }
  return [{
    end: bytes.readUInt32LE(at), steps: bytes.readUInt32LE(at + 4), vector: bytes.readUInt32LE(at + 8),
    error: bytes.readUInt32LE(at + 12), cr2: bytes.readBigUInt64LE(at + 16), regs,
      rip: bytes.readBigUInt64LE(at + 152),
    flags: Number(bytes.readBigUInt64LE(at + 160)), segments, fsBase: bytes.readBigUInt64LE(at + 184),
    gsBase: bytes.readBigUInt64LE(at + 192), fx: bytes.subarray(at + 200, at + 200 + FX_BYTES), changes,
    watched: bytes.readUInt32LE(at + 204 + FX_BYTES),
  }, at + RESULT_BYTES + count * 4];
}
