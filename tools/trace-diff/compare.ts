// Finds the first instruction that Skep and QEMU execute differently. Two traces of the same code are walked
// together; at each pair of records everything must agree except
//   masked registers and flags,
//   flags that the instruction before left undefined, until something defines them again,
//   *held* values: registers that differed at the start, or were written by an instruction whose result is
//   not reproducible (RDTSC, CPUID, IN ...), for as long as neither side writes them again.
// Where the traces run apart, the nearest later point with equal states is looked for. One side alone took a
// detour: an interrupt or a fault that only it met; this is noted. Both sides moved: a real difference,
// unless an irreproducible instruction was executed shortly before.

import { RFLAGS, REGISTERS, RIP, type TraceRecord } from './record.ts';
import type { TraceSource } from './source.ts';
import { mnemonicOf, undefinedFlags } from './undefined-flags.ts';

/** CF PF ZF SF TF IF DF OF IOPL NT AC; AF, RF and the virtual-8086 bits are left out. */
export const DEFAULT_FLAGS = 0x47fc5;
export const DEFAULT_IGNORE = ['rdtsc', 'rdtscp', 'cpuid', 'rdmsr', 'rdpmc', 'rdrand', 'rdseed', 'xgetbv',
  'in', 'ins', 'sgdt', 'sidt', 'sldt', 'str', 'smsw'];

export interface CompareOptions {
  /** Compare from the first record with this rip on both sides (low and high half). */
  from?: readonly [number, number];
  /** At most so many instructions. */
  limit: number;
  /** Registers not compared. */
  mask: ReadonlySet<number>;
  flags: number;
  /** Mnemonics (without size suffix) and addresses whose results may differ. */
  ignore: ReadonlySet<string>;
  ignoreAt: ReadonlySet<string>;
  /** Registers that differ in the first pair are held instead of reported. */
  holdStart: boolean;
  /** Records looked ahead on each side for a point where the states agree again. */
  window: number;
  /** Instructions for which a result that may differ excuses further differences. */
  taint: number;
  /** Differences to report before stopping. */
  differences: number;
  /** Records shown before and after a difference. */
  context: number;
}

export const DEFAULTS: CompareOptions = {
  limit: Infinity, mask: new Set(), flags: DEFAULT_FLAGS, ignore: new Set(DEFAULT_IGNORE),
  ignoreAt: new Set(), holdStart: true, window: 20_000, taint: 2_000, differences: 1, context: 6,
};

export interface Difference {
  /** Instructions compared before it. */
  at: number;
  registers: number[];
  flags: number;
  /** Pairs before, the last one being the instruction that made the difference. */
  before: Array<readonly [TraceRecord, TraceRecord]>;
  qemu: TraceRecord;
  skep: TraceRecord;
  qemuAfter: TraceRecord[];
  skepAfter: TraceRecord[];
  /** Flags that were undefined and different when it happened. */
  looseFlags: number;
}

export interface Detour {
  at: number;
  qemu: number;
  skep: number;
  record: TraceRecord;
  why: 'one side' | 'irreproducible';
}

export interface CompareResult {
  compared: number;
  differences: Difference[];
  detours: Detour[];
  held: number;
  /** Why the walk ended. */
  end: 'difference' | 'limit' | 'end of QEMU trace' | 'end of Skep trace' | 'start not found';
}

const FILL = 4096;
const HISTORY = 64;
const MOST_PAIRS = 1 << 20;

/** Both sides' low halves: a value may come back narrower than it was written. */
function pairOf(register: number, qemu: TraceRecord, skep: TraceRecord): string {
  return `${qemu.values[2 * register]}:${skep.values[2 * register]}`;
}

/** The address of a record as text, the form of `ignoreAt`. */
export function addressOf(record: TraceRecord): string {
  const high = record.values[2 * RIP + 1] ?? 0;
  const low = record.values[2 * RIP] ?? 0;
  return high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0');
}

class Walk {
  readonly #qemu: TraceSource;
  readonly #skep: TraceSource;
  readonly #options: CompareOptions;
  readonly #held = new Map<number, readonly [number, number, number, number]>();
  /** Pairs of values that were held: met again, they were loaded from memory. */
  readonly #pairs = new Set<string>();
  readonly #history: Array<readonly [TraceRecord, TraceRecord]> = [];
  #looseFlags = 0;
  #tainted = -Infinity;
  readonly result: CompareResult = { compared: 0, differences: [], detours: [], held: 0, end: 'limit' };

  constructor(qemu: TraceSource, skep: TraceSource, options: CompareOptions) {
    this.#qemu = qemu;
    this.#skep = skep;
    this.#options = options;
  }

