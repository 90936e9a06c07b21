// Sentences for the core's message numbers (wasm/lib/log.ts): the core has no strings.

import { Log } from './generated-layout.ts';

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

export function describeLog(code: number, a: bigint, b: bigint): string {
  switch (code) {
    case Log.PORT_READ_UNCLAIMED: return `nobody answers port ${hex(a)} (read of ${b} bytes)`;
    case Log.PORT_WRITE_UNCLAIMED:
      return `nobody answers port ${hex(a)} (write of ${b & 0xFFFFFFFFn} bytes, value ${hex(b >> 32n)})`;
    case Log.MMIO_READ_UNCLAIMED: return `nobody answers address ${hex(a)} (read of ${b} bytes)`;
    case Log.MMIO_WRITE_UNCLAIMED: return `nobody answers address ${hex(a)} (write of ${b} bytes)`;
    case Log.POST: return `POST code ${hex(a)}`;
    case Log.LAPIC_RESERVED: return `CPU ${a}: LAPIC register ${hex(b)} does not exist`;
    case Log.ACPI_SLEEP: return `sleep type ${a} is not one that this machine has`;
    case Log.I8042_COMMAND: return `unknown command ${hex(a)} to the keyboard controller`;
    case Log.KEYBOARD_COMMAND: return `unknown command ${hex(a)} to the keyboard`;
    case Log.MOUSE_COMMAND: return `unknown command ${hex(a)} to the mouse`;
    case Log.BUS_FULL: return `a table of the bus is full (chip ${a})`;
    default: return `message ${code.toString(16)}: ${hex(a)}, ${hex(b)}`;
  }
}
