// Entry of the test build that compares single instructions with silicon (silicon.test.ts).

import { Cpu } from "../cpu/state";
import { readEflags, writeEflags } from "../cpu/flags";

export { decodeInsn, decodedRow } from "./decoder";
export { execute, stoppedAt } from "../gen/exec-hot";

export function getFlags(c: Cpu): u64 {
  return readEflags(c);
}
export function setFlags(c: Cpu, value: u64): void {
  writeEflags(c, value, 0xFFFFFFFF);
}
