// Runs random guests (tests/kernels/random.c) one after the other, in a process of their own so that the
// suite sees it crash or hang; one JSON line for each. Arguments: first seed, number of seeds,
// options of the core.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control, MachineEnd } from '../../src/emu/generated-layout.ts';
import { Machine, type MachineEnding } from '../../src/emu/machine.ts';
import { KERNELS } from '../lib/skep.ts';
import { sleep } from '../lib/suite.ts';
import { WorkerPool } from './pool.ts';
import { type RandomRun, variantOf } from './variant.ts';

/** Wall time of the random part. */
const BUDGET_MS = 120;
const FILL_MS = 30_000;
const MEMORY_MIB = 16;
const CPUS = [1, 2];

const pool = new WorkerPool();
const kernel = { name: 'random.elf', bytes: new Uint8Array(readFileSync(join(KERNELS, 'random.elf'))) };

/** The guest's end, or its interruption after the budget; `started` resolves when it has printed its line. */
async function ending(machine: Machine, started: Promise<void>): Promise<string> {
  const ended = machine.ended.then((end: MachineEnding) => end.reason as string);
  const late = (async () => {
    await Promise.race([started, sleep(FILL_MS)]);
    await sleep(BUDGET_MS);
    return 'budget';
  })();
  const how = await Promise.race([ended, late]);
  if (how !== 'budget') return how;
  const halted = machine.stats().cpus.every((cpu) => cpu.runState !== 0);
  // Ended as by the guest itself, so that the clock's thread leaves its loop, too.
  machine.shared.setControl(Control.END, MachineEnd.PANIC);
  machine.shared.kickClock();
  const last = await Promise.race([ended, sleep(FILL_MS).then(() => 'stuck')]);
  return last === 'panic' ? (halted ? 'halt' : 'loop') : last;
}

async function run(seed: number, cpus: number): Promise<RandomRun> {
  const { bits, table } = variantOf(seed);
  const start = performance.now();
  const stuckBefore = pool.stuck;
  const machine = await Machine.create({ cpus, memoryMiB: MEMORY_MIB, cpuModel: 'v2', tscHz: 1e9,
    hostCores: 2, options, boot: { kernel, initrd: [], append: `${seed} ${bits} ${table}` } }, pool);
  let resets = 0;
  let error: string | undefined;
  machine.events.on('reset', (count) => { resets = count; });
  let output = '';
  const started = new Promise<void>((resolve) => {
    machine.events.on('serial', ({ bytes }) => {
      output += Buffer.from(bytes).toString('latin1');
      resolve();
    });
  });
  machine.start();
  let end = await ending(machine, started).catch((failure: Error) => {
    error = failure.message;
    return 'failed';
  });
  await machine.stop();
  if (pool.stuck !== stuckBefore) error = 'a thread did not leave its loop';
  if (output.includes('FAILED')) error = output;
  if (resets > 0 && error === undefined) end = 'reset';
  return { seed, cpus, end, ms: Math.round(performance.now() - start),
    instructions: machine.stats().instructions, ...(error === undefined ? {} : { error }) };
}

const first = Number(process.argv[2]);
const count = Number(process.argv[3]);
const options = Number(process.argv[4] ?? 0);
for (let seed = first; seed < first + count; seed++) {
  for (const cpus of CPUS) {
    process.stdout.write(`${JSON.stringify({ begin: seed, cpus })}\n`);
    process.stdout.write(`${JSON.stringify(await run(seed, cpus))}\n`);
  }
}
process.exit(0);
