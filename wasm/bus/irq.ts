// Interrupt lines. A line has one driver (shared ones are combined before they come here: dev/pci/intx.ts),
// which holds its chip's lock, so the levels of one line are set in order. ISA line n goes to 8259 input n
// and IOAPIC pin n, except the timer: line 0 is pin 2 (the MADT's override). The functions of the 8259 and
// the IOAPIC take their own leaf locks.

import { BOARD } from "../lib/layout";
import { Hook, hook } from "../lib/hooks";
import { Board } from "./device";

export const enum IrqLine { TIMER = 0, KEYBOARD = 1, COM2 = 3, COM1 = 4, RTC = 8, SCI = 9, MOUSE = 12 }

const ISA_LINES: u32 = 16;
const TIMER_PIN: u32 = 2;
export const IOAPIC_PINS: u32 = 24;

/** Drive ISA line 0..15 or IOAPIC pin 16..23: true = asserted (polarity is the wire's own business). */
export function irqSet(line: u32, level: bool): void {
  if (line < ISA_LINES) {
    picInput(line, level);
    if (line == TIMER_PIN) return;
  }
  ioapicInput(line == <u32>IrqLine.TIMER ? TIMER_PIN : line, level);
}

/** A pulse: one rising edge on a line that rests low. */
export function irqPulse(line: u32): void {
  irqSet(line, true);
  irqSet(line, false);
}

/** Outputs of PIT and RTC, which the HPET may replace (IA-PC HPET 1.0a section 2.3.5, LEG_RT_CNF). */
export function irqSetReplaceable(line: u32, level: bool): void {
  if (atomic.load<u32>(BOARD + <usize>Board.HPET_LEGACY) == 0) irqSet(line, level);
}

export function picInput(line: u32, level: bool): void {
  call_indirect<void>(hook(Hook.PIC_INPUT), line, <u32>level);
}

/** Changes of level only: a driver may repeat itself without cost. */
export function ioapicInput(pin: u32, level: bool): void {
  const mask: u32 = <u32>1 << pin;
  const lines = BOARD + <usize>Board.LINES;
  const old = level ? atomic.or<u32>(lines, mask) : atomic.and<u32>(lines, ~mask);
  if ((old & mask) != 0 == level) return;
  if (level) atomic.add<u32>(BOARD + <usize>Board.LINE_COUNT + (pin << 2), 1);
  call_indirect<void>(hook(Hook.IOAPIC_INPUT), pin, <u32>level);
}
