// Finds a vCPU worker that is gone without a word: sets its attention word, which a running CPU clears at its
// next poll and which wakes a parked one (cpu/inbox.ts). Others set that word too, so a CPU is missed only if
// it also has executed nothing in between. Needed where a killed worker raises no event (a page). Counts its
// own looks, not wall time: a suspended host makes no victim.

import { CpuField, Inbox } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';

const LOOK_MS = 300;
/** Looks in a row without a sign of life: 1.8 s. */
const PATIENCE = 6;

interface Patient { missed: number; instructions: number; haltedNs: number }

export class Watchdog {
  private readonly patients: Patient[];
  private lastMs = -Infinity;

  constructor(private readonly shared: SharedMachine, private readonly onDead: (cpu: number) => void) {
    this.patients = Array.from({ length: shared.cpus }, () => ({ missed: 0, instructions: -1,
      haltedNs: -1 }));
  }

  /** Call often while the machine runs. */
  look(nowMs = performance.now()): void {
    if (nowMs - this.lastMs < LOOK_MS) return;
    this.lastMs = nowMs;
    this.patients.forEach((patient, cpu) => {
      const waiting = this.shared.load(this.shared.inbox(cpu) + Inbox.ATTENTION) !== 0;
      const instructions = this.shared.cpuField(cpu, CpuField.instructions);
      const haltedNs = this.shared.cpuField(cpu, CpuField.haltedNs);
      const alive = !waiting || instructions !== patient.instructions || haltedNs !== patient.haltedNs;
      Object.assign(patient, { missed: alive ? 0 : patient.missed + 1, instructions, haltedNs });
      if (patient.missed === PATIENCE) this.onDead(cpu);
      this.shared.poke(cpu);
    });
  }
}
