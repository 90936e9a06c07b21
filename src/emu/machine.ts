// A machine: the shared memory, one worker per CPU, the clock worker, and the words that control them. All
// workers have instantiated the core and CPUs other than 0 are parked before CPU 0 executes its first
// instruction. Afterwards control goes through shared words only; the host watches HOST_EVENT
// (Atomics.waitAsync, or a timer where that is missing) for output, ends, reset requests and failures.

import { checkMachineConfig, type BootConfig, type FirmwareConfig, type FloppyConfig, type MachineConfig, MIB,
  ramBaseFor } from './config.ts';
import { CoreWorker } from './core-worker.ts';
import { Emitter } from './emitter.ts';
import { MachineError, SkepError } from './errors.ts';
import type { DriveConfig } from './disk/block-device.ts';
import { IoWorker, type DiskEvent } from './disk/host.ts';
import { loadFirmware, copyFloppy, loadFloppies } from './boot/firmware.ts';
import { BootKind, GuestRam, type BootState } from './boot/guest-ram.ts';
import { loadPayload } from './boot/load.ts';
import { Unzstd } from './boot/unzstd.ts';
import { Board, BOARD, BOARD_BYTES, Control, CONTROL, CPU_INBOX_BYTES, MachineEnd, PAGE_BYTES,
  PAGE_RECORD_BYTES,
  PAGE_TABLE, Request, RING_DEBUG_OUT, RING_KEYBOARD_IN, RING_MOUSE_IN, RINGS, RINGS_BYTES, VRAM, VRAM_BYTES,
  } from './generated-layout.ts';
import { loadDefaultFont } from './display/font.ts';
import { Screen } from './display/screen.ts';
import { biosKeyBuffer } from './input/bios-buffer.ts';
import { Keyboard, type KeyboardLeds } from './input/keyboard.ts';
import { Mouse } from './input/mouse.ts';
import { describeLog } from './log-messages.ts';
import { MachineClock } from './machine-clock.ts';
import { CpuExit, type Platform } from './platform.ts';
import { SERIAL_PORTS, SerialLink } from './serial.ts';
import { MachineProfile } from './profile/machine-profile.ts';
import { SharedMachine } from './shared.ts';
import { readStats, type MachineStats } from './stats.ts';
import { Watchdog } from './watchdog.ts';

export type MachineState = 'ready' | 'running' | 'paused' | 'ended' | 'failed' | 'stopped';
export type EndReason = 'power-off' | 'debug-exit' | 'triple-fault' | 'panic' | 'stopped';
/** How the machine ended; `value` is the debug-exit code or the CPU that triple-faulted. */
export interface MachineEnding { reason: EndReason; value: number }

export interface MachineEvents {
  serial: { port: number; bytes: Uint8Array };
  debug: Uint8Array;
  state: MachineState;
  ended: MachineEnding;
  reset: number;
  error: SkepError;
  log: string;
  disk: DiskEvent;
  /** The guest has switched the keyboard's lights. */
  leds: KeyboardLeds;
}

const WASM_PAGE = 65536;
/** Backstop of the event wait, and the pace of polling where Atomics.waitAsync is missing. */
const EVENT_WAIT_MS = 100;
const POLL_MS = 8;
/** After output, wait this long before looking again: output comes in bytes, listeners want lines. */
const COALESCE_MS = 2;
/** How long vCPUs may take to leave their loop. */
const PARK_TIMEOUT_MS = 1000;
/** The same before a reset, where a CPU that is only slow must not be given up. */
const RESET_TIMEOUT_MS = 5000;

const END_REASONS: Record<number, EndReason> = {
  [MachineEnd.POWER_OFF]: 'power-off', [MachineEnd.DEBUG_EXIT]: 'debug-exit',
    [MachineEnd.TRIPLE_FAULT]: 'triple-fault',
  [MachineEnd.PANIC]: 'panic',
};

export interface MachineOptions extends MachineConfig {
  /** Disks and CD-ROM drives of the IDE channels. */
  drives?: readonly DriveConfig[];
  /** A kernel to start directly. Absent: CPU 0 starts at the reset vector, in `firmware`. */
  boot?: BootConfig;
  firmware?: FirmwareConfig;
  /** Drives A and B. */
  floppies?: FloppyConfig[];
}

