// One CPU with hand-made descriptor tables for the tests of segmentation and events. Compiles entry.ts with
// asc into build/. Segment register numbers, descriptor layouts and statuses are restated from the SDM and
// the core contract.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CPU_BLOCKS, CPU_BLOCK_BYTES } from "../../../src/emu/generated-layout.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** One CPU, 16 MiB. */
const WASM_PAGES = (CPU_BLOCKS + CPU_BLOCK_BYTES) / 65536 + 256;
const FIELDS = [
  "rip", "rsp", "cr0", "cr2", "cr3", "cr4", "efer", "eflags", "gdtrBase", "idtrBase", "dr6", "dr7",
  "star", "lstar", "sfmask",
  "kernelGsBase", "sysenterCs", "sysenterEsp", "sysenterEip", "rax", "rcx", "rdx", "rbx", "r11",
  "gdtrLimit", "idtrLimit",
  "cpl", "codeMode", "mode64", "runState", "nmiBlocked", "shadow", "excVector", "excError", "excHasError",
  "flagKind",
  "mxcsr", "fpuControl",
] as const;
const FIRST_32 = FIELDS.indexOf("gdtrLimit");
export const HANDLERS = [
  "hJmpFar", "hCallFar", "hJmpFarMem", "hCallFarMem", "hRetFar", "hRetFarImm", "hInt", "hInt3", "hInt1",
  "hInto", "hIret",
  "hSyscall", "hSysret", "hSysenter", "hSysexit", "hSwapgs", "hMovToSreg", "hMovFromSeg", "hPopEs",
  "hPopSs", "hPopDs",
  "hPopFs", "hPopGs", "hLes", "hLds", "hLss", "hLfs", "hLgs", "hSldt", "hStr", "hLldt", "hLtr", "hVerr",
  "hVerw", "hLar",
  "hLsl", "hArpl",
] as const;
export type Field = (typeof FIELDS)[number];
export type Handler = (typeof HANDLERS)[number];
export const ES = 0, CS = 1, SS = 2, DS = 3, FS = 4, GS = 5, LDTR = 6, TR = 7;
export const NEXT = 0, FAULT = 1, END = 2, JUMP = 3;
export const SHUTDOWN = 4;
export const EXTERNAL = 0, NMI = 2;
export const GDT = 0x1000, IDT = 0x2000, TSS = 0x3000, TSS2 = 0x3400, LDT = 0x3800;

interface Exports {
  init(): number; ram(): number; record(): number; modeChanged(): void; flags(): bigint;
  reset(isInit: number): void;
  startup(vector: number): void; linear(seg: number, offset: bigint, bytes: number, write: number): bigint;
  interrupt(vector: number, kind: number): void; fault(vector: number, error: number, address: bigint): void;
  offsetOfField(n: number): number; execute(n: number, length: number): number;
}

