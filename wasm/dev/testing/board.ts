// The board under test: compiles wasm/dev/testing/entry.ts (once, cached in build/), wires it over one shared
// memory and lets a test drive time by hand. Offsets come from the generated layout; register numbers are
// each test's own.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  BOARD, BOARD_BYTES, Board as BoardOffset, CONTROL, CONTROL_BYTES, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_INBOX,
    CPU_LAPIC, CPU_STATE,
  Control, Inbox, PAGE_BYTES, RINGS, RINGS_BYTES, RINGS_NEXT,
} from '../../../src/emu/generated-layout.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OUTPUT = `${ROOT}build/test/board.wasm`;
const FEATURES = 'simd,threads,bulk-memory,nontrapping-f2i,sign-extension,mutable-globals';

export type Call = (...args: (number | bigint)[]) => number;

function newestSource(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.ts')) {
      newest = Math.max(newest, statSync(`${entry.parentPath}/${entry.name}`).mtimeMs);
    }
  }
  return newest;
}

/** Bytes of the test build. */
export function buildBoard(): Uint8Array<ArrayBuffer> {
  const newest = Math.max(...['wasm/bus', 'wasm/dev', 'wasm/lib', 'wasm/cpu/lapic'].map((f) =>
    newestSource(ROOT + f)),
    statSync(`${ROOT}wasm/board.ts`).mtimeMs, statSync(`${ROOT}wasm/cpu/inbox.ts`).mtimeMs);
  if (!existsSync(OUTPUT) || statSync(OUTPUT).mtimeMs < newest) {
    mkdirSync(`${ROOT}build/test`, { recursive: true });
    const temporary = `${OUTPUT}.${process.pid}`;
    execFileSync(process.execPath, [`${ROOT}node_modules/assemblyscript/bin/asc.js`, 'wasm/dev/testing/entry.ts',
      '--config', 'none', '--importMemory', '--sharedMemory', '--initialMemory', '1024', '--maximumMemory', '65536',
      '--memoryBase', '1024', '--runtime', 'stub', '--exportTable', '--stackSize', '0', '--enable', FEATURES,
      '--use', 'abort=wasm/lib/host/abort', '--disableWarning', '201', '-O1', '-o', temporary], { cwd: ROOT });
    renameSync(temporary, OUTPUT);
  }
  return new Uint8Array(readFileSync(OUTPUT));
}

export class BoardUnderTest {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly core: Record<string, Call>;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly logs: { code: number; a: bigint; b: bigint }[] = [];
  /** Machine time in ns; move it with pass(). */
  now = 0;

  constructor(readonly cpus = 4, readonly ramPages = 0x4000) {
    // All of the RAM that the chips are told of: a chip may be made to reach any of it.
    const end = CPU_BLOCKS + cpus * CPU_BLOCK_BYTES + ramPages * 0x1000;
    this.memory = new WebAssembly.Memory({ initial: end / 0x10000, maximum: 65536, shared: true });
    this.module = new WebAssembly.Module(buildBoard());
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.core = this.instance();
  }

  private instance(): Record<string, Call> {
    const env = { memory: this.memory };
    const host = {
      now: (): number => this.now,
      log: (code: number, a: bigint, b: bigint): void => { this.logs.push({ code, a, b }); },
      panic: (code: number,
        detail: bigint): void => { throw new Error(`panic ${code} ${detail.toString(16)}`); },
      install: (): number => 0,
    };
    return new WebAssembly.Instance(this.module, { env, host }).exports as unknown as Record<string, Call>;
  }

