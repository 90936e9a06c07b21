// Finds a vCPU worker that is gone without a word: sets its attention word and expects it cleared, since a
// running CPU clears it at its next poll and a parked one is woken by it (cpu/inbox.ts). Needed where a
// killed worker raises no event (a page). Counts its own looks, not wall time: a suspended host makes no
// victim.

import { Inbox } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';

const LOOK_MS = 300;
/** Looks in a row without an answer: 1.8 s. */
const PATIENCE = 6;

export class Watchdog {
  private readonly missed: number[];
  private lastMs = -Infinity;

  constructor(private readonly shared: SharedMachine, private readonly onDead: (cpu: number) => void) {
    this.missed = new Array<number>(shared.cpus).fill(0);
  }

  /** Call often while the machine runs. */
  look(nowMs = performance.now()): void {
    if (nowMs - this.lastMs < LOOK_MS) return;
    this.lastMs = nowMs;
    for (let cpu = 0; cpu < this.shared.cpus; cpu++) {
      const waiting = this.shared.load(this.shared.inbox(cpu) + Inbox.ATTENTION) !== 0;
      const missed = waiting ? (this.missed[cpu] ?? 0) + 1 : 0;
      this.missed[cpu] = missed;
      if (missed === PATIENCE) this.onDead(cpu);
      this.shared.poke(cpu);
    }
  }
}
