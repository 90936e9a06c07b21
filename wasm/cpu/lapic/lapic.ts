// The local APIC's door: what the rest of the core uses. Parts: state (registers), deliver (any thread to a
// CPU), accept (the owner's interrupts), icr (IPIs), timer, registers (MMIO, MSRs, reset).

import { Cpu } from "../state";
import { lapicState } from "./state";
import { lapicSetTpr } from "./accept";
import { lapicCommand } from "./icr";

export { lapicPost, lapicDeliver, lapicMsi } from "./deliver";
export { PENDING_EXTINT, lapicAccept, lapicEoi, lapicGetCr8, lapicPending, lapicSetCr8 } from "./accept";
export {
  lapicReadTscDeadline, lapicTimerCheck, lapicTimerDeadline, lapicTimerUnpark, lapicWriteTscDeadline,
} from "./timer";
export {
  lapicLint1, lapicPage, lapicPowerOn, lapicPresetVirtualWire, lapicRead, lapicReadMsr, lapicReset,
    lapicSetBase,
  lapicWrite, lapicWriteMsr,
} from "./registers";

export function lapicReadTpr(id: u32): u32 {
  return lapicState(id).tpr;
}

export function lapicWriteTpr(id: u32, value: u32): void {
  lapicSetTpr(id, value);
}

/** An IPI by 32-bit destination on behalf of CPU `c` (paravirtual send-IPI; x2APIC ICR). */
export function lapicSendIcr(c: Cpu, low: u32, dest: u32): void {
  lapicCommand(c.id, low, dest, true);
}
