// The profile of one machine: sampling on and off, and its report. What the report needs (names of
// instruction forms, the search for the kernel's symbols) is loaded when it is first asked for.

import type { SharedMachine } from '../shared.ts';
import type { MachineStats } from '../stats.ts';
import type { Kallsyms } from './kallsyms.ts';
import { Profiler } from './profiler.ts';
import type { ProfileReport } from './report.ts';
import type { ProfileTables } from './text.ts';

const subtract = (now: Record<string, number>, then: Record<string, number> | undefined):
Record<string, number> => Object.fromEntries(Object.entries(now).map(([key, value]) =>
  [key, value - (then?.[key] ?? 0)]));

export class MachineProfile {
  private readonly profiler: Profiler;
  private before: MachineStats | undefined;
  private after: MachineStats | undefined;
  private symbols: Kallsyms | undefined;

  constructor(private readonly shared: SharedMachine, private readonly stats: () => MachineStats) {
    this.profiler = new Profiler(shared);
  }

  get running(): boolean {
    return this.profiler.running;
  }

  /** Begins anew, with a look at every CPU each `intervalMs` on average. */
  start(intervalMs?: number): void {
    this.before = this.stats();
    this.after = undefined;
    this.profiler.start(intervalMs);
  }

  /** Stops sampling; what was gathered stays readable. */
  stop(): void {
    if (!this.running) return;
    this.profiler.stop();
    this.after = this.stats();
  }

  /** What was gathered since `start`, with the names that the guest's kernel has for its functions. */
  async read(): Promise<ProfileReport> {
    const [{ makeReport }, { Kallsyms: Finder }] =
      await Promise.all([import('./report.ts'), import('./kallsyms.ts')]);
    const raw = this.profiler.read();
    const now = this.after ?? this.stats();
    const inKernel = raw.spots.filter(({ ring, address }) => ring !== 3 && address >> 63n === 1n);
    // A machine reset may have brought another kernel: the table must know the places of this one.
    const known = inKernel.slice(0, 100).some(({ address }) => this.symbols?.lookup(address) !== undefined);
    if (inKernel.length > 0 && !known) this.symbols = Finder.find(this.shared.ram);
    const { interrupts } = now;
    return makeReport(raw, {
      instructions: now.instructions - (this.before?.instructions ?? 0),
      interrupts: { accepted: interrupts.accepted - (this.before?.interrupts.accepted ?? 0),
        lines: subtract(interrupts.lines, this.before?.interrupts.lines),
        vectors: subtract(interrupts.vectors, this.before?.interrupts.vectors) },
      symbols: this.symbols,
    });
  }

  /** The report as sentences and tables, with the `top` entries of every table. */
  async tables(top?: number): Promise<ProfileTables> {
    const { profileTables } = await import('./text.ts');
    return profileTables(await this.read(), top);
  }

  /** The report as a page of text with the `top` entries of every table. */
  async text(top?: number): Promise<string> {
    const { profileText } = await import('./text.ts');
    return profileText(await this.read(), top);
  }
}
