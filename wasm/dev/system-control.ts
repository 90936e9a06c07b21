// The PC's odd ports: 0x92 (fast A20 and reset, PS/2 Technical Reference "System control port A"), 0xB2/0xB3
// (APM control and status of the PIIX4: two scratch bytes; there is no SMI), 0xF0/0xF1 (coprocessor busy
// latch and reset: FERR is not wired).

import { BOARD } from "../lib/layout";
import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";
import { Board } from "../bus/device";
import { a20Gate, machineInit } from "../bus/machine";

const enum Port { PORT_A = 0x92, APM_CONTROL = 0xB2, APM_STATUS = 0xB3 }
const enum PortA { RESET = 1, A20 = 2 }

@unmanaged
export class SystemControl {
  lock: u32;
  portA: u32;
  apmControl: u32;
  apmStatus: u32;
  /** Only in snapshots: Board.A20_CLOSED. */
  a20Closed: u32;
}

export function systemControlReset(dev: SystemControl): void {
  dev.portA = PortA.A20;
  a20Gate(true);
  dev.apmControl = 0;
  dev.apmStatus = 0;
}

export function systemControlRead(dev: SystemControl, port: u32, size: u32): u32 {
  switch (port) {
    case Port.PORT_A: return dev.portA;
    case Port.APM_CONTROL: return dev.apmControl;
    case Port.APM_STATUS: return dev.apmStatus;
    default: return 0xFF;
  }
}

export function systemControlWrite(dev: SystemControl, port: u32, size: u32, v: u32): void {
  switch (port) {
    case Port.PORT_A:
      // The reset is pulsed by a 0 to 1 change; reset clears the bit.
      if ((v & PortA.RESET) != 0 && (dev.portA & PortA.RESET) == 0) machineInit();
      dev.portA = v & (PortA.RESET | PortA.A20);
      a20Gate((v & PortA.A20) != 0);
      break;
    case Port.APM_CONTROL: dev.apmControl = v; break;
    case Port.APM_STATUS: dev.apmStatus = v; break;
    default: break;
  }
}

export function systemControlTick(dev: SystemControl, now: i64): i64 {
  return NEVER;
}

export function systemControlSerialize(dev: SystemControl, s: Serializer): void {
  dev.a20Closed = atomic.load<u32>(BOARD + <usize>Board.A20_CLOSED);
  // "SYSC", version 2
  serializeSection(s, 0x43535953, 2, changetype<usize>(dev) + offsetof<SystemControl>("portA"), 16);
  a20Gate(dev.a20Closed == 0);
}