/** Compile once per test file. */
export function buildMachine(name: string): () => Machine {
  mkdirSync(`${ROOT}build`, { recursive: true });
  const out = `${ROOT}build/${name}.wasm`;
  execFileSync(process.execPath, [
    `${ROOT}node_modules/assemblyscript/bin/asc.js`, "wasm/interp/testing/entry.ts", "--config", "none",
    "-o", out,
    "--importMemory", "--sharedMemory", "--initialMemory", "1024", "--maximumMemory", "65536",
    "--memoryBase", "1024",
    "--runtime", "stub", "--exportTable", "--enable",
    "simd,threads,bulk-memory,nontrapping-f2i,sign-extension,mutable-globals", "--use",
      "abort=wasm/lib/host/abort", "-O1",
    "--disableWarning",
  ], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  const module = new WebAssembly.Module(readFileSync(out));
  return () => new Machine(module);
}

export interface RecordParts {
  size?: number; imm?: bigint; reg?: number; rm?: number; mem?: number; seg?: number; length?: number;
}

/** Descriptor of a code or data segment: `type` is the access byte, `flags` the high nibble (G D/B L AVL). */
export function descriptor(base: number, limit: number, type: number, flags: number): bigint {
  return BigInt(limit & 0xFFFF) | (BigInt(base & 0xFFFFFF) << 16n) | (BigInt(type) << 40n) |
    (BigInt((limit >>> 16) & 15) << 48n) | (BigInt(flags) << 52n) | (BigInt(base >>> 24) << 56n);
}

/** Gate descriptor (low 8 bytes): `count` is the parameter count or the IST. */
export function gate(selector: number, offset: number, type: number, count = 0): bigint {
  return BigInt(offset & 0xFFFF) | (BigInt(selector) << 16n) | (BigInt(count) << 32n) |
    (BigInt(type) << 40n) |
    (BigInt(offset >>> 16) << 48n);
}

export class Machine {
  private readonly memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: 65536, shared: true });
  private readonly view: DataView;
  private readonly core: Exports;
  private readonly cpu: number;
  private readonly ramBase: number;

  constructor(module: WebAssembly.Module) {
    const panic = (code: number): void => { throw new Error(`panic ${code}`); };
    const host = { now: () => 0, log: () => {}, install: () => 0, panic };
    const imports = { env: { memory: this.memory }, host };
    this.core = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.view = new DataView(this.memory.buffer);
    this.cpu = this.core.init();
    this.ramBase = this.core.ram();
  }

  private at(field: Field): number { return this.cpu + this.core.offsetOfField(FIELDS.indexOf(field)); }
  get(field: Field): bigint {
    const at = this.at(field);
    if (field === "eflags") return this.core.flags();
    return FIELDS.indexOf(field) >= FIRST_32 ? BigInt(this.view.getUint32(at, true))
      : this.view.getBigUint64(at, true);
  }
  num(field: Field): number { return Number(this.get(field)); }
  set(values: Partial<Record<Field, number | bigint>>): void {
    for (const [name, value] of Object.entries(values)) {
      const field = name as Field;
      if (FIELDS.indexOf(field) >= FIRST_32) this.view.setUint32(this.at(field), Number(value), true);
      else this.view.setBigUint64(this.at(field), BigInt(value), true);
      if (field === "eflags") this.view.setUint32(this.at("flagKind"), 0, true);
    }
  }

  read(address: number, bytes: number): bigint {
    let v = 0n;
    for (let i = bytes - 1; i >= 0; i--) {
      v = (v << 8n) | BigInt(this.view.getUint8(this.ramBase + address + i));
    }
    return v;
  }
  write(address: number, bytes: number, value: number | bigint): void {
    let v = BigInt(value);
    for (let i = 0; i < bytes; i++, v >>= 8n) {
      this.view.setUint8(this.ramBase + address + i, Number(v & 255n));
    }
  }
  /** `count` words of `bytes` bytes from `address`. */
  words(address: number, count: number, bytes: number): number[] {
    return Array.from({ length: count }, (_, i) => Number(this.read(address + i * bytes, bytes)));
  }
  putWords(address: number, bytes: number, values: (number | bigint)[]): void {
    values.forEach((value, i) => this.write(address + i * bytes, bytes, value));
  }

  segment(n: number): { selector: number; base: bigint; limit: number; attr: number; isNull: boolean } {
    const s = this.cpu + 0x400 + n * 32;
    return {
      base: this.view.getBigUint64(s, true), limit: this.view.getUint32(s + 8, true),
        selector: this.view.getUint16(s + 12, true),
      attr: this.view.getUint16(s + 14, true), isNull: (this.view.getUint32(s + 16, true) & 4) !== 0,
    };
  }
  selector(n: number): number { return this.segment(n).selector; }
  setSegment(n: number, selector: number, base: number | bigint, limit: number, attr: number): void {
    const s = this.cpu + 0x400 + n * 32;
    this.view.setBigUint64(s, BigInt(base), true);
    this.view.setUint32(s + 8, limit, true);
    this.view.setUint16(s + 12, selector, true);
    this.view.setUint16(s + 14, attr, true);
    this.view.setUint32(s + 16, 0, true);
  }
  setBase(n: number, base: bigint): void { this.view.setBigUint64(this.cpu + 0x400 + n * 32, base, true); }
  /** The same instance after another RESET. */
  again(): this {
    this.core.init();
    return this;
  }
  modeChanged(): void { this.core.modeChanged(); }
  reset(isInit: boolean): void { this.core.reset(isInit ? 1 : 0); }
  startup(vector: number): void { this.core.startup(vector); }
  linear(seg: number, offset: bigint, bytes: number, write = false): bigint {
    return BigInt.asUintN(64, this.core.linear(seg, offset, bytes, write ? 1 : 0));
  }

  /** Execute one handler; memory operands are at `mem` of segment `seg`. */
  run(handler: Handler, parts: RecordParts = {}): number {
    const r = this.core.record();
    const is64 = this.num("mode64") === 1;
    for (let i = 0; i < 32; i++) this.view.setUint8(r + i, 0);
    this.view.setUint8(r + 5, (parts.mem === undefined ? 0 : 1) | (is64 ? 0 : 2));
    this.view.setUint8(r + 6, parts.reg ?? 0);
    this.view.setUint8(r + 7, parts.rm ?? 0);
    this.view.setUint8(r + 8, 128);
    this.view.setUint8(r + 9, 128);
    this.view.setUint8(r + 10, parts.seg ?? DS);
    this.view.setUint8(r + 11, (parts.size ?? 2) | ((is64 ? 2 : 1) << 2));
    this.view.setBigInt64(r + 16, BigInt(parts.mem ?? 0), true);
    this.view.setBigInt64(r + 24, parts.imm ?? 0n, true);
    return this.core.execute(HANDLERS.indexOf(handler), parts.length ?? 2);
  }
  interrupt(vector: number, kind = EXTERNAL): void { this.core.interrupt(vector, kind); }
  fault(vector: number, error = -1, address = 0n): void { this.core.fault(vector, error, address); }
  /** Vector and error code of the exception that a handler raised. */
  pending(): [number, number | undefined] {
    return [this.num("excVector"), this.num("excHasError") === 1 ? this.num("excError") : undefined];
  }

  setGdt(selector: number, value: bigint): void { this.write(GDT + (selector & 0xFFF8), 8, value); }
  gdtAccess(selector: number): number { return Number(this.read(GDT + (selector & 0xFFF8) + 5, 1)); }
  setIdt(vector: number, value: bigint): void { this.write(IDT + vector * 8, 8, value); }
  setIdt64(vector: number, low: bigint, high = 0n): void {
    this.write(IDT + vector * 16, 8, low);
    this.write(IDT + vector * 16 + 8, 8, high);
  }
}

