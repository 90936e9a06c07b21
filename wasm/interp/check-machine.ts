// A bare CPU with 16 MiB of RAM for the unit tests of handlers: builds wasm/interp/*-check.ts, writes CPU
// fields, records and memory, runs one handler. Not part of the core (no AssemblyScript here).

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RAM_PAGES = 4096;
/** Where the record of the tested instruction lies: in the constants' region, above the data segments. */
const RECORD = 0xf0000;
const FIELDS = [
  'cr0', 'cr3', 'cr4', 'efer', 'eflags', 'excVector', 'excError', 'excAddress', 'apicBase', 'shadow', 'runState', 'gdtrBase',
  'gdtrLimit', 'xcr0', 'dr7', 'id', 'tscAux', 'mxcsr', 'cpl', 'fpuTop', 'fpuEmpty',
] as const;
export type Field = (typeof FIELDS)[number];
const NARROW: ReadonlySet<string> = new Set([
  'excVector', 'excError', 'shadow', 'runState', 'gdtrLimit', 'id', 'mxcsr', 'cpl', 'fpuTop', 'fpuEmpty',
]);
const REGS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13',
  'r14', 'r15'] as const;
export type Reg = (typeof REGS)[number];

export interface RecordFields {
  len?: number; flags?: number; reg?: number; rm?: number; base?: number; index?: number; seg?: number;
    opSize?: number;
  addrSize?: number; mode?: number; disp?: bigint; imm?: bigint;
}

export const NEXT = 0, FAULT = 1, END = 2, JUMP = 3, RETRY = 4;

