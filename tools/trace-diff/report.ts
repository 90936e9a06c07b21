// Text of a comparison's result for people.

import { spawnSync } from 'node:child_process';
import { addressOf, type CompareResult, type Difference } from './compare.ts';
import { formatValue, REGISTERS, RIP, type TraceRecord } from './record.ts';

/** A file with the code, for disassembly where QEMU's log has none. */
export interface CodeFile {
  file: string;
  /** Load address of a raw image; undefined for an ELF file. */
  address?: number | undefined;
  mode: 'real' | 'protected' | 'long';
}

const FLAG_NAMES: ReadonlyArray<readonly [number, string]> = [[0x1, 'CF'], [0x4, 'PF'], [0x10, 'AF'],
  [0x40, 'ZF'], [0x80, 'SF'], [0x100, 'TF'], [0x200, 'IF'], [0x400, 'DF'], [0x800, 'OF'], [0x3000, 'IOPL'], [0x4000, 'NT'],
  [0x40000, 'AC']];
const MACHINES = { real: 'i8086', protected: 'i386', long: 'i386:x86-64' };
const LONGEST_INSTRUCTION = 15;
const DETOURS_SHOWN = 20;

export function flagNames(flags: number): string {
  const names = FLAG_NAMES.filter(([mask]) => (flags & mask) !== 0).map(([, name]) => name);
  return names.join(' ');
}

/** One instruction by objdump; undefined where objdump or the code is not there. */
export function disassemble(code: CodeFile, address: bigint): string | undefined {
  const raw = code.address === undefined ? ['-d']
    : ['-D', '-b', 'binary', '-m', MACHINES[code.mode], `--adjust-vma=${code.address}`];
  const end = address + BigInt(LONGEST_INSTRUCTION);
  const done = spawnSync('objdump', [...raw, '--no-show-raw-insn',
    `--start-address=0x${address.toString(16)}`, `--stop-address=0x${end.toString(16)}`, code.file], { encoding: 'utf8' });
  if (done.status !== 0) return undefined;
  return /^\s*[0-9a-f]+:\s+(\S.*)$/m.exec(done.stdout)?.[1]?.replace(/\s+/g, ' ').trim();
}

export class Reporter {
  readonly #code: CodeFile | undefined;
  /** Disassembly seen in QEMU's log, for Skep's records. */
  readonly #texts = new Map<string, string>();

  constructor(code?: CodeFile) {
    this.#code = code;
  }

  #learn(records: readonly TraceRecord[]): void {
    for (const record of records) {
      if (record.text !== undefined) this.#texts.set(addressOf(record), record.text);
    }
  }

  #text(record: TraceRecord): string {
    const address = addressOf(record);
    const known = record.text ?? this.#texts.get(address);
    if (known !== undefined) return known;
    return (this.#code === undefined ? undefined : disassemble(this.#code, BigInt(`0x${address}`))) ?? '?';
  }

  #line(mark: string, record: TraceRecord): string {
    const number = String(record.number).padStart(10);
    return `  ${mark} ${number}  ${formatValue(record, RIP)}  ${this.#text(record)}`;
  }

  difference(difference: Difference): string {
    const { before, qemu, skep } = difference;
    this.#learn([...before.map(([record]) => record), qemu, ...difference.qemuAfter]);
    const lines = [`difference after ${difference.at} equal instructions`];
    const last = before.at(-1)?.[0];
    lines.push(...before.map(([record]) => this.#line(record === last ? '>' : ' ', record)));
    const value = (record: TraceRecord | undefined, register: number): string =>
      record === undefined ? '-' : formatValue(record, register);
    for (const register of difference.registers) {
      lines.push(`  ${(REGISTERS[register] ?? '').padEnd(6)} before ${value(last, register)}  `
        + `QEMU ${value(qemu, register)}  Skep ${value(skep, register)}`);
    }
    if (difference.flags !== 0) {
      const index = REGISTERS.indexOf('rflags');
      lines.push(`  rflags before ${value(last, index)}  QEMU ${value(qemu, index)}  `
        + `Skep ${value(skep, index)}  differ in ${flagNames(difference.flags)}`);
    }
    if (difference.looseFlags !== 0) {
      lines.push(`  (${flagNames(difference.looseFlags)} had been left undefined earlier and differed)`);
    }
    const onwards = (name: string, first: TraceRecord, rest: TraceRecord[]): string[] =>
      [`  ${name} goes on:`, ...[first, ...rest].map((record) => this.#line(' ', record))];
    lines.push(...onwards('QEMU', qemu, difference.qemuAfter));
    lines.push(...onwards('Skep', skep, difference.skepAfter));
    return lines.join('\n');
  }

  summary(result: CompareResult): string {
    const lines: string[] = [];
    for (const detour of result.detours.slice(0, DETOURS_SHOWN)) {
      const why = detour.why === 'one side' ? 'interrupt or fault on one side'
        : 'after an irreproducible result';
      this.#learn([detour.record]);
      lines.push(`detour after ${detour.at}: ${detour.qemu} instructions of QEMU, ${detour.skep} of Skep, `
        + `${why}, at ${formatValue(detour.record, RIP)} ${this.#text(detour.record)}`);
    }
    const more = result.detours.length - DETOURS_SHOWN;
    if (more > 0) lines.push(`... and ${more} more`);
    lines.push(...result.differences.map((difference) => this.difference(difference)));
    const count = result.differences.length;
    const verdict = count > 0 ? `${count} difference(s)` : 'no difference';
    lines.push(`${verdict}: ${result.compared} instructions compared, ${result.detours.length} detours, `
      + `${result.held} results held back; ended by: ${result.end}`);
    return lines.join('\n');
  }
}
