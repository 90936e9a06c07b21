// How a PCI function interrupts (PCI Local Bus 3.0): its pin with the status and disable bits (6.2.2, 6.2.3),
// message signalled interrupts (6.8.1) with 64-bit address and per-vector masks, and MSI-X (6.8.2) with table
// and pending bits in a page of its own behind a BAR. A message is the store that the device makes: it ends
// in the local APIC, and there is none without Bus Master. Left out: MSI-X of more than 64 vectors.
//
// The function's lock covers the capabilities, the table and the pin. A device calls pciSignal and pciIntx
// under its own chip's lock, so its registers are another chip than its PciFunction.

import { lock, unlock } from "../../lib/atomics";
import { mmioSlotAdd } from "../../bus/mmio";
import { irqMsi } from "../../bus/lapic-wires";
import { Serializer, serializeSection } from "../../lib/serializer";
import {
  BarKind, PciCommand, PciFunction, PciReg, pciAddBar, pciAddCapability, pciGet16, pciGet32, pciGet8,
    pciSet16,
  pciSet32, pciSet8, pciWritable16, pciWritable32,
} from "./config";
import { boardIntx, intxSet } from "./intx";

const enum Capability { MSI = 0x05, MSIX = 0x11 }

/** Offsets in the MSI capability with a 64-bit address and masks. */
const enum Msi { CONTROL = 2, ADDRESS = 4, UPPER = 8, DATA = 12, MASK = 16, PENDING = 20, BYTES = 24 }
const enum MsiControl { ENABLE = 1, CAPABLE_SHIFT = 1, ENABLED_SHIFT = 4, ENABLED_BITS = 0x70, WIDE = 0x80,
  MASKS = 0x100 }
const VECTORS_BITS: u32 = 7;

/** Offsets in the MSI-X capability; the table is at 0 and the pending bits at PBA_OFFSET of the BAR. */
const enum Msix { CONTROL = 2, TABLE = 4, PENDING = 8, BYTES = 12 }
const enum MsixControl { SIZE = 0x7FF, MASK = 0x4000, ENABLE = 0x8000 }
const enum Entry { ADDRESS = 0, UPPER = 4, DATA = 8, CONTROL = 12, BYTES = 16 }
const ENTRY_SHIFT: u32 = 4;
const ENTRY_MASKED: u32 = 1;
const PBA_OFFSET: u32 = 0x800;
const PAGE_BYTES: u32 = 4096;
const MAX_VECTORS: u32 = 64;

/** In the function's chip page. */
const TABLE: usize = 0x800;
const PBA: usize = TABLE + <usize>(MAX_VECTORS << ENTRY_SHIFT);
const STATE_BYTES: u32 = (MAX_VECTORS << ENTRY_SHIFT) + 8;

// @ts-ignore: decorator
@inline
function entry(f: PciFunction, vector: u32): usize {
  return changetype<usize>(f) + TABLE + (vector << ENTRY_SHIFT);
}

// @ts-ignore: decorator
@inline
function msixVectors(f: PciFunction): u32 {
  return f.msix == 0 ? 0 : (pciGet16(f, f.msix + Msix.CONTROL) & MsixControl.SIZE) + 1;
}

/** MSI of 2^log2Vectors messages, its capability at configuration offset `at`. */
export function msiAdd(f: PciFunction, at: u32, log2Vectors: u32): void {
  pciAddCapability(f, Capability.MSI, at);
  f.msi = at;
  pciSet16(f, at + Msi.CONTROL, log2Vectors << MsiControl.CAPABLE_SHIFT | MsiControl.WIDE | MsiControl.MASKS);
  pciWritable16(f, at + Msi.CONTROL, MsiControl.ENABLE | MsiControl.ENABLED_BITS);
  pciWritable32(f, at + Msi.ADDRESS, ~3);
  pciWritable32(f, at + Msi.UPPER, ~0);
  pciWritable16(f, at + Msi.DATA, 0xFFFF);
  const vectors: u64 = 1 << (<u64>1 << log2Vectors);
  pciWritable32(f, at + Msi.MASK, <u32>(vectors - 1));
}