// Selectors of protectedMachine and longMachine.
export const CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x1B, DATA3 = 0x23, CODE16 = 0x28, DATA16 = 0x30,
  CONFORMING = 0x38;
export const TSS_SELECTOR = 0x40, TSS2_SELECTOR = 0x48, LDT_SELECTOR = 0x50, FREE = 0x58, CODE1 = 0x61,
  DATA1 = 0x69;
export const CODE32 = 0x70, CODE32_USER = 0x7B;
export const STACK0 = 0x8000, STACK1 = 0x8800, STACK3 = 0x9000;

function loadFlat(m: Machine, n: number, selector: number, attr: number): void {
  m.setSegment(n, selector, 0, 0xFFFFFFFF, attr);
}

/** Be at privilege 0 or 3 with flat segments. */
export function setPrivilege(m: Machine, cpl: number, long = false): void {
  const dpl = cpl << 5;
  loadFlat(m, CS, cpl === 3 ? CODE3 : CODE0, (long ? 0xA09B : 0xC09B) | dpl);
  for (const n of [ES, SS, DS, FS, GS]) loadFlat(m, n, cpl === 3 ? DATA3 : DATA0, 0xC093 | dpl);
  m.set({ rsp: cpl === 3 ? STACK3 : STACK0 });
  m.modeChanged();
}

