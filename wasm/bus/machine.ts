// What a chip can do to the whole machine: end it, reset it, and make every CPU forget its translations. All
// only set words and wake everybody; the host (src/emu) or the CPUs do the work.

import { BOARD, CONTROL } from "../lib/layout";
import { Control, MachineEnd, control32 } from "../lib/control";
import { clockKick } from "../lib/time";
import { ringSignalHost } from "../lib/ring";
import { Request, request } from "../cpu/inbox";
import { Board } from "./device";

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

/**
 * Gate A20: while it is closed, bit 20 of every address that a CPU puts out is 0. Whoever moved it last, the
 * keyboard controller or port 0x92, decides. Page tables and bus masters are not masked.
 */
export function a20Gate(open: bool): void {
  const closed: u32 = open ? 0 : 1;
  if (atomic.xchg<u32>(BOARD + <usize>Board.A20_CLOSED, closed) != closed) machineFlushTlbs();
}

/**
 * The chipset's INIT wire (keyboard controller, port 0x92, soft reset of 0xCF9, shutdown cycle): all CPUs
 * start over, memory and chips stay, and firmware finds in CMOS 0x0F how to go on. Where there is no firmware
 * the machine is reset.
 */
export function machineInit(): void {
  if (atomic.load<u32>(BOARD + <usize>Board.DIRECT_BOOT) != 0) {
    machineResetRequest();
    return;
  }
  a20Gate(true);
  requestAll(Request.INIT);
}

/** Ask for a reset of the whole machine (port 0xCF9, ACPI). */
export function machineResetRequest(): void {
  atomic.add<u32>(CONTROL + <usize>Control.RESET_REQUEST, 1);
  atomic.notify(CONTROL + <usize>Control.RESET_REQUEST, 1);
  requestAll(Request.RESET);
  ringSignalHost();
}
