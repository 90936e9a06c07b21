// The public door: a machine to create, control and watch. Everything that a page or a program that embeds
// Skep needs is here, and nothing of it is in the page's or the command line's power alone.

import type { BootConfig, CpuModel, Engine, FirmwareConfig, NamedBytes } from '../emu/config.ts';
import { checkCheckRegions, checkCpuModel, checkCpus, checkEngine, checkMemory } from '../emu/config.ts';
import { checkKernel } from '../emu/boot/load.ts';
import type { Screen } from '../emu/display/screen.ts';
import type { Keyboard } from '../emu/input/keyboard.ts';
import type { Mouse } from '../emu/input/mouse.ts';
import { abortError, ConfigError, SkepError } from '../emu/errors.ts';
import type { Unsubscribe } from '../emu/emitter.ts';
import type { MachineProfile } from '../emu/profile/machine-profile.ts';
import { Machine, type MachineEnding, type MachineEvents, type MachineState } from '../emu/machine.ts';
import type { Platform } from '../emu/platform.ts';
import type { MachineStats } from '../emu/stats.ts';
import { Option } from '../emu/generated-layout.ts';
import { checkGuestName, guestMissing, parseManifest, type GuestManifest } from './guest.ts';
import type { FileSource, ImageOpener, Progress, Reader } from './source.ts';
import { readFirmware, readFloppies, startsWithFirmware, type FirmwareOptions } from './firmware.ts';
import { SkepDisk } from './disks.ts';
import { changedDisc, driveConfigs, withGuestDisk, type DiscOption, type DriveOptions } from './drives.ts';

export interface SkepOptions extends DriveOptions, FirmwareOptions {
  /** CPUs, 1 to 16; default 1. */
  smp?: number;
  /** RAM in MiB; default: what the guest likes, else 256. */
  memory?: number;
  /** x86-64 level that the CPUs announce; default v2. */
  cpu?: CpuModel;
  /** A prepared guest, from `guestBase`. */
  guest?: string;
  /** Linux bzImage or multiboot 1 kernel; takes the place of the guest's. */
  kernel?: FileSource;
  /** initramfs (several are joined), or multiboot modules. */
  initrd?: FileSource | FileSource[];
  /** Kernel command line; with `guest` it is added to the guest's own. */
  append?: string;
  /** Announced TSC frequency in Hz; default 1 GHz. */
  tscHz?: number;
  /** Address of the folder of prepared guests; default `guest/` beside the page, `public/guest/` in Node. */
  guestBase?: string | URL;
  /** Called for every output of serial port 1. */
  serial?: (bytes: Uint8Array) => void;
  /** An OffscreenCanvas that shows the screen; it belongs to the machine from now on. */
  screen?: unknown;
  onProgress?: (progress: Progress) => void;
  /** Aborts the creation, and stops the machine afterwards. */
  signal?: AbortSignal;
  /** How instructions are executed; default `translator`: hot code becomes WebAssembly (wasm/jit/ESSAY.md). */
  engine?: Engine;
  /**
   * About one of so many entries into translated code is executed by the interpreter too, on copies; a
   * difference ends the machine with an error (docs/testing.md). Default 0: none.
   */
  checkRegions?: number;
  /** Debugging options of the core (Control.OPTIONS), instead of those that `engine` stands for. */
  options?: number;
}

/** Rates of one CPU since the previous look; `load` is the share of that time not halted, 0 to 1. */
export type CpuRates = MachineStats['cpus'][number] & { mips: number; load: number };

export interface SkepStats extends MachineStats {
  /** Million guest instructions per second of all CPUs since the previous look. */
  mips: number;
  cpus: CpuRates[];
}

/** What differs between a page and Node; set once by the entry module. */
export interface Host {
  platform: Platform;
  read: Reader;
  image: ImageOpener;
  guestBase: () => URL;
  /** Changes of disks are kept in files by path. */
  keepInFiles?: true;
}
let host: Host | undefined;
export function setHost(value: Host): void {
  host = value;
}
function theHost(): Host {
  if (host === undefined) throw new SkepError('unsupported', 'Skep was imported by a wrong path.',
    'Import the package "skep".');
  return host;
}

/**
 * Loads and compiles the core before the first machine wants it. A failure shows when a machine is created,
 * which tries again.
 */
export function prepare(): void {
  theHost().platform.loadCore().catch(() => {});
}

const DEFAULT_MEMORY_MIB = 256;
const DEFAULT_TSC_HZ = 1e9;
const DEFAULT_APPEND = 'console=ttyS0';
/**
 * The largest number of serial bytes a readable stream holds for a slow reader before it drops the oldest.
 */
const MAX_STREAM_CHUNKS = 4096;

async function readManifest(name: string, base: URL, options: SkepOptions): Promise<GuestManifest> {
  checkGuestName(name);
  try {
    const file = await theHost().read(new URL('manifest.json', base), { signal: options.signal });
    return parseManifest(new TextDecoder().decode(file.bytes), name);
  } catch (error) {
    if (error instanceof SkepError && error.code === 'file-missing') throw guestMissing(name);
    throw error;
  }
}

