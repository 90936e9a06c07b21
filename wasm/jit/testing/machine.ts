// Two CPUs and 16 MiB for the tests of the translator: 64-bit code in identity-mapped memory, in this thread
// or in a worker. Addresses of tables and gates are this file's own; layouts are those of SDM vol. 3A 4.5 and
// 6.14.

import { Worker } from 'node:worker_threads';
import { CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../../src/emu/generated-layout.ts';
import { installCode } from '../../../src/emu/workers/core-thread.ts';

const FIELDS = ['rip', 'instructions', 'cr2', 'idtrBase', 'idtrLimit', 'cr4', 'cr0', 'fpuControl'] as const;
export const REGS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12',
  'r13', 'r14', 'r15'] as const;
type Name = (typeof FIELDS)[number] | (typeof REGS)[number];

/** Where the core puts the descriptor table of a direct boot; its entry 1 is free. */
export const BOOT_GDT = 0x5000;
const PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, IDT = 0x6000, STUBS = 0x7000;
export const STACK = 0xA000, CODE = 0x10000, DATA = 0x200000;
/** Mapped by 4 KiB pages, so that tests can take one away. */
export const SMALL = 0x400000;
const LARGE_PAGE = 0x83, SMALL_PAGE = 3, LARGE_BYTES = 0x200000, PAGE = 0x1000;
const LINUX64 = 1;
/** For 32-bit code: the last 4 MiB of its address space lie at HIGH, gates and tables of legacy mode. */
const HIGH = 0x800000, PD_HIGH = 0x8000, PD_LEGACY = 0xC000, PT_LEGACY = 0xD000;
const CODE_SELECTOR = 0x10, DATA_SELECTOR = 0x18;
/** The page at the top of 32-bit addresses, and where it lies. */
export const TOP = 0xFFFFF000, TOP_AT = 0xBFF000;
/** Base of GS in 32-bit code. */
export const GS_BASE = 0x1234;
const FS = 4, EXPAND_DOWN = 4;
export const GS = 5;
export type Mode = 'long' | 'compatibility' | 'legacy';
/** PAE, OSFXSR, OSXMMEXCPT. */
const CR4 = 0x620;
export const INTERPRETER = 0, TRANSLATOR = 4, FORCED = 4 | 16;
/** out %eax, $0xF4: the machine ends. */
export const END = [0xE7, 0xF4];
/** The XMM block in the CPU's state (docs/core.md). */
const XMM = 0x600;
/** The x87 registers, and the bytes from fpuControl on to fpuDs. */
const X87 = 0x500, X87_BYTES = 0x80, X87_FIELDS = 48;
const STATE_BYTES = 0x1000;
/** Two CPUs, the shadow CPU of checked regions, 16 MiB. */
const WASM_PAGES = (CPU_BLOCKS + 3 * CPU_BLOCK_BYTES) / 65536 + 256;

export interface Core {
  machineInit(): void; cpuInit(id: number): void; cpuRun(): number;
  setBootState(kind: number, entry: bigint, arg: bigint, cr3: bigint): void;
  configure(options: number, every: number): number; cpuOf(id: number): number; flagsOf(id: number): bigint;
    mxcsrOf(id: number): number;
    regionCount(): number; helperCalls(id: number): number; exitsOf(id: number, why: number): number;
  countOf(id: number, n: number): number;
  raiseNmi(id: number): void; storeAs(id: number, address: bigint, value: bigint): void;
    fieldOffset(n: number): number;
  enter32(cr3: number, codeSelector: number, dataSelector: number): void;
  setBase(segment: number, base: number, limit: number, type: number): void;
}

/** What a test does to functions before they are compiled: the list and its length (regions.ts `Listed`). */
export type Meddle = (memory: WebAssembly.Memory, list: number, count: number) => void;

