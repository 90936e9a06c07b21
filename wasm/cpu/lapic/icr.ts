// The interrupt command register: IPIs of every kind (SDM 3A 10.6.1; x2APIC 10.12.9). Atomics only.

import { ApicBit, ApicFlag, Delivery, Esr, apicFlags } from "./state";
import { EXCLUDE_NONE, lapicDeliver, lapicPost } from "./deliver";
import { lapicError } from "./registers";

const enum Shorthand { NONE = 0, SELF = 1, ALL = 2, OTHERS = 3 }

const BROADCAST: u32 = 0xFFFFFFFF;
const FIRST_VECTOR: u32 = 16;

/** Execute a write of ICR by CPU `id`: `low` = command, `dest` = destination of 8 or 32 (`wide`) bits. */
export function lapicCommand(id: u32, low: u32, dest: u32, wide: bool): void {
  const mode = (low & ApicBit.MODE) >> 8;
  const vector = low & ApicBit.VECTOR;
  const shorthand = (low & ApicBit.SHORTHAND) >> 18;
  // INIT level de-assert only synchronises arbitration ids (SDM 3A 10.6.1); nothing to do since the Pentium
  // 4.
  if (mode == Delivery.INIT && (low & ApicBit.LEVEL) != 0 && (low & ApicBit.ASSERT) == 0) return;
  if ((mode == Delivery.FIXED || mode == Delivery.LOWEST) && vector < FIRST_VECTOR) {
    lapicError(id, Esr.SEND_VECTOR);
    return;
  }
  // IPIs are edge-triggered whatever the trigger bit says.
  switch (shorthand) {
    case Shorthand.SELF:
      if (mode == Delivery.FIXED && (apicFlags(id) & ApicFlag.SOFTWARE_ENABLED) != 0) lapicPost(id, vector,
        false);
      break;
    case Shorthand.ALL:
      lapicDeliver(BROADCAST, false, true, mode, vector, false, EXCLUDE_NONE);
      break;
    case Shorthand.OTHERS:
      lapicDeliver(BROADCAST, false, true, mode, vector, false, id);
      break;
    default:
      lapicDeliver(dest, (low & ApicBit.LOGICAL) != 0, wide, mode, vector, false, EXCLUDE_NONE);
      break;
  }
}
