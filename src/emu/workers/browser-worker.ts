// Entry of a core thread in a page. The thread holds a Web Lock under its own name for as long as it lives:
// the browser frees the lock when the thread ends, however it ends, and so the page learns of it
// (platform-browser.ts).

import { serveCoreThread } from './core-thread.ts';
import type { ThreadRequest } from '../platform.ts';

/** The part of DedicatedWorkerGlobalScope used here; src/emu has no DOM types. */
interface WorkerScope {
  readonly name: string;
  readonly navigator: { locks?: { request(name: string, held: () => Promise<void>): Promise<void> } };
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: ThreadRequest }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

/** Resolves when the lock is held; at once where the browser has no locks. */
function holdLifeLock(): Promise<void> {
  const { locks } = scope.navigator;
  if (locks === undefined) return Promise.resolve();
  return new Promise((granted) => {
    locks.request(scope.name, () => {
      granted();
      return new Promise(() => {});
    }).catch(() => granted());
  });
}

const alive = holdLifeLock();
serveCoreThread({
  post: (message) => scope.postMessage(message),
  // The page asks for the lock after the first answer: it must be held by then.
  onMessage: (handler) => scope.addEventListener('message', (event) => {
    void alive.then(() => handler(event.data));
  }),
});
