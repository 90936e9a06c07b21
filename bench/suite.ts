// The benchmarks of `skep bench`, the same in Node and in Chromium: which machine, which payload, how its
// console is read. Imports nothing, so that a page can load it as it is. Payloads: bench/vmbench (an
// initramfs for the kernel of `mini`) and tests/kernels (freestanding multiboot images).

/** One machine to run to its end. Files are relative to the project. */
export interface BenchRun {
  smp: number;
  memory: number;
  kernel: string;
  initrd?: string;
  append: string;
  /** Control.OPTIONS of the core. */
  options?: number;
}

/** A console line, and the machine's counters when it was complete. */
export interface Mark {
  line: string;
  instructions: number;
  ms: number;
}

export interface Captured {
  reason: string;
  value: number;
  marks: Mark[];
}

/** `passed` decides the exit status; `lines` is for people, `data` for the JSON. */
export interface BenchResult {
  passed: boolean;
  lines: string[];
  data: Record<string, unknown>;
}

export interface BenchSpec {
  runs: BenchRun[];
  evaluate(captured: readonly Captured[]): BenchResult;
}

/** What capture needs of the library's machine. */
export interface BenchMachine {
  serial: { onData(listener: (bytes: Uint8Array) => void): unknown };
  start(): void;
  stop(): Promise<void>;
  readonly ended: Promise<{ reason: string; value: number }>;
  readonly stats: { instructions: number };
}

const LITMUS_CPUS = [2, 4] as const;
const LITMUS_ROUNDS = 10_000_000;
/** Million instructions per second that the interpreter must reach. */
const INTERPRETER_GOAL = 250;

/** Bit of Control.OPTIONS: hot loops are translated. */
const OPTION_TRANSLATOR = 4;
/**
 * Kernels whose speed says what translated code does at best: in registers, with memory through the TLB, with
 * calls. Arguments of a short run, whose result must be the interpreter's, and of a long one; and million
 * instructions per second that a long one must reach.
 */
const PROTOTYPES = [
  { kernel: 'regloop', short: '2', long: '1000', goal: 6000 },
  { kernel: 'sortsum', short: '20', long: '3000', goal: 2900 },
  { kernel: 'fib', short: '20 2', long: '32 20', goal: 1600 },
] as const;
const PROTOTYPE_RUNS = 5;

/** Runs the machine to its end and notes every line of its console. */
export async function capture(vm: BenchMachine): Promise<Captured> {
  const marks: Mark[] = [];
  const decoder = new TextDecoder();
  let rest = '';
  vm.serial.onData((bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    const { instructions } = vm.stats;
    for (const line of lines) marks.push({ line: line.trim(), instructions, ms: performance.now() });
  });
  vm.start();
  const { reason, value } = await vm.ended;
  await vm.stop();
  return { reason, value, marks };
}

function evaluateInterpreter([run]: readonly Captured[]): BenchResult {
  const marks = run?.marks ?? [];
  const at = marks.findIndex(({ line }) => /^intmix \d+ \d+\.\d+ [0-9a-f]+$/.test(line));
  const [before, after] = [marks[at - 1], marks[at]];
  if (before === undefined || after === undefined) {
    const last = marks.at(-1)?.line ?? 'nothing';
    return { passed: false, lines: [`no result; the last line was "${last}"`],
      data: { reason: run?.reason } };
  }
  const instructions = after.instructions - before.instructions;
  const seconds = (after.ms - before.ms) / 1000;
  const mips = instructions / seconds / 1e6;
  const [, operations, guestSeconds, check] = after.line.split(' ');
  return {
    passed: mips >= INTERPRETER_GOAL,
    lines: [`${mips.toFixed(0)} million guest instructions per second on the integer mix (${
      (instructions / 1e9).toFixed(2)} G in ${seconds.toFixed(1)} s; goal ${INTERPRETER_GOAL})`],
    data: { mips, instructions, seconds, operations: Number(operations), guestSeconds: Number(guestSeconds),
      check },
  };
}

interface LitmusTest {
  name: string;
  rounds: number;
  forbidden: number;
  seen: number;
}

function litmusTests(run: Captured): LitmusTest[] {
  return run.marks.flatMap(({ line }) => {
    const match = /^(\S+) rounds (\d+) forbidden (\d+) seen (\d+)$/.exec(line);
    if (match === null) return [];
    const [, name = '', rounds, forbidden, seen] = match;
    return [{ name, rounds: Number(rounds), forbidden: Number(forbidden), seen: Number(seen) }];
  });
}

