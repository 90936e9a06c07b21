// The page's view of one machine: creates it through the library from what the form says, and tells the page
// in which phase it is. The library does everything else: it loads the files, checks them and runs the
// workers.

import { Skep, type FileSource, type MachineEnding, type MachineProfile, type SkepOptions,
  type SkepStats } from '../api/index.ts';
import { checkConfig, readBoot, readDrive, type ChosenFiles, type DriveName,
  type MachineConfig } from './config.ts';
import { guestMissing, guestCrashed, PageError } from './messages.ts';

export type Phase = 'off' | 'loading' | 'running' | 'paused' | 'ended' | 'failed';

/** What tools/guest writes next to a prepared guest, as far as the page shows it. */
export interface GuestManifest {
  title: string;
  append: string;
  bytes: number;
  /** Of these, what is read until the guest is up, where a disk comes piece by piece. */
  bootBytes?: number;
  kernelVersion: string;
  files: Record<string, { bytes: number }>;
  /** The guest brings a hard disk. */
  disk?: string;
}

export interface MachineEvents {
  onPhase(phase: Phase, detail?: string): void;
  onProgress(file: string, loaded: number, total: number): void;
  onSerial(bytes: Uint8Array): void;
  onError(error: unknown): void;
}

const ENDINGS: Readonly<Record<string, string>> = {
  'power-off': 'powered off', 'debug-exit': 'ended by the guest', stopped: 'off',
};

/** The manifest of a prepared guest; PageError if it is not on this server. */
export async function loadManifest(name: string): Promise<GuestManifest> {
  try {
    const response = await fetch(`guest/${name}/manifest.json`);
    if (response.ok) return await response.json() as GuestManifest;
  } catch {
    // No server, or a web page instead of a manifest: either way the guest is not there.
  }
  throw guestMissing(name);
}

export class Machine {
  phase: Phase = 'off';
  #vm: Skep | undefined;
  #abort = new AbortController();

  constructor(private readonly events: MachineEvents) {}

  /** The machine itself, while there is one. */
  get vm(): Skep | undefined {
    return this.#vm;
  }

  get active(): boolean {
    return this.phase === 'loading' || this.phase === 'running' || this.phase === 'paused';
  }

  /** `sizeOf`: bytes of a file of this name, for downloads whose server does not tell. */
  async start(config: MachineConfig, files: ChosenFiles,
    sizeOf: (name: string) => number | undefined): Promise<void> {
    await this.#dispose();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const problems = checkConfig(config, files);
      if (problems.length > 0) {
        throw new PageError('This machine is not possible', problems.join(' '),
          'Change the value and start again.');
      }
      this.#enter('loading');
      // Browsers may otherwise drop what is kept when the disk is full.
      if (readDrive(config.hda).keep || readDrive(config.hdb).keep) void navigator.storage?.persist?.();
      const vm = await Skep.create({
        ...optionsOf(config, files), signal,
        onProgress: ({ name, loaded, total }) =>
          this.events.onProgress(name, loaded, total || (sizeOf(name) ?? 0)),
      });
      this.#adopt(vm);
      vm.start();
      performance.mark('skep-start');
      this.#enter('running');
    } catch (error) {
      if (!signal.aborted) await this.#fail(error);
    }
  }

  #adopt(vm: Skep): void {
    this.#vm = vm;
    vm.serial.onData((bytes) => this.events.onSerial(bytes));
    vm.on('ended', (ending) => {
      if (this.#vm === vm) void this.#ended(ending);
    });
    vm.on('error', (error) => {
      if (this.#vm === vm) void this.#fail(error);
    });
  }

  async pause(): Promise<void> {
    await this.#control(['running'], 'paused', (vm) => vm.pause());
  }

  async resume(): Promise<void> {
    await this.#control(['paused'], 'running', (vm) => vm.resume());
  }

  /** Stops the guest for a while; what is returned lets it go on, if it ran. */
  async hold(): Promise<() => Promise<void>> {
    const ran = this.phase === 'running';
    await this.pause();
    return async () => { if (ran) await this.resume(); };
  }

  async reset(): Promise<void> {
    await this.#control(['running', 'paused'], 'running', (vm) => vm.reset());
  }

  async powerButton(): Promise<void> {
    await this.#control(['running'], 'running', (vm) => vm.powerButton());
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#dispose();
    this.#enter('off');
  }

  /** Types into the console; false where nobody takes it. */
  write(data: string): boolean {
    return this.phase === 'running' && this.#vm?.serial.write(data) === true;
  }

  /** Of the machine while it runs. */
  profile(): MachineProfile | undefined {
    return this.#vm?.state === 'running' ? this.#vm.profile : undefined;
  }
  /** The counters, or undefined when there is no machine to measure. */
  stats(): SkepStats | undefined {
    return this.#vm?.stats;
  }

  async #control(from: readonly Phase[], to: Phase, action: (vm: Skep) => void
    | Promise<void>): Promise<void> {
    const vm = this.#vm;
    if (vm === undefined || !from.includes(this.phase)) return;
    try {
      await action(vm);
      if (this.#vm === vm && from.includes(this.phase) && this.phase !== to) this.#enter(to);
    } catch (error) {
      if (this.#vm === vm) await this.#fail(error);
    }
  }

  async #ended({ reason, value }: MachineEnding): Promise<void> {
    if (reason === 'triple-fault' || reason === 'panic') await this.#fail(guestCrashed(reason, value));
    else {
      await this.#dispose();
      this.#enter('ended', ENDINGS[reason]);
    }
  }

  async #fail(error: unknown): Promise<void> {
    await this.#dispose();
    this.#enter('failed');
    this.events.onError(error);
  }

  async #dispose(): Promise<void> {
    const vm = this.#vm;
    this.#vm = undefined;
    try {
      await vm?.stop();
    } catch (error) {
      // The machine is given up anyway; why it could not be stopped in order matters to developers only.
      console.warn('Skep: stopping the machine failed', error);
    }
  }

  #enter(phase: Phase, detail?: string): void {
    this.phase = phase;
    this.events.onPhase(phase, detail);
  }
}

function optionsOf(config: MachineConfig, files: ChosenFiles): SkepOptions {
  const options: SkepOptions = { smp: config.smp, memory: config.ram, cpu: config.cpu };
  const kernel: FileSource | '' = files.kernel ?? config.kernel;
  const initrd: FileSource | '' = files.initrd ?? config.initrd;
  if (config.guest !== 'custom') options.guest = config.guest;
  if (kernel !== '') options.kernel = kernel;
  if (initrd !== '') options.initrd = initrd;
  if (config.append !== '') options.append = config.append;
  const image = (name: DriveName): FileSource | undefined => files[name]
    ?? (readDrive(config[name]).address || undefined);
  for (const name of ['hda', 'hdb'] as const) {
    const { keep } = readDrive(config[name]);
    const source = image(name);
    if (source !== undefined) options[name] = { image: source, keep };
    else if (keep && name === 'hda') options.hda = { keep };
  }
  const cdrom = image('cdrom');
  const fda = image('fda');
  if (cdrom !== undefined) options.cdrom = cdrom;
  if (fda !== undefined) options.fda = fda;
  const { order, menuS } = readBoot(config.boot);
  if (order !== '') options.bootOrder = order;
  if (menuS > 0) options.bootMenuMs = menuS * 1000;
  return options;
}
