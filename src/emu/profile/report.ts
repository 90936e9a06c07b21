// The profile as people and programs read it: places by name, counters by name, shares of time.

import { CHIP_LAPIC, Chip, Count, Exit, FORM_HOT, Profile as At } from '../generated-layout.ts';
import { FIRST_HOT, FUNCTION_FORMS, HOT_FORMS } from '../generated-forms.ts';
import type { Kallsyms } from './kallsyms.ts';
import type { RawProfile, Spot } from './profiler.ts';

export interface HotPlace {
  /** Kernel function, or the page of code that has no name. */
  name: string;
  samples: number;
  /** Of the time that CPUs were not halted. */
  share: number;
  /** Share of its samples that were taken in translated code. */
  translated: number;
}
export interface HotPage {
  /** Linear address of the page. */
  page: string;
  ring: 'kernel' | 'user';
  /** Address space (CR3) of user pages. */
  space?: string;
  samples: number;
  share: number;
}
export interface Named { name: string; count: number; share: number }

export interface ProfileReport {
  seconds: number;
  samples: number;
  samplesLost: number;
  /**
   * Shares of the looks: halted, kernel, user; shares of the time not halted: executed in translated code.
   */
  time: { idle: number; kernel: number; user: number; translated: number };
  functions: HotPlace[];
  pages: HotPage[];
  /** Instruction forms in sampled windows: what would be interpreted, one by one. */
  instructions: Named[];
  /** Handlers called from translated code. */
  helpers: Named[];
  /** Regions left, by reason. */
  exits: Record<string, number>;
  exceptions: Record<string, number>;
  /** Accesses by CPUs to chips, and the time in them. */
  devices: Record<string, { accesses: number; ms: number }>;
  interrupts: { accepted: number; lines: Record<string, number>; vectors: Record<string, number> };
  /** Guest instructions while the profile ran, and the share that was interpreted. */
  executed: { instructions: number; interpretedShare: number };
  translator: { regions: number; dropped: number; modules: number; moduleBytes: number; translateMs: number;
    compileMs: number; calls: number; links: number };
  /** Everything that is counted, by the names of the core's lib/profile.ts. */
  counts: Record<string, number>;
}

/** What the machine's statistics know already. */
export interface ProfileContext {
  instructions: number;
  interrupts: { accepted: number; lines: Record<string, number>; vectors: Record<string, number> };
  symbols: Kallsyms | undefined;
}

const EXCEPTIONS = ['#DE', '#DB', 'NMI', '#BP', '#OF', '#BR', '#UD', '#NM', '#DF', 'vector 9', '#TS', '#NP',
  '#SS', '#GP', '#PF', 'vector 15', '#MF', '#AC', '#MC', '#XM'];
const PAGE_MASK = ~0xFFFn;
const NS_PER_MS = 1e6;
const hex = (value: bigint): string => value.toString(16).padStart(16, '0');

function formName(form: number): string {
  const name = form >= FORM_HOT ? HOT_FORMS[form - FORM_HOT - FIRST_HOT] : FUNCTION_FORMS[form];
  return name ?? `form ${form}`;
}

function named(counts: readonly number[]): Named[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, form) => ({ name: formName(form), count, share: count / total }))
    .filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}

function group<T extends { samples: number }>(spots: readonly Spot[], keyOf: (spot: Spot) => string,
  make: (spot: Spot, key: string) => T, add: (into: T, spot: Spot) => void): T[] {
  const groups = new Map<string, T>();
  for (const spot of spots) {
    const key = keyOf(spot);
    let entry = groups.get(key);
    if (entry === undefined) groups.set(key, entry = make(spot, key));
    add(entry, spot);
  }
  return [...groups.values()].sort((a, b) => b.samples - a.samples);
}

function placeName(spot: Spot, symbols: Kallsyms | undefined): string {
  const place = spot.ring === 3 ? undefined : symbols?.lookup(spot.address);
  if (place !== undefined) return place.name;
  const where = spot.ring === 3 ? `user ${hex(spot.space)}` : 'kernel';
  return `${where} page ${hex(spot.address & PAGE_MASK)}`;
}

