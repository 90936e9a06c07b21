// The console under load: every CPU of the guest runs a busy loop at the shell's own priority, and a byte a
// second typed on ttyS0 comes back. Long form: ten minutes.

import { bootMini } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';

const SHORT_S = 20;
const LONG_S = 600;
/** Far beyond any scheduling delay; input that died never comes. */
const PATIENCE_MS = 15_000;

async function echoFor(cpus: number, seconds: number): Promise<string> {
  const shell = await bootMini(cpus);
  try {
    const loops = Array.from({ length: cpus }, () => '(while :; do :; done) &').join(' ');
    shell.type(`${loops} cat >/dev/null; echo DONE$((40+2))\n`);
    await shell.expect(/DONE\$\(\(40\+2\)\)\r?\n/, PATIENCE_MS);
    await sleep(1000);
    const delays: number[] = [];
    for (let second = 0; second < seconds; second++) {
      const letter = String.fromCharCode(97 + second % 26);
      const start = performance.now();
      shell.type(letter);
      await shell.expect(new RegExp(letter), PATIENCE_MS);
      delays.push(performance.now() - start);
      await sleep(Math.max(0, 1000 - (performance.now() - start)));
      // The tty's line buffer ends at 4096 bytes.
      if (second % 60 === 59) shell.type('\n');
    }
    const rates = shell.vm.stats.cpus.map((cpu) => cpu.load);
    shell.type('\x04\x04');
    await shell.expect(/DONE42/, PATIENCE_MS);
    check(rates.every((load) => load > 0.5), `the CPUs were not loaded: ${rates.map((load) => load.toFixed(2))}`);
    check(shell.vm.stats.interrupts.lost === 0, 'interrupts were lost');
    delays.sort((a, b) => a - b);
    return `median ${(delays[delays.length >> 1] ?? 0).toFixed(0)} ms, worst ${(delays.at(-1) ?? 0).toFixed(0)} ms`;
  } finally {
    await shell.vm.stop();
  }
}

export async function echo(suite: Suite): Promise<void> {
  const seconds = suite.options.count ?? (suite.options.long ? LONG_S : SHORT_S);
  await suite.test(`${seconds} bytes under load, 4 CPUs`, () => echoFor(4, seconds));
}
