// The machine's host in Node 20 and later. Finds the core and the worker beside the bundle (dist/node), or,
// run from source with tsx, in build/ and src/.

import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { SkepError } from './errors.ts';
import type { CoreThread, IoThread, Platform } from './platform.ts';

// Translated code says which branches are hardly ever taken (wasm/jit/bytes.ts). V8 heeds that by itself
// since version 13.
if (Number(process.versions.v8.split('.')[0]) < 13) setFlagsFromString('--experimental-wasm-branch-hinting');

/** The first of these addresses, relative to this module, that exists. */
function find(candidates: readonly string[]): URL | undefined {
  return candidates.map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
}

/**
 * Run from source the worker is TypeScript, which Node 20 needs tsx for, registered in the thread; the bundle
 * is JavaScript.
 */
function startThread(script: URL, name: string): Worker {
  if (!script.pathname.endsWith('.ts')) return new Worker(script, { name });
  const code = `import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${JSON.stringify(script.href)}); });`;
  return new Worker(code, { name, eval: true, execArgv: [] });
}

class NodeThread<Reply> {
  private readonly worker: Worker;
  private expected = false;

  constructor(name: string, entry: string) {
    const script = find([`./${entry}.js`, `./workers/${entry}.ts`]);
    if (script === undefined) throw new SkepError('core-missing', 'The worker script is missing.',
      'Run npm run build.');
    this.worker = startThread(script, name);
  }

  post(message: unknown): void {
    this.worker.postMessage(message);
  }
  onMessage(handler: (message: Reply) => void): void {
    this.worker.on('message', handler);
  }
  onDeath(handler: (reason: string) => void): void {
    let told = false;
    const tell = (reason: string): void => {
      if (told || this.expected) return;
      told = true;
      handler(reason);
    };
    this.worker.on('error', (error) => tell(error.message));
    this.worker.on('messageerror', (error) => tell(error.message));
    this.worker.on('exit', (code) => tell(`it exited with code ${code}`));
  }
  async terminate(): Promise<void> {
    this.expected = true;
    await this.worker.terminate();
  }
  /** For tests: the thread dies as if by a crash. */
  kill(): void {
    void this.worker.terminate();
  }
}

let core: Promise<WebAssembly.Module> | undefined;

async function readCore(): Promise<WebAssembly.Module> {
  const url = find(['./skep.wasm', '../../build/skep.wasm']);
  if (url === undefined) {
    throw new SkepError('core-missing', 'The processor core build/skep.wasm has not been built.',
      'Run npm run build.');
  }
  return WebAssembly.compile(readFileSync(url));
}

export const nodePlatform: Platform = {
  spawn: (name): CoreThread => new NodeThread(name, 'node-worker'),
  spawnIo: (name): IoThread => new NodeThread(name, 'io-node-worker'),
  loadCore() {
    core ??= readCore().catch((error: unknown) => {
      core = undefined;
      throw error;
    });
    return core;
  },
  hostCores: () => availableParallelism(),
};
