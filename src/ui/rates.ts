// From two samples of a machine's counters to what the live panel shows. Pure, so that it can be tested by
// numbers.

/** Counters since the start of the machine, as the library gives them. */
export interface StatsSample {
  cpus: readonly { instructions: number; haltedMs: number }[];
  interrupts: {
    raised: number;
    accepted: number;
    lost: number;
    /** By IOAPIC pin, decimal. */
    lines: Readonly<Record<string, number>>;
    /** By interrupt vector, hexadecimal. */
    vectors: Readonly<Record<string, number>>;
  };
}

export interface CpuRate {
  mips: number;
  /** Share of the time in which the CPU was not halted, 0 to 1. */
  load: number;
}

export interface LineRate {
  line: string;
  count: number;
  perSecond: number;
}

export interface Rates {
  mips: number;
  cpus: CpuRate[];
  lines: LineRate[];
  lost: number;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** `elapsedMs` between the two samples. A counter that went back (a reset) counts from zero. */
export function ratesBetween(before: StatsSample, after: StatsSample, elapsedMs: number): Rates {
  const seconds = Math.max(elapsedMs, 1) / 1000;
  const grown = (now: number, then: number): number => (now >= then ? now - then : now);
  const cpus = after.cpus.map((cpu, index) => {
    const old = before.cpus[index] ?? { instructions: 0, haltedMs: 0 };
    const halted = grown(cpu.haltedMs, old.haltedMs);
    return {
      mips: grown(cpu.instructions, old.instructions) / seconds / 1e6,
      load: clamp(1 - halted / Math.max(elapsedMs, 1), 0, 1),
    };
  });
  type Counts = Readonly<Record<string, number>>;
  const named = (now: Counts, then: Counts, name: (key: string) => string): LineRate[] => Object.entries(now)
    .filter(([, count]) => count > 0)
    .map(([key, count]) => ({ line: name(key), count, perSecond: grown(count, then[key] ?? 0) / seconds }))
    .sort((a, b) => b.count - a.count);
  const lines = [
    ...named(after.interrupts.lines, before.interrupts.lines, lineName),
    ...named(after.interrupts.vectors, before.interrupts.vectors, (vector) => `vector 0x${vector}`),
  ];
  return { mips: cpus.reduce((sum, cpu) => sum + cpu.mips, 0), cpus, lines, lost: after.interrupts.lost };
}

/** ISA interrupt lines as a PC wires them (PIT on pin 2, ACPI's SCI on pin 9). */
const LINE_NAMES: Readonly<Record<string, string>> = {
  1: 'keyboard', 2: 'timer (PIT)', 3: 'serial 2', 4: 'serial 1', 8: 'clock (RTC)', 9: 'ACPI', 12: 'mouse',
  14: 'IDE 1', 15: 'IDE 2',
};

function lineName(pin: string): string {
  const name = LINE_NAMES[pin];
  return name === undefined ? `pin ${pin}` : `pin ${pin}, ${name}`;
}

/**
 * Interrupts lost so far. The counters of a running machine are read one after the other, so that a single
 * look may be off by those that are on their way: what several looks agree on is lost.
 */
export class LostCounter {
  #recent: number[] = [];

  add(lost: number): number {
    this.#recent = [...this.#recent, lost].slice(-4);
    return this.#recent.length < 4 ? 0 : Math.max(0, Math.min(...this.#recent));
  }
}

/** The last `limit` points of a series per CPU, for the chart: [times, cpu 0, cpu 1, …], times in seconds. */
export class History {
  readonly data: number[][];

  constructor(readonly cpus: number, private readonly limit: number) {
    this.data = Array.from({ length: cpus + 1 }, () => []);
  }

  push(timeS: number, values: readonly number[]): void {
    for (let series = 0; series <= this.cpus; series++) {
      const points = this.data[series] ?? [];
      points.push(series === 0 ? timeS : values[series - 1] ?? 0);
      if (points.length > this.limit) points.shift();
    }
  }
}
