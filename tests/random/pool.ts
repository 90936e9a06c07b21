// Threads for many short machines in one process: a worker whose core has left its loop is used again, one
// that is still inside when its machine is taken down is counted as stuck. The core is compiled once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CoreThread, Platform, ThreadReply, ThreadRequest } from '../../src/emu/platform.ts';
import { DIST } from '../lib/skep.ts';

/** How long a thread may take to leave its loop after its machine has ended. */
const LEAVE_MS = 5000;

class PooledThread implements CoreThread {
  private handler: (message: ThreadReply) => void = () => {};
  private death: (reason: string) => void = () => {};
  private busy = 0;
  private dead = false;
  /** A machine takes its threads down more than once. */
  released = false;
  private idle: () => void = () => {};

  constructor(private readonly worker: Worker, private readonly pool: WorkerPool) {
    worker.on('message', (message: ThreadReply) => {
      if (message.kind !== 'log' && --this.busy === 0) this.idle();
      this.handler(message);
    });
    worker.on('error', (error) => this.die(error.message));
    worker.on('exit', (code) => this.die(`it exited with code ${code}`));
  }

  private die(reason: string): void {
    if (this.dead) return;
    this.dead = true;
    this.death(reason);
  }

  post(message: ThreadRequest): void {
    this.busy++;
    this.worker.postMessage(message);
  }
  onMessage(handler: (message: ThreadReply) => void): void {
    this.handler = handler;
  }
  onDeath(handler: (reason: string) => void): void {
    this.death = handler;
  }

  async terminate(): Promise<void> {
    this.handler = () => {};
    this.death = () => {};
    if (this.dead || this.released) return;
    this.released = true;
    if (this.busy > 0) {
      const left = new Promise<boolean>((resolve) => {
        this.idle = () => resolve(true);
        setTimeout(() => resolve(false), LEAVE_MS).unref();
      });
      if (!(await left)) {
        this.pool.stuck++;
        await this.worker.terminate();
        return;
      }
      this.idle = () => {};
    }
    this.pool.free.push(this);
  }
}

export class WorkerPool implements Platform {
  readonly free: PooledThread[] = [];
  /** Threads that did not leave their loop. */
  stuck = 0;
  private readonly module = new WebAssembly.Module(readFileSync(join(DIST, 'skep.wasm')));

  spawn(): CoreThread {
    const used = this.free.pop();
    if (used === undefined) return new PooledThread(new Worker(join(DIST, 'node-worker.js')), this);
    used.released = false;
    return used;
  }
  async loadCore(): Promise<WebAssembly.Module> {
    return this.module;
  }
  hostCores(): number {
    return 2;
  }
}
