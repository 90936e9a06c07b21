// Runs CPU 0 of a test machine in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './machine.ts';

const { module, memory, state, bytes } = workerData as {
  module: WebAssembly.Module; memory: WebAssembly.Memory; state: number; bytes: number;
};
const core = instantiate(module, memory);
// cpuInit makes CPU 0 this instance's; what the test has set in its registers comes back.
const prepared = new Uint8Array(memory.buffer, state, bytes).slice();
core.cpuInit(0);
new Uint8Array(memory.buffer, state, bytes).set(prepared);
parentPort!.postMessage('started');
core.cpuRun();
parentPort!.postMessage(core.regionCount());
