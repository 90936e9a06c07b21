// The guest sends the serial port's interrupt to each CPU in turn (smp_affinity), and from then on that CPU's
// counter moves and no other. The same by hand for the timer's pin, in every destination mode, is the test
// kernel `ioapic` of the suite `kernels`.

import { bootMini, parseInterrupts, type Shell } from '../lib/skep.ts';
import { check, type Suite } from '../lib/suite.ts';

const CPUS = 4;
/** A line of output is dozens of transmitter interrupts. */
const OUTPUT = 'seq 1 200';

async function serialCounts(shell: Shell): Promise<{ irq: string; counts: number[] }> {
  const rows = parseInterrupts(await shell.run('cat /proc/interrupts'), CPUS);
  const row = rows.find((each) => /ttyS0/.test(each.label));
  check(row !== undefined, 'ttyS0 has no line in /proc/interrupts');
  return { irq: row.name, counts: row.counts };
}

export async function irq(suite: Suite): Promise<void> {
  let shell: Shell | undefined;
  await suite.test(`boot with ${CPUS} CPUs`, async () => { shell = await bootMini(CPUS); });
  for (let cpu = 0; cpu < CPUS && shell !== undefined; cpu++) {
    const console_ = shell;
    await suite.test(`ttyS0 at CPU ${cpu}`, async () => {
      const { irq: number } = await serialCounts(console_);
      const mask = (1 << cpu).toString(16);
      // The kernel moves an interrupt when the next one arrives: let some pass before counting.
      const answer = await console_.run(`echo ${mask} >/proc/irq/${number}/smp_affinity; ${OUTPUT}; cat /proc/irq/${
        number}/effective_affinity`);
      check(Number.parseInt(answer.trim().split('\n').at(-1) ?? '', 16) === 1 << cpu, `effective_affinity: ${answer.slice(-20)}`);
      const before = await serialCounts(console_);
      await console_.run(OUTPUT);
      const after = await serialCounts(console_);
      const moved = after.counts.map((count, n) => count - (before.counts[n] ?? 0));
      check((moved[cpu] ?? 0) > 0, `CPU ${cpu} got none: ${moved}`);
      check(moved.every((count, n) => n === cpu || count === 0), `others, too: ${moved}`);
      return `${moved[cpu]} interrupts`;
    });
  }
  if (shell === undefined) return;
  const { vm } = shell;
  await suite.test('nothing lost', async () => {
    const { lost, raised } = vm.stats.interrupts;
    await vm.stop();
    const end = vm.stats.interrupts;
    check(end.lost === 0, `${lost} of ${raised} while running, ${end.lost} at the end`);
  });
}
