// INTA#..INTD# of PCI slots: wired-OR lines PIRQA..D (swizzled by slot as on the 440FX board), which the
// PIIX3 routes to an ISA line (8259 input and IOAPIC pin of the same number, when the route is enabled) and
// which also reach IOAPIC pins 16..19. Guests use one of the two routes; the other stays masked. A lock
// orders the sources of a shared line.

import { lock, unlock } from "../../lib/atomics";
import { Chip, chipAddress } from "../../bus/device";
import { PCI_FUNCTION_BYTES } from "./config";
import { irqSet, ioapicInput, picInput } from "../../bus/irq";

const PIRQS: u32 = 4;
const FIRST_PIN: u32 = 16;
const ROUTE_OFF: u32 = 0x80;
const ROUTE_LINE: u32 = 0x0F;
const ISA_LINES: u32 = 16;
/** ISA lines that PIRQs may drive (82371AB PIRQRC: 3-7, 9-12, 14, 15). */
const ROUTABLE: u32 = 0xDEF8;

@unmanaged
export class Intx {
  lock: u32;
  /** One byte per PIRQ as in configuration registers 0x60..0x63. */
  routes: u32;
  /** One bit per slot that asserts PIRQ n. */
  asserted0: u32; asserted1: u32; asserted2: u32; asserted3: u32;
  /** ISA lines now driven by PIRQs. */
  driven: u32;
}

/** The board's lines; their state lives behind the ISA bridge's configuration. */
export function boardIntx(): Intx {
  return changetype<Intx>(chipAddress(Chip.ISA_BRIDGE) + PCI_FUNCTION_BYTES);
}

// @ts-ignore: decorator
@inline
function asserted(x: Intx, n: u32): usize {
  return changetype<usize>(x) + offsetof<Intx>("asserted0") + (n << 2);
}

/** Recompute the ISA lines; the lock is held. */
function drive(x: Intx): void {
  let lines: u32 = 0;
  for (let n: u32 = 0; n < PIRQS; n++) {
    const route = x.routes >> (n << 3) & 0xFF;
    if (load<u32>(asserted(x, n)) == 0 || (route & ROUTE_OFF) != 0) continue;
    lines |= (<u32>1 << (route & ROUTE_LINE)) & ROUTABLE;
  }
  const changed = lines ^ x.driven;
  x.driven = lines;
  for (let line: u32 = 0; line < ISA_LINES; line++) {
    if ((changed >> line & 1) == 0) continue;
    picInput(line, (lines >> line & 1) != 0);
    ioapicInput(line, (lines >> line & 1) != 0);
  }
}

export function intxReset(x: Intx): void {
  lock(changetype<usize>(x));
  x.routes = 0x80808080;
  for (let n: u32 = 0; n < PIRQS; n++) {
    store<u32>(asserted(x, n), 0);
    irqSet(FIRST_PIN + n, false);
  }
  drive(x);
  unlock(changetype<usize>(x));
}

/** Interrupt pin `pin` (0 = INTA#) of the device in `slot`. The caller holds its own chip's lock. */
export function intxSet(x: Intx, slot: u32, pin: u32, level: bool): void {
  const n = (slot - 1 + pin) & (PIRQS - 1);
  lock(changetype<usize>(x));
  const old = load<u32>(asserted(x, n));
  const bit: u32 = <u32>1 << slot;
  const now = level ? old | bit : old & ~bit;
  store<u32>(asserted(x, n), now);
  if ((old != 0) != (now != 0)) {
    irqSet(FIRST_PIN + n, now != 0);
    drive(x);
  }
  unlock(changetype<usize>(x));
}

/** PIIX3 registers 0x60..0x63 were written. */
export function intxRoute(x: Intx, routes: u32): void {
  lock(changetype<usize>(x));
  x.routes = routes;
  drive(x);
  unlock(changetype<usize>(x));
}
