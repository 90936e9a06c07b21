// MultiProcessor Specification 1.4: floating pointer structure and configuration table, for systems that run
// without ACPI. Interrupts as on the board: ISA lines edge, IRQ 0 on pin 2, PCI pins on the ISA lines their
// PIRQ is routed to.

import { IOAPIC_ADDRESS, IOAPIC_ID, LAPIC_ADDRESS, PIRQ_ROUTES } from './board.ts';
import { setChecksum } from './tables.ts';

const POINTER_BYTES = 16;
const HEADER_BYTES = 44;
const BUS = { PCI: 0, ISA: 1 } as const;
const ENTRY = { PROCESSOR: 0, BUS: 1, IOAPIC: 2, IO_INTERRUPT: 3, LOCAL_INTERRUPT: 4 } as const;
const INTERRUPT = { INT: 0, NMI: 1, EXTINT: 3 } as const;
const LAPIC_VERSION = 0x14;
const IOAPIC_VERSION = 0x11;
/** CPUID signature and feature bits (FPU, APIC) that the entries report. */
const CPU_SIGNATURE = 0x600;
const CPU_FEATURES = 0x201;
const PCI_SLOTS = 16;

const le16 = (value: number): number[] => [value & 255, (value >> 8) & 255];
const le32 = (value: number): number[] => [...le16(value), ...le16(value >>> 16)];
const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

/** The pointer at `base` (16-byte aligned) and the table right behind it. */
export function buildMpTable(options: { cpus: number; base: number }): Uint8Array {
  const entries = [...processors(options.cpus),
    [ENTRY.BUS, BUS.PCI, ...ascii('PCI   ')], [ENTRY.BUS, BUS.ISA, ...ascii('ISA   ')],
    [ENTRY.IOAPIC, IOAPIC_ID, IOAPIC_VERSION, 1, ...le32(IOAPIC_ADDRESS)],
    ...interrupts()];
  const length = HEADER_BYTES + entries.reduce((sum, entry) => sum + entry.length, 0);
  const table = Uint8Array.from([...ascii('PCMP'), ...le16(length), 4, 0, ...ascii('SKEP    '),
    ...ascii('PC          '),
    ...le32(0), ...le16(0), ...le16(entries.length), ...le32(LAPIC_ADDRESS), ...le16(0), 0, 0,
      ...entries.flat()]);
  setChecksum(table, 7);
  const pointer = Uint8Array.from([...ascii('_MP_'), ...le32(options.base + POINTER_BYTES), 1, 4, 0, 0, 0, 0,
    0, 0]);
  setChecksum(pointer, 10);
  const bytes = new Uint8Array(POINTER_BYTES + length);
  bytes.set(pointer);
  bytes.set(table, POINTER_BYTES);
  return bytes;
}

function processors(cpus: number): number[][] {
  const ENABLED = 1;
  const BOOT = 2;
  return Array.from({ length: cpus }, (_, id) => [ENTRY.PROCESSOR, id, LAPIC_VERSION,
    ENABLED | (id === 0 ? BOOT : 0),
    ...le32(CPU_SIGNATURE), ...le32(CPU_FEATURES), ...le32(0), ...le32(0)]);
}

function interrupts(): number[][] {
  const list: number[][] = [];
  const ALL_LAPICS = 0xFF;
  for (let irq = 0; irq < 16; irq++) {
    if (irq === 2) continue;
    list.push([ENTRY.IO_INTERRUPT, INTERRUPT.INT, ...le16(0), BUS.ISA, irq, IOAPIC_ID, irq === 0 ? 2 : irq]);
  }
  const LEVEL_ACTIVE_HIGH = 0xD;
  for (let slot = 1; slot < PCI_SLOTS; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const line = PIRQ_ROUTES[(slot - 1 + pin) & 3] ?? 11;
      list.push([ENTRY.IO_INTERRUPT, INTERRUPT.INT, ...le16(LEVEL_ACTIVE_HIGH), BUS.PCI, (slot << 2) | pin,
        IOAPIC_ID, line]);
    }
  }
  list.push([ENTRY.LOCAL_INTERRUPT, INTERRUPT.EXTINT, ...le16(0), BUS.ISA, 0, ALL_LAPICS, 0]);
  list.push([ENTRY.LOCAL_INTERRUPT, INTERRUPT.NMI, ...le16(0), BUS.ISA, 0, ALL_LAPICS, 1]);
  return list;
}
