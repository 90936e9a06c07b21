// The differentiated system description table: the PCI host bridge (without it Linux scans no PCI), interrupt
// routing through the PIIX3's PIRQ registers (82371SB §4.1.10), the legacy devices behind the ISA bridge,
// HPET, and \_S5. Left out: processors (the MADT has them), sleep states other than S5, hot plug.

import * as aml from './aml.ts';
import type { Aml } from './aml.ts';
import { HPET_ADDRESS, PCI_WINDOW_END, PCI_WINDOW_START, SCI_IRQ, SLP_TYP_S5 } from './board.ts';

const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD'] as const;
const LINK_IRQS = [5, 10, 11] as const;
const PIIX3_SLOT = 1;
/** PIRQRCx bit 7: routing disabled. */
const PIRQ_DISABLED = 0x80;

/** The ACPI namespace, without the table header. */
export function buildDsdt(ramBytes: number): Uint8Array {
  return Uint8Array.from([
    ...aml.scope('\\_SB', hostBridge(ramBytes), ...LINKS.map((link, n) => pirqLink(link, n)), hpet()),
    ...aml.name('\\_S5', aml.packageOf(aml.integer(SLP_TYP_S5), aml.integer(SLP_TYP_S5), aml.integer(0),
      aml.integer(0))),
  ]);
}

function hostBridge(ramBytes: number): Aml {
  const window = Math.max(ramBytes, PCI_WINDOW_START);
  return aml.device('PCI0',
    aml.name('_HID', aml.eisaId('PNP0A03')),
    aml.name('_ADR', aml.integer(0)),
    aml.name('_UID', aml.integer(0)),
    aml.name('_CRS', aml.resources(aml.busRange(0, 0xFF), aml.io(0xCF8, 8), aml.ioRange(0, 0xCF7),
      aml.ioRange(0xD00, 0xFFFF), aml.memoryRange(0xA0000, 0xBFFFF),
        aml.memoryRange(window, PCI_WINDOW_END))),
    aml.name('_PRT', routing()),
    isaBridge());
}

/**
 * 440FX boards: pin p of slot s goes to PIRQ (s - 1 + p) mod 4; the power management function uses the SCI.
 */
function routing(): Aml {
  const entries: Aml[] = [];
  for (let slot = PIIX3_SLOT; slot < 32; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const address = aml.integer(((slot << 16) | 0xFFFF) >>> 0);
      const sci = slot === PIIX3_SLOT && pin === 0;
      entries.push(sci ? aml.packageOf(address, aml.integer(pin), aml.integer(0), aml.integer(SCI_IRQ))
        : aml.packageOf(address, aml.integer(pin), aml.path(LINKS[(slot - 1 + pin) & 3] ?? 'LNKA'),
          aml.integer(0)));
    }
  }
  return aml.packageOf(...entries);
}

function isaBridge(): Aml {
  return aml.device('ISA',
    aml.name('_ADR', aml.integer(PIIX3_SLOT << 16)),
    aml.region('P40C', aml.SPACE.PCI_CONFIG, 0x60, 4),
    legacy('RTC', 'PNP0B00', aml.io(0x70, 2), aml.irq(8)),
    legacy('KBD', 'PNP0303', aml.io(0x60, 1), aml.io(0x64, 1), aml.irq(1)),
    legacy('MOU', 'PNP0F13', aml.irq(12)),
    legacy('COM1', 'PNP0501', aml.io(0x3F8, 8), aml.irq(4)),
    legacy('PIC', 'PNP0000', aml.io(0x20, 2), aml.io(0xA0, 2), aml.irq(2)),
    legacy('TIMR', 'PNP0100', aml.io(0x40, 4), aml.irq(0)),
    legacy('SPKR', 'PNP0800', aml.io(0x61, 1)),
    legacy('FPU', 'PNP0C04', aml.io(0xF0, 1), aml.irq(13)));
}

function legacy(id: string, hid: string, ...descriptors: number[][]): Aml {
  const uid = hid === 'PNP0501' ? [aml.name('_UID', aml.integer(1))] : [];
  return aml.device(id, aml.name('_HID', aml.eisaId(hid)), ...uid,
    aml.name('_CRS', aml.resources(...descriptors)));
}

function hpet(): Aml {
  return aml.device('HPET', aml.name('_HID', aml.eisaId('PNP0103')), aml.name('_UID', aml.integer(0)),
    aml.name('_CRS', aml.resources(aml.memory32Fixed(HPET_ADDRESS, 0x400))));
}

/** A PCI interrupt link (§6.2.11) over register PIRQRC n. */
function pirqLink(id: string, n: number): Aml {
  const register = aml.path(`PRQ${n}`);
  const uid = aml.name('_UID', aml.integer(n));
  const fields = n === 0 ? aml.byteFields('\\_SB.PCI0.ISA.P40C',
    [['PRQ0', 8], ['PRQ1', 8], ['PRQ2', 8], ['PRQ3', 8]]) : [];
  // The mask of the interrupt descriptor is at byte 1 of the template.
  const current = aml.method('_CRS', 0, [
    aml.name('BUF', aml.resources(aml.irqLevel([]))),
    aml.wordField(aml.path('BUF'), 1, 'IRQW'),
    aml.store(aml.integer(0), aml.path('IRQW')),
    aml.ifThen(aml.not(aml.and(register, aml.integer(PIRQ_DISABLED))),
      aml.shiftLeft(aml.integer(1), aml.and(register, aml.integer(15)), aml.path('IRQW'))),
    aml.ret(aml.path('BUF')),
  ], true);
  const set = aml.method('_SRS', 1, [
    aml.wordField(aml.arg(0), 1, 'IRQW'),
    aml.findSetRightBit(aml.path('IRQW'), aml.local(0)),
    aml.decrement(aml.local(0)),
    aml.store(aml.local(0), register),
  ], true);
  const status = aml.method('_STA', 0, [
    aml.ifThen(aml.and(register, aml.integer(PIRQ_DISABLED)), aml.ret(aml.integer(9))),
    aml.ret(aml.integer(11)),
  ]);
  return [...fields, ...aml.device(id, aml.name('_HID', aml.eisaId('PNP0C0F')), uid,
    aml.name('_PRS', aml.resources(aml.irqLevel(LINK_IRQS))), status,
    aml.method('_DIS', 0, [aml.orTo(register, aml.integer(PIRQ_DISABLED), register)]), current, set)];
}
