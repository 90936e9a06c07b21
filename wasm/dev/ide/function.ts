// The IDE function of the PIIX3 (82371SB section 2.3): PCI 00:01.1, 8086:7010, legacy ports only (programming
// interface 80h), bus-master registers in BAR4, timing registers, which are kept but time nothing. The
// channels answer whether or not IDETIM enables them.

import { Chip, chipAddress, portSlot } from "../../bus/device";
import { portMap, portSlotAdd } from "../../bus/pio";
import {
  BarKind, Pci, PciCommand, PciFunction, PciReg, pciAdd, pciAddBar, pciFunctionReset, pciRemap, pciSet16,
    pciSet32,
  pciWritable, pciWritable16,
} from "../pci/config";
import { busMasterRead, busMasterWrite, channelOfOffset } from "./bus-master";
import { channelRead, channelWire, channelWrite } from "./channel";
import { channelReadRun, channelWriteRun } from "./transfer";
import { IdeChannel } from "./state";

const DEVFN: u32 = 9;
const VENDOR_INTEL: u32 = 0x8086;
const DEVICE_PIIX3_IDE: u32 = 0x7010;
const CLASS_IDE_BUS_MASTER: u32 = 0x010180;
const BUS_MASTER_BAR: u32 = 4;
const BUS_MASTER_BYTES: u32 = 16;
/** Primary and secondary timing; bit 15 enables the channel. Drive 1 timing. */
const enum Timing { IDETIM = 0x40, SIDETIM = 0x44, ENABLE = 0x8000 }
const STATUS_AT_RESET: u32 = 0x0280;
const COMMAND_BITS: u32 = 5;
const CHANNELS: u32 = 2;
const COMMAND_PORTS: u32 = 8;
const CONTROL_FROM_COMMAND: u32 = 0x206;
const PRIMARY_PORT: u32 = 0x1F0;
const SECONDARY_PORT: u32 = 0x170;
const PRIMARY_LINE: u32 = 14;
/** Where firmware puts the bus-master ports. */
const PRESET_BUS_MASTER: u32 = 0xC040;

// @ts-ignore: decorator
@inline
export function ideChannel(n: u32): IdeChannel {
  return changetype<IdeChannel>(chipAddress(Chip.IDE0 + n));
}

function ideFunction(): PciFunction {
  return changetype<PciFunction>(chipAddress(Chip.IDE_FUNCTION));
}

/** At wiring time: both channels on their ISA ports, the PCI function. */
export function ideWire(pci: Pci): void {
  for (let n: u32 = 0; n < CHANNELS; n++) {
    const base = n == 0 ? PRIMARY_PORT : SECONDARY_PORT;
    channelWire(ideChannel(n), n, PRIMARY_LINE + n);
    const slot = portSlotAdd(chipAddress(Chip.IDE0 + n), channelRead.index, channelWrite.index, base, 4);
    portSlot(slot).readRun = channelReadRun.index;
    portSlot(slot).writeRun = channelWriteRun.index;
    portMap(slot, base, COMMAND_PORTS);
    portMap(slot, base + CONTROL_FROM_COMMAND, 1);
  }
  const f = ideFunction();
  pciAdd(pci, f, DEVFN, VENDOR_INTEL, DEVICE_PIIX3_IDE, 0, CLASS_IDE_BUS_MASTER);
  pciWritable16(f, PciReg.COMMAND, COMMAND_BITS);
  // The interrupt goes to lines 14 and 15: no pin, and no line register.
  pciWritable(f, PciReg.INTERRUPT_LINE, 1, 0);
  pciWritable(f, Timing.IDETIM, 5, 0xFF);
  const slot = portSlotAdd(chipAddress(Chip.IDE_FUNCTION), ideBusMasterRead.index, ideBusMasterWrite.index,
    0, 4);
  pciAddBar(f, BUS_MASTER_BAR, BarKind.PORTS, BUS_MASTER_BYTES, slot);
}

export function ideFunctionReset(): void {
  const f = ideFunction();
  pciFunctionReset(f);
  pciSet16(f, PciReg.STATUS, STATUS_AT_RESET);
  pciSet32(f, Timing.IDETIM, 0);
  pciSet32(f, Timing.SIDETIM, 0);
}

/** What firmware leaves: channels enabled, bus master on. */
export function ideFunctionPreset(): void {
  const f = ideFunction();
  pciSet16(f, Timing.IDETIM, Timing.ENABLE);
  pciSet16(f, Timing.IDETIM + 2, Timing.ENABLE);
  pciSet32(f, PciReg.BAR0 + (BUS_MASTER_BAR << 2), PRESET_BUS_MASTER | 1);
  pciSet16(f, PciReg.COMMAND, PciCommand.IO | PciCommand.MASTER);
  pciRemap(f);
}

export function ideBusMasterRead(chip: usize, offset: u32, size: u32): u32 {
  return busMasterRead(ideChannel(channelOfOffset(offset)), offset, size);
}

export function ideBusMasterWrite(chip: usize, offset: u32, size: u32, value: u32): void {
  busMasterWrite(ideChannel(channelOfOffset(offset)), offset, size, value);
}
