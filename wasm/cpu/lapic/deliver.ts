// Delivery into local APICs: the one path of IPIs, IOAPIC messages, MSI and local interrupts (SDM 3A 10.6,
// 10.11). Any thread may call it. It does atomics only: no lock, no wait, no allocation.

import { BOARD } from "../../lib/layout";
import { Control, control32 } from "../../lib/control";
import { Inbox, Request, inboxOf, request } from "../inbox";
import { Board } from "../../bus/device";
import { ApicFlag, Delivery, Esr, apicFlags, lapicState, Lapic } from "./state";

const FIRST_VECTOR: u32 = 16;
const BROADCAST8: u32 = 0xFF;
const BROADCAST32: u32 = 0xFFFFFFFF;
const NOBODY: i32 = -1;
/** `exclude` of lapicDeliver: nobody. */
export const EXCLUDE_NONE: u32 = 0xFFFFFFFF;
const DFR_CLUSTER: u32 = 0;

/** Raise `vector` in CPU `id`: trigger mode, then IRR, then the request. Wait-free. */
export function lapicPost(id: u32, vector: u32, level: bool): void {
  if (vector < FIRST_VECTOR) {
    atomic.or<u32>(changetype<usize>(lapicState(id)) + offsetof<Lapic>("errors"), Esr.RECEIVE_VECTOR);
    return;
  }
  const box = inboxOf(id);
  const word = box + ((vector >> 5) << 2);
  const bit: u32 = <u32>1 << (vector & 31);
  if (level) atomic.or<u32>(word, bit, Inbox.TMR);
  else if ((atomic.load<u32>(word, Inbox.TMR) & bit) != 0) atomic.and<u32>(word, ~bit, Inbox.TMR);
  const old = atomic.or<u32>(word, bit, Inbox.IRR);
  atomic.add<u32>(box, 1, Inbox.RAISED);
  if ((old & bit) != 0) {
    // Whoever set the bit before has requested, or is about to.
    atomic.add<u32>(box, 1, Inbox.COALESCED);
    return;
  }
  request(id, Request.INTR);
}

/** Does CPU `id` answer to this destination? `wide` = 32-bit x2APIC destination. */
function matches(id: u32, dest: u32, logical: bool, wide: bool): bool {
  const box = inboxOf(id);
  const flags = atomic.load<u32>(box, Inbox.APIC_FLAGS);
  if ((flags & ApicFlag.GLOBAL_ENABLED) == 0) return false;
  if (dest == (wide ? BROADCAST32 : BROADCAST8)) return true;
  if (!logical) return atomic.load<u32>(box, Inbox.APIC_ID) == dest;
  const ldr = atomic.load<u32>(box, Inbox.LDR);
  if ((flags & ApicFlag.X2APIC) != 0) {
    // SDM 3A 10.12.10.2: cluster in the high half, one bit per member in the low.
    return (ldr >> 16) == (dest >> 16) && (ldr & dest & 0xFFFF) != 0;
  }
  // SDM 3A 10.6.2.2: flat (DFR all ones) or cluster model.
  const mda = dest & 0xFF;
  const member = ldr >> 24;
  if (atomic.load<u32>(box, Inbox.DFR) >> 28 != DFR_CLUSTER) return (member & mda) != 0;
  return (member >> 4 == mda >> 4 || mda >> 4 == 15) && (member & mda & 15) != 0;
}

/** Give one CPU what a message of this mode carries. */
function deliverTo(id: u32, mode: u32, vector: u32, level: bool): void {
  switch (mode) {
    case Delivery.FIXED:
    case Delivery.LOWEST:
      // SDM 3A 10.4.7.2: a software-disabled APIC takes only NMI, INIT, SMI and start-up.
      if ((apicFlags(id) & ApicFlag.SOFTWARE_ENABLED) != 0) lapicPost(id, vector, level);
      break;
    case Delivery.NMI:
      request(id, Request.NMI);
      break;
    case Delivery.INIT:
      // A start-up still waiting came before this INIT: taken now it would be dropped or undone (SDM 3A
      // 9.4.2).
      atomic.and<u32>(inboxOf(id), ~(<u32>Request.SIPI), Inbox.REQUESTS);
      request(id, Request.INIT);
      break;
    case Delivery.STARTUP:
      atomic.store<u32>(inboxOf(id), vector, Inbox.SIPI_VECTOR);
      request(id, Request.SIPI);
      break;
    case Delivery.EXTINT:
      // The vector comes from the 8259 at acceptance.
      request(id, Request.INTR);
      break;
    default:
      // SMI and the reserved mode: this machine has no system management mode.
      break;
  }
}

/**
 * A message on the interrupt bus. `dest` has 8 bits (IOAPIC, MSI, xAPIC ICR) or 32 (`wide`). Returns the
 * number of CPUs that took it.
 */
export function lapicDeliver(dest: u32, logical: bool, wide: bool, mode: u32, vector: u32, level: bool,
  exclude: u32): u32 {
  const cpus = control32(Control.CPUS);
  if (mode == Delivery.LOWEST) {
    const id = arbitrate(dest, logical, wide, exclude);
    if (id == NOBODY) return 0;
    deliverTo(<u32>id, Delivery.FIXED, vector, level);
    return 1;
  }
  let taken: u32 = 0;
  for (let id: u32 = 0; id < cpus; id++) {
    if (id == exclude || !matches(id, dest, logical, wide)) continue;
    deliverTo(id, mode, vector, level);
    taken++;
  }
  return taken;
}

/** Lowest processor priority among the matching CPUs; ties go round (SDM 3A 10.6.2.4). */
function arbitrate(dest: u32, logical: bool, wide: bool, exclude: u32): i32 {
  const cpus = control32(Control.CPUS);
  const first = atomic.load<u32>(BOARD + <usize>Board.ARBITER);
  let best: i32 = NOBODY;
  let bestPriority: u32 = u32.MAX_VALUE;
  for (let n: u32 = 0; n < cpus; n++) {
    const id = (first + n) % cpus;
    if (id == exclude || !matches(id, dest, logical, wide)) continue;
    if ((apicFlags(id) & ApicFlag.SOFTWARE_ENABLED) == 0) continue;
    const priority = atomic.load<u32>(inboxOf(id), Inbox.PPR) >> 4;
    if (priority >= bestPriority) continue;
    best = <i32>id;
    bestPriority = priority;
  }
  if (best != NOBODY) atomic.store<u32>(BOARD + <usize>Board.ARBITER, <u32>best + 1);
  return best;
}

/** A message signalled interrupt: the store of `data` to `address` (SDM 3A 10.11). */
export function lapicMsi(address: u64, data: u32): void {
  // Bits 12..19 destination; bits 5..11 extend it (15-bit destinations of KVM and Hyper-V guests).
  const dest = (<u32>(address >> 12) & 0xFF) | ((<u32>(address >> 5) & 0x7F) << 8);
  const logical = (address & 4) != 0;
  lapicDeliver(dest, logical, false, (data >> 8) & 7, data & 0xFF, (data & 0x8000) != 0, EXCLUDE_NONE);
}
