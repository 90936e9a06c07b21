// The 440FX board's own functions: 82441FX host bridge (00:00.0, 8086:1237), PIIX3 ISA bridge (00:01.0,
// 8086:7000) with PIRQ routing, PIIX4 power management (00:01.3, 8086:7113) with the PM base. Intel orders
// 290549 and 290562. The PAM registers decide page by page whether 0xC0000..0xFFFFF is RAM or firmware's ROM
// (290549 section 3.2.19; mmu/physmem.ts follows Board.SHADOW_READ and SHADOW_WRITE). The SMBus
// host (dev/smbus.ts) sits behind the PM function. Left out: AGP,
// SMRAM, device activity monitors.

import { PM_PORTS } from "../acpi-pm";
import { SMBUS_PORTS } from "../smbus";
import { portMove } from "../../bus/pio";
import { Board, Chip, chipAddress } from "../../bus/device";
import { machineFlushTlbs } from "../../bus/machine";
import { BOARD } from "../../lib/layout";
import { boardIntx, intxReset, intxRoute } from "./intx";
import {
  PCI_FUNCTION_BYTES, Pci, PciCommand, PciFunction, PciReg, pciAdd, pciFunctionReset, pciGet32, pciGet8,
    pciSet16, pciSet32, pciSet8,
  pciWritable, pciWritable32,
} from "./config";

const VENDOR_INTEL: u32 = 0x8086;
const SLOT_CHIPSET: u32 = 1;
const enum Host { PAM0 = 0x59, PAM_BYTES = 7, SMRAM = 0x72 }
/** A PAM nibble: bit 0 = reads find RAM, bit 1 = writes go to RAM. */
const enum Pam { READ = 1, WRITE = 2, BITS = 4 }
/** PAM1..PAM6 govern 16 KiB a nibble from 0xC0000 on; the upper nibble of PAM0 the 64 KiB from 0xF0000. */
const PAM_NIBBLE_PAGES: u64 = 0xF;
const PAM_NIBBLE_SHIFT: u32 = 2;
const PAM_F_PAGES: u64 = 0xFFFF000000000000;
/** Subsystem 1af4:1100, by which firmware and drivers know a virtual machine of this board with fw_cfg. */
const SUBSYSTEM_VENDOR: u32 = 0x1AF4;
const SUBSYSTEM: u32 = 0x1100;
const enum Isa { PIRQ_A = 0x60, XBCS = 0x4E, TOM = 0x69, SLOT_MULTI = 0x80 }
const enum Pm { BASE = 0x40, COUNT_A = 0x44, REG_5B = 0x5B, MISC = 0x80, SMB_BASE = 0x90, SMB_CONFIG = 0xD2 }
const PM_BASE_MASK: u32 = 0xFFC0;
const SMB_BASE_MASK: u32 = 0xFFF0;
const PM_ENABLE: u32 = 1;
const PIRQ_OFF: u32 = 0x80808080;
/** Firmware's usual places. */
const PRESET_PM_BASE: u32 = 0x600;
const PRESET_SMB_BASE: u32 = 0x700;
/** SMBus host on, interrupt line 9. */
const PRESET_SMB_CONFIG: u32 = 0x09;
const PRESET_PIRQ: u32 = 0x0B0B0A0A;
const SCI_LINE: u32 = 9;

/** Behind the framework's part of a function: the PM function's port slot and present base + 1. */
const PM_SLOT: usize = PCI_FUNCTION_BYTES;
const PM_MAPPED: usize = PCI_FUNCTION_BYTES + 4;
const SMB_SLOT: usize = PCI_FUNCTION_BYTES + 8;
const SMB_MAPPED: usize = PCI_FUNCTION_BYTES + 12;

// @ts-ignore: decorator
@inline
function fn(chip: u32): PciFunction {
  return changetype<PciFunction>(chipAddress(chip));
}

/**
 * At wiring time: the three functions and their writable bits. `pmSlot` and `smbSlot` = port slots of the
 * ACPI block and of the SMBus host.
 */
