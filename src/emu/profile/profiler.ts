// The host's side of the profile (wasm/lib/profile.ts, wasm/interp/sampler.ts): asks running CPUs about once
// a millisecond where they are, drains their samples, and reads the counters of their slow paths. Costs
// nothing while it is off; the machine's time base and its interrupts do not notice it.

import { CONTROL, Control, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_PROFILE, Inbox, Option, Profile as At, Request,
  RunState, SAMPLE_BYTES, SAMPLE_COUNT, Sample, SampleFlag } from '../generated-layout.ts';
import type { SharedMachine } from '../shared.ts';

/** Samples of one place: an address of one ring in one address space. */
export interface Spot {
  address: bigint;
  /** CR3 of user places; kernels are the same in every address space. */
  space: bigint;
  ring: number;
  samples: number;
  /** Of these, taken in translated code. */
  translated: number;
}

/** Everything read since `start`, in machine words; report.ts makes it readable. */
export interface RawProfile {
  seconds: number;
  spots: Spot[];
  /** Looks that found a CPU halted, and looks at all. */
  idle: number;
  looks: number;
  /** The CPU areas of all CPUs, added up: 64-bit words from COUNTS, 32-bit words of MIX and HELPERS. */
  counts: readonly number[];
  mix: readonly number[];
  helpers: readonly number[];
}

/** Mean of the random time between two looks; a fixed one would beat with the guest's own timers. */
const DEFAULT_INTERVAL_MS = 1;
const COUNT_WORDS = (At.RING_WRITTEN - At.COUNTS) / 8;
const FORM_WORDS = (At.HELPERS - At.MIX) / 4;

/** The CPU areas of all CPUs, added up. */
interface Areas { counts: number[]; mix: number[]; helpers: number[] }

export class Profiler {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly spots = new Map<string, Spot>();
  private before: Areas | undefined;
  /** At the stop: what a CPU answers later does not count. */
  private after: Areas | undefined;
  private startMs = 0;
  private lastMs = 0;
  private idle = 0;
  private looks = 0;

  constructor(private readonly shared: SharedMachine) {}

  get running(): boolean {
    return this.timer !== undefined;
  }

  /** Begins anew. */
  start(intervalMs = DEFAULT_INTERVAL_MS): void {
    this.stop();
    this.spots.clear();
    this.idle = 0;
    this.looks = 0;
    this.forEachCpu((area) => this.shared.store(area + At.RING_READ,
      this.shared.load(area + At.RING_WRITTEN)));
    this.before = this.readAreas();
    this.after = undefined;
    this.startMs = performance.now();
    this.setOption(true);
    const again = (): void => {
      this.timer = setTimeout(() => {
        this.look();
        again();
      }, intervalMs * (0.5 + Math.random()));
      // A profile is no reason to keep a program alive.
      (this.timer as unknown as { unref?(): void }).unref?.();
    };
    again();
  }

  stop(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.lastMs = performance.now();
    this.drain();
    this.after = this.readAreas();
    this.setOption(false);
  }

  read(): RawProfile {
    if (this.running) this.drain();
    const { counts, mix, helpers } = this.after ?? this.readAreas();
    const { before } = this;
    const less = (now: number[], then: number[] | undefined): number[] =>
      now.map((value, n) => value - (then?.[n] ?? 0));
    return { seconds: ((this.running ? performance.now() : this.lastMs) - this.startMs) / 1000,
      spots: [...this.spots.values()], idle: this.idle, looks: this.looks,
      counts: less(counts, before?.counts), mix: less(mix, before?.mix),
      helpers: less(helpers, before?.helpers) };
  }

  private setOption(on: boolean): void {
    const index = this.shared.control(Control.OPTIONS);
    if (on) Atomics.or(this.shared.words, index, Option.PROFILE);
    else Atomics.and(this.shared.words, index, ~Option.PROFILE);
  }

  private forEachCpu(action: (area: number, cpu: number) => void): void {
    for (let cpu = 0; cpu < this.shared.cpus; cpu++) {
      action(CPU_BLOCKS + cpu * CPU_BLOCK_BYTES + CPU_PROFILE, cpu);
    }
  }

  /** Asks every running CPU for a sample. A halted one would have to wake for it: it is idle. */
  private look(): void {
    if (this.shared.load(CONTROL + Control.RUNNING) === 0) return;
    this.drain();
    this.forEachCpu((_, cpu) => {
      const state = this.shared.load(this.shared.inbox(cpu) + Inbox.RUN_STATE);
      if (state === RunState.RUNNING) this.shared.request(cpu, Request.SAMPLE);
      if (state === RunState.HALTED) this.idle++;
      if (state === RunState.RUNNING || state === RunState.HALTED) this.looks++;
    });
  }

  private drain(): void {
    const { shared } = this;
    this.forEachCpu((area) => {
      const written = shared.load(area + At.RING_WRITTEN);
      let read = shared.load(area + At.RING_READ);
      for (; read !== written; read = (read + 1) >>> 0) {
        const at = area + At.RING + (read % SAMPLE_COUNT) * SAMPLE_BYTES;
        this.add(at);
      }
      shared.store(area + At.RING_READ, read);
    });
  }

  private add(at: number): void {
    const long = (offset: number): bigint =>
      BigInt.asUintN(64, Atomics.load(this.shared.longs, (at + offset) >> 3));
    const flags = this.shared.load(at + Sample.FLAGS);
    const ring = flags & SampleFlag.CPL;
    const address = long(Sample.RIP);
    const space = ring === 3 ? long(Sample.CR3) : 0n;
    const key = `${address}/${space}/${ring}`;
    const spot = this.spots.get(key) ?? { address, space, ring, samples: 0, translated: 0 };
    spot.samples++;
    if ((flags & SampleFlag.TRANSLATED) !== 0) spot.translated++;
    this.spots.set(key, spot);
  }

  private readAreas(): Areas {
    const counts = new Array<number>(COUNT_WORDS).fill(0);
    const mix = new Array<number>(FORM_WORDS).fill(0);
    const helpers = new Array<number>(FORM_WORDS).fill(0);
    this.forEachCpu((area) => {
      for (let n = 0; n < COUNT_WORDS; n++) {
        counts[n] = (counts[n] as number)
          + Number(Atomics.load(this.shared.longs, (area + At.COUNTS) / 8 + n));
      }
      for (let n = 0; n < FORM_WORDS; n++) {
        mix[n] = (mix[n] as number) + this.shared.load(area + At.MIX + 4 * n);
        helpers[n] = (helpers[n] as number) + this.shared.load(area + At.HELPERS + 4 * n);
      }
    });
    return { counts, mix, helpers };
  }
}
