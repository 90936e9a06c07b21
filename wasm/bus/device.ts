// The contract between the bus and a chip, and the map of the BOARD region.
//
// A chip is a struct in BOARD whose first word is its lock, and five functions with the same names in every
// file:
//   xReset(dev)                          power-on values
//   xRead(dev, offset, size): u32        size 1, 2 or 4, at most the slot's width
//   xWrite(dev, offset, size, value)
//   xTick(dev, now): i64                 a deadline has passed; returns the next one (NEVER = none)
//   xSerialize(dev, s)                   saves and loads
// The bus holds the chip's lock around each of them: a chip is written as if single-threaded. Its outputs are
// irqSet (bus/irq.ts), timerSet (bus/clock.ts), dma and its host ring. The bus reaches a chip by function
// index (indices are the same in every instance of one module), written once by boardInit, so a slot is data
// that all threads read.

import { BOARD } from "../lib/layout";

/** Byte offsets from BOARD of the words that are not chips. */
export const enum Board {
  /** u32 function indices and chip addresses, see Hook in lib/hooks.ts. */
  HOOKS = 0x0,
  /** f64: Unix time in milliseconds at machine time 0; written by the host before boardInit. */
  EPOCH_MS = 0x80,
  /**
   * u32: bumped by the host (then CLOCK_WAKE): the user pressed the power button. u32: presses already
   * served.
   */
  POWER_BUTTON = 0x88,
  POWER_BUTTON_SERVED = 0x8C,
  /** u32: bit n = level of ISA line n as last set; bit n = level of IOAPIC pin n. */
  LINES = 0x90,
  /** u32: nonzero while the HPET replaces PIT and RTC interrupts (owner: HPET under its lock). */
  HPET_LEGACY = 0x94,
  /** u32: rotation of lowest-priority arbitration. */
  ARBITER = 0x98,
  /** u32 bits: messages already logged (lib/log.ts logOnce). */
  LOGGED = 0x9C,
  /** u32: number of port and MMIO slots in use. */
  PORT_SLOTS = 0xA0,
  MMIO_SLOTS = 0xA4,
  /** u32: lock of the slot tables (BAR moves). */
  TABLE_LOCK = 0xA8,
  /** u32: last POST code (port 0x80). */
  POST_CODE = 0xAC,
  /** u32: nonzero after boardPresetForDirectBoot: the boot CPU's APIC starts as firmware leaves it. */
  DIRECT_BOOT = 0xB0,
  /**
   * u32: the keyboard's lights: 1 Scroll Lock, 2 Num Lock, 4 Caps Lock (owner: keyboard). A change bumps
   * HOST_EVENT.
   */
  KEYBOARD_LEDS = 0xB4,
  /** u32: nonzero while the A20 gate is closed (bus/machine.ts a20Gate). */
  A20_CLOSED = 0xBC,
  /**
   * u64 each: bit n = page 0xC0 + n of guest memory is RAM to reads, to writes (owner: host bridge, PAM
   * registers). What is not reads the firmware ROM and swallows writes.
   */
  SHADOW_READ = 0xC0,
  SHADOW_WRITE = 0xC8,
  /** 2 x u32: sectors that the guest has written to the disks of the floppy drives (owner: floppy). */
  FLOPPY_WRITES = 0xD0,
  /** 24 x u32: rising edges per IOAPIC pin, for the panel. */
  LINE_COUNT = 0x100,
  /** TIMERS x {i64 deadline, u32 tick function, u32 chip}, see bus/clock.ts. */
  TIMERS = 0x200,
  /**
   * MAX_CPUS x i64: LAPIC deadline that the clock worker has already reported to that CPU (owner: clock
   * worker).
   */
  LAPIC_REPORTED = 0x400,
  PORT_SLOT_TABLE = 0x1000,
  MMIO_SLOT_TABLE = 0x3000,
  /** One bit per port: logged as unclaimed. */
  PORTS_LOGGED = 0x4000,
  CHIPS = 0x6000,
  /** One byte per port: slot number, 0 = unclaimed. */
  PORT_MAP = 0x50000,
  /** First free offset. */
  NEXT = 0x60000,
}

/** One claimant of ports. */
@unmanaged
export class PortSlot {
  chip: u32;
  read: u32;
  write: u32;
  /** Subtracted from the port number. */
  base: u32;
  /** Widest access in bytes; wider ones are split. */
  width: u32;
  /** Function indices of the bulk transfers (chip, offset, size, host, bytes): bytes done; 0 = none. */
  readRun: u32;
  writeRun: u32;
  pad0: u32;
}
export const PORT_SLOT_BYTES: u32 = 32;
export const MAX_PORT_SLOTS: u32 = 256;

/** One claimant of physical addresses. `pages` = 0 while the range is off (a BAR being moved). */
@unmanaged
export class MmioSlot {
  chip: u32;
  read: u32;
  write: u32;
  /** Page number of the first page, and how many. */
  page: u32;
  pages: u32;
  width: u32;
  /** Address of plain memory that the range is, 0 = registers (mmioDirect). */
  direct: u32;
  pad1: u32;
}
export const MMIO_SLOT_BYTES: u32 = 32;
export const MAX_MMIO_SLOTS: u32 = 64;

export const CHIP_BYTES: u32 = 0x1000;

/** Numbers of the chips: chipAddress(n) is the struct. */
export const enum Chip {
  PIC = 0, IOAPIC = 1, PIT = 2, RTC = 3, HPET = 4, ACPI = 5, UART0 = 6, UART1 = 7, UART2 = 8, UART3 = 9,
    I8042 = 10,
  PCI = 11, DMA = 12, DEBUG = 13, SYSTEM_CONTROL = 14, VGA = 15,
  /** PCI functions of the chipset. */
  HOST_BRIDGE = 16, ISA_BRIDGE = 17, PM_FUNCTION = 18, VGA_FUNCTION = 19,
  /** The two channels of the IDE function, and the function. */
  IDE0 = 20, IDE1 = 21, IDE_FUNCTION = 22,
  FW_CFG = 24, FLOPPY = 25, SMBUS = 26,
  /** First number for chips of later boards. */
  NEXT = 27,
}

// @ts-ignore: decorator
@inline
export function chipAddress(chip: u32): usize {
  return BOARD + <usize>Board.CHIPS + chip * CHIP_BYTES;
}

// @ts-ignore: decorator
@inline
export function portSlot(n: u32): PortSlot {
  return changetype<PortSlot>(BOARD + <usize>Board.PORT_SLOT_TABLE + n * PORT_SLOT_BYTES);
}

// @ts-ignore: decorator
@inline
export function mmioSlot(n: u32): MmioSlot {
  return changetype<MmioSlot>(BOARD + <usize>Board.MMIO_SLOT_TABLE + n * MMIO_SLOT_BYTES);
}
