// Finds a vCPU thread that polls no more, a core in an endless loop: sets its attention word, which a running
// CPU clears at its next poll and which wakes a parked one (cpu/inbox.ts). Others set that word too, so a CPU
// is missed only if it also has executed nothing in between. A worker that has died is not its business:
// Node's exit event and the page's Web Lock tell that at once and without doubt. On a loaded host a runnable
// thread may get no processor for seconds, so the patience is a minute; it counts its own looks, not wall
// time: a suspended host makes no victim.

import { CpuField, Inbox } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';

const LOOK_MS = 300;

interface Patient { missed: number; instructions: number; haltedNs: number }

export class Watchdog {
  /** Looks in a row without a sign of life: one minute. Tests wait shorter. */
  static patience = 200;

  private readonly patients: Patient[];
  private lastMs = -Infinity;

  constructor(private readonly shared: SharedMachine, private readonly onSilent: (cpu: number) => void) {
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
      if (patient.missed === Watchdog.patience) this.onSilent(cpu);
      this.shared.poke(cpu);
    });
  }
}
