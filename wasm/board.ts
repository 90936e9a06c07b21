// The only wiring diagram: which chip answers which ports and addresses, drives which line, owns which timer
// and ring. boardInit runs once per machine in one instance, before any other worker starts; boardReset
// before every start.

import { BOARD, BOARD_BYTES } from "./lib/layout";
import { Control, control32 } from "./lib/control";
import { lock, unlock } from "./lib/atomics";
import { Hook, setHook } from "./lib/hooks";
import {
  RING_DEBUG_OUT, RING_INPUT_BYTES, RING_KEYBOARD_IN, RING_MOUSE_IN, RING_SERIAL0_IN, RING_SERIAL0_OUT,
    RING_SERIAL1_IN,
  RING_SERIAL1_OUT, RING_SERIAL2_IN, RING_SERIAL2_OUT, RING_SERIAL3_IN, RING_SERIAL3_OUT, RING_SERIAL_BYTES,
    ringInit,
} from "./lib/ring";
import { SerializeMode, Serializer, serializerBegin } from "./lib/serializer";
import { Board, Chip, chipAddress } from "./bus/device";
import { Timer, timerSet, timerWire } from "./bus/clock";
import { mmioMap, mmioSlotAdd } from "./bus/mmio";
import { portMap, portSlotAdd } from "./bus/pio";
import { lapicPowerOn, lapicPresetVirtualWire } from "./cpu/lapic/lapic";
import {
  AcpiPm, acpiPowerButton, acpiPreset, acpiRead, acpiReset, acpiSerialize, acpiTick, acpiWrite,
} from "./dev/acpi-pm";
import { DebugPorts, debugRead, debugReset, debugSerialize, debugWrite } from "./dev/debug-ports";
import { channelReset, channelSerialize } from "./dev/ide/channel";
import { ideChannel, ideFunctionPreset, ideFunctionReset, ideWire } from "./dev/ide/function";
import { Dma, dmaRead, dmaReset, dmaSerialize, dmaWrite } from "./dev/dma8237";
import { Floppy, floppyRead, floppyReset, floppySerialize, floppyWrite } from "./dev/floppy";
import { FwCfg, fwCfgRead, fwCfgReset, fwCfgSerialize, fwCfgWrite } from "./dev/fw-cfg";
import { Hpet, hpetRead, hpetReset, hpetSerialize, hpetTick, hpetWrite } from "./dev/hpet";
import {
  I8042, i8042Poll, i8042Read, i8042Reset, i8042Serialize, i8042Tick, i8042Wire, i8042Write,
} from "./dev/i8042";
import {
  IoApic, ioapicEoiHook, ioapicInputHook, ioapicRead, ioapicReset, ioapicSerialize, ioapicWrite,
} from "./dev/ioapic";
import { Pci, pciRead, pciReset, pciSerialize, pciWrite } from "./dev/pci/config";
import {
  chipsetPreset, chipsetReset, chipsetWire, hostWritten, isaWritten, pmWritten,
} from "./dev/pci/chipset";
import { Pic, picAcknowledgeHook, picInputHook, picRead, picReset, picSerialize, picWrite } from "./dev/pic";
import { Pit, pitRead, pitReset, pitResume, pitSerialize, pitTick, pitWrite } from "./dev/pit";
import { Rtc, rtcRead, rtcReset, rtcSerialize, rtcTick, rtcWrite } from "./dev/rtc";
import { Smbus, smbusRead, smbusReset, smbusSerialize, smbusWrite } from "./dev/smbus";
import {
  SystemControl, systemControlRead, systemControlReset, systemControlSerialize, systemControlWrite,
} from "./dev/system-control";
import {
  Uart, uartPoll, uartRead, uartReset, uartSerialize, uartTick, uartWire, uartWrite,
} from "./dev/uart";

import {
  vgaDispiRead, vgaDispiWrite, vgaPageRead, vgaPageWrite, vgaPciWritten, vgaPreset, vgaRead, vgaReset,
    vgaSerialize,
  vgaWire, vgaWrite,
} from "./dev/vga/vga";
import { vgaLinearRead, vgaLinearWrite, vgaWindowRead, vgaWindowWrite } from "./dev/vga/memory";
import { Vga, theVga } from "./dev/vga/state";