/** MSI-X of `vectors` messages, its capability at `at`, its table and pending bits behind BAR `bar`. */
export function msixAdd(f: PciFunction, at: u32, bar: u32, vectors: u32): void {
  pciAddCapability(f, Capability.MSIX, at);
  f.msix = at;
  pciSet16(f, at + Msix.CONTROL, (vectors < MAX_VECTORS ? vectors : MAX_VECTORS) - 1);
  pciWritable16(f, at + Msix.CONTROL, MsixControl.MASK | MsixControl.ENABLE);
  pciSet32(f, at + Msix.TABLE, bar);
  pciSet32(f, at + Msix.PENDING, PBA_OFFSET | bar);
  const slot = mmioSlotAdd(changetype<usize>(f), msixRead.index, msixWrite.index, 4);
  pciAddBar(f, bar, BarKind.MEMORY, PAGE_BYTES, slot);
}

/** Part of pciFunctionReset: nothing enabled, every vector masked, nothing pending, the pin released. */
export function pciInterruptsReset(f: PciFunction): void {
  lock(changetype<usize>(f));
  if (f.msi != 0) {
    const control = pciGet16(f, f.msi + Msi.CONTROL);
    pciSet16(f, f.msi + Msi.CONTROL, control & ~(<u32>MsiControl.ENABLE | MsiControl.ENABLED_BITS));
    for (let at: u32 = Msi.ADDRESS; at < <u32>Msi.BYTES; at += 4) pciSet32(f, f.msi + at, 0);
  }
  if (f.msix != 0) {
    const control = pciGet16(f, f.msix + Msix.CONTROL);
    pciSet16(f, f.msix + Msix.CONTROL, control & MsixControl.SIZE);
    memory.fill(changetype<usize>(f) + TABLE, 0, STATE_BYTES);
    for (let n: u32 = 0; n < MAX_VECTORS; n++) store<u32>(entry(f, n), ENTRY_MASKED, Entry.CONTROL);
  }
  f.intx = 0;
  drivePin(f);
  unlock(changetype<usize>(f));
}

/** After a configuration write, and after loading a snapshot: what is no longer masked goes out. */
export function pciInterruptsWritten(f: PciFunction): void {
  lock(changetype<usize>(f));
  drivePin(f);
  if (f.msi != 0) {
    const at = f.msi + Msi.PENDING;
    const ready = pciGet32(f, at) & ~pciGet32(f, f.msi + Msi.MASK);
    for (let n: u32 = 0; ready >> n != 0 && n < 32; n++) if ((ready >> n & 1) != 0) msiSignal(f, n);
  }
  for (let n: u32 = 0; n < msixVectors(f); n++) retry(f, n);
  unlock(changetype<usize>(f));
}

/** The function's INTA# to INTD#. Says nothing while the function uses messages: those are edges of their own. */
export function pciIntx(f: PciFunction, level: bool): void {
  lock(changetype<usize>(f));
  f.intx = level ? 1 : 0;
  drivePin(f);
  unlock(changetype<usize>(f));
}

function drivePin(f: PciFunction): void {
  const pin = pciGet8(f, PciReg.INTERRUPT_PIN);
  if (pin == 0) return;
  const level: u32 = (pciGet16(f, PciReg.COMMAND) & PciCommand.INTX_DISABLE) == 0 && !usesMessages(f)
    ? f.intx : 0;
  if (level == f.pinLevel) return;
  f.pinLevel = level;
  intxSet(boardIntx(), f.devfn >> 3, pin - 1, level != 0);
}

function usesMessages(f: PciFunction): bool {
  return f.msix != 0 && (pciGet16(f, f.msix + Msix.CONTROL) & MsixControl.ENABLE) != 0
    || f.msi != 0 && (pciGet16(f, f.msi + Msi.CONTROL) & MsiControl.ENABLE) != 0;
}

/** Message `vector` of the function. False: the guest has enabled no messages, the device uses its pin. */
export function pciSignal(f: PciFunction, vector: u32): bool {
  lock(changetype<usize>(f));
  const used = usesMessages(f);
  if (used) {
    if (f.msix != 0 && (pciGet16(f, f.msix + Msix.CONTROL) & MsixControl.ENABLE) != 0) msixSignal(f, vector);
    else msiSignal(f, vector);
  }
  unlock(changetype<usize>(f));
  return used;
}