  async run(): Promise<CompareResult> {
    const { from, limit } = this.#options;
    if (from !== undefined && !(await seek(this.#qemu, from) && await seek(this.#skep, from))) {
      this.result.end = 'start not found';
      return this.result;
    }
    let first = this.#options.holdStart;
    while (this.result.compared < limit) {
      if (this.#qemu.available < 2) await this.#qemu.fill(FILL);
      if (this.#skep.available < 2) await this.#skep.fill(FILL);
      const qemu = this.#qemu.at(0);
      const skep = this.#skep.at(0);
      if (qemu === undefined || skep === undefined) {
        this.result.end = qemu === undefined ? 'end of QEMU trace' : 'end of Skep trace';
        return this.result;
      }
      if (first) this.#holdStart(qemu, skep);
      first = false;
      if (!this.#agree(qemu, skep) && !await this.#settle(qemu, skep)) {
        this.result.end = 'difference';
        return this.result;
      }
    }
    return this.result;
  }

  #holdStart(qemu: TraceRecord, skep: TraceRecord): void {
    for (const register of this.#differing(qemu, skep)) {
      if (register !== RIP) this.#hold(register, qemu, skep);
    }
    this.#looseFlags = this.#flagDifference(qemu, skep);
  }

  #hold(register: number, qemu: TraceRecord, skep: TraceRecord): void {
    const value = (record: TraceRecord, half: number): number => record.values[2 * register + half] ?? 0;
    this.#held.set(register, [value(qemu, 0), value(qemu, 1), value(skep, 0), value(skep, 1)]);
    this.result.held++;
    if (this.#pairs.size >= MOST_PAIRS) this.#pairs.clear();
    this.#pairs.add(pairOf(register, qemu, skep));
  }

  #isKnownPair(register: number, qemu: TraceRecord, skep: TraceRecord): boolean {
    return this.#pairs.has(pairOf(register, qemu, skep));
  }

  #isHeld(register: number, qemu: TraceRecord, skep: TraceRecord): boolean {
    const held = this.#held.get(register);
    if (held === undefined) return false;
    const narrow = !qemu.wide || !skep.wide;
    return held[0] === qemu.values[2 * register] && held[2] === skep.values[2 * register]
      && (narrow || (held[1] === qemu.values[2 * register + 1] && held[3] === skep.values[2 * register + 1]));
  }

  /** Registers other than rflags that differ, masked and held ones left out. */
  #differing(qemu: TraceRecord, skep: TraceRecord): number[] {
    const [a, b] = [qemu.values, skep.values];
    const wide = qemu.wide && skep.wide;
    // Outside 64-bit code neither r8 ... r15 nor the upper halves are known.
    const count = wide ? RFLAGS : REGISTERS.indexOf('r8');
    const registers: number[] = [];
    for (let register = 0; register < count; register++) {
      const low = 2 * register;
      const same = a[low] === b[low] && (!wide || a[low + 1] === b[low + 1]);
      if (same) {
        if (this.#held.size > 0) this.#held.delete(register);
      } else if (!this.#options.mask.has(register) && !this.#isHeld(register, qemu, skep)) {
        registers.push(register);
      }
    }
    return registers;
  }

  #flagDifference(qemu: TraceRecord, skep: TraceRecord): number {
    return ((qemu.values[2 * RFLAGS] ?? 0) ^ (skep.values[2 * RFLAGS] ?? 0)) & this.#options.flags;
  }

  /** Compares the next pair; on agreement takes it and answers true. */
  #agree(qemu: TraceRecord, skep: TraceRecord): boolean {
    const registers = this.#differing(qemu, skep);
    const flags = this.#flagDifference(qemu, skep);
    const previous = this.#history.at(-1)?.[0].text;
    const loose = flags === 0 ? 0 : flags & (this.#looseFlags | undefinedFlags(previous));
    if (registers.length > 0 || flags !== loose) return false;
    this.#looseFlags = loose;
    this.#take(qemu, skep);
    return true;
  }

  #take(qemu: TraceRecord, skep: TraceRecord): void {
    this.#history.push([qemu, skep]);
    if (this.#history.length > 2 * HISTORY) this.#history.splice(0, HISTORY);
    this.#qemu.drop(1);
    this.#skep.drop(1);
    this.result.compared++;
  }

  #isIrreproducible(record: TraceRecord | undefined): boolean {
    if (record === undefined) return false;
    if (this.#options.ignoreAt.has(addressOf(record))) return true;
    if (record.text === undefined) return false;
    const mnemonic = mnemonicOf(record.text);
    const { ignore } = this.#options;
    return ignore.has(mnemonic) || ignore.has(mnemonic.replace(/[bwlq]$/, ''));
  }

