// SMBus host controller of the PIIX4 (Intel 290562 chapter 7.3 "SMBus I/O registers", 11.5): the host's
// registers behind the base of the power management function, on a bus to which nothing is attached. Every
// transfer ends at once as one to an absent address does, with the device error bit. Left out: devices, the
// slave port and its shadow (kept as scratch), interrupts and SMI at the end of a transfer (drivers poll).

import { NEVER } from "../lib/time";
import { Serializer, serializeSection } from "../lib/serializer";

export const SMBUS_PORTS: u32 = 16;

const enum Reg { HOST_STATUS = 0, SLAVE_STATUS = 1, HOST_CONTROL = 2, HOST_COMMAND = 3, HOST_ADDRESS = 4,
  DATA0 = 5, DATA1 = 6, BLOCK_DATA = 7, SLAVE_CONTROL = 8, SHADOW_COMMAND = 9, SLAVE_EVENT = 10 }
/** SMBHSTSTS: a 1 clears. */
const enum HostStatus { DEVICE_ERROR = 0x04, FAILED = 0x10, CLEARABLE = 0x1E }
/** SMBHSTCNT: START reads 0. */
const enum HostControl { KILL = 0x02, START = 0x40, KEPT = 0x1F }
const SLAVE_STATUS_CLEARABLE: u32 = 0x3C;
const SLAVE_CONTROL_KEPT: u32 = 0x0F;
const BLOCK_BYTES: u32 = 32;

@unmanaged
export class Smbus {
  lock: u32;
  /** Next byte of the block buffer; a read of SMBHSTCNT puts it back to 0. */
  block: u32;
}
const REGISTERS: usize = 0x10;
const BLOCK: usize = 0x20;
const STATE_BYTES: u32 = 4;

// @ts-ignore: decorator
@inline
function register(dev: Smbus, n: u32): usize { return changetype<usize>(dev) + REGISTERS + n; }

export function smbusReset(dev: Smbus): void {
  dev.block = 0;
  memory.fill(changetype<usize>(dev) + REGISTERS, 0, BLOCK - REGISTERS + BLOCK_BYTES);
}

export function smbusRead(dev: Smbus, offset: u32, size: u32): u32 {
  if (offset == Reg.HOST_CONTROL) dev.block = 0;
  if (offset != Reg.BLOCK_DATA) return load<u8>(register(dev, offset));
  const v: u32 = load<u8>(changetype<usize>(dev) + BLOCK + dev.block);
  dev.block = (dev.block + 1) & (BLOCK_BYTES - 1);
  return v;
}

export function smbusWrite(dev: Smbus, offset: u32, size: u32, v: u32): void {
  const at = register(dev, offset);
  const old: u32 = load<u8>(at);
  switch (offset) {
    case Reg.HOST_STATUS: store<u8>(at, <u8>(old & ~(v & HostStatus.CLEARABLE))); break;
    case Reg.SLAVE_STATUS: store<u8>(at, <u8>(old & ~(v & SLAVE_STATUS_CLEARABLE))); break;
    case Reg.HOST_CONTROL: control(dev, v); break;
    case Reg.BLOCK_DATA: {
      store<u8>(changetype<usize>(dev) + BLOCK + dev.block, <u8>v);
      dev.block = (dev.block + 1) & (BLOCK_BYTES - 1);
      break;
    }
    case Reg.SLAVE_CONTROL: store<u8>(at, <u8>(v & SLAVE_CONTROL_KEPT)); break;
    // What the slave port has received is nothing.
    case Reg.SHADOW_COMMAND: break;
    default: if (offset < <u32>Reg.SLAVE_EVENT + 2) store<u8>(at, <u8>v);
  }
}

function control(dev: Smbus, v: u32): void {
  store<u8>(register(dev, Reg.HOST_CONTROL), <u8>(v & HostControl.KEPT));
  const status = register(dev, Reg.HOST_STATUS);
  if ((v & HostControl.KILL) != 0) store<u8>(status, load<u8>(status) | HostStatus.FAILED);
  else if ((v & HostControl.START) != 0) store<u8>(status, load<u8>(status) | HostStatus.DEVICE_ERROR);
}

export function smbusTick(dev: Smbus, now: i64): i64 {
  return NEVER;
}

export function smbusSerialize(dev: Smbus, s: Serializer): void {
  // "SMBU", version 1
  serializeSection(s, 0x55424D53, 1, changetype<usize>(dev) + offsetof<Smbus>("block"), STATE_BYTES);
  // "SMBR", version 1
  const bytes = <u32>(BLOCK - REGISTERS) + BLOCK_BYTES;
  serializeSection(s, 0x52424D53, 1, changetype<usize>(dev) + REGISTERS, bytes);
}
