// A core for the tests of the decoder and of the inner loops: a CPU state in 64-bit or flat 32-bit mode whose
// TLB tables hold two data pages.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { CPU_BLOCK_BYTES } from '../../../src/emu/generated-layout.ts';

export const DATA = 0x10000000;

export const CPU = 0x6000000, RECORD = 0x6010000, CODE = 0x6011000, INDEX = 0x6012000, ATTENTION = 0x6018000;
export const TLB = 0x6020000, PAGES = 0x6040000, SLOTS = 4096, IP_BASE = 0x20000000n;
const M64 = 2;
/** A whole CPU block from CPU on. */
const MEMORY_PAGES = (CPU + CPU_BLOCK_BYTES) / 65536;

/** Compile entry.ts; the path of the wasm file. */
export function buildCore(root: string, name: string): string {
  const out = `${root}/build/${name}.wasm`;
  mkdirSync(`${root}/build`, { recursive: true });
  // The shipped build's configuration must not add its entry.
  if (process.env['KEEP_CORE'] === undefined) execFileSync('node',
    [`${root}/node_modules/assemblyscript/bin/asc.js`, 'wasm/decode/testing/entry.ts', '--config',
    'none.json',
    '--importMemory', '--sharedMemory', '--initialMemory', '1024', '--maximumMemory', '65536', '--memoryBase', '1024',
    '--runtime', 'stub', '--noAssert', '--exportTable', '-O1', '--use', 'abort=wasm/lib/host/abort',
      '--disableWarning', '--outFile', out, '--textFile', `${out}.wat`,
    ...['simd', 'threads', 'bulk-memory', 'nontrapping-f2i', 'sign-extension',
      'mutable-globals'].flatMap((f) => ['--enable', f])],
  { cwd: root });
  return out;
}

/** Byte offset of each field of Cpu, from the class itself. */
function cpuFields(): Map<string, { at: number; bytes: number }> {
  const text = readFileSync(new URL('../../cpu/state.ts', import.meta.url), 'utf8');
  const body = text.slice(text.indexOf('export class Cpu'));
  const fields = new Map<string, { at: number; bytes: number }>();
  let at = 0;
  for (const m of body.slice(0, body.indexOf('\n}')).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '').matchAll(/(\w+): (u32|u64|i64|i32);/g)) {
    const bytes = m[2]!.endsWith('64') ? 8 : 4;
    at = (at + bytes - 1) & -bytes;
    fields.set(m[1]!, { at, bytes });
    at += bytes;
  }
  return fields;
}

type Execute = (c: number, start: number, index: number, records: number, attention: number) => number;

/** Inner loop of 64-bit code, of flat 32-bit code, and of segmented code with the same flat segments. */
export type Loop = 'execute' | 'executeFlat' | 'executeSegmented';

export interface Exports {
  decodeInsn(c: number, bytes: number, avail: number, off: number, mode: number, r: number): number;
  /** Write LINK or STOP for page offset `off` into record r. */
  sentinel(r: number, op: number, off: number): void;
  icacheLeave(r: number, records: number): void;
  icacheReset(c: number): void;
  /** Slot of a page, made when missing. */
  icacheSlot(c: number, page: number, mode: number): number;
  icachePin(c: number, slot: number): void;
  jumpSelect(c: number): void;
  jumpReset(c: number): void;
  jumpFlush(c: number): void;
  jumpFlushNonGlobal(c: number): void;
  jumpForget(c: number): void;
  jumpRemember(c: number, va: bigint, index: number, record: number, records: number, global: boolean): void;
  jumpFind(c: number, target: bigint): number;
  execute: Execute;
  executeFlat: Execute;
  executeSegmented: Execute;
  getFlags(c: number): bigint;
  setFlags(c: number, value: bigint): void;
  /** Taken branches until an inner loop comes back. */
  refuel(n: number): void;
}

export class Core {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly exports: Exports;
  private readonly fields = cpuFields();

  constructor(path: string) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: 65536, shared: true });
    // Reached only by accesses outside the two pages, which are not compared.
    const host = new Proxy({}, { get: () => (): number => 0 });
    const imports = new Proxy({}, { get: (_, module) => (module === 'env' ? { memory } : host), has: () => true });
    const module = new WebAssembly.Module(readFileSync(path));
    this.exports = new WebAssembly.Instance(module,
      imports as WebAssembly.Imports).exports as unknown as Exports;
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.fillTlb();
  }

  private fillTlb(): void {
    this.bytes.fill(0x7f, TLB, TLB + SLOTS * 16);
    for (const page of [DATA, DATA + 4096]) {
      const entry = TLB + ((page >>> 12) & (SLOTS - 1)) * 16;
      this.view.setBigUint64(entry, BigInt(page), true);
      this.view.setUint32(entry + 8, PAGES + (page - DATA) - page, true);
    }
  }

  set(name: string, value: bigint): void {
    const f = this.fields.get(name)!;
    if (f.bytes === 8) this.view.setBigUint64(CPU + f.at, value, true);
    else this.view.setUint32(CPU + f.at, Number(value), true);
  }

  get(name: string): bigint {
    const f = this.fields.get(name)!;
    return f.bytes === 8 ? this.view.getBigUint64(CPU + f.at, true)
      : BigInt(this.view.getUint32(CPU + f.at, true));
  }

  /** 64-bit user mode, registers 0, both data pages mapped. */
  reset(bits: 32 | 64 = 64): void {
    this.bytes.fill(0, CPU, CPU + 0x1000);
    for (const [name, value] of [['mode64', 1], ['longMode', 1], ['codeMode', M64], ['tlbRead', TLB],
      ['tlbWrite', TLB], ['cpl', 3]] as const) {
      this.set(name, BigInt(value));
    }
    if (bits === 32) this.compatibility();
    else this.set('ipMask', 0xffffffffffffffffn);
    if (bits === 64) this.set('stackMask', 0xffffffffffffffffn);
    this.set('ipBase', IP_BASE);
  }

  /** Flat 32-bit segments. */
  private compatibility(): void {
    const SEGMENTS = CPU + 0x400;
    this.set('mode64', 0n);
    this.set('codeMode', 1n);
    this.set('ipMask', 0xffffffffn);
    this.set('stackMask', 0xffffffffn);
    for (let n = 0; n < 6; n++) {
      this.view.setUint32(SEGMENTS + n * 32 + 8, 0xffffffff, true);
      this.view.setUint16(SEGMENTS + n * 32 + 14, n === 1 ? 0xc0fb : 0xc0f3, true);
      this.view.setUint32(SEGMENTS + n * 32 + 16, 3, true);
      this.view.setUint32(SEGMENTS + n * 32 + 20, 0xffffffff, true);
      this.view.setUint32(SEGMENTS + n * 32 + 24, n === 1 ? 0 : 0xffffffff, true);
    }
  }
}
