// Runs cases in the shipped core (build/skep.wasm): one CPU in long mode whose page tables, GDT, LDT and IDT
// hold what Linux gives the runner's process, entered by IRET with TF set; the frame that the next exception
// pushes is the result. So descriptor loads, IRET, event delivery and single-step are part of every case.
// Structure offsets come from wasm/cpu/state.ts; descriptor and page-table layouts from SDM vol. 3A 3.4.5,
// 4.5, 6.14, 7.2.3.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CONTROL, Control, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_INBOX, CPU_STATE, Inbox, Option,
} from '../../src/emu/generated-layout.ts';
import { installCode } from '../../src/emu/workers/core-thread.ts';
import { ROOT } from '../steps.ts';
import {
  CODE, CODE_BYTES, DATA, DATA_BYTES, DATA_PAGES, End, LDT, READ_ONLY_PAGE, TF, dataBefore, type Case,
    type Outcome,
} from './state.ts';

const RAM_PAGES = 0x1000, WASM_PAGES = (CPU_BLOCKS + CPU_BLOCK_BYTES) / 65536 + 256;
/** Guest-physical addresses. */
const PML4 = 0x1000, PDPT_LOW = 0x2000, PD_LOW = 0x3000, PT_DATA = 0x4000, PT_CODE = 0xa000, PDPT_HIGH =
  0x6000;
const PD_HIGH = 0x7000, PT_HIGH = 0x8000, TABLES = 0x10000;
export const DATA_AT = 0x20000, CODE_AT = 0x30000;
/** Supervisor pages: TABLES at this address, then stubs and the stack. */
const KERNEL = 0xffff800000000000n;
const GDT = 0, LDT_AT = 0x200, TSS = 0x400, IDT = 0x1000, STUBS = 0x2000, STACK_TOP = 0x3f00, KERNEL_PAGES =
  4;
const SELECTORS = 0x2e00, IRET_STUB = 0x2c00, LOAD_STUB = 0x2c10, BOOT_STUB = 0x2800;
const PAGES_STUB = 0x2c80, WATCH_STUB = 0x2ca0;
export const SUPERVISOR_CODE16 = 0x60, SUPERVISOR_DATA16 = 0x68;
const TSS_SELECTOR = 0x40, LDT_SELECTOR = 0x50, GDT_BYTES = 128, LDT_BYTES = 64;
/** PAE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE; OSXSAVE where XSAVE is announced. */
const CR4 = 0x20 | 0x200 | 0x400 | 0x800 | 0x10000, OSXSAVE = 0x40000, CR0 = 0x80050033, EFER = 0xd01;
const DEBUG = 1, PAGE_FAULT = 14, MAX_TURNS = 64;
/** Bits of a page-table entry; DR6 without events (SDM vol. 3B 17.2.3). */
const PRESENT = 1n, WRITABLE = 2n, DR6_RESET = 0xffff0ff0;
/** Vectors with an error code (SDM vol. 3A table 6-1). */
const HAS_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Gates that user code may call: INT3, INTO. */
const USER_GATES = new Set([3, 4]);
const SEGMENTS = 0x400, SEGMENT_BYTES = 32, X87 = 0x500, XMM = 0x600;

interface CoreExports {
  [name: string]: unknown;
  machineInit(): void; cpuInit(id: number): void; cpuTurn(): void; jitForget(): void;
  setBootState(kind: number, entry: bigint, arg: bigint, cr3: bigint): void;
}

/** Offset and size of each field of Cpu, from the class itself. */
function cpuFields(): Map<string, { at: number; bytes: number }> {
  const text = readFileSync(join(ROOT, 'wasm/cpu/state.ts'), 'utf8');
  const body = text.slice(text.indexOf('export class Cpu'));
  const fields = new Map<string, { at: number; bytes: number }>();
  let at = 0;
  const code = body.slice(0, body.indexOf('\n}')).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '');
  for (const m of code.matchAll(/(\w+): (u32|u64|i64|i32);/g)) {
    const bytes = m[2]!.endsWith('64') ? 8 : 4;
    at = (at + bytes - 1) & -bytes;
    fields.set(m[1]!, { at, bytes });
    at += bytes;
  }
  return fields;
}

const le = (value: bigint, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, n) => Number((value >> BigInt(n * 8)) & 255n));

