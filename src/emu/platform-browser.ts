// The machine's host in a page. The two `new URL(…, import.meta.url)` are literal so that bundlers (Vite,
// webpack) see them.

import { SkepError } from './errors.ts';
import type { DisplayReply } from './display/canvas-loop.ts';
import type { CoreThread, IoReply, IoThread, Platform, ThreadReply } from './platform.ts';

/** The parts of the DOM used here; src/emu is checked without DOM types. */
interface BrowserWorker {
  postMessage(message: unknown, transfer?: unknown[]): void;
  addEventListener(type: string, listener: (event: { data: unknown; message?: string }) => void): void;
  terminate(): void;
}
declare const Worker: new (url: URL, options: { type: 'module'; name: string }) => BrowserWorker;
declare const navigator: {
  hardwareConcurrency?: number;
  locks?: { request(name: string, granted: () => void): Promise<void> };
};
declare const crypto: { randomUUID(): string };
declare const crossOriginIsolated: boolean | undefined;

class BrowserThread<Reply = ThreadReply> {
  private watched = false;

  /** `lifeLock`: the Web Lock that the worker holds while it lives; also its name. */
  constructor(private readonly worker: BrowserWorker, private readonly lifeLock: string) {}

  post(message: unknown): void {
    this.worker.postMessage(message);
  }
  onMessage(handler: (message: Reply) => void): void {
    this.worker.addEventListener('message', (event) => handler(event.data as Reply));
  }
  onDeath(handler: (reason: string) => void): void {
    this.worker.addEventListener('error',
      (event) => handler(event.message ?? 'its script could not be loaded'));
    this.worker.addEventListener('messageerror', () => handler('a message could not be read'));
    // A worker that is ended from outside raises no event, but the browser frees its lock.
    this.worker.addEventListener('message', () => {
      if (this.watched) return;
      this.watched = true;
      navigator.locks?.request(this.lifeLock, () => handler('the browser has ended it')).catch(() => {});
    });
  }
  async terminate(): Promise<void> {
    this.worker.terminate();
  }
  kill(): void {
    this.worker.terminate();
  }
}

/** Throws SkepError with the reason when this page cannot run machines. */
export function checkBrowser(): void {
  if (typeof WebAssembly !== 'object') {
    throw new SkepError('unsupported', 'This browser has no WebAssembly.',
      'Use a current Chromium, Firefox or Safari.');
  }
  if (typeof SharedArrayBuffer === 'undefined' || crossOriginIsolated === false) {
    throw new SkepError('not-isolated',
      'This page is not cross-origin isolated, so the browser gives it no shared memory.',
      'Serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.');
  }
}

let core: Promise<WebAssembly.Module> | undefined;

async function fetchCore(): Promise<WebAssembly.Module> {
  checkBrowser();
  const url = new URL('../../build/skep.wasm', import.meta.url);
  const response = await fetch(url);
  if (!response.ok) {
    throw new SkepError('core-missing',
      `The processor core could not be loaded: ${url.href} answered ${response.status}.`,
      'Build the page again, or check what the server serves.');
  }
  // Compiles while it arrives, and browsers keep the code; but it insists on a MIME type that not every
  // static host sends.
  if (response.headers.get('content-type') === 'application/wasm') return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

export const browserPlatform: Platform = {
  spawnIo(name): IoThread {
    const lifeLock = `skep ${name} ${crypto.randomUUID()}`;
    return new BrowserThread<IoReply>(new Worker(new URL('./workers/io-browser-worker.ts', import.meta.url),
      { type: 'module', name: lifeLock }), lifeLock);
  },
  spawn(name): CoreThread {
    const lifeLock = `skep ${name} ${crypto.randomUUID()}`;
    return new BrowserThread(new Worker(new URL('./workers/browser-worker.ts', import.meta.url),
      { type: 'module', name: lifeLock }), lifeLock);
  },
  loadCore() {
    core ??= fetchCore().catch((error: unknown) => {
      core = undefined;
      throw error;
    });
    return core;
  },
  hostCores: () => navigator.hardwareConcurrency ?? 2,
  showScreen(module, memory, canvas, events) {
    const worker = new Worker(new URL('./workers/display-worker.ts', import.meta.url),
      { type: 'module', name: 'skep screen' });
    const fail = (why: string): void =>
      events.onError?.(new SkepError('worker-died', `The screen's worker died: ${why}.`,
      'The machine still runs; open the screen again.'));
    worker.addEventListener('error', (event) => fail(event.message ?? 'its script could not be loaded'));
    worker.addEventListener('message', (event) => {
      const message = event.data as unknown as DisplayReply;
      if (message.kind === 'mode') events.onMode?.(message.info);
      else if (message.kind === 'rate') events.onRate?.(message.framesPerSecond);
      else fail(message.message);
    });
    worker.postMessage({ kind: 'show', module, memory, canvas }, [canvas]);
    return {
      refresh: () => worker.postMessage({ kind: 'refresh' }),
      pause: (paused) => worker.postMessage({ kind: 'pause', paused }),
      close: () => worker.terminate(),
    };
  },
};
