// Ports for people who write guests: debug exit (0xF4, as QEMU's isa-debug-exit), debug console (0xE9 Bochs,
// 0x402 SeaBIOS), POST code (0x80; port 0x80 is also the classic I/O delay and reads back what was written).

import { BOARD } from "../lib/layout";
import { MachineEnd } from "../lib/control";
import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { RING_DEBUG_OUT, ringDropped, ringPut, ringSignalHost } from "../lib/ring";
import { Board } from "../bus/device";
import { machineEnd } from "../bus/machine";

const enum Port { POST = 0x80, CONSOLE = 0xE9, EXIT = 0xF4, EXIT_LAST = 0xF7, CONSOLE_SEABIOS = 0x402 }

@unmanaged
export class DebugPorts {
  lock: u32;
  post: u32;
}

export function debugReset(dev: DebugPorts): void {
  dev.post = 0;
  atomic.store<u32>(BOARD + <usize>Board.POST_CODE, 0);
}

/** The consoles answer 0xE9 so that a guest can tell that they are there. */
export function debugRead(dev: DebugPorts, port: u32, size: u32): u32 {
  if (port == Port.POST) return dev.post;
  return port == Port.CONSOLE || port == Port.CONSOLE_SEABIOS ? Port.CONSOLE : 0;
}

export function debugWrite(dev: DebugPorts, port: u32, size: u32, v: u32): void {
  if (port == Port.POST) {
    dev.post = v & 0xFF;
    atomic.store<u32>(BOARD + <usize>Board.POST_CODE, dev.post);
  } else if (port >= <u32>Port.EXIT && port <= <u32>Port.EXIT_LAST) {
    machineEnd(MachineEnd.DEBUG_EXIT, v);
  } else if (ringPut(RING_DEBUG_OUT, v)) {
    ringSignalHost();
  } else {
    ringDropped(RING_DEBUG_OUT, 1);
  }
}

export function debugTick(dev: DebugPorts, now: i64): i64 {
  return NEVER;
}

export function debugSerialize(dev: DebugPorts, s: Serializer): void {
  // "DBUG", version 1
  serializeSection(s, 0x47554244, 1, changetype<usize>(dev) + offsetof<DebugPorts>("post"), 4);
}