const VGA_WINDOW: u64 = 0xA0000;
const VGA_WINDOW_PAGES: u32 = 0x20;
const IOAPIC_BASE: u64 = 0xFEC00000;
const HPET_BASE: u64 = 0xFED00000;
const FW_CFG_PORT: u32 = 0x510;
const FLOPPY_PORT: u32 = 0x3F0;
const UARTS: u32 = 4;
const UART_PORTS: u32 = 8;

/** COM1..COM4: base port and line. */
const UART_WIRING = memory.data<u32>([
  0x3F8, 4, RING_SERIAL0_OUT, RING_SERIAL0_IN,
  0x2F8, 3, RING_SERIAL1_OUT, RING_SERIAL1_IN,
  0x3E8, 4, RING_SERIAL2_OUT, RING_SERIAL2_IN,
  0x2E8, 3, RING_SERIAL3_OUT, RING_SERIAL3_IN,
]);
const UART_WIRING_BYTES: u32 = 16;

// @ts-ignore: decorator
@inline
function uart(n: u32): Uart {
  return changetype<Uart>(chipAddress(Chip.UART0 + n));
}

/** A chip on fixed ports that sees whole port numbers. */
function isa(chip: Chip, read: u32, write: u32, width: u32): u32 {
  return portSlotAdd(chipAddress(chip), read, write, 0, width);
}

function wireInterrupts(): void {
  setHook(Hook.PIC_ACKNOWLEDGE, picAcknowledgeHook.index);
  setHook(Hook.PIC_INPUT, picInputHook.index);
  setHook(Hook.IOAPIC_INPUT, ioapicInputHook.index);
  setHook(Hook.IOAPIC_EOI, ioapicEoiHook.index);
  setHook(Hook.POLL, boardPoll.index);
  const pic = isa(Chip.PIC, picRead.index, picWrite.index, 1);
  portMap(pic, 0x20, 2);
  portMap(pic, 0xA0, 2);
  portMap(pic, 0x4D0, 2);
  mmioMap(mmioSlotAdd(chipAddress(Chip.IOAPIC), ioapicRead.index, ioapicWrite.index, 4), IOAPIC_BASE, 1);
}

function wireTimers(): void {
  for (let t: u32 = 0; t < <u32>Timer.NEXT; t++) timerWire(t, 0, 0);
  const pit = isa(Chip.PIT, pitRead.index, pitWrite.index, 1);
  portMap(pit, 0x40, 4);
  portMap(pit, 0x61, 1);
  timerWire(Timer.PIT, chipAddress(Chip.PIT), pitTick.index);
  portMap(isa(Chip.RTC, rtcRead.index, rtcWrite.index, 1), 0x70, 4);
  timerWire(Timer.RTC, chipAddress(Chip.RTC), rtcTick.index);
  mmioMap(mmioSlotAdd(chipAddress(Chip.HPET), hpetRead.index, hpetWrite.index, 8), HPET_BASE, 1);
  timerWire(Timer.HPET, chipAddress(Chip.HPET), hpetTick.index);
  timerWire(Timer.ACPI, chipAddress(Chip.ACPI), acpiTick.index);
}

function wireUarts(): void {
  for (let n: u32 = 0; n < UARTS; n++) {
    const w = UART_WIRING + n * UART_WIRING_BYTES;
    const base = load<u32>(w);
    uartWire(uart(n), load<u32>(w, 8), load<u32>(w, 12), load<u32>(w, 4), Timer.UART0 + n);
    portMap(portSlotAdd(chipAddress(Chip.UART0 + n), uartRead.index, uartWrite.index, base, 1), base,
      UART_PORTS);
    timerWire(Timer.UART0 + n, chipAddress(Chip.UART0 + n), uartTick.index);
  }
}