/** Compile one test entry into build/ and return its path. */
export function buildCheck(name: string): string {
  mkdirSync(`${ROOT}build`, { recursive: true });
  const config = `${ROOT}build/check-config.json`;
  writeFileSync(config, '{"entries":[],"options":{}}');
  const out = `build/${name}.wasm`;
  execFileSync('npx', ['asc', `wasm/interp/${name}.ts`, '--config', config, '-o', out, '--importMemory', '--sharedMemory',
    '--initialMemory', '1024', '--maximumMemory', '65536', '--memoryBase', '1024', '--runtime', 'stub', '--noAssert', '--stackSize',
    '0', '--enable', 'simd,threads,bulk-memory,nontrapping-f2i,sign-extension,mutable-globals', '-O1',
    '--use', 'abort=wasm/lib/host/abort', '--disableWarning'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
  return `${ROOT}${out}`;
}

type Handler = (cpu: number, record: number) => number;

export class CheckMachine {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** What the core logged. */
  readonly log: [number, bigint, bigint][] = [];
  /** Nanoseconds of machine time. */
  now = 0;
  readonly exports: Record<string, CallableFunction>;
  readonly cpu: number;
  readonly ram: number;
  private readonly offsets = new Map<string, number>();

  constructor(wasm: string, layout: { CPU_BLOCKS: number; CPU_BLOCK_BYTES: number; CONTROL: number }) {
    this.cpu = layout.CPU_BLOCKS;
    this.ram = layout.CPU_BLOCKS + layout.CPU_BLOCK_BYTES;
    const initial = this.ram / 65536 + RAM_PAGES / 16;
    this.memory = new WebAssembly.Memory({ initial, maximum: 65536, shared: true });
    const buffer = this.memory.buffer as SharedArrayBuffer;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    const host = {
      now: () => this.now,
      log: (code: number, a: bigint, b: bigint) => { this.log.push([code, a, b]); },
      panic: (code: number) => { throw new Error(`core panic ${code}`); },
      install: () => 0,
    };
    const module = new WebAssembly.Module(readFileSync(wasm));
    this.exports = new WebAssembly.Instance(module,
      { env: { memory: this.memory }, host }).exports as Record<string, CallableFunction>;
    // Control words: CPUS at 8, RAM_BASE and RAM_PAGES at 0x0C, HOST_CORES at 0x14, TSC_HZ at 0x18.
    this.view.setUint32(layout.CONTROL + 0x08, 1, true);
    this.view.setUint32(layout.CONTROL + 0x0c, this.ram, true);
    this.view.setUint32(layout.CONTROL + 0x10, RAM_PAGES, true);
    this.view.setUint32(layout.CONTROL + 0x14, 4, true);
    this.view.setBigUint64(layout.CONTROL + 0x18, 1_000_000_000n, true);
    FIELDS.forEach((name, n) => this.offsets.set(name, this.exports.fieldOffset!(n) as number));
    REGS.forEach((name, n) => this.offsets.set(name, n * 8));
    this.exports.physInit!();
    this.reset();
  }

  /** Flat 64-bit mode without paging, CPL 0, interrupts off. */
  reset(): void {
    // State, and the inbox page behind it.
    this.bytes.fill(0, this.cpu, this.cpu + 0x1000);
    this.bytes.fill(0, this.cpu + 0x1000, this.cpu + 0x2000);
    this.set('eflags', 2n);
    this.set('efer', 0x500n);
    this.set('cr0', 0x11n);
    this.exports.resetMsrs!(this.cpu);
    this.set('efer', 0x500n);
    for (let n = 0; n < 6; n++) this.segment(n, 0n, 0xffffffff, n === 1 ? 0xa09b : 0xc093);
    this.exports.updateMode!(this.cpu);
    this.exports.tlbResetMode!(this.cpu);
    this.log.length = 0;
  }

  /** Flat 32-bit protected mode. */
  legacy(): void {
    this.set('efer', 0n);
    this.segment(1, 0n, 0xffffffff, 0xc09b);
    this.exports.updateMode!(this.cpu);
    this.exports.tlbResetMode!(this.cpu);
  }

  /** Privilege 3 by SS.DPL. */
  user(): void {
    this.segment(2, 0n, 0xffffffff, 0xc0f3);
    this.exports.updateMode!(this.cpu);
  }

  segment(n: number, base: bigint, limit: number, attr: number): void {
    const at = this.cpu + 0x400 + n * 32;
    this.view.setBigUint64(at, base, true);
    this.view.setUint32(at + 8, limit, true);
    this.view.setUint16(at + 14, attr, true);
    this.view.setUint32(at + 16, 0, true);
    this.exports.refreshSegment!(this.cpu, n);
  }

  set(name: Field | Reg, value: bigint): void {
    const at = this.cpu + this.offsets.get(name)!;
    if (NARROW.has(name)) this.view.setUint32(at, Number(value), true);
    else this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  get(name: Field | Reg): bigint {
    const at = this.cpu + this.offsets.get(name)!;
    return NARROW.has(name) ? BigInt(this.view.getUint32(at, true)) : this.view.getBigUint64(at, true);
  }

  /** Write the record and execute the exported handler; its Status. */
  run(handler: string, fields: RecordFields = {}): number {
    const f = { len: 3, flags: 0, reg: 0, rm: 0, base: 128, index: 128, seg: 3, opSize: 2, addrSize: 2,
      mode: 2, disp: 0n, imm: 0n, ...fields };
    const v = this.view;
    v.setBigUint64(RECORD, 0n, true);
    v.setUint8(RECORD + 4, f.len);
    v.setUint8(RECORD + 5, f.flags);
    v.setUint8(RECORD + 6, f.reg);
    v.setUint8(RECORD + 7, f.rm);
    v.setUint8(RECORD + 8, f.base);
    v.setUint8(RECORD + 9, f.index);
    v.setUint8(RECORD + 10, f.seg);
    v.setUint8(RECORD + 11, f.opSize | (f.addrSize << 2) | (f.mode << 4));
    v.setBigInt64(RECORD + 16, f.disp, true);
    v.setBigInt64(RECORD + 24, f.imm, true);
    return (this.exports[handler] as Handler)(this.cpu, RECORD);
  }

  /** Guest memory at a physical address. */
  write(pa: number, data: ArrayLike<number>): void { this.bytes.set(data, this.ram + pa); }
  read(pa: number, n: number): number[] { return [...this.bytes.subarray(this.ram + pa, this.ram + pa + n)]; }

  /** XMM register n as sixteen bytes. */
  xmm(n: number): number[] { return [...this.bytes.subarray(this.cpu + 0x600 + n * 16, this.cpu + 0x610
    + n * 16)]; }
  setXmm(n: number, data: ArrayLike<number>): void { this.bytes.set(data, this.cpu + 0x600 + n * 16); }
  /** MMX register n. */
  mmx(n: number): number[] { return [...this.bytes.subarray(this.cpu + 0x500 + n * 16, this.cpu + 0x508
    + n * 16)]; }
  setMmx(n: number, data: ArrayLike<number>): void { this.bytes.set(data, this.cpu + 0x500 + n * 16); }
}