export function chipsetWire(pci: Pci, pmSlot: u32, smbSlot: u32, hostWritten: u32, isaWritten: u32,
  pmWritten: u32): void {
  const host = fn(Chip.HOST_BRIDGE);
  pciAdd(pci, host, 0, VENDOR_INTEL, 0x1237, 2, 0x060000);
  pciWritable(host, 0x50, 0x40, 0xFF);
  pciSet16(host, PciReg.SUBSYSTEM_VENDOR, SUBSYSTEM_VENDOR);
  pciSet16(host, PciReg.SUBSYSTEM, SUBSYSTEM);
  host.written = hostWritten;
  const isa = fn(Chip.ISA_BRIDGE);
  pciAdd(pci, isa, SLOT_CHIPSET << 3, VENDOR_INTEL, 0x7000, 0, 0x060100);
  pciSet8(isa, PciReg.HEADER, Isa.SLOT_MULTI);
  pciWritable(isa, 0x4C, 0x64, 0xFF);
  isa.written = isaWritten;
  const pm = fn(Chip.PM_FUNCTION);
  pciAdd(pci, pm, SLOT_CHIPSET << 3 | 3, VENDOR_INTEL, 0x7113, 3, 0x068000);
  pciWritable32(pm, Pm.BASE, PM_BASE_MASK);
  pciWritable(pm, Pm.COUNT_A, 0x8C, 0xFF);
  pciWritable32(pm, Pm.SMB_BASE, SMB_BASE_MASK);
  pciWritable(pm, Pm.SMB_CONFIG, 5, 0xFF);
  pm.written = pmWritten;
  store<u32>(changetype<usize>(pm) + PM_SLOT, pmSlot);
  store<u32>(changetype<usize>(pm) + SMB_SLOT, smbSlot);
}

export function chipsetReset(): void {
  const host = fn(Chip.HOST_BRIDGE);
  pciFunctionReset(host);
  pciSet16(host, PciReg.COMMAND, PciCommand.MEMORY | PciCommand.MASTER);
  pciSet16(host, PciReg.STATUS, 0x0280);
  for (let n: u32 = 0; n < <u32>Host.PAM_BYTES; n++) pciSet8(host, Host.PAM0 + n, 0);
  pciSet8(host, Host.SMRAM, 0x02);
  shadow(host);
  const isa = fn(Chip.ISA_BRIDGE);
  pciFunctionReset(isa);
  pciSet16(isa, PciReg.COMMAND, PciCommand.IO | PciCommand.MEMORY | PciCommand.MASTER);
  pciSet16(isa, PciReg.STATUS, 0x0200);
  pciSet16(isa, Isa.XBCS, 0x0003);
  pciSet8(isa, Isa.TOM, 0x02);
  pciSet32(isa, Isa.PIRQ_A, PIRQ_OFF);
  intxReset(boardIntx());
  const pm = fn(Chip.PM_FUNCTION);
  pciFunctionReset(pm);
  pciSet16(pm, PciReg.STATUS, 0x0280);
  pciSet32(pm, Pm.BASE, PM_ENABLE);
  pciSet8(pm, PciReg.INTERRUPT_PIN, 1);
  pciSet8(pm, PciReg.INTERRUPT_LINE, SCI_LINE);
  // Reset value of the PIIX4; firmware that finds 0 here waits for an SMI handler.
  pciSet8(pm, Pm.REG_5B, 0x02);
  pciSet8(pm, Pm.MISC, 0);
  pciSet32(pm, Pm.SMB_BASE, PM_ENABLE);
  pciSet8(pm, Pm.SMB_CONFIG, 0);
  pmWritten(pm, 0, 0);
}

/** Configuration write to the host bridge. */
export function hostWritten(f: PciFunction, offset: u32, size: u32): void {
  // After loading a snapshot the call is (0, 0).
  const isPam = offset < <u32>Host.PAM0 + <u32>Host.PAM_BYTES && offset + size > <u32>Host.PAM0;
  if (isPam || size == 0) shadow(f);
}

