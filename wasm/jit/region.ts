// Translated regions in the run loop. A hot head becomes a region: one wasm function over the blocks of its
// page. Each entry's decoded record is replaced by one that leaves the inner loop (Op.REGION); so a region
// lives and dies with the records of its page (icacheDrop, eviction), and finding it costs the interpreter
// nothing.

import { Cpu, Status } from "../cpu/state";
import {
  icacheDecode, icacheEnter, icacheFresh, slotIndex, slotOfRecord, slotRecords,
} from "../decode/icache";
import { Op, REC_SHIFT, recHandler, recImm, recOff, recOp } from "../decode/record";
import { execute, stoppedAt } from "../gen/exec-hot";
import { hostInstall, hostNow } from "../lib/host";
import { Count, Profile, count, countIn, countMany, setFromRegion } from "../lib/profile";
import { W, beginModule, endModule, op, openVoid, overflowed } from "./bytes";
import { discover } from "./discover";
import { BUDGET, EXIT_SHIFT, Exit, epilogue, resetDepth } from "./exits";
import { Desc, setFlagsNow, solveFlags } from "./flags";
import { analyse, entries, entryAt } from "./flow";
import { L, NARROW_LOCALS, WIDE_LOCALS, forgetRegs, loadField, usedRegs } from "./locals";
import { forgetIp, usesIp } from "./lower";
import { CODE_BYTES, block, codeStart, heads, useWork } from "./map";
import { tree } from "./structure";
import { const32, set } from "./bytes";

/** Guest instructions interpreted in one go that make the place where it stopped a candidate. */
const SAMPLE_INSTRUCTIONS: u64 = 50000;
/** Samples of one head before it is translated. */
const THRESHOLD: u32 = 2;
/** Not to be tried again. */
const REFUSED: u32 = 0xFFFF;
/** Modules that one thread makes: none is ever unloaded. */
const MAX_REGIONS: u32 = 10000;
const HEADS: u32 = 1024;
const HEAD_BYTES: u32 = 8;
const enum Head { KEY = 0, COUNT = 4 }
/** Turns between interpreter and regions before the run loop polls. */
const TURNS: u32 = 1000;
/** Records from an entry's copy to its link. */
const LINK_BEHIND: u32 = 1;
const OFF_MASK: u32 = (1 << EXIT_SHIFT) - 1;

/** Regions made by this CPU, and those refused by the host. */
export let regions: u32 = 0;
/** The next look-up is of a sampled head. */
let sampled: bool = false;
let ready: bool = false;

function loadState(): void {
  const used = usedRegs;
  for (let n: u32 = 0; n < 16; n++) if (used & (1 << n)) loadField(n << 3, L.GPR + n, true);
  if (usesIp) loadField(offsetof<Cpu>("ipBase"), L.IP, true);
  loadField(offsetof<Cpu>("flagA"), L.DA, true);
  loadField(offsetof<Cpu>("flagB"), L.DB, true);
  loadField(offsetof<Cpu>("flagRes"), L.DR, true);
  loadField(offsetof<Cpu>("eflags"), L.FE, true);
  loadField(offsetof<Cpu>("flagKind"), L.DK, false);
  loadField(offsetof<Cpu>("tlbRead"), L.TLB_READ, false);
  loadField(offsetof<Cpu>("tlbWrite"), L.TLB_WRITE, false);
  const32(BUDGET);
  set(L.FUEL);
}

/** Write the module; its length. The first of two passes finds which registers are used. */
function emit(): u32 {
  beginModule(codeStart(), CODE_BYTES, WIDE_LOCALS, NARROW_LOCALS);
  loadState();
  openVoid(W.BLOCK);
  resetDepth();
  setFlagsNow(Desc.DYNAMIC);
  tree(0);
  op(W.UNREACHABLE);
  op(W.END);
  epilogue();
  return endModule(codeStart());
}

