// A PCI device for the tests of the framework: 00:04.0 with a 64-bit BAR of 64 KiB (0), MSI-X of 5 messages
// behind BAR 2, MSI of 4 messages, INTB#.

import { Chip, chipAddress } from "../../bus/device";
import { mmioSlotAdd } from "../../bus/mmio";
import {
  BarKind, Pci, PciFunction, PciReg, pciAdd, pciAddBar, pciFunctionReset, pciSet8,
} from "../pci/config";
import { msiAdd, msixAdd, pciIntx, pciSignal } from "../pci/interrupt";

const DEVFN: u32 = 4 << 3;
const FUNCTION: u32 = Chip.NEXT;
const REGISTERS: u32 = Chip.NEXT + 1;

function device(): PciFunction { return changetype<PciFunction>(chipAddress(FUNCTION)); }

function read(dev: usize, offset: u32, size: u32): u64 { return 0xC0DE0000 | offset; }
function write(dev: usize, offset: u32, size: u32, value: u64): void {}

export function testDeviceAdd(): void {
  const f = device();
  pciAdd(changetype<Pci>(chipAddress(Chip.PCI)), f, DEVFN, 0x1AF4, 0x10FF, 1, 0xFF0000);
  pciSet8(f, PciReg.INTERRUPT_PIN, 2);
  pciAddBar(f, 0, BarKind.MEMORY64, 0x10000, mmioSlotAdd(chipAddress(REGISTERS), read.index, write.index, 8));
  msixAdd(f, 0x70, 2, 5);
  msiAdd(f, 0x50, 2);
  pciFunctionReset(f);
}
export function testDeviceSignal(vector: u32): bool { return pciSignal(device(), vector); }
export function testDeviceIntx(level: bool): void { pciIntx(device(), level); }
export function testDeviceReset(): void { pciFunctionReset(device()); }
