// What a chip can do to the whole machine: end it, reset it, and make every CPU forget its translations. All
// only set words and wake everybody; the host (src/emu) or the CPUs do the work.

import { CONTROL } from "../lib/layout";
import { Control, MachineEnd, control32 } from "../lib/control";
import { clockKick } from "../lib/time";
import { ringSignalHost } from "../lib/ring";
import { Request, request } from "../cpu/inbox";

function requestAll(bits: u32): void {
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) request(id, bits);
}

/** The machine is over; the first reason stays. */
export function machineEnd(reason: MachineEnd, value: u32): void {
  if (control32(Control.END) == MachineEnd.NONE) {
    atomic.store<u32>(CONTROL + <usize>Control.END_VALUE, value);
    atomic.cmpxchg<u32>(CONTROL + <usize>Control.END, MachineEnd.NONE, reason);
  }
  requestAll(Request.STOP);
  clockKick();
  ringSignalHost();
}

/** What guest-physical addresses mean has changed: every CPU flushes its TLBs at its next poll. */
export function machineFlushTlbs(): void {
  requestAll(Request.TLB_FLUSH);
}

/** Ask for a reset of the whole machine (port 0xCF9, 0x92, keyboard controller, ACPI, triple fault). */
export function machineResetRequest(): void {
  atomic.add<u32>(CONTROL + <usize>Control.RESET_REQUEST, 1);
  atomic.notify(CONTROL + <usize>Control.RESET_REQUEST, 1);
  requestAll(Request.RESET);
  ringSignalHost();
}
