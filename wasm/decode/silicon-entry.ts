// Entry of the test build that compares single instructions with silicon (silicon.test.ts).

import { Cpu } from "../cpu/state";
import { readEflags, writeEflags } from "../cpu/flags";

export { decodeInsn, decodedRow } from "./decoder";
export { refuel } from "../interp/branch";
export { execute } from "../gen/exec-hot";
export { executeFlat } from "../gen/exec-flat";
export { executeSegmented } from "../gen/exec-segmented";

export function getFlags(c: Cpu): u64 {
  return readEflags(c);
}
export function setFlags(c: Cpu, value: u64): void {
  writeEflags(c, value, 0xFFFFFFFF);
}
