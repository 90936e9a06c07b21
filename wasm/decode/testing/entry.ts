// The decoder and the inner loops for the tests of wasm/decode, and the decoder for tools/isa-judge/rows.ts.

import { Cpu } from "../../cpu/state";
import { readEflags, writeEflags } from "../../cpu/flags";

export { decodeInsn, decodedRow } from "../decoder";
export { icacheLeave, icachePin, icacheReset, icacheSlot, sentinel } from "../icache";
export {
  jumpFind, jumpFlush, jumpFlushNonGlobal, jumpForget, jumpRemember, jumpReset, jumpSelect,
} from "../../mmu/jump-cache";
export { refuel } from "../../interp/branch";
export { execute } from "../../gen/exec-hot";
export { executeFlat } from "../../gen/exec-flat";
export { executeSegmented } from "../../gen/exec-segmented";

export function getFlags(c: Cpu): u64 {
  return readEflags(c);
}
export function setFlags(c: Cpu, value: u64): void {
  writeEflags(c, value, 0xFFFFFFFF);
}
