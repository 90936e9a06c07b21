// One record of a register trace: the state of a CPU before it executes the instruction at rip.
// The text form that Skep writes, one line per instruction:
//   icount cpu rip rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rflags
// icount and cpu are decimal, the rest hexadecimal without prefix; a line that starts with # is a comment,
// and fields after rflags are not read. Values are kept as halves of 32 bits: traces have millions of
// records.

export const REGISTERS = ['rip', 'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10',
  'r11', 'r12', 'r13', 'r14', 'r15', 'rflags'] as const;
export type Register = (typeof REGISTERS)[number];

export const RIP = 0;
export const RAX = 1;
export const RCX = 3;
export const RSI = 5;
export const RDI = 6;
export const RFLAGS = REGISTERS.length - 1;
const FIELDS_BEFORE = 2;

export interface TraceRecord {
  /** Position in its trace, from 0, before records were dropped as repetitions. */
  number: number;
  /** Low and high half of each register, in the order of REGISTERS. */
  values: Uint32Array;
  /** False where only the low 32 bits of the registers are known (QEMU outside 64-bit code). */
  wide: boolean;
  /** Disassembly, where the trace has it. */
  text?: string;
}

const HEX_DIGIT = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX_DIGIT[digit.toString(16).charCodeAt(0)] = digit;
  HEX_DIGIT[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/**
 * Reads the hexadecimal number at `at` into register `index` of `values`; returns the offset after its last
 * digit, or `at` itself where no digit is.
 */
export function readHex(bytes: Uint8Array, at: number, values: Uint32Array, index: number): number {
  let low = 0;
  let high = 0;
  for (;; at++) {
    const digit = HEX_DIGIT[bytes[at] ?? 0] ?? -1;
    if (digit < 0) break;
    high = (high << 4) | (low >>> 28);
    low = (low << 4) | digit;
  }
  values[2 * index] = low;
  values[2 * index + 1] = high;
  return at;
}

export function formatValue(record: TraceRecord, index: number): string {
  const [low = 0, high = 0] = [record.values[2 * index], record.values[2 * index + 1]];
  const text = low.toString(16).padStart(8, '0');
  return record.wide && index !== RFLAGS ? high.toString(16).padStart(8, '0') + text : text;
}

export function formatLine(record: TraceRecord, cpu = 0): string {
  return `${record.number} ${cpu} ${REGISTERS.map((_, index) => formatValue(record, index)).join(' ')}`;
}

/** A parser of trace text that comes in pieces. */
export interface TraceParser {
  push(chunk: Uint8Array): TraceRecord[];
  end(): TraceRecord[];
}

const NEWLINE = 10;
const SPACE = 32;
const HASH = 35;

/** Reads the text form; records of other CPUs than `cpu` are dropped. */
export class SkepTraceParser implements TraceParser {
  #rest: Uint8Array = new Uint8Array(0);
  #number = 0;
  #line = 0;
  readonly #cpu: number;

  constructor(cpu = 0) {
    this.#cpu = cpu;
  }

  push(chunk: Uint8Array): TraceRecord[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: TraceRecord[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#readLine(bytes.subarray(start, end), records);
      start = end + 1;
    }
    this.#rest = bytes.slice(start);
    return records;
  }

  end(): TraceRecord[] {
    const records: TraceRecord[] = [];
    // A cut last line is what a killed writer leaves.
    try {
      this.#readLine(this.#rest, records);
    } catch { /* as said */ }
    return records;
  }

  #readLine(line: Uint8Array, records: TraceRecord[]): void {
    this.#line++;
    if (line.length === 0 || line[0] === HASH) return;
    let at = 0;
    let cpu = 0;
    for (let field = 0; field < FIELDS_BEFORE; field++) {
      const end = line.indexOf(SPACE, at);
      if (end < 0) throw new Error(`line ${this.#line} of Skep's trace ends after field ${field + 1}`);
      cpu = Number(Buffer.from(line.subarray(at, end)).toString('latin1'));
      at = end + 1;
    }
    const values = new Uint32Array(2 * REGISTERS.length);
    for (let index = 0; index < REGISTERS.length; index++) {
      const next = readHex(line, at, values, index);
      if (next === at) throw new Error(`line ${this.#line} of Skep's trace has no ${REGISTERS[index]}`);
      at = next + 1;
    }
    if (cpu === this.#cpu) records.push({ number: this.#number++, values, wide: true });
  }
}
