// The page's view of one machine: loads what it boots from, creates it through the library, and tells the page in which
// phase it is. The only file of the page, apart from its entry, that touches src/api.

import { Skep } from '../api/index.ts';
import { checkConfig, type MachineConfig } from './config.ts';
import { download, type OnProgress } from './download.ts';
import { guestMissing, PageError } from './messages.ts';
import type { StatsSample } from './rates.ts';

export type Phase = 'off' | 'loading' | 'running' | 'paused' | 'ended' | 'failed';

/** What tools/guest writes next to a prepared guest, as far as the page reads it. */
export interface GuestManifest {
  title: string;
  kernel: string;
  initrd: string;
  append: string;
  memory: number;
  bytes: number;
  kernelVersion: string;
  files: Record<string, { bytes: number }>;
}

export interface ChosenFiles {
  kernel?: File | undefined;
  initrd?: File | undefined;
}

export interface MachineEvents {
  onPhase(phase: Phase, detail?: string): void;
  onProgress(file: string, loaded: number, total: number): void;
  onSerial(bytes: Uint8Array): void;
  onError(error: unknown): void;
}

const GUEST_FOLDER = 'guest';

/** The manifest of a prepared guest; PageError if it is not on this server. */
export async function loadManifest(name: string, signal?: AbortSignal): Promise<GuestManifest> {
  const options = { what: 'guest', ...(signal === undefined ? {} : { signal }) };
  try {
    const bytes = await download(`${GUEST_FOLDER}/${name}/manifest.json`, options);
    return JSON.parse(new TextDecoder().decode(bytes)) as GuestManifest;
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw guestMissing(name);
  }
}

interface BootFiles {
  kernel: Uint8Array;
  initrd: Uint8Array | undefined;
  append: string;
}

type Vm = Awaited<ReturnType<typeof Skep.create>>;

export class Machine {
  phase: Phase = 'off';
  #vm: Vm | undefined;
  #abort = new AbortController();

  constructor(private readonly events: MachineEvents) {}

  get active(): boolean {
    return this.phase === 'loading' || this.phase === 'running' || this.phase === 'paused';
  }

  async start(config: MachineConfig, files: ChosenFiles): Promise<void> {
    await this.#dispose();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      const problems = checkConfig(config, files.kernel !== undefined);
      if (problems.length > 0) {
        throw new PageError('This machine is not possible', problems.join(' '), 'Change the value and start again.');
      }
      this.#enter('loading');
      const boot = await this.#load(config, files, signal);
      signal.throwIfAborted();
      await this.#create(config, boot, signal);
    } catch (error) {
      if (signal.aborted) return;
      await this.#fail(error);
    }
  }

  async #create(config: MachineConfig, boot: BootFiles, signal: AbortSignal): Promise<void> {
    const vm = await Skep.create({
      smp: config.smp, memory: config.ram, cpu: config.cpu,
      kernel: boot.kernel, append: boot.append,
      ...(boot.initrd === undefined ? {} : { initrd: boot.initrd }),
    });
    if (signal.aborted) {
      await vm.stop();
      return;
    }
    this.#vm = vm;
    vm.serial.onData((bytes: Uint8Array) => this.events.onSerial(bytes));
    vm.on('ended', (end: { reason: string; value?: number }) => this.#ended(vm, end));
    vm.on('error', (error: unknown) => {
      if (this.#vm === vm) void this.#fail(error);
    });
    await vm.start();
    if (this.phase === 'loading') this.#enter('running');
  }

  async #load(config: MachineConfig, files: ChosenFiles, signal: AbortSignal): Promise<BootFiles> {
    const progress = (file: string): OnProgress => (loaded, total) => this.events.onProgress(file, loaded, total);
    const fetched = (what: string, address: string, expectedBytes?: number): Promise<Uint8Array> =>
      download(address, { what, signal, onProgress: progress(what), ...(expectedBytes === undefined ? {} : { expectedBytes }) });
    const own = async (what: string, file: File | undefined, address: string): Promise<Uint8Array | undefined> => {
      if (file !== undefined) return readFile(what, file, progress(what));
      return address === '' ? undefined : fetched(what, address);
    };
    const wanted = [own('kernel', files.kernel, config.kernel), own('initrd', files.initrd, config.initrd)] as const;
    if (config.guest === 'custom') {
      const [kernel, initrd] = await Promise.all(wanted);
      if (kernel === undefined) throw new Error('checkConfig lets no machine without a kernel pass');
      return { kernel, initrd, append: config.append === '' ? 'console=ttyS0' : config.append };
    }
    const manifest = await loadManifest(config.guest, signal);
    const at = (name: string): string => `${GUEST_FOLDER}/${config.guest}/${name}`;
    const [kernel, initrd] = await Promise.all([
      wanted[0].then((bytes) => bytes ?? fetched('kernel', at(manifest.kernel), manifest.files[manifest.kernel]?.bytes)),
      wanted[1].then((bytes) => bytes ?? fetched('initrd', at(manifest.initrd), manifest.files[manifest.initrd]?.bytes)),
    ]);
    return { kernel, initrd, append: config.append === '' ? manifest.append : config.append };
  }

  async pause(): Promise<void> {
    await this.#control('running', 'paused', (vm) => vm.pause());
  }

  async resume(): Promise<void> {
    await this.#control('paused', 'running', (vm) => vm.start());
  }

  async reset(): Promise<void> {
    await this.#control(this.phase, 'running', (vm) => vm.reset());
  }

  async powerButton(): Promise<void> {
    await this.#control(this.phase, this.phase, (vm) => vm.powerButton());
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#dispose();
    this.#enter('off');
  }

  write(data: string | Uint8Array): void {
    if (this.phase === 'running' || this.phase === 'paused') this.#vm?.serial.write(data);
  }

  /** A sample of the counters, or undefined when there is no machine to measure. */
  async stats(): Promise<StatsSample | undefined> {
    return this.#vm === undefined ? undefined : this.#vm.stats();
  }

  async #control(from: Phase, to: Phase, action: (vm: Vm) => void | Promise<void>): Promise<void> {
    const vm = this.#vm;
    if (vm === undefined || this.phase !== from) return;
    try {
      await action(vm);
      if (this.#vm === vm && this.phase === from && to !== from) this.#enter(to);
    } catch (error) {
      await this.#fail(error);
    }
  }

  #ended(vm: Vm, end: { reason: string; value?: number }): void {
    if (this.#vm !== vm) return;
    this.#enter('ended', end.reason);
    void this.#dispose();
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

async function readFile(what: string, file: File, onProgress: OnProgress): Promise<Uint8Array> {
  onProgress(0, file.size);
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    onProgress(bytes.length, bytes.length);
    return bytes;
  } catch {
    throw new PageError(`The ${what} cannot be read`, `The browser could not read ${file.name}.`,
      'It may have been moved or changed since you chose it: choose it again.');
  }
}