/** A panic of the core. */
export class Panic extends Error {
  constructor(readonly code: number, detail: bigint) { super(`core panic ${code}, ${detail}`); }
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory,
  meddle: Meddle = () => {}): Core {
  const exports = new WebAssembly.Instance(module, {
    env: { memory },
    host: {
      now: () => performance.now() * 1e6,
      log: () => {},
      panic: (code: number, detail: bigint) => { throw new Panic(code, detail); },
      install: (list: number, count: number) => {
        meddle(memory, list >>> 0, count);
        return installCode(memory as never, exports, list >>> 0, count);
      },
    },
  }).exports;
  return exports as unknown as Core;
}

export interface Snapshot {
  regs: Record<string, bigint>; flags: bigint; instructions: bigint; rip: bigint; memory: Buffer;
  /** XMM0 to XMM15 as hexadecimal digits, lowest byte first. */
  xmm: string[];
  /** x87 registers and environment, MXCSR. */
  fpu: string;
}

const hex = (view: DataView): string =>
  Buffer.from(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice()).toString('hex');

export class JitMachine {
  readonly memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: 65536, shared: true });
  readonly core: Core;
  readonly view: DataView;
  /** One of so many entries into regions is checked, 0 = none. */
  checkRegions = 0;
  meddle: Meddle = () => {};
  private ram = 0;

  constructor(readonly module: WebAssembly.Module) {
    this.core = instantiate(module, this.memory, (...list) => this.meddle(...list));
    this.view = new DataView(this.memory.buffer);
  }

  /** A machine after reset with `code` at CODE, everything mapped, a stub that ends the machine behind every vector. */
  reset(options: number, code: readonly number[], mode: Mode = 'long'): void {
    this.ram = this.core.configure(options, this.checkRegions);
    this.core.machineInit();
    for (const id of [1, 0]) this.core.cpuInit(id);
    new Uint8Array(this.memory.buffer, this.ram, SMALL + LARGE_BYTES).fill(0);
    new Uint8Array(this.memory.buffer, this.ram + TOP_AT, PAGE).fill(0);
    this.write(PML4, PDPT | 3);
    this.write(PDPT, PD | 3);
    this.write(PDPT + 24, PD_HIGH | 3);
    for (const n of [0, 1]) this.write(PD_HIGH + 8 * (510 + n), (HIGH + n * LARGE_BYTES) | LARGE_PAGE);
    for (let n = 0; n < 8; n++) {
      this.write(PD + 8 * n, n * LARGE_BYTES === SMALL ? PT | SMALL_PAGE : (n * LARGE_BYTES) | LARGE_PAGE);
    }
    for (let n = 0; n < 512; n++) this.write(PT + 8 * n, (SMALL + n * PAGE) | SMALL_PAGE);
    for (let vector = 0; vector < 32; vector++) {
      const stub = STUBS + vector * 16;
      this.write(IDT + vector * 16, (BigInt(stub & 0xFFFF)) | 0x10n << 16n | 0x8E00n << 32n
        | BigInt(stub >>> 16) << 48n);
      this.put(stub, END);
    }
    this.put(CODE, code);
    this.core.setBootState(LINUX64, BigInt(CODE), 0n, BigInt(PML4));
    this.set('rsp', STACK);
    this.set('cr4', CR4);
    this.set('idtrBase', IDT);
    this.view.setUint32(this.at('idtrLimit'), 0xFFF, true);
    if (mode !== 'long') this.enter32(mode);
  }

  /** Flat 32-bit code with the same memory below 16 MiB; GS has a base, FS expands down from 1 MiB. */
  private enter32(mode: Mode): void {
    if (mode === 'legacy') {
      for (let n = 0; n < 4; n++) this.write32(PD_LEGACY + 4 * n, (n << 22) | LARGE_PAGE);
      this.write32(PD_LEGACY + 4 * (SMALL >>> 22), PT_LEGACY | SMALL_PAGE);
      for (let n = 0; n < 1024; n++) this.write32(PT_LEGACY + 4 * n, (SMALL + n * PAGE) | SMALL_PAGE);
      this.write32(PD_LEGACY + 4 * 1023, HIGH | LARGE_PAGE);
      for (let vector = 0; vector < 32; vector++) {
        const stub = STUBS + vector * 16;
        this.write32(IDT + vector * 8, (CODE_SELECTOR << 16) | (stub & 0xFFFF));
        this.write32(IDT + vector * 8 + 4, 0x8E00);
      }
      // The boot's descriptor of 64-bit code becomes one of 32-bit code.
      this.write32(BOOT_GDT + CODE_SELECTOR + 4, 0x00CF9B00);
    }
    this.core.enter32(mode === 'legacy' ? PD_LEGACY : 0, CODE_SELECTOR, DATA_SELECTOR);
    this.core.setBase(GS, GS_BASE, 0xFFFFFFFF, 0);
    this.core.setBase(FS, 0, 0xFFFFF, EXPAND_DOWN);
    this.set('rbp', DATA);
  }

  private at(name: Name, cpu = 0): number {
    const reg = (REGS as readonly string[]).indexOf(name);
    return this.core.cpuOf(cpu) + (reg >= 0 ? reg * 8
      : this.core.fieldOffset((FIELDS as readonly string[]).indexOf(name)));
  }
  get(name: Name): bigint { return this.view.getBigUint64(this.at(name), true); }
  set(name: Name, value: number | bigint): void {
    this.view.setBigUint64(this.at(name), BigInt(value), true);
  }
  /** The 16 bytes of XMM register n. */
  xmm(n: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.core.cpuOf(0) + XMM + 16 * n, 16);
  }
  get mxcsr(): number { return this.view.getUint32(this.core.mxcsrOf(0), true); }
  set mxcsr(value: number) { this.view.setUint32(this.core.mxcsrOf(0), value, true); }
  /** The eight physical x87 registers; control word to data segment. */
  x87Registers(): DataView { return new DataView(this.memory.buffer, this.core.cpuOf(0) + X87, X87_BYTES); }
  x87Fields(): DataView { return new DataView(this.memory.buffer, this.at('fpuControl'), X87_FIELDS); }
  put(address: number, bytes: readonly number[]): void {
    new Uint8Array(this.memory.buffer).set(bytes, this.ram + address);
  }
  write(address: number, value: number | bigint): void {
    this.view.setBigUint64(this.ram + address, BigInt.asUintN(64, BigInt(value)), true);
  }
  write32(address: number, value: number): void {
    this.view.setUint32(this.ram + address, value >>> 0, true);
  }
  read(address: number): bigint { return this.view.getBigUint64(this.ram + address, true); }
  unmap(address: number): void { this.write(PT + ((address - SMALL) / PAGE) * 8, 0); }

  /** Runs CPU 0 in this thread until the machine ends. */
  run(): void { this.core.cpuRun(); }

  /** Runs CPU 0 in a thread of its own; resolves with the number of regions when the machine has ended. */
  async runAside(meanwhile: () => Promise<void>): Promise<number> {
    const script = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
    // Node 20 needs tsx for TypeScript, registered in the thread.
    const worker = new Worker(`import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${script}); });`, {
      eval: true, execArgv: [],
      workerData: { module: this.module, memory: this.memory, state: this.core.cpuOf(0), bytes: STATE_BYTES },
    });
    const done = new Promise<number>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (message: string | number) => {
        if (typeof message === 'number') resolve(message);
        else meanwhile().catch(reject);
      });
    });
    try {
      return await done;
    } finally {
      await worker.terminate();
    }
  }

  snapshot(from: number, bytes: number): Snapshot {
    return {
      regs: Object.fromEntries(REGS.map((name) => [name, this.get(name)])),
      flags: this.core.flagsOf(0), instructions: this.get('instructions'), rip: this.get('rip'),
      xmm: Array.from({ length: 16 }, (_, n) => Buffer.from(this.xmm(n)).toString('hex')),
      fpu: [this.x87Registers(), this.x87Fields()].map(hex).join(' '),
      memory: Buffer.from(new Uint8Array(this.memory.buffer, this.ram + from, bytes).slice()),
    };
  }
}