function evaluateLitmus(captured: readonly Captured[]): BenchResult {
  const result: BenchResult = { passed: true, lines: [], data: { rounds: LITMUS_ROUNDS } };
  let reorderings = 0;
  captured.forEach((run, index) => {
    const cpus = LITMUS_CPUS[index] ?? 0;
    const tests = litmusTests(run);
    const forbidden = tests.reduce((sum, test) => sum + test.forbidden, 0);
    const allowed = tests.find(({ name }) => name === 'SB')?.seen ?? 0;
    reorderings += allowed;
    // The last test of the list ran, and the guest was content.
    const passed = run.reason === 'debug-exit' && run.value === 0 && forbidden === 0
      && tests.some(({ name }) => name === 'cmpxchg16b');
    result.passed &&= passed;
    result.lines.push(`${cpus} CPUs, ${tests.length} tests of ${LITMUS_ROUNDS} rounds: ${forbidden
    } forbidden outcomes, SB's allowed outcome seen ${allowed} times${
      passed ? '' : ` (${run.reason} ${run.value})`}`);
    result.data[`cpus${cpus}`] = { passed, forbidden, sbAllowed: allowed, tests };
  });
  // A suite that never sees the reordering that x86 allows cannot see a forbidden one either.
  result.passed &&= reorderings > 0;
  return result;
}

interface PrototypeRun {
  check: string;
  /** By the guest's own clock, from the first repetition on: warming up counts. */
  mips: number;
}

function prototypeRun(run: Captured | undefined, kernel: string): PrototypeRun | undefined {
  for (const { line, instructions } of run?.marks ?? []) {
    const match = /^(\w+) \d+ check ([0-9a-f]+) ticks (\d+)$/.exec(line);
    // The TSC runs at 1 GHz.
    if (match?.[1] === kernel) return { check: match[2] ?? '', mips: instructions / Number(match[3]) * 1e3 };
  }
  return undefined;
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Two short runs of each kernel, interpreted and translated; then long ones of all in turn. */
function evaluateTranslator(captured: readonly Captured[]): BenchResult {
  const result: BenchResult = { passed: true, lines: [], data: {} };
  PROTOTYPES.forEach(({ kernel, goal }, n) => {
    const [interpreted, translated, ...long] = [captured[2 * n], captured[2 * n + 1],
      ...Array.from({ length: PROTOTYPE_RUNS }, (_, round) => captured[(2 + round) * PROTOTYPES.length + n])]
      .map((run) => prototypeRun(run, kernel));
    if (interpreted === undefined || translated === undefined || long.includes(undefined)) {
      result.passed = false;
      result.lines.push(`${kernel}: a run has printed no result`);
      return;
    }
    const agrees = interpreted.check === translated.check
      && new Set(long.map((run) => run?.check)).size === 1;
    const rates = long.map((run) => run?.mips ?? NaN);
    const mips = middle(rates);
    result.passed &&= agrees && mips >= goal;
    result.lines.push(`${kernel}: ${mips.toFixed(0)} million guest instructions per second, median of ${
      rates.length} (${rates.map((rate) => rate.toFixed(0)).join(' ')}); results ${
      agrees ? 'agree' : 'DIFFER'}; goal ${goal}`);
    result.data[kernel] = { mips, runs: rates, agrees };
  });
  return result;
}

const prototype = (kernel: string, append: string, options: number): BenchRun =>
  ({ smp: 1, memory: 64, kernel: `build/kernels/${kernel}.elf`, append, options });

export const BENCHES: Readonly<Record<string, BenchSpec>> = {
  interpreter: {
    runs: [{
      smp: 1, memory: 256, kernel: 'public/guest/mini/vmlinuz', initrd: 'build/vmbench/vmbench-amd64.cpio',
      append: 'console=ttyS0 quiet cryptomgr.notests vmbench.run=intmix vmbench.scale=3',
    }],
    evaluate: evaluateInterpreter,
  },
  litmus: {
    runs: LITMUS_CPUS.map((smp) => ({
      smp, memory: 64, kernel: 'build/kernels/litmus.elf', append: String(LITMUS_ROUNDS),
    })),
    evaluate: evaluateLitmus,
  },
  translator: {
    runs: [
      ...PROTOTYPES.flatMap(({ kernel, short }) =>
        [prototype(kernel, short, 0), prototype(kernel, short, OPTION_TRANSLATOR)]),
      ...Array.from({ length: PROTOTYPE_RUNS }, () =>
        PROTOTYPES.map(({ kernel, long }) => prototype(kernel, long, OPTION_TRANSLATOR))).flat(),
    ],
    evaluate: evaluateTranslator,
  },
};
