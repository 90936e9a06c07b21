// Runs privileged cases in the shipped core (build/skep.wasm) from the multiboot entry on, with the board
// of a direct boot; results go to RAM. A thread beside it ends a machine that makes no progress.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  CONTROL, Control, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_INBOX, Inbox, MachineEnd, Option,
} from '../../../src/emu/generated-layout.ts';
import { installCode } from '../../../src/emu/workers/core-thread.ts';
import { ROOT } from '../../steps.ts';
import { ENTRY } from './image.ts';
import {
  BLOB, Ended, IMAGE, lost, packBlob, PARAMS, RAM_MIB, unpackResult, type PrivilegedCase,
    type PrivilegedOutcome,
} from './layout.ts';

const RAM_PAGES = RAM_MIB * 256, WASM_PAGES = (CPU_BLOCKS + CPU_BLOCK_BYTES) / 65536 + RAM_PAGES / 16;
const MULTIBOOT = 2, BATCH = 1000, RESULTS = (RAM_MIB / 2) << 20;
const SILENCE_MS = 2000, WATCH_MS = 500;

interface CoreExports {
  [name: string]: unknown;
  machineInit(): void; presetForDirectBoot(): void; cpuInit(id: number): void; cpuRun(): number;
    jitForget(): void;
  setBootState(kind: number, entry: bigint, arg: bigint, cr3: bigint): void;
}

/** Ends the machine when the word at `progress` stands still. */
const WATCHDOG = `
const { workerData: w } = require('node:worker_threads');
const words = new Int32Array(w.memory.buffer);
let last = -1, still = 0;
setInterval(() => {
  const now = Atomics.load(words, w.progress >> 2);
  still = now === last && Atomics.load(words, w.running >> 2) !== 0 ? still + w.every : 0;
  last = now;
  if (still < w.silence) return;
  Atomics.store(words, w.end >> 2, w.value);
  Atomics.store(words, w.attention >> 2, 1);
  Atomics.notify(words, w.attention >> 2);
}, w.every);`;

export class PrivilegedCore {
  private readonly memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: 65536, shared: true });
  private readonly bytes = Buffer.from(this.memory.buffer);
  private readonly ram = CPU_BLOCKS + CPU_BLOCK_BYTES;
  private readonly core: CoreExports;
  private readonly watchdog: Worker;
  /** Set while the core runs. */
  private readonly running = this.ram + BLOB + 0x100;

  /** `options`: engine of the core. */
  constructor(private readonly image: Buffer, private readonly options: number) {
    const host = {
      now: () => performance.now() * 1e6, log: () => {},
      install: (list: number, count: number) => installCode(this.memory, this.core, list >>> 0, count),
      panic: (code: number, detail: bigint) => { throw new Error(`core panic ${code}, ${detail}`); },
    };
    const module = new WebAssembly.Module(readFileSync(join(ROOT, 'build/skep.wasm')));
    this.core = new WebAssembly.Instance(module, { env: { memory: this.memory },
      host }).exports as unknown as CoreExports;
    for (const [word, value] of [[Control.CPUS, 1], [Control.RAM_BASE, this.ram], [Control.RAM_PAGES,
      RAM_PAGES],
      [Control.HOST_CORES, 2], [Control.CPU_MODEL, 2], [Control.TSC_HZ, 1e9], [Control.RANDOM_SEED, 1],
      [Control.OPTIONS, this.options | Option.MONITOR], [Control.RUNNING, 1]] as const) {
      this.bytes.writeUInt32LE(value, CONTROL + word);
    }
    this.core.machineInit();
    this.core.presetForDirectBoot();
    this.watchdog = new Worker(WATCHDOG, { eval: true, workerData: {
      memory: this.memory, progress: this.ram + BLOB + PARAMS.current, running: this.running, every: WATCH_MS,
      silence: SILENCE_MS, end: CONTROL + Control.END, value: MachineEnd.PANIC,
      attention: CPU_BLOCKS + CPU_INBOX + Inbox.ATTENTION,
    } });
    this.watchdog.unref();
  }

  stop(): Promise<number> { return this.watchdog.terminate(); }

  private once(template: Uint8Array, cases: readonly PrivilegedCase[],
    start: number): [PrivilegedOutcome[], Ended] {
    this.bytes.fill(0, this.ram, this.ram + BLOB);
    this.image.copy(this.bytes, this.ram + IMAGE);
    packBlob(template, cases, start, RESULTS).copy(this.bytes, this.ram + BLOB);
    this.bytes.writeUInt32LE(MachineEnd.NONE, CONTROL + Control.END);
    this.bytes.writeUInt32LE(0, CPU_BLOCKS + CPU_INBOX + Inbox.REQUESTS);
    this.bytes.writeUInt32LE(0, CPU_BLOCKS + CPU_INBOX + Inbox.ATTENTION);
    this.core.machineInit();
    this.core.presetForDirectBoot();
    this.core.cpuInit(0);
    this.core.setBootState(MULTIBOOT, BigInt(ENTRY), 0n, 0n);
    this.core.jitForget();
    this.bytes.writeUInt32LE(1, this.running);
    this.core.cpuRun();
    this.bytes.writeUInt32LE(0, this.running);
    const end = this.bytes.readUInt32LE(CONTROL + Control.END), params = this.ram + BLOB;
    const to = this.bytes.readUInt32LE(params + PARAMS.out), results = Buffer.from(
      this.bytes.subarray(this.ram + RESULTS, this.ram + to));
    const out: PrivilegedOutcome[] = [];
    for (let at = 0; at < results.length;) {
      const found = unpackResult(results, at);
      if (found === undefined) throw new Error('a result of the harness is cut off');
      out.push(found[0]);
      at = found[1];
    }
    return [out, end === MachineEnd.TRIPLE_FAULT ? Ended.RESET : Ended.NOTHING];
  }

  /** The outcome of every case. */
  run(template: Uint8Array, cases: readonly PrivilegedCase[]): PrivilegedOutcome[] {
    const out: PrivilegedOutcome[] = [];
    for (let from = 0; from < cases.length; from += BATCH) {
      const batch = cases.slice(from, from + BATCH), done: PrivilegedOutcome[] = [];
      while (done.length < batch.length) {
        const [outcomes, ended] = this.once(template, batch, done.length);
        done.push(...outcomes);
        if (done.length < batch.length) done.push(lost(ended, batch[done.length]!.registers));
      }
      out.push(...done);
    }
    return out;
  }
}

export const INTERPRETED = 0, TRANSLATED = Option.TRANSLATOR | Option.FORCED;
