// One core thread with its conversation: a request is answered once, and every waiting caller is rejected
// when the thread dies, so that no promise of the machine waits for a dead worker.

import { MachineError } from './errors.ts';
import type { MachineClock } from './machine-clock.ts';
import type { CoreThread, Platform, ThreadReply, ThreadRequest } from './platform.ts';

export interface CoreWorkerEvents {
  /** The thread died or its core trapped. Called once. */
  onFailure(error: MachineError): void;
  onLog(code: number, a: bigint, b: bigint): void;
}

export class CoreWorker {
  readonly thread: CoreThread;
  private waiting: { resolve(result: number): void; reject(error: MachineError): void } | undefined;
  private failure: MachineError | undefined;

  constructor(readonly name: string, platform: Platform, private readonly events: CoreWorkerEvents) {
    this.thread = platform.spawn(name);
    this.thread.onMessage((message) => this.receive(message));
    this.thread.onDeath((reason) => this.fail(new MachineError('worker-died',
      `The worker of ${name} died: ${reason}.`, 'Start the machine again.')));
  }

  init(module: WebAssembly.Module, memory: WebAssembly.Memory, clock: MachineClock,
    id: number): Promise<number> {
    return this.call({ kind: 'init', module, memory, clock: clock.shared, id });
  }

  call(request: ThreadRequest): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      if (this.waiting !== undefined) {
        reject(new MachineError('wrong-state',
          `${this.name} was asked for ${request.kind} while it was busy.`, ''));
        return;
      }
      this.waiting = { resolve, reject };
      this.thread.post(request);
    });
  }

  /** Ends the thread; callers still waiting are rejected. */
  async terminate(): Promise<void> {
    const stopped = new MachineError('wrong-state', `The worker of ${this.name} has been stopped.`, '');
    this.failure ??= stopped;
    this.settle()?.reject(stopped);
    await this.thread.terminate();
  }

  /** The watchdog found that the thread polls no more, or another cause outside of the thread. */
  fail(error: MachineError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.settle()?.reject(error);
    this.events.onFailure(error);
  }

  private settle(): CoreWorker['waiting'] {
    const waiting = this.waiting;
    this.waiting = undefined;
    return waiting;
  }

  private receive(message: ThreadReply): void {
    switch (message.kind) {
      case 'done':
        this.settle()?.resolve(message.result);
        break;
      case 'failed':
        this.fail(new MachineError('core-panic', `The core failed on ${this.name}: ${message.message}.`,
          'This is a mistake of Skep; please report it with the guest that shows it.'));
        break;
      case 'log':
        this.events.onLog(message.code, message.a, message.b);
        break;
    }
  }
}
