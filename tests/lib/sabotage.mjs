// Loaded into the command line before its own code (node --import): once the thread of SKEP_VICTIM exists, it
// is killed, or its core is made to trap, SKEP_AFTER_MS after its machine started to run. Says on standard
// error when. The command line has no hook of its own for this.

import { createRequire, syncBuiltinESMExports } from 'node:module';

const threads = createRequire(import.meta.url)('node:worker_threads');
const { SKEP_VICTIM, SKEP_AFTER_MS, SKEP_HOW, SKEP_TIMERS } = process.env;

function say() {
  process.stderr.write(`sabotage at ${Date.now()}\n`);
}

/** Every timer of the board is due and calls a function that is not in the table. */
function breakTimers(memory, timers) {
  const words = new Int32Array(memory.buffer);
  for (let timer = 0; timer < 9; timer++) {
    const at = (timers + 16 * timer) >> 2;
    Atomics.store(words, at + 2, 0x7FFFFFFF);
    Atomics.store(words, at, 1);
    Atomics.store(words, at + 1, 0);
  }
}

class Victim extends threads.Worker {
  constructor(script, options) {
    super(script, options);
    this.isVictim = options?.name === SKEP_VICTIM;
  }

  postMessage(message, transfer) {
    super.postMessage(message, transfer);
    if (!this.isVictim) return;
    if (message.kind === 'init') this.memory = message.memory;
    if (message.kind !== 'run-cpu' && message.kind !== 'run-clock') return;
    setTimeout(() => {
      say();
      if (SKEP_HOW === 'trap') breakTimers(this.memory, Number(SKEP_TIMERS));
      else void this.terminate();
    }, Number(SKEP_AFTER_MS));
  }
}
threads.Worker = Victim;
syncBuiltinESMExports();
