// The owner's side: what is deliverable now, acceptance (IRR to ISR), EOI, task and processor priority
// (SDM 3A 10.8). Only the owning CPU's worker calls these.

import { Hook, hook } from "../../lib/hooks";
import { Inbox, Request, inboxOf, request } from "../inbox";
import { ApicFlag, Lapic, highestVector, isrWord, lapicState } from "./state";

/** lapicPending: the 8259 pair's INTR, whose vector is known only at acceptance. */
export const PENDING_EXTINT: i32 = 256;
const CLASS: u32 = 0xF0;

/**
 * PPR = max(TPR, class of the highest ISR bit), SDM 3A 10.8.3.1; published for lowest-priority arbitration.
 */
export function lapicUpdatePpr(id: u32): void {
  const l = lapicState(id);
  const isrv = highestVector(isrWord(l, 0));
  const isrClass: u32 = isrv < 0 ? 0 : <u32>isrv & CLASS;
  const ppr: u32 = (l.tpr & CLASS) >= isrClass ? l.tpr : isrClass;
  atomic.store<u32>(inboxOf(id), ppr, Inbox.PPR);
}

/** Highest vector that may be delivered now, PENDING_EXTINT, or -1. Looks at IRR, not at IF. */
export function lapicPending(id: u32): i32 {
  const box = inboxOf(id);
  const flags = atomic.load<u32>(box, Inbox.APIC_FLAGS);
  if ((flags & ApicFlag.SOFTWARE_ENABLED) != 0) {
    const v = highestVector(box + <usize>Inbox.IRR);
    if (v >= 0 && (<u32>v & CLASS) > (atomic.load<u32>(box, Inbox.PPR) & CLASS)) return v;
  }
  if ((flags & ApicFlag.TAKES_EXTINT) != 0 && atomic.load<u32>(box, Inbox.EXTINT) != 0) return PENDING_EXTINT;
  return -1;
}

/** Accept what lapicPending reported: the vector to deliver, or -1 when nothing is deliverable. */
export function lapicAccept(id: u32): i32 {
  const pending = lapicPending(id);
  if (pending < 0) return -1;
  const box = inboxOf(id);
  let vector = <u32>pending;
  if (pending == PENDING_EXTINT) {
    // INTA: the 8259 answers (with its spurious vector when another CPU was faster).
    vector = <u32>call_indirect<i32>(hook(Hook.PIC_ACKNOWLEDGE)) & 0xFF;
  } else {
    const l = lapicState(id);
    const word: u32 = vector >> 5;
    const bit: u32 = <u32>1 << (vector & 31);
    atomic.and<u32>(box + (word << 2), ~bit, Inbox.IRR);
    store<u32>(isrWord(l, word), load<u32>(isrWord(l, word)) | bit);
    lapicUpdatePpr(id);
    store<u64>(box, load<u64>(box, Inbox.STAT_ACCEPTED) + 1, Inbox.STAT_ACCEPTED);
  }
  const count = box + (vector << 2);
  store<u32>(count, load<u32>(count, Inbox.ACCEPTED_BY_VECTOR) + 1, Inbox.ACCEPTED_BY_VECTOR);
  return <i32>vector;
}

/** After PPR fell or a source was opened: ask ourselves for a look at the next poll. */
export function lapicRecheck(id: u32): void {
  if (lapicPending(id) >= 0) request(id, Request.INTR);
}

/**
 * End of interrupt: clears the highest ISR bit; level-triggered vectors are told to the IOAPIC (SDM 3A
 * 10.8.5).
 */
export function lapicEoi(id: u32): void {
  const l = lapicState(id);
  const v = highestVector(isrWord(l, 0));
  if (v < 0) return;
  const word: u32 = <u32>v >> 5;
  const bit: u32 = <u32>1 << (<u32>v & 31);
  store<u32>(isrWord(l, word), load<u32>(isrWord(l, word)) & ~bit);
  lapicUpdatePpr(id);
  if ((atomic.load<u32>(inboxOf(id) + (word << 2), Inbox.TMR) & bit) != 0) {
    call_indirect<void>(hook(Hook.IOAPIC_EOI), <u32>v);
  }
  lapicRecheck(id);
}

export function lapicSetTpr(id: u32, value: u32): void {
  const l: Lapic = lapicState(id);
  l.tpr = value & 0xFF;
  lapicUpdatePpr(id);
  lapicRecheck(id);
}

/** CR8 is the class of TPR (SDM 3A 10.8.6). */
export function lapicGetCr8(id: u32): u64 {
  return <u64>(lapicState(id).tpr >> 4);
}

export function lapicSetCr8(id: u32, value: u64): void {
  lapicSetTpr(id, (<u32>value & 15) << 4);
}