function wireIsa(): void {
  const i8042 = isa(Chip.I8042, i8042Read.index, i8042Write.index, 1);
  portMap(i8042, 0x60, 1);
  portMap(i8042, 0x64, 1);
  i8042Wire(changetype<I8042>(chipAddress(Chip.I8042)), RING_KEYBOARD_IN, RING_MOUSE_IN);
  timerWire(Timer.I8042, chipAddress(Chip.I8042), i8042Tick.index);
  const dma = isa(Chip.DMA, dmaRead.index, dmaWrite.index, 1);
  portMap(dma, 0x00, 16);
  portMap(dma, 0x81, 15);
  portMap(dma, 0xC0, 32);
  const system = isa(Chip.SYSTEM_CONTROL, systemControlRead.index, systemControlWrite.index, 1);
  portMap(system, 0x92, 1);
  portMap(system, 0xB2, 2);
  portMap(system, 0xF0, 2);
  const debug = isa(Chip.DEBUG, debugRead.index, debugWrite.index, 1);
  portMap(debug, 0x80, 1);
  portMap(debug, 0xE9, 1);
  portMap(debug, 0x402, 1);
  portMap(isa(Chip.DEBUG, debugRead.index, debugWrite.index, 4), 0xF4, 4);
}

function wireFirmware(): void {
  const fwCfg = chipAddress(Chip.FW_CFG);
  portMap(portSlotAdd(fwCfg, fwCfgRead.index, fwCfgWrite.index, FW_CFG_PORT, 2), FW_CFG_PORT, 2);
  portMap(portSlotAdd(fwCfg, fwCfgRead.index, fwCfgWrite.index, FW_CFG_PORT, 4), FW_CFG_PORT + 4, 8);
  const floppy = portSlotAdd(chipAddress(Chip.FLOPPY), floppyRead.index, floppyWrite.index, FLOPPY_PORT, 1);
  portMap(floppy, FLOPPY_PORT, 6);
  // 0x3F6 is the IDE controller's.
  portMap(floppy, FLOPPY_PORT + 7, 1);
}

function wirePci(): void {
  const pci = chipAddress(Chip.PCI);
  portMap(portSlotAdd(pci, pciRead.index, pciWrite.index, 0xCF8, 4), 0xCF8, 8);
  const pm = portSlotAdd(chipAddress(Chip.ACPI), acpiRead.index, acpiWrite.index, 0, 4);
  const smbus = portSlotAdd(chipAddress(Chip.SMBUS), smbusRead.index, smbusWrite.index, 0, 1);
  chipsetWire(changetype<Pci>(pci), pm, smbus, hostWritten.index, isaWritten.index, pmWritten.index);
  ideWire(changetype<Pci>(pci));
}

function wireVga(): void {
  const chip = chipAddress(Chip.VGA);
  const vga = isa(Chip.VGA, vgaRead.index, vgaWrite.index, 1);
  portMap(vga, 0x3B0, 12);
  portMap(vga, 0x3C0, 32);
  portMap(isa(Chip.VGA, vgaDispiRead.index, vgaDispiWrite.index, 2), 0x1CE, 3);
  mmioMap(mmioSlotAdd(chip, vgaWindowRead.index, vgaWindowWrite.index, 8), VGA_WINDOW, VGA_WINDOW_PAGES);
  const lfb = mmioSlotAdd(chip, vgaLinearRead.index, vgaLinearWrite.index, 8);
  const page = mmioSlotAdd(chip, vgaPageRead.index, vgaPageWrite.index, 8);
  vgaWire(changetype<Pci>(chipAddress(Chip.PCI)), lfb, page, vgaPciWritten.index);
}

function initRings(): void {
  for (let n: u32 = 0; n < UARTS; n++) {
    const w = UART_WIRING + n * UART_WIRING_BYTES;
    ringInit(load<u32>(w, 8), RING_SERIAL_BYTES);
    ringInit(load<u32>(w, 12), RING_SERIAL_BYTES);
  }
  ringInit(RING_DEBUG_OUT, RING_SERIAL_BYTES);
  ringInit(RING_KEYBOARD_IN, RING_INPUT_BYTES);
  ringInit(RING_MOUSE_IN, RING_INPUT_BYTES);
}

/**
 * Build the machine, once, and reset it. The host has set Control.CPUS, RAM_PAGES and Board.EPOCH_MS, which
 * stays.
 */
