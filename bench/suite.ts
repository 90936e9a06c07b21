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
const SORT_SUM_PAIRS = 5;
/** Repetitions of the kernel sortsum, of about 2.25 M instructions each, per run. */
const SORT_SUM_INTERPRETED = 300;
const SORT_SUM_TRANSLATED = 3000;
/** Million instructions per second that translated code must reach (docs/adr/0005-translator-spike.md). */
const TRANSLATOR_GOAL = 2000;

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

interface SortSum {
  check: string;
  /** By the guest's own clock, from the first repetition on: warming up counts. */
  mips: number;
}

function sortSum(run: Captured | undefined): SortSum | undefined {
  for (const { line, instructions } of run?.marks ?? []) {
    const match = /^sortsum \d+ check ([0-9a-f]+) ticks (\d+)$/.exec(line);
    // The TSC runs at 1 GHz.
    if (match !== null) return { check: match[1] ?? '', mips: instructions / Number(match[2]) * 1e3 };
  }
  return undefined;
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

function evaluateTranslator([same, ...pairs]: readonly Captured[]): BenchResult {
  const first = sortSum(same);
  const interpreted = pairs.filter((_, n) => n % 2 === 0).map(sortSum);
  const translated = pairs.filter((_, n) => n % 2 === 1).map(sortSum);
  if ([first, ...interpreted, ...translated].includes(undefined)) {
    return { passed: false, lines: ['a run has printed no result'], data: {} };
  }
  const rates = (runs: readonly (SortSum | undefined)[]): number[] => runs.map((run) => run?.mips ?? NaN);
  const agrees = first?.check === interpreted[0]?.check;
  const slow = middle(rates(interpreted));
  const mips = middle(rates(translated));
  return {
    passed: agrees && mips >= TRANSLATOR_GOAL,
    lines: [`${mips.toFixed(0)} million guest instructions per second on sort and sum, median of ${
      translated.length} (${rates(translated).map((rate) => rate.toFixed(0)).join(' ')}), interpreter ${
      slow.toFixed(0)}; results ${agrees ? 'agree' : 'DIFFER'}; goal ${TRANSLATOR_GOAL}`],
    data: { mips, runs: rates(translated), interpreter: rates(interpreted), agrees },
  };
}

const sortSumRun = (repetitions: number, options: number): BenchRun =>
  ({ smp: 1, memory: 64, kernel: 'build/kernels/sortsum.elf', append: String(repetitions), options });

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
    // One run whose result must be the interpreter's, then both in turn.
    runs: [sortSumRun(SORT_SUM_INTERPRETED, OPTION_TRANSLATOR),
      ...Array.from({ length: SORT_SUM_PAIRS }, () => [
      sortSumRun(SORT_SUM_INTERPRETED, 0), sortSumRun(SORT_SUM_TRANSLATED, OPTION_TRANSLATOR),
    ]).flat()],
    evaluate: evaluateTranslator,
  },
};
