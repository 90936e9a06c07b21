// Samples for the profile: where a CPU is when the host asks (Request.SAMPLE), and which instructions follow.
// The host asks by its own clock, so places are hit in proportion to time; the sample is taken at the next
// taken branch, as the inner loop looks at `attention` only there. Every sample opens a window in which
// instructions are executed alone and counted by form: a mix of instructions that no branch distorts.

import { Cpu, RunState } from "../cpu/state";
import { Op, recHandler, recOp } from "../decode/record";
import { FUNCTIONS, handlerIndex } from "../gen/handler-index";
import { CPU_PROFILE, RECORD_BYTES } from "../lib/layout";
import {
  Count, FORM_HOT, FORM_TABLE, Profile, SAMPLE_BYTES, SAMPLE_COUNT, Sample, SampleFlag, count, countForm,
} from "../lib/profile";

/** Instructions that a window counts. */
const WINDOW: u32 = 32;

/** Instructions of the present window still to be counted. */
export let windowLeft: u32 = 0;
let formsKnown: bool = false;

/** Forms by index in the function table. */
function learnForms(table: usize): void {
  for (let n: u32 = 0; n < FUNCTIONS; n++) {
    const index = handlerIndex(n);
    if (index < FORM_TABLE) store<u16>(table + (index << 1), <u16>n);
  }
  formsKnown = true;
}

/** c.rip is the next instruction; `translated`: the CPU came out of a region. */
export function takeSample(c: Cpu, translated: bool): void {
  if (c.runState != RunState.RUNNING) return;
  const block = changetype<usize>(c);
  const profile = block + CPU_PROFILE;
  if (!formsKnown) learnForms(profile + Profile.FORM_OF);
  windowLeft = WINDOW;
  const written = atomic.load<u32>(profile, Profile.RING_WRITTEN);
  if (written - atomic.load<u32>(profile, Profile.RING_READ) >= SAMPLE_COUNT) {
    count(block, Count.SAMPLES_LOST);
    return;
  }
  const at = profile + Profile.RING + (written & (SAMPLE_COUNT - 1)) * SAMPLE_BYTES;
  store<u64>(at, c.rip, Sample.RIP);
  store<u64>(at, c.cr3, Sample.CR3);
  store<u32>(at, c.cpl | (c.mode64 ? <u32>SampleFlag.LONG : 0) |
    (translated ? <u32>SampleFlag.TRANSLATED : 0), Sample.FLAGS);
  // Pairs with the host's load: what is in the ring has been written.
  atomic.store<u32>(profile, written + 1, Profile.RING_WRITTEN);
  count(block, Count.SAMPLES);
}

/** A window's instruction has been executed alone; r is its record, or the sentinel behind it. */
export function countInstruction(c: Cpu, r: usize): void {
  if (recOp(r) == Op.STOP) r -= RECORD_BYTES;
  windowLeft--;
  const block = changetype<usize>(c);
  const op = recOp(r);
  const form = op == Op.GENERIC
    ? <u32>load<u16>(block + CPU_PROFILE + Profile.FORM_OF + (<usize>(recHandler(r) & (FORM_TABLE - 1)) << 1))
    : FORM_HOT + op;
  countForm(block, Profile.MIX, form);
}