/** Make a region of the loop around page offset `off`; false when it is not for us. */
function translate(c: Cpu, slot: u32, page: u32, off: u32): bool {
  if (regions >= MAX_REGIONS || !discover(c, page, off) || !analyse()) return false;
  solveFlags();
  forgetRegs();
  forgetIp();
  emit();
  const bytes = emit();
  // Pairs with codeWritten: lines were marked, then bytes read, then the version again.
  if (overflowed || !icacheFresh(c, slot)) return false;
  const begin = hostNow();
  const index = hostInstall(<u32>codeStart(), bytes, 1);
  countMany(changetype<usize>(c), Count.COMPILE_NS, <u64>(hostNow() - begin));
  if (index == 0) return false;
  regions++;
  count(changetype<usize>(c), Count.REGIONS);
  count(changetype<usize>(c), Count.MODULES);
  countMany(changetype<usize>(c), Count.MODULE_BYTES, bytes);
  let entered = false;
  for (let k: u32 = 0; k < entries; k++) {
    const at = block(entryAt(k)).off;
    if (load<u16>(slotIndex(c, slot) + (<usize>at << 1)) == 0) icacheDecode(c, slot, at);
    if (icacheEnter(c, slot, at, index, k)) entered = true;
  }
  return entered;
}

/** Count all heads anew. */
export function forgetHeads(): void {
  ready = false;
}

function startWork(c: Cpu): void {
  useWork(c.id);
  memory.fill(heads(), 0, HEADS * HEAD_BYTES);
  ready = true;
}

/** The run loop is about to execute at `off` of a decoded page. */
export function noteHead(c: Cpu, slot: u32, page: u32, off: u32): void {
  if (!sampled || !c.mode64) return;
  sampled = false;
  if (!ready) startWork(c);
  const key = (page << 12 | off) + 1;
  const h = heads() + ((key ^ (key >> 10)) & (HEADS - 1)) * HEAD_BYTES;
  if (load<u32>(h, Head.KEY) != key) {
    store<u32>(h, key, Head.KEY);
    store<u32>(h, 0, Head.COUNT);
  }
  const n = load<u32>(h, Head.COUNT) + 1;
  if (n >= REFUSED) return;
  store<u32>(h, n, Head.COUNT);
  if (n < THRESHOLD) return;
  const begin = hostNow();
  if (!translate(c, slot, page, off)) store<u32>(h, REFUSED, Head.COUNT);
  countMany(changetype<usize>(c), Count.TRANSLATE_NS, <u64>(hostNow() - begin));
}

/** As execute, but goes on through regions. */
export function executeRegions(c: Cpu, r: usize, index: usize, records: usize, attention: usize): i32 {
  setFromRegion(false);
  for (let turn: u32 = 0; turn < TURNS; turn++) {
    const before = c.instructions;
    const s = execute(c, r, index, records, attention);
    if (s != Status.RETRY || recOp(stoppedAt) != Op.REGION) {
      sampled = s == Status.JUMP && c.instructions - before > SAMPLE_INSTRUCTIONS;
      return s;
    }
    const start = c.instructions;
    const slot = slotOfRecord(c, stoppedAt);
    index = slotIndex(c, slot);
    records = slotRecords(c, slot);
    const link = records + (<usize>(recHandler(stoppedAt) + LINK_BEHIND) << REC_SHIFT);
    const left = <u32>call_indirect<i32>(recHandler(link), c, <usize>recImm(link));
    const off = left & OFF_MASK;
    const why = left >> EXIT_SHIFT;
    count(changetype<usize>(c), Count.REGION_CALLS);
    countMany(changetype<usize>(c), Count.TRANSLATED, c.instructions - start);
    countIn(changetype<usize>(c), Profile.EXITS, why);
    const n = <usize>load<u16>(index + (<usize>off << 1));
    if (n == 0 || why == Exit.POLL || atomic.load<u32>(attention) != 0) {
      setFromRegion(true);
      c.rip = c.ipBase + off;
      return Status.JUMP;
    }
    r = records + (n << REC_SHIFT);
    // No progress: the entry itself is what the region could not do.
    if (recOp(r) == Op.REGION && c.instructions == start) r = records + (<usize>recHandler(r) << REC_SHIFT);
  }
  c.rip = c.ipBase + recOff(r);
  return Status.JUMP;
}