/** The folder of prepared guests. */
function guestRoot(options: SkepOptions): URL {
  const { guestBase } = theHost();
  const root = options.guestBase === undefined ? guestBase()
    : new URL(String(options.guestBase), guestBase());
  return root.href.endsWith('/') ? root : new URL(`${root.href}/`);
}

/** What CPU 0 starts with, the RAM that a guest likes, and its disk. */
interface Start {
  boot?: BootConfig;
  firmware?: FirmwareConfig;
  memory: number | undefined;
  disk: URL | undefined;
}

function guestDisk(manifest: GuestManifest | undefined, base: URL): URL | undefined {
  return manifest?.disk === undefined ? undefined : new URL(manifest.disk, base);
}

async function readStart(options: SkepOptions): Promise<Start> {
  if (!startsWithFirmware(options)) return readBoot(options);
  const { read } = theHost();
  const files = { signal: options.signal, onProgress: options.onProgress };
  const root = guestRoot(options);
  const base = new URL(`${options.guest ?? ''}/`, root);
  const manifest = options.guest === undefined ? undefined : await readManifest(options.guest, base, options);
  return { firmware: await readFirmware(options, root, read, files), memory: manifest?.memory,
    disk: guestDisk(manifest, base) };
}

async function readBoot(options: SkepOptions): Promise<Start> {
  const { read } = theHost();
  const files = { signal: options.signal, onProgress: options.onProgress };
  let { kernel } = options;
  let initrd = options.initrd === undefined ? undefined : [options.initrd].flat();
  let append = options.append ?? DEFAULT_APPEND;
  let memory: number | undefined;
  let disk: URL | undefined;
  if (options.guest !== undefined) {
    const base = new URL(`${options.guest}/`, guestRoot(options));
    const manifest = await readManifest(options.guest, base, options);
    kernel ??= new URL(manifest.kernel, base);
    initrd ??= manifest.initrd === undefined ? [] : [new URL(manifest.initrd, base)];
    append = [manifest.append, options.append ?? ''].filter((part) => part !== '').join(' ');
    memory = manifest.memory;
    disk = guestDisk(manifest, base);
  }
  if (kernel === undefined) {
    throw new ConfigError('There is nothing to boot.', 'Name a guest or give a kernel.');
  }
  const [kernelFile, ...initrdFiles] = await Promise.all([kernel,
    ...(initrd ?? [])].map((source) => read(source, files)));
  const boot = { kernel: kernelFile as NamedBytes, initrd: initrdFiles, append };
  checkKernel(boot);
  return { boot, memory, disk };
}

export class SkepSerial {
  private readonly decoderListeners = new Set<(bytes: Uint8Array) => void>();
  constructor(private readonly machine: Machine, private readonly port: number) {
    machine.events.on('serial', (event) => {
      if (event.port === port) this.decoderListeners.forEach((listener) => listener(event.bytes));
    });
  }

  /** Types into the port; false when a megabyte is waiting already and nothing was taken. */
  write(data: Uint8Array | string): boolean {
    return this.machine.serial[this.port]?.write(data) ?? false;
  }

  onData(listener: (bytes: Uint8Array) => void): Unsubscribe {
    this.decoderListeners.add(listener);
    return () => this.decoderListeners.delete(listener);
  }

  /** Output from now on; ends with the machine. A reader that falls far behind loses output. */
  get readable(): ReadableStream<Uint8Array> {
    let unsubscribe: Unsubscribe = () => {};
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        unsubscribe = this.onData((bytes) => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(bytes);
        });
        this.machine.ended.then(() => controller.close(), (error: unknown) => controller.error(error));
      },
      cancel: () => unsubscribe(),
    }, new CountQueuingStrategy({ highWaterMark: MAX_STREAM_CHUNKS }));
  }
}

export class Skep {
  readonly serial: SkepSerial;
  /** Serial ports 1 to 4. */
  readonly serialPorts: readonly SkepSerial[];
  private previous: MachineStats | undefined;
  private readonly onAbort = (): void => { void this.stop(); };

  private constructor(private readonly machine: Machine, private readonly signal: AbortSignal | undefined) {
    this.serialPorts = machine.serial.map((_, port) => new SkepSerial(machine, port));
    this.serial = this.serialPorts[0] as SkepSerial;
    signal?.addEventListener('abort', this.onAbort);
  }

