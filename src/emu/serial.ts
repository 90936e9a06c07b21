// The host end of one UART: bytes out of its ring, bytes into its ring with a bounded queue behind it.

import { RING_SERIAL0_IN, RING_SERIAL0_OUT, RING_SERIAL1_IN, RING_SERIAL1_OUT, RING_SERIAL2_IN,
  RING_SERIAL2_OUT,
  RING_SERIAL3_IN, RING_SERIAL3_OUT } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';

export interface SerialRings { out: number; in: number }
export const SERIAL_PORTS: readonly SerialRings[] = [
  { out: RING_SERIAL0_OUT, in: RING_SERIAL0_IN }, { out: RING_SERIAL1_OUT, in: RING_SERIAL1_IN },
  { out: RING_SERIAL2_OUT, in: RING_SERIAL2_IN }, { out: RING_SERIAL3_OUT, in: RING_SERIAL3_IN },
];

/** Input beyond this is refused: a guest that does not read must not fill the host's memory. */
const MAX_QUEUED = 1 << 20;

export class SerialLink {
  private queue: Uint8Array[] = [];
  private queued = 0;

  constructor(private readonly shared: SharedMachine, private readonly rings: SerialRings) {}

  /** Types; returns false (and takes nothing) when more than a megabyte is waiting already. */
  write(data: Uint8Array | string): boolean {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    if (this.queued + bytes.length > MAX_QUEUED) return false;
    this.queue.push(bytes);
    this.queued += bytes.length;
    this.flush();
    return true;
  }

  /** What the guest has sent, undefined if nothing; also moves waiting input on. */
  drain(): Uint8Array | undefined {
    this.flush();
    return this.shared.readRing(this.rings.out);
  }

  private flush(): void {
    while (this.queue.length > 0) {
      const head = this.queue[0] as Uint8Array;
      const taken = this.shared.writeRing(this.rings.in, head);
      this.queued -= taken;
      if (taken < head.length) {
        this.queue[0] = head.subarray(taken);
        return;
      }
      this.queue.shift();
    }
  }
}