/** Not in every browser, nor in TypeScript's library before ES2024. */
type WaitAsync = (words: Int32Array, index: number, value: number, timeoutMs: number)
  => { value: Promise<string> | string };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

const NS_PER_MS = 1_000_000n;
/** 64-bit words of Control.RANDOM_SEED. */
const SEED_WORDS = 4;

/** The promise's value, or undefined after `ms`; no timer is left behind to keep a process alive. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => { timer = setTimeout(() => resolve(undefined), ms); });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function reserveMemory(config: MachineConfig): WebAssembly.Memory {
  const ramBase = ramBaseFor(config.cpus, config.checkRegions);
  const pages = Math.ceil((ramBase + config.memoryMiB * MIB) / WASM_PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new SkepError('no-memory', `This host cannot reserve the ${Math.ceil(pages * WASM_PAGE / MIB)
    } MiB of address space for a machine with ${config.memoryMiB} MiB of RAM.`,
    'Choose less RAM or fewer CPUs, or close other machines and tabs.', { cause });
  }
}

export class Machine {
  readonly events = new Emitter<MachineEvents>();
  readonly serial: SerialLink[];
  readonly screen: Screen;
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  readonly profile: MachineProfile;
  /** Resolves when the machine is over, rejects when it fails. */
  readonly ended: Promise<MachineEnding>;
  private readonly settle: { resolve(ending: MachineEnding): void; reject(error: SkepError): void };
  private readonly clock = MachineClock.create();
  private readonly cpus: CoreWorker[] = [];
  private clockWorker: CoreWorker | undefined;
  private ioWorker: IoWorker | undefined;
  /** Names of the discs that were put in since the start, by position. */
  private readonly discs = new Map<number, string>();
  private runs: Promise<number>[] = [];
  private watchdog: Watchdog | undefined;
  private current: MachineState = 'ready';
  private resets = 0;
  private finalStats: MachineStats | undefined;

  private constructor(readonly options: MachineOptions, private readonly platform: Platform,
    private readonly module: WebAssembly.Module, readonly shared: SharedMachine) {
    this.serial = SERIAL_PORTS.map((rings) => new SerialLink(shared, rings));
    this.screen = new Screen(module, shared.memory, platform);
    this.keyboard = new Keyboard({
      write: (bytes) => shared.writeRing(RING_KEYBOARD_IN, bytes),
      unread: () => shared.ringCount(RING_KEYBOARD_IN),
      biosBuffer: () => biosKeyBuffer(shared.ram),
    });
    this.mouse = new Mouse((buttons, dx, dy, dz) =>
      shared.writeRing(RING_MOUSE_IN, Uint8Array.of(buttons, dx & 255, dy & 255, dz & 255)) > 0);
    this.profile = new MachineProfile(shared, () => this.stats());
    let settle: Machine['settle'] | undefined;
    this.ended = new Promise((resolve, reject) => { settle = { resolve, reject }; });
    this.settle = settle as unknown as Machine['settle'];
    // A machine that nobody awaits must not bring the program down; the `error` event tells.
    this.ended.catch(() => {});
  }

  /** Reserves memory, compiles the core, starts all workers and loads the payload; CPU 0 has not run yet. */
  static async create(options: MachineOptions, platform: Platform): Promise<Machine> {
    checkMachineConfig(options);
    const module = await platform.loadCore();
    const memory = reserveMemory(options);
    const shared = new SharedMachine(memory, options.cpus, options.memoryMiB * MIB, options.checkRegions);
    const machine = new Machine(options, platform, module, shared);
    try {
      machine.configure();
      machine.spawnAll();
      await machine.prepare();
    } catch (error) {
      await machine.terminateAll();
      throw error;
    }
    return machine;
  }

  get state(): MachineState {
    return this.current;
  }

  private lookStats(): MachineStats {
    return readStats(this.shared, this.clock.now(), this.ioWorker?.downloadedBytes);
  }

  stats(): MachineStats {
    return this.finalStats ?? this.lookStats();
  }

  /** Starts or resumes. */
  start(): void {
    if (this.current === 'paused') {
      this.resume();
      return;
    }
    this.expect('ready', 'start');
    this.setState('running');
    this.launch();
    void this.watch();
  }

  /** Stops all CPUs and the machine's clock; resolves when every CPU stands. */
  async pause(): Promise<void> {
    this.expect('running', 'pause');
    this.shared.setControl(Control.RUNNING, 0);
    this.forEachCpu((cpu) => this.shared.request(cpu, Request.PAUSE));
    this.clock.freeze();
    this.setState('paused');
    await sleep(0);
  }

  resume(): void {
    this.expect('paused', 'resume');
    this.clock.run();
    this.shared.setControl(Control.RUNNING, 1);
    this.forEachCpu((cpu) => this.shared.poke(cpu));
    this.shared.kickClock();
    this.setState('running');
  }

  /** The reset button. */
  reset(): void {
    if (this.current !== 'running' && this.current !== 'paused') this.expect('running', 'reset');
    if (this.current === 'paused') this.resume();
    this.forEachCpu((cpu) => this.shared.request(cpu, Request.RESET));
    this.shared.bumpAndWake(CONTROL + Control.RESET_REQUEST);
    this.shared.bumpAndWake(CONTROL + Control.HOST_EVENT);
  }

  /** How many sectors the guest has written to the disk in floppy drive 0 or 1. */
  floppyWrites(drive: number): number {
    return this.shared.load(BOARD + Board.FLOPPY_WRITES + 4 * drive);
  }

  /** A copy of the disk in a floppy drive as it is now; undefined where there is none. */
  floppyImage(drive: number): Uint8Array<ArrayBuffer> | undefined {
    const config = this.options.floppies?.[drive];
    return config === undefined ? undefined : copyFloppy(this.shared, drive, config);
  }

  /** The ACPI power button: the guest decides. */
  powerButton(): void {
    this.expect('running', 'press the power button of');
    this.shared.bumpAndWake(BOARD + Board.POWER_BUTTON);
    this.shared.kickClock();
  }

  /** Pulls the plug; resolves when all workers are gone. Safe in every state. */
  async stop(): Promise<void> {
    if (this.current === 'stopped') return;
    if (this.current === 'running' || this.current === 'paused') {
      await this.finish({ reason: 'stopped', value: 0 });
    }
    await this.terminateAll();
    this.screen.close();
    this.setState('stopped');
    this.settle.resolve({ reason: 'stopped', value: 0 });
  }

  /** For tests: lets the worker of a CPU die as if by a crash. */
  killCpu(cpu: number): void {
    (this.cpus[cpu]?.thread as { kill?(): void } | undefined)?.kill?.();
  }

  private forEachCpu(action: (cpu: number) => void): void {
    for (let cpu = 0; cpu < this.options.cpus; cpu++) action(cpu);
  }

  private setState(state: MachineState): void {
    if (this.current === state) return;
    this.current = state;
    this.events.emit('state', state);
  }

  private expect(state: MachineState, what: string): void {
    if (this.current === state) return;
    throw new MachineError('wrong-state', `Cannot ${what} a machine that is ${this.current}.`, '');
  }

  /** Control words that do not change while the machine lives. */
  private configure(): void {
    const { shared, options } = this;
    shared.setControl(Control.CPUS, options.cpus);
    shared.setControl(Control.RAM_BASE, shared.ramBase);
    shared.setControl(Control.RAM_PAGES, shared.ramBytes / PAGE_BYTES);
    shared.setControl(Control.HOST_CORES, options.hostCores);
    shared.setControl(Control.CPU_MODEL, { v1: 1, v2: 2, v3: 3 }[options.cpuModel]);
    shared.setControl(Control.OPTIONS, options.options);
    shared.setControl(Control.CHECK_REGIONS, options.checkRegions ?? 0);
    loadFloppies(shared, options.floppies ?? []);
    const { boot, cpus, firmware } = options;
    if (boot === undefined && firmware !== undefined) {
      loadFirmware(shared, { cpus, ramBytes: shared.ramBytes, firmware });
    }
    Atomics.store(shared.longs, (CONTROL + Control.TSC_HZ) >> 3, BigInt(Math.round(options.tscHz)));
    const epochMs = Date.now();
    new DataView(shared.memory.buffer).setFloat64(BOARD + Board.EPOCH_MS, epochMs, true);
    Atomics.store(shared.longs, (CONTROL + Control.WALL_NS) >> 3, BigInt(epochMs) * NS_PER_MS);
    // A view of shared memory cannot be filled by getRandomValues.
    const seed = crypto.getRandomValues(new BigUint64Array(SEED_WORDS));
    const seedAt = (CONTROL + Control.RANDOM_SEED) >> 3;
    seed.forEach((word, n) => Atomics.store(shared.longs, seedAt + n, BigInt.asIntN(64, word)));
  }

  private spawnAll(): void {
    for (let cpu = 0; cpu < this.options.cpus; cpu++) this.cpus.push(this.spawn(`CPU ${cpu}`));
    this.clockWorker = this.spawn('the clock');
  }

  private spawn(name: string): CoreWorker {
    return new CoreWorker(name, this.platform, {
      onFailure: (error) => this.fail(error),
      onLog: (code, a, b) => this.events.emit('log', describeLog(code, a, b)),
    });
  }

  /**
   * All instances exist; the board is initialised; the payload is in RAM; every CPU is in its reset state.
   */
  private async prepare(): Promise<void> {
    const { module, shared, clock } = this;
    // The threads instantiate the core while this one unpacks the kernel.
    const threads = Promise.all([...this.cpus.map((worker, id) =>
      worker.init(module, shared.memory, clock, id)),
      (this.clockWorker as CoreWorker).init(module, shared.memory, clock, 0)]);
    const boot = this.loadBoot();
    // Both are awaited below; whichever fails first must not leave the other's rejection unhandled.
    threads.catch(() => {});
    boot.catch(() => {});
    await threads;
    await this.openDrives();
    await this.cpus[0]?.call({ kind: 'machine-init', directBoot: this.options.boot !== undefined });
    const state = await boot;
    await Promise.all(this.cpus.map((worker, id) => worker.call(id === 0 ? { kind: 'cpu-init', boot: state }
      : { kind: 'cpu-init' })));
  }

  /** The I/O worker exists where there are drives; chips look at what is plugged in when they are reset. */
  private async openDrives(): Promise<void> {
    const { drives } = this.options;
    if (drives === undefined || drives.length === 0) return;
    const { platform } = this;
    const spawn = platform.spawnIo?.bind(platform);
    if (spawn === undefined) throw new SkepError('unsupported', 'This host has no drives.',
      'Leave the drives out.');
    this.ioWorker = new IoWorker(() => spawn('disks'), {
      onFailure: (error) => this.fail(error),
      onDisk: (event) => this.events.emit('disk', event),
    });
    await this.ioWorker.open(this.module, this.shared.memory, this.clock, drives);
  }

  /** Puts another disc into a CD-ROM drive, or takes it out; rejects with a SkepError. */
  async changeDisc(drive: DriveConfig): Promise<void> {
    if (this.ioWorker === undefined) throw new MachineError('wrong-state',
      'This machine has no CD-ROM drive.', '');
    await this.ioWorker.change(drive);
    this.discs.set(drive.position, drive.name);
  }

  /** What the image in a drive is called. */
  imageName(position: number): string {
    return this.discs.get(position)
      ?? this.options.drives?.find((drive) => drive.position === position)?.name ?? 'nothing';
  }

  /** A piece of a disk as the guest would see it now; rejects with a SkepError. */
  async readDisk(position: number, offset: number, bytes: number): Promise<Uint8Array> {
    if (this.ioWorker === undefined || this.current === 'ended' || this.current === 'stopped') {
      throw new MachineError('wrong-state', 'The disks of a machine that is over cannot be read.',
        'Export a disk before the machine ends.');
    }
    return this.ioWorker.read(position, offset, bytes);
  }

  /** For tests: the disk worker dies as if by a crash. */
  killIo(): void {
    this.ioWorker?.kill();
  }

  private async loadBoot(): Promise<BootState> {
    const { boot, cpus } = this.options;
    // Without firmware there is no video BIOS that would bring a font.
    if (boot !== undefined) loadDefaultFont(this.shared.bytes.subarray(VRAM, VRAM + VRAM_BYTES));
    if (boot === undefined) return { kind: BootKind.RESET_VECTOR, entry: 0n, arg: 0n, cr3: 0n };
    return loadPayload(new GuestRam(this.shared.ram), cpus, boot,
      new Unzstd(this.module, this.shared.memory));
  }

  /** Sends every thread into its loop, CPU 0 last. */
  private launch(): void {
    this.clock.run();
    this.shared.setControl(Control.RUNNING, 1);
    (this.clockWorker as CoreWorker).call({ kind: 'run-clock' }).catch(() => {});
    this.runs = this.cpus.map(() => Promise.resolve(0));
    for (let cpu = this.cpus.length - 1; cpu >= 0; cpu--) {
      const run = (this.cpus[cpu] as CoreWorker).call({ kind: 'run-cpu' });
      // A failure is reported by the worker's own event.
      run.catch(() => {});
      this.runs[cpu] = run;
    }
    this.watchdog = new Watchdog(this.shared, (cpu) => this.cpus[cpu]?.fail(new MachineError('worker-died',
      `The worker of CPU ${cpu} has not answered for a minute.`, 'Start the machine again.')));
  }

  /** The host's side of the machine's life. */
  private async watch(): Promise<void> {
    let resetsSeen = this.shared.getControl(Control.RESET_REQUEST);
    while (this.current === 'running' || this.current === 'paused') {
      const event = this.shared.getControl(Control.HOST_EVENT);
      const busy = this.drain();
      if (this.shared.getControl(Control.FAILED) !== 0) await this.failedWord();
      else if (this.shared.getControl(Control.END) !== MachineEnd.NONE) await this.finish();
      else if (this.shared.getControl(Control.RESET_REQUEST) !== resetsSeen) {
        resetsSeen = this.shared.getControl(Control.RESET_REQUEST);
        await this.doReset().catch((error: unknown) => this.fail(error));
      } else {
        if (this.current === 'running') this.watchdog?.look();
        this.ioWorker?.look();
        await (busy ? sleep(COALESCE_MS) : this.waitForEvent(event));
      }
    }
  }

  private async waitForEvent(seen: number): Promise<void> {
    const { waitAsync } = Atomics as unknown as { waitAsync?: WaitAsync };
    if (waitAsync === undefined) {
      await sleep(POLL_MS);
      return;
    }
    const wait = waitAsync(this.shared.words, this.shared.control(Control.HOST_EVENT), seen | 0,
      EVENT_WAIT_MS);
    await wait.value;
  }

  /** Moves output to the subscribers and waiting input into the rings; true if there was output. */
  private drain(): boolean {
    let busy = false;
    this.serial.forEach((link, port) => {
      const bytes = link.drain();
      if (bytes === undefined) return;
      busy = true;
      this.events.emit('serial', { port, bytes });
    });
    if (this.keyboard.setLights(this.shared.load(BOARD + Board.KEYBOARD_LEDS))) {
      this.events.emit('leds', this.keyboard.leds);
    }
    const debug = this.shared.readRing(RING_DEBUG_OUT);
    if (debug !== undefined) this.events.emit('debug', debug);
    return busy || debug !== undefined;
  }

  /** All CPUs have left their loop, or it took too long. */
  private async allParked(): Promise<void> {
    await within(Promise.allSettled(this.runs), PARK_TIMEOUT_MS);
  }

  private async finish(forced?: MachineEnding): Promise<void> {
    this.watchdog = undefined;
    this.forEachCpu((cpu) => this.shared.request(cpu, Request.STOP));
    await this.allParked();
    this.drain();
    if (this.current !== 'running' && this.current !== 'paused') return;
    this.clock.freeze();
    this.shared.setControl(Control.RUNNING, 0);
    this.profile.stop();
    this.finalStats = this.lookStats();
    const ending = forced ?? { reason: END_REASONS[this.shared.getControl(Control.END)] ?? 'panic',
      value: this.shared.getControl(Control.END_VALUE) };
    await this.terminateAll();
    this.setState('ended');
    this.settle.resolve(ending);
    this.events.emit('ended', ending);
  }

  /** FAILED is set, but by whom is known only from the worker's message, which may still be on its way. */
  private async failedWord(): Promise<void> {
    await sleep(200);
    if (this.current === 'failed' || this.current === 'stopped') return;
    this.fail(new MachineError('core-panic',
      `The core stopped with code ${this.shared.getControl(Control.FAILED)}.`,
      'This is a mistake of Skep; please report it with the guest that shows it.'));
  }

  private fail(error: unknown): void {
    if (this.current === 'failed' || this.current === 'stopped' || this.current === 'ended') return;
    const wasReady = this.current === 'ready';
    const known = error instanceof SkepError ? error
      : new MachineError('core-panic', `The machine failed: ${String(error)}.`, 'Start it again.',
        { cause: error });
    if (this.shared.getControl(Control.FAILED) === 0) this.shared.setControl(Control.FAILED, 1);
    this.forEachCpu((cpu) => this.shared.poke(cpu));
    this.shared.kickClock();
    this.drain();
    this.finalStats = this.lookStats();
    this.setState('failed');
    this.settle.reject(known);
    if (!wasReady) this.events.emit('error', known);
    void this.terminateAll();
  }

  /** Machine reset: everything stands, the board and the CPUs start over, the payload is loaded again. */
  private async doReset(): Promise<void> {
    this.watchdog = undefined;
    this.forEachCpu((cpu) => this.shared.request(cpu, Request.RESET));
    const exits = await within(Promise.all(this.runs), RESET_TIMEOUT_MS);
    if (exits === undefined) throw new MachineError('worker-died', 'A CPU does not answer a reset.',
      'Start again.');
    if (exits.includes(CpuExit.END) || exits.includes(CpuExit.STOP)) return;
    this.drain();
    this.shared.setControl(Control.RUNNING, 0);
    this.clock.freeze();
    // The clock worker blocks until the end of the machine: a new one takes its place.
    await this.clockWorker?.terminate();
    this.clockWorker = this.spawn('the clock');
    await this.clockWorker.init(this.module, this.shared.memory, this.clock, 0);
    await this.ioWorker?.hold();
    this.clearState();
    const [worker] = this.cpus;
    await worker?.call({ kind: 'machine-init', directBoot: this.options.boot !== undefined });
    await this.ioWorker?.resume();
    const boot = await this.loadBoot();
    await Promise.all(this.cpus.map((cpu, id) => cpu.call(id === 0 ? { kind: 'cpu-init', boot }
      : { kind: 'cpu-init' })));
    if (this.current !== 'running') return;
    this.keyboard.clear();
    this.mouse.clear();
    this.resets++;
    this.events.emit('reset', this.resets);
    this.launch();
  }

  /** Board, rings, inboxes and page states as in a new machine; the wall clock's epoch stays. */
  private clearState(): void {
    const { bytes, ramBytes, memory } = this.shared;
    const view = new DataView(memory.buffer);
    const epoch = view.getFloat64(BOARD + Board.EPOCH_MS, true);
    bytes.fill(0, BOARD, BOARD + BOARD_BYTES);
    bytes.fill(0, RINGS, RINGS + RINGS_BYTES);
    bytes.fill(0, PAGE_TABLE, PAGE_TABLE + (ramBytes / PAGE_BYTES) * PAGE_RECORD_BYTES);
    this.forEachCpu((cpu) => bytes.fill(0, this.shared.inbox(cpu), this.shared.inbox(cpu) + CPU_INBOX_BYTES));
    view.setFloat64(BOARD + Board.EPOCH_MS, epoch, true);
  }

  private async terminateAll(): Promise<void> {
    this.keyboard.clear();
    this.mouse.clear();
    await Promise.all([this.ioWorker?.close(),
      ...[...this.cpus, ...(this.clockWorker === undefined ? [] : [this.clockWorker])]
        .map((worker) => worker.terminate())]);
  }
}
