// The life of one core thread: instantiate, then do what the host asks, one request at a time. cpuRun and
// clockRun block; while they do, nothing is received and control goes through shared words only (sending
// works).

import { MachineClock } from '../machine-clock.ts';
import { Control, CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_INBOX, Inbox,
  PANIC_REGION_DIFFERS } from '../generated-layout.ts';
import { describeDifference } from '../check-report.ts';
import { exportName, regionImports, regionModule, type RegionFunction } from './region-module.ts';
import type { CoreExports, ThreadReply, ThreadRequest } from '../platform.ts';

export interface ThreadPort {
  post(message: ThreadReply): void;
  onMessage(handler: (message: ThreadRequest) => void): void;
}

/** FAILED code of a trap that is not one of the core's own panics. */
const FAILED_TRAP = 0xFFFF;

class CorePanic extends Error {}

/** Tell every other thread: none may wait for this one. */
function announceFailure(memory: WebAssembly.Memory, code: number): void {
  const words = new Int32Array(memory.buffer);
  Atomics.compareExchange(words, (CONTROL + Control.FAILED) >> 2, 0, code === 0 ? FAILED_TRAP : code);
  const cpus = Atomics.load(words, (CONTROL + Control.CPUS) >> 2);
  for (let id = 0; id < cpus; id++) {
    const attention = (CPU_BLOCKS + id * CPU_BLOCK_BYTES + CPU_INBOX + Inbox.ATTENTION) >> 2;
    Atomics.store(words, attention, 1);
    Atomics.notify(words, attention);
  }
  for (const word of [Control.CLOCK_WAKE, Control.HOST_EVENT]) {
    Atomics.add(words, (CONTROL + word) >> 2, 1);
    Atomics.notify(words, (CONTROL + word) >> 2);
  }
}

interface CodeTable {
  readonly length: number;
  grow(count: number): number;
  set(index: number, value: unknown): void;
}

/** Table entries that translated code may use: the first, the next free one, those given back. */
interface CodeEntries { first: number; next: number; free: number[] }
const codeTables = new WeakMap<CodeTable, CodeEntries>();
const TABLE_STEP = 256;
/** Words of the core's list of functions (wasm/jit/regions.ts): body, its bytes, bytes of its hints, table index. */
const LIST_WORDS = 4;

function listed(memory: WebAssembly.Memory, list: number, count: number): RegionFunction[] {
  const words = new Uint32Array(memory.buffer, list, count * LIST_WORDS);
  // Engines do not compile from shared memory.
  const copy = (address: number, bytes: number): Uint8Array =>
    new Uint8Array(memory.buffer, address, bytes).slice();
  return Array.from({ length: count }, (_, n) => {
    const [at, bytes, hints] = words.subarray(n * LIST_WORDS) as unknown as [number, number, number];
    return { body: copy(at, bytes), hints: copy(at + bytes, hints) };
  });
}

/**
 * Puts translated functions, `count` of the list at address `list`, into the core's table and their indices
 * into the list; the first, 0 if the engine refuses. No count: forget the function with the index `list`, 0 =
 * all. Engines know bytes that another thread of the process has compiled, and share its code while somebody
 * uses it. The module does not import the table: every growth and every entry would have to be told to all
 * modules that do.
 */
export function installCode(memory: WebAssembly.Memory, core: Record<string, unknown>, list: number,
  count: number): number {
  const table = core.table as CodeTable;
  const used = codeTables.get(table) ?? { first: table.length, next: table.length, free: [] };
  codeTables.set(table, used);
  if (count === 0) {
    forgetCode(table, used, list);
    return 0;
  }
  try {
    const module = new WebAssembly.Module(regionModule(listed(memory, list, count)));
    const { exports } = new WebAssembly.Instance(module, regionImports(memory, core, checksRegions(memory)));
    const words = new Uint32Array(memory.buffer, list, count * LIST_WORDS);
    for (let n = 0; n < count; n++) {
      if (used.free.length === 0 && used.next === table.length) table.grow(TABLE_STEP);
      const index = used.free.pop() ?? used.next++;
      table.set(index, exports[exportName(n)]);
      words[n * LIST_WORDS + 3] = index;
    }
    return words[3]!;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw error;
    return 0;
  }
}

function checksRegions(memory: WebAssembly.Memory): boolean {
  return new Uint32Array(memory.buffer)[(CONTROL + Control.CHECK_REGIONS) >> 2] !== 0;
}

function forgetCode(table: CodeTable, used: CodeEntries, index: number): void {
  if (index !== 0) {
    table.set(index, null);
    used.free.push(index);
    return;
  }
  for (let n = used.first; n < used.next; n++) table.set(n, null);
  used.next = used.first;
  used.free = [];
}

/** An instance of the core over the shared memory; its log lines go to `port`. */
export function instantiate(request: Pick<ThreadRequest & { kind: 'init' }, 'module' | 'memory' | 'clock'>,
  port: Pick<ThreadPort, 'post'>): CoreExports {
  const { module, memory, clock } = request;
  const imports = {
    env: { memory },
    host: {
      now: new MachineClock(clock).reader(),
      log: (code: number, a: bigint, b: bigint): void => port.post({ kind: 'log', code, a, b }),
      panic: (code: number, detail: bigint): void => {
        announceFailure(memory, code);
        if (code === PANIC_REGION_DIFFERS) throw new CorePanic(describeDifference(memory));
        throw new CorePanic(`the core stopped with code ${code}, detail 0x${BigInt.asUintN(64, detail).toString(16)}`);
      },
      install: (list: number, count: number): number => installCode(memory, core, list >>> 0, count),
    },
  };
  const core = new WebAssembly.Instance(module, imports).exports;
  return core as unknown as CoreExports;
}

export function serveCoreThread(port: ThreadPort): void {
  let core: CoreExports | undefined;
  let memory: WebAssembly.Memory | undefined;
  let id = 0;
  const execute = (request: ThreadRequest): number => {
    if (request.kind === 'init') {
      memory = request.memory;
      id = request.id;
      core = instantiate(request, port);
      return 0;
    }
    if (core === undefined) throw new Error('core thread used before init');
    switch (request.kind) {
      case 'machine-init':
        core.machineInit();
        if (request.directBoot) core.presetForDirectBoot();
        else core.presetForFirmware();
        return 0;
      case 'cpu-init':
        core.cpuInit(id);
        if (request.boot !== undefined) {
          core.setBootState(request.boot.kind, request.boot.entry, request.boot.arg, request.boot.cr3);
        }
        return 0;
      case 'run-cpu': return core.cpuRun();
      case 'run-clock': return core.clockRun() ?? 0;
    }
  };
  port.onMessage((request) => {
    try {
      port.post({ kind: 'done', result: execute(request) });
    } catch (error) {
      if (memory !== undefined) announceFailure(memory, FAILED_TRAP);
      port.post({ kind: 'failed', message: describe(error, request.kind) });
    }
  });
}

function describe(error: unknown, during: string): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CorePanic) return error.message;
  const where = /wasm-function\[(\d+)\]|at (\S+) \(wasm:/.exec(error.stack ?? '');
  return `${error.name}: ${error.message}${where === null ? '' : ` in ${where[1] ?? where[2]}`} during ${during}`;
}
