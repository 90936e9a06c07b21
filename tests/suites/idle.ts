// An idle shell with 4 CPUs: processor time of the whole process (all workers, the clock, the host thread)
// while nothing happens, as a share of one host core. Processor time, not wall time: a loaded host does not
// change it much.

import { bootMini } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';

const LIMIT_PERCENT = 3;
/** Work left over from booting, and the compilation of hot functions. */
const SETTLE_MS = 8000;
const TRIES = 3;

export async function idle(suite: Suite): Promise<void> {
  const seconds = suite.options.count ?? 20;
  await suite.test(`4 CPUs, ${seconds} s`, async () => {
    const shell = await bootMini(4);
    try {
      let best = Infinity;
      for (let round = 0; round < TRIES && best >= LIMIT_PERCENT; round++) {
        await sleep(SETTLE_MS);
        const before = process.cpuUsage();
        const start = performance.now();
        await sleep(seconds * 1000);
        const used = process.cpuUsage(before);
        best = Math.min(best, (used.user + used.system) / 10 / (performance.now() - start));
      }
      check(best < LIMIT_PERCENT, `${best.toFixed(2)} % of one core, below ${LIMIT_PERCENT} % is allowed`);
      check((await shell.run('nproc')).trim() === '4', 'the shell does not answer afterwards');
      return `${best.toFixed(2)} % of one core`;
    } finally {
      await shell.vm.stop();
    }
  });
}
