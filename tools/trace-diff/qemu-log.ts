// Reads the log that QEMU (7.2 and newer) writes with `-singlestep -d cpu,nochain,in_asm` (newer: `-accel
// tcg,one-insn-per-tb=on`): a register dump before every instruction, and the disassembly of each instruction
// when it is first translated. The log grows by 200 MB a second, so bytes are read in place and everything
// between the flags and EFER, the last line of a dump, is skipped. Left out: segments except CS.base, control
// registers, the floating-point state.

import { RFLAGS, RIP, readHex, REGISTERS, type TraceParser, type TraceRecord } from './record.ts';

// x86_cpu_dump_state prints RAX RBX RCX RDX / RSI RDI RBP RSP / R8 … R15 / RIP RFL, or the E names without R8
// ….
const WIDE_FIELDS = 16;
const NARROW_FIELDS = 8;
const LAST_LINE = Buffer.from('\nEFER=');
const CODE_SEGMENT = Buffer.from('\nCS =');
const CODE_BLOCK = Buffer.from('IN:');
const EQUALS = 61;
const NEWLINE = 10;

export class QemuLogParser implements TraceParser {
  #rest: Buffer = Buffer.alloc(0);
  #number = 0;
  /** Disassembly by linear address (hexadecimal, 16 digits); replaced when code is translated again. */
  readonly #code = new Map<string, string>();

  push(chunk: Uint8Array): TraceRecord[] {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const records: TraceRecord[] = [];
    let start = 0;
    for (;;) {
      const last = bytes.indexOf(LAST_LINE, start);
      if (last < 0) break;
      const end = bytes.indexOf(NEWLINE, last + 1);
      if (end < 0) break;
      const record = this.#readDump(bytes.subarray(start, last));
      if (record !== undefined) records.push(record);
      start = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(start));
    return records;
  }

  end(): TraceRecord[] {
    return [];
  }

  /**
   * `bytes`: what lies between two dumps (disassembly, other messages), then a dump without its last line.
   */
  #readDump(bytes: Buffer): TraceRecord | undefined {
    let start = findDump(bytes);
    if (start < 0) return undefined;
    if (start > 0) this.#readCode(bytes.subarray(0, start));
    const wide = bytes[start] === 'R'.charCodeAt(0);
    const values = new Uint32Array(2 * REGISTERS.length);
    const fields = wide ? WIDE_FIELDS : NARROW_FIELDS;
    const order = (field: number): number => field < fields ? field + 1 : field === fields ? RIP : RFLAGS;
    for (let field = 0; field < fields + 2; field++) {
      start = bytes.indexOf(EQUALS, start) + 1;
      if (start === 0) return undefined;
      start = readHex(bytes, start, values, order(field));
    }
    const text = this.#textAt(bytes, start, values);
    return { number: this.#number++, values, wide, ...(text === undefined ? {} : { text }) };
  }

  #textAt(bytes: Buffer, from: number, values: Uint32Array): string | undefined {
    let address = (BigInt(values[2 * RIP + 1] ?? 0) << 32n) | BigInt(values[2 * RIP] ?? 0);
    const segment = bytes.indexOf(CODE_SEGMENT, from);
    if (segment >= 0) {
      // "CS =0010 0000000000000000 ffffffff 00af9b00": selector, base, limit, attributes.
      const base = new Uint32Array(2);
      readHex(bytes, segment + 'xCS =0010 '.length, base, 0);
      address += (BigInt(base[1] ?? 0) << 32n) | BigInt(base[0] ?? 0);
    }
    return this.#code.get(codeKey(address));
  }

  #readCode(bytes: Buffer): void {
    if (bytes.indexOf(CODE_BLOCK) < 0) return;
    for (const match of bytes.toString('latin1').matchAll(/^0x([0-9a-f]+):\s+(?:[0-9a-f]{2} )+\s*(.*)$/gm)) {
      // The bytes of a long instruction go on in a second line, which has no mnemonic.
      const text = (match[2] ?? '').trim();
      if (text !== '') this.#code.set(codeKey(BigInt(`0x${match[1]}`)), text.replace(/\s+/g, ' '));
    }
  }
}

function codeKey(address: bigint): string {
  return BigInt.asUintN(64, address).toString(16);
}

/** Offset of the line that starts a register dump, or -1. */
function findDump(bytes: Buffer): number {
  for (const name of ['RAX=', 'EAX=']) {
    if (bytes.subarray(0, name.length).toString('latin1') === name) return 0;
  }
  // The dump is the last thing in the piece: look from its end.
  const wide = bytes.lastIndexOf('\nRAX=');
  const narrow = bytes.lastIndexOf('\nEAX=');
  return Math.max(wide, narrow) < 0 ? -1 : Math.max(wide, narrow) + 1;
}
