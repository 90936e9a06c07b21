// The machine's end of the I/O worker: one request at a time is answered by one reply; events come between.

import type { MachineClock } from '../machine-clock.ts';
import { MachineError, SkepError } from '../errors.ts';
import type { IoReply, IoRequest, IoThread } from '../platform.ts';
import type { DriveConfig } from './block-device.ts';
import { SlowWatch } from './slow-watch.ts';

export type DiskEvent =
  | { kind: 'error'; drive: number; name: string; message: string }
  | { kind: 'slow'; drive: number; name: string; seconds: number }
  /** Something failed that may pass, and is tried again. */
  | { kind: 'retry'; drive: number; name: string; message: string }
  /** Of an image that comes over a network so many bytes have come; `total`: all of it. */
  | { kind: 'download'; drive: number; name: string; bytes: number; total: number }
  | { kind: 'eject'; drive: number }
  /** The worker is dead: every drive answers with errors from now on. */
  | { kind: 'dead'; message: string };

export interface IoWorkerEvents {
  /** The thread died or its core trapped. Called once. */
  onFailure(error: MachineError): void;
  onDisk(event: DiskEvent): void;
}

/** How long the worker may take to write out and close when the machine is over. */
const CLOSE_MS = 5000;

/** What every worker of a machine is given. */
type Ground = Pick<IoRequest & { kind: 'init' }, 'module' | 'memory' | 'clock'>;
interface Waiting { resolve(data: Uint8Array | undefined): void; reject(error: SkepError): void }

export class IoWorker {
  private readonly waiting: Waiting[] = [];
  private failure: MachineError | undefined;
  private thread: IoThread;
  private ground: Ground | undefined;
  private slow: SlowWatch | undefined;
  private isReplaced = false;

  constructor(private readonly spawn: () => IoThread, private readonly events: IoWorkerEvents) {
    this.thread = this.start();
  }

  private start(): IoThread {
    const thread = this.spawn();
    thread.onMessage((message) => this.receive(message));
    thread.onDeath((reason) => this.die(reason));
    return thread;
  }

  /**
   * The devices died with the worker, and what they kept in memory. The machine lives: another worker ends
   * every request with a fault, first those that the dead one had begun.
   */
  private die(reason: string): void {
    const died = new MachineError('worker-died', `The disk worker died: ${reason}.`,
      'Start the machine again.');
    if (this.failure !== undefined) return;
    if (this.slow === undefined || this.ground === undefined || this.isReplaced) {
      this.fail(died);
      return;
    }
    this.isReplaced = true;
    this.rejectAll(died);
    const { ground } = this;
    this.thread = this.start();
    this.events.onDisk({ kind: 'dead',
      message: `The disk worker died: ${reason}. All drives answer with errors from now on.` });
    void (async () => {
      await this.call({ kind: 'init', ...ground });
      await this.call({ kind: 'bury' });
      await this.call({ kind: 'serve' });
    })().catch(() => this.fail(died));
  }

  /** Call often while the machine runs: tells of a drive that does not answer. */
  look(): void {
    if (!this.isReplaced) this.slow?.look();
  }

  private readonly names = new Map<number, string>();
  /** Downloads so far by position, for the statistics. */
  readonly downloadedBytes = new Map<number, number>();

  /** Instantiates the core and opens the drives; rejects with a SkepError that names the image. */
  async open(module: WebAssembly.Module, memory: WebAssembly.Memory, clock: MachineClock,
    drives: readonly DriveConfig[]): Promise<void> {
    this.ground = { module, memory, clock: clock.shared };
    await this.call({ kind: 'init', ...this.ground });
    for (const drive of drives) await this.call({ kind: 'plug', drive });
    await this.call({ kind: 'serve' });
    for (const { position, name } of drives) this.names.set(position, name);
    this.slow = new SlowWatch(memory, (drive, seconds) =>
      this.events.onDisk({ kind: 'slow', drive, name: this.names.get(drive) ?? '', seconds }));
  }

  async change(drive: DriveConfig): Promise<void> {
    await this.call({ kind: 'change', drive });
    this.names.set(drive.position, drive.name);
  }
  /** A piece of a disk as the guest would see it. */
  async read(position: number, offset: number, bytes: number): Promise<Uint8Array> {
    return await this.call({ kind: 'read', position, offset, bytes }) ?? new Uint8Array(0);
  }
  /** Afterwards no request touches the machine's memory until resume(). */
  async hold(): Promise<void> {
    await this.call({ kind: 'hold' });
  }
  async resume(): Promise<void> {
    await this.call({ kind: 'resume' });
  }

  /** Writes out, closes, ends the thread. */
  async close(): Promise<void> {
    if (this.failure === undefined) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, CLOSE_MS); });
      await Promise.race([this.call({ kind: 'close' }).catch(() => {}), late]);
      clearTimeout(timer);
    }
    const stopped = new MachineError('wrong-state', 'The disk worker has been stopped.', '');
    this.failure ??= stopped;
    this.rejectAll(stopped);
    await this.thread.terminate();
  }

  /** For tests: the thread dies as if by a crash. */
  kill(): void {
    (this.thread as { kill?(): void }).kill?.();
  }

  private call(request: IoRequest): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.waiting.push({ resolve, reject });
      this.thread.post(request);
    });
  }

  private rejectAll(error: SkepError): void {
    for (const waiting of this.waiting.splice(0)) waiting.reject(error);
  }

  private fail(error: MachineError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.rejectAll(error);
    this.events.onFailure(error);
  }

  private receive(message: IoReply): void {
    switch (message.kind) {
      case 'done':
        this.waiting.shift()?.resolve(message.data);
        break;
      case 'refused':
        this.waiting.shift()?.reject(new SkepError('disk-failed', message.sentence,
          'Check the image, and that it may be read and written.'));
        break;
      case 'failed':
        this.fail(new MachineError('core-panic', `The disk worker failed: ${message.message}.`,
          'This is a mistake of Skep; please report it with the guest that shows it.'));
        break;
      case 'disk':
        if (message.event.kind === 'download') this.downloadedBytes.set(message.event.drive, message.event.bytes);
        this.events.onDisk(message.event);
        break;
      case 'log': break;
    }
  }
}