function send(f: PciFunction, address: u64, data: u32): void {
  if ((pciGet16(f, PciReg.COMMAND) & PciCommand.MASTER) != 0) irqMsi(address, data);
}

/** The guest may have enabled fewer messages than there are: the upper ones then share (6.8.1.3). */
function msiSignal(f: PciFunction, vector: u32): void {
  const control = pciGet16(f, f.msi + Msi.CONTROL);
  if ((control & MsiControl.ENABLE) == 0) return;
  const capable = control >> MsiControl.CAPABLE_SHIFT & VECTORS_BITS;
  const wanted = control >> MsiControl.ENABLED_SHIFT & VECTORS_BITS;
  const low = (<u32>1 << (wanted < capable ? wanted : capable)) - 1;
  const n = vector & low;
  const bit: u32 = <u32>1 << n;
  const pending = pciGet32(f, f.msi + Msi.PENDING);
  if ((pciGet32(f, f.msi + Msi.MASK) & bit) != 0) {
    pciSet32(f, f.msi + Msi.PENDING, pending | bit);
    return;
  }
  pciSet32(f, f.msi + Msi.PENDING, pending & ~bit);
  const address = <u64>pciGet32(f, f.msi + Msi.ADDRESS) | <u64>pciGet32(f, f.msi + Msi.UPPER) << 32;
  send(f, address, pciGet16(f, f.msi + Msi.DATA) & ~low | n);
}

function msixMasked(f: PciFunction, vector: u32): bool {
  return (pciGet16(f, f.msix + Msix.CONTROL) & MsixControl.MASK) != 0
    || (load<u32>(entry(f, vector), Entry.CONTROL) & ENTRY_MASKED) != 0;
}

function msixSignal(f: PciFunction, vector: u32): void {
  if (vector >= msixVectors(f)) return;
  const at = changetype<usize>(f) + PBA;
  if (msixMasked(f, vector)) {
    store<u64>(at, load<u64>(at) | <u64>1 << vector);
    return;
  }
  store<u64>(at, load<u64>(at) & ~(<u64>1 << vector));
  const e = entry(f, vector);
  send(f, load<u64>(e), load<u32>(e, Entry.DATA));
}

/** Send a pending message that is not masked any more. */
function retry(f: PciFunction, vector: u32): void {
  if ((pciGet16(f, f.msix + Msix.CONTROL) & MsixControl.ENABLE) == 0) return;
  if ((load<u64>(changetype<usize>(f) + PBA) >> vector & 1) != 0 && !msixMasked(f, vector)) msixSignal(f,
    vector);
}

/** Table and pending bits; the bus holds the function's lock. 6.8.2: accesses are aligned double words. */
export function msixRead(f: PciFunction, offset: u32, size: u32): u64 {
  if (size != 4) return 0;
  if (offset < msixVectors(f) << ENTRY_SHIFT) return <u64>load<u32>(changetype<usize>(f) + TABLE + offset);
  const n = offset - PBA_OFFSET;
  return n < 8 ? <u64>load<u32>(changetype<usize>(f) + PBA + n) : 0;
}

export function msixWrite(f: PciFunction, offset: u32, size: u32, value: u64): void {
  if (size != 4 || offset >= msixVectors(f) << ENTRY_SHIFT) return;
  const word = offset & (Entry.BYTES - 1);
  const bits: u32 = word == <u32>Entry.CONTROL ? ENTRY_MASKED : word == <u32>Entry.ADDRESS ? ~3 : ~0;
  store<u32>(changetype<usize>(f) + TABLE + offset, <u32>value & bits);
  retry(f, offset >> ENTRY_SHIFT);
}

/** Beside the configuration space. */
export function pciInterruptsSerialize(f: PciFunction, s: Serializer): void {
  // "PCM" and the function number, version 1
  if (f.msix != 0) serializeSection(s, 0x004D4350 | f.devfn << 24, 1, changetype<usize>(f) + TABLE,
    STATE_BYTES);
}
