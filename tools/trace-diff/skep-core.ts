// Skep's side of a comparison: runs the core in this thread, one CPU, with Control.OPTIONS set so that it
// reports before every instruction, and writes the trace. Time is virtual (10 ns an instruction), so that two
// runs are the same. Left out: the clock worker (no PIT, RTC or HPET interrupts; LAPIC timers do fire),
// several CPUs.

import { existsSync, readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BootKind } from '../../src/emu/boot/guest-ram.ts';
import { type CpuModel, ramBaseFor } from '../../src/emu/config.ts';
import { Board, BOARD, Control, CONTROL, CPU_BLOCKS, CPU_STATE, Inbox, Log, PAGE_BYTES, Request,
  RING_SERIAL0_OUT } from
  '../../src/emu/generated-layout.ts';
import type { CoreExports } from '../../src/emu/platform.ts';
import { SharedMachine } from '../../src/emu/shared.ts';
import {
  type DirectProgram, loadProgram, type RawProgram, type StartProgram, UsageError,
} from './program.ts';
import type { StartState } from './rom.ts';

export interface SkepRunOptions {
  program: RawProgram | StartProgram | DirectProgram;
  memoryMiB: number;
  model: CpuModel;
  limit: number;
  /** File descriptor for the trace. */
  out: number;
  /** Called with what the guest writes to its first serial port. */
  onSerial?: ((text: string) => void) | undefined;
}

const WASM_PAGE = 65536;
const MIB = 1 << 20;
const OPTION_TRACE = 1;
const NS_PER_INSTRUCTION = 10;
const TSC_HZ = 1_000_000_000n;
const NO_DEADLINE = 0x7fffffffffffffffn;
/** Instructions between two looks at the LAPIC timer and the serial port. */
const POLL_INTERVAL = 4096;
const FLUSH_BYTES = 1 << 16;

/** Words of the CPU's state (wasm/cpu/state.ts), in units of 4 bytes from its start. */
const RIP_WORD = 144 / 4;
const FLAG_A = 152 / 4;
const FLAG_B = 160 / 4;
const FLAG_RESULT = 168 / 4;
const EFLAGS = 176 / 4;
const FLAG_KIND = 184 / 4;
/** Order of the registers in the CPU's state and in the trace: by encoding, and by name. */
const STATE_ORDER = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12',
  'r13', 'r14', 'r15'];
const TRACE_ORDER = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

const enum FlagKind { EXPLICIT, ADD, SUB, LOGIC, INC, DEC, SZP }
const CF = 0x001;
const PF = 0x004;
const AF = 0x010;
const ZF = 0x040;
const SF = 0x080;
const OF = 0x800;

function parity(byte: number): number {
  let bits = byte & 0xff;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) ^ 1;
}

/**
 * The flags that follow from operands and result; only the sign half (bits 32..63) decides CF of ADD, and OF.
 */
function carries(words: Uint32Array, cpu: number, kind: number, eflags: number): number {
  const at = (word: number): number => words[cpu + word] ?? 0;
  const [aLow, a, bLow, b] = [at(FLAG_A), at(FLAG_A + 1), at(FLAG_B), at(FLAG_B + 1)];
  const [rLow, r] = [at(FLAG_RESULT), at(FLAG_RESULT + 1)];
  const bit = (value: number, flag: number): number => (value < 0 ? flag : 0);
  const auxiliary = (aLow ^ bLow ^ rLow) & AF;
  switch (kind) {
    case FlagKind.ADD:
      return bit((a & b) | ((a | b) & ~r), CF) | bit((a ^ r) & (b ^ r), OF) | auxiliary;
    case FlagKind.SUB:
      return (a < b || (a === b && aLow < bLow) ? CF : 0) | bit((a ^ b) & (a ^ r), OF) | auxiliary;
    case FlagKind.LOGIC: return 0;
    case FlagKind.INC: return (eflags & CF) | bit(~a & r, OF) | ((rLow & 15) === 0 ? AF : 0);
    case FlagKind.DEC: return (eflags & CF) | bit(a & ~r, OF) | ((aLow & 15) === 0 ? AF : 0);
    default: return eflags & (CF | AF | OF);
  }
}

/** RFLAGS, put together as readEflags of wasm/cpu/flags.ts does. */
export function readFlags(words: Uint32Array, cpu: number): number {
  const eflags = words[cpu + EFLAGS] ?? 0;
  const kind = words[cpu + FLAG_KIND] ?? 0;
  if (kind === FlagKind.EXPLICIT) return eflags;
  const low = words[cpu + FLAG_RESULT] ?? 0;
  const high = words[cpu + FLAG_RESULT + 1] ?? 0;
  const result = ((low | high) === 0 ? ZF : 0) | ((high | 0) < 0 ? SF : 0) | (parity(low) ? PF : 0);
  return (eflags & ~(CF | PF | AF | ZF | SF | OF)) | result | carries(words, cpu, kind, eflags);
}

class Stopped extends Error {}

class TraceWriter {
  #text = '';
  count = 0;
  readonly #words: Uint32Array;
  readonly #options: SkepRunOptions;

  constructor(words: Uint32Array, options: SkepRunOptions) {
    this.#words = words;
    this.#options = options;
  }

