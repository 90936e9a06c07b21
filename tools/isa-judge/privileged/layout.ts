// Privileged cases: what the harness (harness.S) is given and gives back, its memory map, and the packed
// forms of both. The harness runs alone on a machine: for each case it copies a template over the arena,
// patches it, loads the case's registers, enters it, and reports the registers and the changed memory that
// the next event finds. Numbers here are the harness's own; it is assembled with the definitions of
// `assemblerDefinitions`.

/** Guest-physical. The arena is all memory that a case may change; one 16-bit segment reaches all of it. */
export const ARENA = 0x10000, ARENA_BYTES = 0x10000, IMAGE = 0x100000, BLOB = 0x200000;
export const RAM_MIB = 32;
/** Where the frame of the IRETQ that enters a case lies, in the arena. */
export const ENTRY_FRAME = 0xa100;
/** Entries of the handlers, in 64-bit code. */
export const STUBS = 0x101000, STUB_BYTES = 16;
/** Of the blob: where to begin, how many, where cases are, where results go (0: port E9); then a template. */
export const PARAMS = { start: 0, count: 4, cases: 8, out: 12, current: 16, ended: 20 } as const;
const TEMPLATE_AT = 0x10000;

/** Registers of a case, before and after; 8 bytes each. Limits are in the upper 16 bits. */
export const FIELDS = [
  'size', 'pending', 'cr0', 'cr3', 'cr4', 'efer', 'xcr0', 'cr2', 'cr8', 'dr0', 'dr1', 'dr2', 'dr3', 'dr6',
  'dr7', 'star', 'lstar', 'cstar', 'fmask', 'sysenterCs', 'sysenterEsp', 'sysenterEip', 'fsBase', 'gsBase',
  'kernelGsBase', 'tscAux', 'pat', 'gdtLimit', 'gdtBase', 'idtLimit', 'idtBase', 'ldtr', 'tr', 'es', 'ds',
  'fs', 'gs', 'rip', 'cs', 'rflags', 'rsp', 'ss', 'rax', 'rcx', 'rdx', 'rbx', 'rbp', 'rsi', 'rdi', 'r8', 'r9',
  'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'vector',
] as const;
export type FieldName = (typeof FIELDS)[number];
export type Registers = Record<FieldName, bigint>;
const BLOCK_BYTES = FIELDS.length * 8;

/** Bytes put into the arena before the case. */
export interface Patch { at: number; bytes: ArrayLike<number> }
export interface PrivilegedCase {
  registers: Registers;
  patches: Patch[];
}
/** Ended: the machine reset itself (triple fault), or nothing came for some seconds. */
export const enum Ended { EVENT = 0, RESET = 1, NOTHING = 2 }
export interface PrivilegedOutcome {
  ended: Ended;
  registers: Registers;
  /** Changed quadwords of the arena: offset and value. */
  memory: [at: number, value: bigint][];
}

export function assemblerDefinitions(): string {
  const lines = [`ARENA ${ARENA}`, `ARENA_BYTES ${ARENA_BYTES}`, `IMAGE ${IMAGE}`, `STUBS ${STUBS}`,
    `STUB_BYTES ${STUB_BYTES}`, `TEMPLATE ${BLOB + TEMPLATE_AT}`, `BLOCK_BYTES ${BLOCK_BYTES}`, `ENTRY_FRAME ${ARENA + ENTRY_FRAME}`,
    ...Object.entries(PARAMS).map(([name, at]) => `P_${name} ${BLOB + at}`),
    ...FIELDS.map((name, n) => `F_${name} ${n * 8}`)];
  return `${lines.map((line) => `#define ${line}`).join('\n')}\n`;
}

function packCase({ registers, patches }: PrivilegedCase): Buffer {
  const bytes = patches.reduce((sum, p) => sum + 4 + p.bytes.length, 0);
  const out = Buffer.alloc(BLOCK_BYTES + 8 + (bytes + 7 & ~7));
  FIELDS.forEach((name, n) => out.writeBigUInt64LE(BigInt.asUintN(64, registers[name]), n * 8));
  out.writeBigUInt64LE(BigInt(out.length), 0);
  out.writeUInt32LE(patches.length, BLOCK_BYTES);
  let at = BLOCK_BYTES + 8;
  for (const patch of patches) {
    out.writeUInt16LE(patch.at, at);
    out.writeUInt16LE(patch.bytes.length, at + 2);
    out.set(Uint8Array.from(patch.bytes), at + 4);
    at += 4 + patch.bytes.length;
  }
  return out;
}

/** Template and cases; the harness begins with case `start`. `out`: address for results, 0 for port E9. */
export function packBlob(template: Uint8Array, cases: readonly PrivilegedCase[], start: number,
  out: number): Buffer {
  const head = Buffer.alloc(TEMPLATE_AT), packed = cases.map(packCase);
  const casesAt = BLOB + TEMPLATE_AT + ARENA_BYTES;
  const skipped = packed.slice(0, start).reduce((sum, p) => sum + p.length, 0);
  head.writeUInt32LE(start, PARAMS.start);
  head.writeUInt32LE(cases.length, PARAMS.count);
  head.writeUInt32LE(casesAt + skipped, PARAMS.cases);
  head.writeUInt32LE(out, PARAMS.out);
  head.writeUInt32LE(start, PARAMS.current);
  return Buffer.concat([head, template, ...packed]);
}

/** The result at `at`, and where the next one begins; undefined if it is not all there. */
export function unpackResult(bytes: Buffer, at: number): [PrivilegedOutcome, number] | undefined {
  if (bytes.length < at + 8) return undefined;
  const length = bytes.readUInt32LE(at);
  if (length < 8 + BLOCK_BYTES) throw new Error(`a result of the harness has ${length} bytes`);
  if (bytes.length < at + length) return undefined;
  const registers = Object.fromEntries(FIELDS.map((name, n) =>
    [name, bytes.readBigUInt64LE(at + 8 + n * 8)])) as Registers;
  const memory: [number, bigint][] = [];
  for (let from = at + 8 + BLOCK_BYTES; from < at + length; from += 16) {
    memory.push([bytes.readUInt32LE(from), bytes.readBigUInt64LE(from + 8)]);
  }
  return [{ ended: Ended.EVENT, registers, memory }, at + length];
}

/** A case that did not come back. */
export function lost(ended: Ended, before: Registers): PrivilegedOutcome {
  return { ended, registers: before, memory: [] };
}