  /** Checks the wishes, loads the files and makes a machine that is ready to start. Throws SkepError. */
  static async create(options: SkepOptions): Promise<Skep> {
    const { platform } = theHost();
    const smp = options.smp ?? 1;
    const cpuModel = options.cpu ?? 'v2';
    checkCpus(smp);
    checkCpuModel(cpuModel);
    const engine = options.engine ?? 'translator';
    checkEngine(engine);
    const checkRegions = options.checkRegions ?? 0;
    checkCheckRegions(checkRegions);
    if (options.memory !== undefined) checkMemory(options.memory, smp, checkRegions);
    prepare();
    const { memory, disk, ...start } = await readStart(options);
    const hda = withGuestDisk(options.hda, disk);
    const wanted = hda === undefined ? options : { ...options, hda };
    const files = { signal: options.signal, onProgress: options.onProgress };
    const floppies = await readFloppies(options, theHost().read, files);
    const machine =
      await Machine.create(
      { cpus: smp, drives: driveConfigs(wanted, theHost().image, theHost().keepInFiles === true),
      memoryMiB: options.memory ?? memory ?? DEFAULT_MEMORY_MIB, cpuModel, checkRegions,
      tscHz: options.tscHz ?? DEFAULT_TSC_HZ, hostCores: platform.hostCores(),
      options: options.options ?? (engine === 'translator' ? Option.TRANSLATOR : 0), floppies, ...start }, platform);
    if (options.signal?.aborted === true) {
      await machine.stop();
      throw abortError(options.signal);
    }
    const vm = new Skep(machine, options.signal);
    if (options.serial !== undefined) vm.serial.onData(options.serial);
    if (options.screen !== undefined) vm.screen.attach(options.screen);
    return vm;
  }

  /** How many sectors the guest has written to the floppy in drive 0 (A) or 1 (B). */
  floppyWrites(drive: 0 | 1): number {
    return this.machine.floppyWrites(drive);
  }
  /** The floppy in a drive as it is now, undefined where there is none. Also after the machine's end. */
  floppyImage(drive: 0 | 1): Uint8Array<ArrayBuffer> | undefined {
    return this.machine.floppyImage(drive);
  }

  get state(): MachineState {
    return this.machine.state;
  }
  /** Resolves when the machine is over, rejects with a SkepError when it fails. */
  get ended(): Promise<MachineEnding> {
    return this.machine.ended;
  }
  get cpus(): number {
    return this.machine.options.cpus;
  }
  get memory(): number {
    return this.machine.options.memoryMiB;
  }

  start(): void {
    this.machine.start();
  }
  pause(): Promise<void> {
    return this.machine.pause();
  }
  resume(): void {
    this.machine.resume();
  }
  reset(): void {
    this.machine.reset();
  }
  /** Puts a disc into the CD-ROM drive, or takes it out (null). */
  async insertDisc(disc: DiscOption): Promise<void> {
    await this.machine.changeDisc(changedDisc(disc, theHost().image));
  }
  /** Disks and CD-ROM drives, in their order. */
  get disks(): readonly SkepDisk[] {
    return this.machine.stats().drives.map((drive) => new SkepDisk(this.machine, drive));
  }
  powerButton(): void {
    this.machine.powerButton();
  }
  /** Ends the machine and its workers; safe in every state. */
  async stop(): Promise<void> {
    this.signal?.removeEventListener('abort', this.onAbort);
    await this.machine.stop();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Pictures and text of the screen, and canvases that follow it. */
  get screen(): Screen {
    return this.machine.screen;
  }
  /** Keys by KeyboardEvent.code, combinations, typed text. */
  get keyboard(): Keyboard {
    return this.machine.keyboard;
  }
  get mouse(): Mouse {
    return this.machine.mouse;
  }
  /** Where the CPUs spend their time, and what their slow paths are. Off until `profile.start()`. */
  get profile(): MachineProfile {
    return this.machine.profile;
  }
  /** Set 2 scancodes as a keyboard's wire carries them. */
  sendScancodes(codes: Uint8Array): void {
    this.machine.keyboard.send(codes);
  }

  on<Name extends keyof MachineEvents>(name: Name,
    listener: (event: MachineEvents[Name]) => void): Unsubscribe {
    return this.machine.events.on(name, listener);
  }

  /** Counters now; rates are over the time since the previous call. */
  get stats(): SkepStats {
    const now = this.machine.stats();
    const { previous } = this;
    this.previous = now;
    const elapsedMs = now.timeMs - (previous?.timeMs ?? 0);
    const rate = (count: number): number => (elapsedMs > 0 ? count / (elapsedMs * 1000) : 0);
    const cpus = now.cpus.map((cpu, n) => {
      const before = previous?.cpus[n];
      const halted = elapsedMs > 0 ? (cpu.haltedMs - (before?.haltedMs ?? 0)) / elapsedMs : 1;
      return { ...cpu, mips: rate(cpu.instructions - (before?.instructions ?? 0)),
        load: Math.min(1, Math.max(0, 1 - halted)) };
    });
    return { ...now, cpus, mips: rate(now.instructions - (previous?.instructions ?? 0)) };
  }

  /** For tests of failure handling: the worker of a CPU dies as if by a crash. */
  killCpuForTest(cpu: number): void {
    this.machine.killCpu(cpu);
  }
}