function tableOf(counts: readonly number[], at: number, entries: number): number[] {
  return counts.slice((at - At.COUNTS) / 8, (at - At.COUNTS) / 8 + entries);
}

function chipAccesses(counts: readonly number[]): ProfileReport['devices'] {
  const names = new Map<number, string>([...Object.entries(Chip).map(([name, n]) =>
    [n as number, name] as const), [CHIP_LAPIC, 'LAPIC']]);
  const words = tableOf(counts, At.CHIPS, 2 * 64);
  const devices: ProfileReport['devices'] = {};
  for (let n = 0; n < 64; n++) {
    const accesses = words[2 * n] ?? 0;
    if (accesses > 0) {
      devices[names.get(n) ?? `chip ${n}`] = { accesses, ms: (words[2 * n + 1] ?? 0) / NS_PER_MS };
    }
  }
  return Object.fromEntries(Object.entries(devices).sort(([, a], [, b]) => b.ms - a.ms));
}

/** Counts by name, zeros left out. */
function nonZero(names: (n: number) => string, counts: readonly number[]): Record<string, number> {
  return Object.fromEntries(counts.map((count, n) => [names(n), count] as const)
    .filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a));
}

export function makeReport(raw: RawProfile, context: ProfileContext): ProfileReport {
  const { spots, counts, looks } = raw;
  const samples = spots.reduce((sum, spot) => sum + spot.samples, 0);
  const inUser = spots.reduce((sum, spot) => sum + (spot.ring === 3 ? spot.samples : 0), 0);
  const translatedSamples = spots.reduce((sum, spot) => sum + spot.translated, 0);
  const busy = looks === 0 ? 0 : 1 - raw.idle / looks;
  const share = (part: number): number => (samples === 0 ? 0 : part / samples);
  const functions = group(spots, (spot) => placeName(spot, context.symbols),
    (_, name): HotPlace => ({ name, samples: 0, share: 0, translated: 0 }), (into, spot) => {
      into.samples += spot.samples;
      into.translated += spot.translated;
    });
  functions.forEach((entry) => {
    entry.share = share(entry.samples);
    entry.translated /= entry.samples;
  });
  const pages = group(spots, (spot) => `${spot.address & PAGE_MASK}/${spot.space}`,
    (spot): HotPage => ({ page: hex(spot.address & PAGE_MASK), ring: spot.ring === 3 ? 'user' : 'kernel',
      ...(spot.ring === 3 ? { space: hex(spot.space) } : {}), samples: 0, share: 0 }),
    (into, spot) => { into.samples += spot.samples; });
  pages.forEach((entry) => { entry.share = share(entry.samples); });
  const byName = Object.fromEntries(Object.entries(Count).map(([name, n]) => [name, counts[n] ?? 0]));
  const count = (n: number): number => counts[n] ?? 0;
  const exitNames = new Map(Object.entries(Exit).map(([name, n]) => [n as number, name.toLowerCase()]));
  return {
    seconds: raw.seconds, samples, samplesLost: count(Count.SAMPLES_LOST),
    time: { idle: 1 - busy, kernel: busy * share(samples - inUser), user: busy * share(inUser),
      translated: share(translatedSamples) },
    functions, pages, instructions: named(raw.mix), helpers: named(raw.helpers),
    exits: nonZero((n) => exitNames.get(n) ?? `reason ${n}`, tableOf(counts, At.EXITS, 32)),
    exceptions: nonZero((n) => EXCEPTIONS[n] ?? `vector ${n}`, tableOf(counts, At.EXCEPTIONS, 32)),
    devices: chipAccesses(counts),
    interrupts: context.interrupts,
    executed: { instructions: context.instructions, interpretedShare: context.instructions === 0 ? 1
      : 1 - count(Count.TRANSLATED) / context.instructions },
    translator: { regions: count(Count.REGIONS), dropped: count(Count.REGIONS_DROPPED),
      modules: count(Count.MODULES), moduleBytes: count(Count.MODULE_BYTES),
      translateMs: count(Count.TRANSLATE_NS) / NS_PER_MS, compileMs: count(Count.COMPILE_NS) / NS_PER_MS,
      calls: count(Count.REGION_CALLS), links: count(Count.REGION_LINKS) },
    counts: byName,
  };
}
