// ACPI 6.5 tables for direct boot: RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET, DSDT, one block of bytes to be
// placed at `base`. Without firmware there is no SMI handler, so SMI_CMD is 0 and the board starts with
// SCI_EN set. Left out: x2APIC entries (APIC ids stay below 255), SRAT, MCFG.

import * as board from './board.ts';
import { buildDsdt } from './dsdt.ts';

export interface AcpiOptions { cpus: number; base: number; ramBytes: number }

const HEADER_BYTES = 36;
const OEM_ID = 'SKEP  ';
const OEM_TABLE_ID = 'SKEPPC  ';

function setText(bytes: Uint8Array, at: number, text: string): void {
  bytes.set(new TextEncoder().encode(text), at);
}

/** Makes the bytes sum to 0 by setting the byte at `at`. */
export function setChecksum(bytes: Uint8Array, at: number): void {
  bytes[at] = 0;
  bytes[at] = -bytes.reduce((sum, byte) => sum + byte, 0) & 255;
}

/** A table with its header (§5.2.6). */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  setText(bytes, 0, signature);
  view.setUint32(4, bytes.length, true);
  bytes[8] = revision;
  setText(bytes, 10, OEM_ID);
  setText(bytes, 16, OEM_TABLE_ID);
  view.setUint32(24, 1, true);
  setText(bytes, 28, 'SKEP');
  view.setUint32(32, 1, true);
  bytes.set(body, HEADER_BYTES);
  setChecksum(bytes, 9);
  return bytes;
}

const le16 = (value: number): number[] => [value & 255, (value >> 8) & 255];
const le32 = (value: number): number[] => [...le16(value), ...le16(value >>> 16)];
const le64 = (value: number): number[] => [...le32(value), ...le32(Math.floor(value / 2 ** 32))];
/** Generic address structure (§5.2.3.2): space 0 = memory, 1 = I/O. */
const gas = (space: number, bits: number, address: number): number[] => [space, bits, 0, bits === 8 ? 1 : 0,
  ...le64(address)];

/**
 * §5.2.12: one LAPIC per CPU, the IOAPIC, ISA IRQ 0 on pin 2, the SCI level and active high, NMI on LINT1.
 */
export function buildMadt(cpus: number): Uint8Array {
  const PCAT_COMPAT = 1;
  const LEVEL_ACTIVE_HIGH = 0xD;
  const body = [...le32(board.LAPIC_ADDRESS), ...le32(PCAT_COMPAT)];
  for (let id = 0; id < cpus; id++) body.push(0, 8, id, id, ...le32(1));
  body.push(1, 12, board.IOAPIC_ID, 0, ...le32(board.IOAPIC_ADDRESS), ...le32(0));
  body.push(2, 10, 0, 0, ...le32(2), ...le16(0));
  for (const irq of [5, board.SCI_IRQ, 10, 11]) body.push(2, 10, 0, irq, ...le32(irq),
    ...le16(LEVEL_ACTIVE_HIGH));
  body.push(4, 6, 0xFF, ...le16(0), 1);
  return table('APIC', 3, Uint8Array.from(body));
}

/** §5.2.9; offsets from the start of the table. */
export function buildFadt(dsdt: number, facs: number): Uint8Array {
  const bytes = new Uint8Array(244);
  const view = new DataView(bytes.buffer);
  const FLAGS = { WBINVD: 1, PROC_C1: 4, SLP_BUTTON: 0x20, RESET_REG_SUP: 0x400 };
  const IAPC = { LEGACY_DEVICES: 1, I8042: 2 };
  view.setUint32(36, facs, true);
  view.setUint32(40, dsdt, true);
  view.setUint16(46, board.SCI_IRQ, true);
  view.setUint32(56, board.BOARD_IO.PM1_EVENT, true);
  view.setUint32(64, board.BOARD_IO.PM1_CONTROL, true);
  view.setUint32(76, board.BOARD_IO.PM_TIMER, true);
  bytes.set([4, 2, 0, 4], 88);
  // P_LVL2_LAT and P_LVL3_LAT above 100 and 1000: no such states.
  view.setUint16(96, 0xFFF, true);
  view.setUint16(98, 0xFFF, true);
  bytes[108] = board.BOARD_IO.CMOS_CENTURY;
  view.setUint16(109, IAPC.LEGACY_DEVICES | IAPC.I8042, true);
  view.setUint32(112, FLAGS.WBINVD | FLAGS.PROC_C1 | FLAGS.SLP_BUTTON | FLAGS.RESET_REG_SUP, true);
  bytes.set(gas(1, 8, board.BOARD_IO.RESET), 116);
  bytes[128] = board.BOARD_IO.RESET_VALUE;
  view.setBigUint64(132, BigInt(facs), true);
  view.setBigUint64(140, BigInt(dsdt), true);
  bytes.set(gas(1, 32, board.BOARD_IO.PM1_EVENT), 148);
  bytes.set(gas(1, 16, board.BOARD_IO.PM1_CONTROL), 172);
  bytes.set(gas(1, 32, board.BOARD_IO.PM_TIMER), 208);
  return table('FACP', 3, bytes.subarray(HEADER_BYTES));
}

function buildHpet(): Uint8Array {
  const body = [...le32(board.HPET_ID), ...gas(0, 64, board.HPET_ADDRESS), 0, ...le16(0), 0];
  return table('HPET', 1, Uint8Array.from(body));
}

function buildFacs(): Uint8Array {
  const bytes = new Uint8Array(64);
  setText(bytes, 0, 'FACS');
  new DataView(bytes.buffer).setUint32(4, bytes.length, true);
  bytes[32] = 2;
  return bytes;
}

function buildRsdp(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  setText(bytes, 0, 'RSD PTR ');
  setText(bytes, 9, OEM_ID);
  bytes[15] = 2;
  view.setUint32(16, rsdt, true);
  view.setUint32(20, bytes.length, true);
  view.setUint32(24, xsdt, true);
  const legacy = bytes.subarray(0, 20);
  setChecksum(legacy, 8);
  setChecksum(bytes, 32);
  return bytes;
}

/** All tables, for placement at `base` (16-byte aligned); `rsdp` is the root pointer's address. */
export function buildAcpi(options: AcpiOptions): { bytes: Uint8Array; rsdp: number } {
  const RSDP_BYTES = 64;
  const parts: { at: number; bytes: Uint8Array }[] = [];
  let next = options.base + RSDP_BYTES;
  const place = (bytes: Uint8Array): number => {
    const at = next;
    parts.push({ at, bytes });
    next = (at + bytes.length + 63) & ~63;
    return at;
  };
  const facs = place(buildFacs());
  const dsdt = place(table('DSDT', 2, buildDsdt(options.ramBytes)));
  const listed = [place(buildFadt(dsdt, facs)), place(buildMadt(options.cpus)), place(buildHpet())];
  const rsdt = place(table('RSDT', 1, Uint8Array.from(listed.flatMap(le32))));
  const xsdt = place(table('XSDT', 1, Uint8Array.from(listed.flatMap(le64))));
  parts.push({ at: options.base, bytes: buildRsdp(rsdt, xsdt) });
  const bytes = new Uint8Array(next - options.base);
  for (const part of parts) bytes.set(part.bytes, part.at - options.base);
  return { bytes, rsdp: options.base };
}
