// Entry of a core thread in Node (worker_threads).

import { parentPort } from 'node:worker_threads';
import { serveCoreThread } from './core-thread.ts';
import type { ThreadRequest } from '../platform.ts';

const port = parentPort;
if (port === null) throw new Error('node-worker.ts runs in a worker thread only');
serveCoreThread({
  post: (message) => port.postMessage(message),
  onMessage: (handler) => port.on('message', (message: ThreadRequest) => handler(message)),
});