export function boardInit(): void {
  const epochMs = load<f64>(BOARD + <usize>Board.EPOCH_MS);
  memory.fill(BOARD, 0, BOARD_BYTES);
  store<f64>(BOARD + <usize>Board.EPOCH_MS, epochMs);
  initRings();
  wireInterrupts();
  wireTimers();
  wireUarts();
  wireIsa();
  wireFirmware();
  wirePci();
  wireVga();
  boardReset();
}

/** Machine reset: every chip and every local APIC. All CPUs are parked, the clock worker may run. */
export function boardReset(): void {
  const cpus = control32(Control.CPUS);
  atomic.store<u32>(BOARD + <usize>Board.DIRECT_BOOT, 0);
  for (let id: u32 = 0; id < cpus; id++) lapicPowerOn(id);
  lockedReset(Chip.IOAPIC, ioapicReset.index);
  lockedReset(Chip.PIC, picReset.index);
  atomic.store<u32>(BOARD + <usize>Board.LINES, 0);
  lockedReset(Chip.HPET, hpetReset.index);
  lockedReset(Chip.PIT, pitReset.index);
  lockedReset(Chip.RTC, rtcReset.index);
  lockedReset(Chip.ACPI, acpiReset.index);
  for (let n: u32 = 0; n < UARTS; n++) lockedReset(Chip.UART0 + n, uartReset.index);
  lockedReset(Chip.I8042, i8042Reset.index);
  lockedReset(Chip.DMA, dmaReset.index);
  lockedReset(Chip.FW_CFG, fwCfgReset.index);
  lockedReset(Chip.FLOPPY, floppyReset.index);
  lockedReset(Chip.DEBUG, debugReset.index);
  lockedReset(Chip.SYSTEM_CONTROL, systemControlReset.index);
  lockedReset(Chip.SMBUS, smbusReset.index);
  lockedReset(Chip.PCI, pciReset.index);
  chipsetReset();
  ideFunctionReset();
  lockedReset(Chip.IDE0, channelReset.index);
  lockedReset(Chip.IDE1, channelReset.index);
  lockedReset(Chip.VGA, vgaReset.index);
}

function lockedReset(chip: u32, reset: u32): void {
  const dev = chipAddress(chip);
  lock(dev);
  call_indirect<void>(reset, dev);
  unlock(dev);
}

/**
 * machine.md section 5: what firmware would have done before a kernel that is started without one. After
 * boardReset.
 */
export function boardPresetForDirectBoot(): void {
  chipsetPreset();
  ideFunctionPreset();
  const acpi = chipAddress(Chip.ACPI);
  lock(acpi);
  acpiPreset(changetype<AcpiPm>(acpi));
  unlock(acpi);
  const pic = chipAddress(Chip.PIC);
  lock(pic);
  presetPic(changetype<Pic>(pic));
  unlock(pic);
  const pit = chipAddress(Chip.PIT);
  lock(pit);
  // The BIOS tick: counter 0, mode 2, 65536.
  pitWrite(changetype<Pit>(pit), 0x43, 1, 0x34);
  pitWrite(changetype<Pit>(pit), 0x40, 1, 0);
  pitWrite(changetype<Pit>(pit), 0x40, 1, 0);
  unlock(pit);
  const vga = chipAddress(Chip.VGA);
  lock(vga);
  vgaPreset(changetype<Vga>(vga));
  unlock(vga);
  // Also for the power-on of CPU 0's worker, which comes later.
  atomic.store<u32>(BOARD + <usize>Board.DIRECT_BOOT, 1);
  lapicPresetVirtualWire(0);
}

/**
 * Before firmware runs: its tables say that there is no SMI command to enter ACPI mode (SMI_CMD = 0), so the
 * board must be in it. After boardReset.
 */
export function boardPresetForFirmware(): void {
  const acpi = chipAddress(Chip.ACPI);
  lock(acpi);
  acpiPreset(changetype<AcpiPm>(acpi));
  unlock(acpi);
}