  /** The next pair differs: holds, skips or reports it. False to stop. */
  async #settle(qemu: TraceRecord, skep: TraceRecord): Promise<boolean> {
    const registers = this.#differing(qemu, skep);
    if (this.#isIrreproducible(this.#history.at(-1)?.[0])) this.#tainted = this.result.compared;
    if (registers.length > 0 && registers.every((register) => this.#isKnownPair(register, qemu, skep))) {
      this.#tainted = this.result.compared;
    }
    const tainted = this.result.compared - this.#tainted < this.#options.taint;
    if (tainted && !registers.includes(RIP)) {
      registers.forEach((register) => this.#hold(register, qemu, skep));
      this.#looseFlags = this.#flagDifference(qemu, skep);
      this.#take(qemu, skep);
      return true;
    }
    await this.#qemu.fill(this.#options.window);
    await this.#skep.fill(this.#options.window);
    const meeting = this.#meet();
    const oneSided = meeting !== undefined && (meeting[0] === 0 || meeting[1] === 0);
    if (meeting === undefined || !(oneSided || tainted)) {
      this.result.differences.push(this.#describe(qemu, skep, registers));
      if (this.result.differences.length >= this.#options.differences || meeting === undefined) return false;
    } else {
      const why = oneSided ? 'one side' : 'irreproducible';
      const [ofQemu, ofSkep] = meeting;
      this.result.detours.push({ at: this.result.compared, qemu: ofQemu, skep: ofSkep, record: qemu, why });
    }
    this.#qemu.drop(meeting[0]);
    this.#skep.drop(meeting[1]);
    // The flags of the meeting point may still show what happened before it.
    const [nextQemu, nextSkep] = [this.#qemu.at(0), this.#skep.at(0)];
    if (nextQemu === undefined || nextSkep === undefined) return true;
    this.#looseFlags = this.#flagDifference(nextQemu, nextSkep);
    return true;
  }

  #signature(record: TraceRecord): string {
    let text = '';
    const count = record.wide ? RFLAGS : REGISTERS.indexOf('r8');
    for (let register = 0; register < count; register++) {
      if (this.#held.has(register) || this.#options.mask.has(register)) continue;
      text += `${record.values[2 * register]},`;
    }
    return text;
  }

  /** How far to go on each side to where the states agree; the nearest such point (smallest sum). */
  #meet(): readonly [number, number] | undefined {
    const firstSeen = new Map<string, number>();
    const { window } = this.#options;
    for (let ahead = 0; ahead < Math.min(window, this.#qemu.available); ahead++) {
      const signature = this.#signature(this.#qemu.at(ahead) as TraceRecord);
      if (!firstSeen.has(signature)) firstSeen.set(signature, ahead);
    }
    let best: readonly [number, number] | undefined;
    for (let ahead = 0; ahead < Math.min(window, this.#skep.available); ahead++) {
      if (best !== undefined && ahead >= best[0] + best[1]) break;
      const skep = this.#skep.at(ahead) as TraceRecord;
      const other = firstSeen.get(this.#signature(skep));
      if (other === undefined || (other === 0 && ahead === 0)) continue;
      if (best === undefined || other + ahead < best[0] + best[1]) best = [other, ahead];
    }
    return best;
  }

  #describe(qemu: TraceRecord, skep: TraceRecord, registers: number[]): Difference {
    const { context } = this.#options;
    const after = (source: TraceSource): TraceRecord[] =>
      Array.from({ length: context }, (_, i) => source.at(i + 1)).filter((next) => next !== undefined);
    return {
      at: this.result.compared,
      registers,
      flags: this.#flagDifference(qemu, skep) & ~this.#looseFlags,
      before: this.#history.slice(-context),
      qemu,
      skep,
      qemuAfter: after(this.#qemu),
      skepAfter: after(this.#skep),
      looseFlags: this.#looseFlags,
    };
  }
}

async function seek(source: TraceSource, rip: readonly [number, number]): Promise<boolean> {
  for (;;) {
    if (source.available === 0) await source.fill(FILL);
    const record = source.at(0);
    if (record === undefined) return false;
    const highSame = !record.wide || record.values[2 * RIP + 1] === rip[1];
    if (record.values[2 * RIP] === rip[0] && highSame) return true;
    source.drop(1);
  }
}

export async function compareTraces(qemu: TraceSource, skep: TraceSource,
  options: Partial<CompareOptions> = {}): Promise<CompareResult> {
  return new Walk(qemu, skep, { ...DEFAULTS, ...options }).run();
}