/** 32-bit protected mode, paging off, privilege 0. */
export function protectedMachine(make: () => Machine): Machine {
  const m = make();
  m.set({ cr0: 0x11, gdtrBase: GDT, gdtrLimit: 0xFF, idtrBase: IDT, idtrLimit: 0x7FF, eflags: 2,
    rip: 0x5000 });
  m.setGdt(CODE0, descriptor(0, 0xFFFFF, 0x9A, 0xC));
  m.setGdt(DATA0, descriptor(0, 0xFFFFF, 0x92, 0xC));
  m.setGdt(CODE3, descriptor(0, 0xFFFFF, 0xFA, 0xC));
  m.setGdt(DATA3, descriptor(0, 0xFFFFF, 0xF2, 0xC));
  m.setGdt(CODE16, descriptor(0, 0xFFFF, 0x9A, 0));
  m.setGdt(DATA16, descriptor(0, 0xFFFF, 0x92, 0));
  m.setGdt(CONFORMING, descriptor(0, 0xFFFFF, 0x9E, 0xC));
  m.setGdt(TSS_SELECTOR, descriptor(TSS, 0x67, 0x8B, 0));
  m.setGdt(TSS2_SELECTOR, descriptor(TSS2, 0x67, 0x89, 0));
  m.setGdt(LDT_SELECTOR, descriptor(LDT, 0x1F, 0x82, 0));
  m.setGdt(CODE1, descriptor(0, 0xFFFFF, 0xBA, 0xC));
  m.setGdt(DATA1, descriptor(0, 0xFFFFF, 0xB2, 0xC));
  m.putWords(TSS + 4, 4, [STACK0, DATA0, STACK1, DATA1]);
  m.setSegment(TR, TSS_SELECTOR, TSS, 0x67, 0x8B);
  m.setSegment(LDTR, LDT_SELECTOR, LDT, 0x1F, 0x82);
  setPrivilege(m, 0);
  return m;
}

/** Long mode (translation off in the MMU), 64-bit code, privilege 0. */
export function longMachine(make: () => Machine): Machine {
  const m = make();
  m.set({ cr0: 0x11, cr4: 0x20, efer: 0x501, gdtrBase: GDT, gdtrLimit: 0xFF, idtrBase: IDT,
    idtrLimit: 0xFFF, eflags: 2, rip: 0x5000 });
  m.setGdt(CODE0, descriptor(0, 0xFFFFF, 0x9A, 0xA));
  m.setGdt(DATA0, descriptor(0, 0xFFFFF, 0x92, 0xC));
  m.setGdt(CODE3, descriptor(0, 0xFFFFF, 0xFA, 0xA));
  m.setGdt(DATA3, descriptor(0, 0xFFFFF, 0xF2, 0xC));
  m.setGdt(CODE16, descriptor(0, 0xFFFF, 0x9A, 0));
  m.setGdt(CONFORMING, descriptor(0, 0xFFFFF, 0x9E, 0xA));
  m.setGdt(TSS_SELECTOR, descriptor(TSS, 0x67, 0x8B, 0));
  m.write(GDT + TSS_SELECTOR + 8, 8, 0);
  m.setGdt(CODE32, descriptor(0, 0xFFFFF, 0x9A, 0xC));
  m.setGdt(CODE32_USER, descriptor(0, 0xFFFFF, 0xFA, 0xC));
  m.putWords(TSS + 4, 8, [STACK0, STACK1]);
  m.putWords(TSS + 0x24, 8, [0xA000, 0xA800]);
  m.setSegment(TR, TSS_SELECTOR, TSS, 0x67, 0x8B);
  m.setSegment(LDTR, 0, 0, 0, 0x82);
  setPrivilege(m, 0, true);
  return m;
}

/** Real-address mode with its vector table at 0. */
export function realMachine(make: () => Machine): Machine {
  const m = make();
  m.set({ cr0: 0x10, idtrBase: 0, idtrLimit: 0x3FF, eflags: 0x202, rip: 0x100, rsp: 0x1000 });
  for (const n of [ES, CS, SS, DS, FS, GS]) m.setSegment(n, 0x100, 0x1000, 0xFFFF, 0x93);
  m.modeChanged();
  return m;
}

/** Virtual-8086 mode on top of protectedMachine. */
export function v86Machine(make: () => Machine, iopl = 3): Machine {
  const m = protectedMachine(make);
  m.set({ eflags: 0x20202 | (iopl << 12), rip: 0x200, rsp: 0x400 });
  [ES, CS, SS, DS, FS, GS].forEach((n, i) => m.setSegment(n, 0x500 + i, (0x500 + i) << 4, 0xFFFF, 0xF3));
  m.modeChanged();
  return m;
}