/** Descriptor of an LDT entry as modify_ldt makes it. */
function ldtDescriptor(e: (typeof LDT)[number]): bigint {
  const code = e.contents === 2;
  const type = 1 | (code ? 8 : 0) | (e.readOnly ? 0 : 2) | (e.contents === 1 ? 4 : 0);
  const access = BigInt(type | 0x10 | 0x60 | (e.absent ? 0 : 0x80)), base = BigInt(e.base), limit =
    BigInt(e.limit);
  return (limit & 0xffffn) | (base & 0xffffffn) << 16n | access << 40n | (limit >> 16n) << 48n
    | BigInt(e.bits32) << 54n | (base >> 24n) << 56n;
}

export class JudgedCore {
  protected readonly memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: 65536, shared: true });
  protected readonly bytes = new Uint8Array(this.memory.buffer);
  protected readonly view = new DataView(this.memory.buffer);
  protected readonly core: CoreExports;
  protected readonly fields = cpuFields();
  protected readonly ram = CPU_BLOCKS + CPU_BLOCK_BYTES;
  protected readonly cpu: number;
  private loaded = '';
  private watching = false;

  /** `model`: level of x86-64. With a random seed and MONITOR, so that CPUID announces all that it can. */
  constructor(private readonly model = 2) {
    const host = {
      now: () => performance.now() * 1e6, log: () => {},
      install: (list: number, count: number) =>
        installCode(this.memory, this.core, list >>> 0, count),
      panic: (code: number, detail: bigint) => { throw new Error(`core panic ${code}, ${detail}`); },
    };
    const module = new WebAssembly.Module(readFileSync(join(ROOT, 'build/skep.wasm')));
    const env = { memory: this.memory };
    this.core = new WebAssembly.Instance(module, { env, host }).exports as unknown as CoreExports;
    for (const [word, value] of [[Control.CPUS, 1], [Control.RAM_BASE, this.ram],
      [Control.RAM_PAGES, RAM_PAGES],
      [Control.HOST_CORES, 2], [Control.CPU_MODEL, model], [Control.TSC_HZ, 1e9],
      [Control.OPTIONS, Option.MONITOR], [Control.RANDOM_SEED, 1], [Control.RUNNING, 1]] as const) {
      this.view.setUint32(CONTROL + word, value, true);
    }
    this.core.machineInit();
    this.core.cpuInit(0);
    this.cpu = CPU_BLOCKS + CPU_STATE;
    this.writeTables();
    this.boot();
  }

  private put(physical: number, value: bigint): void { this.view.setBigUint64(this.ram + physical, value,
    true); }
  private write(physical: number,
    bytes: ArrayLike<number>): void { this.bytes.set(bytes, this.ram + physical); }

  private writeTables(): void {
    const table = 0x67n;
    this.put(PML4, BigInt(PDPT_LOW) | table);
    this.put(PML4 + 256 * 8, BigInt(PDPT_HIGH) | 0x63n);
    this.put(PDPT_LOW, BigInt(PD_LOW) | table);
    this.put(PD_LOW + (DATA >> 21) * 8, BigInt(PT_DATA) | table);
    this.put(PD_LOW + (CODE >> 21) * 8, BigInt(PT_CODE) | table);
    for (let n = 0; n < DATA_PAGES; n++) this.mapData(n, n === READ_ONLY_PAGE ? PRESENT : PRESENT | WRITABLE);
    for (let n = 0; n < CODE_BYTES / 4096; n++) this.put(PT_CODE + n * 8, BigInt(CODE_AT + n * 4096) | 0x65n);
    this.put(PDPT_HIGH, BigInt(PD_HIGH) | 0x63n);
    this.put(PD_HIGH, BigInt(PT_HIGH) | 0x63n);
    for (let n = 0; n < KERNEL_PAGES; n++) this.put(PT_HIGH + n * 8, BigInt(TABLES + n * 4096) | 0x63n);
    this.writeDescriptors();
  }

  /** A page of the data area. Accessed and dirty are set: the tables stay as they are. */
  private mapData(n: number, rights: bigint): void {
    this.put(PT_DATA + n * 8, BigInt(DATA_AT + n * 4096) | 0x8000000000000064n | rights);
  }

  private writeDescriptors(): void {
    const gdt = [0n, 0x00cf9b000000ffffn, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00cffb000000ffffn,
      0x00cff3000000ffffn,
      0x00affb000000ffffn];
    gdt.forEach((d, n) => this.put(TABLES + GDT + n * 8, d));
    // 16-bit code and data of the supervisor, where LDT entries 0 and 1 are.
    const short = (at: number, limit: bigint, type: bigint): bigint =>
      limit | BigInt(at & 0xffffff) << 16n | type << 40n | BigInt(at >>> 24) << 56n;
    this.put(TABLES + GDT + SUPERVISOR_CODE16, short(CODE, 0xffffn, 0x9bn));
    this.put(TABLES + GDT + SUPERVISOR_DATA16, short(DATA, 0x4fffn, 0x93n));
    const system = (selector: number, at: number, limit: number, type: bigint): void => {
      const base = KERNEL + BigInt(at);
      this.put(TABLES + GDT + selector, BigInt(limit) | (base & 0xffffffn) << 16n | type << 40n
        | ((base >> 24n) & 0xffn) << 56n);
      this.put(TABLES + GDT + selector + 8, base >> 32n);
    };
    system(TSS_SELECTOR, TSS, 0x67, 0x89n);
    system(LDT_SELECTOR, LDT_AT, LDT_BYTES - 1, 0x82n);
    LDT.forEach((entry, n) => this.put(TABLES + LDT_AT + n * 8, ldtDescriptor(entry)));
    // RSP0, and IST1, which every gate uses: SYSCALL leaves the user's RSP.
    for (const at of [4, 0x24]) this.put(TABLES + TSS + at, KERNEL + BigInt(STACK_TOP));
    // No I/O permission bitmap inside the limit.
    this.view.setUint16(this.ram + TABLES + TSS + 0x66, 0x68, true);
    for (let v = 0; v < 256; v++) {
      const to = KERNEL + BigInt(STUBS + (v & 31) * 16);
      const gate = (to & 0xffffn) | 0x10n << 16n | 1n << 32n | (USER_GATES.has(v) ? 0xeen : 0x8en) << 40n
        | ((to >> 16n) & 0xffffn) << 48n;
      this.put(TABLES + IDT + v * 16, gate);
      this.put(TABLES + IDT + v * 16 + 8, to >> 32n);
      // IRETQ: what the next step of a stream needs.
      if (v < 32) this.write(TABLES + STUBS + v * 16, [0x48, 0xcf]);
    }
    this.write(TABLES + IRET_STUB, [0x48, 0xcf]);
    // mov es, ds, fs, gs from SELECTORS, then UD2.
    const relative = (at: number): number[] => le(BigInt(at), 4);
    const code: number[] = [];
    [0, 3, 4, 5].forEach((seg, n) => {
      code.push(0x8e, 5 | seg << 3, ...relative(SELECTORS + n * 2 - (LOAD_STUB + code.length + 6)));
    });
    this.write(TABLES + LOAD_STUB, [...code, 0x0f, 0x0b]);
    // mov rax, cr3; mov cr3, rax
    this.write(TABLES + PAGES_STUB, [0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x0f, 0x0b]);
    // mov dr0 to dr3, dr6, dr7 from rax, rcx, rdx, rbx, rsi, rdi
    this.write(TABLES + WATCH_STUB, [0x0f, 0x23, 0xc0, 0x0f, 0x23, 0xc9, 0x0f, 0x23, 0xd2, 0x0f, 0x23, 0xdb,
      0x0f, 0x23, 0xf6, 0x0f, 0x23, 0xff, 0x0f, 0x0b]);
  }

  /** Executes a stub of the supervisor's, which ends in UD2. */
  private execute(stub: number): void {
    this.set64('rip', KERNEL + BigInt(stub));
    if (this.untilHandler() !== 6) throw new Error('the judged core cannot execute a stub');
  }

  /** Other rights for pages of the data area, and no translation of before. */
  private changePages(pages: number, rights: (n: number) => bigint): void {
    for (let n = 0; n < DATA_PAGES; n++) if ((pages >> n) & 1) this.mapData(n, rights(n));
    if (pages !== 0) this.execute(PAGES_STUB);
  }

  private setWatch(watch: Case['watch']): void {
    if (watch === undefined && !this.watching) return;
    this.watching = watch !== undefined;
    const at = watch?.at ?? [], values = [0, 1, 2, 3].map((n) => at[n] ?? 0n);
    [...values, 0n, 0n, BigInt(DR6_RESET), BigInt(watch?.control ?? 0)].forEach((value, n) =>
      this.view.setBigUint64(this.cpu + n * 8, value, true));
    this.execute(WATCH_STUB);
  }

  /** The translator's bits. */
  protected set options(value: number) {
    this.view.setUint32(CONTROL + Control.OPTIONS, Option.MONITOR | value, true);
  }

  /** Nothing is decoded or translated: the translator drops all when it begins anew. */
  private forgetCode(): void {
    this.core.jitForget();
    this.options = Option.TRANSLATOR;
    this.execute(PAGES_STUB);
    this.options = 0;
  }

  /** Loads the tables with instructions, as a kernel does. */
  private boot(): void {
    this.core.setBootState(1, KERNEL + BigInt(BOOT_STUB), 0n, BigInt(PML4));
    const pseudo = (at: number, limit: number, base: number): void => {
      this.write(TABLES + at, [...le(BigInt(limit), 2), ...le(KERNEL + BigInt(base), 8)]);
    };
    pseudo(BOOT_STUB - 32, GDT_BYTES - 1, GDT);
    pseudo(BOOT_STUB - 16, 4095, IDT);
    const code: number[] = [];
    const near = (at: number, length: number): number[] =>
      le(BigInt(at - (BOOT_STUB + code.length + length)), 4);
    const xsave = this.model >= 2;
    code.push(0xb8, ...le(BigInt(CR4 | (xsave ? OSXSAVE : 0)), 4), 0x0f, 0x22, 0xe0);
    code.push(0xb8, ...le(BigInt(CR0), 4), 0x0f, 0x22, 0xc0);
    // XCR0: x87 and SSE.
    if (xsave) code.push(0x31, 0xc9, 0x31, 0xd2, 0xb8, 3, 0, 0, 0, 0x0f, 0x01, 0xd1);
    code.push(0xb9, ...le(0xc0000080n, 4), 0xb8, ...le(BigInt(EFER), 4), 0x31, 0xd2, 0x0f, 0x30);
    code.push(0x48, 0xbc, ...le(KERNEL + BigInt(STACK_TOP), 8));
    code.push(0x0f, 0x01, 0x15, ...near(BOOT_STUB - 32, 7));
    code.push(0x0f, 0x01, 0x1d, ...near(BOOT_STUB - 16, 7));
    code.push(0xb8, ...le(BigInt(TSS_SELECTOR), 4), 0x0f, 0x00, 0xd8);
    code.push(0xb8, ...le(BigInt(LDT_SELECTOR), 4), 0x0f, 0x00, 0xd0, 0x0f, 0x0b);
    this.write(TABLES + BOOT_STUB, code);
    if (this.untilHandler() !== 6) throw new Error('the judged core did not start');
  }

  private at(name: string): number { return this.cpu + this.fields.get(name)!.at; }
  protected get64(name: string): bigint { return this.view.getBigUint64(this.at(name), true); }
  protected set64(name: string, value: bigint): void { this.view.setBigUint64(this.at(name), value, true); }
  private get32(name: string): number { return this.view.getUint32(this.at(name), true); }
  private set32(name: string, value: number): void { this.view.setUint32(this.at(name), value, true); }

  protected set attention(value: number) {
    this.view.setUint32(CPU_BLOCKS + CPU_INBOX + Inbox.ATTENTION, value, true);
  }

  /**
   * Turns of the run loop until an exception's stub is reached; its vector, or -1. A turn begins as behind a
   * poll: the core asks for one when it drops what it has translated.
   */
  protected untilHandler(turns = MAX_TURNS): number {
    const first = KERNEL + BigInt(STUBS);
    for (let n = 0; n < turns; n++) {
      this.attention = 0;
      this.core.cpuTurn();
      const at = this.get64('rip') - first;
      if (at >= 0n && at < 512n && (at & 15n) === 0n) return Number(at >> 4n);
    }
    return -1;
  }

  private loadSegments(c: Case): void {
    const wanted = [c.segments[0]!, c.segments[3]!, c.segments[4]!, c.segments[5]!];
    const present = [0, 3, 4, 5].map((n) =>
      this.view.getUint16(this.cpu + SEGMENTS + n * SEGMENT_BYTES + 12, true));
    if (wanted.join() !== present.join() || this.loaded !== wanted.join()) {
      wanted.forEach((selector, n) =>
        this.view.setUint16(this.ram + TABLES + SELECTORS + n * 2, selector, true));
      this.execute(LOAD_STUB);
      this.loaded = wanted.join();
    }
    if (c.segments[4] === 0) this.view.setBigUint64(this.cpu + SEGMENTS + 4 * SEGMENT_BYTES, c.fsBase, true);
    if (c.segments[5] === 0) this.view.setBigUint64(this.cpu + SEGMENTS + 5 * SEGMENT_BYTES, c.gsBase, true);
  }

  private loadFpu(fx: Uint8Array): void {
    const v = new DataView(fx.buffer, fx.byteOffset, FX_LENGTH);
    const status = v.getUint16(2, true), top = (status >> 11) & 7;
    this.set32('fpuControl', v.getUint16(0, true));
    this.set32('fpuStatus', status & ~0x3800);
    this.set32('fpuTop', top);
    this.set32('fpuEmpty', ~fx[4]! & 255);
    this.set32('fpuOpcode', v.getUint16(6, true));
    this.set64('fpuIp', v.getBigUint64(8, true));
    this.set64('fpuDp', v.getBigUint64(16, true));
    this.set32('fpuCs', 0);
    this.set32('fpuDs', 0);
    this.set32('mxcsr', v.getUint32(24, true));
    for (let n = 0; n < 8; n++) this.bytes.set(fx.subarray(32 + n * 16, 42 + n * 16), this.cpu + X87
      + ((top + n) & 7) * 16);
    this.bytes.set(fx.subarray(160, 416), this.cpu + XMM);
  }

  private readFpu(): Uint8Array {
    const fx = new Uint8Array(FX_LENGTH), v = new DataView(fx.buffer), top = this.get32('fpuTop');
    v.setUint16(0, this.get32('fpuControl'), true);
    v.setUint16(2, this.get32('fpuStatus') | top << 11, true);
    fx[4] = ~this.get32('fpuEmpty') & 255;
    v.setUint16(6, this.get32('fpuOpcode'), true);
    v.setBigUint64(8, this.get64('fpuIp'), true);
    v.setBigUint64(16, this.get64('fpuDp'), true);
    v.setUint32(24, this.get32('mxcsr'), true);
    for (let n = 0; n < 8; n++) {
      const at = this.cpu + X87 + ((top + n) & 7) * 16;
      fx.set(this.bytes.subarray(at, at + 10), 32 + n * 16);
    }
    fx.set(this.bytes.subarray(this.cpu + XMM, this.cpu + XMM + 256), 160);
    return fx;
  }

  /** Memory, registers and the frame of the IRET that enters the case; the data area before it. */
  protected prepare(c: Case, flags: number): Uint8Array {
    const before = dataBefore(c);
    this.write(DATA_AT, before);
    this.bytes.fill(c.filler, this.ram + CODE_AT, this.ram + CODE_AT + CODE_BYTES);
    this.write(CODE_AT + c.codeAt, c.code);
    this.changePages(c.absent ?? 0, () => 0n);
    this.setWatch(c.watch);
    this.loadSegments(c);
    const frame = STACK_TOP - 0x80;
    const values = [c.rip, BigInt(c.segments[1]!), BigInt(flags | 0x202), c.regs[4]!, BigInt(c.segments[2]!)];
    values.forEach((value, n) => this.put(TABLES + frame + n * 8, value));
    c.regs.forEach((value, n) => this.view.setBigUint64(this.cpu + n * 8, value, true));
    this.set64('rsp', KERNEL + BigInt(frame));
    this.set64('rip', KERNEL + BigInt(IRET_STUB));
    this.set64('cr2', 0n);
    this.loadFpu(c.fx);
    return before;
  }

  /**
   * `stops`: ends before the instruction at the start of `code` (none outside of the code pages). `repeated`:
   * the only RIP at which steps go on.
   */
  run(c: Case, stops?: (code: Uint8Array) => boolean, repeated?: bigint): Outcome {
    if (c.untraced === true) this.forgetCode();
    const before = this.prepare(c, c.untraced === true ? c.flags : c.flags | TF);
    const o = this.steps(c, before, stops, repeated);
    const watched = c.watch === undefined ? 0 : this.get32('dr6') & 15;
    if (c.absent !== undefined || c.repairs !== undefined) {
      this.changePages((1 << DATA_PAGES) - 1, (n) => (n === READ_ONLY_PAGE ? PRESENT : PRESENT | WRITABLE));
    }
    return { ...o, watched };
  }

  private steps(c: Case, before: Uint8Array, stops: ((code: Uint8Array) => boolean) | undefined,
    repeated: bigint | undefined): Outcome {
    let repairs = c.repairs ?? 0;
    // A debug trap's frame is the next step's.
    for (let steps = 0; ;) {
      const left = steps > 0 && repeated !== undefined && this.frameWord(0) !== repeated;
      if (steps >= c.steps || left) return this.outcome(before, steps, DEBUG);
      if (stops?.(this.codeAt(c.mode, this.frameWord(0)))) {
        return { ...this.outcome(before, steps, DEBUG), end: End.STOPPED };
      }
      this.enter(c, this.frameWord(3));
      const vector = this.advance();
      if (vector === PAGE_FAULT && repairs > 0 && this.repair()) repairs--;
      else if (vector !== DEBUG || c.untraced === true) return this.outcome(before, steps, vector, false);
      else steps++;
    }
  }

  /** Runs on to the next exception; its vector, or -1. */
  protected advance(): number { return this.untilHandler(); }

  /** What a kernel does at a page fault: the page is there, and the frame's IRET is next. */
  private repair(): boolean {
    const page = Number(this.get64('cr2') - BigInt(DATA)) / 4096;
    if (page < 0 || page >= DATA_PAGES) return false;
    this.mapData(Math.floor(page), PRESENT | WRITABLE);
    // Over the error code.
    this.set64('rsp', this.get64('rsp') + 8n);
    this.set64('rip', KERNEL + BigInt(IRET_STUB));
    return true;
  }

  /** Word `n` of the frame at RSP: RIP, CS, RFLAGS, RSP, SS. */
  protected frameWord(n: number): bigint {
    const frame = this.ram + TABLES + Number(this.get64('rsp') - KERNEL);
    return this.view.getBigUint64(frame + n * 8, true);
  }

  /** What the code pages hold at `rip` of flat or 16-bit code; none elsewhere. */
  private codeAt(mode: number, rip: bigint): Uint8Array {
    const at = Number(BigInt.asUintN(64, rip - (mode === 0 ? 0n : BigInt(CODE))));
    const pages = this.ram + CODE_AT;
    return this.bytes.subarray(pages + Math.min(at, CODE_BYTES), pages + CODE_BYTES);
  }

  /**
   * The IRET at RIP. To a 16-bit stack it leaves the upper half of ESP (SDM vol. 2 IRET); kernels hide that.
   */
  protected enter(c: Case, rsp: bigint): void {
    this.core.cpuTurn();
    if (c.mode !== 2) this.set64('rsp', BigInt.asUintN(32, rsp));
  }

  protected segmentAt(n: number): number { return this.cpu + SEGMENTS + n * SEGMENT_BYTES; }

  /** `done`: the exception is not of the case, but what ended it. */
  protected outcome(before: Uint8Array, steps: number, vector: number, done = vector === DEBUG): Outcome {
    let frame = this.ram + TABLES + Number(this.get64('rsp') - KERNEL);
    let error = 0;
    if (HAS_ERROR.has(vector)) {
      error = this.view.getUint32(frame, true);
      frame += 8;
    }
    const word = (n: number): bigint => this.view.getBigUint64(frame + n * 8, true);
    const regs = new BigUint64Array(16);
    for (let n = 0; n < 16; n++) regs[n] = this.view.getBigUint64(this.cpu + n * 8, true);
    regs[4] = word(3);
    const segment = (n: number): number => this.segmentAt(n);
    const segments = Uint16Array.from({ length: 6 }, (_, n) => this.view.getUint16(segment(n) + 12, true));
    segments[1] = Number(word(1));
    segments[2] = Number(word(4));
    const changes: [number, number][] = [];
    const after = this.bytes.subarray(this.ram + DATA_AT, this.ram + DATA_AT + DATA_BYTES);
    if (Buffer.compare(before, after) !== 0) before.forEach((b,
      n) => { if (b !== after[n]) changes.push([n, after[n]!]); });
    return {
      end: vector < 0 ? End.TIME : done ? End.DONE : End.FAULT, steps, vector: done ? 0 : vector, error,
      cr2: vector === 14 ? this.get64('cr2') : 0n, regs, rip: word(0), flags: Number(word(2)), segments,
      fsBase: this.view.getBigUint64(segment(4), true), gsBase: this.view.getBigUint64(segment(5), true),
      fx: this.readFpu(), changes,
    };
  }
}

const FX_LENGTH = 512;