/**
 * Both 8259s initialised at 0x08 and 0x70, everything masked, ELCR level for lines 10 and 11 (PCI) and 9
 * (SCI).
 */
function presetPic(pic: Pic): void {
  picWrite(pic, 0x20, 1, 0x11);
  picWrite(pic, 0x21, 1, 0x08);
  picWrite(pic, 0x21, 1, 0x04);
  picWrite(pic, 0x21, 1, 0x01);
  picWrite(pic, 0xA0, 1, 0x11);
  picWrite(pic, 0xA1, 1, 0x70);
  picWrite(pic, 0xA1, 1, 0x02);
  picWrite(pic, 0xA1, 1, 0x01);
  picWrite(pic, 0x21, 1, 0xFB);
  picWrite(pic, 0xA1, 1, 0xFF);
  picWrite(pic, 0x4D1, 1, 0x0E);
}

/** Hook.POLL, on the clock worker: input rings and the power button. */
export function boardPoll(): void {
  for (let n: u32 = 0; n < UARTS; n++) {
    const dev = chipAddress(Chip.UART0 + n);
    lock(dev);
    uartPoll(changetype<Uart>(dev));
    unlock(dev);
  }
  const i8042 = chipAddress(Chip.I8042);
  lock(i8042);
  i8042Poll(changetype<I8042>(i8042));
  unlock(i8042);
  const pressed = atomic.load<u32>(BOARD + <usize>Board.POWER_BUTTON);
  if (pressed == atomic.load<u32>(BOARD + <usize>Board.POWER_BUTTON_SERVED)) return;
  atomic.store<u32>(BOARD + <usize>Board.POWER_BUTTON_SERVED, pressed);
  const acpi = chipAddress(Chip.ACPI);
  lock(acpi);
  acpiPowerButton(changetype<AcpiPm>(acpi));
  unlock(acpi);
}

/** Save or load every chip. All workers are parked. */
export function boardSerialize(s: Serializer): void {
  picSerialize(changetype<Pic>(chipAddress(Chip.PIC)), s);
  ioapicSerialize(changetype<IoApic>(chipAddress(Chip.IOAPIC)), s);
  pitSerialize(changetype<Pit>(chipAddress(Chip.PIT)), s);
  rtcSerialize(changetype<Rtc>(chipAddress(Chip.RTC)), s);
  hpetSerialize(changetype<Hpet>(chipAddress(Chip.HPET)), s);
  acpiSerialize(changetype<AcpiPm>(chipAddress(Chip.ACPI)), s);
  for (let n: u32 = 0; n < UARTS; n++) uartSerialize(uart(n), s);
  i8042Serialize(changetype<I8042>(chipAddress(Chip.I8042)), s);
  dmaSerialize(changetype<Dma>(chipAddress(Chip.DMA)), s);
  fwCfgSerialize(changetype<FwCfg>(chipAddress(Chip.FW_CFG)), s);
  floppySerialize(changetype<Floppy>(chipAddress(Chip.FLOPPY)), s);
  debugSerialize(changetype<DebugPorts>(chipAddress(Chip.DEBUG)), s);
  systemControlSerialize(changetype<SystemControl>(chipAddress(Chip.SYSTEM_CONTROL)), s);
  pciSerialize(changetype<Pci>(chipAddress(Chip.PCI)), s);
  smbusSerialize(changetype<Smbus>(chipAddress(Chip.SMBUS)), s);
  channelSerialize(ideChannel(0), s);
  channelSerialize(ideChannel(1), s);
  vgaSerialize(theVga(), s);
}

/** Prepare a Serializer at `s` over a buffer and run it; the error code (SerializeError). */
export function boardSnapshot(s: usize, mode: u32, buffer: u32, bytes: u32): u32 {
  const z = changetype<Serializer>(s);
  serializerBegin(z, mode, buffer, bytes);
  boardSerialize(z);
  // Deadlines are derived: let every timer look at its chip once.
  if (mode == SerializeMode.LOAD) {
    for (let t: u32 = 0; t < <u32>Timer.NEXT; t++) timerSet(t, 0);
    pitResume(changetype<Pit>(chipAddress(Chip.PIT)));
  }
  return z.error;
}
