// Accounts of chip accesses for the profile: how many, and, while it is on, how long with the wait for the
// chip's lock. Only CPUs have accounts.

import { CPU_BLOCKS, CPU_BLOCK_BYTES, BOARD } from "../lib/layout";
import { Control, Option, control32 } from "../lib/control";
import { hostNow } from "../lib/host";
import { countChip } from "../lib/profile";
import { NO_CPU, thisCpu } from "../lib/this-cpu";
import { Board, CHIP_BYTES } from "./device";

/** Time of the access's begin, 0 while the profile is off. */
// @ts-ignore: decorator
@inline
export function accessBegin(): f64 {
  return control32(Control.OPTIONS) & Option.PROFILE ? hostNow() : 0;
}

/** The access to the chip of number `n` (bus/device.ts, Chip) is over. */
export function accessEndAs(n: u32, start: f64): void {
  if (thisCpu == NO_CPU) return;
  countChip(CPU_BLOCKS + thisCpu * CPU_BLOCK_BYTES, n, start == 0 ? 0 : <u64>(hostNow() - start));
}

/** The same by the address of the chip's struct. */
export function accessEnd(chip: u32, start: f64): void {
  accessEndAs((chip - BOARD - Board.CHIPS) / CHIP_BYTES, start);
}