  /** A machine fresh from power-on, at machine time 0. `epochMs` = Unix time then. */
  powerOn(epochMs = 0): void {
    this.now = 0;
    this.logs.length = 0;
    this.bytes.fill(0, CONTROL, CONTROL + CONTROL_BYTES);
    this.bytes.fill(0, BOARD, BOARD + BOARD_BYTES);
    this.bytes.fill(0, RINGS, Math.min(RINGS_NEXT, RINGS + RINGS_BYTES));
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = CPU_BLOCKS + cpu * CPU_BLOCK_BYTES;
      this.bytes.fill(0, at + CPU_STATE, at + CPU_LAPIC + PAGE_BYTES);
    }
    this.setControl(Control.CPUS, this.cpus);
    this.setControl(Control.RUNNING, 1);
    this.setControl(Control.RAM_PAGES, this.ramPages);
    this.setControl(Control.RAM_BASE, CPU_BLOCKS + this.cpus * CPU_BLOCK_BYTES);
    this.view.setFloat64(BOARD + BoardOffset.EPOCH_MS, epochMs, true);
    this.call('boardInit');
    for (let cpu = 0; cpu < this.cpus; cpu++) this.setCpuId(cpu);
    this.call('setCurrentCpu', 0);
  }

  private setCpuId(cpu: number): void {
    // Cpu.id is read by the functions that take a CPU's state.
    const at = CPU_BLOCKS + cpu * CPU_BLOCK_BYTES + CPU_STATE;
    this.view.setUint32(at + this.idOffset(), cpu, true);
  }

  private idOffset(): number {
    return this.call('cpuIdOffset');
  }

  call(name: string, ...args: (number | bigint)[]): number {
    const f = this.core[name];
    if (f === undefined) throw new Error(`no export ${name}`);
    return f(...args);
  }

  control(offset: number): number { return this.view.getUint32(CONTROL + offset, true); }
  setControl(offset: number, value: number): void { this.view.setUint32(CONTROL + offset, value, true); }
  state(cpu: number): number { return CPU_BLOCKS + cpu * CPU_BLOCK_BYTES + CPU_STATE; }
  inbox(cpu: number, offset: number): number { return this.view.getUint32(CPU_BLOCKS + cpu * CPU_BLOCK_BYTES
    + CPU_INBOX + offset, true); }
  inbox64(cpu: number, offset: number): bigint {
    return this.view.getBigInt64(CPU_BLOCKS + cpu * CPU_BLOCK_BYTES + CPU_INBOX + offset, true);
  }
  requests(cpu: number): number { return this.inbox(cpu, Inbox.REQUESTS); }
  clearRequests(): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      this.view.setUint32(CPU_BLOCKS + cpu * CPU_BLOCK_BYTES + CPU_INBOX + Inbox.REQUESTS, 0, true);
    }
  }

  in8(port: number): number { return this.call('pioRead', port, 1) >>> 0; }
  in16(port: number): number { return this.call('pioRead', port, 2) >>> 0; }
  in32(port: number): number { return this.call('pioRead', port, 4) >>> 0; }
  out8(port: number, value: number): void { this.call('pioWrite', port, 1, value); }
  out16(port: number, value: number): void { this.call('pioWrite', port, 2, value); }
  out32(port: number, value: number): void { this.call('pioWrite', port, 4, value); }
  read32(address: number): number { return Number(BigInt.asUintN(32,
    BigInt(this.call('mmioRead', BigInt(address), 4)))); }
  read64(address: number): bigint { return BigInt.asUintN(64, this.call('mmioRead', BigInt(address), 8) as unknown as bigint); }
  write32(address: number, value: number): void { this.call('mmioWrite', BigInt(address), 4, BigInt(value >>> 0)); }
  write64(address: number, value: bigint): void { this.call('mmioWrite', BigInt(address), 8, value); }

  /** Let `ns` go by, firing every timer at its own deadline as an idle clock worker would. */
  pass(ns: number): void {
    const end = this.now + ns;
    for (let steps = 0; steps < 1e6; steps++) {
      const next = Number(this.call('clockFire', BigInt(Math.floor(this.now))));
      if (next > end) break;
      this.now = Math.max(this.now, next);
    }
    this.now = end;
    this.call('clockFire', BigInt(Math.floor(end)));
  }

  /** Level of a line as the IOAPIC sees it (line 0 is pin 2). */
  pin(pin: number): boolean {
    return (this.view.getUint32(BOARD + BoardOffset.LINES, true) >>> pin & 1) !== 0;
  }

  /** Rising edges seen by a pin. */
  edges(pin: number): number { return this.view.getUint32(BOARD + BoardOffset.LINE_COUNT + pin * 4, true); }

  ring(ring: number): number[] {
    const out: number[] = [];
    for (let byte = this.call('ringGet', ring); byte >= 0; byte = this.call('ringGet', ring)) out.push(byte);
    return out;
  }
  feed(ring: number, data: readonly number[]): void {
    for (const byte of data) if (this.call('ringPut', ring, byte) === 0) throw new Error('ring full');
    this.call('boardPoll');
  }

  /** Interrupts as a CPU with IF = 1 takes them: every deliverable vector, each ended at once. */
  take(cpu: number): number[] {
    const out: number[] = [];
    for (;;) {
      const vector = this.call('lapicAccept', cpu);
      if (vector < 0) return out;
      out.push(vector);
      if (this.core.lapicEoi !== undefined) this.call('lapicEoi', cpu);
    }
  }
}
