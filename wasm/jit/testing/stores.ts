// A store from outside a CPU's fast write tables, for the tests.

import { Cpu } from "../../cpu/state";
import { CPU_SCRATCH } from "../../lib/layout";
import { physWriteBytes } from "../../mmu/physmem";

export function physStore(c: Cpu, address: u64, value: u64): void {
  const from = changetype<usize>(c) + CPU_SCRATCH;
  store<u64>(from, value);
  physWriteBytes(c, address, 8, from);
}
