// The test kernels of tests/kernels, multiboot images that judge themselves, with as many CPUs as each is
// for. They leave by the debug-exit port: 0 and a line PASSED, or 1 and a line FAILED. Long form: 1000
// start-ups of 8 CPUs, a million IPIs, 10^7 accesses and litmus rounds, ten minutes of patched code.

import { join } from 'node:path';
import { type Engine, engineOptions, KERNELS, loadApi } from '../lib/skep.ts';
import { check, type Suite, within } from '../lib/suite.ts';

type Argument = number | string | ((cpus: number) => number);

interface KernelCase {
  kernel: string;
  cpus: readonly number[];
  /** Argument on the command line: short and long form. */
  argument?: readonly [Argument, Argument];
  timeoutS?: number;
  /** With a disk of the kernel's own pattern. */
  disk?: boolean;
  /** What the kernel is about, whatever engine was asked for. */
  engines?: readonly Engine[];
}

/** Of a kernel that is about none, when none was asked for. */
const BOTH: readonly Engine[] = ['interpreter', 'translator'];

/** Rounds so that all processors together send about `total` IPIs. */
const ipis = (total: number) => (cpus: number): number => Math.ceil(total / (cpus * (cpus - 1)));

const CASES: readonly KernelCase[] = [
  { kernel: 'hello', cpus: [1, 2, 4, 8] },
  { kernel: 'startup', cpus: [2, 8], argument: [50, 1000], timeoutS: 600 },
  { kernel: 'ipi', cpus: [2, 4, 8], argument: [ipis(20_000), ipis(1_000_000)], timeoutS: 1800 },
  { kernel: 'vectors', cpus: [1, 2, 4, 8] },
  { kernel: 'ioapic', cpus: [1, 2, 4, 8] },
  { kernel: 'msr', cpus: [1, 2, 4] },
  { kernel: 'inout', cpus: [1, 2], argument: [200_000, 10_000_000] },
  { kernel: 'litmus', cpus: [2, 4], argument: [100_000, 10_000_000], timeoutS: 3600,
    engines: ['interpreter', 'forced'] },
  { kernel: 'smc', cpus: [1, 2, 4], argument: [20_000, 200_000], timeoutS: 600 },
  // More regions than fit: the share is recycled under way.
  { kernel: 'smc', cpus: [2], argument: [9_000, 100_000], timeoutS: 1200, engines: ['forced'] },
  // Rounds, seconds. Long: ten minutes on 4 CPUs with each engine.
  { kernel: 'xmc', cpus: [2, 4], argument: ['100 2', '200 600'], timeoutS: 1200,
    engines: ['interpreter', 'translator', 'forced'] },
  { kernel: 'regloop', cpus: [1], argument: [2, 100] },
  { kernel: 'sortsum', cpus: [1], argument: [20, 1000] },
  { kernel: 'fib', cpus: [1], argument: [20, 25] },
  { kernel: 'tlb', cpus: [1, 2] },
  { kernel: 'ide', cpus: [1, 2], argument: [1500, 50_000], timeoutS: 600, disk: true },
];

const SECTORS = 4096;
const DWORDS = 128;
/** The disk of tests/kernels/ide.c: dword j of sector s is s * 0x9E3779B1 + j. */
function patternDisk(): Uint8Array<ArrayBuffer> {
  const dwords = new Uint32Array(SECTORS * DWORDS);
  for (let n = 0; n < dwords.length; n++) {
    dwords[n] = Math.imul(Math.floor(n / DWORDS), 0x9E3779B1) + n % DWORDS;
  }
  return new Uint8Array(dwords.buffer);
}

/** Runs a test kernel; its output. */
export async function runKernel(kernel: string, cpus: number, append: string, timeoutS: number,
  disk = false, engine?: Engine): Promise<string> {
  const { Skep } = await loadApi();
  const vm = await Skep.create({ kernel: join(KERNELS, kernel), smp: cpus, memory: 128, append,
    options: engineOptions(engine), ...(disk ? { hda: patternDisk() } : {}) });
  let output = '';
  vm.serial.onData((bytes) => { output += Buffer.from(bytes).toString('latin1'); });
  try {
    vm.start();
    const ending = await within(vm.ended, timeoutS * 1000, `${kernel} with ${cpus} CPUs`)
      .catch((error: Error) => { throw new Error(`${error.message}\n${output}`); });
    const stats = vm.stats.interrupts;
    check(ending.reason === 'debug-exit' && ending.value === 0 && /^PASSED/m.test(output),
      `${ending.reason} ${ending.value}: ${output}`);
    check(stats.lost === 0, `interrupts: ${JSON.stringify(stats)}`);
    return output.replace(/\r/g, '').replace(/\s*PASSED\s*$/, '').trim();
  } finally {
    await vm.stop();
  }
}

export async function kernels(suite: Suite): Promise<void> {
  for (const { kernel, cpus, argument, timeoutS, disk, engines } of CASES) {
    for (const count of cpus) {
      const value = argument?.[suite.options.long ? 1 : 0];
      const append = value === undefined ? '' : String(typeof value === 'function' ? value(count) : value);
      const { engine: asked } = suite.options;
      for (const engine of engines ?? (asked === undefined ? BOTH : [asked])) {
        const name = [kernel, append, engine].filter((word) => word !== '').join(' ');
        await suite.test(`${name}, ${count} CPU${count === 1 ? '' : 's'}`, async () =>
          (await runKernel(`${kernel}.elf`, count, append, timeoutS ?? 300, disk, engine)).split('\n').pop());
      }
    }
  }
  await suite.test('hello as ELF64, 2 CPUs', () => runKernel('hello.elf64', 2, '', 300));
}
