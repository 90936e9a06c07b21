// Finds a vCPU worker that is gone without a word: sets its attention word and expects it cleared, since a
// running CPU clears it at its next poll and a parked one is woken by it (cpu/inbox.ts). Needed where a
// killed worker raises no event (a page). Counts its own looks, not wall time: a suspended host makes no
// victim. On a host with more busy threads than cores the word may be set again at every look: an accepted
// interrupt in between is an answer too.

import { Inbox } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';

const LOOK_MS = 300;
/** Looks in a row without an answer: 3 s. */
const PATIENCE = 10;

export class Watchdog {
  private readonly missed: number[];
  /** Interrupts that each CPU had accepted at the last look (low word of its counter). */
  private readonly accepted: number[];
  private lastMs = -Infinity;

  constructor(private readonly shared: SharedMachine, private readonly onDead: (cpu: number) => void) {
    this.missed = new Array<number>(shared.cpus).fill(0);
    this.accepted = new Array<number>(shared.cpus).fill(-1);
  }

  /** Call often while the machine runs. */
  look(nowMs = performance.now()): void {
    if (nowMs - this.lastMs < LOOK_MS) return;
    this.lastMs = nowMs;
    for (let cpu = 0; cpu < this.shared.cpus; cpu++) {
      const waiting = this.shared.load(this.shared.inbox(cpu) + Inbox.ATTENTION) !== 0;
      const accepted = this.shared.load(this.shared.inbox(cpu) + Inbox.STAT_ACCEPTED);
      const silent = waiting && accepted === this.accepted[cpu];
      this.accepted[cpu] = accepted;
      const missed = silent ? (this.missed[cpu] ?? 0) + 1 : 0;
      this.missed[cpu] = missed;
      if (missed === PATIENCE) this.onDead(cpu);
      this.shared.poke(cpu);
    }
  }
}
