// The I/O workers that machines of this process start: to end one in the middle of its work, and to load
// faulty-file.mjs into them. Takes the place of Worker before the library's code runs.

import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import threads from 'node:worker_threads';
import { ROOT } from './skep.ts';

const FAULTY = pathToFileURL(join(ROOT, 'tests/lib/faulty-file.mjs')).href;
const IO_WORKER = 'disks';
let newest: threads.Worker | undefined;
let faults: { image: string; file: string } | undefined;

class WatchedWorker extends threads.Worker {
  constructor(script: string | URL, options: threads.WorkerOptions = {}) {
    const isIo = options.name === IO_WORKER;
    const more = isIo && faults !== undefined ? { execArgv: [...process.execArgv, '--import', FAULTY],
      env: { ...process.env, SKEP_FAULTY: faults.image, SKEP_FAULTS: faults.file } } : {};
    super(script, { ...options, ...more });
    if (isIo) newest = this;
  }
}

export function watchWorkers(): void {
  (threads as { Worker: typeof threads.Worker }).Worker = WatchedWorker;
  syncBuiltinESMExports();
}

/** The next I/O workers see `image` with the faults that `file` lists. */
export function makeFaulty(image: string, file: string): void {
  faults = { image, file };
}

/** Ends the newest I/O worker as a crash would. */
export async function killIoWorker(): Promise<void> {
  await newest?.terminate();
}
