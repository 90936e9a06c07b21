// Entry of the I/O worker in a page.

import { openKept } from '../disk/opfs.ts';
import type { IoRequest } from '../platform.ts';
import { serveIoThread } from './io-thread.ts';
import { holdLifeLock } from './life-lock.ts';

/** The part of DedicatedWorkerGlobalScope used here; src/emu has no DOM types. */
type WorkerScope = Parameters<typeof holdLifeLock>[0] & {
  postMessage(message: unknown, transfer?: unknown[]): void;
  addEventListener(type: 'message', listener: (event: { data: IoRequest }) => void): void;
};
const scope = globalThis as unknown as WorkerScope;

const alive = holdLifeLock(scope);
serveIoThread({
  post: (message, transfer) => scope.postMessage(message, transfer ?? []),
  // The page asks for the lock after the first answer: it must be held by then.
  onMessage: (handler) => scope.addEventListener('message', (event) => {
    void alive.then(() => handler(event.data));
  }),
}, { openKept });