/** Make the machine's memory what the PAM registers say; CPUs drop what their TLBs remember of it. */
function shadow(host: PciFunction): void {
  const f = pciGet8(host, Host.PAM0) >> Pam.BITS;
  let read: u64 = (f & Pam.READ) != 0 ? PAM_F_PAGES : 0;
  let write: u64 = (f & Pam.WRITE) != 0 ? PAM_F_PAGES : 0;
  for (let n: u32 = 0; n < (<u32>Host.PAM_BYTES - 1) << 1; n++) {
    const nibble = pciGet8(host, Host.PAM0 + 1 + (n >> 1)) >> ((n & 1) * Pam.BITS);
    const pages = PAM_NIBBLE_PAGES << <u64>(n << PAM_NIBBLE_SHIFT);
    if ((nibble & Pam.READ) != 0) read |= pages;
    if ((nibble & Pam.WRITE) != 0) write |= pages;
  }
  const oldRead = atomic.xchg<u64>(BOARD + <usize>Board.SHADOW_READ, read);
  const oldWrite = atomic.xchg<u64>(BOARD + <usize>Board.SHADOW_WRITE, write);
  if (oldRead != read || oldWrite != write) machineFlushTlbs();
}

/** Configuration write to the ISA bridge. */
export function isaWritten(f: PciFunction, offset: u32, size: u32): void {
  intxRoute(boardIntx(), pciGet32(f, Isa.PIRQ_A));
}

/** Configuration write to the PM function: where its ports are. */
export function pmWritten(f: PciFunction, offset: u32, size: u32): void {
  const pm = (pciGet8(f, Pm.MISC) & PM_ENABLE) != 0 ? pciGet32(f, Pm.BASE) & PM_BASE_MASK : 0;
  movePorts(f, PM_SLOT, PM_MAPPED, pm, PM_PORTS);
  const smb = (pciGet8(f, Pm.SMB_CONFIG) & PM_ENABLE) != 0 ? pciGet32(f, Pm.SMB_BASE) & SMB_BASE_MASK : 0;
  movePorts(f, SMB_SLOT, SMB_MAPPED, smb, SMBUS_PORTS);
}

/** Let the port slot noted at `slot` answer at `base`, 0 = nowhere; its place + 1 is noted at `mapped`. */
function movePorts(f: PciFunction, slot: usize, mapped: usize, base: u32, ports: u32): void {
  const at = changetype<usize>(f);
  const next: u32 = base != 0 ? base + 1 : 0;
  const now = load<u32>(at + mapped);
  if (next == now) return;
  portMove(load<u32>(at + slot), now != 0 ? <i32>(now - 1) : -1, base != 0 ? <i32>base : -1, ports);
  store<u32>(at + mapped, next);
}

/** What firmware leaves: PM ports at 0x600, SMBus at 0x700, PIRQA and B on line 10, C and D on 11. */
export function chipsetPreset(): void {
  const host = fn(Chip.HOST_BRIDGE);
  // Shadow RAM readable and writable.
  pciSet8(host, Host.PAM0, 0x30);
  for (let n: u32 = 1; n < <u32>Host.PAM_BYTES; n++) pciSet8(host, Host.PAM0 + n, 0x33);
  shadow(host);
  const isa = fn(Chip.ISA_BRIDGE);
  pciSet32(isa, Isa.PIRQ_A, PRESET_PIRQ);
  isaWritten(isa, Isa.PIRQ_A, 4);
  const pm = fn(Chip.PM_FUNCTION);
  pciSet16(pm, PciReg.COMMAND, PciCommand.IO);
  pciSet32(pm, Pm.BASE, PRESET_PM_BASE | PM_ENABLE);
  pciSet8(pm, Pm.MISC, PM_ENABLE);
  pciSet32(pm, Pm.SMB_BASE, PRESET_SMB_BASE | PM_ENABLE);
  pciSet8(pm, Pm.SMB_CONFIG, PRESET_SMB_CONFIG);
  pmWritten(pm, 0, 0);
}
