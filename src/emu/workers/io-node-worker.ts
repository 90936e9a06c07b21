// Entry of the I/O worker in Node (worker_threads): images by path, too.

import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { openChunked } from '../disk/chunked.ts';
import { NodeFileDevice } from '../disk/node-file.ts';
import { openNodeOverlay } from '../disk/node-overlay.ts';
import { isChunkIndex } from '../disk/open.ts';
import type { IoRequest } from '../platform.ts';
import { serveIoThread } from './io-thread.ts';

const port = parentPort;
if (port === null) throw new Error('io-node-worker.ts runs in a worker thread only');
serveIoThread({
  post: (message, transfer) => port.postMessage(message, (transfer ?? []) as ArrayBuffer[]),
  onMessage: (handler) => port.on('message', (message: IoRequest) => handler(message)),
}, {
  openPath: (path, readOnly) => (isChunkIndex(path)
    ? openChunked(basename(path), (file) => readFile(join(dirname(path), file)))
    : NodeFileDevice.open(path, readOnly)),
  openKept: openNodeOverlay,
});
