// What chips can say to the local APICs: the INTR wire of the 8259 pair to every LINT0, and messages (IOAPIC,
// MSI).

import { Control, control32 } from "../lib/control";
import { Inbox, Request, inboxOf, request } from "../cpu/inbox";
import { EXCLUDE_NONE, lapicDeliver, lapicMsi, lapicPost } from "../cpu/lapic/deliver";
import { ApicBit, ApicFlag, Delivery, Lapic, apicFlags, lapicState } from "../cpu/lapic/state";

/** Level of INTR (machine.md section 2: a wire to every LAPIC). The caller holds the 8259's lock. */
export function intrWire(level: u32): void {
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) {
    atomic.store<u32>(inboxOf(id), level, Inbox.EXTINT);
    if (level != 0) risingLint0(id);
  }
}

function risingLint0(id: u32): void {
  const flags = apicFlags(id);
  if ((flags & ApicFlag.TAKES_EXTINT) != 0) {
    request(id, Request.INTR);
    return;
  }
  if ((flags & ApicFlag.SOFTWARE_ENABLED) == 0) return;
  const lvt = atomic.load<u32>(changetype<usize>(lapicState(id)) + offsetof<Lapic>("lvtLint0"));
  if ((lvt & ApicBit.MASKED) != 0) return;
  const mode = (lvt & ApicBit.MODE) >> 8;
  if (mode == Delivery.FIXED) lapicPost(id, lvt & ApicBit.VECTOR, false);
  else if (mode == Delivery.NMI) request(id, Request.NMI);
}

/**
 * A message of the IOAPIC: 8-bit destination, mode as in the redirection entry. Number of CPUs that took it.
 */
export function irqMessage(dest: u32, logical: bool, mode: u32, vector: u32, level: bool): u32 {
  return lapicDeliver(dest, logical, false, mode, vector, level, EXCLUDE_NONE);
}

/** A message signalled interrupt: the store that the device makes. */
export function irqMsi(address: u64, data: u32): void {
  lapicMsi(address, data);
}
