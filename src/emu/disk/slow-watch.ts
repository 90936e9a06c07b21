// Notices from outside that a drive does not answer, also when the I/O worker itself is stuck in a call of
// the system: requests have begun, none has ended for a while. Told once until one ends. Counts its own
// looks, not wall time: a suspended host makes no slow drive.

import { CONTROL, Control, Drive, DRIVE_BYTES, MAX_DRIVES } from '../generated-layout.ts';

const LOOK_MS = 500;
/** Looks in a row: 5 s. */
const PATIENCE = 10;

interface Patient { ended: number; looks: number }

export class SlowWatch {
  private readonly words: Int32Array;
  private readonly patients: Patient[] = Array.from({ length: MAX_DRIVES }, () => ({ ended: 0, looks: 0 }));
  private lastMs = -Infinity;

  constructor(memory: WebAssembly.Memory,
    private readonly onSlow: (position: number, seconds: number) => void) {
    this.words = new Int32Array(memory.buffer);
  }

  look(nowMs = performance.now()): void {
    if (nowMs - this.lastMs < LOOK_MS) return;
    this.lastMs = nowMs;
    this.patients.forEach((patient, position) => {
      const at = CONTROL + Control.DRIVES + position * DRIVE_BYTES;
      const word = (offset: number): number => Atomics.load(this.words, (at + offset) >> 2);
      const ended = (word(Drive.REQUESTS) + word(Drive.ERRORS)) | 0;
      const busy = ended !== word(Drive.STARTED);
      patient.looks = busy && ended === patient.ended ? patient.looks + 1 : 0;
      patient.ended = ended;
      if (patient.looks === PATIENCE) this.onSlow(position, PATIENCE * LOOK_MS / 1000);
    });
  }
}
