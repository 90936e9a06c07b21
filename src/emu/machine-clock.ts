// Machine time: nanoseconds since the machine was made, on the host's monotonic clock, minus the time spent
// paused. Two shared doubles: the epoch (ms on the normalised host clock) and the time at which the clock
// stands (-1 = it runs). The host thread is the only writer, and writes only while every other thread is
// parked or the clock stands.

const EPOCH_MS = 0;
const FROZEN_NS = 1;
const NS_PER_MS = 1e6;

/** performance.now() is relative to each thread's own origin; this is the same in all of them. */
function hostMs(): number {
  return performance.timeOrigin + performance.now();
}

export class MachineClock {
  private readonly words: Float64Array;

  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(16), fresh = false) {
    this.words = new Float64Array(shared);
    if (!fresh) return;
    this.words[EPOCH_MS] = hostMs();
    this.words[FROZEN_NS] = 0;
  }

  /** A clock that stands at 0. */
  static create(): MachineClock {
    return new MachineClock(new SharedArrayBuffer(16), true);
  }

  /**
   * The function that a thread's core imports; the difference of the origins is taken once, before precision
   * is lost.
   */
  reader(): () => number {
    const words = this.words;
    // Looked up once: Linux reads the time-stamp counter in every system call, and the global is a getter.
    const host = performance;
    const origin = host.timeOrigin;
    return () => {
      const frozen = words[FROZEN_NS] as number;
      if (frozen >= 0) return frozen;
      return (origin - (words[EPOCH_MS] as number) + host.now()) * NS_PER_MS;
    };
  }

  now(): number {
    const frozen = this.words[FROZEN_NS] as number;
    return frozen >= 0 ? frozen : (hostMs() - (this.words[EPOCH_MS] as number)) * NS_PER_MS;
  }

  freeze(): void {
    this.words[FROZEN_NS] = Math.max(0, this.now());
  }

  run(): void {
    const frozen = this.words[FROZEN_NS] as number;
    if (frozen < 0) return;
    this.words[EPOCH_MS] = hostMs() - frozen / NS_PER_MS;
    this.words[FROZEN_NS] = -1;
  }
}
