// Message numbers of hostLog: the core has no strings. src/emu turns a number into a sentence; `a` and `b`
// are as noted.

import { hostLog } from "./host";

export const enum Log {
  /** a = port, b = size | value << 32: nobody answers this port (once per port). */
  PORT_READ_UNCLAIMED = 0x100,
  PORT_WRITE_UNCLAIMED = 0x101,
  /** a = physical address, b = size: nobody answers (once per page, up to a limit). */
  MMIO_READ_UNCLAIMED = 0x102,
  MMIO_WRITE_UNCLAIMED = 0x103,
  /** a = POST code. */
  POST = 0x110,
  /** a = CPU, b = offset: a LAPIC register that does not exist (once). */
  LAPIC_RESERVED = 0x120,
  /** a = SLP_TYP: a sleep state that this machine does not have. */
  ACPI_SLEEP = 0x130,
  /** a = command: unknown command of the keyboard controller, keyboard or mouse. */
  I8042_COMMAND = 0x140,
  KEYBOARD_COMMAND = 0x141,
  MOUSE_COMMAND = 0x142,
  /** a = chip slot, b = 0: a table of the bus is full. */
  BUS_FULL = 0x160,
  /** a = address of the CPU's state, b = instructions so far: one step of an instruction trace. */
  TRACE = 0x180,
  /** a = number, b = 1 for a write: an MSR that this CPU does not have (#GP). */
  MSR_UNKNOWN = 0x170,
}

/** Log the first event of a kind: `flag` is a shared word, `mask` the kind's bit in it. */
export function logOnce(flag: usize, mask: u32, code: Log, a: u64, b: u64): void {
  if ((atomic.load<u32>(flag) & mask) != 0) return;
  if ((atomic.or<u32>(flag, mask) & mask) == 0) hostLog(code, a, b);
}