  #hex(word: number): string {
    const high = this.#words[word + 1] ?? 0;
    const low = (this.#words[word] ?? 0).toString(16);
    return high === 0 ? low : high.toString(16) + low.padStart(8, '0');
  }

  /** `address`: of the CPU's state. */
  take(address: number): void {
    const cpu = address >> 2;
    let line = `${this.count++} 0 ${this.#hex(cpu + RIP_WORD)}`;
    for (const register of TRACE_ORDER) line += ` ${this.#hex(cpu + 2 * register)}`;
    this.#text += `${line} ${readFlags(this.#words, cpu).toString(16)}\n`;
    if (this.#text.length >= FLUSH_BYTES) this.flush();
    if (this.count >= this.#options.limit) throw new Stopped();
  }

  flush(): void {
    const bytes = Buffer.from(this.#text, 'latin1');
    this.#text = '';
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(this.#options.out, bytes, at);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === 'EPIPE') throw new Stopped();
        if (code !== 'EAGAIN') throw error;
      }
    }
  }
}

function configure(shared: SharedMachine, options: SkepRunOptions): void {
  shared.setControl(Control.CPUS, 1);
  shared.setControl(Control.RAM_BASE, shared.ramBase);
  shared.setControl(Control.RAM_PAGES, shared.ramBytes / PAGE_BYTES);
  shared.setControl(Control.HOST_CORES, 1);
  shared.setControl(Control.CPU_MODEL, { v1: 1, v2: 2, v3: 3 }[options.model]);
  shared.setControl(Control.OPTIONS, OPTION_TRACE);
  Atomics.store(shared.longs, (CONTROL + Control.TSC_HZ) >> 3, TSC_HZ);
  // The wall clock stands at a fixed time, for equal runs.
  new DataView(shared.memory.buffer).setFloat64(BOARD + Board.EPOCH_MS, Date.UTC(2026, 0, 1), true);
}

function loadCore(): WebAssembly.Module {
  const url = new URL('../../build/skep.wasm', import.meta.url);
  if (!existsSync(url)) throw new UsageError(`${fileURLToPath(url)} is not there: npm run build.`);
  return new WebAssembly.Module(readFileSync(url));
}

const BOOT_KINDS = { real: BootKind.BOOT_SECTOR, protected: BootKind.MULTIBOOT, long: BootKind.LINUX64 };

function setStart(core: CoreExports, words: Uint32Array, start: StartState): void {
  core.setBootState(BOOT_KINDS[start.mode], start.entry, 0n, start.cr3);
  const cpu = (CPU_BLOCKS + CPU_STATE) >> 2;
  STATE_ORDER.forEach((name, register) => {
    const value = start.registers.get(name) ?? 0n;
    words[cpu + 2 * register] = Number(value & 0xffffffffn);
    words[cpu + 2 * register + 1] = Number(value >> 32n);
  });
  const rip = BigInt(words[cpu + RIP_WORD] ?? 0) | (BigInt(words[cpu + RIP_WORD + 1] ?? 0) << 32n);
  if (rip !== start.entry) throw new Error('wasm/cpu/state.ts has moved rip: mend the offsets in skep-core.ts');
}

/**
 * Runs to the limit, the end of the machine, or the end of the reader; returns how many lines were written.
 */
export async function traceSkep(options: SkepRunOptions): Promise<number> {
  const ramBytes = options.memoryMiB * MIB;
  const pages = Math.ceil((ramBaseFor(1) + ramBytes) / WASM_PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const shared = new SharedMachine(memory, 1, ramBytes);
  const words = new Uint32Array(memory.buffer);
  const writer = new TraceWriter(words, options);
  const poll = (): void => {
    const now = BigInt(writer.count * NS_PER_INSTRUCTION);
    const deadline = Atomics.load(shared.longs, (shared.inbox(0) + Inbox.TIMER_DEADLINE) >> 3);
    if (deadline !== NO_DEADLINE && deadline <= now) shared.request(0, Request.TIMER);
    const serial = options.onSerial === undefined ? undefined : shared.readRing(RING_SERIAL0_OUT);
    if (serial !== undefined) options.onSerial?.(Buffer.from(serial).toString('latin1'));
  };
  configure(shared, options);
  const core = new WebAssembly.Instance(loadCore(), {
    env: { memory },
    host: {
      now: () => writer.count * NS_PER_INSTRUCTION,
      log: (code: number, a: bigint) => {
        if (code !== Log.TRACE) return;
        writer.take(Number(a));
        if (writer.count % POLL_INTERVAL === 0) poll();
      },
      panic: (code: number, detail: bigint) => {
        throw new Error(`the core stopped with code ${code}, detail 0x${detail.toString(16)}`);
      },
      install: () => 0,
    },
  }).exports as unknown as CoreExports;
  core.machineInit();
  const start = await loadProgram(options.program, shared.ram);
  if (options.program.kind !== 'raw') core.presetForDirectBoot();
  core.cpuInit(0);
  setStart(core, words, start);
  shared.setControl(Control.RUNNING, 1);
  try {
    core.cpuRun();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  } finally {
    poll();
    writer.flush();
  }
  return writer.count;
}
