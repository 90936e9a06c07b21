// Finds the instructions and blocks that a head reaches inside its page. Decoding again (instead of reading
// the records) gives the row of each instruction, which a record does not hold.

import { CodeMode, Cpu } from "../cpu/state";
import { decodeInsn, decodedRow } from "../decode/decoder";
import { RecFlag, recDisp, recFlags, recLen, recOpSize } from "../decode/record";
import { LOWERING } from "../gen/lowering";
import { fullFence } from "../lib/atomics";
import { markLines } from "../mmu/code-pages";
import { ramHost } from "../mmu/physmem";
import {
  Block, Insn, Lower, MAX_BLOCKS, MAX_INSNS, PAGE, Place, Term, block, blockAt, clearWork, insn, insnAt,
    insnOf, lowerOp, lowerPlace,
  queueAt,
} from "./map";

const MAX_INSN: u32 = 15;

/** Blocks are nodes 1 to blocks. */
export let blocks: u32 = 0;
let insns: u32 = 0;
let leaders: u32 = 0;
let queued: u32 = 0;

function record(i: Insn): usize { return changetype<usize>(i); }

/** Lowering of the instruction just decoded, 0 when the interpreter must do it. */
function classify(i: Insn, off: u32, len: u32): u32 {
  if (len == 0 || decodedRow < 0 || off + len >= PAGE) return 0;
  const lowering = load<u32>(LOWERING + (<usize>decodedRow << 2));
  if (lowering == 0) return 0;
  const r = record(i);
  if (recFlags(r) & (<u32>RecFlag.LOCK | RecFlag.COMPLEX)) return 0;
  i.lowering = lowering;
  const op = lowerOp(i);
  // Jumps out of the page are the interpreter's.
  if ((op == Lower.JCC || op == Lower.JMP) && <u64>recDisp(r) >= PAGE) return 0;
  if (lowerPlace(i) == Place.E_CL && recOpSize(r) < 2) return 0;
  return lowering;
}

/** Number the leader at `off`; false when there are too many. */
function lead(off: u32): bool {
  if (load<u8>(blockAt(off))) return true;
  if (leaders == MAX_BLOCKS) return false;
  store<u8>(blockAt(off), ++leaders);
  block(leaders).off = off;
  store<u16>(queueAt(queued++), off);
  return true;
}

/** Decode from a leader to the next instruction that is known, or that ends a block. */
function decodeRun(c: Cpu, page: u32, off: u32): void {
  const bytes = ramHost(<u64>page << 12);
  while (load<u16>(insnAt(off)) == 0) {
    const i = insn(insns++);
    store<u16>(insnAt(off), insns);
    const avail = PAGE - off;
    markLines(page, off, avail < MAX_INSN ? avail : MAX_INSN);
    fullFence();
    const len = insns < MAX_INSNS ? decodeInsn(c, bytes + off, avail, off, CodeMode.M64, record(i)) : 0;
    i.lowering = classify(i, off, len);
    if (i.lowering == 0) return;
    const op = lowerOp(i);
    const next = off + len;
    if (op == Lower.JMP) {
      if (!lead(<u32>recDisp(record(i)))) i.lowering = 0;
      return;
    }
    if (op == Lower.JCC) {
      if (!lead(<u32>recDisp(record(i))) || !lead(next)) i.lowering = 0;
      return;
    }
    off = next;
  }
}

/** Walk block n and say how it ends. */
function shape(n: u32): void {
  const b = block(n);
  let off = b.off;
  b.count = 0;
  for (;;) {
    const i = insnOf(off);
    b.last = off;
    if (i.lowering == 0) {
      b.term = Term.EXIT;
      return;
    }
    b.count++;
    const op = lowerOp(i);
    const next = off + recLen(record(i));
    if (op == Lower.JMP || op == Lower.JCC) {
      b.term = op == Lower.JMP ? Term.JMP : Term.JCC;
      b.taken = load<u8>(blockAt(<u32>recDisp(record(i))));
      b.fall = op == Lower.JCC ? <u32>load<u8>(blockAt(next)) : 0;
      return;
    }
    if (load<u8>(blockAt(next))) {
      b.term = Term.FALL;
      b.taken = load<u8>(blockAt(next));
      return;
    }
    off = next;
  }
}

/** Fill the blocks that `off` reaches in the page; false when the page's first instruction is not for us. */
export function discover(c: Cpu, page: u32, off: u32): bool {
  clearWork();
  blocks = 0;
  insns = 0;
  leaders = 0;
  queued = 0;
  lead(off);
  for (let q: u32 = 0; q < queued && insns < MAX_INSNS; q++) decodeRun(c, page, load<u16>(queueAt(q)));
  if (insns >= MAX_INSNS) return false;
  blocks = leaders;
  for (let n: u32 = 1; n <= blocks; n++) shape(n);
  return block(1).count > 0;
}

// @ts-ignore: decorator
@inline
export function successors(b: Block): u64 {
  return ((<u64>1 << b.taken) | (<u64>1 << b.fall)) & ~(<u64>1);
}
