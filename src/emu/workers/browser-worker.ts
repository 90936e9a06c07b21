// Entry of a core thread in a page.

import { serveCoreThread } from './core-thread.ts';
import type { ThreadRequest } from '../platform.ts';

/** The part of DedicatedWorkerGlobalScope used here; src/emu has no DOM types. */
interface WorkerScope {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: ThreadRequest }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

serveCoreThread({
  post: (message) => scope.postMessage(message),
  onMessage: (handler) => scope.addEventListener('message', (event) => handler(event.data)),
});
